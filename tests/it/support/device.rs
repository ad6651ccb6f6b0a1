//! A browser or an app in somebody's hands: it signs in and keeps what it is given.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::http::{Answer, Broken, Call};
use super::{EVENTS, SocketIo};

/// The password of everybody here.
pub(crate) const PASSWORD: &str = "three grey herons at dusk";

/// A sign-in that may be refused.
pub(crate) fn logging_in(address: SocketAddr, email: &str, password: &str) -> Call {
    let body = json!({ "email": email, "password": password });
    Call::new(address, "POST", "/auth/login").json(&body)
}

/// A device that is signed in.
#[derive(Debug, Clone)]
pub(crate) struct Device {
    address: SocketAddr,
    user_agent: String,
    /// The last tokens it was given.
    pub(crate) tokens: Value,
    /// The `Cookie` header.
    pub(crate) cookie: String,
}

impl Device {
    /// Somebody who registers as a client.
    pub(crate) async fn register(address: SocketAddr, email: &str) -> Self {
        let body = json!({
            "email": email, "password": PASSWORD, "nombre": "Ana", "apellido": "Ruiz", "rol": "CLIENTE",
        });
        let answer = Call::new(address, "POST", "/auth/register").json(&body).send().await;
        Self::given(address, "latido-tests", &answer)
    }

    /// Somebody who has an account.
    pub(crate) async fn sign_in(address: SocketAddr, email: &str, user_agent: &str) -> Self {
        let call = logging_in(address, email, PASSWORD).header("user-agent", user_agent);
        Self::given(address, user_agent, &call.send().await)
    }

    fn given(address: SocketAddr, user_agent: &str, answer: &Answer) -> Self {
        assert!(answer.status.is_success(), "{}", answer.text());
        let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
        let user_agent = user_agent.to_owned();
        Self { address, user_agent, tokens: answer.json(), cookie }
    }

    pub(crate) fn session(&self) -> &str {
        self.tokens["session_id"].as_str().unwrap()
    }

    pub(crate) fn user(&self) -> i64 {
        self.tokens["user"]["id"].as_i64().unwrap()
    }

    pub(crate) fn access(&self) -> &str {
        self.tokens["access_token"].as_str().unwrap()
    }

    pub(crate) fn refresh_token(&self) -> &str {
        self.tokens["refresh_token"].as_str().unwrap()
    }

    /// The same device, reaching another node or the same one started again.
    pub(crate) fn at(&self, address: SocketAddr) -> Self {
        Self { address, ..self.clone() }
    }

    /// A request without credentials.
    pub(crate) fn anonymous(&self, method: &str, path: &str) -> Call {
        Call::new(self.address, method, path).header("user-agent", &self.user_agent)
    }

    /// A request with the access token.
    pub(crate) fn call(&self, method: &str, path: &str) -> Call {
        self.anonymous(method, path).bearer(self.access())
    }

    /// Spends its refresh token and keeps what it is given.
    pub(crate) async fn refresh(&mut self) -> Answer {
        self.try_refresh().await.unwrap()
    }

    /// The same, of a node that may go away meanwhile.
    pub(crate) async fn try_refresh(&mut self) -> Result<Answer, Broken> {
        let answer = self.spending(self.refresh_token()).try_send().await?;
        if answer.status == 200 {
            self.tokens = answer.json();
        }
        Ok(answer)
    }

    /// Spends any refresh token and keeps nothing.
    pub(crate) async fn spend(&self, refresh_token: &str) -> Answer {
        self.spending(refresh_token).send().await
    }

    fn spending(&self, refresh_token: &str) -> Call {
        let body = json!({ "refresh_token": refresh_token });
        self.anonymous("POST", "/auth/refresh").json(&body)
    }

    /// A socket of it on `/events`, greeted.
    pub(crate) async fn socket(&self) -> SocketIo {
        let auth = json!({ "token": self.access() });
        let mut socket = SocketIo::join(self.address, EVENTS, &auth, &[]).await.unwrap();
        socket.next("connected").await;
        socket
    }

    /// Whether its access token is still good.
    pub(crate) async fn is_signed_in(&self) -> bool {
        let answer = self.call("POST", "/auth/session/validate").send().await;
        assert!([200, 401].contains(&answer.status.as_u16()), "{}", answer.text());
        answer.status == 200
    }
}
