//! Spans go to a collector under the identifiers of the log, and a bad collector harms nobody
//! (contract §12.2).

use std::net::Ipv4Addr;

use http::StatusCode;
use latido::domain::identity::Role;
use latido::domain::topic::Topic;
use rustix::process::Signal;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use crate::support::collector::{Collector, Span};
use crate::support::database::Database;
use crate::support::process::{Process, free_port, serve_with_admin};
use crate::support::{Latido, start_with, within};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";

/// A node that records `ratio` of the traces it begins.
async fn traced(collector: &Collector, ratio: &str) -> Latido {
    let endpoint = collector.endpoint();
    start_with(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint), ("OTEL_SAMPLE_RATIO", ratio)]).await
}

fn traceparent(flags: &str) -> String {
    format!("00-{TRACE}-{CALLER}-{flags}")
}

#[tokio::test]
async fn a_request_is_a_span_of_the_callers_trace() {
    let mut collector = Collector::start().await;
    let latido = traced(&collector, "0").await;

    let path = "/api/v1/catalog/exams/424242?note=canary";
    let call = latido.call("GET", path).header("traceparent", traceparent("01"));
    assert_eq!(call.send().await.status, 404);

    let span = collector.next().await;
    assert_eq!(span.text("traceId"), TRACE);
    assert_eq!(span.text("parentSpanId"), CALLER);
    assert_eq!(span.text("spanId").len(), 16);
    assert_ne!(span.text("spanId"), CALLER);
    assert_eq!(span.name(), "GET /api/v1/catalog/exams/{id}");
    assert_eq!(span.number("kind"), 2, "a server's");
    assert_eq!(span.status(), 0, "the caller's fault is not ours");
    assert_eq!(span.attribute("http.request.method").unwrap(), "GET");
    assert_eq!(span.attribute("http.route").unwrap(), "/api/v1/catalog/exams/{id}");
    assert_eq!(span.attribute("http.response.status_code").unwrap(), "404");
    let (start, end) = (span.text("startTimeUnixNano"), span.text("endTimeUnixNano"));
    assert!(start.parse::<u64>().unwrap() <= end.parse::<u64>().unwrap());
    assert_eq!(span.resource("service.name").unwrap(), "latido");
    assert_eq!(span.resource("service.version").unwrap(), env!("CARGO_PKG_VERSION"));
    assert!(!span.resource("service.instance.id").unwrap().is_empty());
    let whole = span.whole();
    assert!(!whole.contains("canary") && !whole.contains("424242"), "the raw URL: {whole}");
}

#[tokio::test]
async fn an_answer_of_ours_that_failed_is_a_failed_span() {
    let mut collector = Collector::start().await;
    let latido = traced(&collector, "0").await;
    latido.running.store.close().await;

    let call = latido.call("GET", "/health/ready").header("traceparent", traceparent("01"));
    assert_eq!(call.send().await.status, 503);

    let span = collector.next().await;
    assert_eq!(span.status(), 2);
    assert_eq!(span.attribute("error.type").unwrap(), "503");
}

#[tokio::test]
async fn only_what_was_decided_to_be_recorded_is_exported() {
    let mut collector = Collector::start().await;
    let latido = traced(&collector, "0").await;
    for _ in 0..10 {
        assert_eq!(latido.call("GET", "/health/live").send().await.status, 200);
    }
    let mut exported = Vec::new();
    for (path, flags) in [("/health", "00"), ("/health/ready", "01")] {
        latido.call("GET", path).header("traceparent", traceparent(flags)).send().await;
    }
    exported.push(collector.next().await);

    let latido = traced(&collector, "1").await;
    latido.call("GET", "/health").header("traceparent", traceparent("00")).send().await;
    assert_eq!(latido.call("GET", "/health/live").send().await.status, 200);
    exported.push(collector.next().await);

    let names: Vec<_> = exported.iter().map(Span::name).collect();
    assert_eq!(names, ["GET /health/ready", "GET /health/live"]);
    let begun_here = &exported[1];
    assert_eq!(begun_here.text("parentSpanId"), "");
    assert_ne!(begun_here.text("traceId"), TRACE);
}

