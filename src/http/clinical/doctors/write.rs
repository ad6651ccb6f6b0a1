//! Writing doctors: the row with its account, its specialties and contacts in one transaction.

use axum::extract::State;
use axum::http::header::{ETAG, LOCATION};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::Map;
use utoipa::ToSchema;

use super::directory::read;
use super::standing::announce_status;
use super::view::{FullDoctor, complete};
use crate::domain::clinical::doctor::{DoctorDraft, DoctorStatus};
use crate::domain::id::{DoctorId, InstitutionId};
use crate::domain::identity::Role;
use crate::domain::money::Currency;
use crate::domain::state::State as _;
use crate::domain::time::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::http::App;
use crate::http::author::Author;
use crate::http::caller::Admin;
use crate::http::clinical::ties::{Ties, tell_change};
use crate::http::clinical::viewer::{Standing, Viewer};
use crate::http::context::{Context, Path};
use crate::http::identity::holder::{self, Credentials, Named};
use crate::http::json::{Both, Json};
use crate::http::patch::Patch;
use crate::http::precondition::{IfMatch, etag};
use crate::http::problem::ProblemBody;
use crate::persistence::Tx;
use crate::persistence::clinical::contacts::{self, Contacts, Holder};
use crate::persistence::clinical::doctors::{self, Doctor};
use crate::persistence::clinical::row::{
    Row as _, hold, hold_account, remove, restore as bring_back,
};
use crate::persistence::clinical::specialties;

/// A doctor at its version.
pub(super) type Shown = ([(HeaderName, HeaderValue); 1], Json<FullDoctor>);

/// A doctor to be, and the account they will sign in with.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read in two parts")]
struct NewDoctor {
    #[schema(inline)]
    #[serde(flatten)]
    doctor: DoctorDraft,
    #[schema(inline)]
    #[serde(flatten)]
    credentials: Credentials,
}

/// Adds a doctor with an account, for administrators, services and the institution they will belong to.
#[utoipa::path(
    post, path = "/api/v1/doctors", tag = "doctors", operation_id = "create_doctor",
    request_body = NewDoctor,
    responses(
        (status = 201, body = FullDoctor, headers(("Location" = String), ("ETag" = String))),
        (status = 409, description = "The e-mail, licence or external reference is taken",
            body = ProblemBody),
    ),
)]
pub(super) async fn create(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    Both(mut draft, credentials): Both<DoctorDraft, Credentials>,
) -> Result<Response> {
    match viewer.standing {
        Standing::House => {}
        Standing::Institution(own) => draft.institution_id = Some(belonging(own, &draft)?),
        _ => return Err(Kind::Forbidden("for administrators and institutions only").into()),
    }
    let (author, now) = (author(&app, &context, &viewer), Timestamp::now());
    let currency = currency(&app)?;
    let prepared = credentials.prepare(&app, &draft.email).await?;

    let mut tx = app.store.begin().await?;
    let named = Named { nombre: &draft.first_name, apellido: Some(&draft.last_name) };
    let account = prepared.open(&mut tx, &author, Role::Doctor, named, now).await?;
    specialties::hold_new(&mut tx, &draft.specialties(), &[]).await?;
    let id = doctors::insert(&mut tx, &draft, account.user, &currency, now).await?;
    account.refer(&mut tx, id.0, now).await?;
    beside(&mut tx, id, &draft, now).await?;
    author.record(&mut tx, "doctor", id.0.into(), "created", Map::new()).await?;
    tx.commit().await?;

    app.hub.outbox_ready();
    account.take_effect(&app);
    let doctor = read(&app, id).await?.full();
    let place = HeaderValue::try_from(format!("/api/v1/doctors/{id}")).map_err(Error::internal)?;
    let headers = [(LOCATION, place), (ETAG, etag(doctor.stamp.version))];
    Ok((StatusCode::CREATED, headers, Json(doctor)).into_response())
}

/// Writes every field of a doctor.
#[utoipa::path(
    put, path = "/api/v1/doctors/{id}", tag = "doctors", operation_id = "replace_doctor",
    params(("id" = i64, Path), ("If-Match" = Option<String>, Header)),
    request_body = DoctorDraft,
    responses(
        (status = 200, body = FullDoctor, headers(("ETag" = String))),
        (status = 409, description = "Something unique is taken, or the status cannot follow",
            body = ProblemBody),
    ),
)]
pub(super) async fn replace(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    condition: IfMatch,
    Path(id): Path<DoctorId>,
    Json(draft): Json<DoctorDraft>,
) -> Result<Shown> {
    let author = author(&app, &context, &viewer);
    change(&author, &viewer, &condition, id, Map::new(), |_| Ok(draft)).await
}

