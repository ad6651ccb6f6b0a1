//! The document of a result.

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;

use super::access::{announce, document, note_reading, record, writable};
use super::write::{Shown, shown};
use crate::domain::clinical::result::ResultStatus;
use crate::domain::file::{FilePurpose, MediaType};
use crate::domain::id::ResultId;
use crate::domain::time::Timestamp;
use crate::error::{Kind, Result};
use crate::http::App;
use crate::http::author::Author;
use crate::http::body::{Pieces, announced};
use crate::http::clinical::viewer::Viewer;
use crate::http::context::{Context, Path};
use crate::http::files::content::Wanted;
use crate::http::files::kept::Unclaimed;
use crate::http::precondition::IfMatch;
use crate::http::problem::ProblemBody;
use crate::persistence::clinical::results::{self, ExamResult};
use crate::persistence::clinical::row::hold;

/// Gives the file of a result to whoever may read it. Every reading stands in the audit trail; the
/// patient's first one delivers the result.
#[utoipa::path(
    get, path = "/api/v1/results/{id}/file", tag = "results", operation_id = "get_result_file",
    params(
        ("id" = i64, Path, example = 8),
        ("Range" = Option<String>, Header, description = "One span of bytes", example = "bytes=0-1023"),
        ("If-None-Match" = Option<String>, Header)
    ),
    responses(
        (status = 200, content_type = "application/octet-stream", description = "The file, by its own type",
            headers(("ETag" = String), ("Content-Disposition" = String))),
        (status = 206, content_type = "application/octet-stream", description = "The span",
            headers(("ETag" = String), ("Content-Range" = String))),
        (status = 304, description = "The caller has the bytes"),
        (status = 404, description = "No such result, or one without a file", body = ProblemBody),
        (status = 416, description = "The span lies behind the end", body = ProblemBody),
    ),
)]
pub(super) async fn give(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    wanted: Wanted,
    Path(id): Path<ResultId>,
) -> Result<Response> {
    let (result, file) = document(&app, &viewer, id).await?;
    if wanted.is_reading(&file) {
        let author = Author { app: &app, context: &context, caller: &viewer.caller };
        note_reading(&author, &viewer, &result).await?;
    }
    wanted.answer(&app, &file).await
}

/// Takes the file of a result, which makes it ready. In place of an earlier one it is a correction.
#[utoipa::path(
    put, path = "/api/v1/results/{id}/file", tag = "results", operation_id = "put_result_file",
    params(("id" = i64, Path, example = 8), ("If-Match" = Option<String>, Header)),
    request_body(content = Vec<u8>, content_type = "application/pdf"),
    responses(
        (status = 200, body = ExamResult, headers(("ETag" = String))),
        (status = 409, description = "The patient has seen it", body = ProblemBody),
    ),
)]
pub(super) async fn take(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    condition: IfMatch,
    Path(id): Path<ResultId>,
    request: Request,
) -> Result<Shown> {
    let author = Author { app: &app, context: &context, caller: &viewer.caller };
    let result = writable(&app, &viewer, id).await?;
    condition.check(result.stamp.version)?;
    result.status.corrected()?;
    let bytes = receive(&app, request).await?;

    let now = Timestamp::now();
    let mut tx = app.store.begin().await?;
    let mut result: ExamResult = hold(&mut tx, id).await?;
    condition.check(result.stamp.version)?;
    let corrected = result.status.corrected()?;
    if corrected != result.status {
        result.status = corrected;
        announce(&mut tx, &author, &result, now).await?;
    }
    let name = format!("result-{id}.pdf");
    let file = bytes.claim(&mut tx, &author, &name, FilePurpose::Result, now).await?;
    result.file_id = Some(file.id);
    result.move_to(ResultStatus::Ready, now);
    let result = results::update(&mut tx, &result, now).await?;
    record(&mut tx, &author, &result, "file_replaced").await?;
    announce(&mut tx, &author, &result, now).await?;
    tx.commit().await?;

    bytes.settle();
    app.hub.outbox_ready();
    Ok(shown(result))
}

/// A PDF, and nothing that is only called so.
async fn receive(app: &App, request: Request) -> Result<Unclaimed> {
    check(request.headers(), app.files.limit())?;
    let mut intake = Unclaimed::begin(app, FilePurpose::Result.is_sealed()).await?;
    let mut pieces = Pieces::of(request.into_body(), app.settings.body.within);
    while let Some(piece) = pieces.next().await? {
        intake.push(&piece).await?;
    }
    let kept = Unclaimed::keep(app, intake).await?;
    if kept.kept().media == MediaType::Pdf {
        Ok(kept)
    } else {
        Err(Kind::UnsupportedMediaType.into())
    }
}

/// What is announced as too large, or as something else, is not waited for.
fn check(headers: &HeaderMap, limit: usize) -> Result<()> {
    if announced(headers).is_some_and(|length| length > limit as u64) {
        return Err(Kind::PayloadTooLarge { limit }.into());
    }
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default();
    if media.trim().eq_ignore_ascii_case(MediaType::Pdf.name()) {
        return Ok(());
    }
    Err(Kind::UnsupportedMediaType.into())
}
