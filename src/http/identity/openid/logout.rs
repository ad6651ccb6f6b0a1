//! RP-initiated logout: a client sends the browser here to end the session behind all its portals.
//!
//! An ID token of the user proves that the user wants it. Without one, or with somebody else's, the
//! user is asked, or any page could sign people out. So is whoever comes by a form without a cookie:
//! browsers keep cookies from forms of other sites, so nobody can tell whether somebody is signed in.
//!
//! What ends is the whole sign-on: the browser's session, those that tickets opened from it on other
//! domains, and what clients were given through any of them.

use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::response::Response;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::authorize::{note_refusal, see_other};
use super::browser::{Browser, OwnPage, SignedIn};
use super::parameters::{InForm, InQuery};
use super::{OpenId, Provider, page};
use crate::auth::IdToken;
use crate::domain::id::{SessionId, UserId};
use crate::domain::identity::Revocation;
use crate::domain::identity::openid::{Logout, Parameters, with_parameters};
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::http::App;
use crate::http::identity::ending::Ended;
use crate::http::identity::opening::clear_cookie;
use crate::http::problem::ProblemBody;
use crate::persistence::audit;
use crate::persistence::identity::openid::grants;
use crate::persistence::identity::sessions;

/// What a client asks for.
#[derive(Deserialize, IntoParams, ToSchema)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents parameters that are read by name")]
pub struct LogoutRequest {
    /// The ID token of the user, expired or not.
    id_token_hint: Option<String>,
    /// Where there is no hint.
    client_id: Option<String>,
    /// Exactly as registered.
    post_logout_redirect_uri: Option<String>,
    /// Comes back with the browser.
    state: Option<String>,
}

/// Signs the browser out of every portal.
#[utoipa::path(
    get, path = "/oidc/logout", tag = "oidc", params(LogoutRequest),
    responses(
        (status = 200, description = "Signed out, or a page that asks whether to.", body = String,
            content_type = "text/html"),
        (status = 303, description = "To `post_logout_redirect_uri` with `state`."),
        (status = 400, description = "Client or address are not registered.", body = String,
            content_type = "text/html"),
        (status = 503, body = ProblemBody),
    ),
)]
pub async fn end_session(
    State(app): State<App>,
    OpenId(provider): OpenId,
    browser: Browser,
    InQuery(parameters): InQuery,
) -> Result<Response> {
    respond(&app, &provider, &browser, &parameters, false).await
}

/// The same by a form.
#[utoipa::path(
    post, path = "/oidc/logout", tag = "oidc",
    request_body(content = LogoutRequest, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "Signed out, or a page that asks whether to.", body = String,
            content_type = "text/html"),
        (status = 303, description = "To `post_logout_redirect_uri` with `state`."),
        (status = 400, description = "Client or address are not registered.", body = String,
            content_type = "text/html"),
        (status = 503, body = ProblemBody),
    ),
)]
pub async fn end_session_by_form(
    State(app): State<App>,
    OpenId(provider): OpenId,
    browser: Browser,
    InForm(parameters): InForm,
) -> Result<Response> {
    respond(&app, &provider, &browser, &parameters, true).await
}

/// The answer to the page that asks: signs the browser out.
#[utoipa::path(
    post, path = "/oidc/logout/confirm", tag = "oidc", params(LogoutRequest),
    responses(
        (status = 200, description = "Signed out.", body = String, content_type = "text/html"),
        (status = 303, description = "To `post_logout_redirect_uri` with `state`."),
        (status = 403, body = ProblemBody),
        (status = 503, body = ProblemBody),
    ),
)]
pub async fn confirm_end_session(
    State(app): State<App>,
    OpenId(provider): OpenId,
    _: OwnPage,
    browser: Browser,
    InQuery(parameters): InQuery,
) -> Result<Response> {
    let hint = hint(&app, &provider, &parameters);
    match Logout::read(&provider.clients, &parameters, audience(hint.as_ref())) {
        Ok(logout) => {
            let now = Timestamp::now();
            let user = browser.signed_in(&app, now).await?;
            end(&app, &browser, logout, user, None, now).await
        }
        Err(rule) => refuse(&app, &browser, rule).await,
    }
}

