//! Pure rules and state machines: given the time, without IO.
//!
//! Nothing here knows HTTP, sockets or SQL. Contexts keep one stem in every layer, so
//! `domain/identity` is stored by `persistence/identity` and served by `http/identity`.

pub mod address;
pub mod audit_chain;
pub mod clinical;
pub mod closure;
pub mod consultations;
pub mod contact;
pub mod date;
pub mod event;
pub mod events;
pub mod file;
pub mod id;
pub mod identity;
pub mod language;
pub mod money;
pub mod origin;
pub mod provenance;
pub mod secret;
pub mod shape;
pub mod state;
pub mod subscription;
pub mod text;
pub mod time;
pub mod topic;
