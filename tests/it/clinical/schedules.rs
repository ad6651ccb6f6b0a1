//! When doctors receive: written by them, kept to by patients, shown as free slots.

use serde_json::{Value, json};

use crate::support::care::{Care, Person};

const DAY: i64 = 86_400_000;

fn schedule(doctor: &Person) -> String {
    format!("/api/v1/doctors/{}/schedule", doctor.id)
}

fn availability(doctor: &Person, from: &str, to: &str, minutes: u64) -> String {
    format!(
        "/api/v1/doctors/{}/availability?from={from}&to={to}&duration_minutes={minutes}",
        doctor.id
    )
}

/// The same hours on every day of the week.
fn daily(from: &str, to: &str, time_zone: &str) -> Value {
    let hours = (0..7).map(|weekday| json!({"weekday": weekday, "from": from, "to": to}));
    json!({"weekly": hours.collect::<Vec<_>>(), "time_zone": time_zone})
}

/// When free slots begin.
async fn slots(care: &Care, path: &str) -> Vec<String> {
    let answer = care.get(&care.admin, path).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let slots = answer.json()["slots"].as_array().unwrap().clone();
    slots.iter().map(|slot| slot["starts_at"].as_str().unwrap()[..16].to_owned()).collect()
}

/// Midnight some days from now, by UTC.
fn midnight(days: i64) -> i64 {
    let now = latido::domain::time::Timestamp::now().0;
    now - now % DAY + days * DAY
}

fn text(at: i64) -> String {
    latido::domain::time::Timestamp(at).to_string()
}

