//! What is over by itself: prescriptions and verified licences past their last day.
//!
//! A row is written once whoever comes first, so any number of nodes may do this at once and again.

use serde_json::{Map, Value, json};

use crate::domain::date::Date;
use crate::domain::events::ServerEvent as _;
use crate::domain::events::accounts::UserUpdate;
use crate::domain::events::subscription::EntityUpdate;
use crate::domain::id::UserId;
use crate::domain::time::Timestamp;
use crate::domain::topic::Topic;
use crate::error::Result;
use crate::persistence::audit::AuditEntry;
use crate::persistence::clinical::doctors::{self, ExpiredLicense};
use crate::persistence::clinical::prescriptions::{self, Prescription};
use crate::persistence::clinical::relations;
use crate::persistence::{Store, Tx, audit, outbox};

/// Rows of each kind in one transaction.
const BATCH: u8 = 200;

/// Writes down that prescriptions and licences have expired, and tells their patients and doctors.
pub(super) async fn write_down(store: &Store, now: Timestamp) -> Result<()> {
    let today = Date::of(now);
    loop {
        let mut tx = store.begin().await?;
        let prescriptions = prescriptions::expire(&mut tx, &today, now, BATCH.into()).await?;
        for row in &prescriptions {
            of_prescription(&mut tx, row).await?.announce(&mut tx, now).await?;
        }
        let licenses = doctors::expire_licenses(&mut tx, &today, now, BATCH.into()).await?;
        for row in &licenses {
            of_license(row).announce(&mut tx, now).await?;
        }
        tx.commit().await?;
        if prescriptions.len().max(licenses.len()) < usize::from(BATCH) {
            return Ok(());
        }
    }
}

/// Something that is over, and what is said of it.
struct Expired {
    entity: &'static str,
    id: i64,
    action: &'static str,
    /// Kept in the audit trail.
    data: Map<String, Value>,
    whose: Option<UserId>,
    /// Of the update its holder gets.
    kind: &'static str,
    changes: Map<String, Value>,
}

async fn of_prescription(tx: &mut Tx, row: &Prescription) -> Result<Expired> {
    Ok(Expired {
        entity: "prescription",
        id: row.id.0,
        action: "expired",
        data: fields([("patient_id", json!(row.patient_id))]),
        whose: relations::accounts(tx, row.patient_id, None, None).await?.patient,
        kind: "prescription",
        changes: fields([("prescription_id", json!(row.id)), ("status", json!(row.status))]),
    })
}

fn of_license(row: &ExpiredLicense) -> Expired {
    Expired {
        entity: "doctor",
        id: row.doctor.0,
        action: "license_expired",
        data: fields([("valid_until", json!(row.valid_until))]),
        whose: row.user,
        kind: "profile",
        changes: fields([("license_verified", json!(false))]),
    }
}

impl Expired {
    async fn announce(self, tx: &mut Tx, now: Timestamp) -> Result<()> {
        let entry = AuditEntry {
            action: self.action,
            entity_type: self.entity,
            entity_id: Some(self.id.to_string()),
            data: self.data,
            ..AuditEntry::default()
        };
        audit::append(tx, &entry, now).await?;
        let mirror = EntityUpdate {
            entity: self.entity.to_owned(),
            entity_id: self.id.into(),
            action: self.action.to_owned(),
            data: None,
            timestamp: now,
        };
        outbox::append(tx, &mirror.event(), None).await?;
        let Some(user) = self.whose else { return Ok(()) };
        let update = UserUpdate {
            kind: self.kind.to_owned(),
            action: "updated".to_owned(),
            changes: Some(self.changes.into()),
            timestamp: now,
        };
        outbox::append(tx, &update.event_to(vec![Topic::User(user)]), None).await.map(drop)
    }
}

