//! A plain-JSON client.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::websocket::{Heard, WebSocket};

pub(crate) struct Plain(pub(crate) WebSocket);

impl Plain {
    pub(crate) async fn open(address: SocketAddr, headers: &[(&str, &str)]) -> Self {
        Self::open_at(address, "/events", headers).await
    }

    /// At the endpoint of another namespace.
    pub(crate) async fn open_at(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Self {
        Self(WebSocket::open(address, path, headers).await)
    }

    /// With the token in the upgrade, greeted.
    pub(crate) async fn connect(address: SocketAddr, token: &str) -> Self {
        let mut client =
            Self::open(address, &[("authorization", &format!("Bearer {token}"))]).await;
        client.next("connected").await;
        client
    }

    pub(crate) async fn send(&mut self, message: &Value) {
        self.0.send(&message.to_string()).await;
    }

    pub(crate) async fn ask(&mut self, event: &str, data: &Value) -> Value {
        self.send(&json!({ "event": event, "data": data, "id": "q" })).await;
        loop {
            let message = self.hear().await;
            if message["event"] == "ack" && message["id"] == "q" {
                return message["data"].clone();
            }
        }
    }

    /// The data of the next event of that name.
    pub(crate) async fn next(&mut self, name: &str) -> Value {
        loop {
            let message = self.hear().await;
            if message["event"] == name {
                return message["data"].clone();
            }
        }
    }

    async fn hear(&mut self) -> Value {
        match self.0.next().await {
            Heard::Text(text) => serde_json::from_str(&text).unwrap(),
            other => panic!("{other:?} instead of a message"),
        }
    }
}
