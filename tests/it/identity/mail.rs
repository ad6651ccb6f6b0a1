//! Mail on its way: over real SMTP, in the reader's language, and when the server misbehaves.

use std::future::ready;
use std::net::TcpListener;
use std::time::Duration;

use latido::delivery::letters::{self, Reader};
use latido::delivery::{Deliveries, Settings, mail};
use latido::domain::language::Language;
use latido::domain::secret::Secret;
use rustix::process::Signal;
use serde_json::json;

use crate::support::database::Database;
use crate::support::device::Device;
use crate::support::process::Process;
use crate::support::smtp::{MailServer, Setup, Trouble};
use crate::support::{self, accounts};

/// Sends by that server, trying again almost at once.
fn deliveries(server: &MailServer) -> Deliveries {
    let (url, from) = (Secret::new(server.url()), "Latido <latido@example.com>".to_owned());
    let mail = Some(mail::Settings { url, from });
    Deliveries::start(&Settings { mail, first_pause: Duration::from_micros(10) }).unwrap()
}

fn letter(to: &str) -> mail::Mail {
    let reader = Reader { email: to.to_owned(), language: Language::Spanish };
    letters::password_reset(&reader, "https://portal.example/#token=x", Duration::from_mins(30))
}

#[tokio::test]
async fn a_mail_goes_out_with_credentials_from_the_configured_sender() {
    let setup = Setup { credentials: Some(("hub", "p@ss/word")), ..Setup::default() };
    let mut server = MailServer::set_up(setup).await;
    let url = format!("smtp://hub:p%40ss%2Fword@{}", server.address);
    let from = "Latido Salud <no-reply@salud.example>";
    let latido = support::start_with(&[
        ("SMTP_URL", &url),
        ("EMAIL_FROM", from),
        ("PUBLIC_URL", "https://hub.example/"),
    ])
    .await;

    Device::register(latido.address, "ana@example.com").await;

    let mail = server.next().await;
    assert_eq!(
        (mail.from.as_str(), mail.to.as_str()),
        ("no-reply@salud.example", "ana@example.com")
    );
    assert_eq!(mail.header("From"), "\"Latido Salud\" <no-reply@salud.example>");
    assert_eq!(mail.header("To"), "ana@example.com");
    assert_eq!(mail.header("Subject"), "Confirmá tu dirección de correo");
    assert_eq!(mail.header("Auto-Submitted"), "auto-generated");
    assert!(mail.header("Content-Type").starts_with("multipart/alternative"));
    assert!(mail.link().starts_with("https://hub.example/verify-email#token="), "{}", mail.text());
    assert!(mail.html().contains(&format!("href=\"{}\"", mail.link())), "{}", mail.html());
}

#[tokio::test]
async fn a_reader_is_written_to_in_its_language_and_led_to_its_portal() {
    let mut server = MailServer::start().await;
    let latido = support::start_with(&[
        ("SMTP_URL", &server.url()),
        ("PORTAL_PATIENTS_URL", "https://patients.example"),
    ])
    .await;
    let patient = json!({
        "email": "ana@example.com", "password": support::device::PASSWORD, "nombre": "Ana",
        "apellido": "Ruiz", "rol": "PACIENTE", "fecha_nacimiento": "1990-05-17",
    });
    let answer = latido.call("POST", "/auth/register").json(&patient).send().await;
    assert_eq!(server.next().await.header("Subject"), "Confirmá tu dirección de correo");
    let sql = format!(
        "insert into user_settings (user_id, theme, notifications, locale, focus_mode, notify, custom_theme, updated_at)
         values ({}, 'system', true, 'en-GB', false, '{{}}', '{{}}', 0)",
        answer.json()["user"]["id"]
    );
    accounts::run(latido.database.url(), &sql).await;

    let forgotten = json!({ "email": "ana@example.com" });
    latido.call("POST", "/auth/password/forgot").json(&forgotten).send().await;

    let mail = server.next().await;
    assert_eq!(mail.header("Subject"), "Reset your password");
    assert!(mail.link().starts_with("https://patients.example/reset-password#token="));
    assert!(!mail.text().contains("Ana"), "no word that somebody typed in");
}

#[tokio::test]
async fn a_server_that_defers_and_then_breaks_off_gets_the_mail_in_the_end() {
    let troubles = [Trouble::Defer, Trouble::Cut, Trouble::Defer].into();
    let mut server = MailServer::set_up(Setup { troubles, ..Setup::default() }).await;
    let deliveries = deliveries(&server);

    deliveries.mail(ready(Some(letter("ana@example.com"))));

    assert_eq!(server.next().await.to, "ana@example.com");
    deliveries.drain(Duration::from_secs(5)).await;
    assert!(server.rest().is_empty(), "once");
}

#[tokio::test]
async fn a_refused_mail_is_given_up_and_others_go_on() {
    let troubles = [Trouble::Refuse].into();
    let mut server = MailServer::set_up(Setup { troubles, ..Setup::default() }).await;
    let deliveries = deliveries(&server);

    deliveries.mail(ready(Some(letter("gone@example.com"))));
    server.asked("RCPT").await;
    deliveries.mail(ready(Some(letter("ana@example.com"))));

    assert_eq!(server.next().await.to, "ana@example.com");
    deliveries.drain(Duration::from_secs(5)).await;
    assert_eq!((server.count("RCPT"), server.rest().len()), (2, 0));
}

#[tokio::test]
async fn what_can_be_said_in_secret_is_not_said_in_clear() {
    let mut server = MailServer::set_up(Setup { offers_tls: true, ..Setup::default() }).await;
    let deliveries = deliveries(&server);

    deliveries.mail(ready(Some(letter("ana@example.com"))));
    deliveries.drain(Duration::from_secs(5)).await;

    assert!(server.count("STARTTLS") > 0);
    assert_eq!((server.count("MAIL"), server.rest().len()), (0, 0));
}

#[tokio::test]
async fn a_mail_server_that_never_answers_holds_nobody_up() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("smtp://{}", silent.local_addr().unwrap());
    let latido = support::start_with(&[("SMTP_URL", &url)]).await;

    let device = Device::register(latido.address, "ana@example.com").await;

    for _ in 0..20 {
        assert_eq!(device.call("POST", "/auth/email/resend").send().await.status, 204);
    }
}

#[tokio::test]
async fn a_mail_that_waits_for_its_retry_is_sent_before_the_process_ends() {
    let troubles = [Trouble::Defer].into();
    let mut server = MailServer::set_up(Setup { troubles, ..Setup::default() }).await;
    let database = Database::fresh().await;
    let process = Process::serve(&database, &[("SMTP_URL", &server.url())]).await;
    Device::register(process.address, "ana@example.com").await;
    server.asked("RCPT").await;

    process.signal(Signal::TERM);

    assert_eq!(server.next().await.to, "ana@example.com");
    assert_eq!(process.ended().await.code(), Some(0));
}
