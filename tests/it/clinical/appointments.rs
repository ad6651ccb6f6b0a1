//! Visits: booked once, seen by those they concern, and taken through their states in order.

use std::time::Duration;

use latido::domain::identity::Role;
use latido::domain::time::Timestamp;
use serde_json::{Value, json};

use crate::support::accounts;
use crate::support::care::{Care, Person, joined};
use crate::support::http::Answer;

const VISITS: &str = "/api/v1/appointments";

/// A moment that many minutes from now, on a whole minute.
fn in_minutes(minutes: u64) -> String {
    let moment = Timestamp::now().plus(Duration::from_mins(minutes));
    Timestamp(moment.0 - moment.0 % 60_000).to_string()
}

/// A visit in person that starts so many minutes from now.
fn visit(patient: &Person, doctor: &Person, minutes: u64) -> Value {
    json!({"patient_id": patient.id, "doctor_id": doctor.id, "kind": "in_person",
        "starts_at": in_minutes(minutes)})
}

/// A visit that the administrator books.
async fn booked(care: &Care, patient: &Person, doctor: &Person, minutes: u64) -> Value {
    care.added(VISITS, visit(patient, doctor, minutes)).await
}

fn path(visit: &Value, step: &str) -> String {
    format!("{VISITS}/{}{step}", visit["id"])
}

fn refusal(answer: &Answer) -> (Value, Value) {
    let error = &answer.json()["errors"][0];
    (error["pointer"].clone(), error["code"].clone())
}

#[tokio::test]
async fn a_visit_is_heard_of_by_everyone_it_concerns_at_every_step() {
    let care = Care::start().await;
    let institution = care.institution().await;
    let doctor = care.doctor(json!({"institution_id": institution.id})).await;
    let patient = care.patient(json!({"doctor_id": doctor.id})).await;
    let mut sockets = vec![care.latido.connect(&care.admin).await];
    for person in [&patient, &doctor, &institution] {
        sockets.push(care.connect(person).await);
    }
    let stranger = care.doctor(json!({})).await;
    let mut elsewhere = care.connect(&stranger).await;

    let answer = care
        .post(
            &patient.account,
            VISITS,
            joined(visit(&patient, &doctor, 60), json!({"reason": "control"})),
        )
        .await;

    assert_eq!(answer.status, 201, "{}", answer.text());
    let visit = answer.json();
    assert_eq!(answer.header("location"), path(&visit, ""));
    assert_eq!(answer.header("etag"), "\"v1\"");
    assert_eq!(
        (&visit["status"], &visit["institution_id"], &visit["exam_ids"], &visit["reason"]),
        (&json!("scheduled"), &json!(institution.id), &json!([]), &json!("control"))
    );
    for (step, by, status) in [
        ("/confirm", &institution, "confirmed"),
        ("/check-in", &doctor, "checked_in"),
        ("/complete", &doctor, "completed"),
    ] {
        let answer = care.post(&by.account, &path(&visit, step), Value::Null).await;
        assert_eq!(answer.status, 200, "{step}: {}", answer.text());
        assert_eq!(answer.json()["status"], status);
    }
    for socket in &mut sockets {
        for (action, status) in [
            ("created", "scheduled"),
            ("confirmed", "confirmed"),
            ("updated", "checked_in"),
            ("updated", "completed"),
        ] {
            let heard = socket.next("appointment:update").await;
            assert_eq!((&heard["action"], &heard["appointmentId"]), (&json!(action), &visit["id"]));
            assert_eq!(heard["patientId"], patient.id);
            assert_eq!(heard["appointment"]["status"], status);
            assert_eq!(heard["appointment"]["startsAt"], visit["starts_at"]);
        }
    }
    care.latido.mark("end").await;
    assert!(elsewhere.until("end", "appointment:update").await.is_empty());
    let sql = "select count(*) from audit_log where entity_type = 'appointment'";
    assert_eq!(accounts::value::<i64>(care.latido.database.url(), sql).await, 4);
    let sql = "select count(*) from audit_log where cast(data as text) like '%control%'";
    assert_eq!(accounts::value::<i64>(care.latido.database.url(), sql).await, 0);
}

