//! What `/metrics` shows after some traffic (contract §12.3).

use std::collections::BTreeSet;

use http::StatusCode;
use latido::actors::hub::Failing;
use latido::domain::event::{Class, Event};
use latido::domain::identity::Role;
use latido::domain::topic::Topic;
use serde_json::{Value, json};

use crate::support::database::Database;
use crate::support::polling::Polling;
use crate::support::process::{ADMIN, Process, serve_with_admin};
use crate::support::scrape::Scrape;
use crate::support::socket_io::{EVENTS, PATH, SocketIo};
use crate::support::websocket::{Heard, WebSocket};
use crate::support::{Latido, start_with, within};

/// What the contexts that exist measure: name, kind, labels.
const MEASURED: &[(&str, &str, &[&str])] = &[
    ("latido_http_requests_total", "counter", &["method", "route", "status"]),
    ("latido_http_request_duration_seconds", "histogram", &["method", "route", "status"]),
    ("latido_ws_connections", "gauge", &["namespace", "role", "transport"]),
    ("latido_ws_messages_in_total", "counter", &["event", "namespace"]),
    ("latido_ws_messages_out_total", "counter", &["event", "namespace"]),
    ("latido_ws_disconnects_total", "counter", &["reason"]),
    ("latido_fanout_seconds", "histogram", &["event"]),
    ("latido_actors", "gauge", &["kind"]),
    ("latido_actor_mailbox_depth", "histogram", &["kind"]),
    ("latido_outbox_pending", "gauge", &[]),
    ("latido_outbox_dispatch_seconds", "histogram", &[]),
    ("latido_db_query_seconds", "histogram", &["op"]),
    ("latido_db_pool_in_use", "gauge", &["op"]),
    ("latido_cache_hits_total", "counter", &["cache"]),
    ("latido_cache_misses_total", "counter", &["cache"]),
    ("latido_rate_limited_total", "counter", &["reason", "surface"]),
    ("latido_auth_failures_total", "counter", &["reason", "surface"]),
    ("latido_build_info", "gauge", &["version"]),
    ("latido_uptime_seconds", "gauge", &["version"]),
];

/// A bit of everything, and what the metrics say of it.
async fn used(process: &Process) -> Scrape {
    let token = process.sign_in().await["access_token"].as_str().unwrap().to_owned();
    let auth = json!({ "token": token });
    let mut leaving = SocketIo::join(process.address, EVENTS, &auth, &[]).await.unwrap();
    let mut staying = SocketIo::join(process.address, EVENTS, &auth, &[]).await.unwrap();
    staying.ask("subscribe", &json!({ "entity": "exam" })).await;
    let message = json!({ "type": "info", "message": "hello" });
    let told =
        process.call("POST", "/api/admin/messages").bearer(&token).json(&message).send().await;
    assert_eq!(told.status, 202, "{}", told.text());
    staying.next("system:message").await;
    leaving.emit("auth:refresh", &json!({ "token": "not a token" })).await;
    assert_eq!(leaving.next("error").await["error"]["code"], "unauthenticated");
    drop(leaving);
    for _ in 0..2 {
        assert_eq!(process.call("GET", "/api/v1/catalog/exams").send().await.status, 200);
    }
    let bad = process.call("GET", "/api/events").bearer("not a token").send().await;
    assert_eq!(bad.status, 401);
    let stranger = SocketIo::join(process.address, EVENTS, &json!({ "token": "no" }), &[]).await;
    assert!(stranger.is_err());
    let spent = json!({ "refresh_token": "not one" });
    let spent = process.call("POST", "/auth/refresh").json(&spent).send().await;
    assert_eq!(spent.status, 401);
    while wrong_password(process).await != StatusCode::TOO_MANY_REQUESTS {}
    while staying.ask("ping", &Value::Null).await["error"]["code"] != "rate_limited" {}

    // Both come a moment later than what brings them about.
    within("a socket to leave and the gauges to be set", async {
        loop {
            let answer = process.call("GET", "/metrics").bearer(&token).send().await;
            let scrape = Scrape::read(answer.text());
            let has_left = scrape.count("latido_ws_disconnects_total", &[]) > 0;
            if has_left && scrape.kind("latido_outbox_pending").is_some() {
                return scrape;
            }
        }
    })
    .await
}

async fn wrong_password(process: &Process) -> StatusCode {
    let wrong = json!({ "username": ADMIN.0, "password": "not the password" });
    process.call("POST", "/auth/login").json(&wrong).send().await.status
}

