//! An auth service beside the hub keeps the accounts (`AUTH_SERVICE_URL`, contract §11).

use std::time::{Duration, Instant};

use latido::domain::identity::Role;
use latido::domain::time::Timestamp;
use serde_json::{Value, json};

use crate::support::accounts::{SECRET, run, value};
use crate::support::http::{Answer, Call};
use crate::support::keys::{File, Signer, edwards_pem};
use crate::support::process::free_port;
use crate::support::upstream::{Reply, Upstream};
use crate::support::{EVENTS, Latido, start, start_with, within};

/// A token as the service signs them, with other claims on top.
fn token(user: i64, more: &Value) -> String {
    let now = Timestamp::now().seconds();
    let mut claims = json!({"sub": user.to_string(), "user_id": user, "user_type": "doctor",
        "reference_id": 45, "iat": now, "exp": now + 600});
    claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Signer::secret(SECRET).sign(&claims)
}

/// A hub beside a service that does that with a request.
async fn beside(manner: impl Fn() -> Reply + Send + Sync + 'static) -> (Latido, Upstream) {
    let service = Upstream::start(move |_| manner()).await;
    let latido = start_with(&[("AUTH_SERVICE_URL", &service.url(""))]).await;
    (latido, service)
}

async fn beside_a_good_one() -> (Latido, Upstream) {
    beside(|| Reply::json(200, &json!({"access_token": token(7, &json!({}))}))).await
}

fn sign_in(latido: &Latido) -> Call {
    let body = json!({"email": "ana@example.com", "password": "her password"});
    latido.call("POST", "/auth/login").json(&body)
}

async fn introspect(latido: &Latido, token: &str) -> Answer {
    latido.call("GET", "/auth/introspect").bearer(token).send().await
}

#[tokio::test]
async fn a_sign_in_is_passed_on_as_it_came_and_so_is_the_answer() {
    let said = json!({"access_token": token(7, &json!({})), "token_type": "bearer", "extra": [1]});
    let body = said.clone();
    let (latido, service) = beside(move || Reply::json(200, &body)).await;
    let form = "username=ana%40example.com&password=her+password";

    let answer = sign_in(&latido).header("x-device-id", "d1").send().await;
    let as_form = latido
        .call("POST", "/auth/login")
        .header("content-type", "application/x-www-form-urlencoded")
        .header("cookie", "latido_session=s_1.secret")
        .body(form)
        .send()
        .await;

    assert_eq!((answer.status.as_u16(), answer.json()), (200, said.clone()));
    assert_eq!(as_form.json(), said);
    let [json, form_too] = &service.asked()[..] else { panic!("two requests") };
    assert_eq!(
        (json.path.as_str(), json.header("content-type")),
        ("/auth/login", "application/json")
    );
    assert_eq!(json.header("x-device-id"), "d1");
    assert_eq!(json.header("x-forwarded-for"), "127.0.0.1");
    assert_eq!(json.header("x-request-id"), answer.header("x-request-id"));
    let told: Value = serde_json::from_slice(&json.body).unwrap();
    assert_eq!(told["password"], "her password");
    assert_eq!(form_too.header("content-type"), "application/x-www-form-urlencoded");
    assert_eq!((form_too.body.as_ref(), form_too.header("cookie")), (form.as_bytes(), ""));
}

#[tokio::test]
async fn a_refusal_of_the_service_is_the_callers_to_read() {
    let (latido, service) =
        beside(|| Reply::json(401, &json!({"detail": "Incorrect e-mail or password"}))).await;

    let answer = sign_in(&latido).send().await;

    assert_eq!(answer.status, 401);
    assert_eq!(answer.json(), json!({"detail": "Incorrect e-mail or password"}));
    assert_eq!(service.asked().len(), 1);
    let refused = "select count(*) from audit_log where action = 'login_refused'";
    assert_eq!(value::<i64>(latido.database.url(), refused).await, 1);

    service.change(|_| Reply::text(429, "slow down"));
    let answer = sign_in(&latido).send().await;
    assert_eq!((answer.status.as_u16(), answer.text()), (429, "slow down"));
}

#[tokio::test]
async fn its_tokens_open_routes_and_sockets_under_the_number_it_gave() {
    let (latido, _service) = beside_a_good_one().await;
    let token = sign_in(&latido).send().await.json()["access_token"].as_str().unwrap().to_owned();

    let answer = introspect(&latido, &token).await;
    let named = ["x-user-id", "x-user-type", "x-reference-id"].map(|name| answer.header(name));
    assert_eq!((answer.status.as_u16(), named), (204, ["7", "doctor", "45"]));
    let mut socket = latido.join(EVENTS, &json!({ "token": token })).await.unwrap();
    let connected = socket.next("connected").await;
    assert_eq!((&connected["userId"], &connected["role"]), (&json!(7), &json!("Medico")));
    let rooms = connected["rooms"].as_array().unwrap();
    assert!(rooms.contains(&json!("user:7")) && rooms.contains(&json!("role:Medico")));

    let url = latido.database.url();
    let account = "select count(*) from users where id = 7 and email = 'ana@example.com'
        and primary_role = 'doctor' and reference_id = 45 and password_hash is null";
    assert_eq!(value::<i64>(url, account).await, 1);
    let audited = "select count(*) from audit_log where action = 'login' and actor_id = 7";
    assert_eq!(value::<i64>(url, audited).await, 1);
}

