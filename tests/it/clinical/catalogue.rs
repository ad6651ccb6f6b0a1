//! The catalogue: public to read, the house's to write, and everyone hears of a change.

use http::StatusCode;
use latido::domain::identity::Role;
use serde_json::{Value, json};

use crate::support::accounts::{self, Account};
use crate::support::http::Answer;
use crate::support::node::{self, Latido};
use crate::support::socket_io::SocketIo;

const EXAMS: &str = "/api/v1/catalog/exams";

async fn write(latido: &Latido, by: &Account, method: &str, path: &str, body: &Value) -> Answer {
    latido.call(method, path).bearer(&by.token).json(body).send().await
}

async fn created(latido: &Latido, by: &Account, resource: &str, body: &Value) -> Value {
    let path = format!("/api/v1/catalog/{resource}");
    let answer = write(latido, by, "POST", &path, body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    let row = answer.json();
    assert_eq!(answer.header("location"), format!("{path}/{}", row["id"]));
    row
}

#[tokio::test]
async fn an_exam_lives_from_creation_to_removal() {
    let latido = node::start().await;
    let admin = latido.account(Role::Admin).await;
    let patient = latido.account(Role::Patient).await;
    let mut socket = latido.connect(&patient).await;

    let exam =
        created(&latido, &admin, "exams", &json!({"code": "HEM", "name": "Hemograma"})).await;
    let heard = socket.next("catalog:update").await;
    assert_eq!(heard["type"], "exam");
    assert_eq!(heard["action"], "created");
    assert_eq!(heard["entityId"], exam["id"]);
    assert_eq!(heard["entityName"], "Hemograma");

    let path = format!("{EXAMS}/{}", exam["id"]);
    let read = latido.call("GET", &path).send().await;
    assert_eq!((read.status, read.header("etag")), (StatusCode::OK, "\"v1\""));
    let again = latido.call("GET", &path).header("if-none-match", "\"v1\"").send().await;
    assert_eq!(again.status, StatusCode::NOT_MODIFIED);

    let changed = write(&latido, &admin, "PATCH", &path, &json!({"preparation": "ayuno"})).await;
    assert_eq!((changed.status, changed.header("etag")), (StatusCode::OK, "\"v2\""));
    let read = latido.call("GET", &path).send().await.json();
    assert_eq!((&read["preparation"], &read["code"]), (&json!("ayuno"), &json!("HEM")));

    let late = latido.call("DELETE", &path).bearer(&admin.token).header("if-match", "\"v1\"");
    assert_eq!(late.send().await.status, StatusCode::PRECONDITION_FAILED);
    let gone = latido.call("DELETE", &path).bearer(&admin.token).send().await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert_eq!(latido.call("GET", &path).send().await.status, StatusCode::NOT_FOUND);
    let twice = latido.call("DELETE", &path).bearer(&admin.token).send().await;
    assert_eq!(twice.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_removed_exam_comes_back_unless_its_code_is_taken() {
    let latido = node::start().await;
    let admin = latido.account(Role::Admin).await;
    let doctor = latido.account(Role::Doctor).await;
    let mut socket = latido.connect(&doctor).await;
    let hemogram = json!({"code": "HEM", "name": "Hemograma"});
    let exam = created(&latido, &admin, "exams", &hemogram).await;
    let path = format!("{EXAMS}/{}", exam["id"]);
    let restore = format!("{path}/restore");
    assert_eq!(
        write(&latido, &admin, "POST", &restore, &json!({})).await.status,
        404,
        "it is there"
    );
    latido.call("DELETE", &path).bearer(&admin.token).send().await;
    let other = created(&latido, &admin, "exams", &hemogram).await;

    let taken = write(&latido, &admin, "POST", &restore, &json!({})).await;
    assert_eq!((taken.status, &taken.json()["field"]), (StatusCode::CONFLICT, &json!("code")));
    let other = format!("{EXAMS}/{}", other["id"]);
    latido.call("DELETE", &other).bearer(&admin.token).send().await;
    assert_eq!(write(&latido, &doctor, "POST", &restore, &json!({})).await.status, 403);
    let late = latido.call("POST", &restore).bearer(&admin.token).header("if-match", "\"v1\"");
    assert_eq!(late.send().await.status, 412);
    let back = write(&latido, &admin, "POST", &restore, &json!({})).await;

    assert_eq!((back.status, back.header("etag")), (StatusCode::OK, "\"v3\""));
    assert_eq!(latido.call("GET", &path).send().await.json()["code"], "HEM");
    let mut told = Vec::new();
    while told.len() < 5 {
        told.push(socket.next("catalog:update").await["action"].clone());
    }
    assert_eq!(told, ["created", "deleted", "created", "deleted", "created"]);
    let sql = "select count(*) from audit_log where action = 'restored'";
    assert_eq!(accounts::value::<i64>(latido.database.url(), sql).await, 1);
}

#[tokio::test]
async fn only_the_house_writes() {
    let latido = node::start().await;
    let doctor = latido.account(Role::Doctor).await;
    let body = json!({"code": "HEM", "name": "Hemograma"});

    assert_eq!(write(&latido, &doctor, "POST", EXAMS, &body).await.status, StatusCode::FORBIDDEN);
    let stranger = latido.call("POST", EXAMS).json(&body).send().await;
    assert_eq!(stranger.status, StatusCode::UNAUTHORIZED);
    let removed = latido.call("GET", &format!("{EXAMS}?include_deleted=true")).send().await;
    assert_eq!(removed.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn an_entry_is_found_whatever_the_case_and_accents_of_its_name() {
    let latido = node::start().await;
    let admin = latido.account(Role::Admin).await;
    created(&latido, &admin, "exams", &json!({"code": "URI", "name": "Ácido ÚRICO"})).await;
    let found = async |text: &str| {
        let query = serde_urlencoded::to_string([("q", text)]).unwrap();
        let page = latido.call("GET", &format!("{EXAMS}?{query}")).send().await.json();
        page["items"].as_array().unwrap().len()
    };

    for text in ["Ácido ÚRICO", "ácido", "ACIDO", "do uri", "uri"] {
        assert_eq!(found(text).await, 1, "{text}");
    }
    assert_eq!(found("úrico ácido").await, 0);
}

#[tokio::test]
async fn a_list_is_walked_by_cursor_and_refuses_unknown_filters() {
    let latido = node::start().await;
    let admin = latido.account(Role::Admin).await;
    for code in ["A", "B", "C"] {
        created(&latido, &admin, "exams", &json!({"code": code, "name": code})).await;
    }

    let first = latido.call("GET", &format!("{EXAMS}?limit=2&count=true")).send().await.json();
    assert_eq!((&first["items"][0]["code"], &first["total"]), (&json!("C"), &json!(3)));
    assert_eq!(first["has_more"], true);
    let next = format!("{EXAMS}?limit=2&cursor={}", first["next_cursor"].as_str().unwrap());
    let second = latido.call("GET", &next).send().await.json();
    assert_eq!(second["items"].as_array().unwrap().len(), 1);
    assert_eq!(second["next_cursor"], Value::Null);

    let other = format!("{next}&q=a");
    assert_eq!(latido.call("GET", &other).send().await.status, StatusCode::BAD_REQUEST);
    let unknown = latido.call("GET", &format!("{EXAMS}?colour=red")).send().await;
    assert_eq!(unknown.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn what_contradicts_the_catalogue_is_refused_by_name() {
    let latido = node::start().await;
    let admin = latido.account(Role::Admin).await;
    let exam = created(&latido, &admin, "exams", &json!({"code": "HEM", "name": "x"})).await;
    let price = json!({"exam_id": exam["id"], "amount_cents": 450_000});
    let stored = created(&latido, &admin, "prices", &price).await;
    assert_eq!(stored["currency"], "ARS");

    let cases = [
        ("exams", json!({"code": "HEM", "name": "y"}), StatusCode::CONFLICT, "/field", "code"),
        ("prices", price, StatusCode::CONFLICT, "/field", "valid_from"),
        (
            "prices",
            json!({"amount_cents": 1}),
            StatusCode::UNPROCESSABLE_ENTITY,
            "/errors/0/pointer",
            "/exam_id",
        ),
        (
            "packages",
            json!({"name": "p", "exam_ids": [999]}),
            StatusCode::UNPROCESSABLE_ENTITY,
            "/errors/0/code",
            "reference",
        ),
    ];
    for (resource, body, status, pointer, value) in cases {
        let path = format!("/api/v1/catalog/{resource}");
        let answer = write(&latido, &admin, "POST", &path, &body).await;
        assert_eq!(answer.status, status, "{}", answer.text());
        assert_eq!(answer.json().pointer(pointer), Some(&json!(value)), "{}", answer.text());
    }
}

#[tokio::test]
async fn many_prices_change_together_or_not_at_all() {
    let latido = node::start().await;
    let admin = latido.account(Role::Admin).await;
    let mut prices = Vec::new();
    for code in ["A", "B"] {
        let exam = created(&latido, &admin, "exams", &json!({"code": code, "name": code})).await;
        let price = json!({"exam_id": exam["id"], "amount_cents": 100});
        prices.push(created(&latido, &admin, "prices", &price).await["id"].clone());
    }
    let mut socket = latido.connect(&admin).await;
    let bulk = "/api/v1/catalog/prices/bulk";

    let items =
        json!({"items": [{"id": prices[0], "amount_cents": 7}, {"id": 999, "amount_cents": 7}]});
    let refused = write(&latido, &admin, "POST", bulk, &items).await;
    assert_eq!(refused.json()["errors"][0]["pointer"], "/items/1/id");

    let items = json!({"items": [{"id": prices[1], "amount_cents": 5}, {"id": prices[0], "amount_cents": 6}]});
    let changed = write(&latido, &admin, "POST", bulk, &items).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text());
    let amounts: Vec<_> = changed.json()["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["amount_cents"].clone())
        .collect();
    assert_eq!(amounts, [5, 6]);
    for price in &prices {
        assert_eq!(&updated(&mut socket).await["entityId"], price);
    }
}

/// The next change; creations may still be on their way.
async fn updated(socket: &mut SocketIo) -> Value {
    loop {
        let heard = socket.next("catalog:update").await;
        if heard["action"] == "updated" {
            return heard;
        }
    }
}

#[tokio::test]
async fn a_change_on_one_node_is_read_on_the_other_once_it_was_told() {
    let latido = node::start().await;
    let other = latido.beside(&[]).await;
    let admin = latido.account(Role::Admin).await;
    let exam =
        created(&latido, &admin, "exams", &json!({"code": "HEM", "name": "Hemograma"})).await;
    let path = format!("{EXAMS}/{}", exam["id"]);
    let mut socket = other.connect(&latido.account(Role::Patient).await).await;
    assert_eq!(other.call("GET", &path).send().await.json()["name"], "Hemograma");

    let changed = json!({"name": "Hemograma completo"});
    assert_eq!(write(&latido, &admin, "PATCH", &path, &changed).await.status, StatusCode::OK);

    while socket.next("catalog:update").await["action"] != "updated" {}
    assert_eq!(other.call("GET", &path).send().await.json()["name"], "Hemograma completo");
}

#[tokio::test]
async fn a_key_of_the_cache_stands_for_every_answer_about_its_resource() {
    let latido = node::start().await;
    let admin = latido.account(Role::Admin).await;
    let mut socket = latido.connect(&admin).await;
    let exam =
        created(&latido, &admin, "exams", &json!({"code": "HEM", "name": "Hemograma"})).await;
    created(&latido, &admin, "categories", &json!({"name": "Sangre"})).await;
    for _ in 0..2 {
        socket.next("catalog:update").await;
    }
    let exam = format!("{EXAMS}/{}", exam["id"]);
    let pages = [EXAMS, &format!("{EXAMS}?limit=2"), &exam, "/api/v1/catalog/categories"];
    for path in pages {
        assert_eq!(latido.call("GET", path).send().await.status, StatusCode::OK, "{path}");
    }
    let forgotten = async |key: &str| {
        let keys = json!({"keys": [key]});
        let path = "/api/admin/cache/invalidate";
        write(&latido, &admin, "POST", path, &keys).await.json()["invalidated"].clone()
    };

    assert_eq!(forgotten("catalog:exam").await, 0, "no key, only what keys begin with");
    assert_eq!(forgotten("catalog:exams").await, 3);
    assert_eq!(forgotten("catalog:exams").await, 0);
    assert_eq!(forgotten("catalog:cat*").await, 1);
}
