//! One session for all portals of a sign-in: read, joined, changed and ended by any of them.
//!
//! Portals on sibling hosts share the session's cookie; on another domain a ticket of
//! [`super::sso_tickets`] opens a session of its own, which belongs to the same sign-on and shares
//! its apps and data.

use std::time::Duration;

use axum::extract::State;
use axum::http::header::{AUTHORIZATION, SET_COOKIE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::AppendHeaders;
use garde::Validate;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tracing::debug;
use utoipa::{IntoParams, ToSchema};

use super::ending::Ended;
use super::exchange;
use super::opening::{self, Device};
use super::sessions::{revoked, session_of};
use crate::auth::{Account, Credentials, bearer_token, digest};
use crate::domain::events::session::SessionPatch;
use crate::domain::events::values::Fields;
use crate::domain::id::{SessionId, UserId};
use crate::domain::identity::session_sync::end;
use crate::domain::identity::{Portal, Principal, Revocation, Role};
use crate::domain::time::Timestamp;
use crate::error::{Error, Kind, Result, Unauthenticated};
use crate::http::App;
use crate::http::caller::{Caller, Member, credentials};
use crate::http::context::Context;
use crate::http::envelope::Success;
use crate::http::json::Json;
use crate::http::page::Query;
use crate::http::problem::ProblemBody;
use crate::persistence::deed::Deed;
use crate::persistence::identity::session_sync::{self, SignOn};

/// The caller's session as a portal sees it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SyncSession {
    id: SessionId,
    user_id: UserId,
    /// The label of the primary role.
    #[schema(example = "Medico")]
    role: &'static str,
    user_type: Role,
    /// The row of the primary role.
    reference_id: Option<i64>,
    /// The apps of the whole sign-on.
    apps: Vec<Portal>,
    /// What the apps share.
    data: Fields,
    /// How often `data` was changed.
    revision: i64,
    /// Present only when the cookie authenticated the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token: Option<String>,
    expires_at: Timestamp,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Synced {
    /// Null for a caller without a session.
    session: Option<SyncSession>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Asking {
    /// The app that asks. It is not registered: asking changes nothing.
    app: Option<Portal>,
}

#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Join {
    #[garde(skip)]
    app: Portal,
    /// The session's current refresh token, which stays the current one. With it the session lives
    /// on as by a refresh.
    #[garde(length(max = 256))]
    refresh_token: Option<String>,
    /// When the session is to end and its cookie with it, unless refreshed before. Without
    /// `refreshToken` this can only be earlier than now known. Absent, the cookie ends with the
    /// browser.
    #[garde(range(min = 60, max = 2_592_000))]
    #[schema(minimum = 60, maximum = 2_592_000)]
    ttl_seconds: Option<u64>,
}

#[derive(Debug, Deserialize, Validate, ToSchema)]
#[schema(as = SessionPatch)]
pub struct Patch {
    /// Replaces keys of the shared data; a null deletes its key. At most 8 KiB, merged as well.
    #[garde(skip)]
    data: Fields,
    /// The revision the change was made from.
    #[garde(skip)]
    revision: i64,
}

#[derive(Debug, Deserialize, Validate, ToSchema)]
pub struct End {
    /// Ends every session of the account, on every device.
    #[garde(skip)]
    #[serde(default)]
    everywhere: bool,
}

/// For clients that send no body with `DELETE`.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Ending {
    /// Ends every session of the account, on every device.
    #[serde(default)]
    everywhere: bool,
}

/// Tells a portal whether its visitor is signed in. A caller without valid credentials is an
/// answer, not an error.
#[utoipa::path(
    get, path = "/api/session-sync", tag = "session sync", operation_id = "readSession",
    params(Asking),
    responses((status = 200, body = Success<Synced>, example = json!({"success": true,
        "data": {"session": {"id": "s_9f", "userId": 123, "role": "Medico", "userType": "doctor",
            "referenceId": 45, "apps": ["doctors"], "data": {"theme": "dark"}, "revision": 3,
            "accessToken": "eyJ…", "expiresAt": "2025-11-12T04:58:18.128Z"}}}))),
)]
pub async fn read(
    State(app): State<App>,
    Query(asking): Query<Asking>,
    caller: Result<Caller>,
) -> Result<Json<Success<Synced>>> {
    let now = Timestamp::now();
    let session = match caller {
        Ok(Caller(caller)) => found(&app, &caller, now).await?,
        Err(error) if is_stranger(&error) => None,
        Err(error) => return Err(error),
    };
    debug!(app = ?asking.app, is_signed_in = session.is_some(), "a portal asked for its session");
    Ok(Success::of(Synced { session }))
}

