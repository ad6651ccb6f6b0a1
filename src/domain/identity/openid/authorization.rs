//! An authorization request: what is refused, who is told of it, and whether the user has to sign
//! in (OpenID Connect Core §3.1.2, RFC 6749 §4.1, RFC 7636).

use std::time::Duration;

use super::{Challenge, Client, Clients, Parameters, Scope, pkce};
use crate::domain::time::Timestamp;

/// The longest `nonce` that is kept for an ID token.
const NONCE: usize = 512;
/// The longest e-mail that is written into the sign-in form.
const LOGIN_HINT: usize = 254;

/// A request a registered client made rightly.
#[derive(Debug, Clone)]
pub struct Authorization<'a> {
    pub client: &'a Client,
    pub redirect_uri: &'a str,
    pub state: Option<&'a str>,
    pub scope: Scope,
    pub nonce: Option<&'a str>,
    pub challenge: Challenge,
    pub login_hint: Option<&'a str>,
    /// An ID token of the user the client expects.
    pub id_token_hint: Option<&'a str>,
    prompt: Prompt,
    max_age: Option<Duration>,
}

/// What the client wants the user to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Prompt {
    WhateverIsNeeded,
    /// No page at all.
    Nothing,
    /// The sign-in, even for someone who is signed in.
    SignIn,
}

/// What comes next for a good request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    IssueCode,
    AskToSignIn,
    /// The user would have to sign in, and the client forbade the page.
    LoginRequired,
}

/// Why a request gets no code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal<'a> {
    /// Nothing says that this address is the client's, so the browser is not sent there.
    Shown(&'static str),
    /// The client is told by a redirect.
    Sent {
        redirect_uri: &'a str,
        state: Option<&'a str>,
        code: ErrorCode,
        description: &'static str,
    },
}

/// The refusals a client acts on (RFC 6749 §4.1.2.1, OpenID Connect Core §3.1.2.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorCode {
    InvalidRequest,
    InvalidScope,
    LoginRequired,
    RegistrationNotSupported,
    RequestNotSupported,
    RequestUriNotSupported,
    UnsupportedResponseType,
}

impl ErrorCode {
    pub fn name(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidScope => "invalid_scope",
            Self::LoginRequired => "login_required",
            Self::RegistrationNotSupported => "registration_not_supported",
            Self::RequestNotSupported => "request_not_supported",
            Self::RequestUriNotSupported => "request_uri_not_supported",
            Self::UnsupportedResponseType => "unsupported_response_type",
        }
    }
}

