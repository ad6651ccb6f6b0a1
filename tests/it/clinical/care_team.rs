//! Who cares for a patient, arranged by version.

use serde_json::{Value, json};

use crate::support::care::Care;

#[tokio::test]
async fn a_care_team_is_arranged_at_the_version_of_its_patient() {
    let care = Care::start().await;
    let (doctor, colleague) = (care.doctor(json!({})).await, care.doctor(json!({})).await);
    let patient = care.patient(json!({"doctor_id": doctor.id})).await;
    let path = format!("/api/v1/patients/{}", patient.id);
    let team = format!("{path}/care-team");
    let arrange = async |method: &str, path: &str, version: &str, body: Value| {
        let call = care.latido.call(method, path).bearer(&doctor.account.token);
        call.header("if-match", version).json(&body).send().await.status.as_u16()
    };
    let member = json!({"doctor_id": colleague.id});
    let place = format!("{team}/{}", colleague.id);

    assert_eq!(arrange("POST", &team, "\"v2\"", member.clone()).await, 412);
    assert_eq!(arrange("POST", &team, "\"v1\"", member).await, 201);
    assert_eq!(care.get(&doctor.account, &path).await.header("etag"), "\"v2\"");
    assert_eq!(arrange("DELETE", &place, "\"v1\"", json!({})).await, 412);
    let shown = care.get(&doctor.account, &team).await.json();
    assert_eq!(shown["members"].as_array().unwrap().len(), 1);
    assert_eq!(arrange("DELETE", &place, "\"v2\"", json!({})).await, 204);
}
