//! Booking visits, and putting them to another time or place.
//!
//! Nobody is booked twice at a time: the rows of patient and doctor are held, in this order, before
//! the calendar is asked. Patients keep to the hours of a doctor who has a schedule; those who give
//! care may book outside them.

use axum::extract::State;
use axum::http::header::{ETAG, LOCATION};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::Map;

use super::directory::seen;
use super::{announce, party, writer};
use crate::domain::clinical::appointment::{AppointmentDraft, Arrangement, Booking, Party, end};
use crate::domain::clinical::doctor::DoctorStatus;
use crate::domain::clinical::schedule::{Span, zone};
use crate::domain::events::clinical::AppointmentAction;
use crate::domain::id::{AppointmentId, InstitutionId};
use crate::domain::time::Timestamp;
use crate::error::{Error, FieldCode, Kind, Result};
use crate::http::App;
use crate::http::author::Author;
use crate::http::clinical::viewer::{Standing, Viewer};
use crate::http::context::{Context, Path};
use crate::http::json::Json;
use crate::http::patch::Patch;
use crate::http::precondition::{IfMatch, etag};
use crate::http::problem::ProblemBody;
use crate::persistence::Tx;
use crate::persistence::clinical::appointments::{self, Appointment};
use crate::persistence::clinical::doctors::Doctor;
use crate::persistence::clinical::patients::{Association, Patient};
use crate::persistence::clinical::row::{hold, refer};

/// A visit at its version.
pub(super) type Shown = ([(HeaderName, HeaderValue); 1], Json<Appointment>);

/// Books a visit. Patients book for themselves and within the hours of the doctor, if the doctor has a
/// schedule; doctors book for their patients with themselves, institutions for their patients with
/// their doctors, at any hour. Visits by video are for validated patients who have a doctor or an
/// institution.
#[utoipa::path(
    post, path = "/api/v1/appointments", tag = "appointments", operation_id = "create_appointment",
    request_body = AppointmentDraft,
    responses(
        (status = 201, body = Appointment, headers(("Location" = String), ("ETag" = String))),
        (status = 409, description = "The doctor or the patient is taken at that time",
            body = ProblemBody),
    ),
)]
pub(super) async fn create(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    Json(draft): Json<AppointmentDraft>,
) -> Result<Response> {
    let author = Author { app: &app, context: &context, caller: &viewer.caller };
    let (by, now) = (party(&viewer)?, Timestamp::now());
    let ends_at = end(draft.starts_at, draft.duration_minutes, now)?;
    if !viewer.is_related(&app, draft.patient_id).await? {
        return Err(Error::field("/patient_id", FieldCode::Reference, "there is no such patient"));
    }

    let mut tx = app.store.begin().await?;
    let patient: Patient = refer(&mut tx, draft.patient_id, "/patient_id").await?;
    let doctor: Option<Doctor> = match draft.doctor_id {
        Some(doctor) => Some(refer(&mut tx, doctor, "/doctor_id").await?),
        None => None,
    };
    may_book_with(&viewer, doctor.as_ref())?;
    let booking = Booking {
        kind: draft.kind,
        is_patient_associated: patient.association_status == Association::Associated,
        validation: patient.validation_status,
        doctor: doctor.as_ref().map(|doctor| doctor.status),
    };
    booking.check()?;
    let span = Span { starts_at: draft.starts_at, ends_at };
    keeps_to_hours(by, doctor.as_ref(), span)?;
    appointments::must_be_free(&mut tx, patient.id, draft.doctor_id, span, None).await?;
    let institution = institution(&mut tx, &viewer, &patient, doctor.as_ref()).await?;
    let appointment = appointments::insert(&mut tx, &draft, institution, ends_at, now).await?;
    let id = appointment.id;
    author.record(&mut tx, "appointment", id.0.into(), "created", Map::new()).await?;
    announce(&mut tx, &app, &appointment, AppointmentAction::Created).await?;
    tx.commit().await?;

    app.hub.outbox_ready();
    let place = format!("/api/v1/appointments/{id}");
    let tag = etag(appointment.stamp.version);
    Ok((StatusCode::CREATED, [(LOCATION, place)], [(ETAG, tag)], Json(appointment)).into_response())
}

