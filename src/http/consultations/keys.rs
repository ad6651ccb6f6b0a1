//! Keys by which browsers encrypt a call from end to end. They are in memory and nowhere else: with the
//! consultation they are gone.

use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dashmap::DashMap;
use serde::Serialize;
use utoipa::ToSchema;

use super::access::Seen;
use crate::domain::id::ConsultationId;
use crate::error::{Kind, Result};
use crate::http::App;
use crate::http::clinical::viewer::Viewer;
use crate::http::context::Path;
use crate::http::envelope::Success;
use crate::http::json::Json;
use crate::http::problem::ProblemBody;
use crate::persistence::consultations::consultations::Name;

/// The keys of the consultations that are open.
#[derive(Default)]
pub struct MediaKeys(DashMap<ConsultationId, [u8; 32]>);

/// The key of a consultation.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct MediaKey {
    /// 32 bytes in base64.
    key: String,
    key_index: u32,
}

impl MediaKeys {
    /// The key of a consultation, made when it is first asked for.
    fn of(&self, id: &ConsultationId) -> [u8; 32] {
        *self.0.entry(id.clone()).or_insert_with(rand::random)
    }

    pub fn forget(&self, id: &ConsultationId) {
        self.0.remove(id);
    }
}

/// Hands patient and doctor the key they encrypt their media by; a patient who waits to be let in gets it
/// then.
#[utoipa::path(
    get, path = "/api/consultations/{id}/e2ee-key", tag = "consultations",
    operation_id = "get_consultation_key",
    params(("id" = String, Path)),
    responses(
        (status = 200, body = Success<MediaKey>, example = json!({"success": true, "data": {
            "key": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "keyIndex": 0}})),
        (status = 404, description = "Not there, or not encrypted from end to end",
            body = ProblemBody),
        (status = 410, description = "It is over", body = ProblemBody),
    ),
)]
pub(super) async fn show(
    State(app): State<App>,
    viewer: Viewer,
    Path(id): Path<ConsultationId>,
) -> Result<Json<Success<MediaKey>>> {
    let seen = Seen::of(&app, &viewer, Name::Id(&id)).await?;
    seen.party()?;
    if !seen.consultation.e2ee {
        return Err(Kind::NotFound("key").into());
    }
    seen.consultation.must_be_open()?;
    seen.must_be_let_in(&app, &viewer)?;
    let key = STANDARD.encode(app.calls.keys.of(&id));
    Ok(Success::of(MediaKey { key, key_index: 0 }))
}
