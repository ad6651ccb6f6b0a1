//! The row behind an account's primary role, as its holder sees it: `profile` of `/users/me`.

use serde::Serialize;
use sqlx::FromRow;
use sqlx::types::Json;
use utoipa::ToSchema;

use crate::domain::id::UserId;
use crate::domain::identity::Role;
use crate::error::Result;
use crate::persistence::Store;
use crate::persistence::clinical::row::Stamp;

/// A row of the table of a role.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(untagged)]
pub enum RoleRow {
    Doctor(Doctor),
    Patient(Patient),
    Institution(Institution),
    Company(Company),
    Professional(Professional),
}

#[derive(Debug, Clone, Serialize, FromRow, ToSchema)]
#[schema(as = DoctorRow)]
pub struct Doctor {
    id: i64,
    user_id: Option<UserId>,
    first_name: String,
    last_name: String,
    medical_license: String,
    license_verified: bool,
    license_valid_until: Option<String>,
    status: String,
    /// The main specialty.
    specialty_id: Option<i64>,
    institution_id: Option<i64>,
    years_experience: i64,
    consultation_fee_cents: i64,
    currency: String,
    bio: Option<String>,
    #[schema(value_type = Vec<String>)]
    languages: Json<Vec<String>>,
    rating_avg: Option<f64>,
    rating_count: i64,
    external_ref: Option<String>,
    #[serde(flatten)]
    #[sqlx(flatten)]
    stamp: Stamp,
}

#[derive(Debug, Clone, Serialize, FromRow, ToSchema)]
#[schema(as = PatientRow)]
pub struct Patient {
    id: i64,
    user_id: Option<UserId>,
    first_name: String,
    last_name: String,
    date_of_birth: String,
    sex: String,
    document_number: Option<String>,
    doctor_id: Option<i64>,
    institution_id: Option<i64>,
    validation_status: String,
    association_status: String,
    #[sqlx(flatten)]
    emergency_contact: EmergencyContact,
    external_ref: Option<String>,
    #[serde(flatten)]
    #[sqlx(flatten)]
    stamp: Stamp,
}

/// Whom to call; empty until the patient is associated.
#[derive(Debug, Clone, Serialize, FromRow, ToSchema)]
#[schema(as = EmergencyContactRow)]
pub struct EmergencyContact {
    #[sqlx(rename = "emergency_contact_name")]
    name: Option<String>,
    #[sqlx(rename = "emergency_contact_phone")]
    phone: Option<String>,
    #[sqlx(rename = "emergency_contact_relationship")]
    relationship: Option<String>,
}

#[derive(Debug, Clone, Serialize, FromRow, ToSchema)]
#[schema(as = InstitutionRow)]
pub struct Institution {
    id: i64,
    user_id: Option<UserId>,
    name: String,
    #[serde(rename = "type")]
    #[sqlx(rename = "type")]
    kind: String,
    contact_email: String,
    license_number: String,
    region: String,
    country: String,
    city: Option<String>,
    website: Option<String>,
    status: String,
    verification_status: String,
    accreditation: Option<String>,
    accredited_until: Option<String>,
    #[serde(flatten)]
    #[sqlx(flatten)]
    stamp: Stamp,
}

#[derive(Debug, Clone, Serialize, FromRow, ToSchema)]
#[schema(as = CompanyRow)]
pub struct Company {
    id: i64,
    user_id: Option<UserId>,
    name: String,
    tax_id: String,
    contact_email: String,
    industry: Option<String>,
    employee_count: Option<i64>,
    institution_id: Option<i64>,
    #[serde(flatten)]
    #[sqlx(flatten)]
    stamp: Stamp,
}

#[derive(Debug, Clone, Serialize, FromRow, ToSchema)]
#[schema(as = ProfessionalRow)]
pub struct Professional {
    id: i64,
    user_id: UserId,
    headline: String,
    bio: Option<String>,
    hourly_rate_cents: Option<i64>,
    currency: String,
    service_radius_km: i64,
    lat: Option<f64>,
    lon: Option<f64>,
    city: Option<String>,
    available: bool,
    active: bool,
    kyc_status: String,
    rating_avg: Option<f64>,
    rating_count: i64,
    jobs_completed: i64,
    #[serde(flatten)]
    #[sqlx(flatten)]
    stamp: Stamp,
}

impl RoleRow {
    pub fn version(&self) -> i64 {
        match self {
            Self::Doctor(row) => row.stamp.version,
            Self::Patient(row) => row.stamp.version,
            Self::Institution(row) => row.stamp.version,
            Self::Company(row) => row.stamp.version,
            Self::Professional(row) => row.stamp.version,
        }
    }
}

/// The row with this id, if the role has rows and this is one.
pub async fn find(store: &Store, role: Role, id: i64) -> Result<Option<RoleRow>> {
    const DOCTOR: &str = "
        select id, user_id, first_name, last_name, medical_license, license_verified,
               license_valid_until, status, main_specialty_id as specialty_id, institution_id,
               years_experience, consultation_fee_cents, currency, bio, languages, rating_avg,
               rating_count, external_ref, version, created_at, updated_at, deleted_at
        from doctors where id = $1 and deleted_at is null";
    const PATIENT: &str = "
        select id, user_id, first_name, last_name, date_of_birth, sex, document_number, doctor_id,
               institution_id, validation_status, association_status, emergency_contact_name,
               emergency_contact_phone, emergency_contact_relationship, external_ref, version,
               created_at, updated_at, deleted_at
        from patients where id = $1 and deleted_at is null";
    const INSTITUTION: &str = "
        select id, user_id, name, type, contact_email, license_number, region, country, city,
               website, status, verification_status, accreditation, accredited_until, version,
               created_at, updated_at, deleted_at
        from medical_institutions where id = $1 and deleted_at is null";
    const COMPANY: &str = "
        select id, user_id, name, tax_id, contact_email, industry, employee_count, institution_id,
               version, created_at, updated_at, deleted_at
        from companies where id = $1 and deleted_at is null";
    const PROFESSIONAL: &str = "
        select id, user_id, headline, bio, hourly_rate_cents, currency, service_radius_km, lat, lon,
               city, available, active, kyc_status, rating_avg, rating_count, jobs_completed,
               version, created_at, updated_at, deleted_at
        from professionals where id = $1 and deleted_at is null";
    macro_rules! row {
        ($sql:ident, $kind:path) => {{
            let row = on!(store, |conn| sqlx::query_as($sql).bind(id).fetch_optional(conn).await)?;
            row.map($kind)
        }};
    }
    Ok(match role {
        Role::Doctor => row!(DOCTOR, RoleRow::Doctor),
        Role::Patient => row!(PATIENT, RoleRow::Patient),
        Role::Institution => row!(INSTITUTION, RoleRow::Institution),
        Role::Company => row!(COMPANY, RoleRow::Company),
        Role::Professional => row!(PROFESSIONAL, RoleRow::Professional),
        Role::Admin | Role::Client | Role::Service => None,
    })
}
