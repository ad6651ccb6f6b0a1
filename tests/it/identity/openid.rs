//! Authorization: who gets a code, who signs in first, and who is told off.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use serde_json::json;
use sha2::{Digest as _, Sha512};

use crate::support::EVENTS;
use crate::support::http::Answer;
use crate::support::node;
use crate::support::openid::{
    self, ISSUER, PASSWORD, changed, cookie, doctors, email, patients, returned,
};

#[tokio::test]
async fn without_a_key_or_clients_the_provider_says_what_is_missing() {
    let latido = node::start().await;

    for path in ["/.well-known/openid-configuration", "/oidc/authorize", "/oidc/logout"] {
        let answer = latido.call("GET", path).send().await;

        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert_eq!(answer.json()["type"], "urn:latido:problem:not-configured");
        assert_eq!(answer.json()["missing"], json!(["JWT_PRIVATE_KEY_FILE", "OIDC_CLIENTS"]));
    }
}

#[tokio::test]
async fn a_signed_in_browser_is_sent_back_with_a_code_for_a_session_of_the_portals_own() {
    let provider = openid::start().await;
    let browser = provider.register("ana").await;

    let sent = provider.authorize(&browser, &doctors()).await;

    assert_eq!(sent.status, StatusCode::SEE_OTHER);
    assert!(sent.header("location").starts_with("https://doctors.example/cb?code="));
    assert_eq!(returned(&sent, "state"), "a state & more");
    assert_eq!(returned(&sent, "iss"), ISSUER);
    assert_eq!(provider.audited("authorized").await.len(), 1);

    let answer = provider.redeem(&returned(&sent, "code")).await;
    assert_eq!(answer.header("cache-control"), "no-store");
    let tokens = answer.json();
    assert_eq!(
        (&tokens["token_type"], &tokens["scope"]),
        (&json!("Bearer"), &json!("openid profile email"))
    );
    let access = tokens["access_token"].as_str().unwrap();
    let id = provider.verified(tokens["id_token"].as_str().unwrap(), "doctors").await;
    let half = &Sha512::digest(access)[..32];
    assert_eq!(id["at_hash"], URL_SAFE_NO_PAD.encode(half));
    assert_eq!(id["nonce"], "n-1");
    assert!(id["auth_time"].as_i64().unwrap() <= id["iat"].as_i64().unwrap());

    let validated =
        provider.latido.call("POST", "/auth/session/validate").bearer(access).send().await;
    let validated = validated.json();
    assert_eq!(validated["session"]["id"], id["sid"]);
    assert_eq!(validated["user"]["id"].to_string(), id["sub"].as_str().unwrap());
    assert!(!browser.contains(id["sid"].as_str().unwrap()), "the portal's session is its own");
    let mut socket = provider.latido.join(EVENTS, &json!({ "token": access })).await.unwrap();
    assert_eq!(socket.next("connected").await["userId"].to_string(), id["sub"].as_str().unwrap());
}

