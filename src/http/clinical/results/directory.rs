//! Finding results.

use axum::extract::State;
use axum::http::Method;
use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;

use super::access::{seen, seen_all, visible};
use crate::domain::clinical::result::ResultStatus;
use crate::domain::id::{ExamId, PatientId, ResultId};
use crate::domain::time::Timestamp;
use crate::error::{Kind, Result};
use crate::http::App;
use crate::http::author::Author;
use crate::http::clinical::reading;
use crate::http::clinical::viewer::Viewer;
use crate::http::context::{Context, Path};
use crate::http::json::Json;
use crate::http::page::{List, Page, PageParams};
use crate::http::precondition::{IfNoneMatch, etag};
use crate::http::problem::ProblemBody;
use crate::persistence::clinical::results::{self, ExamResult, Filter};

/// Which results a list shows.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Filters {
    #[param(value_type = Option<i64>)]
    patient_id: Option<PatientId>,
    #[param(value_type = Option<i64>)]
    exam_id: Option<ExamId>,
    #[param(inline)]
    status: Option<ResultStatus>,
    #[param(value_type = Option<Timestamp>)]
    created_from: Option<Timestamp>,
    #[param(value_type = Option<Timestamp>)]
    created_to: Option<Timestamp>,
    /// Removed results as well; administrators only.
    include_deleted: Option<bool>,
}

/// Lists results, newest first: a patient's own from `ready` on, those of a doctor's or an
/// institution's patients, or everyone's.
#[utoipa::path(
    get, path = "/api/v1/results", tag = "results", operation_id = "list_results",
    params(Filters, PageParams),
    responses(
        (status = 200, body = Page<ExamResult>),
        (status = 400, description = "Unknown filter or bad cursor", body = ProblemBody),
    ),
)]
pub(super) async fn list(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    list: List<Filters>,
) -> Result<Json<Page<ExamResult>>> {
    let (filters, list) = list.split();
    let include_deleted = filters.include_deleted.unwrap_or(false);
    if include_deleted && !viewer.is_admin() {
        return Err(Kind::Forbidden("removed rows are for administrators only").into());
    }
    let filter = Filter {
        whose: viewer.whose(&app)?,
        patient: filters.patient_id,
        exam: filters.exam_id,
        status: filters.status,
        created_from: filters.created_from,
        created_to: filters.created_to,
        include_deleted,
    };
    let rows = results::page(&app.store, &filter, list.after_id()?, list.fetch()).await?;
    let total = if list.count { Some(results::count(&app.store, &filter).await?) } else { None };
    let mut page = list.page(rows, |row| row.id.to_string()).with_total(total);
    let patients = page.items.iter().map(|row| row.patient_id).collect::<Vec<_>>();
    reading::note_list(&app, &viewer, &context, "exam_results", patients).await?;
    let author = Author { app: &app, context: &context, caller: &viewer.caller };
    page.items = seen_all(&author, &viewer, page.items).await?;
    Ok(Json(page))
}

/// Shows one result; to the patient from `ready` on, which delivers one without a file.
#[utoipa::path(
    get, path = "/api/v1/results/{id}", tag = "results", operation_id = "get_result",
    params(("id" = i64, Path, example = 8)),
    responses(
        (status = 200, body = ExamResult, headers(("ETag" = String))),
        (status = 304, description = "The caller has this version"),
    ),
)]
pub(super) async fn one(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    had: IfNoneMatch,
    method: Method,
    Path(id): Path<ResultId>,
) -> Result<Response> {
    let mut result = visible(&app, &viewer, id).await?;
    let is_shown = method != Method::HEAD && !had.has(&etag(result.stamp.version));
    if is_shown {
        let author = Author { app: &app, context: &context, caller: &viewer.caller };
        result = seen(&author, &viewer, result).await?;
    }
    reading::note(&app, &viewer, &context, ("result", id.0), result.patient_id).await?;
    Ok(had.answer(result.stamp.version, result))
}
