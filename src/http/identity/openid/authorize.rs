//! The authorization endpoint: a code for whoever is signed in, the sign-in page for anyone else.

use std::time::Duration;

use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::browser::{Browser, SignedIn};
use super::page::{self, SignInForm};
use super::parameters::{InForm, InQuery};
use super::{OpenId, Provider};
use crate::auth;
use crate::auth::failures::{Surface, count_failure};
use crate::domain::id::UserId;
use crate::domain::identity::openid::{
    Authorization, ErrorCode, Parameters, Refusal, Step, with_parameters,
};
use crate::domain::time::Timestamp;
use crate::error::{Error, Result};
use crate::http::App;
use crate::http::context::Context;
use crate::http::problem::ProblemBody;
use crate::persistence::identity::openid::codes::{self, NewCode};
use crate::persistence::{Tx, audit};

/// How long a code may be on its way; a redirect and one request of the client need less.
const CODE_LIFE: Duration = Duration::from_mins(1);

/// What a client asks for (OpenID Connect Core §3.1.2.1).
#[derive(Deserialize, IntoParams, ToSchema)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents parameters that are read by name")]
pub struct AuthorizationRequest {
    client_id: String,
    /// Exactly as registered.
    redirect_uri: String,
    /// `code`
    response_type: String,
    /// `openid`, and where wanted `profile` and `email`.
    scope: String,
    /// SHA-256 of the code verifier in base64url.
    code_challenge: String,
    /// `S256`
    code_challenge_method: String,
    /// Comes back with the answer.
    state: Option<String>,
    /// Comes back in the ID token.
    nonce: Option<String>,
    /// `none`, `login` or `select_account`.
    prompt: Option<String>,
    /// The most seconds since the password was shown.
    max_age: Option<u64>,
    /// Fills the first field of the sign-in.
    login_hint: Option<String>,
    /// An ID token of the expected user.
    id_token_hint: Option<String>,
}

/// Sends the browser back with a code, or shows the sign-in page.
#[utoipa::path(
    get, path = "/oidc/authorize", tag = "oidc", params(AuthorizationRequest),
    responses(
        (status = 200, description = "The sign-in page.", body = String, content_type = "text/html"),
        (status = 303, description = "To `redirect_uri` with `code` or `error`, `state` and `iss`."),
        (status = 400, description = "Client or address are not registered.", body = String,
            content_type = "text/html"),
        (status = 503, body = ProblemBody),
    ),
)]
pub async fn authorize(
    State(app): State<App>,
    OpenId(provider): OpenId,
    browser: Browser,
    InQuery(parameters): InQuery,
) -> Result<Response> {
    respond(&app, &provider, &browser, &parameters).await
}

/// The same by a form.
#[utoipa::path(
    post, path = "/oidc/authorize", tag = "oidc",
    request_body(content = AuthorizationRequest, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "The sign-in page.", body = String, content_type = "text/html"),
        (status = 303, description = "To `redirect_uri` with `code` or `error`, `state` and `iss`."),
        (status = 400, description = "Client or address are not registered.", body = String,
            content_type = "text/html"),
        (status = 503, body = ProblemBody),
    ),
)]
pub async fn authorize_by_form(
    State(app): State<App>,
    OpenId(provider): OpenId,
    browser: Browser,
    InForm(parameters): InForm,
) -> Result<Response> {
    respond(&app, &provider, &browser, &parameters).await
}

async fn respond(
    app: &App,
    provider: &Provider,
    browser: &Browser,
    parameters: &Parameters,
) -> Result<Response> {
    let authorization = match Authorization::read(&provider.clients, parameters) {
        Ok(authorization) => authorization,
        Err(refusal) => return refuse(app, provider, browser, parameters, refusal).await,
    };
    let now = Timestamp::now();
    let user = browser.signed_in(app, now).await?;
    let user = user.filter(|user| is_expected(app, provider, &authorization, user.user));
    match (authorization.step(user.as_ref().map(|user| user.proven_at), now), user) {
        (Step::IssueCode, Some(user)) => {
            let mut tx = app.store.begin().await?;
            let answer = issue(&mut tx, provider, &browser.context, &authorization, &user, now);
            let answer = answer.await?;
            tx.commit().await?;
            Ok(answer)
        }
        (Step::LoginRequired, _) => {
            let refusal = authorization.refused(ErrorCode::LoginRequired, "nobody is signed in");
            refuse(app, provider, browser, parameters, refusal).await
        }
        _ => {
            let username = authorization.login_hint.unwrap_or_default();
            let language = browser.language;
            let form = SignInForm { language, authorization: &authorization, parameters, username };
            Ok(form.answer())
        }
    }
}

