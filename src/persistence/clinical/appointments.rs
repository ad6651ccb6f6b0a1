//! `appointments`: visits, and the examinations that are to be made at them.

use serde::Serialize;
use sqlx::{FromRow, QueryBuilder};
use utoipa::ToSchema;

use super::catalogue::{Exam, Location};
use super::relations::{OF_DOCTOR, OF_INSTITUTION, push_related};
use super::row::{Row, Stamp, hold, refer};
use crate::domain::clinical::appointment::{
    AppointmentDraft, AppointmentKind, AppointmentStatus, Arrangement, LONGEST, Standing,
};
use crate::domain::clinical::schedule::Span;
use crate::domain::events::clinical::AppointmentView;
use crate::domain::id::{
    AppointmentId, ConsultationId, DoctorId, ExamId, InstitutionId, LocationId, PatientId, UserId,
};
use crate::domain::state::State as _;
use crate::domain::time::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::persistence::{Store, Tx};

/// A visit.
#[derive(Debug, Clone, Serialize, FromRow, ToSchema)]
#[schema(example = json!({"id": 5, "patient_id": 77, "doctor_id": 45, "institution_id": 9,
    "kind": "video", "status": "scheduled", "starts_at": "2027-03-01T13:00:00.000Z",
    "ends_at": "2027-03-01T13:30:00.000Z", "exam_ids": [], "location_id": null, "reason": null,
    "consultation_id": null, "cancelled_by": null, "version": 1,
    "created_at": "2027-02-13T04:58:18.128Z", "updated_at": "2027-02-13T04:58:18.128Z",
    "deleted_at": null}))]
pub struct Appointment {
    pub id: AppointmentId,
    pub patient_id: PatientId,
    pub doctor_id: Option<DoctorId>,
    /// The doctor's when the visit was booked; without a doctor, that of whoever booked it or of the
    /// patient.
    pub institution_id: Option<InstitutionId>,
    pub kind: AppointmentKind,
    pub status: AppointmentStatus,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
    #[sqlx(try_from = "Option<String>")]
    #[schema(value_type = Vec<i64>)]
    pub exam_ids: ExamIds,
    pub location_id: Option<LocationId>,
    /// What for; of a cancelled visit below it why it does not take place, if that was said.
    pub reason: Option<String>,
    #[schema(value_type = Option<String>)]
    pub consultation_id: Option<ConsultationId>,
    #[schema(value_type = Option<i64>)]
    pub cancelled_by: Option<UserId>,
    #[serde(flatten)]
    #[sqlx(flatten)]
    pub stamp: Stamp,
}

/// The examinations of a visit, in the order of their ids.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ExamIds(pub Vec<ExamId>);

/// The columns of an [`Appointment`], in a statement about `appointments`.
macro_rules! columns {
    () => {
        "id, patient_id, doctor_id, institution_id, kind, status, starts_at, ends_at,
         (select string_agg(cast(exam_id as text), ',' order by exam_id) from appointment_exams
            where appointment_id = appointments.id) as exam_ids,
         location_id, reason, consultation_id, cancelled_by, version, created_at, updated_at, deleted_at"
    };
}

impl Row for Appointment {
    type Id = AppointmentId;

    const TABLE: &'static str = "appointments";
    const COLUMNS: &'static str = columns!();
    const NOUN: &'static str = "appointment";

    fn id(&self) -> AppointmentId {
        self.id
    }

    fn stamp(&self) -> &Stamp {
        &self.stamp
    }
}

/// The list as [`columns`] aggregates it; absent where there is none.
impl TryFrom<Option<String>> for ExamIds {
    type Error = std::num::ParseIntError;

    fn try_from(list: Option<String>) -> Result<Self, Self::Error> {
        let list = list.unwrap_or_default();
        let ids = list.split(',').filter(|id| !id.is_empty());
        ids.map(|id| id.parse().map(ExamId)).collect::<Result<_, _>>().map(Self)
    }
}

impl Appointment {
    pub fn span(&self) -> Span {
        Span { starts_at: self.starts_at, ends_at: self.ends_at }
    }

    pub fn standing(&self) -> Standing {
        Standing { kind: self.kind, status: self.status, starts_at: self.starts_at }
    }

    /// What of the visit can be changed, as it stands.
    pub fn arrangement(&self) -> Arrangement {
        let lasts = self.ends_at.since(self.starts_at);
        Arrangement {
            starts_at: self.starts_at,
            duration_minutes: i64::try_from(lasts.as_secs() / 60).unwrap_or(0),
            location_id: self.location_id,
            reason: self.reason.clone(),
        }
    }

