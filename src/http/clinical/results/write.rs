//! Making results and changing what they say.

use axum::extract::State;
use axum::http::header::{ETAG, LOCATION};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::Map;

use super::access::{announce, record, writable};
use crate::domain::clinical::result::{ResultContent, ResultDraft};
use crate::domain::file::{FilePurpose, MediaType};
use crate::domain::id::{FileId, ResultId, UserId};
use crate::domain::time::Timestamp;
use crate::error::{Error, FieldCode, Kind, Result};
use crate::http::App;
use crate::http::author::Author;
use crate::http::clinical::viewer::{PatientRef, Standing, Viewer};
use crate::http::context::{Context, Path};
use crate::http::files::access::whose;
use crate::http::json::Json;
use crate::http::patch::Patch;
use crate::http::precondition::{IfMatch, etag};
use crate::http::problem::ProblemBody;
use crate::persistence::Tx;
use crate::persistence::clinical::catalogue::Exam;
use crate::persistence::clinical::patients::Patient;
use crate::persistence::clinical::relations;
use crate::persistence::clinical::results::{self, ExamResult};
use crate::persistence::clinical::row::hold;
use crate::persistence::files;

/// A result at its version.
pub(super) type Shown = ([(HeaderName, HeaderValue); 1], Json<ExamResult>);

pub(super) fn shown(result: ExamResult) -> Shown {
    ([(ETAG, etag(result.stamp.version))], Json(result))
}

/// Records a result of a patient, ready when there is something to show, else still pending.
#[utoipa::path(
    post, path = "/api/v1/results", tag = "results", operation_id = "create_result",
    request_body = ResultDraft,
    responses(
        (status = 201, body = ExamResult, headers(("Location" = String), ("ETag" = String))),
        (status = 404, description = "The patient is not one of the caller's", body = ProblemBody),
    ),
)]
pub(super) async fn create(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    Json(draft): Json<ResultDraft>,
) -> Result<Response> {
    let author = Author { app: &app, context: &context, caller: &viewer.caller };
    if !matches!(viewer.standing, Standing::House | Standing::Doctor(_) | Standing::Institution(_))
    {
        return Err(Kind::Forbidden("results are recorded by doctors and institutions").into());
    }
    draft.check()?;
    let (patient, now) =
        (viewer.patient(&app, PatientRef::Id(draft.patient_id)).await?.id, Timestamp::now());

    let mut tx = app.store.begin().await?;
    let _: Patient = hold(&mut tx, patient).await?;
    let exam_name = exam_name(&mut tx, &draft).await?;
    let ordered_by = ordered_by(&mut tx, &author, &viewer, &draft).await?;
    if let Some(file) = &draft.file_id {
        refer(&mut tx, &viewer, file).await?;
    }
    let result = results::insert(&mut tx, &draft, &exam_name, ordered_by, now).await?;
    record(&mut tx, &author, &result, "created").await?;
    announce(&mut tx, &author, &result, now).await?;
    tx.commit().await?;

    app.hub.outbox_ready();
    let place = [(LOCATION, format!("/api/v1/results/{}", result.id))];
    Ok((StatusCode::CREATED, place, shown(result)).into_response())
}

/// Changes what a result says. Correcting values or file of one that is ready makes it pending, until
/// it is released anew; one that is delivered only takes comments.
#[utoipa::path(
    patch, path = "/api/v1/results/{id}", tag = "results", operation_id = "patch_result",
    params(("id" = i64, Path, example = 8), ("If-Match" = Option<String>, Header)),
    request_body = ResultContent,
    responses(
        (status = 200, body = ExamResult, headers(("ETag" = String))),
        (status = 409, description = "The patient has seen it", body = ProblemBody),
    ),
)]
pub(super) async fn patch(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    condition: IfMatch,
    Path(id): Path<ResultId>,
    Json(patch): Json<Patch>,
) -> Result<Shown> {
    let author = Author { app: &app, context: &context, caller: &viewer.caller };
    let (id, now) = (writable(&app, &viewer, id).await?.id, Timestamp::now());

    let mut tx = app.store.begin().await?;
    let mut result: ExamResult = hold(&mut tx, id).await?;
    condition.check(result.stamp.version)?;
    let before = result.content();
    let after = patch.of(&before)?;
    if let Some(file) = after.file_id.as_ref().filter(|file| before.file_id.as_ref() != Some(file))
    {
        refer(&mut tx, &viewer, file).await?;
    }
    let status = if after.corrects(&before) { result.status.corrected()? } else { result.status };
    let is_moved = status != result.status;
    result.write(after);
    if is_moved {
        result.move_to(status, now);
    }
    let result = results::update(&mut tx, &result, now).await?;
    if is_moved && !result.status.is_released() {
        take_back(&mut tx, &author, &result).await?;
    }
    record(&mut tx, &author, &result, "updated").await?;
    if is_moved {
        announce(&mut tx, &author, &result, now).await?;
    }
    tx.commit().await?;

    app.hub.outbox_ready();
    Ok(shown(result))
}

/// Ends what a patient hears of a result that is not theirs to see any more. Told before the change itself.
async fn take_back(tx: &mut Tx, author: &Author<'_>, result: &ExamResult) -> Result<()> {
    let patient = relations::accounts(tx, result.patient_id, None, None).await?.patient;
    let Some(patient) = patient else { return Ok(()) };
    let changes = Map::from_iter([("result_id".to_owned(), result.id.0.into())]);
    author.tell(tx, patient, "membership", "deleted", changes).await
}

/// Holds a file that a result is about to refer to: the document is a PDF.
async fn refer(tx: &mut Tx, viewer: &Viewer, file: &FileId) -> Result<()> {
    const POINTER: &str = "/file_id";
    let whose = whose(&viewer.caller);
    let file = files::refer(tx, file, whose, FilePurpose::Result, POINTER).await?;
    if file.content_type == MediaType::Pdf.name() {
        return Ok(());
    }
    Err(Error::field(POINTER, FieldCode::Format, "is not a PDF"))
}

/// What the examination goes by, in the catalogue or as it was called.
async fn exam_name(tx: &mut Tx, draft: &ResultDraft) -> Result<String> {
    let Some(id) = draft.exam_id else { return Ok(draft.exam_name.clone().unwrap_or_default()) };
    match hold::<Exam>(tx, id).await {
        Ok(exam) => Ok(exam.name),
        Err(error) if matches!(error.kind(), Kind::NotFound(_)) => {
            Err(Error::field("/exam_id", FieldCode::Reference, "there is no such exam"))
        }
        Err(error) => Err(error),
    }
}

/// Who ordered it: the author, or, when the house records it, the doctor of the visit.
async fn ordered_by(
    tx: &mut Tx,
    author: &Author<'_>,
    viewer: &Viewer,
    draft: &ResultDraft,
) -> Result<Option<UserId>> {
    let Some(visit) = draft.appointment_id else { return Ok(author.user()) };
    let doctor = results::doctor_of_visit(tx, visit, draft.patient_id).await?.ok_or_else(|| {
        let detail = "the patient has no such appointment";
        Error::field("/appointment_id", FieldCode::Reference, detail)
    })?;
    Ok(doctor.filter(|_| viewer.is_house()).or(author.user()))
}
