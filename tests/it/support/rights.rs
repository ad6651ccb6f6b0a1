//! What every matrix of rights shares.

use std::collections::BTreeSet;

use super::http::Answer;

/// What a caller got: `o` open (whatever the rules then say), `f` forbidden, `h` hidden (by its path,
/// or a patient as though there were none), `u` asked to sign in.
pub(crate) fn letter(answer: &Answer) -> char {
    match answer.status.as_u16() {
        422 if answer.text().contains("there is no such patient") => 'h',
        401 => 'u',
        403 => 'f',
        404 => 'h',
        status if status < 500 => 'o',
        _ => '!',
    }
}

/// Holds the operations a matrix knows, by method and path, against those of the document.
pub(crate) async fn operations(
    known: impl Iterator<Item = (&'static str, String)>,
    is_of: impl Fn(&str) -> bool,
) {
    let latido = super::start().await;
    let document = latido.call("GET", "/openapi.json").send().await.json();
    let plain = |method: &str, path: &str| {
        let path = path.split('?').next().unwrap_or_default();
        let parts = path.split('/').map(|part| {
            let is_id = part.starts_with('{') || part.parse::<i64>().is_ok();
            if is_id { "{}" } else { part }
        });
        format!("{} {}", method.to_uppercase(), parts.collect::<Vec<_>>().join("/"))
    };
    let known: BTreeSet<_> = known.map(|(method, path)| plain(method, &path)).collect();
    let paths = document["paths"].as_object().unwrap().iter();
    let documented: BTreeSet<_> = paths
        .filter(|(path, _)| is_of(path))
        .flat_map(|(path, operations)| {
            let methods = operations.as_object().unwrap().keys();
            methods.map(|method| plain(method, path)).collect::<Vec<_>>()
        })
        .collect();

    assert!(!known.is_empty());
    assert_eq!(known.symmetric_difference(&documented).collect::<Vec<_>>(), [""; 0]);
}
