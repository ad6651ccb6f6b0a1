//! Getting into a consultation: the own token, and everything a portal asks before.

use serde_json::{Value, json};

use super::{Visit, claims, data, keys, metadata};

#[tokio::test]
async fn each_joins_with_a_token_of_their_own() {
    let settings = [
        ("ICE_SERVERS", r#"[{"urls":["stun:stun.example:3478"]}]"#),
        ("TURN_SECRET", "north"),
        ("TURN_URLS", "turn:turn.example:3478"),
    ];
    let visit = Visit::start_with(&settings).await;
    visit.opened("c-1").await;
    let (patient, doctor) = (visit.patient.id, visit.doctor.id);
    let observer = format!("observer-{}", visit.care.admin.id);
    for (account, role, identity) in [
        (&visit.patient.account, "patient", format!("patient-{patient}")),
        (&visit.doctor.account, "doctor", format!("doctor-{doctor}")),
        (&visit.care.admin, "observer", observer),
    ] {
        let body = json!({"name": "Ana Ruiz"});

        let answer = visit.care.post(account, "/api/consultations/c-1/join", body).await;

        assert_eq!(answer.status, 200, "{}", answer.text());
        let seat = data(&answer);
        assert_eq!(
            (&seat["role"], &seat["roomName"], &seat["mode"], &seat["identity"]),
            (&json!(role), &json!("consultation-c-1"), &json!("p2p"), &json!(identity))
        );
        assert_eq!(seat["livekitUrl"], Value::Null);
        let servers = seat["iceServers"].as_array().unwrap();
        assert_eq!(servers[0], json!({"urls": ["stun:stun.example:3478"]}));
        let name = servers[1]["username"].as_str().unwrap();
        assert!(!name.contains(&identity), "relays keep logs: {name}");
        let claims = claims(&seat["token"]);
        assert_eq!((&claims["sub"], &claims["name"]), (&json!(identity), &json!("Ana Ruiz")));
        let is_hidden = claims["video"].get("hidden") == Some(&json!(true));
        assert_eq!(is_hidden, role == "observer");
        assert_eq!(metadata(&claims)["role"], role);
    }
    let stranger = visit.care.doctor(json!({})).await;
    let answer = visit.care.post(&stranger.account, "/api/consultations/c-1/join", Value::Null);
    assert_eq!(answer.await.status, 404);
}

#[tokio::test]
async fn what_is_over_lets_nobody_in() {
    let visit = Visit::start().await;
    visit.opened_with("c-1", json!({"e2ee": true})).await;
    visit.step("c-1", "cancel").await;

    for (path, body) in [
        ("/api/consultations/c-1/join", Value::Null),
        ("/api/token", json!({"consultationId": "c-1"})),
    ] {
        let answer = visit.care.post(&visit.patient.account, path, body).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["success"]), (410, &json!(false)));
    }
    let key = visit.get(&visit.patient.account, "/api/consultations/c-1/e2ee-key").await;
    assert_eq!(key.status, 410);
}

#[tokio::test]
async fn a_room_token_is_handed_out_by_role() {
    let visit = Visit::start().await;
    visit.opened("c-1").await;
    let (patient, doctor) = (&visit.patient.account, &visit.doctor.account);
    let ask = async |by, body: Value| visit.care.post(by, "/api/token", body).await;
    let room = json!({"roomName": "consultation-c-1"});

    let own = ask(patient, json!({"roomName": "consultation-c-1", "ttlSeconds": 60})).await;

    assert_eq!(own.status, 200, "{}", own.text());
    let body = own.json();
    assert_eq!(keys(&body), ["data", "success", "token", "url"]);
    assert_eq!((&body["token"], &body["url"]), (&body["data"]["token"], &Value::Null));
    assert_eq!(body["data"]["role"], "patient");
    let claims = claims(&body["token"]);
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["nbf"].as_i64().unwrap(), 60);
    // The room by the consultation's id.
    assert_eq!(ask(doctor, json!({"roomName": "c-1"})).await.json()["data"]["role"], "doctor");
    assert_eq!(ask(&visit.care.admin, room.clone()).await.json()["data"]["role"], "observer");
    for (changes, status) in [
        (json!({"role": "doctor"}), 403),
        (json!({"identity": "somebody"}), 403),
        (json!({"identity": visit.patient.id.to_string()}), 200),
        (json!({"identity": format!("patient-{}", visit.patient.id)}), 200),
        (json!({"ttlSeconds": 59}), 422),
        (json!({"role": "janitor"}), 422),
    ] {
        let body = crate::support::care::joined(room.clone(), changes.clone());
        assert_eq!(ask(patient, body).await.status, status, "{changes}");
    }
    assert_eq!(ask(patient, json!({})).await.status, 422);
    assert_eq!(ask(patient, json!({"roomName": "nowhere"})).await.status, 404);
}

