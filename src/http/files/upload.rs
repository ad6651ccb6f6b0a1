//! Bringing a file.

use axum::body::{Body, Bytes};
use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{FromRequest as _, Multipart, Request, State};
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt as _;
use http_body_util::Limited;
use utoipa::ToSchema;

use super::kept::Unclaimed;
use super::view::FileView;
use crate::domain::file::FilePurpose;
use crate::domain::identity::Principal;
use crate::domain::time::Timestamp;
use crate::error::{Error, FieldCode, Kind, Result};
use crate::http::App;
use crate::http::author::Author;
use crate::http::body::{announced, in_time};
use crate::http::caller::Caller;
use crate::http::context::Context;
use crate::http::idempotency::Keyed;
use crate::http::json::Json;

/// What may be in a body beside the file: other fields, and what holds the parts together.
const BESIDE: usize = 64 * 1024;
/// Letters of a purpose.
const PURPOSE: usize = 64;

/// The parts of an upload.
#[derive(ToSchema)]
#[schema(as = Upload)]
#[expect(dead_code, reason = "describes a body that is read as a stream")]
struct Form {
    /// PDF, PNG, JPEG or WebP.
    #[schema(value_type = String, format = Binary)]
    file: Bytes,
    purpose: FilePurpose,
}

/// What came in the parts.
struct Brought {
    bytes: Unclaimed,
    name: String,
    purpose: FilePurpose,
}

/// Takes a file in. Its type is told by its first bytes, whatever it is called. Repeated under its
/// `Idempotency-Key` it is the same file, by purpose, name and bytes; a refusal keeps no key.
#[utoipa::path(
    post, path = "/files", tag = "files", operation_id = "upload_file",
    request_body(content = Form, content_type = "multipart/form-data"),
    responses(
        (status = 201, body = FileView, headers(("Location" = String))),
    ),
)]
pub(super) async fn upload(
    State(app): State<App>,
    Caller(caller): Caller,
    context: Context,
    request: Request,
) -> Result<Response> {
    let keyed = request.extensions().get::<Keyed>().cloned();
    let brought = receive(&app, request).await?;
    let Some(keyed) = keyed else { return keep(app, caller, context, brought).await };
    let same = brought.content()?;
    let kept = keep(app.clone(), caller, context, brought).map(IntoResponse::into_response);
    keyed.once(&app, &[&same], kept).await
}

/// Writes the row of what was brought.
async fn keep(
    app: App,
    caller: Principal,
    context: Context,
    Brought { bytes, name, purpose }: Brought,
) -> Result<Response> {
    let author = Author { app: &app, context: &context, caller: &caller };

    let mut tx = app.store.begin().await?;
    let file = bytes.claim(&mut tx, &author, &name, purpose, Timestamp::now()).await?;
    tx.commit().await?;

    bytes.settle();
    app.hub.outbox_ready();
    let place = [(LOCATION, format!("/files/{}", file.id))];
    Ok((StatusCode::CREATED, place, Json(FileView::from(file))).into_response())
}

impl Brought {
    /// What makes a repeated upload the same one, however it is parted.
    fn content(&self) -> Result<Vec<u8>> {
        let content = (self.purpose, &self.name, &self.bytes.kept().sha256);
        serde_json::to_vec(&content).map_err(Error::internal)
    }
}

/// Reads the parts as they come; no more of the file is held than a piece.
async fn receive(app: &App, request: Request) -> Result<Brought> {
    let most = app.files.limit().saturating_add(BESIDE);
    if announced(request.headers()).is_some_and(|length| length > most as u64) {
        return Err(Kind::PayloadTooLarge { limit: app.files.limit() }.into());
    }
    if !is_in_parts(request.headers()) {
        return Err(Kind::UnsupportedMediaType.into());
    }
    let request = request.map(|body| Body::new(Limited::new(body, most)));
    let mut parts = Multipart::from_request(request, app).await.map_err(|_| malformed())?;
    let within = app.settings.body.within;
    let (mut purpose, mut taken) = (None, None);
    while let Some(field) =
        in_time(within, parts.next_field()).await?.map_err(|e| broken(app, &e))?
    {
        match field.name() {
            Some("purpose") if purpose.is_none() => purpose = Some(read_purpose(app, field).await?),
            Some("file") if taken.is_none() => {
                let name = field.file_name().unwrap_or_default().to_owned();
                // Until it is known what the file is for, it may be sensitive.
                let is_sealed = purpose.is_none_or(FilePurpose::is_sealed);
                taken = Some((take(app, field, is_sealed).await?, name));
            }
            Some("purpose" | "file") => {
                return Err(Kind::Malformed("a field is given twice".into()).into());
            }
            _ => skip(app, field).await?,
        }
    }
    let missing = |pointer| Error::field(pointer, FieldCode::Required, "is required");
    match (taken, purpose) {
        (Some((bytes, name)), Some(purpose)) => Ok(Brought { bytes, name, purpose }),
        (None, None) => Err(missing("/file").beside(missing("/purpose"))),
        (None, _) => Err(missing("/file")),
        (_, None) => Err(missing("/purpose")),
    }
}

async fn take(app: &App, mut field: Field<'_>, is_sealed: bool) -> Result<Unclaimed> {
    let mut intake = Unclaimed::begin(app, is_sealed).await?;
    while let Some(piece) = next(app, &mut field).await? {
        intake.push(&piece).await?;
    }
    Unclaimed::keep(app, intake).await
}

async fn read_purpose(app: &App, mut field: Field<'_>) -> Result<FilePurpose> {
    let mut text = Vec::new();
    while let Some(piece) = next(app, &mut field).await? {
        text.extend_from_slice(&piece);
        if text.len() > PURPOSE {
            break;
        }
    }
    let purpose = std::str::from_utf8(&text).ok().and_then(FilePurpose::parse);
    purpose.ok_or_else(|| Error::field("/purpose", FieldCode::Enum, "is no purpose of a file"))
}

async fn skip(app: &App, mut field: Field<'_>) -> Result<()> {
    while next(app, &mut field).await?.is_some() {}
    Ok(())
}

async fn next(app: &App, field: &mut Field<'_>) -> Result<Option<Bytes>> {
    in_time(app.settings.body.within, field.chunk()).await?.map_err(|error| broken(app, &error))
}

fn is_in_parts(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    kind.is_some_and(|kind| kind.to_ascii_lowercase().starts_with("multipart/form-data"))
}

fn broken(app: &App, error: &MultipartError) -> Error {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Kind::PayloadTooLarge { limit: app.files.limit() }.into(),
        _ => malformed(),
    }
}

fn malformed() -> Error {
    Kind::Malformed("the form cannot be read".into()).into()
}
