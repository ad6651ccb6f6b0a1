//! The supervised actors: who holds what is live, and how an event reaches a socket.

pub mod hub;

pub use hub::Hub;
