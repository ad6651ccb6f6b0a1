//! One's own account.

use axum::extract::State;
use axum::http::header::{ETAG, LOCATION, SET_COOKIE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use garde::Validate;
use serde::Deserialize;
use serde_json::Map;
use utoipa::ToSchema;

use super::change::Change;
use super::view::{Account, OwnAccount};
use super::{attempts, opening};
use crate::domain::contact::{is_telephone, one_line};
use crate::domain::file::FilePurpose;
use crate::domain::id::FileId;
use crate::domain::identity::Role;
use crate::domain::time::Timestamp;
use crate::error::{Error, FieldCode, Kind, Result};
use crate::http::App;
use crate::http::author::Author;
use crate::http::caller::Member;
use crate::http::context::Context;
use crate::http::given::Given;
use crate::http::json::Json;
use crate::http::precondition::{IfMatch, IfNoneMatch, joint_etag};
use crate::http::problem::ProblemBody;
use crate::persistence::Tx;
use crate::persistence::files;
use crate::persistence::identity::accounts::{self, User};
use crate::persistence::identity::references;
use crate::persistence::identity::role_rows::{self, RoleRow};

/// What one may change of one's own account; an absent field stays, null empties it.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[schema(example = json!({"nombre": "Ana", "telefono": "+54 351 555 0101"}))]
pub(super) struct OwnPatch {
    #[garde(inner(length(chars, min = 1, max = 80), custom(one_line)))]
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 80)]
    nombre: Given<String>,
    #[garde(inner(length(chars, min = 1, max = 80), custom(one_line)))]
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 80)]
    apellido: Given<String>,
    #[garde(inner(length(chars, min = 6, max = 20), custom(is_telephone)))]
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 6, max_length = 20)]
    telefono: Given<String>,
    /// The caller's own file of purpose `avatar`.
    #[garde(skip)]
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    avatar_file_id: Given<FileId>,
}

/// The password, once more.
#[derive(Deserialize, Validate, ToSchema)]
#[schema(example = json!({"password": "correct horse battery"}))]
pub(super) struct Farewell {
    #[garde(length(chars, min = 1, max = 1024))]
    password: String,
}

/// A role to hold as well.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[schema(example = json!({"rol": "PROFESIONAL"}))]
pub(super) struct NewRole {
    /// `CLIENTE` or `PROFESIONAL`
    #[garde(skip)]
    #[schema(value_type = String)]
    rol: Role,
}

/// Shows the caller's account with the row of its primary role.
///
/// The entity tag is `"v<account>.<row>"`, or `"v<account>"` for roles without a row.
#[utoipa::path(
    get, path = "/users/me", tag = "users", operation_id = "get_me",
    responses(
        (status = 200, body = OwnAccount, headers(("ETag" = String))),
        (status = 304, description = "The caller has this version"),
        (status = 403, description = "A service key has no account", body = ProblemBody),
    ),
)]
pub(super) async fn me(
    State(app): State<App>,
    Member(caller): Member,
    had: IfNoneMatch,
) -> Result<Response> {
    let user = accounts::by_id(&app.store, caller.user).await?.ok_or(Kind::NotFound("account"))?;
    let profile = profile(&app, &user).await?;
    let tag = joint_etag(user.version, profile.as_ref().map(RoleRow::version));
    Ok(had.answer_as(tag, OwnAccount { account: Account::from(user), profile }))
}

/// Changes names, telephone and picture of the caller's account. Other fields are ignored.
#[utoipa::path(
    patch, path = "/users/me", tag = "users", operation_id = "patch_me",
    params(("If-Match" = Option<String>, Header)),
    request_body = OwnPatch,
    responses(
        (status = 200, body = Account, headers(("ETag" = String))),
    ),
)]
pub(super) async fn patch_me(
    State(app): State<App>,
    Member(caller): Member,
    context: Context,
    condition: IfMatch,
    Json(patch): Json<OwnPatch>,
) -> Result<([(HeaderName, HeaderValue); 1], Json<Account>)> {
    let author = Author { app: &app, context: &context, caller: &caller };

    let mut tx = app.store.begin().await?;
    let mut change = Change::of(&mut tx, caller.user).await?;
    let row = row_version(&mut tx, change.before()).await?;
    condition.check_tag(&joint_etag(change.before().version, row))?;
    if let Given::Value(file) = &patch.avatar_file_id {
        let own = files::Whose::Own(caller.user);
        files::refer(&mut tx, file, own, FilePurpose::Avatar, "/avatar_file_id").await?;
    }
    patch.apply(&mut change.after);
    let made = change.write(&mut tx, &author, "updated", Map::new()).await?;
    tx.commit().await?;

    let user = made.take_effect(&app).await;
    Ok(([(ETAG, joint_etag(user.version, row))], Json(Account::from(user))))
}

