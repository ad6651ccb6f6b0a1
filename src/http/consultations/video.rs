//! The consultation of a visit by video.

use std::future::ready;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use garde::Validate;
use serde::Deserialize;
use utoipa::ToSchema;

use super::create::{Opened, open};
use super::view::{ConsultationView, Urls};
use crate::delivery::letters;
use crate::domain::clinical::appointment::Party;
use crate::domain::consultations::draft::ConsultationDraft;
use crate::domain::id::{AppointmentId, ConsultationId, PatientId};
use crate::error::{Error, Kind, Result};
use crate::http::App;
use crate::http::clinical::appointments::{directory::seen, writer};
use crate::http::clinical::viewer::Viewer;
use crate::http::context::{Context, Path};
use crate::http::json::Json;
use crate::http::problem::ProblemBody;
use crate::persistence::clinical::patients::Patient;
use crate::persistence::clinical::row::find;
use crate::persistence::consultations::consultations::{self, Name, Whose};
use crate::persistence::consultations::participants;
use crate::persistence::identity::addressees;

/// Whether the patient is told.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[schema(as = VideoVisitInput, example = json!({"send_link": true}))]
pub(super) struct Opening {
    /// Mails the patient where the consultation is held.
    #[serde(default = "yes")]
    #[garde(skip)]
    #[schema(default = true)]
    send_link: bool,
}

fn yes() -> bool {
    true
}

/// Opens the consultation a visit by video is held by. The patient is mailed where that is, never a
/// token: whoever follows the link signs in and joins.
#[utoipa::path(
    post, path = "/api/v1/appointments/{id}/video", tag = "appointments",
    operation_id = "open_video_appointment",
    params(("id" = i64, Path)),
    request_body = Option<Opening>,
    responses(
        (status = 201, body = ConsultationView, headers(("Location" = String))),
        (status = 200, body = ConsultationView,
            description = "It was there already, under whichever id"),
        (status = 409, description = "The visit is not by video, or over", body = ProblemBody),
        (status = 410, description = "The consultation is over", body = ProblemBody),
        (status = 502, description = "The media server refuses", body = ProblemBody),
        (status = 504, description = "The media server does not answer", body = ProblemBody),
    ),
)]
pub(super) async fn open_visit(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    Path(id): Path<AppointmentId>,
    opening: Option<Json<Opening>>,
) -> Result<Response> {
    let visit = seen(&app, &viewer, id).await?;
    if writer(&app, &viewer, &visit).await? == Party::Patient {
        return Err(Kind::Forbidden("for those who give care").into());
    }
    visit.standing().check_video()?;
    let doctor = visit.doctor_id.ok_or(Kind::Untenable("the visit is with no doctor"))?;
    let Opened { consultation, is_new } = if let Some(there) = &visit.consultation_id {
        again(&app, there).await?
    } else {
        let draft = ConsultationDraft::of_visit(id, visit.patient_id.0, doctor.0);
        match open(&app, &viewer, &context, &draft).await {
            // Somebody was quicker, under another name.
            Err(error) if is_taken(&error) => {
                let there = seen(&app, &viewer, id).await?.consultation_id;
                again(&app, &there.ok_or(error)?).await?
            }
            opened => opened?,
        }
    };
    if opening.is_none_or(|Json(opening)| opening.send_link) {
        send_link(&app, visit.patient_id, Urls::of(&app, &consultation.id).patient()).await?;
    }
    let place = format!("/api/consultations/{}", consultation.id);
    let present = participants::all(&app.store, &consultation.id).await?;
    let body = Json(ConsultationView::of(&app, consultation, present));
    if is_new {
        return Ok((StatusCode::CREATED, [(LOCATION, place)], body).into_response());
    }
    Ok(body.into_response())
}

/// The consultation that the visit has, whatever it is called.
async fn again(app: &App, id: &ConsultationId) -> Result<Opened> {
    let consultation = consultations::find(&app.store, Name::Id(id), Whose::Everyones).await?;
    consultation.must_be_open()?;
    Ok(Opened { consultation, is_new: false })
}

fn is_taken(error: &Error) -> bool {
    matches!(error.kind(), Kind::Conflict { field: "appointmentId" })
}

/// Mails the patient where the consultation is held.
async fn send_link(app: &App, patient: PatientId, link: &str) -> Result<()> {
    let patient: Patient = find(&app.store, patient).await?;
    let Some(user) = patient.user_id else { return Ok(()) };
    let mut tx = app.store.begin().await?;
    let addressee = addressees::by_id(&mut tx, user).await?;
    tx.commit_attempt().await?;
    let Some(addressee) = addressee.filter(|it| it.is_active) else { return Ok(()) };
    app.deliveries.mail(ready(Some(letters::video_visit(&addressee.into(), link))));
    Ok(())
}
