//! What clients ask of the hub on `/events` and its siblings (contract §6.5).
//!
//! `ping` is answered on the spot. What changes membership goes through the session's actor; what
//! reads the database waits here, in the task of the one socket that asked.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use metrics::counter;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::ack::{Code, Refusal};
use super::files::Carried;
use super::frame::Frame;
use super::hub::Hub;
use super::rooms::SignalKind;
use super::session;
use super::socket::{Namespace, Socket};
use super::standing::NotFollowed;
use super::throttle::{Allowance, Verdict};
use super::{Reply, relay};
use crate::domain::closure::Closure;
use crate::domain::event::Class;
use crate::domain::events::admin::AdminLive;
use crate::domain::events::presence::{PresenceEntry, PresenceSet};
use crate::domain::events::session::{self as session_events, Pong, SessionPatch, Sync};
use crate::domain::events::signaling::requests::SendCandidate;
use crate::domain::events::subscription::{Subscribed, Unsubscribed};
use crate::domain::events::values::EntityRef;
use crate::domain::events::{self, ClientEvent, ServerEvent as _};
use crate::domain::id::EventId;
use crate::domain::identity::Principal;
use crate::domain::shape::{self, Rules};
use crate::domain::subscription;
use crate::domain::time::Timestamp;
use crate::domain::topic::Topic;
use crate::error::{Error, Kind};
use crate::persistence::clinical::standing::Standing;
use crate::persistence::outbox;
use crate::telemetry::names;

/// What an event brought about: a frame to send first, and the ack's JSON.
#[derive(Debug, Default)]
pub struct Answer {
    pub frame: Option<Frame>,
    pub ack: Option<String>,
    /// What the ack names as its attachments.
    pub attachments: Vec<Bytes>,
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
    /// An ack with attachments.
    Carrying(Carried),
}

