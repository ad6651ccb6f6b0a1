//! Finding visits.

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::domain::clinical::appointment::{AppointmentKind, AppointmentStatus};
use crate::domain::id::{AppointmentId, DoctorId, InstitutionId, PatientId};
use crate::domain::time::Timestamp;
use crate::error::{Kind, Result};
use crate::http::App;
use crate::http::clinical::viewer::{Standing, Viewer, not_for_you, since};
use crate::http::context::Path;
use crate::http::json::Json;
use crate::http::page::{List, Page, PageParams};
use crate::http::precondition::IfNoneMatch;
use crate::http::problem::ProblemBody;
use crate::persistence::clinical::appointments::{self, Appointment, Filter, Whose};

/// Which visits a list shows.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Filters {
    #[param(value_type = Option<i64>)]
    patient_id: Option<PatientId>,
    #[param(value_type = Option<i64>)]
    doctor_id: Option<DoctorId>,
    #[param(value_type = Option<i64>)]
    institution_id: Option<InstitutionId>,
    #[param(inline)]
    status: Option<AppointmentStatus>,
    #[param(inline)]
    kind: Option<AppointmentKind>,
    /// Starts then or later.
    #[param(value_type = Option<Timestamp>)]
    from: Option<Timestamp>,
    /// Starts before.
    #[param(value_type = Option<Timestamp>)]
    to: Option<Timestamp>,
    #[param(value_type = Option<Timestamp>)]
    created_from: Option<Timestamp>,
    #[param(value_type = Option<Timestamp>)]
    created_to: Option<Timestamp>,
    /// Removed visits as well; administrators only.
    include_deleted: Option<bool>,
}

impl Filters {
    /// The filter, if this caller may use it.
    fn allowed_to(self, viewer: &Viewer, app: &App) -> Result<Filter> {
        let include_deleted = self.include_deleted.unwrap_or(false);
        if include_deleted && !viewer.is_admin() {
            return Err(Kind::Forbidden("removed rows are for administrators only").into());
        }
        Ok(Filter {
            whose: whose(viewer, app)?,
            patient: self.patient_id,
            doctor: self.doctor_id,
            institution: self.institution_id,
            status: self.status,
            kind: self.kind,
            from: self.from,
            to: self.to,
            created_from: self.created_from,
            created_to: self.created_to,
            include_deleted,
        })
    }
}

/// Lists visits, the earliest first.
#[utoipa::path(
    get, path = "/api/v1/appointments", tag = "appointments", operation_id = "list_appointments",
    params(Filters, PageParams),
    responses(
        (status = 200, body = Page<Appointment>),
        (status = 400, description = "Unknown filter or bad cursor", body = ProblemBody),
    ),
)]
pub(super) async fn list(
    State(app): State<App>,
    viewer: Viewer,
    list: List<Filters>,
) -> Result<Json<Page<Appointment>>> {
    let (filters, list) = list.split();
    let filter = filters.allowed_to(&viewer, &app)?;
    let after = list.after.as_deref().map(appointments::placed).transpose()?;
    let rows = appointments::page(&app.store, &filter, after, list.fetch()).await?;
    let total =
        if list.count { Some(appointments::count(&app.store, &filter).await?) } else { None };
    Ok(Json(list.page(rows, appointments::place).with_total(total)))
}

/// Shows one visit.
#[utoipa::path(
    get, path = "/api/v1/appointments/{id}", tag = "appointments", operation_id = "get_appointment",
    params(("id" = i64, Path)),
    responses(
        (status = 200, body = Appointment, headers(("ETag" = String))),
        (status = 304, description = "The caller has this version"),
    ),
)]
pub(super) async fn one(
    State(app): State<App>,
    viewer: Viewer,
    had: IfNoneMatch,
    Path(id): Path<AppointmentId>,
) -> Result<Response> {
    let appointment = seen(&app, &viewer, id).await?;
    Ok(had.answer(appointment.stamp.version, appointment))
}

/// A visit the caller may look at. Anyone else's is not there.
pub(in crate::http) async fn seen(
    app: &App,
    viewer: &Viewer,
    id: AppointmentId,
) -> Result<Appointment> {
    appointments::find(&app.store, id, whose(viewer, app)?).await
}

/// Whose visits the caller may see.
fn whose(viewer: &Viewer, app: &App) -> Result<Whose> {
    Ok(match viewer.standing {
        Standing::House => Whose::Everyones,
        Standing::Doctor(doctor) => Whose::Doctors(doctor, since(app)),
        Standing::Institution(institution) => Whose::Institutions(institution, since(app)),
        Standing::Patient(patient) => Whose::Patients(patient),
        Standing::Company | Standing::Outsider => return Err(not_for_you()),
    })
}
