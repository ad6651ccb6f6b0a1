//! socketioxide 0.18: namespace `/events` behind an HS256 token, `ping` with an ack, `POST /publish` to all.

use std::{env, error::Error, io, sync::Arc};

use axum::{Json, Router, extract::State, http::StatusCode, routing::post, serve::ListenerExt};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use socketioxide::{
    SocketIo,
    extract::{AckSender, Extension, SocketRef, TryData},
    handler::ConnectHandler,
};

#[derive(Deserialize)]
struct Auth {
    token: String,
}

#[derive(Deserialize)]
struct Claims {
    user_id: u64,
}

#[derive(Clone, Copy)]
struct UserId(u64);

#[derive(Serialize)]
struct Connected {
    message: &'static str,
    #[serde(rename = "userId")]
    user_id: u64,
    role: &'static str,
}

#[derive(Serialize)]
struct Pong {
    timestamp: Timestamp,
    #[serde(rename = "userId")]
    user_id: u64,
}

#[derive(Deserialize)]
struct Publication {
    event: String,
    payload: Value,
}

async fn connected(socket: SocketRef, Extension(user): Extension<UserId>) {
    let greeting = Connected { message: "connected", user_id: user.0, role: "Cliente" };
    // A client that left before its greeting is owed nothing.
    drop(socket.emit("connected", &greeting));
    socket.on("ping", async |ack: AckSender, Extension(UserId(user_id)): Extension<UserId>| {
        drop(ack.send(&Pong { timestamp: Timestamp::now(), user_id }));
    });
}

async fn publish(State(io): State<SocketIo>, Json(publication): Json<Publication>) -> StatusCode {
    let Some(events) = io.of("/events") else { return StatusCode::NOT_FOUND };
    match events.emit(publication.event, &publication.payload).await {
        Ok(()) => StatusCode::ACCEPTED,
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let key = Arc::new(DecodingKey::from_secret(env::var("JWT_SECRET_KEY")?.as_bytes()));
    let validation = Arc::new(Validation::new(Algorithm::HS256));
    let authorize = move |socket: SocketRef, TryData(auth): TryData<Auth>| {
        let claims =
            auth.map_err(|_| io::Error::other("unauthorized")).and_then(|Auth { token }| {
                decode::<Claims>(&token, &key, &validation)
                    .map_err(|_| io::Error::other("unauthorized"))
            });
        async move {
            socket.extensions.insert(UserId(claims?.claims.user_id));
            Ok::<(), io::Error>(())
        }
    };

    let (layer, io) = SocketIo::new_layer();
    io.ns("/events", connected.with(authorize));
    let router = Router::new().route("/publish", post(publish)).with_state(io).layer(layer);
    let port: u16 = env::var("PORT")?.parse()?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?.tap_io(|stream| {
        // Without it, small messages would wait for acknowledgements.
        drop(stream.set_nodelay(true));
    });
    axum::serve(listener, router).await?;
    Ok(())
}
