//! The hub as its callers see it, over connections that keep what they are sent.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
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
use crate::domain::id::{EventId, UserId};
use crate::domain::identity::{Principal, Role};
use crate::domain::topic::Topic;
use crate::error::{Kind, Unauthenticated};
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

pub(crate) async fn hub() -> Hub {
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
        tracer: Tracer::default(),
        refresh_ttl: Duration::from_hours(1),
        relation: Duration::from_hours(24),
        presence_grace: Duration::from_millis(10),
        rooms: Rules::default(),
        entrance: Entrance::between_browsers(&[7; 32]),
    };
    Hub::start(settings, store, authenticator).await.unwrap()
}

/// The session `s_<user>` of an account at a version.
pub(crate) fn record(user: i64, roles: &[Role], version: i64) -> Record {
    let account = Account {
        user: UserId(user),
        primary_role: roles[0],
        roles: roles.to_vec(),
        reference_id: None,
        active: true,
        version,
    };
    let (session, cookie_hash) = (SessionId::from(format!("s_{user}")), String::new());
    Record { session, cookie_hash, expires_at: Timestamp(i64::MAX), account }
}

/// The same account at its first version, as its token proves it.
pub(crate) fn principal(user: i64, role: Role) -> Principal {
    Principal {
        user: UserId(user),
        primary_role: role,
        roles: vec![role],
        reference_id: None,
        version: 1,
        service: None,
        session: Some(SessionId::from(format!("s_{user}"))),
        admission: None,
        expires_at: None,
    }
}

/// Someone connected, and everything they were sent.
pub(crate) struct Client {
    pub(crate) socket: Arc<Socket>,
    pub(crate) outbound: Arc<Outbound>,
    unread: VecDeque<Value>,
}

impl Client {
    pub(crate) async fn of(hub: &Hub, user: i64, role: Role) -> Self {
        Self::try_of(hub, user, role).await.unwrap()
    }

    async fn try_of(hub: &Hub, user: i64, role: Role) -> Result<Self, TurnedAway> {
        Ok(Self::greeted(hub, user, role).await?.0)
    }

    /// And what the greeting said.
    async fn greeted(hub: &Hub, user: i64, role: Role) -> Result<(Self, Value), TurnedAway> {
        let record = record(user, &[role], 1);
        hub.authenticator().sessions().remember(Arc::new(record), Timestamp::now());
        Self::arrive(hub, principal(user, role)).await
    }

    /// Who proved to be `principal` a while ago arrives.
    pub(crate) async fn arrive(
        hub: &Hub,
        principal: Principal,
    ) -> Result<(Self, Value), TurnedAway> {
        let outbound = Outbound::polling();
        let arrival = Arrival {
            id: crate::auth::new_id("x_").into(),
            principal,
            provenance: Arc::default(),
            namespace: Namespace::Events,
            dialect: Dialect::Plain,
            outbound: Arc::clone(&outbound),
            since: None,
            preamble: None,
        };
        let socket = hub.connect(arrival).await?;
        let mut client = Self { socket, outbound, unread: VecDeque::new() };
        let connected = client.next().await;
        assert_eq!(connected["event"], "connected");
        Ok((client, connected["data"].clone()))
    }

    /// Waits for the end and answers its reason.
    async fn ended(&mut self) -> Closure {
        let collected = poll_fn(|cx| self.outbound.poll_collect(1 << 20, cx));
        let last = timeout(Duration::from_secs(5), collected).await.expect("an end in time");
        assert!(matches!(last, Collected::Last(_)), "{last:?}");
        self.outbound.closing().unwrap()
    }

