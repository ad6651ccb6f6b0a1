//! Registered clients: first-party portals that have their users sign in at this hub.

use http::Uri;
use serde::Deserialize;

use crate::domain::secret::Secret;

/// The fewest characters a client secret may have.
const SECRET_CHARS: usize = 32;

/// One portal.
#[derive(Debug, Clone)]
pub struct Client {
    pub id: String,
    /// As its users know it.
    pub name: String,
    /// Where codes may be sent, compared character by character (RFC 9700 §2.1).
    pub redirect_uris: Vec<String>,
    /// Where browsers may be sent after a logout.
    pub post_logout_redirect_uris: Vec<String>,
    /// Where its back end hears that a session ended.
    pub backchannel_logout_uri: Option<String>,
    /// What a confidential client proves itself by; a public one relies on PKCE alone.
    pub secret: Option<Secret>,
}

/// A client as the configuration spells it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    client_id: String,
    name: String,
    redirect_uris: Vec<String>,
    #[serde(default)]
    post_logout_redirect_uris: Vec<String>,
    backchannel_logout_uri: Option<String>,
    client_secret: Option<String>,
}

/// A registration breaks a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAClient {
    #[error("client_id must be 1 to 64 letters, digits, dots, dashes, tildes or underscores")]
    Id,
    #[error("client_id must be another than that of the clients before")]
    Repeated,
    #[error("name must have 1 to 80 characters")]
    Name,
    #[error("redirect_uris must name at least one address")]
    NoRedirect,
    #[error(
        "addresses must be https, or http on this machine, without user, fragment, star or space"
    )]
    Address,
    #[error("client_secret must have at least 32 characters")]
    Secret,
}

/// The registered clients.
#[derive(Debug, Clone, Default)]
pub struct Clients(Vec<Client>);

impl Clients {
    /// Checks every registration; the refusal names the first bad one by its place in the list.
    pub fn register(registrations: Vec<Registration>) -> Result<Self, (usize, NotAClient)> {
        let mut clients = Self::default();
        for (place, registration) in registrations.into_iter().enumerate() {
            let client = registration.check().map_err(|rule| (place, rule))?;
            if clients.find(&client.id).is_some() {
                return Err((place, NotAClient::Repeated));
            }
            clients.0.push(client);
        }
        Ok(clients)
    }

    pub fn find(&self, id: &str) -> Option<&Client> {
        self.0.iter().find(|client| client.id == id)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Registration {
    fn check(self) -> Result<Client, NotAClient> {
        let is_id = (1..=64).contains(&self.client_id.len())
            && self.client_id.bytes().all(|b| b.is_ascii_alphanumeric() || b"._~-".contains(&b));
        let addresses = || {
            let lists = self.redirect_uris.iter().chain(&self.post_logout_redirect_uris);
            lists.chain(&self.backchannel_logout_uri)
        };
        if !is_id {
            Err(NotAClient::Id)
        } else if !(1..=80).contains(&self.name.trim().chars().count()) {
            Err(NotAClient::Name)
        } else if self.redirect_uris.is_empty() {
            Err(NotAClient::NoRedirect)
        } else if !addresses().all(|uri| is_private(uri) && !uri.contains(['#', '*'])) {
            Err(NotAClient::Address)
        } else if self.client_secret.as_ref().is_some_and(|s| s.chars().count() < SECRET_CHARS) {
            Err(NotAClient::Secret)
        } else {
            Ok(Client {
                id: self.client_id,
                name: self.name.trim().to_owned(),
                redirect_uris: self.redirect_uris,
                post_logout_redirect_uris: self.post_logout_redirect_uris,
                backchannel_logout_uri: self.backchannel_logout_uri,
                secret: self.client_secret.map(Secret::new),
            })
        }
    }
}

/// Whether nobody between can read what is sent to this address: https, or this very machine.
pub fn is_private(address: &str) -> bool {
    let Ok(uri) = address.parse::<Uri>() else { return false };
    let is_anonymous = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
    let is_here = uri.host().is_some_and(|host| {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost"
            || host.ends_with(".localhost")
            || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    });
    let is_safe = match uri.scheme_str() {
        Some("https") => true,
        Some("http") => is_here,
        _ => false,
    };
    is_anonymous && is_safe
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// A public portal and a confidential one.
    pub(crate) fn clients() -> Clients {
        let listed = json!([
            { "client_id": "doctors", "name": "Doctors", "redirect_uris": ["https://doctors.example/cb"],
              "post_logout_redirect_uris": ["https://doctors.example/bye"] },
            { "client_id": "patients", "name": "Patients", "redirect_uris": ["https://patients.example/cb?a=1"],
              "client_secret": "s".repeat(32) },
        ]);
        Clients::register(serde_json::from_value(listed).unwrap()).unwrap()
    }

    fn refusal(change: &Value) -> Option<(usize, NotAClient)> {
        let mut client =
            json!({ "client_id": "a", "name": "A", "redirect_uris": ["https://a.example/cb"] });
        client.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        Clients::register(vec![serde_json::from_value(client).unwrap()]).err()
    }

    #[test]
    fn a_client_that_breaks_a_rule_is_refused_by_its_place() {
        for (change, rule) in [
            (json!({ "client_id": "" }), NotAClient::Id),
            (json!({ "client_id": "a b" }), NotAClient::Id),
            (json!({ "name": " " }), NotAClient::Name),
            (json!({ "redirect_uris": [] }), NotAClient::NoRedirect),
            (json!({ "client_secret": "s".repeat(31) }), NotAClient::Secret),
        ] {
            assert_eq!(refusal(&change), Some((0, rule)), "{change}");
        }
        let twice = ["a", "a"].map(
            |id| json!({ "client_id": id, "name": "A", "redirect_uris": ["https://a.example/cb"] }),
        );
        let twice = serde_json::from_value(json!(twice)).unwrap();
        assert_eq!(Clients::register(twice).unwrap_err(), (1, NotAClient::Repeated));
    }

    #[test]
    fn codes_and_notices_travel_only_where_nobody_listens() {
        for uri in [
            "https://a.example/cb",
            "https://a.example:8443/cb?x=1",
            "http://localhost:3001/cb",
            "http://doctors.localhost/cb",
            "http://127.0.0.1:3001/cb",
            "http://[::1]/cb",
        ] {
            assert_eq!(refusal(&json!({ "redirect_uris": [uri] })), None, "{uri}");
        }
        for uri in [
            "http://a.example/cb",
            "https://user@a.example/cb",
            "https://a.example/cb#x",
            "https://*.example/cb",
            "https://a.example/c b",
            "javascript:alert(1)",
            "/cb",
            "http://localhost.evil.example/cb",
        ] {
            for field in ["redirect_uris", "post_logout_redirect_uris"] {
                let refused = refusal(&json!({ field: [uri] }));
                assert_eq!(refused, Some((0, NotAClient::Address)), "{uri}");
            }
            let refused = refusal(&json!({ "backchannel_logout_uri": uri }));
            assert_eq!(refused, Some((0, NotAClient::Address)), "{uri}");
        }
    }
}
