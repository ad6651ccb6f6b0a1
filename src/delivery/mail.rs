//! Mail by SMTP (RFC 5321), text and HTML in one message.
//!
//! Addresses and headers are typed by `lettre`, so a line break in either is an error and never a
//! second header. Certificates are checked against Mozilla's roots.

use std::time::Duration;

use lettre::message::header::{Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::{Error as SmtpError, PoolConfig};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Message as Email, Tokio1Executor};
use tokio::time::timeout;
use uuid::Uuid;

use super::channel::{Channel, Failed, Message};
use crate::domain::secret::Secret;
use crate::error::{Error, Result};

/// How long the server may take for one step, and for a whole message.
const STEP: Duration = Duration::from_secs(15);
const WHOLE: Duration = Duration::from_mins(1);
/// Connections that are kept for the next message, and for how long.
const KEPT: u32 = 2;
const KEPT_FOR: Duration = Duration::from_secs(30);

/// Where mail goes out.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `smtp://user:password@host:port` or `smtps://…`; `?tls=required` insists on STARTTLS.
    pub url: Secret,
    /// An address, or a name with an address in angle brackets.
    pub from: String,
}

/// A message to one person.
#[derive(Debug, Clone)]
pub struct Mail {
    /// What it is about, of a closed set.
    pub kind: &'static str,
    pub to: String,
    pub subject: &'static str,
    pub text: String,
    pub html: String,
}

/// Hands mails to the configured server.
pub(super) struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

/// Tells machines that answer for people not to answer (RFC 3834 §5).
#[derive(Clone)]
struct AutoSubmitted;

impl Mailer {
    pub(super) fn new(settings: &Settings) -> Result<Self> {
        let url = with_tls(settings.url.expose());
        // An error of the parser could quote the URL, which holds a password.
        let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(&url)
            .map_err(|_| Error::internal("SMTP_URL cannot be used"))?;
        let kept = PoolConfig::new().max_size(KEPT).idle_timeout(KEPT_FOR);
        Ok(Self {
            transport: builder.timeout(Some(STEP)).pool_config(kept).build(),
            from: settings.from.parse().map_err(Error::internal)?,
        })
    }

    /// Says good-bye to the server.
    pub(super) async fn close(&self) {
        self.transport.shutdown().await;
    }

    fn compose(&self, mail: &Mail) -> Result<Email, Failed> {
        let refused = |reason| Failed { reason, is_final: true };
        let to: Address = mail.to.parse().map_err(|_| refused("address"))?;
        Email::builder()
            .from(self.from.clone())
            .to(to.into())
            .subject(mail.subject)
            .message_id(Some(format!("<{}@{}>", Uuid::now_v7(), self.from.email.domain())))
            .header(AutoSubmitted)
            .multipart(MultiPart::alternative_plain_html(mail.text.clone(), mail.html.clone()))
            .map_err(|_| refused("form"))
    }
}

impl Channel for Mailer {
    const NAME: &'static str = "email";
    type Message = Mail;

    async fn send(&self, mail: &Mail) -> Result<(), Failed> {
        let email = self.compose(mail)?;
        match timeout(WHOLE, self.transport.send(email)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(failed(&error)),
            Err(_) => Err(Failed { reason: "timeout", is_final: false }),
        }
    }
}

impl Message for Mail {
    fn kind(&self) -> &'static str {
        self.kind
    }
}

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// A server that says no with 5xx means it (RFC 5321 §4.2.1).
fn failed(error: &SmtpError) -> Failed {
    let reason = match error {
        error if error.is_permanent() => "refused",
        error if error.is_transient() => "deferred",
        error if error.is_timeout() => "timeout",
        error if error.is_tls() => "tls",
        error if error.is_response() || error.is_client() => "protocol",
        _ => "connection",
    };
    Failed { reason, is_final: error.is_permanent() }
}

/// The URL with what it leaves open about TLS. STARTTLS is used where the server offers it; where a
/// password would cross a network, nothing is sent without.
fn with_tls(url: &str) -> String {
    let Some(rest) = url.strip_prefix("smtp://") else { return url.to_owned() };
    if rest.contains("tls=") {
        return url.to_owned();
    }
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    let is_near = ["localhost", "127.", "[::1]"].iter().any(|near| host.starts_with(near));
    let tls = if user.is_empty() || is_near { "opportunistic" } else { "required" };
    let joint = if rest.contains('?') { '&' } else { '?' };
    format!("{url}{joint}tls={tls}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mailer() -> Mailer {
        let url = Secret::new("smtp://127.0.0.1:1");
        Mailer::new(&Settings { url, from: "Latido <latido@example.com>".into() }).unwrap()
    }

    fn mail(to: &str) -> Mail {
        Mail {
            kind: "test",
            to: to.into(),
            subject: "Contraseña nueva",
            text: "hola".into(),
            html: "<p>hola</p>".into(),
        }
    }

    #[test]
    fn a_password_crosses_no_network_in_clear() {
        let mode = |url| with_tls(url).rsplit_once("tls=").map(|(_, mode)| mode.to_owned());

        assert_eq!(mode("smtp://u:p@mail.example:587").as_deref(), Some("required"));
        assert_eq!(mode("smtp://u:p@127.0.0.1:1025").as_deref(), Some("opportunistic"));
        assert_eq!(mode("smtp://mail.example?x=1").as_deref(), Some("opportunistic"));
        assert_eq!(
            mode("smtp://u:p@mail.example?tls=opportunistic").as_deref(),
            Some("opportunistic")
        );
        assert_eq!(with_tls("smtps://u:p@mail.example"), "smtps://u:p@mail.example");
    }

    #[tokio::test]
    async fn a_mail_has_a_text_and_an_html_part_and_says_that_a_machine_wrote_it() {
        let email = mailer().compose(&mail("ana@example.com")).unwrap();

        let text = String::from_utf8(email.formatted()).unwrap();
        for part in [
            "From: Latido <latido@example.com>\r\n",
            "To: ana@example.com\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "Content-Type: multipart/alternative;",
            "Content-Type: text/plain; charset=utf-8\r\n",
            "Content-Type: text/html; charset=utf-8\r\n",
            "@example.com>\r\n",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[tokio::test]
    async fn an_address_cannot_carry_another_header() {
        for to in ["ana@example.com\r\nBcc: all@example.com", "ana@example.com\nX: y", "ana", ""] {
            let refused = mailer().compose(&mail(to)).unwrap_err();
            assert_eq!(refused, Failed { reason: "address", is_final: true }, "{to:?}");
        }
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_may_be_back_later() {
        let failed = mailer().send(&mail("ana@example.com")).await.unwrap_err();

        assert_eq!(failed, Failed { reason: "connection", is_final: false });
    }
}
