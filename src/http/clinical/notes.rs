//! Notes over HTTP (contract §5.9): written by doctors, changed for a day by their author, added to
//! from then on, and read by the patient once released.

use axum::extract::State;
use axum::http::header::ETAG;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use serde_json::{Map, Value};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::chart::{self, Change, Filters};
use super::viewer::{PatientRef, Viewer};
use crate::domain::clinical::note::{Addendum, NoteDraft};
use crate::domain::clinical::release::seen_as;
use crate::domain::id::NoteId;
use crate::domain::time::Timestamp;
use crate::error::{Kind, Result};
use crate::http::App;
use crate::http::author::Author;
use crate::http::context::{Context, Path};
use crate::http::json::Json;
use crate::http::page::{List, Page, PageParams};
use crate::http::precondition::{IfMatch, IfNoneMatch, etag};
use crate::http::problem::ProblemBody;
use crate::persistence::Tx;
use crate::persistence::clinical::chart::{count, page};
use crate::persistence::clinical::notes::{self, Note};
use crate::persistence::clinical::patients::Patient;
use crate::persistence::clinical::row::{hold, remove};

/// The routes of notes.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(one, replace, delete))
        .routes(routes!(add))
}

/// Lists the notes about a patient, newest first; patients see those released to them.
#[utoipa::path(
    get, path = "/api/v1/patients/{id}/notes", tag = "notes", operation_id = "list_notes",
    params(
        ("id" = String, Path, description = "An id, or `me`", example = "77"),
        Filters,
        PageParams
    ),
    responses(
        (status = 200, body = Page<Note>),
        (status = 400, description = "Unknown filter or bad cursor", body = ProblemBody),
        (status = 403, description = "Not for this role", body = ProblemBody),
    ),
)]
async fn list(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    Path(id): Path<PatientRef>,
    list: List<Filters>,
) -> Result<Json<Page<Note>>> {
    let (filters, list) = list.split();
    let filter = filters.of::<Note>(&app, &viewer, &context, id).await?;
    let rows: Vec<Note> = page(&app.store, &filter, list.after_id()?, list.fetch()).await?;
    let total = if list.count { Some(count::<Note>(&app.store, &filter).await?) } else { None };
    Ok(Json(list.page(rows, |row| row.id.to_string()).with_total(total)))
}

/// Writes a note about a patient.
#[utoipa::path(
    post, path = "/api/v1/patients/{id}/notes", tag = "notes", operation_id = "create_note",
    params(("id" = i64, Path, example = 77)),
    request_body = NoteDraft,
    responses(
        (status = 201, body = Note, headers(("Location" = String), ("ETag" = String))),
        (status = 403, description = "Not a doctor", body = ProblemBody),
    ),
)]
async fn create(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    Path(id): Path<PatientRef>,
    Json(draft): Json<NoteDraft>,
) -> Result<Response> {
    let author = Author { app: &app, context: &context, caller: &viewer.caller };
    let (_, patient) = chart::written(&app, &viewer, id).await?;

    let mut tx = app.store.begin().await?;
    hold::<Patient>(&mut tx, patient).await?;
    chart::check_visit(&mut tx, draft.consultation_id.as_ref(), patient).await?;
    let by = viewer.caller.user;
    let note = notes::insert(&mut tx, patient, by, &draft, None, Timestamp::now()).await?;
    let seen = seen_as(false, note.released_to_patient);
    announce(&mut tx, &author, &note, "created", Map::new(), seen).await?;
    tx.commit().await?;

    app.hub.outbox_ready();
    created(note)
}

/// Shows one note.
#[utoipa::path(
    get, path = "/api/v1/notes/{id}", tag = "notes", operation_id = "get_note",
    params(("id" = i64, Path, example = 1)),
    responses(
        (status = 200, body = Note, headers(("ETag" = String))),
        (status = 304, description = "The caller has this version"),
        (status = 403, description = "Not for this role", body = ProblemBody),
    ),
)]
async fn one(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    had: IfNoneMatch,
    Path(id): Path<NoteId>,
) -> Result<Response> {
    let note: Note = chart::show(&app, &viewer, &context, id).await?;
    Ok(had.answer(note.stamp.version, note))
}

