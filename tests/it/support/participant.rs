//! Somebody at a media server by the token they were given: with a signal connection to a real one, with a seat
//! in the double.

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};

use super::livekit::MediaServer;
use super::websocket::{Heard, WebSocket};
use super::within;

pub(crate) struct Participant<'a> {
    server: &'a MediaServer,
    pub(crate) identity: String,
    room: String,
    /// To a real server.
    signal: Option<WebSocket>,
}

impl<'a> Participant<'a> {
    /// Joins with a token the server takes, and waits until it says that they are there.
    pub(crate) async fn join(server: &'a MediaServer, token: &Value) -> Self {
        let token = token.as_str().unwrap();
        let mut rules = Validation::new(Algorithm::HS256);
        rules.set_issuer(&[&server.key]);
        let secret = DecodingKey::from_secret(server.secret.as_bytes());
        let claims = jsonwebtoken::decode::<Value>(token, &secret, &rules).unwrap().claims;
        assert_eq!(claims["video"]["roomJoin"], true);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let (room, identity) = (text(&claims["video"]["room"]), text(&claims["sub"]));
        let signal = if server.is_real() {
            Some(open_signal(server, token).await)
        } else {
            server.seat(&room, &identity, &json!([]));
            None
        };
        let participant = Self { server, identity, room, signal };
        within("a participant", participant.until(true)).await;
        participant
    }

    /// Waits until the server has put them out, and hung up.
    pub(crate) async fn leaves(mut self) {
        if let Some(signal) = &mut self.signal {
            signal.closed().await;
        }
        within("a participant to be put out", self.until(false)).await;
    }

    async fn until(&self, is_there: bool) {
        while self.server.people(&self.room).await.contains(&self.identity) != is_there {
            tokio::task::yield_now().await;
        }
    }
}

/// The signal connection of a client that has yet to negotiate media.
async fn open_signal(server: &MediaServer, token: &str) -> WebSocket {
    let address = server.url.strip_prefix("http://").unwrap().parse().unwrap();
    let path = format!("/rtc?access_token={token}&protocol=9&auto_subscribe=1");
    let mut signal = WebSocket::open(address, &path, &[]).await;
    assert!(matches!(signal.next().await, Heard::Binary(_)), "the server says who is there");
    signal
}
