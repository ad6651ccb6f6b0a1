//! Which client speaks at the token endpoint (RFC 6749 §2.3): a confidential one by its secret, in
//! the header or in the body, a public one by its name alone.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::refusal::Refusal;
use crate::auth;
use crate::domain::identity::openid::{Client, Clients, Parameters};

/// The client, once it has proven itself as far as it can.
pub(super) fn authenticate<'a>(
    clients: &'a Clients,
    headers: &HeaderMap,
    parameters: &Parameters,
) -> Result<&'a Client, Refusal> {
    let refused = || Refusal::client("the client is unknown or has not proven itself");
    let (id, secret) = if let Some(header) = headers.get(AUTHORIZATION) {
        let (id, secret) = header.to_str().ok().and_then(basic).ok_or_else(refused)?;
        if parameters.get("client_secret").is_some() {
            return Err(Refusal::request("the client proves itself in two ways"));
        }
        if parameters.get("client_id").is_some_and(|named| named != id) {
            return Err(Refusal::request("client_id is another than in the header"));
        }
        (id, Some(secret))
    } else {
        let id = parameters.get("client_id").ok_or_else(refused)?;
        (id.to_owned(), parameters.get("client_secret").map(str::to_owned))
    };
    let client = clients.find(&id).ok_or_else(refused)?;
    let is_proven = match (&client.secret, secret) {
        (Some(known), Some(presented)) => auth::is_same_secret(known, &presented),
        (None, None) => true,
        _ => false,
    };
    if is_proven { Ok(client) } else { Err(refused()) }
}

/// Name and secret of a Basic header, each form-encoded before they were joined.
fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let joined = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = joined.split_once(':')?;
    Some((decoded(id)?, decoded(secret)?))
}

/// A text out of its form encoding.
fn decoded(text: &str) -> Option<String> {
    if text.contains(['=', '&']) {
        // No encoder leaves them; as they are they would not be one text.
        return Some(text.to_owned());
    }
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(text).ok()?;
    pairs.into_iter().next().map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::identity::openid::client::tests::clients;

    fn outcome(header: Option<&str>, pairs: &[(&str, &str)]) -> Result<String, &'static str> {
        let mut headers = HeaderMap::new();
        if let Some(text) = header {
            let value = format!("Basic {}", STANDARD.encode(text));
            headers.insert(AUTHORIZATION, value.parse().unwrap());
        }
        let pairs = pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        match authenticate(&clients(), &headers, &Parameters::new(pairs)) {
            Ok(client) => Ok(client.id.clone()),
            Err(Refusal::Told(told)) => Err(told.error),
            Err(Refusal::Other(error)) => panic!("{error}"),
        }
    }

    #[test]
    fn a_client_proves_itself_by_what_it_was_registered_with() {
        let secret = "s".repeat(32);
        let by_header = format!("patients:{secret}");
        let by_body = [("client_id", "patients"), ("client_secret", secret.as_str())];

        assert_eq!(outcome(Some(&by_header), &[]).as_deref(), Ok("patients"));
        assert_eq!(outcome(None, &by_body).as_deref(), Ok("patients"));
        assert_eq!(outcome(None, &[("client_id", "doctors")]).as_deref(), Ok("doctors"));
        for (header, pairs, error) in [
            (None, vec![], "invalid_client"),
            (None, vec![("client_id", "nobody")], "invalid_client"),
            (None, vec![("client_id", "patients")], "invalid_client"),
            (None, vec![("client_id", "patients"), ("client_secret", "x")], "invalid_client"),
            // A public client has no secret to present.
            (None, vec![("client_id", "doctors"), ("client_secret", "x")], "invalid_client"),
            (Some("doctors:"), vec![], "invalid_client"),
            (Some("patients:wrong"), vec![], "invalid_client"),
            (Some(by_header.as_str()), vec![("client_secret", "x")], "invalid_request"),
            (Some(by_header.as_str()), vec![("client_id", "doctors")], "invalid_request"),
        ] {
            assert_eq!(outcome(header, &pairs), Err(error), "{header:?} {pairs:?}");
        }
    }

    #[test]
    fn a_basic_header_is_decoded_twice() {
        let header = format!("basic {}", STANDARD.encode("a%2Fb:c+d%3A"));

        assert_eq!(basic(&header), Some(("a/b".into(), "c d:".into())));
        assert_eq!(basic("Bearer abc"), None);
        let unencoded = format!("Basic {}", STANDARD.encode("a:b=c"));
        assert_eq!(basic(&unencoded), Some(("a".into(), "b=c".into())));
    }
}
