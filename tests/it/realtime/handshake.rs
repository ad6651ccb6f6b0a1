//! Who is let in, and how the others are refused (contract §6.1, §6.2).

use latido::domain::identity::Role;
use latido::domain::time::Timestamp;
use serde_json::{Value, json};

use crate::support::{self, EVENTS, Latido, SocketIo, accounts};

/// The exact refusal, its `detail` being free text.
fn assert_refused(refusal: &Value, code: &str) {
    assert_eq!(refusal["message"], "unauthorized", "{refusal}");
    assert_eq!(refusal["data"]["code"], code, "{refusal}");
    assert!(refusal["data"]["detail"].is_string(), "{refusal}");
    assert_eq!(refusal.as_object().unwrap().len(), 2, "{refusal}");
}

async fn refusal(latido: &Latido, auth: Value, headers: &[(&str, &str)]) -> Value {
    let refused = SocketIo::join(latido.address, EVENTS, &auth, headers).await;
    refused.err().expect("the socket is refused")
}

#[tokio::test]
async fn a_token_in_auth_is_greeted_with_what_it_may_hear() {
    let latido = support::start().await;
    let patient = latido.account(Role::Patient).await;

    let mut socket = latido.join(EVENTS, &json!({ "token": patient.token })).await.unwrap();

    assert!(socket.accepted["sid"].is_string());
    let connected = socket.next("connected").await;
    assert_eq!(connected["userId"], patient.id);
    assert_eq!(connected["role"], "Paciente");
    assert_eq!(connected["sessionId"], patient.session);
    let rooms = connected["rooms"].as_array().unwrap();
    for room in [
        format!("user:{}", patient.id),
        "role:Paciente".into(),
        format!("session:{}", patient.session),
    ] {
        assert!(rooms.contains(&json!(room)), "{room} in {connected}");
    }
    for (field, is_right) in [
        ("message", connected["message"].is_string()),
        ("nodeId", connected["nodeId"].is_string()),
        ("serverTime", connected["serverTime"].is_string()),
        ("timestamp", connected["timestamp"].is_string()),
        (
            "lastEventId",
            connected["lastEventId"].as_str().is_some_and(|id| id.parse::<u64>().is_ok()),
        ),
        ("replayed", connected["replayed"] == 0),
    ] {
        assert!(is_right, "{field} in {connected}");
    }
}

#[tokio::test]
async fn a_token_in_the_authorization_header_is_enough() {
    let latido = support::start().await;
    let doctor = latido.account(Role::Doctor).await;
    let header = format!("Bearer {}", doctor.token);

    let mut socket =
        SocketIo::join(latido.address, EVENTS, &Value::Null, &[("authorization", &header)])
            .await
            .unwrap();

    assert_eq!(socket.next("connected").await["role"], "Medico");
}

#[tokio::test]
async fn the_session_cookie_is_enough() {
    let latido = support::start().await;
    let doctor = latido.account(Role::Doctor).await;

    let mut socket =
        SocketIo::join(latido.address, EVENTS, &Value::Null, &[("cookie", &doctor.cookie)])
            .await
            .unwrap();

    assert_eq!(socket.next("connected").await["userId"], doctor.id);
}

#[tokio::test]
async fn the_first_token_counts_even_when_it_is_bad() {
    let latido = support::start().await;
    let doctor = latido.account(Role::Doctor).await;
    let header = format!("Bearer {}", doctor.token);

    let refused =
        refusal(&latido, json!({ "token": "not a token" }), &[("authorization", &header)]).await;

    assert_refused(&refused, "unauthenticated");
}

#[tokio::test]
async fn without_credentials_nobody_is_let_in() {
    let latido = support::start().await;

    let refused = refusal(&latido, Value::Null, &[]).await;

    assert_refused(&refused, "unauthenticated");
}

#[tokio::test]
async fn an_expired_token_is_told_so() {
    let latido = support::start().await;
    let patient = latido.account(Role::Patient).await;
    let long_ago = Timestamp(Timestamp::now().0 - 2 * 3_600_000);
    let old = accounts::token(patient.id, patient.role, &patient.session, long_ago);

    let refused = refusal(&latido, json!({ "token": old }), &[]).await;

    assert_refused(&refused, "token_expired");
}