/// Puts a visit to another time or place, or gives another reason for it, while it is scheduled or
/// confirmed. A confirmed visit that its patient puts to another time is scheduled again, until it is
/// confirmed for that time.
#[utoipa::path(
    patch, path = "/api/v1/appointments/{id}", tag = "appointments",
    operation_id = "patch_appointment",
    params(("id" = i64, Path), ("If-Match" = Option<String>, Header)),
    request_body = Arrangement,
    responses(
        (status = 200, body = Appointment, headers(("ETag" = String))),
        (status = 409, description = "The doctor or the patient is taken at that time, or the visit \
            is past being rearranged", body = ProblemBody),
    ),
)]
pub(super) async fn patch(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    condition: IfMatch,
    Path(id): Path<AppointmentId>,
    Json(patch): Json<Patch>,
) -> Result<Shown> {
    let author = Author { app: &app, context: &context, caller: &viewer.caller };
    let now = Timestamp::now();
    let by = writer(&app, &viewer, &seen(&app, &viewer, id).await?).await?;

    let mut tx = app.store.begin().await?;
    let appointment: Appointment = hold(&mut tx, id).await?;
    condition.check(appointment.stamp.version)?;
    let standing = appointment.standing();
    standing.check_arrangement()?;
    let (current, data) = (appointment.arrangement(), patch.names());
    let wanted = patch.of(&current)?;
    let is_moved = wanted.starts_at != current.starts_at
        || wanted.duration_minutes != current.duration_minutes;
    let ends_at = if is_moved {
        move_to(&mut tx, by, &appointment, &wanted, now).await?
    } else {
        appointment.ends_at
    };
    let status = standing.after_arrangement(by, is_moved);
    let appointment =
        appointments::arrange(&mut tx, &appointment, &wanted, ends_at, status, now).await?;
    author.record(&mut tx, "appointment", id.0.into(), "updated", data).await?;
    announce(&mut tx, &app, &appointment, AppointmentAction::Updated).await?;
    tx.commit().await?;

    app.hub.outbox_ready();
    Ok(shown(appointment))
}

pub(super) fn shown(appointment: Appointment) -> Shown {
    ([(ETAG, etag(appointment.stamp.version))], Json(appointment))
}

/// When the visit ends at its new time, if patient and doctor are there for it.
async fn move_to(
    tx: &mut Tx,
    by: Party,
    appointment: &Appointment,
    wanted: &Arrangement,
    now: Timestamp,
) -> Result<Timestamp> {
    let ends_at = end(wanted.starts_at, wanted.duration_minutes, now)?;
    let span = Span { starts_at: wanted.starts_at, ends_at };
    let patient: Patient = refer(tx, appointment.patient_id, "/starts_at").await?;
    let doctor: Option<Doctor> = match appointment.doctor_id {
        Some(doctor) => Some(refer(tx, doctor, "/starts_at").await?),
        None => None,
    };
    // A visit that is booked keeps its kind whatever became of its patient.
    if let Some(doctor) = &doctor
        && doctor.status != DoctorStatus::Active
    {
        let detail = "the doctor takes no bookings at present";
        return Err(Error::field("/starts_at", FieldCode::Rule, detail));
    }
    keeps_to_hours(by, doctor.as_ref(), span)?;
    let but = Some(appointment.id);
    appointments::must_be_free(tx, patient.id, appointment.doctor_id, span, but).await?;
    Ok(ends_at)
}

/// Doctors book with themselves, institutions with doctors of theirs.
fn may_book_with(viewer: &Viewer, doctor: Option<&Doctor>) -> Result<()> {
    let Some(doctor) = doctor else { return Ok(()) };
    match viewer.standing {
        Standing::Doctor(own) if own != doctor.id => {
            Err(Kind::Forbidden("doctors book visits with themselves only").into())
        }
        Standing::Institution(own) if doctor.institution_id != Some(own) => {
            Err(Kind::Forbidden("institutions book visits with doctors of theirs only").into())
        }
        _ => Ok(()),
    }
}

fn keeps_to_hours(by: Party, doctor: Option<&Doctor>, span: Span) -> Result<()> {
    let Some(doctor) = doctor.filter(|_| by == Party::Patient) else { return Ok(()) };
    let timetable = &doctor.schedule.0;
    let zone = zone(&doctor.time_zone).unwrap_or(jiff::tz::TimeZone::UTC);
    if !timetable.is_set() || timetable.covers(&zone, span) {
        return Ok(());
    }
    let detail = "the doctor does not receive at that time";
    Err(Error::field("/starts_at", FieldCode::Rule, detail))
}

/// The institution a visit is booked with: the doctor's; without a doctor, that of whoever books it, or
/// of the patient.
async fn institution(
    tx: &mut Tx,
    viewer: &Viewer,
    patient: &Patient,
    doctor: Option<&Doctor>,
) -> Result<Option<InstitutionId>> {
    if let Some(doctor) = doctor {
        return Ok(doctor.institution_id);
    }
    Ok(match viewer.standing {
        Standing::Institution(own) => Some(own),
        Standing::Doctor(own) => hold::<Doctor>(tx, own).await?.institution_id,
        _ => patient.institution_id,
    })
}
