//! A client's wish to sign its user out: where the browser may go afterwards (OpenID Connect
//! RP-Initiated Logout §2, §3).

use super::{Client, Clients, Parameters};

/// A request to end the session of the browser.
#[derive(Debug, Clone, Copy)]
pub struct Logout<'a> {
    /// A registered address of the client that asked.
    pub back_to: Option<&'a str>,
    /// Goes back with the browser.
    pub state: Option<&'a str>,
}

impl<'a> Logout<'a> {
    /// `audience` is the client of the ID token that came along as a hint. A request that names no
    /// client sends the browser nowhere.
    pub fn read(
        clients: &'a Clients,
        parameters: &'a Parameters,
        audience: Option<&str>,
    ) -> Result<Self, &'static str> {
        parameters.check().map_err(|_| "a parameter is given more than once")?;
        let named = parameters.get("client_id");
        if audience.is_some() && named.is_some() && audience != named {
            return Err("client_id is another than in id_token_hint");
        }
        let client = match audience.or(named) {
            Some(id) => Some(clients.find(id).ok_or("this client is not registered")?),
            None => None,
        };
        let back_to = parameters.get("post_logout_redirect_uri");
        if back_to.is_some_and(|uri| !client.is_some_and(|client| is_registered(client, uri))) {
            return Err("this post_logout_redirect_uri is not registered");
        }
        Ok(Self { back_to, state: parameters.get("state") })
    }
}

fn is_registered(client: &Client, uri: &str) -> bool {
    client.post_logout_redirect_uris.iter().any(|known| known == uri)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::identity::openid::client::tests::clients;

    fn back_to(
        pairs: &[(&str, &str)],
        audience: Option<&str>,
    ) -> Result<Option<String>, &'static str> {
        let pairs = pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let (clients, parameters) = (clients(), Parameters::new(pairs));
        let logout = Logout::read(&clients, &parameters, audience)?;
        Ok(logout.back_to.map(str::to_owned))
    }

    #[test]
    fn the_browser_goes_only_where_its_client_registered() {
        let uri = ("post_logout_redirect_uri", "https://doctors.example/bye");
        let bye = Ok(Some(uri.1.to_owned()));
        let refused = Err("this post_logout_redirect_uri is not registered");

        assert_eq!(back_to(&[uri], Some("doctors")), bye);
        assert_eq!(back_to(&[uri, ("client_id", "doctors")], None), bye);
        assert_eq!(back_to(&[], None), Ok(None));
        assert_eq!(back_to(&[uri], None), refused);
        assert_eq!(back_to(&[uri, ("client_id", "patients")], None), refused);
        let other = (uri.0, "https://doctors.example/bye?x=1");
        assert_eq!(back_to(&[other], Some("doctors")), refused);
        assert_eq!(
            back_to(&[("client_id", "patients")], Some("doctors")),
            Err("client_id is another than in id_token_hint")
        );
        assert_eq!(back_to(&[], Some("gone")), Err("this client is not registered"));
    }
}