#[tokio::test]
async fn hours_are_written_by_the_doctor_the_institution_and_administrators() {
    let care = Care::start().await;
    let institution = care.institution().await;
    let doctor = care.doctor(json!({"institution_id": institution.id})).await;
    let patient = care.patient(json!({"doctor_id": doctor.id})).await;
    let others = [care.doctor(json!({})).await, care.institution().await, patient];
    let hours = json!({"weekly": [{"weekday": 0, "from": "09:00", "to": "13:00"}],
        "time_zone": "America/Argentina/Cordoba",
        "exceptions": [{"date": "2031-12-25", "available": false}]});

    for by in [&doctor.account, &institution.account, &care.admin] {
        let answer = care.ask(by, "PUT", &schedule(&doctor), hours.clone()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let written = answer.json();
        assert_eq!(answer.header("etag"), format!("\"v{}\"", written["version"]));
        for field in ["weekly", "time_zone", "exceptions"] {
            assert_eq!(written[field], hours[field]);
        }
    }
    for person in &others {
        let answer = care.ask(&person.account, "PUT", &schedule(&doctor), hours.clone()).await;
        assert_eq!(answer.status, 403, "{}", answer.text());
    }
    let late = care.latido.call("PUT", &schedule(&doctor)).bearer(&doctor.account.token);
    assert_eq!(late.header("if-match", "\"v1\"").json(&hours).send().await.status, 412);
    let odd = json!({"weekly": [{"weekday": 7, "from": "9", "to": "13:00"}], "time_zone": "x"});
    let odd = care.ask(&doctor.account, "PUT", &schedule(&doctor), odd).await;
    assert_eq!(
        (odd.status.as_u16(), &odd.json()["errors"][0]["pointer"]),
        (422, &json!("/weekly/0/from"))
    );
    let nowhere = daily("09:00", "10:00", "Europe/Atlantis");
    let nowhere = care.ask(&doctor.account, "PUT", &schedule(&doctor), nowhere).await;
    assert_eq!(
        (nowhere.status.as_u16(), &nowhere.json()["errors"][0]["pointer"]),
        (422, &json!("/time_zone"))
    );
}

#[tokio::test]
async fn what_is_booked_is_not_free() {
    let care = Care::start().await;
    let doctor = care.doctor(json!({})).await;
    let patient = care.patient(json!({"doctor_id": doctor.id})).await;
    let (day, next) = (midnight(2), midnight(3));
    let path = availability(&doctor, &text(day), &text(next), 30);
    assert!(slots(&care, &path).await.is_empty(), "no schedule, no slots");
    care.ask(&doctor.account, "PUT", &schedule(&doctor), daily("09:00", "11:00", "UTC")).await;
    let free = slots(&care, &path).await;
    assert_eq!(free.len(), 4);

    let body = json!({"patient_id": patient.id, "doctor_id": doctor.id, "kind": "in_person",
        "starts_at": text(day + 9 * 3_600_000 + 1_800_000)});
    let visit = care.added("/api/v1/appointments", body).await;

    let left = slots(&care, &path).await;
    assert_eq!(left, [&free[0], &free[2], &free[3]].map(String::as_str));
    let cancel = format!("/api/v1/appointments/{}/cancel", visit["id"]);
    care.post(&doctor.account, &cancel, Value::Null).await;
    assert_eq!(slots(&care, &path).await, free);
}

#[tokio::test]
async fn patients_keep_to_the_hours_and_those_who_give_care_need_not() {
    let care = Care::start().await;
    let doctor = care.doctor(json!({})).await;
    let patient = care.patient(json!({"doctor_id": doctor.id})).await;
    let visit = |hour: i64| {
        json!({"patient_id": patient.id, "doctor_id": doctor.id, "kind": "in_person",
            "starts_at": text(midnight(2) + hour * 3_600_000)})
    };
    let path = "/api/v1/appointments";
    assert_eq!(care.post(&patient.account, path, visit(3)).await.status, 201, "by agreement");
    care.ask(&doctor.account, "PUT", &schedule(&doctor), daily("09:00", "11:00", "UTC")).await;

    let outside = care.post(&patient.account, path, visit(11)).await;
    assert_eq!(outside.status, 422, "{}", outside.text());
    assert_eq!(outside.json()["errors"][0]["pointer"], "/starts_at");
    let within = care.post(&patient.account, path, visit(9)).await;
    assert_eq!(within.status, 201, "{}", within.text());
    let moved = format!("{path}/{}", within.json()["id"]);
    let late = json!({"starts_at": text(midnight(2) + 12 * 3_600_000)});
    assert_eq!(care.ask(&patient.account, "PATCH", &moved, late.clone()).await.status, 422);
    assert_eq!(care.ask(&doctor.account, "PATCH", &moved, late).await.status, 200);
    let by_doctor = care.post(&doctor.account, path, visit(15)).await;
    assert_eq!(by_doctor.status, 201, "{}", by_doctor.text());
}

#[tokio::test]
async fn slots_follow_the_doctors_clock_across_a_switch() {
    let care = Care::start().await;
    let doctor = care.doctor(json!({})).await;
    let night = async |zone: &str, from: &str, to: &str| {
        let hours = daily("00:00", "04:00", zone);
        care.ask(&doctor.account, "PUT", &schedule(&doctor), hours).await;
        slots(&care, &availability(&doctor, from, to, 60)).await
    };

    let spring = night("America/New_York", "2031-03-09T05:00:00Z", "2031-03-10T04:00:00Z").await;
    assert_eq!(spring, ["2031-03-09T05:00", "2031-03-09T06:00", "2031-03-09T07:00"]);
    let autumn = night("America/New_York", "2031-11-02T04:00:00Z", "2031-11-03T05:00:00Z").await;
    assert_eq!((autumn.len(), autumn[4].as_str()), (5, "2031-11-02T08:00"));
    let spring = night("Europe/Madrid", "2031-03-29T23:00:00Z", "2031-03-30T22:00:00Z").await;
    assert_eq!(spring, ["2031-03-29T23:00", "2031-03-30T00:00", "2031-03-30T01:00"]);
    let autumn = night("Europe/Madrid", "2031-10-25T22:00:00Z", "2031-10-26T23:00:00Z").await;
    assert_eq!((autumn.len(), autumn[4].as_str()), (5, "2031-10-26T02:00"));
}

#[tokio::test]
async fn availability_is_asked_by_anyone_for_a_month_at_most() {
    let care = Care::start().await;
    let doctor = care.doctor(json!({})).await;
    let client = care.latido.account(latido::domain::identity::Role::Client).await;
    let month = availability(&doctor, "2031-01-01T00:00:00Z", "2031-02-01T00:00:00Z", 30);

    assert_eq!(care.get(&client, &month).await.status, 200);
    assert_eq!(care.latido.call("GET", &month).send().await.status, 401);
    for (from, to, minutes) in [
        ("2031-01-01T00:00:00Z", "2031-02-01T00:00:00.001Z", 30),
        ("2031-01-01T00:00:00Z", "2031-01-01T00:00:00Z", 30),
        ("2031-01-01T00:00:00Z", "2031-01-02T00:00:00Z", 4),
        ("2031-01-01T00:00:00Z", "2031-01-02T00:00:00Z", 481),
        ("2031-01-01", "2031-01-02T00:00:00Z", 30),
    ] {
        let answer = care.get(&client, &availability(&doctor, from, to, minutes)).await;
        assert_eq!(answer.status, 400, "{from} {to} {minutes}");
    }
    let nobody = Person { id: 99_999, ..doctor };
    let path = availability(&nobody, "2031-01-01T00:00:00Z", "2031-01-02T00:00:00Z", 30);
    assert_eq!(care.get(&client, &path).await.status, 404);
}
