//! When doctors receive, and what of that is free.

use std::time::Duration;

use axum::extract::State;
use axum::http::header::ETAG;
use axum::http::{HeaderName, HeaderValue};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::Map;
use utoipa::{IntoParams, ToSchema};

use super::write::{author, may_write};
use crate::domain::clinical::doctor::DoctorStatus;
use crate::domain::clinical::schedule::{Exception, Hours, ScheduleDraft, Span, Timetable, zone};
use crate::domain::id::DoctorId;
use crate::domain::time::Timestamp;
use crate::error::{Kind, Result};
use crate::http::App;
use crate::http::caller::Caller;
use crate::http::clinical::viewer::Viewer;
use crate::http::context::{Context, Path};
use crate::http::json::Json;
use crate::http::page::Query;
use crate::http::precondition::{IfMatch, etag};
use crate::http::problem::ProblemBody;
use crate::persistence::clinical::doctors::Doctor;
use crate::persistence::clinical::row::{Stamp, find, hold};
use crate::persistence::clinical::{appointments, schedules};

/// The longest time that is looked at.
const LONGEST: Duration = Duration::from_hours(31 * 24);
/// How long a visit lasts unless said otherwise, in minutes.
const USUAL: u64 = 30;

/// What to look for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    #[param(value_type = Timestamp, example = "2025-10-13T00:00:00.000Z")]
    from: Timestamp,
    /// At most 31 days later.
    #[param(value_type = Timestamp, example = "2025-10-20T00:00:00.000Z")]
    to: Timestamp,
    #[param(minimum = 5, maximum = 480, default = 30)]
    duration_minutes: Option<u64>,
}

/// What is free.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Availability {
    slots: Vec<Span>,
}

/// When a doctor receives.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Schedule, example = json!({"id": 45,
    "weekly": [{"weekday": 0, "from": "09:00", "to": "13:00"}],
    "time_zone": "America/Argentina/Cordoba",
    "exceptions": [{"date": "2026-12-25", "available": false}], "version": 3,
    "created_at": "2025-10-13T04:58:18.128Z", "updated_at": "2025-10-13T04:58:18.128Z",
    "deleted_at": null}))]
pub(super) struct Schedule {
    /// Of the doctor.
    id: DoctorId,
    weekly: Vec<Hours>,
    time_zone: String,
    exceptions: Vec<Exception>,
    #[serde(flatten)]
    stamp: Stamp,
}

/// Shows when a doctor can be booked, for whoever is signed in. A doctor without a schedule has no
/// slots and is booked by agreement.
#[utoipa::path(
    get, path = "/api/v1/doctors/{id}/availability", tag = "doctors",
    operation_id = "get_doctor_availability",
    params(("id" = i64, Path), Wanted),
    responses(
        (status = 200, body = Availability),
        (status = 400, description = "Not a stretch of at most 31 days", body = ProblemBody),
    ),
)]
pub(super) async fn availability(
    State(app): State<App>,
    _: Caller,
    Path(id): Path<DoctorId>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Availability>> {
    let (range, length) = wanted.checked()?;
    let doctor: Doctor = find(&app.store, id).await?;
    if doctor.status != DoctorStatus::Active {
        return Err(Kind::NotFound("doctor").into());
    }
    let busy = appointments::busy(&app.store, id, range).await?;
    let zone = zone(&doctor.time_zone).unwrap_or(TimeZone::UTC);
    let slots = doctor.schedule.slots(&zone, range, length, &busy, Timestamp::now());
    Ok(Json(Availability { slots }))
}

/// Writes when a doctor receives, in the doctor's own time zone; for the doctor, their institution,
/// administrators and services. Visits that are booked stay.
#[utoipa::path(
    put, path = "/api/v1/doctors/{id}/schedule", tag = "doctors",
    operation_id = "replace_doctor_schedule",
    params(("id" = i64, Path), ("If-Match" = Option<String>, Header)),
    request_body = ScheduleDraft,
    responses((status = 200, body = Schedule, headers(("ETag" = String)))),
)]
pub(super) async fn replace(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    condition: IfMatch,
    Path(id): Path<DoctorId>,
    Json(draft): Json<ScheduleDraft>,
) -> Result<([(HeaderName, HeaderValue); 1], Json<Schedule>)> {
    let (author, now) = (author(&app, &context, &viewer), Timestamp::now());

    let mut tx = app.store.begin().await?;
    let doctor: Doctor = hold(&mut tx, id).await?;
    may_write(&viewer, &doctor)?;
    condition.check(doctor.stamp.version)?;
    let time_zone = draft.time_zone.clone();
    let timetable = Timetable::from(draft);
    let doctor = schedules::write(&mut tx, id, &timetable, &time_zone, now).await?;
    author.record(&mut tx, "doctor", id.0.into(), "schedule_changed", Map::new()).await?;
    if let Some(user) = doctor.user_id {
        author.tell(&mut tx, user, "profile", "updated", Map::new()).await?;
    }
    tx.commit().await?;

    app.hub.outbox_ready();
    Ok(([(ETAG, etag(doctor.stamp.version))], Json(Schedule::of(doctor))))
}

impl Schedule {
    fn of(doctor: Doctor) -> Self {
        let Timetable { weekly, exceptions } = doctor.schedule.0;
        Self { id: doctor.id, weekly, time_zone: doctor.time_zone, exceptions, stamp: doctor.stamp }
    }
}

impl Wanted {
    fn checked(&self) -> Result<(Span, Duration)> {
        let bad = |name: &str| Kind::Malformed(format!("bad {name}"));
        let (starts_at, ends_at) = (self.from, self.to);
        if ends_at <= starts_at || ends_at.since(starts_at) > LONGEST {
            return Err(bad("to").into());
        }
        let minutes = self.duration_minutes.unwrap_or(USUAL);
        if !(5..=480).contains(&minutes) {
            return Err(bad("duration_minutes").into());
        }
        Ok((Span { starts_at, ends_at }, Duration::from_mins(minutes)))
    }
}
