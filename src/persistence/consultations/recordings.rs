//! The `recordings` table.

use serde::Serialize;
use sqlx::FromRow;
use utoipa::ToSchema;

use crate::domain::consultations::recording::{Consent, Layout, RecordingStatus};
use crate::domain::events::values::MediaMode;
use crate::domain::id::{ConsultationId, PatientId, RecordingId, UserId};
use crate::domain::time::Timestamp;
use crate::error::{Kind, Result};
use crate::persistence::clinical::row::{Row, Stamp};
use crate::persistence::store::is_unique_violation;
use crate::persistence::{Store, Tx};

/// A recording of a consultation.
#[derive(Debug, Clone, FromRow)]
pub struct Recording {
    pub id: RecordingId,
    pub consultation_id: ConsultationId,
    /// What the media server calls it.
    pub egress_id: Option<String>,
    pub status: RecordingStatus,
    pub mock: bool,
    pub layout: Layout,
    /// The film's key in the bucket.
    pub filepath: String,
    pub size_bytes: Option<i64>,
    pub duration_seconds: Option<i64>,
    pub started_by: Option<UserId>,
    pub started_at: Timestamp,
    pub stopped_at: Option<Timestamp>,
    pub error: Option<String>,
    pub visible_to_patient: bool,
    #[sqlx(flatten)]
    pub stamp: Stamp,
}

/// A recording as a patient's record lists it.
#[derive(Debug, Clone, Serialize, FromRow, ToSchema)]
#[schema(as = RecordedFilm)]
pub struct Film {
    #[schema(value_type = i64)]
    pub id: RecordingId,
    #[schema(value_type = String)]
    pub consultation_id: ConsultationId,
    pub status: RecordingStatus,
    pub mock: bool,
    pub duration_seconds: Option<i64>,
    pub started_at: Timestamp,
    pub stopped_at: Option<Timestamp>,
    pub visible_to_patient: bool,
}

/// A recording to be written.
#[derive(Debug)]
pub struct New<'a> {
    pub consultation: &'a ConsultationId,
    pub status: RecordingStatus,
    pub layout: Layout,
    pub filepath: &'a str,
    pub bucket: Option<&'a str>,
    pub started_by: Option<UserId>,
    pub consent: Option<Consent>,
}

/// What became of a film.
#[derive(Debug, Clone, Default)]
pub struct Outcome<'a> {
    pub size_bytes: Option<i64>,
    pub duration_seconds: Option<i64>,
    pub error: Option<&'a str>,
}

/// The columns of a [`Recording`].
macro_rules! columns {
    () => {
        "id, consultation_id, egress_id, status, mock, layout, filepath, size_bytes,
         duration_seconds, started_by, started_at, stopped_at, error, visible_to_patient, version,
         created_at, updated_at, deleted_at"
    };
}

impl Row for Recording {
    type Id = RecordingId;

    const TABLE: &'static str = "recordings";
    const COLUMNS: &'static str = columns!();
    const NOUN: &'static str = "recording";

    fn id(&self) -> RecordingId {
        self.id
    }

    fn stamp(&self) -> &Stamp {
        &self.stamp
    }
}

/// Writes a new recording. Fails with [`Kind::Untenable`] while the consultation is recorded already.
pub async fn insert(tx: &mut Tx, new: &New<'_>, now: Timestamp) -> Result<Recording> {
    const SQL: &str = concat!(
        "insert into recordings
            (consultation_id, status, mock, layout, filepath, bucket, started_by, consent_by,
             started_at, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $9) returning ",
        columns!()
    );
    on!(tx, |conn| sqlx::query_as(SQL)
        .bind(new.consultation)
        .bind(new.status)
        .bind(new.status == RecordingStatus::Mock)
        .bind(new.layout)
        .bind(new.filepath)
        .bind(new.bucket)
        .bind(new.started_by)
        .bind(new.consent.map(Consent::name))
        .bind(now)
        .fetch_one(conn)
        .await)
    .map_err(|error| {
        if is_unique_violation(&error) {
            Kind::Untenable("the consultation is being recorded already").into()
        } else {
            error.into()
        }
    })
}

