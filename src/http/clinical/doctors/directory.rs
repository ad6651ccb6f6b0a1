//! Finding doctors.

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;

use super::view::{Complete, DoctorView, complete, sees_all};
use crate::domain::clinical::doctor::DoctorStatus;
use crate::domain::id::{DoctorId, InstitutionId, SpecialtyId};
use crate::domain::money::Cents;
use crate::domain::time::Timestamp;
use crate::error::{Kind, Result};
use crate::http::App;
use crate::http::clinical::viewer::{Standing, Viewer, not_for_you};
use crate::http::context::Path;
use crate::http::json::Json;
use crate::http::page::{List, Page, PageParams, text};
use crate::http::precondition::IfNoneMatch;
use crate::http::problem::ProblemBody;
use crate::persistence::clinical::doctors::{self, Doctor, Filter, Licenses};
use crate::persistence::clinical::row::find;

/// Which doctors a list shows.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http::clinical) struct Filters {
    /// Words that stand in the name, in any order, with or without accents; or any part of a licence, for
    /// those who see it.
    #[param(max_length = 400)]
    q: Option<String>,
    #[param(value_type = Option<i64>)]
    specialty_id: Option<SpecialtyId>,
    #[param(value_type = Option<i64>)]
    pub(in crate::http::clinical) institution_id: Option<InstitutionId>,
    #[param(inline)]
    status: Option<DoctorStatus>,
    /// Years.
    min_experience: Option<i64>,
    max_fee_cents: Option<i64>,
    /// Of one of their addresses, spelt alike.
    city: Option<String>,
    /// Whether the licence was verified.
    validated: Option<bool>,
    #[param(value_type = Option<Timestamp>)]
    created_from: Option<Timestamp>,
    #[param(value_type = Option<Timestamp>)]
    created_to: Option<Timestamp>,
    /// Removed doctors as well; administrators only.
    include_deleted: Option<bool>,
}

impl Filters {
    /// The filter, if this caller may use it.
    pub(in crate::http::clinical) fn allowed_to(self, viewer: &Viewer) -> Result<Filter> {
        let include_deleted = self.include_deleted.unwrap_or(false);
        if include_deleted && !viewer.is_admin() {
            return Err(Kind::Forbidden("removed rows are for administrators only").into());
        }
        let practising_or_of = match viewer.standing {
            Standing::House => None,
            Standing::Institution(institution) => Some(Some(institution)),
            Standing::Doctor(_) | Standing::Patient(_) | Standing::Company => Some(None),
            Standing::Outsider => return Err(not_for_you()),
        };
        Ok(Filter {
            text: text(self.q)?,
            by_license: match viewer.standing {
                Standing::House => Licenses::Everyones,
                Standing::Institution(institution) => Licenses::Of(institution),
                _ => Licenses::Nobodys,
            },
            specialty: self.specialty_id,
            institution: self.institution_id,
            status: self.status,
            practising_or_of,
            min_experience: self.min_experience,
            max_fee: self.max_fee_cents.map(Cents),
            city: self.city,
            validated: self.validated,
            created_from: self.created_from,
            created_to: self.created_to,
            include_deleted,
        })
    }
}

/// Lists doctors, newest first. Those who do not practise are shown to administrators and their
/// institution.
#[utoipa::path(
    get, path = "/api/v1/doctors", tag = "doctors", operation_id = "list_doctors",
    params(Filters, PageParams),
    responses(
        (status = 200, body = Page<DoctorView>),
        (status = 400, description = "Unknown filter or bad cursor", body = ProblemBody),
    ),
)]
pub(super) async fn list(
    State(app): State<App>,
    viewer: Viewer,
    list: List<Filters>,
) -> Result<Json<Page<DoctorView>>> {
    let (filters, list) = list.split();
    let filter = filters.allowed_to(&viewer)?;
    page(&app, &viewer, &filter, &list).await.map(Json)
}

/// A page of doctors as the caller sees them.
pub(in crate::http::clinical) async fn page(
    app: &App,
    viewer: &Viewer,
    filter: &Filter,
    list: &List<()>,
) -> Result<Page<DoctorView>> {
    let rows = doctors::page(&app.store, filter, list.after_id()?, list.fetch()).await?;
    let total = if list.count { Some(doctors::count(&app.store, filter).await?) } else { None };
    let page = list.page(rows, |row| row.id.to_string()).with_total(total);
    let views = complete(&app.store, page.items).await?.into_iter().map(|doctor| doctor.of(viewer));
    Ok(Page {
        items: views.collect::<Result<_>>()?,
        next_cursor: page.next_cursor,
        has_more: page.has_more,
        total: page.total,
    })
}

/// Shows one doctor.
#[utoipa::path(
    get, path = "/api/v1/doctors/{id}", tag = "doctors", operation_id = "get_doctor",
    params(("id" = i64, Path)),
    responses(
        (status = 200, body = DoctorView, headers(("ETag" = String))),
        (status = 304, description = "The caller has this version"),
    ),
)]
pub(super) async fn one(
    State(app): State<App>,
    viewer: Viewer,
    had: IfNoneMatch,
    Path(id): Path<DoctorId>,
) -> Result<Response> {
    let doctor = read(&app, id).await?;
    if !sees_all(&viewer, &doctor.row)? && doctor.row.status != DoctorStatus::Active {
        return Err(Kind::NotFound("doctor").into());
    }
    let version = doctor.row.stamp.version;
    Ok(had.answer(version, doctor.of(&viewer)?))
}

/// One doctor with all that belongs to it.
pub(in crate::http::clinical) async fn read(app: &App, id: DoctorId) -> Result<Complete> {
    let row: Doctor = find(&app.store, id).await?;
    let complete = complete(&app.store, vec![row]).await?.pop();
    complete.ok_or_else(|| Kind::NotFound("doctor").into())
}
