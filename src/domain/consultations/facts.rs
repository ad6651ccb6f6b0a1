//! What is known of a consultation before anybody enters its room, and whom it lets in.

use super::reference::Reference;
use super::status::ConsultationStatus;
use crate::domain::clinical::doctor::DoctorStatus;
use crate::domain::events::signaling::SeatRole;
use crate::domain::events::values::MediaMode;
use crate::domain::id::{ConsultationId, UserId};
use crate::domain::identity::{Principal, Role};
use crate::error::{Kind, Result};

/// A consultation as its row tells it.
#[derive(Debug, Clone)]
pub struct Facts {
    pub id: ConsultationId,
    pub room_name: String,
    pub status: ConsultationStatus,
    pub mode: MediaMode,
    pub max_participants: usize,
    /// Nobody but the doctor enters before being admitted.
    pub has_lobby: bool,
    /// Absent where the reference names nobody known here.
    pub doctor: Option<Doctor>,
    pub patient: Option<Party>,
}

/// The doctor or the patient of a consultation.
#[derive(Debug, Clone)]
pub struct Party {
    pub user: UserId,
    /// How the consultation names them.
    pub reference: Reference,
    pub name: String,
}

/// The doctor of a consultation.
#[derive(Debug, Clone)]
pub struct Doctor {
    pub party: Party,
    pub status: DoctorStatus,
}

impl Facts {
    /// What a caller is in the call: its doctor, its patient, or an administrator who observes.
    /// Other doctors and patients find no such consultation; other roles are refused.
    pub fn role_of(&self, caller: &Principal) -> Result<SeatRole> {
        if let Some(doctor) = self.doctor.as_ref().filter(|it| it.party.user == caller.user)
            && caller.has(Role::Doctor)
        {
            return match doctor.status {
                DoctorStatus::Active => Ok(SeatRole::Doctor),
                _ => Err(Kind::AccountInactive { retry_after: None }.into()),
            };
        }
        let is_patient = self.patient.as_ref().is_some_and(|it| it.user == caller.user);
        if is_patient && caller.has(Role::Patient) {
            return Ok(SeatRole::Patient);
        }
        if caller.is_admin() {
            return Ok(SeatRole::Observer);
        }
        if caller.has(Role::Doctor) || caller.has(Role::Patient) {
            return Err(Kind::NotFound("consultation").into());
        }
        Err(Kind::Forbidden("calls are for their doctor and their patient").into())
    }

    /// The doctor or the patient.
    pub fn party(&self, role: SeatRole) -> Option<&Party> {
        match role {
            SeatRole::Doctor => self.doctor.as_ref().map(|doctor| &doctor.party),
            SeatRole::Patient => self.patient.as_ref(),
            SeatRole::Observer => None,
        }
    }

    /// How somebody who takes part is known outside the hub, on whichever device.
    pub fn identity_of(&self, role: SeatRole) -> Option<String> {
        self.party(role).map(|party| party.reference.identity(role))
    }

    /// What someone who gives no name is called.
    pub fn name_of(&self, role: SeatRole) -> &str {
        self.party(role).map_or(Role::Admin.label(), |party| &party.name)
    }
}
