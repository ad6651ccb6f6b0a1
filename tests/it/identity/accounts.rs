//! One's own account: seen, changed, extended, left.

use http::StatusCode;
use latido::domain::identity::Role;
use serde_json::{Value, json};

use crate::support::accounts::Account;
use crate::support::http::Answer;
use crate::support::socket_io::End;
use crate::support::{self, Latido, accounts};

const PASSWORD: &str = "password123";

async fn register(latido: &Latido, more: &Value) -> Value {
    let mut body = json!({
        "email": "ana@example.com", "password": PASSWORD, "nombre": "Ana", "apellido": "Ruiz",
    });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let answer = latido.call("POST", "/auth/register").json(&body).send().await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    answer.json()
}

fn token(pair: &Value) -> &str {
    pair["access_token"].as_str().unwrap()
}

async fn patch(latido: &Latido, by: &Account, body: &Value) -> Answer {
    latido.call("PATCH", "/users/me").bearer(&by.token).json(body).send().await
}

#[tokio::test]
async fn an_account_shows_itself_with_the_row_of_its_role() {
    let latido = support::start().await;
    let born = json!({ "rol": "PACIENTE", "fecha_nacimiento": "1990-05-17" });
    let patient = register(&latido, &born).await;

    let me = latido.call("GET", "/users/me").bearer(token(&patient)).send().await;

    assert_eq!(me.status, StatusCode::OK);
    let (tag, me) = (me.header("etag").to_owned(), me.json());
    for (field, value) in patient["user"].as_object().unwrap() {
        assert_eq!(&me[field], value, "{field}");
    }
    assert_eq!((&me["email"], &me["rol"]), (&json!("ana@example.com"), &json!("PACIENTE")));
    assert_eq!(me["profile"]["id"], me["reference_id"]);
    assert_eq!(me["profile"]["date_of_birth"], "1990-05-17");
    assert_eq!(
        me["profile"]["emergency_contact"],
        json!({ "name": null, "phone": null, "relationship": null })
    );
    assert_eq!(tag, format!("\"v{}.{}\"", me["version"], me["profile"]["version"]));
    let again = latido.call("GET", "/users/me").bearer(token(&patient));
    let again = again.header("if-none-match", &tag).send().await;
    assert_eq!(again.status, StatusCode::NOT_MODIFIED);
}

#[tokio::test]
async fn every_role_sees_its_own_row_or_none() {
    let latido = support::start().await;
    for (role, table, columns, values) in [
        (
            Role::Doctor,
            "doctors",
            "first_name, last_name, medical_license, currency",
            "'A', 'R', 'MN-1', 'ARS'",
        ),
        (
            Role::Patient,
            "patients",
            "first_name, last_name, date_of_birth",
            "'M', 'G', '1990-05-17'",
        ),
        (
            Role::Institution,
            "medical_institutions",
            "name, type, contact_email, license_number, region, country",
            "'Centro', 'clinic', 'a@b.example', 'INS-1', 'Córdoba', 'AR'",
        ),
        (
            Role::Company,
            "companies",
            "name, tax_id, contact_email",
            "'Acme', '30-1', 'c@d.example'",
        ),
        (Role::Professional, "professionals", "currency", "'ARS'"),
    ] {
        let account = latido.account(role).await;
        let rows = format!(
            "insert into {table} (user_id, {columns}, created_at, updated_at)
                 values ({id}, {values}, 1, 1);
             update users set reference_id = (select id from {table}) where id = {id}",
            id = account.id
        );
        accounts::run(latido.database.url(), &rows).await;

        let me = latido.call("GET", "/users/me").bearer(&account.token).send().await;

        assert_eq!(me.status, StatusCode::OK, "{role:?}: {}", me.text());
        assert_eq!(me.json()["profile"]["user_id"], account.id, "{role:?}");
    }
    for role in [Role::Admin, Role::Client] {
        let account = latido.account(role).await;
        let me = latido.call("GET", "/users/me").bearer(&account.token).send().await;
        assert_eq!(me.json()["profile"], Value::Null);
        assert_eq!(me.header("etag"), "\"v1\"");
    }
}