impl Done {
    fn into_answer(self, wants_ack: bool) -> Answer {
        match self {
            Self::Event { frame, ack } => {
                Answer { frame: Some(frame), ack: wants_ack.then_some(ack), ..Answer::default() }
            }
            Self::Either { ack, .. } | Self::Ack(ack) if wants_ack => {
                Answer { ack: Some(ack), ..Answer::default() }
            }
            Self::Carrying((ack, attachments)) if wants_ack => {
                Answer { frame: None, ack: Some(ack.to_string()), attachments }
            }
            Self::Either { frame, .. } => Answer { frame: Some(frame), ..Answer::default() },
            Self::Ack(_) | Self::Carrying(_) => Answer::default(),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Subscription {
    entity: String,
    entity_id: Option<EntityRef>,
}

/// Events in one answer to `sync` that asks for no number.
const PAGE: u32 = 500;

impl Hub {
    /// Does what a client's event asks for. `args` are the event's arguments as JSON, `attachments` what
    /// came beside them.
    pub async fn command(
        &self,
        socket: &Arc<Socket>,
        event: &str,
        args: &[Box<RawValue>],
        attachments: &[Bytes],
        wants_ack: bool,
    ) -> Answer {
        let known = events::find_client(event);
        self.inner().received.count(socket.namespace(), known);
        let name = known.unwrap_or(event);
        let done = match self.admit(socket, name) {
            Ok(()) => {
                let arg = args.first().map(|arg| &**arg);
                self.dispatch(socket, name, arg, attachments).await
            }
            Err(refusal) => Err(refusal),
        };
        match done {
            Ok(answer) => answer.into_answer(wants_ack),
            Err(refusal) if wants_ack => {
                Answer { ack: Some(refusal.into_ack()), ..Answer::default() }
            }
            Err(refusal) => {
                let (event, error) = (event.to_owned(), refusal.into_object());
                let told = session_events::Refusal { event, error, timestamp: Timestamp::now() };
                let frame = Some(socket.frame_for(Class::Volatile, &told));
                Answer { frame, ..Answer::default() }
            }
        }
    }

    fn admit(&self, socket: &Socket, event: &str) -> Result<(), Refusal> {
        let allowances = *self.inner().allowances.read();
        let Some((own, of_user)) = allowances else { return Ok(()) };
        let is_candidate = event == SendCandidate::NAME && socket.namespace() != Namespace::Events;
        let now = Instant::now();
        let verdict = if is_candidate {
            socket.admit_candidate(Allowance::CANDIDATES, now)
        } else {
            socket.admit_event(own, of_user, now)
        };
        match verdict {
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
        attachments: &[Bytes],
    ) -> Result<Done, Refusal> {
        if event == "ping" {
            return Ok(ping(socket));
        }
        if socket.namespace() == Namespace::Events {
            match event {
                "subscribe" => return self.subscribe(socket, read(arg)?).await,
                "unsubscribe" => return self.unsubscribe(socket, read(arg)?).await,
                "session:patch" => return Box::pin(self.share(socket, ask(arg)?)).await,
                "sync" => return Box::pin(self.sync(socket, ask(arg)?)).await,
                "admin:live" => return self.live(socket, &ask(arg)?).await,
                "result:fetch" => {
                    let fetching = Box::pin(self.fetch_result(socket, ask(arg)?));
                    return fetching.await.map(Done::Carrying);
                }
                "file:send" => {
                    let keeping = Box::pin(self.keep_file(socket, ask(arg)?, attachments));
                    return keeping.await.map(|ack| ok(&ack));
                }
                "presence:set" => return Ok(self.set_presence(socket, &ask(arg)?)),
                "presence:subscribe" => {
                    let watched = Box::pin(self.watch_users(socket, ask(arg)?)).await?;
                    return Ok(present(&watched));
                }
                "presence:unsubscribe" => {
                    let watched = Box::pin(self.unwatch_users(socket, ask(arg)?)).await?;
                    return Ok(present(&watched));
                }
                _ => {}
            }
        } else if let Some(kind) = SignalKind::find(event) {
            Box::pin(self.relay_signal(socket, kind, arg)).await?;
            return Ok(Done::Ack(r#"{"ok":true}"#.to_owned()));
        } else if let Some(ack) = Box::pin(self.signal(socket, event, arg)).await? {
            return Ok(ok(&ack));
        }
        match event {
            "auth:refresh" => Ok(ok(&Box::pin(self.refresh(socket, ask(arg)?)).await?)),
            _ => Err(Refusal::invalid("there is no such event")),
        }
    }

    async fn subscribe(&self, socket: &Socket, asked: Subscription) -> Result<Done, Refusal> {
        loop {
            let by = socket.principal();
            let is_related = match asked.topic(&by, false) {
                Err(Unfollowed::Guarded(id)) => self.may_follow(&by, &asked.entity, &id).await?,
                _ => false,
            };
            let topic = asked.topic(&by, is_related)?;
            let room = topic.to_string();
            if self.follow_as(socket, by, topic).await? {
                return Ok(asked.subscribed(socket, room));
            }
        }
    }

    /// Whether a caller has to do with a row.
    async fn may_follow(&self, by: &Principal, entity: &str, id: &str) -> Result<bool, Refusal> {
        let store = self.store();
        let since = Timestamp::now().minus(self.settings().relation);
        Ok(Standing::of(store, by).await?.may_follow(store, entity, id, since).await?)
    }

    async fn unsubscribe(&self, socket: &Socket, asked: Subscription) -> Result<Done, Refusal> {
        let topic = asked.topic(&socket.principal(), true)?;
        let room = topic.to_string();
        self.unfollow(socket, topic).await?;
        Ok(asked.unsubscribed(socket, room))
    }

    fn set_presence(&self, socket: &Socket, asked: &PresenceSet) -> Done {
        socket.choose(asked.status);
        self.inner().registry.watched().note(socket.principal().user);
        ok(&json!({ "ok": true }))
    }

    async fn live(&self, socket: &Socket, asked: &AdminLive) -> Result<Done, Refusal> {
        let dashboard = |by: &Principal| {
            let refused =
                || Refusal::new(Code::Forbidden, "the live dashboard is for administrators");
            by.is_admin().then_some(Topic::AdminLive).ok_or_else(refused)
        };
        if asked.on {
            self.follow(socket, dashboard).await?;
        } else {
            self.unfollow(socket, dashboard(&socket.principal())?).await?;
        }
        Ok(ok(&json!({ "ok": true })))
    }

    /// Has the socket follow the topic its principal has a right to; asks for the right again when
    /// the principal changed in between.
    async fn follow(
        &self,
        socket: &Socket,
        right: impl Fn(&Principal) -> Result<Topic, Refusal>,
    ) -> Result<Topic, Refusal> {
        loop {
            let by = socket.principal();
            let topic = right(&by)?;
            if self.follow_as(socket, by, topic.clone()).await? {
                return Ok(topic);
            }
        }
    }

    /// Has the socket follow a topic that `by` has a right to. False when the right has to be looked
    /// at again, since the principal or a relation changed meanwhile.
    pub(super) async fn follow_as(
        &self,
        socket: &Socket,
        by: Arc<Principal>,
        topic: Topic,
    ) -> Result<bool, Refusal> {
        let id = socket.id().clone();
        let followed = self
            .ask(socket, |reply| session::Message::Subscribe { socket: id, topic, by, reply })
            .await?;
        match followed {
            Ok(()) => Ok(true),
            Err(NotFollowed::Outdated) => Ok(false),
            Err(NotFollowed::Full) => {
                Err(Refusal::new(Code::RateLimited, "too many subscriptions"))
            }
        }
    }

    pub(super) async fn unfollow(&self, socket: &Socket, topic: Topic) -> Result<(), Refusal> {
        let id = socket.id().clone();
        self.ask(socket, |reply| session::Message::Unsubscribe { socket: id, topic, reply }).await
    }

    /// Replays durable events the caller may see now: those of every room the socket is in, so one
    /// that follows rows subscribes first.
    async fn sync(&self, socket: &Socket, asked: Sync) -> Result<Done, Refusal> {
        let since = asked.since.parse().map(EventId).map_err(|_| Refusal {
            field: Some("since".into()),
            ..Refusal::invalid("since is not an event id")
        })?;
        let limit = asked.limit.unwrap_or(PAGE);
        // Asked first: what is numbered later than this may be missing from the rows.
        let newest = outbox::last_seq(self.store()).await?;
        let (audience, most) = (socket.audience(), i64::from(limit) + 1);
        let mut rows = outbox::visible(self.store(), since, Some(&audience), most).await?;
        // Asked last: what was removed meanwhile may be missing too.
        if since > newest || outbox::is_forgotten(self.store(), since).await? {
            return Err(Refusal::new(Code::NotFound, "the log does not reach there; load anew"));
        }
        let more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        let last = rows.last().map_or(since, |row| row.seq);
        let last = if more { last } else { last.max(newest) };
        let events: Vec<Value> = rows
            .iter()
            .filter_map(|row| Some((row.seq, relay::event(row)?)))
            .map(|(id, event)| {
                json!({ "eventId": id.to_string(), "event": event.name, "payload": event.payload })
            })
            .collect();
        Ok(ok(&json!({
            "ok": true, "events": events, "lastEventId": last.to_string(), "more": more
        })))
    }

    /// Changes what the session's apps share; every socket of the sign-on hears of it.
    async fn share(&self, socket: &Socket, patch: SessionPatch) -> Result<Done, Refusal> {
        let principal = socket.principal();
        let session = principal.session.as_ref().ok_or_else(|| {
            Refusal::new(Code::Unauthenticated, "the socket belongs to no session")
        })?;
        let shared = self.patch_session(session, patch, &principal, socket.provenance()).await?;
        let state = shared.state;
        Ok(ok(&json!({ "ok": true, "data": state.data, "revision": state.revision })))
    }

    /// Asks the socket's session actor. One that just crashed is asked again once restarted.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        socket: &Socket,
        message: impl FnOnce(Reply<T>) -> session::Message,
    ) -> Result<T, Refusal> {
        let internal = || Refusal::new(Code::Internal, "the session is restarting; try again");
        let actor = self.sessions().find(&socket.session()).ok_or_else(internal)?;
        actor.call(message).await.ok_or_else(internal)
    }
}

/// Why a topic is not followed.
enum Unfollowed {
    /// The row with this id is for those who have to do with it.
    Guarded(String),
    Refused(Refusal),
}

impl From<Unfollowed> for Refusal {
    fn from(unfollowed: Unfollowed) -> Self {
        match unfollowed {
            Unfollowed::Guarded(_) => subscription::Refused::Guarded.into(),
            Unfollowed::Refused(refusal) => refusal,
        }
    }
}

impl Subscription {
    fn topic(&self, caller: &Principal, is_related: bool) -> Result<Topic, Unfollowed> {
        let id = match &self.entity_id {
            None => None,
            Some(EntityRef::Text(id)) if !id.is_empty() && id.len() <= 64 => Some(id.to_string()),
            Some(EntityRef::Number(id)) if *id >= 0 => Some(id.to_string()),
            Some(_) => {
                let field = Some("entityId".into());
                let refusal = Refusal { field, ..Refusal::invalid("not an id") };
                return Err(Unfollowed::Refused(refusal));
            }
        };
        match subscription::topic(caller, &self.entity, id.as_deref(), is_related) {
            Ok(topic) => Ok(topic),
            Err(subscription::Refused::Guarded) => Err(Unfollowed::Guarded(id.unwrap_or_default())),
            Err(refused) => Err(Unfollowed::Refused(refused.into())),
        }
    }

    fn subscribed(self, socket: &Socket, room: String) -> Done {
        let ack = joined(&room);
        let told = Subscribed { entity: self.entity, entity_id: self.entity_id, room };
        Done::Either { frame: socket.frame_for(Class::Volatile, &told), ack }
    }

    fn unsubscribed(self, socket: &Socket, room: String) -> Done {
        let ack = joined(&room);
        let told = Unsubscribed { entity: self.entity, entity_id: self.entity_id, room };
        Done::Either { frame: socket.frame_for(Class::Volatile, &told), ack }
    }
}

fn joined(room: &str) -> String {
    json!({ "ok": true, "room": room }).to_string()
}

fn ping(socket: &Socket) -> Done {
    let pong = Pong { timestamp: Timestamp::now(), user_id: socket.principal().user }.event();
    let pong = pong.payload.get();
    Done::Event { frame: socket.frame_of(Class::Volatile, "pong", pong), ack: pong.to_owned() }
}

fn ok(ack: &Value) -> Done {
    Done::Ack(ack.to_string())
}

fn present(presence: &[PresenceEntry]) -> Done {
    ok(&json!({ "ok": true, "presence": presence }))
}

/// Reads what a client sends with an event of the registry, and checks its rules.
pub(super) fn ask<E: ClientEvent>(arg: Option<&RawValue>) -> Result<E, Refusal> {
    let asked: E = read(arg)?;
    let mut rules = Rules::default();
    asked.rules(&mut rules);
    rules.finish().map_err(|refused| Error::from(Kind::Validation(refused)))?;
    Ok(asked)
}

fn read<T: DeserializeOwned>(arg: Option<&RawValue>) -> Result<T, Refusal> {
    let Some(arg) = arg else { return Err(Refusal::invalid("an object is required")) };
    Ok(shape::read(arg.get())?)
}
