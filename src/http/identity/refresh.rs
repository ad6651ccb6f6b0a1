//! New tokens for old: by refresh token, or by the cookie.

use axum::extract::State;
use garde::Validate;
use serde::Deserialize;
use utoipa::ToSchema;

use super::opening::{self, Device};
use super::view::TokenPair;
use crate::actors::hub::{Bearer, Renewed};
use crate::domain::time::Timestamp;
use crate::error::{Error, Kind, Result, Unauthenticated};
use crate::http::App;
use crate::http::caller::Caller;
use crate::http::context::Context;
use crate::http::json::Json;
use crate::http::problem::ProblemBody;
use crate::persistence::audit::{self, AuditEntry};
use crate::persistence::identity::{accounts, sessions};

#[derive(Deserialize, Validate, ToSchema)]
pub struct Refresh {
    /// Absent, the session of the cookie is meant.
    #[garde(length(max = 256))]
    refresh_token: Option<String>,
}

/// Exchanges a refresh token for new tokens, or the cookie for a new access token.
///
/// A token works once. Spent again within ten seconds by the same device it gets the same
/// successor; otherwise somebody has a copy, and the whole session ends.
///
/// Several portals may live by one cookie, and a refresh token is one's alone. So an answer to the
/// cookie has no `refresh_token`: whoever has the cookie comes back with it.
#[utoipa::path(
    post, path = "/auth/refresh", tag = "auth", request_body = Refresh,
    responses(
        (status = 200, body = TokenPair),
        (status = 401, body = ProblemBody),
        (status = 403, description = "Deactivated, or the cookie came from a foreign page",
            body = ProblemBody),
    ),
)]
pub async fn refresh(
    State(app): State<App>,
    context: Context,
    device: Device,
    caller: Result<Caller>,
    body: Option<Json<Refresh>>,
) -> Result<Json<TokenPair>> {
    let now = Timestamp::now();
    match body.and_then(|Json(body)| body.refresh_token) {
        Some(spent) => {
            let bearer = Bearer::Device(&device.fingerprint);
            let renewed = app.hub.renew(&spent, bearer, &context.provenance()).await?;
            let Renewed { user, session, refresh } = renewed;
            opening::token_pair(&app, user, session, Some(&refresh), now).map(Json)
        }
        None => by_cookie(&app, &context, caller, now).await.map(Json),
    }
}

/// Lets the session of a cookie live on; whoever holds its refresh token still holds the current one.
///
/// An access token does not do: it lives for an hour, and would buy one that lives for a month.
async fn by_cookie(
    app: &App,
    context: &Context,
    caller: Result<Caller>,
    now: Timestamp,
) -> Result<TokenPair> {
    let line = context.audit(None, "refreshed", "session", &"");
    let line = AuditEntry { entity_id: None, ..line };
    let caller = match caller {
        Ok(Caller(caller)) => caller,
        Err(error) => {
            app.hub.note_refusal(line, &error).await?;
            return Err(error);
        }
    };
    let session = match &caller.session {
        Some(session) if caller.came_by_cookie() => session,
        _ => return Err(Kind::Unauthenticated(Unauthenticated::Missing).into()),
    };
    let revoked = || Error::from(Kind::Unauthenticated(Unauthenticated::Revoked));
    let line = AuditEntry { entity_id: Some(session.to_string()), ..line.by(&caller) };

    let mut tx = app.store.begin().await?;
    let held = sessions::hold(&mut tx, session, now).await?.ok_or_else(revoked)?;
    let user = accounts::within(&mut tx, held.user_id).await?.ok_or_else(revoked)?;
    if !user.is_active {
        return Err(Kind::AccountInactive { retry_after: None }.into());
    }
    sessions::extend(&mut tx, session, now.plus(app.settings.refresh_ttl), now).await?;
    audit::append(&mut tx, &line, now).await?;
    tx.commit().await?;

    // The remembered expiry is the old one.
    app.auth.forget(session);
    opening::token_pair(app, user, session.clone(), None, now)
}
