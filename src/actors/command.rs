//! What clients ask of the hub on `/events` and its siblings (contract §6.5).
//!
//! `ping` is answered on the spot. What changes membership goes through the session's actor; what
//! reads the database waits here, in the task of the one socket that asked.

use std::sync::Arc;
use std::time::Instant;

use metrics::counter;
use ractor::rpc::CallResult;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::ack::{Code, Refusal};
use super::frame::Frame;
use super::hub::Hub;
use super::session;
use super::socket::{Namespace, Socket};
use super::throttle::Verdict;
use super::{Reply, relay};
use crate::auth::Credentials;
use crate::domain::closure::Closure;
use crate::domain::events::{self, session::SessionPatch};
use crate::domain::id::EventId;
use crate::domain::subscription;
use crate::domain::time::Timestamp;
use crate::domain::topic::Topic;
use crate::persistence::outbox;
use crate::telemetry::names;

/// What an event brought about: a frame to send first, and the ack's JSON.
#[derive(Debug, Default)]
pub struct Answer {
    pub frame: Option<Frame>,
    pub ack: Option<String>,
}

/// What a command found out, before it is known how the caller wants to hear it.
enum Done {
    /// The event goes out either way; an ack repeats its payload.
    Event {
        frame: Frame,
        ack: String,
    },
    /// An ack, or the event for who asked for none.
    Either {
        frame: Frame,
        ack: String,
    },
    Ack(String),
}

