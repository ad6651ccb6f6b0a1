//! The hub as its callers see it, over connections that keep what they are sent.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use latido_protocol::payload;
use serde_json::Value;
use serde_json::value::to_raw_value;
use tokio::time::timeout;

use super::*;
use crate::actors::Dialect;
use crate::actors::outbound::{Collected, Outbound};
use crate::actors::socket::Namespace;
use crate::auth::{Account, Lookup, Record, RefreshKey, SessionLookup, Tokens, token};
use crate::domain::event::Class;
use crate::domain::identity::{Principal, Role};
use crate::domain::topic::Topic;
use crate::persistence::store::tests::stores;

struct NoRows;

impl SessionLookup for NoRows {
    fn session<'a>(&'a self, _: &'a SessionId) -> Lookup<'a, Record> {
        Box::pin(async { Ok(None) })
    }

    fn account<'a>(&'a self, _: &'a str) -> Lookup<'a, Account> {
        Box::pin(async { Ok(None) })
    }
}

async fn hub() -> Hub {
    let store = stores().await.remove(0);
    let tokens = Tokens::new(&token::Settings {
        secret: vec![7; 32],
        previous_secret: None,
        private_key: None,
        previous_public_key: None,
        ttl: Duration::from_mins(1),
    });
    let authenticator = Authenticator::new(crate::auth::Settings {
        tokens: tokens.unwrap(),
        refresh: RefreshKey::new(&[7; 32], None),
        service_keys: Vec::new(),
        dev_bypass: false,
        voucher: None,
        lookup: Arc::new(NoRows),
    });
    let settings = Settings {
        node: "n1".into(),
        shards: 2,
        max_connections: 100,
        max_connections_per_user: 2,
        allowances: None,
        compress_from: None,
    };
    Hub::start(settings, store, authenticator).await.unwrap()
}

/// Someone connected, and everything they were sent.
struct Client {
    socket: Arc<Socket>,
    outbound: Arc<Outbound>,
    unread: VecDeque<Value>,
}

impl Client {
    async fn of(hub: &Hub, user: i64, role: Role) -> Self {
        Self::try_of(hub, user, role).await.unwrap()
    }

    async fn try_of(hub: &Hub, user: i64, role: Role) -> Result<Self, TurnedAway> {
        let outbound = Outbound::polling();
        let arrival = Arrival {
            id: crate::auth::new_id("x_").into(),
            principal: Principal {
                user: crate::domain::id::UserId(user),
                primary_role: role,
                roles: vec![role],
                reference_id: None,
                session: Some(SessionId::from(format!("s_{user}"))),
                expires_at: None,
            },
            namespace: Namespace::Events,
            dialect: Dialect::Plain,
            outbound: Arc::clone(&outbound),
            since: None,
            preamble: None,
        };
        let socket = hub.connect(arrival).await?;
        let mut client = Self { socket, outbound, unread: VecDeque::new() };
        assert_eq!(client.next().await["event"], "connected");
        Ok(client)
    }

    async fn next(&mut self) -> Value {
        while self.unread.is_empty() {
            let collected = poll_fn(|cx| self.outbound.poll_collect(1 << 20, cx));
            let (Collected::Payload(batch) | Collected::Last(batch)) =
                timeout(Duration::from_secs(5), collected).await.expect("a message in time")
            else {
                panic!("the connection is over");
            };
            let messages = batch.split(payload::SEPARATOR).filter(|message| message.len() > 1);
            self.unread.extend(messages.map(|message| serde_json::from_str(message).unwrap()));
        }
        self.unread.pop_front().unwrap()
    }
}

fn message(topic: Topic, number: u32) -> Event {
    let payload = to_raw_value(&serde_json::json!({ "number": number })).unwrap();
    Event { name: "system:message", class: Class::Volatile, topics: vec![topic], payload }
}

#[tokio::test]
async fn an_event_reaches_the_members_of_its_topic_and_nobody_else() {
    let hub = hub().await;
    let mut doctor = Client::of(&hub, 1, Role::Doctor).await;
    let mut patient = Client::of(&hub, 2, Role::Patient).await;

    assert_eq!(hub.publish(message(Topic::Role(Role::Doctor), 1)).await, 1);
    assert_eq!(hub.publish(message(Topic::All, 2)).await, 2);

    assert_eq!(doctor.next().await["data"]["number"], 1);
    assert_eq!(doctor.next().await["data"]["number"], 2);
    assert_eq!(patient.next().await["data"]["number"], 2);
}

#[tokio::test]
async fn a_panic_in_any_actor_leaves_every_socket_connected() {
    let hub = hub().await;
    let mut ana = Client::of(&hub, 1, Role::Doctor).await;
    let mut luis = Client::of(&hub, 2, Role::Patient).await;

    for failing in [Failing::Channels, Failing::Relay, Failing::Session("s_1".into())] {
        hub.inject_failure(&failing);
        assert_eq!(hub.publish(message(Topic::All, 1)).await, 2, "{failing:?}");
        for client in [&mut ana, &mut luis] {
            assert_eq!(client.next().await["data"]["number"], 1);
            assert_eq!(client.outbound.closing(), None);
        }
    }
    // The restarted session actor knows its socket again.
    hub.revoke(&"s_1".into(), Revocation::Admin);
    assert_eq!(ana.next().await["data"]["reason"], "admin");
    assert_eq!(luis.outbound.closing(), None);
}

#[tokio::test]
async fn a_revoked_session_is_told_why_and_closed() {
    let hub = hub().await;
    let mut client = Client::of(&hub, 1, Role::Patient).await;

    hub.revoke(&"s_1".into(), Revocation::Logout);

    let revoked = client.next().await;
    assert_eq!(revoked["event"], "session:revoked");
    assert_eq!(revoked["data"]["reason"], "logout");
    assert_eq!(client.outbound.closing(), Some(Closure::SessionRevoked));
}

#[tokio::test]
async fn a_user_has_a_limited_number_of_places_and_gets_them_back() {
    let hub = hub().await;
    let first = Client::of(&hub, 1, Role::Patient).await;
    let _second = Client::of(&hub, 1, Role::Patient).await;

    assert_eq!(Client::try_of(&hub, 1, Role::Patient).await.err(), Some(TurnedAway::Capacity));
    hub.disconnected(&first.socket, Closure::TransportClose);

    assert!(Client::try_of(&hub, 1, Role::Patient).await.is_ok());
    assert_eq!(hub.census().total, 2);
}

#[tokio::test]
async fn a_draining_hub_sends_everyone_away_and_lets_nobody_in() {
    let hub = hub().await;
    let mut client = Client::of(&hub, 1, Role::Patient).await;

    hub.drain(Duration::from_millis(10)).await;

    assert_eq!(client.next().await["event"], "server:draining");
    assert_eq!(client.outbound.closing(), Some(Closure::Draining));
    assert!(Client::try_of(&hub, 2, Role::Patient).await.is_err());
}