/// Writes how far a recording is that the transaction holds.
pub async fn set_status(
    tx: &mut Tx,
    id: RecordingId,
    status: RecordingStatus,
    outcome: &Outcome<'_>,
    now: Timestamp,
) -> Result<Recording> {
    const SQL: &str = concat!(
        "update recordings
         set status = $2, size_bytes = coalesce($3, size_bytes),
             duration_seconds = coalesce($4, duration_seconds), error = coalesce($5, error),
             stopped_at = case when $6 then coalesce(stopped_at, $7) else stopped_at end,
             updated_at = $7, version = version + 1
         where id = $1 returning ",
        columns!()
    );
    use RecordingStatus as S;
    let has_stopped = !matches!(status, S::Requested | S::Starting | S::Recording | S::Mock);
    Ok(on!(tx, |conn| sqlx::query_as(SQL)
        .bind(id)
        .bind(status)
        .bind(outcome.size_bytes)
        .bind(outcome.duration_seconds)
        .bind(outcome.error)
        .bind(has_stopped)
        .bind(now)
        .fetch_one(conn)
        .await)?)
}

/// Writes what the media server calls a recording that the transaction holds.
pub async fn set_egress(
    tx: &mut Tx,
    id: RecordingId,
    egress: &str,
    now: Timestamp,
) -> Result<Recording> {
    const SQL: &str = concat!(
        "update recordings set egress_id = $2, updated_at = $3, version = version + 1
         where id = $1 returning ",
        columns!()
    );
    Ok(on!(tx, |conn| sqlx::query_as(SQL).bind(id).bind(egress).bind(now).fetch_one(conn).await)?)
}

/// Says whether the patient may see a recording that the transaction holds.
pub async fn set_visible(
    tx: &mut Tx,
    id: RecordingId,
    visible: bool,
    now: Timestamp,
) -> Result<Recording> {
    const SQL: &str = concat!(
        "update recordings set visible_to_patient = $2, updated_at = $3, version = version + 1
         where id = $1 returning ",
        columns!()
    );
    Ok(on!(tx, |conn| sqlx::query_as(SQL).bind(id).bind(visible).bind(now).fetch_one(conn).await)?)
}

/// The recording the media server calls so, or else the newest one without a name whose film it is; until
/// the transaction ends nobody else can change it.
pub async fn hold_film(
    tx: &mut Tx,
    egress: &str,
    filepath: Option<&str>,
) -> Result<Option<Recording>> {
    const SQL: &str = concat!(
        "update recordings set version = version
         where id = (
            select id from recordings
            where (egress_id = $1 or (egress_id is null and filepath = $2)) and deleted_at is null
            order by case when egress_id = $1 then 0 else 1 end, id desc limit 1)
         returning ",
        columns!()
    );
    Ok(on!(tx, |conn| sqlx::query_as(SQL).bind(egress).bind(filepath).fetch_optional(conn).await)?)
}

/// What records a consultation; until the transaction ends nobody else can change it.
pub async fn hold_running(tx: &mut Tx, of: &ConsultationId) -> Result<Recording> {
    const SQL: &str = concat!(
        "update recordings set version = version
         where consultation_id = $1
            and status in ('requested', 'starting', 'recording', 'stopping', 'mock')
            and deleted_at is null returning ",
        columns!()
    );
    let held: Option<Recording> =
        on!(tx, |conn| sqlx::query_as(SQL).bind(of).fetch_optional(conn).await)?;
    held.ok_or_else(|| Kind::NotFound(Recording::NOUN).into())
}

/// Stops whatever records a consultation: films go on being written until the media server says so.
pub async fn stop_all(tx: &mut Tx, of: &ConsultationId, now: Timestamp) -> Result<Vec<Recording>> {
    const SQL: &str = concat!(
        "update recordings
         set status = case status
                when 'mock' then 'mock_stopped' when 'requested' then 'declined' else 'stopping' end,
            stopped_at = coalesce(stopped_at, $2), updated_at = $2, version = version + 1
         where consultation_id = $1 and status in ('requested', 'starting', 'recording', 'mock')
         returning ",
        columns!()
    );
    Ok(on!(tx, |conn| sqlx::query_as(SQL).bind(of).bind(now).fetch_all(conn).await)?)
}

/// The recording of a consultation that the patient is asked about; until the transaction ends nobody else
/// can change it.
pub async fn hold_asked(tx: &mut Tx, of: &ConsultationId) -> Result<Option<Recording>> {
    const SQL: &str = concat!(
        "update recordings set version = version
         where consultation_id = $1 and status = 'requested' and deleted_at is null returning ",
        columns!()
    );
    Ok(on!(tx, |conn| sqlx::query_as(SQL).bind(of).fetch_optional(conn).await)?)
}

