//! Creating a consultation: the same one for whoever asks for the same.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, json};

use super::access::Seen;
use super::entry::Token;
use super::media_rooms::{keep_open, no_media_server, open_room};
use super::view::{CreatedView, Outline};
use crate::domain::clinical::doctor::DoctorStatus;
use crate::domain::consultations::draft::{ConsultationDraft, room_name};
use crate::domain::events::signaling::SeatRole;
use crate::domain::events::values::MediaMode;
use crate::domain::id::{DoctorId, PatientId};
use crate::domain::time::Timestamp;
use crate::error::{Error, FieldCode, Kind, Result};
use crate::http::App;
use crate::http::author::Author;
use crate::http::clinical::viewer::{Standing, Viewer, not_for_you};
use crate::http::context::Context;
use crate::http::envelope::Success;
use crate::http::json::Json;
use crate::http::problem::ProblemBody;
use crate::persistence::Tx;
use crate::persistence::clinical::appointments::{self, Appointment};
use crate::persistence::clinical::row::refer;
use crate::persistence::consultations::consultations::{self, Name, New, Whose};
use crate::persistence::consultations::{Consultation, news, parties};

/// A consultation, and whether it was there before.
pub(super) struct Opened {
    pub consultation: Consultation,
    pub is_new: bool,
}

/// Whom the references mean.
struct Parties {
    patient: Option<PatientId>,
    doctor: Option<DoctorId>,
}

/// Creates a consultation and hands out a token for each of the two it is between. Asked for again with
/// the same ids it answers the same consultation with fresh tokens. Doctors create their own,
/// institutions those of their doctors with their patients. Also at `POST /consultations`.
#[utoipa::path(
    post, path = "/api/consultations/create", tag = "consultations",
    operation_id = "create_consultation",
    request_body = ConsultationDraft,
    responses(
        (status = 201, body = Success<CreatedView>, headers(("Location" = String)),
            example = json!({"success": true, "data": {
                "consultationId": "uuid-consultation-001",
                "roomName": "consultation-uuid-consultation-001", "roomSid": "RM_dLZxmFRPxzcP",
                "patientId": "patient-maria-123", "doctorId": "doctor-carlos-456",
                "patientToken": "eyJhbGci…", "doctorToken": "eyJhbGci…",
                "livekitUrl": "https://livekit.example", "createdAt": "2025-10-05T12:07:46.209Z",
                "livekitWsUrl": "wss://livekit.example", "mode": "sfu", "status": "created",
                "e2ee": false,
                "urls": {"patient": "https://patients.example/consultation/uuid-consultation-001",
                    "doctor": "https://doctors.example/consultation/uuid-consultation-001"}}})),
        (status = 200, body = Success<CreatedView>, description = "It was there already"),
        (status = 409, description = "The id is that of another consultation", body = ProblemBody),
        (status = 410, description = "It has ended", body = ProblemBody),
        (status = 502, description = "The media server refuses", body = ProblemBody),
        (status = 503, description = "There is no media server", body = ProblemBody),
        (status = 504, description = "The media server does not answer", body = ProblemBody),
    ),
)]
pub(super) async fn create(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    Json(draft): Json<ConsultationDraft>,
) -> Result<Response> {
    let Opened { consultation, is_new } = open(&app, &viewer, &context, &draft).await?;
    if !is_new {
        keep_open(&app, &consultation).await;
    }
    let place = format!("/api/consultations/{}", consultation.id);
    let body = Success::of(created(&app, &viewer, &consultation)?);
    if is_new {
        return Ok((StatusCode::CREATED, [(LOCATION, place)], body).into_response());
    }
    Ok(body.into_response())
}

/// The consultation that is asked for, made if it is not there.
pub(super) async fn open(
    app: &App,
    viewer: &Viewer,
    context: &Context,
    draft: &ConsultationDraft,
) -> Result<Opened> {
    let parties = parties(app, viewer, draft).await?;
    let before = Name::Id(&draft.consultation_id);
    match consultations::find(&app.store, before, Whose::Everyones).await {
        Ok(there) => return again(there, draft, &parties),
        Err(error) if matches!(error.kind(), Kind::NotFound(_)) => {}
        Err(error) => return Err(error),
    }
    let mode = mode(app, draft)?;
    let room = room_name(&draft.consultation_id);
    // Whatever comes of the row, an empty room closes by itself.
    let sid = match mode {
        MediaMode::Sfu => open_room(app, &room, draft.max_participants).await?,
        MediaMode::P2p => format!("RM_mock_{:012x}", rand::random::<u64>() >> 16),
    };

    let author = Author { app, context, caller: &viewer.caller };
    let now = Timestamp::now();
    let mut tx = app.store.begin().await?;
    let visit = visit(&mut tx, draft, &parties).await?;
    let new = New {
        id: &draft.consultation_id,
        appointment: draft.appointment_id,
        patient_ref: &draft.patient_id,
        doctor_ref: &draft.doctor_id,
        patient: parties.patient,
        doctor: parties.doctor,
        room_name: &room,
        room_sid: &sid,
        mode,
        e2ee: draft.e2ee,
        max_participants: draft.max_participants,
        record: draft.record,
        waiting_room: draft.waiting_room,
        created_by: author.user(),
    };
    let Some(consultation) = consultations::insert(&mut tx, &new, now).await? else {
        drop(tx);
        let there = consultations::find(&app.store, before, Whose::Everyones).await?;
        return again(there, draft, &parties);
    };
    if let Some(visit) = visit {
        appointments::set_consultation(&mut tx, visit.id, &consultation.id, now).await?;
    }
    let id = consultation.id.as_str().into();
    let data = Map::from_iter([("mode".to_owned(), json!(mode))]);
    author.record(&mut tx, "consultation", id, "created", data).await?;
    news::announce(&mut tx, &app.settings.node, &consultation).await?;
    tx.commit().await?;

    app.hub.outbox_ready();
    Ok(Opened { consultation, is_new: true })
}

