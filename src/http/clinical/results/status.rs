//! Moving a result on (contract §9.7).

use axum::extract::State;

use super::access::{announce, record, writable};
use super::write::{Shown, shown};
use crate::domain::clinical::result::ResultStatus;
use crate::domain::id::ResultId;
use crate::domain::state::State as _;
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::http::App;
use crate::http::author::Author;
use crate::http::clinical::viewer::Viewer;
use crate::http::context::{Context, Path};
use crate::http::precondition::IfMatch;
use crate::http::problem::ProblemBody;
use crate::persistence::clinical::results::{self, ExamResult};
use crate::persistence::clinical::row::hold;

/// Releases a result to the patient.
#[utoipa::path(
    post, path = "/api/v1/results/{id}/ready", tag = "results", operation_id = "release_result",
    params(("id" = i64, Path, example = 8), ("If-Match" = Option<String>, Header)),
    responses(
        (status = 200, body = ExamResult, headers(("ETag" = String))),
        (status = 409, description = "It is released", body = ProblemBody),
    ),
)]
pub(super) async fn ready(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    condition: IfMatch,
    Path(id): Path<ResultId>,
) -> Result<Shown> {
    advance(&app, &viewer, &context, &condition, id, ResultStatus::Ready).await
}

/// Notes that the patient has a result, handed over otherwise than by reading it here.
#[utoipa::path(
    post, path = "/api/v1/results/{id}/deliver", tag = "results", operation_id = "deliver_result",
    params(("id" = i64, Path, example = 8), ("If-Match" = Option<String>, Header)),
    responses(
        (status = 200, body = ExamResult, headers(("ETag" = String))),
        (status = 409, description = "It is not ready", body = ProblemBody),
    ),
)]
pub(super) async fn deliver(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    condition: IfMatch,
    Path(id): Path<ResultId>,
) -> Result<Shown> {
    advance(&app, &viewer, &context, &condition, id, ResultStatus::Delivered).await
}

async fn advance(
    app: &App,
    viewer: &Viewer,
    context: &Context,
    condition: &IfMatch,
    id: ResultId,
    to: ResultStatus,
) -> Result<Shown> {
    let author = Author { app, context, caller: &viewer.caller };
    let (id, now) = (writable(app, viewer, id).await?.id, Timestamp::now());

    let mut tx = app.store.begin().await?;
    let mut result: ExamResult = hold(&mut tx, id).await?;
    condition.check(result.stamp.version)?;
    result.status.check_move(to)?;
    result.move_to(to, now);
    let result = results::update(&mut tx, &result, now).await?;
    let action = if to == ResultStatus::Ready { "released" } else { "delivered" };
    record(&mut tx, &author, &result, action).await?;
    announce(&mut tx, &author, &result, now).await?;
    tx.commit().await?;

    app.hub.outbox_ready();
    Ok(shown(result))
}
