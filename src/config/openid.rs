//! The OpenID Connect provider and the portals it serves.

use super::key::{Key, section};
use super::reader::Reader;
use super::setting::{Rule, Setting};
use super::values::HttpUrl;
use crate::domain::identity::openid::Clients;
use crate::domain::identity::openid::client::{self, Registration};

section! {
    /// Who may send users here to sign in.
    pub struct OpenId {
        /// First-party portals as a JSON array: `client_id`, `name`, `redirect_uris`, and where wanted `post_logout_redirect_uris`, `backchannel_logout_uri`, `client_secret`.
        pub clients: Clients = Key::new("OIDC_CLIENTS").or("[]"),
    }
}

impl Setting for Clients {
    const IS_SECRET: bool = true;

    fn parse(text: &str, _: &Key) -> Result<Self, Rule> {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let listed: Vec<Registration> = serde_path_to_error::deserialize(&mut deserializer)
            .map_err(|error| wrong_at(&error.path().to_string(), &error.inner().to_string()))?;
        Self::register(listed)
            .map_err(|(place, rule)| format!("is wrong at [{place}]: {rule}").into())
    }
}

/// Says where, and repeats of serde's words only those that hold no value.
fn wrong_at(place: &str, said: &str) -> Rule {
    let said = said.split(" at line ").next().unwrap_or_default();
    let tells_a_name = ["missing field", "unknown field", "duplicate field"];
    let rule = if tells_a_name.iter().any(|start| said.starts_with(start)) {
        said
    } else {
        "not a JSON array of clients"
    };
    format!("is wrong at {place}: {rule}").into()
}

pub(super) fn rules(reader: &mut Reader) {
    let has_clients =
        reader.peek::<Clients>("OIDC_CLIENTS").is_some_and(|clients| !clients.is_empty());
    let issuer = reader.peek::<HttpUrl>("PUBLIC_URL");
    // An issuer is https and has neither query nor fragment (OpenID Connect Discovery §3).
    let is_issuer =
        |url: &HttpUrl| client::is_private(url.as_str()) && !url.as_str().contains(['?', '#']);
    if has_clients && issuer.is_some_and(|url| !is_issuer(&url)) {
        reader.problem("PUBLIC_URL", "must be https, or on this machine, when OIDC_CLIENTS is set");
    }
}
