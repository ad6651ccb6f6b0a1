//! Exams that were removed, brought back (contract §2.11).

use axum::extract::State;
use axum::response::Response;

use super::write::{self, Author};
use crate::error::Result;
use crate::http::App;
use crate::http::caller::Admin;
use crate::http::context::{Context, Path};
use crate::http::precondition::IfMatch;
use crate::http::problem::ProblemBody;
use crate::persistence::clinical::catalogue::Exam;

/// Brings a removed exam back to lists and reads.
#[utoipa::path(
    post, path = "/api/v1/catalog/exams/{id}/restore", tag = "catalog", operation_id = "restore_exam",
    params(("id" = i64, Path), ("If-Match" = Option<String>, Header)),
    responses(
        (status = 200, body = Exam, headers(("ETag" = String))),
        (status = 404, description = "No removed exam has this id", body = ProblemBody),
        (status = 409, description = "Its code was taken meanwhile", body = ProblemBody),
    ),
)]
pub(super) async fn restore_exam(
    State(app): State<App>,
    Admin(caller): Admin,
    context: Context,
    condition: IfMatch,
    Path(id): Path<i64>,
) -> Result<Response> {
    let author = Author { caller, context };
    write::restore::<Exam>(&app, &author, &condition, id, "code").await
}
