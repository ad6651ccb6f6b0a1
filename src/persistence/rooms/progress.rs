//! How far a consultation has come, written with the event that tells of it.

use std::time::Duration;

use serde_json::Map;

use super::facts;
use crate::domain::consultations::facts::Facts;
use crate::domain::consultations::status::ConsultationStatus;
use crate::domain::events::ServerEvent as _;
use crate::domain::events::consultation::{
    Caller, ConsultationInvite, ConsultationUpdate, RecordingMark,
};
use crate::domain::events::subscription::EntityUpdate;
use crate::domain::events::values::EntityRef;
use crate::domain::id::{ConsultationId, NodeId, UserId};
use crate::domain::state::State as _;
use crate::domain::time::Timestamp;
use crate::domain::topic::Topic;
use crate::error::{Kind, Result};
use crate::persistence::audit::{self, AuditEntry};
use crate::persistence::{Tx, outbox};

/// Moves a consultation to another status and tells everybody concerned. Nothing happens when it is
/// there already. `by` says who did it.
pub async fn advance(
    tx: &mut Tx,
    id: &ConsultationId,
    to: ConsultationStatus,
    by: AuditEntry,
    node: &NodeId,
    now: Timestamp,
) -> Result<()> {
    const SQL: &str = "
        update consultations
        set status = $2,
            started_at = case when $3 then coalesce(started_at, $5) else started_at end,
            ended_at = case when $4 then $5 else ended_at end,
            version = version + 1, updated_at = $5
        where id = $1";
    let facts = facts::hold(tx, id).await?.ok_or(Kind::NotFound("consultation"))?;
    if facts.status == to {
        return Ok(());
    }
    facts.status.check_move(to)?;
    on!(tx, |conn| sqlx::query(SQL)
        .bind(id)
        .bind(to)
        .bind(to == ConsultationStatus::Live)
        .bind(to == ConsultationStatus::Ended)
        .bind(now)
        .execute(conn)
        .await
        .map(drop))?;
    let mut data = Map::new();
    data.insert("status".to_owned(), to.name().into());
    let entry = AuditEntry {
        action: "updated",
        entity_type: "consultation",
        entity_id: Some(id.to_string()),
        data,
        ..by
    };
    audit::append(tx, &entry, now).await?;
    announce(tx, &facts, to, node, now).await
}

/// Tells the party that is not there yet that the other one is.
pub async fn invite(
    tx: &mut Tx,
    id: &ConsultationId,
    callee: UserId,
    from: Caller,
    node: &NodeId,
    now: Timestamp,
) -> Result<()> {
    let Some(facts) = facts::hold(tx, id).await?.filter(|facts| !facts.status.is_over()) else {
        return Ok(());
    };
    let invite = ConsultationInvite {
        consultation_id: id.to_string(),
        room_name: facts.room_name,
        from,
        timestamp: now,
    };
    outbox::append(tx, &invite.event_to(vec![Topic::User(callee)]), Some(node)).await.map(drop)
}

/// Adds to the time that somebody spent in the lobby.
pub async fn note_wait(tx: &mut Tx, id: &ConsultationId, waited: Duration) -> Result<()> {
    const SQL: &str = "update consultations set waited_ms = waited_ms + $2 where id = $1";
    let waited = i64::try_from(waited.as_millis()).unwrap_or(i64::MAX);
    Ok(on!(tx, |conn| sqlx::query(SQL).bind(id).bind(waited).execute(conn).await.map(drop))?)
}

async fn announce(
    tx: &mut Tx,
    facts: &Facts,
    status: ConsultationStatus,
    node: &NodeId,
    now: Timestamp,
) -> Result<()> {
    let update = ConsultationUpdate {
        consultation_id: facts.id.to_string(),
        status: status.name().to_owned(),
        mode: facts.mode,
        recording: RecordingMark::None,
        participants: None,
        timestamp: now,
    };
    let doctor = facts.doctor.as_ref().map(|doctor| doctor.party.user);
    let patient = facts.patient.as_ref().map(|patient| patient.user);
    let users = [doctor, patient].into_iter().flatten().map(Topic::User);
    let topics = users.chain(update.topics()).collect();
    outbox::append(tx, &update.event_to(topics), Some(node)).await?;
    let mirror = EntityUpdate {
        entity: "consultation".to_owned(),
        entity_id: EntityRef::from(facts.id.as_str()),
        action: "updated".to_owned(),
        data: None,
        timestamp: now,
    };
    outbox::append(tx, &mirror.event(), Some(node)).await.map(drop)
}
