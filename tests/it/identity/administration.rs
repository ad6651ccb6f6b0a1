//! Accounts as those see them who operate the house.

use http::StatusCode;
use latido::domain::identity::Role;
use latido::domain::time::Timestamp;
use latido::persistence::audit::{self, Filter, Recorded};
use latido::persistence::identity::one_time_tokens::{Purpose, redeem};
use serde_json::{Value, json};

use crate::support::accounts::Account;
use crate::support::http::Answer;
use crate::support::{self, Latido, accounts};

pub(super) const SERVICE_KEY: &str = "a-key-of-a-service-for-the-tests";
pub(super) const SERVICE: (&str, &str) =
    ("SERVICE_API_KEYS", "tests:a-key-of-a-service-for-the-tests");

async fn send(latido: &Latido, by: &Account, method: &str, path: &str, body: &Value) -> Answer {
    latido.call(method, path).bearer(&by.token).json(body).send().await
}

async fn create(latido: &Latido, body: &Value) -> Answer {
    latido
        .call("POST", "/users/create")
        .header("x-service-key", SERVICE_KEY)
        .json(body)
        .send()
        .await
}

/// The audit trail about an account, newest first.
async fn trail(latido: &Latido, admin: &Account, id: i64) -> Vec<Value> {
    let path = format!("/api/admin/audit?entityType=user&entityId={id}");
    let answer = latido.call("GET", &path).bearer(&admin.token).send().await;
    answer.json()["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_service_opens_an_account_for_a_row_that_has_none() {
    let latido = support::start_with(&[SERVICE]).await;
    let admin = latido.account(Role::Admin).await;
    let mut socket = latido.connect(&admin).await;
    let rows = "insert into doctors (first_name, last_name, medical_license, currency, created_at, updated_at)
                values ('Ana', 'Ruiz', 'MN-1', 'ARS', 1, 1)";
    accounts::run(latido.database.url(), rows).await;
    let body = json!({
        "email": "Ana@Example.com", "password": "password123", "user_type": "Médico",
        "reference_id": 1, "roles": ["admin"], "email_verified": true,
    });

    let created = create(&latido, &body).await;

    assert_eq!(created.status, StatusCode::CREATED, "{}", created.text());
    let (location, created) = (created.header("location").to_owned(), created.json());
    let user = &created["user"];
    assert_eq!((&created["success"], &created["user_id"]), (&json!(true), &user["id"]));
    assert_eq!(location, format!("/users/{}", user["id"]));
    assert_eq!((&user["email"], &user["user_type"]), (&json!("ana@example.com"), &json!("doctor")));
    assert_eq!((&user["reference_id"], &user["roles"]), (&json!(1), &json!(["doctor"])));
    assert_eq!(user["email_verified"], false);
    let heard = socket.next("admin:event").await;
    assert_eq!((&heard["eventType"], &heard["userId"]), (&json!("user.created"), &json!(0)));
    assert_eq!(heard["entityId"], user["id"]);
    let sign_in = json!({ "email": "ana@example.com", "password": "password123" });
    let pair = latido.call("POST", "/auth/login").json(&sign_in).send().await;
    assert_eq!(pair.json()["user"]["rol"], "MEDICO");

    let taken = create(&latido, &body).await;
    assert_eq!((taken.status, &taken.json()["field"]), (StatusCode::CONFLICT, &json!("email")));
}

#[tokio::test]
async fn an_account_that_cannot_be_opened_leaves_nothing() {
    let latido = support::start_with(&[SERVICE]).await;
    let admin = latido.account(Role::Admin).await;
    let holder = latido.account(Role::Patient).await;
    let rows = format!(
        "insert into patients (user_id, first_name, last_name, date_of_birth, created_at, updated_at)
         values ({}, 'M', 'G', '1990-05-17', 1, 1)",
        holder.id
    );
    accounts::run(latido.database.url(), &rows).await;
    let unprocessable = StatusCode::UNPROCESSABLE_ENTITY;
    for (more, status, pointer, value) in [
        (json!({ "user_type": "service" }), unprocessable, "/errors/0/pointer", "/user_type"),
        (json!({ "user_type": "nurse" }), unprocessable, "/errors/0/code", "enum"),
        (json!({ "password": "short" }), unprocessable, "/errors/0/pointer", "/password"),
        (json!({ "email": "nobody" }), unprocessable, "/errors/0/code", "format"),
        (json!({ "reference_id": 99 }), unprocessable, "/errors/0/code", "reference"),
        (
            json!({ "user_type": "client", "reference_id": 1 }),
            unprocessable,
            "/errors/0/code",
            "reference",
        ),
        (json!({ "reference_id": 1 }), StatusCode::CONFLICT, "/field", "reference_id"),
    ] {
        let mut body = json!({ "email": "new@example.com", "password": "password123", "user_type": "patient" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = create(&latido, &body).await;
        assert_eq!(answer.status, status, "{more}: {}", answer.text());
        assert_eq!(answer.json().pointer(pointer), Some(&json!(value)), "{more}");
    }

    let found = latido.call("GET", "/users?q=new@example.com").bearer(&admin.token).send().await;
    assert_eq!(found.json()["items"], json!([]));
}

#[tokio::test]
async fn every_alias_of_a_role_is_understood_wherever_a_role_is_named() {
    let latido = support::start_with(&[SERVICE]).await;
    let admin = latido.account(Role::Admin).await;
    for role in Role::ALL.into_iter().filter(|role| *role != Role::Service) {
        let names = [role.user_type(), role.label(), role.rol()];
        for (number, name) in names.iter().enumerate() {
            let email = format!("{}{number}@example.com", role.user_type());
            let body = json!({ "email": email, "password": "password123", "user_type": name });
            let user = create(&latido, &body).await.json()["user"].clone();
            assert_eq!(user["user_type"], role.user_type(), "{name}");

            let path = format!("/users/{}", user["id"]);
            let body = json!({ "roles": [name, "cliente"] });
            let changed = send(&latido, &admin, "PATCH", &path, &body).await;
            assert_eq!(changed.status, StatusCode::OK, "{name}: {}", changed.text());

            let found = latido.call("GET", &format!("/users?user_type={name}&q={email}"));
            let found = found.bearer(&admin.token).send().await.json();
            assert_eq!(found["items"][0]["id"], user["id"], "{name}");
        }
    }
}

#[tokio::test]
async fn accounts_are_listed_by_role_state_and_name() {
    let latido = support::start_with(&[SERVICE]).await;
    let admin = latido.account(Role::Admin).await;
    for (name, role, is_active) in
        [("ana", "doctor", true), ("luis", "doctor", false), ("ANA_x", "patient", true)]
    {
        let email = format!("{name}@clinic.example");
        let body = json!({ "email": email, "password": "password123", "user_type": role, "is_active": is_active });
        assert_eq!(create(&latido, &body).await.status, StatusCode::CREATED);
    }
    let emails = async |query: &str| -> Vec<String> {
        let answer =
            latido.call("GET", &format!("/users?{query}")).bearer(&admin.token).send().await;
        assert_eq!(answer.status, StatusCode::OK, "{query}: {}", answer.text());
        let items = answer.json()["items"].as_array().unwrap().clone();
        items.iter().map(|user| user["email"].as_str().unwrap().to_owned()).collect()
    };

    assert_eq!(emails("user_type=MEDICO").await, ["luis@clinic.example", "ana@clinic.example"]);
    assert_eq!(emails("user_type=doctor&is_active=false").await, ["luis@clinic.example"]);
    assert_eq!(emails("q=ANA").await, ["ana_x@clinic.example", "ana@clinic.example"]);
    assert_eq!(emails("q=clinic%20UIS").await, ["luis@clinic.example"]);
    assert_eq!(emails("q=clinic&created_to=1990-01-01T00:00:00Z").await, [""; 0]);

    let page = latido.call("GET", "/users?q=clinic&limit=2&count=true");
    let page = page.bearer(&admin.token).send().await.json();
    assert_eq!((&page["total"], &page["has_more"]), (&json!(3), &json!(true)));
    let next = format!("q=clinic&limit=2&cursor={}", page["next_cursor"].as_str().unwrap());
    assert_eq!(emails(&next).await, ["ana@clinic.example"]);
    for query in ["colour=red", "user_type=nurse", "is_active=maybe", "limit=101", &next[9..]] {
        let call = latido.call("GET", &format!("/users?{query}")).bearer(&admin.token);
        assert_eq!(call.send().await.status, StatusCode::BAD_REQUEST, "{query}");
    }
}

#[tokio::test]
async fn an_administrator_changes_an_account_and_everyone_concerned_hears() {
    let latido = support::start().await;
    let admin = latido.account(Role::Admin).await;
    let ana = latido.account(Role::Client).await;
    let (mut own, mut house) = (latido.connect(&ana).await, latido.connect(&admin).await);
    own.ask("subscribe", &json!({ "entity": "user", "entityId": ana.id })).await;
    let path = format!("/users/{}", ana.id);
    let body = json!({
        "email": "New@Example.com", "nombre": "Ana", "roles": ["CLIENTE", "PROFESIONAL"],
        "primary_role": "professional", "email_verified": true, "reference_id": 99, "password_hash": "x",
    });

    let changed = send(&latido, &admin, "PATCH", &path, &body).await;

    assert_eq!((changed.status, changed.header("etag")), (StatusCode::OK, "\"v2\""));
    let user = changed.json();
    assert_eq!(
        (&user["email"], &user["email_verified"]),
        (&json!("new@example.com"), &json!(false))
    );
    assert_eq!((&user["role"], &user["reference_id"]), (&json!("Profesional"), &json!(1)));
    for (kind, changes) in [
        ("profile", json!({ "email": "new@example.com", "nombre": "Ana" })),
        ("role", json!({ "roles": ["Profesional", "Cliente"], "role": "Profesional" })),
    ] {
        let heard = own.next("user:update").await;
        assert_eq!((&heard["type"], &heard["changes"]), (&json!(kind), &changes));
    }
    let mirrored = own.next("entity:update").await;
    assert_eq!((&mirrored["entity"], &mirrored["entityId"]), (&json!("user"), &json!(ana.id)));
    let heard = house.next("admin:event").await;
    assert_eq!((&heard["eventType"], &heard["userId"]), (&json!("user.updated"), &json!(admin.id)));
    let fields = json!(["roles", "primary_role", "nombre", "email"]);
    assert_eq!(heard["data"]["fields"], fields);
    let line = trail(&latido, &admin, ana.id).await.remove(0);
    assert_eq!((&line["action"], &line["actorId"]), (&json!("updated"), &json!(admin.id)));
    assert_eq!(line["data"]["fields"], fields);
    assert!(!line["data"].to_string().contains("example.com"), "{line}");

    let late = latido.call("PATCH", &path).bearer(&admin.token).header("if-match", "\"v1\"");
    let late = late.json(&json!({ "nombre": "x" })).send().await;
    assert_eq!(late.status, StatusCode::PRECONDITION_FAILED);
    let known = latido.call("GET", &path).bearer(&admin.token).header("if-none-match", "\"v2\"");
    assert_eq!(known.send().await.status, StatusCode::NOT_MODIFIED);
}

#[tokio::test]
async fn roles_that_do_not_fit_are_refused_by_name() {
    let latido = support::start().await;
    let admin = latido.account(Role::Admin).await;
    let ana = latido.account(Role::Client).await;
    let taken = latido.account(Role::Client).await;
    let path = format!("/users/{}", ana.id);
    for (body, pointer, code) in [
        (json!({ "roles": ["doctor"] }), "/roles", "rule"),
        (json!({ "primary_role": "doctor" }), "/primary_role", "rule"),
        (json!({ "roles": [] }), "/roles", "length"),
        (json!({ "roles": ["client", "service"] }), "/roles", "enum"),
        (json!({ "roles": ["client", "nurse"] }), "/roles/1", "enum"),
        (json!({ "email": "x" }), "/email", "format"),
    ] {
        let answer = send(&latido, &admin, "PATCH", &path, &body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        let errors = answer.json()["errors"].clone();
        assert_eq!((&errors[0]["pointer"], &errors[0]["code"]), (&json!(pointer), &json!(code)));
    }
    let email = json!({ "email": "taken@example.com" });
    send(&latido, &admin, "PATCH", &format!("/users/{}", taken.id), &email).await;
    let conflict = send(&latido, &admin, "PATCH", &path, &email).await;
    assert_eq!(
        (conflict.status, &conflict.json()["field"]),
        (StatusCode::CONFLICT, &json!("email"))
    );
    let missing = send(&latido, &admin, "PATCH", "/users/999999", &json!({})).await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_house_is_never_left_without_an_administrator() {
    let latido = support::start().await;
    let admin = latido.account(Role::Admin).await;
    let path = format!("/users/{}", admin.id);
    let away = json!({ "roles": ["client"], "primary_role": "client" });

    for (method, path, body) in [
        ("PATCH", path.clone(), away.clone()),
        ("PATCH", path.clone(), json!({ "is_active": false })),
        ("POST", format!("{path}/deactivate"), json!({})),
    ] {
        let refused = send(&latido, &admin, method, &path, &body).await;
        assert_eq!(refused.status, StatusCode::CONFLICT, "{method} {path}");
        assert_eq!(refused.json()["detail"], "this is the last active administrator");
    }

    // One who is not active does not count.
    let other = latido.account(Role::Admin).await;
    let other_path = format!("/users/{}", other.id);
    send(&latido, &admin, "POST", &format!("{other_path}/deactivate"), &json!({})).await;
    assert_eq!(send(&latido, &admin, "PATCH", &path, &away).await.status, StatusCode::CONFLICT);
    send(&latido, &admin, "POST", &format!("{other_path}/activate"), &json!({})).await;
    assert_eq!(send(&latido, &admin, "PATCH", &path, &away).await.status, StatusCode::OK);
}

/// Each may demote the other, but not both at once.
#[tokio::test]
async fn two_administrators_who_demote_each_other_leave_one() {
    let latido = support::start().await;
    for _ in 0..5 {
        let admins = [latido.account(Role::Admin).await, latido.account(Role::Admin).await];
        let off = |by: usize, whom: usize| {
            let path = format!("/users/{}/deactivate", admins[whom].id);
            latido.call("POST", &path).bearer(&admins[by].token).send()
        };

        let (one, other) = tokio::join!(off(0, 1), off(1, 0));

        let done = [one.status, other.status].iter().filter(|it| **it == StatusCode::OK).count();
        assert_eq!(done, 1, "{} {}", one.text(), other.text());
        let left = usize::from(one.status != StatusCode::OK);
        let away = format!("update users set is_active = false where id = {}", admins[left].id);
        accounts::run(latido.database.url(), &away).await;
    }
}

#[tokio::test]
async fn an_account_is_switched_off_and_on_with_a_reason() {
    let latido = support::start().await;
    let admin = latido.account(Role::Admin).await;
    let ana = latido.account(Role::Doctor).await;
    let path = format!("/users/{}", ana.id);
    let switch = |state: &str, key: &str| {
        let call = latido.call("POST", &format!("{path}/{state}")).bearer(&admin.token);
        call.header("idempotency-key", key).json(&json!({ "reason": "on leave" })).send()
    };

    let off = switch("deactivate", "a").await;
    assert_eq!((off.status, &off.json()["is_active"]), (StatusCode::OK, &json!(false)));
    assert_eq!(switch("deactivate", "a").await.header("idempotency-replayed"), "true");
    // Already off: answered, and nothing is added to the trail.
    assert_eq!(switch("deactivate", "b").await.json()["version"], off.json()["version"]);
    let on = switch("activate", "c").await;
    assert_eq!((on.status, &on.json()["is_active"]), (StatusCode::OK, &json!(true)));

    let lines = trail(&latido, &admin, ana.id).await;
    let actions: Vec<_> = lines.iter().map(|line| line["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["activated", "deactivated"]);
    assert_eq!(lines[1]["data"]["reason"], "on leave");
    let long = json!({ "reason": "x".repeat(501) });
    let refused = send(&latido, &admin, "POST", &format!("{path}/deactivate"), &long).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
}

/// A link mailed to the old address must not verify the new one or open the account.
#[tokio::test]
async fn a_new_address_makes_what_was_mailed_to_the_old_one_worthless() {
    let latido = support::start().await;
    let admin = latido.account(Role::Admin).await;
    let ana = latido.account(Role::Client).await;
    let tokens = format!(
        "insert into one_time_tokens (hash, kind, user_id, created_at, expires_at)
         values ('a', 'email_verify', {id}, 1, 9999999999999), ('b', 'password_reset', {id}, 1, 9999999999999)",
        id = ana.id
    );
    accounts::run(latido.database.url(), &tokens).await;

    let body = json!({ "email": "new@example.com" });
    send(&latido, &admin, "PATCH", &format!("/users/{}", ana.id), &body).await;

    for (hash, purpose) in [("a", Purpose::EmailVerify), ("b", Purpose::PasswordReset)] {
        let mut tx = latido.running.store.begin().await.unwrap();
        let redeemed = redeem::<Value>(&mut tx, hash, purpose, Timestamp::now()).await;
        assert!(redeemed.is_err(), "{purpose:?}");
    }
}

/// What the trail says of an action: why, and which service asked.
async fn told(latido: &Latido, action: &str) -> Vec<(Value, Value)> {
    let filter = Filter { action: Some(action), ..Filter::default() };
    let lines = audit::list(&latido.running.store, &filter, None, 100).await.unwrap();
    let told = |name: &str, line: &Recorded| line.data.0.get(name).cloned().unwrap_or_default();
    lines.iter().map(|line| (told("reason", line), told("service", line))).collect()
}

#[tokio::test]
async fn accounts_that_were_not_opened_are_written_down_and_services_by_name() {
    let latido = support::start_with(&[SERVICE]).await;
    let body =
        json!({ "email": "new@example.com", "password": "password123", "user_type": "client" });
    assert_eq!(create(&latido, &body).await.status, StatusCode::CREATED);
    let taken = create(&latido, &body).await;
    let mut odd = body.clone();
    odd["email"] = json!("other@example.com");
    odd["reference_id"] = json!(99);
    let unknown = create(&latido, &odd).await;
    let register = json!({ "email": "new@example.com", "password": "password123", "nombre": "A",
        "apellido": "B", "rol": "CLIENTE" });
    let registered = latido.call("POST", "/auth/register").json(&register).send().await;

    assert_eq!([taken.status, registered.status], [StatusCode::CONFLICT; 2]);
    assert_eq!(unknown.status, StatusCode::UNPROCESSABLE_ENTITY);
    let service = json!("tests");
    assert_eq!(told(&latido, "created").await, [(Value::Null, service.clone())]);
    let refused = [(json!("reference"), service.clone()), (json!("email"), service)];
    assert_eq!(told(&latido, "creation_refused").await, refused);
    assert_eq!(told(&latido, "registration_refused").await, [(json!("email"), Value::Null)]);
}
