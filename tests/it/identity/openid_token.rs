//! The token endpoint: what a code and a refresh token are bound to, and what their reuse costs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::join_all;
use http::StatusCode;
use serde_json::{Value, json};

use crate::support::http::Answer;
use crate::support::openid::{self, Provider, SECRET, VERIFIER, doctors, patients, redemption};
use crate::support::{EVENTS, accounts};

/// What `doctors` sends to redeem a code, with other values; an empty one takes a parameter away.
fn with<'a>(code: &'a str, changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut pairs = redemption(code).to_vec();
    pairs.retain(|(name, _)| !changes.iter().any(|(other, _)| name == other));
    pairs.extend(changes.iter().filter(|(_, value)| !value.is_empty()));
    pairs
}

fn assert_refused(answer: &Answer, error: &str, what: &str) {
    let status = if error == "invalid_client" { 401 } else { 400 };
    assert_eq!(answer.status.as_u16(), status, "{what}: {}", answer.text());
    assert_eq!(answer.json()["error"], error, "{what}");
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "no-store");
    if status == 401 {
        assert!(answer.header("www-authenticate").starts_with("Basic"));
    }
}

#[tokio::test]
async fn a_code_is_worth_nothing_to_whoever_did_not_ask_for_it() {
    let provider = openid::start().await;
    let browser = provider.register("ana").await;
    let other_verifier = VERIFIER.replace('a', "b");
    for changes in [
        [("code_verifier", other_verifier.as_str())],
        [("code_verifier", "short")],
        [("redirect_uri", "https://doctors.example/other")],
        [("redirect_uri", "https://evil.example/cb")],
    ] {
        let code = provider.code(&browser, &doctors()).await;

        let refused = provider.token(&with(&code, &changes)).await;
        assert_refused(&refused, "invalid_grant", changes[0].0);

        // There is no second guess.
        let late = provider.redeem(&code).await;
        assert_refused(&late, "invalid_grant", changes[0].0);
    }
    assert_refused(&provider.redeem("made-up").await, "invalid_grant", "unknown");
    assert_eq!(provider.audited("authorization_refused").await.len(), 9);
}

