//! Others' accounts, for those who operate the house.

use axum::extract::State;
use axum::http::header::ETAG;
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use garde::Validate;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::change::Change;
use super::view::Account;
use crate::domain::contact::one_line;
use crate::domain::id::UserId;
use crate::domain::identity::Role;
use crate::error::{Kind, Result};
use crate::http::App;
use crate::http::author::Author;
use crate::http::caller::{Admin, AdminOrService};
use crate::http::context::{Context, Path};
use crate::http::given::Given;
use crate::http::json::Json;
use crate::http::precondition::{IfMatch, IfNoneMatch, etag};
use crate::http::problem::ProblemBody;
use crate::persistence::identity::accounts::{self, Roles, User};

type Changed = ([(HeaderName, HeaderValue); 1], Json<Account>);

/// What an administrator may change; an absent field stays, null empties a name.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[schema(example = json!({"roles": ["doctor", "professional"], "primary_role": "doctor"}))]
#[schema(as = AccountPatch)]
pub(super) struct Patch {
    #[garde(skip)]
    is_active: Option<bool>,
    /// All roles the account is to hold, by any of their names; `service` is for keys only.
    #[garde(inner(length(max = 16)))]
    #[schema(min_items = 1, max_items = 16)]
    roles: Option<Vec<Role>>,
    /// One of the roles.
    #[garde(skip)]
    primary_role: Option<Role>,
    #[garde(inner(length(chars, min = 1, max = 80), custom(one_line)))]
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 80)]
    nombre: Given<String>,
    #[garde(inner(length(chars, min = 1, max = 80), custom(one_line)))]
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 80)]
    apellido: Given<String>,
    /// Has to be verified anew.
    #[garde(inner(email, length(chars, max = 254)))]
    #[schema(max_length = 254)]
    email: Option<String>,
}

/// Why an account is switched off or on.
#[derive(Debug, Default, Deserialize, Validate, ToSchema)]
#[schema(example = json!({"reason": "left the clinic"}))]
pub(super) struct Grounds {
    /// Kept in the audit trail.
    #[garde(inner(length(chars, max = 500)))]
    #[schema(max_length = 500)]
    reason: Option<String>,
}

/// Shows one account, for administrators and services.
#[utoipa::path(
    get, path = "/users/{id}", tag = "users", operation_id = "get_user",
    params(("id" = i64, Path)),
    responses(
        (status = 200, body = Account, headers(("ETag" = String))),
        (status = 304, description = "The caller has this version"),
    ),
)]
pub(super) async fn one(
    State(app): State<App>,
    _: AdminOrService,
    had: IfNoneMatch,
    Path(id): Path<UserId>,
) -> Result<Response> {
    let user = accounts::by_id(&app.store, id).await?.ok_or(Kind::NotFound("account"))?;
    Ok(had.answer(user.version, Account::from(user)))
}

/// Changes an account. Live sockets follow its new roles at once.
#[utoipa::path(
    patch, path = "/users/{id}", tag = "users", operation_id = "patch_user",
    params(("id" = i64, Path), ("If-Match" = Option<String>, Header)),
    request_body = Patch,
    responses(
        (status = 200, body = Account, headers(("ETag" = String))),
        (status = 409, description = "The e-mail is taken, or nobody would administer",
            body = ProblemBody),
    ),
)]
pub(super) async fn patch(
    State(app): State<App>,
    Admin(caller): Admin,
    context: Context,
    condition: IfMatch,
    Path(id): Path<UserId>,
    Json(patch): Json<Patch>,
) -> Result<Changed> {
    let author = Author { app: &app, context: &context, caller: &caller };
    change(&author, &condition, id, "updated", patch.names(), |user| patch.apply(user)).await
}

