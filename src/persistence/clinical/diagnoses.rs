//! The `diagnoses` table.

use serde::Serialize;
use sqlx::FromRow;
use utoipa::ToSchema;

use super::chart::{self, Entry};
use super::row::{Row, Stamp};
use crate::domain::clinical::diagnosis::{DiagnosisDraft, DiagnosisSource, DiagnosisStatus};
use crate::domain::id::{ConsultationId, DiagnosisId, DoctorId, PatientId, SuggestionId};
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::persistence::{Store, Tx};

/// What a doctor found.
#[derive(Debug, Clone, Serialize, FromRow, ToSchema)]
#[schema(example = json!({"id": 4, "patient_id": 77, "doctor_id": 45, "consultation_id": null,
    "code": "I10", "description": "Hipertensión esencial", "status": "confirmed", "source": "doctor",
    "suggestion_id": null, "released_to_patient": false, "version": 1,
    "created_at": "2025-10-13T04:58:18.128Z", "updated_at": "2025-10-13T04:58:18.128Z",
    "deleted_at": null}))]
pub struct Diagnosis {
    #[schema(value_type = i64)]
    pub id: DiagnosisId,
    #[schema(value_type = i64)]
    pub patient_id: PatientId,
    /// Who made it.
    #[schema(value_type = i64)]
    pub doctor_id: DoctorId,
    #[schema(value_type = Option<String>)]
    pub consultation_id: Option<ConsultationId>,
    /// ICD-10.
    pub code: String,
    pub description: String,
    pub status: DiagnosisStatus,
    pub source: DiagnosisSource,
    #[schema(value_type = Option<String>)]
    pub suggestion_id: Option<SuggestionId>,
    pub released_to_patient: bool,
    #[serde(flatten)]
    #[sqlx(flatten)]
    pub stamp: Stamp,
}

/// The columns of a [`Diagnosis`].
macro_rules! columns {
    () => {
        "id, patient_id, doctor_id, consultation_id, code, description, status, source, suggestion_id,
         released_to_patient, version, created_at, updated_at, deleted_at"
    };
}

impl Row for Diagnosis {
    type Id = DiagnosisId;

    const TABLE: &'static str = "diagnoses";
    const COLUMNS: &'static str = columns!();
    const NOUN: &'static str = "diagnosis";

    fn id(&self) -> DiagnosisId {
        self.id
    }

    fn stamp(&self) -> &Stamp {
        &self.stamp
    }
}

impl Entry for Diagnosis {
    const RELEASED: &'static str = "released_to_patient";

    fn patient(&self) -> PatientId {
        self.patient_id
    }

    fn is_released(&self) -> bool {
        self.released_to_patient
    }
}

impl Diagnosis {
    /// The diagnosis as an author would write it.
    pub fn draft(&self) -> DiagnosisDraft {
        DiagnosisDraft {
            consultation_id: self.consultation_id.clone(),
            code: self.code.clone(),
            description: self.description.clone(),
            status: self.status,
            source: self.source,
            suggestion_id: self.suggestion_id.clone(),
            released_to_patient: self.released_to_patient,
        }
    }
}

/// The newest diagnoses of a patient, all of them or those the patient may read.
pub async fn newest(
    store: &Store,
    patient: PatientId,
    released_only: bool,
    limit: i64,
) -> Result<Vec<Diagnosis>> {
    chart::page(store, &chart::Filter::all(patient, released_only), None, limit).await
}

/// Writes a new diagnosis.
pub async fn insert(
    tx: &mut Tx,
    patient: PatientId,
    doctor: DoctorId,
    draft: &DiagnosisDraft,
    now: Timestamp,
) -> Result<Diagnosis> {
    const SQL: &str = concat!(
        "insert into diagnoses
            (patient_id, doctor_id, consultation_id, code, description, status, source, suggestion_id,
             released_to_patient, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10) returning ",
        columns!()
    );
    Ok(on!(tx, |conn| sqlx::query_as(SQL)
        .bind(patient)
        .bind(doctor)
        .bind(&draft.consultation_id)
        .bind(&draft.code)
        .bind(&draft.description)
        .bind(draft.status)
        .bind(draft.source)
        .bind(&draft.suggestion_id)
        .bind(draft.released_to_patient)
        .bind(now)
        .fetch_one(conn)
        .await)?)
}

/// Writes every field but where it came from, of a diagnosis that the transaction holds.
pub async fn update(
    tx: &mut Tx,
    id: DiagnosisId,
    draft: &DiagnosisDraft,
    now: Timestamp,
) -> Result<Diagnosis> {
    const SQL: &str = concat!(
        "update diagnoses
         set consultation_id = $2, code = $3, description = $4, status = $5, released_to_patient = $6,
             updated_at = $7, version = version + 1
         where id = $1 returning ",
        columns!()
    );
    Ok(on!(tx, |conn| sqlx::query_as(SQL)
        .bind(id)
        .bind(&draft.consultation_id)
        .bind(&draft.code)
        .bind(&draft.description)
        .bind(draft.status)
        .bind(draft.released_to_patient)
        .bind(now)
        .fetch_one(conn)
        .await)?)
}
