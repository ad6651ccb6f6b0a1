//! The `prescriptions` table.

use serde::Serialize;
use sqlx::FromRow;
use sqlx::types::Json;
use utoipa::ToSchema;

use super::chart::{self, Entry};
use super::row::{Row, Stamp};
use crate::domain::clinical::prescription::{Item, PrescriptionDraft, PrescriptionStatus};
use crate::domain::date::Date;
use crate::domain::id::{ConsultationId, DoctorId, PatientId, PrescriptionId};
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::persistence::{Store, Tx};

/// Drugs a doctor ordered for a patient.
#[derive(Debug, Clone, Serialize, FromRow, ToSchema)]
#[schema(example = json!({"id": 2, "patient_id": 77, "doctor_id": 45, "consultation_id": null,
    "status": "active", "items": [{"drug": "Enalapril", "dose": "10 mg", "route": "oral",
    "frequency": "c/12 h", "duration_days": 30}], "valid_until": null, "version": 1,
    "created_at": "2025-10-13T04:58:18.128Z", "updated_at": "2025-10-13T04:58:18.128Z",
    "deleted_at": null}))]
pub struct Prescription {
    #[schema(value_type = i64)]
    pub id: PrescriptionId,
    #[schema(value_type = i64)]
    pub patient_id: PatientId,
    #[schema(value_type = i64)]
    pub doctor_id: DoctorId,
    #[schema(value_type = Option<String>)]
    pub consultation_id: Option<ConsultationId>,
    pub status: PrescriptionStatus,
    #[schema(value_type = Vec<Item>)]
    pub items: Json<Vec<Item>>,
    /// The last day it holds.
    pub valid_until: Option<Date>,
    #[serde(flatten)]
    #[sqlx(flatten)]
    pub stamp: Stamp,
}

/// The columns of a [`Prescription`].
macro_rules! columns {
    () => {
        "id, patient_id, doctor_id, consultation_id, status, items, valid_until, version, created_at,
         updated_at, deleted_at"
    };
}

impl Row for Prescription {
    type Id = PrescriptionId;

    const TABLE: &'static str = "prescriptions";
    const COLUMNS: &'static str = columns!();
    const NOUN: &'static str = "prescription";

    fn id(&self) -> PrescriptionId {
        self.id
    }

    fn stamp(&self) -> &Stamp {
        &self.stamp
    }
}

/// Patients read all of their own.
impl Entry for Prescription {
    const RELEASED: &'static str = "1 = 1";

    fn patient(&self) -> PatientId {
        self.patient_id
    }

    fn is_released(&self) -> bool {
        true
    }
}

impl Prescription {
    /// The row as it is once its expiry is written down, which may be some time after its last day.
    #[must_use]
    pub fn on(mut self, today: &Date) -> Self {
        if self.status.is_overdue(self.valid_until.as_ref(), today) {
            self.status = PrescriptionStatus::Expired;
            self.stamp.version += 1;
        }
        self
    }
}

/// The newest prescriptions of a patient.
pub async fn newest(
    store: &Store,
    patient: PatientId,
    today: &Date,
    limit: i64,
) -> Result<Vec<Prescription>> {
    page(store, &chart::Filter::all(patient, false), today, None, limit).await
}

/// At most `limit` prescriptions with ids below `before`.
pub async fn page(
    store: &Store,
    filter: &chart::Filter,
    today: &Date,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Prescription>> {
    let rows: Vec<Prescription> = chart::page(store, filter, before, limit).await?;
    Ok(rows.into_iter().map(|row| row.on(today)).collect())
}

/// The newest prescriptions of a patient that hold today.
pub async fn active(
    store: &Store,
    patient: PatientId,
    today: &Date,
    limit: i64,
) -> Result<Vec<Prescription>> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from prescriptions
          where patient_id = $1 and status = 'active' and (valid_until is null or valid_until >= $2)
              and deleted_at is null
          order by id desc limit $3"
    );
    Ok(on!(store, |conn| sqlx::query_as(SQL)
        .bind(patient)
        .bind(today)
        .bind(limit)
        .fetch_all(conn)
        .await)?)
}

/// Writes a new prescription.
pub async fn insert(
    tx: &mut Tx,
    patient: PatientId,
    doctor: DoctorId,
    draft: &PrescriptionDraft,
    now: Timestamp,
) -> Result<Prescription> {
    const SQL: &str = concat!(
        "insert into prescriptions
            (patient_id, doctor_id, consultation_id, items, status, valid_until, created_at, updated_at)
         values ($1, $2, $3, $4, 'active', $5, $6, $6) returning ",
        columns!()
    );
    Ok(on!(tx, |conn| sqlx::query_as(SQL)
        .bind(patient)
        .bind(doctor)
        .bind(&draft.consultation_id)
        .bind(Json(&draft.items))
        .bind(&draft.valid_until)
        .bind(now)
        .fetch_one(conn)
        .await)?)
}

/// Ends a prescription that the transaction holds.
pub async fn cancel(tx: &mut Tx, id: PrescriptionId, now: Timestamp) -> Result<Prescription> {
    const SQL: &str = concat!(
        "update prescriptions
         set status = 'cancelled', updated_at = $2, version = version + 1
         where id = $1 returning ",
        columns!()
    );
    Ok(on!(tx, |conn| sqlx::query_as(SQL).bind(id).bind(now).fetch_one(conn).await)?)
}

/// Writes down that at most `limit` prescriptions whose last day is over have expired, and which.
pub async fn expire(
    tx: &mut Tx,
    today: &Date,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<Prescription>> {
    const SQL: &str = concat!(
        "update prescriptions
         set status = 'expired', updated_at = $2, version = version + 1
         where status = 'active' and id in (
             select id from prescriptions
             where status = 'active' and valid_until < $1 and deleted_at is null
             order by id limit $3)
         returning ",
        columns!()
    );
    Ok(on!(tx, |conn| sqlx::query_as(SQL).bind(today).bind(now).bind(limit).fetch_all(conn).await)?)
}