#[tokio::test]
async fn a_portal_learns_of_its_user_what_it_asked_for() {
    let provider = openid::start().await;
    let browser = provider.register("ana").await;
    let ask = async |scope| {
        let code = provider.code(&browser, &changed(&[("scope", scope)])).await;
        let tokens = provider.redeem(&code).await.json();
        let token = tokens["access_token"].as_str().unwrap().to_owned();
        provider.latido.call("GET", "/oidc/userinfo").bearer(&token).send().await
    };

    let all = ask("openid profile email").await.json();
    assert_eq!((&all["name"], &all["given_name"]), (&json!("Ana Ruiz"), &json!("Ana")));
    assert_eq!((&all["email"], &all["email_verified"]), (&json!("ana@example.com"), &json!(false)));
    assert_eq!(all["roles"], json!(["patient"]));
    let little = ask("openid").await.json();
    assert_eq!(little, json!({ "sub": all["sub"] }));

    let stranger = provider.latido.call("GET", "/oidc/userinfo").send().await;
    assert_eq!(
        (stranger.status, stranger.header("www-authenticate")),
        (StatusCode::UNAUTHORIZED, "Bearer")
    );
    let forged = provider.latido.call("POST", "/oidc/userinfo").bearer("x.y.z").send().await;
    assert_eq!(forged.header("www-authenticate"), "Bearer error=\"invalid_token\"");
    let by_cookie = provider.get("/oidc/userinfo", &[], &[("cookie", &browser)]).await;
    assert_eq!(by_cookie.status, StatusCode::UNAUTHORIZED);
    let login = json!({ "username": email("ana"), "password": PASSWORD });
    let own = provider.latido.call("POST", "/auth/login").json(&login).send().await.json();
    let own =
        provider.latido.call("GET", "/oidc/userinfo").bearer(own["access_token"].as_str().unwrap());
    let own = own.send().await;
    assert_eq!(own.status, StatusCode::FORBIDDEN);
    assert!(own.header("www-authenticate").contains("insufficient_scope"));
}

#[tokio::test]
async fn nobody_is_sent_to_an_address_that_is_not_registered() {
    let provider = openid::start().await;
    let browser = provider.register("ana").await;
    let attempts = [
        [("client_id", "nobody")],
        [("redirect_uri", "https://evil.example/cb")],
        [("redirect_uri", "https://doctors.example/cb/../evil")],
        [("redirect_uri", "https://doctors.example/cb?next=https://evil.example")],
        [("redirect_uri", "https://doctors.example.evil.example/cb")],
        [("redirect_uri", "https://doctors.example@evil.example/cb")],
        [("redirect_uri", "HTTPS://doctors.example/cb")],
        [("redirect_uri", "//evil.example/cb")],
        // Registered by another portal.
        [("redirect_uri", "https://patients.example/cb?tenant=1")],
    ];

    for attempt in &attempts {
        let request = changed(attempt);
        let shown = provider.authorize(&browser, &request).await;
        let signed_in = provider.sign_in(&request, "", "ana", PASSWORD).await;

        for answer in [shown, signed_in] {
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{attempt:?}");
            assert_eq!((answer.header("location"), answer.header("set-cookie")), ("", ""));
            assert_unframed(&answer);
        }
    }
    assert_eq!(provider.audited("authorization_refused").await.len(), attempts.len() * 2);
}

#[tokio::test]
async fn a_request_without_a_hashed_challenge_is_refused_to_the_client() {
    let provider = openid::start().await;
    let browser = provider.register("ana").await;
    for (changes, error) in [
        (vec![("code_challenge", "")], "invalid_request"),
        (vec![("code_challenge_method", "")], "invalid_request"),
        (vec![("code_challenge_method", "plain")], "invalid_request"),
        (vec![("code_challenge", "too-short")], "invalid_request"),
        (vec![("response_type", "token")], "unsupported_response_type"),
        (vec![("response_type", "code id_token")], "unsupported_response_type"),
        (vec![("scope", "profile")], "invalid_scope"),
        (vec![("request", "eyJ")], "request_not_supported"),
        (vec![("nonce", "a\u{0}b")], "invalid_request"),
    ] {
        let answer = provider.authorize(&browser, &changed(&changes)).await;

        assert_eq!(returned(&answer, "error"), error, "{changes:?}");
        assert_eq!(returned(&answer, "state"), "a state & more");
        assert_eq!(returned(&answer, "iss"), ISSUER);
        assert!(!answer.header("location").contains("code="));
    }
}

