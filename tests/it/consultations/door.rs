//! A patient at the door of a call: what belongs to it is for those who were let in.

use serde_json::{Value, json};

use super::Visit;

const PATHS: [&str; 3] =
    ["/api/rooms/c-1/stats", "/api/consultations/c-1/messages", "/api/consultations/c-1/e2ee-key"];

impl Visit {
    /// What the patient is answered to each, and to a measurement of their own.
    async fn seen_by_patient(&self) -> [u16; 4] {
        let patient = &self.patient.account;
        let mut seen = [0; 4];
        for (status, path) in seen.iter_mut().zip(PATHS) {
            *status = self.get(patient, path).await.status.as_u16();
        }
        let sample = json!({"latencyMs": 80});
        seen[3] = self.care.post(patient, PATHS[0], sample).await.status.as_u16();
        seen
    }
}

#[tokio::test]
async fn who_waits_reads_nothing_of_the_call_until_let_in() {
    let visit = Visit::start().await;
    visit.opened_with("c-1", json!({"waitingRoom": true, "e2ee": true})).await;
    assert_eq!(visit.seen_by_patient().await, [403; 4], "nobody came yet");

    let (mut doctor, _) = visit.inside("c-1", &visit.doctor.account.token).await;
    let (mut patient, waits) = visit.inside("c-1", &visit.patient.account.token).await;
    assert_eq!(waits["status"], "waiting");
    let refused = visit.get(&visit.patient.account, PATHS[2]).await;
    assert_eq!(refused.json()["type"], "urn:latido:problem:forbidden");
    assert_eq!(visit.seen_by_patient().await, [403; 4]);
    for path in PATHS {
        let answer = visit.get(&visit.doctor.account, path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    }

    let admit = json!({"roomId": "c-1", "peerId": waits["peerId"]});
    assert_eq!(doctor.ask("admit", &admit).await, json!({"ok": true}));
    let admitted = patient.next("admitted").await;
    assert_eq!(visit.seen_by_patient().await, [200, 200, 200, 202]);

    let back = json!({"roomId": "c-1", "peerId": admitted["peerId"]});
    assert_eq!(doctor.ask("return-to-lobby", &back).await, json!({"ok": true}));
    assert_eq!(visit.seen_by_patient().await, [403; 4]);
    visit.step("c-1", "start").await;
    assert_eq!(visit.step("c-1", "end").await.status, 200);
    let [stats, messages, key, _] = visit.seen_by_patient().await;
    assert_eq!([stats, messages, key], [200, 200, 410], "the key went with the call");
}

#[tokio::test]
async fn without_a_door_nobody_waits() {
    let visit = Visit::start().await;
    visit.opened_with("c-1", json!({"e2ee": true})).await;

    assert_eq!(visit.seen_by_patient().await, [200, 200, 200, 202]);
    let answer =
        visit.care.post(&visit.patient.account, "/api/consultations/c-1/join", Value::Null);
    assert_eq!(answer.await.status, 200);
}
