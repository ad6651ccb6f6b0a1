//! Moving a consultation on, with everything that follows: its visit, who was there, its recordings, and
//! the news of it.

use super::{Consultation, consultations, news, participants, recordings};
use crate::domain::clinical::appointment::{AppointmentStatus, Party};
use crate::domain::consultations::status::{ConsultationStatus, Move};
use crate::domain::events::clinical::AppointmentAction;
use crate::domain::id::{AppointmentId, NodeId};
use crate::domain::state::State as _;
use crate::domain::time::Timestamp;
use crate::error::{Kind, Result};
use crate::persistence::Tx;
use crate::persistence::clinical::appointment_news;
use crate::persistence::clinical::appointments::{self, Appointment};
use crate::persistence::clinical::row::hold;

/// Moves a consultation that the transaction holds on. A move that cannot follow is
/// [`Kind::InvalidTransition`].
pub async fn advance(
    tx: &mut Tx,
    node: &NodeId,
    current: &Consultation,
    to: Move,
    summary: Option<&str>,
    now: Timestamp,
) -> Result<Consultation> {
    let status = to.status();
    current.status.check_move(status)?;
    if let Move::Over(reason) = to {
        participants::leave_all(tx, &current.id, now).await?;
        for recording in recordings::stop_all(tx, &current.id, now).await? {
            news::announce_recording(tx, node, &recording, None, now).await?;
        }
        news::announce_end(tx, node, &current.id, reason, now).await?;
    }
    let moved = consultations::set_status(tx, &current.id, status, summary, now).await?;
    if let Some(appointment) = moved.appointment_id {
        match status {
            ConsultationStatus::Live => {
                drive(tx, node, appointment, AppointmentStatus::InProgress, now).await?;
            }
            ConsultationStatus::Ended => {
                drive(tx, node, appointment, AppointmentStatus::Completed, now).await?;
            }
            _ => {}
        }
    }
    news::announce(tx, node, &moved).await?;
    Ok(moved)
}

/// Takes the visit along, if it is where it can follow.
async fn drive(
    tx: &mut Tx,
    node: &NodeId,
    id: AppointmentId,
    to: AppointmentStatus,
    now: Timestamp,
) -> Result<()> {
    let visit: Appointment = match hold(tx, id).await {
        Ok(visit) => visit,
        Err(error) if matches!(error.kind(), Kind::NotFound(_)) => return Ok(()),
        Err(error) => return Err(error),
    };
    if visit.standing().check(to, Party::Consultation, now).is_err() {
        return Ok(());
    }
    let visit = appointments::set_status(tx, id, to, now).await?;
    appointment_news::announce(tx, node, &visit, AppointmentAction::Updated).await
}
