//! The sign-in page's form: shows the password as every sign-in does, then goes on with the request
//! that led to the page. That request comes along and is judged anew, so there is no address to
//! return to that anybody could have put there.

use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::response::Response;
use garde::Validate;
use serde::Deserialize;
use utoipa::ToSchema;

use super::authorize::{AuthorizationRequest, is_expected, issue, refuse};
use super::browser::{Browser, OwnPage, SignedIn};
use super::page::SignInForm;
use super::parameters::InQuery;
use super::{OpenId, Provider};
use crate::auth::failures::Surface;
use crate::domain::id::SessionId;
use crate::domain::identity::Revocation;
use crate::domain::identity::openid::{Authorization, ErrorCode};
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::http::App;
use crate::http::form::{AnyForm, Form};
use crate::http::identity::attempts::{Attempt, signed_in};
use crate::http::identity::delegation;
use crate::http::identity::ending::Ended;
use crate::http::identity::opening::Opened;
use crate::http::problem::ProblemBody;
use crate::persistence::identity::accounts::{self, User};
use crate::persistence::identity::sessions;
use crate::persistence::{Tx, audit};

/// The fields of the page.
#[derive(Deserialize, Validate, ToSchema)]
pub struct SignIn {
    #[garde(length(chars, min = 1, max = 254))]
    username: String,
    #[garde(length(chars, min = 1, max = 1024))]
    password: String,
    /// Whether the cookie outlives the browser.
    #[garde(skip)]
    #[schema(default = false)]
    remember: Option<bool>,
}

impl Form for SignIn {
    const FLAGS: &'static [&'static str] = &["remember"];
}

/// Signs the browser in and sends it back to the client with a code.
#[utoipa::path(
    post, path = "/oidc/sign-in", tag = "oidc", params(AuthorizationRequest),
    request_body(content = SignIn, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 303, description = "To `redirect_uri` with `code`, `state` and `iss`."),
        (status = 401, description = "The page again.", body = String, content_type = "text/html"),
        (status = 403, body = ProblemBody),
        (status = 429, description = "The page again.", body = String, content_type = "text/html"),
        (status = 503, body = ProblemBody),
    ),
)]
pub async fn sign_in(
    State(app): State<App>,
    OpenId(provider): OpenId,
    _: OwnPage,
    browser: Browser,
    InQuery(parameters): InQuery,
    form: Result<AnyForm<SignIn>>,
) -> Result<Response> {
    let authorization = match Authorization::read(&provider.clients, &parameters) {
        Ok(authorization) => authorization,
        Err(refusal) => return refuse(&app, &provider, &browser, &parameters, refusal).await,
    };
    let mut page = SignInForm {
        language: browser.language,
        authorization: &authorization,
        parameters: &parameters,
        username: "",
    };
    let form = match form {
        Ok(AnyForm(form)) => form,
        Err(error) => return page.after(error),
    };
    page.username = &form.username;
    match go_on(&app, &provider, &browser, &authorization, &form).await {
        Ok(Some(answer)) => Ok(answer),
        Ok(None) => {
            let rule = "another user than expected signed in";
            let refusal = authorization.refused(ErrorCode::LoginRequired, rule);
            refuse(&app, &provider, &browser, &parameters, refusal).await
        }
        Err(error) => page.after(error),
    }
}

/// Has the password judged and issues the code to the browser's session of the account; none to
/// another user than the client expects.
async fn go_on(
    app: &App,
    provider: &Provider,
    browser: &Browser,
    authorization: &Authorization<'_>,
    form: &SignIn,
) -> Result<Option<Response>> {
    delegation::accounts_are_ours(app)?;
    let (context, now) = (&browser.context, Timestamp::now());
    let name = form.username.trim().to_lowercase();
    app.limits.sign_in(context.peer, &name)?;
    let user = accounts::by_email(&app.store, &name).await?;
    let attempt = Attempt { app, context, surface: Surface::OpenId, now };
    let proven = attempt.prove(user, &name, &form.password).await?;
    if !is_expected(app, provider, authorization, proven.user.id) {
        attempt.refuse(Some(&proven.user), "unexpected").await?;
        return Ok(None);
    }
    let renewed = proven.renewed_hash(app, &form.password).await?;

    let (mut tx, user) = proven.admit(renewed.as_deref(), now).await?;
    let (session, changes) = session(app, &mut tx, browser, &user, now).await?;
    audit::append(&mut tx, &signed_in(context, &user, &session), now).await?;
    let proof = SignedIn { user: user.id, role: user.primary_role, session, proven_at: now };
    let mut answer = issue(&mut tx, provider, context, authorization, &proof, now).await?;
    tx.commit().await?;

    if let Some(ended) = changes.ended {
        ended.announce(app);
    }
    if let Some(opened) = changes.opened {
        let (cookie, _) = opened.announce(app, user, form.remember.unwrap_or(false), now)?;
        answer.headers_mut().insert(SET_COOKIE, cookie);
    }
    Ok(Some(answer))
}

/// What a sign-in changes at the browser, to be announced after the commit.
#[derive(Default)]
struct Changes {
    opened: Option<Opened>,
    ended: Option<Ended>,
}

/// The session of the account at this browser: the one it has, or else a new one.
///
/// The one it has keeps its id, so the portals that live by it stay signed in. The session of another
/// account ends, since this browser could not end it any more.
async fn session(
    app: &App,
    tx: &mut Tx,
    browser: &Browser,
    user: &User,
    now: Timestamp,
) -> Result<(SessionId, Changes)> {
    let mut changes = Changes::default();
    if let Some((holder, session, role)) = &browser.session {
        if *holder != user.id {
            let reason = Revocation::Logout;
            changes.ended = Some(Ended::one(tx, session, reason, now).await?);
            let mut entry = browser.context.audit(None, reason.name(), "session", session);
            (entry.actor, entry.actor_role) = (Some(*holder), Some(role.user_type()));
            audit::append(tx, &entry, now).await?;
        } else if sessions::hold(tx, session, now).await?.is_some() {
            sessions::note_password(tx, session, now).await?;
            return Ok((session.clone(), changes));
        }
    }
    let opened = Opened::insert(app, tx, user, &browser.device, now).await?;
    let session = opened.session.clone();
    changes.opened = Some(opened);
    Ok((session, changes))
}
