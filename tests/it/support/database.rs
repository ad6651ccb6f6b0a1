//! A fresh, empty database for one test.

use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::directory::Directory;

/// The database a test runs on; its file goes with it, a schema goes with the whole cluster.
pub(crate) struct Database {
    url: String,
    _directory: Option<Directory>,
}

impl Database {
    /// On the engine that `LATIDO_TEST_DATABASE` names.
    pub(crate) async fn fresh() -> Self {
        match std::env::var("LATIDO_TEST_DATABASE").as_deref() {
            Ok("postgres") => Self::postgres().await.expect("LATIDO_TEST_POSTGRES_URL is set"),
            _ => Self::sqlite(),
        }
    }

    pub(crate) fn sqlite() -> Self {
        let directory = Directory::fresh();
        let url = format!("sqlite://{}?mode=rwc", directory.path().join("latido.db").display());
        Self { url, _directory: Some(directory) }
    }

    /// A schema of its own, or nothing when no PostgreSQL was offered.
    pub(crate) async fn postgres() -> Option<Self> {
        let url = std::env::var("LATIDO_TEST_POSTGRES_URL").ok()?;
        let schema = format!("t{}", uuid::Uuid::now_v7().simple());
        let mut connection = PgConnection::connect(&url).await.unwrap();
        sqlx::query(AssertSqlSafe(format!("create schema {schema}")))
            .execute(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
        let joint = if url.contains('?') { '&' } else { '?' };
        let url = format!("{url}{joint}options=-csearch_path%3D{schema}");
        Some(Self { url, _directory: None })
    }

    /// The same database for one more node; it must not outlive this one.
    pub(crate) fn shared(&self) -> Self {
        Self { url: self.url.clone(), _directory: None }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}