/// Deactivates the caller's account and ends all its sessions. An administrator can activate it.
#[utoipa::path(
    delete, path = "/users/me", tag = "users", operation_id = "leave",
    params(("If-Match" = Option<String>, Header)),
    request_body = Farewell,
    responses(
        (status = 204),
        (status = 401, description = "Not signed in, or a wrong password", body = ProblemBody),
        (status = 409, description = "The last administrator stays", body = ProblemBody),
    ),
)]
pub(super) async fn leave(
    State(app): State<App>,
    Member(caller): Member,
    context: Context,
    condition: IfMatch,
    Json(farewell): Json<Farewell>,
) -> Result<(StatusCode, [(HeaderName, HeaderValue); 1])> {
    let proven = attempts::once_more(&app, &context, &caller, &farewell.password).await?;
    let author = Author { app: &app, context: &context, caller: &caller };

    let mut tx = app.store.begin().await?;
    let mut change = Change::of_standing(&mut tx, caller.user).await?;
    if let Err(error) = proven.hold(&mut tx, Timestamp::now()).await {
        drop(tx);
        return Err(proven.refused(error).await);
    }
    let row = row_version(&mut tx, change.before()).await?;
    condition.check_tag(&joint_etag(change.before().version, row))?;
    change.after.is_active = false;
    let made = change.write(&mut tx, &author, "deactivated", Map::new()).await?;
    tx.commit().await?;

    made.take_effect(&app).await;
    let cookie = opening::clear_cookie(&app.settings.cookie)?;
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, cookie)]))
}

/// Adds a role of the marketplace to the caller's account. A professional gets the row a
/// registration would create.
#[utoipa::path(
    post, path = "/users/me/roles", tag = "users", operation_id = "add_role",
    request_body = NewRole,
    responses(
        (status = 201, body = Account, headers(("Location" = String), ("ETag" = String))),
        (status = 409, description = "The account holds it", body = ProblemBody),
    ),
)]
pub(super) async fn add_role(
    State(app): State<App>,
    Member(caller): Member,
    context: Context,
    Json(NewRole { rol }): Json<NewRole>,
) -> Result<Response> {
    if !matches!(rol, Role::Client | Role::Professional) {
        return Err(Error::field("/rol", FieldCode::Enum, "cannot be taken by oneself"));
    }
    let author = Author { app: &app, context: &context, caller: &caller };

    let mut tx = app.store.begin().await?;
    let mut change = Change::of(&mut tx, caller.user).await?;
    if change.before().roles.0.contains(&rol) {
        return Err(Kind::Conflict { field: "rol" }.into());
    }
    change.after.roles.0.push(rol);
    change.after.roles.0.sort_unstable();
    let data = Map::from_iter([("added".to_owned(), rol.user_type().into())]);
    let row = row_version(&mut tx, change.before()).await?;
    let made = change.write(&mut tx, &author, "updated", data).await?;
    tx.commit().await?;

    let user = made.take_effect(&app).await;
    let headers = [(LOCATION, HeaderValue::from_static("/users/me"))];
    let tag = [(ETAG, joint_etag(user.version, row))];
    Ok((StatusCode::CREATED, headers, tag, Json(Account::from(user))).into_response())
}

impl OwnPatch {
    fn apply(self, user: &mut User) {
        self.nombre.write(&mut user.nombre);
        self.apellido.write(&mut user.apellido);
        self.telefono.write(&mut user.telefono);
        self.avatar_file_id.write(&mut user.avatar_file_id);
    }
}

async fn row_version(tx: &mut Tx, user: &User) -> Result<Option<i64>> {
    match user.reference_id {
        Some(row) => references::version(tx, user.primary_role, row).await,
        None => Ok(None),
    }
}

async fn profile(app: &App, user: &User) -> Result<Option<RoleRow>> {
    match user.reference_id {
        Some(row) => role_rows::find(&app.store, user.primary_role, row).await,
        None => Ok(None),
    }
}
