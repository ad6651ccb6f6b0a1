//! Getting a file.

use axum::extract::State;
use axum::response::Response;

use super::access::{Right, right};
use super::content::Wanted;
use crate::domain::id::FileId;
use crate::domain::identity::Principal;
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::http::App;
use crate::http::author::Author;
use crate::http::caller::Caller;
use crate::http::clinical::results::access::note_reading;
use crate::http::context::{Context, Path};
use crate::http::problem::ProblemBody;
use crate::persistence::audit;
use crate::persistence::files::{self, File};

/// Gives the bytes of a file to its owner, and to whoever may read a row that refers to it.
///
/// Who reads a file of a result, a note or an identity check stands in the audit trail. The first
/// reading of a result's file by the patient delivers the result.
#[utoipa::path(
    get, path = "/files/{id}", tag = "files", operation_id = "download_file",
    params(
        ("id" = String, Path, example = "f_Zm9v"),
        ("Range" = Option<String>, Header, description = "One span of bytes", example = "bytes=0-1023"),
        ("If-None-Match" = Option<String>, Header)
    ),
    responses(
        (status = 200, content_type = "application/octet-stream", description = "The bytes, by their \
            own type", headers(("ETag" = String), ("Content-Disposition" = String))),
        (status = 206, content_type = "application/octet-stream", description = "The span",
            headers(("ETag" = String), ("Content-Range" = String))),
        (status = 304, description = "The caller has the bytes"),
        (status = 416, description = "The span lies behind the end", body = ProblemBody),
    ),
)]
pub(super) async fn download(
    State(app): State<App>,
    Caller(caller): Caller,
    context: Context,
    wanted: Wanted,
    Path(id): Path<FileId>,
) -> Result<Response> {
    let file = files::find(&app.store, &id).await?;
    let right = right(&app, &caller, &file).await?;
    if wanted.is_reading(&file) {
        match right {
            Right::Reader(reader) => {
                let (viewer, result) = *reader;
                let author = Author { app: &app, context: &context, caller: &caller };
                note_reading(&author, &viewer, &result).await?;
            }
            Right::Own if file.purpose.is_audited() => note(&app, &context, &caller, &file).await?,
            Right::Own => {}
        }
    }
    wanted.answer(&app, &file).await
}

async fn note(app: &App, context: &Context, caller: &Principal, file: &File) -> Result<()> {
    let mut tx = app.store.begin().await?;
    let entry = context.audit(Some(caller), "read", "file", &file.id);
    audit::append(&mut tx, &entry, Timestamp::now()).await?;
    tx.commit().await
}
