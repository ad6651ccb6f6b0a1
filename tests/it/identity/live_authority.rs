//! An account that changes while its sockets are open, on the node of the change and beside it.

use std::time::{Duration, Instant};

use http::StatusCode;
use latido::domain::events::ServerEvent as _;
use latido::domain::events::accounts::UserUpdate;
use latido::domain::id::UserId;
use latido::domain::identity::Role;
use latido::domain::time::Timestamp;
use latido::domain::topic::Topic;
use latido::persistence::identity::accounts::Roles;
use latido::persistence::identity::changes;
use latido::persistence::outbox;
use serde_json::{Value, json};

use crate::support::accounts::Account;
use crate::support::device::Device;
use crate::support::http::Answer;
use crate::support::socket_io::{End, SocketIo};
use crate::support::{self, EVENTS, Latido, accounts};

/// The contract's bound on everything that must act at once.
const AT_ONCE: Duration = Duration::from_secs(1);

async fn patch(latido: &Latido, admin: &Account, user: &Account, body: &Value) -> Answer {
    let path = format!("/users/{}", user.id);
    let answer = latido.call("PATCH", &path).bearer(&admin.token).json(body).send().await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    answer
}

async fn deactivate(latido: &Latido, admin: &Account, user: &Account) {
    let path = format!("/users/{}/deactivate", user.id);
    let answer = latido.call("POST", &path).bearer(&admin.token).send().await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
}

fn only(role: Role) -> Value {
    json!({ "roles": [role], "primary_role": role })
}

/// A `system:message` to a role, from the node's outbox.
async fn tell(latido: &Latido, role: Role, message: &str) {
    let payload = json!({ "type": "info", "message": message, "targetRole": role.label() });
    latido.publish("system:message", &[Topic::Role(role)], &payload).await;
}

