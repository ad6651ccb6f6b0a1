//! Other Socket.IO servers, built by `peers/install`: the same namespace, token check, ack and publish route.

use std::{
    io,
    path::{Path, PathBuf},
    process::Command,
};

use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde::Serialize;

const SECRET: &str = "bench-peer-secret-0123456789abcdef0123456789";
const TOKEN_LIFE_SECONDS: i64 = 86_400;

/// Claims as long as the product's, so that verifying costs alike.
#[derive(Serialize)]
struct Claims {
    iss: &'static str,
    sub: &'static str,
    user_id: u64,
    user_type: &'static str,
    roles: [&'static str; 1],
    sid: &'static str,
    jti: &'static str,
    iat: i64,
    exp: i64,
    typ: &'static str,
}

/// A token that the peers accept.
pub(super) fn token() -> io::Result<String> {
    let iat = Timestamp::now().as_second();
    let claims = Claims {
        iss: "latido-bench",
        sub: "7",
        user_id: 7,
        user_type: "client",
        roles: ["client"],
        sid: "s_0123456789abcdef0123456789abcdef",
        jti: "a_0123456789abcdef0123456789abcdef",
        iat,
        exp: iat + TOKEN_LIFE_SECONDS,
        typ: "access",
    };
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    encode(&Header::new(Algorithm::HS256), &claims, &key).map_err(io::Error::other)
}

pub(super) fn node_entry(peers: &Path) -> PathBuf {
    peers.join("socketio-ws/server.mjs")
}

pub(super) fn oxide_binary(peers: &Path) -> PathBuf {
    peers.join("socketioxide/target/release/latido-bench-socketioxide")
}

pub(super) fn node_command(entry: &Path, port: u16) -> Command {
    let mut command = Command::new("node");
    command.arg(entry).env("NODE_ENV", "production");
    with_settings(command, port)
}

pub(super) fn oxide_command(program: &Path, port: u16) -> Command {
    with_settings(Command::new(program), port)
}

fn with_settings(mut command: Command, port: u16) -> Command {
    command.env("PORT", port.to_string()).env("JWT_SECRET_KEY", SECRET);
    command
}
