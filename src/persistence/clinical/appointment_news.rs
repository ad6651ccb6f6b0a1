//! What is told of a visit, in the transaction of its change.

use super::appointments::Appointment;
use super::relations;
use crate::domain::events::ServerEvent as _;
use crate::domain::events::clinical::{AppointmentAction, AppointmentUpdate};
use crate::domain::id::{NodeId, UserId};
use crate::domain::time::Timestamp;
use crate::domain::topic::Topic;
use crate::error::Result;
use crate::persistence::{Tx, outbox};

/// Tells everyone a visit concerns what became of it.
pub async fn announce(
    tx: &mut Tx,
    node: &NodeId,
    appointment: &Appointment,
    action: AppointmentAction,
) -> Result<()> {
    let update = AppointmentUpdate {
        appointment_id: appointment.id.0,
        patient_id: appointment.patient_id.0,
        action,
        appointment: Some(appointment.event_view()),
        timestamp: Timestamp::now(),
    };
    let (doctor, institution) = (appointment.doctor_id, appointment.institution_id);
    let accounts = relations::accounts(tx, appointment.patient_id, doctor, institution).await?;
    let concerned: Vec<UserId> =
        [accounts.patient, accounts.doctor, accounts.institution].into_iter().flatten().collect();
    let topics = concerned.into_iter().map(Topic::User).chain(update.topics()).collect();
    outbox::append(tx, &update.event_to(topics), Some(node)).await.map(drop)
}