/// A consultation that was there, if it is the one that is asked for.
fn again(there: Consultation, draft: &ConsultationDraft, parties: &Parties) -> Result<Opened> {
    let is_patient = there.patient_ref == draft.patient_id
        || (parties.patient.is_some() && there.patient_id == parties.patient);
    let is_doctor = there.doctor_ref == draft.doctor_id
        || (parties.doctor.is_some() && there.doctor_id == parties.doctor);
    if !is_patient || !is_doctor {
        return Err(Kind::Conflict { field: "consultationId" }.into());
    }
    there.must_be_open()?;
    Ok(Opened { consultation: there, is_new: false })
}

/// Whom the references mean, if the caller may bring them together.
async fn parties(app: &App, viewer: &Viewer, draft: &ConsultationDraft) -> Result<Parties> {
    if let Standing::Patient(_) | Standing::Company | Standing::Outsider = viewer.standing {
        return Err(not_for_you());
    }
    let patient = parties::patient(&app.store, &draft.patient_id).await?;
    let doctor = parties::doctor(&app.store, &draft.doctor_id).await?;
    let may = match viewer.standing {
        Standing::Doctor(own) => doctor.is_some_and(|doctor| doctor.id == own),
        Standing::Institution(own) => {
            doctor.is_none_or(|doctor| doctor.institution_id == Some(own))
        }
        _ => true,
    };
    if !may {
        return Err(Kind::Forbidden("the consultation is another doctor's").into());
    }
    let takes_unknown = app.calls.settings.takes_unknown_references
        || viewer.caller.has(crate::domain::identity::Role::Service);
    let is_patient_fine = match patient {
        Some(patient) => viewer.is_related(app, patient).await?,
        None => takes_unknown,
    };
    let refused = |pointer, detail: &str| Error::field(pointer, FieldCode::Reference, detail);
    if !is_patient_fine {
        return Err(refused("/patientId", "there is no such patient"));
    }
    match doctor {
        None if !takes_unknown => Err(refused("/doctorId", "there is no such doctor")),
        Some(doctor) if doctor.status != DoctorStatus::Active => {
            let detail = "the doctor does not practise at present";
            Err(Error::field("/doctorId", FieldCode::Rule, detail))
        }
        doctor => Ok(Parties { patient, doctor: doctor.map(|doctor| doctor.id) }),
    }
}

fn mode(app: &App, draft: &ConsultationDraft) -> Result<MediaMode> {
    let has_server = app.calls.media.livekit().is_some();
    match draft.mode {
        Some(MediaMode::Sfu) if !has_server => Err(no_media_server()),
        Some(mode) => Ok(mode),
        None if has_server => Ok(MediaMode::Sfu),
        None => Ok(MediaMode::P2p),
    }
}

/// The visit it is held for, if patient and doctor are the same and it has no other consultation.
async fn visit(
    tx: &mut Tx,
    draft: &ConsultationDraft,
    parties: &Parties,
) -> Result<Option<Appointment>> {
    let Some(id) = draft.appointment_id else { return Ok(None) };
    let visit: Appointment = refer(tx, id, "/appointmentId").await?;
    let is_theirs = Some(visit.patient_id) == parties.patient && visit.doctor_id == parties.doctor;
    if !is_theirs {
        let detail = "the visit is another patient's or another doctor's";
        return Err(Error::field("/appointmentId", FieldCode::Reference, detail));
    }
    visit.standing().check_video()?;
    match &visit.consultation_id {
        Some(other) if *other != draft.consultation_id => {
            Err(Kind::Conflict { field: "appointmentId" }.into())
        }
        _ => Ok(Some(visit)),
    }
}

fn created(app: &App, viewer: &Viewer, row: &Consultation) -> Result<CreatedView> {
    let now = Timestamp::now();
    let seen = Seen::new(row.clone(), viewer);
    let token =
        |role| Ok::<_, Error>(Token::of(app, row, &seen.pass(viewer, role), None, now)?.text);
    let (patient_token, doctor_token) = (token(SeatRole::Patient)?, token(SeatRole::Doctor)?);
    Ok(CreatedView { outline: Outline::of(app, row), patient_token, doctor_token })
}
