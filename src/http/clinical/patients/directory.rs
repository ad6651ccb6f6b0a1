//! Finding patients.

use axum::extract::State;
use axum::response::Response;
use jiff::{ToSpan as _, civil};
use serde::Deserialize;
use utoipa::IntoParams;

use super::view::{PatientSummary, PatientView, read, today};
use crate::domain::clinical::kpi::BmiClass;
use crate::domain::clinical::validation::ValidationStatus;
use crate::domain::date::Date;
use crate::domain::id::{DoctorId, InstitutionId};
use crate::domain::time::Timestamp;
use crate::error::{Kind, Result};
use crate::http::App;
use crate::http::clinical::reading;
use crate::http::clinical::viewer::{PatientRef, Viewer};
use crate::http::context::{Context, Path};
use crate::http::json::Json;
use crate::http::page::{List, Page, PageParams, text};
use crate::http::precondition::IfNoneMatch;
use crate::http::problem::ProblemBody;
use crate::persistence::clinical::patient_list::{self, Filter, Whose};

/// From this age on body mass index has classes.
const ADULT: i64 = 18;
/// The oldest age that is asked for.
const MAX_AGE: i64 = 150;

/// Which patients a list shows.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http::clinical) struct Filters {
    /// Words that stand in names, e-mail or document number, in any order, with or without accents.
    #[param(max_length = 400)]
    q: Option<String>,
    #[param(value_type = Option<i64>)]
    doctor_id: Option<DoctorId>,
    #[param(value_type = Option<i64>)]
    pub(in crate::http::clinical) institution_id: Option<InstitutionId>,
    #[param(inline)]
    validation_status: Option<ValidationStatus>,
    #[param(inline)]
    bmi_class: Option<BmiClass>,
    /// Completed years, at least.
    #[param(minimum = 0, maximum = 150)]
    min_age: Option<i64>,
    /// Completed years, at most.
    #[param(minimum = 0, maximum = 150)]
    max_age: Option<i64>,
    #[param(value_type = Option<Timestamp>)]
    created_from: Option<Timestamp>,
    #[param(value_type = Option<Timestamp>)]
    created_to: Option<Timestamp>,
    /// Removed patients as well; administrators only.
    include_deleted: Option<bool>,
}

/// Which of their patients a doctor asks for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http::clinical) struct OwnFilters {
    /// Words that stand in names, e-mail or document number, in any order, with or without accents.
    #[param(max_length = 400)]
    q: Option<String>,
    #[param(inline)]
    validation_status: Option<ValidationStatus>,
    #[param(value_type = Option<Timestamp>)]
    created_from: Option<Timestamp>,
    #[param(value_type = Option<Timestamp>)]
    created_to: Option<Timestamp>,
}

impl Filters {
    /// The filter over those patients, if this caller may use it.
    pub(in crate::http::clinical) fn of(self, viewer: &Viewer, whose: Whose) -> Result<Filter> {
        let include_deleted = self.include_deleted.unwrap_or(false);
        if include_deleted && !viewer.is_admin() {
            return Err(Kind::Forbidden("removed rows are for administrators only").into());
        }
        let today = today();
        let (mut least, mut most) = (age("min_age", self.min_age)?, age("max_age", self.max_age)?);
        match self.bmi_class {
            None => {}
            Some(BmiClass::Pediatric) => most = Some(most.unwrap_or(MAX_AGE).min(ADULT - 1)),
            Some(_) => least = Some(least.unwrap_or(0).max(ADULT)),
        }
        Ok(Filter {
            whose,
            text: text(self.q)?,
            doctor: self.doctor_id,
            institution: self.institution_id,
            validation_status: self.validation_status,
            bmi: self.bmi_class.map(range),
            born_after: most.map(|years| born_before_age(today, years + 1)),
            born_until: least.map(|years| born_before_age(today, years)),
            created_from: self.created_from,
            created_to: self.created_to,
            include_deleted,
        })
    }
}

impl OwnFilters {
    /// The filter over those patients.
    pub(in crate::http::clinical) fn of(self, whose: Whose) -> Result<Filter> {
        Ok(Filter {
            whose,
            text: text(self.q)?,
            doctor: None,
            institution: None,
            validation_status: self.validation_status,
            bmi: None,
            born_after: None,
            born_until: None,
            created_from: self.created_from,
            created_to: self.created_to,
            include_deleted: false,
        })
    }
}

