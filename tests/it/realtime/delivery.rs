//! What reaches whom, once and in order (contract §6.8, §6.10).

use latido::actors::hub::Failing;
use latido::domain::id::{SessionId, SocketId, UserId};
use latido::domain::identity::Role;
use latido::domain::topic::Topic;
use serde_json::{Value, json};

use crate::support::socket_io::End;
use crate::support::{self, EVENTS, Latido, accounts};

#[tokio::test]
async fn an_event_to_all_reaches_every_socket_once() {
    let latido = support::start().await;
    let mut sockets = Vec::new();
    for role in [Role::Admin, Role::Doctor, Role::Patient, Role::Company, Role::Professional] {
        let account = latido.account(role).await;
        sockets.push(latido.connect(&account).await);
        sockets.push(latido.connect(&account).await);
    }
    let mut plain = latido.connect_plain(&latido.account(Role::Client).await).await;

    let payload = json!({ "type": "price", "action": "updated", "entityId": 9 });
    latido.publish("catalog:update", &[Topic::All], &payload).await;
    latido.mark("done").await;

    for socket in &mut sockets {
        let heard = socket.until("done", "catalog:update").await;
        assert_eq!(heard.len(), 1, "{heard:?}");
        assert_eq!(heard[0]["entityId"], 9);
        assert!(heard[0]["eventId"].is_string());
    }
    assert_eq!(plain.next("catalog:update").await["type"], "price");
}

#[tokio::test]
async fn a_socket_in_several_rooms_hears_an_event_once() {
    let latido = support::start().await;
    let admin = latido.account(Role::Admin).await;
    let mut socket = latido.connect(&admin).await;
    socket.ask("subscribe", &json!({ "entity": "appointment", "entityId": 5 })).await;
    let topics = [
        Topic::User(UserId(admin.id)),
        Topic::Role(Role::Admin),
        Topic::Entity("appointment".into(), Some("5".into())),
    ];

    let payload = json!({ "appointmentId": 5, "patientId": 1, "action": "confirmed" });
    latido.publish("appointment:update", &topics, &payload).await;
    latido.mark("done").await;

    assert_eq!(socket.until("done", "appointment:update").await.len(), 1);
}

#[tokio::test]
async fn an_event_to_a_user_reaches_every_device_of_that_user_and_nobody_else() {
    let latido = support::start().await;
    let (ana, ben) = (latido.account(Role::Patient).await, latido.account(Role::Patient).await);
    let (mut phone, mut desk) = (latido.connect(&ana).await, latido.connect(&ana).await);
    let mut other = latido.connect(&ben).await;

    let payload = json!({ "type": "profile", "action": "updated" });
    latido.publish("user:update", &[Topic::User(UserId(ana.id))], &payload).await;
    latido.mark("done").await;

    assert_eq!(phone.until("done", "user:update").await.len(), 1);
    assert_eq!(desk.until("done", "user:update").await.len(), 1);
    assert_eq!(other.until("done", "user:update").await, Vec::<Value>::new());
}

#[tokio::test]
async fn admin_events_reach_administrators_only() {
    let latido = support::start().await;
    let mut admin = latido.connect(&latido.account(Role::Admin).await).await;
    let mut doctor = latido.connect(&latido.account(Role::Doctor).await).await;

    let payload = json!({ "eventType": "exam.updated", "entityType": "exam", "entityId": 1, "action": "updated", "userId": 1 });
    latido.publish("admin:event", &[Topic::Role(Role::Admin)], &payload).await;
    latido.mark("done").await;

    assert_eq!(admin.until("done", "admin:event").await.len(), 1);
    assert_eq!(doctor.until("done", "admin:event").await, Vec::<Value>::new());
}

