//! `health_profiles`, one a patient, and every version there was of it.

use std::collections::HashMap;

use jiff::civil;
use serde::Serialize;
use serde_json::Value;
use sqlx::FromRow;
use sqlx::types::Json;
use utoipa::ToSchema;

use crate::domain::clinical::health::{BloodType, HealthProfile, Smoking};
use crate::domain::clinical::kpi::Kpis;
use crate::domain::date::Date;
use crate::domain::id::{PatientId, UserId};
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::persistence::{Source, Store, Tx};

type List = Option<Json<Vec<String>>>;

#[derive(FromRow)]
struct Stored {
    patient_id: PatientId,
    height_cm: Option<f64>,
    weight_kg: Option<f64>,
    blood_type: Option<BloodType>,
    systolic: Option<i64>,
    diastolic: Option<i64>,
    heart_rate: Option<i64>,
    temperature_c: Option<f64>,
    spo2: Option<f64>,
    fasting_glucose_mgdl: Option<f64>,
    smoking: Option<Smoking>,
    alcohol_units_week: Option<f64>,
    activity_minutes_week: Option<i64>,
    sleep_hours: Option<f64>,
    chronic_conditions: List,
    allergies: List,
    medications: List,
    family_history: List,
    notes: Option<String>,
}

/// What figures are made of; all unknown where there is no profile.
#[derive(Debug, FromRow)]
pub struct Measured {
    height_cm: Option<f64>,
    weight_kg: Option<f64>,
    systolic: Option<i64>,
    diastolic: Option<i64>,
    smoking: Option<Smoking>,
    alcohol_units_week: Option<f64>,
    activity_minutes_week: Option<i64>,
    sleep_hours: Option<f64>,
    chronic_conditions: List,
}

/// The columns of a [`Measured`].
macro_rules! measured_columns {
    () => {
        "height_cm, weight_kg, systolic, diastolic, smoking, alcohol_units_week, activity_minutes_week,
         sleep_hours, chronic_conditions"
    };
}
pub(super) use measured_columns;

impl Measured {
    /// The figures of whoever was born on that day.
    pub fn kpis(self, born: civil::Date, today: civil::Date) -> Kpis {
        let profile = HealthProfile {
            height_cm: self.height_cm,
            weight_kg: self.weight_kg,
            systolic: self.systolic,
            diastolic: self.diastolic,
            smoking: self.smoking,
            alcohol_units_week: self.alcohol_units_week,
            activity_minutes_week: self.activity_minutes_week,
            sleep_hours: self.sleep_hours,
            chronic_conditions: self.chronic_conditions.map(|Json(list)| list),
            ..HealthProfile::default()
        };
        profile.kpis(born, today)
    }
}

/// One version of a profile as it was written.
#[derive(Debug, Clone, Serialize, FromRow, ToSchema)]
pub struct Recorded {
    #[serde(skip)]
    pub id: i64,
    pub recorded_at: Timestamp,
    #[serde(flatten)]
    #[schema(value_type = HealthProfile)]
    pub data: Json<Value>,
    #[schema(value_type = Kpis)]
    pub kpis: Json<Value>,
}

macro_rules! columns {
    () => {
        "patient_id, height_cm, weight_kg, blood_type, systolic, diastolic, heart_rate, temperature_c,
         spo2, fasting_glucose_mgdl, smoking, alcohol_units_week, activity_minutes_week, sleep_hours,
         chronic_conditions, allergies, medications, family_history, notes"
    };
}

/// The profile of each of `patients` that has one.
pub async fn of(
    source: impl Into<Source<'_>>,
    patients: &[PatientId],
) -> Result<HashMap<PatientId, HealthProfile>> {
    const SQLITE: &str = concat!(
        "select ",
        columns!(),
        " from health_profiles where patient_id in (select value from json_each($1))"
    );
    const POSTGRES: &str = concat!(
        "select ",
        columns!(),
        " from health_profiles
          where patient_id in (select value::bigint from jsonb_array_elements_text($1))"
    );
    let mut source = source.into();
    let sql = source.text(SQLITE, POSTGRES);
    let rows: Vec<Stored> =
        on_source!(source, |conn| sqlx::query_as(sql).bind(Json(patients)).fetch_all(conn).await)?;
    Ok(rows.into_iter().map(|row| (row.patient_id, row.into())).collect())
}

