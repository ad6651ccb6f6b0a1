//! Figures over many rows, reckoned where the rows are (contract §10.4).

use std::collections::BTreeMap;

use sqlx::{FromRow, QueryBuilder};

use super::patient_list::Whose;
use super::relations::{OF_DOCTOR, OF_INSTITUTION, push_related};
use crate::domain::clinical::doctor::DoctorStatus;
use crate::domain::clinical::kpi::BmiClass;
use crate::domain::clinical::validation::ValidationStatus;
use crate::domain::date::Date;
use crate::domain::id::{DoctorId, InstitutionId};
use crate::domain::state::State;
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::persistence::Store;

/// Moments from one on and before another.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    pub from: Timestamp,
    pub to: Timestamp,
}

/// What is known of someone's patients together.
#[derive(Debug, Clone, Default)]
pub struct Patients {
    pub total: i64,
    /// Every status, however few have it.
    pub by_validation_status: BTreeMap<String, i64>,
    /// Those whose body mass index is known; the young under [`BmiClass::Pediatric`].
    pub by_bmi_class: BTreeMap<BmiClass, i64>,
    pub avg_health_score: Option<f64>,
}

/// What became of visits.
#[derive(Debug, Clone, Copy, Default, FromRow)]
pub struct Visits {
    pub completed: i64,
    pub no_show: i64,
}

/// Consultations that ended.
#[derive(Debug, Clone, Copy, Default, FromRow)]
pub struct Ended {
    pub number: i64,
    /// Of those that had begun.
    pub avg_minutes: Option<f64>,
}

/// Adds the condition that a patient's id is among someone's. A macro, because the statement has a
/// type per engine.
macro_rules! among {
    ($sql:ident, $column:literal, $whose:ident) => {
        match $whose {
            Whose::Everyones => {}
            Whose::Doctors(doctor, since) => {
                $sql.push(concat!(" and ", $column, " in "));
                push_related!($sql, OF_DOCTOR, doctor, since);
            }
            Whose::Institutions(institution, since) => {
                $sql.push(concat!(" and ", $column, " in "));
                push_related!($sql, OF_INSTITUTION, institution, since);
            }
            Whose::Own(id) => {
                $sql.push(concat!(" and ", $column, " = ")).push_bind(id);
            }
        }
    };
}

/// The figures of someone's patients. Who was born after `adult_born` is no adult yet.
pub async fn patients(store: &Store, whose: Whose, adult_born: &Date) -> Result<Patients> {
    const BY_STATUS: &str =
        "select validation_status, count(*) from patients where deleted_at is null";
    const SCORES: &str = "
        select avg(cast(health_score as double precision))
        from health_profiles join patients on patients.id = patient_id
        where patients.deleted_at is null";
    let by_status: Vec<(String, i64)> = on!(store, |conn| {
        let mut sql = QueryBuilder::new(BY_STATUS);
        among!(sql, "id", whose);
        sql.push(" group by validation_status");
        sql.build_query_as().fetch_all(conn).await
    })?;
    let avg_health_score = on!(store, |conn| {
        let mut sql = QueryBuilder::new(SCORES);
        among!(sql, "patient_id", whose);
        sql.build_query_scalar().fetch_one(conn).await
    })?;
    let classes: Vec<(i64, i64)> = on!(store, |conn| {
        let mut sql = QueryBuilder::new("select cast(case when date_of_birth > ");
        sql.push_bind(adult_born.clone()).push(" then 0");
        for (place, class) in BmiClass::ADULT.into_iter().enumerate().rev() {
            sql.push(" when bmi >= ").push_bind(class.from());
            sql.push(format!(" then {}", place + 1));
        }
        sql.push(" else 1 end as bigint) as class, count(*)");
        sql.push(" from health_profiles join patients on patients.id = patient_id");
        sql.push(" where bmi is not null and patients.deleted_at is null");
        among!(sql, "patient_id", whose);
        sql.push(" group by class");
        sql.build_query_as().fetch_all(conn).await
    })?;
    let class = |place: i64| {
        let adult = usize::try_from(place - 1).ok().and_then(|at| BmiClass::ADULT.get(at));
        adult.copied().unwrap_or(BmiClass::Pediatric)
    };
    Ok(Patients {
        total: by_status.iter().map(|(_, number)| number).sum(),
        by_validation_status: by_state(&ValidationStatus::ALL, by_status),
        by_bmi_class: classes.into_iter().map(|(place, n)| (class(place), n)).collect(),
        avg_health_score,
    })
}

