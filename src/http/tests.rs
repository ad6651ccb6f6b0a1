//! Requests through the whole router, on SQLite and, when there is one, PostgreSQL.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::LazyLock;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::header::{ALLOW, SET_COOKIE};
use axum::http::{HeaderMap, Request};
use futures_util::stream;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::*;
use crate::actors::hub::{self, Entrance};
use crate::auth::failures::Surface;
use crate::auth::{self, RefreshKey, RoomTokens, Tokens, rooms, token};
use crate::delivery;
use crate::domain::consultations::room::Rules;
use crate::domain::id::UserId;
use crate::domain::identity::Revocation;
use crate::domain::identity::openid::Clients;
use crate::domain::time::Timestamp;
use crate::error::Kind;
use crate::http::consultations::{Calls, MediaKeys};
use crate::http::identity::attempts::Attempt;
use crate::http::identity::liveness::Rows;
use crate::http::identity::openid::Provider;
use crate::http::platform::Platform;
use crate::http::platform::config::Flags;
use crate::http::platform::health::Standing;
use crate::media::{Ice, Media};
use crate::persistence::audit;
use crate::persistence::identity::accounts;
use crate::persistence::store::tests::stores;
use crate::storage;
use crate::telemetry::Metrics;
use crate::telemetry::logs::{self, Format, Level, LogLevel};

/// A process has one log, and every node of it the same level.
static LOG_LEVEL: LazyLock<LogLevel> =
    LazyLock::new(|| logs::start(Level::Error, Format::Json, "n1").unwrap());

