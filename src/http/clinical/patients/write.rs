//! Writing patients: the row with its account, contacts and health in one transaction.

use axum::extract::State;
use axum::http::header::{ETAG, LOCATION};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::Map;
use utoipa::ToSchema;

use super::health;
use super::validation::{Move, advance};
use super::view::{Complete, PatientView, complete, read, today};
use crate::domain::clinical::patient::PatientDraft;
use crate::domain::id::PatientId;
use crate::domain::identity::Role;
use crate::domain::time::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::http::App;
use crate::http::author::Author;
use crate::http::caller::{Admin, AdminOrService};
use crate::http::clinical::ties::{Ties, tell_change};
use crate::http::clinical::viewer::{PatientRef, Standing, Viewer};
use crate::http::context::{Context, Path};
use crate::http::identity::holder::{self, Credentials, Named};
use crate::http::json::{Both, Json};
use crate::http::patch::Patch;
use crate::http::precondition::{IfMatch, etag};
use crate::http::problem::ProblemBody;
use crate::persistence::Tx;
use crate::persistence::clinical::contacts::{self, Contacts, Holder};
use crate::persistence::clinical::health_profiles;
use crate::persistence::clinical::patients::{self, Association, Patient};
use crate::persistence::clinical::row::{
    hold, hold_account, hold_removed, remove, restore as bring_back,
};

/// A patient at its version.
pub(super) type Shown = ([(HeaderName, HeaderValue); 1], Json<PatientView>);

/// A patient to be, and the account they will sign in with.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read in two parts")]
struct NewPatient {
    #[schema(inline)]
    #[serde(flatten)]
    patient: PatientDraft,
    #[schema(inline)]
    #[serde(flatten)]
    credentials: Credentials,
}

/// Adds a patient with an account and a health profile. Whom a doctor or an institution adds becomes
/// theirs.
#[utoipa::path(
    post, path = "/api/v1/patients", tag = "patients", operation_id = "create_patient",
    request_body = NewPatient,
    responses(
        (status = 201, body = PatientView, headers(("Location" = String), ("ETag" = String))),
        (status = 409, description = "The e-mail or external reference is taken", body = ProblemBody),
    ),
)]
pub(super) async fn create(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    Both(mut draft, credentials): Both<PatientDraft, Credentials>,
) -> Result<Response> {
    adopt(&viewer, &mut draft)?;
    draft.check(today(), true)?;
    let author = Author { app: &app, context: &context, caller: &viewer.caller };
    let now = Timestamp::now();
    let prepared = credentials.prepare(&app, &draft.email).await?;

    let mut tx = app.store.begin().await?;
    let named = Named { nombre: &draft.first_name, apellido: Some(&draft.last_name) };
    let account = prepared.open(&mut tx, &author, Role::Patient, named, now).await?;
    let id = patients::insert(&mut tx, &draft, account.user, now).await?;
    account.refer(&mut tx, id.0, now).await?;
    reach(&mut tx, id, &draft, now).await?;
    if let Some(profile) = &draft.health_profile {
        health::write(&mut tx, &author, id, &draft.date_of_birth, profile, now).await?;
    }
    author.record(&mut tx, "patient", id.0.into(), "created", Map::new()).await?;
    tx.commit().await?;

    app.hub.outbox_ready();
    account.take_effect(&app);
    let patient = read(&app, id).await?.view();
    let place = HeaderValue::try_from(format!("/api/v1/patients/{id}")).map_err(Error::internal)?;
    let headers = [(LOCATION, place), (ETAG, etag(patient.stamp.version))];
    Ok((StatusCode::CREATED, headers, Json(patient)).into_response())
}

