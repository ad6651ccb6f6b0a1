//! What is about to expire is told to whose it is, once, a month ahead.

use std::time::Duration;

use latido::domain::date::Date;
use latido::domain::time::Timestamp;
use serde_json::{Value, json};

use crate::support::accounts;
use crate::support::care::{Care, Person};

/// The day so many days from now.
fn day(days: u64) -> Date {
    Date::of(Timestamp::now().plus(Duration::from_hours(24 * days)))
}

async fn prescribe(care: &Care, patient: i64, doctor: &Person, last: &Date) {
    let path = format!("/api/v1/patients/{patient}/prescriptions");
    let item = json!({"drug": "Enalapril", "dose": "10 mg", "frequency": "c/12 h"});
    let body = json!({"items": [item], "valid_until": last});
    assert_eq!(care.post(&doctor.account, &path, body).await.status, 201);
}

async fn verify(care: &Care, doctor: i64, last: &Date) {
    let path = format!("/api/v1/doctors/{doctor}/license/verify");
    let body = json!({"verified": true, "valid_until": last});
    assert_eq!(care.post(&care.admin, &path, body).await.status, 200);
}

#[tokio::test]
async fn whose_it_is_hears_once_what_expires_within_a_month() {
    let care = Care::start().await;
    let institution = care.institution().await;
    let (doctor, other) = (care.doctor(json!({})).await, care.doctor(json!({})).await);
    let patient = care.patient(json!({"doctor_id": doctor.id})).await;
    care.ask(&doctor.account, "PATCH", "/users/me/settings", json!({"locale": "en"})).await;
    verify(&care, doctor.id, &day(29)).await;
    verify(&care, other.id, &day(32)).await;
    let path = format!("/api/v1/institutions/{}/verification", institution.id);
    let body = json!({"status": "verified", "accredited_until": day(3)});
    let answer = care.post(&care.admin, &path, body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    prescribe(&care, patient.id, &doctor, &day(1)).await;
    prescribe(&care, patient.id, &doctor, &day(60)).await;
    let mut sockets = [
        care.connect(&doctor).await,
        care.connect(&institution).await,
        care.connect(&patient).await,
    ];

    // Every node looks when it starts.
    let _others = (care.latido.beside(&[]).await, care.latido.beside(&[]).await);

    let mut heard = Vec::new();
    for socket in &mut sockets {
        heard.push(socket.next("notification").await);
    }
    let told: Vec<_> = heard.iter().map(|it| (&it["kind"], &it["title"])).collect();
    assert_eq!(
        told,
        [
            (&json!("license.expiring"), &json!("Licence about to expire")),
            (&json!("accreditation.expiring"), &json!("Acreditación por vencer")),
            (&json!("prescription.expiring"), &json!("Receta por vencer")),
        ]
    );
    assert_eq!(heard[0]["data"], json!({"doctor_id": doctor.id, "valid_until": day(29)}));
    assert!(!Value::from(heard).to_string().contains("Enalapril"));

    // Another last day is another notice, and those sent are not sent again.
    verify(&care, doctor.id, &day(20)).await;
    let _another = care.latido.beside(&[]).await;
    assert_eq!(sockets[0].next("notification").await["data"]["valid_until"], json!(day(20)));
    let count = "select count(*) from notifications";
    assert_eq!(accounts::value::<i64>(care.latido.database.url(), count).await, 4);
}
