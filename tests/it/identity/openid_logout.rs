//! The end of a browser's session is the end of every portal opened with it, and portals are told.

use std::net::Ipv4Addr;

use axum::Router;
use axum::extract::{Form, Path, State};
use axum::routing::post;
use http::StatusCode;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::support::device::Device;
use crate::support::http::Answer;
use crate::support::openid::{self, Provider};
use crate::support::{EVENTS, accounts, within};

const BYE: (&str, &str) = ("post_logout_redirect_uri", "https://doctors.example/bye");

/// The back ends of the portals.
struct BackEnds {
    address: String,
    heard: mpsc::UnboundedReceiver<(String, String)>,
}

#[derive(Clone)]
struct Ear {
    heard: mpsc::UnboundedSender<(String, String)>,
    answer: StatusCode,
}

#[derive(serde::Deserialize)]
struct Notice {
    logout_token: String,
}

impl BackEnds {
    /// They hear every notice and answer it so.
    async fn start(answer: StatusCode) -> Self {
        let (sender, heard) = mpsc::unbounded_channel();
        let hear = async |State(ear): State<Ear>, Path(client), Form(notice): Form<Notice>| {
            ear.heard.send((client, notice.logout_token)).unwrap();
            ear.answer
        };
        let ear = Ear { heard: sender, answer };
        let router = Router::new().route("/{client}", post(hear)).with_state(ear);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, heard }
    }

    /// The next notice: whom it reached, and its claims, verified.
    async fn next(&mut self, provider: &Provider) -> (String, Value) {
        let heard = within("a logout notice", self.heard.recv()).await;
        let (client, token) = heard.unwrap();
        let header = jsonwebtoken::decode_header(&token).unwrap();
        assert_eq!(header.typ.as_deref(), Some("logout+jwt"));
        let claims = provider.verified(&token, &client).await;
        let event = &claims["events"]["http://schemas.openid.net/event/backchannel-logout"];
        assert_eq!(event, &json!({}));
        assert_eq!(claims.get("nonce"), None);
        assert!(claims["jti"].is_string() && claims["exp"].as_i64() > claims["iat"].as_i64());
        (client, claims)
    }
}

async fn sid(provider: &Provider, tokens: &Value, client: &str) -> Value {
    let claims = provider.verified(tokens["id_token"].as_str().unwrap(), client).await;
    claims["sid"].clone()
}

fn hint(tokens: &Value) -> (&str, &str) {
    ("id_token_hint", tokens["id_token"].as_str().unwrap())
}

async fn logout(provider: &Provider, cookie: &str, pairs: &[(&str, &str)]) -> Answer {
    provider.get("/oidc/logout", pairs, &[("cookie", cookie)]).await
}

#[tokio::test]
async fn a_logout_at_one_portal_ends_all_of_them_and_tells_their_back_ends() {
    let mut back_ends = BackEnds::start(StatusCode::OK).await;
    let provider = openid::start_with(&[], Some(&back_ends.address)).await;
    let browser = provider.register("ana").await;
    let doctors = provider.tokens(&browser).await;
    let patients = provider.patients_tokens(&browser).await;
    let token = json!({ "token": patients["access_token"] });
    let mut socket = provider.latido.join(EVENTS, &token).await.unwrap();
    socket.next("connected").await;

    let out = logout(&provider, &browser, &[hint(&doctors), BYE, ("state", "s 1")]).await;

    assert_eq!(out.status, StatusCode::SEE_OTHER, "{}", out.text());
    assert_eq!(out.header("location"), "https://doctors.example/bye?state=s+1");
    assert!(
        out.header("set-cookie").contains("latido_session=; ")
            && out.header("set-cookie").contains("Max-Age=0")
    );
    assert!(!provider.is_live(&doctors).await && !provider.is_live(&patients).await);
    assert_eq!(socket.next("session:revoked").await["reason"], "logout");
    let mut expected = vec![
        ("doctors".to_owned(), sid(&provider, &doctors, "doctors").await),
        ("patients".to_owned(), sid(&provider, &patients, "patients").await),
    ];
    for _ in 0..2 {
        let (client, claims) = back_ends.next(&provider).await;
        expected.retain(|(known, sid)| (known, sid) != (&client, &claims["sid"]));
    }
    assert!(expected.is_empty(), "{expected:?}");
    let again = provider.authorize(&browser, &openid::changed(&[("prompt", "none")])).await;
    assert_eq!(openid::returned(&again, "error"), "login_required");
}

