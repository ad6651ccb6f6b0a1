//! A doctor as the caller may see one.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::address::Address;
use crate::domain::clinical::doctor::{DoctorDraft, DoctorStatus};
use crate::domain::contact::Phone;
use crate::domain::date::Date;
use crate::domain::id::{DoctorId, InstitutionId, SpecialtyId, UserId};
use crate::domain::money::{Cents, Currency};
use crate::error::Result;
use crate::http::clinical::viewer::{Standing, Viewer, not_for_you};
use crate::persistence::Source;
use crate::persistence::clinical::contacts::{self, Contacts, Holder};
use crate::persistence::clinical::doctors;
use crate::persistence::clinical::row::Stamp;
use crate::persistence::clinical::specialties::{self, Named};

/// What everyone who takes part in care sees of a doctor.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in crate::http) struct PublicDoctor {
    pub(in crate::http) id: DoctorId,
    first_name: String,
    last_name: String,
    status: DoctorStatus,
    specialties: Vec<Named>,
    institution_id: Option<InstitutionId>,
    years_experience: i64,
    consultation_fee_cents: Cents,
    currency: Currency,
    bio: Option<String>,
    languages: Vec<String>,
    rating_avg: Option<f64>,
    rating_count: i64,
}

/// All there is to see of a doctor.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Doctor, example = json!({"id": 45, "user_id": 123, "first_name": "Ana",
    "last_name": "Ruiz", "email": "ana@example.com", "medical_license": "MN-12345",
    "license_verified": true, "license_valid_until": "2027-01-31", "status": "active",
    "specialty_id": 3, "specialties": [{"id": 3, "name": "Cardiología"}], "institution_id": 9,
    "years_experience": 12, "consultation_fee_cents": 1_500_000, "currency": "ARS", "bio": null,
    "languages": ["es"], "phones": [], "addresses": [], "rating_avg": 4.7, "rating_count": 31,
    "external_ref": "doctor-carlos-456", "version": 2, "created_at": "2025-10-13T04:58:18.128Z",
    "updated_at": "2025-10-13T04:58:18.128Z", "deleted_at": null}))]
pub(in crate::http) struct FullDoctor {
    id: DoctorId,
    user_id: Option<UserId>,
    first_name: String,
    last_name: String,
    email: Option<String>,
    medical_license: String,
    license_verified: bool,
    license_valid_until: Option<Date>,
    pub(super) status: DoctorStatus,
    /// The main one.
    specialty_id: Option<SpecialtyId>,
    specialties: Vec<Named>,
    institution_id: Option<InstitutionId>,
    years_experience: i64,
    consultation_fee_cents: Cents,
    currency: Currency,
    bio: Option<String>,
    languages: Vec<String>,
    phones: Vec<Phone>,
    addresses: Vec<Address>,
    rating_avg: Option<f64>,
    rating_count: i64,
    external_ref: Option<String>,
    #[serde(flatten)]
    pub(in crate::http) stamp: Stamp,
}

/// A doctor, as much of it as the caller may see.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(untagged)]
pub(in crate::http) enum DoctorView {
    Full(Box<FullDoctor>),
    Public(Box<PublicDoctor>),
}

/// A doctor with what stands in other tables.
#[derive(Clone)]
pub(in crate::http) struct Complete {
    pub(in crate::http) row: doctors::Doctor,
    specialties: Vec<Named>,
    contacts: Contacts,
}

/// Brings the rows together with their specialties and contacts.
pub(in crate::http) async fn complete(
    source: impl Into<Source<'_>>,
    rows: Vec<doctors::Doctor>,
) -> Result<Vec<Complete>> {
    let ids: Vec<DoctorId> = rows.iter().map(|row| row.id).collect();
    let numbers: Vec<i64> = ids.iter().map(|id| id.0).collect();
    let mut source = source.into();
    let mut specialties = specialties::of(source.lend(), &ids).await?;
    let mut contacts = contacts::of(source, Holder::Doctor, &numbers).await?;
    let complete = rows.into_iter().map(|row| Complete {
        specialties: specialties.remove(&row.id).unwrap_or_default(),
        contacts: contacts.remove(&row.id.0).unwrap_or_default(),
        row,
    });
    Ok(complete.collect())
}

/// Whether the caller sees everything of this doctor. Who takes no part in care is refused.
pub(in crate::http) fn sees_all(viewer: &Viewer, row: &doctors::Doctor) -> Result<bool> {
    match viewer.standing {
        Standing::House => Ok(true),
        Standing::Doctor(doctor) => Ok(doctor == row.id),
        Standing::Institution(institution) => Ok(row.institution_id == Some(institution)),
        Standing::Patient(_) | Standing::Company => Ok(false),
        Standing::Outsider => Err(not_for_you()),
    }
}

impl Complete {
    pub(in crate::http) fn of(self, viewer: &Viewer) -> Result<DoctorView> {
        Ok(if sees_all(viewer, &self.row)? {
            DoctorView::Full(Box::new(self.full()))
        } else {
            DoctorView::Public(Box::new(self.public()))
        })
    }

    pub(in crate::http) fn full(self) -> FullDoctor {
        let Self { row, specialties, contacts } = self;
        FullDoctor {
            id: row.id,
            user_id: row.user_id,
            first_name: row.first_name,
            last_name: row.last_name,
            email: row.email,
            medical_license: row.medical_license,
            license_verified: row.license_verified,
            license_valid_until: row.license_valid_until,
            status: row.status,
            specialty_id: row.main_specialty_id,
            specialties,
            institution_id: row.institution_id,
            years_experience: row.years_experience,
            consultation_fee_cents: row.consultation_fee_cents,
            currency: row.currency,
            bio: row.bio,
            languages: row.languages.0,
            phones: contacts.phones,
            addresses: contacts.addresses,
            rating_avg: row.rating_avg,
            rating_count: row.rating_count,
            external_ref: row.external_ref,
            stamp: row.stamp,
        }
    }

    pub(in crate::http) fn public(self) -> PublicDoctor {
        let Self { row, specialties, .. } = self;
        PublicDoctor {
            id: row.id,
            first_name: row.first_name,
            last_name: row.last_name,
            status: row.status,
            specialties,
            institution_id: row.institution_id,
            years_experience: row.years_experience,
            consultation_fee_cents: row.consultation_fee_cents,
            currency: row.currency,
            bio: row.bio,
            languages: row.languages.0,
            rating_avg: row.rating_avg,
            rating_count: row.rating_count,
        }
    }

    /// The doctor as its author would write it.
    pub(super) fn draft(&self) -> DoctorDraft {
        let row = &self.row;
        DoctorDraft {
            first_name: row.first_name.clone(),
            last_name: row.last_name.clone(),
            email: row.email.clone().unwrap_or_default(),
            medical_license: row.medical_license.clone(),
            specialty_ids: self.specialties.iter().map(|named| named.id).collect(),
            specialty_id: None,
            institution_id: row.institution_id,
            years_experience: row.years_experience,
            consultation_fee_cents: row.consultation_fee_cents,
            currency: Some(row.currency.clone()),
            bio: row.bio.clone(),
            languages: row.languages.0.clone(),
            phones: self.contacts.phones.clone(),
            addresses: self.contacts.addresses.clone(),
            external_ref: row.external_ref.clone(),
            status: Some(row.status),
        }
    }
}