    /// The visit as it travels on sockets.
    pub fn event_view(&self) -> AppointmentView {
        AppointmentView {
            id: self.id.0,
            patient_id: self.patient_id.0,
            doctor_id: self.doctor_id.map(|id| id.0),
            institution_id: self.institution_id.map(|id| id.0),
            kind: self.kind.name().to_owned(),
            status: self.status.name().to_owned(),
            starts_at: self.starts_at,
            ends_at: self.ends_at,
            exam_ids: self.exam_ids.0.iter().map(|id| id.0).collect(),
            location_id: self.location_id.map(|id| id.0),
            reason: self.reason.clone(),
            consultation_id: self.consultation_id.as_ref().map(ToString::to_string),
            cancelled_by: self.cancelled_by,
            version: self.stamp.version,
            created_at: self.stamp.created_at,
            updated_at: self.stamp.updated_at,
        }
    }
}

/// Whose visits may be seen, relations counting from a moment on.
#[derive(Debug, Clone, Copy)]
pub enum Whose {
    Everyones,
    /// Those with a doctor, and those of the doctor's patients.
    Doctors(DoctorId, Timestamp),
    /// Those with an institution or one of its doctors, and those of its patients.
    Institutions(InstitutionId, Timestamp),
    Patients(PatientId),
}

/// Which visits a list shows.
#[derive(Debug, Clone)]
pub struct Filter {
    pub whose: Whose,
    pub patient: Option<PatientId>,
    pub doctor: Option<DoctorId>,
    pub institution: Option<InstitutionId>,
    pub status: Option<AppointmentStatus>,
    pub kind: Option<AppointmentKind>,
    /// Starts not before this moment.
    pub from: Option<Timestamp>,
    /// Starts before this moment.
    pub to: Option<Timestamp>,
    pub created_from: Option<Timestamp>,
    pub created_to: Option<Timestamp>,
    pub include_deleted: bool,
}

/// The place of a visit in a list.
pub type Place = (Timestamp, AppointmentId);

/// Adds whose visits to a statement. A macro, because the statement has a type per engine.
macro_rules! restrict {
    ($sql:ident, $whose:expr) => {
        match $whose {
            Whose::Everyones => {}
            Whose::Doctors(doctor, since) => {
                // Each part has an index of its own to read.
                $sql.push(" and id in (select id from appointments where doctor_id = ");
                $sql.push_bind(doctor);
                $sql.push(" union select id from appointments where patient_id in ");
                push_related!($sql, OF_DOCTOR, doctor, since);
                $sql.push(")");
            }
            Whose::Institutions(institution, since) => {
                $sql.push(" and id in (select id from appointments where institution_id = ");
                $sql.push_bind(institution);
                $sql.push(" union select id from appointments where doctor_id in (");
                $sql.push("select id from doctors where deleted_at is null and institution_id = ");
                $sql.push_bind(institution);
                $sql.push(") union select id from appointments where patient_id in ");
                push_related!($sql, OF_INSTITUTION, institution, since);
                $sql.push(")");
            }
            Whose::Patients(patient) => {
                $sql.push(" and patient_id = ").push_bind(patient);
            }
        }
    };
}

/// Adds the conditions of a filter to a statement. A macro, because the statement has a type per
/// engine.
macro_rules! narrow {
    ($sql:ident, $filter:ident) => {
        restrict!($sql, $filter.whose);
        narrow!($sql, " and patient_id = ", $filter.patient);
        narrow!($sql, " and doctor_id = ", $filter.doctor);
        narrow!($sql, " and institution_id = ", $filter.institution);
        narrow!($sql, " and status = ", $filter.status);
        narrow!($sql, " and kind = ", $filter.kind);
        narrow!($sql, " and starts_at >= ", $filter.from);
        narrow!($sql, " and starts_at < ", $filter.to);
        narrow!($sql, " and created_at >= ", $filter.created_from);
        narrow!($sql, " and created_at <= ", $filter.created_to);
        if !$filter.include_deleted {
            $sql.push(" and deleted_at is null");
        }
    };
    ($sql:ident, $condition:literal, $value:expr) => {
        if let Some(value) = $value {
            $sql.push($condition).push_bind(value);
        }
    };
}

/// At most `limit` visits after a place, the earliest first.
pub async fn page(
    store: &Store,
    filter: &Filter,
    after: Option<Place>,
    limit: i64,
) -> Result<Vec<Appointment>> {
    let (starts_at, id) = after.unwrap_or((Timestamp(i64::MIN), AppointmentId(0)));
    Ok(on!(store, |conn| {
        let mut sql = QueryBuilder::new(concat!("select ", columns!(), " from appointments"));
        sql.push(" where (starts_at, id) > (").push_bind(starts_at).push(", ").push_bind(id);
        sql.push(")");
        narrow!(sql, filter);
        sql.push(" order by starts_at, id limit ").push_bind(limit);
        sql.build_query_as().fetch_all(conn).await
    })?)
}

