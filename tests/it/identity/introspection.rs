//! What a gateway learns before it forwards (contract §5.22).

use latido::domain::identity::Role;

use crate::support::accounts::run;
use crate::support::http::{Answer, Call};
use crate::support::{Latido, start, start_with};

const KEY: &str = "a key of another service of 32 characters or more";

fn ask(latido: &Latido) -> Call {
    latido.call("GET", "/auth/introspect")
}

fn named(answer: &Answer) -> (&str, &str, &str) {
    (answer.header("x-user-id"), answer.header("x-user-type"), answer.header("x-reference-id"))
}

#[tokio::test]
async fn the_caller_is_named_by_token_cookie_and_service_key() {
    let latido = start_with(&[("SERVICE_API_KEYS", &format!("gateway:{KEY}"))]).await;
    let doctor = latido.account(Role::Doctor).await;
    let url = latido.database.url();
    run(url, &format!("update users set reference_id = 45 where id = {}", doctor.id)).await;
    let client = latido.account(Role::Client).await;
    let (doctor_id, client_id) = (doctor.id.to_string(), client.id.to_string());

    let answer = ask(&latido).bearer(&doctor.token).send().await;
    assert_eq!(answer.status, 204);
    assert!(answer.body.is_empty());
    assert_eq!(named(&answer), (doctor_id.as_str(), "doctor", "45"));

    let answer = ask(&latido).header("cookie", &client.cookie).send().await;
    assert_eq!((answer.status.as_u16(), named(&answer)), (204, (client_id.as_str(), "client", "")));
    assert!(answer.headers.contains_key("x-reference-id"));

    let answer = ask(&latido).header("x-service-key", KEY).send().await;
    assert_eq!((answer.status.as_u16(), named(&answer)), (204, ("0", "service", "")));
}

#[tokio::test]
async fn strangers_and_deactivated_accounts_do_not_pass() {
    let latido = start().await;
    let patient = latido.account(Role::Patient).await;
    let url = latido.database.url();
    run(url, &format!("update users set is_active = false where id = {}", patient.id)).await;

    let bad = ["", "Bearer nonsense", "Basic YW5hOnB3"];
    for header in bad {
        let call = ask(&latido);
        let call = if header.is_empty() { call } else { call.header("authorization", header) };
        let answer = call.send().await;
        assert_eq!((answer.status.as_u16(), named(&answer)), (401, ("", "", "")), "{header}");
    }
    let answer = ask(&latido).bearer(&patient.token).send().await;
    assert_eq!(answer.status, 403);
    assert_eq!(answer.json()["type"], "urn:latido:problem:account-inactive");
}

#[tokio::test]
async fn a_cookie_that_a_foreign_page_sends_along_does_not_pass() {
    let latido = start().await;
    let patient = latido.account(Role::Patient).await;
    let with = |name: &'static str, value: &'static str| {
        ask(&latido).header("cookie", &patient.cookie).header(name, value).send()
    };

    assert_eq!(with("origin", "https://portal.example").await.status, 204);
    assert_eq!(with("sec-fetch-site", "same-origin").await.status, 204);
    assert_eq!(with("origin", "https://thief.example").await.status, 403);
    assert_eq!(with("sec-fetch-site", "cross-site").await.status, 403);
    let token = ask(&latido).bearer(&patient.token).header("origin", "https://thief.example");
    assert_eq!(token.send().await.status, 204, "no browser adds a token by itself");
}

#[tokio::test]
async fn a_gateway_is_never_told_that_a_known_caller_asks_too_often() {
    let limits = [("RATE_LIMIT_ENABLED", "true"), ("RATE_LIMIT_USER_PER_MIN", "2")];
    let latido = start_with(&limits).await;
    let patient = latido.account(Role::Patient).await;

    for _ in 0..5 {
        assert_eq!(ask(&latido).bearer(&patient.token).send().await.status, 204);
    }
}