/// Writes every field of a patient. Patients write how they are reached and their health only.
#[utoipa::path(
    put, path = "/api/v1/patients/{id}", tag = "patients", operation_id = "replace_patient",
    params(
        ("id" = String, Path, description = "An id, or `me`", example = "77"),
        ("If-Match" = Option<String>, Header)
    ),
    request_body = PatientDraft,
    responses(
        (status = 200, body = PatientView, headers(("ETag" = String))),
        (status = 409, description = "Something unique is taken, or the status cannot follow",
            body = ProblemBody),
    ),
)]
pub(super) async fn replace(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    condition: IfMatch,
    Path(id): Path<PatientRef>,
    Json(draft): Json<PatientDraft>,
) -> Result<Shown> {
    let author = Author { app: &app, context: &context, caller: &viewer.caller };
    change(&author, &viewer, &condition, id, Map::new(), |_| Ok(draft)).await
}

/// Writes the fields of a patient that are given.
#[utoipa::path(
    patch, path = "/api/v1/patients/{id}", tag = "patients", operation_id = "patch_patient",
    params(
        ("id" = String, Path, description = "An id, or `me`", example = "77"),
        ("If-Match" = Option<String>, Header)
    ),
    request_body = Patch,
    responses(
        (status = 200, body = PatientView, headers(("ETag" = String))),
        (status = 409, description = "Something unique is taken, or the status cannot follow",
            body = ProblemBody),
    ),
)]
pub(super) async fn patch(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    condition: IfMatch,
    Path(id): Path<PatientRef>,
    Json(patch): Json<Patch>,
) -> Result<Shown> {
    let author = Author { app: &app, context: &context, caller: &viewer.caller };
    let data = patch.names();
    change(&author, &viewer, &condition, id, data, |current| {
        let mut draft = current.draft();
        if patch.names_field("health_profile") {
            draft.health_profile.clone_from(&current.profile);
        }
        patch.of(&draft)
    })
    .await
}

/// Removes a patient from lists and reads, and switches their account off.
#[utoipa::path(
    delete, path = "/api/v1/patients/{id}", tag = "patients", operation_id = "delete_patient",
    params(("id" = i64, Path), ("If-Match" = Option<String>, Header)),
    responses((status = 204)),
)]
pub(super) async fn delete(
    State(app): State<App>,
    AdminOrService(caller): AdminOrService,
    context: Context,
    condition: IfMatch,
    Path(id): Path<PatientId>,
) -> Result<StatusCode> {
    let author = Author { app: &app, context: &context, caller: &caller };

    let mut tx = app.store.begin().await?;
    hold_account::<Patient>(&mut tx, id).await?;
    let patient: Patient = hold(&mut tx, id).await?;
    condition.check(patient.stamp.version)?;
    remove::<Patient>(&mut tx, id, Timestamp::now()).await?;
    author.record(&mut tx, "patient", id.0.into(), "deleted", Map::new()).await?;
    let made = match patient.user_id {
        Some(user) => Some(holder::switch(&mut tx, &author, user, false).await?),
        None => None,
    };
    holder::conclude(&app, tx, made).await?;

    Ok(StatusCode::NO_CONTENT)
}