#[tokio::test]
async fn a_stranger_signs_in_on_a_page_that_runs_nothing_and_that_nobody_frames() {
    let provider = openid::start().await;
    provider.register("ana").await;
    let request = changed(&[("login_hint", "\"><script>alert(1)</script>"), ("state", "'\"><b>")]);

    let page = provider.get("/oidc/authorize", &request, &[("accept-language", "en")]).await;

    assert_eq!(page.status, StatusCode::OK);
    assert_unframed(&page);
    let html = page.text();
    assert!(html.contains("<html lang=\"en\">") && html.contains("Doctors &amp; &lt;Friends&gt;"));
    for forbidden in ["<script", "<b>", " style=", " onclick=", "http://", "@import"] {
        assert!(!html.contains(forbidden), "{forbidden} in {html}");
    }
    let spanish = provider.get("/oidc/authorize", &request, &[]).await;
    assert!(spanish.text().contains("<html lang=\"es\">"));

    let wrong = provider.sign_in(&request, "", "ana", "not the password").await;
    let unknown = provider.sign_in(&request, "", "nobody", "not the password").await;
    for answer in [&wrong, &unknown] {
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert!(answer.text().contains("role=\"alert\""));
        assert_eq!((answer.header("location"), answer.header("set-cookie")), ("", ""));
        assert_unframed(answer);
    }
    assert_eq!(wrong.text().replace("ana@", "nobody@"), unknown.text(), "they say the same");
    assert_eq!(provider.audited("login_refused").await.len(), 2);

    let right = provider.sign_in(&request, "", "ana", PASSWORD).await;
    assert_eq!(right.status, StatusCode::SEE_OTHER);
    assert_eq!(returned(&right, "state"), "'\"><b>");
    let browser = cookie(&right);
    assert_eq!(provider.redeem(&returned(&right, "code")).await.status, StatusCode::OK);
    // From here on the browser is signed in, also for the next portal.
    assert_eq!(provider.authorize(&browser, &patients()).await.status, StatusCode::SEE_OTHER);
}

/// No other site can put the page under its own, and nothing on it runs or loads.
fn assert_unframed(page: &Answer) {
    let policy = page.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
    assert!(!policy.contains("unsafe") && !policy.contains("script-src"), "{policy}");
    assert_eq!(page.header("x-frame-options"), "DENY");
    assert_eq!(page.header("cache-control"), "no-store");
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
}

