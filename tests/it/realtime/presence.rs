//! Who is there, and who may know (contract §6.5, §6.7).

use latido::actors::hub::Failing;
use latido::auth;
use latido::domain::id::UserId;
use latido::domain::identity::Role;
use latido::domain::time::Timestamp;
use serde_json::{Value, json};

use crate::support::care::{Care, Person};
use crate::support::{self, SocketIo, accounts};

async fn watch(socket: &mut SocketIo, users: &[i64]) -> Value {
    socket.ask("presence:subscribe", &json!({ "userIds": users })).await
}

async fn set(socket: &mut SocketIo, status: &str) {
    let answer = socket.ask("presence:set", &json!({ "status": status })).await;
    assert_eq!(answer, json!({ "ok": true }));
}

/// The status the next update tells of a user.
async fn told(watcher: &mut SocketIo, user: i64) -> Value {
    let update = watcher.next("presence:update").await;
    assert_eq!(update["userId"], user, "{update}");
    assert!(update["timestamp"].is_string(), "{update}");
    update["status"].clone()
}

#[tokio::test]
async fn a_watcher_is_answered_now_and_told_of_every_change() {
    let latido = support::start().await;
    let admin = latido.account(Role::Admin).await;
    let (ana, ben) = (latido.account(Role::Doctor).await, latido.account(Role::Patient).await);
    let mut watcher = latido.connect(&admin).await;
    let mut of_ana = latido.connect(&ana).await;
    set(&mut of_ana, "busy").await;

    let answer = watch(&mut watcher, &[ana.id, ben.id, ana.id]).await;

    assert_eq!(answer["ok"], true, "{answer}");
    let presence = answer["presence"].as_array().unwrap();
    assert_eq!(presence.len(), 2, "{answer}");
    let busy = json!({ "userId": ana.id, "status": "busy", "lastSeenAt": null });
    assert_eq!(presence[0], busy);
    assert_eq!(
        (&presence[1]["userId"], &presence[1]["status"]),
        (&json!(ben.id), &json!("offline"))
    );
    assert!(presence[1]["lastSeenAt"].is_string(), "{answer}");

    let mut of_ben = latido.connect(&ben).await;
    assert_eq!(told(&mut watcher, ben.id).await, "online");
    for status in ["away", "focus", "online"] {
        set(&mut of_ben, status).await;
        assert_eq!(told(&mut watcher, ben.id).await, status);
    }
    // What is no change is not told.
    set(&mut of_ana, "busy").await;
    set(&mut of_ana, "away").await;
    assert_eq!(told(&mut watcher, ana.id).await, "away");
}

#[tokio::test]
async fn the_strongest_of_several_sockets_speaks() {
    let latido = support::start().await;
    let ana = latido.account(Role::Patient).await;
    let elsewhere = accounts::sign_in(latido.database.url(), ana.id, ana.role).await;
    let mut watcher = latido.connect(&latido.account(Role::Admin).await).await;
    // A call alone is no presence.
    let _call = latido.join("/", &json!({ "token": ana.token })).await.unwrap();
    assert_eq!(watch(&mut watcher, &[ana.id]).await["presence"][0]["status"], "offline");

    let mut desk = latido.connect(&ana).await;
    assert_eq!(told(&mut watcher, ana.id).await, "online");
    let mut phone = latido.connect(&elsewhere).await;
    set(&mut phone, "busy").await;
    assert_eq!(told(&mut watcher, ana.id).await, "busy");
    set(&mut desk, "away").await;
    set(&mut phone, "online").await;
    assert_eq!(told(&mut watcher, ana.id).await, "online");
    drop(phone);
    assert_eq!(told(&mut watcher, ana.id).await, "away");
}

#[tokio::test]
async fn who_comes_back_within_the_grace_never_left() {
    let latido = support::start_with(&[("PRESENCE_GRACE_MS", "3600000")]).await;
    let ana = latido.account(Role::Patient).await;
    let mut watcher = latido.connect(&latido.account(Role::Admin).await).await;
    let first = latido.connect(&ana).await;
    watch(&mut watcher, &[ana.id]).await;

    drop(first);
    let mut again = latido.connect(&ana).await;
    set(&mut again, "busy").await;

    assert_eq!(told(&mut watcher, ana.id).await, "busy");
}

