//! What is said of a consultation when it is created, and at its end.

use garde::Validate;
use serde::Deserialize;
use utoipa::ToSchema;

use super::grant;
use super::reference::Reference;
use crate::domain::events::values::MediaMode;
use crate::domain::id::{AppointmentId, ConsultationId};

/// A consultation to be created.
#[derive(Debug, Clone, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ConsultationInput, example = json!({"consultationId": "uuid-consultation-001",
    "patientId": "patient-maria-123", "doctorId": "doctor-carlos-456"}))]
pub struct ConsultationDraft {
    /// Letters, digits, `.`, `_`, `:` and `-`.
    #[garde(custom(is_id))]
    #[schema(value_type = String, min_length = 1, max_length = 64)]
    pub consultation_id: ConsultationId,
    /// The decimal id, or what another system calls the patient: neither `guest-` and anything, nor
    /// `observer-` and a number, as guests and administrators are named in calls.
    #[garde(custom(is_reference))]
    #[schema(value_type = String, min_length = 1, max_length = 64)]
    pub patient_id: Reference,
    /// The decimal id, or what another system calls the doctor, with the same exceptions.
    #[garde(custom(is_reference), custom(is_somebody_else(&self.patient_id)))]
    #[schema(value_type = String, min_length = 1, max_length = 64)]
    pub doctor_id: Reference,
    /// Absent: `sfu` where there is a media server.
    #[serde(default)]
    #[garde(skip)]
    pub mode: Option<MediaMode>,
    /// Media are encrypted from end to end, and cannot be recorded.
    #[serde(default)]
    #[garde(skip)]
    pub e2ee: bool,
    #[serde(default = "usual_participants")]
    #[garde(range(min = 2, max = 50))]
    #[schema(minimum = 2, maximum = 50, default = 10)]
    pub max_participants: i64,
    /// The visit it is held for.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<i64>)]
    pub appointment_id: Option<AppointmentId>,
    /// Records from the moment on that it is live and goes through the media server; not with `e2ee`.
    #[serde(default)]
    #[garde(custom(is_recordable(self.e2ee)))]
    pub record: bool,
    /// Nobody but the doctor gets in before being admitted.
    #[serde(default)]
    #[garde(skip)]
    pub waiting_room: bool,
}

impl ConsultationDraft {
    /// One that nothing more is said of, by its id or the name of its room.
    pub fn between(room: &str, patient: Reference, doctor: Reference) -> Self {
        let id = room.strip_prefix(ROOM_PREFIX).unwrap_or(room);
        Self {
            consultation_id: id.into(),
            patient_id: patient,
            doctor_id: doctor,
            mode: None,
            e2ee: false,
            max_participants: usual_participants(),
            appointment_id: None,
            record: false,
            waiting_room: false,
        }
    }

    /// One for a visit, named by it.
    pub fn of_visit(
        appointment: AppointmentId,
        patient: impl Into<Reference>,
        doctor: impl Into<Reference>,
    ) -> Self {
        let plain = Self::between(&appointment.to_string(), patient.into(), doctor.into());
        Self { appointment_id: Some(appointment), ..plain }
    }
}

/// What comes before the id in a room's name.
pub const ROOM_PREFIX: &str = "consultation-";

/// The room of a consultation.
pub fn room_name(consultation: &ConsultationId) -> String {
    format!("{ROOM_PREFIX}{consultation}")
}

/// What the doctor writes at the end.
#[derive(Debug, Default, Deserialize, Validate, ToSchema)]
#[schema(as = ConsultationEnd, example = json!({"summary": "Control, sin novedades."}))]
pub struct Ending {
    #[serde(default)]
    #[garde(inner(length(chars, max = 4000)))]
    #[schema(max_length = 4000)]
    pub summary: Option<String>,
}

fn usual_participants() -> i64 {
    10
}

fn is_id<C>(id: &ConsultationId, _: &C) -> garde::Result {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
    match id.as_str() {
        text if !(1..=64).contains(&text.len()) => {
            Err(garde::Error::new("length: must have 1 to 64 characters"))
        }
        text if text.bytes().all(is_plain) => Ok(()),
        _ => Err(garde::Error::new("format: letters, digits, '.', '_', ':' and '-' only")),
    }
}

fn is_reference<C>(reference: &Reference, _: &C) -> garde::Result {
    let text = reference.as_str();
    if !(1..=64).contains(&text.chars().count()) {
        return Err(garde::Error::new("length: must have 1 to 64 characters"));
    }
    if text.chars().any(char::is_control) {
        return Err(garde::Error::new("format: control characters are not accepted"));
    }
    if grant::is_guest(text) || grant::observer_of(text).is_some() {
        return Err(garde::Error::new("rule: guests and administrators go by such names in calls"));
    }
    Ok(())
}

fn is_recordable<C>(e2ee: bool) -> impl FnOnce(&bool, &C) -> garde::Result {
    move |record, _| {
        if *record && e2ee {
            let detail = "rule: what is encrypted from end to end cannot be recorded";
            return Err(garde::Error::new(detail));
        }
        Ok(())
    }
}

/// Two who go by one identity would put each other out of the room.
fn is_somebody_else<C>(patient: &Reference) -> impl FnOnce(&Reference, &C) -> garde::Result {
    use crate::domain::events::signaling::SeatRole::{Doctor, Patient};
    let patient = patient.identity(Patient);
    move |doctor, _| {
        if doctor.identity(Doctor) == patient {
            return Err(garde::Error::new("rule: patient and doctor go by one name"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn refused(changes: &Value) -> Vec<String> {
        let mut body = json!({"consultationId": "c-1", "patientId": "p", "doctorId": 7});
        let fields = changes.as_object().unwrap().clone();
        body.as_object_mut().unwrap().extend(fields);
        let draft: ConsultationDraft = serde_json::from_value(body).unwrap();
        match draft.validate() {
            Ok(()) => Vec::new(),
            Err(report) => report.iter().map(|(path, _)| path.to_string()).collect(),
        }
    }

    #[test]
    fn a_consultation_is_named_in_plain_letters_and_held_by_two() {
        assert_eq!(refused(&json!({})), [""; 0]);
        assert_eq!(refused(&json!({"consultationId": "A.b_c:d-9"})), [""; 0]);
        for id in ["", "a/b", "a b", "ñ", &"x".repeat(65)] {
            assert_eq!(refused(&json!({"consultationId": id})), ["consultation_id"], "{id}");
        }
        assert_eq!(refused(&json!({"patientId": 7})), [""; 0]);
        assert_eq!(refused(&json!({"patientId": "x", "doctorId": "x"})), ["doctor_id"]);
        assert_eq!(refused(&json!({"patientId": "doctor-7"})), ["doctor_id"]);
        assert_eq!(refused(&json!({"maxParticipants": 51})), ["max_participants"]);
        assert_eq!(refused(&json!({"record": true})), [""; 0]);
        assert_eq!(refused(&json!({"e2ee": true, "record": true})), ["record"]);
    }

    #[test]
    fn nobody_goes_by_the_name_of_a_guest_or_of_an_administrator_who_looks_on() {
        for taken in ["guest-maria", "guest-7", "guest-", "observer-7"] {
            assert_eq!(refused(&json!({"patientId": taken})), ["patient_id"], "{taken}");
            assert_eq!(refused(&json!({"doctorId": taken})), ["doctor_id"], "{taken}");
        }
        for free in ["observer-maria", "guest", "maria-guest-7", "the-observer-7"] {
            assert_eq!(refused(&json!({"patientId": free})), [""; 0], "{free}");
        }
    }
}
