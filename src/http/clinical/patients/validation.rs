//! Moving a patient on in their validation (contract §9.1).

use axum::extract::State;
use garde::Validate;
use serde::Deserialize;
use utoipa::ToSchema;

use super::view::PatientView;
use super::write::{Shown, shown};
use crate::domain::clinical::validation::{self, ValidationStatus, Validator};
use crate::domain::time::Timestamp;
use crate::error::{Kind, Result};
use crate::http::App;
use crate::http::author::Author;
use crate::http::clinical::viewer::{PatientRef, Standing, Viewer};
use crate::http::context::{Context, Path};
use crate::http::json::Json;
use crate::http::precondition::IfMatch;
use crate::http::problem::ProblemBody;
use crate::persistence::Tx;
use crate::persistence::clinical::health_profiles;
use crate::persistence::clinical::patients::{self, Patient};
use crate::persistence::clinical::row::hold;
use crate::persistence::deed::passage;
use crate::persistence::identity::accounts;

/// Where a patient is to be moved.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[schema(as = ValidationMove, example = json!({"status": "validated_by_doctor"}))]
pub(super) struct Move {
    #[garde(skip)]
    #[serde(rename = "status")]
    pub(super) to: ValidationStatus,
    /// Why; required to start over.
    #[serde(default)]
    #[garde(inner(length(chars, min = 1, max = 500)))]
    #[schema(min_length = 1, max_length = 500)]
    pub(super) note: Option<String>,
}

/// Moves a patient one step on in their validation, or back to its start.
#[utoipa::path(
    post, path = "/api/v1/patients/{id}/validation", tag = "patients", operation_id = "validate_patient",
    params(
        ("id" = String, Path, description = "An id, or `me`", example = "77"),
        ("If-Match" = Option<String>, Header)
    ),
    request_body = Move,
    responses(
        (status = 200, body = PatientView, headers(("ETag" = String))),
        (status = 409, description = "The step cannot follow", body = ProblemBody),
    ),
)]
pub(super) async fn validate(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    condition: IfMatch,
    Path(id): Path<PatientRef>,
    Json(wanted): Json<Move>,
) -> Result<Shown> {
    let author = Author { app: &app, context: &context, caller: &viewer.caller };
    validator(&viewer)?;
    let (id, now) = (viewer.patient(&app, id).await?.id, Timestamp::now());

    let mut tx = app.store.begin().await?;
    let patient: Patient = hold(&mut tx, id).await?;
    condition.check(patient.stamp.version)?;
    advance(&mut tx, &author, &viewer, &patient, &wanted, now).await?;
    tx.commit().await?;

    app.hub.outbox_ready();
    shown(&app, id).await
}

/// Moves a patient that the transaction holds, if the caller may and the step is open.
pub(super) async fn advance(
    tx: &mut Tx,
    author: &Author<'_>,
    viewer: &Viewer,
    patient: &Patient,
    wanted: &Move,
    now: Timestamp,
) -> Result<()> {
    let has_verified_email = match patient.user_id {
        Some(user) => accounts::within(tx, user).await?.is_some_and(|user| user.email_verified),
        None => false,
    };
    let standing = validation::Standing {
        status: patient.validation_status,
        has_doctor: patient.doctor_id.is_some(),
        has_institution: patient.institution_id.is_some(),
        has_health_profile: health_profiles::exists(tx, patient.id).await?,
        has_verified_email,
    };
    let note = wanted.note.as_deref();
    standing.check(wanted.to, validator(viewer)?, note)?;
    patients::validate(tx, patient, wanted.to, author.user(), note, now).await?;

    let changes = passage(patient.validation_status, wanted.to);
    if let Some(user) = patient.user_id {
        author.tell(tx, user, "validation", "updated", changes.clone()).await?;
    }
    author.record(tx, "patient", patient.id.0.into(), "validated", changes).await
}

fn validator(viewer: &Viewer) -> Result<Validator> {
    match viewer.standing {
        Standing::House if viewer.is_admin() => Ok(Validator::House),
        Standing::Doctor(_) => Ok(Validator::Doctor),
        Standing::Institution(_) => Ok(Validator::Institution),
        _ => {
            let sentence = "patients are validated by doctors, institutions and administrators";
            Err(Kind::Forbidden(sentence).into())
        }
    }
}
