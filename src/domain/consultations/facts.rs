//! What is known of a consultation before anybody enters its room, and whom it lets in.

use super::grant::{Admission, Pass};
use super::issue::SessionMark;
use super::reference::Reference;
use super::status::ConsultationStatus;
use crate::domain::clinical::doctor::DoctorStatus;
use crate::domain::events::signaling::SeatRole;
use crate::domain::events::signaling::notices::RecordingRequest;
use crate::domain::events::values::MediaMode;
use crate::domain::id::{ConsultationId, UserId};
use crate::domain::identity::{Principal, Role};
use crate::error::{Kind, Result};

/// A consultation as its row tells it.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "columns of the row")]
pub struct Facts {
    pub id: ConsultationId,
    pub room_name: String,
    pub status: ConsultationStatus,
    pub mode: MediaMode,
    /// Of the row, when it was read.
    pub version: i64,
    pub is_recorded: bool,
    /// From end to end.
    pub is_encrypted: bool,
    /// The recording the patient is asked about.
    pub asked: Option<RecordingRequest>,
    pub max_participants: usize,
    /// Nobody but the doctor enters before being admitted.
    pub has_lobby: bool,
    /// Whoever has the role may be the doctor or the patient that nobody known here is. Development only.
    pub takes_anybody: bool,
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
    fn role_of(&self, caller: &Principal) -> Result<SeatRole> {
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
        if self.takes_anybody && self.doctor.is_none() && caller.has(Role::Doctor) {
            return Ok(SeatRole::Doctor);
        }
        if self.takes_anybody && self.patient.is_none() && caller.has(Role::Patient) {
            return Ok(SeatRole::Patient);
        }
        if caller.has(Role::Doctor) || caller.has(Role::Patient) {
            return Err(Kind::NotFound("consultation").into());
        }
        Err(Kind::Forbidden("calls are for their doctor and their patient").into())
    }

    /// Whether somebody in that role waits in the lobby first.
    pub fn makes_wait(&self, role: SeatRole) -> bool {
        self.has_lobby && role != SeatRole::Doctor
    }

    /// The doctor or the patient.
    pub fn party(&self, role: SeatRole) -> Option<&Party> {
        match role {
            SeatRole::Doctor => self.doctor.as_ref().map(|doctor| &doctor.party),
            SeatRole::Patient => self.patient.as_ref(),
            SeatRole::Observer => None,
        }
    }

    /// The pass of a caller who may enter: by what they are here, or by their token.
    pub fn pass_of(&self, caller: &Principal) -> Result<Pass> {
        if let Some(admission) = &caller.admission {
            return self.admitted(admission);
        }
        let role = self.role_of(caller)?;
        let own = caller.user.0.into();
        let reference = self.party(role).map_or(&own, |party| &party.reference);
        let session = caller.session.as_ref().map(SessionMark::of);
        Ok(Pass { session, ..Pass::of_party(&self.id, &self.room_name, role, reference) })
    }

    /// The account of the party that is known so.
    pub fn holder(&self, identity: &str, role: SeatRole) -> Option<UserId> {
        let party = self.party(role).filter(|party| party.reference.identity(role) == identity);
        party.map(|party| party.user)
    }

    /// Doctors who do not practise stay out, whatever their tokens say.
    fn admitted(&self, admission: &Admission) -> Result<Pass> {
        if admission.pass.consultation != self.id {
            return Err(Kind::NotFound("consultation").into());
        }
        let doctor = self.doctor.as_ref().filter(|_| admission.pass.role == SeatRole::Doctor);
        if doctor.is_some_and(|doctor| doctor.status != DoctorStatus::Active) {
            return Err(Kind::AccountInactive { retry_after: None }.into());
        }
        Ok(admission.pass.clone())
    }

    /// What someone who gives no name is called.
    pub fn name_of(&self, role: SeatRole) -> &str {
        self.party(role).map_or(Role::Admin.label(), |party| &party.name)
    }
}
