//! New tokens for old: by refresh token, or by the cookie.

use axum::extract::State;
use garde::Validate;
use serde::Deserialize;
use utoipa::ToSchema;

use super::opening::{self, Device};
use super::view::TokenPair;
use crate::actors::hub::{Bearer, Renewed};
use crate::auth::digest;
use crate::domain::identity::Revocation;
use crate::domain::time::Timestamp;
use crate::error::{Error, Kind, Result, Unauthenticated};
use crate::http::App;
use crate::http::caller::Caller;
use crate::http::context::Context;
use crate::http::json::Json;
use crate::http::problem::ProblemBody;
use crate::persistence::identity::{accounts, sessions};

#[derive(Deserialize, Validate, ToSchema)]
pub struct Refresh {
    /// Absent, the session of the cookie is meant.
    #[garde(length(max = 256))]
    refresh_token: Option<String>,
}

/// Exchanges a refresh token, or the cookie, for new tokens.
///
/// A token works once. Spent again within ten seconds by the same device it gets the same
/// successor; otherwise somebody has a copy, and the whole session ends.
#[utoipa::path(
    post, path = "/auth/refresh", tag = "auth", request_body = Refresh,
    responses((status = 200, body = TokenPair), (status = 401, body = ProblemBody)),
)]
pub async fn refresh(
    State(app): State<App>,
    context: Context,
    device: Device,
    caller: Result<Caller>,
    body: Option<Json<Refresh>>,
) -> Result<Json<TokenPair>> {
    let renewed = match body.and_then(|Json(body)| body.refresh_token) {
        Some(spent) => {
            let trail = context.audit(None, Revocation::RefreshReuse.name(), "session", &"");
            app.hub.renew(&spent, Bearer::Device(&device.fingerprint), trail).await?
        }
        None => by_cookie(&app, caller?).await?,
    };
    let Renewed { user, session, refresh } = renewed;
    opening::token_pair(&app, user, session, &refresh, Timestamp::now()).map(Json)
}

/// Lets the session of a cookie live on; its current refresh token stays the current one.
///
/// An access token does not do: it lives for an hour, and would buy one that lives for a month.
async fn by_cookie(app: &App, Caller(caller): Caller) -> Result<Renewed> {
    let session = match &caller.session {
        Some(session) if caller.expires_at.is_none() => session.clone(),
        _ => return Err(Kind::Unauthenticated(Unauthenticated::Missing).into()),
    };
    let revoked = || Error::from(Kind::Unauthenticated(Unauthenticated::Revoked));
    let now = Timestamp::now();
    let expires_at = now.plus(app.settings.refresh_ttl);
    let keys = app.auth.refresh();

    let mut tx = app.store.begin().await?;
    let held = sessions::hold(&mut tx, &session, now).await?.ok_or_else(revoked)?;
    let family = &held.family;
    let refresh = if let Some(current) = keys.again(&session, family.generation, &family.leaf) {
        sessions::extend(&mut tx, &session, expires_at, now).await?;
        current
    } else {
        // Nobody can present the leaf any more: the key that made it is gone.
        let next = keys.token(&session, family.generation + 1);
        let hash = digest(next.expose());
        sessions::replace_leaf(&mut tx, &session, &hash, expires_at, now).await?;
        next
    };
    let user = accounts::within(&mut tx, held.user_id).await?.ok_or_else(revoked)?;
    if !user.is_active {
        return Err(Kind::AccountInactive { retry_after: None }.into());
    }
    tx.commit().await?;

    // The remembered expiry is the old one.
    app.auth.forget(&session);
    Ok(Renewed { user, session, refresh })
}