impl<'a> Authorization<'a> {
    /// Client and redirect URI are judged first: only a registered address may hear the rest.
    pub fn read(clients: &'a Clients, parameters: &'a Parameters) -> Result<Self, Refusal<'a>> {
        let once = |name| parameters.get(name).filter(|_| !parameters.repeats(name));
        let client = once("client_id")
            .and_then(|id| clients.find(id))
            .ok_or(Refusal::Shown("this client is not registered"))?;
        let redirect_uri = once("redirect_uri")
            .filter(|uri| client.redirect_uris.iter().any(|known| known == uri))
            .ok_or(Refusal::Shown("this redirect_uri is not registered"))?;
        let state = once("state");
        Self::of(client, redirect_uri, state, parameters)
            .map_err(|(code, description)| Refusal::Sent { redirect_uri, state, code, description })
    }

    fn of(
        client: &'a Client,
        redirect_uri: &'a str,
        state: Option<&'a str>,
        parameters: &'a Parameters,
    ) -> Result<Self, (ErrorCode, &'static str)> {
        let invalid = |rule| (ErrorCode::InvalidRequest, rule);
        parameters.check().map_err(|_| invalid("a parameter is given more than once"))?;
        for (name, code) in [
            ("request", ErrorCode::RequestNotSupported),
            ("request_uri", ErrorCode::RequestUriNotSupported),
            ("registration", ErrorCode::RegistrationNotSupported),
        ] {
            if parameters.get(name).is_some() {
                return Err((code, "this way of asking is not supported"));
            }
        }
        match parameters.get("response_type") {
            Some("code") => {}
            Some(_) => {
                return Err((ErrorCode::UnsupportedResponseType, "response_type must be code"));
            }
            None => return Err(invalid("response_type is required")),
        }
        if parameters.get("response_mode").is_some_and(|mode| mode != "query") {
            return Err(invalid("response_mode must be query"));
        }
        let scope = parameters.get("scope").and_then(Scope::parse);
        let scope = scope.ok_or((ErrorCode::InvalidScope, "scope must include openid"))?;
        if parameters.get("code_challenge_method") != Some(pkce::METHOD) {
            return Err(invalid("code_challenge_method must be S256"));
        }
        let challenge = parameters.get("code_challenge").and_then(Challenge::parse);
        let challenge =
            challenge.ok_or(invalid("code_challenge must be a SHA-256 in base64url"))?;
        let nonce = parameters.get("nonce");
        if nonce.is_some_and(|text| text.len() > NONCE || text.contains(char::is_control)) {
            return Err(invalid("nonce must be at most 512 bytes without control characters"));
        }
        let max_age = parameters.get("max_age").map(str::parse).transpose();
        let max_age = max_age.map_err(|_| invalid("max_age must be a number of seconds"))?;
        Ok(Self {
            client,
            redirect_uri,
            state,
            scope,
            nonce,
            challenge,
            login_hint: parameters.get("login_hint").filter(|hint| hint.len() <= LOGIN_HINT),
            id_token_hint: parameters.get("id_token_hint"),
            prompt: Prompt::read(parameters.get("prompt").unwrap_or_default())
                .ok_or(invalid("prompt=none cannot be combined"))?,
            max_age: max_age.map(Duration::from_secs),
        })
    }

    /// What comes next, given when the user who is signed in at the browser last showed the password.
    pub fn step(&self, proven_at: Option<Timestamp>, now: Timestamp) -> Step {
        let is_recent = |at| self.max_age.is_none_or(|age| now.since(at) <= age);
        match self.prompt {
            Prompt::SignIn => Step::AskToSignIn,
            _ if proven_at.is_some_and(is_recent) => Step::IssueCode,
            Prompt::Nothing => Step::LoginRequired,
            Prompt::WhateverIsNeeded => Step::AskToSignIn,
        }
    }

    /// The refusal of a request that was good so far.
    pub fn refused(&self, code: ErrorCode, description: &'static str) -> Refusal<'a> {
        Refusal::Sent { redirect_uri: self.redirect_uri, state: self.state, code, description }
    }
}

