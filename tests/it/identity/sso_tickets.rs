//! Tickets carry a sign-in from one domain to another, once.

use futures_util::future::join_all;
use http::StatusCode;
use latido::domain::identity::Role;
use serde_json::{Value, json};

use crate::support::accounts::{self, Account};
use crate::support::http::Answer;
use crate::support::node::{self, Latido};
use crate::support::socket_io::{EVENTS, End};

const PATH: &str = "/api/session-sync";
const DOCTORS: &str = "https://doctors.example";
const PATIENTS: &str = "https://patients.example";

async fn start() -> Latido {
    node::start_with(&[("CORS_ORIGIN", &format!("{DOCTORS},{PATIENTS}"))]).await
}

async fn issue(latido: &Latido, account: &Account, target: &str) -> Answer {
    let body = json!({ "targetOrigin": target });
    latido.call("POST", &format!("{PATH}/ticket")).bearer(&account.token).json(&body).send().await
}

async fn ticket(latido: &Latido, account: &Account) -> String {
    let answer = issue(latido, account, PATIENTS).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    answer.json()["data"]["ticket"].as_str().unwrap().to_owned()
}

async fn redeem(latido: &Latido, ticket: &str, origin: &str) -> Answer {
    let call = latido.call("POST", &format!("{PATH}/redeem")).header("origin", origin);
    call.json(&json!({ "ticket": ticket })).send().await
}

/// The session that a ticket opened, as the tests know sessions.
async fn carried(latido: &Latido, account: &Account) -> Account {
    let ticket = ticket(latido, account).await;
    let answer = redeem(latido, &ticket, PATIENTS).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let pair = answer.json()["data"].clone();
    Account {
        session: pair["session_id"].as_str().unwrap().to_owned(),
        token: pair["access_token"].as_str().unwrap().to_owned(),
        cookie: answer.header("set-cookie").split(';').next().unwrap().to_owned(),
        ..account.clone()
    }
}

async fn read(latido: &Latido, account: &Account) -> Value {
    let answer = latido.call("GET", PATH).bearer(&account.token).send().await;
    answer.json()["data"]["session"].clone()
}

/// What the trail says of tickets, oldest first.
async fn trail(latido: &Latido) -> Vec<Value> {
    let admin = latido.account(Role::Admin).await;
    let path = "/api/admin/audit?limit=100";
    let answer = latido.call("GET", path).bearer(&admin.token).send().await;
    let mut lines = answer.json()["items"].as_array().unwrap().clone();
    lines.retain(|line| line["action"].as_str().unwrap().starts_with("ticket_"));
    lines.reverse();
    lines
}

