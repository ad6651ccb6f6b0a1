//! Consultations: how far one is, who may do what in its room, what is kept of it.

pub mod draft;
pub mod grant;
pub mod invite;
pub mod quality;
pub mod recording;
pub mod reference;
pub mod status;
