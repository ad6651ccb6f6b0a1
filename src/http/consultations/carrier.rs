//! What rooms ask of the media server, answered by the rules of the routes.

use std::sync::Arc;

use garde::Validate as _;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::announcements::Announcements;
use super::handover::move_call;
use super::media_rooms::{keep_open, no_media_server};
use super::{create, eviction, moves, recorder, rooms, stats};
use crate::actors::hub::{Announcement, Asker, MediaRequest, MediaServer, Sitting, Waiting};
use crate::domain::consultations::draft::ConsultationDraft;
use crate::domain::consultations::recording::Consent;
use crate::domain::consultations::reference::Reference;
use crate::domain::events::signaling::SeatRole;
use crate::domain::events::signaling::notices::HandOverReason;
use crate::domain::events::signaling::requests::{
    HandingOver, RecordingAction, RecordingControlled,
};
use crate::domain::events::values::MediaMode;
use crate::domain::id::ConsultationId;
use crate::domain::state::State as _;
use crate::error::{Error, Kind, Result};
use crate::http::App;
use crate::http::author::Author;
use crate::http::clinical::viewer::{Standing, Viewer};
use crate::http::context::Context;
use crate::persistence::consultations::Consultation;
use crate::persistence::consultations::consultations::{self, Name, Whose};
use crate::persistence::consultations::recordings::Recording;

/// Carries the calls of this node's rooms.
pub struct Carrier {
    app: App,
    announcements: Arc<Announcements>,
}

impl MediaServer for Carrier {
    fn ask<'a>(
        &'a self,
        by: Asker<'a>,
        sitting: &'a Sitting,
        asked: MediaRequest,
    ) -> Waiting<'a, Map<String, Value>> {
        Box::pin(self.answer(by, sitting, asked))
    }

    fn make_place<'a>(&'a self, id: &'a ConsultationId) -> Waiting<'a, ()> {
        Box::pin(self.grow(id))
    }

    fn keep_open<'a>(&'a self, id: &'a ConsultationId) -> Waiting<'a, ()> {
        Box::pin(async {
            keep_open(&self.app, &self.consultation(id).await?).await;
            Ok(())
        })
    }

    fn improvise<'a>(&'a self, by: Asker<'a>, room: &'a str) -> Waiting<'a, ()> {
        Box::pin(self.make(by, room))
    }

    fn announce(&self, announcement: Announcement) {
        self.announcements.make(&self.app, announcement);
    }

    fn follow(&self, moved: &Consultation) {
        moves::after(&self.app, moved);
    }
}

impl Carrier {
    pub fn new(app: App) -> Self {
        Self { app, announcements: Arc::default() }
    }

    async fn answer(
        &self,
        by: Asker<'_>,
        sitting: &Sitting,
        asked: MediaRequest,
    ) -> Result<Map<String, Value>> {
        let context = Context::of_socket(by.provenance);
        let author = Author { app: &self.app, context: &context, caller: by.principal };
        let id = &sitting.consultation;
        match asked {
            MediaRequest::HandOver { to, reason } => {
                let moved = move_call(&self.app, Some((&author, None)), id, to, reason).await?;
                fields(&HandingOver { mode: moved.mode })
            }
            MediaRequest::Record { action: RecordingAction::Start, consent } => {
                // Administrators, who steer it too, were not told by the patient.
                let is_doctor = sitting.seat.role == SeatRole::Doctor;
                let consent = (consent && is_doctor).then_some(Consent::Doctor);
                let begun = recorder::begin(&author, id, None, consent).await?;
                fields(&controlled(begun))
            }
            MediaRequest::Record { action: RecordingAction::Stop, .. } => {
                fields(&controlled(recorder::end(&author, id, None).await?))
            }
            MediaRequest::Consent { recording, consent } => {
                recorder::answer(&author, id, recording, consent).await?;
                Ok(Map::new())
            }
            MediaRequest::Silence { identity, kind } => {
                rooms::silence_at_server(&author, &self.consultation(id).await?, &identity, kind)
                    .await?;
                Ok(Map::new())
            }
            MediaRequest::SendAway { identity, reason } => {
                let consultation = self.consultation(id).await?;
                eviction::keep_out(&author, &consultation, &identity, reason).await?;
                Ok(Map::new())
            }
            MediaRequest::Measured(sample) => {
                stats::take(&self.app, sitting, &sample).await?;
                Ok(Map::new())
            }
        }
    }

    async fn grow(&self, id: &ConsultationId) -> Result<()> {
        let app = &self.app;
        if app.calls.media.livekit().is_none() {
            return Err(no_media_server());
        }
        let limit = usize::try_from(self.consultation(id).await?.max_participants);
        if limit.unwrap_or_default() <= app.hub.peers_in(id) {
            return Err(Kind::Untenable("as many are in the call as it is for").into());
        }
        let (to, why) = (MediaMode::Sfu, HandOverReason::RoomSize);
        move_call(app, None, id, to, why).await.map(drop)
    }

    /// Patient and doctor are whoever asks, where they are one of these, and else nobody known.
    async fn make(&self, by: Asker<'_>, room: &str) -> Result<()> {
        let app = &self.app;
        let (patient, doctor) = match Standing::of(&app.store, by.principal).await? {
            Standing::Patient(own) => (own.0.into(), Reference::from("doctor-dev")),
            Standing::Doctor(own) => (Reference::from("patient-dev"), own.0.into()),
            _ => (Reference::from("patient-dev"), Reference::from("doctor-dev")),
        };
        let draft = ConsultationDraft::between(room, patient, doctor);
        draft.validate().map_err(|_| Kind::NotFound("consultation"))?;
        let viewer = Viewer { caller: by.principal.clone(), standing: Standing::House };
        let context = Context::of_socket(by.provenance);
        create::open(app, &viewer, &context, &draft).await.map(drop)
    }

    async fn consultation(&self, id: &ConsultationId) -> Result<Consultation> {
        consultations::find(&self.app.store, Name::Id(id), Whose::Everyones).await
    }
}

fn controlled(recording: Recording) -> RecordingControlled {
    RecordingControlled {
        recording_id: recording.id.0,
        egress_id: recording.egress_id,
        status: recording.status.name().to_owned(),
        mock: recording.mock,
    }
}

fn fields(answer: &impl Serialize) -> Result<Map<String, Value>> {
    match json!(answer) {
        Value::Object(fields) => Ok(fields),
        _ => Err(Error::internal("an answer without fields")),
    }
}
