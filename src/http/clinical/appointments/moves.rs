//! Taking visits through their states (contract §9.3).

use axum::extract::State;
use garde::Validate;
use serde::Deserialize;
use utoipa::ToSchema;

use super::booking::{Shown, shown};
use super::directory::seen;
use super::{announce, writer};
use crate::domain::clinical::appointment::{AppointmentStatus, reason_of_cancelled};
use crate::domain::events::clinical::AppointmentAction;
use crate::domain::id::AppointmentId;
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::http::App;
use crate::http::author::Author;
use crate::http::clinical::viewer::Viewer;
use crate::http::context::{Context, Path};
use crate::http::json::Json;
use crate::http::precondition::IfMatch;
use crate::http::problem::ProblemBody;
use crate::persistence::clinical::appointments::{self, Appointment};
use crate::persistence::clinical::row::hold;
use crate::persistence::deed::passage;

/// Why a visit does not take place.
#[derive(Debug, Default, Deserialize, Validate, ToSchema)]
#[schema(as = AppointmentCancellation, example = json!({"reason": "de viaje"}))]
pub(super) struct Cancellation {
    /// Told to everyone the visit concerns.
    #[serde(default)]
    #[garde(inner(length(chars, max = 1000)))]
    #[schema(max_length = 1000)]
    reason: Option<String>,
}

/// Says that a visit takes place; for doctors, institutions, administrators and services.
#[utoipa::path(
    post, path = "/api/v1/appointments/{id}/confirm", tag = "appointments",
    operation_id = "confirm_appointment",
    params(("id" = i64, Path), ("If-Match" = Option<String>, Header)),
    responses(
        (status = 200, body = Appointment, headers(("ETag" = String))),
        (status = 409, description = "The visit is not scheduled", body = ProblemBody),
    ),
)]
pub(super) async fn confirm(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    condition: IfMatch,
    Path(id): Path<AppointmentId>,
) -> Result<Shown> {
    let step = Step { to: AppointmentStatus::Confirmed, deed: "confirmed", reason: None };
    step.take(&app, &viewer, &context, &condition, id).await
}

/// Calls a visit off; for its patient too.
#[utoipa::path(
    post, path = "/api/v1/appointments/{id}/cancel", tag = "appointments",
    operation_id = "cancel_appointment",
    params(("id" = i64, Path), ("If-Match" = Option<String>, Header)),
    request_body = Option<Cancellation>,
    responses(
        (status = 200, body = Appointment, headers(("ETag" = String))),
        (status = 409, description = "The visit is neither scheduled nor confirmed",
            body = ProblemBody),
    ),
)]
pub(super) async fn cancel(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    condition: IfMatch,
    Path(id): Path<AppointmentId>,
    cancellation: Option<Json<Cancellation>>,
) -> Result<Shown> {
    let reason = cancellation.and_then(|Json(cancellation)| cancellation.reason);
    let step = Step { to: AppointmentStatus::Cancelled, deed: "cancelled", reason };
    step.take(&app, &viewer, &context, &condition, id).await
}

/// Says that a patient has come; for doctors, institutions, administrators and services.
#[utoipa::path(
    post, path = "/api/v1/appointments/{id}/check-in", tag = "appointments",
    operation_id = "check_in_appointment",
    params(("id" = i64, Path), ("If-Match" = Option<String>, Header)),
    responses(
        (status = 200, body = Appointment, headers(("ETag" = String))),
        (status = 409, description = "The visit is not confirmed", body = ProblemBody),
    ),
)]
pub(super) async fn check_in(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    condition: IfMatch,
    Path(id): Path<AppointmentId>,
) -> Result<Shown> {
    let step = Step { to: AppointmentStatus::CheckedIn, deed: "checked_in", reason: None };
    step.take(&app, &viewer, &context, &condition, id).await
}

/// Says that a visit is over; for doctors, institutions, administrators and services.
#[utoipa::path(
    post, path = "/api/v1/appointments/{id}/complete", tag = "appointments",
    operation_id = "complete_appointment",
    params(("id" = i64, Path), ("If-Match" = Option<String>, Header)),
    responses(
        (status = 200, body = Appointment, headers(("ETag" = String))),
        (status = 409, description = "The patient was not checked in", body = ProblemBody),
    ),
)]
pub(super) async fn complete(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    condition: IfMatch,
    Path(id): Path<AppointmentId>,
) -> Result<Shown> {
    let step = Step { to: AppointmentStatus::Completed, deed: "completed", reason: None };
    step.take(&app, &viewer, &context, &condition, id).await
}

/// Says that a patient has not come, a quarter of an hour after the start or later; for doctors,
/// institutions, administrators and services.
#[utoipa::path(
    post, path = "/api/v1/appointments/{id}/no-show", tag = "appointments",
    operation_id = "miss_appointment",
    params(("id" = i64, Path), ("If-Match" = Option<String>, Header)),
    responses(
        (status = 200, body = Appointment, headers(("ETag" = String))),
        (status = 409, description = "The patient may still come, or the visit is neither scheduled \
            nor confirmed", body = ProblemBody),
    ),
)]
pub(super) async fn no_show(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    condition: IfMatch,
    Path(id): Path<AppointmentId>,
) -> Result<Shown> {
    let step = Step { to: AppointmentStatus::NoShow, deed: "no_show", reason: None };
    step.take(&app, &viewer, &context, &condition, id).await
}

/// One move of a visit.
struct Step {
    to: AppointmentStatus,
    deed: &'static str,
    /// Why it is called off.
    reason: Option<String>,
}

impl Step {
    async fn take(
        self,
        app: &App,
        viewer: &Viewer,
        context: &Context,
        condition: &IfMatch,
        id: AppointmentId,
    ) -> Result<Shown> {
        let author = Author { app, context, caller: &viewer.caller };
        let now = Timestamp::now();
        let by = writer(app, viewer, &seen(app, viewer, id).await?).await?;

        let mut tx = app.store.begin().await?;
        let current: Appointment = hold(&mut tx, id).await?;
        condition.check(current.stamp.version)?;
        current.standing().check(self.to, by, now)?;
        let data = passage(current.status, self.to);
        let moved = if self.to == AppointmentStatus::Cancelled {
            let reason = reason_of_cancelled(current.reason, self.reason.as_deref());
            appointments::cancel(&mut tx, id, author.user(), reason.as_deref(), now).await?
        } else {
            appointments::set_status(&mut tx, id, self.to, now).await?
        };
        author.record(&mut tx, "appointment", id.0.into(), self.deed, data).await?;
        announce(&mut tx, app, &moved, action(self.to)).await?;
        tx.commit().await?;

        app.hub.outbox_ready();
        Ok(shown(moved))
    }
}

fn action(to: AppointmentStatus) -> AppointmentAction {
    match to {
        AppointmentStatus::Confirmed => AppointmentAction::Confirmed,
        AppointmentStatus::Cancelled => AppointmentAction::Cancelled,
        _ => AppointmentAction::Updated,
    }
}
