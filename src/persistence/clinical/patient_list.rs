//! Which patients a list shows, and how a search finds them among very many.

use sqlx::{FromRow, PgPool, QueryBuilder};

use super::health_profiles::{Measured, measured_columns};
use super::relations::{OF_DOCTOR, OF_INSTITUTION, push_related};
use crate::domain::clinical::validation::ValidationStatus;
use crate::domain::date::Date;
use crate::domain::id::{DoctorId, InstitutionId, PatientId};
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::persistence::Store;
use crate::persistence::search::{groups, push_found_by};
use crate::persistence::store::Either;

/// Whose patients a list shows, visits counting from a moment on.
#[derive(Debug, Clone, Copy)]
pub enum Whose {
    Everyones,
    Doctors(DoctorId, Timestamp),
    Institutions(InstitutionId, Timestamp),
    /// One patient's own row.
    Own(PatientId),
}

/// Which patients a list shows.
#[derive(Debug, Clone)]
pub struct Filter {
    pub whose: Whose,
    /// Words that stand in names, e-mails and document numbers.
    pub text: Option<String>,
    pub doctor: Option<DoctorId>,
    pub institution: Option<InstitutionId>,
    pub validation_status: Option<ValidationStatus>,
    /// Body mass index from the first value on and below the second.
    pub bmi: Option<(f64, f64)>,
    /// Born after this day.
    pub born_after: Option<Date>,
    /// Born on this day or before.
    pub born_until: Option<Date>,
    pub created_from: Option<Timestamp>,
    pub created_to: Option<Timestamp>,
    pub include_deleted: bool,
}

/// What a list shows of a patient.
#[derive(Debug, FromRow)]
pub struct Listed {
    pub id: PatientId,
    pub first_name: String,
    pub last_name: String,
    pub date_of_birth: Date,
    pub doctor_id: Option<DoctorId>,
    pub institution_id: Option<InstitutionId>,
    pub validation_status: ValidationStatus,
    #[sqlx(flatten)]
    pub measured: Measured,
}

impl Filter {
    /// Whether an index gives the newest of the narrowed rows, so that looking through a few is cheap.
    fn is_ordered(&self) -> bool {
        let is_ranged = self.bmi.is_some()
            || self.born_after.is_some()
            || self.born_until.is_some()
            || self.created_from.is_some()
            || self.created_to.is_some();
        !is_ranged && !matches!(self.whose, Whose::Institutions(..))
    }

    /// Whether the rows are those of one doctor or one patient.
    fn is_of_few(&self) -> bool {
        self.doctor.is_some() || matches!(self.whose, Whose::Doctors(..) | Whose::Own(_))
    }
}

/// How many of the newest rows a search on PostgreSQL looks through before it goes on: to the second
/// number if the first promised enough, else to the index of groups of letters.
const RECENT: [i64; 2] = [500, 8_000];

/// What stands before and behind a doctor's patients, hundreds as they are. PostgreSQL has to look for them
/// one by one: left the choice, it reads the table from its end until a page of them has come by.
const AMONG_SQLITE: (&str, &str) = ("in ", "");
const AMONG_POSTGRES: (&str, &str) = ("= any (array", ")");

/// Adds the conditions of a filter to a statement, but the text. A macro, because the statement has a
/// type per engine.
macro_rules! narrow {
    ($sql:ident, $filter:ident, $among:ident) => {
        match $filter.whose {
            Whose::Everyones => {}
            Whose::Doctors(doctor, since) => {
                $sql.push(" and id ").push($among.0);
                push_related!($sql, OF_DOCTOR, doctor, since);
                $sql.push($among.1);
            }
            Whose::Institutions(institution, since) => {
                $sql.push(" and id in ");
                push_related!($sql, OF_INSTITUTION, institution, since);
            }
            Whose::Own(id) => {
                $sql.push(" and id = ").push_bind(id);
            }
        }
        if let Some(doctor) = $filter.doctor {
            $sql.push(" and doctor_id = ").push_bind(doctor);
        }
        if let Some(institution) = $filter.institution {
            $sql.push(" and institution_id = ").push_bind(institution);
        }
        if let Some(status) = $filter.validation_status {
            $sql.push(" and validation_status = ").push_bind(status);
        }
        if let Some((from, below)) = $filter.bmi {
            $sql.push(" and id in (select patient_id from health_profiles where bmi >= ");
            $sql.push_bind(from).push(" and bmi < ").push_bind(below).push(")");
        }
        if let Some(day) = &$filter.born_after {
            $sql.push(" and date_of_birth > ").push_bind(day.clone());
        }
        if let Some(day) = &$filter.born_until {
            $sql.push(" and date_of_birth <= ").push_bind(day.clone());
        }
        if let Some(from) = $filter.created_from {
            $sql.push(" and created_at >= ").push_bind(from);
        }
        if let Some(to) = $filter.created_to {
            $sql.push(" and created_at <= ").push_bind(to);
        }
        if !$filter.include_deleted {
            $sql.push(" and deleted_at is null");
        }
    };
}