#[tokio::test]
async fn of_many_who_book_a_time_at_once_one_gets_it() {
    let care = Care::start().await;
    let (doctor, other) = (care.doctor(json!({})).await, care.doctor(json!({})).await);
    let mut patients = Vec::new();
    for _ in 0..6 {
        patients.push(care.patient(json!({"doctor_id": doctor.id})).await);
    }
    // All want the doctor at the same hour, and the first patient also wants two doctors at another.
    let mut wanted = Vec::new();
    for (number, patient) in (0_u64..).zip(&patients) {
        wanted.push(visit(patient, &doctor, 600 + number * 5));
        wanted.push(visit(patient, &doctor, 600));
        wanted.push(visit(&patients[0], if number % 2 == 0 { &doctor } else { &other }, 2_000));
    }

    let calls = wanted.into_iter().map(|body| {
        let call = care.latido.call("POST", VISITS).bearer(&care.admin.token).json(&body);
        tokio::spawn(async move { (body["starts_at"].clone(), call.send().await) })
    });
    let mut made = Vec::new();
    for call in calls.collect::<Vec<_>>() {
        let (starts_at, answer) = call.await.unwrap();
        match answer.status.as_u16() {
            201 => made.push(starts_at),
            409 => {
                let problem = answer.json();
                assert_eq!(problem["type"], "urn:latido:problem:conflict");
                assert_eq!(problem["field"], "starts_at");
            }
            _ => panic!("{}", answer.text()),
        }
    }

    // Visits of thirty minutes that begin within thirty minutes of each other exclude each other.
    assert_eq!(made.len(), 2, "{made:?}");
}

#[tokio::test]
async fn a_time_is_free_again_once_its_visit_is_cancelled_or_moved() {
    let care = Care::start().await;
    let doctor = care.doctor(json!({})).await;
    let patient = care.patient(json!({"doctor_id": doctor.id})).await;
    let other = care.patient(json!({"doctor_id": doctor.id})).await;
    let first = booked(&care, &patient, &doctor, 600).await;
    booked(&care, &other, &doctor, 630).await;

    let taken = care.post(&other.account, VISITS, visit(&other, &doctor, 610)).await;
    assert_eq!(taken.status, 409, "{}", taken.text());
    let moved = json!({"starts_at": in_minutes(620)});
    let into = care.ask(&patient.account, "PATCH", &path(&first, ""), moved).await;
    assert_eq!(into.status, 409, "{}", into.text());
    let longer = json!({"duration_minutes": 20});
    let own = care.ask(&patient.account, "PATCH", &path(&first, ""), longer).await;
    assert_eq!(own.status, 200, "a visit is not in its own way: {}", own.text());

    care.post(&patient.account, &path(&first, "/cancel"), json!({"reason": "de viaje"})).await;
    booked(&care, &other, &doctor, 600).await;
}

#[tokio::test]
async fn what_cannot_be_is_refused_by_name() {
    let care = Care::start().await;
    let doctor = care.doctor(json!({})).await;
    let suspended = care.doctor(json!({})).await;
    let patient = care.patient(json!({"doctor_id": doctor.id})).await;
    let body = json!({"status": "suspended", "reason": "licence expired"});
    let status = format!("/api/v1/doctors/{}/status", suspended.id);
    assert_eq!(care.post(&care.admin, &status, body).await.status, 200);
    let fine = visit(&patient, &doctor, 600);

    for (change, pointer, code) in [
        (json!({"starts_at": "2020-01-01T00:00:00Z"}), "/starts_at", "range"),
        (json!({"starts_at": "9999-12-30T00:00:00Z"}), "/starts_at", "range"),
        (json!({"doctor_id": null}), "/doctor_id", "required"),
        (json!({"doctor_id": 99_999}), "/doctor_id", "reference"),
        (json!({"doctor_id": suspended.id}), "/doctor_id", "rule"),
        (json!({"patient_id": 99_999}), "/patient_id", "reference"),
        (json!({"location_id": 99_999}), "/location_id", "reference"),
        (json!({"exam_ids": [99_999]}), "/exam_ids/0", "reference"),
        (json!({"exam_ids": [1, 1]}), "/exam_ids", "unique"),
        (json!({"duration_minutes": 4}), "/duration_minutes", "range"),
        (json!({"kind": "phone"}), "/kind", "enum"),
        (json!({"kind": "video"}), "/kind", "rule"),
    ] {
        let answer = care.post(&care.admin, VISITS, joined(fine.clone(), change.clone())).await;
        assert_eq!(answer.status, 422, "{change}: {}", answer.text());
        assert_eq!(refusal(&answer), (json!(pointer), json!(code)), "{change}");
    }
    let sql = "select count(*) from appointments";
    assert_eq!(accounts::value::<i64>(care.latido.database.url(), sql).await, 0);
}

