//! What a caller is to a consultation (contract §4). Those of others are not there.

use crate::domain::consultations::grant::Pass;
use crate::domain::consultations::issue::SessionMark;
use crate::domain::consultations::recording::Consent;
use crate::domain::events::signaling::SeatRole;
use crate::domain::identity::Role;
use crate::error::{Kind, Result};
use crate::http::App;
use crate::http::clinical::viewer::{Standing, Viewer, not_for_you, since};
use crate::persistence::consultations::Consultation;
use crate::persistence::consultations::consultations::{self, Name, Whose};

/// What a caller is to a consultation that the caller sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// An administrator or a service.
    House,
    /// The doctor it is with.
    Doctor,
    /// The patient it is about.
    Patient,
    /// Somebody else who gives the patient care.
    Reader,
}

/// A consultation the caller may look at.
pub(super) struct Seen {
    pub consultation: Consultation,
    pub part: Part,
}

impl Seen {
    pub(super) async fn of(app: &App, viewer: &Viewer, name: Name<'_>) -> Result<Self> {
        let consultation = consultations::find(&app.store, name, whose(viewer, app)?).await?;
        Ok(Self::new(consultation, viewer))
    }

    /// A consultation that the caller is known to see.
    pub(super) fn new(consultation: Consultation, viewer: &Viewer) -> Self {
        let part = match viewer.standing {
            Standing::House => Part::House,
            Standing::Doctor(own) if consultation.doctor_id == Some(own) => Part::Doctor,
            Standing::Patient(_) => Part::Patient,
            _ => Part::Reader,
        };
        Self { consultation, part }
    }

    /// For the doctor and the house: what is done to a consultation.
    pub(super) fn must_lead(&self) -> Result<()> {
        match self.part {
            Part::House | Part::Doctor => Ok(()),
            _ => Err(Kind::Forbidden("for the doctor of the consultation").into()),
        }
    }

    /// Keeps a patient who is not let in from what belongs to the call, as long as it lasts.
    pub(super) fn must_be_let_in(&self, app: &App, viewer: &Viewer) -> Result<()> {
        let consultation = &self.consultation;
        let has_door = consultation.waiting_room && !consultation.status.is_over();
        if self.part != Part::Patient || !has_door {
            return Ok(());
        }
        if self.is_inside(app, &self.pass(viewer, SeatRole::Patient)) {
            Ok(())
        } else {
            Err(Kind::Forbidden("wait until the doctor lets you in").into())
        }
    }

    /// Whether somebody sits inside the room.
    pub(super) fn is_inside(&self, app: &App, who: &Pass) -> bool {
        let seats = app.hub.seats_in(&self.consultation.id);
        seats.iter().any(|seat| seat.is_inside() && seat.pass.identity == who.identity)
    }

    /// Whose word the caller's is that the patient agreed to being filmed; administrators have none.
    pub(super) fn consent(&self, viewer: &Viewer) -> Option<Consent> {
        match self.part {
            Part::Doctor => Some(Consent::Doctor),
            Part::House => viewer.caller.has(Role::Service).then_some(Consent::Service),
            Part::Patient | Part::Reader => None,
        }
    }

    /// For those it is between.
    pub(super) fn party(&self) -> Result<SeatRole> {
        match self.part {
            Part::Doctor => Ok(SeatRole::Doctor),
            Part::Patient => Ok(SeatRole::Patient),
            _ => Err(Kind::Forbidden("for patient and doctor of the consultation").into()),
        }
    }

    /// What the caller is in its room; administrators look on, services are nobody there.
    pub(super) fn seat(&self, viewer: &Viewer) -> Result<SeatRole> {
        if self.part == Part::House && viewer.is_admin() {
            return Ok(SeatRole::Observer);
        }
        self.party()
    }

    /// The pass of whoever takes that seat, theirs for as long as the caller's session lives where that is
    /// the caller.
    pub(super) fn pass(&self, viewer: &Viewer, role: SeatRole) -> Pass {
        let consultation = &self.consultation;
        let own = viewer.caller.user.0.into();
        let reference = consultation.reference(role).unwrap_or(&own);
        let pass = Pass::of_party(&consultation.id, &consultation.room_name, role, reference);
        // Who was let in hears of it over the socket, with a token for the room.
        let is_waiting = consultation.waiting_room && role != SeatRole::Doctor;
        let session = viewer.caller.session.as_ref().filter(|_| self.is_own(role));
        Pass { is_waiting, session: session.map(SessionMark::of), ..pass }
    }

    /// Whether the caller would sit there.
    fn is_own(&self, role: SeatRole) -> bool {
        match role {
            SeatRole::Doctor => self.part == Part::Doctor,
            SeatRole::Patient => self.part == Part::Patient,
            SeatRole::Observer => self.part == Part::House,
        }
    }
}

/// Whose consultations the caller may see.
pub(super) fn whose(viewer: &Viewer, app: &App) -> Result<Whose> {
    Ok(match viewer.standing {
        Standing::House => Whose::Everyones,
        Standing::Doctor(doctor) => Whose::Doctors(doctor, since(app)),
        Standing::Institution(institution) => Whose::Institutions(institution, since(app)),
        Standing::Patient(patient) => Whose::Patients(patient),
        Standing::Company | Standing::Outsider => return Err(not_for_you()),
    })
}
