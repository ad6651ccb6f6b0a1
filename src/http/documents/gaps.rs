//! What routes leave unsaid because it goes without saying: a title made of the operation's id,
//! and the standard phrase of a status.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

/// Fills titles and descriptions that are absent or empty.
pub(super) fn fill(document: &mut Value) {
    let Some(paths) = document["paths"].as_object_mut() else { return };
    let operations = paths.values_mut().filter_map(Value::as_object_mut).flat_map(Map::values_mut);
    for operation in operations.filter_map(Value::as_object_mut) {
        if let Some(title) = operation.get("operationId").and_then(Value::as_str).map(title) {
            operation.entry("summary").or_insert(json!(title));
        }
        let answers = operation.get_mut("responses").and_then(Value::as_object_mut);
        for (status, answer) in answers.into_iter().flatten() {
            if answer["description"].as_str().is_none_or(str::is_empty) {
                answer["description"] = json!(phrase(status));
            }
        }
    }
}

/// `list_exams` as `List exams`.
fn title(id: &str) -> String {
    let words = id.replace('_', " ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn phrase(status: &str) -> &'static str {
    let status = status.parse().ok().and_then(|code| StatusCode::from_u16(code).ok());
    status.and_then(|status| status.canonical_reason()).unwrap_or("Any other answer")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_stays_and_what_is_not_is_filled_in() {
        let mut document = json!({ "paths": { "/exams": {
            "get": { "operationId": "list_exams", "responses": {
                "200": { "description": "" }, "404": { "description": "No such exam" },
            }},
            "post": { "operationId": "add", "summary": "Adds an exam.", "responses": {} },
        }}});

        fill(&mut document);

        let exams = &document["paths"]["/exams"];
        assert_eq!(exams["get"]["summary"], "List exams");
        assert_eq!(exams["get"]["responses"]["200"]["description"], "OK");
        assert_eq!(exams["get"]["responses"]["404"]["description"], "No such exam");
        assert_eq!(exams["post"]["summary"], "Adds an exam.");
    }
}
