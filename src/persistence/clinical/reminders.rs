//! `appointment_reminders`: which reminders went out. A row claims one for the node that sends it.

use sqlx::FromRow;

use crate::domain::id::{AppointmentId, UserId};
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::persistence::Tx;

/// Reminders that are claimed at once.
const BATCH: i64 = 100;

/// A visit somebody is to be reminded of.
#[derive(Debug, Clone, FromRow)]
pub struct Due {
    pub appointment_id: AppointmentId,
    pub starts_at: Timestamp,
    /// The accounts of those who meet; absent where there is none.
    pub patient: Option<UserId>,
    pub doctor: Option<UserId>,
    /// The doctor's.
    pub time_zone: Option<String>,
}

/// Claims the reminders that go out `minutes` before visits which start up to `until`. Whoever booked or moved
/// a visit later than that knows of it already. What another transaction claims at the same time is left to it.
pub async fn claim(
    tx: &mut Tx,
    minutes: i64,
    until: Timestamp,
    now: Timestamp,
) -> Result<Vec<Due>> {
    const CLAIM: &str = "
        insert into appointment_reminders (appointment_id, minutes, starts_at, sent_at)
        select a.id, $1, a.starts_at, $2 from appointments a
        where a.status in ('scheduled', 'confirmed') and a.deleted_at is null
            and a.starts_at > $2 and a.starts_at <= $3 and a.updated_at <= a.starts_at - $1 * 60000
            and not exists (
                select 1 from appointment_reminders r
                where r.appointment_id = a.id and r.minutes = $1 and r.starts_at = a.starts_at)
        order by a.starts_at, a.id limit $4
        on conflict do nothing
        returning appointment_id";
    const FIND: &str = "
        select a.id as appointment_id, a.starts_at, p.user_id as patient, d.user_id as doctor, d.time_zone
        from appointments a join patients p on p.id = a.patient_id left join doctors d on d.id = a.doctor_id
        where a.id = $1";
    let claimed: Vec<AppointmentId> = on!(tx, |conn| sqlx::query_scalar(CLAIM)
        .bind(minutes)
        .bind(now)
        .bind(until)
        .bind(BATCH)
        .fetch_all(conn)
        .await)?;
    let mut due = Vec::new();
    for id in claimed {
        due.push(on!(tx, |conn| sqlx::query_as(FIND).bind(id).fetch_one(conn).await)?);
    }
    Ok(due)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::persistence::Store;
    use crate::persistence::store::tests::stores;

    const NOW: Timestamp = Timestamp(1_000_000_000);
    const HOUR: Duration = Duration::from_hours(1);

    /// Visits of one patient that begin so many minutes from now.
    async fn booked(store: &Store, visits: &[(&str, i64)]) {
        let mut sql = vec![
            "insert into users (email, primary_role, created_at, updated_at)
             values ('p@example.com', 'patient', 0, 0)"
                .to_owned(),
            "insert into patients (user_id, first_name, last_name, date_of_birth, sex,
                association_status, validation_status, created_at, updated_at)
             select id, 'M', 'G', '1990-05-17', 'female', 'unassociated', 'pending', 0, 0 from users"
                .to_owned(),
        ];
        for (status, minutes) in visits {
            let starts_at = NOW.0 + minutes * 60_000;
            sql.push(format!(
                "insert into appointments (patient_id, kind, status, starts_at, ends_at, created_at, updated_at)
                 select id, 'lab', '{status}', {starts_at}, {starts_at} + 1, 0, 0 from patients"
            ));
        }
        // One that was booked half an hour before it starts, when its hour had passed.
        let late = NOW.0 + 30 * 60_000;
        sql.push(format!(
            "insert into appointments (patient_id, kind, status, starts_at, ends_at, created_at, updated_at)
             select id, 'lab', 'scheduled', {late}, {late} + 1, {NOW}, {NOW} from patients",
            NOW = NOW.0
        ));
        let mut tx = store.begin().await.unwrap();
        for sql in sql {
            let sql = sqlx::AssertSqlSafe(sql);
            on!(tx, |conn| sqlx::query(sql).execute(conn).await.map(drop)).unwrap();
        }
        tx.commit().await.unwrap();
    }

    async fn claimed(store: &Store) -> Vec<i64> {
        let mut tx = store.begin().await.unwrap();
        let due = claim(&mut tx, 60, NOW.plus(HOUR), NOW).await.unwrap();
        tx.commit().await.unwrap();
        due.into_iter().map(|due| (due.starts_at.0 - NOW.0) / 60_000).collect()
    }

    #[tokio::test]
    async fn what_lies_ahead_and_takes_place_is_claimed_once() {
        for store in stores().await {
            let visits = [
                ("scheduled", 60),
                ("confirmed", 1),
                ("scheduled", 61),
                ("cancelled", 5),
                ("scheduled", 0),
                ("completed", 6),
            ];
            booked(&store, &visits).await;

            let (mut first, second) = (claimed(&store).await, claimed(&store).await);

            first.sort_unstable();
            assert_eq!((first, second), (vec![1, 60], vec![]));
        }
    }

    #[tokio::test]
    async fn nodes_that_look_at_once_share_what_is_due() {
        for store in stores().await {
            let visits: Vec<_> = (1..=40).map(|minutes| ("scheduled", minutes)).collect();
            booked(&store, &visits).await;

            let nodes = (0..4).map(|_| {
                let store = store.clone();
                tokio::spawn(async move { claimed(&store).await })
            });
            let mut all = Vec::new();
            for node in nodes.collect::<Vec<_>>() {
                all.extend(node.await.unwrap());
            }

            all.sort_unstable();
            assert_eq!(all, (1..=40).collect::<Vec<i64>>());
        }
    }
}
