//! `latido doctor`: looks at everything the hub depends on and says what is wrong.
//!
//! One line per check. Services that need credentials are tried up to the open connection; the
//! line says so. A key set needs none and is read. Nothing is written, and no value of a secret is
//! shown.

use std::fmt;
use std::net::TcpListener;
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::health;
use crate::app::key_files::KeyFiles;
use crate::auth::jwks;
use crate::config::values::{HttpUrl, PaymentsMode, UseLivekit};
use crate::config::{Config, Problem};
use crate::domain::secret::Secret;
use crate::domain::time::Timestamp;
use crate::persistence::{Settings, Store};

/// How long a service may take to accept a connection.
const PATIENCE: Duration = Duration::from_secs(3);

/// How far the clocks of hub and database may be apart.
const TOLERANCE: Duration = Duration::from_secs(2);

/// No clock is right that says it is earlier than this: 2026-11-24, when this check was written.
const NOT_BEFORE: Timestamp = Timestamp(1_795_478_400_000);

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub name: &'static str,
    pub verdict: Verdict,
    pub detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Ok,
    Fail,
    /// Not configured, or nothing to look at yet.
    Skip,
}

impl Finding {
    fn ok(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Ok, detail: detail.into() }
    }

    fn fail(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Fail, detail: detail.into() }
    }

    fn skip(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Skip, detail: detail.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.verdict {
            Verdict::Ok => "ok",
            Verdict::Fail => "fail",
            Verdict::Skip => "skip",
        };
        write!(f, "{verdict:<4}  {:<13}  {}", self.name, self.detail)
    }
}

/// Checks everything a checked configuration names.
pub async fn examine(config: &Config) -> Vec<Finding> {
    let mut findings = vec![Finding::ok("configuration", "every key is valid")];
    findings.extend(files(config));
    findings.extend(database(config).await);
    findings
        .push(secret_address("redis", "REDIS_URL", config.cluster.redis_url.as_ref(), 6379).await);
    findings.push(livekit(config).await);
    findings.push(object_store(config).await);
    findings.push(
        secret_address("smtp", "SMTP_URL", config.notifications.smtp_url.as_ref(), 587).await,
    );
    findings.push(payments(config).await);
    findings.push(collector(config).await);
    findings.push(key_set(config).await);
    findings.push(auth_service(config).await);
    findings.extend(ports(config));
    findings
}

/// The key files that the configuration names, read as a start reads them.
fn files(config: &Config) -> Vec<Finding> {
    const NAME: &str = "key files";
    let paths = config.key_paths();
    let push = &config.notifications.vapid_private_key_file;
    let named = [&paths.certificate, &paths.certificate_key, &paths.signing, &paths.previous, push];
    let mut problems = KeyFiles::read(&paths).err().unwrap_or_default();
    if push.as_ref().is_some_and(|path| std::fs::read(path).is_err()) {
        problems.push(Problem::new("VAPID_PRIVATE_KEY_FILE", "cannot be read"));
    }
    match named.into_iter().flatten().count() {
        0 => vec![Finding::skip(NAME, "none is configured")],
        count if problems.is_empty() => vec![Finding::ok(NAME, format!("{count} in use"))],
        _ => problems.iter().map(|problem| Finding::fail(NAME, problem.to_string())).collect(),
    }
}

/// The database, its migrations, and the clock compared with its clock.
async fn database(config: &Config) -> Vec<Finding> {
    let url = config.database.url.expose();
    // The SQLite options would read any URL as the name of a file.
    if url.starts_with("sqlite:")
        && let Ok(options) = url.parse::<SqliteConnectOptions>()
        && !url.contains("memory")
        && !options.get_filename().exists()
    {
        let detail = "does not exist yet; the first start creates it";
        return vec![Finding::skip("database", detail), clock(Timestamp::now(), None)];
    }
    let settings = Settings { url: url.to_owned(), pool_min: 1, pool_max: 2 };
    let Ok(store) = Store::open(&settings).await else {
        return vec![Finding::fail("database", "cannot be opened"), clock(Timestamp::now(), None)];
    };
    let found = match (store.ping().await, store.condition().await) {
        (Ok(()), Ok(state)) if state.unknown > 0 => Finding::fail(
            "database",
            format!("is newer than this program by {} migrations", state.unknown),
        ),
        (Ok(()), Ok(state)) if state.pending > 0 && !config.database.auto_migrate => Finding::fail(
            "database",
            format!("{} migrations wait for `latido migrate`", state.pending),
        ),
        (Ok(()), Ok(state)) => Finding::ok(
            "database",
            format!("answers; {} migrations applied, {} pending", state.applied, state.pending),
        ),
        _ => Finding::fail("database", "does not answer"),
    };
    let theirs = store.clock().await.ok().flatten();
    let clock = clock(Timestamp::now(), theirs);
    store.close().await;
    vec![found, clock]
}