fn fields<const N: usize>(fields: [(&str, Value); N]) -> Map<String, Value> {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clinical::prescription::PrescriptionDraft;
    use crate::domain::clinical::prescription::PrescriptionStatus::{Active, Cancelled, Expired};
    use crate::domain::id::{DoctorId, PatientId};
    use crate::domain::identity::Role;
    use crate::persistence::audit::Filter;
    use crate::persistence::clinical::doctors::Doctor;
    use crate::persistence::clinical::patients;
    use crate::persistence::clinical::row::find;
    use crate::persistence::identity::accounts::{self, NewUser};
    use crate::persistence::store::tests::stores;

    /// 2025-10-13, noon.
    const NOW: Timestamp = Timestamp(1_760_356_800_000);

    fn draft<T: serde::de::DeserializeOwned>(value: Value) -> T {
        serde_json::from_value(value).unwrap()
    }

    /// A doctor and a patient of theirs.
    async fn people(tx: &mut Tx) -> (DoctorId, PatientId) {
        let mut users = Vec::new();
        for (email, primary_role) in
            [("ana@example.com", Role::Doctor), ("maria@example.com", Role::Patient)]
        {
            let new = NewUser {
                email,
                password_hash: None,
                nombre: None,
                apellido: None,
                telefono: None,
                primary_role,
                is_active: true,
            };
            users.push(accounts::insert(tx, new, NOW).await.unwrap());
        }
        let doctor = draft(json!({"first_name": "Ana", "last_name": "Ruiz",
            "email": "ana@example.com", "medical_license": "MN-1", "years_experience": 1,
            "consultation_fee_cents": 0}));
        let currency = "ARS".parse().unwrap();
        let doctor = doctors::insert(tx, &doctor, users[0], &currency, NOW).await.unwrap();
        let patient = draft(json!({"first_name": "María", "last_name": "Gómez",
            "email": "maria@example.com", "date_of_birth": "1990-05-17", "sex": "female",
            "doctor_id": doctor,
            "emergency_contact": {"name": "Luis", "phone": "555 0101"}}));
        (doctor, patients::insert(tx, &patient, users[1], NOW).await.unwrap())
    }

    #[tokio::test]
    async fn what_is_over_is_written_down_and_told_once() {
        for store in stores().await {
            let mut tx = store.begin().await.unwrap();
            let (doctor, patient) = people(&mut tx).await;
            let mut ids = Vec::new();
            for last in [
                Some("2025-10-12"),
                Some("2020-01-01"),
                Some("2025-10-13"),
                None,
                Some("2020-01-01"),
            ] {
                let draft: PrescriptionDraft = draft(json!({"items": [], "valid_until": last}));
                let row = prescriptions::insert(&mut tx, patient, doctor, &draft, NOW).await;
                ids.push(row.unwrap().id);
            }
            prescriptions::cancel(&mut tx, ids[4], NOW).await.unwrap();
            tx.commit().await.unwrap();

            write_down(&store, NOW).await.unwrap();
            write_down(&store, NOW).await.unwrap();

            let long_ago: Date = "2000-01-01".parse().unwrap();
            let mut rows = prescriptions::newest(&store, patient, &long_ago, 10).await.unwrap();
            rows.reverse();
            let states: Vec<_> = rows.iter().map(|row| (row.status, row.stamp.version)).collect();
            assert_eq!(
                states,
                [(Expired, 2), (Expired, 2), (Active, 1), (Active, 1), (Cancelled, 2)]
            );
            let today = Date::of(NOW);
            let active = prescriptions::active(&store, patient, &today, 10).await.unwrap();
            assert_eq!(active.iter().map(|row| row.id).collect::<Vec<_>>(), [ids[3], ids[2]]);
            let lines = audit::list(&store, &Filter::default(), None, 10).await.unwrap();
            assert_eq!(lines.len(), 2);
            assert!(lines.iter().all(|line| line.action == "expired" && line.actor_id.is_none()));
            let events = outbox::next_batch(&store, 10).await.unwrap();
            let told: Vec<_> = events.iter().filter(|event| event.event == "user:update").collect();
            assert_eq!(told.len(), 2);
            let payload: Value = serde_json::from_str(told[0].payload.0.get()).unwrap();
            assert_eq!(payload["changes"]["status"], "expired");
        }
    }

    #[tokio::test]
    async fn a_licence_past_its_last_day_is_verified_no_longer() {
        for store in stores().await {
            let mut tx = store.begin().await.unwrap();
            let (doctor, _) = people(&mut tx).await;
            tx.commit().await.unwrap();
            let verified_until = async |last: Option<&str>| {
                let last = last.map(|last| last.parse::<Date>().unwrap());
                let mut tx = store.begin().await.unwrap();
                doctors::set_license(&mut tx, doctor, true, last.as_ref(), NOW).await.unwrap();
                tx.commit().await.unwrap();
                write_down(&store, NOW).await.unwrap();
                find::<Doctor>(&store, doctor).await.unwrap()
            };

            for last in [None, Some("2025-10-13")] {
                assert!(verified_until(last).await.license_verified, "{last:?}");
            }
            assert!(audit::list(&store, &Filter::default(), None, 10).await.unwrap().is_empty());
            let before = verified_until(Some("2025-10-13")).await.stamp.version;
            let expired = verified_until(Some("2025-10-12")).await;

            assert!(!expired.license_verified);
            assert_eq!(
                expired.license_valid_until.map(|last| last.to_string()).as_deref(),
                Some("2025-10-12")
            );
            assert_eq!(expired.stamp.version, before + 2);
            let lines = audit::list(&store, &Filter::default(), None, 10).await.unwrap();
            let kept: Vec<_> =
                lines.iter().map(|it| (it.action.as_str(), it.entity_type.as_str())).collect();
            assert_eq!(kept, [("license_expired", "doctor")]);
            let events = outbox::next_batch(&store, 10).await.unwrap();
            let told: Vec<_> = events.iter().map(|event| event.event.as_str()).collect();
            assert_eq!(told, ["entity:update", "user:update"]);
            let payload: Value = serde_json::from_str(events[1].payload.0.get()).unwrap();
            assert_eq!(payload["changes"], json!({"license_verified": false}));
        }
    }
}
