//! The token endpoint: codes and refresh tokens become tokens of a Latido session.

use axum::extract::State;
use axum::http::header::PRAGMA;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::authorize::note_refusal;
use super::client::authenticate;
use super::parameters::InForm;
use super::refusal::{OAuthError, Refusal};
use super::{OpenId, Provider};
use crate::actors::hub::{Bearer, Renewed};
use crate::auth::{IdToken, digest};
use crate::domain::id::UserId;
use crate::domain::identity::Revocation;
use crate::domain::identity::openid::{Challenge, Client, Parameters, Scope};
use crate::domain::time::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::http::App;
use crate::http::context::Context;
use crate::http::identity::ending::Ended;
use crate::http::identity::opening::{Device, Opened, token_pair};
use crate::http::identity::view::TokenPair;
use crate::http::json::Json;
use crate::http::problem::ProblemBody;
use crate::persistence::identity::accounts::{self, User};
use crate::persistence::identity::openid::codes::{self, Code};
use crate::persistence::identity::openid::grants::{self, Grant};
use crate::persistence::identity::sessions;
use crate::persistence::{Tx, audit};

/// What a client asks for (RFC 6749 §4.1.3, §6).
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "documents parameters that are read by name")]
pub struct TokenRequest {
    /// `authorization_code` or `refresh_token`
    grant_type: String,
    code: Option<String>,
    /// As in the authorization request.
    redirect_uri: Option<String>,
    code_verifier: Option<String>,
    refresh_token: Option<String>,
    /// Of a refresh: less than was granted, for the access token it brings.
    scope: Option<String>,
    /// Of a client without an `Authorization` header.
    client_id: Option<String>,
    client_secret: Option<String>,
}

/// What a client gets. The access token opens every route and socket, as after any sign-in.
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenAnswer {
    access_token: String,
    /// `Bearer`
    token_type: &'static str,
    /// Seconds the access token lives.
    expires_in: u64,
    /// Works once; the next answer brings the next one.
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    id_token: String,
    scope: String,
}

/// Exchanges a code, or a refresh token, for tokens.
#[utoipa::path(
    post, path = "/oidc/token", tag = "oidc",
    request_body(content = TokenRequest, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, body = TokenAnswer),
        (status = 400, body = OAuthError),
        (status = 401, body = OAuthError),
        (status = 503, body = ProblemBody),
    ),
)]
pub async fn token(
    State(app): State<App>,
    OpenId(provider): OpenId,
    context: Context,
    device: Device,
    headers: HeaderMap,
    form: Result<InForm>,
) -> Result<([(HeaderName, HeaderValue); 1], Json<TokenAnswer>), Refusal> {
    let InForm(parameters) = form?;
    let redemption =
        Redemption { app: &app, provider: &provider, context: &context, device: &device };
    let (name, outcome) = match authenticate(&provider.clients, &headers, &parameters) {
        Ok(client) => (client.id.as_str(), redemption.answer(client, &parameters).await),
        Err(refusal) => ("", Err(refusal)),
    };
    if let Err(Refusal::Told(told)) = &outcome {
        note_refusal(&app, &context, name, told.user, told.error).await?;
    }
    Ok(([(PRAGMA, HeaderValue::from_static("no-cache"))], Json(outcome?)))
}

/// One request at the token endpoint.
#[derive(Clone, Copy)]
struct Redemption<'a> {
    app: &'a App,
    provider: &'a Provider,
    context: &'a Context,
    device: &'a Device,
}

