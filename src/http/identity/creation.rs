//! Accounts that others open: an administrator, or a service that keeps the rows of a role.

use axum::extract::State;
use axum::http::header::{ETAG, LOCATION};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use garde::Validate;
use serde::{Deserialize, Serialize};
use serde_json::Map;
use utoipa::ToSchema;

use super::change;
use super::delegation::{Delegable, Delegated};
use super::verification::Verification;
use super::view::Account;
use crate::domain::id::UserId;
use crate::domain::identity::{Principal, Role};
use crate::domain::time::Timestamp;
use crate::error::{Error, FieldCode, Kind, Result};
use crate::http::App;
use crate::http::author::Author;
use crate::http::caller::AdminOrService;
use crate::http::context::Context;
use crate::http::json::Json;
use crate::http::precondition::etag;
use crate::http::problem::ProblemBody;
use crate::persistence::Tx;
use crate::persistence::audit::{self, AuditEntry};
use crate::persistence::identity::accounts::{self, NewUser, User};
use crate::persistence::identity::references;

/// An account to open for someone.
#[derive(Deserialize, Validate, ToSchema)]
#[schema(example = json!({"email": "ana@example.com", "password": "correct horse battery",
    "user_type": "doctor", "reference_id": 45}))]
pub(super) struct NewAccount {
    #[garde(email, length(chars, max = 254))]
    #[schema(max_length = 254)]
    email: String,
    /// 8 to 128 characters, not easy to guess.
    #[garde(length(chars, max = 1024))]
    password: String,
    /// Any name of the role.
    #[garde(skip)]
    user_type: Role,
    /// A row of the role that belongs to no account yet.
    #[garde(skip)]
    reference_id: Option<i64>,
    #[garde(skip)]
    #[schema(default = true)]
    is_active: Option<bool>,
}

/// An account that was opened.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Created {
    /// Always true.
    success: bool,
    user_id: UserId,
    user: Account,
}

/// What is read of the auth service's answer.
#[derive(Deserialize)]
struct Opened {
    user_id: UserId,
}

/// Opens an account, for administrators and services.
#[utoipa::path(
    post, path = "/users/create", tag = "users", operation_id = "create_user",
    request_body = NewAccount,
    responses(
        (status = 201, body = Created, headers(("Location" = String), ("ETag" = String))),
        (status = 409, description = "The e-mail is taken, or the row belongs to an account",
            body = ProblemBody),
        (status = 502, description = "The auth service that keeps accounts failed", body = ProblemBody),
        (status = 504, description = "It did not answer in time", body = ProblemBody),
    ),
)]
pub(super) async fn create(
    State(app): State<App>,
    AdminOrService(caller): AdminOrService,
    context: Context,
    Delegable(Json(new), delegated): Delegable<Json<NewAccount>>,
) -> Result<Response> {
    if new.user_type == Role::Service {
        let detail = "no account acts as a service";
        return Err(Error::field("/user_type", FieldCode::Enum, detail));
    }
    if let Some(delegated) = delegated {
        return elsewhere(&app, &context, &caller, new.user_type, &delegated).await;
    }
    let email = new.email.trim().to_lowercase();
    let password_hash = app.passwords.hash_new(&new.password, &email, "/password").await?;
    let author = Author { app: &app, context: &context, caller: &caller };

    let mut tx = app.store.begin().await?;
    let account = NewUser {
        email: &email,
        password_hash: Some(&password_hash),
        nombre: None,
        apellido: None,
        telefono: None,
        primary_role: new.user_type,
        is_active: new.is_active.unwrap_or(true),
    };
    let user = match enter(&mut tx, &app, account, new.reference_id).await {
        Ok(user) => user,
        Err(error) => {
            drop(tx);
            refused(&app, &context, Some(&caller), "creation_refused", &error).await?;
            return Err(error);
        }
    };
    let id = user.id;
    let data = Map::from_iter([("user_type".to_owned(), new.user_type.user_type().into())]);
    change::record(&mut tx, &author, id, "created", data).await?;
    let verification = Verification::insert(&app, &mut tx, id, Timestamp::now()).await?;
    tx.commit().await?;

    app.hub.outbox_ready();
    verification.send(&app);
    let location = HeaderValue::try_from(format!("/users/{id}")).map_err(Error::internal)?;
    let headers = [(LOCATION, location), (ETAG, etag(user.version))];
    let created = Created { success: true, user_id: id, user: Account::from(user) };
    Ok((StatusCode::CREATED, headers, Json(created)).into_response())
}

/// Records why no account was opened: what was taken, or named a row that is not free.
pub(super) async fn refused(
    app: &App,
    context: &Context,
    caller: Option<&Principal>,
    action: &'static str,
    error: &Error,
) -> Result<()> {
    let reason = match error.kind() {
        Kind::Conflict { field } => field,
        Kind::Validation(_) => "reference",
        _ => return Ok(()),
    };
    let mut entry = AuditEntry { entity_id: None, ..context.audit(caller, action, "user", &"") };
    entry.data.insert("reason".into(), reason.into());
    let mut tx = app.store.begin().await?;
    audit::append(&mut tx, &entry, Timestamp::now()).await?;
    tx.commit().await
}

/// Has the auth service open the account, and keeps what became of it.
async fn elsewhere(
    app: &App,
    context: &Context,
    caller: &Principal,
    role: Role,
    delegated: &Delegated,
) -> Result<Response> {
    let answer = delegated.ask("/users/create").await?;
    let is_made = answer.status.is_success();
    let action = if is_made { "created" } else { "creation_refused" };
    let opened = answer.json::<Opened>().filter(|_| is_made);
    let id = opened.map_or(UserId(0), |opened| opened.user_id);
    let mut entry = context.audit(Some(caller), action, "user", &id);
    entry.data.insert("by".into(), "auth-service".into());
    entry.data.insert("user_type".into(), role.user_type().into());
    let mut tx = app.store.begin().await?;
    audit::append(&mut tx, &entry, Timestamp::now()).await?;
    tx.commit().await?;
    Ok(answer.into_response())
}

/// The account, linked to its row: the one that is named, or the one every professional has.
async fn enter(tx: &mut Tx, app: &App, account: NewUser<'_>, named: Option<i64>) -> Result<User> {
    let now = Timestamp::now();
    let id = accounts::insert(tx, account, now).await?;
    let user = accounts::within(tx, id).await?.ok_or(Kind::NotFound("account"))?;
    let role = user.primary_role;
    if let Some(row) = named {
        references::link(tx, role, row, id, "/reference_id", now).await?;
    } else if role == Role::Professional {
        change::ensure_professional(tx, app, &user, now).await?;
    }
    let Some(row) = references::of(tx, role, id).await? else { return Ok(user) };
    accounts::refer(tx, id, row, now).await?;
    accounts::within(tx, id).await?.ok_or_else(|| Kind::NotFound("account").into())
}
