//! Who may do what to whose account: every operation by every kind of caller on every kind of row
//! (contract §4).

use http::StatusCode;
use latido::domain::identity::Role;
use serde_json::{Value, json};

use super::administration::{SERVICE, SERVICE_KEY};
use crate::support::accounts::Account;
use crate::support::http::Call;
use crate::support::rights::operations;
use crate::support::{self, Latido};

/// Who an operation is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum For {
    /// Anyone with an account, on that account.
    Members,
    Administrators,
    AdministratorsAndServices,
}

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Caller {
    Nobody,
    Service,
    Holder(Role),
}

struct Operation {
    method: &'static str,
    /// `{id}` stands for the account that is asked about.
    path: &'static str,
    body: fn() -> Value,
    open_to: For,
    /// The answer to those who may.
    answer: StatusCode,
}

const fn operation(
    method: &'static str,
    path: &'static str,
    body: fn() -> Value,
    open_to: For,
    answer: StatusCode,
) -> Operation {
    Operation { method, path, body, open_to, answer }
}

fn none() -> Value {
    Value::Null
}

fn someone_new() -> Value {
    let email = format!("{}@example.com", uuid::Uuid::now_v7());
    json!({ "email": email, "password": "password123", "user_type": "client" })
}

const OPERATIONS: [Operation; 14] = [
    operation("GET", "/users/me", none, For::Members, StatusCode::OK),
    operation("PATCH", "/users/me", || json!({ "nombre": "X" }), For::Members, StatusCode::OK),
    // The test's accounts have no password, so nobody knows it.
    operation(
        "DELETE",
        "/users/me",
        || json!({ "password": "x" }),
        For::Members,
        StatusCode::UNAUTHORIZED,
    ),
    operation("GET", "/users/me/settings", none, For::Members, StatusCode::OK),
    operation("PUT", "/users/me/settings", || json!({}), For::Members, StatusCode::OK),
    operation(
        "PATCH",
        "/users/me/settings",
        || json!({ "theme": "dark" }),
        For::Members,
        StatusCode::OK,
    ),
    // Whoever holds it already is told so.
    operation(
        "POST",
        "/users/me/roles",
        || json!({ "rol": "CLIENTE" }),
        For::Members,
        StatusCode::CREATED,
    ),
    operation(
        "POST",
        "/users/create",
        someone_new,
        For::AdministratorsAndServices,
        StatusCode::CREATED,
    ),
    operation("GET", "/users", none, For::Administrators, StatusCode::OK),
    operation("GET", "/users/{id}", none, For::AdministratorsAndServices, StatusCode::OK),
    operation(
        "PATCH",
        "/users/{id}",
        || json!({ "nombre": "X" }),
        For::Administrators,
        StatusCode::OK,
    ),
    operation(
        "PATCH",
        "/users/{id}",
        || json!({ "roles": ["admin", "client"], "primary_role": "admin" }),
        For::Administrators,
        StatusCode::OK,
    ),
    operation("POST", "/users/{id}/deactivate", none, For::Administrators, StatusCode::OK),
    operation("POST", "/users/{id}/activate", none, For::Administrators, StatusCode::OK),
];

impl Operation {
    fn expected(&self, caller: Caller) -> StatusCode {
        let may = match caller {
            Caller::Nobody => return StatusCode::UNAUTHORIZED,
            Caller::Service => self.open_to == For::AdministratorsAndServices,
            Caller::Holder(role) => self.open_to == For::Members || role == Role::Admin,
        };
        match caller {
            _ if !may => StatusCode::FORBIDDEN,
            Caller::Holder(Role::Client) if self.path == "/users/me/roles" => StatusCode::CONFLICT,
            _ => self.answer,
        }
    }

    fn by(&self, latido: &Latido, caller: Caller, own: &Account, row: &Account) -> Call {
        let path = self.path.replace("{id}", &row.id.to_string());
        let call = latido.call(self.method, &path);
        let call = match caller {
            Caller::Nobody => call,
            Caller::Service => call.header("x-service-key", SERVICE_KEY),
            Caller::Holder(_) => call.bearer(&own.token),
        };
        match (self.body)() {
            Value::Null => call,
            body => call.json(&body),
        }
    }
}

/// What an administrator sees of an account.
async fn seen(latido: &Latido, admin: &Account, row: &Account) -> Value {
    let path = format!("/users/{}", row.id);
    latido.call("GET", &path).bearer(&admin.token).send().await.json()
}

#[tokio::test]
async fn every_operation_is_open_to_those_it_is_for_and_to_nobody_else() {
    let latido = support::start_with(&[SERVICE]).await;
    // One who stays, so that the house always has an administrator.
    let admin = latido.account(Role::Admin).await;
    let roles = Role::ALL.into_iter().filter(|role| *role != Role::Service).map(Caller::Holder);
    let callers: Vec<_> = [Caller::Nobody, Caller::Service].into_iter().chain(roles).collect();
    let mut checked = 0;

    for operation in &OPERATIONS {
        for &caller in &callers {
            for is_own in [true, false] {
                let role = if let Caller::Holder(role) = caller { role } else { Role::Client };
                let own = latido.account(role).await;
                let foreign = latido.account(Role::Patient).await;
                let row = if is_own { &own } else { &foreign };
                let before = seen(&latido, &admin, row).await;

                let answer = operation.by(&latido, caller, &own, row).send().await;

                let what =
                    format!("{} {} by {caller:?}, own: {is_own}", operation.method, operation.path);
                let expected = operation.expected(caller);
                assert_eq!(answer.status, expected, "{what}: {}", answer.text());
                if answer.status == StatusCode::FORBIDDEN {
                    assert_eq!(answer.json()["type"], "urn:latido:problem:forbidden", "{what}");
                }
                if !answer.status.is_success() || !is_own && operation.open_to == For::Members {
                    assert_eq!(seen(&latido, &admin, row).await, before, "{what}");
                }
                checked += 1;
            }
        }
    }
    assert_eq!(checked, OPERATIONS.len() * callers.len() * 2);
}

/// Which routes there are is read from the document, so that none is forgotten here.
#[tokio::test]
async fn the_matrix_knows_every_operation_of_the_surface() {
    let known = OPERATIONS.iter().map(|it| (it.method, it.path.to_owned()));
    operations(known, |path| path.starts_with("/users")).await;
}