#[tokio::test]
async fn a_dispatch_of_the_outbox_is_a_span() {
    let mut collector = Collector::start().await;
    let latido = traced(&collector, "1").await;
    let mut socket = latido.connect(&latido.account(Role::Admin).await).await;

    let message = json!({ "type": "info", "message": "hello" });
    latido.publish("system:message", &[Topic::All], &message).await;
    socket.next("system:message").await;

    let span = collector.named("outbox dispatch").await;
    assert_eq!(span.attribute("messaging.batch.message_count").unwrap(), "1");
    assert_eq!(span.status(), 0);
}

#[tokio::test]
async fn what_waits_is_sent_before_the_end_under_the_identifiers_of_the_log() {
    let mut collector = Collector::start().await;
    let database = Database::fresh().await;
    let endpoint = collector.endpoint();
    let settings = [("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint), ("OTEL_SAMPLE_RATIO", "1")];
    let process = serve_with_admin(&database, &settings).await;
    process.sign_in().await;

    process.signal(Signal::TERM);
    let (status, log) = process.ended_with_log().await;

    assert_eq!(status.code(), Some(0));
    let span = collector.named("POST /auth/login").await;
    let line = log.iter().find(|line| line["path"] == "/auth/login").expect("a line of the log");
    assert_eq!(line["trace_id"], span.text("traceId"));
    assert_eq!(line["span_id"], span.text("spanId"));
}

#[tokio::test]
async fn a_dead_collector_harms_neither_requests_nor_the_end() {
    let database = Database::fresh().await;
    let endpoint = format!("http://127.0.0.1:{}", free_port());
    let settings = [("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint), ("OTEL_SAMPLE_RATIO", "1")];
    let process = Process::serve(&database, &settings).await;
    for _ in 0..20 {
        assert_eq!(process.call("GET", "/health").send().await.status, 200);
    }

    process.signal(Signal::TERM);

    assert_eq!(process.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_failing_collector_costs_one_warning_not_one_for_each_batch() {
    let mut collector = Collector::answering(StatusCode::INTERNAL_SERVER_ERROR).await;
    let endpoint = collector.endpoint();
    let database = Database::fresh().await;
    let settings = [("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint), ("OTEL_SAMPLE_RATIO", "1")];
    let process = Process::serve(&database, &settings).await;
    for _ in 0..3 {
        assert_eq!(process.call("GET", "/health").send().await.status, 200);
        collector.next().await;
    }

    process.signal(Signal::TERM);
    let (_, log) = process.ended_with_log().await;

    let warnings = log.iter().filter(|line| line["msg"] == "spans not exported");
    assert_eq!(warnings.count(), 1, "{log:?}");
}

#[tokio::test]
async fn a_collector_that_never_answers_delays_neither_requests_nor_the_end() {
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let database = Database::fresh().await;
    let settings = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint),
        ("OTEL_SAMPLE_RATIO", "1"),
        ("SHUTDOWN_GRACE_SECONDS", "1"),
    ];
    let process = Process::serve(&database, &settings).await;
    assert_eq!(process.call("GET", "/health").send().await.status, 200);
    let _unanswered = within("the first batch", silent.accept()).await.unwrap();

    assert_eq!(process.call("GET", "/health").send().await.status, 200);

    process.signal(Signal::TERM);
    assert_eq!(process.ended().await.code(), Some(0));
}

#[tokio::test]
async fn an_https_collector_is_spoken_to_in_tls() {
    let collector = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let endpoint = format!("https://{}", collector.local_addr().unwrap());
    let settings = [("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint), ("OTEL_SAMPLE_RATIO", "1")];
    let latido = start_with(&settings).await;
    assert_eq!(latido.call("GET", "/health").send().await.status, 200);

    let (mut stream, _) = within("a connection", collector.accept()).await.unwrap();
    let mut greeting = [0; 6];
    within("a greeting", stream.read_exact(&mut greeting)).await.unwrap();

    // A handshake record (RFC 8446 §5.1) with a client's hello.
    assert_eq!((greeting[0], greeting[5]), (22, 1));
}