#[tokio::test]
async fn by_video_are_visits_of_validated_patients_who_belong_somewhere() {
    let care = Care::start().await;
    let doctor = care.doctor(json!({})).await;
    let patient = care.patient(json!({"doctor_id": doctor.id})).await;
    let video = joined(visit(&patient, &doctor, 600), json!({"kind": "video"}));

    let pending = care.post(&patient.account, VISITS, video.clone()).await;
    assert_eq!(refusal(&pending), (json!("/kind"), json!("rule")));
    let validation = format!("/api/v1/patients/{}/validation", patient.id);
    let step = json!({"status": "validated_by_doctor"});
    assert_eq!(care.post(&doctor.account, &validation, step).await.status, 200);
    let booked = care.post(&patient.account, VISITS, video).await;
    assert_eq!(booked.status, 201, "{}", booked.text());

    let account = care.latido.account(Role::Patient).await;
    let sql = format!(
        "insert into patients (user_id, first_name, last_name, date_of_birth, sex, association_status,
            validation_status, created_at, updated_at)
         values ({}, 'L', 'M', '1990-01-01', 'male', 'unassociated', 'full_access', 0, 0) returning id",
        account.id
    );
    let id = accounts::value(care.latido.database.url(), &sql).await;
    let loner = Person { id, account };
    let video = joined(visit(&loner, &doctor, 700), json!({"kind": "video"}));
    let unassociated = care.post(&loner.account, VISITS, video).await;
    assert_eq!(refusal(&unassociated), (json!("/kind"), json!("rule")));
    let in_person = care.post(&loner.account, VISITS, visit(&loner, &doctor, 700)).await;
    assert_eq!(in_person.status, 201, "{}", in_person.text());
}

#[tokio::test]
async fn visits_of_others_are_not_there() {
    let care = Care::start().await;
    let institution = care.institution().await;
    let doctor = care.doctor(json!({"institution_id": institution.id})).await;
    let patient = care.patient(json!({"doctor_id": doctor.id})).await;
    let visit = booked(&care, &patient, &doctor, 600).await;
    let other_doctor = care.doctor(json!({})).await;
    let strangers = [
        care.institution().await,
        care.patient(json!({"doctor_id": doctor.id})).await,
        other_doctor.clone(),
    ];

    for person in [&patient, &doctor, &institution] {
        assert_eq!(care.get(&person.account, &path(&visit, "")).await.status, 200);
        let list = care.get(&person.account, VISITS).await.json();
        assert_eq!(list["items"].as_array().unwrap().len(), 1);
    }
    for person in &strangers {
        let list = care.get(&person.account, VISITS).await.json();
        assert_eq!(list["items"], json!([]));
        for (method, step, body) in [
            ("GET", "", Value::Null),
            ("PATCH", "", json!({"reason": "x"})),
            ("POST", "/confirm", Value::Null),
            ("POST", "/cancel", Value::Null),
            ("POST", "/check-in", Value::Null),
            ("POST", "/complete", Value::Null),
            ("POST", "/no-show", Value::Null),
        ] {
            let answer = care.ask(&person.account, method, &path(&visit, step), body).await;
            assert_eq!(answer.status, 404, "{method} {step}: {}", answer.text());
        }
    }
    for role in [Role::Company, Role::Client] {
        let outsider = care.latido.account(role).await;
        assert_eq!(care.get(&outsider, VISITS).await.status, 403);
        assert_eq!(care.get(&outsider, &path(&visit, "")).await.status, 403);
    }
    for step in ["/confirm", "/check-in", "/complete", "/no-show"] {
        let answer = care.post(&patient.account, &path(&visit, step), Value::Null).await;
        assert_eq!(answer.status, 403, "{step}: {}", answer.text());
    }
}

