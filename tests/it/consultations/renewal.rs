//! Calls that last longer than the room tokens they were entered by.

use jsonwebtoken::{EncodingKey, Header};
use latido::domain::time::Timestamp;
use serde_json::{Value, json};

use super::participants::{elsewhere, text};
use super::{Visit, claims};
use crate::support::accounts::SECRET;
use crate::support::within;

/// What is left to a token that is about to expire: less than the minute of the warning.
const SOON: i64 = 40;
/// Within the leeway in which an ended token still lets in; the socket closes at the end of it.
const LATE: i64 = -28;

/// A token that says the same and ends in so many seconds.
fn with_time_left(token: &Value, seconds: i64) -> String {
    let mut claims = claims(token);
    claims["exp"] = json!(Timestamp::now().seconds() + seconds);
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    jsonwebtoken::encode(&Header::default(), &claims, &key).unwrap()
}

#[tokio::test]
async fn another_token_for_the_same_seat_keeps_the_socket() {
    let visit = Visit::start().await;
    let created = elsewhere(&visit, "c-1", json!({})).await;
    let other = elsewhere(&visit, "c-2", json!({})).await;
    let fresh = &created["patientToken"];
    let (mut doctor, _) = visit.inside("c-1", text(&created["doctorToken"])).await;
    let (mut patient, joined) = visit.inside("c-1", &with_time_left(fresh, SOON)).await;
    let left = patient.next("auth:expiring").await["inSeconds"].as_i64().unwrap();
    assert!((30..=40).contains(&left), "{left}");

    let account = &visit.patient.account;
    for (proof, code) in [
        (json!({"token": created["doctorToken"]}), "forbidden"),
        (json!({"token": other["patientToken"]}), "forbidden"),
        (json!({"token": account.token}), "unauthenticated"),
        (json!({"token": "nonsense"}), "unauthenticated"),
        (json!({"refreshToken": "nonsense"}), "invalid"),
    ] {
        let answer = patient.ask("auth:refresh", &proof).await;
        assert_eq!(answer["error"]["code"], code, "{answer}");
    }
    let renewed = patient.ask("auth:refresh", &json!({"token": fresh})).await;

    let ends = Timestamp(claims(fresh)["exp"].as_i64().unwrap() * 1000);
    assert_eq!(renewed, json!({"ok": true, "expiresAt": ends}));
    let hand = json!({"roomId": "c-1", "raised": true});
    assert_eq!(patient.ask("hand-raise", &hand).await, json!({"ok": true}));
    let kick = json!({"roomId": "c-1", "peerId": joined["peerId"]});
    assert_eq!(doctor.ask("kick", &kick).await, json!({"ok": true}));
    let late = patient.ask("auth:refresh", &json!({"token": fresh})).await;
    assert_eq!(late["error"]["code"], "forbidden", "who was sent away goes on by nothing: {late}");
}

#[tokio::test]
async fn the_seat_of_whose_token_ran_out_is_kept_for_who_comes_with_another() {
    let visit = Visit::start().await;
    let created = elsewhere(&visit, "c-1", json!({})).await;
    let fresh = &created["patientToken"];
    let (mut doctor, _) = visit.inside("c-1", text(&created["doctorToken"])).await;
    let (mut patient, before) = visit.inside("c-1", &with_time_left(fresh, LATE)).await;

    assert_eq!(patient.next("error").await["error"]["message"], "token_expired");
    within("the socket to be closed", patient.ended()).await;
    let (_patient, after) = visit.inside("c-1", text(fresh)).await;

    assert_eq!(after["peerId"], before["peerId"]);
    doctor.next("room-state").await;
    assert_eq!(doctor.heard("peer-left"), [Value::Null; 0]);
}