/// Adds the condition that PostgreSQL's index of groups answers, if there are any.
macro_rules! push_groups {
    ($sql:ident, $groups:expr) => {
        let groups = $groups;
        if !groups.is_empty() {
            $sql.push(" and search_groups(search) @> ").push_bind(groups);
        }
    };
}

/// Goes on with a statement that says what to select. A macro, because the statement has a type per
/// engine. How many rows are wanted is part of the text: PostgreSQL keeps no plan of a statement whose limit it
/// does not know, and making one takes three times as long as reading the rows.
macro_rules! page_of {
    ($sql:ident, $filter:ident, $before:ident, $limit:ident, $among:ident $(, $indexed:ident)?) => {
        $sql.push(" from patients where id < ").push_bind($before);
        if let Some(text) = &$filter.text {
            $($indexed!($sql, groups(text));)?
            push_found_by!($sql, text);
        }
        narrow!($sql, $filter, $among);
        $sql.push(" order by id desc limit ").push($limit);
    };
}

/// The same on SQLite, where groups of letters are looked for in a table of their own, which gives what it
/// finds by descending id, so that a page ends early however much is found. The few patients of one doctor are
/// looked through instead: whoever else is called so is many more.
macro_rules! page_on_sqlite {
    ($sql:ident, $filter:ident, $before:ident, $limit:ident) => {
        let text = $filter.text.as_deref().unwrap_or_default();
        match expression(text).filter(|_| !$filter.is_of_few()) {
            Some(expression) => {
                $sql.push(
                    " from patients_search cross join patients on id = patients_search.rowid",
                );
                $sql.push(" where patients_search match ").push_bind(expression);
                $sql.push(" and patients_search.rowid < ").push_bind($before);
                push_found_by!($sql, text, "patients.search");
                narrow!($sql, $filter, AMONG_SQLITE);
                $sql.push(" order by patients_search.rowid desc limit ").push($limit);
            }
            None => {
                page_of!($sql, $filter, $before, $limit, AMONG_SQLITE);
            }
        }
    };
}

/// A page out of the newest rows alone. The limit inside keeps the planner to them: what it believes of
/// a text decides nothing.
macro_rules! page_of_recent {
    ($sql:ident, $filter:ident, $text:ident, $before:ident, $limit:ident, $recent:ident) => {
        $sql.push(" from patients where id in (select id from (select id, search from patients where id < ");
        $sql.push_bind($before);
        narrow!($sql, $filter, AMONG_POSTGRES);
        $sql.push(" order by id desc limit ").push($recent).push(") recent where true");
        push_found_by!($sql, $text);
        $sql.push(" order by id desc limit ").push($limit).push(") order by id desc");
    };
}

/// A page of all that the index finds, which is the costlier the more it finds. Where the page begins is
/// asked afterwards: the planner would join half the primary key to the search index.
macro_rules! page_of_found {
    ($sql:ident, $filter:ident, $text:ident, $groups:ident, $before:ident, $limit:ident) => {
        $sql.push(" from patients where id in (with found as materialized (");
        $sql.push("select id from patients where true");
        push_groups!($sql, $groups);
        push_found_by!($sql, $text);
        narrow!($sql, $filter, AMONG_POSTGRES);
        $sql.push(") select id from found where id < ").push_bind($before);
        $sql.push(" order by id desc limit ").push($limit);
        $sql.push(") order by id desc");
    };
}

