//! What a portal shows before somebody joins: whether the call can take place, and with what.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::access::Seen;
use crate::domain::consultations::grant::{Source, sources};
use crate::domain::consultations::status::ConsultationStatus;
use crate::domain::events::signaling::{IceServer, SeatRole};
use crate::domain::events::values::MediaMode;
use crate::domain::id::ConsultationId;
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::http::App;
use crate::http::clinical::viewer::Viewer;
use crate::http::context::Path;
use crate::http::envelope::Success;
use crate::http::json::Json;
use crate::http::platform::health::Standing;
use crate::media::LiveKit;
use crate::persistence::consultations::consultations::Name;
use crate::persistence::consultations::participants;

/// How a call would be.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Precheck {
    /// Whether the caller could join now.
    allowed: bool,
    status: ConsultationStatus,
    role: SeatRole,
    mode: MediaMode,
    /// `ok`, `down`, or `disabled` where calls go from browser to browser.
    #[schema(value_type = String)]
    livekit: Standing,
    /// Without relays for who is not let in yet, and after the end.
    ice_servers: Vec<IceServer>,
    /// What the caller may show and let hear.
    #[schema(value_type = Vec<Source>)]
    publish: &'static [Source],
    other_party_present: bool,
    /// Whether the patient will be asked before anything is recorded.
    recording_consent_needed: bool,
}

/// Tells patient, doctor or an administrator how the call would be. No token is made.
#[utoipa::path(
    get, path = "/api/consultations/{id}/precheck", tag = "consultations",
    operation_id = "precheck_consultation",
    params(("id" = String, Path)),
    responses((status = 200, body = Success<Precheck>, example = json!({"success": true, "data": {
        "allowed": true, "status": "created", "role": "patient", "mode": "sfu", "livekit": "ok",
        "iceServers": [], "publish": ["camera", "microphone"], "otherPartyPresent": false,
        "recordingConsentNeeded": true}}))),
)]
pub(super) async fn precheck(
    State(app): State<App>,
    viewer: Viewer,
    Path(id): Path<ConsultationId>,
) -> Result<Json<Success<Precheck>>> {
    let seen = Seen::of(&app, &viewer, Name::Id(&id)).await?;
    let role = seen.seat(&viewer)?;
    let (pass, consultation) = (seen.pass(&viewer, role), &seen.consultation);
    let is_over = consultation.status.is_over();
    // Relays cost their operator, and whoever is let in is told of them then.
    let ice_servers = if is_over || (pass.is_waiting && !seen.is_inside(&app, &pass)) {
        app.calls.ice.without_relays()
    } else {
        app.calls.ice.servers(&pass.identity, Timestamp::now())
    };
    let other = match role {
        SeatRole::Doctor => SeatRole::Patient,
        SeatRole::Patient | SeatRole::Observer => SeatRole::Doctor,
    };
    let livekit = match (&app.platform.settings.livekit, consultation.mode) {
        (Some(pulse), MediaMode::Sfu) if pulse.is_up().await => Standing::Ok,
        (Some(_), MediaMode::Sfu) => Standing::Down,
        _ => Standing::Disabled,
    };
    let settings = &app.calls.settings;
    Ok(Success::of(Precheck {
        allowed: !is_over,
        status: consultation.status,
        role,
        mode: consultation.mode,
        livekit,
        ice_servers,
        publish: sources(role),
        other_party_present: participants::is_present(&app.store, consultation, other).await?,
        recording_consent_needed: settings.needs_consent
            && app.calls.media.livekit().is_some_and(LiveKit::can_record)
            && !consultation.e2ee,
    }))
}
