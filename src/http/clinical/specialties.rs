//! The fields of medicine that doctors are trained in.

use axum::extract::State;
use axum::http::header::{ETAG, LOCATION};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use garde::Validate;
use serde::Deserialize;
use serde_json::Map;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::domain::contact::one_line;
use crate::domain::id::SpecialtyId;
use crate::domain::identity::Principal;
use crate::domain::time::Timestamp;
use crate::error::{Kind, Result};
use crate::http::App;
use crate::http::author::Author;
use crate::http::caller::{Admin, Optional};
use crate::http::context::{Context, Path};
use crate::http::json::Json;
use crate::http::page::{List, Page, PageParams, text};
use crate::http::precondition::{IfMatch, IfNoneMatch, etag};
use crate::http::problem::ProblemBody;
use crate::persistence::clinical::row::{find, hold, remove};
use crate::persistence::clinical::specialties::{self, Filter, Specialty};

/// The routes of specialties.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(one, replace, delete))
}

/// A field of medicine.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[schema(as = SpecialtyInput, example = json!({"name": "Cardiología", "category": "clínica"}))]
struct Draft {
    /// Unique.
    #[garde(length(chars, min = 2, max = 100), custom(one_line))]
    #[schema(min_length = 2, max_length = 100)]
    name: String,
    #[serde(default)]
    #[garde(inner(length(chars, min = 1, max = 100), custom(one_line)))]
    #[schema(min_length = 1, max_length = 100)]
    category: Option<String>,
}

/// Which specialties a list shows.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Filters {
    /// Found anywhere in a name.
    #[param(max_length = 400)]
    q: Option<String>,
    category: Option<String>,
    #[param(value_type = Option<Timestamp>)]
    created_from: Option<Timestamp>,
    #[param(value_type = Option<Timestamp>)]
    created_to: Option<Timestamp>,
    /// Removed specialties as well; administrators only.
    include_deleted: Option<bool>,
}

/// Lists specialties, newest first.
#[utoipa::path(
    get, path = "/api/v1/specialties", tag = "doctors", operation_id = "list_specialties",
    params(Filters, PageParams),
    responses(
        (status = 200, body = Page<Specialty>),
        (status = 400, description = "Unknown filter or bad cursor", body = ProblemBody),
    ),
)]
async fn list(
    State(app): State<App>,
    Optional(caller): Optional,
    list: List<Filters>,
) -> Result<Json<Page<Specialty>>> {
    let (filters, list) = list.split();
    let include_deleted = filters.include_deleted.unwrap_or(false);
    if include_deleted && !caller.as_ref().is_some_and(Principal::is_admin) {
        return Err(Kind::Forbidden("removed rows are for administrators only").into());
    }
    let filter = Filter {
        text: text(filters.q)?,
        category: filters.category,
        created_from: filters.created_from,
        created_to: filters.created_to,
        include_deleted,
    };
    let rows = specialties::page(&app.store, &filter, list.after_id()?, list.fetch()).await?;
    let total =
        if list.count { Some(specialties::count(&app.store, &filter).await?) } else { None };
    Ok(Json(list.page(rows, |row| row.id.to_string()).with_total(total)))
}

/// Adds a specialty.
#[utoipa::path(
    post, path = "/api/v1/specialties", tag = "doctors", operation_id = "create_specialty",
    request_body = Draft,
    responses(
        (status = 201, body = Specialty, headers(("Location" = String), ("ETag" = String))),
        (status = 409, description = "The name is taken", body = ProblemBody),
    ),
)]
async fn create(
    State(app): State<App>,
    Admin(caller): Admin,
    context: Context,
    Json(draft): Json<Draft>,
) -> Result<Response> {
    let author = Author { app: &app, context: &context, caller: &caller };

    let mut tx = app.store.begin().await?;
    let category = draft.category.as_deref();
    let row = specialties::insert(&mut tx, &draft.name, category, Timestamp::now()).await?;
    author.record(&mut tx, "specialty", row.id.0.into(), "created", Map::new()).await?;
    tx.commit().await?;

    app.hub.outbox_ready();
    let place = format!("/api/v1/specialties/{}", row.id);
    let tag = etag(row.stamp.version);
    Ok((StatusCode::CREATED, [(LOCATION, place)], [(ETAG, tag)], Json(row)).into_response())
}

/// Shows one specialty.
#[utoipa::path(
    get, path = "/api/v1/specialties/{id}", tag = "doctors", operation_id = "get_specialty",
    params(("id" = i64, Path, example = 3)),
    responses(
        (status = 200, body = Specialty, headers(("ETag" = String))),
        (status = 304, description = "The caller has this version"),
    ),
)]
async fn one(
    State(app): State<App>,
    had: IfNoneMatch,
    Path(id): Path<SpecialtyId>,
) -> Result<Response> {
    let specialty: Specialty = find(&app.store, id).await?;
    Ok(had.answer(specialty.stamp.version, specialty))
}

/// Writes every field of a specialty. Under another name its doctors are shown anew.
#[utoipa::path(
    put, path = "/api/v1/specialties/{id}", tag = "doctors", operation_id = "replace_specialty",
    params(("id" = i64, Path), ("If-Match" = Option<String>, Header)),
    request_body = Draft,
    responses(
        (status = 200, body = Specialty, headers(("ETag" = String))),
        (status = 409, description = "The name is taken", body = ProblemBody),
    ),
)]
async fn replace(
    State(app): State<App>,
    Admin(caller): Admin,
    context: Context,
    condition: IfMatch,
    Path(id): Path<SpecialtyId>,
    Json(draft): Json<Draft>,
) -> Result<([(HeaderName, HeaderValue); 1], Json<Specialty>)> {
    let author = Author { app: &app, context: &context, caller: &caller };
    let now = Timestamp::now();

    let mut tx = app.store.begin().await?;
    let before: Specialty = hold(&mut tx, id).await?;
    condition.check(before.stamp.version)?;
    let category = draft.category.as_deref();
    let row = specialties::update(&mut tx, id, &draft.name, category, now).await?;
    if row.name != before.name {
        specialties::touch_doctors(&mut tx, id, now).await?;
    }
    author.record(&mut tx, "specialty", id.0.into(), "updated", Map::new()).await?;
    tx.commit().await?;

    app.hub.outbox_ready();
    Ok(([(ETAG, etag(row.stamp.version))], Json(row)))
}

/// Removes a specialty that no doctor has.
#[utoipa::path(
    delete, path = "/api/v1/specialties/{id}", tag = "doctors", operation_id = "delete_specialty",
    params(("id" = i64, Path), ("If-Match" = Option<String>, Header)),
    responses(
        (status = 204),
        (status = 409, description = "A doctor has it", body = ProblemBody),
    ),
)]
async fn delete(
    State(app): State<App>,
    Admin(caller): Admin,
    context: Context,
    condition: IfMatch,
    Path(id): Path<SpecialtyId>,
) -> Result<StatusCode> {
    let author = Author { app: &app, context: &context, caller: &caller };

    let mut tx = app.store.begin().await?;
    let row: Specialty = hold(&mut tx, id).await?;
    condition.check(row.stamp.version)?;
    if specialties::is_used(&mut tx, id).await? {
        return Err(Kind::Untenable("doctors have this specialty").into());
    }
    remove::<Specialty>(&mut tx, id, Timestamp::now()).await?;
    author.record(&mut tx, "specialty", id.0.into(), "deleted", Map::new()).await?;
    tx.commit().await?;

    app.hub.outbox_ready();
    Ok(StatusCode::NO_CONTENT)
}
