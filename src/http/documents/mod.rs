//! The contract for machines and readers: OpenAPI, AsyncAPI, TypeScript, and the HTML page.
//!
//! Each is made once, when first asked for, from what routes and events say of themselves.

mod access;
mod endpoints;
mod examples;
mod gaps;
mod page;
mod shapes;
mod words;

use std::sync::LazyLock;

use axum::body::Bytes;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::App;
use super::precondition::IfNoneMatch;
use crate::domain::events;

const VERSION: &str = env!("CARGO_PKG_VERSION");

const JSON: &str = "application/json";

static OPENAPI: LazyLock<Document> =
    LazyLock::new(|| Document::new(description().to_string(), JSON));
static ASYNCAPI: LazyLock<Document> =
    LazyLock::new(|| Document::new(events::asyncapi::document(VERSION).to_string(), JSON));
static TYPESCRIPT: LazyLock<Document> = LazyLock::new(|| {
    let text = events::typescript::declarations(VERSION);
    Document::new(text, "application/typescript; charset=utf-8")
});
static PAGE: LazyLock<Document> = LazyLock::new(|| {
    let html = page::render(&description());
    Document { policy: Some(policy()), ..Document::new(html, "text/html; charset=utf-8") }
});

/// The routes of the documents.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(docs))
        .routes(routes!(openapi))
        .routes(routes!(asyncapi))
        .routes(routes!(typescript))
}

/// A text that never changes while the process runs.
struct Document {
    body: Bytes,
    content_type: &'static str,
    tag: HeaderValue,
    policy: Option<HeaderValue>,
}

impl Document {
    fn new(text: String, content_type: &'static str) -> Self {
        let tag = format!("\"{}\"", STANDARD.encode(&Sha256::digest(&text)[..12]));
        Self {
            body: text.into(),
            content_type,
            tag: HeaderValue::from_str(&tag).expect("base64 and quotes are a header value"),
            policy: None,
        }
    }

    fn answer(&self, known: &IfNoneMatch) -> Response {
        let headers =
            [(ETAG, self.tag.clone()), (CACHE_CONTROL, HeaderValue::from_static("no-cache"))];
        if known.has(&self.tag) {
            return (StatusCode::NOT_MODIFIED, headers).into_response();
        }
        let body = ([(CONTENT_TYPE, self.content_type)], self.body.clone());
        let mut response = (headers, body).into_response();
        if let Some(policy) = &self.policy {
            response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy.clone());
        }
        response
    }
}

/// Only the page's own style sheet may apply, and nothing may run or load.
fn policy() -> HeaderValue {
    let hash = STANDARD.encode(Sha256::digest(page::STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).expect("base64 and plain words are a header value")
}

/// The OpenAPI document with what routes do not say themselves.
fn description() -> Value {
    let mut document = serde_json::to_value(super::openapi()).expect("an OpenAPI document is JSON");
    document["openapi"] = json!("3.1.0");
    document["info"] = json!({
        "title": "Latido",
        "version": VERSION,
        "description": "Realtime hub of a telehealth platform. Events over sockets are described \
            in `/asyncapi.json` and typed in `/events.d.ts`.",
        "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
    });
    document["servers"] = json!([{ "url": "/" }]);
    document["components"]["securitySchemes"] = json!({
        "accessToken": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" },
        "sessionCookie": { "type": "apiKey", "in": "cookie", "name": "latido_session" },
        "serviceKey": { "type": "apiKey", "in": "header", "name": "X-Service-Key" },
    });
    endpoints::add(&mut document);
    access::fill(&mut document);
    gaps::fill(&mut document);
    shapes::correct(&mut document);
    examples::fill(&mut document);
    document
}

/// The HTTP API for readers.
#[utoipa::path(get, path = "/docs", tag = "Platform", responses(
    (status = 200, description = "One HTML page without scripts.", body = String,
        content_type = "text/html"),
))]
async fn docs(known: IfNoneMatch) -> Response {
    PAGE.answer(&known)
}

/// The HTTP API as OpenAPI 3.1.
#[utoipa::path(get, path = "/openapi.json", tag = "Platform", responses(
    (status = 200, description = "The document.", body = serde_json::Value),
))]
async fn openapi(known: IfNoneMatch) -> Response {
    OPENAPI.answer(&known)
}

/// The realtime events as AsyncAPI 3.
#[utoipa::path(get, path = "/asyncapi.json", tag = "Platform", responses(
    (status = 200, description = "The document.", body = serde_json::Value),
))]
async fn asyncapi(known: IfNoneMatch) -> Response {
    ASYNCAPI.answer(&known)
}

/// The realtime events as TypeScript declarations.
#[utoipa::path(get, path = "/events.d.ts", tag = "Platform", responses(
    (status = 200, description = "The declarations.", body = String,
        content_type = "application/typescript"),
))]
async fn typescript(known: IfNoneMatch) -> Response {
    TYPESCRIPT.answer(&known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_of_the_openapi_document_resolves_and_every_body_has_an_example() {
        let document = description();

        let mut pending = vec![&document];
        while let Some(value) = pending.pop() {
            if let Some(target) = value.get("$ref").and_then(Value::as_str) {
                assert!(document.pointer(&target[1..]).is_some(), "{target} leads nowhere");
            }
            if let Some(Value::Object(content)) = value.get("content") {
                for (kind, body) in content {
                    let has_example = body.get("example").or(body.get("examples")).is_some();
                    assert!(has_example || kind != JSON, "{body}");
                }
            }
            match value {
                Value::Object(fields) => pending.extend(fields.values()),
                Value::Array(items) => pending.extend(items),
                _ => {}
            }
        }
    }

    /// Every method of every path.
    fn operations(document: &Value) -> impl Iterator<Item = (String, &Value)> {
        let paths = document["paths"].as_object().unwrap();
        paths.iter().flat_map(|(path, operations)| {
            let operations = operations.as_object().unwrap();
            operations.iter().map(move |(method, body)| (format!("{method} {path}"), body))
        })
    }

    /// The bodies of a request or an answer that have fields.
    fn bodies(whole: &Value) -> impl Iterator<Item = &Value> {
        let content = whole["content"].as_object().into_iter().flatten();
        content.filter(|(kind, _)| kind.ends_with("json")).map(|(_, body)| body)
    }

    /// Whether a value was made where nothing was known.
    fn is_made_up(value: &Value) -> bool {
        match value {
            Value::Object(fields) => fields.values().any(is_made_up),
            Value::Array(items) => items.iter().any(|item| item.is_null() || is_made_up(item)),
            value => value == examples::UNKNOWN,
        }
    }

    #[test]
    fn every_operation_says_what_it_does_and_shows_true_bodies() {
        let document = description();
        let mut wrong = Vec::new();
        for (name, operation) in operations(&document) {
            if operation["summary"].as_str().is_none_or(str::is_empty) {
                wrong.push(format!("{name} says nothing"));
            }
            let answers = operation["responses"].as_object().unwrap().values();
            let whole = operation.get("requestBody").into_iter().chain(answers);
            for body in whole.flat_map(bodies) {
                if body.get("example").is_none_or(is_made_up) {
                    wrong.push(format!("{name} shows {}", body["example"]));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn the_page_shows_every_operation_and_runs_nothing() {
        let document = description();
        let html = page::render(&document);

        for path in document["paths"].as_object().unwrap().keys() {
            assert!(html.contains(&format!("<code>{path}</code>")), "{path}");
        }
        for forbidden in ["<script", "javascript:", " style=", " onclick=", "http://", "@import"] {
            assert!(!html.contains(forbidden), "{forbidden}");
        }
    }
}