/// A node's API with nobody listening on a port.
struct Node {
    app: App,
    router: Router,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

/// Calls from browser to browser.
fn calls(secret: &[u8]) -> Calls {
    let tokens = rooms::Settings { secret, previous_secret: None, media: None };
    Calls {
        tokens: Arc::new(RoomTokens::new(&tokens)),
        media: Media::Disabled,
        webhooks: None,
        ice: Ice::default(),
        keys: MediaKeys::default(),
        settings: consultations::Settings {
            addresses: None,
            token_ttl: Duration::from_hours(2),
            needs_consent: true,
            room_idle: Duration::from_mins(5),
            p2p_max_peers: 4,
            moves_bad_calls: false,
            takes_unknown_references: false,
            bucket: None,
        },
    }
}

async fn nodes() -> Vec<Node> {
    let mut nodes = Vec::new();
    for store in stores().await {
        nodes.push(node(store, limits::Settings { enabled: false, ..GENEROUS }).await);
    }
    nodes
}

const GENEROUS: limits::Settings =
    limits::Settings { enabled: true, anonymous: 1000, account: 1000, login: 1000 };

#[expect(clippy::too_many_lines, reason = "one node, part by part")]
async fn node(store: Store, limits: limits::Settings) -> Node {
    let secret = vec![1; 32];
    let tokens = Tokens::new(&token::Settings {
        secret: secret.clone(),
        previous_secret: None,
        private_key: None,
        previous_public_key: None,
        ttl: Duration::from_mins(1),
    });
    let auth = Authenticator::new(auth::Settings {
        tokens: tokens.unwrap(),
        refresh: RefreshKey::new(&secret, None),
        service_keys: vec![("test".into(), "k".repeat(32))],
        dev_bypass: false,
        voucher: None,
        lookup: Arc::new(Rows(store.clone())),
    });
    let hub = hub::Settings {
        node: "n1".into(),
        shards: 1,
        max_connections: 10,
        max_connections_per_user: 10,
        allowances: None,
        compress_from: None,
        tracer: Tracer::default(),
        relation: Duration::from_hours(24),
        presence_grace: Duration::from_secs(10),
        rooms: Rules::default(),
        entrance: Entrance::between_browsers(&secret),
        refresh_ttl: Duration::from_hours(1),
    };
    let platform = platform::Settings {
        region: "local".into(),
        cors_origins: Arc::new(Vec::new),
        metrics_public: false,
        redis: Standing::Disabled,
        livekit: None,
        flags: Flags {
            use_livekit: false,
            use_mock_video: false,
            livekit_url: None,
            livekit_ws_url: None,
            ice_servers: Vec::new(),
            auth_dev_bypass: false,
            mercadopago_public_key: None,
        },
    };
    let app = App {
        hub: Hub::start(hub, store.clone(), auth.clone()).await.unwrap(),
        platform: Arc::new(Platform::new(
            platform,
            store.clone(),
            Metrics::start().unwrap(),
            LOG_LEVEL.clone(),
        )),
        cache: cache::Cache::new(Duration::ZERO),
        files: Files::new(storage::Settings {
            directory: std::env::temp_dir().join("latido-files"),
            bucket: None,
            key: [7; 32],
            limit: 4096,
        })
        .unwrap(),
        openid: Arc::new(Provider::new("https://id.example", Clients::default())),
        tracer: Tracer::default(),
        store,
        auth,
        passwords: Passwords::new(2, 0).unwrap(),
        seal: Seal::new(&secret, None),
        deliveries: Deliveries::start(&delivery::Settings {
            mail: None,
            first_pause: Duration::ZERO,
        })
        .unwrap(),
        elsewhere: identity::Elsewhere::default(),
        advisor: None,
        calls: Arc::new(calls(&secret)),
        limits: Arc::new(limits::Limits::new(limits)),
        settings: Arc::new(Settings {
            node: "n1".into(),
            body: body::Bounds { bytes: 4096, within: Duration::from_millis(200) },
            allows_origin: Arc::new(|origin| origin == "https://ours.example"),
            own_origin: OriginList::parse("https://id.example").unwrap(),
            trusted_proxies: Vec::new(),
            cursor_key: secret,
            tls: false,
            cookie: CookieSettings { domain: None, secure: true },
            refresh_ttl: Duration::from_hours(1),
            portals: identity::links::Portals {
                doctors: "https://doctors.example".into(),
                patients: "https://patients.example".into(),
                companies: "https://companies.example".into(),
                house: "https://latido.example".into(),
            },
            default_currency: "ARS".into(),
            relation: Duration::from_hours(24),
        }),
    };
    let extra = Router::new()
        .route("/panic", axum::routing::get(async || -> StatusCode { panic!("on purpose") }))
        .route("/count", axum::routing::post(count));
    let (routes, _) = routes().split_for_parts();
    Node { router: framed(routes.merge(extra), Router::new(), None, app.clone()), app }
}

/// Answers 201 with a number that no other answer has.
async fn count(_: caller::Caller) -> (StatusCode, json::Json<String>) {
    (StatusCode::CREATED, json::Json(uuid::Uuid::now_v7().to_string()))
}

impl Node {
    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Body) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(body).unwrap();
        let peer = SocketAddr::from((Ipv4Addr::new(203, 0, 113, 9), 1));
        request.extensions_mut().insert(ConnectInfo(peer));
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Answer { status: parts.status, headers: parts.headers, body }
    }

    async fn post(&self, path: &str, headers: &[(&str, &str)], body: Value) -> Answer {
        let headers = [&[("content-type", "application/json")], headers].concat();
        self.send("POST", path, &headers, Body::from(body.to_string())).await
    }

    async fn register(&self, email: &str) -> Answer {
        let body = json!({"email": email, "password": "a fine password", "nombre": "Ana",
            "apellido": "Ruiz", "rol": "PACIENTE", "fecha_nacimiento": "1990-05-17"});
        self.post("/auth/register", &[], body).await
    }

    async fn login(&self, email: &str, password: &str) -> Answer {
        self.post("/auth/login", &[], json!({"username": email, "password": password})).await
    }

    async fn verify(&self, pair: &Value) -> Value {
        let token = &pair["access_token"];
        self.post("/auth/verify-token", &[], json!({ "token": token })).await.body
    }
}

