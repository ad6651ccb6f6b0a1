//! What `/metrics` shows of calls that a media server carries and records (contract §12.3).

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::database::Database;
use crate::support::http::Answer;
use crate::support::livekit::MediaServer;
use crate::support::process::{Process, serve_with_admin};
use crate::support::scrape::Scrape;
use crate::support::upstream::Reply;
use crate::support::within;

const KEY: &str = "a-key-of-a-service-that-moves-calls";

async fn asked(process: &Process, path: &str, body: &Value) -> Answer {
    process.call("POST", path).header("x-service-key", KEY).json(body).send().await
}

/// A call between browsers.
async fn opened(process: &Process, id: &str) {
    let draft = json!({"consultationId": id, "patientId": "maria", "doctorId": "carlos",
        "mode": "p2p"});
    let answer = asked(process, "/api/consultations/create", &draft).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
}

async fn moved(process: &Process, id: &str) -> u16 {
    let path = format!("/api/consultations/{id}/handover");
    asked(process, &path, &json!({"mode": "sfu"})).await.status.as_u16()
}

#[tokio::test]
async fn a_call_counts_that_began_without_anybody() {
    let database = Database::fresh().await;
    let service = format!("calls:{KEY}");
    let more = [("SERVICE_API_KEYS", service.as_str()), ("METRICS_PUBLIC", "true")];
    let process = serve_with_admin(&database, &more).await;
    opened(&process, "c-1").await;

    let started = asked(&process, "/api/consultations/c-1/start", &Value::Null).await;

    assert_eq!(started.status, 200, "{}", started.text());
    let p2p = [("mode", "p2p")];
    let scrape = within("the call to be counted", async {
        loop {
            let scrape = Scrape::read(process.call("GET", "/metrics").send().await.text());
            if scrape.count("latido_consultations_live", &p2p) == 1 {
                return scrape;
            }
        }
    })
    .await;
    assert_eq!(scrape.count("latido_consultations_live", &[("mode", "sfu")]), 0);
    assert_eq!(scrape.count("latido_rooms_active", &p2p), 0, "nobody is there");
}

#[tokio::test]
async fn calls_that_move_and_recordings_and_requests_of_the_media_server_are_counted() {
    let (server, database) = (MediaServer::double().await, Database::fresh().await);
    let service = format!("calls:{KEY}");
    let more = [("SERVICE_API_KEYS", service.as_str()), ("METRICS_PUBLIC", "true")];
    let settings = [&server.settings()[..], &more].concat();
    let process = serve_with_admin(&database, &settings).await;
    opened(&process, "c-1").await;
    opened(&process, "c-2").await;

    assert_eq!((moved(&process, "c-1").await, moved(&process, "c-1").await), (200, 200));
    let start = "/api/consultations/c-1/recording/start";
    assert_eq!(asked(&process, start, &json!({})).await.status, 200);
    let said = json!({"code": "unavailable", "msg": "no response from servers"});
    server.upstream().change(move |_| Reply::json(503, &said));
    assert_eq!(moved(&process, "c-2").await, 502);

    let sfu = [("mode", "sfu")];
    let scrape = within("the recording to be counted", async {
        loop {
            let answer = process.call("GET", "/metrics").send().await;
            let scrape = Scrape::read(answer.text());
            if scrape.count("latido_recordings_active", &sfu) == 1 {
                return scrape;
            }
        }
    })
    .await;
    for (name, kind, labels) in [
        ("latido_recordings_active", "gauge", &["mode"][..]),
        ("latido_handovers_total", "counter", &["reason", "result"]),
        ("latido_livekit_requests_total", "counter", &["op", "status"]),
    ] {
        assert_eq!(scrape.kind(name), Some(kind), "{name}");
        assert_eq!(scrape.label_names(name), labels.iter().copied().collect::<BTreeSet<_>>());
    }
    assert_eq!(scrape.count("latido_recordings_active", &[("mode", "p2p")]), 0);
    for (result, status) in [("ok", "ok"), ("failed", "failed")] {
        let labels = [("reason", "requested"), ("result", result)];
        assert_eq!(scrape.count("latido_handovers_total", &labels), 1, "{result}");
        let labels = [("op", "CreateRoom"), ("status", status)];
        assert_eq!(scrape.count("latido_livekit_requests_total", &labels), 1, "{status}");
    }
}