/// Registers an app on the session of an access token, and gives its portal the cookie.
#[utoipa::path(
    post, path = "/api/session-sync", tag = "session sync", operation_id = "joinSession",
    request_body(content = Join, example = json!({"app": "patients", "ttlSeconds": 86400})),
    responses(
        (status = 200, body = Success<Synced>, example = json!({"success": true,
            "data": {"session": {"id": "s_9f", "userId": 123, "role": "Medico",
                "userType": "doctor", "referenceId": 45, "apps": ["doctors", "patients"],
                "data": {"theme": "dark"}, "revision": 3,
                "expiresAt": "2025-10-14T04:58:18.128Z"}}})),
        (status = 401, body = ProblemBody),
        (status = 422, body = ProblemBody),
    ),
)]
pub async fn join(
    State(app): State<App>,
    context: Context,
    device: Device,
    headers: HeaderMap,
    body: Result<Json<Join>>,
) -> Result<(AppendHeaders<Option<(HeaderName, HeaderValue)>>, Json<Success<Synced>>)> {
    let caller = vouched(&app, &context, &device, &headers).await?;
    let session = session_of(&caller)?;
    let Json(asked) = body?;
    let now = Timestamp::now();

    let mut tx = app.store.begin().await?;
    let held = session_sync::hold(&mut tx, session, now).await?.ok_or_else(revoked)?;
    // It is looked at, not spent.
    if let Some(token) = &asked.refresh_token
        && digest(token) != held.refresh_hash
    {
        return Err(Kind::Unauthenticated(Unauthenticated::Malformed).into());
    }
    let life = asked.ttl_seconds.map(Duration::from_secs);
    let lives_on = asked.refresh_token.is_some();
    let expires_at = end(held.expires_at, life, lives_on, app.settings.refresh_ttl, now);
    let mut apps = held.apps.0;
    let is_new = !apps.contains(&asked.app);
    if is_new {
        apps.push(asked.app);
    }
    if is_new || expires_at != held.expires_at {
        let mut deed = Deed::of_session(session, "joined");
        deed.data.insert("app".into(), json!(asked.app));
        deed.record(&mut tx, &app.settings.node, &caller, &context.provenance()).await?;
    }
    session_sync::note(&mut tx, session, &apps, expires_at).await?;
    let sign_on = session_sync::within(&mut tx, session, now).await?.ok_or_else(revoked)?;
    tx.commit().await?;

    if expires_at != held.expires_at {
        // The remembered end is the old one.
        app.auth.forget(session);
    }
    app.hub.announce_sign_on(&sign_on, Some((session, asked.app)), now).await;
    let life = life.map(|_| expires_at.since(now).as_secs());
    let cookie = if life.is_none() && has_cookie(&app, &headers, session).await {
        // Set anew it would end with the browser, though the sign-in may have asked for more.
        None
    } else {
        Some((SET_COOKIE, opening::cookie(&app, session, life)?))
    };
    let session = SyncSession::of(&app, &caller, session, &sign_on, now)?;
    Ok((AppendHeaders(cookie), Success::of(Synced { session })))
}

/// Changes what the apps of a sign-on share, and tells all of them.
#[utoipa::path(
    patch, path = "/api/session-sync", tag = "session sync", operation_id = "patchSession",
    request_body(content = Patch, example = json!({"data": {"theme": "light", "tab": null},
        "revision": 3})),
    responses(
        (status = 200, body = Success<Synced>, example = json!({"success": true,
            "data": {"session": {"id": "s_9f", "userId": 123, "role": "Medico",
                "userType": "doctor", "referenceId": 45, "apps": ["doctors"],
                "data": {"theme": "light"}, "revision": 4,
                "expiresAt": "2025-11-12T04:58:18.128Z"}}})),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 409, description = "Changed by another meanwhile", body = ProblemBody,
            example = json!({"type": "urn:latido:problem:conflict", "title": "Conflict",
                "status": 409, "detail": "the revision is not the current one",
                "instance": "/api/session-sync", "requestId": "01JB",
                "current": {"data": {"theme": "dark"}, "revision": 5},
                "success": false, "error": "Conflict"})),
        (status = 422, body = ProblemBody),
    ),
)]
pub async fn patch(
    State(app): State<App>,
    context: Context,
    Member(caller): Member,
    Json(Patch { data, revision }): Json<Patch>,
) -> Result<Json<Success<Synced>>> {
    let session = session_of(&caller)?;
    let change = SessionPatch { data, revision };
    let sign_on = app.hub.patch_session(session, change, &caller, &context.provenance()).await?;
    let session = SyncSession::of(&app, &caller, session, &sign_on, Timestamp::now())?;
    Ok(Success::of(Synced { session }))
}

