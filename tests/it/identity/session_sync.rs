//! One session for every portal of a sign-in (contract §5.4).

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use http::StatusCode;
use latido::domain::identity::Role;
use latido::domain::time::Timestamp;
use serde_json::{Value, json};

use crate::support::accounts::{self, Account};
use crate::support::http::{Answer, Call};
use crate::support::keys::Signer;
use crate::support::node::{self, Latido};
use crate::support::socket_io::End;
use crate::support::start_with;

const PATH: &str = "/api/session-sync";
/// An origin the tests' nodes allow.
const PORTAL: &str = "https://portal.example";

fn by_cookie(latido: &Latido, method: &str, account: &Account) -> Call {
    latido.call(method, PATH).header("cookie", &account.cookie).header("origin", PORTAL)
}

async fn join(latido: &Latido, account: &Account, body: &Value) -> Answer {
    latido.call("POST", PATH).bearer(&account.token).json(body).send().await
}

async fn patch(latido: &Latido, account: &Account, data: &Value, revision: i64) -> Answer {
    let body = json!({ "data": data, "revision": revision });
    latido.call("PATCH", PATH).bearer(&account.token).json(&body).send().await
}

fn session(answer: &Answer) -> Value {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let body = answer.json();
    assert_eq!(body["success"], true);
    body["data"]["session"].clone()
}

/// Milliseconds from now to a time of the wire.
fn from_now(time: &Value) -> i64 {
    let time: Timestamp = serde_json::from_value(time.clone()).unwrap();
    time.0 - Timestamp::now().0
}

