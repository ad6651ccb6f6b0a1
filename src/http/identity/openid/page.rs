//! The provider's pages: sign-in, the question before a logout, and short messages.
//!
//! Each is one document that loads and runs nothing and works as a plain form. Nobody may frame it,
//! and its form goes to us and, by redirect, to the one client it is for.

use std::sync::LazyLock;

use axum::http::header::{
    CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_FRAME_OPTIONS,
};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::words::Words;
use crate::domain::identity::openid::{Authorization, Parameters};
use crate::domain::language::Language;
use crate::domain::origin::of_address;
use crate::error::{Error, Kind, Result};
use crate::http::html::Text;

/// The pages' only style sheet, inline under its hash.
const STYLE: &str = include_str!("../../../web/sign-in/page.css");

static STYLE_HASH: LazyLock<String> = LazyLock::new(|| STANDARD.encode(Sha256::digest(STYLE)));

/// A heartbeat.
const MARK: &str = "<p class=\"brand\"><svg viewBox=\"0 0 24 24\" aria-hidden=\"true\">\
    <path d=\"M2 12h4l2.5-7 4.5 14 3-7h6\"/></svg>Latido</p>";

/// The sign-in on the way to a client.
pub(super) struct SignInForm<'a> {
    pub language: Language,
    pub authorization: &'a Authorization<'a>,
    /// The request, to be sent again with the password.
    pub parameters: &'a Parameters,
    /// What stands in the first field.
    pub username: &'a str,
}

impl SignInForm<'_> {
    pub(super) fn answer(&self) -> Response {
        self.page(None)
    }

    /// The form once more, saying what went wrong, with the status of the failure. Failures the user
    /// can do nothing about are handed back.
    pub(super) fn after(&self, failure: Error) -> Result<Response> {
        let Some(reason) = Words::of(self.language).failure(&failure) else { return Err(failure) };
        let is_wrong = matches!(failure.kind(), Kind::InvalidCredentials);
        let page = self.page(Some((&reason, is_wrong)));
        let (refusal, _) = failure.into_response().into_parts();
        let (mut parts, html) = page.into_parts();
        parts.status = refusal.status;
        for (name, value) in &refusal.headers {
            parts.headers.entry(name).or_insert_with(|| value.clone());
        }
        Ok(Response::from_parts(parts, html))
    }

    fn page(&self, failure: Option<(&str, bool)>) -> Response {
        let words = Words::of(self.language);
        let alert = failure.map(|(reason, _)| {
            format!("<p class=\"error\" role=\"alert\" id=\"error\">{}</p>", Text(reason))
        });
        // Of a wrong pair neither half is said to be the wrong one.
        let invalid = match failure {
            Some((_, true)) => " aria-invalid=\"true\" aria-describedby=\"error\"",
            _ => "",
        };
        let (first, second) =
            if self.username.is_empty() { (" autofocus", "") } else { ("", " autofocus") };
        let main = format!(
            "<h1>{sign_in}</h1><p>{to_continue_in} <strong>{client}</strong></p>{alert}\
             <form method=\"post\" action=\"sign-in?{action}\">\
             <label for=\"username\">{email}</label>\
             <input id=\"username\" name=\"username\" type=\"email\" autocomplete=\"username\" \
             maxlength=\"254\" value=\"{username}\" required{invalid}{first}>\
             <label for=\"password\">{password}</label>\
             <input id=\"password\" name=\"password\" type=\"password\" \
             autocomplete=\"current-password\" maxlength=\"1024\" required{invalid}{second}>\
             <label class=\"choice\"><input type=\"checkbox\" name=\"remember\" value=\"true\">\
             {remember}</label><button>{sign_in}</button></form>",
            sign_in = words.sign_in,
            to_continue_in = words.to_continue_in,
            client = Text(&self.authorization.client.name),
            alert = alert.unwrap_or_default(),
            action = Text(&query(self.parameters)),
            email = words.email,
            username = Text(self.username),
            password = words.password,
            remember = words.remember,
        );
        let target = of_address(self.authorization.redirect_uri);
        page(self.language, words.sign_in, &main, target)
    }
}

/// Asks whether to sign out, where the request alone does not prove that the user wants it.
pub(super) fn ask_to_sign_out(
    language: Language,
    parameters: &Parameters,
    back_to: Option<&str>,
) -> Response {
    let words = Words::of(language);
    let main = format!(
        "<h1>{0}</h1><p>{1}</p><form method=\"post\" action=\"logout/confirm?{2}\">\
         <button>{0}</button></form>",
        words.sign_out,
        words.sign_out_everywhere,
        Text(&query(parameters)),
    );
    page(language, words.sign_out, &main, back_to.and_then(of_address))
}

/// Says that nobody is signed in at this browser any more.
pub(super) fn signed_out(language: Language) -> Response {
    let words = Words::of(language);
    let main = format!("<h1>{}</h1><p>{}</p>", words.signed_out, words.may_close);
    page(language, words.signed_out, &main, None)
}

/// A request of which only the user can be told.
pub(super) fn refused(language: Language, reason: &str) -> Response {
    let words = Words::of(language);
    let main = format!(
        "<h1>{}</h1><p>{}</p><p class=\"error\" lang=\"en\">{}</p>",
        words.refused,
        words.not_your_fault,
        Text(reason),
    );
    let mut response = page(language, words.refused, &main, None);
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response
}

fn page(language: Language, title: &str, main: &str, form_target: Option<&str>) -> Response {
    let tag = language.tag();
    let html = format!(
        "<!doctype html>\n<html lang=\"{tag}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{title} · Latido</title><style>{STYLE}</style></head>\
         <body><main>{MARK}{main}</main></body></html>\n"
    );
    // Browsers also hold the redirect after a form against `form-action`.
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; form-action 'self' {}; base-uri 'none'; \
         frame-ancestors 'none'",
        *STYLE_HASH,
        form_target.unwrap_or_default(),
    );
    let policy = HeaderValue::try_from(policy).expect("a registered address is a header value");
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (CONTENT_LANGUAGE, HeaderValue::from_static(tag)),
        (CONTENT_SECURITY_POLICY, policy),
        (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
        // Our own form says where it comes from; nobody else is told.
        (REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    ];
    (headers, html).into_response()
}

fn query(parameters: &Parameters) -> String {
    serde_urlencoded::to_string(parameters.pairs()).expect("texts by name can be written")
}