    pub(crate) async fn next(&mut self) -> Value {
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

pub(crate) fn message(topic: Topic, number: u32) -> Event {
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

    let failures = [
        Failing::Channels,
        Failing::Relay,
        Failing::Warden,
        Failing::Dashboard,
        Failing::Presence,
        Failing::Session("s_1".into()),
    ];
    for failing in failures {
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

/// Of an account whose token ends, or ended, at that distance from now.
async fn expiring(hub: &Hub, user: i64, milliseconds: i64) -> Client {
    let record = record(user, &[Role::Patient], 1);
    hub.authenticator().sessions().remember(Arc::new(record), Timestamp::now());
    let expires_at = Some(Timestamp(Timestamp::now().0 + milliseconds));
    let principal = Principal { expires_at, ..principal(user, Role::Patient) };
    Client::arrive(hub, principal).await.unwrap().0
}

#[tokio::test]
async fn a_token_about_to_end_is_announced_and_half_a_minute_after_its_end_it_is_over() {
    let hub = hub().await;
    let mut late = expiring(&hub, 1, -30_000).await;
    let mut soon = expiring(&hub, 2, 50_000).await;
    let mut fine = Client::of(&hub, 3, Role::Patient).await;

    let told = soon.next().await;
    assert_eq!(told["event"], "auth:expiring");
    assert!((40..=50).contains(&told["data"]["inSeconds"].as_i64().unwrap()), "{told}");
    assert_eq!(late.next().await["event"], "auth:expiring");
    let end = late.next().await;
    assert_eq!((&end["event"], &end["data"]["event"]), (&"error".into(), &"auth:refresh".into()));
    assert_eq!(end["data"]["error"]["message"], "token_expired");
    assert_eq!(late.ended().await, Closure::TokenExpired);
    hub.publish(message(Topic::All, 1)).await;
    for client in [&mut soon, &mut fine] {
        assert_eq!(client.next().await["data"]["number"], 1);
    }
}

#[tokio::test]
async fn a_warden_that_failed_still_knows_whose_token_ends() {
    let hub = hub().await;
    let mut client = expiring(&hub, 1, 61_500).await;

    hub.inject_failure(&Failing::Warden);

    assert_eq!(client.next().await["event"], "auth:expiring");
}

#[tokio::test]
async fn a_dashboard_that_failed_goes_on_showing_figures() {
    let hub = hub().await;
    let mut admin = Client::of(&hub, 1, Role::Admin).await;
    let on = [to_raw_value(&serde_json::json!({ "on": true })).unwrap()];
    hub.command(&admin.socket, "admin:live", &on, &[], false).await;

    hub.inject_failure(&Failing::Dashboard);

    assert_eq!(admin.next().await["event"], "admin:stats");
}

/// Queued before any shard gets its turn, so they are delivered as one run.
async fn publish_at_once(hub: &Hub, events: Vec<Event>) -> Vec<usize> {
    join_all(events.into_iter().map(|event| hub.publish(event))).await
}

/// Numbered events: to the same topic, or to two that every client is in.
fn runs() -> [Vec<Event>; 2] {
    let run = |topics: [Topic; 2]| {
        (0..6).map(|number| message(topics[number as usize % 2].clone(), number)).collect()
    };
    [run([Topic::All, Topic::All]), run([Topic::All, Topic::Role(Role::Patient)])]
}

#[tokio::test]
async fn a_panic_in_the_middle_of_a_run_is_felt_by_one_member_only() {
    for run in runs() {
        let hub = hub().await;
        let mut clients = Vec::new();
        for user in 0..12 {
            clients.push(Client::of(&hub, user, Role::Patient).await);
        }
        hub.inject_failure(&Failing::Delivery(clients[5].socket.id().clone()));

        let delivered = publish_at_once(&hub, run).await;
        publish_at_once(&hub, vec![message(Topic::All, 99)]).await;

        assert_eq!(delivered, [11; 6]);
        let unlucky = clients.remove(5);
        assert_eq!(unlucky.outbound.closing(), Some(Closure::ServerError));
        for client in &mut clients {
            for number in [0, 1, 2, 3, 4, 5, 99] {
                assert_eq!(client.next().await["data"]["number"], number);
            }
            assert_eq!(client.outbound.closing(), None);
        }
    }
}

#[tokio::test]
async fn a_run_that_fails_again_tells_everyone_it_did_not_reach() {
    for run in runs() {
        let hub = hub().await;
        let mut clients = Vec::new();
        for user in 0..20 {
            clients.push(Client::of(&hub, user, Role::Patient).await);
        }
        // Two shards: one of them fails twice at least.
        for unlucky in [3, 7, 11] {
            hub.inject_failure(&Failing::Delivery(clients[unlucky].socket.id().clone()));
        }

        publish_at_once(&hub, run).await;
        publish_at_once(&hub, vec![message(Topic::All, 99)]).await;

        let told: Vec<_> = clients.iter().map(|client| client.outbound.closing()).collect();
        assert!(told.iter().all(|told| matches!(told, None | Some(Closure::ServerError))));
        assert!([3, 7, 11].iter().all(|&unlucky| told[unlucky].is_some()), "{told:?}");
        assert!(told.iter().any(Option::is_none), "nobody was reached: {told:?}");
        for (client, told) in clients.iter_mut().zip(told) {
            let expected: &[u32] = if told.is_none() { &[0, 1, 2, 3, 4, 5, 99] } else { &[] };
            for number in expected {
                assert_eq!(client.next().await["data"]["number"], *number);
            }
        }
    }
}

/// Between arriving and being seated, a shard may restart: the newcomer is in the registry then.
#[tokio::test]
async fn who_arrives_during_a_restart_is_told_the_last_event_it_does_not_hear() {
    let hub = hub().await;
    hub.inject_failure(&Failing::Channels);
    for id in [7, 8] {
        drop(hub.inner().channels.publish(message(Topic::All, 0), Some(EventId(id))));
    }

    let (mut client, connected) = Client::greeted(&hub, 1, Role::Patient).await.unwrap();

    assert_eq!(connected["lastEventId"], "8");
    hub.publish(message(Topic::All, 1)).await;
    assert_eq!(client.next().await["data"]["number"], 1);
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

    let refused = Client::try_of(&hub, 1, Role::Patient).await.err();
    assert!(matches!(refused, Some(TurnedAway::Capacity)));
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

#[tokio::test]
async fn a_session_that_ended_on_the_way_in_is_turned_away() {
    let hub = hub().await;
    hub.revoke(&"s_1".into(), Revocation::Logout);

    let refused = Client::try_of(&hub, 1, Role::Patient).await.err();
    assert!(matches!(refused, Some(TurnedAway::Refused(error))
        if matches!(error.kind(), Kind::Unauthenticated(Unauthenticated::Revoked))));
    assert_eq!(hub.connections(), 0);
}
