//! HTTP at its edge: how requests are framed, and what a caller can make of itself.

mod callers;
mod framing;