fn bearer(pair: &Value) -> String {
    format!("Bearer {}", pair["access_token"].as_str().unwrap())
}

fn cookie(answer: &Answer) -> String {
    answer.headers[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_path_or_method_that_is_not_ours_is_a_problem() {
    for node in nodes().await {
        let missing = node.send("GET", "/nowhere", &[], Body::empty()).await;
        let method = node.send("DELETE", "/auth/login", &[], Body::empty()).await;
        let panicked = node.send("GET", "/panic", &[], Body::empty()).await;

        assert_eq!(missing.body["type"], "urn:latido:problem:not-found");
        assert_eq!(missing.headers["x-request-id"], missing.body["requestId"].as_str().unwrap());
        assert_eq!(method.body["type"], "urn:latido:problem:method-not-allowed");
        assert_eq!(method.headers[ALLOW], "POST");
        assert_eq!((panicked.status.as_u16(), &panicked.body["status"]), (500, &json!(500)));
        assert_eq!(panicked.headers["x-content-type-options"], "nosniff");
    }
}

#[tokio::test]
async fn a_patient_registers_and_is_signed_in() {
    for node in nodes().await {
        let registered = node.register("Ana@Example.com").await;

        assert_eq!(registered.status, StatusCode::CREATED, "{}", registered.body);
        let user = &registered.body["user"];
        assert_eq!(user["email"], "ana@example.com");
        assert_eq!((&user["user_type"], &user["rol"]), (&json!("patient"), &json!("PACIENTE")));
        assert!(user["reference_id"].is_i64());
        assert_eq!(node.verify(&registered.body).await["valid"], true);

        let again = node.register("ana@example.com").await;
        assert_eq!((again.status, &again.body["field"]), (StatusCode::CONFLICT, &json!("email")));
        let session = node
            .post(
                "/auth/session/validate",
                &[("authorization", &bearer(&registered.body))],
                json!({"session_id": registered.body["session_id"]}),
            )
            .await;
        assert_eq!(session.body["session"]["current"], true, "{}", session.body);
    }
}

#[tokio::test]
async fn a_registration_hears_of_all_that_is_wrong_with_it() {
    for node in nodes().await {
        let body = json!({"email": "ana@example.com", "password": "short", "nombre": "Ana",
            "apellido": "Ruiz", "rol": "PACIENTE", "fecha_nacimiento": "yesterday"});

        let refused = node.post("/auth/register", &[], body).await;

        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        let errors = refused.body["errors"].as_array().unwrap();
        let pointers: Vec<_> = errors.iter().map(|error| error["pointer"].as_str()).collect();
        assert_eq!(pointers, [Some("/fecha_nacimiento"), Some("/password")]);
    }
}

#[tokio::test]
async fn a_flag_is_a_text_in_forms_alone() {
    for node in nodes().await {
        node.register("ana@example.com").await;
        let body = json!({"username": "ana@example.com", "password": "a fine password", "remember": "yes"});
        let json = node.post("/auth/login", &[], body).await;
        let form = Body::from("username=ana%40example.com&password=a+fine+password&remember=yes");
        let kind = ("content-type", "application/x-www-form-urlencoded");
        let form = node.send("POST", "/auth/login", &[kind], form).await;

        for refused in [json, form] {
            assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
            let error = &refused.body["errors"][0];
            assert_eq!((&error["pointer"], &error["code"]), (&json!("/remember"), &json!("type")));
        }
    }
}

#[tokio::test]
async fn a_parameter_given_twice_is_named() {
    for node in nodes().await {
        let path = "/api/v1/catalog/exams?limit=1&limit=2";

        let refused = node.send("GET", path, &[], Body::empty()).await;

        assert_eq!(
            (refused.status, &refused.body["detail"]),
            (StatusCode::BAD_REQUEST, &json!("limit is given twice"))
        );
    }
}

#[tokio::test]
async fn one_signs_in_by_json_form_or_parts() {
    for node in nodes().await {
        node.register("ana@example.com").await;
        let json = node.login("ANA@example.com", "a fine password").await;
        let form = Body::from("username=ana%40example.com&password=a+fine+password&remember=true");
        let kind = ("content-type", "application/x-www-form-urlencoded");
        let form = node.send("POST", "/auth/login", &[kind], form).await;
        let parts = Body::from(
            "--x\r\nContent-Disposition: form-data; name=\"email\"\r\n\r\nana@example.com\r\n\
             --x\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\na fine password\r\n--x--\r\n",
        );
        let kind = ("content-type", "multipart/form-data; boundary=x");
        let parts = node.send("POST", "/auth/login", &[kind], parts).await;

        for answer in [&json, &form, &parts] {
            assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        }
        let set = |answer: &Answer| answer.headers[SET_COOKIE].to_str().unwrap().to_owned();
        assert!(set(&json).contains("; HttpOnly; Secure; SameSite=None; Partitioned; Path=/"));
        assert!(set(&form).contains("Max-Age=3600") && !set(&json).contains("Max-Age"));
    }
}

#[tokio::test]
async fn strangers_and_wrong_passwords_are_refused_alike_and_the_tenth_locks() {
    for node in nodes().await {
        node.register("ana@example.com").await;
        let stranger = node.login("nobody@example.com", "a fine password").await;
        let mut wrong = node.login("ana@example.com", "wrong password").await;

        assert_eq!(stranger.status, StatusCode::UNAUTHORIZED);
        for answer in [&stranger, &wrong] {
            assert_eq!(answer.body["type"], "urn:latido:problem:invalid-credentials");
            assert_eq!(answer.body["detail"], stranger.body["detail"]);
        }
        for _ in 0..9 {
            wrong = node.login("ana@example.com", "wrong password").await;
        }
        assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
        let locked = node.login("ana@example.com", "a fine password").await;
        assert_eq!(locked.body["type"], "urn:latido:problem:account-inactive");
        assert!(locked.body["retryAfter"].as_u64().unwrap() > 800);
    }
}

#[tokio::test]
async fn a_session_that_logged_out_is_refused_everywhere() {
    for node in nodes().await {
        let first = node.register("ana@example.com").await;
        let second = node.login("ana@example.com", "a fine password").await;

        let by_cookie = [("cookie", &*cookie(&second)), ("origin", "https://ours.example")];
        let out = node.post("/auth/logout", &by_cookie, json!({})).await;

        assert_eq!(out.status, StatusCode::NO_CONTENT, "{}", out.body);
        assert_eq!(node.verify(&second.body).await["reason"], "revoked");
        assert_eq!(node.verify(&first.body).await["valid"], true);
        let all = json!({"all": true});
        node.post("/auth/logout", &[("authorization", &bearer(&first.body))], all).await;
        assert_eq!(node.verify(&first.body).await["reason"], "revoked");
    }
}

#[tokio::test]
async fn a_foreign_page_cannot_use_the_cookie() {
    for node in nodes().await {
        let cookie = cookie(&node.register("ana@example.com").await);
        let from = |origin| [("cookie", &*cookie), ("origin", origin)];

        let foreign = node.post("/auth/logout", &from("https://evil.example"), json!({})).await;
        let ours = node.post("/auth/logout", &from("https://ours.example"), json!({})).await;

        assert_eq!(foreign.body["type"], "urn:latido:problem:origin-not-allowed");
        assert_eq!(ours.status, StatusCode::NO_CONTENT);
    }
}

#[tokio::test]
async fn a_refresh_token_works_once_and_its_retry_gets_the_same_successor() {
    for node in nodes().await {
        let first = node.register("ana@example.com").await.body;
        let refresh = async |token: &Value| {
            node.post("/auth/refresh", &[], json!({ "refresh_token": token })).await
        };

        let second = refresh(&first["refresh_token"]).await.body;
        let retried = refresh(&first["refresh_token"]).await.body;
        assert_eq!(second["refresh_token"], retried["refresh_token"]);
        let third = refresh(&second["refresh_token"]).await.body;
        assert_eq!(node.verify(&third).await["valid"], true);

        let stolen = refresh(&first["refresh_token"]).await;
        assert_eq!(stolen.status, StatusCode::UNAUTHORIZED);
        assert_eq!(node.verify(&third).await["reason"], "revoked");
        assert_eq!(refresh(&third["refresh_token"]).await.status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn of_many_racing_refreshes_one_leaf_lives() {
    for node in nodes().await {
        let pair = node.register("ana@example.com").await.body;
        let body = json!({"refresh_token": pair["refresh_token"]});

        let racing = (0..20).map(|_| node.post("/auth/refresh", &[], body.clone()));
        let answers = futures_util::future::join_all(racing).await;

        let successors: std::collections::BTreeSet<_> =
            answers.iter().map(|answer| answer.body["refresh_token"].to_string()).collect();
        assert_eq!(successors.len(), 1, "{successors:?}");
    }
}

#[tokio::test]
async fn a_cookie_keeps_its_session_alive_without_spending_the_token() {
    for node in nodes().await {
        let signed_in = node.register("ana@example.com").await;
        let headers = [("cookie", &*cookie(&signed_in)), ("origin", "https://ours.example")];

        let renewed = node.send("POST", "/auth/refresh", &headers, Body::empty()).await;

        assert_eq!(renewed.status, StatusCode::OK, "{}", renewed.body);
        assert_eq!(renewed.body.get("refresh_token"), None, "that one is its holder's");
        let spent = json!({"refresh_token": signed_in.body["refresh_token"]});
        assert_eq!(node.post("/auth/refresh", &[], spent).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_revocation_by_another_node_is_followed() {
    for node in nodes().await {
        let pair = node.register("ana@example.com").await.body;
        let session = pair["session_id"].as_str().unwrap().into();
        let (store, auth, hub) =
            (node.app.store.clone(), node.app.auth.clone(), node.app.hub.clone());
        let step = tokio::spawn(identity::liveness::keep_in_step(store, auth, hub));

        let mut tx = node.app.store.begin().await.unwrap();
        let now = Timestamp::now();
        crate::persistence::identity::sessions::revoke(&mut tx, &session, Revocation::Admin, now)
            .await
            .unwrap();
        tx.commit().await.unwrap();

        let followed = async {
            while node.verify(&pair).await["valid"] == true {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(1), followed).await.unwrap();
        step.abort();
    }
}

#[tokio::test]
async fn a_repeated_request_gets_the_first_answer() {
    for node in nodes().await {
        let pair = node.register("ana@example.com").await.body;
        let bearer = bearer(&pair);
        let keyed = [("authorization", &*bearer), ("idempotency-key", "k1")];

        let first = node.post("/count", &keyed, json!({"a": 1})).await;
        let second = node.post("/count", &keyed, json!({"a": 1})).await;
        let other = node.post("/count", &keyed, json!({"a": 2})).await;

        assert_eq!(first.body, second.body);
        assert_eq!(second.status, StatusCode::CREATED);
        assert_eq!(second.headers["idempotency-replayed"], "true");
        assert_eq!(other.body["type"], "urn:latido:problem:idempotency-key-reuse");
    }
}

#[tokio::test]
async fn a_caller_who_asks_too_often_is_told_when_to_come_back() {
    let store = stores().await.swap_remove(0);
    let node = node(store, limits::Settings { anonymous: 2, ..GENEROUS }).await;
    let ask = async || node.post("/auth/verify-token", &[], json!({"token": "x"})).await;

    assert_eq!(ask().await.headers["ratelimit-remaining"], "1");
    ask().await;
    let refused = ask().await;

    assert_eq!(refused.body["type"], "urn:latido:problem:rate-limited");
    assert!(refused.headers.contains_key("retry-after"));
    assert_eq!(refused.headers["ratelimit-limit"], "2");
    assert_eq!(refused.headers["ratelimit-remaining"], "0");
}

#[tokio::test]
async fn the_stricter_bucket_that_refused_is_the_one_that_is_told() {
    let store = stores().await.swap_remove(0);
    let node = node(store, limits::Settings { login: 4, ..GENEROUS }).await;
    let body = json!({"username": "ana@example.com", "password": "a guess of hers"});
    let ask = async || node.post("/auth/login", &[], body.clone()).await;

    assert_eq!(ask().await.headers["ratelimit-limit"], "1000");
    ask().await;
    let refused = ask().await;

    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.headers["ratelimit-limit"], "2");
    assert_eq!(refused.headers["ratelimit-remaining"], "0");
}

#[tokio::test]
async fn a_body_over_the_limit_or_of_another_type_is_refused() {
    for node in nodes().await {
        let large = json!({"token": "x".repeat(5000)});
        assert_eq!(node.post("/auth/verify-token", &[], large).await.status.as_u16(), 413);
        let text = [("content-type", "text/plain")];
        let answer = node.send("POST", "/auth/login", &text, Body::from("x")).await;
        assert_eq!(answer.status.as_u16(), 415);
    }
}

#[tokio::test]
async fn a_body_that_does_not_come_in_time_is_given_up() {
    for node in nodes().await {
        let bearer = bearer(&node.register("ana@example.com").await.body);
        let keyed = [("authorization", &*bearer), ("idempotency-key", "k1")];
        for (path, headers, kind) in [
            ("/auth/verify-token", &[][..], "application/json"),
            ("/auth/login", &[], "application/x-www-form-urlencoded"),
            ("/auth/login", &[], "multipart/form-data; boundary=x"),
            ("/count", &keyed, "application/json"),
        ] {
            let headers = [&[("content-type", kind)], headers].concat();
            let never = Body::from_stream(stream::pending::<Result<Bytes, Infallible>>());

            let answer = node.send("POST", path, &headers, never).await;

            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path} {kind}");
            assert_eq!(answer.body["detail"], "the body took too long", "{path} {kind}");
        }
    }
}

#[tokio::test]
async fn a_proof_is_worth_nothing_once_its_password_was_changed() {
    for node in nodes().await {
        let (app, now) = (&node.app, Timestamp::now());
        let id =
            UserId(node.register("ana@example.com").await.body["user"]["id"].as_i64().unwrap());
        let user = accounts::by_id(&app.store, id).await.unwrap();
        let context = context::Context {
            peer: peer::Peer(Ipv4Addr::LOCALHOST.into()),
            user_agent: None,
            request_id: String::new(),
        };
        let attempt = Attempt { app, context: &context, surface: Surface::Login, now };
        let proven = attempt.prove(user, "ana@example.com", "a fine password").await.unwrap();
        let mut tx = app.store.begin().await.unwrap();
        assert!(proven.hold(&mut tx, now).await.is_ok());

        accounts::set_password(&mut tx, id, "another hash", now).await.unwrap();

        let refused = proven.hold(&mut tx, now).await.err().unwrap();
        assert!(matches!(refused.kind(), Kind::InvalidCredentials), "{refused}");
        tx.commit().await.unwrap();
        let refused = proven.admit(None, now).await.err().unwrap();
        assert!(matches!(refused.kind(), Kind::InvalidCredentials), "{refused}");
        let filter = audit::Filter { action: Some("login_refused"), ..audit::Filter::default() };
        let lines = audit::list(&app.store, &filter, None, 10).await.unwrap();
        assert_eq!(lines[0].data.0["reason"], "outdated");
        assert_eq!(lines[0].actor_id, Some(id));
    }
}
