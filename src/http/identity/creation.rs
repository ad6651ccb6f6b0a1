//! Accounts that others open: an administrator, or a service that keeps the rows of a role.

use axum::extract::State;
use axum::http::header::{ETAG, LOCATION};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use garde::Validate;
use serde::{Deserialize, Serialize};
use serde_json::Map;
use utoipa::ToSchema;

use super::change::{self, Author};
use super::verification::Verification;
use super::view::Account;
use crate::domain::id::UserId;
use crate::domain::identity::Role;
use crate::domain::time::Timestamp;
use crate::error::{Error, FieldCode, Kind, Result};
use crate::http::App;
use crate::http::caller::AdminOrService;
use crate::http::context::Context;
use crate::http::json::Json;
use crate::http::precondition::etag;
use crate::http::problem::ProblemBody;
use crate::persistence::Tx;
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

type Answer = (StatusCode, [(HeaderName, HeaderValue); 2], Json<Created>);

/// Opens an account, for administrators and services.
#[utoipa::path(
    post, path = "/users/create", tag = "users", operation_id = "create_user",
    request_body = NewAccount,
    responses(
        (status = 201, body = Created, headers(("Location" = String), ("ETag" = String))),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 409, description = "The e-mail is taken, or the row belongs to an account",
            body = ProblemBody),
        (status = 422, body = ProblemBody),
    ),
)]
pub(super) async fn create(
    State(app): State<App>,
    AdminOrService(caller): AdminOrService,
    context: Context,
    Json(new): Json<NewAccount>,
) -> Result<Answer> {
    if new.user_type == Role::Service {
        let detail = "no account acts as a service";
        return Err(Error::field("/user_type", FieldCode::Enum, detail));
    }
    let email = new.email.trim().to_lowercase();
    let password_hash = app.passwords.hash_new(&new.password, &email, "/password").await?;
    let author = Author { app: &app, context: &context, caller: &caller };

    let mut tx = app.store.begin().await?;
    let account = NewUser {
        email: &email,
        password_hash: &password_hash,
        nombre: None,
        apellido: None,
        telefono: None,
        primary_role: new.user_type,
        is_active: new.is_active.unwrap_or(true),
    };
    let id = accounts::insert(&mut tx, account, Timestamp::now()).await?;
    let user = refer(&mut tx, &app, id, new.reference_id).await?;
    let data = Map::from_iter([("user_type".to_owned(), new.user_type.user_type().into())]);
    change::record(&mut tx, &author, id, "created", data).await?;
    let verification = Verification::insert(&app, &mut tx, id, Timestamp::now()).await?;
    tx.commit().await?;

    app.hub.outbox_ready();
    verification.send(&app);
    app.limits.strangers.forget(&email);
    let location = HeaderValue::try_from(format!("/users/{id}")).map_err(Error::internal)?;
    let headers = [(LOCATION, location), (ETAG, etag(user.version))];
    let created = Created { success: true, user_id: id, user: Account::from(user) };
    Ok((StatusCode::CREATED, headers, Json(created)))
}

/// Links the account to its row: the one that is named, or the one every professional has.
async fn refer(tx: &mut Tx, app: &App, id: UserId, named: Option<i64>) -> Result<User> {
    let now = Timestamp::now();
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
