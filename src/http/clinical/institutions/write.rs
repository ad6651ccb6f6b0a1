//! Writing institutions: the row with its account and contacts in one transaction.

use axum::extract::State;
use axum::http::header::{ETAG, LOCATION};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::Map;
use utoipa::ToSchema;

use super::directory::read;
use super::view::{FullInstitution, complete};
use crate::domain::clinical::institution::InstitutionDraft;
use crate::domain::id::InstitutionId;
use crate::domain::identity::Role;
use crate::domain::time::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::http::App;
use crate::http::author::Author;
use crate::http::caller::{Admin, AdminOrService};
use crate::http::clinical::viewer::{Standing, Viewer};
use crate::http::context::{Context, Path};
use crate::http::identity::holder::{self, Credentials, Named};
use crate::http::json::{Both, Json};
use crate::http::patch::Patch;
use crate::http::precondition::{IfMatch, etag};
use crate::http::problem::ProblemBody;
use crate::persistence::Tx;
use crate::persistence::clinical::contacts::{self, Contacts, Holder};
use crate::persistence::clinical::institutions::{self, Institution};
use crate::persistence::clinical::row::{
    Row as _, hold, hold_account, hold_removed, remove, restore as bring_back,
};

/// An institution at its version.
pub(super) type Shown = ([(HeaderName, HeaderValue); 1], Json<FullInstitution>);

/// An institution to be, and the account it will sign in with.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read in two parts")]
struct NewInstitution {
    #[schema(inline)]
    #[serde(flatten)]
    institution: InstitutionDraft,
    #[schema(inline)]
    #[serde(flatten)]
    credentials: Credentials,
}

/// Adds an institution with an account, for administrators and services.
#[utoipa::path(
    post, path = "/api/v1/institutions", tag = "institutions", operation_id = "create_institution",
    request_body = NewInstitution,
    responses(
        (status = 201, body = FullInstitution, headers(("Location" = String), ("ETag" = String))),
        (status = 409, description = "The contact e-mail or licence is taken", body = ProblemBody),
    ),
)]
pub(super) async fn create(
    State(app): State<App>,
    AdminOrService(caller): AdminOrService,
    context: Context,
    Both(draft, credentials): Both<InstitutionDraft, Credentials>,
) -> Result<Response> {
    let author = Author { app: &app, context: &context, caller: &caller };
    let now = Timestamp::now();
    let prepared = credentials.prepare(&app, &draft.contact_email).await?;

    let mut tx = app.store.begin().await?;
    let named = Named { nombre: &draft.name, apellido: None };
    let account =
        prepared.open(&mut tx, &author, Role::Institution, named, now).await.map_err(by_contact)?;
    let id = institutions::insert(&mut tx, &draft, account.user, now).await?;
    account.refer(&mut tx, id.0, now).await?;
    beside(&mut tx, id, &draft, now).await?;
    author.record(&mut tx, "institution", id.0.into(), "created", Map::new()).await?;
    tx.commit().await?;

    app.hub.outbox_ready();
    account.take_effect(&app);
    let institution = read(&app, id).await?.full();
    let place = format!("/api/v1/institutions/{id}");
    let place = HeaderValue::try_from(place).map_err(Error::internal)?;
    let headers = [(LOCATION, place), (ETAG, etag(institution.stamp.version))];
    Ok((StatusCode::CREATED, headers, Json(institution)).into_response())
}

/// Writes every field of an institution.
#[utoipa::path(
    put, path = "/api/v1/institutions/{id}", tag = "institutions",
    operation_id = "replace_institution",
    params(("id" = i64, Path), ("If-Match" = Option<String>, Header)),
    request_body = InstitutionDraft,
    responses(
        (status = 200, body = FullInstitution, headers(("ETag" = String))),
        (status = 409, description = "The contact e-mail or licence is taken", body = ProblemBody),
    ),
)]
pub(super) async fn replace(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    condition: IfMatch,
    Path(id): Path<InstitutionId>,
    Json(draft): Json<InstitutionDraft>,
) -> Result<Shown> {
    let author = Author { app: &app, context: &context, caller: &viewer.caller };
    change(&author, &viewer, &condition, id, Map::new(), |_| Ok(draft)).await
}

/// Writes the fields of an institution that are given.
#[utoipa::path(
    patch, path = "/api/v1/institutions/{id}", tag = "institutions",
    operation_id = "patch_institution",
    params(("id" = i64, Path), ("If-Match" = Option<String>, Header)),
    request_body = Patch,
    responses(
        (status = 200, body = FullInstitution, headers(("ETag" = String))),
        (status = 409, description = "The contact e-mail or licence is taken", body = ProblemBody),
    ),
)]
pub(super) async fn patch(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    condition: IfMatch,
    Path(id): Path<InstitutionId>,
    Json(patch): Json<Patch>,
) -> Result<Shown> {
    let author = Author { app: &app, context: &context, caller: &viewer.caller };
    let data = patch.names();
    change(&author, &viewer, &condition, id, data, |current| patch.of(current)).await
}

