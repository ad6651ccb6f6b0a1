//! The `results` table.

use serde::Serialize;
use sqlx::types::Json;
use sqlx::{FromRow, QueryBuilder};
use utoipa::ToSchema;

use super::patient_list::Whose;
use super::relations::{OF_DOCTOR, OF_INSTITUTION, push_related};
use super::row::{Row, Stamp};
use crate::domain::clinical::result::{ExamValue, ResultContent, ResultDraft, ResultStatus};
use crate::domain::id::{AppointmentId, ExamId, FileId, PatientId, ResultId, UserId};
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::persistence::{Store, Tx};

/// What an examination showed.
#[derive(Debug, Clone, Serialize, FromRow, ToSchema)]
#[schema(as = Result, example = json!({"id": 8, "patient_id": 77, "exam_id": 3,
    "exam_name": "Hemograma", "appointment_id": null, "ordered_by": 123, "status": "ready",
    "values": [{"name": "Hemoglobina", "value": 13.9, "unit": "g/dL", "flag": "normal"}],
    "file_id": "f_Zm9v", "comment": null, "ready_at": "2025-10-13T04:58:18.128Z",
    "delivered_at": null, "version": 1, "created_at": "2025-10-13T04:58:18.128Z",
    "updated_at": "2025-10-13T04:58:18.128Z", "deleted_at": null}))]
pub struct ExamResult {
    pub id: ResultId,
    pub patient_id: PatientId,
    pub exam_id: Option<ExamId>,
    pub exam_name: String,
    pub appointment_id: Option<AppointmentId>,
    /// The account of who ordered it.
    pub ordered_by: Option<UserId>,
    pub status: ResultStatus,
    #[serde(rename = "values")]
    #[sqlx(rename = "exam_values")]
    #[schema(value_type = Vec<ExamValue>)]
    pub values: Json<Vec<ExamValue>>,
    pub file_id: Option<FileId>,
    pub comment: Option<String>,
    pub ready_at: Option<Timestamp>,
    pub delivered_at: Option<Timestamp>,
    #[serde(flatten)]
    #[sqlx(flatten)]
    pub stamp: Stamp,
}

macro_rules! columns {
    () => {
        "id, patient_id, exam_id, exam_name, appointment_id, ordered_by, status, exam_values, file_id,
         comment, ready_at, delivered_at, version, created_at, updated_at, deleted_at"
    };
}

impl Row for ExamResult {
    type Id = ResultId;

    const TABLE: &'static str = "results";
    const COLUMNS: &'static str = columns!();
    const NOUN: &'static str = "result";

    fn id(&self) -> ResultId {
        self.id
    }

    fn stamp(&self) -> &Stamp {
        &self.stamp
    }
}

impl ExamResult {
    /// What can be changed of it.
    pub fn content(&self) -> ResultContent {
        ResultContent {
            values: self.values.0.clone(),
            file_id: self.file_id.clone(),
            comment: self.comment.clone(),
        }
    }

    pub fn write(&mut self, content: ResultContent) {
        self.values = Json(content.values);
        self.file_id = content.file_id;
        self.comment = content.comment;
    }

    /// Whether its patient, looking at the row, has now all there is of it: it is ready and no file
    /// goes with it.
    pub fn is_read_by_sight(&self) -> bool {
        self.status == ResultStatus::Ready && self.file_id.is_none()
    }

    /// Moves it on to a status that was found open.
    pub fn move_to(&mut self, status: ResultStatus, now: Timestamp) {
        self.status = status;
        match status {
            ResultStatus::Pending => self.ready_at = None,
            ResultStatus::Ready => self.ready_at = Some(now),
            ResultStatus::Delivered => self.delivered_at = Some(now),
        }
    }
}

/// Which results a list shows.
#[derive(Debug, Clone)]
pub struct Filter {
    /// Patients themselves see what is released.
    pub whose: Whose,
    pub patient: Option<PatientId>,
    pub exam: Option<ExamId>,
    pub status: Option<ResultStatus>,
    pub created_from: Option<Timestamp>,
    pub created_to: Option<Timestamp>,
    pub include_deleted: bool,
}