#[tokio::test]
async fn a_token_of_a_revoked_session_is_refused() {
    let latido = support::start().await;
    let patient = latido.account(Role::Patient).await;
    let revoke = format!(
        "update sessions set revoked_at = 1, revoke_reason = 'logout' where id = '{}'",
        patient.session
    );
    accounts::run(latido.database.url(), &revoke).await;

    let refused = refusal(&latido, json!({ "token": patient.token }), &[]).await;

    assert_refused(&refused, "unauthenticated");
}

#[tokio::test]
async fn a_deactivated_account_is_told_so() {
    let latido = support::start().await;
    let patient = latido.account(Role::Patient).await;
    let deactivate = format!("update users set is_active = false where id = {}", patient.id);
    accounts::run(latido.database.url(), &deactivate).await;

    let refused = refusal(&latido, json!({ "token": patient.token }), &[]).await;

    assert_refused(&refused, "account_inactive");
}

#[tokio::test]
async fn a_user_has_no_more_sockets_than_allowed() {
    let latido = support::start_with(&[("MAX_CONNECTIONS_PER_USER", "2")]).await;
    let patient = latido.account(Role::Patient).await;
    let _first = latido.connect(&patient).await;
    let _second = latido.connect(&patient).await;

    let refused = refusal(&latido, json!({ "token": patient.token }), &[]).await;

    assert_refused(&refused, "capacity");
}

#[tokio::test]
async fn a_node_has_no_more_sockets_than_allowed() {
    let latido = support::start_with(&[("MAX_CONNECTIONS", "1")]).await;
    let (patient, doctor) =
        (latido.account(Role::Patient).await, latido.account(Role::Doctor).await);
    let _first = latido.connect(&patient).await;

    let refused = refusal(&latido, json!({ "token": doctor.token }), &[]).await;

    assert_refused(&refused, "capacity");
}

#[tokio::test]
async fn another_namespace_is_refused_by_name() {
    let latido = support::start().await;
    let patient = latido.account(Role::Patient).await;

    let refused = latido.join("/nowhere", &json!({ "token": patient.token })).await.err();

    assert_eq!(refused, Some(json!({ "message": "Invalid namespace" })));
}

#[tokio::test]
async fn the_signaling_namespaces_greet_too() {
    let latido = support::start().await;
    let patient = latido.account(Role::Patient).await;

    for namespace in ["/", "/signaling"] {
        let mut socket = latido.join(namespace, &json!({ "token": patient.token })).await.unwrap();

        assert_eq!(socket.next("connected").await["userId"], patient.id);
    }
}

#[tokio::test]
async fn a_foreign_origin_is_refused_on_every_transport() {
    let latido = support::start().await;
    for (path, upgrades) in [
        ("/socket.io/?EIO=4&transport=polling", false),
        ("/socket.io/?EIO=4&transport=websocket", true),
        ("/events", true),
        ("/signaling", true),
    ] {
        let call = latido.call("GET", path).header("origin", "https://evil.example");
        let call = if upgrades { call.upgrade() } else { call };

        let answer = call.send().await;

        assert_eq!(answer.status, 403, "{path}");
        assert_eq!(answer.json()["type"], "urn:latido:problem:origin-not-allowed", "{path}");
    }
}

#[tokio::test]
async fn an_allowed_origin_passes() {
    let latido = support::start().await;
    let patient = latido.account(Role::Patient).await;
    let headers = [("origin", "https://portal.example")];

    let joined =
        SocketIo::join(latido.address, EVENTS, &json!({ "token": patient.token }), &headers).await;

    assert!(joined.is_ok());
}

#[tokio::test]
async fn another_protocol_version_is_refused_in_the_protocols_words() {
    let latido = support::start().await;
    for query in ["EIO=3&transport=polling", "transport=polling"] {
        let answer = latido.call("GET", &format!("/socket.io/?{query}")).send().await;

        assert_eq!(answer.status, 400);
        assert_eq!(answer.json(), json!({ "code": 5, "message": "Unsupported protocol version" }));
    }
}
