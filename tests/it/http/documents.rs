//! The documents say what is true (contract §5.1).

use latido::domain::identity::Role;
use serde_json::{Value, json};

use crate::support::http::Answer;
use crate::support::{self, Latido};

const SERVICE_KEY: &str = "a-key-of-a-service-for-the-documents";

/// One operation of the OpenAPI document.
struct Operation<'a> {
    method: String,
    path: String,
    body: &'a Value,
}

impl Operation<'_> {
    /// The operation asked by whoever these headers show, with a body that says nothing.
    async fn ask(&self, latido: &Latido, headers: &[(&'static str, String)]) -> Answer {
        let mut call = latido.call(&self.method, &self.path);
        for (name, value) in headers {
            call = call.header(name, value);
        }
        let call =
            if self.body.get("requestBody").is_some() { call.json(&json!({})) } else { call };
        call.send().await
    }

    fn admits(&self, way: Option<&str>) -> bool {
        let ways = self.body["security"].as_array().unwrap();
        ways.iter().filter_map(Value::as_object).any(|accepted| match way {
            Some(way) => accepted.contains_key(way),
            None => accepted.is_empty(),
        })
    }

    fn documents(&self, answer: &Answer) -> bool {
        self.body["responses"].get(answer.status.as_str()).is_some()
    }
}

fn operations(document: &Value) -> Vec<Operation<'_>> {
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, operations)| {
        operations.as_object().unwrap().iter().map(move |(method, body)| Operation {
            method: method.to_uppercase(),
            path: path.replace("{id}", "999").replace("{socketId}", "none"),
            body,
        })
    });
    // Endpoints of sockets let anyone begin and judge credentials later.
    operations.filter(|operation| operation.body["tags"] != json!(["Sockets"])).collect()
}

#[tokio::test]
async fn who_may_call_what_is_as_the_document_says() {
    let latido = support::start_with(&[("SERVICE_API_KEYS", &format!("docs:{SERVICE_KEY}"))]).await;
    let document = latido.call("GET", "/openapi.json").send().await.json();
    let service = [("x-service-key", SERVICE_KEY.to_owned())];
    let operations = operations(&document);
    assert!(operations.len() > 50, "{}", operations.len());

    for operation in &operations {
        // Some operations end what they were asked with.
        let patient = latido.account(Role::Patient).await;
        let admin = latido.account(Role::Admin).await;
        let bearer = |token: &str| [("authorization", format!("Bearer {token}"))];
        let [stranger, patient, admin, service] = [
            operation.ask(&latido, &[]).await,
            operation.ask(&latido, &bearer(&patient.token)).await,
            operation.ask(&latido, &bearer(&admin.token)).await,
            operation.ask(&latido, &service).await,
        ];

        let name = format!("{} {}", operation.method, operation.path);
        let is_open = operation.admits(None);
        // A sign-in refuses strangers for other reasons.
        assert!(is_open || stranger.status == 401, "{name} for strangers: {}", stranger.status);
        let says = operation.body["description"].as_str().unwrap_or_default();
        // Who of those is told by the matrix of care.
        let is_of_care = says.contains("of care whom it concerns");
        assert!(is_of_care || admin.status != 403, "{name} for administrators");
        let turned_away = service.status == 401 || service.status == 403;
        let is_admitted = operation.admits(Some("serviceKey"));
        assert!(is_of_care || (!turned_away || is_open) == is_admitted, "{name} for services");
        let is_for_the_house = says.contains("For administrators") && !is_of_care;
        let is_turned_away = patient.status == 403;
        assert!(is_of_care || is_turned_away == is_for_the_house, "{name} for patients: {says}");
        for answer in [stranger, patient, admin, service] {
            assert!(operation.documents(&answer), "{name} answered {}", answer.status);
            // What needs settings that are absent says so.
            assert!(
                answer.status.as_u16() < 500 || answer.status == 503,
                "{name}: {}",
                answer.text()
            );
        }
    }
}

#[tokio::test]
async fn the_socket_answers_the_events_that_are_said_to_be_answered() {
    let latido = support::start().await;
    let document = latido.call("GET", "/asyncapi.json").send().await.json();
    let admin = latido.account(Role::Admin).await;
    let mut sockets = [
        latido.connect(&admin).await,
        latido.join("/signaling", &json!({ "token": admin.token })).await.unwrap(),
    ];
    let messages = document["components"]["messages"].as_object().unwrap();
    let requests = messages.iter().filter(|(key, _)| key.ends_with(".request"));
    let mut asked = 0;

    for (_, message) in requests {
        let mut is_known = false;
        for socket in &mut sockets {
            let answer = socket.ask(message["name"].as_str().unwrap(), &json!({})).await;
            is_known |= answer["error"]["message"] != "there is no such event";
        }

        assert_eq!(is_known, message.get("x-answered").is_none(), "{message}");
        asked += 1;
    }
    assert!(asked > 10, "{asked}");
}
