//! The STUN and TURN servers browsers are told of.
//!
//! Credentials of relays are made as coturn's `use-auth-secret` checks them: the name is the moment they
//! expire and who they are for, the password an HMAC-SHA1 of it (draft-uberti-behave-turn-rest-00). Relays
//! write names into their logs, so whoever it is goes by a pseudonym there, always the same one.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;

use crate::domain::events::signaling::IceServer;
use crate::domain::secret::Secret;
use crate::domain::time::Timestamp;

/// How long credentials of a relay work.
const LIFE: Duration = Duration::from_hours(1);

/// The servers of the configuration.
#[derive(Debug, Clone, Default)]
pub struct Ice {
    /// Told as they are.
    pub servers: Vec<IceServer>,
    /// Relays, and the secret shared with them.
    pub relays: Option<(Vec<String>, Secret)>,
}

impl Ice {
    /// What a browser is told that is used by somebody of this name.
    pub fn servers(&self, user: &str, now: Timestamp) -> Vec<IceServer> {
        let mut servers = self.servers.clone();
        if let Some((urls, secret)) = &self.relays {
            let name = format!("{}:{}", now.plus(LIFE).seconds(), pseudonym(secret, user));
            let credential = Some(STANDARD.encode(signed(secret, &name)));
            servers.push(IceServer { urls: urls.clone(), username: Some(name), credential });
        }
        servers
    }

    /// What whoever is not let in may try their network with: no relay, and nothing that opens one.
    pub fn without_relays(&self) -> Vec<IceServer> {
        self.servers.iter().filter(|server| server.credential.is_none()).cloned().collect()
    }
}

fn pseudonym(secret: &Secret, user: &str) -> String {
    let mut name = URL_SAFE_NO_PAD.encode(signed(secret, &format!("user {user}")));
    name.truncate(16);
    name
}

fn signed(secret: &Secret, text: &str) -> impl AsRef<[u8]> + use<> {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret.expose().as_bytes())
        .expect("an HMAC key may have any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relay_is_told_with_credentials_of_an_hour() {
        let stun = IceServer {
            urls: vec!["stun:stun.example:3478".into()],
            username: None,
            credential: None,
        };
        let ice = Ice {
            servers: vec![stun.clone()],
            relays: Some((vec!["turn:turn.example:3478".into()], Secret::new("north"))),
        };

        let servers = ice.servers("patient-7", Timestamp(1_700_000_000_000));

        // printf '%s' 'user patient-7' | openssl dgst -sha1 -hmac north -binary | base64 gives the name,
        // printf '%s' '1700003600:EErudHWqShJGdMIu' | openssl dgst -sha1 -hmac north -binary | base64
        let relay = IceServer {
            urls: vec!["turn:turn.example:3478".into()],
            username: Some("1700003600:EErudHWqShJGdMIu".into()),
            credential: Some("l4xhX5VKV7jyreiIt1W11GXfmpo=".into()),
        };
        assert_eq!(servers, [stun.clone(), relay.clone()]);
        assert_eq!(ice.without_relays(), [stun]);
        assert!(Ice { servers: vec![relay], relays: None }.without_relays().is_empty());
        assert!(Ice::default().servers("x", Timestamp(0)).is_empty());
    }
}
