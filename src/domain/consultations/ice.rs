//! STUN and TURN servers as an operator writes them down.

use serde::Deserialize;
use serde_json::Value;

use crate::domain::events::signaling::IceServer;

/// A browser's `RTCIceServer`: one address or several.
#[derive(Deserialize)]
struct Written {
    urls: Urls,
    username: Option<String>,
    credential: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Urls {
    One(String),
    Several(Vec<String>),
}

/// Reads one entry of `ICE_SERVERS`. None when it is no `RTCIceServer`.
pub fn read(entry: &Value) -> Option<IceServer> {
    let Written { urls, username, credential } = serde_json::from_value(entry.clone()).ok()?;
    let urls = match urls {
        Urls::One(url) => vec![url],
        Urls::Several(urls) => urls,
    };
    Some(IceServer { urls, username, credential })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_address_stands_for_a_list_of_one() {
        let one = read(&json!({ "urls": "stun:stun.example:3478" })).unwrap();
        let turn = json!({ "urls": ["turn:a", "turn:b"], "username": "u", "credential": "c" });
        let several = read(&turn).unwrap();

        assert_eq!(one.urls, ["stun:stun.example:3478"]);
        assert_eq!(several.urls.len(), 2);
        assert_eq!(several.credential.as_deref(), Some("c"));
        assert_eq!(read(&json!({ "url": "stun:old" })), None);
    }
}
