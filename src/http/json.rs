//! JSON bodies, read strictly.
//!
//! A body is refused before it is looked into when its type, size or form is wrong: duplicate
//! keys, nesting beyond 64, NUL characters (PostgreSQL cannot store them). Then every broken rule
//! of a field is reported at once, by JSON pointer.

use std::collections::HashSet;
use std::fmt;

use axum::body::Bytes;
use axum::extract::{FromRef, FromRequest, OptionalFromRequest, Request};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use garde::Validate;
use serde::Serialize;
use serde::de::{DeserializeOwned, DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::App;
use super::body;
use crate::domain::shape;
use crate::error::{Error, FieldCode, FieldError, Kind, Result};

/// How deep objects and arrays may nest.
const DEPTH: usize = 64;

/// A JSON body: read and checked on the way in, written on the way out.
#[derive(Debug, Clone, Copy, Default)]
pub struct Json<T>(pub T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

impl<S, T> FromRequest<S> for Json<T>
where
    App: FromRef<S>,
    S: Send + Sync,
    T: DeserializeOwned + Validate<Context: Default>,
{
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self> {
        Body::of(request, &App::from_ref(state)).await?.read().map(Self)
    }
}

/// Absent when the body is empty.
impl<S, T> OptionalFromRequest<S> for Json<T>
where
    App: FromRef<S>,
    S: Send + Sync,
    T: DeserializeOwned + Validate<Context: Default>,
{
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Option<Self>> {
        let body = Body::of(request, &App::from_ref(state)).await?;
        if body.bytes.is_empty() {
            return Ok(None);
        }
        body.read().map(|value| Some(Self(value)))
    }
}

/// A body that says two things: the fields of both in one object, the faults of both in one refusal.
#[derive(Debug)]
pub struct Both<A, B>(pub A, pub B);

impl<A, B> FromRequest<App> for Both<A, B>
where
    A: DeserializeOwned + Validate<Context: Default>,
    B: DeserializeOwned + Validate<Context: Default>,
{
    type Rejection = Error;

    async fn from_request(request: Request, app: &App) -> Result<Self> {
        let body = Body::of(request, app).await?;
        match (body.read::<A>(), body.read::<B>()) {
            (Ok(first), Ok(second)) => Ok(Self(first, second)),
            (Err(first), Err(second)) => Err(first.beside(second)),
            (Err(error), Ok(_)) | (Ok(_), Err(error)) => Err(error),
        }
    }
}

/// A body as it arrived. What is wrong with its size is said before what is wrong with its type.
struct Body {
    bytes: Bytes,
    is_json: bool,
}

impl Body {
    async fn of(request: Request, app: &App) -> Result<Self> {
        let is_json = is_json(request.headers());
        Ok(Self { bytes: body::read(request, app.settings.body).await?, is_json })
    }

    fn read<T: DeserializeOwned + Validate<Context: Default>>(&self) -> Result<T> {
        if !self.is_json {
            return Err(Kind::UnsupportedMediaType.into());
        }
        parse(&self.bytes)
    }
}

/// Reads and checks a JSON text that came by any way.
pub fn parse<T: DeserializeOwned + Validate<Context: Default>>(bytes: &Bytes) -> Result<T> {
    check_form(bytes)?;
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value: T =
        serde_path_to_error::deserialize(&mut deserializer).map_err(|error| refusal(&error))?;
    validated(value).map_err(|error| as_spelled(error, bytes))
}

/// Applies the rules a type declares for its fields.
pub fn validated<T: Validate<Context: Default>>(value: T) -> Result<T> {
    match value.validate() {
        Ok(()) => Ok(value),
        Err(report) => {
            let fields = report.iter().map(|(path, error)| broken(path, error.message()));
            Err(Kind::Validation(fields.collect()).into())
        }
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let mut parts = kind.split(';').map(str::trim);
    let media = parts.next().unwrap_or_default().to_ascii_lowercase();
    let readable = media == "application/json"
        || (media.starts_with("application/") && media.ends_with("+json"));
    let charset = parts.find_map(|part| {
        part.to_ascii_lowercase()
            .strip_prefix("charset=")
            .map(|charset| charset.trim_matches('"').to_owned())
    });
    readable && charset.is_none_or(|charset| charset == "utf-8" || charset == "utf8")
}

/// A text that parses into the wrong thing breaks a field's rule; any other is malformed.
fn refusal(error: &serde_path_to_error::Error<serde_json::Error>) -> Error {
    if error.inner().is_data() {
        Kind::Validation(vec![shape::refused(error.path(), error.inner())]).into()
    } else {
        malformed(&error.inner().to_string())
    }
}

/// A rule's message may start with its code, as in `unique: listed twice`; else it is guessed from
/// garde's own words.
fn broken(path: &garde::Path, message: &str) -> FieldError {
    // `parts[1].email` in garde's spelling; field names hold none of its separators.
    let path = path.to_string();
    let segments = path.split(['.', '[', ']']).filter(|segment| !segment.is_empty());
    let pointer =
        segments.fold(String::new(), |pointer, segment| pointer + "/" + &shape::escaped(segment));
    let named = message.split_once(": ").and_then(|(code, detail)| Some((code_of(code)?, detail)));
    let (code, detail) = named.unwrap_or_else(|| (guessed(message), message));
    FieldError { pointer, code, detail: detail.to_owned() }
}

/// Rules name fields as Rust does; on the `camelCase` surfaces the body spells them otherwise.
fn as_spelled(error: Error, bytes: &[u8]) -> Error {
    let (Kind::Validation(fields), Ok(body)) = (error.kind(), serde_json::from_slice(bytes)) else {
        return error;
    };
    let spelled = |field: &FieldError| FieldError {
        pointer: spelled(&field.pointer, &body),
        ..field.clone()
    };
    Kind::Validation(fields.iter().map(spelled).collect()).into()
}

/// The pointer with each segment as the body has it.
fn spelled(pointer: &str, body: &Value) -> String {
    let (mut place, mut path) = (Some(body), String::new());
    for segment in pointer.split('/').skip(1) {
        let camel = camel(segment);
        let has = |key: &str| place.is_some_and(|value| value.get(key).is_some());
        let segment = if !has(segment) && has(&camel) { camel.as_str() } else { segment };
        path.push('/');
        path.push_str(segment);
        place = place.and_then(|value| match segment.parse::<usize>() {
            Ok(index) if value.is_array() => value.get(index),
            _ => value.get(segment),
        });
    }
    path
}

/// `user_ids` as `userIds`.
fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |camel, word| {
        let (initial, rest) = word.split_at(word.chars().next().map_or(0, char::len_utf8));
        camel + &initial.to_uppercase() + rest
    })
}

fn code_of(name: &str) -> Option<FieldCode> {
    Some(match name {
        "required" => FieldCode::Required,
        "type" => FieldCode::Type,
        "format" => FieldCode::Format,
        "length" => FieldCode::Length,
        "range" => FieldCode::Range,
        "enum" => FieldCode::Enum,
        "unique" => FieldCode::Unique,
        "reference" => FieldCode::Reference,
        "rule" => FieldCode::Rule,
        _ => return None,
    })
}

fn guessed(message: &str) -> FieldCode {
    match message {
        m if m.starts_with("length is") => FieldCode::Length,
        m if m.starts_with("greater than") || m.starts_with("lower than") => FieldCode::Range,
        m if m.starts_with("not a valid") || m.contains("pattern") => FieldCode::Format,
        m if m.contains("required") || m.contains("not set") => FieldCode::Required,
        _ => FieldCode::Rule,
    }
}

fn malformed(message: &str) -> Error {
    Kind::Malformed(format!("the body is not acceptable JSON: {message}")).into()
}

/// Refuses duplicate keys, deep nesting and NUL characters anywhere in the text.
fn check_form(bytes: &[u8]) -> Result<()> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    Form { depth: 0 }
        .deserialize(&mut deserializer)
        .and_then(|()| deserializer.end())
        .map_err(|error| malformed(&error.to_string()))
}

#[derive(Clone, Copy)]
struct Form {
    depth: usize,
}

impl Form {
    fn inner<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth == DEPTH {
            return Err(E::custom("nested too deep"));
        }
        Ok(Self { depth: self.depth + 1 })
    }
}

impl<'de> DeserializeSeed<'de> for Form {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Form {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        if text.contains('\0') { Err(E::custom("a NUL character")) } else { Ok(()) }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let inner = self.inner()?;
        while seq.next_element_seed(inner)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let inner = self.inner()?;
        let mut keys = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            self.visit_str(&key)?;
            if !keys.insert(key) {
                return Err(A::Error::custom("a duplicate key"));
            }
            map.next_value_seed(inner)?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;
