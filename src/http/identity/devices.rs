//! The devices an account is signed in on: seen in a list, signed out one by one.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;

use super::ending::Ended;
use super::view::Session;
use crate::domain::id::SessionId;
use crate::domain::identity::Revocation;
use crate::domain::time::Timestamp;
use crate::error::{Kind, Result};
use crate::http::App;
use crate::http::caller::Member;
use crate::http::context::{Context, Path};
use crate::http::json::Json;
use crate::http::page::{List, Page, PageParams};
use crate::http::problem::ProblemBody;
use crate::persistence::deed::Deed;
use crate::persistence::identity::sessions;

/// The list has no filters.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct All {}

/// The caller's sessions that go on, the newest first.
#[utoipa::path(
    get, path = "/auth/sessions", tag = "auth", params(PageParams),
    responses((status = 200, body = Page<Session>), (status = 401, body = ProblemBody)),
)]
pub async fn list(
    State(app): State<App>,
    Member(caller): Member,
    list: List<All>,
) -> Result<Json<Page<Session>>> {
    let (user, now) = (caller.user, Timestamp::now());
    let before = list.after.as_deref().map(read).transpose()?;
    let rows = sessions::of_user(&app.store, user, before, list.fetch(), now).await?;
    let total = if list.count { Some(sessions::count(&app.store, user, now).await?) } else { None };
    let page = list.page(rows, |row| format!("{}.{}", row.created_at.0, row.id));
    let own = caller.session.as_ref();
    Ok(Json(page.with_total(total).map(|row| Session::seen_from(row, own))))
}

/// Signs one of the caller's devices out.
#[utoipa::path(
    delete, path = "/auth/sessions/{id}", tag = "auth",
    params(("id" = SessionId, Path, description = "A session of the caller")),
    responses(
        (status = 204),
        (status = 404, description = "Ended, or somebody else's", body = ProblemBody),
    ),
)]
pub async fn end(
    State(app): State<App>,
    context: Context,
    Member(caller): Member,
    Path(id): Path<SessionId>,
) -> Result<StatusCode> {
    let now = Timestamp::now();

    let mut tx = app.store.begin().await?;
    let held = sessions::hold(&mut tx, &id, now).await?;
    if held.is_none_or(|session| session.user_id != caller.user) {
        return Err(Kind::NotFound("session").into());
    }
    let ended = Ended::one(&mut tx, &id, Revocation::Logout, now).await?;
    Deed::of_session(&id, "session_ended")
        .record(&mut tx, &app.settings.node, &caller, &context.provenance())
        .await?;
    tx.commit().await?;

    ended.announce(&app);
    Ok(StatusCode::NO_CONTENT)
}

/// A position in the list: when the last session shown began, and which it was.
fn read(position: &str) -> Result<(Timestamp, SessionId)> {
    let (at, id) = position
        .split_once('.')
        .and_then(|(at, id)| Some((at.parse().ok()?, id)))
        .ok_or_else(|| Kind::Malformed("bad cursor".into()))?;
    Ok((Timestamp(at), id.into()))
}
