//! A node that is an OpenID provider, and the steps of a portal and its browser before it.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::StatusCode;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation};
use latido::persistence::audit::{self, Filter};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::http::{Answer, Call};
use super::keys::{File, edwards_pem};
use super::node::{self, Latido};

pub(crate) const ISSUER: &str = "https://id.example";
pub(crate) const SECRET: &str = "the secret of the portal for patients";
pub(crate) const PASSWORD: &str = "a long enough password";
pub(crate) const VERIFIER: &str = "a-verifier-of-the-tests-that-is-long-enough-to-be-one";
const FORM: &str = "application/x-www-form-urlencoded";

/// Names and values of parameters.
pub(crate) type Pairs<'a> = &'a [(&'a str, &'a str)];

/// A provider with a key of its own and two portals: `doctors` is public, `patients` has a secret.
pub(crate) struct Provider {
    pub(crate) latido: Latido,
    _key: File,
}

pub(crate) async fn start() -> Provider {
    start_with(&[], None).await
}

/// With more settings, and portals that hear of logouts at this address.
pub(crate) async fn start_with(settings: Pairs<'_>, back_channel: Option<&str>) -> Provider {
    let key = File::with(edwards_pem(9));
    let mut clients = json!([
        { "client_id": "doctors", "name": "Doctors & <Friends>",
          "redirect_uris": ["https://doctors.example/cb"],
          "post_logout_redirect_uris": ["https://doctors.example/bye"] },
        { "client_id": "patients", "name": "Patients", "client_secret": SECRET,
          "redirect_uris": ["https://patients.example/cb?tenant=1"] },
    ]);
    if let Some(address) = back_channel {
        for client in clients.as_array_mut().unwrap() {
            let address = format!("{address}/{}", client["client_id"].as_str().unwrap());
            client["backchannel_logout_uri"] = json!(address);
        }
    }
    let clients = clients.to_string();
    let own = [
        ("PUBLIC_URL", ISSUER),
        ("JWT_PRIVATE_KEY_FILE", key.path()),
        ("OIDC_CLIENTS", clients.as_str()),
    ];
    let latido = node::start_with(&[own.as_slice(), settings].concat()).await;
    Provider { latido, _key: key }
}

impl Provider {
    /// Registers a patient and answers the browser's `Cookie` header.
    pub(crate) async fn register(&self, name: &str) -> String {
        let body = json!({ "email": email(name), "password": PASSWORD, "nombre": "Ana",
            "apellido": "Ruiz", "rol": "PACIENTE", "fecha_nacimiento": "1990-05-17" });
        let answer = self.latido.call("POST", "/auth/register").json(&body).send().await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
        cookie(&answer)
    }

    /// A form sent with headers.
    pub(crate) async fn post(&self, path: &str, pairs: Pairs<'_>, headers: Pairs<'_>) -> Answer {
        let call = self.latido.call("POST", path).header("content-type", FORM);
        let call = headers.iter().fold(call, |call, (name, value)| call.header(name, value));
        call.body(serde_urlencoded::to_string(pairs).unwrap()).send().await
    }

    pub(crate) async fn get(&self, path: &str, pairs: Pairs<'_>, headers: Pairs<'_>) -> Answer {
        let path = format!("{path}?{}", serde_urlencoded::to_string(pairs).unwrap());
        let call = self.latido.call("GET", &path);
        headers
            .iter()
            .fold(call, |call, (name, value)| Call::header(call, name, value))
            .send()
            .await
    }

    /// The authorization endpoint as the browser with this cookie reaches it.
    pub(crate) async fn authorize(&self, cookie: &str, request: Pairs<'_>) -> Answer {
        self.get("/oidc/authorize", request, &[("cookie", cookie)]).await
    }

    /// The form of the sign-in page, sent by the page.
    pub(crate) async fn sign_in(
        &self,
        request: Pairs<'_>,
        cookie: &str,
        name: &str,
        password: &str,
    ) -> Answer {
        let path = format!("/oidc/sign-in?{}", serde_urlencoded::to_string(request).unwrap());
        let email = email(name);
        let fields = [("username", email.as_str()), ("password", password)];
        self.post(&path, &fields, &[("origin", ISSUER), ("cookie", cookie)]).await
    }

    /// A code for the browser with this cookie.
    pub(crate) async fn code(&self, cookie: &str, request: Pairs<'_>) -> String {
        returned(&self.authorize(cookie, request).await, "code")
    }

    pub(crate) async fn token(&self, pairs: Pairs<'_>) -> Answer {
        self.post("/oidc/token", pairs, &[]).await
    }

