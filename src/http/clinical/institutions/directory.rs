//! Finding institutions.

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;

use super::view::{Complete, InstitutionView, complete};
use crate::domain::clinical::institution::{InstitutionKind, InstitutionStatus, Verification};
use crate::domain::id::InstitutionId;
use crate::domain::time::Timestamp;
use crate::error::{Kind, Result};
use crate::http::App;
use crate::http::clinical::viewer::{Standing, Viewer, not_for_you};
use crate::http::context::Path;
use crate::http::json::Json;
use crate::http::page::{List, Page, PageParams, text};
use crate::http::precondition::IfNoneMatch;
use crate::http::problem::ProblemBody;
use crate::persistence::clinical::institutions::{self, Filter, Institution};
use crate::persistence::clinical::row::find;

/// Which institutions a list shows.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Filters {
    /// Words that stand in the name, in any order, with or without accents.
    #[param(max_length = 400)]
    q: Option<String>,
    #[serde(rename = "type")]
    #[param(inline)]
    kind: Option<InstitutionKind>,
    region: Option<String>,
    country: Option<String>,
    #[param(inline)]
    verification_status: Option<Verification>,
    #[param(inline)]
    status: Option<InstitutionStatus>,
    #[param(value_type = Option<Timestamp>)]
    created_from: Option<Timestamp>,
    #[param(value_type = Option<Timestamp>)]
    created_to: Option<Timestamp>,
    /// Removed institutions as well; administrators only.
    include_deleted: Option<bool>,
}

impl Filters {
    fn allowed_to(self, viewer: &Viewer) -> Result<Filter> {
        let include_deleted = self.include_deleted.unwrap_or(false);
        if include_deleted && !viewer.is_admin() {
            return Err(Kind::Forbidden("removed rows are for administrators only").into());
        }
        if viewer.standing == Standing::Outsider {
            return Err(not_for_you());
        }
        Ok(Filter {
            text: text(self.q)?,
            kind: self.kind,
            region: self.region,
            country: self.country,
            verification_status: self.verification_status,
            status: self.status,
            created_from: self.created_from,
            created_to: self.created_to,
            include_deleted,
        })
    }
}

/// Lists institutions, newest first.
#[utoipa::path(
    get, path = "/api/v1/institutions", tag = "institutions", operation_id = "list_institutions",
    params(Filters, PageParams),
    responses(
        (status = 200, body = Page<InstitutionView>),
        (status = 400, description = "Unknown filter or bad cursor", body = ProblemBody),
    ),
)]
pub(super) async fn list(
    State(app): State<App>,
    viewer: Viewer,
    list: List<Filters>,
) -> Result<Json<Page<InstitutionView>>> {
    let (filters, list) = list.split();
    let filter = filters.allowed_to(&viewer)?;
    let rows = institutions::page(&app.store, &filter, list.after_id()?, list.fetch()).await?;
    let total =
        if list.count { Some(institutions::count(&app.store, &filter).await?) } else { None };
    let page = list.page(rows, |row| row.id.to_string()).with_total(total);
    let views = complete(&app.store, page.items).await?.into_iter().map(|row| row.of(&viewer));
    Ok(Json(Page {
        items: views.collect::<Result<_>>()?,
        next_cursor: page.next_cursor,
        has_more: page.has_more,
        total: page.total,
    }))
}

/// Shows one institution.
#[utoipa::path(
    get, path = "/api/v1/institutions/{id}", tag = "institutions", operation_id = "get_institution",
    params(("id" = i64, Path)),
    responses(
        (status = 200, body = InstitutionView, headers(("ETag" = String))),
        (status = 304, description = "The caller has this version"),
    ),
)]
pub(super) async fn one(
    State(app): State<App>,
    viewer: Viewer,
    had: IfNoneMatch,
    Path(id): Path<InstitutionId>,
) -> Result<Response> {
    let institution = read(&app, id).await?;
    let version = institution.row.stamp.version;
    Ok(had.answer(version, institution.of(&viewer)?))
}

/// One institution with all that belongs to it.
pub(in crate::http::clinical) async fn read(app: &App, id: InstitutionId) -> Result<Complete> {
    let row: Institution = find(&app.store, id).await?;
    let complete = complete(&app.store, vec![row]).await?.pop();
    complete.ok_or_else(|| Kind::NotFound("institution").into())
}