#[tokio::test]
async fn offline_is_told_after_the_grace_with_the_moment_of_leaving() {
    let latido = support::start_with(&[("PRESENCE_GRACE_MS", "50")]).await;
    let (admin, ana) = (latido.account(Role::Admin).await, latido.account(Role::Patient).await);
    let mut watcher = latido.connect(&admin).await;
    let socket = latido.connect(&ana).await;
    watch(&mut watcher, &[ana.id]).await;
    let before = Timestamp::now();

    drop(socket);

    let update = watcher.next("presence:update").await;
    assert_eq!((&update["userId"], &update["status"]), (&json!(ana.id), &json!("offline")));
    let seen: Timestamp = serde_json::from_value(update["lastSeenAt"].clone()).unwrap();
    let told: Timestamp = serde_json::from_value(update["timestamp"].clone()).unwrap();
    assert!(before <= seen && seen.0 + 50 <= told.0, "{update}");
    // Who asks later is answered the same.
    let mut late = latido.connect(&admin).await;
    let answer = watch(&mut late, &[ana.id]).await;
    assert_eq!(answer["presence"][0]["lastSeenAt"], update["lastSeenAt"], "{answer}");
}

#[tokio::test]
async fn a_subscription_ends_when_it_is_taken_back_or_the_right_is_lost() {
    let latido = support::start().await;
    let (admin, other) = (latido.account(Role::Admin).await, latido.account(Role::Admin).await);
    let (third, ana) = (latido.account(Role::Admin).await, latido.account(Role::Patient).await);
    let (mut witness, mut leaves) = (latido.connect(&admin).await, latido.connect(&other).await);
    let mut falls = latido.connect(&third).await;
    let mut socket = latido.connect(&ana).await;
    for watcher in [&mut witness, &mut leaves, &mut falls] {
        watch(watcher, &[ana.id]).await;
    }

    let answer = leaves.ask("presence:unsubscribe", &json!({ "userIds": [ana.id, 999] })).await;
    let online = json!({ "userId": ana.id, "status": "online", "lastSeenAt": null });
    assert_eq!(answer, json!({ "ok": true, "presence": [online] }));
    latido.hub().account_changed(&auth::Account {
        user: UserId(third.id),
        primary_role: Role::Patient,
        roles: vec![Role::Patient],
        reference_id: None,
        active: true,
        version: 2,
    });
    set(&mut socket, "busy").await;
    assert_eq!(told(&mut witness, ana.id).await, "busy");
    latido.mark("told").await;

    for watcher in [&mut leaves, &mut falls] {
        assert_eq!(watcher.until("told", "presence:update").await, [Value::Null; 0]);
    }
}

fn is_refused(answer: &Value) -> bool {
    answer["ok"] == false && answer["error"]["code"] == "forbidden"
}

