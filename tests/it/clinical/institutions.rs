//! Institutions, and the accounts they sign in with.

use serde_json::{Value, json};

use crate::support::accounts;
use crate::support::care::Care;

const PASSWORD: &str = "correct horse battery";

/// An institution with an account of its own.
async fn admitted(care: &Care, email: &str) -> Value {
    let body = json!({"name": "Clínica Sur", "type": "clinic", "contact_email": email,
        "license_number": format!("INS {email}"), "region": "Córdoba", "country": "AR",
        "password": PASSWORD});
    care.added("/api/v1/institutions", body).await
}

fn path(institution: &Value) -> String {
    format!("/api/v1/institutions/{}", institution["id"])
}

fn account(institution: &Value) -> String {
    format!("/users/{}", institution["user_id"])
}

async fn changed(care: &Care, path: &str, change: Value) -> Value {
    let answer = care.ask(&care.admin, "PATCH", path, change).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.json()
}

async fn signs_in(care: &Care, email: &str) -> bool {
    let body = json!({"email": email, "password": PASSWORD});
    care.latido.call("POST", "/auth/login").json(&body).send().await.status == 200
}

#[tokio::test]
async fn an_institution_is_written_to_where_it_signs_in() {
    let care = Care::start().await;
    let institution = admitted(&care, "info@sur.example").await;

    changed(&care, &account(&institution), json!({"email": "Nueva@Sur.Example"})).await;
    let shown = care.get(&care.admin, &path(&institution)).await;
    assert_eq!(shown.json()["contact_email"], "nueva@sur.example");
    assert_eq!((shown.header("etag"), &shown.json()["version"]), ("\"v2\"", &json!(2)));

    changed(&care, &path(&institution), json!({"city": "Córdoba"})).await;
    assert!(signs_in(&care, "nueva@sur.example").await);
    assert!(!signs_in(&care, "info@sur.example").await);

    let email = json!({"contact_email": "Otra@Sur.Example"});
    let shown = changed(&care, &path(&institution), email).await;
    assert_eq!(
        (&shown["contact_email"], &shown["version"]),
        (&json!("otra@sur.example"), &json!(4))
    );
    assert!(signs_in(&care, "otra@sur.example").await);
}

#[tokio::test]
async fn an_account_keeps_its_email_while_the_institution_keeps_its_own() {
    let care = Care::start().await;
    let institution = admitted(&care, "info@sur.example").await;
    let other = admitted(&care, "info@norte.example").await;
    // As they stood before accounts and institutions were kept together.
    let apart = format!(
        "update medical_institutions set contact_email = 'mesa@norte.example' where id = {}",
        other["id"]
    );
    accounts::run(care.latido.database.url(), &apart).await;

    changed(&care, &path(&other), json!({"city": "Salta"})).await;
    assert!(signs_in(&care, "info@norte.example").await);
    let taken = json!({"email": "mesa@norte.example"});
    let taken = care.ask(&care.admin, "PATCH", &account(&institution), taken).await;

    assert_eq!((taken.status.as_u16(), &taken.json()["field"]), (409, &json!("email")));
    assert!(signs_in(&care, "info@sur.example").await);
}