#[tokio::test]
async fn a_token_needs_no_sign_in_here_and_cannot_be_ended_here() {
    let (latido, service) = beside_a_good_one().await;
    let token = token(8, &json!({"user_type": "patient", "roles": ["patient", "CLIENTE"]}));

    assert_eq!(introspect(&latido, &token).await.status, 204);
    assert!(service.asked().is_empty(), "the shared secret is enough");
    for path in ["/auth/session/validate", "/auth/logout"] {
        let answer = latido.call("POST", path).bearer(&token).send().await;
        assert_eq!(answer.status, 401, "there is no session of ours: {path}");
    }
    let roles = "select count(*) from user_roles where user_id = 8";
    assert_eq!(value::<i64>(latido.database.url(), roles).await, 2);
    let reachable =
        "select count(*) from users where id = 8 and email like '%@auth-service.invalid'";
    assert_eq!(value::<i64>(latido.database.url(), reachable).await, 1);
}

#[tokio::test]
async fn its_tokens_are_good_beside_a_key_pair_of_ours_and_nowhere_else() {
    let (private, token) = (File::with(edwards_pem(12)), token(7, &json!({})));
    let alone = start().await;
    assert_eq!(introspect(&alone, &token).await.status, 401);

    let settings =
        [("AUTH_SERVICE_URL", "http://127.0.0.1:1"), ("JWT_PRIVATE_KEY_FILE", private.path())];
    let beside = start_with(&settings).await;

    assert_eq!(introspect(&beside, &token).await.status, 204);
    let foreign = Signer::secret("a secret that the two do not share with it").sign(&json!({
        "user_id": 7, "user_type": "doctor", "exp": 9_999_999_999_i64}));
    assert_eq!(introspect(&beside, &foreign).await.status, 401);
}

#[tokio::test]
async fn parallel_first_uses_of_a_token_make_one_account() {
    let (latido, _service) = beside_a_good_one().await;
    let token = token(7, &json!({}));

    let calls = (0..8).map(|_| latido.call("GET", "/auth/introspect").bearer(&token).send());
    let calls: Vec<_> = calls.map(tokio::spawn).collect();
    for call in calls {
        assert_eq!(within("an answer", call).await.unwrap().status, 204);
    }

    assert_eq!(
        value::<i64>(latido.database.url(), "select count(*) from auth_identities").await,
        1
    );
}

#[tokio::test]
async fn a_number_that_an_account_made_here_has_is_not_the_services() {
    let (latido, _service) = beside_a_good_one().await;
    let admin = latido.account(Role::Admin).await;

    let answer = introspect(&latido, &token(admin.id, &json!({}))).await;
    assert_eq!(answer.status, 401);
    assert_eq!(introspect(&latido, &admin.token).await.status, 204, "our own sessions go on");

    let ended = format!("update sessions set revoked_at = 1 where id = '{}'", admin.session);
    run(latido.database.url(), &ended).await;
    let Latido { running, database, .. } = latido;
    running.stop().await;
    let latido = Latido::on(database, &[("AUTH_SERVICE_URL", "http://127.0.0.1:1")]).await;
    let answer = introspect(&latido, &admin.token).await;
    assert_eq!(answer.status, 401, "nor does the service revive a session of ours");
}

#[tokio::test]
async fn an_account_deactivated_here_is_out_although_its_token_is_good() {
    let (latido, _service) = beside_a_good_one().await;
    let token = token(7, &json!({}));
    assert_eq!(introspect(&latido, &token).await.status, 204);

    let now = Timestamp::now().0;
    let sql = format!(
        "update users set is_active = false, version = version + 1, updated_at = {now} where id = 7"
    );
    run(latido.database.url(), &sql).await;

    let refused = async {
        while introspect(&latido, &token).await.status != 403 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(3), refused).await.expect("refused before long");
}

#[tokio::test]
async fn looking_at_a_token_is_the_services_business() {
    let said = json!({"valid": false, "reason": "it says so"});
    let body = said.clone();
    let (latido, service) = beside(move || Reply::json(200, &body)).await;

    let in_body = json!({"token": "anything"});
    let answer = latido.call("POST", "/auth/verify-token").json(&in_body).send().await;
    let by_header = latido.call("POST", "/auth/verify-token").bearer("anything").send().await;

    assert_eq!((answer.json(), by_header.json()), (said.clone(), said));
    let [first, second] = &service.asked()[..] else { panic!("two requests") };
    assert_eq!(
        (first.path.as_str(), first.body.as_ref()),
        ("/auth/verify-token", in_body.to_string().as_bytes())
    );
    assert_eq!(second.header("authorization"), "Bearer anything");
}