#[tokio::test]
async fn who_cares_for_a_patient_sees_the_visits_with_others_and_leaves_them_alone() {
    let care = Care::start().await;
    let (doctor, colleague) = (care.doctor(json!({})).await, care.doctor(json!({})).await);
    let institution = care.institution().await;
    let patient =
        care.patient(json!({"doctor_id": doctor.id, "institution_id": institution.id})).await;
    let visit = booked(&care, &patient, &colleague, 600).await;

    for person in [&doctor, &institution] {
        let list = care.get(&person.account, VISITS).await.json();
        assert_eq!(list["items"][0]["id"], visit["id"]);
        assert_eq!(care.get(&person.account, &path(&visit, "")).await.status, 200);
        for step in ["/confirm", "/cancel", "/check-in", "/complete", "/no-show"] {
            let answer = care.post(&person.account, &path(&visit, step), Value::Null).await;
            assert_eq!(answer.status, 403, "{step}: {}", answer.text());
        }
        let change = json!({"reason": "x"});
        let change = care.ask(&person.account, "PATCH", &path(&visit, ""), change).await;
        assert_eq!(change.status, 403, "{}", change.text());
    }
    let confirmed = care.post(&colleague.account, &path(&visit, "/confirm"), Value::Null).await;
    assert_eq!(confirmed.status, 200, "{}", confirmed.text());
}

#[tokio::test]
async fn everyone_books_for_their_own() {
    let care = Care::start().await;
    let institution = care.institution().await;
    let doctor = care.doctor(json!({"institution_id": institution.id})).await;
    let patient = care.patient(json!({"doctor_id": doctor.id})).await;
    let outside = care.doctor(json!({})).await;
    let stranger = care.patient(json!({"doctor_id": outside.id})).await;

    let cases = [
        (&doctor, visit(&patient, &doctor, 600), 201),
        (&doctor, visit(&patient, &outside, 700), 403),
        (&doctor, visit(&stranger, &doctor, 700), 422),
        (&institution, visit(&patient, &doctor, 800), 201),
        (&institution, visit(&patient, &outside, 900), 403),
        (&institution, visit(&stranger, &doctor, 900), 422),
        (&patient, visit(&patient, &outside, 1000), 201),
        (&patient, visit(&stranger, &doctor, 1100), 422),
    ];
    for (by, body, status) in cases {
        let answer = care.post(&by.account, VISITS, body.clone()).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.text());
    }
}

#[tokio::test]
async fn a_lab_visit_needs_no_doctor_and_names_its_exams() {
    let care = Care::start().await;
    let institution = care.institution().await;
    let doctor = care.doctor(json!({})).await;
    let patient =
        care.patient(json!({"doctor_id": doctor.id, "institution_id": institution.id})).await;
    let mut exams = Vec::new();
    for code in ["HEM", "GLU"] {
        let exam = json!({"code": code, "name": code});
        exams.push(care.added("/api/v1/catalog/exams", exam).await["id"].clone());
    }
    let lab = json!({"patient_id": patient.id, "kind": "lab", "starts_at": in_minutes(600),
        "exam_ids": [exams[1], exams[0]], "duration_minutes": 10});

    let answer = care.post(&patient.account, VISITS, lab).await;

    assert_eq!(answer.status, 201, "{}", answer.text());
    let visit = answer.json();
    assert_eq!(
        (&visit["doctor_id"], &visit["institution_id"], &visit["exam_ids"]),
        (&Value::Null, &json!(institution.id), &json!(exams))
    );
    for person in [&doctor, &institution] {
        let seen = care.get(&person.account, &path(&visit, "")).await;
        assert_eq!((seen.status.as_u16(), &seen.json()["exam_ids"]), (200, &json!(exams)));
    }
    let moved = care.post(&doctor.account, &path(&visit, "/confirm"), Value::Null).await;
    assert_eq!(moved.json()["exam_ids"], json!(exams), "{}", moved.text());
}

