//! Two weeks of visits: the week before and the week to come, and one by video about now.

use std::time::Duration;

use serde_json::json;

use super::people::People;
use crate::domain::clinical::appointment::{AppointmentDraft, AppointmentStatus};
use crate::domain::id::InstitutionId;
use crate::domain::time::Timestamp;
use crate::error::{Error, Result};
use crate::persistence::Tx;
use crate::persistence::clinical::appointments;

const HALF_AN_HOUR: Duration = Duration::from_mins(30);
/// Visits of each doctor on a day.
const A_DAY: usize = 2;
/// Days before today, and from tomorrow on.
const BEFORE: i64 = 7;
const AFTER: i64 = 7;

/// Writes the visits.
pub(super) async fn write(tx: &mut Tx, people: &People, now: Timestamp) -> Result<()> {
    // The hour is the first of the working day in Córdoba, 9:00, UTC−3.
    let noon = Timestamp(now.0 - now.0.rem_euclid(DAY_MS) + 12 * HOUR_MS);
    let mut patients = people.patients.iter().cycle();
    for day in (-BEFORE..=AFTER).filter(|day| *day != 0) {
        for (turn, doctor) in people.doctors.iter().enumerate() {
            for slot in 0..A_DAY {
                let place = i64::try_from(turn % 8 + 8 * slot).map_err(Error::internal)?;
                let starts_at = Timestamp(noon.0 + day * DAY_MS + place * HALF_HOUR_MS);
                let patient = patients.next().copied().ok_or_else(no_patients)?;
                let status = match (day < 0, slot, turn % 5) {
                    (true, 1, 0) => AppointmentStatus::NoShow,
                    (true, ..) => AppointmentStatus::Completed,
                    (false, 0, _) => AppointmentStatus::Confirmed,
                    (false, ..) => AppointmentStatus::Scheduled,
                };
                let draft = json!({"patient_id": patient, "doctor_id": doctor.id,
                    "kind": "in_person", "starts_at": starts_at});
                visit(tx, draft, doctor.house, status, now).await?;
            }
        }
    }
    let (doctor, patient) = (people.doctor_of(0), people.patients.first());
    let starts_at = now.plus(Duration::from_mins(5));
    let draft = json!({"patient_id": patient, "doctor_id": doctor.id, "kind": "video",
        "starts_at": starts_at});
    visit(tx, draft, doctor.house, AppointmentStatus::Confirmed, now).await
}

const HOUR_MS: i64 = 3_600_000;
const HALF_HOUR_MS: i64 = HOUR_MS / 2;
const DAY_MS: i64 = 24 * HOUR_MS;

async fn visit(
    tx: &mut Tx,
    draft: serde_json::Value,
    house: Option<InstitutionId>,
    status: AppointmentStatus,
    now: Timestamp,
) -> Result<()> {
    let draft: AppointmentDraft = serde_json::from_value(draft).map_err(Error::internal)?;
    let ends_at = draft.starts_at.plus(HALF_AN_HOUR);
    let visit = appointments::insert(tx, &draft, house, ends_at, now).await?;
    if status != AppointmentStatus::Scheduled {
        appointments::set_status(tx, visit.id, status, now).await?;
    }
    Ok(())
}

fn no_patients() -> Error {
    Error::internal("a demonstration has patients")
}
