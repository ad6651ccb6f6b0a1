use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::super::hub::tests::{Client, hub, message, principal, record};
use super::super::standing::NotFollowed;
use super::*;
use crate::actors::hub::TurnedAway;
use crate::domain::closure::Closure;
use crate::domain::event::{Class, Event};
use crate::domain::identity::{Principal, Revocation, Role};
use crate::domain::time::Timestamp;
use crate::error::Kind;

const SOON: Duration = Duration::from_secs(5);

fn account(user: i64, roles: &[Role], version: i64) -> Account {
    record(user, roles, version).account
}

fn topic(name: &str) -> Topic {
    name.parse().unwrap()
}

/// The next message that is an event of the test.
async fn number(client: &mut Client) -> Value {
    client.next().await["data"]["number"].clone()
}

#[tokio::test]
async fn an_event_published_after_a_change_meets_the_new_roles() {
    let hub = hub().await;
    let mut client = Client::of(&hub, 1, Role::Doctor).await;

    hub.account_changed(&account(1, &[Role::Client], 2));

    assert_eq!(hub.publish(message(Topic::Role(Role::Doctor), 1)).await, 0);
    assert_eq!(hub.publish(message(Topic::Role(Role::Client), 2)).await, 1);
    assert_eq!(number(&mut client).await, 2);
    assert_eq!(client.socket.principal().primary_role, Role::Client);
}

#[tokio::test]
async fn a_lost_role_ends_the_subscriptions_it_opened_and_says_so() {
    let hub = hub().await;
    let mut client = Client::of(&hub, 1, Role::Admin).await;
    let by = client.socket.principal();
    for name in ["entity:exam", "entity:job:3", "entity:user", "admin:live"] {
        hub.inner().channels.follow(&client.socket, topic(name), &by).unwrap();
    }
    assert_eq!(hub.inner().registry.watchers(), 1);

    hub.account_changed(&account(1, &[Role::Client], 2));

    let rooms = client.socket.rooms();
    assert_eq!(rooms, ["user:1", "session:s_1", "entity:exam", "role:Cliente"]);
    assert_eq!(hub.inner().registry.watchers(), 0);
    for (entity, room) in [("job", "entity:job:3"), ("user", "entity:user")] {
        let told = client.next().await;
        assert_eq!(told["event"], "unsubscribed");
        assert_eq!(
            (&told["data"]["entity"], &told["data"]["room"]),
            (&json!(entity), &json!(room))
        );
    }
}

#[tokio::test]
async fn a_role_gained_ends_nothing() {
    let hub = hub().await;
    let client = Client::of(&hub, 1, Role::Patient).await;
    let by = client.socket.principal();
    hub.inner().channels.follow(&client.socket, topic("conversation:7"), &by).unwrap();

    hub.account_changed(&account(1, &[Role::Patient, Role::Client], 2));

    let rooms = client.socket.rooms();
    assert!(rooms.contains(&"conversation:7".into()) && rooms.contains(&"role:Cliente".into()));
}

#[tokio::test]
async fn a_right_looked_at_before_the_change_opens_nothing_after_it() {
    let hub = hub().await;
    let client = Client::of(&hub, 1, Role::Admin).await;
    let before = client.socket.principal();
    hub.account_changed(&account(1, &[Role::Client], 2));

    let followed = hub.inner().channels.follow(&client.socket, topic("entity:job"), &before);

    assert_eq!(followed, Err(NotFollowed::Outdated));
}

#[tokio::test]
async fn changes_count_by_version_whatever_their_order() {
    let hub = hub().await;
    let client = Client::of(&hub, 1, Role::Doctor).await;

    hub.account_changed(&account(1, &[Role::Client], 3));
    hub.account_changed(&account(1, &[Role::Admin], 2));
    assert_eq!(client.socket.principal().roles, [Role::Client]);

    // A token verified before the change renews the socket after it.
    let expires_at = Some(Timestamp(1));
    let proof = Principal { expires_at, ..principal(1, Role::Doctor) };
    hub.inner().channels.renew(&client.socket, &proof);
    assert_eq!(client.socket.principal().roles, [Role::Client]);
    assert_eq!(client.socket.principal().expires_at, expires_at);
}

#[tokio::test]
async fn a_deactivation_that_is_over_closes_nobody_who_came_after_it() {
    let hub = hub().await;
    let again = record(1, &[Role::Patient], 3);
    hub.authenticator().sessions().remember(Arc::new(again), Timestamp::now());
    let returned = Principal { version: 3, ..principal(1, Role::Patient) };
    let (mut client, _) = Client::arrive(&hub, returned).await.unwrap();

    hub.account_changed(&Account { active: false, ..account(1, &[Role::Patient], 2) });
    hub.publish(message(Topic::All, 1)).await;

    assert_eq!(number(&mut client).await, 1);
    assert_eq!(client.outbound.closing(), None);
}

#[tokio::test]
async fn a_change_before_the_arrival_is_found_by_it() {
    let hub = hub().await;
    hub.account_changed(&account(1, &[Role::Client], 2));
    let current = Arc::new(record(1, &[Role::Client], 2));
    hub.authenticator().sessions().remember(current, Timestamp::now());

    let (client, greeting) = Client::arrive(&hub, principal(1, Role::Admin)).await.unwrap();

    let rooms = ["user:1", "role:Cliente", "session:s_1"];
    assert_eq!(client.socket.rooms(), rooms);
    assert_eq!((&greeting["role"], &greeting["rooms"]), (&json!("Cliente"), &json!(rooms)));
}

#[tokio::test]
async fn a_session_that_ended_during_the_arrival_is_turned_away() {
    let hub = hub().await;
    hub.authenticator().revoke(&"s_1".into(), Revocation::Logout);

    let turned_away = Client::arrive(&hub, principal(1, Role::Patient)).await.err();

    assert!(matches!(
        turned_away,
        Some(TurnedAway::Refused(error)) if matches!(error.kind(), Kind::Unauthenticated(_))
    ));
    assert_eq!(hub.connections(), 0);
}

#[tokio::test]
async fn a_deactivated_account_is_closed_after_what_was_published_before() {
    let hub = hub().await;
    let mut clients =
        [Client::of(&hub, 1, Role::Patient).await, Client::of(&hub, 1, Role::Patient).await];
    let payload = serde_json::value::to_raw_value(&json!({ "number": 7 })).unwrap();
    let topics = vec![Topic::All];
    let event = Event { name: "system:message", class: Class::Durable, topics, payload };
    let mut tx = hub.store().begin().await.unwrap();
    outbox::append(&mut tx, &event, None).await.unwrap();
    tx.commit().await.unwrap();

    assert!(hub.caught_up(SOON).await);
    hub.account_changed(&Account { active: false, ..account(1, &[Role::Patient], 2) });

    for client in &mut clients {
        assert_eq!(number(client).await, 7);
        let revoked = client.next().await;
        assert_eq!(revoked["event"], "session:revoked");
        assert_eq!(revoked["data"]["reason"], "deactivated");
        assert_eq!(client.outbound.closing(), Some(Closure::Forbidden));
    }
}