#[tokio::test]
async fn many_events_arrive_in_the_order_they_were_committed() {
    let latido = support::start().await;
    let mut socket = latido.connect(&latido.account(Role::Patient).await).await;
    for number in 0..200 {
        let payload = json!({ "type": "exam", "action": "updated", "entityId": number });
        latido.publish("catalog:update", &[Topic::All], &payload).await;
    }
    latido.mark("done").await;

    let heard = socket.until("done", "catalog:update").await;

    let numbers: Vec<_> = heard.iter().map(|event| event["entityId"].as_i64().unwrap()).collect();
    assert_eq!(numbers, (0..200).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_crash_of_the_channels_keeps_every_socket_and_loses_nothing_durable() {
    let latido = support::start().await;
    let mut sockets = Vec::new();
    for _ in 0..3 {
        sockets.push(latido.connect(&latido.account(Role::Patient).await).await);
    }

    for number in 0..20 {
        if number % 5 == 2 {
            latido.hub().inject_failure(&Failing::Channels);
        }
        let payload = json!({ "type": "exam", "action": "updated", "entityId": number });
        latido.publish("catalog:update", &[Topic::All], &payload).await;
    }
    latido.mark("done").await;

    for socket in &mut sockets {
        let heard = socket.until("done", "catalog:update").await;
        let numbers: Vec<_> =
            heard.iter().map(|event| event["entityId"].as_i64().unwrap()).collect();
        assert_eq!(numbers, (0..20).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_crash_in_the_middle_of_a_delivery_hits_one_socket_and_that_one_is_told() {
    let latido = support::start().await;
    let unlucky = latido.account(Role::Patient).await;
    let mut hit = latido.join(EVENTS, &json!({ "token": unlucky.token })).await.unwrap();
    let connected = hit.next("connected").await;
    let mut sockets = Vec::new();
    for _ in 0..7 {
        sockets.push(latido.connect(&latido.account(Role::Patient).await).await);
    }

    for number in 0..20 {
        if number == 9 {
            let id = SocketId::from(hit.accepted["sid"].as_str().unwrap());
            latido.hub().inject_failure(&Failing::Delivery(id));
        }
        let payload = json!({ "type": "exam", "action": "updated", "entityId": number });
        latido.publish("catalog:update", &[Topic::All], &payload).await;
    }
    latido.mark("done").await;

    let numbers = |events: &[Value]| -> Vec<_> {
        events.iter().map(|event| event["entityId"].as_i64().unwrap()).collect()
    };
    let all: Vec<_> = (0..20).collect();
    for socket in &mut sockets {
        assert_eq!(numbers(&socket.until("done", "catalog:update").await), all);
    }
    assert_eq!(hit.ended().await, End::Closed, "a stock client comes back by itself");
    let mut heard = hit.heard("catalog:update");
    let since = heard.last().map_or(&connected["lastEventId"], |last| &last["eventId"]);
    let auth = json!({ "token": unlucky.token, "since": since });
    let mut back = latido.join(EVENTS, &auth).await.unwrap();
    heard.extend(back.until("done", "catalog:update").await);
    assert_eq!(numbers(&heard), all);
}

#[tokio::test]
async fn a_crash_of_the_relay_delivers_the_rest_once() {
    let latido = support::start().await;
    let mut socket = latido.connect(&latido.account(Role::Patient).await).await;

    for number in 0..10 {
        if number == 5 {
            latido.hub().inject_failure(&Failing::Relay);
        }
        let payload = json!({ "type": "exam", "action": "updated", "entityId": number });
        latido.publish("catalog:update", &[Topic::All], &payload).await;
    }
    latido.mark("done").await;

    let heard = socket.until("done", "catalog:update").await;
    let numbers: Vec<_> = heard.iter().map(|event| event["entityId"].as_i64().unwrap()).collect();
    assert_eq!(numbers, (0..10).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_crash_of_one_session_leaves_all_others_alone() {
    let latido = support::start().await;
    let (ana, ben) = (latido.account(Role::Patient).await, latido.account(Role::Patient).await);
    let (mut hit, mut spared) = (latido.connect(&ana).await, latido.connect(&ben).await);

    latido.hub().inject_failure(&Failing::Session(SessionId::from(ana.session.as_str())));

    assert_eq!(spared.ask("subscribe", &json!({ "entity": "exam" })).await["ok"], true);
    let payload = json!({ "type": "exam", "action": "updated", "entityId": 1 });
    latido.publish("catalog:update", &[Topic::All], &payload).await;
    for socket in [&mut hit, &mut spared] {
        assert_eq!(socket.next("catalog:update").await["entityId"], 1);
    }
}

#[tokio::test]
async fn the_census_counts_sockets_by_role() {
    let latido = support::start().await;
    let patient = latido.account(Role::Patient).await;
    let _sockets = [
        latido.connect(&patient).await,
        latido.connect(&patient).await,
        latido.connect(&latido.account(Role::Admin).await).await,
    ];
    let _plain = latido.connect_plain(&patient).await;

    let census = latido.hub().census();

    assert_eq!(census.total, 4);
    assert_eq!(census.by_role.get("Paciente"), Some(&3));
    assert_eq!(census.by_role.get("Administrador"), Some(&1));
}

/// Makes every dispatch fail, and what undoes that.
fn refusing_dispatch(latido: &Latido) -> (&'static str, &'static str) {
    if latido.database.url().starts_with("postgres") {
        (
            "create function refuse_dispatch() returns trigger language plpgsql as $$
             begin raise exception 'injected'; end $$;
             create trigger refuse_dispatch before update of seq on outbox
             for each row execute function refuse_dispatch()",
            "drop trigger refuse_dispatch on outbox",
        )
    } else {
        (
            "create trigger refuse_dispatch before update of seq on outbox
             begin select raise(abort, 'injected'); end",
            "drop trigger refuse_dispatch",
        )
    }
}

#[tokio::test]
async fn an_event_whose_dispatch_fails_is_counted_and_arrives_later() {
    let latido = support::start().await;
    let admin = latido.account(Role::Admin).await;
    let mut socket = latido.connect(&latido.account(Role::Patient).await).await;
    let outbox = async || {
        let answer = latido.call("GET", "/api/admin/outbox").bearer(&admin.token).send().await;
        answer.json()
    };
    let (refuse, allow) = refusing_dispatch(&latido);
    accounts::run(latido.database.url(), refuse).await;

    latido.publish("catalog:update", &[Topic::All], &json!({"entityId": 1})).await;

    support::within("a failed dispatch", async { while outbox().await["failed"] != 1 {} }).await;
    assert_eq!(outbox().await["pending"], 1);
    accounts::run(latido.database.url(), allow).await;
    assert_eq!(socket.next("catalog:update").await["entityId"], 1);
    let after = outbox().await;
    assert_eq!((&after["pending"], &after["failed"]), (&json!(0), &json!(0)));
}

#[tokio::test]
async fn a_failing_dispatch_is_not_tried_again_for_every_new_event() {
    const EVENTS: i64 = 64;
    let latido = support::start().await;
    let mut socket = latido.connect(&latido.account(Role::Patient).await).await;
    let (refuse, allow) = refusing_dispatch(&latido);
    accounts::run(latido.database.url(), refuse).await;

    for number in 0..EVENTS {
        latido.publish("catalog:update", &[Topic::All], &json!({"entityId": number})).await;
    }

    let attempts = "select cast(max(attempts) as bigint) from outbox where seq is null";
    let attempts: i64 = accounts::value(latido.database.url(), attempts).await;
    assert!(attempts < EVENTS / 2, "{attempts} attempts for {EVENTS} events");
    accounts::run(latido.database.url(), allow).await;
    for number in 0..EVENTS {
        assert_eq!(socket.next("catalog:update").await["entityId"], number);
    }
}