impl Prompt {
    /// There is nothing to consent to among portals of one house, so `consent` asks for nothing.
    /// `None` when `none` stands beside another word.
    fn read(text: &str) -> Option<Self> {
        let words: Vec<_> = text.split(' ').filter(|word| !word.is_empty()).collect();
        if words.contains(&"none") {
            return (words.len() == 1).then_some(Self::Nothing);
        }
        let asks = words.iter().any(|word| matches!(*word, "login" | "select_account"));
        Some(if asks { Self::SignIn } else { Self::WhateverIsNeeded })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::identity::openid::client::tests::clients;

    const GOOD: [(&str, &str); 7] = [
        ("client_id", "doctors"),
        ("redirect_uri", "https://doctors.example/cb"),
        ("response_type", "code"),
        ("scope", "openid email"),
        ("state", "s1"),
        ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
        ("code_challenge_method", "S256"),
    ];

    /// A good request with changes: an empty value takes a parameter away.
    fn parameters(changes: &[(&str, &str)]) -> Parameters {
        let kept = GOOD.iter().filter(|(name, _)| !changes.iter().any(|(other, _)| other == name));
        let pairs = kept.chain(changes).map(|(name, value)| ((*name).into(), (*value).into()));
        Parameters::new(pairs.collect())
    }

    fn code(changes: &[(&str, &str)]) -> Result<&'static str, &'static str> {
        let (clients, parameters) = (clients(), parameters(changes));
        match Authorization::read(&clients, &parameters) {
            Ok(_) => Ok("good"),
            Err(Refusal::Shown(rule)) => Err(rule),
            Err(Refusal::Sent { redirect_uri, state, code, .. }) => {
                assert_eq!((redirect_uri, state), ("https://doctors.example/cb", Some("s1")));
                Ok(code.name())
            }
        }
    }

    #[test]
    fn an_unknown_client_or_address_is_never_redirected_to() {
        for (changes, rule) in [
            ([("client_id", "nobody")], "this client is not registered"),
            ([("client_id", "")], "this client is not registered"),
            ([("redirect_uri", "")], "this redirect_uri is not registered"),
            ([("redirect_uri", "https://evil.example/cb")], "this redirect_uri is not registered"),
            (
                [("redirect_uri", "https://doctors.example/cb/")],
                "this redirect_uri is not registered",
            ),
            (
                [("redirect_uri", "https://doctors.example/cb?x=1")],
                "this redirect_uri is not registered",
            ),
            // Registered, but by another client.
            (
                [("redirect_uri", "https://patients.example/cb?a=1")],
                "this redirect_uri is not registered",
            ),
        ] {
            assert_eq!(code(&changes), Err(rule), "{changes:?}");
        }
        let twice = [
            ("redirect_uri", "https://doctors.example/cb"),
            ("redirect_uri", "https://evil.example"),
        ];
        assert_eq!(code(&twice), Err("this redirect_uri is not registered"));
    }

    #[test]
    fn what_else_is_wrong_the_client_is_told() {
        for (changes, expected) in [
            (vec![], "good"),
            (vec![("response_type", "token")], "unsupported_response_type"),
            (vec![("response_type", "")], "invalid_request"),
            (vec![("response_mode", "fragment")], "invalid_request"),
            (vec![("scope", "email")], "invalid_scope"),
            (vec![("code_challenge", "")], "invalid_request"),
            (vec![("code_challenge_method", "plain")], "invalid_request"),
            (vec![("code_challenge_method", "")], "invalid_request"),
            (vec![("request", "eyJ")], "request_not_supported"),
            (vec![("request_uri", "https://a.example")], "request_uri_not_supported"),
            (vec![("prompt", "none login")], "invalid_request"),
            (vec![("max_age", "-1")], "invalid_request"),
            (vec![("nonce", "a"), ("nonce", "b")], "invalid_request"),
            (vec![("nonce", "a\u{0}")], "invalid_request"),
            (vec![("something", "unknown")], "good"),
        ] {
            assert_eq!(code(&changes), Ok(expected), "{changes:?}");
        }
    }

    #[test]
    fn one_signs_in_when_nobody_is_or_not_recently_enough_or_when_asked_to() {
        let clients = clients();
        let step = |changes: &[(&str, &str)], at: Option<i64>| {
            let parameters = parameters(changes);
            let authorization = Authorization::read(&clients, &parameters).unwrap();
            authorization.step(at.map(Timestamp), Timestamp(100_000))
        };

        assert_eq!(step(&[], None), Step::AskToSignIn);
        assert_eq!(step(&[], Some(0)), Step::IssueCode);
        assert_eq!(step(&[("max_age", "60")], Some(0)), Step::AskToSignIn);
        assert_eq!(step(&[("max_age", "60")], Some(50_000)), Step::IssueCode);
        assert_eq!(step(&[("prompt", "login")], Some(99_999)), Step::AskToSignIn);
        assert_eq!(step(&[("prompt", "none")], None), Step::LoginRequired);
        assert_eq!(step(&[("prompt", "none")], Some(0)), Step::IssueCode);
        assert_eq!(step(&[("prompt", "none"), ("max_age", "1")], Some(0)), Step::LoginRequired);
    }
}