#[tokio::test]
async fn every_way_a_session_ends_tells_the_portals() {
    let mut back_ends = BackEnds::start(StatusCode::NO_CONTENT).await;
    let provider = openid::start_with(&[], Some(&back_ends.address)).await;
    let browser = provider.register("ana").await;
    let doctors = provider.tokens(&browser).await;
    let patients = provider.patients_tokens(&browser).await;
    let token = |tokens: &Value| tokens["access_token"].as_str().unwrap().to_owned();

    // One portal signs out for itself alone.
    let own = provider.latido.call("POST", "/auth/logout").bearer(&token(&doctors)).send().await;
    assert_eq!(own.status, StatusCode::NO_CONTENT);
    let (client, claims) = back_ends.next(&provider).await;
    assert_eq!(
        (client.as_str(), &claims["sid"]),
        ("doctors", &sid(&provider, &doctors, "doctors").await)
    );
    assert!(provider.is_live(&patients).await);

    // The user signs out everywhere, from any device.
    let doctors = provider.tokens(&browser).await;
    let everywhere = provider.latido.call("POST", "/auth/logout").bearer(&token(&patients));
    let everywhere = everywhere.json(&json!({ "all": true })).send().await;
    assert_eq!(everywhere.status, StatusCode::NO_CONTENT);
    let mut told = [back_ends.next(&provider).await.0, back_ends.next(&provider).await.0];
    told.sort();
    assert_eq!(told, ["doctors", "patients"]);
    assert!(!provider.is_live(&doctors).await && !provider.is_live(&patients).await);
}

#[tokio::test]
async fn a_stolen_refresh_token_ends_what_portals_were_given_and_they_are_told() {
    let mut back_ends = BackEnds::start(StatusCode::OK).await;
    let provider = openid::start_with(&[], Some(&back_ends.address)).await;
    let device = Device::register(provider.latido.address, "ana@example.com").await;
    let doctors = provider.tokens(&device.cookie).await;
    let token = json!({ "token": doctors["access_token"] });
    let mut socket = provider.latido.join(EVENTS, &token).await.unwrap();
    socket.next("connected").await;
    let body = json!({ "refresh_token": device.refresh_token() });
    let spend = async |agent: &str| {
        let call = device.anonymous("POST", "/auth/refresh").header("user-agent", agent);
        call.json(&body).send().await
    };
    assert_eq!(spend("latido-tests").await.status, StatusCode::OK);

    assert_eq!(spend("thief").await.status, StatusCode::UNAUTHORIZED);

    assert_eq!(socket.next("session:revoked").await["reason"], "refresh_reuse");
    assert!(!provider.is_live(&doctors).await);
    let (client, claims) = back_ends.next(&provider).await;
    assert_eq!(
        (client.as_str(), &claims["sid"]),
        ("doctors", &sid(&provider, &doctors, "doctors").await)
    );
}

#[tokio::test]
async fn a_back_end_that_was_down_is_told_later() {
    let mut down = BackEnds::start(StatusCode::SERVICE_UNAVAILABLE).await;
    let provider = openid::start_with(&[], Some(&down.address)).await;
    let browser = provider.register("ana").await;
    let doctors = provider.tokens(&browser).await;
    logout(&provider, &browser, &[hint(&doctors)]).await;
    let (_, first) = down.next(&provider).await;

    // As if the time until the next attempt had passed.
    accounts::run(provider.latido.database.url(), "update oidc_logouts set due_at = 0").await;

    let (client, second) = down.next(&provider).await;
    assert_eq!((client.as_str(), &second["sid"]), ("doctors", &first["sid"]));
    assert_ne!(first["jti"], second["jti"]);
}

#[tokio::test]
async fn without_proof_that_the_user_wants_it_the_user_is_asked() {
    let provider = openid::start().await;
    let (ana, luis) = (provider.register("ana").await, provider.register("luis").await);
    let (hers, his) = (provider.tokens(&ana).await, provider.tokens(&luis).await);
    let confirm = async |headers: &[(&str, &str)]| {
        provider.post("/oidc/logout/confirm?client_id=doctors", &[], headers).await
    };

    for pairs in [vec![], vec![hint(&his)], vec![("id_token_hint", "made.up.hint")]] {
        let asked = logout(&provider, &ana, &pairs).await;

        assert_eq!(asked.status, StatusCode::OK);
        assert!(asked.text().contains("action=\"logout/confirm?"), "{}", asked.text());
        assert!(asked.header("content-security-policy").contains("frame-ancestors 'none'"));
        assert!(provider.is_live(&hers).await && provider.is_live(&his).await);
    }
    let foreign = confirm(&[("cookie", &ana), ("origin", "https://evil.example")]).await;
    assert_eq!(foreign.status, StatusCode::FORBIDDEN);
    assert!(provider.is_live(&hers).await);

    let own = confirm(&[("cookie", &ana), ("sec-fetch-site", "same-origin")]).await;

    assert_eq!(own.status, StatusCode::OK);
    assert!(!provider.is_live(&hers).await && provider.is_live(&his).await);
    // Whoever is signed out already is not asked.
    let again = logout(&provider, &ana, &[("client_id", "doctors"), BYE]).await;
    assert_eq!(again.header("location"), "https://doctors.example/bye");
}

#[tokio::test]
async fn a_portal_whose_browser_lost_its_cookie_still_signs_its_user_out() {
    let provider = openid::start().await;
    let browser = provider.register("ana").await;
    let doctors = provider.tokens(&browser).await;

    let out = logout(&provider, "", &[hint(&doctors), BYE]).await;

    assert_eq!(out.header("location"), "https://doctors.example/bye");
    assert!(!provider.is_live(&doctors).await);
    let again = provider.authorize(&browser, &openid::changed(&[("prompt", "none")])).await;
    assert_eq!(openid::returned(&again, "error"), "login_required");
}

