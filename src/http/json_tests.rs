use serde::Deserialize;

use super::*;

#[derive(Debug, Deserialize, Validate)]
struct Sample {
    #[garde(length(chars, min = 2))]
    name: String,
    #[garde(range(min = 1))]
    #[serde(default = "one")]
    size: i64,
    #[garde(dive)]
    #[serde(default)]
    parts: Vec<Part>,
}

#[derive(Debug, Deserialize, Validate)]
struct Part {
    #[garde(email)]
    email: String,
}

fn one() -> i64 {
    1
}

fn outcome(text: &str) -> Result<Sample> {
    parse(&Bytes::copy_from_slice(text.as_bytes()))
}

fn fields(text: &str) -> Vec<(String, FieldCode)> {
    match outcome(text).unwrap_err().kind() {
        Kind::Validation(fields) => {
            fields.iter().map(|field| (field.pointer.clone(), field.code)).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_broken_rule_is_reported_at_once_by_its_pointer() {
    let mut found = fields(r#"{"name":"x","size":0,"parts":[{"email":"a@b.c"},{"email":"?"}]}"#);
    found.sort_by(|left, right| left.0.cmp(&right.0));

    assert_eq!(
        found,
        [
            ("/name".to_owned(), FieldCode::Length),
            ("/parts/1/email".to_owned(), FieldCode::Format),
            ("/size".to_owned(), FieldCode::Range),
        ]
    );
}

#[test]
fn an_absent_or_mistyped_field_is_named() {
    assert_eq!(fields("{}"), [("/name".to_owned(), FieldCode::Required)]);
    let mistyped = fields(r#"{"name":"ab","parts":[{"email":7}]}"#);
    assert_eq!(mistyped, [("/parts/0/email".to_owned(), FieldCode::Type)]);
}

#[test]
fn a_text_in_bad_form_is_malformed() {
    let deep = format!("{{\"name\":\"ab\",\"x\":{}{}}}", "[".repeat(64), "]".repeat(64));
    for text in [
        "",
        "{",
        r#"{"name":"ab"} x"#,
        r#"{"name":"ab","name":"cd"}"#,
        r#"{"name":"ab","x":{"y":1,"y":2}}"#,
        r#"{"name":"a\u0000b"}"#,
        &deep,
    ] {
        let error = outcome(text).unwrap_err();
        assert!(matches!(error.kind(), Kind::Malformed(_)), "{text}: {error:?}");
    }
}

#[test]
fn only_json_in_utf_8_is_read() {
    let typed = |kind: &str| {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, kind.parse().unwrap());
        is_json(&headers)
    };

    assert!(typed("application/json"));
    assert!(typed("application/merge-patch+json; charset=UTF-8"));
    assert!(!typed("application/json; charset=latin1"));
    assert!(!typed("text/json"));
    assert!(!is_json(&HeaderMap::new()));
}
