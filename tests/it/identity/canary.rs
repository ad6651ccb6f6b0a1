//! Nothing a person typed and nothing that opens something reaches a log or a metric.

use serde_json::json;

use crate::support::database::Database;
use crate::support::device::{Device, logging_in};
use crate::support::plain::Plain;
use crate::support::process::Process;
use crate::support::smtp::{MailServer, Setup, Trouble};
use crate::support::socket_io::{EVENTS, SocketIo};
use crate::support::websocket::WebSocket;

#[tokio::test]
async fn a_canary_is_found_nowhere_in_the_log_or_the_metrics() {
    let email = "canary-7f3a@example.com";
    let newer = "canary secret of tomorrow";
    let troubles = [Trouble::Refuse, Trouble::Defer, Trouble::Cut].into();
    let mut server = MailServer::set_up(Setup {
        credentials: Some(("hub", "canary-smtp")),
        troubles,
        ..Setup::default()
    })
    .await;
    let smtp = format!("smtp://hub:canary-smtp@{}", server.address);
    let database = Database::fresh().await;
    let process = Process::serve(
        &database,
        &[
            ("LOG_LEVEL", "DEBUG"),
            ("METRICS_PUBLIC", "true"),
            ("WS_QUERY_TOKEN", "true"),
            ("SMTP_URL", &smtp),
        ],
    )
    .await;
    let post = async |path: &str, body| process.call("POST", path).json(&body).send().await;
    let mut secrets = vec![email.to_owned(), newer.to_owned(), "canary-smtp".to_owned()];

    // The first mail is refused by an answer that repeats the address; then others are deferred
    // and cut, and the last one comes through at shutdown.
    let mut device = Device::register(process.address, email).await;
    secrets.push(crate::support::device::PASSWORD.to_owned());
    server.asked("RCPT").await;
    logging_in(process.address, email, "canary guess").send().await;
    logging_in(process.address, email, "canary guess \u{1f424}").send().await;
    secrets.push("canary guess".to_owned());
    let first = device.clone();
    device.refresh().await;
    for tokens in [&first, &device] {
        secrets.push(tokens.access().to_owned());
        secrets.push(tokens.refresh_token().to_owned());
    }
    let cookie = device.cookie.split_once('=').unwrap().1.to_owned();
    secrets.push(cookie.split_once('.').unwrap().1.to_owned());
    device.call("GET", &format!("/auth/sessions?canary-query={email}")).send().await;
    secrets.push("canary-query".to_owned());
    device.call("DELETE", "/auth/sessions/canary-path").send().await;
    secrets.push("canary-path".to_owned());
    post("/auth/verify-token", json!({ "token": device.access() })).await;
    post("/auth/verify-token", json!({ "token": "canary-bad-token" })).await;
    post("/auth/email/verify", json!({ "token": "canary-bad-token" })).await;
    post("/auth/password/reset", json!({ "token": "canary-bad-token", "new_password": newer }))
        .await;
    secrets.push("canary-bad-token".to_owned());

    // Sockets, by every way of bringing a token, good and bad.
    let auth = json!({ "token": device.access() });
    let mut socket = SocketIo::join(process.address, EVENTS, &auth, &[]).await.unwrap();
    socket.next("connected").await;
    let refreshed =
        socket.ask("auth:refresh", &json!({ "refreshToken": device.refresh_token() })).await;
    for name in ["accessToken", "refreshToken"] {
        secrets.push(refreshed[name].as_str().unwrap().to_owned());
    }
    socket.ask("auth:refresh", &json!({ "token": "canary-bad-token" })).await;
    drop(
        SocketIo::join(process.address, EVENTS, &json!({ "token": "canary-bad-token" }), &[]).await,
    );
    let query = format!("/events?token={}", device.access());
    let mut plain = Plain(WebSocket::open(process.address, &query, &[]).await);
    plain.next("connected").await;

    // A reuse, and a password forgotten and reset.
    assert_eq!(device.spend(first.refresh_token()).await.status, 401);
    post("/auth/password/forgot", json!({ "email": email })).await;
    server.asked("DATA").await;
    let metrics = process.call("GET", "/metrics").send().await.text().to_owned();
    process.signal(rustix::process::Signal::TERM);
    let mail = server.next().await;
    secrets.push(mail.token());
    let said = process.last_words().await;

    assert!(said.contains("request answered") && said.contains("DEBUG"), "{said:.500}");
    assert!(said.contains("message given up") && said.contains("message not sent yet"), "{said}");
    assert!(metrics.contains("latido_deliveries_total"), "{metrics:.500}");
    for secret in &secrets {
        for (place, text) in [("log", &said), ("metrics", &metrics)] {
            assert!(!text.contains(secret.as_str()), "{secret} is in the {place}");
        }
    }
    eprintln!("{} secrets, 0 times in {} bytes of log", secrets.len(), said.len());
}
