//! What is told of a consultation, in the transaction of its change.

use super::{Consultation, participants, parties};
use crate::domain::events::ServerEvent as _;
use crate::domain::events::consultation::ConsultationUpdate;
use crate::domain::id::NodeId;
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
