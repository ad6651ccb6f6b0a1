//! Bodies that may come as JSON, as a form, or in parts.
//!
//! Whatever the dress, the same fields go through the same rules: a form becomes a JSON object of
//! texts and is read as one.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use garde::Validate;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::json::{self, Json};
use super::{App, body};
use crate::error::{Error, Kind, Result};

/// A body in JSON, `application/x-www-form-urlencoded` or `multipart/form-data`.
#[derive(Debug)]
pub struct AnyForm<T>(pub T);

/// Fields that a form can fill.
pub trait Form: DeserializeOwned + Validate<Context: Default> {
    /// Fields that are true or false in JSON. A form has only texts: `true`, `1` or a browser's `on`.
    const FLAGS: &'static [&'static str];
}

impl<T> FromRequest<App> for AnyForm<T>
where
    T: Form,
{
    type Rejection = Error;

    async fn from_request(request: Request, app: &App) -> Result<Self> {
        let kind = request.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes);
        let kind = kind.unwrap_or_default().to_ascii_lowercase();
        if kind.starts_with(b"application/x-www-form-urlencoded") {
            let bytes = body::read(request, app.settings.body).await?;
            let pairs = serde_urlencoded::from_bytes(&bytes).map_err(|_| malformed())?;
            return read(pairs).map(Self);
        }
        if kind.starts_with(b"multipart/form-data") {
            return read(parts(request, app).await?).map(Self);
        }
        let Json(value) = <Json<T> as FromRequest<App>>::from_request(request, app).await?;
        Ok(Self(value))
    }
}

async fn parts(request: Request, app: &App) -> Result<Vec<(String, String)>> {
    let (head, rest) = request.into_parts();
    let bytes = body::collect(rest, app.settings.body).await?;
    let request = Request::from_parts(head, Body::from(bytes));
    let mut multipart = Multipart::from_request(request, app).await.map_err(|_| malformed())?;
    let mut pairs = Vec::new();
    while let Some(field) = multipart.next_field().await.map_err(|_| malformed())? {
        let name = field.name().unwrap_or_default().to_owned();
        // Read strictly: two texts that differ must not become one by what could not be read.
        let value = field.bytes().await.map_err(|_| malformed())?;
        pairs.push((name, String::from_utf8(value.into()).map_err(|_| malformed())?));
    }
    Ok(pairs)
}

fn read<T: Form>(pairs: Vec<(String, String)>) -> Result<T> {
    let mut fields = Map::new();
    for (name, text) in pairs {
        let value =
            if T::FLAGS.contains(&name.as_str()) { flag(text) } else { Value::String(text) };
        if fields.insert(name, value).is_some() {
            return Err(Kind::Malformed("a field is given twice".into()).into());
        }
    }
    let text = serde_json::to_vec(&fields).map_err(Error::internal)?;
    json::parse(&Bytes::from(text))
}

/// What is none of these stays a text, and is refused as one.
fn flag(text: String) -> Value {
    match text.as_str() {
        "true" | "1" | "on" => Value::Bool(true),
        "false" | "0" | "off" | "" => Value::Bool(false),
        _ => Value::String(text),
    }
}

fn malformed() -> Error {
    Kind::Malformed("the form cannot be read".into()).into()
}