#[tokio::test]
async fn a_ticket_signs_in_once_at_the_portal_it_was_made_for() {
    let latido = start().await;
    let doctor = latido.account(Role::Doctor).await;

    let issued = issue(&latido, &doctor, "https://Patients.example:443/").await;
    assert_eq!(issued.status, StatusCode::CREATED, "{}", issued.text());
    let data = issued.json()["data"].clone();
    let ticket = data["ticket"].as_str().unwrap();
    assert!(ticket.starts_with("t_"));
    assert_eq!(data["url"], format!("{PATIENTS}/sso#ticket={ticket}"));
    assert!(data["expiresAt"].is_string());

    let redeemed = redeem(&latido, ticket, PATIENTS).await;
    assert_eq!(redeemed.status, StatusCode::OK, "{}", redeemed.text());
    assert_eq!(redeemed.header("access-control-allow-origin"), PATIENTS);
    assert_eq!(redeemed.header("access-control-allow-credentials"), "true");
    let body = redeemed.json();
    assert_eq!(body["success"], true);
    let pair = &body["data"];
    assert_eq!(pair["token_type"], "bearer");
    assert_eq!(pair["user"]["id"], doctor.id);
    assert_ne!(pair["session_id"], doctor.session, "a session of its own");
    let cookie = redeemed.header("set-cookie").split(';').next().unwrap();
    let by_cookie = latido.call("GET", PATH).header("cookie", cookie).send().await;
    assert_eq!(by_cookie.json()["data"]["session"]["id"], pair["session_id"]);
    let refresh = json!({ "refresh_token": pair["refresh_token"] });
    let refreshed = latido.call("POST", "/auth/refresh").json(&refresh).send().await;
    assert_eq!(refreshed.status, StatusCode::OK);

    let again = redeem(&latido, ticket, PATIENTS).await;
    assert_eq!(again.status, StatusCode::GONE);
    let problem = again.json();
    assert_eq!(problem["type"], "urn:latido:problem:gone");
    assert_eq!((&problem["success"], &problem["error"]), (&json!(false), &json!("Gone")));

    let trail = trail(&latido).await;
    let actions: Vec<_> = trail.iter().map(|line| line["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["ticket_issued", "ticket_redeemed", "ticket_refused"]);
    assert!(trail.iter().all(|line| !line.to_string().contains(ticket)), "{trail:?}");
}

#[tokio::test]
async fn from_another_origin_a_ticket_is_as_unknown_as_one_that_never_was() {
    let latido = start().await;
    let doctor = latido.account(Role::Doctor).await;
    let ticket = ticket(&latido, &doctor).await;

    let elsewhere = redeem(&latido, &ticket, DOCTORS).await;
    let unknown = redeem(&latido, "t_nonsense", DOCTORS).await;
    let told = |answer: &Answer| {
        let mut told = answer.json();
        told["requestId"].take();
        (answer.status, told)
    };
    assert_eq!(told(&elsewhere), told(&unknown));
    assert_eq!(elsewhere.status, StatusCode::GONE);

    let foreign = redeem(&latido, &ticket, "https://evil.example").await;
    let none = latido.call("POST", &format!("{PATH}/redeem"));
    let none = none.json(&json!({ "ticket": ticket })).send().await;
    let opaque = redeem(&latido, &ticket, "null").await;
    for refused in [foreign, none, opaque] {
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", refused.text());
        assert_eq!(refused.json()["type"], "urn:latido:problem:origin-not-allowed");
        assert_eq!(refused.header("set-cookie"), "");
    }

    assert_eq!(redeem(&latido, &ticket, PATIENTS).await.status, StatusCode::OK, "it stayed good");
    let trail = trail(&latido).await;
    let refusals: Vec<_> = trail.iter().map(|line| &line["data"]["reason"]).collect();
    let (ticket, origin, none) = (json!("ticket"), json!("origin"), Value::Null);
    assert_eq!(refusals, [&none, &ticket, &ticket, &origin, &origin, &origin, &none]);
}

#[tokio::test]
async fn a_ticket_is_made_only_for_allowed_origins_and_only_by_members() {
    let latido = start().await;
    let doctor = latido.account(Role::Doctor).await;

    for target in ["https://evil.example", "http://patients.example", "null", "", "*"] {
        let refused = issue(&latido, &doctor, target).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{target}");
        assert_eq!(refused.json()["errors"][0]["pointer"], "/targetOrigin");
    }
    let body = json!({ "targetOrigin": PATIENTS });
    let path = format!("{PATH}/ticket");
    let stranger = latido.call("POST", &path).json(&body).send().await;
    assert_eq!(stranger.status, StatusCode::UNAUTHORIZED);
    let forged = latido.call("POST", &path).header("cookie", &doctor.cookie);
    let forged = forged.header("origin", "https://evil.example").json(&body).send().await;
    assert_eq!(forged.status, StatusCode::FORBIDDEN);
    let ours = latido.call("POST", &path).header("cookie", &doctor.cookie);
    let ours = ours.header("origin", DOCTORS).json(&body).send().await;
    assert_eq!(ours.status, StatusCode::CREATED);
}

#[tokio::test]
async fn of_many_who_redeem_one_ticket_at_once_one_gets_in() {
    let latido = start().await;
    let doctor = latido.account(Role::Doctor).await;
    let ticket = ticket(&latido, &doctor).await;

    let answers = join_all((0..20).map(|_| redeem(&latido, &ticket, PATIENTS))).await;

    let count = |status| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!((count(StatusCode::OK), count(StatusCode::GONE)), (1, 19));
}

#[tokio::test]
async fn a_ticket_is_gone_after_a_minute_and_with_the_session_that_made_it() {
    let latido = start().await;
    let doctor = latido.account(Role::Doctor).await;
    let late = ticket(&latido, &doctor).await;
    let a_minute = "update one_time_tokens set expires_at = expires_at - 60000";
    accounts::run(latido.database.url(), a_minute).await;
    let orphaned = ticket(&latido, &doctor).await;
    latido.call("DELETE", PATH).bearer(&doctor.token).send().await;

    assert_eq!(redeem(&latido, &late, PATIENTS).await.status, StatusCode::GONE);
    assert_eq!(redeem(&latido, &orphaned, PATIENTS).await.status, StatusCode::GONE);
}

#[tokio::test]
async fn sessions_of_one_sign_on_share_their_apps_and_data() {
    let latido = start().await;
    let doctor = latido.account(Role::Doctor).await;
    let carried = carried(&latido, &doctor).await;
    let mut here = latido.connect(&doctor).await;
    let mut there = latido.connect(&carried).await;
    let join = async |account: &Account, app: &str| {
        latido.call("POST", PATH).bearer(&account.token).json(&json!({ "app": app })).send().await
    };

    join(&doctor, "doctors").await;
    join(&carried, "patients").await;
    let body = json!({ "data": { "theme": "dark" }, "revision": 0 });
    let patched = latido.call("PATCH", PATH).bearer(&carried.token).json(&body).send().await;
    assert_eq!(patched.status, StatusCode::OK, "{}", patched.text());

    for (account, socket) in [(&doctor, &mut here), (&carried, &mut there)] {
        let session = read(&latido, account).await;
        assert_eq!(session["id"], account.session);
        assert_eq!(session["apps"], json!(["doctors", "patients"]));
        assert_eq!(session["data"], json!({ "theme": "dark" }));
        let update = loop {
            let update = socket.next("session:update").await;
            if update["revision"] == 1 {
                break update;
            }
        };
        assert_eq!(update["sessionId"], account.session, "each hears of its own");
        assert_eq!(update["apps"], json!(["doctors", "patients"]));
    }
    let stale = there.ask("session:patch", &body).await;
    assert_eq!(stale["error"]["current"]["revision"], 1);

    let path = format!("/auth/sessions/{}", doctor.session);
    latido.call("DELETE", &path).bearer(&doctor.token).send().await;
    let session = read(&latido, &carried).await;
    assert_eq!(session["apps"], json!(["patients"]), "who left is not listed");
    assert_eq!(session["data"], json!({ "theme": "dark" }), "what was shared stays");
    let body = json!({ "data": { "theme": null }, "revision": 1 });
    let patched = latido.call("PATCH", PATH).bearer(&carried.token).json(&body).send().await;
    assert_eq!(patched.json()["data"]["session"]["revision"], 2);
}

#[tokio::test]
async fn signing_out_at_one_portal_ends_the_sign_on_and_spares_other_devices() {
    let latido = start().await;
    let doctor = latido.account(Role::Doctor).await;
    let device = accounts::sign_in(latido.database.url(), doctor.id, doctor.role).await;
    let there = carried(&latido, &doctor).await;
    let further = carried(&latido, &there).await;
    let mut sockets = Vec::new();
    for account in [&doctor, &there, &further] {
        sockets.push((account, latido.connect(account).await));
    }
    let by_cookie = json!({ "token": null });
    let cookie = [("cookie", further.cookie.as_str())];
    let socket = crate::support::SocketIo::join(latido.address, EVENTS, &by_cookie, &cookie).await;
    sockets.push((&further, socket.unwrap()));
    let mut other_device = latido.connect(&device).await;

    let ended = latido.call("DELETE", PATH).bearer(&further.token).send().await;

    assert_eq!(ended.status, StatusCode::NO_CONTENT);
    for (account, socket) in &mut sockets {
        let revoked = socket.next("session:revoked").await;
        assert_eq!(
            (&revoked["sessionId"], &revoked["reason"]),
            (&json!(account.session), &json!("logout"))
        );
        assert_eq!(socket.ended().await, End::Disconnected);
        assert_eq!(read(&latido, account).await, Value::Null);
    }
    assert_eq!(other_device.ask("ping", &Value::Null).await["userId"], doctor.id);
}

#[tokio::test]
async fn a_logout_where_the_sign_on_began_ends_what_tickets_opened_and_no_other_does() {
    let latido = start().await;
    let doctor = latido.account(Role::Doctor).await;
    let (one, other) = (carried(&latido, &doctor).await, carried(&latido, &doctor).await);
    let logout = async |account: &Account| {
        let answer = latido.call("POST", "/auth/logout").bearer(&account.token).send().await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.text());
    };

    logout(&one).await;
    assert_eq!(read(&latido, &one).await, Value::Null);
    assert_eq!(read(&latido, &doctor).await["id"], doctor.session);
    assert_eq!(read(&latido, &other).await["id"], other.session);

    logout(&doctor).await;
    assert_eq!(read(&latido, &doctor).await, Value::Null);
    assert_eq!(read(&latido, &other).await, Value::Null);
}

#[tokio::test]
async fn a_carried_session_ends_no_later_than_the_one_it_came_from() {
    let latido = start().await;
    let doctor = latido.account(Role::Doctor).await;
    let body = json!({ "app": "doctors", "ttlSeconds": 600 });
    latido.call("POST", PATH).bearer(&doctor.token).json(&body).send().await;

    let carried = carried(&latido, &doctor).await;

    let ends = read(&latido, &doctor).await["expiresAt"].clone();
    assert_eq!(read(&latido, &carried).await["expiresAt"], ends);
}

/// On PostgreSQL the two wait for each other; whoever comes first, nobody stays.
#[tokio::test]
async fn signing_out_everywhere_catches_a_ticket_that_is_being_redeemed() {
    let latido = start().await;
    for _ in 0..20 {
        let doctor = latido.account(Role::Doctor).await;
        let ticket = ticket(&latido, &doctor).await;
        let path = format!("{PATH}?everywhere=true");
        let everywhere = latido.call("DELETE", &path).bearer(&doctor.token).send();

        let (redeemed, ended) = tokio::join!(redeem(&latido, &ticket, PATIENTS), everywhere);

        assert_eq!(ended.status, StatusCode::NO_CONTENT);
        if redeemed.status == StatusCode::OK {
            let token = redeemed.json()["data"]["access_token"].as_str().unwrap().to_owned();
            let read = latido.call("GET", PATH).bearer(&token).send().await;
            assert_eq!(read.json()["data"]["session"], Value::Null);
        }
    }
}
