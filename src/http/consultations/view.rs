//! Consultations and recordings as they are shown.

use serde::Serialize;
use utoipa::ToSchema;

use super::entry::addresses;
use crate::domain::consultations::recording::RecordingStatus;
use crate::domain::consultations::reference::Reference;
use crate::domain::consultations::status::ConsultationStatus;
use crate::domain::events::consultation::{ParticipantView, RecordingMark};
use crate::domain::events::values::MediaMode;
use crate::domain::id::{AppointmentId, ConsultationId, RecordingId, UserId};
use crate::domain::time::Timestamp;
use crate::http::App;
use crate::persistence::consultations::Consultation;
use crate::persistence::consultations::recordings::Recording;

/// A consultation.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Consultation, example = json!({"consultationId": "uuid-consultation-001",
    "roomName": "consultation-uuid-consultation-001", "roomSid": "RM_dLZxmFRPxzcP",
    "patientId": "patient-maria-123", "doctorId": "doctor-carlos-456",
    "livekitUrl": "https://livekit.example", "createdAt": "2025-10-05T12:07:46.209Z",
    "livekitWsUrl": "wss://livekit.example", "mode": "sfu", "status": "live", "e2ee": false,
    "urls": {"patient": "https://patients.example/consultation/uuid-consultation-001",
        "doctor": "https://doctors.example/consultation/uuid-consultation-001"},
    "waitingRoom": false, "maxParticipants": 10, "startedAt": "2025-10-05T12:10:00.000Z",
    "participants": [{"identity": "doctor-carlos-456", "role": "doctor",
        "joinedAt": "2025-10-05T12:09:12.000Z"}],
    "recording": "none", "version": 3, "updatedAt": "2025-10-05T12:10:00.000Z"}))]
pub(super) struct ConsultationView {
    #[serde(flatten)]
    outline: Outline,
    waiting_room: bool,
    max_participants: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    appointment_id: Option<AppointmentId>,
    /// What the doctor wrote at its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<String>,
    participants: Vec<ParticipantView>,
    recording: RecordingMark,
    version: i64,
    updated_at: Timestamp,
}

/// A consultation that was created, and a token for each of the two it is between.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreatedView {
    #[serde(flatten)]
    pub outline: Outline,
    /// With a waiting room it opens the lobby only.
    pub patient_token: String,
    pub doctor_token: String,
}

/// Between whom a consultation is, where it is held and how.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ConsultationOutline)]
pub(super) struct Outline {
    #[schema(value_type = String)]
    consultation_id: ConsultationId,
    room_name: String,
    room_sid: Option<String>,
    /// As it was named at creation.
    #[schema(value_type = String)]
    patient_id: Reference,
    /// As it was named at creation.
    #[schema(value_type = String)]
    doctor_id: Reference,
    /// Null where calls go from browser to browser.
    livekit_url: Option<String>,
    created_at: Timestamp,
    livekit_ws_url: Option<String>,
    mode: MediaMode,
    status: ConsultationStatus,
    e2ee: bool,
    urls: Urls,
}

/// Where the portals show a consultation.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Urls {
    patient: String,
    doctor: String,
}

/// A recording.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Recording, example = json!({"id": 12, "consultationId": "uuid-001",
    "egressId": "EG_4fT9", "status": "recording", "mock": false,
    "filepath": "consultations/uuid-001-2025-10-05T120746.mp4", "sizeBytes": null,
    "durationSeconds": null, "startedBy": 123, "startedAt": "2025-10-05T12:07:46.209Z",
    "stoppedAt": null, "error": null, "visibleToPatient": false, "version": 2}))]
pub(super) struct RecordingView {
    #[schema(value_type = i64)]
    id: RecordingId,
    #[schema(value_type = String)]
    consultation_id: ConsultationId,
    egress_id: Option<String>,
    status: RecordingStatus,
    mock: bool,
    filepath: String,
    size_bytes: Option<i64>,
    duration_seconds: Option<i64>,
    #[schema(value_type = Option<i64>)]
    started_by: Option<UserId>,
    started_at: Timestamp,
    stopped_at: Option<Timestamp>,
    error: Option<String>,
    visible_to_patient: bool,
    version: i64,
}

impl ConsultationView {
    pub(super) fn of(app: &App, row: Consultation, participants: Vec<ParticipantView>) -> Self {
        let lasted = row
            .started_at
            .map(|start| row.ended_at.unwrap_or_else(Timestamp::now).since(start).as_secs());
        Self {
            outline: Outline::of(app, &row),
            waiting_room: row.waiting_room,
            max_participants: row.max_participants,
            started_at: row.started_at,
            ended_at: row.ended_at,
            duration_seconds: lasted.filter(|_| row.ended_at.is_some()),
            appointment_id: row.appointment_id,
            summary: row.summary,
            participants,
            recording: row.recording,
            version: row.stamp.version,
            updated_at: row.stamp.updated_at,
        }
    }
}

impl Outline {
    pub(super) fn of(app: &App, row: &Consultation) -> Self {
        let (livekit_url, livekit_ws_url) = addresses(app, row.mode);
        Self {
            consultation_id: row.id.clone(),
            room_name: row.room_name.clone(),
            room_sid: row.room_sid.clone(),
            patient_id: row.patient_ref.clone(),
            doctor_id: row.doctor_ref.clone(),
            livekit_url,
            created_at: row.stamp.created_at,
            livekit_ws_url,
            mode: row.mode,
            status: row.status,
            e2ee: row.e2ee,
            urls: Urls::of(app, &row.id),
        }
    }
}

impl Urls {
    pub(super) fn of(app: &App, id: &ConsultationId) -> Self {
        let portals = &app.settings.portals;
        let page = |portal: &str| format!("{portal}/consultation/{id}");
        Self { patient: page(&portals.patients), doctor: page(&portals.doctors) }
    }

    /// Where the patient's portal shows it.
    pub(super) fn patient(&self) -> &str {
        &self.patient
    }
}

impl From<Recording> for RecordingView {
    fn from(row: Recording) -> Self {
        Self {
            id: row.id,
            consultation_id: row.consultation_id,
            egress_id: row.egress_id,
            status: row.status,
            mock: row.mock,
            filepath: row.filepath,
            size_bytes: row.size_bytes,
            duration_seconds: row.duration_seconds,
            started_by: row.started_by,
            started_at: row.started_at,
            stopped_at: row.stopped_at,
            error: row.error,
            visible_to_patient: row.visible_to_patient,
            version: row.stamp.version,
        }
    }
}
