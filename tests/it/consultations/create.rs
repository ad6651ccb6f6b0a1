//! Creating consultations: once, by those who may, between those who are known.

use serde_json::{Value, json};

use super::{CREATE, Visit, claims, data, keys, metadata};
use crate::support::accounts;
use crate::support::care::joined;

#[tokio::test]
async fn a_consultation_is_answered_in_the_shape_clients_know() {
    let visit = Visit::start().await;
    let mut sockets = Vec::new();
    for account in [&visit.care.admin, &visit.doctor.account, &visit.patient.account] {
        sockets.push(visit.care.latido.connect(account).await);
    }

    let body = visit.draft("uuid-consultation-001");
    let answer = visit.care.post(&visit.doctor.account, CREATE, body).await;

    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(answer.header("location"), "/api/consultations/uuid-consultation-001");
    let created = data(&answer);
    assert_eq!(
        keys(&created),
        [
            "consultationId",
            "createdAt",
            "doctorId",
            "doctorToken",
            "e2ee",
            "livekitUrl",
            "livekitWsUrl",
            "mode",
            "patientId",
            "patientToken",
            "roomName",
            "roomSid",
            "status",
            "urls"
        ]
    );
    let room = "consultation-uuid-consultation-001";
    assert_eq!(created["roomName"], room);
    let sid = created["roomSid"].as_str().unwrap().strip_prefix("RM_mock_").unwrap();
    assert!(sid.len() == 12 && sid.bytes().all(|it| it.is_ascii_hexdigit()), "{sid}");
    assert_eq!(created["patientId"], visit.patient.id.to_string());
    assert_eq!(created["doctorId"], visit.doctor.id.to_string());
    assert_eq!(
        (&created["mode"], &created["status"], &created["e2ee"], &created["livekitUrl"]),
        (&json!("p2p"), &json!("created"), &json!(false), &Value::Null)
    );
    assert_eq!(
        created["urls"],
        json!({"patient": "http://localhost:3002/consultation/uuid-consultation-001",
            "doctor": "http://localhost:3001/consultation/uuid-consultation-001"})
    );
    for socket in &mut sockets {
        let heard = socket.next("consultation:update").await;
        assert_eq!(heard["consultationId"], "uuid-consultation-001");
        assert_eq!(
            (&heard["status"], &heard["mode"], &heard["recording"]),
            (&json!("created"), &json!("p2p"), &json!("none"))
        );
    }
    let sql = "select count(*) from audit_log
        where entity_type = 'consultation' and entity_id = 'uuid-consultation-001'
            and action = 'created'";
    assert_eq!(accounts::value::<i64>(visit.care.latido.database.url(), sql).await, 1);
}

#[tokio::test]
async fn tokens_say_who_holds_them_and_open_no_other_door() {
    let visit = Visit::start().await;
    let created = visit.opened("c-1").await;
    let (patient, doctor) = (visit.patient.id, visit.doctor.id);

    for (token, role, id) in [
        (&created["patientToken"], "patient", patient),
        (&created["doctorToken"], "doctor", doctor),
    ] {
        let claims = claims(token);
        let is_doctor = role == "doctor";
        assert_eq!(claims["sub"], format!("{role}-{id}"));
        assert_eq!((&claims["iss"], &claims["typ"]), (&json!("latido"), &json!("room")));
        let life = claims["exp"].as_i64().unwrap() - claims["nbf"].as_i64().unwrap();
        assert_eq!(life, 7200);
        assert_eq!(
            metadata(&claims),
            json!({"role": role, "consultationId": "c-1", "userId": id.to_string()})
        );
        let video = &claims["video"];
        assert_eq!(
            (&video["room"], &video["roomJoin"], &video["roomRecord"], video.get("hidden")),
            (&json!("consultation-c-1"), &json!(true), &json!(is_doctor), None)
        );
        let call = visit.care.latido.call("GET", "/api/consultations/c-1");
        let answer = call.bearer(token.as_str().unwrap()).send().await;
        assert_eq!(answer.status, 401, "a room token is no access token");
        let refused = visit.care.latido.join("/events", &json!({"token": token})).await;
        assert!(refused.is_err());
    }
}

#[tokio::test]
async fn the_same_is_created_once_and_another_not_under_its_name() {
    let visit = Visit::start().await;
    let first = visit.opened("c-1").await;
    let create = async |body: Value| visit.care.post(&visit.doctor.account, CREATE, body).await;

    let again = create(visit.draft("c-1")).await;
    let second = visit.care.patient(json!({"doctor_id": visit.doctor.id})).await;
    let other = create(joined(visit.draft("c-1"), json!({"patientId": second.id}))).await;
    let bare = visit.care.post(&visit.doctor.account, "/consultations", visit.draft("c-1")).await;

    assert_eq!((again.status.as_u16(), bare.status.as_u16()), (200, 200));
    let again = data(&again);
    assert_eq!(again["roomSid"], first["roomSid"]);
    assert!(again["patientToken"].is_string());
    assert_eq!(other.status, 409);
    let problem = other.json();
    assert_eq!(
        (&problem["type"], &problem["success"], &problem["error"]),
        (&json!("urn:latido:problem:conflict"), &json!(false), &json!("Conflict"))
    );
    visit.step("c-1", "cancel").await;
    let over = create(visit.draft("c-1")).await;
    assert_eq!((over.status.as_u16(), &over.json()["title"]), (410, &json!("Gone")));
}