fn clock(ours: Timestamp, database: Option<Timestamp>) -> Finding {
    if ours < NOT_BEFORE {
        return Finding::fail("clock", "is behind the date of this program");
    }
    match database {
        None => Finding::ok("clock", "is later than the date of this program"),
        Some(theirs) => {
            let apart = ours.since(theirs).max(theirs.since(ours));
            let detail = format!("{} ms apart from the database's", apart.as_millis());
            if apart < TOLERANCE {
                Finding::ok("clock", detail)
            } else {
                Finding::fail("clock", detail)
            }
        }
    }
}

async fn livekit(config: &Config) -> Finding {
    match &config.media.livekit_url {
        Some(_) if config.media.use_livekit == UseLivekit::Off => {
            Finding::skip("livekit", "USE_LIVEKIT is false")
        }
        Some(url) => http_address("livekit", url).await,
        None => Finding::skip("livekit", "LIVEKIT_API_URL is not set"),
    }
}

async fn object_store(config: &Config) -> Finding {
    match (&config.storage.s3_bucket, &config.storage.s3_endpoint, &config.storage.region) {
        (None, ..) => Finding::skip("s3", "AWS_S3_BUCKET is not set"),
        (_, Some(endpoint), _) => http_address("s3", endpoint).await,
        (_, None, region) => {
            let region = region.as_deref().unwrap_or("us-east-1");
            reach("s3", &format!("s3.{region}.amazonaws.com"), 443).await
        }
    }
}

async fn payments(config: &Config) -> Finding {
    match (&config.payments.access_token, config.payments.mode) {
        (_, PaymentsMode::Mock) => Finding::skip("mercadopago", "PAYMENTS_MODE is mock"),
        (None, _) => Finding::skip("mercadopago", "MERCADOPAGO_ACCESS_TOKEN is not set"),
        (Some(_), _) => http_address("mercadopago", &config.payments.api_url).await,
    }
}

async fn collector(config: &Config) -> Finding {
    match &config.observability.otlp_endpoint {
        Some(endpoint) => http_address("otlp", endpoint).await,
        None => Finding::skip("otlp", "OTEL_EXPORTER_OTLP_ENDPOINT is not set"),
    }
}

/// The key set needs no credentials, so it is fetched and read as a sign-in would.
async fn key_set(config: &Config) -> Finding {
    const NAME: &str = "supabase";
    let identity = &config.identity;
    match (&identity.supabase_jwks_url, &identity.supabase_jwt_secret) {
        (None, None) => Finding::skip(NAME, "neither SUPABASE_JWT_SECRET nor SUPABASE_JWKS_URL"),
        (None, Some(_)) => Finding::skip(NAME, "tokens are verified by the secret alone"),
        (Some(url), secret) => match jwks::count(url.as_str()).await {
            Ok(0) if secret.is_none() => Finding::fail(NAME, "the key set holds no usable key"),
            Ok(keys) => Finding::ok(NAME, format!("usable keys in the key set: {keys}")),
            Err(failure) => Finding::fail(NAME, format!("the key set: {failure}")),
        },
    }
}

async fn auth_service(config: &Config) -> Finding {
    match &config.identity.auth_service_url {
        Some(url) => http_address("auth service", url).await,
        None => Finding::skip("auth service", "AUTH_SERVICE_URL is not set"),
    }
}

async fn http_address(name: &'static str, url: &HttpUrl) -> Finding {
    match url.host_and_port() {
        Some((host, port)) => reach(name, &host, port).await,
        None => Finding::fail(name, "the URL names no host"),
    }
}

/// A service whose address holds a password.
async fn secret_address(
    name: &'static str,
    key: &str,
    url: Option<&Secret>,
    standard_port: u16,
) -> Finding {
    let Some(url) = url else {
        return Finding::skip(name, format!("{key} is not set"));
    };
    let uri: Option<http::Uri> = url.expose().parse().ok();
    match uri.as_ref().and_then(|uri| Some((uri.host()?, uri.port_u16()))) {
        Some((host, port)) => reach(name, host, port.unwrap_or(standard_port)).await,
        None => Finding::fail(name, format!("{key} names no host")),
    }
}

async fn reach(name: &'static str, host: &str, port: u16) -> Finding {
    match timeout(PATIENCE, TcpStream::connect((host, port))).await {
        Ok(Ok(_)) => Finding::ok(name, format!("{host}:{port} accepts connections")),
        Ok(Err(error)) => Finding::fail(name, format!("{host}:{port} {}", error.kind())),
        Err(_) => Finding::fail(name, format!("{host}:{port} does not answer within 3 s")),
    }
}

