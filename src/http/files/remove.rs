//! Taking a file away.

use axum::extract::State;
use axum::http::StatusCode;
use serde_json::Map;

use super::access::right;
use super::kept::{discard, place};
use crate::domain::id::FileId;
use crate::domain::time::Timestamp;
use crate::error::{Kind, Result};
use crate::http::App;
use crate::http::author::Author;
use crate::http::caller::Caller;
use crate::http::context::{Context, Path};
use crate::http::problem::ProblemBody;
use crate::persistence::files;

/// Removes a file of the caller's own that nothing refers to, with its bytes.
#[utoipa::path(
    delete, path = "/files/{id}", tag = "files", operation_id = "delete_file",
    params(("id" = String, Path, example = "f_Zm9v")),
    responses(
        (status = 204),
        (status = 403, description = "It is somebody else's", body = ProblemBody),
        (status = 409, description = "Something refers to it", body = ProblemBody),
    ),
)]
pub(super) async fn remove(
    State(app): State<App>,
    Caller(caller): Caller,
    context: Context,
    Path(id): Path<FileId>,
) -> Result<StatusCode> {
    let author = Author { app: &app, context: &context, caller: &caller };
    let file = files::find(&app.store, &id).await?;
    if !caller.acts_for_the_house() && file.owner_id != Some(caller.user) {
        right(&app, &caller, &file).await?;
        return Err(Kind::Forbidden("a file is removed by its owner").into());
    }

    let mut tx = app.store.begin().await?;
    let file = files::hold(&mut tx, &id).await?;
    if files::is_referred_to(&mut tx, &id).await? {
        return Err(Kind::Untenable("something refers to the file").into());
    }
    files::remove(&mut tx, &id, Timestamp::now()).await?;
    author.record(&mut tx, "file", id.as_str().into(), "deleted", Map::new()).await?;
    tx.commit().await?;

    app.hub.outbox_ready();
    discard(&app.files, &place(&file)).await;
    Ok(StatusCode::NO_CONTENT)
}
