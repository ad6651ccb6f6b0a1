//! Finding consultations.

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;

use super::access::{Seen, whose};
use super::view::ConsultationView;
use crate::domain::consultations::reference::Reference;
use crate::domain::consultations::status::ConsultationStatus;
use crate::domain::events::consultation::ParticipantView;
use crate::domain::id::ConsultationId;
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::http::App;
use crate::http::clinical::viewer::Viewer;
use crate::http::context::Path;
use crate::http::envelope::Success;
use crate::http::json::Json;
use crate::http::page::{CamelPage, List, PageParams};
use crate::http::precondition::{IfNoneMatch, etag};
use crate::http::problem::ProblemBody;
use crate::persistence::consultations::consultations::Name;
use crate::persistence::consultations::list::{self, Filter};
use crate::persistence::consultations::{Consultation, participants};

/// Which consultations a list shows.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub(super) struct Filters {
    #[param(inline)]
    status: Option<ConsultationStatus>,
    /// The decimal id, or what another system calls the patient.
    patient_id: Option<String>,
    /// The decimal id, or what another system calls the doctor.
    doctor_id: Option<String>,
    /// Created then or later.
    #[param(value_type = Option<Timestamp>)]
    from: Option<Timestamp>,
    /// Created before.
    #[param(value_type = Option<Timestamp>)]
    to: Option<Timestamp>,
}

/// Lists consultations, the newest first. Doctors see their own and those of their patients,
/// institutions those of their doctors and patients.
#[utoipa::path(
    get, path = "/api/consultations", tag = "consultations", operation_id = "list_consultations",
    params(Filters, PageParams),
    responses(
        (status = 200, body = Success<CamelPage<ConsultationView>>),
        (status = 400, description = "Unknown filter or bad cursor", body = ProblemBody),
    ),
)]
pub(super) async fn list(
    State(app): State<App>,
    viewer: Viewer,
    asked: List<Filters>,
) -> Result<Json<Success<CamelPage<ConsultationView>>>> {
    let (filters, asked) = asked.split();
    let filter = Filter {
        whose: whose(&viewer, &app)?,
        status: filters.status,
        patient: filters.patient_id.as_deref().map(Reference::from),
        doctor: filters.doctor_id.as_deref().map(Reference::from),
        from: filters.from,
        to: filters.to,
    };
    let before = asked.after.as_deref().map(list::placed).transpose()?;
    let rows = list::page(&app.store, &filter, before, asked.fetch()).await?;
    let total = if asked.count { Some(list::count(&app.store, &filter).await?) } else { None };
    let page = asked.page(rows, Consultation::place).with_total(total);
    let mut present = present(&app, &page.items).await?;
    let page = page.map(|row| {
        let participants = present
            .extract_if(.., |(id, _)| *id == row.id)
            .map(|(_, participant)| participant)
            .collect();
        ConsultationView::of(&app, row, participants)
    });
    Ok(Success::of(page.camel()))
}

/// Shows a consultation, with everybody who is or was there.
#[utoipa::path(
    get, path = "/api/consultations/{id}", tag = "consultations", operation_id = "get_consultation",
    params(("id" = String, Path)),
    responses(
        (status = 200, body = Success<ConsultationView>, headers(("ETag" = String))),
        (status = 304, description = "The caller has this version"),
    ),
)]
pub(super) async fn one(
    State(app): State<App>,
    viewer: Viewer,
    had: IfNoneMatch,
    Path(id): Path<ConsultationId>,
) -> Result<Response> {
    let Seen { consultation, .. } = Seen::of(&app, &viewer, Name::Id(&id)).await?;
    let tag = etag(consultation.stamp.version);
    let participants = participants::all(&app.store, &consultation.id).await?;
    let view = ConsultationView::of(&app, consultation, participants);
    Ok(had.answer_as(tag, Success::of(view).0))
}

/// Everybody who is or was in these consultations.
async fn present(
    app: &App,
    rows: &[Consultation],
) -> Result<Vec<(ConsultationId, ParticipantView)>> {
    let ids: Vec<_> = rows.iter().map(|row| row.id.clone()).collect();
    participants::of_each(&app.store, &ids).await
}
