//! Beginning a recording, agreeing to it and ending it, by whichever way that is asked.
//!
//! The media server is slow to say whether it films, so whoever asks is told `starting`, and hears the rest
//! as an event; see [`filming`](super::filming). Without a bucket or a media server everything is done but
//! filming.

use serde_json::{Map, json};

use super::filming::{film, finish};
use crate::domain::consultations::recording::{Consent, Layout, RecordingStatus, filepath};
use crate::domain::events::values::MediaMode;
use crate::domain::id::{ConsultationId, RecordingId, UserId};
use crate::domain::state::State as _;
use crate::domain::time::Timestamp;
use crate::error::{Kind, Result};
use crate::http::App;
use crate::http::author::Author;
use crate::media::LiveKit;
use crate::persistence::Tx;
use crate::persistence::clinical::row::hold;
use crate::persistence::consultations::recordings::{self, New, Outcome, Recording};
use crate::persistence::consultations::{Consultation, consultations, news};

/// Records a consultation. Without somebody's word that the patient agreed, where that is needed, the
/// patient is asked first; with it nobody waits any more for a patient who is being asked.
pub(super) async fn begin(
    author: &Author<'_>,
    id: &ConsultationId,
    layout: Option<Layout>,
    consent: Option<Consent>,
) -> Result<Recording> {
    let app = author.app;
    let mut tx = app.store.begin().await?;
    let consultation = consultations::hold(&mut tx, id).await?;
    let status = status(app, &consultation, consent.is_some())?;
    let asked = match consent {
        Some(_) if status == RecordingStatus::Starting => {
            recordings::hold_asked(&mut tx, id).await?
        }
        _ => None,
    };
    let recording = if let Some((asked, consent)) = asked.zip(consent) {
        let agreed = recordings::note_consent(&mut tx, asked.id, consent, layout).await?;
        move_on(&mut tx, author, &agreed, status).await?
    } else {
        let layout = layout.unwrap_or_default();
        let plan = Plan { status, layout, by: author.user(), consent };
        plan.insert(&mut tx, app, &consultation).await?
    };
    let data = [("recording", json!(recording.id)), ("status", json!(status))];
    let data = Map::from_iter(data.map(|(name, value)| (name.to_owned(), value)));
    author.record(&mut tx, "recording", recording.id.0.into(), "started", data).await?;
    tx.commit().await?;

    app.hub.outbox_ready();
    film(app, &consultation, &recording);
    Ok(recording)
}

/// Has a recording end: that one, or the one that runs.
pub(super) async fn end(
    author: &Author<'_>,
    id: &ConsultationId,
    which: Option<RecordingId>,
) -> Result<Recording> {
    let app = author.app;
    let mut tx = app.store.begin().await?;
    let (_, recording) = held(&mut tx, id, which).await?;
    let to = recording.status.stopped();
    recording.status.check_move(to)?;
    let recording = move_on(&mut tx, author, &recording, to).await?;
    author.record(&mut tx, "recording", recording.id.0.into(), "stopped", Map::new()).await?;
    tx.commit().await?;

    app.hub.outbox_ready();
    finish(app, &recording);
    Ok(recording)
}

/// Takes the patient's answer to whether they agree.
pub(super) async fn answer(
    author: &Author<'_>,
    id: &ConsultationId,
    which: Option<RecordingId>,
    consent: bool,
) -> Result<Recording> {
    let app = author.app;
    let mut tx = app.store.begin().await?;
    let (consultation, recording) = held(&mut tx, id, which).await?;
    if recording.status != RecordingStatus::Requested {
        return Err(Kind::Untenable("nobody is asked about this recording").into());
    }
    let to = if consent { RecordingStatus::Starting } else { RecordingStatus::Declined };
    if consent {
        // The call may have moved since the patient was asked.
        must_be_filmable(&consultation)?;
        recordings::note_consent(&mut tx, recording.id, Consent::Patient, None).await?;
    }
    let recording = move_on(&mut tx, author, &recording, to).await?;
    let data = Map::from_iter([("consent".to_owned(), json!(consent))]);
    author.record(&mut tx, "recording", recording.id.0.into(), "answered", data).await?;
    tx.commit().await?;

    app.hub.outbox_ready();
    film(app, &consultation, &recording);
    Ok(recording)
}

/// The recording that is meant, and its consultation; until the transaction ends nobody else can change
/// either.
async fn held(
    tx: &mut Tx,
    id: &ConsultationId,
    which: Option<RecordingId>,
) -> Result<(Consultation, Recording)> {
    let consultation = consultations::hold(tx, id).await?;
    let recording = match which {
        Some(recording) => hold::<Recording>(tx, recording).await?,
        None => recordings::hold_running(tx, id).await?,
    };
    if recording.consultation_id == *id {
        Ok((consultation, recording))
    } else {
        Err(Kind::NotFound("recording").into())
    }
}

async fn move_on(
    tx: &mut Tx,
    author: &Author<'_>,
    recording: &Recording,
    to: RecordingStatus,
) -> Result<Recording> {
    let (node, now) = (&author.app.settings.node, Timestamp::now());
    let outcome = Outcome::default();
    let recording = recordings::set_status(tx, recording.id, to, &outcome, now).await?;
    news::announce_recording(tx, node, &recording, author.user(), now).await?;
    Ok(recording)
}

/// How a recording begins that is asked for now.
pub(super) fn status(
    app: &App,
    consultation: &Consultation,
    consent: bool,
) -> Result<RecordingStatus> {
    consultation.must_be_open()?;
    if consultation.e2ee {
        let detail = "what is encrypted from end to end cannot be recorded";
        return Err(Kind::Untenable(detail).into());
    }
    if !app.calls.media.livekit().is_some_and(LiveKit::can_record) {
        return Ok(RecordingStatus::Mock);
    }
    must_be_filmable(consultation)?;
    let must_ask = app.calls.settings.needs_consent && !consent;
    Ok(if must_ask { RecordingStatus::Requested } else { RecordingStatus::Starting })
}

/// The recorder films what the media server carries.
fn must_be_filmable(consultation: &Consultation) -> Result<()> {
    if consultation.mode == MediaMode::P2p {
        let detail = "a call from browser to browser cannot be recorded";
        return Err(Kind::Untenable(detail).into());
    }
    Ok(())
}

/// A recording to be written.
pub(super) struct Plan {
    pub status: RecordingStatus,
    pub layout: Layout,
    pub by: Option<UserId>,
    pub consent: Option<Consent>,
}

impl Plan {
    pub(super) async fn insert(
        &self,
        tx: &mut Tx,
        app: &App,
        consultation: &Consultation,
    ) -> Result<Recording> {
        let now = Timestamp::now();
        let new = New {
            consultation: &consultation.id,
            status: self.status,
            layout: self.layout,
            filepath: &filepath(&consultation.id, now),
            bucket: app.calls.settings.bucket.as_deref(),
            started_by: self.by,
            consent: self.consent,
        };
        let recording = recordings::insert(tx, &new, now).await?;
        news::announce_recording(tx, &app.settings.node, &recording, self.by, now).await?;
        Ok(recording)
    }
}
