//! Whether a doctor practises, and whether the licence is good.

use axum::extract::State;
use garde::Validate;
use serde::Deserialize;
use serde_json::{Map, json};
use utoipa::ToSchema;

use super::write::{Shown, author, may_run, shown};
use crate::domain::clinical::doctor::DoctorStatus;
use crate::domain::date::Date;
use crate::domain::events::ServerEvent as _;
use crate::domain::events::admin::AdminEvent;
use crate::domain::id::DoctorId;
use crate::domain::state::State as _;
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::http::App;
use crate::http::author::Author;
use crate::http::clinical::viewer::Viewer;
use crate::http::context::{Context, Path};
use crate::http::json::Json;
use crate::http::precondition::IfMatch;
use crate::http::problem::ProblemBody;
use crate::persistence::clinical::appointments;
use crate::persistence::clinical::doctors::{self, Doctor};
use crate::persistence::clinical::row::hold;
use crate::persistence::deed::passage;
use crate::persistence::{Tx, outbox};

/// A decision about a doctor.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[schema(example = json!({"status": "suspended", "reason": "licence expired"}))]
pub(super) struct Decision {
    #[garde(skip)]
    status: DoctorStatus,
    /// Kept in the audit trail.
    #[garde(length(chars, min = 1, max = 500))]
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

/// What was found about a licence.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[schema(example = json!({"verified": true, "valid_until": "2027-01-31"}))]
pub(super) struct Finding {
    #[garde(skip)]
    verified: bool,
    #[serde(default)]
    #[garde(skip)]
    valid_until: Option<Date>,
    /// Kept in the audit trail.
    #[serde(default)]
    #[garde(inner(length(chars, max = 500)))]
    #[schema(max_length = 500)]
    note: Option<String>,
}

/// Decides whether a doctor practises. One who does not is refused everywhere in care; visits that
/// are still to come stay, and administrators are told which.
#[utoipa::path(
    post, path = "/api/v1/doctors/{id}/status", tag = "doctors", operation_id = "set_doctor_status",
    params(("id" = i64, Path), ("If-Match" = Option<String>, Header)),
    request_body = Decision,
    responses(
        (status = 200, body = super::view::FullDoctor, headers(("ETag" = String))),
        (status = 409, description = "The status cannot follow", body = ProblemBody),
    ),
)]
pub(super) async fn set_status(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    condition: IfMatch,
    Path(id): Path<DoctorId>,
    Json(decision): Json<Decision>,
) -> Result<Shown> {
    let (author, now) = (author(&app, &context, &viewer), Timestamp::now());

    let mut tx = app.store.begin().await?;
    let doctor: Doctor = hold(&mut tx, id).await?;
    may_run(&viewer, &doctor)?;
    condition.check(doctor.stamp.version)?;
    doctor.status.check_move(decision.status)?;
    doctors::set_status(&mut tx, id, decision.status, now).await?;
    announce_status(&mut tx, &author, &doctor, decision.status, Some(&decision.reason)).await?;
    tx.commit().await?;

    app.hub.outbox_ready();
    shown(&app, id).await
}

/// Keeps that a doctor, as it stood before, practises from now on or no longer, and tells the doctor
/// and, whoever decided it, the administrators.
pub(super) async fn announce_status(
    tx: &mut Tx,
    author: &Author<'_>,
    doctor: &Doctor,
    to: DoctorStatus,
    reason: Option<&str>,
) -> Result<()> {
    let now = Timestamp::now();
    let mut data = passage(doctor.status, to);
    if let Some(reason) = reason {
        data.insert("reason".to_owned(), json!(reason));
    }
    if to != DoctorStatus::Active {
        let coming = appointments::coming(tx, doctor.id, now).await?;
        data.insert("appointment_ids".to_owned(), json!(coming));
    }
    let (entity, action) = ("doctor", "status_changed");
    author.record(tx, entity, doctor.id.0.into(), action, data.clone()).await?;
    // Of what is done in the name of the house, administrators hear by the record.
    if !author.caller.acts_for_the_house() {
        let mut event = AdminEvent::new(entity, doctor.id.0, action, author.caller.user, now);
        event.data = Some(data.into());
        outbox::append(tx, &event.event(), Some(&author.app.settings.node)).await?;
    }
    let Some(user) = doctor.user_id else { return Ok(()) };
    let changes = Map::from_iter([("status".to_owned(), json!(to))]);
    author.tell(tx, user, "profile", "updated", changes).await
}

/// Keeps what was found about a doctor's licence, and tells the doctor.
#[utoipa::path(
    post, path = "/api/v1/doctors/{id}/license/verify", tag = "doctors",
    operation_id = "verify_doctor_license",
    params(("id" = i64, Path), ("If-Match" = Option<String>, Header)),
    request_body = Finding,
    responses((status = 200, body = super::view::FullDoctor, headers(("ETag" = String)))),
)]
pub(super) async fn verify_license(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    condition: IfMatch,
    Path(id): Path<DoctorId>,
    Json(finding): Json<Finding>,
) -> Result<Shown> {
    let (author, now) = (author(&app, &context, &viewer), Timestamp::now());

    let mut tx = app.store.begin().await?;
    let doctor: Doctor = hold(&mut tx, id).await?;
    may_run(&viewer, &doctor)?;
    condition.check(doctor.stamp.version)?;
    let valid_until = finding.valid_until.as_ref();
    doctors::set_license(&mut tx, id, finding.verified, valid_until, now).await?;
    let mut data = Map::new();
    data.insert("verified".to_owned(), json!(finding.verified));
    data.insert("valid_until".to_owned(), json!(finding.valid_until));
    data.insert("note".to_owned(), json!(finding.note));
    author.record(&mut tx, "doctor", id.0.into(), "license_verified", data).await?;
    if let Some(user) = doctor.user_id {
        let changes = Map::from_iter([
            ("license_verified".to_owned(), json!(finding.verified)),
            ("license_valid_until".to_owned(), json!(finding.valid_until)),
        ]);
        author.tell(&mut tx, user, "profile", "updated", changes).await?;
    }
    tx.commit().await?;

    app.hub.outbox_ready();
    shown(&app, id).await
}