/// Brings a removed patient back, and switches their account on again.
#[utoipa::path(
    post, path = "/api/v1/patients/{id}/restore", tag = "patients", operation_id = "restore_patient",
    params(("id" = i64, Path), ("If-Match" = Option<String>, Header)),
    responses(
        (status = 200, body = PatientView, headers(("ETag" = String))),
        (status = 404, description = "No removed patient has this id", body = ProblemBody),
        (status = 409, description = "The external reference was taken meanwhile", body = ProblemBody),
    ),
)]
pub(super) async fn restore(
    State(app): State<App>,
    Admin(caller): Admin,
    context: Context,
    condition: IfMatch,
    Path(id): Path<PatientId>,
) -> Result<Shown> {
    let author = Author { app: &app, context: &context, caller: &caller };

    let mut tx = app.store.begin().await?;
    hold_account::<Patient>(&mut tx, id).await?;
    let patient: Patient = hold_removed(&mut tx, id).await?;
    condition.check(patient.stamp.version)?;
    bring_back::<Patient>(&mut tx, id, "external_ref", Timestamp::now()).await?;
    author.record(&mut tx, "patient", id.0.into(), "restored", Map::new()).await?;
    let made = match patient.user_id {
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
    id: PatientRef,
    data: Map<String, serde_json::Value>,
    wanted: impl FnOnce(&Complete) -> Result<PatientDraft> + Send,
) -> Result<Shown> {
    let (app, now) = (author.app, Timestamp::now());
    let id = viewer.patient(app, id).await?.id;

    let mut tx = app.store.begin().await?;
    hold_account::<Patient>(&mut tx, id).await?;
    let patient: Patient = hold(&mut tx, id).await?;
    let current = complete(&mut tx, patient.clone()).await?;
    let standing = current.draft();
    let draft = wanted(&current)?;
    if let Standing::Patient(_) = viewer.standing {
        draft.check_own(&standing)?;
    }
    if draft.health_profile.is_some() {
        health::may_write(viewer)?;
    }
    if !draft.email.eq_ignore_ascii_case(&standing.email) {
        holder::may_rename(author, patient.user_id)?;
    }
    condition.check(patient.stamp.version)?;
    draft.check(today(), patient.association_status == Association::Associated)?;
    patients::update(&mut tx, &patient, &draft, now).await?;
    reach(&mut tx, id, &draft, now).await?;
    if let Some(profile) = &draft.health_profile {
        health::write(&mut tx, author, id, &draft.date_of_birth, profile, now).await?;
    } else if let Some(profile) = &current.profile
        && draft.date_of_birth != patient.date_of_birth
    {
        let kpis = profile.kpis(draft.date_of_birth.civil(), today());
        health_profiles::rescore(&mut tx, id, None, &kpis).await?;
    }
    if let Some(to) = draft.validation_status.filter(|to| *to != patient.validation_status) {
        let (moved, patient) = (Move { to, note: None }, hold(&mut tx, id).await?);
        advance(&mut tx, author, viewer, &patient, &moved, now).await?;
    }
    let before = Ties { doctor: patient.doctor_id, institution: patient.institution_id };
    let after = Ties { doctor: draft.doctor_id, institution: draft.institution_id };
    tell_change(&mut tx, author, ("patient_id", id.0), before, after).await?;
    author.record(&mut tx, "patient", id.0.into(), "updated", data.clone()).await?;
    let made = match patient.user_id {
        Some(user) => {
            author.tell(&mut tx, user, "profile", "updated", data).await?;
            Some(holder::rename(&mut tx, author, user, &draft.email).await?)
        }
        None => None,
    };
    holder::conclude(app, tx, made).await?;

    shown(app, id).await
}

pub(super) async fn shown(app: &App, id: PatientId) -> Result<Shown> {
    let patient = read(app, id).await?.view();
    Ok(([(ETAG, etag(patient.stamp.version))], Json(patient)))
}

async fn reach(tx: &mut Tx, id: PatientId, draft: &PatientDraft, now: Timestamp) -> Result<()> {
    let contacts = Contacts { phones: draft.phones.clone(), addresses: draft.addresses.clone() };
    let email = draft.email.trim().to_lowercase();
    contacts::replace(tx, Holder::Patient, id.0, &contacts, &email, now).await
}

/// Makes a new patient theirs who adds them.
fn adopt(viewer: &Viewer, draft: &mut PatientDraft) -> Result<()> {
    match viewer.standing {
        Standing::House => {}
        Standing::Doctor(own) if draft.doctor_id.is_none_or(|named| named == own) => {
            draft.doctor_id = Some(own);
        }
        Standing::Institution(own) if draft.institution_id.is_none_or(|named| named == own) => {
            draft.institution_id = Some(own);
        }
        Standing::Doctor(_) | Standing::Institution(_) => {
            return Err(Kind::Forbidden("a patient becomes theirs who adds them").into());
        }
        _ => {
            let sentence = "patients are added by administrators, doctors and institutions";
            return Err(Kind::Forbidden(sentence).into());
        }
    }
    Ok(())
}