#[tokio::test]
async fn only_the_page_itself_sends_its_form() {
    let provider = openid::start().await;
    provider.register("ana").await;
    let path = format!("/oidc/sign-in?{}", serde_urlencoded::to_string(doctors()).unwrap());
    let email = email("ana");
    let fields = [("username", email.as_str()), ("password", PASSWORD)];

    for headers in [
        vec![],
        vec![("origin", "https://evil.example")],
        vec![("origin", "null")],
        // Allowed to call the hub, but not to sign people in.
        vec![("origin", "https://portal.example")],
        vec![("origin", ISSUER), ("sec-fetch-site", "cross-site")],
        vec![("sec-fetch-site", "same-site")],
    ] {
        let answer = provider.post(&path, &fields, &headers).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{headers:?}");
        assert_eq!(answer.json()["type"], "urn:latido:problem:origin-not-allowed");
        assert_eq!(answer.header("set-cookie"), "");
    }
    let own = provider.post(&path, &fields, &[("sec-fetch-site", "same-origin")]).await;
    assert_eq!(own.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn the_page_locks_and_limits_as_every_sign_in_does() {
    let provider = openid::start().await;
    provider.register("ana").await;
    for _ in 0..10 {
        provider.sign_in(&doctors(), "", "ana", "not the password").await;
    }
    let locked = provider.sign_in(&doctors(), "", "ana", PASSWORD).await;
    assert_eq!(locked.status, StatusCode::FORBIDDEN);
    assert!(locked.header("retry-after").parse::<u64>().unwrap() > 800);
    assert!(locked.text().contains("role=\"alert\""));

    let limits = [("RATE_LIMIT_ENABLED", "true"), ("RATE_LIMIT_LOGIN_PER_MIN", "2")];
    let provider = openid::start_with(&limits, None).await;
    provider.sign_in(&doctors(), "", "ana", PASSWORD).await;
    let limited = provider.sign_in(&doctors(), "", "ana", PASSWORD).await;
    assert_eq!(limited.status, StatusCode::TOO_MANY_REQUESTS);
    assert_ne!(limited.header("retry-after"), "");
    assert!(limited.text().contains("role=\"alert\""));
}

#[tokio::test]
async fn a_portal_may_ask_without_a_page_or_for_a_fresh_sign_in() {
    let provider = openid::start().await;
    let silent = changed(&[("prompt", "none")]);
    let nobody = provider.authorize("", &silent).await;
    assert_eq!(returned(&nobody, "error"), "login_required");

    let browser = provider.register("ana").await;
    provider.code(&browser, &silent).await;
    let again = changed(&[("prompt", "login")]);
    assert_eq!(provider.authorize(&browser, &again).await.status, StatusCode::OK);

    let before = provider.tokens(&browser).await;
    let sql = "update sessions set created_at = created_at - 3600000";
    crate::support::accounts::run(provider.latido.database.url(), sql).await;
    let recent = changed(&[("max_age", "60")]);
    assert_eq!(provider.authorize(&browser, &recent).await.status, StatusCode::OK, "asks again");
    let old = provider.tokens(&browser).await;
    let renewed = provider.sign_in(&recent, &browser, "ana", PASSWORD).await;
    assert_eq!(renewed.header("set-cookie"), "", "the session is the same");
    let new = provider.redeem(&returned(&renewed, "code")).await.json();
    let mut times = Vec::new();
    for tokens in [&old, &new] {
        let id = provider.verified(tokens["id_token"].as_str().unwrap(), "doctors").await;
        times.push(id["auth_time"].as_i64().unwrap());
    }
    assert!(times[1] - times[0] >= 3600, "{times:?}");
    provider.code(&browser, &recent).await;
    assert!(provider.is_live(&before).await, "portals opened before stay open");
}

#[tokio::test]
async fn a_portal_that_expects_another_user_does_not_get_this_one() {
    let provider = openid::start().await;
    let (ana, luis) = (provider.register("ana").await, provider.register("luis").await);
    let hint = provider.tokens(&ana).await["id_token"].as_str().unwrap().to_owned();
    let expecting = |prompt| changed(&[("prompt", prompt), ("id_token_hint", &hint)]);

    provider.code(&ana, &expecting("none")).await;
    let other = provider.authorize(&luis, &expecting("none")).await;

    assert_eq!(returned(&other, "error"), "login_required");
    assert_eq!(provider.authorize(&luis, &expecting("")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn whoever_signs_in_at_a_used_browser_ends_the_session_it_had() {
    let provider = openid::start().await;
    let ana = provider.register("ana").await;
    provider.register("luis").await;
    let hers = provider.tokens(&ana).await;

    let answer = provider.sign_in(&changed(&[("prompt", "login")]), &ana, "luis", PASSWORD).await;

    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_ne!(cookie(&answer), ana);
    assert!(!provider.is_live(&hers).await);
    assert!(!provider.authorize(&ana, &doctors()).await.header("location").contains("code="));
}

#[tokio::test]
async fn a_code_for_one_user_is_not_given_to_another_who_signs_in() {
    let provider = openid::start().await;
    let (ana, luis) = (provider.register("ana").await, provider.register("luis").await);
    let hers = provider.tokens(&ana).await;
    let expecting = changed(&[("id_token_hint", hers["id_token"].as_str().unwrap())]);

    let other = provider.sign_in(&expecting, "", "luis", PASSWORD).await;

    assert_eq!(returned(&other, "error"), "login_required");
    assert_eq!(other.header("set-cookie"), "");
    assert_eq!(provider.audited("login_refused").await[0]["reason"], "unexpected");
    let same = provider.sign_in(&expecting, &luis, "ana", PASSWORD).await;
    assert!(!returned(&same, "code").is_empty());
}