/// How many visits the filter shows on all pages together.
pub async fn count(store: &Store, filter: &Filter) -> Result<i64> {
    Ok(on!(store, |conn| {
        let mut sql = QueryBuilder::new("select count(*) from appointments where 1 = 1");
        narrow!(sql, filter);
        sql.build_query_scalar().fetch_one(conn).await
    })?)
}

/// A visit, if it is one of those.
pub async fn find(store: &Store, id: AppointmentId, whose: Whose) -> Result<Appointment> {
    let found: Option<Appointment> = on!(store, |conn| {
        let mut sql = QueryBuilder::new(concat!("select ", columns!(), " from appointments"));
        sql.push(" where deleted_at is null and id = ").push_bind(id);
        restrict!(sql, whose);
        sql.build_query_as().fetch_optional(conn).await
    })?;
    found.ok_or_else(|| Kind::NotFound(Appointment::NOUN).into())
}

/// The latest visits of a patient, past and to come, the last one first.
pub async fn newest(store: &Store, patient: PatientId, limit: i64) -> Result<Vec<Appointment>> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from appointments where patient_id = $1 and deleted_at is null
         order by starts_at desc, id desc limit $2"
    );
    Ok(on!(store, |conn| sqlx::query_as(SQL).bind(patient).bind(limit).fetch_all(conn).await)?)
}

/// The visits of a patient that are to come or under way, the next one first.
pub async fn next(
    store: &Store,
    patient: PatientId,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<Appointment>> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from appointments
         where patient_id = $1 and starts_at > $2 and ends_at > $3
            and status in ('scheduled', 'confirmed', 'checked_in', 'in_progress')
            and deleted_at is null
         order by starts_at, id limit $4"
    );
    Ok(on!(store, |conn| sqlx::query_as(SQL)
        .bind(patient)
        .bind(now.minus(LONGEST))
        .bind(now)
        .bind(limit)
        .fetch_all(conn)
        .await)?)
}

/// The ids of a doctor's visits that are to come.
pub async fn coming(tx: &mut Tx, doctor: DoctorId, now: Timestamp) -> Result<Vec<AppointmentId>> {
    const SQL: &str = "
        select id from appointments
        where doctor_id = $1 and starts_at > $2 and status in ('scheduled', 'confirmed')
            and deleted_at is null
        order by starts_at, id";
    Ok(on!(tx, |conn| sqlx::query_scalar(SQL).bind(doctor).bind(now).fetch_all(conn).await)?)
}

/// When a doctor is taken within a stretch of time.
pub async fn busy(store: &Store, doctor: DoctorId, range: Span) -> Result<Vec<Span>> {
    const SQL: &str = "
        select starts_at, ends_at from appointments
        where doctor_id = $1 and starts_at > $2 and starts_at < $3 and ends_at > $4
            and status <> 'cancelled' and deleted_at is null";
    let rows: Vec<(Timestamp, Timestamp)> = on!(store, |conn| sqlx::query_as(SQL)
        .bind(doctor)
        .bind(range.starts_at.minus(LONGEST))
        .bind(range.ends_at)
        .bind(range.starts_at)
        .fetch_all(conn)
        .await)?;
    Ok(rows.into_iter().map(|(starts_at, ends_at)| Span { starts_at, ends_at }).collect())
}

/// Fails with [`Kind::Overlap`] when the patient or the doctor is taken by another visit than `but`.
/// The transaction holds the rows of both, so whoever books next waits to ask.
pub async fn must_be_free(
    tx: &mut Tx,
    patient: PatientId,
    doctor: Option<DoctorId>,
    span: Span,
    but: Option<AppointmentId>,
) -> Result<()> {
    const SQL: &str = "
        select exists (
                select 1 from appointments
                where patient_id = $1 and starts_at > $3 and starts_at < $4 and ends_at > $5
                    and id <> $6 and status <> 'cancelled' and deleted_at is null)
            or exists (
                select 1 from appointments
                where doctor_id = $2 and starts_at > $3 and starts_at < $4 and ends_at > $5
                    and id <> $6 and status <> 'cancelled' and deleted_at is null)";
    let is_taken: bool = on!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(patient)
        .bind(doctor)
        .bind(span.starts_at.minus(LONGEST))
        .bind(span.ends_at)
        .bind(span.starts_at)
        .bind(but.unwrap_or(AppointmentId(0)))
        .fetch_one(conn)
        .await)?;
    if is_taken { Err(Kind::Overlap { field: "starts_at" }.into()) } else { Ok(()) }
}