/// The messages a socket heard before the marker.
async fn messages(socket: &mut SocketIo, marker: &str) -> Vec<String> {
    let heard = socket.until(marker, "system:message").await;
    heard.iter().map(|event| event["message"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_deactivated_account_is_told_first_then_closed_on_every_node() {
    let here = support::start().await;
    let there = here.beside(&[]).await;
    let admin = here.account(Role::Admin).await;
    let ana = here.account(Role::Doctor).await;
    let elsewhere = accounts::sign_in(here.database.url(), ana.id, ana.role).await;
    let mut sockets = Vec::new();
    let (mut plain, mut signaling) = (Vec::new(), Vec::new());
    for node in [&here, &there] {
        signaling.push(node.join("/", &json!({ "token": ana.token })).await.unwrap());
        sockets.push(node.connect(&ana).await);
        sockets.push(node.connect(&elsewhere).await);
        plain.push(node.connect_plain(&ana).await);
    }
    let mut bystander = there.connect(&admin).await;

    deactivate(&here, &admin, &ana).await;
    let began = Instant::now();

    for socket in &mut sockets {
        let heard = socket.next("user:update").await;
        assert_eq!((&heard["type"], &heard["action"]), (&json!("account"), &json!("deactivated")));
        assert_eq!(socket.next("session:revoked").await["reason"], "deactivated");
        assert_eq!(socket.ended().await, End::Disconnected);
    }
    for socket in &mut plain {
        assert_eq!(socket.next("user:update").await["action"], "deactivated");
        assert_eq!(socket.next("session:revoked").await["reason"], "deactivated");
        assert_eq!(socket.0.closed().await, Some(4403));
    }
    for socket in &mut signaling {
        assert_eq!(socket.next("session:revoked").await["reason"], "deactivated");
        assert_eq!(socket.ended().await, End::Disconnected);
    }
    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
    for node in [&here, &there] {
        for account in [&ana, &elsewhere] {
            let me = node.call("GET", "/users/me").bearer(&account.token).send().await;
            assert_eq!(me.status, StatusCode::FORBIDDEN);
            let refused = node.join(EVENTS, &json!({ "token": account.token })).await;
            assert_eq!(refused.err().unwrap()["data"]["code"], "account_inactive");
        }
    }
    assert_eq!(bystander.ask("ping", &Value::Null).await["userId"], admin.id);
}

#[tokio::test]
async fn a_lost_role_leaves_its_rooms_and_subscriptions_on_every_node() {
    let here = support::start().await;
    let there = here.beside(&[]).await;
    let admin = here.account(Role::Admin).await;
    let ana = here.account(Role::Admin).await;
    let mut sockets = [here.connect(&ana).await, there.connect(&ana).await];
    for socket in &mut sockets {
        for entity in ["job", "exam"] {
            let followed = socket.ask("subscribe", &json!({ "entity": entity })).await;
            assert_eq!(followed["ok"], true, "{followed}");
        }
        assert_eq!(socket.ask("admin:live", &json!({ "on": true })).await["ok"], true);
    }

    patch(&here, &admin, &ana, &only(Role::Patient)).await;
    let began = Instant::now();

    for socket in &mut sockets {
        let ended = socket.next("unsubscribed").await;
        assert_eq!((&ended["entity"], &ended["room"]), (&json!("job"), &json!("entity:job")));
        assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
        let heard = socket.next("user:update").await;
        assert_eq!(heard["changes"], json!({ "roles": ["Paciente"], "role": "Paciente" }));
        for (event, data) in
            [("admin:live", json!({ "on": true })), ("subscribe", json!({ "entity": "job" }))]
        {
            assert_eq!(socket.ask(event, &data).await["error"]["code"], "forbidden");
        }
    }
    tell(&here, Role::Admin, "for administrators").await;
    tell(&here, Role::Patient, "for patients").await;
    here.mark("done").await;
    for (node, socket) in [&here, &there].into_iter().zip(&mut sockets) {
        assert_eq!(messages(socket, "done").await, ["for patients"]);
        let rooms = &node.hub().sockets(9)[0].rooms;
        let expected = [
            &format!("user:{}", ana.id),
            &format!("session:{}", ana.session),
            "entity:exam",
            "role:Paciente",
        ];
        assert_eq!(rooms, &expected);
        let stats = node.call("GET", "/api/admin/stats").bearer(&ana.token).send().await;
        assert_eq!(stats.status, StatusCode::FORBIDDEN);
        // The token was signed for an administrator; who asks is told what its holder is now.
        let body = json!({ "token": ana.token });
        let verified = node.call("POST", "/auth/verify-token").json(&body).send().await.json();
        assert_eq!(verified["payload"]["roles"], json!(["patient"]));
    }
}

#[tokio::test]
async fn a_gained_role_hears_what_comes_after_it() {
    let here = support::start().await;
    let there = here.beside(&[]).await;
    let admin = here.account(Role::Admin).await;
    let ana = here.account(Role::Patient).await;
    let mut sockets = [here.connect(&ana).await, there.connect(&ana).await];
    tell(&here, Role::Doctor, "before").await;
    here.mark("not yet").await;
    for socket in &mut sockets {
        assert_eq!(messages(socket, "not yet").await, [""; 0]);
    }

    let both = json!({ "roles": ["patient", "doctor"], "primary_role": "doctor" });
    patch(&here, &admin, &ana, &both).await;

    tell(&here, Role::Doctor, "after").await;
    here.mark("done").await;
    for socket in &mut sockets {
        assert_eq!(messages(socket, "done").await, ["after"]);
    }
}

/// The change and the event after it become visible in the same instant, so no node can look at
/// the accounts in between: the order of events alone keeps the event from the lost role.
#[tokio::test]
async fn an_event_right_behind_the_change_does_not_reach_the_lost_role_on_any_node() {
    let here = support::start().await;
    let there = here.beside(&[]).await;
    for round in 0..5 {
        let ana = here.account(Role::Doctor).await;
        let mut sockets = [here.connect(&ana).await, there.connect(&ana).await];
        let now = Timestamp::now();
        let update = UserUpdate {
            kind: "role".into(),
            action: "updated".into(),
            changes: None,
            timestamp: now,
        };
        let message = |text: &str| {
            let payload = json!({ "type": "info", "message": text, "timestamp": now });
            serde_json::value::to_raw_value(&payload).unwrap()
        };
        let event = |topic, text: &str| latido::domain::event::Event {
            name: "system:message",
            class: latido::domain::event::Class::Durable,
            topics: vec![topic],
            payload: message(text),
        };

        let mut tx = here.running.store.begin().await.unwrap();
        let mut user = changes::hold(&mut tx, UserId(ana.id)).await.unwrap();
        (user.roles, user.primary_role) = (Roles(vec![Role::Client]), Role::Client);
        changes::update(&mut tx, &user, now).await.unwrap();
        for event in [
            event(Topic::Role(Role::Doctor), "before"),
            update.event_to(vec![Topic::User(user.id)]),
            event(Topic::Role(Role::Doctor), "too late"),
            event(Topic::Role(Role::Client), "after"),
            event(Topic::All, "done"),
        ] {
            outbox::append(&mut tx, &event, None).await.unwrap();
        }
        tx.commit().await.unwrap();
        if round % 2 == 0 {
            here.hub().outbox_ready();
        } else {
            there.hub().outbox_ready();
        }

        for socket in &mut sockets {
            let heard = messages(socket, "done").await;
            assert!(!heard.contains(&"too late".to_owned()), "{heard:?}");
            assert_eq!(heard.last().unwrap(), "after");
        }
    }
}

/// A change that no event tells of, made beside the hub by an operator.
#[tokio::test]
async fn a_change_made_in_the_database_alone_is_found() {
    let latido = support::start().await;
    let ana = latido.account(Role::Admin).await;
    let mut socket = latido.connect(&ana).await;
    socket.ask("subscribe", &json!({ "entity": "job" })).await;

    let change = format!(
        "update user_roles set role = 'client' where user_id = {id};
         update users set primary_role = 'client', version = version + 1, updated_at = {now}
         where id = {id}",
        id = ana.id,
        now = Timestamp::now().0
    );
    accounts::run(latido.database.url(), &change).await;
    let began = Instant::now();

    assert_eq!(socket.next("unsubscribed").await["room"], "entity:job");
    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
    tell(&latido, Role::Admin, "too late").await;
    latido.mark("done").await;
    assert_eq!(messages(&mut socket, "done").await, [""; 0]);
}

/// Whichever comes first, the socket ends up with the roles of the change.
#[tokio::test]
async fn a_socket_that_arrives_while_the_roles_change_has_the_new_ones() {
    let latido = support::start().await;
    let admin = latido.account(Role::Admin).await;
    for _ in 0..20 {
        let ana = latido.account(Role::Doctor).await;
        let auth = json!({ "token": ana.token });
        let client = only(Role::Client);

        let (_, socket, late) = tokio::join!(
            patch(&latido, &admin, &ana, &client),
            latido.join(EVENTS, &auth),
            latido.join(EVENTS, &auth),
        );

        tell(&latido, Role::Doctor, "too late").await;
        tell(&latido, Role::Client, "after").await;
        latido.mark("done").await;
        for mut socket in [socket.unwrap(), late.unwrap()] {
            let heard = messages(&mut socket, "done").await;
            assert_eq!(heard, ["after"]);
        }
    }
}

#[tokio::test]
async fn a_socket_that_arrives_while_the_account_is_switched_off_is_closed_or_refused() {
    let latido = support::start().await;
    let admin = latido.account(Role::Admin).await;
    for _ in 0..20 {
        let ana = latido.account(Role::Doctor).await;
        let auth = json!({ "token": ana.token });

        let ((), first, second) = tokio::join!(
            deactivate(&latido, &admin, &ana),
            latido.join(EVENTS, &auth),
            latido.join(EVENTS, &auth),
        );

        for mut socket in [first, second].into_iter().flatten() {
            socket.ended().await;
        }
    }
}

#[tokio::test]
async fn a_deactivated_account_is_told_so_by_every_credential_until_it_is_active_again() {
    let here = support::start().await;
    let there = here.beside(&[]).await;
    let admin = here.account(Role::Admin).await;
    let ana = Device::register(here.address, "ana@example.com").await;
    let account = Account { id: ana.user(), ..admin.clone() };
    let mut at_there = ana.at(there.address).socket().await;
    deactivate(&here, &admin, &account).await;
    at_there.ended().await;

    for node in [&here, &there] {
        let by_token = node.call("GET", "/users/me").bearer(ana.access()).send().await;
        let by_cookie = node.call("GET", "/users/me").header("cookie", &ana.cookie).send().await;
        let refreshed = ana.at(node.address).spend(ana.refresh_token()).await;
        for refused in [by_token, by_cookie, refreshed] {
            assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", refused.text());
            assert_eq!(refused.json()["type"], "urn:latido:problem:account-inactive");
        }
        let refused = node.join(EVENTS, &json!({ "token": ana.access() })).await.err().unwrap();
        assert_eq!(refused["data"]["code"], "account_inactive", "{refused}");
        let forged = ana.cookie.split_once('.').unwrap().0.to_owned() + ".forged";
        let forged = node.call("GET", "/users/me").header("cookie", forged).send().await;
        assert_eq!(forged.status, StatusCode::UNAUTHORIZED, "an account's state is its holder's");
    }

    let path = format!("/users/{}/activate", account.id);
    here.call("POST", &path).bearer(&admin.token).send().await;
    for node in [&here, &there] {
        let again = node.call("GET", "/users/me").bearer(ana.access()).send().await;
        assert_eq!(again.status, StatusCode::UNAUTHORIZED, "its sessions stay ended");
    }
}