#[tokio::test]
async fn only_those_who_have_to_do_with_each_other_watch_each_other() {
    let care = Care::start().await;
    let clinic = care.institution().await;
    let doctor = care.doctor(json!({ "institution_id": clinic.id })).await;
    let patient = care.patient(json!({ "doctor_id": doctor.id })).await;
    let (strange_clinic, strange_doctor) = (care.institution().await, care.doctor(json!({})).await);
    let stranger = care.patient(json!({ "doctor_id": strange_doctor.id })).await;
    let guest = care.patient(json!({ "institution_id": clinic.id })).await;
    let company = care.latido.account(Role::Company).await;
    let may = async |by: &Person, other: &Person| {
        let mut socket = care.connect(by).await;
        let answer = watch(&mut socket, &[by.account.id, other.account.id]).await;
        assert!(answer["ok"] == true || is_refused(&answer), "{answer}");
        answer["ok"] == true
    };

    for (one, other) in
        [(&doctor, &patient), (&doctor, &clinic), (&clinic, &patient), (&clinic, &guest)]
    {
        assert!(may(one, other).await, "{one:?} {other:?}");
        assert!(may(other, one).await, "{other:?} {one:?}");
    }
    for (one, other) in [
        (&patient, &stranger),
        (&doctor, &stranger),
        (&doctor, &strange_doctor),
        (&doctor, &strange_clinic),
        (&doctor, &guest),
        (&clinic, &stranger),
        (&clinic, &strange_doctor),
    ] {
        assert!(!may(one, other).await, "{one:?} {other:?}");
        assert!(!may(other, one).await, "{other:?} {one:?}");
    }
    let now = Timestamp::now().0;
    accounts::run(
        care.latido.database.url(),
        &format!(
            "insert into appointments (patient_id, doctor_id, kind, status, starts_at, ends_at,
                                       created_at, updated_at)
             values ({}, {}, 'video', 'completed', {now} - 86400000, {now}, {now}, {now})",
            stranger.id, doctor.id
        ),
    )
    .await;
    for (one, other) in [(&doctor, &stranger), (&clinic, &stranger)] {
        assert!(may(one, other).await, "{one:?} {other:?} after a visit");
        assert!(may(other, one).await, "{other:?} {one:?} after a visit");
    }
    let mut of_company = care.latido.connect(&company).await;
    assert!(is_refused(&watch(&mut of_company, &[patient.account.id]).await));
    assert_eq!(watch(&mut of_company, &[company.id]).await["ok"], true);
    // Who is not there is refused like who is none of one's business.
    assert!(is_refused(&watch(&mut care.connect(&doctor).await, &[999_999]).await));
}

#[tokio::test]
async fn a_call_is_granted_or_refused_as_a_whole() {
    let latido = support::start().await;
    let (ana, ben) = (latido.account(Role::Patient).await, latido.account(Role::Patient).await);
    let mut watcher = latido.connect(&ana).await;
    let mut admin = latido.connect(&latido.account(Role::Admin).await).await;

    assert!(is_refused(&watch(&mut watcher, &[ana.id, ben.id]).await));
    for users in [json!([]), json!((0..101).collect::<Vec<_>>()), json!(["x"]), json!(null)] {
        let answer = watcher.ask("presence:subscribe", &json!({ "userIds": users })).await;
        assert_eq!(answer["error"]["code"], "invalid", "{users}: {answer}");
    }
    let answer = watcher.ask("presence:set", &json!({ "status": "offline" })).await;
    assert_eq!(answer["error"]["code"], "invalid", "{answer}");
    // Subscriptions count like all others.
    let many = |from: i64| (from..from + 100).collect::<Vec<_>>();
    assert_eq!(watch(&mut admin, &many(1000)).await["ok"], true);
    assert_eq!(watch(&mut admin, &many(2000)[..99]).await["ok"], true);
    let answer = watch(&mut admin, &[ana.id, ben.id]).await;
    assert_eq!(answer["error"]["code"], "rate_limited", "{answer}");
    assert_eq!(watch(&mut admin, &[ben.id]).await["ok"], true);
    let mut witness = latido.connect(&ana).await;
    watch(&mut witness, &[ana.id]).await;
    set(&mut watcher, "busy").await;
    told(&mut witness, ana.id).await;
    latido.mark("told").await;

    assert_eq!(admin.until("told", "presence:update").await, [Value::Null; 0]);
    assert_eq!(watcher.until("told", "presence:update").await, [Value::Null; 0]);
}

#[tokio::test]
async fn after_a_failure_watchers_are_told_anew_and_go_on_hearing() {
    let latido = support::start_with(&[("PRESENCE_GRACE_MS", "50")]).await;
    let (ana, ben) = (latido.account(Role::Patient).await, latido.account(Role::Patient).await);
    let mut watcher = latido.connect(&latido.account(Role::Admin).await).await;
    let mut socket = latido.connect(&ana).await;
    set(&mut socket, "busy").await;
    watch(&mut watcher, &[ana.id]).await;

    latido.hub().inject_failure(&Failing::Presence);

    assert_eq!(told(&mut watcher, ana.id).await, "busy");
    assert_eq!(watch(&mut watcher, &[ben.id]).await["presence"][0]["status"], "offline");
    drop(socket);
    assert_eq!(told(&mut watcher, ana.id).await, "offline");
}
