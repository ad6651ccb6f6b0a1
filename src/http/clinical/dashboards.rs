//! The first page of a portal: figures of a doctor and of an institution (contract §10.4, §5.7).

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::State;
use jiff::tz::TimeZone;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::patients::view::today;
use super::viewer::{Viewer, since};
use crate::domain::clinical::kpi::{BmiClass, last_birthday_of_adults};
use crate::domain::time::Timestamp;
use crate::error::{Error, Result};
use crate::http::App;
use crate::http::json::Json;
use crate::persistence::clinical::dashboards::{self, Patients, Span};
use crate::persistence::clinical::doctors::Doctor;
use crate::persistence::clinical::patient_list::Whose;
use crate::persistence::clinical::row::find;

const MONTH: Duration = Duration::from_hours(30 * 24);
const WEEK: Duration = Duration::from_hours(7 * 24);

/// The routes of dashboards.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(of_doctor)).routes(routes!(of_institution))
}

/// The figures of a doctor.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"total_patients": 42, "patients_by_validation_status": {"pending": 5,
    "validated_by_doctor": 0, "validated_by_institution": 0, "full_access": 37},
    "appointments_today": 6, "appointments_next_7d": 18,
    "consultations_completed_30d": 51, "avg_consultation_minutes_30d": 17.2,
    "no_show_rate_30d": 0.04, "avg_health_score": 73.5, "patients_by_bmi_class": {"normal": 20},
    "results_pending": 3, "unread_messages": 2, "rating_avg": 4.7, "rating_count": 31,
    "as_of": "2025-10-13T04:58:18.128Z"}))]
struct DoctorDashboard {
    total_patients: i64,
    /// Every status is counted.
    patients_by_validation_status: BTreeMap<String, i64>,
    /// On the doctor's own day.
    appointments_today: i64,
    appointments_next_7d: i64,
    consultations_completed_30d: i64,
    avg_consultation_minutes_30d: Option<f64>,
    /// Of the visits that were completed or missed, the part that was missed.
    no_show_rate_30d: Option<f64>,
    avg_health_score: Option<f64>,
    #[schema(value_type = BTreeMap<String, i64>)]
    patients_by_bmi_class: BTreeMap<BmiClass, i64>,
    /// Results the doctor ordered and waits for.
    results_pending: i64,
    unread_messages: i64,
    rating_avg: Option<f64>,
    rating_count: i64,
    as_of: Timestamp,
}

/// The figures of an institution.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"doctors_by_status": {"active": 11, "suspended": 1, "retired": 0},
    "patients_by_validation_status": {"pending": 5, "validated_by_doctor": 0,
    "validated_by_institution": 0, "full_access": 37}, "appointments_today": 31,
    "consultations_completed_30d": 212, "as_of": "2025-10-13T04:58:18.128Z"}))]
struct InstitutionDashboard {
    /// Every status is counted, here and of patients.
    doctors_by_status: BTreeMap<String, i64>,
    patients_by_validation_status: BTreeMap<String, i64>,
    /// UTC
    appointments_today: i64,
    consultations_completed_30d: i64,
    as_of: Timestamp,
}