#[tokio::test]
async fn every_metric_has_samples_of_its_kind_under_its_labels() {
    let database = Database::fresh().await;
    let limits = [
        ("RATE_LIMIT_ENABLED", "true"),
        ("RATE_LIMIT_LOGIN_PER_MIN", "4"),
        ("RATE_LIMIT_WS_PER_SEC", "5"),
    ];
    let process = serve_with_admin(&database, &limits).await;

    let scrape = used(&process).await;

    for (name, kind, labels) in MEASURED {
        assert_eq!(scrape.kind(name), Some(*kind), "{name}");
        assert_eq!(scrape.label_names(name), labels.iter().copied().collect(), "{name}");
    }
    let values = |name, label| scrape.label_values(name, label);
    let set = |values: &[&'static str]| values.iter().copied().collect::<BTreeSet<_>>();
    assert_eq!(
        values("latido_actors", "kind"),
        set(&["channel", "dashboard", "journal", "presence", "relay", "session", "warden"])
    );
    assert_eq!(
        values("latido_actor_mailbox_depth", "kind"),
        set(&["channel", "presence", "room", "session", "warden"])
    );
    assert_eq!(values("latido_db_query_seconds", "op"), set(&["begin", "commit", "read", "write"]));
    assert_eq!(
        values("latido_auth_failures_total", "surface"),
        set(&["http", "login", "refresh", "websocket"])
    );
    assert_eq!(values("latido_rate_limited_total", "reason"), set(&["events", "login"]));
    assert_eq!(values("latido_cache_hits_total", "cache"), set(&["answers", "sessions"]));
    assert_eq!(values("latido_ws_disconnects_total", "reason"), set(&["transport_close"]));
    let sockets = [("namespace", "/events"), ("transport", "websocket")];
    assert_eq!(scrape.count("latido_ws_connections", &sockets), 1);
    // The message, and the deed of sending it.
    assert_eq!(scrape.count("latido_outbox_dispatch_seconds", &[]), 2);
    let out = [("event", "system:message"), ("namespace", "/events")];
    assert_eq!(scrape.count("latido_ws_messages_out_total", &out), 2);
    assert!(scrape.count("latido_db_query_seconds", &[("op", "commit")]) >= 2);
}

#[tokio::test]
async fn a_socket_that_moved_to_websocket_is_counted_there() {
    let database = Database::fresh().await;
    let process = serve_with_admin(&database, &[("METRICS_PUBLIC", "true")]).await;
    let counted = async || {
        let text = process.call("GET", "/metrics").send().await;
        let scrape = Scrape::read(text.text());
        ["polling", "websocket"]
            .map(|transport| scrape.count("latido_ws_connections", &[("transport", transport)]))
    };
    let polling = Polling::open(process.address).await;
    polling.join(EVENTS, &json!({ "token": process.sign_in().await["access_token"] })).await;
    assert_eq!(counted().await, [1, 0]);

    let path = format!("{PATH}&sid={}", polling.sid);
    let mut socket = WebSocket::open(process.address, &path, &[]).await;
    for packet in ["2probe", "5", "42/events,[\"ping\"]"] {
        socket.send(packet).await;
    }
    assert_eq!(socket.next().await, Heard::Text("3probe".into()));
    while !matches!(socket.next().await, Heard::Text(text) if text.contains("pong")) {}

    assert_eq!(counted().await, [0, 1]);
}

async fn scrape(latido: &Latido) -> Scrape {
    Scrape::read(latido.call("GET", "/metrics").send().await.text())
}

/// The recorder belongs to the process, so other tests add to what this one counts.
#[tokio::test]
async fn restarts_and_drops_are_counted() {
    let latido = start_with(&[("METRICS_PUBLIC", "true")]).await;
    let _slow = latido.connect_plain(&latido.account(Role::Patient).await).await;
    let before = scrape(&latido).await;

    latido.hub().inject_failure(&Failing::Relay);
    // Goes out by the restarted relay.
    let mut socket = latido.connect(&latido.account(Role::Patient).await).await;
    latido.mark("restarted").await;
    socket.next("system:message").await;
    // Far more than 4 MiB and what the kernel holds for a connection nobody reads.
    let payload = serde_json::value::to_raw_value(&json!({ "text": "x".repeat(60_000) })).unwrap();
    for _ in 0..400 {
        let (topics, payload) = (vec![Topic::All], payload.clone());
        let event = Event { name: "presence:update", class: Class::Volatile, topics, payload };
        latido.hub().publish(event).await;
        socket.next("presence:update").await;
    }

    let after = scrape(&latido).await;
    for (name, label) in [
        ("latido_actor_restarts_total", ("kind", "relay")),
        ("latido_ws_dropped_total", ("reason", "volatile")),
    ] {
        assert_eq!(after.kind(name), Some("counter"), "{name}");
        assert_eq!(after.label_names(name), BTreeSet::from([label.0]), "{name}");
        assert!(after.count(name, &[label]) > before.count(name, &[label]), "{name}");
    }
}
