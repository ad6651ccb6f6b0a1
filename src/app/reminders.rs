//! Reminds patients and doctors of their visits (contract §5.11).
//!
//! Every node looks; a reminder is sent by the one that claims it, in the transaction that writes it
//! down. Of several that are due at once, as after a late booking, one is sent. No reminder says what
//! a visit is about.

use std::collections::HashSet;
use std::time::Duration;

use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};
use tracing::warn;

use super::notices::{Notice, notify};
use crate::actors::Hub;
use crate::domain::clinical::schedule::zone;
use crate::domain::id::NodeId;
use crate::domain::language::Language;
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::http::rounds::rounds;
use crate::persistence::clinical::reminders::{self, Due};
use crate::persistence::identity::addressees::{self, Addressee};
use crate::persistence::{Store, Tx};

/// How often a node looks for visits to remind of.
const EVERY: Duration = Duration::from_secs(5);
const KIND: &str = "appointment.reminder";

/// What it takes to remind people.
pub(super) struct Reminders {
    pub store: Store,
    pub hub: Hub,
    pub node: NodeId,
    /// How long before a visit.
    pub before: Vec<Duration>,
}

impl Reminders {
    /// Runs until its task is aborted.
    pub(super) async fn run(self) {
        let mut rounds = rounds(EVERY);
        loop {
            rounds.tick().await;
            while self.has_sent().await {}
        }
    }

    /// Sends some of what is due; false when nothing was.
    async fn has_sent(&self) -> bool {
        match self.send(Timestamp::now()).await {
            Ok(0) => false,
            Ok(_) => {
                self.hub.outbox_ready();
                true
            }
            Err(error) => {
                warn!(%error, "visits not reminded of");
                false
            }
        }
    }

    /// Sends a batch of what is due, and answers how many visits were reminded of.
    async fn send(&self, now: Timestamp) -> Result<usize> {
        let mut before = self.before.clone();
        // The one closest to the visit is sent in place of the others.
        before.sort_unstable();
        let mut reminded = HashSet::new();
        let mut tx = self.store.begin().await?;
        for span in before {
            let minutes = i64::try_from(span.as_secs() / 60).unwrap_or(i64::MAX);
            for due in reminders::claim(&mut tx, minutes, now.plus(span), now).await? {
                if reminded.insert(due.appointment_id) {
                    self.remind(&mut tx, &due, now).await?;
                }
            }
        }
        tx.commit().await?;
        Ok(reminded.len())
    }

    async fn remind(&self, tx: &mut Tx, due: &Due, now: Timestamp) -> Result<()> {
        let data =
            [("appointment_id", json!(due.appointment_id)), ("starts_at", json!(due.starts_at))];
        let data = Map::from_iter(data.map(|(name, value)| (name.to_owned(), value)));
        for user in [due.patient, due.doctor].into_iter().flatten() {
            let addressee = addressees::by_id(tx, user).await?;
            if let Some(addressee) = addressee.filter(|addressee| addressee.is_active) {
                self.tell(tx, due, &addressee, &data, now).await?;
            }
        }
        Ok(())
    }

    async fn tell(
        &self,
        tx: &mut Tx,
        due: &Due,
        to: &Addressee,
        data: &Map<String, Value>,
        now: Timestamp,
    ) -> Result<()> {
        let language = Language::of_locale(to.locale.as_deref().unwrap_or_default());
        let (title, body) = words(language, due.starts_at, due.time_zone.as_deref());
        let notice = Notice { to: to.id, kind: KIND, title, body: &body, data };
        notify(tx, &self.node, notice, now).await
    }
}

/// Title and text of a reminder, the time as a clock shows it where the doctor is.
fn words(
    language: Language,
    starts_at: Timestamp,
    time_zone: Option<&str>,
) -> (&'static str, String) {
    let known = time_zone.and_then(|name| Some((name, zone(name)?)));
    let (name, zone) = known.unwrap_or(("UTC", TimeZone::UTC));
    let moment = jiff::Timestamp::from_millisecond(starts_at.0).unwrap_or_default();
    let moment = moment.to_zoned(zone);
    match language {
        Language::Spanish => {
            let (day, time) = (moment.strftime("%d/%m/%Y"), moment.strftime("%H:%M"));
            ("Recordatorio de turno", format!("Tenés un turno el {day} a las {time} ({name})."))
        }
        Language::English => {
            let (day, time) = (moment.strftime("%-d %B %Y"), moment.strftime("%H:%M"));
            let body = format!("You have an appointment on {day} at {time} ({name}).");
            ("Appointment reminder", body)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reminder_tells_the_time_where_the_doctor_is() {
        let at = Timestamp(1_764_594_000_000);

        let (title, body) = words(Language::Spanish, at, Some("America/Argentina/Cordoba"));
        assert_eq!(title, "Recordatorio de turno");
        assert_eq!(body, "Tenés un turno el 01/12/2025 a las 10:00 (America/Argentina/Cordoba).");
        let (_, body) = words(Language::English, at, None);
        assert_eq!(body, "You have an appointment on 1 December 2025 at 13:00 (UTC).");
    }
}
