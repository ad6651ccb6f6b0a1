//! Services around the hub: payments, mail and push, suggestions, portals, section tracking.

use std::path::{Path, PathBuf};
use std::time::Duration;

use lettre::message::Mailbox;
use lettre::{AsyncSmtpTransport, Tokio1Executor};

use super::key::{Key, Unit, section};
use super::reader::Reader;
use super::values::{Currency, Environment, HttpUrl, PaymentsMode};
use crate::domain::secret::Secret;

section! {
    /// `MercadoPago` and escrow.
    pub struct Payments {
        /// The MercadoPago access token; without it payments are not configured.
        pub access_token: Option<Secret> = Key::new("MERCADOPAGO_ACCESS_TOKEN"),
        /// The MercadoPago public key, shown to portals.
        pub public_key: Option<String> = Key::new("MERCADOPAGO_PUBLIC_KEY"),
        /// Verifies MercadoPago's notifications.
        pub webhook_secret: Option<Secret> = Key::new("MERCADOPAGO_WEBHOOK_SECRET"),
        /// The MercadoPago API.
        pub api_url: HttpUrl = Key::new("MERCADOPAGO_API_URL").or("https://api.mercadopago.com"),
        /// `live`, or `mock` to approve payments by hand; production refuses `mock`.
        pub mode: PaymentsMode = Key::new("PAYMENTS_MODE").or("live"),
        /// The platform's share of a payment in hundredths of a percent.
        pub platform_fee_bps: u32 = Key::new("PLATFORM_FEE_BPS").range(0, 10_000).or("0"),
        /// The currency of amounts that name none.
        pub default_currency: Currency = Key::new("DEFAULT_CURRENCY").or("ARS"),
        /// When a delivered job counts as accepted.
        pub job_auto_complete: Duration = Key::new("JOB_AUTO_COMPLETE_HOURS").unit(Unit::Hours).range(1, 8760).or("72"),
    }
}

section! {
    /// Mail, push and reminders.
    pub struct Notifications {
        /// The mail server: `smtp://user:password@host:port` or `smtps://`; without it mails are only logged.
        pub smtp_url: Option<Secret> = Key::new("SMTP_URL").check(is_smtp_url),
        /// The sender of every mail: an address, or a name with an address in angle brackets.
        pub email_from: String = Key::new("EMAIL_FROM")
            .check(is_mailbox)
            .or_else("no-reply at the host of PUBLIC_URL", no_reply),
        /// PEM private key that signs web push messages (VAPID).
        pub vapid_private_key_file: Option<PathBuf> = Key::new("VAPID_PRIVATE_KEY_FILE"),
        /// Where pushes to Android and iOS devices are posted.
        pub push_http_url: Option<HttpUrl> = Key::new("PUSH_HTTP_URL"),
        /// The bearer token of that service.
        pub push_http_token: Option<Secret> = Key::new("PUSH_HTTP_TOKEN"),
        /// Minutes before an appointment at which people are reminded, a comma list.
        pub appointment_reminders: Vec<Duration> = Key::new("APPOINTMENT_REMINDERS").unit(Unit::Minutes).range(1, 525_600).or("1440,60"),
    }
}

section! {
    /// The provider of diagnostic suggestions.
    pub struct Suggestions {
        /// The provider's address; without it the built-in rules answer.
        pub base_url: Option<HttpUrl> = Key::new("AI_BASE_URL"),
        /// The provider's key.
        pub api_key: Option<Secret> = Key::new("AI_API_KEY"),
        /// The model to ask.
        pub model: Option<String> = Key::new("AI_MODEL"),
    }
}

section! {
    /// Portals built elsewhere.
    pub struct Portals {
        /// Where links for doctors lead.
        pub doctors_url: HttpUrl = Key::new("PORTAL_DOCTORS_URL").or("http://localhost:3001"),
        /// The built doctors portal, served on its port when set.
        pub doctors_dir: Option<PathBuf> = Key::new("PORTAL_DOCTORS_DIR")
            .check(is_portal),
        /// The port of the doctors portal.
        pub doctors_port: u16 = Key::new("PORTAL_DOCTORS_PORT").range(1, 65_535).or("3001"),
        /// Where links for patients lead.
        pub patients_url: HttpUrl = Key::new("PORTAL_PATIENTS_URL").or("http://localhost:3002"),
        /// The built patients portal, served on its port when set.
        pub patients_dir: Option<PathBuf> = Key::new("PORTAL_PATIENTS_DIR")
            .check(is_portal),
        /// The port of the patients portal.
        pub patients_port: u16 = Key::new("PORTAL_PATIENTS_PORT").range(1, 65_535).or("3002"),
        /// Where links for companies and institutions lead.
        pub companies_url: HttpUrl = Key::new("PORTAL_COMPANIES_URL").or("http://localhost:3003"),
        /// The built companies portal, served on its port when set.
        pub companies_dir: Option<PathBuf> = Key::new("PORTAL_COMPANIES_DIR")
            .check(is_portal),
        /// The port of the companies portal.
        pub companies_port: u16 = Key::new("PORTAL_COMPANIES_PORT").range(1, 65_535).or("3003"),
    }
}

section! {
    /// Tracking of the section a portal's user looks at.
    pub struct Sections {
        /// Stores section events; off, they are accepted and forgotten.
        pub is_enabled: bool = Key::new("ACTIVE_SECTION_ENABLED").or("true"),
        /// How long they are kept.
        pub retention: Duration = Key::new("ACTIVE_SECTION_RETENTION_DAYS").unit(Unit::Days).range(1, 36_500).or("90"),
    }
}

impl Portals {
    /// Directory and port of each portal this process serves itself.
    pub fn served(&self) -> Vec<(&PathBuf, u16)> {
        [
            (&self.doctors_dir, self.doctors_port),
            (&self.patients_dir, self.patients_port),
            (&self.companies_dir, self.companies_port),
        ]
        .into_iter()
        .filter_map(|(dir, port)| Some((dir.as_ref()?, port)))
        .collect()
    }
}

fn is_portal(directory: &str) -> Result<(), &'static str> {
    let has_page = Path::new(directory).join("index.html").is_file();
    if has_page { Ok(()) } else { Err("must be a directory with an index.html") }
}

fn is_smtp_url(text: &str) -> Result<(), &'static str> {
    let is_readable = AsyncSmtpTransport::<Tokio1Executor>::from_url(text).is_ok();
    if is_readable && (text.starts_with("smtp://") || text.starts_with("smtps://")) {
        Ok(())
    } else {
        Err("must be an smtp:// or smtps:// URL with a host")
    }
}

fn is_mailbox(text: &str) -> Result<(), &'static str> {
    text.parse::<Mailbox>().map(drop).map_err(|_| "must be a mail address")
}

fn no_reply(reader: &Reader) -> Option<String> {
    let (host, _) = reader.peek::<HttpUrl>("PUBLIC_URL")?.host_and_port()?;
    let is_number = host.starts_with('[') || host.parse::<std::net::Ipv4Addr>().is_ok();
    Some(if is_number { "no-reply@localhost".to_owned() } else { format!("no-reply@{host}") })
}

pub(super) fn rules(reader: &mut Reader) {
    let is_production = reader.environment() == Environment::Production;
    if is_production && reader.peek("PAYMENTS_MODE") == Some(PaymentsMode::Mock) {
        reader.problem("PAYMENTS_MODE", "cannot be mock in production");
    }
    if reader.text("AI_BASE_URL").is_some() && reader.text("AI_MODEL").is_none() {
        reader.problem("AI_MODEL", "is needed with AI_BASE_URL");
    }
}
