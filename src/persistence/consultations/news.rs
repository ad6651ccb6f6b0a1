//! What is told of a consultation, in the transaction of its change.

use super::recordings::Recording;
use super::{Consultation, consultations, participants, parties};
use crate::domain::consultations::carrying::DEADLINE_MS;
use crate::domain::consultations::recording::RecordingStatus;
use crate::domain::events::ServerEvent as _;
use crate::domain::events::consultation::{Caller, ConsultationInvite, ConsultationUpdate};
use crate::domain::events::signaling::notices::{
    EndReason, HandOver, HandOverReason, RecordingChanged, RecordingRequest, RoomEnded, steerer,
};
use crate::domain::id::{ConsultationId, NodeId, UserId};
use crate::domain::state::State as _;
use crate::domain::time::Timestamp;
use crate::domain::topic::Topic;
use crate::error::Result;
use crate::persistence::{Tx, outbox};

/// Tells everyone a consultation concerns how it stands.
pub async fn announce(tx: &mut Tx, node: &NodeId, consultation: &Consultation) -> Result<()> {
    let update = ConsultationUpdate {
        consultation_id: consultation.id.to_string(),
        status: consultation.status.name().to_owned(),
        mode: consultation.mode,
        recording: consultation.recording,
        participants: Some(participants::present(tx, &consultation.id).await?),
        timestamp: Timestamp::now(),
    };
    let concerned = parties::accounts(tx, consultation).await?;
    let topics = concerned.into_iter().map(Topic::User).chain(update.topics()).collect();
    outbox::append(tx, &update.event_to(topics), Some(node)).await.map(drop)
}

/// Tells everyone a consultation concerns that its call is carried otherwise. Rooms hear of it from the
/// relay.
pub async fn announce_move(
    tx: &mut Tx,
    node: &NodeId,
    moved: &Consultation,
    reason: HandOverReason,
) -> Result<()> {
    announce(tx, node, moved).await?;
    let hand_over = HandOver {
        room_id: moved.id.to_string(),
        mode: moved.mode,
        reason,
        deadline_ms: DEADLINE_MS,
        sfu: None,
        version: Some(moved.stamp.version),
    };
    outbox::append(tx, &hand_over.event_to(Vec::new()), Some(node)).await.map(drop)
}

/// Tells the party that is not there yet that the other one is.
pub async fn invite(
    tx: &mut Tx,
    node: &NodeId,
    consultation: &Consultation,
    callee: UserId,
    from: Caller,
    now: Timestamp,
) -> Result<()> {
    let invite = ConsultationInvite {
        consultation_id: consultation.id.to_string(),
        room_name: consultation.room_name.clone(),
        from,
        timestamp: now,
    };
    outbox::append(tx, &invite.event_to(vec![Topic::User(callee)]), Some(node)).await.map(drop)
}

/// Tells the room of a consultation why it is over; like what becomes of recordings, by the relay.
pub async fn announce_end(
    tx: &mut Tx,
    node: &NodeId,
    id: &ConsultationId,
    reason: EndReason,
    now: Timestamp,
) -> Result<()> {
    let ended = RoomEnded { room_id: id.to_string(), reason, timestamp: now };
    outbox::append(tx, &ended.event_to(Vec::new()), Some(node)).await.map(drop)
}

/// Tells everyone a consultation concerns, and its room, how a recording stands that somebody steered, or
/// the hub itself; and asks the patient where that is to come first. Rooms hear of it from the relay: what
/// is for them alone is for no topic.
pub async fn announce_recording(
    tx: &mut Tx,
    node: &NodeId,
    recording: &Recording,
    by: Option<UserId>,
    now: Timestamp,
) -> Result<()> {
    let consultation = consultations::touch(tx, &recording.consultation_id, now).await?;
    announce(tx, node, &consultation).await?;
    let room_id = recording.consultation_id.to_string();
    if recording.status == RecordingStatus::Requested {
        let request = RecordingRequest::new(&recording.consultation_id, recording.id, by);
        outbox::append(tx, &request.event_to(Vec::new()), Some(node)).await?;
    }
    let changed = RecordingChanged {
        room_id,
        recording_id: recording.id.0,
        status: recording.status.name().to_owned(),
        by: steerer(by),
        mock: recording.mock,
        timestamp: now,
    };
    outbox::append(tx, &changed.event_to(Vec::new()), Some(node)).await.map(drop)
}