/// Writes every field of a note anew, within a day and by its author.
#[utoipa::path(
    put, path = "/api/v1/notes/{id}", tag = "notes", operation_id = "replace_note",
    params(("id" = i64, Path, example = 1), ("If-Match" = Option<String>, Header)),
    request_body = NoteDraft,
    responses(
        (status = 200, body = Note, headers(("ETag" = String))),
        (status = 403, description = "Not the author", body = ProblemBody),
        (status = 409, description = "The note is locked", body = ProblemBody),
    ),
)]
async fn replace(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    condition: IfMatch,
    Path(id): Path<NoteId>,
    Json(draft): Json<NoteDraft>,
) -> Result<([(HeaderName, HeaderValue); 1], Json<Note>)> {
    let author = Author { app: &app, context: &context, caller: &viewer.caller };
    chart::check_written::<Note>(&app, &viewer, id).await?;
    let now = Timestamp::now();

    let mut tx = app.store.begin().await?;
    let was = own(&viewer, &mut tx, id).await?;
    condition.check(was.stamp.version)?;
    was.locked_at.check_open(now)?;
    chart::check_visit(&mut tx, draft.consultation_id.as_ref(), was.patient_id).await?;
    let note = notes::update(&mut tx, id, &draft, now).await?;
    let seen = seen_as(was.released_to_patient, note.released_to_patient);
    announce(&mut tx, &author, &note, "updated", Map::new(), seen).await?;
    tx.commit().await?;

    app.hub.outbox_ready();
    Ok(([(ETAG, etag(note.stamp.version))], Json(note)))
}

/// Removes a note, within a day and by its author.
#[utoipa::path(
    delete, path = "/api/v1/notes/{id}", tag = "notes", operation_id = "delete_note",
    params(("id" = i64, Path, example = 1), ("If-Match" = Option<String>, Header)),
    responses(
        (status = 204),
        (status = 403, description = "Not the author", body = ProblemBody),
        (status = 409, description = "The note is locked, or another one adds to it", body = ProblemBody),
    ),
)]
async fn delete(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    condition: IfMatch,
    Path(id): Path<NoteId>,
) -> Result<StatusCode> {
    let author = Author { app: &app, context: &context, caller: &viewer.caller };
    chart::check_written::<Note>(&app, &viewer, id).await?;
    let now = Timestamp::now();

    let mut tx = app.store.begin().await?;
    let note = own(&viewer, &mut tx, id).await?;
    condition.check(note.stamp.version)?;
    note.locked_at.check_open(now)?;
    if notes::has_addenda(&mut tx, id).await? {
        return Err(Kind::Untenable("other notes add to this one").into());
    }
    remove::<Note>(&mut tx, id, now).await?;
    let seen = seen_as(note.released_to_patient, false);
    announce(&mut tx, &author, &note, "deleted", Map::new(), seen).await?;
    tx.commit().await?;

    app.hub.outbox_ready();
    Ok(StatusCode::NO_CONTENT)
}

/// Adds to a note by another one of its kind, which any doctor of the patient may.
#[utoipa::path(
    post, path = "/api/v1/notes/{id}/addendum", tag = "notes", operation_id = "add_to_note",
    params(("id" = i64, Path, example = 1)),
    request_body = Addendum,
    responses(
        (status = 201, body = Note, headers(("Location" = String), ("ETag" = String))),
        (status = 403, description = "Not a doctor", body = ProblemBody),
    ),
)]
async fn add(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    Path(id): Path<NoteId>,
    Json(addendum): Json<Addendum>,
) -> Result<Response> {
    let author = Author { app: &app, context: &context, caller: &viewer.caller };
    chart::check_written::<Note>(&app, &viewer, id).await?;

    let mut tx = app.store.begin().await?;
    let to: Note = hold(&mut tx, id).await?;
    let (patient, by) = (to.patient_id, viewer.caller.user);
    let draft = addendum.beside(to.kind, to.consultation_id);
    let note = notes::insert(&mut tx, patient, by, &draft, Some(id), Timestamp::now()).await?;
    let data = Map::from_iter([("addendum_to".to_owned(), id.0.into())]);
    let seen = seen_as(false, note.released_to_patient);
    announce(&mut tx, &author, &note, "created", data, seen).await?;
    tx.commit().await?;

    app.hub.outbox_ready();
    created(note)
}

/// A note as the transaction holds it, for its author.
async fn own(viewer: &Viewer, tx: &mut Tx, id: NoteId) -> Result<Note> {
    let note: Note = hold(tx, id).await?;
    if note.author_id != viewer.caller.user {
        return Err(Kind::Forbidden("a note is changed by its author only").into());
    }
    Ok(note)
}

/// Keeps and tells a change of a note.
async fn announce(
    tx: &mut Tx,
    author: &Author<'_>,
    note: &Note,
    done: &'static str,
    data: Map<String, Value>,
    seen: Option<&'static str>,
) -> Result<()> {
    let (kind, id, patient) = ("note", note.id.0, note.patient_id);
    let change = Change { kind, id, patient, done, data, seen, told: Map::new() };
    chart::announce(tx, author, change).await
}

fn created(note: Note) -> Result<Response> {
    chart::created(&format!("/api/v1/notes/{}", note.id), note.stamp.version, note)
}
