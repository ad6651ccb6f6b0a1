//! Visits over HTTP (contract §5.11).
//!
//! Doctors see the visits with them and those of their patients, institutions likewise; they write
//! those with them, and doctors also those of their patients that are with no doctor. Patients see
//! their own, book them, cancel them and put them to another time. All other visits are not there.
//! [`directory`] lists and shows them, [`booking`] makes and rearranges them, [`moves`] takes them
//! through their states.

mod booking;
pub(in crate::http) mod directory;
mod moves;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::domain::clinical::appointment::Party;
use crate::domain::events::ServerEvent as _;
use crate::domain::events::clinical::{AppointmentAction, AppointmentUpdate};
use crate::domain::id::UserId;
use crate::domain::time::Timestamp;
use crate::domain::topic::Topic;
use crate::error::{Kind, Result};
use crate::http::App;
use crate::http::clinical::viewer::{Standing, Viewer, not_for_you};
use crate::persistence::clinical::appointments::Appointment;
use crate::persistence::clinical::{doctors, relations};
use crate::persistence::{Tx, outbox};

/// The routes of visits.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(directory::list, booking::create))
        .routes(routes!(directory::one, booking::patch))
        .routes(routes!(moves::confirm))
        .routes(routes!(moves::cancel))
        .routes(routes!(moves::check_in))
        .routes(routes!(moves::complete))
        .routes(routes!(moves::no_show))
}

/// What the caller is to visits.
fn party(viewer: &Viewer) -> Result<Party> {
    match viewer.standing {
        Standing::House => Ok(Party::House),
        Standing::Doctor(_) => Ok(Party::Doctor),
        Standing::Institution(_) => Ok(Party::Institution),
        Standing::Patient(_) => Ok(Party::Patient),
        Standing::Company | Standing::Outsider => Err(not_for_you()),
    }
}

/// What the caller is to a visit that the caller sees and wants to write.
async fn writer(app: &App, viewer: &Viewer, appointment: &Appointment) -> Result<Party> {
    let is_theirs = match viewer.standing {
        Standing::Doctor(own) => appointment.doctor_id.is_none_or(|doctor| doctor == own),
        Standing::Institution(own) if appointment.institution_id == Some(own) => true,
        Standing::Institution(own) => match appointment.doctor_id {
            Some(doctor) => doctors::is_of(&app.store, doctor, own).await?,
            None => appointment.institution_id.is_none(),
        },
        _ => true,
    };
    if is_theirs { party(viewer) } else { Err(Kind::Forbidden("the visit is with others").into()) }
}

/// Tells everyone a visit concerns what became of it.
pub(in crate::http) async fn announce(
    tx: &mut Tx,
    app: &App,
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
    outbox::append(tx, &update.event_to(topics), Some(&app.settings.node)).await.map(drop)
}
