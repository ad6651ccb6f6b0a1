//! Consultations nobody came to, and recordings nobody agreed to (contract §7, §9.5).

use std::time::Duration;

use crate::domain::consultations::recording::RecordingStatus;
use crate::domain::consultations::status::ConsultationStatus;
use crate::domain::id::NodeId;
use crate::domain::state::State as _;
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::persistence::Store;
use crate::persistence::clinical::row::hold;
use crate::persistence::consultations::recordings::{self, Outcome, Recording};
use crate::persistence::consultations::{consultations, list, news, progress};

/// How long after its creation a consultation is waited for.
const WAITED_FOR: Duration = Duration::from_hours(24);
/// How long a patient has to agree to a recording.
const ANSWERED_WITHIN: Duration = Duration::from_mins(1);
/// Rows of a kind that lapse in one round.
const AT_ONCE: i64 = 100;

/// Lets lapse what is past its time, and tells of it. Whoever else does so meanwhile is no matter: each row
/// is looked at again once it is held.
pub(super) async fn run(store: &Store, node: &NodeId, now: Timestamp) -> Result<bool> {
    let unanswered = recordings::unanswered(store, now.minus(ANSWERED_WITHIN), AT_ONCE).await?;
    let never_begun = list::never_begun(store, now.minus(WAITED_FOR), AT_ONCE).await?;
    let has_lapsed = !unanswered.is_empty() || !never_begun.is_empty();
    for id in unanswered {
        let mut tx = store.begin().await?;
        let recording: Recording = hold(&mut tx, id).await?;
        let to = RecordingStatus::Declined;
        if recording.status.check_move(to).is_err() {
            continue;
        }
        recordings::set_status(&mut tx, id, to, &Outcome::default(), now).await?;
        let consultation = consultations::touch(&mut tx, &recording.consultation_id, now).await?;
        news::announce(&mut tx, node, &consultation).await?;
        tx.commit().await?;
    }
    for id in never_begun {
        let mut tx = store.begin().await?;
        let consultation = consultations::hold(&mut tx, &id).await?;
        let to = ConsultationStatus::Cancelled;
        if consultation.status == ConsultationStatus::Created {
            progress::advance(&mut tx, node, &consultation, to, None, now).await?;
            tx.commit().await?;
        }
    }
    Ok(has_lapsed)
}
