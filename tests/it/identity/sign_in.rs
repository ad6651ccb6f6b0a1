//! Signing in: every dress of the body, every account, and the way around in development.

use latido::domain::identity::Role;
use serde_json::{Value, json};

use crate::support::device::{Device, PASSWORD, logging_in};
use crate::support::http::Answer;
use crate::support::plain::Plain;
use crate::support::{self, EVENTS, Latido, accounts};

const ANA: &str = "ana@example.com";
const FORM: &str = "application/x-www-form-urlencoded";
const PARTS: &str = "multipart/form-data; boundary=x";

async fn log_in(latido: &Latido, kind: &str, body: impl Into<bytes::Bytes>) -> Answer {
    latido.call("POST", "/auth/login").header("content-type", kind).body(body).send().await
}

fn part(name: &str, value: &str) -> String {
    format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
}

#[tokio::test]
async fn every_dress_of_the_body_signs_in_by_either_name() {
    let latido = support::start().await;
    let user = Device::register(latido.address, ANA).await.user();

    for field in ["username", "email"] {
        let json = json!({ field: "Ana@Example.com", "password": PASSWORD });
        let form = format!("{field}=ANA%40example.com&password={}", PASSWORD.replace(' ', "+"));
        let parts = [&part(field, ANA), &part("password", PASSWORD), "--x--\r\n"].concat();
        for (kind, body) in [
            ("application/json", json.to_string()),
            ("application/json; charset=utf-8", json.to_string()),
            (FORM, form),
            (PARTS, parts),
        ] {
            let answer = log_in(&latido, kind, body).await;

            assert_eq!(answer.status, 200, "{field} by {kind}: {}", answer.text());
            let pair = answer.json();
            assert_eq!(pair["user"]["id"], user);
            assert_eq!(
                (&pair["token_type"], &pair["expires_in"]),
                (&json!("bearer"), &json!(3600))
            );
            let cookie = answer.header("set-cookie");
            assert!(cookie.starts_with("latido_session=s_") && cookie.contains("HttpOnly"));
        }
    }
}