/// Writes by whose word the patient agreed to a recording that the transaction holds. The layout stays
/// unless there is another.
pub async fn note_consent(
    tx: &mut Tx,
    id: RecordingId,
    by: Consent,
    layout: Option<Layout>,
) -> Result<Recording> {
    const SQL: &str = concat!(
        "update recordings set consent_by = $2, layout = coalesce($3, layout) where id = $1
         returning ",
        columns!()
    );
    let by = by.name();
    Ok(on!(tx, |conn| sqlx::query_as(SQL).bind(id).bind(by).bind(layout).fetch_one(conn).await)?)
}

/// Recordings of which a film is being made, has been asked for or is to end, the oldest first.
pub async fn filming(store: &Store, limit: i64) -> Result<Vec<Recording>> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from recordings
         where status in ('starting', 'recording', 'stopping') and deleted_at is null
         order by id limit $1"
    );
    Ok(on!(store, |conn| sqlx::query_as(SQL).bind(limit).fetch_all(conn).await)?)
}

/// Whether anything of a consultation was recorded, or was to be.
pub async fn exist(tx: &mut Tx, of: &ConsultationId) -> Result<bool> {
    const SQL: &str = "select exists (select 1 from recordings where consultation_id = $1)";
    Ok(on!(tx, |conn| sqlx::query_scalar(SQL).bind(of).fetch_one(conn).await)?)
}

/// How many recordings run in calls of each mode in which any does.
pub async fn running(store: &Store) -> Result<Vec<(MediaMode, i64)>> {
    const SQL: &str = "
        select c.mode, count(*) from recordings r join consultations c on c.id = r.consultation_id
        where r.status in ('starting', 'recording', 'stopping', 'mock') and r.deleted_at is null
        group by c.mode";
    Ok(on!(store, |conn| sqlx::query_as(SQL).fetch_all(conn).await)?)
}

/// Recordings a patient was asked about before a moment and did not answer.
pub async fn unanswered(store: &Store, before: Timestamp, limit: i64) -> Result<Vec<RecordingId>> {
    const SQL: &str = "
        select id from recordings
        where status = 'requested' and started_at < $1 and deleted_at is null
        order by id limit $2";
    Ok(on!(store, |conn| sqlx::query_scalar(SQL).bind(before).bind(limit).fetch_all(conn).await)?)
}

/// Films of a consultation that are to end.
pub async fn ending(store: &Store, id: &ConsultationId) -> Result<Vec<Recording>> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from recordings
         where consultation_id = $1 and status = 'stopping' and deleted_at is null"
    );
    Ok(on!(store, |conn| sqlx::query_as(SQL).bind(id).fetch_all(conn).await)?)
}

/// At most `limit` recordings of a consultation before one of them, or the newest; all of them or those
/// the patient may see.
pub async fn page(
    store: &Store,
    of: &ConsultationId,
    visible_only: bool,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Recording>> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from recordings
         where consultation_id = $1 and deleted_at is null and (not $2 or visible_to_patient)
            and id < $3
         order by id desc limit $4"
    );
    Ok(on!(store, |conn| sqlx::query_as(SQL)
        .bind(of)
        .bind(visible_only)
        .bind(before.unwrap_or(i64::MAX))
        .bind(limit)
        .fetch_all(conn)
        .await)?)
}

/// How many recordings of a consultation there are, of all or of those the patient may see.
pub async fn count(store: &Store, of: &ConsultationId, visible_only: bool) -> Result<i64> {
    const SQL: &str = "
        select count(*) from recordings
        where consultation_id = $1 and deleted_at is null and (not $2 or visible_to_patient)";
    Ok(on!(store, |conn| sqlx::query_scalar(SQL)
        .bind(of)
        .bind(visible_only)
        .fetch_one(conn)
        .await)?)
}

/// The newest recordings of a patient, all of them or those the patient may see.
pub async fn newest(
    store: &Store,
    patient: PatientId,
    visible_only: bool,
    limit: i64,
) -> Result<Vec<Film>> {
    const SQL: &str = "
        select r.id, r.consultation_id, r.status, r.mock, r.duration_seconds, r.started_at,
            r.stopped_at, r.visible_to_patient
        from recordings r join consultations c on c.id = r.consultation_id
        where c.patient_id = $1 and r.deleted_at is null and (not $2 or r.visible_to_patient)
        order by r.id desc limit $3";
    Ok(on!(store, |conn| sqlx::query_as(SQL)
        .bind(patient)
        .bind(visible_only)
        .bind(limit)
        .fetch_all(conn)
        .await)?)
}