    /// Redeems a code for `doctors`.
    pub(crate) async fn redeem(&self, code: &str) -> Answer {
        self.token(&redemption(code)).await
    }

    /// Signs the browser in at `doctors` and answers the tokens.
    pub(crate) async fn tokens(&self, cookie: &str) -> Value {
        let answer = self.redeem(&self.code(cookie, &doctors()).await).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        answer.json()
    }

    /// Redeems a code for `patients`.
    pub(crate) async fn patients_tokens(&self, cookie: &str) -> Value {
        let code = self.code(cookie, &patients()).await;
        let basic = format!("Basic {}", STANDARD.encode(format!("patients:{SECRET}")));
        let pairs = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", "https://patients.example/cb?tenant=1"),
            ("code_verifier", VERIFIER),
        ];
        let answer = self.post("/oidc/token", &pairs, &[("authorization", &basic)]).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        answer.json()
    }

    /// Whether an access token still opens anything.
    pub(crate) async fn is_live(&self, tokens: &Value) -> bool {
        let token = tokens["access_token"].as_str().unwrap();
        let answer = self.latido.call("POST", "/auth/session/validate").bearer(token).send().await;
        answer.status == StatusCode::OK
    }

    /// The claims of a token that verifies by the published keys, for this client.
    pub(crate) async fn verified(&self, token: &str, client: &str) -> Value {
        let keys = self.latido.call("GET", "/.well-known/jwks.json").send().await;
        let keys: JwkSet = serde_json::from_slice(&keys.body).unwrap();
        let header = jsonwebtoken::decode_header(token).unwrap();
        let key = keys.find(&header.kid.unwrap()).expect("the key is published");
        let mut validation = Validation::new(jsonwebtoken::Algorithm::EdDSA);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[client]);
        let key = DecodingKey::from_jwk(key).unwrap();
        jsonwebtoken::decode::<Value>(token, &key, &validation).unwrap().claims
    }

    /// The data of the audit trail's lines with this action, newest first.
    pub(crate) async fn audited(&self, action: &str) -> Vec<Value> {
        let filter = Filter { action: Some(action), ..Filter::default() };
        let lines = audit::list(&self.latido.running.store, &filter, None, 100).await.unwrap();
        lines.into_iter().map(|line| Value::Object(line.data.0)).collect()
    }
}

pub(crate) fn email(name: &str) -> String {
    format!("{name}@example.com")
}

fn challenge() -> &'static str {
    static CHALLENGE: std::sync::LazyLock<String> =
        std::sync::LazyLock::new(|| URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER)));
    &CHALLENGE
}

/// A good authorization request of the public portal.
pub(crate) fn doctors() -> Vec<(&'static str, &'static str)> {
    vec![
        ("client_id", "doctors"),
        ("redirect_uri", "https://doctors.example/cb"),
        ("response_type", "code"),
        ("scope", "openid profile email"),
        ("state", "a state & more"),
        ("nonce", "n-1"),
        ("code_challenge", challenge()),
        ("code_challenge_method", "S256"),
    ]
}

/// A good authorization request of the confidential portal.
pub(crate) fn patients() -> Vec<(&'static str, &'static str)> {
    changed(&[("client_id", "patients"), ("redirect_uri", "https://patients.example/cb?tenant=1")])
}

/// The request of `doctors` with other values, or more; an empty one takes a parameter away.
pub(crate) fn changed<'a>(changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut request: Vec<(&str, &str)> = doctors();
    request.retain(|(name, _)| !changes.iter().any(|(other, _)| name == other));
    request.extend(changes.iter().filter(|(_, value)| !value.is_empty()));
    request
}

/// What `doctors` sends to redeem a code.
pub(crate) fn redemption(code: &str) -> [(&str, &str); 5] {
    [
        ("grant_type", "authorization_code"),
        ("client_id", "doctors"),
        ("code", code),
        ("redirect_uri", "https://doctors.example/cb"),
        ("code_verifier", VERIFIER),
    ]
}

/// The cookie an answer sets, as the browser sends it back.
pub(crate) fn cookie(answer: &Answer) -> String {
    answer.header("set-cookie").split(';').next().unwrap().to_owned()
}

/// A parameter of the address an answer redirects to.
pub(crate) fn returned(answer: &Answer, name: &str) -> String {
    let (_, query) = answer.header("location").split_once('?').unwrap_or_else(|| {
        panic!("no redirect: {} {}", answer.status, answer.text());
    });
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query).unwrap();
    let found = pairs.into_iter().find(|(known, _)| known == name);
    found.unwrap_or_else(|| panic!("no {name} in {query}")).1
}
