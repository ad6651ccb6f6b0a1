//! A fresh, empty database for one test.

use std::path::PathBuf;

use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// The database a test runs on; its file goes with it, a schema goes with the whole cluster.
pub(crate) struct Database {
    url: String,
    directory: Option<PathBuf>,
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
        let directory = std::env::temp_dir().join(format!("latido-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir(&directory).unwrap();
        let url = format!("sqlite://{}?mode=rwc", directory.join("latido.db").display());
        Self { url, directory: Some(directory) }
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
        Some(Self { url: format!("{url}{joint}options=-csearch_path%3D{schema}"), directory: None })
    }

    /// The same database for another node; it goes with the first.
    pub(crate) fn shared(&self) -> Self {
        Self { url: self.url.clone(), directory: None }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Some(directory) = &self.directory {
            // What is left behind lies in the temporary directory.
            drop(std::fs::remove_dir_all(directory));
        }
    }
}