impl Redemption<'_> {
    async fn answer(
        self,
        client: &Client,
        parameters: &Parameters,
    ) -> Result<TokenAnswer, Refusal> {
        parameters.check().map_err(|_| Refusal::request("a parameter is given more than once"))?;
        let required =
            |name| parameters.get(name).ok_or(Refusal::request("a parameter is missing"));
        match required("grant_type")? {
            "authorization_code" => {
                let shown = Shown {
                    code: &digest(required("code")?),
                    redirect_uri: required("redirect_uri")?,
                    verifier: required("code_verifier")?,
                };
                self.by_code(client, shown, Timestamp::now()).await
            }
            "refresh_token" => {
                let asked = parameters.get("scope");
                self.by_refresh(client, required("refresh_token")?, asked, Timestamp::now()).await
            }
            _ => Err(Refusal::told("unsupported_grant_type", "the grant_type is not supported")),
        }
    }

    /// Opens a session of the client's own, a child of the browser's.
    async fn by_code(
        self,
        client: &Client,
        shown: Shown<'_>,
        now: Timestamp,
    ) -> Result<TokenAnswer, Refusal> {
        let mut tx = self.app.store.begin().await?;
        let Some(code) = codes::spend(&mut tx, shown.code, &client.id, now).await? else {
            let user = self.replayed(tx, client, shown.code, now).await?;
            let refusal = Refusal::grant("the code is unknown or was used");
            return Err(user.into_iter().fold(refusal, Refusal::about));
        };
        let user = self.user(&mut tx, &code, now).await?;
        let Some(user) = user.filter(|_| shown.fits(&code, now)) else {
            // Spent all the same: whoever holds it does not get a second guess.
            tx.commit().await?;
            let refusal = Refusal::grant("the code has expired or was given for something else");
            return Err(refusal.about(code.user_id));
        };
        let opened = Opened::insert(self.app, &mut tx, &user, self.device, now).await?;
        codes::note_session(&mut tx, shown.code, &opened.session).await?;
        let grant = Grant {
            session_id: opened.session.clone(),
            parent_id: code.parent_id,
            client_id: client.id.clone(),
            scope: code.scope,
            auth_time: code.auth_time,
        };
        grants::insert(&mut tx, &grant, now).await?;
        let mut entry = self.context.audit(None, "session_granted", "session", &opened.session);
        entry.actor = Some(user.id);
        entry.actor_role = Some(user.primary_role.user_type());
        entry.data.insert("client".into(), client.id.clone().into());
        audit::append(&mut tx, &entry, now).await?;
        tx.commit().await?;

        // The cookie stays with us: only browsers have one.
        let (_, pair) = opened.announce(self.app, user, false, now)?;
        self.tokens(pair, &grant, code.nonce, now).map_err(Refusal::from)
    }

    /// The account of a code whose browser is still signed in; until the transaction ends it stays so.
    async fn user(self, tx: &mut Tx, code: &Code, now: Timestamp) -> Result<Option<User>> {
        if sessions::hold(tx, &code.parent_id, now).await?.is_none() {
            return Ok(None);
        }
        let user = accounts::within(tx, code.user_id).await?;
        Ok(user.filter(|user| user.is_active))
    }

    /// A code that comes back was copied: what it gave ends (RFC 6749 §4.1.2). Answers whose it was.
    async fn replayed(
        self,
        mut tx: Tx,
        client: &Client,
        code: &str,
        now: Timestamp,
    ) -> Result<Option<UserId>> {
        let Some((session, user)) = codes::given(&mut tx, code, &client.id).await? else {
            return Ok(None);
        };
        let ended = Ended::one(&mut tx, &session, Revocation::RefreshReuse, now).await?;
        let mut entry = self.context.audit(None, "code_reuse", "session", &session);
        entry.actor = Some(user);
        audit::append(&mut tx, &entry, now).await?;
        tx.commit().await?;
        ended.announce(self.app);
        Ok(Some(user))
    }

    /// Spends a refresh token that this client was given.
    async fn by_refresh(
        self,
        client: &Client,
        spent: &str,
        scope: Option<&str>,
        now: Timestamp,
    ) -> Result<TokenAnswer, Refusal> {
        let unknown = || Refusal::grant("the refresh token is unknown, was used or has expired");
        let named = self.app.auth.refresh().read(spent).ok_or_else(unknown)?;
        let grant = grants::of(&self.app.store, &named.session).await?;
        let grant = grant.filter(|grant| grant.client_id == client.id).ok_or_else(unknown)?;
        let granted = Scope::parse(&grant.scope).ok_or_else(unknown)?;
        if scope.is_some_and(|asked| !granted.covers(asked)) {
            return Err(Refusal::told("invalid_scope", "this was not granted"));
        }
        let given = scope.map_or(granted, |asked| granted.narrowed(asked));
        let refused = |error: Error| match error.kind() {
            Kind::Unauthenticated(_) | Kind::AccountInactive { .. } => unknown(),
            _ => error.into(),
        };
        let bearer = Bearer::Client(&self.device.fingerprint);
        let renewed = self.app.hub.renew(spent, bearer, &self.context.provenance()).await;
        let Renewed { user, session, refresh } = renewed.map_err(refused)?;
        let mut tx = self.app.store.begin().await?;
        grants::narrow(&mut tx, &session, &given.to_string()).await?;
        tx.commit().await?;
        let grant = Grant { scope: given.to_string(), ..grant };
        let pair = token_pair(self.app, user, session, Some(&refresh), now)?;
        self.tokens(pair, &grant, None, now).map_err(Refusal::from)
    }

    /// The pair of a session, and beside it who signed in.
    fn tokens(
        self,
        pair: TokenPair,
        grant: &Grant,
        nonce: Option<String>,
        now: Timestamp,
    ) -> Result<TokenAnswer> {
        let tokens = self.app.auth.tokens();
        let id_token = tokens.id_token(&IdToken {
            iss: self.provider.issuer.clone(),
            sub: pair.user.id.to_string(),
            aud: grant.client_id.clone(),
            exp: now.plus(tokens.ttl()).seconds(),
            iat: now.seconds(),
            auth_time: grant.auth_time.seconds(),
            nonce,
            at_hash: tokens.at_hash(&pair.access_token),
            sid: pair.session_id,
        })?;
        Ok(TokenAnswer {
            access_token: pair.access_token,
            token_type: "Bearer",
            expires_in: pair.expires_in,
            refresh_token: pair.refresh_token,
            id_token,
            scope: grant.scope.clone(),
        })
    }
}

/// What a client shows to redeem a code.
struct Shown<'a> {
    /// Hex SHA-256 of it.
    code: &'a str,
    redirect_uri: &'a str,
    verifier: &'a str,
}

impl Shown<'_> {
    /// Whether the code is still good and was asked for by whoever shows this.
    fn fits(&self, code: &Code, now: Timestamp) -> bool {
        let challenge = Challenge::parse(&code.challenge);
        code.expires_at > now
            && code.redirect_uri == self.redirect_uri
            && challenge.is_some_and(|challenge| challenge.is_met_by(self.verifier))
    }
}