#[tokio::test]
async fn a_list_goes_by_time_and_is_walked_by_cursor() {
    let care = Care::start().await;
    let doctor = care.doctor(json!({})).await;
    let other = care.doctor(json!({})).await;
    let patient = care.patient(json!({"doctor_id": doctor.id})).await;
    let mut visits = Vec::new();
    for minutes in [900, 600, 1200] {
        visits.push(booked(&care, &patient, &doctor, minutes).await);
    }
    let second = care.patient(json!({"doctor_id": other.id})).await;
    let at_once = joined(visit(&second, &other, 1), json!({"starts_at": visits[0]["starts_at"]}));
    visits.push(care.added(VISITS, at_once).await);
    let order = [1, 0, 3, 2].map(|number: usize| visits[number]["id"].clone());

    let mut walked = Vec::new();
    let mut cursor = String::new();
    loop {
        let page =
            care.get(&care.admin, &format!("{VISITS}?limit=1&count=true{cursor}")).await.json();
        assert_eq!(page["total"], 4);
        walked.push(page["items"][0]["id"].clone());
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(walked, order);

    let starts_at = visits[0]["starts_at"].as_str().unwrap();
    for (filter, count) in [
        (format!("doctor_id={}", doctor.id), 3),
        (format!("patient_id={}", second.id), 1),
        (format!("from={starts_at}"), 3),
        (format!("to={starts_at}"), 1),
        ("status=scheduled&kind=in_person".to_owned(), 4),
        ("status=cancelled".to_owned(), 0),
        ("kind=video".to_owned(), 0),
        ("institution_id=1".to_owned(), 0),
    ] {
        let page = care.get(&care.admin, &format!("{VISITS}?{filter}")).await.json();
        assert_eq!(page["items"].as_array().unwrap().len(), count, "{filter}");
    }
    for bad in ["colour=red", "status=late", "from=tomorrow", "cursor=MTc"] {
        assert_eq!(care.get(&care.admin, &format!("{VISITS}?{bad}")).await.status, 400, "{bad}");
    }
}

#[tokio::test]
async fn a_patient_who_moves_a_confirmed_visit_asks_anew() {
    let care = Care::start().await;
    let doctor = care.doctor(json!({})).await;
    let patient = care.patient(json!({"doctor_id": doctor.id})).await;
    let visit = booked(&care, &patient, &doctor, 600).await;
    care.post(&doctor.account, &path(&visit, "/confirm"), Value::Null).await;
    let change = async |by: &Person, body: Value| {
        care.ask(&by.account, "PATCH", &path(&visit, ""), body).await.json()
    };

    let explained = change(&patient, json!({"reason": "control"})).await;
    assert_eq!(
        (&explained["status"], &explained["reason"]),
        (&json!("confirmed"), &json!("control"))
    );
    let moved = change(&doctor, json!({"starts_at": in_minutes(700)})).await;
    assert_eq!(moved["status"], "confirmed");
    assert_ne!(moved["ends_at"], visit["ends_at"]);
    let moved =
        change(&patient, json!({"starts_at": in_minutes(800), "duration_minutes": 60})).await;
    assert_eq!(moved["status"], "scheduled");

    let late = care.latido.call("PATCH", &path(&visit, "")).bearer(&doctor.account.token);
    let late = late.header("if-match", "\"v1\"").json(&json!({"reason": null})).send().await;
    assert_eq!(late.status, 412);
    let past = json!({"starts_at": "2020-01-01T00:00:00Z"});
    assert_eq!(change(&patient, past).await["errors"][0]["pointer"], "/starts_at");
    care.post(&patient.account, &path(&visit, "/cancel"), Value::Null).await;
    let over = change(&patient, json!({"starts_at": in_minutes(900)})).await;
    assert_eq!(
        (&over["type"], &over["from"], &over["allowed"]),
        (&json!("urn:latido:problem:invalid-transition"), &json!("cancelled"), &json!([]))
    );
}

#[tokio::test]
async fn who_cancels_is_kept_and_why_is_told() {
    let care = Care::start().await;
    let doctor = care.doctor(json!({})).await;
    let patient = care.patient(json!({"doctor_id": doctor.id})).await;
    let visit = care
        .added(VISITS, joined(visit(&patient, &doctor, 600), json!({"reason": "control"})))
        .await;
    let mut socket = care.connect(&doctor).await;

    let answer =
        care.post(&patient.account, &path(&visit, "/cancel"), json!({"reason": "de viaje"})).await;

    assert_eq!(answer.status, 200, "{}", answer.text());
    let cancelled = answer.json();
    assert_eq!(
        (&cancelled["status"], &cancelled["cancelled_by"], &cancelled["reason"]),
        (&json!("cancelled"), &json!(patient.account.id), &json!("control\nde viaje"))
    );
    let heard = loop {
        let heard = socket.next("appointment:update").await;
        if heard["action"] != "created" {
            break heard;
        }
    };
    assert_eq!(heard["action"], "cancelled");
    let again = care.post(&doctor.account, &path(&visit, "/cancel"), Value::Null).await;
    assert_eq!((again.status.as_u16(), &again.json()["allowed"]), (409, &json!([])));
}

#[tokio::test]
async fn who_does_not_come_is_waited_for() {
    let care = Care::start().await;
    let doctor = care.doctor(json!({})).await;
    let patient = care.patient(json!({"doctor_id": doctor.id})).await;
    let visit = booked(&care, &patient, &doctor, 60).await;
    let started = async |minutes: i64| {
        let now = Timestamp::now().0;
        let sql = format!(
            "update appointments set starts_at = {now} - {minutes} * 60000, ends_at = {now} + 60000"
        );
        accounts::run(care.latido.database.url(), &sql).await;
    };
    let missed = async || care.post(&doctor.account, &path(&visit, "/no-show"), Value::Null).await;

    started(14).await;
    let early = missed().await;
    assert_eq!(early.status, 409);
    assert_eq!(early.json()["allowed"], json!(["confirmed", "cancelled"]));
    started(15).await;
    let late = missed().await;
    assert_eq!((late.status.as_u16(), &late.json()["status"]), (200, &json!("no_show")));
}

#[tokio::test]
async fn visits_of_a_doctor_who_stops_practising_stay_and_are_listed() {
    let care = Care::start().await;
    let doctor = care.doctor(json!({})).await;
    let patient = care.patient(json!({"doctor_id": doctor.id})).await;
    let visit = booked(&care, &patient, &doctor, 600).await;
    let mut socket = care.latido.connect(&care.admin).await;

    let body = json!({"status": "suspended", "reason": "licence expired"});
    let status = format!("/api/v1/doctors/{}/status", doctor.id);
    assert_eq!(care.post(&care.admin, &status, body).await.status, 200);

    let heard = loop {
        let heard = socket.next("admin:event").await;
        if heard["action"] == "status_changed" {
            break heard;
        }
    };
    assert_eq!(heard["data"]["appointment_ids"], json!([visit["id"]]));
    assert_eq!(care.get(&patient.account, &path(&visit, "")).await.json()["status"], "scheduled");
    let body = json!({"starts_at": in_minutes(700)});
    let moved = care.ask(&patient.account, "PATCH", &path(&visit, ""), body).await;
    assert_eq!(refusal(&moved), (json!("/starts_at"), json!("rule")));
}