/// Switches an account off: its sockets are told and closed within a second, its sessions end.
#[utoipa::path(
    post, path = "/users/{id}/deactivate", tag = "users", operation_id = "deactivate_user",
    params(("id" = i64, Path), ("If-Match" = Option<String>, Header)),
    request_body = Option<Grounds>,
    responses(
        (status = 200, body = Account, headers(("ETag" = String))),
        (status = 409, description = "Nobody would administer", body = ProblemBody),
    ),
)]
pub(super) async fn deactivate(
    State(app): State<App>,
    Admin(caller): Admin,
    context: Context,
    condition: IfMatch,
    Path(id): Path<UserId>,
    grounds: Option<Json<Grounds>>,
) -> Result<Changed> {
    let author = Author { app: &app, context: &context, caller: &caller };
    let data = grounds.map(|Json(grounds)| grounds).unwrap_or_default().data();
    let switch_off = |user: &mut User| {
        user.is_active = false;
        Ok(())
    };
    change(&author, &condition, id, "deactivated", data, switch_off).await
}

/// Switches an account on again; its holder signs in anew.
#[utoipa::path(
    post, path = "/users/{id}/activate", tag = "users", operation_id = "activate_user",
    params(("id" = i64, Path), ("If-Match" = Option<String>, Header)),
    request_body = Option<Grounds>,
    responses(
        (status = 200, body = Account, headers(("ETag" = String))),
    ),
)]
pub(super) async fn activate(
    State(app): State<App>,
    Admin(caller): Admin,
    context: Context,
    condition: IfMatch,
    Path(id): Path<UserId>,
    grounds: Option<Json<Grounds>>,
) -> Result<Changed> {
    let author = Author { app: &app, context: &context, caller: &caller };
    let data = grounds.map(|Json(grounds)| grounds).unwrap_or_default().data();
    let switch_on = |user: &mut User| {
        user.is_active = true;
        Ok(())
    };
    change(&author, &condition, id, "activated", data, switch_on).await
}

async fn change(
    author: &Author<'_>,
    condition: &IfMatch,
    id: UserId,
    action: &'static str,
    data: Map<String, Value>,
    wanted: impl FnOnce(&mut User) -> Result<()> + Send,
) -> Result<Changed> {
    let mut tx = author.app.store.begin().await?;
    let mut change = Change::of_standing(&mut tx, id).await?;
    condition.check(change.before().version)?;
    wanted(&mut change.after)?;
    let made = change.write(&mut tx, author, action, data).await?;
    tx.commit().await?;

    let user = made.take_effect(author.app).await;
    Ok(([(ETAG, etag(user.version))], Json(Account::from(user))))
}

impl Patch {
    fn apply(self, user: &mut User) -> Result<()> {
        let holding = user.holding().with(self.roles.as_deref(), self.primary_role)?;
        user.roles = Roles(holding.roles);
        user.primary_role = holding.primary;
        if let Some(is_active) = self.is_active {
            user.is_active = is_active;
        }
        self.nombre.write(&mut user.nombre);
        self.apellido.write(&mut user.apellido);
        if let Some(email) = self.email {
            user.email = email.trim().to_lowercase();
        }
        Ok(())
    }

    /// What the audit trail keeps: which fields were given, and the closed words among the values.
    fn names(&self) -> Map<String, Value> {
        let given = [
            ("is_active", self.is_active.is_some()),
            ("roles", self.roles.is_some()),
            ("primary_role", self.primary_role.is_some()),
            ("nombre", !self.nombre.is_absent()),
            ("apellido", !self.apellido.is_absent()),
            ("email", self.email.is_some()),
        ];
        let given = given.into_iter().filter(|(_, given)| *given).map(|(name, _)| name);
        let mut data = Map::from_iter([("fields".to_owned(), given.collect::<Value>())]);
        if let Some(roles) = &self.roles {
            data.insert("roles".to_owned(), json!(roles));
        }
        if let Some(primary_role) = self.primary_role {
            data.insert("primary_role".to_owned(), json!(primary_role));
        }
        data
    }
}

impl Grounds {
    fn data(self) -> Map<String, Value> {
        let reason = self.reason.filter(|reason| !reason.is_empty());
        reason.map(|reason| ("reason".to_owned(), reason.into())).into_iter().collect()
    }
}