/// Writes the fields of a doctor that are given.
#[utoipa::path(
    patch, path = "/api/v1/doctors/{id}", tag = "doctors", operation_id = "patch_doctor",
    params(("id" = i64, Path), ("If-Match" = Option<String>, Header)),
    request_body = Patch,
    responses(
        (status = 200, body = FullDoctor, headers(("ETag" = String))),
        (status = 409, description = "Something unique is taken, or the status cannot follow",
            body = ProblemBody),
    ),
)]
pub(super) async fn patch(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    condition: IfMatch,
    Path(id): Path<DoctorId>,
    Json(patch): Json<Patch>,
) -> Result<Shown> {
    let author = author(&app, &context, &viewer);
    let data = patch.names();
    change(&author, &viewer, &condition, id, data, |current| patch.of(current)).await
}

/// Removes a doctor from lists and reads, and switches their account off.
#[utoipa::path(
    delete, path = "/api/v1/doctors/{id}", tag = "doctors", operation_id = "delete_doctor",
    params(("id" = i64, Path), ("If-Match" = Option<String>, Header)),
    responses((status = 204)),
)]
pub(super) async fn delete(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    condition: IfMatch,
    Path(id): Path<DoctorId>,
) -> Result<StatusCode> {
    let (author, now) = (author(&app, &context, &viewer), Timestamp::now());

    let mut tx = app.store.begin().await?;
    hold_account::<Doctor>(&mut tx, id).await?;
    let doctor: Doctor = hold(&mut tx, id).await?;
    may_run(&viewer, &doctor)?;
    condition.check(doctor.stamp.version)?;
    remove::<Doctor>(&mut tx, id, now).await?;
    move_between(&mut tx, &author, &doctor, None).await?;
    author.record(&mut tx, "doctor", id.0.into(), "deleted", Map::new()).await?;
    let made = match doctor.user_id {
        Some(user) => Some(holder::switch(&mut tx, &author, user, false).await?),
        None => None,
    };
    holder::conclude(&app, tx, made).await?;

    Ok(StatusCode::NO_CONTENT)
}

/// Brings a removed doctor back, or has a retired one reviewed: suspended until someone decides. The
/// account is switched on again.
#[utoipa::path(
    post, path = "/api/v1/doctors/{id}/restore", tag = "doctors", operation_id = "restore_doctor",
    params(("id" = i64, Path), ("If-Match" = Option<String>, Header)),
    responses(
        (status = 200, body = FullDoctor, headers(("ETag" = String))),
        (status = 404, description = "No removed or retired doctor has this id", body = ProblemBody),
        (status = 409, description = "Something unique was taken meanwhile", body = ProblemBody),
    ),
)]
pub(super) async fn restore(
    State(app): State<App>,
    Admin(caller): Admin,
    context: Context,
    condition: IfMatch,
    Path(id): Path<DoctorId>,
) -> Result<Shown> {
    let author = Author { app: &app, context: &context, caller: &caller };
    let now = Timestamp::now();

    let mut tx = app.store.begin().await?;
    hold_account::<Doctor>(&mut tx, id).await?;
    let doctor = doctors::hold_any(&mut tx, id).await?;
    if doctor.stamp.deleted_at.is_none() && doctor.status != DoctorStatus::Retired {
        return Err(Kind::NotFound("removed or retired doctor").into());
    }
    condition.check(doctor.stamp.version)?;
    if doctor.stamp.deleted_at.is_some() {
        bring_back::<Doctor>(&mut tx, id, "medical_license", now).await?;
    }
    if doctor.status == DoctorStatus::Retired {
        doctors::set_status(&mut tx, id, DoctorStatus::Suspended, now).await?;
    }
    author.record(&mut tx, "doctor", id.0.into(), "restored", Map::new()).await?;
    let made = match doctor.user_id {
        Some(user) => Some(holder::switch(&mut tx, &author, user, true).await?),
        None => None,
    };
    holder::conclude(&app, tx, made).await?;

    shown(&app, id).await
}