#[tokio::test]
async fn a_service_asks_for_anybodys_token() {
    let visit = Visit::start().await;
    visit.opened("c-1").await;
    let doctor = visit.doctor.id.to_string();
    for (body, identity, role) in [
        (json!({"role": "patient"}), format!("patient-{}", visit.patient.id), "patient"),
        (json!({"identity": doctor, "role": "doctor"}), format!("doctor-{doctor}"), "doctor"),
        (json!({"identity": "nurse", "role": "observer"}), "nurse".to_owned(), "observer"),
    ] {
        let body = crate::support::care::joined(json!({"consultationId": "c-1"}), body);

        let answer = visit.serve("POST", "/api/token", &body).await;

        let token = data(&answer);
        assert_eq!((&token["identity"], &token["role"]), (&json!(identity), &json!(role)));
        assert_eq!(claims(&token["token"])["sub"], json!(identity));
    }
}

#[tokio::test]
async fn behind_a_waiting_room_no_token_opens_the_door() {
    let visit = Visit::start().await;
    let created = visit.opened_with("c-1", json!({"waitingRoom": true})).await;
    let path = "/api/consultations/c-1/join";

    let joined = visit.care.post(&visit.patient.account, path, Value::Null).await;
    let asked = json!({"consultationId": "c-1"});
    let token = visit.care.post(&visit.patient.account, "/api/token", asked).await;

    let lobby = data(&joined);
    assert_eq!(lobby["status"], "waiting");
    assert!(lobby.get("livekitUrl").is_none() && lobby.get("iceServers").is_none(), "{lobby}");
    for token in [&lobby["token"], &created["patientToken"], &token.json()["token"]] {
        let claims = claims(token);
        assert_eq!(claims["video"]["roomJoin"], false);
        assert_eq!(metadata(&claims)["status"], "waiting");
        assert_eq!(claims["typ"], "room");
    }
    let doctor = visit.care.post(&visit.doctor.account, path, Value::Null).await;
    assert_eq!(claims(&data(&doctor)["token"])["video"]["roomJoin"], true);
}

#[tokio::test]
async fn a_portal_knows_before_joining() {
    let visit = Visit::start().await;
    visit.opened("c-1").await;

    let answer = visit.get(&visit.patient.account, "/api/consultations/c-1/precheck").await;

    assert_eq!(
        data(&answer),
        json!({"allowed": true, "status": "created", "role": "patient", "mode": "p2p",
            "livekit": "disabled", "iceServers": [], "publish": ["camera", "microphone"],
            "otherPartyPresent": false, "recordingConsentNeeded": false})
    );
    visit.step("c-1", "cancel").await;
    let answer = visit.get(&visit.doctor.account, "/api/consultations/c-1/precheck").await;
    let check = data(&answer);
    assert_eq!((&check["allowed"], &check["role"]), (&json!(false), &json!("doctor")));
    assert_eq!(check["publish"], json!(["camera", "microphone", "screen_share"]));
}

#[tokio::test]
async fn relays_are_for_those_who_are_let_in() {
    let visit = Visit::start_with(&[
        ("ICE_SERVERS", r#"[{"urls": "stun:stun.example:3478"}]"#),
        ("TURN_URLS", "turn:turn.example:3478"),
        ("TURN_SECRET", "north of the river, shared with coturn"),
    ])
    .await;
    visit.opened_with("c-1", json!({"waitingRoom": true})).await;
    let told = async |by| {
        let answer = visit.get(by, "/api/consultations/c-1/precheck").await;
        data(&answer)["iceServers"].as_array().unwrap().len()
    };
    let (patient, doctor) = (&visit.patient.account, &visit.doctor.account);
    let (mut on_call, _) = visit.inside("c-1", &doctor.token).await;
    let (mut waits, waiting) = visit.inside("c-1", &patient.token).await;

    assert_eq!((told(patient).await, told(doctor).await), (1, 2));
    let admit = json!({"roomId": "c-1", "peerId": waiting["peerId"]});
    on_call.ask("admit", &admit).await;
    waits.next("admitted").await;
    assert_eq!(told(patient).await, 2);
    assert_eq!(on_call.ask("end", &json!({"roomId": "c-1"})).await, json!({"ok": true}));
    assert_eq!((told(patient).await, told(doctor).await), (1, 1));
}

#[tokio::test]
async fn both_encrypt_by_one_key_that_ends_with_the_consultation() {
    let visit = Visit::start().await;
    visit.opened_with("c-1", json!({"e2ee": true})).await;
    visit.opened("c-2").await;
    let key =
        async |by, id: &str| visit.get(by, &format!("/api/consultations/{id}/e2ee-key")).await;

    let first = data(&key(&visit.patient.account, "c-1").await);
    let second = data(&key(&visit.doctor.account, "c-1").await);

    assert_eq!(first, second);
    assert_eq!((first["key"].as_str().unwrap().len(), &first["keyIndex"]), (44, &json!(0)));
    assert_eq!(key(&visit.patient.account, "c-2").await.status, 404);
    assert_eq!(key(&visit.care.admin, "c-1").await.status, 403);
}
