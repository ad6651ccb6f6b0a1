//! The supervised actors: who holds what is live, and how an event reaches a socket.
//!
//! Everyone else holds [`Hub`] and calls its verbs; message enums stay in here. Two lanes cross:
//! durable events come from the outbox through [`relay`] into the [`channels`]; a client's own
//! events come through [`command`]. Either ends in a socket's [`outbound`] queue.

pub mod ack;
mod arrival;
mod authority;
mod backlog;
mod channel;
mod channels;
pub mod command;
mod dashboard;
mod desk;
mod fanout;
mod files;
pub mod frame;
pub mod hub;
mod inbox;
mod mailbox;
mod members;
mod meter;
mod on_demand;
pub mod outbound;
mod pause;
mod presence;
mod received;
mod registry;
mod relations;
mod relay;
mod renewal;
mod replay;
mod rooms;
mod run;
mod session;
mod session_sync;
mod sessions;
pub mod socket;
mod standing;
mod starting;
mod supervisor;
pub mod throttle;
mod views;
mod warden;
mod watched;
mod watching;
pub mod wire;

pub use fanout::Dialect;
pub use hub::Hub;
pub use socket::{Namespace, Socket};

/// What an actor's handlers return.
type Outcome<T = ()> = Result<T, ractor::ActorProcessingErr>;

/// Where an actor answers a question.
type Reply<T> = ractor::RpcReplyPort<T>;
