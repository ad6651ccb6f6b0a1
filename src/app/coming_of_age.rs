//! Patients who come of age: from that day on their weight counts in their score (contract §10.3).

use std::collections::HashMap;

use crate::domain::clinical::kpi::last_birthday_of_adults;
use crate::domain::date::Date;
use crate::domain::id::PatientId;
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::persistence::Store;
use crate::persistence::clinical::health_profiles::{self, CameOfAge};

/// Scores of one transaction.
const BATCH: i64 = 200;

/// Reckons the scores of those who came of age.
pub(super) async fn rescore(store: &Store, now: Timestamp) -> Result<()> {
    let today = Date::of(now).civil();
    let adult_born = last_birthday_of_adults(today).into();
    loop {
        let adults = health_profiles::came_of_age(store, &adult_born, BATCH).await?;
        if adults.is_empty() {
            return Ok(());
        }
        let ids: Vec<PatientId> = adults.iter().map(|adult| adult.patient_id).collect();
        let profiles: HashMap<_, _> = health_profiles::of(store, &ids).await?;
        let mut tx = store.begin().await?;
        for CameOfAge { patient_id, date_of_birth, version } in &adults {
            if let Some(profile) = profiles.get(patient_id) {
                let kpis = profile.kpis(date_of_birth.civil(), today);
                health_profiles::rescore(&mut tx, *patient_id, Some(*version), &kpis).await?;
            }
        }
        tx.commit().await?;
    }
}
