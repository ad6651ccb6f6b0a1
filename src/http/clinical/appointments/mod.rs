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
use crate::domain::events::clinical::AppointmentAction;
use crate::error::{Kind, Result};
use crate::http::App;
use crate::http::clinical::viewer::{Standing, Viewer, not_for_you};
use crate::persistence::Tx;
use crate::persistence::clinical::appointments::Appointment;
use crate::persistence::clinical::{appointment_news, doctors};

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
pub(in crate::http) async fn writer(
    app: &App,
    viewer: &Viewer,
    appointment: &Appointment,
) -> Result<Party> {
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
async fn announce(
    tx: &mut Tx,
    app: &App,
    appointment: &Appointment,
    action: AppointmentAction,
) -> Result<()> {
    appointment_news::announce(tx, &app.settings.node, appointment, action).await
}
