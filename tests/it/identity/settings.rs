//! Settings: the contract's defaults, changes, and who hears of them.

use http::StatusCode;
use latido::domain::identity::Role;
use serde_json::{Value, json};

use crate::support::accounts::Account;
use crate::support::http::Answer;
use crate::support::{self, Latido, accounts};

const SETTINGS: &str = "/users/me/settings";

async fn read(latido: &Latido, by: &Account) -> Value {
    latido.call("GET", SETTINGS).bearer(&by.token).send().await.json()
}

async fn write(latido: &Latido, by: &Account, method: &str, body: &Value) -> Answer {
    latido.call(method, SETTINGS).bearer(&by.token).json(body).send().await
}

fn defaults() -> Value {
    json!({
        "theme": "system", "notifications": true, "locale": "es", "focus_mode": false,
        "notify": { "email": true, "push": true }, "custom_theme": {},
    })
}

#[tokio::test]
async fn a_patch_changes_what_it_names_and_a_put_the_rest_back() {
    let latido = support::start().await;
    let ana = latido.account(Role::Patient).await;
    assert_eq!(read(&latido, &ana).await, defaults());

    let body = json!({ "theme": "custom", "custom_theme": { "accent": "#a00" }, "notify": { "push": false } });
    let patched = write(&latido, &ana, "PATCH", &body).await;

    assert_eq!(patched.status, StatusCode::OK, "{}", patched.text());
    let mut expected = defaults();
    expected["theme"] = json!("custom");
    expected["custom_theme"] = json!({ "accent": "#a00" });
    expected["notify"]["push"] = json!(false);
    assert_eq!(patched.json(), expected);
    assert_eq!(read(&latido, &ana).await, expected);

    let put = write(&latido, &ana, "PUT", &json!({ "locale": "es-AR" })).await.json();
    let mut expected = defaults();
    expected["locale"] = json!("es-AR");
    assert_eq!(put, expected);
    assert_eq!(read(&latido, &ana).await, expected);
}

#[tokio::test]
async fn other_sessions_hear_of_a_change_and_ones_own_does_not() {
    let latido = support::start().await;
    let ana = latido.account(Role::Patient).await;
    let elsewhere = accounts::sign_in(latido.database.url(), ana.id, ana.role).await;
    let stranger = latido.account(Role::Patient).await;
    let (mut own, mut other) = (latido.connect(&ana).await, latido.connect(&elsewhere).await);
    let mut foreign = latido.connect(&stranger).await;

    write(&latido, &ana, "PATCH", &json!({ "focus_mode": true, "theme": "dark" })).await;
    // Changes nothing, so it tells nothing.
    write(&latido, &ana, "PATCH", &json!({ "focus_mode": true })).await;
    latido.mark("done").await;

    let heard = other.until("done", "user:update").await;
    assert_eq!(heard.len(), 1);
    assert_eq!((&heard[0]["type"], &heard[0]["action"]), (&json!("settings"), &json!("updated")));
    assert_eq!(heard[0]["changes"], json!({ "focusMode": true, "theme": "dark" }));
    assert_eq!(own.until("done", "user:update").await, [Value::Null; 0]);
    assert_eq!(foreign.until("done", "user:update").await, [Value::Null; 0]);
}

#[tokio::test]
async fn a_refused_setting_is_named_and_nothing_is_written() {
    let latido = support::start().await;
    let ana = latido.account(Role::Patient).await;
    let heavy = json!({ "custom_theme": { "x": "y".repeat(4096) } });
    for (body, pointer, code) in [
        (json!({ "theme": "pink" }), "/theme", "enum"),
        (json!({ "locale": "x" }), "/locale", "length"),
        (json!({ "locale": "x".repeat(11) }), "/locale", "length"),
        (json!({ "notifications": "yes" }), "/notifications", "type"),
        (json!({ "custom_theme": { "a": 1 } }), "/custom_theme/a", "type"),
        (heavy, "/custom_theme", "length"),
    ] {
        let answer = write(&latido, &ana, "PATCH", &body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        let errors = answer.json()["errors"].clone();
        assert_eq!((&errors[0]["pointer"], &errors[0]["code"]), (&json!(pointer), &json!(code)));
    }
    assert_eq!(read(&latido, &ana).await, defaults());
}

#[tokio::test]
async fn changes_from_two_devices_at_once_both_stay() {
    let latido = support::start().await;
    let ana = latido.account(Role::Patient).await;

    for round in 0..10 {
        let (dark, quiet) = (round % 2 == 0, round % 2 == 1);
        let theme = json!({ "theme": if dark { "dark" } else { "light" } });
        let bell = json!({ "notifications": !quiet });
        tokio::join!(write(&latido, &ana, "PATCH", &theme), write(&latido, &ana, "PATCH", &bell));

        let now = read(&latido, &ana).await;
        assert_eq!(
            (&now["theme"], &now["notifications"]),
            (&theme["theme"], &bell["notifications"])
        );
    }
}