/// Every listener: free to bind, or already held by a hub.
fn ports(config: &Config) -> Vec<Finding> {
    let portals = config.portals.served().into_iter().map(|(_, port)| port);
    config
        .server
        .ports()
        .into_iter()
        .chain(portals)
        .map(|port| match TcpListener::bind((config.server.bind_addr, port)) {
            Ok(_) => Finding::ok("port", format!("{port} is free")),
            Err(_) if health::ask(&config.server, port).is_ok() => {
                Finding::ok("port", format!("{port} is held by a running hub"))
            }
            Err(error) => {
                Finding::fail("port", format!("{port} cannot be bound: {}", error.kind()))
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Layer, Sources};

    fn config(settings: &[(&str, &str)]) -> Config {
        let environment: Layer =
            settings.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect();
        Config::load(&Sources { environment, is_demo: true, ..Sources::default() }).unwrap()
    }

    fn verdicts(findings: &[Finding], name: &str) -> Vec<Verdict> {
        findings.iter().filter(|found| found.name == name).map(|found| found.verdict).collect()
    }

    #[tokio::test]
    async fn what_is_not_configured_is_skipped_and_what_is_busy_fails() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port().to_string();
        let redis = format!("redis://:secret@127.0.0.1:{port}/0");
        let collector = format!("http://127.0.0.1:{port}");
        let config = config(&[
            ("BIND_ADDR", "127.0.0.1"),
            ("PORT", &port),
            ("DATABASE_URL", "sqlite::memory:"),
            ("REDIS_URL", &redis),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &collector),
        ]);
        // Whoever holds the port lets Redis and the collector in, and hangs up when asked for a
        // sign of life.
        let silent = std::thread::spawn(move || {
            for _ in 0..3 {
                drop(taken.accept().unwrap());
            }
        });

        let findings = examine(&config).await;

        assert_eq!(verdicts(&findings, "database"), [Verdict::Ok]);
        assert_eq!(verdicts(&findings, "clock"), [Verdict::Ok]);
        assert_eq!(verdicts(&findings, "redis"), [Verdict::Ok]);
        assert_eq!(verdicts(&findings, "otlp"), [Verdict::Ok]);
        assert_eq!(verdicts(&findings, "port"), [Verdict::Fail]);
        assert_eq!(verdicts(&findings, "livekit"), [Verdict::Skip]);
        assert!(findings.iter().all(|found| !found.to_string().contains("secret")));
        silent.join().unwrap();
    }

    #[tokio::test]
    async fn a_file_that_is_not_there_yet_is_no_failure_and_a_server_that_is_not_there_is() {
        let file = config(&[("DATABASE_URL", "sqlite:///nowhere/latido.db?mode=rwc")]);
        let server = config(&[("DATABASE_URL", "postgres://latido:secret@127.0.0.1:1/latido")]);

        assert_eq!(verdicts(&database(&file).await, "database"), [Verdict::Skip]);
        assert_eq!(verdicts(&database(&server).await, "database"), [Verdict::Fail]);
    }

    #[tokio::test]
    async fn who_else_vouches_for_callers_is_asked_for_keys_or_for_a_connection() {
        let gone = "http://127.0.0.1:1";
        let configured =
            config(&[("SUPABASE_JWKS_URL", &format!("{gone}/keys")), ("AUTH_SERVICE_URL", gone)]);
        let alone = config(&[]);

        assert_eq!(key_set(&configured).await.verdict, Verdict::Fail);
        assert_eq!(auth_service(&configured).await.verdict, Verdict::Fail);
        assert_eq!(key_set(&alone).await.verdict, Verdict::Skip);
        assert_eq!(auth_service(&alone).await.verdict, Verdict::Skip);
    }

    #[test]
    fn a_clock_is_wrong_before_the_program_and_away_from_its_database() {
        let now = NOT_BEFORE.plus(Duration::from_hours(1));

        assert_eq!(clock(Timestamp(0), None).verdict, Verdict::Fail);
        assert_eq!(clock(now, Some(now.plus(Duration::from_secs(1)))).verdict, Verdict::Ok);
        assert_eq!(clock(now, Some(now.plus(Duration::from_secs(2)))).verdict, Verdict::Fail);
        assert_eq!(clock(now.plus(Duration::from_secs(3)), Some(now)).verdict, Verdict::Fail);
    }

    #[test]
    fn a_finding_is_one_line() {
        let found = Finding::skip("redis", "REDIS_URL is not set");

        assert_eq!(found.to_string(), "skip  redis          REDIS_URL is not set");
    }
}
