//! Visits by video: the consultation they are held by, and how the patient hears of it.

use std::time::Duration;

use latido::domain::time::Timestamp;
use serde_json::{Value, json};

use super::{Visit, data};
use crate::support::smtp::MailServer;

impl Visit {
    /// A visit of the two, a day from now.
    pub(super) async fn booked(&self, kind: &str) -> i64 {
        let starts_at = Timestamp::now().plus(Duration::from_hours(24));
        let body = json!({"patient_id": self.patient.id, "doctor_id": self.doctor.id, "kind": kind,
            "starts_at": starts_at});
        self.care.added("/api/v1/appointments", body).await["id"].as_i64().unwrap()
    }

    pub(super) async fn validated(&self) {
        let path = format!("/api/v1/patients/{}/validation", self.patient.id);
        let body = json!({"status": "validated_by_doctor"});
        let answer = self.care.post(&self.care.admin, &path, body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    pub(super) async fn appointment(&self, id: i64) -> Value {
        let path = format!("/api/v1/appointments/{id}");
        self.get(&self.patient.account, &path).await.json()
    }
}

#[tokio::test]
async fn a_visit_by_video_is_held_by_a_consultation_that_drives_it() {
    let mut server = MailServer::start().await;
    let settings =
        [("SMTP_URL", server.url()), ("PORTAL_PATIENTS_URL", "https://patients.example".into())];
    let settings = settings.each_ref().map(|(key, value)| (*key, value.as_str()));
    let visit = Visit::start_with(&settings).await;
    visit.validated().await;
    let id = visit.booked("video").await;
    let path = format!("/api/v1/appointments/{id}/video");

    let opened = visit.care.post(&visit.doctor.account, &path, Value::Null).await;
    let mail = server.next().await;
    let again = visit.care.post(&visit.doctor.account, &path, json!({"send_link": false})).await;

    assert_eq!(opened.status, 201, "{}", opened.text());
    let consultation = opened.json();
    assert_eq!(
        (&consultation["consultationId"], &consultation["appointmentId"]),
        (&json!(id.to_string()), &json!(id))
    );
    assert!(!opened.text().contains("oken"), "{}", opened.text());
    assert_eq!(again.status, 200);
    let link = format!("https://patients.example/consultation/{id}");
    assert_eq!(mail.link(), link);
    assert!(!mail.text().contains("eyJ"), "no token travels by mail");
    assert_eq!(visit.appointment(id).await["consultation_id"], id.to_string());
    let key = id.to_string();
    assert_eq!(visit.step(&key, "start").await.status, 200);
    assert_eq!(visit.appointment(id).await["status"], "in_progress");
    assert_eq!(visit.step(&key, "end").await.status, 200);
    assert_eq!(visit.appointment(id).await["status"], "completed");
    assert_eq!(visit.care.post(&visit.doctor.account, &path, Value::Null).await.status, 409);
}

#[tokio::test]
async fn a_visit_that_is_not_by_video_or_over_has_no_consultation() {
    let visit = Visit::start().await;
    visit.validated().await;
    let (in_person, called_off) = (visit.booked("in_person").await, {
        let starts_at = Timestamp::now().plus(Duration::from_hours(48));
        let body = json!({"patient_id": visit.patient.id, "doctor_id": visit.doctor.id,
            "kind": "video", "starts_at": starts_at});
        visit.care.added("/api/v1/appointments", body).await["id"].as_i64().unwrap()
    });
    let path = format!("/api/v1/appointments/{called_off}");
    visit.care.post(&visit.doctor.account, &format!("{path}/cancel"), Value::Null).await;
    let open = async |by, id: i64| {
        let path = format!("/api/v1/appointments/{id}/video");
        visit.care.post(by, &path, Value::Null).await
    };

    assert_eq!(open(&visit.doctor.account, in_person).await.status, 409);
    let refused = open(&visit.doctor.account, called_off).await;
    assert_eq!(refused.json()["type"], "urn:latido:problem:invalid-transition");
    assert_eq!(open(&visit.patient.account, in_person).await.status, 403);
}

#[tokio::test]
async fn a_consultation_is_made_for_a_visit_of_the_same_two() {
    let visit = Visit::start().await;
    visit.validated().await;
    let id = visit.booked("video").await;
    let other = visit.care.patient(json!({"doctor_id": visit.doctor.id})).await;
    let create = async |consultation: &str, patient: i64| {
        let body = json!({"consultationId": consultation, "patientId": patient,
            "doctorId": visit.doctor.id, "appointmentId": id});
        visit.care.post(&visit.doctor.account, super::CREATE, body).await
    };

    assert_eq!(create("c-1", other.id).await.status, 422);
    let made = create("c-2", visit.patient.id).await;
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(data(&made)["consultationId"], "c-2");
    let second = create("c-3", visit.patient.id).await;
    assert_eq!((second.status.as_u16(), &second.json()["field"]), (409, &json!("appointmentId")));
}

#[tokio::test]
async fn a_visit_that_has_a_consultation_of_another_name_is_held_by_that_one() {
    let mut server = MailServer::start().await;
    let visit = Visit::start_with(&[("SMTP_URL", &server.url())]).await;
    visit.validated().await;
    let id = visit.booked("video").await;
    visit.opened_with("c-1", json!({"appointmentId": id})).await;
    let path = format!("/api/v1/appointments/{id}/video");

    let opened = visit.care.post(&visit.doctor.account, &path, Value::Null).await;

    assert_eq!(opened.status, 200, "{}", opened.text());
    assert_eq!(opened.json()["consultationId"], "c-1");
    assert!(server.next().await.link().ends_with("/consultation/c-1"));
    visit.step("c-1", "cancel").await;
    let over = visit.care.post(&visit.doctor.account, &path, Value::Null).await;
    assert_eq!(over.status, 410, "{}", over.text());
}
