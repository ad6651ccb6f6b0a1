//! The `notes` table.

use serde::Serialize;
use sqlx::FromRow;
use utoipa::ToSchema;

use super::chart::{self, Entry};
use super::row::{Row, Stamp};
use crate::domain::clinical::note::{LockedAt, NoteDraft, NoteKind};
use crate::domain::id::{ConsultationId, NoteId, PatientId, UserId};
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::persistence::{Store, Tx};

/// What a doctor wrote about a patient.
#[derive(Debug, Clone, Serialize, FromRow, ToSchema)]
#[schema(example = json!({"id": 1, "patient_id": 77, "consultation_id": null, "author_id": 123,
    "kind": "soap", "body": "S: cefalea desde ayer…", "addendum_to": null,
    "released_to_patient": false, "locked_at": "2025-10-14T04:58:18.128Z", "version": 1,
    "created_at": "2025-10-13T04:58:18.128Z", "updated_at": "2025-10-13T04:58:18.128Z",
    "deleted_at": null}))]
pub struct Note {
    #[schema(value_type = i64)]
    pub id: NoteId,
    #[schema(value_type = i64)]
    pub patient_id: PatientId,
    #[schema(value_type = Option<String>)]
    pub consultation_id: Option<ConsultationId>,
    /// The account of the doctor who wrote it.
    #[schema(value_type = i64)]
    pub author_id: UserId,
    pub kind: NoteKind,
    pub body: String,
    /// The note this one adds to.
    #[schema(value_type = Option<i64>)]
    pub addendum_to: Option<NoteId>,
    pub released_to_patient: bool,
    /// From then on it stands as it is.
    #[sqlx(rename = "created_at", try_from = "Timestamp")]
    #[schema(value_type = Timestamp)]
    pub locked_at: LockedAt,
    #[serde(flatten)]
    #[sqlx(flatten)]
    pub stamp: Stamp,
}

/// The columns of a [`Note`].
macro_rules! columns {
    () => {
        "id, patient_id, consultation_id, author_id, kind, body, addendum_to, released_to_patient,
         version, created_at, updated_at, deleted_at"
    };
}

impl Row for Note {
    type Id = NoteId;

    const TABLE: &'static str = "notes";
    const COLUMNS: &'static str = columns!();
    const NOUN: &'static str = "note";

    fn id(&self) -> NoteId {
        self.id
    }

    fn stamp(&self) -> &Stamp {
        &self.stamp
    }
}

impl Entry for Note {
    const RELEASED: &'static str = "released_to_patient";

    fn patient(&self) -> PatientId {
        self.patient_id
    }

    fn is_released(&self) -> bool {
        self.released_to_patient
    }
}

/// The newest notes about a patient, all of them or those the patient may read.
pub async fn newest(
    store: &Store,
    patient: PatientId,
    released_only: bool,
    limit: i64,
) -> Result<Vec<Note>> {
    chart::page(store, &chart::Filter::all(patient, released_only), None, limit).await
}

/// Writes a new note, or an addition to another one.
pub async fn insert(
    tx: &mut Tx,
    patient: PatientId,
    author: UserId,
    draft: &NoteDraft,
    addendum_to: Option<NoteId>,
    now: Timestamp,
) -> Result<Note> {
    const SQL: &str = concat!(
        "insert into notes
            (patient_id, consultation_id, author_id, kind, body, addendum_to, released_to_patient,
             created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $8) returning ",
        columns!()
    );
    Ok(on!(tx, |conn| sqlx::query_as(SQL)
        .bind(patient)
        .bind(&draft.consultation_id)
        .bind(author)
        .bind(draft.kind)
        .bind(&draft.body)
        .bind(addendum_to)
        .bind(draft.released_to_patient)
        .bind(now)
        .fetch_one(conn)
        .await)?)
}

/// Writes every field of a note that the transaction holds.
pub async fn update(tx: &mut Tx, id: NoteId, draft: &NoteDraft, now: Timestamp) -> Result<Note> {
    const SQL: &str = concat!(
        "update notes
         set consultation_id = $2, kind = $3, body = $4, released_to_patient = $5, updated_at = $6,
             version = version + 1
         where id = $1 returning ",
        columns!()
    );
    Ok(on!(tx, |conn| sqlx::query_as(SQL)
        .bind(id)
        .bind(&draft.consultation_id)
        .bind(draft.kind)
        .bind(&draft.body)
        .bind(draft.released_to_patient)
        .bind(now)
        .fetch_one(conn)
        .await)?)
}

/// Whether other notes add to this one.
pub async fn has_addenda(tx: &mut Tx, id: NoteId) -> Result<bool> {
    const SQL: &str = "
        select exists (select 1 from notes where addendum_to = $1 and deleted_at is null)";
    Ok(on!(tx, |conn| sqlx::query_scalar(SQL).bind(id).fetch_one(conn).await)?)
}