#[tokio::test]
async fn a_holder_changes_names_and_hears_of_it_on_every_device() {
    let latido = support::start().await;
    let ana = latido.account(Role::Client).await;
    let elsewhere = accounts::sign_in(latido.database.url(), ana.id, ana.role).await;
    let mut socket = latido.connect(&elsewhere).await;

    let changed =
        patch(&latido, &ana, &json!({ "nombre": "Ána", "telefono": "+54 351 555 0101" })).await;

    assert_eq!((changed.status, changed.header("etag")), (StatusCode::OK, "\"v2\""));
    assert_eq!(changed.json()["telefono"], "+54 351 555 0101");
    let heard = socket.next("user:update").await;
    assert_eq!((&heard["type"], &heard["action"]), (&json!("profile"), &json!("updated")));
    assert_eq!(heard["changes"], json!({ "nombre": "Ána", "telefono": "+54 351 555 0101" }));
    let emptied = patch(&latido, &ana, &json!({ "telefono": null })).await.json();
    assert_eq!((&emptied["telefono"], &emptied["nombre"]), (&Value::Null, &json!("Ána")));
}

#[tokio::test]
async fn a_change_is_conditional_when_asked_to_be() {
    let latido = support::start().await;
    let ana = latido.account(Role::Client).await;
    let with = |tag: &str| {
        let call = latido.call("PATCH", "/users/me").bearer(&ana.token).header("if-match", tag);
        call.json(&json!({ "nombre": "Ana" })).send()
    };

    assert_eq!(with("\"v1\"").await.status, StatusCode::OK);
    assert_eq!(with("\"v1\"").await.status, StatusCode::PRECONDITION_FAILED);
    assert_eq!(with("\"v2\"").await.header("etag"), "\"v2\"", "nothing changed");
}

/// Mass assignment: what a holder may not change is ignored, whatever it is called.
#[tokio::test]
async fn fields_that_are_not_the_holders_to_change_are_ignored() {
    let latido = support::start().await;
    let ana = latido.account(Role::Client).await;
    let before = latido.call("GET", "/users/me").bearer(&ana.token).send().await.json();

    let changed = patch(
        &latido,
        &ana,
        &json!({
            "id": 1, "email": "root@example.com", "roles": ["admin"], "primary_role": "admin",
            "user_type": "admin", "role": "Administrador", "rol": "ADMIN", "is_active": false,
            "email_verified": false, "reference_id": 7, "password_hash": "x", "version": 99,
            "deleted_at": 1, "created_at": 1, "failed_logins": 9, "locked_until": 9,
        }),
    )
    .await;

    assert_eq!(changed.status, StatusCode::OK);
    let after = latido.call("GET", "/users/me").bearer(&ana.token).send().await.json();
    assert_eq!(after, before);
}