fn age(name: &str, years: Option<i64>) -> Result<Option<i64>> {
    match years {
        Some(years) if !(0..=MAX_AGE).contains(&years) => {
            Err(Kind::Malformed(format!("bad {name}")).into())
        }
        years => Ok(years),
    }
}

/// The last birthday of those who have completed so many years today. Who was born on 29 February
/// completes a year on 1 March in common years.
fn born_before_age(today: civil::Date, years: i64) -> Date {
    let day = today.saturating_sub(years.years());
    // Subtracting years from 29 February lands on the 28th in a common year, when those born on the
    // 29th of another year are as old as those born on the 28th.
    day.into()
}

/// Body mass indices of a class: from the first on, below the second.
fn range(class: BmiClass) -> (f64, f64) {
    let heavier = BmiClass::ADULT.into_iter().find(|other| *other > class);
    match class {
        BmiClass::Pediatric => (0.0, f64::MAX),
        class => (class.from(), heavier.map_or(f64::MAX, BmiClass::from)),
    }
}

/// Lists patients, newest first: a doctor's and an institution's own, or everyone's.
#[utoipa::path(
    get, path = "/api/v1/patients", tag = "patients", operation_id = "list_patients",
    params(Filters, PageParams),
    responses(
        (status = 200, body = Page<PatientSummary>),
        (status = 400, description = "Unknown filter or bad cursor", body = ProblemBody),
    ),
)]
pub(super) async fn list(
    State(app): State<App>,
    viewer: Viewer,
    list: List<Filters>,
) -> Result<Json<Page<PatientSummary>>> {
    let (filters, list) = list.split();
    let filter = filters.of(&viewer, viewer.whose(&app)?)?;
    page(&app, &filter, &list).await.map(Json)
}

/// A page of patients.
pub(in crate::http::clinical) async fn page(
    app: &App,
    filter: &Filter,
    list: &List<()>,
) -> Result<Page<PatientSummary>> {
    let rows = patient_list::page(&app.store, filter, list.after_id()?, list.fetch()).await?;
    let total =
        if list.count { Some(patient_list::count(&app.store, filter).await?) } else { None };
    let (page, today) = (list.page(rows, |row| row.id.to_string()).with_total(total), today());
    Ok(Page {
        items: page.items.into_iter().map(|row| PatientSummary::of(row, today)).collect(),
        next_cursor: page.next_cursor,
        has_more: page.has_more,
        total: page.total,
    })
}

/// Shows one patient.
#[utoipa::path(
    get, path = "/api/v1/patients/{id}", tag = "patients", operation_id = "get_patient",
    params(("id" = String, Path, description = "An id, or `me`", example = "77")),
    responses(
        (status = 200, body = PatientView, headers(("ETag" = String))),
        (status = 304, description = "The caller has this version"),
    ),
)]
pub(super) async fn one(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    had: IfNoneMatch,
    Path(id): Path<PatientRef>,
) -> Result<Response> {
    let id = viewer.patient(&app, id).await?.id;
    let patient = read(&app, id).await?;
    reading::note(&app, &viewer, &context, ("patient", id.0), id).await?;
    Ok(had.answer(patient.row.stamp.version, patient.view()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::identity::registration::age;

    #[test]
    fn ages_are_asked_for_by_birthdays() {
        for today in [
            civil::date(2025, 10, 13),
            civil::date(2025, 2, 28),
            civil::date(2025, 3, 1),
            civil::date(2024, 2, 29),
        ] {
            for years in [1, 17, 18, 25] {
                let last = born_before_age(today, years).civil();
                let completed = |born| i64::from(age(born, today));
                assert!(completed(last) >= years, "{today} {years}");
                let next = last.tomorrow().unwrap();
                assert!(completed(next) < years, "{today} {years}: {next}");
            }
        }
    }

    #[test]
    fn the_heaviest_class_has_no_end() {
        assert_eq!(range(BmiClass::Normal), (18.5, 25.0));
        assert_eq!(range(BmiClass::Obesity3), (40.0, f64::MAX));
        assert_eq!(range(BmiClass::Underweight), (0.0, 18.5));
    }
}