/// Signs out of every app: ends the sessions of the sign-on, or all of the account's.
#[utoipa::path(
    delete, path = "/api/session-sync", tag = "session sync", operation_id = "endSession",
    params(Ending),
    request_body(content = Option<End>, example = json!({"everywhere": true})),
    responses((status = 204), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody)),
)]
pub async fn leave(
    State(app): State<App>,
    context: Context,
    Member(caller): Member,
    Query(ending): Query<Ending>,
    body: Option<Json<End>>,
) -> Result<(StatusCode, [(HeaderName, HeaderValue); 1])> {
    let own = session_of(&caller)?;
    let everywhere = ending.everywhere || body.is_some_and(|Json(body)| body.everywhere);
    let reason = if everywhere { Revocation::LogoutAll } else { Revocation::Logout };
    let now = Timestamp::now();

    let mut tx = app.store.begin().await?;
    let ended = if everywhere {
        Ended::all(&mut tx, caller.user, reason, now).await?
    } else {
        Ended::sign_on(&mut tx, own, reason, now).await?
    };
    Deed::of_session(own, reason.name())
        .record(&mut tx, &app.settings.node, &caller, &context.provenance())
        .await?;
    tx.commit().await?;

    ended.announce(&app);
    let cookie = opening::clear_cookie(&app.settings.cookie)?;
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, cookie)]))
}

impl SyncSession {
    /// None when the session has ended meanwhile.
    fn of(
        app: &App,
        caller: &Principal,
        session: &SessionId,
        sign_on: &SignOn,
        now: Timestamp,
    ) -> Result<Option<Self>> {
        let Some(own) = sign_on.member(session) else { return Ok(None) };
        let account = Account {
            user: caller.user,
            primary_role: caller.primary_role,
            roles: caller.roles.clone(),
            reference_id: caller.reference_id,
            active: true,
            version: caller.version,
        };
        let token = caller.came_by_cookie().then(|| app.auth.issue(&account, session, now));
        Ok(Some(Self {
            id: session.clone(),
            user_id: caller.user,
            role: caller.primary_role.label(),
            user_type: caller.primary_role,
            reference_id: caller.reference_id,
            apps: sign_on.apps(),
            data: sign_on.state.data.clone(),
            revision: sign_on.state.revision,
            access_token: token.transpose()?,
            expires_at: own.expires_at,
        }))
    }
}

async fn found(app: &App, caller: &Principal, now: Timestamp) -> Result<Option<SyncSession>> {
    let Some(session) = &caller.session else { return Ok(None) };
    match session_sync::read(&app.store, session, now).await? {
        Some(sign_on) => SyncSession::of(app, caller, session, &sign_on, now),
        None => Ok(None),
    }
}

/// Whether a refusal says only that this caller is not signed in.
fn is_stranger(refusal: &Error) -> bool {
    matches!(refusal.kind(), Kind::Unauthenticated(_) | Kind::AccountInactive { .. })
}

/// Whose session the bearer token of a joining portal stands for. A Supabase token stands for the
/// session of the cookie beside it, when that is of the same account, or opens a new one.
async fn vouched(
    app: &App,
    context: &Context,
    device: &Device,
    headers: &HeaderMap,
) -> Result<Principal> {
    let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = header.and_then(bearer_token).ok_or(Unauthenticated::Missing);
    let token = token.map_err(Kind::Unauthenticated)?.to_owned();
    let ours = Credentials { token: Some(token.clone()), ..Credentials::default() };
    match app.auth.admit(ours).await {
        Err(error)
            if app.elsewhere.supabase.is_some()
                && matches!(error.kind(), Kind::Unauthenticated(_)) =>
        {
            let user = exchange::account(app, context, &token).await?;
            match by_cookie(app, headers).await {
                Some(known) if known.user == user.id => Ok(known),
                _ => {
                    let (_, pair) = exchange::open(app, context, device, user).await?;
                    let token = Some(pair.access_token);
                    app.auth.admit(Credentials { token, ..Credentials::default() }).await
                }
            }
        }
        outcome => outcome,
    }
}

/// Whoever the cookie of the request stands for.
async fn by_cookie(app: &App, headers: &HeaderMap) -> Option<Principal> {
    let cookie = credentials(headers).cookie;
    app.auth.admit(Credentials { cookie, ..Credentials::default() }).await.ok()
}

/// Whether the request brought this session's cookie.
async fn has_cookie(app: &App, headers: &HeaderMap, session: &SessionId) -> bool {
    by_cookie(app, headers).await.is_some_and(|known| known.session.as_ref() == Some(session))
}
