//! The refresh tokens of one session: of a family only the youngest lives (contract §3.3).

use std::collections::BTreeSet;

use latido::persistence::audit::{self, Filter};
use serde_json::{Value, json};

use crate::support::accounts::{self, SECRET};
use crate::support::device::Device;
use crate::support::http::Answer;
use crate::support::{self, EVENTS, Latido, SocketIo};

/// As if the last refresh had happened longer ago.
async fn age(latido: &Latido, session: &str, milliseconds: u32) {
    let sql = format!(
        "update sessions set refreshed_at = refreshed_at - {milliseconds} where id = '{session}'"
    );
    accounts::run(latido.database.url(), &sql).await;
}

/// How often the family's leaf was replaced, and why the session ended.
async fn standing(latido: &Latido, session: &str) -> (i64, Option<String>) {
    let ask = |column| format!("select {column} from sessions where id = '{session}'");
    let url = latido.database.url();
    (
        accounts::value(url, &ask("refresh_generation")).await,
        accounts::value(url, &ask("revoke_reason")).await,
    )
}

fn successor(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["refresh_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn of_a_hundred_parallel_refreshes_one_leaf_lives_and_everyone_gets_it() {
    let latido = support::start().await;
    let mut device = Device::register(latido.address, "ana@example.com").await;

    let racing = (0..100).map(|_| device.spend(device.refresh_token()));
    let answers = futures_util::future::join_all(racing).await;

    let successors: BTreeSet<_> = answers.iter().map(successor).collect();
    assert_eq!(successors.len(), 1, "{successors:?}");
    assert_eq!(standing(&latido, device.session()).await, (1, None));
    device.tokens["refresh_token"] = json!(successors.first().unwrap());
    assert_eq!(device.refresh().await.status, 200, "the leaf is spent as usual");
    assert_eq!(device.refresh().await.status, 200, "and its successor too");
}

#[tokio::test]
async fn a_retry_in_time_gets_the_same_successor() {
    let latido = support::start().await;
    let device = Device::register(latido.address, "ana@example.com").await;
    let first = successor(&device.spend(device.refresh_token()).await);

    age(&latido, device.session(), 9_000).await;
    let again = successor(&device.spend(device.refresh_token()).await);

    assert_eq!(first, again);
    assert_eq!(standing(&latido, device.session()).await, (1, None));
}

#[tokio::test]
async fn any_other_reuse_ends_the_session() {
    let latido = support::start().await;
    for (email, case) in [("a@example.com", "late"), ("b@example.com", "elsewhere")] {
        let device = Device::register(latido.address, email).await;
        let spent = device.refresh_token();
        successor(&device.spend(spent).await);

        let reused = if case == "late" {
            age(&latido, device.session(), 10_001).await;
            device.spend(spent).await
        } else {
            let body = json!({ "refresh_token": spent });
            let call = device.anonymous("POST", "/auth/refresh").header("user-agent", "thief");
            call.json(&body).send().await
        };

        assert_eq!(reused.status, 401, "{case}: {}", reused.text());
        assert_eq!(reused.json()["type"], "urn:latido:problem:unauthenticated");
        let ended = standing(&latido, device.session()).await;
        assert_eq!(ended, (1, Some("refresh_reuse".to_owned())), "{case}");
        assert!(!device.is_signed_in().await, "{case}");
    }
}

#[tokio::test]
async fn a_grandparent_is_no_retry_however_early_it_comes() {
    let latido = support::start().await;
    let mut device = Device::register(latido.address, "ana@example.com").await;
    let grandparent = device.refresh_token().to_owned();
    successor(&device.refresh().await);
    successor(&device.refresh().await);

    assert_eq!(device.spend(&grandparent).await.status, 401);

    assert_eq!(device.refresh().await.status, 401, "the leaf went with its family");
    assert!(!device.is_signed_in().await);
}

#[tokio::test]
async fn a_forged_token_harms_nobody() {
    let latido = support::start().await;
    let mut device = Device::register(latido.address, "ana@example.com").await;
    let token = device.refresh_token().to_owned();
    let tail = token.rsplit('.').next().unwrap();

    for forged in [
        token.replace(tail, &"A".repeat(43)),
        token.replace(".0.", ".7."),
        format!("{token}.x"),
        "r_".to_owned(),
        String::new(),
    ] {
        assert_eq!(device.spend(&forged).await.status, 401, "{forged}");
    }

    successor(&device.refresh().await);
}

#[tokio::test]
async fn a_reuse_is_told_to_the_session_and_to_the_other_devices() {
    let latido = support::start().await;
    let stolen = Device::register(latido.address, "ana@example.com").await;
    let other = Device::sign_in(latido.address, "ana@example.com", "Firefox/1 (Windows)").await;
    let (mut here, mut there) = (stolen.socket().await, other.socket().await);
    successor(&stolen.spend(stolen.refresh_token()).await);
    age(&latido, stolen.session(), 60_000).await;

    stolen.spend(stolen.refresh_token()).await;

    let revoked = here.next("session:revoked").await;
    assert_eq!(
        (&revoked["sessionId"], &revoked["reason"]),
        (&json!(stolen.session()), &json!("refresh_reuse"))
    );
    here.ended().await;
    let told = there.next("user:update").await;
    assert_eq!((&told["type"], &told["action"]), (&json!("account"), &json!("updated")));
    assert_eq!(
        told["changes"],
        json!({ "security": "refresh_reuse", "sessionId": stolen.session() })
    );
    assert!(told["eventId"].is_string(), "also who is away hears of it: {told}");
    assert_eq!(there.ask("ping", &Value::Null).await["userId"], other.user());
    assert!(other.is_signed_in().await);
    let sql = "select count(*) from audit_log where action = 'refresh_reuse'";
    assert_eq!(accounts::value::<i64>(latido.database.url(), sql).await, 1);
}

#[tokio::test]
async fn an_access_token_buys_no_refresh_token() {
    let latido = support::start().await;
    let device = Device::register(latido.address, "ana@example.com").await;

    let answer = device.call("POST", "/auth/refresh").send().await;

    assert_eq!(answer.status, 401, "{}", answer.text());
}

/// A new access token for the cookie alone.
async fn by_cookie(device: &Device) -> Answer {
    device.anonymous("POST", "/auth/refresh").header("cookie", &device.cookie).send().await
}

#[tokio::test]
async fn portals_that_share_a_cookie_do_not_spend_each_others_refresh_tokens() {
    let latido = support::start().await;
    let mut portal = Device::register(latido.address, "ana@example.com").await;
    for _ in 0..2 {
        let sibling = by_cookie(&portal).await;
        assert_eq!(sibling.status, 200, "{}", sibling.text());
        assert_eq!(sibling.json().get("refresh_token"), None);
        assert_eq!(sibling.json()["session_id"], portal.session());

        assert_eq!(portal.refresh().await.status, 200);
        age(&latido, portal.session(), 60_000).await;
    }

    assert_eq!(standing(&latido, portal.session()).await, (2, None), "one leaf, spent twice");
    assert!(portal.is_signed_in().await);
}

#[tokio::test]
async fn a_cookie_and_a_token_renew_also_after_their_secret_was_forgotten() {
    let newer = "another secret of the tests, long enough to sign with";
    let latido = support::start().await;
    let device = Device::register(latido.address, "ana@example.com").await;
    let first = device.refresh_token().to_owned();
    let (database, secrets) =
        (latido.stop().await, [("JWT_SECRET_KEY", newer), ("JWT_PREVIOUS_SECRET_KEY", SECRET)]);
    let latido = Latido::on(database, &secrets).await;
    let device = device.at(latido.address);
    assert_eq!(by_cookie(&device).await.status, 200);

    // The key that made the token is gone; what is known of it is the hash in the row.
    let latido = Latido::on(latido.stop().await, &[("JWT_SECRET_KEY", newer)]).await;
    let mut device = device.at(latido.address);
    let forged = first.replace(".0.", ".1.");
    assert_eq!(device.spend(&forged).await.status, 401);
    successor(&device.refresh().await);
    successor(&device.spend(&first).await);
    age(&latido, device.session(), 60_000).await;

    assert_eq!(device.spend(&first).await.status, 401);
    assert_eq!(
        standing(&latido, device.session()).await,
        (1, Some("refresh_reuse".to_owned())),
        "a reuse is one whoever made the token"
    );
}

/// What the trail says of renewals: the action, the actor, and where it came from, oldest first.
async fn renewals(latido: &Latido) -> Vec<(String, Option<i64>, bool)> {
    let lines = audit::list(&latido.running.store, &Filter::default(), None, 100).await.unwrap();
    let renewals = lines.into_iter().rev().filter(|line| line.action.starts_with("refresh"));
    renewals
        .map(|line| {
            let is_placed = line.ip.as_deref() == Some("127.0.0.1") && line.request_id.is_some();
            (line.action, line.actor_id.map(|user| user.0), is_placed)
        })
        .collect()
}

#[tokio::test]
async fn every_renewal_and_every_refused_one_is_written_down() {
    let latido = support::start().await;
    let mut device = Device::register(latido.address, "ana@example.com").await;
    let user = device.user();
    let stolen = device.refresh_token().to_owned();
    device.refresh().await;
    by_cookie(&device).await;
    device.spend("r_nonsense").await;
    device.anonymous("POST", "/auth/refresh").send().await;
    let foreign = device.anonymous("POST", "/auth/refresh").header("cookie", &device.cookie);
    foreign.header("origin", "https://evil.example").send().await;
    age(&latido, device.session(), 60_000).await;
    let (auth, agent) = (json!({ "token": device.access() }), [("user-agent", "a socket")]);
    let mut socket = SocketIo::join(latido.address, EVENTS, &auth, &agent).await.unwrap();
    let refused = socket.ask("auth:refresh", &json!({ "refreshToken": stolen })).await;
    assert_eq!(refused["error"]["code"], "unauthenticated", "{refused}");

    let told = renewals(&latido).await;

    let line = |action: &str, actor| (action.to_owned(), actor, true);
    assert_eq!(
        told,
        [
            line("refreshed", Some(user)),
            line("refreshed", Some(user)),
            line("refresh_refused", None),
            line("refresh_refused", None),
            line("refresh_reuse", Some(user)),
        ]
    );
    let agent = "select user_agent from audit_log where action = 'refresh_reuse'";
    let agent: Option<String> = accounts::value(latido.database.url(), agent).await;
    assert_eq!(agent.as_deref(), Some("a socket"));
}