/// Writes a new visit. A location or an exam that is not there is refused as a reference.
pub async fn insert(
    tx: &mut Tx,
    draft: &AppointmentDraft,
    institution: Option<InstitutionId>,
    ends_at: Timestamp,
    now: Timestamp,
) -> Result<Appointment> {
    const SQL: &str = "
        insert into appointments
            (patient_id, doctor_id, institution_id, kind, status, starts_at, ends_at, location_id, reason,
             created_at, updated_at)
        values ($1, $2, $3, $4, 'scheduled', $5, $6, $7, $8, $9, $9)
        returning id";
    const EXAM: &str = "insert into appointment_exams (appointment_id, exam_id) values ($1, $2)";
    if let Some(location) = draft.location_id {
        refer::<Location>(tx, location, "/location_id").await?;
    }
    let mut exams: Vec<(usize, ExamId)> = draft.exam_ids.iter().copied().enumerate().collect();
    // Rows are held in one order everywhere, or two writers would wait for each other.
    exams.sort_unstable_by_key(|(_, id)| *id);
    for (place, exam) in &exams {
        refer::<Exam>(tx, *exam, &format!("/exam_ids/{place}")).await?;
    }
    let id: AppointmentId = on!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(draft.patient_id)
        .bind(draft.doctor_id)
        .bind(institution)
        .bind(draft.kind)
        .bind(draft.starts_at)
        .bind(ends_at)
        .bind(draft.location_id)
        .bind(&draft.reason)
        .bind(now)
        .fetch_one(conn)
        .await)?;
    for (_, exam) in exams {
        on!(tx, |conn| sqlx::query(EXAM).bind(id).bind(exam).execute(conn).await.map(drop))?;
    }
    hold(tx, id).await
}

/// Writes another time, place or reason of a visit that the transaction holds. A location that is not
/// there is refused as a reference.
pub async fn arrange(
    tx: &mut Tx,
    appointment: &Appointment,
    arrangement: &Arrangement,
    ends_at: Timestamp,
    status: AppointmentStatus,
    now: Timestamp,
) -> Result<Appointment> {
    const SQL: &str = concat!(
        "update appointments
         set starts_at = $2, ends_at = $3, location_id = $4, reason = $5, status = $6, updated_at = $7,
            version = version + 1
         where id = $1 returning ",
        columns!()
    );
    let location = arrangement.location_id.filter(|id| appointment.location_id != Some(*id));
    if let Some(location) = location {
        refer::<Location>(tx, location, "/location_id").await?;
    }
    Ok(on!(tx, |conn| sqlx::query_as(SQL)
        .bind(appointment.id)
        .bind(arrangement.starts_at)
        .bind(ends_at)
        .bind(arrangement.location_id)
        .bind(&arrangement.reason)
        .bind(status)
        .bind(now)
        .fetch_one(conn)
        .await)?)
}

/// Moves a visit that the transaction holds on.
pub async fn set_status(
    tx: &mut Tx,
    id: AppointmentId,
    status: AppointmentStatus,
    now: Timestamp,
) -> Result<Appointment> {
    const SQL: &str = concat!(
        "update appointments set status = $2, updated_at = $3, version = version + 1
         where id = $1 returning ",
        columns!()
    );
    Ok(on!(tx, |conn| sqlx::query_as(SQL).bind(id).bind(status).bind(now).fetch_one(conn).await)?)
}

/// Writes which consultation a visit that the transaction holds is held by.
pub async fn set_consultation(
    tx: &mut Tx,
    id: AppointmentId,
    consultation: &ConsultationId,
    now: Timestamp,
) -> Result<Appointment> {
    const SQL: &str = concat!(
        "update appointments set consultation_id = $2, updated_at = $3, version = version + 1
         where id = $1 returning ",
        columns!()
    );
    Ok(on!(tx, |conn| sqlx::query_as(SQL)
        .bind(id)
        .bind(consultation)
        .bind(now)
        .fetch_one(conn)
        .await)?)
}

/// Calls a visit that the transaction holds off, and keeps who did it.
pub async fn cancel(
    tx: &mut Tx,
    id: AppointmentId,
    by: Option<UserId>,
    reason: Option<&str>,
    now: Timestamp,
) -> Result<Appointment> {
    const SQL: &str = concat!(
        "update appointments
         set status = 'cancelled', cancelled_by = $2, reason = $3, updated_at = $4, version = version + 1
         where id = $1 returning ",
        columns!()
    );
    Ok(on!(tx, |conn| sqlx::query_as(SQL)
        .bind(id)
        .bind(by)
        .bind(reason)
        .bind(now)
        .fetch_one(conn)
        .await)?)
}

/// A place as a cursor carries it.
pub fn place(appointment: &Appointment) -> String {
    format!("{}:{}", appointment.starts_at.0, appointment.id)
}

/// The place a cursor carries.
pub fn placed(text: &str) -> Result<Place> {
    let place = text.split_once(':').and_then(|(starts_at, id)| {
        Some((Timestamp(starts_at.parse().ok()?), AppointmentId(id.parse().ok()?)))
    });
    place.ok_or_else(|| Error::from(Kind::Malformed("bad cursor".into())))
}