/// The profile of one patient.
pub async fn find(
    source: impl Into<Source<'_>>,
    patient: PatientId,
) -> Result<Option<HealthProfile>> {
    Ok(of(source, &[patient]).await?.remove(&patient))
}

/// Whether a patient has a profile.
pub async fn exists(tx: &mut Tx, patient: PatientId) -> Result<bool> {
    const SQL: &str = "select exists (select 1 from health_profiles where patient_id = $1)";
    Ok(on!(tx, |conn| sqlx::query_scalar(SQL).bind(patient).fetch_one(conn).await)?)
}

/// Makes this the profile of a patient the transaction holds, and keeps it in the history.
pub async fn write(
    tx: &mut Tx,
    patient: PatientId,
    profile: &HealthProfile,
    kpis: &Kpis,
    by: Option<UserId>,
    now: Timestamp,
) -> Result<()> {
    const SQL: &str = "
        insert into health_profiles
            (patient_id, height_cm, weight_kg, blood_type, systolic, diastolic, heart_rate, temperature_c,
             spo2, fasting_glucose_mgdl, smoking, alcohol_units_week, activity_minutes_week, sleep_hours,
             chronic_conditions, allergies, medications, family_history, notes, bmi, health_score,
             as_adult, recorded_at, created_at, updated_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
             $21, $22, $23, $23, $23)
        on conflict (patient_id) do update
        set height_cm = excluded.height_cm, weight_kg = excluded.weight_kg,
            blood_type = excluded.blood_type, systolic = excluded.systolic,
            diastolic = excluded.diastolic, heart_rate = excluded.heart_rate,
            temperature_c = excluded.temperature_c, spo2 = excluded.spo2,
            fasting_glucose_mgdl = excluded.fasting_glucose_mgdl, smoking = excluded.smoking,
            alcohol_units_week = excluded.alcohol_units_week,
            activity_minutes_week = excluded.activity_minutes_week,
            sleep_hours = excluded.sleep_hours, chronic_conditions = excluded.chronic_conditions,
            allergies = excluded.allergies, medications = excluded.medications,
            family_history = excluded.family_history, notes = excluded.notes, bmi = excluded.bmi,
            health_score = excluded.health_score, as_adult = excluded.as_adult, recorded_at = excluded.recorded_at,
            updated_at = excluded.updated_at, version = health_profiles.version + 1";
    const KEEP: &str = "
        insert into health_profile_history (patient_id, recorded_at, data, kpis, recorded_by)
        values ($1, $2, $3, $4, $5)";
    on!(tx, |conn| sqlx::query(SQL)
        .bind(patient)
        .bind(profile.height_cm)
        .bind(profile.weight_kg)
        .bind(profile.blood_type)
        .bind(profile.systolic)
        .bind(profile.diastolic)
        .bind(profile.heart_rate)
        .bind(profile.temperature_c)
        .bind(profile.spo2)
        .bind(profile.fasting_glucose_mgdl)
        .bind(profile.smoking)
        .bind(profile.alcohol_units_week)
        .bind(profile.activity_minutes_week)
        .bind(profile.sleep_hours)
        .bind(profile.chronic_conditions.as_ref().map(Json))
        .bind(profile.allergies.as_ref().map(Json))
        .bind(profile.medications.as_ref().map(Json))
        .bind(profile.family_history.as_ref().map(Json))
        .bind(&profile.notes)
        .bind(profile.bmi())
        .bind(kpis.health_score)
        .bind(kpis.is_adult())
        .bind(now)
        .execute(conn)
        .await
        .map(drop))?;
    Ok(on!(tx, |conn| sqlx::query(KEEP)
        .bind(patient)
        .bind(now)
        .bind(Json(profile))
        .bind(Json(kpis))
        .bind(by)
        .execute(conn)
        .await
        .map(drop))?)
}

