//! The first page of a patient's portal.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::care_team::{self, CareTeam};
use super::view::{PatientSummary, read, today};
use crate::domain::clinical::kpi::Kpis;
use crate::domain::clinical::validation::ValidationStatus;
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::http::App;
use crate::http::author::Author;
use crate::http::clinical::results::access::seen_all;
use crate::http::clinical::viewer::{PatientRef, Standing, Viewer};
use crate::http::clinical::{chart, reading};
use crate::http::context::{Context, Path};
use crate::http::json::Json;
use crate::persistence::clinical::appointments::{self, Appointment};
use crate::persistence::clinical::prescriptions::{self, Prescription};
use crate::persistence::clinical::results::{self, ExamResult};

/// How a patient stands.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PatientDashboard {
    patient: PatientSummary,
    kpis: Kpis,
    validation_status: ValidationStatus,
    /// At most five, the next first.
    next_appointments: Vec<Appointment>,
    /// At most five, the newest first.
    recent_results: Vec<ExamResult>,
    /// At most ten, the newest first; none for those to whom charts are closed.
    active_prescriptions: Vec<Prescription>,
    unread_messages: i64,
    care_team: CareTeam,
}

/// Shows how a patient stands: figures, next visits, new results, what is prescribed.
#[utoipa::path(
    get, path = "/api/v1/patients/{id}/dashboard", tag = "patients",
    operation_id = "get_patient_dashboard",
    params(("id" = String, Path, description = "An id, or `me`", example = "77")),
    responses((status = 200, body = PatientDashboard)),
)]
pub(super) async fn show(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    Path(id): Path<PatientRef>,
) -> Result<Json<PatientDashboard>> {
    let id = viewer.patient(&app, id).await?.id;
    let (store, patient, now) = (&app.store, read(&app, id).await?, Timestamp::now());
    reading::note(&app, &viewer, &context, ("patient", id.0), id).await?;
    let is_own = matches!(viewer.standing, Standing::Patient(_));
    let recent_results = results::newest(store, id, is_own, 5).await?;
    let author = Author { app: &app, context: &context, caller: &viewer.caller };
    Ok(Json(PatientDashboard {
        next_appointments: appointments::next(store, id, now, 5).await?,
        recent_results: seen_all(&author, &viewer, recent_results).await?,
        active_prescriptions: if chart::must_read(&viewer).is_ok() {
            prescriptions::active(store, id, &today().into(), 10).await?
        } else {
            Vec::new()
        },
        // No conversations are kept yet.
        unread_messages: 0,
        care_team: care_team::read(&app, &viewer, &patient.row).await?,
        kpis: patient.kpis(),
        validation_status: patient.row.validation_status,
        patient: patient.summary(),
    }))
}