/// Shows a doctor the figures of their practice.
#[utoipa::path(
    get, path = "/api/v1/doctors/me/dashboard", tag = "doctors", operation_id = "get_doctor_dashboard",
    responses((status = 200, body = DoctorDashboard)),
)]
async fn of_doctor(State(app): State<App>, viewer: Viewer) -> Result<Json<DoctorDashboard>> {
    let (id, store, now) = (viewer.doctor()?, &app.store, Timestamp::now());
    let doctor: Doctor = find(store, id).await?;
    let patients = dashboards::patients(
        store,
        Whose::Doctors(id, since(&app)),
        &last_birthday_of_adults(today()).into(),
    )
    .await?;
    let zone = TimeZone::get(&doctor.time_zone).unwrap_or(TimeZone::UTC);
    let month = Span { from: now.minus(MONTH), to: now };
    let ended = dashboards::ended_of_doctor(store, id, month).await?;
    let outcomes = dashboards::outcomes_of_doctor(store, id, month).await?;
    let Patients { total, by_validation_status, by_bmi_class, avg_health_score } = patients;
    Ok(Json(DoctorDashboard {
        total_patients: total,
        patients_by_validation_status: by_validation_status,
        appointments_today: dashboards::visits_of_doctor(store, id, day(now, &zone)?).await?,
        appointments_next_7d: dashboards::visits_of_doctor(
            store,
            id,
            Span { from: now, to: now.plus(WEEK) },
        )
        .await?,
        consultations_completed_30d: ended.number,
        avg_consultation_minutes_30d: ended.avg_minutes.map(one_decimal),
        no_show_rate_30d: rate(outcomes.no_show, outcomes.no_show + outcomes.completed),
        avg_health_score: avg_health_score.map(one_decimal),
        patients_by_bmi_class: by_bmi_class,
        results_pending: dashboards::awaited_by_doctor(store, id).await?,
        // No conversations are kept yet.
        unread_messages: 0,
        rating_avg: doctor.rating_avg,
        rating_count: doctor.rating_count,
        as_of: now,
    }))
}

/// Shows an institution the figures of its house.
#[utoipa::path(
    get, path = "/api/v1/institutions/me/dashboard", tag = "institutions",
    operation_id = "get_institution_dashboard",
    responses((status = 200, body = InstitutionDashboard)),
)]
async fn of_institution(
    State(app): State<App>,
    viewer: Viewer,
) -> Result<Json<InstitutionDashboard>> {
    let (id, store, now) = (viewer.institution()?, &app.store, Timestamp::now());
    let whose = Whose::Institutions(id, since(&app));
    let patients =
        dashboards::patients(store, whose, &last_birthday_of_adults(today()).into()).await?;
    let today = day(now, &TimeZone::UTC)?;
    let month = Span { from: now.minus(MONTH), to: now };
    Ok(Json(InstitutionDashboard {
        doctors_by_status: dashboards::doctors_by_status(store, id).await?,
        patients_by_validation_status: patients.by_validation_status,
        appointments_today: dashboards::visits_of_institution(store, id, today).await?,
        consultations_completed_30d: dashboards::ended_of_institution(store, id, month).await?,
        as_of: now,
    }))
}

/// The day a moment lies in.
fn day(moment: Timestamp, zone: &TimeZone) -> Result<Span> {
    let moment = jiff::Timestamp::from_millisecond(moment.0).map_err(Error::internal)?;
    let start = moment.to_zoned(zone.clone()).start_of_day().map_err(Error::internal)?;
    let end = start.tomorrow().and_then(|day| day.start_of_day()).map_err(Error::internal)?;
    let at = |day: &jiff::Zoned| Timestamp(day.timestamp().as_millisecond());
    Ok(Span { from: at(&start), to: at(&end) })
}

/// Half up.
fn one_decimal(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn rate(part: i64, whole: i64) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "numbers of visits are small")]
    let rate = (whole > 0).then(|| part as f64 / whole as f64);
    rate.map(|rate| (rate * 1e4).round() / 1e4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_follows_the_clocks_of_its_zone() {
        let zone = TimeZone::get("Europe/Madrid").unwrap();
        let moment: jiff::Timestamp = "2025-10-26T12:00:00Z".parse().unwrap();

        let day = day(Timestamp(moment.as_millisecond()), &zone).unwrap();

        assert_eq!(day.from.to_string(), "2025-10-25T22:00:00.000Z");
        assert_eq!(day.to.to_string(), "2025-10-26T23:00:00.000Z", "an hour longer");
    }

    #[test]
    fn nothing_of_nothing_is_no_rate() {
        assert_eq!(rate(0, 0), None);
        assert_eq!(rate(1, 3), Some(0.3333));
        assert_eq!(one_decimal(17.25).to_string(), "17.3");
    }
}
