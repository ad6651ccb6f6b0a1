//! Tells doctors, institutions and patients what of theirs is about to expire (contract §7), each once.

use std::time::Duration;

use serde_json::{Map, json};

use super::notices::{Notice, notify};
use crate::domain::date::Date;
use crate::domain::id::NodeId;
use crate::domain::language::Language;
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::persistence::clinical::expiry_notices::{self, Due, Expiring};
use crate::persistence::identity::addressees;
use crate::persistence::{Store, Tx};

/// How long ahead they are told.
const AHEAD: Duration = Duration::from_hours(30 * 24);

/// Sends the notices that are due.
pub(super) async fn send(store: &Store, node: &NodeId, now: Timestamp) -> Result<()> {
    for what in Expiring::ALL {
        loop {
            let mut tx = store.begin().await?;
            let days = (&Date::of(now), &Date::of(now.plus(AHEAD)));
            let due = expiry_notices::claim(&mut tx, what, days, now).await?;
            for row in &due {
                tell(&mut tx, node, what, row, now).await?;
            }
            tx.commit().await?;
            if due.is_empty() {
                break;
            }
        }
    }
    Ok(())
}

async fn tell(tx: &mut Tx, node: &NodeId, what: Expiring, due: &Due, now: Timestamp) -> Result<()> {
    let Some(to) = addressees::by_id(tx, due.user).await?.filter(|to| to.is_active) else {
        return Ok(());
    };
    let language = Language::of_locale(to.locale.as_deref().unwrap_or_default());
    let (kind, title, body) = words(what, language, &due.last_day);
    let data = [
        (format!("{}_id", what.entity()), json!(due.entity_id)),
        ("valid_until".to_owned(), json!(due.last_day)),
    ];
    let data = Map::from_iter(data);
    notify(tx, node, Notice { to: to.id, kind, title, body: &body, data: &data }, now).await
}

/// Kind, title and text of a notice, which says nothing of what is prescribed.
fn words(
    what: Expiring,
    language: Language,
    last_day: &Date,
) -> (&'static str, &'static str, String) {
    let day = last_day.civil();
    let (spanish, english) = (day.strftime("%d/%m/%Y"), day.strftime("%-d %B %Y"));
    match (what, language) {
        (Expiring::License, Language::Spanish) => (
            "license.expiring",
            "Matrícula por vencer",
            format!("Tu matrícula vence el {spanish}."),
        ),
        (Expiring::License, Language::English) => (
            "license.expiring",
            "Licence about to expire",
            format!("Your licence expires on {english}."),
        ),
        (Expiring::Accreditation, Language::Spanish) => (
            "accreditation.expiring",
            "Acreditación por vencer",
            format!("La acreditación de tu institución vence el {spanish}."),
        ),
        (Expiring::Accreditation, Language::English) => (
            "accreditation.expiring",
            "Accreditation about to expire",
            format!("Your institution's accreditation expires on {english}."),
        ),
        (Expiring::Prescription, Language::Spanish) => (
            "prescription.expiring",
            "Receta por vencer",
            format!("Tenés una receta que vence el {spanish}."),
        ),
        (Expiring::Prescription, Language::English) => (
            "prescription.expiring",
            "Prescription about to expire",
            format!("You have a prescription that expires on {english}."),
        ),
    }
}