/// Removes an institution from lists and reads, and switches its account off.
#[utoipa::path(
    delete, path = "/api/v1/institutions/{id}", tag = "institutions",
    operation_id = "delete_institution",
    params(("id" = i64, Path), ("If-Match" = Option<String>, Header)),
    responses((status = 204)),
)]
pub(super) async fn delete(
    State(app): State<App>,
    AdminOrService(caller): AdminOrService,
    context: Context,
    condition: IfMatch,
    Path(id): Path<InstitutionId>,
) -> Result<StatusCode> {
    let author = Author { app: &app, context: &context, caller: &caller };

    let mut tx = app.store.begin().await?;
    hold_account::<Institution>(&mut tx, id).await?;
    let institution: Institution = hold(&mut tx, id).await?;
    condition.check(institution.stamp.version)?;
    remove::<Institution>(&mut tx, id, Timestamp::now()).await?;
    author.record(&mut tx, "institution", id.0.into(), "deleted", Map::new()).await?;
    let made = match institution.user_id {
        Some(user) => Some(holder::switch(&mut tx, &author, user, false).await?),
        None => None,
    };
    holder::conclude(&app, tx, made).await?;

    Ok(StatusCode::NO_CONTENT)
}

/// Brings a removed institution back, and switches its account on again.
#[utoipa::path(
    post, path = "/api/v1/institutions/{id}/restore", tag = "institutions",
    operation_id = "restore_institution",
    params(("id" = i64, Path), ("If-Match" = Option<String>, Header)),
    responses(
        (status = 200, body = FullInstitution, headers(("ETag" = String))),
        (status = 404, description = "No removed institution has this id", body = ProblemBody),
        (status = 409, description = "Its licence or e-mail was taken meanwhile", body = ProblemBody),
    ),
)]
pub(super) async fn restore(
    State(app): State<App>,
    Admin(caller): Admin,
    context: Context,
    condition: IfMatch,
    Path(id): Path<InstitutionId>,
) -> Result<Shown> {
    let author = Author { app: &app, context: &context, caller: &caller };

    let mut tx = app.store.begin().await?;
    hold_account::<Institution>(&mut tx, id).await?;
    let institution: Institution = hold_removed(&mut tx, id).await?;
    condition.check(institution.stamp.version)?;
    bring_back::<Institution>(&mut tx, id, "license_number", Timestamp::now()).await?;
    author.record(&mut tx, "institution", id.0.into(), "restored", Map::new()).await?;
    let made = match institution.user_id {
        Some(user) => Some(holder::switch(&mut tx, &author, user, true).await?),
        None => None,
    };
    holder::conclude(&app, tx, made).await?;

    shown(&app, id).await
}

async fn change(
    author: &Author<'_>,
    viewer: &Viewer,
    condition: &IfMatch,
    id: InstitutionId,
    data: Map<String, serde_json::Value>,
    wanted: impl FnOnce(&InstitutionDraft) -> Result<InstitutionDraft> + Send,
) -> Result<Shown> {
    let (app, now) = (author.app, Timestamp::now());
    may_write(viewer, id)?;

    let mut tx = app.store.begin().await?;
    hold_account::<Institution>(&mut tx, id).await?;
    let institution: Institution = hold(&mut tx, id).await?;
    let current = complete(&mut tx, vec![institution.clone()]).await?.pop();
    let standing = current.ok_or(Kind::NotFound(Institution::NOUN))?.draft();
    let draft = wanted(&standing)?;
    may_become(viewer, &standing, &draft)?;
    condition.check(institution.stamp.version)?;
    institutions::update(&mut tx, &institution, &draft, now).await?;
    beside(&mut tx, id, &draft, now).await?;
    author.record(&mut tx, "institution", id.0.into(), "updated", data.clone()).await?;
    let email = draft.contact_email.to_lowercase();
    let mut made = None;
    if let Some(user) = institution.user_id {
        author.tell(&mut tx, user, "profile", "updated", data).await?;
        if email != institution.contact_email {
            let renamed = holder::rename(&mut tx, author, user, &email).await;
            made = Some(renamed.map_err(by_contact)?);
        }
    }
    holder::conclude(app, tx, made).await?;

    shown(app, id).await
}

pub(super) async fn shown(app: &App, id: InstitutionId) -> Result<Shown> {
    let institution = read(app, id).await?.full();
    Ok(([(ETAG, etag(institution.stamp.version))], Json(institution)))
}

async fn beside(
    tx: &mut Tx,
    id: InstitutionId,
    draft: &InstitutionDraft,
    now: Timestamp,
) -> Result<()> {
    let contacts = Contacts { phones: draft.phones.clone(), addresses: draft.addresses.clone() };
    let email = draft.contact_email.to_lowercase();
    contacts::replace(tx, Holder::Institution, id.0, &contacts, &email, now).await
}

fn may_write(viewer: &Viewer, id: InstitutionId) -> Result<()> {
    match viewer.standing {
        Standing::House => Ok(()),
        Standing::Institution(own) if own == id => Ok(()),
        _ => Err(Kind::Forbidden("for administrators and the institution itself only").into()),
    }
}

/// Institutions do not change what they were admitted with.
fn may_become(viewer: &Viewer, current: &InstitutionDraft, draft: &InstitutionDraft) -> Result<()> {
    let is_same = draft.license_number == current.license_number
        && draft.accreditation == current.accreditation
        && draft.status.is_none_or(|status| Some(status) == current.status);
    if viewer.is_house() || is_same {
        return Ok(());
    }
    Err(Kind::Forbidden("institutions change neither their licence, status nor accreditation")
        .into())
}

/// The account's e-mail is the body's contact e-mail.
fn by_contact(error: Error) -> Error {
    match error.kind() {
        Kind::Conflict { field: "email" } => Kind::Conflict { field: "contact_email" }.into(),
        _ => error,
    }
}