/// A doctor's visits in a span that were not called off.
pub async fn visits_of_doctor(store: &Store, doctor: DoctorId, span: Span) -> Result<i64> {
    const SQL: &str = "
        select count(*) from appointments
        where doctor_id = $1 and starts_at >= $2 and starts_at < $3 and status <> 'cancelled'
            and deleted_at is null";
    Ok(on!(store, |conn| sqlx::query_scalar(SQL)
        .bind(doctor)
        .bind(span.from)
        .bind(span.to)
        .fetch_one(conn)
        .await)?)
}

/// What became of a doctor's visits in a span.
pub async fn outcomes_of_doctor(store: &Store, doctor: DoctorId, span: Span) -> Result<Visits> {
    const SQL: &str = "
        select coalesce(sum(case when status = 'completed' then 1 else 0 end), 0) as completed,
            coalesce(sum(case when status = 'no_show' then 1 else 0 end), 0) as no_show
        from appointments
        where doctor_id = $1 and starts_at >= $2 and starts_at < $3 and deleted_at is null";
    Ok(on!(store, |conn| sqlx::query_as(SQL)
        .bind(doctor)
        .bind(span.from)
        .bind(span.to)
        .fetch_one(conn)
        .await)?)
}

/// A doctor's consultations that ended in a span.
pub async fn ended_of_doctor(store: &Store, doctor: DoctorId, span: Span) -> Result<Ended> {
    const SQL: &str = "
        select count(*) as number,
            avg(cast(ended_at - started_at as double precision)) / 60000.0 as avg_minutes
        from consultations
        where doctor_id = $1 and status = 'ended' and ended_at >= $2 and ended_at < $3";
    Ok(on!(store, |conn| sqlx::query_as(SQL)
        .bind(doctor)
        .bind(span.from)
        .bind(span.to)
        .fetch_one(conn)
        .await)?)
}

/// Results a doctor ordered that are still awaited.
pub async fn awaited_by_doctor(store: &Store, doctor: DoctorId) -> Result<i64> {
    const SQL: &str = "
        select count(*) from results
        where ordered_by = (select user_id from doctors where id = $1) and status = 'pending'
            and deleted_at is null";
    Ok(on!(store, |conn| sqlx::query_scalar(SQL).bind(doctor).fetch_one(conn).await)?)
}

/// How many doctors of an institution practise, are suspended, have retired.
pub async fn doctors_by_status(
    store: &Store,
    institution: InstitutionId,
) -> Result<BTreeMap<String, i64>> {
    const SQL: &str = "
        select status, count(*) from doctors
        where institution_id = $1 and deleted_at is null group by status";
    let rows: Vec<(String, i64)> =
        on!(store, |conn| sqlx::query_as(SQL).bind(institution).fetch_all(conn).await)?;
    Ok(by_state(&DoctorStatus::ALL, rows))
}

/// A number for every state, nought where no row is in it.
fn by_state<S: State>(all: &[S], found: Vec<(String, i64)>) -> BTreeMap<String, i64> {
    let noughts = all.iter().map(|state| (state.name().to_owned(), 0));
    noughts.chain(found).collect()
}

/// Visits to an institution and its doctors in a span that were not called off.
pub async fn visits_of_institution(
    store: &Store,
    institution: InstitutionId,
    span: Span,
) -> Result<i64> {
    const SQL: &str = "
        select count(*) from appointments
        where (institution_id = $1 or doctor_id in (
                select id from doctors where institution_id = $1 and deleted_at is null))
            and starts_at >= $2 and starts_at < $3 and status <> 'cancelled' and deleted_at is null";
    Ok(on!(store, |conn| sqlx::query_scalar(SQL)
        .bind(institution)
        .bind(span.from)
        .bind(span.to)
        .fetch_one(conn)
        .await)?)
}

/// Consultations of an institution's doctors that ended in a span.
pub async fn ended_of_institution(
    store: &Store,
    institution: InstitutionId,
    span: Span,
) -> Result<i64> {
    const SQL: &str = "
        select count(*) from consultations
        where doctor_id in (select id from doctors where institution_id = $1 and deleted_at is null)
            and status = 'ended' and ended_at >= $2 and ended_at < $3";
    Ok(on!(store, |conn| sqlx::query_scalar(SQL)
        .bind(institution)
        .bind(span.from)
        .bind(span.to)
        .fetch_one(conn)
        .await)?)
}
