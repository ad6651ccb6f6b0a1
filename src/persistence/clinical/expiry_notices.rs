//! `expiry_notices`: who was told that something of theirs is about to expire. A row claims one notice
//! for the node that sends it.

use sqlx::FromRow;

use crate::domain::date::Date;
use crate::domain::id::UserId;
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::persistence::Tx;

/// Notices that are claimed at once.
const BATCH: i64 = 100;

/// What expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiring {
    /// The licence of a doctor.
    License,
    /// The accreditation of an institution.
    Accreditation,
    Prescription,
}

impl Expiring {
    pub const ALL: [Self; 3] = [Self::License, Self::Accreditation, Self::Prescription];

    /// The entity whose row it stands in.
    pub fn entity(self) -> &'static str {
        match self {
            Self::License => "doctor",
            Self::Accreditation => "institution",
            Self::Prescription => "prescription",
        }
    }
}

/// Something that is about to expire, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Due {
    pub entity_id: i64,
    /// Its last day.
    pub last_day: Date,
    pub user: UserId,
}

/// One claim of `$1`, with the last days from `$3` up to `$4`.
macro_rules! claim {
    ($rows:literal) => {
        concat!(
            "insert into expiry_notices (entity, entity_id, last_day, user_id, sent_at)
             select $1, due.id, due.last_day, due.user_id, $2 from (",
            $rows,
            ") due
             where due.last_day >= $3 and due.last_day <= $4 and due.user_id is not null
                and not exists (
                    select 1 from expiry_notices n
                    where n.entity = $1 and n.entity_id = due.id and n.last_day = due.last_day)
             order by due.last_day, due.id limit $5
             on conflict do nothing
             returning entity_id, last_day, user_id as \"user\""
        )
    };
}

/// Claims the notices of what has its last day from `today` up to `until`. What another transaction
/// claims at the same time is left to it.
pub async fn claim(
    tx: &mut Tx,
    what: Expiring,
    (today, until): (&Date, &Date),
    now: Timestamp,
) -> Result<Vec<Due>> {
    let sql = match what {
        Expiring::License => claim!(
            "select id, user_id, license_valid_until as last_day from doctors
             where deleted_at is null and status <> 'retired'"
        ),
        Expiring::Accreditation => claim!(
            "select id, user_id, accredited_until as last_day from medical_institutions
             where deleted_at is null"
        ),
        Expiring::Prescription => claim!(
            "select r.id, p.user_id, r.valid_until as last_day
             from prescriptions r join patients p on p.id = r.patient_id
             where r.status = 'active' and r.deleted_at is null and p.deleted_at is null"
        ),
    };
    Ok(on!(tx, |conn| sqlx::query_as(sql)
        .bind(what.entity())
        .bind(now)
        .bind(today)
        .bind(until)
        .bind(BATCH)
        .fetch_all(conn)
        .await)?)
}
