//! An institution as the caller may see one.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::address::Address;
use crate::domain::clinical::institution::{
    InstitutionDraft, InstitutionKind, InstitutionStatus, Verification,
};
use crate::domain::contact::Phone;
use crate::domain::date::Date;
use crate::domain::id::{InstitutionId, UserId};
use crate::error::Result;
use crate::http::clinical::viewer::{Standing, Viewer, not_for_you};
use crate::persistence::Source;
use crate::persistence::clinical::contacts::{self, Contacts, Holder};
use crate::persistence::clinical::institutions;
use crate::persistence::clinical::row::Stamp;

/// What everyone who takes part in care sees of an institution.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in crate::http) struct PublicInstitution {
    id: InstitutionId,
    name: String,
    #[serde(rename = "type")]
    kind: InstitutionKind,
    region: String,
    country: String,
    city: Option<String>,
    website: Option<String>,
    status: InstitutionStatus,
    verification_status: Verification,
    accreditation: Option<String>,
    accredited_until: Option<Date>,
}

/// All there is to see of an institution.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Institution, example = json!({"id": 9, "user_id": 200, "name": "Clínica Sur",
    "type": "clinic", "contact_email": "info@clinica.example", "license_number": "INS-778",
    "region": "Córdoba", "country": "AR", "city": "Córdoba", "website": null, "status": "active",
    "verification_status": "verified", "accreditation": "ITAES", "accredited_until": "2027-06-30",
    "phones": [], "addresses": [], "version": 1, "created_at": "2025-10-13T04:58:18.128Z",
    "updated_at": "2025-10-13T04:58:18.128Z", "deleted_at": null}))]
pub(in crate::http) struct FullInstitution {
    id: InstitutionId,
    user_id: Option<UserId>,
    name: String,
    #[serde(rename = "type")]
    kind: InstitutionKind,
    contact_email: String,
    license_number: String,
    region: String,
    country: String,
    city: Option<String>,
    website: Option<String>,
    status: InstitutionStatus,
    verification_status: Verification,
    accreditation: Option<String>,
    accredited_until: Option<Date>,
    phones: Vec<Phone>,
    addresses: Vec<Address>,
    #[serde(flatten)]
    pub(in crate::http) stamp: Stamp,
}

/// An institution, as much of it as the caller may see.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(untagged)]
pub(in crate::http) enum InstitutionView {
    Full(Box<FullInstitution>),
    Public(Box<PublicInstitution>),
}

/// An institution with what stands in other tables.
pub(in crate::http) struct Complete {
    pub(in crate::http) row: institutions::Institution,
    contacts: Contacts,
}

/// Brings the rows together with their contacts.
pub(in crate::http) async fn complete(
    source: impl Into<Source<'_>>,
    rows: Vec<institutions::Institution>,
) -> Result<Vec<Complete>> {
    let ids: Vec<i64> = rows.iter().map(|row| row.id.0).collect();
    let mut contacts = contacts::of(source, Holder::Institution, &ids).await?;
    let complete = rows
        .into_iter()
        .map(|row| Complete { contacts: contacts.remove(&row.id.0).unwrap_or_default(), row });
    Ok(complete.collect())
}

impl Complete {
    /// As the caller may see it. Who takes no part in care is refused.
    pub(in crate::http) fn of(self, viewer: &Viewer) -> Result<InstitutionView> {
        let sees_all = match viewer.standing {
            Standing::House | Standing::Doctor(_) => true,
            Standing::Institution(own) => own == self.row.id,
            Standing::Patient(_) | Standing::Company => false,
            Standing::Outsider => return Err(not_for_you()),
        };
        Ok(if sees_all {
            InstitutionView::Full(Box::new(self.full()))
        } else {
            InstitutionView::Public(Box::new(self.public()))
        })
    }

    pub(in crate::http) fn full(self) -> FullInstitution {
        let Self { row, contacts } = self;
        FullInstitution {
            id: row.id,
            user_id: row.user_id,
            name: row.name,
            kind: row.kind,
            contact_email: row.contact_email,
            license_number: row.license_number,
            region: row.region,
            country: row.country,
            city: row.city,
            website: row.website,
            status: row.status,
            verification_status: row.verification_status,
            accreditation: row.accreditation,
            accredited_until: row.accredited_until,
            phones: contacts.phones,
            addresses: contacts.addresses,
            stamp: row.stamp,
        }
    }

    fn public(self) -> PublicInstitution {
        let row = self.row;
        PublicInstitution {
            id: row.id,
            name: row.name,
            kind: row.kind,
            region: row.region,
            country: row.country,
            city: row.city,
            website: row.website,
            status: row.status,
            verification_status: row.verification_status,
            accreditation: row.accreditation,
            accredited_until: row.accredited_until,
        }
    }

    /// The institution as its author would write it.
    pub(super) fn draft(&self) -> InstitutionDraft {
        let row = &self.row;
        InstitutionDraft {
            name: row.name.clone(),
            kind: row.kind,
            contact_email: row.contact_email.clone(),
            license_number: row.license_number.clone(),
            region: row.region.clone(),
            country: row.country.clone(),
            city: row.city.clone(),
            website: row.website.clone(),
            phones: self.contacts.phones.clone(),
            addresses: self.contacts.addresses.clone(),
            status: Some(row.status),
            accreditation: row.accreditation.clone(),
        }
    }
}
