//! Latido: an actor-based realtime hub for telehealth platforms.
//!
//! `ARCHITECTURE.md` is the map. Imports run downhill:
//! `app → http, transport → actors → cluster, media, delivery, auth, persistence, storage → domain`.

pub mod actors;
pub mod app;
pub mod auth;
pub mod cli;
pub mod config;
pub mod delivery;
pub mod domain;
pub mod error;
pub mod http;
pub mod media;
pub mod outgoing;
pub mod persistence;
pub mod storage;
pub mod telemetry;
pub mod transport;
