//! Durable events for those who were away.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use crate::domain::id::EventId;
use crate::domain::identity::Principal;
use crate::domain::time::Timestamp;
use crate::domain::topic::Topic;
use crate::error::{Kind, Result};
use crate::http::App;
use crate::http::caller::Member;
use crate::http::json::Json;
use crate::http::page::{CamelPage, List, PageParams};
use crate::http::problem::ProblemBody;
use crate::persistence::outbox::{self, Dispatched};

/// Where to go on.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Since {
    /// The last event already seen; absent: from the oldest one kept.
    since: Option<i64>,
}

/// A durable event as it was sent.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct PastEvent {
    event_id: String,
    event: String,
    #[schema(value_type = Object)]
    payload: Box<RawValue>,
    timestamp: Timestamp,
}

impl From<Dispatched> for PastEvent {
    fn from(row: Dispatched) -> Self {
        Self {
            event_id: row.seq.to_string(),
            event: row.event,
            payload: row.payload.0,
            timestamp: row.created_at,
        }
    }
}

/// Durable events after `since`, oldest first: those to everyone, to the caller's roles, account
/// and session; for administrators all of them. An event older than the log keeps is not found.
#[utoipa::path(get, path = "/api/events", tag = "Events", operation_id = "listEvents",
    params(Since, PageParams),
    responses((status = 404, description = "The log no longer reaches back to `since`",
        body = ProblemBody),
        (status = 200, description = "A page of events", body = CamelPage<PastEvent>,
        example = json!({"items": [{"eventId": "123", "event": "catalog:update",
            "payload": {"type": "price", "action": "updated", "entityId": 9,
                "timestamp": "2025-10-13T04:58:18.128Z"},
            "timestamp": "2025-10-13T04:58:18.130Z"}], "nextCursor": null, "hasMore": false}))))]
pub(super) async fn list(
    State(app): State<App>,
    Member(caller): Member,
    list: List<Since>,
) -> Result<Json<CamelPage<PastEvent>>> {
    if let Some(since) = list.filters.since
        && outbox::is_forgotten(&app.store, EventId(since)).await?
    {
        return Err(Kind::NotFound("history after this event").into());
    }
    let after = EventId(list.after_id()?.or(list.filters.since).unwrap_or(0));
    let audience = audience(&caller);
    let rows = outbox::visible(&app.store, after, audience.as_deref(), list.fetch()).await?;
    let total = if list.count {
        let since = EventId(list.filters.since.unwrap_or(0));
        Some(outbox::count_visible(&app.store, since, audience.as_deref()).await?)
    } else {
        None
    };
    let page = list.page(rows, |row| row.seq.to_string()).with_total(total);
    Ok(Json(page.map(PastEvent::from).camel()))
}

/// The rooms whose events a caller may see again; none for administrators, who see all.
fn audience(caller: &Principal) -> Option<Vec<String>> {
    if caller.is_admin() {
        return None;
    }
    let roles = caller.roles.iter().copied().map(Topic::Role);
    let session = caller.session.clone().map(Topic::Session);
    let topics = [Topic::All, Topic::User(caller.user)].into_iter().chain(roles).chain(session);
    Some(topics.map(|topic| topic.to_string()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::UserId;
    use crate::domain::identity::Role;

    #[test]
    fn everyone_sees_their_own_and_administrators_everything() {
        let doctor = Principal {
            user: UserId(7),
            primary_role: Role::Doctor,
            roles: vec![Role::Doctor, Role::Professional],
            reference_id: None,
            version: 1,
            service: None,
            session: Some("s_1".into()),
            admission: None,
            expires_at: None,
        };
        let admin = Principal { roles: vec![Role::Admin], ..doctor.clone() };

        let seen = audience(&doctor).unwrap();

        assert_eq!(seen, ["all", "user:7", "role:Medico", "role:Profesional", "session:s_1"]);
        assert_eq!(audience(&admin), None);
    }
}