/// Adds the conditions of a filter to a statement. A macro, because the statement has a type per
/// engine.
macro_rules! narrow {
    ($sql:ident, $filter:ident) => {
        match $filter.whose {
            Whose::Everyones => {}
            Whose::Doctors(doctor, since) => {
                $sql.push(" and patient_id in ");
                push_related!($sql, OF_DOCTOR, doctor, since);
            }
            Whose::Institutions(institution, since) => {
                $sql.push(" and patient_id in ");
                push_related!($sql, OF_INSTITUTION, institution, since);
            }
            Whose::Own(patient) => {
                $sql.push(" and status <> 'pending' and patient_id = ").push_bind(patient);
            }
        }
        if let Some(patient) = $filter.patient {
            $sql.push(" and patient_id = ").push_bind(patient);
        }
        if let Some(exam) = $filter.exam {
            $sql.push(" and exam_id = ").push_bind(exam);
        }
        if let Some(status) = $filter.status {
            $sql.push(" and status = ").push_bind(status);
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

/// At most `limit` results with ids below `before`, newest first.
pub async fn page(
    store: &Store,
    filter: &Filter,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<ExamResult>> {
    const SQL: &str = concat!("select ", columns!(), " from results where id < ");
    let before = before.unwrap_or(i64::MAX);
    Ok(on!(store, |conn| {
        let mut sql = QueryBuilder::new(SQL);
        sql.push_bind(before);
        narrow!(sql, filter);
        sql.push(" order by id desc limit ").push_bind(limit);
        sql.build_query_as().fetch_all(conn).await
    })?)
}

/// How many results the filter shows on all pages together.
pub async fn count(store: &Store, filter: &Filter) -> Result<i64> {
    const SQL: &str = "select count(*) from results where 1 = 1";
    Ok(on!(store, |conn| {
        let mut sql = QueryBuilder::new(SQL);
        narrow!(sql, filter);
        sql.build_query_scalar().fetch_one(conn).await
    })?)
}

/// The newest results of a patient, all or only what the patient sees.
pub async fn newest(
    store: &Store,
    patient: PatientId,
    from_ready_only: bool,
    limit: i64,
) -> Result<Vec<ExamResult>> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from results
        where patient_id = $1 and deleted_at is null and (not $2 or status <> 'pending')
        order by id desc limit $3"
    );
    Ok(on!(store, |conn| sqlx::query_as(SQL)
        .bind(patient)
        .bind(from_ready_only)
        .bind(limit)
        .fetch_all(conn)
        .await)?)
}

/// Writes a new result of an examination that goes by `exam_name`.
pub async fn insert(
    tx: &mut Tx,
    draft: &ResultDraft,
    exam_name: &str,
    ordered_by: Option<UserId>,
    now: Timestamp,
) -> Result<ExamResult> {
    const SQL: &str = concat!(
        "insert into results
            (patient_id, exam_id, exam_name, appointment_id, ordered_by, status, exam_values, file_id,
             ready_at, created_at, updated_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)
        returning ",
        columns!()
    );
    let status = draft.status();
    let ready_at = status.is_released().then_some(now);
    Ok(on!(tx, |conn| sqlx::query_as(SQL)
        .bind(draft.patient_id)
        .bind(draft.exam_id)
        .bind(exam_name)
        .bind(draft.appointment_id)
        .bind(ordered_by)
        .bind(status)
        .bind(Json(&draft.values))
        .bind(&draft.file_id)
        .bind(ready_at)
        .bind(now)
        .fetch_one(conn)
        .await)?)
}

/// Writes what can change of a result that the transaction holds, and answers it at its next version.
pub async fn update(tx: &mut Tx, result: &ExamResult, now: Timestamp) -> Result<ExamResult> {
    const SQL: &str = concat!(
        "update results
        set status = $2, exam_values = $3, file_id = $4, comment = $5, ready_at = $6, delivered_at = $7,
            updated_at = $8, version = version + 1
        where id = $1
        returning ",
        columns!()
    );
    Ok(on!(tx, |conn| sqlx::query_as(SQL)
        .bind(result.id)
        .bind(result.status)
        .bind(&result.values)
        .bind(&result.file_id)
        .bind(&result.comment)
        .bind(result.ready_at)
        .bind(result.delivered_at)
        .bind(now)
        .fetch_one(conn)
        .await)?)
}

/// The account of the doctor of a patient's visit; nothing when the patient has no such visit.
pub async fn doctor_of_visit(
    tx: &mut Tx,
    visit: AppointmentId,
    patient: PatientId,
) -> Result<Option<Option<UserId>>> {
    const SQL: &str = "
        select (select user_id from doctors where doctors.id = appointments.doctor_id)
        from appointments where id = $1 and patient_id = $2 and deleted_at is null";
    Ok(on!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(visit)
        .bind(patient)
        .fetch_optional(conn)
        .await)?)
}
