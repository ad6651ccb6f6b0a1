//! Files of the tests, and how they are brought.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::accounts::Account;
use super::http::Answer;
use super::node::Latido;

/// A PDF of that many bytes, no two stretches of it alike, with every byte there is.
pub(crate) fn document(size: usize) -> Vec<u8> {
    let mut bytes = b"%PDF-1.7\r\n\0\xff".to_vec();
    let places = 0_u32..;
    bytes.extend(places.map(|place| place.wrapping_mul(2_654_435_761).to_be_bytes()[0]).take(size));
    bytes.truncate(size);
    bytes
}

/// A form of these parts: name, file name, bytes. No two forms are parted alike.
pub(crate) fn form(parts: &[(&str, Option<&str>, &[u8])]) -> (String, Vec<u8>) {
    let boundary = format!("a-boundary-of-the-tests-{:x}", rand::random::<u64>());
    let mut body = Vec::new();
    for (name, file, bytes) in parts {
        let file = file.map_or(String::new(), |file| format!("; filename=\"{file}\""));
        let head = format!(
            "--{boundary}\r\ncontent-disposition: form-data; name=\"{name}\"{file}\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    (format!("multipart/form-data; boundary={boundary}"), body)
}

impl Latido {
    /// Brings a form as someone.
    pub(crate) async fn bring(
        &self,
        by: &Account,
        parts: &[(&str, Option<&str>, &[u8])],
    ) -> Answer {
        let (kind, body) = form(parts);
        let call = self.call("POST", "/files").bearer(&by.token).header("content-type", kind);
        call.body(body).send().await
    }

    /// A file that is taken.
    pub(crate) async fn file(&self, by: &Account, purpose: &str, bytes: &[u8]) -> Value {
        let parts = [("purpose", None, purpose.as_bytes()), ("file", Some("x.pdf"), bytes)];
        let answer = self.bring(by, &parts).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()
    }
}

/// Every file under a directory.
pub(crate) fn found(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(found(&path));
        } else {
            files.push(path);
        }
    }
    files
}
