//! The `quality_samples` table: what participants measured.

use sqlx::FromRow;

use crate::domain::consultations::quality::WINDOW;
use crate::domain::events::signaling::QualitySample;
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::persistence::{Store, Tx};

/// What somebody measured.
#[derive(Debug, Clone)]
pub struct Measured {
    pub identity: String,
    pub sample: QualitySample,
}

#[derive(FromRow)]
struct Row {
    identity: String,
    latency_ms: Option<f64>,
    packet_loss_pct: Option<f64>,
    bitrate_kbps: Option<f64>,
    resolution: Option<String>,
    frame_rate: Option<f64>,
    jitter_ms: Option<f64>,
}

impl From<Row> for Measured {
    fn from(row: Row) -> Self {
        Self {
            identity: row.identity,
            sample: QualitySample {
                latency_ms: row.latency_ms,
                packet_loss_pct: row.packet_loss_pct,
                bitrate_kbps: row.bitrate_kbps,
                resolution: row.resolution,
                frame_rate: row.frame_rate,
                jitter_ms: row.jitter_ms,
            },
        }
    }
}

pub async fn insert(
    tx: &mut Tx,
    room: &str,
    identity: &str,
    sample: &QualitySample,
    now: Timestamp,
) -> Result<()> {
    const SQL: &str = "
        insert into quality_samples
            (room_name, identity, latency_ms, packet_loss_pct, bitrate_kbps, resolution, frame_rate,
             jitter_ms, created_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    Ok(on!(tx, |conn| sqlx::query(SQL)
        .bind(room)
        .bind(identity)
        .bind(sample.latency_ms)
        .bind(sample.packet_loss_pct)
        .bind(sample.bitrate_kbps)
        .bind(&sample.resolution)
        .bind(sample.frame_rate)
        .bind(sample.jitter_ms)
        .bind(now)
        .execute(conn)
        .await
        .map(drop))?)
}

/// What was measured in a room from that moment on, the oldest first.
pub async fn recent(store: &Store, room: &str, since: Timestamp) -> Result<Vec<Measured>> {
    const SQL: &str = "
        select identity, latency_ms, packet_loss_pct, bitrate_kbps, resolution, frame_rate, jitter_ms
        from quality_samples where room_name = $1 and created_at >= $2
        order by created_at desc, id desc limit 5000";
    let mut rows: Vec<Row> =
        on!(store, |conn| sqlx::query_as(SQL).bind(room).bind(since).fetch_all(conn).await)?;
    rows.reverse();
    Ok(rows.into_iter().map(Measured::from).collect())
}

/// Whether something was measured in a room before that moment, within a minute.
pub async fn is_older(store: &Store, room: &str, than: Timestamp) -> Result<bool> {
    const SQL: &str = "
        select exists (
            select 1 from quality_samples
            where room_name = $1 and created_at < $2 and created_at >= $3)";
    let since = than.minus(WINDOW);
    Ok(on!(store, |conn| sqlx::query_scalar(SQL)
        .bind(room)
        .bind(than)
        .bind(since)
        .fetch_one(conn)
        .await)?)
}

/// Forgets what was measured before `before`.
pub async fn purge(tx: &mut Tx, before: Timestamp) -> Result<()> {
    const SQL: &str = "delete from quality_samples where created_at < $1";
    Ok(on!(tx, |conn| sqlx::query(SQL).bind(before).execute(conn).await.map(drop))?)
}