#[tokio::test]
async fn a_refused_field_is_named() {
    let latido = support::start().await;
    let ana = latido.account(Role::Client).await;
    for (body, pointer, code) in [
        (json!({ "nombre": "" }), "/nombre", "length"),
        (json!({ "apellido": "x".repeat(81) }), "/apellido", "length"),
        (json!({ "nombre": "a\nb" }), "/nombre", "format"),
        (json!({ "telefono": "call me" }), "/telefono", "format"),
        (json!({ "telefono": 5 }), "/telefono", "type"),
        (json!({ "avatar_file_id": "f_1" }), "/avatar_file_id", "reference"),
    ] {
        let answer = patch(&latido, &ana, &body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        let errors = answer.json()["errors"].clone();
        assert_eq!((&errors[0]["pointer"], &errors[0]["code"]), (&json!(pointer), &json!(code)));
    }
    let none = patch(&latido, &ana, &json!({ "avatar_file_id": null })).await;
    assert_eq!(none.status, StatusCode::OK);
}

#[tokio::test]
async fn a_role_of_the_marketplace_is_taken_once_with_its_row_and_its_room() {
    let latido = support::start().await;
    let doctor = latido.account(Role::Doctor).await;
    let mut socket = latido.connect(&doctor).await;
    let add = |rol: &str, key: &str| {
        let call = latido.call("POST", "/users/me/roles").bearer(&doctor.token);
        let call = if key.is_empty() { call } else { call.header("idempotency-key", key) };
        call.json(&json!({ "rol": rol })).send()
    };

    let added = add("profesional", "first").await;

    assert_eq!(added.status, StatusCode::CREATED, "{}", added.text());
    assert_eq!(added.header("location"), "/users/me");
    let user = added.json();
    assert_eq!(user["roles"], json!(["doctor", "professional"]));
    assert_eq!((&user["user_type"], &user["reference_id"]), (&json!("doctor"), &Value::Null));
    let heard = socket.next("user:update").await;
    assert_eq!((&heard["type"], &heard["action"]), (&json!("role"), &json!("updated")));
    assert_eq!(heard["changes"], json!({ "roles": ["Medico", "Profesional"], "role": "Medico" }));
    let rooms = latido.hub().sockets(1).remove(0).rooms;
    assert!(rooms.contains(&"role:Profesional".to_owned()), "{rooms:?}");

    let replayed = add("profesional", "first").await;
    assert_eq!(replayed.header("idempotency-replayed"), "true");
    assert_eq!(replayed.json(), user);
    let held = add("PROFESIONAL", "").await;
    assert_eq!((held.status, &held.json()["field"]), (StatusCode::CONFLICT, &json!("rol")));
    for rol in ["ADMIN", "MEDICO", "service", "nobody"] {
        assert_eq!(add(rol, "").await.status, StatusCode::UNPROCESSABLE_ENTITY, "{rol}");
    }

    // The row is there: it becomes the reference when the role becomes the primary one.
    let admin = latido.account(Role::Admin).await;
    let path = format!("/users/{}", doctor.id);
    let body = json!({ "primary_role": "professional" });
    let moved = latido.call("PATCH", &path).bearer(&admin.token).json(&body).send().await;
    assert!(moved.json()["reference_id"].is_i64(), "{}", moved.text());
}

#[tokio::test]
async fn a_holder_leaves_with_the_password_and_all_sockets_end() {
    let latido = support::start().await;
    let pair = register(&latido, &json!({ "rol": "CLIENTE" })).await;
    let sign_in = json!({ "username": "ana@example.com", "password": PASSWORD });
    let mut socket = latido.join(support::EVENTS, &json!({ "token": token(&pair) })).await.unwrap();
    let leave = |password: &str| {
        let call = latido.call("DELETE", "/users/me").bearer(token(&pair));
        call.json(&json!({ "password": password })).send()
    };

    let outdated = latido.call("DELETE", "/users/me").bearer(token(&pair));
    let outdated = outdated.header("if-match", "\"v99\"").json(&json!({ "password": PASSWORD }));
    assert_eq!(outdated.send().await.status, StatusCode::PRECONDITION_FAILED);
    let wrong = leave("password124").await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    assert_eq!(wrong.json()["type"], "urn:latido:problem:invalid-credentials");
    let left = leave(PASSWORD).await;

    assert_eq!(left.status, StatusCode::NO_CONTENT);
    assert!(left.header("set-cookie").contains("Max-Age=0"));
    let heard = socket.next("user:update").await;
    assert_eq!((&heard["type"], &heard["action"]), (&json!("account"), &json!("deactivated")));
    assert_eq!(socket.next("session:revoked").await["reason"], "deactivated");
    assert_eq!(socket.ended().await, End::Disconnected);
    let gone = latido.call("GET", "/users/me").bearer(token(&pair)).send().await;
    assert_eq!(gone.status, StatusCode::FORBIDDEN);
    assert_eq!(gone.json()["type"], "urn:latido:problem:account-inactive");
    let refused = latido.call("POST", "/auth/login").json(&sign_in).send().await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert_eq!(refused.json()["type"], "urn:latido:problem:account-inactive");
}

/// A borrowed session must not become a way to guess the password.
#[tokio::test]
async fn wrong_passwords_lock_here_as_they_do_at_sign_in() {
    let latido = support::start().await;
    let pair = register(&latido, &json!({ "rol": "CLIENTE" })).await;
    let leave = |password: &str| {
        let call = latido.call("DELETE", "/users/me").bearer(token(&pair));
        call.json(&json!({ "password": password })).send()
    };
    for _ in 0..10 {
        assert_eq!(leave("password124").await.status, StatusCode::UNAUTHORIZED);
    }

    let locked = leave(PASSWORD).await;

    assert_eq!(locked.status, StatusCode::FORBIDDEN);
    assert_eq!(locked.json()["type"], "urn:latido:problem:account-inactive");
    assert!(locked.json()["retryAfter"].is_u64());
}