#[tokio::test]
async fn a_malformed_body_is_refused_by_what_is_wrong_with_it() {
    let latido = support::start().await;
    let twice = [&part("email", ANA), &part("email", ANA), "--x--\r\n"].concat();
    let latin = [
        part("email", ANA).as_bytes(),
        b"--x\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\n\xff\r\n--x--\r\n",
    ]
    .concat();
    let unfinished = part("email", ANA);
    for (kind, body, status) in [
        ("application/json", "{".into(), 400),
        ("application/json", "[]".into(), 422),
        ("application/json", r#"{"email":"a","email":"b","password":"x"}"#.into(), 400),
        ("application/json", r#"{"email":"a\u0000","password":"x"}"#.into(), 400),
        ("application/json", r#"{"email":7,"password":"x"}"#.into(), 422),
        ("application/json", r#"{"password":"x"}"#.into(), 422),
        ("application/json", r#"{"email":" ","password":"x"}"#.into(), 422),
        ("application/json", r#"{"email":"a"}"#.into(), 422),
        ("application/json", r#"{"email":"a","password":""}"#.into(), 422),
        ("application/json", format!(r#"{{"email":"a","password":"{}"}}"#, "x".repeat(1025)), 422),
        ("application/json", format!(r#"{{"email":"{}","password":"x"}}"#, "x".repeat(255)), 422),
        (FORM, "email=a&email=b&password=x".into(), 400),
        (FORM, "email=%00&password=x".into(), 400),
        (FORM, "email=a".into(), 422),
        (FORM, String::new(), 422),
        (PARTS, twice, 400),
        (PARTS, unfinished, 400),
        (PARTS, "nothing of the kind".into(), 400),
        ("multipart/form-data", part("email", ANA), 400),
        ("text/plain", "email=a&password=x".into(), 415),
        ("application/xml", "<a/>".into(), 415),
    ] {
        let answer = log_in(&latido, kind, body.clone()).await;

        assert_eq!(answer.status, status, "{kind} {body:.60}: {}", answer.text());
        assert_eq!(answer.header("content-type"), "application/problem+json");
    }
    assert_eq!(log_in(&latido, PARTS, latin).await.status, 400);
    let named = log_in(&latido, FORM, "password=x").await.json();
    assert_eq!(named["errors"][0]["pointer"], "/username");
}

#[tokio::test]
async fn an_account_without_the_asked_role_is_refused() {
    let latido = support::start().await;
    Device::register(latido.address, ANA).await;
    let as_role = async |role: &str| {
        let body = json!({ "email": ANA, "password": PASSWORD, "user_type": role });
        latido.call("POST", "/auth/login").json(&body).send().await.status.as_u16()
    };

    assert_eq!(as_role("CLIENTE").await, 200);
    assert_eq!(as_role("client").await, 200);
    assert_eq!(as_role("Médico").await, 403);
    assert_eq!(as_role("nurse").await, 422);
}

#[tokio::test]
async fn an_imported_hash_signs_in_and_is_made_anew() {
    let latido = support::start().await;
    let url = latido.database.url();
    let id = latido.account(Role::Patient).await.id;
    let stored = format!("select password_hash from users where id = {id}");
    let imported = bcrypt::hash("contraseña de antes", 4).unwrap();
    let sql =
        format!("update users set email = '{ANA}', password_hash = '{imported}' where id = {id}");
    accounts::run(url, &sql).await;
    let sign_in = async |password: &str| {
        logging_in(latido.address, ANA, password).send().await.status.as_u16()
    };

    assert_eq!(sign_in("otra contraseña").await, 401);
    assert_eq!(sign_in("contraseña de antes").await, 200);

    let anew: String = accounts::value(url, &stored).await;
    assert!(anew.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{anew}");
    assert_eq!(sign_in("contraseña de antes").await, 200);
    assert_eq!(sign_in("otra contraseña").await, 401);
    assert_eq!(accounts::value::<String>(url, &stored).await, anew);
}

#[tokio::test]
async fn an_inactive_account_is_told_so_only_with_its_password() {
    let latido = support::start().await;
    let user = Device::register(latido.address, ANA).await.user();
    let sql = format!("update users set is_active = false where id = {user}");
    accounts::run(latido.database.url(), &sql).await;

    let guessed = logging_in(latido.address, ANA, "not the password").send().await;
    let proven = logging_in(latido.address, ANA, PASSWORD).send().await;

    assert_eq!(guessed.status, 401);
    assert_eq!(proven.status, 403);
    assert_eq!(proven.json()["type"], "urn:latido:problem:account-inactive");
    assert_eq!(proven.json()["retryAfter"], Value::Null);
}

#[tokio::test]
async fn every_sign_in_and_every_refusal_is_in_the_audit_trail() {
    let latido = support::start().await;
    Device::register(latido.address, ANA).await;
    logging_in(latido.address, ANA, PASSWORD).send().await;
    logging_in(latido.address, ANA, "not the password").send().await;
    logging_in(latido.address, "nobody@example.com", PASSWORD).send().await;

    for (condition, lines) in [
        ("action = 'registered' and actor_id is not null", 1),
        ("action = 'login' and actor_id is not null and ip = '127.0.0.1'", 1),
        ("action = 'login_refused' and actor_id is not null", 1),
        ("action = 'login_refused' and actor_id is null and entity_id = '0'", 1),
        ("action = 'login_refused'", 2),
    ] {
        let sql = format!("select count(*) from audit_log where {condition}");
        let found: i64 = accounts::value(latido.database.url(), &sql).await;
        assert_eq!(found, lines, "{condition}");
    }
}

#[tokio::test]
async fn in_development_the_bypass_acts_as_whom_it_is_told_over_http() {
    let latido = support::start_with(&[("AUTH_DEV_BYPASS", "true")]).await;
    let device = Device::register(latido.address, ANA).await;
    let stats = || latido.call("GET", "/api/admin/websocket/stats");
    let own = || latido.call("GET", "/auth/sessions");

    assert_eq!(stats().send().await.status, 200, "an administrator unless told otherwise");
    assert_eq!(stats().header("x-dev-role", "Paciente").send().await.status, 403);
    assert_eq!(stats().header("x-dev-role", "nurse").send().await.status, 401);
    for name in [device.user().to_string(), ANA.to_owned()] {
        let list = own().header("x-dev-user", &name).send().await.json();
        assert_eq!(list["items"][0]["id"], device.session(), "{name}: {list}");
    }
    assert_eq!(own().header("x-dev-user", "nobody").send().await.status, 401);
    let bad = stats().bearer("nonsense").send().await;
    assert_eq!(bad.status, 401, "bad credentials are not passed over");
}

#[tokio::test]
async fn in_development_the_bypass_opens_sockets_too() {
    let latido = support::start_with(&[("AUTH_DEV_BYPASS", "true")]).await;
    let user = Device::register(latido.address, ANA).await.user();

    for (auth, role, id) in [
        (json!({}), "Administrador", 0),
        (json!({ "devRole": "Médico" }), "Medico", 0),
        (json!({ "devUser": ANA }), "Cliente", user),
        (json!({ "devUser": user.to_string() }), "Cliente", user),
    ] {
        let mut socket = latido.join(EVENTS, &auth).await.unwrap();
        let connected = socket.next("connected").await;
        assert_eq!((&connected["role"], &connected["userId"]), (&json!(role), &json!(id)));

        let mut plain = Plain::open(latido.address, &[]).await;
        plain.send(&json!({ "event": "auth", "data": auth })).await;
        let connected = plain.next("connected").await;
        assert_eq!((&connected["role"], &connected["userId"]), (&json!(role), &json!(id)));
    }
    for auth in [json!({ "devRole": "nurse" }), json!({ "token": "nonsense" })] {
        assert!(latido.join(EVENTS, &auth).await.is_err(), "{auth}");
    }
}

#[tokio::test]
async fn without_the_bypass_nobody_is_let_in_by_asking() {
    let latido = support::start().await;
    Device::register(latido.address, ANA).await;

    let stats = latido.call("GET", "/api/admin/websocket/stats").header("x-dev-role", "admin");
    assert_eq!(stats.send().await.status, 401);
    for auth in [json!({ "devRole": "admin" }), json!({ "devUser": ANA })] {
        assert!(latido.join(EVENTS, &auth).await.is_err(), "{auth}");
        let mut plain = Plain::open(latido.address, &[]).await;
        plain.send(&json!({ "event": "auth", "data": auth })).await;
        assert_eq!(plain.0.closed().await, Some(4401), "{auth}");
    }
}

#[tokio::test]
async fn an_empty_name_does_not_hide_the_e_mail_beside_it() {
    let latido = support::start().await;
    Device::register(latido.address, ANA).await;
    let sign_in = async |name: &str, email: &str| {
        let body = json!({ "username": name, "email": email, "password": PASSWORD });
        latido.call("POST", "/auth/login").json(&body).send().await.status.as_u16()
    };

    assert_eq!(sign_in("", ANA).await, 200);
    assert_eq!(sign_in("  ", ANA).await, 200);
    assert_eq!(sign_in(ANA, "").await, 200);
    assert_eq!(sign_in("", " ").await, 422);
}
