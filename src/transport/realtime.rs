//! The hub's namespaces for Socket.IO clients: `/events`, `/` and `/signaling`.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;

use super::engine::Greeting;
use super::socket_io::{Connect, ConnectError, Namespaces, Received, Reply, Seat};
use crate::actors::hub::{Arrival, TurnedAway};
use crate::actors::{Dialect, Hub, Namespace, Socket};
use crate::auth::failures::{Surface, count_refusal};
use crate::auth::{Authenticator, Credentials};
use crate::domain::closure::Closure;
use crate::domain::events::values::EntityRef;
use crate::domain::identity::Principal;
use crate::domain::identity::Role;
use crate::error::{Error, Kind, Unauthenticated};

/// Lets signed-in callers into the hub.
pub struct Realtime {
    hub: Hub,
    authenticator: Authenticator,
}

/// A caller's place in a namespace of the hub.
pub struct Place {
    hub: Hub,
    socket: Arc<Socket>,
}

/// The `auth` object of a `CONNECT` packet, and the data of a plain `auth` message (contract §6.2).
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Auth {
    pub(super) token: Option<String>,
    pub(super) since: Option<String>,
    /// An id or an e-mail.
    dev_user: Option<EntityRef>,
    dev_role: Option<String>,
}

impl Auth {
    /// Everything it says about the caller, beside what the opening request said.
    pub(super) fn credentials(self, greeting: &Greeting) -> Credentials {
        Credentials {
            dev_user: self.dev_user.map(|name| name.to_string()),
            dev_role: self.dev_role,
            ..greeting.credentials(self.token)
        }
    }
}

impl Realtime {
    pub fn new(hub: Hub, authenticator: Authenticator) -> Self {
        Self { hub, authenticator }
    }
}

impl Namespaces for Realtime {
    type Seat = Place;

    fn is_open(&self) -> bool {
        !self.hub.is_draining()
    }

    async fn connect(&self, request: Connect<'_>) -> Result<Place, ConnectError> {
        let namespace =
            Namespace::find(request.namespace).ok_or(ConnectError::INVALID_NAMESPACE)?;
        let auth: Auth = match request.auth {
            Some(auth) => serde_json::from_str(auth)
                .map_err(|_| unauthorized("unauthenticated", "auth is malformed"))?,
            None => Auth::default(),
        };
        let since = auth.since.clone();
        let credentials = auth.credentials(request.greeting);
        let principal = admit(&self.hub, &self.authenticator, namespace, credentials)
            .await
            .map_err(|error| refused(&error))?;
        let arrival = Arrival {
            id: request.id,
            principal,
            provenance: Arc::clone(&request.greeting.provenance),
            namespace,
            dialect: Dialect::SocketIo,
            outbound: Arc::clone(request.outbound),
            since,
            preamble: Some(request.accepted),
        };
        let socket = self.hub.connect(arrival).await.map_err(|turned_away| match turned_away {
            TurnedAway::Capacity => unauthorized("capacity", "no place left for another socket"),
            TurnedAway::Refused(error) => refused(&error),
        })?;
        Ok(Place { hub: self.hub.clone(), socket })
    }
}

impl Seat for Place {
    async fn event(&mut self, received: Received) -> Result<Reply, Closure> {
        let Received { event, attachments, wants_ack } = received;
        let answer =
            self.hub.command(&self.socket, &event.name, &event.args, &attachments, wants_ack).await;
        Ok(Reply {
            frames: answer.frame.into_iter().collect(),
            ack: answer.ack.map(|ack| (ack, answer.attachments)),
        })
    }

    fn upgraded(&mut self) {
        self.hub.upgraded(&self.socket);
    }

    fn leave(&mut self, closure: Closure) {
        self.hub.disconnected(&self.socket, closure);
    }
}

/// Verifies credentials for a socket. Service keys publish over HTTP and open none; tokens for a room open
/// one where calls are.
pub(super) async fn admit(
    hub: &Hub,
    authenticator: &Authenticator,
    namespace: Namespace,
    credentials: Credentials,
) -> Result<Principal, Error> {
    let participant = match credentials.bearer() {
        Some(token) if namespace != Namespace::Events => hub.participant(token).await,
        _ => None,
    };
    let admitted = match participant {
        Some(participant) => participant,
        None => match authenticator.admit(credentials).await {
            Ok(principal) if principal.primary_role == Role::Service => {
                Err(Kind::Forbidden("service keys publish over HTTP").into())
            }
            admitted => admitted,
        },
    };
    admitted.inspect_err(|error| count_refusal(Surface::WebSocket, error))
}

fn refused(error: &Error) -> ConnectError {
    let code = match error.kind() {
        Kind::Unauthenticated(Unauthenticated::Expired) => "token_expired",
        Kind::AccountInactive { .. } => "account_inactive",
        Kind::Forbidden(_) => "forbidden",
        Kind::RateLimited { .. } => "rate_limited",
        Kind::Unavailable { .. } | Kind::Internal(_) => "capacity",
        _ => "unauthenticated",
    };
    unauthorized(code, &error.to_string())
}

fn unauthorized(code: &str, detail: &str) -> ConnectError {
    ConnectError { message: "unauthorized", data: Some(json!({ "code": code, "detail": detail })) }
}