impl Done {
    fn into_answer(self, wants_ack: bool) -> Answer {
        match self {
            Self::Event { frame, ack } => {
                Answer { frame: Some(frame), ack: wants_ack.then_some(ack) }
            }
            Self::Either { ack, .. } | Self::Ack(ack) if wants_ack => {
                Answer { frame: None, ack: Some(ack) }
            }
            Self::Either { frame, .. } => Answer { frame: Some(frame), ack: None },
            Self::Ack(_) => Answer::default(),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Subscription {
    entity: String,
    entity_id: Option<Value>,
}

#[derive(Deserialize)]
struct Since {
    since: String,
    #[serde(default = "default_limit")]
    limit: i64,
}

#[derive(Deserialize)]
struct Refresh {
    token: Option<String>,
}

#[derive(Deserialize)]
struct Live {
    on: bool,
}

fn default_limit() -> i64 {
    500
}

impl Hub {
    /// Does what a client's event asks for. `args` are the event's arguments as JSON.
    pub async fn command(
        &self,
        socket: &Arc<Socket>,
        event: &str,
        args: &[Box<RawValue>],
        wants_ack: bool,
    ) -> Answer {
        let known = events::find_client(event);
        counter!(
            names::WS_MESSAGES_IN,
            "namespace" => socket.namespace().name(), "event" => known.unwrap_or("unknown")
        )
        .increment(1);
        self.count_received();
        let done = match self.admit(socket) {
            Ok(()) => self.dispatch(socket, event, args.first().map(|arg| &**arg)).await,
            Err(refusal) => Err(refusal),
        };
        match done {
            Ok(answer) => answer.into_answer(wants_ack),
            Err(refusal) if wants_ack => Answer { frame: None, ack: Some(refusal.ack()) },
            Err(refusal) => {
                let payload = json!({ "event": event, "error": refusal.object(), "timestamp": Timestamp::now() });
                Answer { frame: Some(socket.frame("error", &payload.to_string())), ack: None }
            }
        }
    }

    fn admit(&self, socket: &Socket) -> Result<(), Refusal> {
        let allowances = *self.inner().allowances.read();
        let Some((own, of_user)) = allowances else { return Ok(()) };
        match socket.admit_event(own, of_user, Instant::now()) {
            Verdict::Pass => Ok(()),
            verdict => {
                counter!(names::RATE_LIMITED, "surface" => "websocket", "reason" => "events")
                    .increment(1);
                if verdict == Verdict::Abuse {
                    socket.dismiss(Closure::RateLimited);
                }
                Err(Refusal::new(Code::RateLimited, "too many events"))
            }
        }
    }

    async fn dispatch(
        &self,
        socket: &Arc<Socket>,
        event: &str,
        arg: Option<&RawValue>,
    ) -> Result<Done, Refusal> {
        if event == "ping" {
            return Ok(ping(socket));
        }
        if socket.namespace() == Namespace::Events {
            match event {
                "subscribe" => return self.subscribe(socket, read(arg)?).await,
                "unsubscribe" => return self.unsubscribe(socket, read(arg)?).await,
                "session:patch" => return Box::pin(self.share(socket, read(arg)?)).await,
                "sync" => return Box::pin(self.sync(socket, read(arg)?)).await,
                "admin:live" => return self.live(socket, &read(arg)?).await,
                _ => {}
            }
        }
        match event {
            "auth:refresh" => Box::pin(self.refresh(socket, read(arg)?)).await,
            _ => Err(Refusal::invalid("there is no such event")),
        }
    }

    async fn subscribe(&self, socket: &Socket, asked: Subscription) -> Result<Done, Refusal> {
        let topic = asked.topic(socket)?;
        let (id, room) = (socket.id().clone(), topic.to_string());
        self.ask(socket, |reply| session::Message::Subscribe { socket: id, topic, reply })
            .await?
            .map_err(|session::Full| Refusal::new(Code::RateLimited, "too many subscriptions"))?;
        Ok(asked.answer(socket, "subscribed", &room))
    }

    async fn unsubscribe(&self, socket: &Socket, asked: Subscription) -> Result<Done, Refusal> {
        let topic = asked.topic(socket)?;
        let (id, room) = (socket.id().clone(), topic.to_string());
        self.ask(socket, |reply| session::Message::Unsubscribe { socket: id, topic, reply })
            .await?;
        Ok(asked.answer(socket, "unsubscribed", &room))
    }

    async fn live(&self, socket: &Socket, asked: &Live) -> Result<Done, Refusal> {
        if !socket.principal().is_admin() {
            return Err(Refusal::new(Code::Forbidden, "the live dashboard is for administrators"));
        }
        let (id, topic) = (socket.id().clone(), Topic::AdminLive);
        if asked.on {
            // One topic more never overflows: the limit counts subscriptions only.
            let _: Result<(), session::Full> = self
                .ask(socket, |reply| session::Message::Subscribe { socket: id, topic, reply })
                .await?;
        } else {
            self.ask(socket, |reply| session::Message::Unsubscribe { socket: id, topic, reply })
                .await?;
        }
        Ok(ok(&json!({ "ok": true })))
    }

    /// Replays durable events the caller may see now.
    async fn sync(&self, socket: &Socket, asked: Since) -> Result<Done, Refusal> {
        let since = asked.since.parse().map(EventId).map_err(|_| Refusal {
            field: Some("since".into()),
            ..Refusal::invalid("not an event id")
        })?;
        if !(1..=500).contains(&asked.limit) {
            let field = Some("limit".into());
            return Err(Refusal { field, ..Refusal::invalid("limit is 1 to 500") });
        }
        if outbox::oldest_seq(self.store()).await?.is_some_and(|oldest| since.0 + 1 < oldest.0) {
            return Err(Refusal::new(Code::NotFound, "events that old are gone; load anew"));
        }
        let rows = outbox::since(self.store(), since, asked.limit).await?;
        let more = i64::try_from(rows.len()).is_ok_and(|count| count == asked.limit);
        let last = rows.last().map_or(since, |row| row.seq);
        let visible: Vec<Value> = rows
            .into_iter()
            .filter_map(|row| Some((row.seq, relay::event(&row)?)))
            .filter(|(_, event)| event.topics.iter().any(|topic| socket.hears(topic)))
            .map(|(id, event)| {
                json!({ "eventId": id.to_string(), "event": event.name, "payload": event.payload })
            })
            .collect();
        Ok(ok(&json!({
            "ok": true, "events": visible, "lastEventId": last.to_string(), "more": more
        })))
    }

    /// Takes a new token for the same user, without losing the socket.
    async fn refresh(&self, socket: &Arc<Socket>, asked: Refresh) -> Result<Done, Refusal> {
        let token = asked.token.ok_or_else(|| Refusal {
            field: Some("token".into()),
            ..Refusal::invalid("a token is required")
        })?;
        let credentials = Credentials { token: Some(token), ..Credentials::default() };
        let principal = Arc::new(self.authenticator().admit(credentials).await?);
        if principal.user != socket.principal().user {
            return Err(Refusal::new(Code::Forbidden, "the token belongs to another user"));
        }
        let (id, renewed) = (socket.id().clone(), Arc::clone(&principal));
        self.ask(socket, |reply| session::Message::Renew { socket: id, principal: renewed, reply })
            .await?;
        self.watch(socket);
        Ok(ok(&json!({ "ok": true, "expiresAt": principal.expires_at })))
    }

    /// Changes what the session's apps share; every socket of the sign-on hears of it.
    async fn share(&self, socket: &Socket, patch: SessionPatch) -> Result<Done, Refusal> {
        let principal = socket.principal();
        let session = principal.session.as_ref().ok_or_else(|| {
            Refusal::new(Code::Unauthenticated, "the socket belongs to no session")
        })?;
        let state = self.patch_session(session, patch).await?.state;
        Ok(ok(&json!({ "ok": true, "data": state.data, "revision": state.revision })))
    }

    /// Asks the socket's session actor. One that just crashed is asked again once restarted.
    async fn ask<T: Send + 'static>(
        &self,
        socket: &Socket,
        message: impl FnOnce(Reply<T>) -> session::Message,
    ) -> Result<T, Refusal> {
        let internal = || Refusal::new(Code::Internal, "the session is restarting; try again");
        let actor = self.sessions().find(socket.session()).ok_or_else(internal)?;
        match actor.call(message, None).await {
            Ok(CallResult::Success(answer)) => Ok(answer),
            _ => Err(internal()),
        }
    }
}

impl Subscription {
    fn topic(&self, socket: &Socket) -> Result<Topic, Refusal> {
        let id = match &self.entity_id {
            None | Some(Value::Null) => None,
            Some(Value::String(id)) if !id.is_empty() && id.len() <= 64 => Some(id.clone()),
            Some(Value::Number(id)) if id.is_u64() => Some(id.to_string()),
            Some(_) => {
                let field = Some("entityId".into());
                return Err(Refusal { field, ..Refusal::invalid("not an id") });
            }
        };
        Ok(subscription::topic(&socket.principal(), &self.entity, id.as_deref())?)
    }

    fn answer(&self, socket: &Socket, event: &str, room: &str) -> Done {
        let mut payload = json!({ "entity": self.entity, "room": room });
        if let Some(id) = &self.entity_id {
            payload["entityId"] = id.clone();
        }
        Done::Either {
            frame: socket.frame(event, &payload.to_string()),
            ack: json!({ "ok": true, "room": room }).to_string(),
        }
    }
}

fn ping(socket: &Socket) -> Done {
    let (now, user) = (Timestamp::now(), socket.principal().user);
    let pong = format!("{{\"timestamp\":\"{now}\",\"userId\":{user}}}");
    Done::Event { frame: socket.frame("pong", &pong), ack: pong }
}

fn ok(ack: &Value) -> Done {
    Done::Ack(ack.to_string())
}

fn read<T: DeserializeOwned>(arg: Option<&RawValue>) -> Result<T, Refusal> {
    let Some(arg) = arg else { return Err(Refusal::invalid("an object is required")) };
    serde_json::from_str(arg.get()).map_err(|error| Refusal::invalid(error.to_string()))
}