#[tokio::test]
async fn accounts_are_opened_there_and_not_here() {
    const PROJECT: &str = "the secret of a Supabase project, long enough";
    let service = Upstream::start(|_| Reply::text(200, "")).await;
    let url = service.url("");
    let settings = [("AUTH_SERVICE_URL", url.as_str()), ("SUPABASE_JWT_SECRET", PROJECT)];
    let latido = start_with(&settings).await;
    let new = json!({"email": "ana@example.com", "password": "a long enough password",
        "nombre": "Ana", "apellido": "Ruiz", "rol": "CLIENTE"});
    let supabase = Signer::secret(PROJECT).sign(&json!({"aud": "authenticated", "sub": "7f3c",
        "email": "ana@example.com", "exp": 9_999_999_999_i64}));

    let registered = latido.call("POST", "/auth/register").json(&new).send().await;
    let body = json!({"provider": "supabase", "token": supabase});
    let exchanged = latido.call("POST", "/auth/exchange").json(&body).send().await;

    assert_eq!((registered.status.as_u16(), exchanged.status.as_u16()), (403, 403));
    for (path, body) in [
        ("/auth/password/forgot", json!({"email": "ana@example.com"})),
        ("/auth/password/reset", json!({"token": "x", "new_password": "a long enough password"})),
    ] {
        assert_eq!(latido.call("POST", path).json(&body).send().await.status, 403, "{path}");
    }
    assert_eq!(value::<i64>(latido.database.url(), "select count(*) from users").await, 0);
}

#[tokio::test]
async fn administrators_open_accounts_there_too() {
    let said = json!({"success": true, "user_id": 41, "user": {"id": 41}});
    let body = said.clone();
    let (latido, service) = beside(move || Reply::json(201, &body)).await;
    let admin = latido.account(Role::Admin).await;
    let new = json!({"email": "ana@example.com", "password": "a long enough password",
        "user_type": "doctor", "reference_id": 45});
    let create = || latido.call("POST", "/users/create").json(&new);

    let stranger = create().send().await;
    let created = create().bearer(&admin.token).send().await;

    assert_eq!(stranger.status, 401, "who may ask is ours to say");
    assert_eq!((created.status.as_u16(), created.json()), (201, said));
    let [asked] = &service.asked()[..] else { panic!("one request") };
    assert_eq!(
        (asked.path.as_str(), asked.body.as_ref()),
        ("/users/create", new.to_string().as_bytes())
    );
    let url = latido.database.url();
    let audited = "select entity_id from audit_log where action = 'created'";
    assert_eq!(value::<String>(url, audited).await, "41");
    let opened = "select count(*) from users where email = 'ana@example.com'";
    assert_eq!(value::<i64>(url, opened).await, 0);
}

#[track_caller]
fn assert_upstream(answer: &Answer, status: u16, slug: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.json()["type"], format!("urn:latido:problem:{slug}"));
}

#[tokio::test]
async fn a_service_that_fails_is_asked_once() {
    for status in [500, 503, 302] {
        let (latido, service) = beside(move || Reply::text(status, "broken")).await;

        assert_upstream(&sign_in(&latido).send().await, 502, "upstream-failed");
        assert_eq!(service.asked().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn a_service_that_is_silent_is_asked_once_and_given_up_in_time() {
    let (latido, service) = beside(|| Reply::Silence).await;
    let started = Instant::now();

    assert_upstream(&sign_in(&latido).send().await, 504, "upstream-timeout");

    assert!((4..8).contains(&started.elapsed().as_secs()), "{:?}", started.elapsed());
    assert_eq!(service.asked().len(), 1);
}

#[tokio::test]
async fn a_connection_that_does_not_come_about_is_tried_again() {
    let port = free_port();
    let address = format!("http://127.0.0.1:{port}");
    let latido = start_with(&[("AUTH_SERVICE_URL", &address)]).await;
    let started = Instant::now();

    assert_upstream(&sign_in(&latido).send().await, 502, "upstream-failed");

    assert!(started.elapsed() >= Duration::from_millis(400), "after two pauses");
    let (answer, service) = tokio::join!(sign_in(&latido).send(), async {
        // It comes up while the request is under way.
        latido.call("GET", "/health/live").send().await;
        Upstream::start_on(port, |_| Reply::json(401, &json!({}))).await
    });
    assert_eq!(answer.status, 401);
    assert_eq!(service.asked().len(), 1);
}

#[tokio::test]
async fn settings_changed_by_a_token_of_the_service_are_told_to_the_user() {
    let (latido, _service) = beside_a_good_one().await;
    let token = token(7, &json!({}));
    let mut socket = latido.join(EVENTS, &json!({ "token": token })).await.unwrap();
    socket.next("connected").await;

    let body = json!({"theme": "dark"});
    let patched = latido.call("PATCH", "/users/me/settings").bearer(&token).json(&body);
    assert_eq!(patched.send().await.status, 200);

    let update = socket.next("user:update").await;
    assert_eq!(
        (&update["type"], &update["changes"]["theme"]),
        (&json!("settings"), &json!("dark"))
    );
}