#[tokio::test]
async fn another_client_cannot_redeem_a_code_nor_spoil_it() {
    let provider = openid::start().await;
    let browser = provider.register("ana").await;
    let code = provider.code(&browser, &doctors()).await;

    let thief = with(&code, &[("client_id", "patients"), ("client_secret", SECRET)]);
    assert_refused(&provider.token(&thief).await, "invalid_grant", "another client");

    assert_eq!(provider.redeem(&code).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_code_lives_for_a_minute() {
    let provider = openid::start().await;
    let browser = provider.register("ana").await;
    let code = provider.code(&browser, &doctors()).await;
    let sql = "update oidc_codes set expires_at = expires_at - 60000";
    accounts::run(provider.latido.database.url(), sql).await;

    assert_refused(&provider.redeem(&code).await, "invalid_grant", "expired");
}

#[tokio::test]
async fn a_code_of_a_browser_that_signed_out_is_worth_nothing() {
    let provider = openid::start().await;
    let browser = provider.register("ana").await;
    let code = provider.code(&browser, &doctors()).await;
    let headers = [("cookie", browser.as_str()), ("origin", "https://portal.example")];
    let out = provider.post("/auth/logout", &[], &headers).await;
    assert_eq!(out.status, StatusCode::NO_CONTENT, "{}", out.text());

    assert_refused(&provider.redeem(&code).await, "invalid_grant", "signed out");
}

#[tokio::test]
async fn a_code_that_comes_back_ends_what_it_gave() {
    let provider = openid::start().await;
    let browser = provider.register("ana").await;
    let code = provider.code(&browser, &doctors()).await;
    let tokens = provider.redeem(&code).await.json();
    let others = provider.tokens(&browser).await;

    assert_refused(&provider.redeem(&code).await, "invalid_grant", "used");

    assert!(!provider.is_live(&tokens).await);
    assert!(provider.is_live(&others).await, "what another code gave stays");
    assert_eq!(provider.audited("code_reuse").await.len(), 1);
}

#[tokio::test]
async fn of_many_racing_redemptions_none_leaves_more_than_one_session() {
    let provider = openid::start().await;
    let browser = provider.register("ana").await;
    let code = provider.code(&browser, &doctors()).await;

    let answers = join_all((0..20).map(|_| provider.redeem(&code))).await;

    let given: Vec<_> = answers.iter().filter(|answer| answer.status == StatusCode::OK).collect();
    assert_eq!(given.len(), 1);
    assert!(!provider.is_live(&given[0].json()).await, "and the reuse ended that one");
}

#[tokio::test]
async fn no_session_outlives_a_logout_that_raced_with_its_redemption() {
    let provider = openid::start().await;
    for round in 0..10 {
        let browser = provider.register(&format!("ana{round}")).await;
        let code = provider.code(&browser, &doctors()).await;
        let headers = [("cookie", browser.as_str()), ("origin", "https://portal.example")];

        let (given, out) =
            tokio::join!(provider.redeem(&code), provider.post("/auth/logout", &[], &headers));

        assert_eq!(out.status, StatusCode::NO_CONTENT);
        if given.status == StatusCode::OK {
            assert!(!provider.is_live(&given.json()).await, "round {round}");
        }
    }
}

#[tokio::test]
async fn a_client_that_does_not_prove_itself_gets_nothing() {
    let provider = openid::start().await;
    let browser = provider.register("ana").await;
    let code = provider.code(&browser, &patients()).await;
    let of_patients = ("client_id", "patients");
    let redirect = ("redirect_uri", "https://patients.example/cb?tenant=1");

    for (changes, error) in [
        (vec![of_patients], "invalid_client"),
        (vec![of_patients, ("client_secret", "wrong")], "invalid_client"),
        (vec![("client_id", "")], "invalid_client"),
        (vec![("client_id", "nobody")], "invalid_client"),
        (vec![("client_secret", SECRET)], "invalid_client"),
        (vec![("grant_type", "")], "invalid_request"),
        (vec![("grant_type", "password")], "unsupported_grant_type"),
        (vec![("grant_type", "client_credentials")], "unsupported_grant_type"),
        (vec![("code", "")], "invalid_request"),
        (vec![("code_verifier", "")], "invalid_request"),
        (vec![("scope", "a"), ("scope", "b")], "invalid_request"),
    ] {
        let answer = provider.token(&with(&code, &changes)).await;
        assert_refused(&answer, error, &format!("{changes:?}"));
    }
    let json = json!({ "grant_type": "authorization_code" });
    let json = provider.latido.call("POST", "/oidc/token").json(&json).send().await;
    assert_refused(&json, "invalid_request", "JSON");

    // None of it spent the code.
    let right = with(&code, &[of_patients, ("client_secret", SECRET), redirect]);
    assert_eq!(provider.token(&right).await.status, StatusCode::OK);
}

async fn refreshed(provider: &Provider, client: &[(&str, &str)], tokens: &Value) -> Answer {
    let token = tokens["refresh_token"].as_str().unwrap();
    let pairs = [&[("grant_type", "refresh_token"), ("refresh_token", token)], client].concat();
    provider.token(&pairs).await
}

#[tokio::test]
async fn a_refresh_token_works_once_and_only_for_its_client() {
    let provider = openid::start().await;
    let browser = provider.register("ana").await;
    let doctors = [("client_id", "doctors")];
    let first = provider.tokens(&browser).await;
    let id = provider.verified(first["id_token"].as_str().unwrap(), "doctors").await;

    let others = [("client_id", "patients"), ("client_secret", SECRET)];
    let stolen = refreshed(&provider, &others, &first).await;
    assert_refused(&stolen, "invalid_grant", "another client");
    let body = json!({ "refresh_token": first["refresh_token"] });
    let around = provider.latido.call("POST", "/auth/refresh").json(&body).send().await;
    assert_eq!(around.status, StatusCode::UNAUTHORIZED, "not without the client");
    let more = [("client_id", "doctors"), ("scope", "openid admin")];
    assert_refused(&refreshed(&provider, &more, &first).await, "invalid_scope", "more scope");

    let second = refreshed(&provider, &doctors, &first).await.json();
    let again = refreshed(&provider, &doctors, &first).await.json();
    assert_eq!(second["refresh_token"], again["refresh_token"], "a lost answer is no theft");
    let renewed = provider.verified(second["id_token"].as_str().unwrap(), "doctors").await;
    for claim in ["sub", "aud", "sid", "auth_time"] {
        assert_eq!(renewed[claim], id[claim], "{claim}");
    }
    assert_eq!(renewed.get("nonce"), None);
    let third = refreshed(&provider, &doctors, &second).await.json();
    assert!(provider.is_live(&third).await);

    assert_refused(&refreshed(&provider, &doctors, &first).await, "invalid_grant", "reuse");
    assert!(!provider.is_live(&third).await, "the whole family ends");
    assert_refused(&refreshed(&provider, &doctors, &third).await, "invalid_grant", "ended");
}

#[tokio::test]
async fn pages_of_allowed_origins_may_redeem_and_others_may_not_read() {
    let provider = openid::start().await;
    for path in ["/oidc/token", "/oidc/userinfo", "/.well-known/openid-configuration"] {
        let preflight = async |origin| {
            let call = provider.latido.call("OPTIONS", path).header("origin", origin);
            let call = call.header("access-control-request-method", "POST");
            let answer =
                call.header("access-control-request-headers", "authorization").send().await;
            answer.header("access-control-allow-origin").to_owned()
        };
        assert_eq!(preflight("https://portal.example").await, "https://portal.example", "{path}");
        assert_eq!(preflight("https://evil.example").await, "", "{path}");
    }
}

#[tokio::test]
async fn a_portals_refresh_token_is_good_on_no_socket() {
    let provider = openid::start().await;
    let browser = provider.register("ana").await;
    let tokens = provider.patients_tokens(&browser).await;
    let auth = json!({ "token": tokens["access_token"] });
    let mut socket = provider.latido.join(EVENTS, &auth).await.unwrap();

    let refused =
        socket.ask("auth:refresh", &json!({ "refreshToken": tokens["refresh_token"] })).await;

    assert_eq!(refused["error"]["code"], "unauthenticated", "{refused}");
    assert!(provider.is_live(&tokens).await, "and is not spent by trying");
    let basic = format!("Basic {}", STANDARD.encode(format!("patients:{SECRET}")));
    let pairs = [
        ("grant_type", "refresh_token"),
        ("refresh_token", tokens["refresh_token"].as_str().unwrap()),
    ];
    let renewed = provider.post("/oidc/token", &pairs, &[("authorization", &basic)]).await;
    assert_eq!(renewed.status, StatusCode::OK, "{}", renewed.text());
}

#[tokio::test]
async fn a_refresh_may_ask_for_less_and_for_all_of_it_again() {
    let provider = openid::start().await;
    let browser = provider.register("ana").await;
    let mut tokens = provider.tokens(&browser).await;
    for (asked, given) in
        [("openid email", "openid email"), ("openid", "openid"), ("", "openid profile email")]
    {
        let mut pairs = vec![
            ("grant_type", "refresh_token"),
            ("client_id", "doctors"),
            ("refresh_token", tokens["refresh_token"].as_str().unwrap()),
        ];
        pairs.extend(Some(("scope", asked)).filter(|(_, asked)| !asked.is_empty()));
        let answer = provider.token(&pairs).await;

        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        tokens = answer.json();
        assert_eq!(tokens["scope"], given);
        let token = tokens["access_token"].as_str().unwrap();
        let user = provider.latido.call("GET", "/oidc/userinfo").bearer(token).send().await.json();
        assert_eq!(user["email"].is_string(), given.contains("email"), "{user}");
        assert_eq!(user["given_name"].is_string(), given.contains("profile"), "{user}");
    }
}

#[tokio::test]
async fn what_is_refused_is_written_down_under_whose_it_was() {
    let provider = openid::start().await;
    let browser = provider.register("ana").await;
    let code = provider.code(&browser, &doctors()).await;
    provider.token(&with(&code, &[("code_verifier", "short")])).await;
    let code = provider.code(&browser, &doctors()).await;
    provider.redeem(&code).await;
    provider.redeem(&code).await;

    let known = "select count(*) from audit_log where actor_id is not null and action in
                 ('authorization_refused', 'code_reuse')";
    assert_eq!(accounts::value::<i64>(provider.latido.database.url(), known).await, 3);
}
