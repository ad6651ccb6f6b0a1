//! When doctors receive: `schedule` and `time_zone` of `doctors`.

use sqlx::types::Json;

use super::doctors::Doctor;
use super::row::hold;
use crate::domain::clinical::schedule::Timetable;
use crate::domain::id::DoctorId;
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::persistence::Tx;

/// Writes the hours of a doctor that the transaction holds.
pub async fn write(
    tx: &mut Tx,
    doctor: DoctorId,
    timetable: &Timetable,
    time_zone: &str,
    now: Timestamp,
) -> Result<Doctor> {
    const SQL: &str = "
        update doctors set schedule = $2, time_zone = $3, updated_at = $4, version = version + 1
        where id = $1";
    on!(tx, |conn| sqlx::query(SQL)
        .bind(doctor)
        .bind(Json(timetable))
        .bind(time_zone)
        .bind(now)
        .execute(conn)
        .await
        .map(drop))?;
    hold(tx, doctor).await
}
