//! Where records and files are kept.

use std::path::PathBuf;
use std::time::Duration;

use super::key::{Key, Unit, section};
use super::reader::Reader;
use super::values::{EncryptionKey, Environment, GeoBackend, HttpUrl};
use crate::domain::secret::Secret;

section! {
    /// The database and its pool.
    pub struct Database {
        /// `sqlite://` for one node, `postgres://` for a cluster; composed from `POSTGRES_*` when those are set.
        pub url: Secret = Key::new("DATABASE_URL")
            .check(is_database_url)
            .or_else("sqlite://latido.db?mode=rwc", |reader| {
                Some(composed_url(reader).unwrap_or_else(|| EMBEDDED.to_owned()))
            }),
        /// A read-only PostgreSQL copy that lists may be read from.
        pub replica_url: Option<Secret> = Key::new("DATABASE_REPLICA_URL").check(is_postgres_url),
        /// Connections that stay open.
        pub pool_min: u32 = Key::new("DB_POOL_MIN").range(0, 1000).or("1"),
        /// Connections at most.
        pub pool_max: u32 = Key::new("DB_POOL_MAX").range(1, 1000).or("10"),
        /// Brings the tables up to date at start.
        pub auto_migrate: bool = Key::new("AUTO_MIGRATE").or("true"),
        /// How places are searched: `auto`, `postgis` or `haversine`.
        pub geo_backend: GeoBackend = Key::new("GEO_BACKEND").or("auto"),
        /// How long a doctor stays related to a patient after their last appointment.
        pub relation: Duration = Key::new("RELATION_DAYS").unit(Unit::Days).range(1, 36_500).or("365"),
        /// How long dispatched events can be replayed.
        pub event_retention: Duration = Key::new("EVENT_RETENTION_HOURS").unit(Unit::Hours).range(1, 8760).or("24"),
    }
}

section! {
    /// The parts of a PostgreSQL address, as containers pass them; read into [`Database::url`].
    pub struct PostgresParts {
        /// PostgreSQL user; setting it composes `DATABASE_URL` when that is empty.
        pub user: Option<String> = Key::new("POSTGRES_USER"),
        /// PostgreSQL password.
        pub password: Option<Secret> = Key::new("POSTGRES_PASSWORD"),
        /// PostgreSQL database; the user's name when empty.
        pub database: Option<String> = Key::new("POSTGRES_DB"),
        /// PostgreSQL host.
        pub host: String = Key::new("POSTGRES_HOST").or("localhost"),
        /// PostgreSQL port.
        pub port: u16 = Key::new("POSTGRES_PORT").range(1, 65_535).or("5432"),
    }
}

section! {
    /// Where uploads and recordings are kept.
    pub struct Storage {
        /// The directory of uploaded files when no bucket is set.
        pub files_dir: PathBuf = Key::new("FILES_DIR").or("./files"),
        /// Encrypts sensitive files and fields: 32 bytes in base64.
        pub data_encryption_key: EncryptionKey = Key::new("DATA_ENCRYPTION_KEY")
            .or_else("required in production, a fixed one in development", development_key),
        /// The largest upload in bytes.
        pub max_file_bytes: usize = Key::new("MAX_FILE_BYTES").range(1, 1 << 40).or("26214400"),
        /// The bucket of recordings and files.
        pub s3_bucket: Option<String> = Key::new("AWS_S3_BUCKET"),
        /// The bucket's region.
        pub region: Option<String> = Key::new("AWS_REGION"),
        /// The access key's id.
        pub access_key_id: Option<Secret> = Key::new("AWS_ACCESS_KEY_ID"),
        /// The access key.
        pub secret_access_key: Option<Secret> = Key::new("AWS_SECRET_ACCESS_KEY"),
        /// The address of an S3-compatible store other than AWS.
        pub s3_endpoint: Option<HttpUrl> = Key::new("AWS_S3_ENDPOINT"),
        /// Puts the bucket into the path instead of the host name.
        pub s3_force_path_style: bool = Key::new("AWS_S3_FORCE_PATH_STYLE").or("false"),
        /// The KMS key that encrypts objects at rest.
        pub kms_key_id: Option<String> = Key::new("AWS_KMS_KEY_ID"),
    }
}

const EMBEDDED: &str = "sqlite://latido.db?mode=rwc";

fn is_postgres_url(text: &str) -> Result<(), &'static str> {
    let is_postgres = ["postgres://", "postgresql://"].iter().any(|start| text.starts_with(start));
    if is_postgres { Ok(()) } else { Err("must be a postgres:// URL") }
}

fn is_database_url(text: &str) -> Result<(), &'static str> {
    if text.starts_with("sqlite:") || is_postgres_url(text).is_ok() {
        Ok(())
    } else {
        Err("must be a sqlite:// or postgres:// URL")
    }
}

/// The address that `POSTGRES_*` describes, when a user is named.
fn composed_url(reader: &Reader) -> Option<String> {
    let user = reader.peek::<Option<String>>("POSTGRES_USER")??;
    let password = reader.peek::<Option<Secret>>("POSTGRES_PASSWORD")?;
    let database = reader.peek::<Option<String>>("POSTGRES_DB")?.unwrap_or_else(|| user.clone());
    let host = reader.peek::<String>("POSTGRES_HOST")?;
    let port = reader.peek::<u16>("POSTGRES_PORT")?;
    let password = password.map_or(String::new(), |text| format!(":{}", escaped(text.expose())));
    Some(format!("postgres://{}{password}@{host}:{port}/{}", escaped(&user), escaped(&database)))
}

/// Percent-encodes all but the unreserved characters (RFC 3986 §2.3).
fn escaped(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

fn development_key(reader: &Reader) -> Option<String> {
    let is_development = reader.environment() == Environment::Development;
    is_development.then(|| EncryptionKey::DEVELOPMENT.to_owned())
}

pub(super) fn rules(reader: &mut Reader) {
    reader.all_or_none(&[
        "AWS_S3_BUCKET",
        "AWS_REGION",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
    ]);
    let pool = reader.peek::<u32>("DB_POOL_MIN").zip(reader.peek::<u32>("DB_POOL_MAX"));
    if pool.is_some_and(|(least, most)| least > most) {
        reader.problem("DB_POOL_MIN", "must not be greater than DB_POOL_MAX");
    }
    if ["POSTGRES_PASSWORD", "POSTGRES_DB"].iter().any(|key| reader.text(key).is_some())
        && reader.text("POSTGRES_USER").is_none()
        && reader.text("DATABASE_URL").is_none()
    {
        reader.problem(
            "POSTGRES_USER",
            "must be set together with POSTGRES_PASSWORD and POSTGRES_DB",
        );
    }
    let is_production = reader.environment() == Environment::Production;
    if is_production && reader.text("DATA_ENCRYPTION_KEY") == Some(EncryptionKey::DEVELOPMENT) {
        reader.problem("DATA_ENCRYPTION_KEY", "must not be the development key in production");
    }
}