#[tokio::test]
async fn a_stranger_is_told_that_there_is_no_session_and_nothing_worse() {
    let latido = node::start().await;
    let gone = latido.account(Role::Patient).await;
    latido.call("DELETE", PATH).bearer(&gone.token).send().await;

    let ask = || latido.call("GET", PATH);
    for call in [
        ask(),
        ask().bearer("nonsense"),
        ask().header("authorization", "Basic nonsense"),
        ask().header("cookie", "latido_session=s_1.nonsense"),
        ask().bearer(&gone.token),
        ask().header("cookie", &gone.cookie),
    ] {
        let answer = call.send().await;
        assert_eq!(answer.json(), json!({ "success": true, "data": { "session": null } }));
        assert_eq!(answer.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_portal_reads_its_session_and_gets_a_token_for_the_cookie_alone() {
    let latido = node::start().await;
    let doctor = latido.account(Role::Doctor).await;

    let by_token = latido.call("GET", &format!("{PATH}?app=doctors")).bearer(&doctor.token);
    let by_token = session(&by_token.send().await);
    let answer = by_cookie(&latido, "GET", &doctor).send().await;
    let by_cookie = session(&answer);

    assert_eq!(by_token["id"], doctor.session);
    assert_eq!(by_token["userId"], doctor.id);
    assert_eq!((&by_token["role"], &by_token["userType"]), (&json!("Medico"), &json!("doctor")));
    assert_eq!(by_token["referenceId"], Value::Null);
    assert_eq!((&by_token["apps"], &by_token["data"]), (&json!([]), &json!({})));
    assert_eq!(by_token["revision"], 0);
    assert!(by_token.get("accessToken").is_none(), "{by_token}");
    assert!(from_now(&by_token["expiresAt"]) > 0);
    assert_eq!(answer.header("access-control-allow-origin"), PORTAL);
    assert_eq!(answer.header("access-control-allow-credentials"), "true");
    assert_eq!(answer.header("cache-control"), "no-store");
    let token = by_cookie["accessToken"].as_str().unwrap();
    let again = session(&latido.call("GET", PATH).bearer(token).send().await);
    assert_eq!(again["id"], doctor.session);
    let unknown = latido.call("GET", &format!("{PATH}?app=nothing")).send().await;
    assert_eq!(unknown.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn an_app_that_joins_is_listed_gets_the_cookie_and_is_announced() {
    let latido = node::start().await;
    let doctor = latido.account(Role::Doctor).await;
    let elsewhere = accounts::sign_in(latido.database.url(), doctor.id, doctor.role).await;
    let mut socket = latido.connect(&doctor).await;
    let mut other_device = latido.connect(&elsewhere).await;

    session(&join(&latido, &doctor, &json!({ "app": "doctors" })).await);
    let answer = join(&latido, &doctor, &json!({ "app": "patients" })).await;
    let joined = session(&answer);
    let repeated = session(&join(&latido, &doctor, &json!({ "app": "patients" })).await);

    assert_eq!(joined["apps"], json!(["doctors", "patients"]));
    assert_eq!(repeated["apps"], joined["apps"]);
    assert_eq!(joined["revision"], 0, "data did not change");
    assert!(joined.get("accessToken").is_none());
    for socket in [&mut socket, &mut other_device] {
        socket.next("session:update").await;
        let update = socket.next("session:update").await;
        assert_eq!(update["sessionId"], doctor.session);
        assert_eq!(update["apps"], json!(["doctors", "patients"]));
        assert_eq!((&update["app"], &update["revision"]), (&json!("patients"), &json!(0)));
    }
    let set = answer.header("set-cookie");
    assert!(set.ends_with("; HttpOnly; SameSite=Lax; Path=/"), "{set}");
    let cookie = set.split(';').next().unwrap();
    let read = latido.call("GET", PATH).header("cookie", cookie).send().await;
    assert_eq!(session(&read)["id"], doctor.session);
    let read = by_cookie(&latido, "GET", &doctor).send().await;
    assert_eq!(session(&read)["id"], doctor.session, "the cookie it had stays good");
}

#[tokio::test]
async fn joining_takes_a_bearer_token_and_an_app() {
    let latido = node::start().await;
    let doctor = latido.account(Role::Doctor).await;
    let body = json!({ "app": "doctors" });

    let by_cookie = by_cookie(&latido, "POST", &doctor).json(&body).send().await;
    assert_eq!(by_cookie.status, StatusCode::UNAUTHORIZED);
    assert_eq!(by_cookie.json()["success"], false);
    assert_eq!(by_cookie.json()["error"], "Unauthenticated");
    let nonsense = latido.call("POST", PATH).bearer("nonsense").json(&body).send().await;
    assert_eq!(nonsense.status, StatusCode::UNAUTHORIZED);
    for (body, pointer) in [
        (json!({}), "/app"),
        (json!({ "app": "nothing" }), "/app"),
        (json!({ "app": "doctors", "ttlSeconds": 59 }), "/ttlSeconds"),
        (json!({ "app": "doctors", "ttlSeconds": 2_592_001 }), "/ttlSeconds"),
    ] {
        let refused = join(&latido, &doctor, &body).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        assert_eq!(refused.json()["errors"][0]["pointer"], pointer, "{body}");
    }
}

#[tokio::test]
async fn a_portal_says_how_long_the_session_lives_and_only_a_refresh_token_makes_it_longer() {
    let latido = node::start().await;
    let body = json!({"email": "ana@example.com", "password": "a fine password", "nombre": "Ana",
        "apellido": "Ruiz", "rol": "PACIENTE", "fecha_nacimiento": "1990-05-17"});
    let pair = latido.call("POST", "/auth/register").json(&body).send().await.json();
    let other = latido.account(Role::Patient).await;
    let token = pair["access_token"].as_str().unwrap();
    let ask = async |more: Value| {
        let mut body = json!({ "app": "patients" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        latido.call("POST", PATH).bearer(token).json(&body).send().await
    };

    let shorter = ask(json!({ "ttlSeconds": 60 })).await;
    let without = ask(json!({ "ttlSeconds": 86400 })).await;
    let longer = ask(json!({ "ttlSeconds": 86400, "refreshToken": pair["refresh_token"] })).await;

    let lives = |answer: &Answer| from_now(&session(answer)["expiresAt"]);
    assert!((50_000..=60_000).contains(&lives(&shorter)), "{}", shorter.text());
    let life = shorter.header("set-cookie").split("Max-Age=").nth(1).unwrap();
    assert!((50..=60).contains(&life.parse::<u64>().unwrap()), "{life}");
    assert!((50_000..=60_000).contains(&lives(&without)), "{}", without.text());
    assert!((86_390_000..=86_400_000).contains(&lives(&longer)), "{}", longer.text());
    let refreshed = latido.call("POST", "/auth/refresh");
    let refresh = json!({ "refresh_token": pair["refresh_token"] });
    assert_eq!(refreshed.json(&refresh).send().await.status, StatusCode::OK, "it was not spent");
    for spent in [pair["refresh_token"].clone(), json!("nonsense")] {
        let refused = ask(json!({ "refreshToken": spent })).await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    }
    let foreign = join(&latido, &other, &json!({"app": "admin", "refreshToken": refresh})).await;
    assert_eq!(foreign.status, StatusCode::UNPROCESSABLE_ENTITY, "a token is text");
}

#[tokio::test]
async fn a_cookie_that_is_there_already_is_left_as_it_is() {
    let latido = node::start().await;
    let doctor = latido.account(Role::Doctor).await;
    let call = |body: Value| {
        let call = latido.call("POST", PATH).bearer(&doctor.token);
        call.header("cookie", &doctor.cookie).json(&body).send()
    };

    let kept = call(json!({ "app": "doctors" })).await;
    let renewed = call(json!({ "app": "doctors", "ttlSeconds": 600 })).await;

    assert_eq!((kept.status, kept.header("set-cookie")), (StatusCode::OK, ""));
    assert!(renewed.header("set-cookie").contains("Max-Age=600"));
}

#[tokio::test]
async fn a_session_whose_time_ran_out_is_sent_away() {
    let latido = node::start().await;
    let doctor = latido.account(Role::Doctor).await;
    let mut socket = latido.join("/events", &json!({ "token": doctor.token })).await.unwrap();
    socket.next("connected").await;

    let ends = Timestamp::now().0 + 100;
    let shorten =
        format!("update sessions set expires_at = {ends} where id = '{}'", doctor.session);
    accounts::run(latido.database.url(), &shorten).await;

    assert_eq!(socket.next("session:revoked").await["reason"], "expired");
    assert_eq!(socket.ended().await, End::Disconnected);
    let read = latido.call("GET", PATH).bearer(&doctor.token).send().await;
    assert_eq!(read.json()["data"]["session"], Value::Null);
}

#[tokio::test]
async fn a_patch_merges_counts_and_is_heard_by_the_whole_session() {
    let latido = node::start().await;
    let doctor = latido.account(Role::Doctor).await;
    let elsewhere = accounts::sign_in(latido.database.url(), doctor.id, doctor.role).await;
    let mut sockets = [latido.connect(&doctor).await, latido.connect(&doctor).await];
    let mut plain = latido.connect_plain(&doctor).await;
    let mut other_device = latido.connect(&elsewhere).await;

    let first = patch(&latido, &doctor, &json!({ "theme": "dark", "patient": 7 }), 0).await;
    let second = patch(&latido, &doctor, &json!({ "patient": null, "tab": [1] }), 1).await;

    assert_eq!(session(&first)["revision"], 1);
    let expected = json!({ "theme": "dark", "tab": [1] });
    assert_eq!((&session(&second)["data"], &session(&second)["revision"]), (&expected, &json!(2)));
    for socket in &mut sockets {
        assert_eq!(socket.next("session:update").await["revision"], 1);
        let update = socket.next("session:update").await;
        assert_eq!((&update["data"], &update["revision"]), (&expected, &json!(2)));
        assert_eq!(update["sessionId"], doctor.session);
        assert!(update["timestamp"].is_string());
    }
    assert_eq!(plain.next("session:update").await["revision"], 1);
    latido.mark("after").await;
    assert_eq!(other_device.until("after", "session:update").await, Vec::<Value>::new());
    let read = session(&latido.call("GET", PATH).bearer(&doctor.token).send().await);
    assert_eq!((&read["data"], &read["revision"]), (&expected, &json!(2)));
}

#[tokio::test]
async fn a_patch_from_an_older_revision_is_shown_the_current_state() {
    let latido = node::start().await;
    let doctor = latido.account(Role::Doctor).await;
    patch(&latido, &doctor, &json!({ "theme": "dark" }), 0).await;
    let mut socket = latido.connect(&doctor).await;
    let current = json!({ "data": { "theme": "dark" }, "revision": 1 });

    let stale = patch(&latido, &doctor, &json!({ "theme": "light" }), 0).await;
    let ack = socket.ask("session:patch", &json!({ "data": {}, "revision": 0 })).await;
    socket.emit("session:patch", &json!({ "data": {}, "revision": 7 })).await;

    assert_eq!(stale.status, StatusCode::CONFLICT);
    let problem = stale.json();
    assert_eq!(problem["type"], "urn:latido:problem:conflict");
    assert_eq!((&problem["success"], &problem["error"]), (&json!(false), &json!("Conflict")));
    assert_eq!(problem["current"], current);
    assert_eq!((&ack["ok"], &ack["error"]["code"]), (&json!(false), &json!("conflict")));
    assert_eq!(ack["error"]["current"], current);
    let error = socket.next("error").await;
    assert_eq!(error["event"], "session:patch");
    assert_eq!(error["error"]["current"], current);
}

#[tokio::test]
async fn a_token_of_supabase_opens_one_session_however_often_it_joins() {
    const PROJECT: &str = "the secret of a Supabase project, long enough";
    let latido = start_with(&[("SUPABASE_JWT_SECRET", PROJECT)]).await;
    let token = Signer::secret(PROJECT).sign(&json!({"aud": "authenticated", "sub": "7f3c",
        "email": "ana@example.com", "exp": 9_999_999_999_i64}));
    let body = json!({ "app": "patients" });
    let join = |token: &str| latido.call("POST", "/api/session-sync").bearer(token).json(&body);

    let joined = join(&token).send().await;
    let cookie = joined.header("set-cookie").split(';').next().unwrap().to_owned();
    let again = join(&token).header("cookie", &cookie).send().await;
    let refused = join("nonsense").send().await;

    assert_eq!(joined.status, 200, "{}", joined.text());
    let session = joined.json()["data"]["session"].clone();
    assert_eq!((&session["userType"], &session["apps"]), (&json!("patient"), &json!(["patients"])));
    assert_eq!(again.json()["data"]["session"]["id"], session["id"]);
    assert_eq!(refused.status, 401);
    let read = latido.call("GET", "/api/session-sync").header("cookie", &cookie).send().await;
    assert!(read.json()["data"]["session"]["accessToken"].is_string());
}

#[tokio::test]
async fn a_patch_over_a_socket_is_the_same_as_one_over_http() {
    let latido = node::start().await;
    let doctor = latido.account(Role::Doctor).await;
    let mut socket = latido.connect(&doctor).await;
    let mut other = latido.connect(&doctor).await;

    let ask = json!({ "data": { "theme": "dark" }, "revision": 0 });
    let ack = socket.ask("session:patch", &ask).await;

    assert_eq!(ack, json!({ "ok": true, "data": { "theme": "dark" }, "revision": 1 }));
    assert_eq!(other.next("session:update").await["data"], json!({ "theme": "dark" }));
    for (payload, field) in [
        (json!({ "data": { "a": "x".repeat(8192) }, "revision": 1 }), json!("data")),
        (json!({ "data": { "a": "\0" }, "revision": 1 }), json!("data")),
        (json!({ "data": [1], "revision": 1 }), json!("data")),
        (json!({ "data": {} }), json!("revision")),
        (Value::Null, Value::Null),
    ] {
        let refused = socket.ask("session:patch", &payload).await;
        assert_eq!(refused["error"]["code"], "invalid", "{refused}");
        assert_eq!(refused["error"]["field"], field, "{refused}");
    }
    let noted = format!(
        "select count(*) from audit_log where action = 'patched' and entity_id = '{}'
         and actor_id = {} and ip = '127.0.0.1' and request_id is not null",
        doctor.session, doctor.id
    );
    let noted = async || accounts::value::<i64>(latido.database.url(), &noted).await;
    assert_eq!(noted().await, 1);
    let body = json!({ "data": {}, "revision": 1 });
    let refused = latido.call("PATCH", PATH).bearer(&doctor.token).json(&ask).send().await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert_eq!(noted().await, 1, "what changed nothing is not noted");
    let over_http = latido.call("PATCH", PATH).bearer(&doctor.token).json(&body).send().await;
    assert_eq!((over_http.status, noted().await), (StatusCode::OK, 2));
}

#[tokio::test]
async fn administrators_hear_of_what_one_of_them_shares_whichever_way_it_came() {
    let latido = node::start().await;
    let admin = latido.account(Role::Admin).await;
    let doctor = latido.account(Role::Doctor).await;
    let mut watching = latido.connect(&latido.account(Role::Admin).await).await;
    let mut socket = latido.connect(&admin).await;

    patch(&latido, &doctor, &json!({ "theme": "dark" }), 0).await;
    patch(&latido, &admin, &json!({ "theme": "dark" }), 0).await;
    let ack = socket.ask("session:patch", &json!({ "data": { "tab": 1 }, "revision": 1 })).await;

    assert_eq!(ack["ok"], true, "{ack}");
    for revision in [1, 2] {
        let heard = watching.next("admin:event").await;
        assert_eq!(heard["eventType"], "session.patched", "{heard}");
        assert_eq!(
            (&heard["entityId"], &heard["userId"]),
            (&json!(admin.session), &json!(admin.id))
        );
        assert_eq!(heard["data"], json!({ "revision": revision }));
    }
}

#[tokio::test]
async fn a_patch_that_does_not_fit_names_its_field() {
    let latido = node::start().await;
    let doctor = latido.account(Role::Doctor).await;
    let half = "x".repeat(5000);
    patch(&latido, &doctor, &json!({ "a": half }), 0).await;

    let too_large = patch(&latido, &doctor, &json!({ "b": half }), 1).await;
    assert_eq!(too_large.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(too_large.json()["errors"][0]["pointer"], "/data");
    for (body, pointer) in [
        (json!({ "data": {} }), "/revision"),
        (json!({ "revision": 1 }), "/data"),
        (json!({ "data": "text", "revision": 1 }), "/data"),
    ] {
        let refused = latido.call("PATCH", PATH).bearer(&doctor.token).json(&body).send().await;
        assert_eq!(refused.json()["errors"][0]["pointer"], pointer, "{}", refused.text());
    }
    let kept = session(&latido.call("GET", PATH).bearer(&doctor.token).send().await);
    assert_eq!(kept["revision"], 1);
}

#[tokio::test]
async fn of_fifty_patches_made_from_one_revision_one_is_made() {
    let latido = node::start().await;
    let doctor = latido.account(Role::Doctor).await;
    let mut socket = latido.connect(&doctor).await;

    let racing = (0..49).map(|number| {
        let (latido, doctor) = (&latido, &doctor);
        async move { patch(latido, doctor, &json!({ "winner": number }), 0).await.json() }
    });
    let payload = json!({ "data": { "winner": 49 }, "revision": 0 });
    let (answers, ack) = tokio::join!(join_all(racing), socket.ask("session:patch", &payload));

    let won: Vec<_> = answers.iter().filter(|answer| answer["success"] == true).collect();
    assert_eq!(won.len() + usize::from(ack["ok"] == true), 1, "{answers:?} {ack}");
    let read = session(&latido.call("GET", PATH).bearer(&doctor.token).send().await);
    assert_eq!(read["revision"], 1);
    for answer in answers.iter().filter(|answer| answer["success"] == false) {
        assert_eq!(answer["current"]["data"], read["data"], "the loser is shown the winner");
    }
    latido.mark("after").await;
    let heard = socket.until("after", "session:update").await;
    assert_eq!(heard.len(), 1);
    assert_eq!(heard[0]["data"], read["data"]);
}

#[tokio::test]
async fn a_foreign_page_cannot_change_or_end_what_the_cookie_opens() {
    let latido = node::start().await;
    let doctor = latido.account(Role::Doctor).await;
    let body = json!({ "data": { "theme": "dark" }, "revision": 0 });
    let from = |method: &str, origin: &str| {
        latido.call(method, PATH).header("cookie", &doctor.cookie).header("origin", origin)
    };

    for method in ["PATCH", "DELETE"] {
        let foreign = from(method, "https://evil.example").json(&body).send().await;
        assert_eq!(foreign.status, StatusCode::FORBIDDEN, "{method}");
        assert_eq!(foreign.json()["type"], "urn:latido:problem:origin-not-allowed");
        assert_eq!(foreign.header("access-control-allow-origin"), "");
    }
    let foreign = from("GET", "https://evil.example").send().await;
    assert_eq!(foreign.header("access-control-allow-origin"), "", "its page may not read this");
    let ours = from("PATCH", PORTAL).json(&body).send().await;
    assert_eq!(session(&ours)["revision"], 1);
    assert!(session(&ours)["accessToken"].is_string());
}

#[tokio::test]
async fn an_end_is_heard_within_a_second_and_clears_the_cookie() {
    let latido = node::start().await;
    let doctor = latido.account(Role::Doctor).await;
    let elsewhere = accounts::sign_in(latido.database.url(), doctor.id, doctor.role).await;
    let mut sockets = [latido.connect(&doctor).await, latido.connect(&doctor).await];
    let mut other_device = latido.connect(&elsewhere).await;
    let began = Instant::now();

    let ended = by_cookie(&latido, "DELETE", &doctor).send().await;

    assert_eq!(ended.status, StatusCode::NO_CONTENT, "{}", ended.text());
    assert!(ended.header("set-cookie").starts_with("latido_session=; "));
    assert!(ended.header("set-cookie").ends_with("Max-Age=0"));
    for socket in &mut sockets {
        let revoked = socket.next("session:revoked").await;
        assert_eq!(revoked["sessionId"], doctor.session);
        assert_eq!(revoked["reason"], "logout");
        assert_eq!(socket.ended().await, End::Disconnected);
    }
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    let again = latido.call("DELETE", PATH).bearer(&doctor.token).send().await;
    assert_eq!(again.status, StatusCode::UNAUTHORIZED);
    let body = json!({ "everywhere": true });
    let all = latido.call("DELETE", PATH).bearer(&elsewhere.token).json(&body).send().await;
    assert_eq!(all.status, StatusCode::NO_CONTENT);
    assert_eq!(other_device.next("session:revoked").await["reason"], "logout_all");
}

#[tokio::test]
async fn everywhere_ends_every_device_and_may_stand_in_the_query() {
    let latido = node::start().await;
    let doctor = latido.account(Role::Doctor).await;
    let elsewhere = accounts::sign_in(latido.database.url(), doctor.id, doctor.role).await;
    let mut other_device = latido.connect(&elsewhere).await;

    let path = format!("{PATH}?everywhere=true");
    let ended = latido.call("DELETE", &path).bearer(&doctor.token).send().await;

    assert_eq!(ended.status, StatusCode::NO_CONTENT);
    let revoked = other_device.next("session:revoked").await;
    assert_eq!(
        (&revoked["sessionId"], &revoked["reason"]),
        (&json!(elsewhere.session), &json!("logout_all"))
    );
    assert_eq!(other_device.ended().await, End::Disconnected);
}

#[tokio::test]
async fn a_service_key_has_no_session() {
    let key = "k".repeat(32);
    let latido = node::start_with(&[("SERVICE_API_KEYS", &format!("test:{key}"))]).await;
    let body = json!({ "data": {}, "revision": 0 });

    let read = latido.call("GET", PATH).header("x-service-key", &key).send().await;
    assert_eq!(session(&read), Value::Null);
    let patched = latido.call("PATCH", PATH).header("x-service-key", &key).json(&body).send().await;
    assert_eq!(patched.status, StatusCode::FORBIDDEN);
}
