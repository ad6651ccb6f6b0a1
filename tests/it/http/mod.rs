//! HTTP at its edge: how requests are framed, what a caller can make of itself, and what sockets'
//! endpoints have in common with all others.

mod callers;
mod documents;
mod endpoints;
mod framing;
mod health;
mod idempotency;
