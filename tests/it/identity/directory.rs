//! The list of accounts, and what it is searched by.

use latido::domain::identity::Role;
use serde_json::json;

use crate::support;

#[tokio::test]
async fn accounts_are_found_whatever_the_case_and_accents_of_their_names() {
    let latido = support::start().await;
    let admin = latido.account(Role::Admin).await;
    let body = json!({ "email": "angela@example.com", "password": "password123", "nombre": "ÁNGELA",
        "apellido": "Núñez 50%", "rol": "CLIENTE" });
    let registered = latido.call("POST", "/auth/register").json(&body).send().await;
    let id = registered.json()["user"]["id"].as_i64().unwrap();
    let found = async |text: &str| {
        let query = serde_urlencoded::to_string([("q", text)]).unwrap();
        let answer = latido.call("GET", &format!("/users?{query}")).bearer(&admin.token);
        let items = answer.send().await.json()["items"].clone();
        items.as_array().unwrap().iter().any(|user| user["id"] == id)
    };

    for text in ["ángela", "Angela", "NUÑEZ", "nunez", "núñez angela", "ANGELA@", "50%"] {
        assert!(found(text).await, "{text}");
    }
    assert!(found("ngel").await && !found("angel_s").await);
    let renamed = json!({ "apellido": "Öz" });
    let path = format!("/users/{id}");
    latido.call("PATCH", &path).bearer(&admin.token).json(&renamed).send().await;
    assert!(found("öZ").await && !found("nunez").await);
}