#[tokio::test]
async fn a_logout_leads_nowhere_that_is_not_registered() {
    let provider = openid::start().await;
    let browser = provider.register("ana").await;
    let doctors = provider.tokens(&browser).await;
    let evil = ("post_logout_redirect_uri", "https://evil.example/bye");
    for pairs in [
        vec![hint(&doctors), evil],
        vec![hint(&doctors), ("post_logout_redirect_uri", "https://doctors.example/bye/../x")],
        vec![hint(&doctors), ("post_logout_redirect_uri", "https://doctors.example/cb")],
        vec![BYE],
        vec![("client_id", "patients"), BYE],
        vec![hint(&doctors), ("client_id", "patients"), BYE],
        vec![hint(&doctors), BYE, evil],
        vec![("id_token_hint", "made.up.hint"), BYE],
    ] {
        let answer = logout(&provider, &browser, &pairs).await;

        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{pairs:?}");
        assert_eq!(answer.header("location"), "");
        assert!(provider.is_live(&doctors).await, "and nobody is signed out");
    }
}

/// The session that a ticket of the browser opened at the portal of another domain, as its cookie.
async fn carried(provider: &Provider, browser: &str) -> String {
    let portal = "https://portal.example";
    let call = provider.latido.call("POST", "/api/session-sync/ticket").header("cookie", browser);
    let body = json!({ "targetOrigin": portal });
    let issued = call.header("origin", portal).json(&body).send().await;
    let ticket = issued.json()["data"]["ticket"].clone();
    let call = provider.latido.call("POST", "/api/session-sync/redeem").header("origin", portal);
    let redeemed = call.json(&json!({ "ticket": ticket })).send().await;
    assert_eq!(redeemed.status, StatusCode::OK, "{}", redeemed.text());
    openid::cookie(&redeemed)
}

#[tokio::test]
async fn a_portals_logout_ends_what_tickets_opened_on_other_domains() {
    let provider = openid::start().await;
    let browser = provider.register("ana").await;
    let elsewhere = carried(&provider, &browser).await;
    let doctors = provider.tokens(&browser).await;
    let patients = provider.patients_tokens(&elsewhere).await;

    let out = logout(&provider, &browser, &[hint(&doctors)]).await;

    assert_eq!(out.status, StatusCode::OK, "{}", out.text());
    assert!(!provider.is_live(&doctors).await && !provider.is_live(&patients).await);
    let again = provider.authorize(&elsewhere, &openid::changed(&[("prompt", "none")])).await;
    assert_eq!(openid::returned(&again, "error"), "login_required");
    let url = provider.latido.database.url();
    let nobody = "select count(*) from audit_log where action = 'logout' and actor_id is null";
    assert_eq!(accounts::value::<i64>(url, nobody).await, 0);
}

#[tokio::test]
async fn a_form_from_another_site_is_asked_what_its_user_wants() {
    let provider = openid::start().await;
    let browser = provider.register("ana").await;
    let doctors = provider.tokens(&browser).await;
    let foreign = [("cookie", browser.as_str()), ("origin", "https://doctors.example")];
    for headers in [&foreign[..], &foreign[1..], &[]] {
        let asked = provider.post("/oidc/logout", &[("client_id", "doctors")], headers).await;

        assert_eq!(asked.status, StatusCode::OK);
        assert!(asked.text().contains("action=\"logout/confirm?"), "{}", asked.text());
        assert_eq!(asked.header("set-cookie"), "");
        assert!(provider.is_live(&doctors).await);
    }

    let out = provider.post("/oidc/logout", &[hint(&doctors)], &foreign).await;

    assert!(!out.text().contains("action="), "its ID token is proof: {}", out.text());
    assert!(!provider.is_live(&doctors).await);
    let late = provider.post("/oidc/logout", &[hint(&doctors)], &foreign).await;
    assert!(late.text().contains("action="), "but not of a session that has ended");
}

#[tokio::test]
async fn a_ticket_shows_no_password() {
    let provider = openid::start().await;
    let browser = provider.register("ana").await;
    let url = provider.latido.database.url();
    accounts::run(url, "update sessions set created_at = created_at - 3600000").await;
    let shown = "select created_at / 1000 from sessions order by created_at limit 1";
    let shown: i64 = accounts::value(url, shown).await;

    let elsewhere = carried(&provider, &browser).await;
    let tokens = provider.tokens(&elsewhere).await;

    let claims = provider.verified(tokens["id_token"].as_str().unwrap(), "doctors").await;
    assert_eq!(claims["auth_time"], shown);
    let strict = openid::changed(&[("max_age", "60"), ("prompt", "none")]);
    let refused = provider.authorize(&elsewhere, &strict).await;
    assert_eq!(openid::returned(&refused, "error"), "login_required");
}