/// What SQLite's table of groups is asked for a text, if it can answer for it.
fn expression(text: &str) -> Option<String> {
    let terms: Vec<_> = groups(text).iter().map(|group| format!("\"{group}\"")).collect();
    (!terms.is_empty()).then(|| terms.join(" AND "))
}

/// What stands before and behind a statement that gives the rows of a page: what was measured of each is
/// looked up when it is known which they are.
const BEFORE: &str = concat!(
    "select listed.*, ",
    measured_columns!(),
    " from (select id, first_name, last_name, date_of_birth, doctor_id, institution_id, validation_status"
);
const BEHIND: &str =
    ") listed left join health_profiles on patient_id = listed.id order by listed.id desc";

/// At most `limit` patients with ids below `before`.
pub async fn page(
    store: &Store,
    filter: &Filter,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Listed>> {
    let before = before.unwrap_or(i64::MAX);
    let _timed = store.timed();
    Ok(match store.engine() {
        Either::Sqlite(pool) => {
            let mut sql = QueryBuilder::new(BEFORE);
            page_on_sqlite!(sql, filter, before, limit);
            sql.push(BEHIND).build_query_as().fetch_all(pool).await?
        }
        Either::Postgres(pool) => match filter.text.as_deref().map(|text| (text, groups(text))) {
            Some((text, groups)) if filter.is_ordered() && !groups.is_empty() => {
                search(pool, filter, (text, groups), before, limit).await?
            }
            _ => {
                let mut sql = QueryBuilder::new(BEFORE);
                page_of!(sql, filter, before, limit, AMONG_POSTGRES, push_groups);
                sql.push(BEHIND).build_query_as().fetch_all(pool).await?
            }
        },
    })
}

/// A page of a search on PostgreSQL. Its index gives what it finds unordered and all at once, so what is
/// frequent is looked for among the newest rows, where it fills a page, and what is rare in the index.
/// The planner cannot choose between them: how frequent groups are together is beyond its statistics.
async fn search(
    pool: &PgPool,
    filter: &Filter,
    (text, groups): (&str, Vec<String>),
    before: i64,
    limit: i64,
) -> Result<Vec<Listed>> {
    for (place, recent) in RECENT.into_iter().enumerate() {
        let mut sql = QueryBuilder::new(BEFORE);
        page_of_recent!(sql, filter, text, before, limit, recent);
        let rows: Vec<Listed> = sql.push(BEHIND).build_query_as().fetch_all(pool).await?;
        let found = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        if found >= limit {
            return Ok(rows);
        }
        let wider = RECENT.get(place + 1).map_or(0, |wider| found * wider / recent);
        if wider < limit {
            break;
        }
    }
    let mut sql = QueryBuilder::new(BEFORE);
    page_of_found!(sql, filter, text, groups, before, limit);
    Ok(sql.push(BEHIND).build_query_as().fetch_all(pool).await?)
}

/// How many patients the filter shows on all pages together.
pub async fn count(store: &Store, filter: &Filter) -> Result<i64> {
    const SQL: &str = "select count(*) from patients where 1 = 1";
    let _timed = store.timed();
    Ok(match store.engine() {
        Either::Sqlite(pool) => {
            let mut sql = QueryBuilder::new(SQL);
            if let Some(text) = &filter.text {
                if let Some(expression) = expression(text) {
                    sql.push(" and id in (select rowid from patients_search where patients_search match ");
                    sql.push_bind(expression).push(")");
                }
                push_found_by!(sql, text);
            }
            narrow!(sql, filter, AMONG_SQLITE);
            sql.build_query_scalar().fetch_one(pool).await?
        }
        Either::Postgres(pool) => {
            let mut sql = QueryBuilder::new(SQL);
            if let Some(text) = &filter.text {
                push_groups!(sql, groups(text));
                push_found_by!(sql, text);
            }
            narrow!(sql, filter, AMONG_POSTGRES);
            sql.build_query_scalar().fetch_one(pool).await?
        }
    })
}

#[cfg(test)]
#[path = "patient_list_tests.rs"]
mod tests;