/// Writes what `wanted` makes of a doctor, if the caller may.
pub(super) async fn change(
    author: &Author<'_>,
    viewer: &Viewer,
    condition: &IfMatch,
    id: DoctorId,
    data: Map<String, serde_json::Value>,
    wanted: impl FnOnce(&DoctorDraft) -> Result<DoctorDraft> + Send,
) -> Result<Shown> {
    let (app, now) = (author.app, Timestamp::now());

    let mut tx = app.store.begin().await?;
    hold_account::<Doctor>(&mut tx, id).await?;
    let doctor: Doctor = hold(&mut tx, id).await?;
    may_write(viewer, &doctor)?;
    let current = complete(&mut tx, vec![doctor.clone()]).await?.pop();
    let standing = current.ok_or(Kind::NotFound(Doctor::NOUN))?.draft();
    let draft = wanted(&standing)?;
    may_become(viewer, &standing, &draft)?;
    if !draft.email.eq_ignore_ascii_case(&standing.email) {
        holder::may_rename(author, doctor.user_id)?;
    }
    condition.check(doctor.stamp.version)?;
    if let Some(status) = draft.status {
        doctor.status.check(status)?;
    }
    specialties::hold_new(&mut tx, &draft.specialties(), &standing.specialty_ids).await?;
    doctors::update(&mut tx, &doctor, &draft, now).await?;
    beside(&mut tx, id, &draft, now).await?;
    if let Some(status) = draft.status.filter(|status| *status != doctor.status) {
        announce_status(&mut tx, author, &doctor, status, None).await?;
    }
    move_between(&mut tx, author, &doctor, draft.institution_id).await?;
    author.record(&mut tx, "doctor", id.0.into(), "updated", data.clone()).await?;
    let made = match doctor.user_id {
        Some(user) => {
            author.tell(&mut tx, user, "profile", "updated", data).await?;
            Some(holder::rename(&mut tx, author, user, &draft.email).await?)
        }
        None => None,
    };
    holder::conclude(app, tx, made).await?;

    shown(app, id).await
}

pub(super) async fn shown(app: &App, id: DoctorId) -> Result<Shown> {
    let doctor = read(app, id).await?.full();
    Ok(([(ETAG, etag(doctor.stamp.version))], Json(doctor)))
}

pub(super) fn author<'a>(app: &'a App, context: &'a Context, viewer: &'a Viewer) -> Author<'a> {
    Author { app, context, caller: &viewer.caller }
}

/// Tells the institutions that a doctor leaves and comes to.
async fn move_between(
    tx: &mut Tx,
    author: &Author<'_>,
    doctor: &Doctor,
    to: Option<InstitutionId>,
) -> Result<()> {
    let (before, after) = (Ties::to_institution(doctor.institution_id), Ties::to_institution(to));
    tell_change(tx, author, ("doctor_id", doctor.id.0), before, after).await
}

/// Writes what of a doctor stands in other tables.
async fn beside(tx: &mut Tx, id: DoctorId, draft: &DoctorDraft, now: Timestamp) -> Result<()> {
    specialties::fill(tx, id, &draft.specialties()).await?;
    let contacts = Contacts { phones: draft.phones.clone(), addresses: draft.addresses.clone() };
    let email = draft.email.trim().to_lowercase();
    contacts::replace(tx, Holder::Doctor, id.0, &contacts, &email, now).await
}

/// The house and a doctor's institution decide whether the doctor practises.
pub(super) fn may_run(viewer: &Viewer, doctor: &Doctor) -> Result<()> {
    match viewer.standing {
        Standing::House => Ok(()),
        Standing::Institution(own) if doctor.institution_id == Some(own) => Ok(()),
        _ => Err(Kind::Forbidden("for administrators and the doctor's institution only").into()),
    }
}

pub(super) fn may_write(viewer: &Viewer, doctor: &Doctor) -> Result<()> {
    match viewer.standing {
        Standing::Doctor(own) if own == doctor.id => Ok(()),
        _ => may_run(viewer, doctor),
    }
}

/// Doctors do not change what they were admitted with; institutions do not give doctors away.
fn may_become(viewer: &Viewer, current: &DoctorDraft, draft: &DoctorDraft) -> Result<()> {
    match viewer.standing {
        Standing::Doctor(_) => {
            let is_same = draft.medical_license == current.medical_license
                && draft.institution_id == current.institution_id
                && draft.external_ref == current.external_ref
                && draft.status.is_none_or(|status| Some(status) == current.status);
            if is_same {
                return Ok(());
            }
            let sentence =
                "doctors change neither their licence, status, institution nor reference";
            Err(Kind::Forbidden(sentence).into())
        }
        Standing::Institution(own) if draft.institution_id.is_some() => {
            belonging(own, draft).map(drop)
        }
        _ => Ok(()),
    }
}

/// The institution that a doctor of this institution belongs to.
fn belonging(own: InstitutionId, draft: &DoctorDraft) -> Result<InstitutionId> {
    match draft.institution_id {
        Some(other) if other != own => {
            Err(Kind::Forbidden("an institution has doctors of its own only").into())
        }
        _ => Ok(own),
    }
}

fn currency(app: &App) -> Result<Currency> {
    app.settings.default_currency.parse().map_err(Error::internal)
}