#[tokio::test]
async fn of_many_who_create_one_at_once_all_get_the_same_room() {
    let visit = Visit::start().await;
    let calls = (0..8).map(|_| visit.care.post(&visit.doctor.account, CREATE, visit.draft("c-1")));

    let answers = futures_util::future::join_all(calls).await;

    let sids: std::collections::HashSet<_> =
        answers.iter().map(|answer| data(answer)["roomSid"].to_string()).collect();
    assert_eq!(sids.len(), 1);
    let created = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(created, 1);
}

#[tokio::test]
async fn who_is_not_known_here_is_named_by_services_only() {
    let visit = Visit::start().await;
    let unknown = json!({"consultationId": "c-1", "patientId": "patient-maria-123",
        "doctorId": "doctor-carlos-456"});

    let by_admin = visit.care.post(&visit.care.admin, CREATE, unknown.clone()).await;
    let by_service = visit.serve("POST", CREATE, &unknown).await;

    assert_eq!(by_admin.status, 422);
    let error = &by_admin.json()["errors"][0];
    assert_eq!((&error["pointer"], &error["code"]), (&json!("/patientId"), &json!("reference")));
    assert_eq!(by_service.status, 201, "{}", by_service.text());
    let token = data(&by_service)["patientToken"].clone();
    assert_eq!(claims(&token)["sub"], "patient-maria-123");
}

#[tokio::test]
async fn another_systems_name_means_the_row_that_has_it() {
    let visit = Visit::start().await;
    let named = visit
        .care
        .patient(json!({"doctor_id": visit.doctor.id, "external_ref": "patient-maria-123"}))
        .await;
    let body = joined(visit.draft("c-1"), json!({"patientId": "patient-maria-123"}));

    let answer = visit.care.post(&visit.doctor.account, CREATE, body.clone()).await;

    assert_eq!(answer.status, 201, "{}", answer.text());
    let own = visit.get(&named.account, "/api/consultations/c-1").await;
    assert_eq!(data(&own)["patientId"], "patient-maria-123");
    // The same patient by the other name is the same consultation.
    let body = joined(body, json!({"patientId": named.id}));
    assert_eq!(visit.care.post(&visit.doctor.account, CREATE, body).await.status, 200);
}

#[tokio::test]
async fn what_is_no_consultation_is_refused_by_its_fields() {
    let visit = Visit::start().await;
    for (changes, pointer, code) in [
        (json!({"consultationId": "a/b"}), "/consultationId", "format"),
        (json!({"consultationId": "x".repeat(65)}), "/consultationId", "length"),
        (json!({"patientId": ""}), "/patientId", "length"),
        (json!({"doctorId": format!("patient-{}", visit.patient.id)}), "/doctorId", "rule"),
        (json!({"patientId": "guest-maria"}), "/patientId", "rule"),
        (json!({"doctorId": "observer-7"}), "/doctorId", "rule"),
        (json!({"maxParticipants": 51}), "/maxParticipants", "range"),
        (json!({"e2ee": true, "record": true}), "/record", "rule"),
        (json!({"mode": "mesh"}), "/mode", "enum"),
        (json!({"patientId": true}), "/patientId", "type"),
        (json!({"appointmentId": 999}), "/appointmentId", "reference"),
    ] {
        let body = joined(visit.draft("c-1"), changes.clone());

        let answer = visit.care.post(&visit.care.admin, CREATE, body).await;

        assert_eq!(answer.status, 422, "{changes}: {}", answer.text());
        let error = &answer.json()["errors"][0];
        assert_eq!(
            (error["pointer"].as_str(), error["code"].as_str()),
            (Some(pointer), Some(code)),
            "{changes}"
        );
    }
    let sfu = joined(visit.draft("c-1"), json!({"mode": "sfu"}));
    let answer = visit.care.post(&visit.care.admin, CREATE, sfu).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.json()["missing"][0]),
        (503, &json!("LIVEKIT_API_URL"))
    );
}

#[tokio::test]
async fn doctors_create_their_own_and_institutions_those_of_their_doctors() {
    let visit = Visit::start().await;
    let institution = visit.care.institution().await;
    let employed = visit.care.doctor(json!({"institution_id": institution.id})).await;
    let theirs = visit.care.patient(json!({"institution_id": institution.id})).await;
    let create =
        async |by: &crate::support::accounts::Account, id: &str, patient: i64, doctor: i64| {
            let body = json!({"consultationId": id, "patientId": patient, "doctorId": doctor});
            visit.care.post(by, CREATE, body).await.status.as_u16()
        };
    let (doctor, patient) = (&visit.doctor, &visit.patient);

    assert_eq!(create(&institution.account, "c-1", theirs.id, employed.id).await, 201);
    assert_eq!(create(&institution.account, "c-2", theirs.id, doctor.id).await, 403);
    assert_eq!(create(&institution.account, "c-3", patient.id, employed.id).await, 422);
    assert_eq!(create(&doctor.account, "c-4", theirs.id, doctor.id).await, 422);
    assert_eq!(create(&doctor.account, "c-5", theirs.id, employed.id).await, 403);
    assert_eq!(create(&patient.account, "c-6", patient.id, doctor.id).await, 403);
    assert_eq!(create(&visit.care.admin, "c-7", patient.id, employed.id).await, 201);
    // Who does not practise is consulted by nobody.
    let path = format!("/api/v1/doctors/{}/status", employed.id);
    let body = json!({"status": "suspended", "reason": "x"});
    assert_eq!(visit.care.post(&visit.care.admin, &path, body).await.status, 200);
    assert_eq!(create(&visit.care.admin, "c-8", theirs.id, employed.id).await, 422);
}