/// Whether the client expects this user, or says nothing of whom it expects.
pub(super) fn is_expected(
    app: &App,
    provider: &Provider,
    asked: &Authorization,
    user: UserId,
) -> bool {
    asked.id_token_hint.is_none_or(|hint| {
        let hinted = app.auth.tokens().read_id_token(hint, &provider.issuer);
        hinted.is_some_and(|hinted| hinted.sub == user.to_string())
    })
}

/// Writes a code for the user and answers the redirect that carries it, to be sent after the commit.
pub(super) async fn issue(
    tx: &mut Tx,
    provider: &Provider,
    context: &Context,
    authorization: &Authorization<'_>,
    user: &SignedIn,
    now: Timestamp,
) -> Result<Response> {
    let code = auth::new_secret();
    let new = NewCode {
        hash: &auth::digest(code.expose()),
        client: &authorization.client.id,
        redirect_uri: authorization.redirect_uri,
        challenge: authorization.challenge.as_str(),
        nonce: authorization.nonce,
        scope: &authorization.scope.to_string(),
        user: user.user,
        parent: &user.session,
        auth_time: user.proven_at,
        expires_at: now.plus(CODE_LIFE),
    };
    codes::insert(tx, new, now).await?;
    let mut entry = context.audit(None, "authorized", "oidc_client", &authorization.client.id);
    entry.actor = Some(user.user);
    entry.actor_role = Some(user.role.user_type());
    entry.data.insert("session".into(), user.session.to_string().into());
    audit::append(tx, &entry, now).await?;

    let mut pairs = vec![("code", code.expose())];
    pairs.extend(authorization.state.map(|state| ("state", state)));
    // Who answers, so that a client of several providers cannot be confused (RFC 9207).
    pairs.push(("iss", &provider.issuer));
    see_other(&with_parameters(authorization.redirect_uri, &pairs))
}

/// Tells the client, or, where its address is in doubt, the user.
pub(super) async fn refuse(
    app: &App,
    provider: &Provider,
    browser: &Browser,
    parameters: &Parameters,
    refusal: Refusal<'_>,
) -> Result<Response> {
    let (reason, answer) = match refusal {
        Refusal::Shown(rule) => (rule, page::refused(browser.language, rule)),
        Refusal::Sent { redirect_uri, state, code, description } => {
            let mut pairs = vec![("error", code.name()), ("error_description", description)];
            pairs.extend(state.map(|state| ("state", state)));
            pairs.push(("iss", &provider.issuer));
            let answer = see_other(&with_parameters(redirect_uri, &pairs))?;
            if code == ErrorCode::LoginRequired {
                // The usual answer to a portal that looks whether somebody is signed in.
                return Ok(answer);
            }
            (code.name(), answer)
        }
    };
    let client = parameters.get("client_id").and_then(|id| provider.clients.find(id));
    let client = client.map(|client| client.id.as_str()).unwrap_or_default();
    let user = browser.session.as_ref().map(|(user, _, _)| *user);
    note_refusal(app, &browser.context, client, user, reason).await?;
    Ok(answer)
}

/// Records that a client got nothing, for the user if that is known; an unregistered one has no name.
pub(super) async fn note_refusal(
    app: &App,
    context: &Context,
    client: &str,
    user: Option<UserId>,
    reason: &'static str,
) -> Result<()> {
    count_failure(Surface::OpenId, "refused");
    let mut entry = context.audit(None, "authorization_refused", "oidc_client", &client);
    entry.entity_id = entry.entity_id.filter(|id| !id.is_empty());
    entry.actor = user;
    entry.data.insert("reason".into(), reason.into());
    let mut tx = app.store.begin().await?;
    audit::append(&mut tx, &entry, Timestamp::now()).await?;
    tx.commit().await
}

/// A redirect after which a form is not sent again (RFC 9700 §4.12).
pub(super) fn see_other(address: &str) -> Result<Response> {
    let address = HeaderValue::try_from(address).map_err(Error::internal)?;
    Ok((StatusCode::SEE_OTHER, [(LOCATION, address)]).into_response())
}