/// Versions of a patient's profile below id `before`, newest first.
pub async fn history(
    store: &Store,
    patient: PatientId,
    (from, to): (Option<Timestamp>, Option<Timestamp>),
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Recorded>> {
    const SQL: &str = "
        select id, recorded_at, data, kpis from health_profile_history
        where patient_id = $1 and id < $2 and recorded_at >= $3 and recorded_at <= $4
        order by id desc limit $5";
    Ok(on!(store, |conn| sqlx::query_as(SQL)
        .bind(patient)
        .bind(before.unwrap_or(i64::MAX))
        .bind(from.map_or(i64::MIN, |from| from.0))
        .bind(to.map_or(i64::MAX, |to| to.0))
        .bind(limit)
        .fetch_all(conn)
        .await)?)
}

/// How many versions there are of that time.
pub async fn count_history(
    store: &Store,
    patient: PatientId,
    (from, to): (Option<Timestamp>, Option<Timestamp>),
) -> Result<i64> {
    const SQL: &str = "
        select count(*) from health_profile_history
        where patient_id = $1 and recorded_at >= $2 and recorded_at <= $3";
    Ok(on!(store, |conn| sqlx::query_scalar(SQL)
        .bind(patient)
        .bind(from.map_or(i64::MIN, |from| from.0))
        .bind(to.map_or(i64::MAX, |to| to.0))
        .fetch_one(conn)
        .await)?)
}

/// A patient who came of age since their score was reckoned.
#[derive(Debug, Clone, FromRow)]
pub struct CameOfAge {
    pub patient_id: PatientId,
    pub date_of_birth: Date,
    /// Of the profile.
    pub version: i64,
}

/// At most `limit` patients born up to `adult_born` whose score is still that of a child.
pub async fn came_of_age(store: &Store, adult_born: &Date, limit: i64) -> Result<Vec<CameOfAge>> {
    const SQL: &str = "
        select h.patient_id, p.date_of_birth, h.version
        from health_profiles h join patients p on p.id = h.patient_id
        where not h.as_adult and p.date_of_birth <= $1
        order by h.patient_id limit $2";
    Ok(on!(store, |conn| sqlx::query_as(SQL).bind(adult_born).bind(limit).fetch_all(conn).await)?)
}

/// Reckons the score of a profile anew because the patient's age is another, unless the profile has
/// another version by now; `None` is any.
pub async fn rescore(
    tx: &mut Tx,
    patient: PatientId,
    version: Option<i64>,
    kpis: &Kpis,
) -> Result<()> {
    const SQL: &str = "
        update health_profiles set health_score = $2, as_adult = $3
        where patient_id = $1 and version = coalesce($4, version)";
    Ok(on!(tx, |conn| sqlx::query(SQL)
        .bind(patient)
        .bind(kpis.health_score)
        .bind(kpis.is_adult())
        .bind(version)
        .execute(conn)
        .await
        .map(drop))?)
}

impl From<Stored> for HealthProfile {
    fn from(row: Stored) -> Self {
        let list = |list: List| list.map(|Json(list)| list);
        Self {
            height_cm: row.height_cm,
            weight_kg: row.weight_kg,
            blood_type: row.blood_type,
            systolic: row.systolic,
            diastolic: row.diastolic,
            heart_rate: row.heart_rate,
            temperature_c: row.temperature_c,
            spo2: row.spo2,
            fasting_glucose_mgdl: row.fasting_glucose_mgdl,
            smoking: row.smoking,
            alcohol_units_week: row.alcohol_units_week,
            activity_minutes_week: row.activity_minutes_week,
            sleep_hours: row.sleep_hours,
            chronic_conditions: list(row.chronic_conditions),
            allergies: list(row.allergies),
            medications: list(row.medications),
            family_history: list(row.family_history),
            notes: row.notes,
        }
    }
}