async fn respond(
    app: &App,
    provider: &Provider,
    browser: &Browser,
    parameters: &Parameters,
    is_form: bool,
) -> Result<Response> {
    let hint = hint(app, provider, parameters);
    let logout = match Logout::read(&provider.clients, parameters, audience(hint.as_ref())) {
        Ok(logout) => logout,
        Err(rule) => return refuse(app, browser, rule).await,
    };
    let now = Timestamp::now();
    let user = browser.signed_in(app, now).await?;
    let behind = match &hint {
        Some(hint) => Behind::of(app, hint, now).await?,
        None => None,
    };
    let is_wanted = match &user {
        Some(user) => hint.as_ref().is_some_and(|hint| hint.sub == user.user.to_string()),
        None => !is_form || behind.is_some(),
    };
    if is_wanted {
        end(app, browser, logout, user, behind, now).await
    } else {
        Ok(page::ask_to_sign_out(browser.language, parameters, logout.back_to))
    }
}

/// The live session of a browser behind an ID token.
struct Behind {
    user: UserId,
    session: SessionId,
}

impl Behind {
    async fn of(app: &App, hint: &IdToken, now: Timestamp) -> Result<Option<Self>> {
        let Some(grant) = grants::of(&app.store, &hint.sid).await? else { return Ok(None) };
        let parent = sessions::live(&app.store, &grant.parent_id, now).await?;
        Ok(parent.map(|parent| Self { user: parent.user_id, session: parent.id }))
    }
}

/// Ends the sign-on of the browser's session and of the one behind the hint, which are the same unless
/// the browser lost its cookie.
async fn end(
    app: &App,
    browser: &Browser,
    logout: Logout<'_>,
    user: Option<SignedIn>,
    behind: Option<Behind>,
    now: Timestamp,
) -> Result<Response> {
    let (had_cookie, reason) = (user.is_some(), Revocation::Logout);
    let mut ended = Vec::new();
    let mut tx = app.store.begin().await?;
    if let Some(SignedIn { user, role, session, .. }) = &user {
        ended.push(Ended::sign_on(&mut tx, session, reason, now).await?);
        let mut entry = browser.context.audit(None, reason.name(), "session", session);
        (entry.actor, entry.actor_role) = (Some(*user), Some(role.user_type()));
        audit::append(&mut tx, &entry, now).await?;
    }
    let own = user.as_ref().map(|user| &user.session);
    if let Some(Behind { user, session }) = behind.filter(|it| Some(&it.session) != own) {
        ended.push(Ended::sign_on(&mut tx, &session, reason, now).await?);
        let mut entry = browser.context.audit(None, reason.name(), "session", &session);
        entry.actor = Some(user);
        audit::append(&mut tx, &entry, now).await?;
    }
    tx.commit().await?;
    for ended in ended {
        ended.announce(app);
    }

    let mut answer = match logout.back_to {
        Some(address) => {
            let state: Vec<_> = logout.state.map(|state| ("state", state)).into_iter().collect();
            see_other(&with_parameters(address, &state))?
        }
        None => page::signed_out(browser.language),
    };
    if had_cookie {
        answer.headers_mut().insert(SET_COOKIE, clear_cookie(&app.settings.cookie)?);
    }
    Ok(answer)
}

async fn refuse(app: &App, browser: &Browser, rule: &'static str) -> Result<Response> {
    let user = browser.session.as_ref().map(|(user, _, _)| *user);
    note_refusal(app, &browser.context, "", user, rule).await?;
    Ok(page::refused(browser.language, rule))
}

/// The ID token that came along, if we signed it.
fn hint(app: &App, provider: &Provider, parameters: &Parameters) -> Option<IdToken> {
    let hint = parameters.get("id_token_hint")?;
    app.auth.tokens().read_id_token(hint, &provider.issuer)
}

fn audience(hint: Option<&IdToken>) -> Option<&str> {
    hint.map(|hint| hint.aud.as_str())
}
