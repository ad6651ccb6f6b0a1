//! What was said in a call.

use axum::extract::State;
use serde::Deserialize;

use super::access::Seen;
use crate::domain::id::ConsultationId;
use crate::error::Result;
use crate::http::App;
use crate::http::clinical::viewer::Viewer;
use crate::http::context::Path;
use crate::http::envelope::Success;
use crate::http::json::Json;
use crate::http::page::{CamelPage, List, PageParams};
use crate::http::problem::ProblemBody;
use crate::persistence::consultations::consultations::Name;
use crate::persistence::consultations::messages::{self, Message};

/// Nothing narrows the list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct All {}

/// Lists what was said in a call, in order; for those who see the consultation, except a patient who waits
/// to be let in.
#[utoipa::path(
    get, path = "/api/consultations/{id}/messages", tag = "consultations",
    operation_id = "list_consultation_messages",
    params(("id" = String, Path), PageParams),
    responses(
        (status = 200, body = Success<CamelPage<Message>>),
        (status = 400, description = "Unknown filter or bad cursor", body = ProblemBody),
    ),
)]
pub(super) async fn list(
    State(app): State<App>,
    viewer: Viewer,
    Path(id): Path<ConsultationId>,
    asked: List<All>,
) -> Result<Json<Success<CamelPage<Message>>>> {
    Seen::of(&app, &viewer, Name::Id(&id)).await?.must_be_let_in(&app, &viewer)?;
    let after = asked.after_id()?.unwrap_or_default();
    let rows = messages::list(&app.store, &id, after, asked.fetch()).await?;
    let total = if asked.count { Some(messages::count(&app.store, &id).await?) } else { None };
    let page = asked.page(rows, |message| message.id.to_string()).with_total(total);
    Ok(Success::of(page.camel()))
}
