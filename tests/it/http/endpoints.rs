//! The endpoints sockets come in by are requests like all others until they are sockets.

use latido::domain::identity::Role;
use serde_json::Value;

use crate::support::http::Answer;
use crate::support::scrape::Scrape;
use crate::support::{self, Latido};

const OPEN: &str = "/socket.io/?EIO=4&transport=polling";

async fn ask(latido: &Latido, method: &str, path: &str) -> Answer {
    latido.call(method, path).header("x-request-id", "abc-12345").send().await
}

#[tokio::test]
async fn their_answers_carry_what_every_answer_carries() {
    let latido = support::start().await;
    for (path, status) in [(OPEN, 200), ("/socket.io/", 400), ("/events", 426), ("/signaling", 426)]
    {
        let answer = ask(&latido, "GET", path).await;

        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        assert_eq!(answer.header("x-request-id"), "abc-12345", "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
    }
    let upgraded = latido.call("GET", "/events").upgrade().send().await;
    assert_eq!(upgraded.status, 101);
    assert_eq!(upgraded.header("x-content-type-options"), "nosniff");
}

#[tokio::test]
async fn their_refusals_are_whole_problems() {
    let latido = support::start().await;
    for (path, slug) in [("/events", "upgrade-required"), ("/signaling", "upgrade-required")] {
        let problem = ask(&latido, "GET", path).await.json();

        assert_eq!(problem["type"], format!("urn:latido:problem:{slug}"));
        assert_eq!(
            (&problem["instance"], &problem["requestId"]),
            (&path.into(), &"abc-12345".into())
        );
        assert_ne!(problem["detail"], Value::Null);
    }
}

#[tokio::test]
async fn a_method_that_opens_no_socket_is_refused_with_those_that_may() {
    let latido = support::start().await;
    for path in ["/events", "/signaling"] {
        let posted = ask(&latido, "POST", path).await;
        let looked = ask(&latido, "HEAD", path).await;

        assert_eq!((posted.status.as_u16(), posted.header("allow")), (405, "GET,HEAD"), "{path}");
        assert_eq!(looked.status, 426, "as a GET would be");
    }
}

#[tokio::test]
async fn they_are_counted_by_route() {
    let latido = support::start().await;
    ask(&latido, "GET", OPEN).await;
    ask(&latido, "GET", "/events").await;

    let admin = latido.account(Role::Admin).await;
    let metrics = latido.call("GET", "/metrics").bearer(&admin.token).send().await;
    let scrape = Scrape::read(metrics.text());

    let routes = scrape.label_values("latido_http_requests_total", "route");
    assert!(routes.contains("/socket.io/") && routes.contains("/events"), "{routes:?}");
}
