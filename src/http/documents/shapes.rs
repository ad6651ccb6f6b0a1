//! Shapes the derived schemas get wrong: bytes, and choices that overlap.

use serde_json::{Value, json};

/// What files may be.
const MEDIA: [&str; 4] = ["application/pdf", "image/png", "image/jpeg", "image/webp"];
/// Stands for any of them in what routes say.
const ANY: &str = "application/octet-stream";

/// Corrects them everywhere.
pub(super) fn correct(value: &mut Value) {
    if let Some(Value::Object(content)) = value.get_mut("content") {
        if let Some(body) = content.remove(ANY) {
            content.extend(MEDIA.map(|kind| (kind.to_owned(), body.clone())));
        }
        for (_, body) in content.iter_mut().filter(|(kind, _)| MEDIA.contains(&kind.as_str())) {
            body["schema"] = json!({ "type": "string", "format": "binary" });
        }
    }
    // One view of a row may be another with more fields, so more than one of them may fit.
    if let Value::Object(fields) = value
        && fields.get("oneOf").is_some_and(are_views)
        && let Some(choices) = fields.remove("oneOf")
    {
        fields.insert("anyOf".to_owned(), choices);
    }
    match value {
        Value::Object(fields) => fields.values_mut().for_each(correct),
        Value::Array(items) => items.iter_mut().for_each(correct),
        _ => {}
    }
}

/// Whether these are schemas of rows and nothing tells which of them is meant.
fn are_views(choices: &Value) -> bool {
    let choices = choices.as_array().map_or(&[][..], Vec::as_slice);
    choices.len() > 1 && choices.iter().all(|choice| choice.get("$ref").is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_bytes_of_every_kind_that_is_taken() {
        let mut answer = json!({ "content": { ANY: {} } });

        correct(&mut answer);

        let content = answer["content"].as_object().unwrap();
        assert_eq!(content.len(), MEDIA.len());
        assert_eq!(content["image/png"]["schema"]["format"], "binary");
    }

    #[test]
    fn choices_may_overlap_unless_one_is_null() {
        let view = |name| json!({ "$ref": format!("#/components/schemas/{name}") });
        let mut views = json!({ "oneOf": [view("Doctor"), view("PublicDoctor")] });
        let mut perhaps = json!({ "oneOf": [view("Doctor"), { "type": "null" }] });

        correct(&mut views);
        correct(&mut perhaps);

        assert!(views.get("anyOf").is_some() && views.get("oneOf").is_none());
        assert!(perhaps.get("oneOf").is_some());
    }
}
