//! What a caller cannot make of itself, nor find out about others.

use latido::domain::identity::Role;
use serde_json::json;

use crate::support::database::Database;
use crate::support::process::{ADMIN, Process, serve_with_admin};
use crate::support::{self, Latido, accounts};

const LIMITED: [(&str, &str); 2] =
    [("RATE_LIMIT_ENABLED", "true"), ("RATE_LIMIT_ANON_PER_MIN", "3")];

/// The statuses of requests that claim to come from these addresses.
async fn statuses(latido: &Latido, forwarded: &[&str]) -> Vec<u16> {
    let mut statuses = Vec::new();
    for from in forwarded {
        let call = latido.call("GET", "/api/v1/catalog/exams").header("x-forwarded-for", from);
        statuses.push(call.send().await.status.as_u16());
    }
    statuses
}

#[tokio::test]
async fn a_caller_cannot_choose_its_address() {
    let latido = support::start_with(&LIMITED).await;

    let claimed = ["203.0.113.1", "203.0.113.2", "203.0.113.3", "203.0.113.4"];

    assert_eq!(statuses(&latido, &claimed).await, [200, 200, 200, 429]);
}

#[tokio::test]
async fn behind_a_proxy_it_is_the_address_the_proxy_saw_and_its_64() {
    let trusting = [&LIMITED[..], &[("TRUSTED_PROXIES", "127.0.0.0/8")]].concat();
    let latido = support::start_with(&trusting).await;

    let one = ["1.1.1.1, 203.0.113.1", "2.2.2.2, 203.0.113.1", "203.0.113.1", "203.0.113.1"];
    assert_eq!(statuses(&latido, &one).await, [200, 200, 200, 429]);
    assert_eq!(statuses(&latido, &["203.0.113.2"]).await, [200]);
    let moving = ["2001:db8::1", "2001:db8::2", "2001:db8::3:0:0:1", "2001:db8::4"];
    assert_eq!(statuses(&latido, &moving).await, [200, 200, 200, 429]);
}

#[tokio::test]
async fn what_a_caller_sends_does_not_become_a_header_of_the_answer() {
    let latido = support::start().await;
    for id in ["<script>alert(1)</script>", "a b c d e f g h", "ñandú-ñandú", &"x".repeat(65)] {
        let answer = latido.call("GET", "/health/live").header("x-request-id", id).send().await;

        assert!(!answer.headers.iter().any(|(_, value)| value.as_bytes() == id.as_bytes()));
    }
    let path = "/nowhere%0d%0aset-cookie:%20latido_session=evil";
    let answer = latido.call("GET", path).header("origin", "https://evil.example").send().await;
    assert_eq!(answer.status, 404);
    assert_eq!(answer.header("set-cookie"), "");
    assert_eq!(answer.header("access-control-allow-origin"), "");
}

/// The work one refused sign-in makes, in seconds of processor time: unlike the clock it does not
/// depend on what else the machine does.
async fn refusal(process: &Process, username: &str) -> f64 {
    let body = json!({ "username": username, "password": "not the password" });
    let before = process.cpu_seconds();
    let answer = process.call("POST", "/auth/login").json(&body).send().await;
    assert_eq!(answer.json()["type"], "urn:latido:problem:invalid-credentials");
    process.cpu_seconds() - before
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// By how much refusals of a known and an unknown name differ in the median, in per cent.
async fn difference(process: &Process, database: &Database, known: &str) -> f64 {
    let (mut of_known, mut of_unknown) = (Vec::new(), Vec::new());
    for number in 0..24 {
        if number % 8 == 0 {
            // Ten failures lock an account, and a locked one is refused without a look.
            accounts::run(database.url(), "update users set recent_failures = '[]'").await;
        }
        let unknown = format!("nobody{number}@example.com");
        of_known.push(refusal(process, known).await);
        of_unknown.push(refusal(process, &unknown).await);
    }
    let (known, unknown) = (median(of_known), median(of_unknown));
    (known - unknown).abs() / known.max(unknown) * 100.0
}

#[tokio::test]
async fn the_work_of_a_refusal_does_not_tell_whether_the_account_exists() {
    let database = Database::fresh().await;
    let process = serve_with_admin(&database, &[]).await;

    assert_alike(&process, &database, ADMIN.0).await;
}

#[tokio::test]
async fn the_work_of_a_refusal_does_not_tell_how_old_a_hash_is() {
    let database = Database::fresh().await;
    let process = serve_with_admin(&database, &[]).await;
    for (name, cost) in [("cheap@example.com", 6), ("dear@example.com", 9)] {
        let id = accounts::create(database.url(), Role::Patient).await.id;
        let hash = bcrypt::hash("the password", cost).unwrap();
        let sql =
            format!("update users set email = '{name}', password_hash = '{hash}' where id = {id}");
        accounts::run(database.url(), &sql).await;
    }

    for name in ["cheap@example.com", "dear@example.com", ADMIN.0] {
        assert_alike(&process, &database, name).await;
    }
}

/// Asserts that a known name is refused for the work of an unknown one.
async fn assert_alike(process: &Process, database: &Database, known: &str) {
    let mut seen = vec![difference(process, database, known).await];
    // A crowded cache may blur one round; what tells shows in every round.
    while seen.len() < 4 && seen.iter().all(|percent| *percent >= 5.0) {
        seen.push(difference(process, database, known).await);
    }
    assert!(seen.iter().any(|percent| *percent < 5.0), "{known}: medians differ by {seen:?} %");
}

#[tokio::test]
async fn what_only_looks_like_an_allowed_origin_is_refused_on_every_transport() {
    let latido = support::start().await;
    let patient = latido.account(Role::Patient).await;
    for origin in [
        "null",
        "https://portal.example.evil.example",
        "https://evil.example/https://portal.example",
        "http://portal.example",
        "https://portal.example:8443",
        "https://portal.example@evil.example",
    ] {
        for path in ["/socket.io/?EIO=4&transport=polling", "/events"] {
            let call =
                latido.call("GET", path).header("origin", origin).header("cookie", &patient.cookie);
            let call = if path == "/events" { call.upgrade() } else { call };

            let answer = call.send().await;

            assert_eq!(answer.status, 403, "{origin} {path}");
            assert_eq!(answer.header("access-control-allow-origin"), "", "{origin} {path}");
        }
    }
}
