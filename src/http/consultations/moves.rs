//! Taking a consultation through its states (contract §9.4).

use axum::extract::State;
use axum::http::header::ETAG;
use axum::http::{HeaderName, HeaderValue};

use super::access::Seen;
use super::filming;
use super::view::ConsultationView;
use crate::domain::consultations::draft::Ending;
use crate::domain::consultations::status::Move;
use crate::domain::events::signaling::notices::EndReason;
use crate::domain::id::ConsultationId;
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::http::App;
use crate::http::author::Author;
use crate::http::clinical::viewer::Viewer;
use crate::http::context::{Context, Path};
use crate::http::envelope::Success;
use crate::http::json::Json;
use crate::http::precondition::{IfMatch, etag};
use crate::http::problem::ProblemBody;
use crate::persistence::consultations::consultations::{self, Name};
use crate::persistence::consultations::{Consultation, participants, progress};
use crate::persistence::deed::passage;

/// A consultation at its version.
type Shown = ([(HeaderName, HeaderValue); 1], Json<Success<ConsultationView>>);

/// Begins a consultation, whoever is there.
#[utoipa::path(
    post, path = "/api/consultations/{id}/start", tag = "consultations",
    operation_id = "start_consultation",
    params(("id" = String, Path), ("If-Match" = Option<String>, Header)),
    responses(
        (status = 200, body = Success<ConsultationView>, headers(("ETag" = String))),
        (status = 409, description = "It has begun, or is over", body = ProblemBody),
    ),
)]
pub(super) async fn start(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    condition: IfMatch,
    Path(id): Path<ConsultationId>,
) -> Result<Shown> {
    let step = Step { to: Move::Live, deed: "started", summary: None };
    step.take(&app, &viewer, &context, &condition, &id).await
}

/// Ends a consultation: its room closes, and so do its recordings.
#[utoipa::path(
    post, path = "/api/consultations/{id}/end", tag = "consultations",
    operation_id = "end_consultation",
    params(("id" = String, Path), ("If-Match" = Option<String>, Header)),
    request_body = Option<Ending>,
    responses(
        (status = 200, body = Success<ConsultationView>, headers(("ETag" = String))),
        (status = 409, description = "It is not live", body = ProblemBody),
    ),
)]
pub(super) async fn end(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    condition: IfMatch,
    Path(id): Path<ConsultationId>,
    ending: Option<Json<Ending>>,
) -> Result<Shown> {
    let summary = ending.and_then(|Json(ending)| ending.summary);
    let is_house = viewer.caller.acts_for_the_house();
    let reason = if is_house { EndReason::Admin } else { EndReason::Ended };
    let step = Step { to: Move::Over(reason), deed: "ended", summary };
    step.take(&app, &viewer, &context, &condition, &id).await
}

/// Calls a consultation off that has not begun.
#[utoipa::path(
    post, path = "/api/consultations/{id}/cancel", tag = "consultations",
    operation_id = "cancel_consultation",
    params(("id" = String, Path), ("If-Match" = Option<String>, Header)),
    responses(
        (status = 200, body = Success<ConsultationView>, headers(("ETag" = String))),
        (status = 409, description = "It has begun, or is over", body = ProblemBody),
    ),
)]
pub(super) async fn cancel(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    condition: IfMatch,
    Path(id): Path<ConsultationId>,
) -> Result<Shown> {
    let to = Move::Over(EndReason::Cancelled);
    let step = Step { to, deed: "cancelled", summary: None };
    step.take(&app, &viewer, &context, &condition, &id).await
}

/// One move of a consultation.
struct Step {
    to: Move,
    deed: &'static str,
    summary: Option<String>,
}

impl Step {
    async fn take(
        self,
        app: &App,
        viewer: &Viewer,
        context: &Context,
        condition: &IfMatch,
        id: &ConsultationId,
    ) -> Result<Shown> {
        Seen::of(app, viewer, Name::Id(id)).await?.must_lead()?;
        let author = Author { app, context, caller: &viewer.caller };
        let (node, now) = (&app.settings.node, Timestamp::now());

        let mut tx = app.store.begin().await?;
        let current = consultations::hold(&mut tx, id).await?;
        condition.check(current.stamp.version)?;
        let data = passage(current.status, self.to.status());
        let summary = self.summary.as_deref();
        let moved = progress::advance(&mut tx, node, &current, self.to, summary, now).await?;
        author.record(&mut tx, "consultation", id.as_str().into(), self.deed, data).await?;
        tx.commit().await?;

        app.hub.outbox_ready();
        after(app, &moved);
        let participants = participants::all(&app.store, &moved.id).await?;
        let tag = [(ETAG, etag(moved.stamp.version))];
        Ok((tag, Success::of(ConsultationView::of(app, moved, participants))))
    }
}

/// What follows from a move outside of the database. The media server may be slow: nobody waits for it.
pub(super) fn after(app: &App, moved: &Consultation) {
    filming::begin(app, moved);
    if moved.status.is_over() {
        app.calls.keys.forget(&moved.id);
        filming::close(app, moved);
    }
}
