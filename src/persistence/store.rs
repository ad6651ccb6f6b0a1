//! The database: SQLite or PostgreSQL behind one handle.
//!
//! SQLite writes go through one connection and start with `BEGIN IMMEDIATE`, so two writers queue
//! instead of failing; reads use a pool that cannot write. PostgreSQL has one pool for both.
//! This is also where the database's errors become ours.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{
    Connection as _, PgConnection, PgPool, Pool, Postgres, Sqlite, SqliteConnection, SqlitePool,
    Transaction,
};

use super::idempotency;
pub(crate) use super::on::Either;
use super::timing::{Timed, Timing};
use crate::error::{Error, Kind, Result};

/// How long a caller waits for a connection, and a SQLite writer for another process.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a connection to PostgreSQL lay idle that is used without asking whether it still answers.
/// Asking each time would cost as much as most statements.
const TRUSTED_FOR: Duration = Duration::from_secs(1);
/// What a refused caller is told to wait, in seconds.
const RETRY_AFTER: u64 = 5;

pub(super) static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
pub(super) static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// Where the database is and how many connections it may have.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `sqlite://file?mode=rwc`, `sqlite::memory:` or `postgres://…`.
    pub url: String,
    pub pool_min: u32,
    pub pool_max: u32,
}

/// A handle to the database, cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    engine: Engine,
    timing: Arc<Timing>,
}

#[derive(Debug, Clone)]
enum Engine {
    Sqlite { writer: SqlitePool, reader: SqlitePool, _scratch: Option<Arc<Scratch>> },
    Postgres(PgPool),
}

/// A transaction. Dropped without [`Tx::commit`] it leaves nothing behind.
#[derive(Debug)]
pub struct Tx {
    engine: Either<Transaction<'static, Sqlite>, Transaction<'static, Postgres>>,
    timing: Arc<Timing>,
}

/// The file behind an in-memory database, so that its readers are connections of their own;
/// gone with the last handle.
#[derive(Debug)]
struct Scratch(PathBuf);

impl Store {
    /// Opens the pools. Fails with [`Kind::Unavailable`] when the database does not answer.
    pub async fn open(settings: &Settings) -> Result<Self> {
        if settings.url.starts_with("postgres:") || settings.url.starts_with("postgresql:") {
            let options: PgConnectOptions = settings.url.parse()?;
            let pool = PgPoolOptions::new()
                .min_connections(settings.pool_min)
                .max_connections(settings.pool_max)
                .acquire_timeout(PATIENCE)
                .test_before_acquire(false)
                .before_acquire(|connection, metadata| {
                    Box::pin(async move {
                        let is_warm = metadata.idle_for < TRUSTED_FOR;
                        Ok(is_warm || connection.ping().await.is_ok())
                    })
                })
                .connect_with(options)
                .await?;
            return Ok(Self::over(Engine::Postgres(pool)));
        }
        Self::open_sqlite(settings).await
    }

    async fn open_sqlite(settings: &Settings) -> Result<Self> {
        let in_memory = settings.url.contains(":memory:") || settings.url.contains("mode=memory");
        let (options, scratch) = if in_memory {
            let name = format!("latido-{}.db", uuid::Uuid::now_v7());
            let path = std::env::temp_dir().join(name);
            let options = SqliteConnectOptions::new()
                .filename(&path)
                .create_if_missing(true)
                .synchronous(SqliteSynchronous::Off);
            (options, Some(Arc::new(Scratch(path))))
        } else {
            let options: SqliteConnectOptions = settings.url.parse()?;
            (options.synchronous(SqliteSynchronous::Full), None)
        };
        let options =
            options.journal_mode(SqliteJournalMode::Wal).foreign_keys(true).busy_timeout(PATIENCE);
        let writer = SqlitePoolOptions::new()
            .min_connections(1)
            .max_connections(1)
            .acquire_timeout(PATIENCE)
            .test_before_acquire(false)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options.clone())
            .await?;
        let reader = SqlitePoolOptions::new()
            .min_connections(settings.pool_min)
            .max_connections(settings.pool_max)
            .acquire_timeout(PATIENCE)
            .test_before_acquire(false)
            .connect_with(options.create_if_missing(false).read_only(true))
            .await?;
        Ok(Self::over(Engine::Sqlite { writer, reader, _scratch: scratch }))
    }

    fn over(engine: Engine) -> Self {
        Self { engine, timing: Arc::new(Timing::new()) }
    }

    /// Brings the tables to this version of the program; on PostgreSQL under an advisory lock.
    pub async fn migrate(&self) -> Result<()> {
        match &self.engine {
            Engine::Sqlite { writer, .. } => SQLITE.run(writer).await,
            Engine::Postgres(pool) => POSTGRES.run(pool).await,
        }
        .map_err(Error::internal)
    }

    /// Asks the database for a sign of life.
    pub async fn ping(&self) -> Result<()> {
        on!(self, |conn| sqlx::query("select 1").execute(conn).await.map(drop))?;
        Ok(())
    }

    /// Starts a transaction that may write.
    pub async fn begin(&self) -> Result<Tx> {
        let _timed = Timed::by(&self.timing.begin);
        let engine = match &self.engine {
            Engine::Sqlite { writer, .. } => {
                Either::Sqlite(writer.begin_with("begin immediate").await?)
            }
            Engine::Postgres(pool) => Either::Postgres(pool.begin().await?),
        };
        Ok(Tx { engine, timing: Arc::clone(&self.timing) })
    }

    /// Connections in use by what they do: SQLite's writer and its readers, or any of PostgreSQL's.
    pub fn in_use(&self) -> Vec<(&'static str, u32)> {
        fn of<DB: sqlx::Database>(pool: &Pool<DB>) -> u32 {
            pool.size().saturating_sub(u32::try_from(pool.num_idle()).unwrap_or(u32::MAX))
        }
        match &self.engine {
            Engine::Sqlite { writer, reader, .. } => {
                vec![("read", of(reader)), ("write", of(writer))]
            }
            Engine::Postgres(pool) => vec![("any", of(pool))],
        }
    }

    /// Waits for what is running, then closes every connection.
    pub async fn close(&self) {
        match &self.engine {
            Engine::Sqlite { writer, reader, .. } => {
                reader.close().await;
                writer.close().await;
            }
            Engine::Postgres(pool) => pool.close().await,
        }
    }

    /// The SQL for this engine, where one text cannot serve both.
    pub(crate) fn text(&self, sqlite: &'static str, postgres: &'static str) -> &'static str {
        match &self.engine {
            Engine::Sqlite { .. } => sqlite,
            Engine::Postgres(_) => postgres,
        }
    }

    pub(crate) fn timed(&self) -> Timed {
        Timed::by(&self.timing.read)
    }

    pub(crate) fn engine(&self) -> Either<&SqlitePool, &PgPool> {
        match &self.engine {
            Engine::Sqlite { reader, .. } => Either::Sqlite(reader),
            Engine::Postgres(pool) => Either::Postgres(pool),
        }
    }
}

impl Tx {
    /// Makes everything since [`Store::begin`] permanent at once, with the mark on the idempotency key
    /// of the request under way.
    pub async fn commit(mut self) -> Result<()> {
        idempotency::mark(&mut self).await?;
        self.commit_attempt().await
    }

    /// The same for what only tells of an attempt, such as a line of the audit trail before a service
    /// is asked: the idempotency key stays unmarked, so that the request may be tried again.
    pub async fn commit_attempt(self) -> Result<()> {
        let _timed = Timed::by(&self.timing.commit);
        match self.engine {
            Either::Sqlite(tx) => tx.commit().await?,
            Either::Postgres(tx) => tx.commit().await?,
        }
        Ok(())
    }

    /// The SQL for this engine, where one text cannot serve both.
    pub(crate) fn text(&self, sqlite: &'static str, postgres: &'static str) -> &'static str {
        match &self.engine {
            Either::Sqlite(_) => sqlite,
            Either::Postgres(_) => postgres,
        }
    }

    pub(crate) fn timed(&self) -> Timed {
        Timed::by(&self.timing.write)
    }

    pub(crate) fn engine(&mut self) -> Either<&mut SqliteConnection, &mut PgConnection> {
        match &mut self.engine {
            Either::Sqlite(tx) => Either::Sqlite(&mut *tx),
            Either::Postgres(tx) => Either::Postgres(&mut *tx),
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        for suffix in ["", "-wal", "-shm"] {
            let mut name = self.0.clone().into_os_string();
            name.push(suffix);
            // Already gone is as good as removed.
            drop(std::fs::remove_file(name));
        }
    }
}

/// A database that cannot be reached is a 503, anything unforeseen a 500; what a caller can act
/// on (a unique key taken) is asked for with [`is_unique_violation`] before it gets here.
impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        let unreachable = match &error {
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Io(_) => true,
            sqlx::Error::Database(cause) => cause.code().is_some_and(|code| is_passing(&code)),
            _ => false,
        };
        if unreachable {
            tracing::warn!(error = %error, "database unavailable");
            Kind::Unavailable { retry_after: RETRY_AFTER }.into()
        } else {
            Self::internal(error)
        }
    }
}

/// Codes of failures that pass: SQLite busy, locked, full and I/O (primary codes in the low byte),
/// PostgreSQL connection, resource, operator and serialization classes.
fn is_passing(code: &str) -> bool {
    if let (Ok(number), true) = (code.parse::<u32>(), code.len() < 5) {
        return matches!(number & 0xff, 5 | 6 | 10 | 13);
    }
    code.starts_with("08")
        || code.starts_with("53")
        || code.starts_with("57P")
        || matches!(code, "40001" | "40P01")
}

/// Whether the database refused a row because a unique key is taken.
pub fn is_unique_violation(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_unique_violation)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A migrated database of its own; PostgreSQL gets a schema per call.
    pub(crate) async fn stores() -> Vec<Store> {
        let mut stores = vec![open("sqlite::memory:".into()).await];
        if let Ok(url) = std::env::var("LATIDO_TEST_POSTGRES_URL") {
            let schema = format!("t{}", uuid::Uuid::now_v7().simple());
            let pool = PgPool::connect(&url).await.unwrap();
            sqlx::query(sqlx::AssertSqlSafe(format!("create schema {schema}")))
                .execute(&pool)
                .await
                .unwrap();
            let joint = if url.contains('?') { '&' } else { '?' };
            stores.push(open(format!("{url}{joint}options=-csearch_path%3D{schema}")).await);
        }
        stores
    }

    async fn open(url: String) -> Store {
        let store = Store::open(&Settings { url, pool_min: 1, pool_max: 4 }).await.unwrap();
        store.migrate().await.unwrap();
        store
    }

    const ADD: &str = "insert into categories (name, created_at, updated_at) values ($1, 0, 0)";
    const COUNT: &str = "select count(*) from categories";

    async fn count(store: &Store) -> i64 {
        on!(store, |conn| sqlx::query_scalar(COUNT).fetch_one(conn).await).unwrap()
    }

    #[tokio::test]
    async fn a_dropped_transaction_leaves_nothing() {
        for store in stores().await {
            let mut tx = store.begin().await.unwrap();
            on!(tx, |conn| sqlx::query(ADD).bind("x").execute(conn).await.map(drop)).unwrap();
            drop(tx);

            let mut tx = store.begin().await.unwrap();
            on!(tx, |conn| sqlx::query(ADD).bind("y").execute(conn).await.map(drop)).unwrap();
            tx.commit().await.unwrap();

            assert_eq!(count(&store).await, 1);
        }
    }

    #[tokio::test]
    async fn a_taken_name_is_a_unique_violation() {
        for store in stores().await {
            let mut tx = store.begin().await.unwrap();
            on!(tx, |conn| sqlx::query(ADD).bind("x").execute(conn).await.map(drop)).unwrap();

            let again = on!(tx, |conn| sqlx::query(ADD).bind("x").execute(conn).await.map(drop));

            assert!(is_unique_violation(&again.unwrap_err()));
        }
    }

    #[tokio::test]
    async fn a_reader_sees_committed_rows_while_a_writer_is_busy() {
        for store in stores().await {
            let mut tx = store.begin().await.unwrap();
            on!(tx, |conn| sqlx::query(ADD).bind("x").execute(conn).await.map(drop)).unwrap();

            assert_eq!(count(&store).await, 0);
        }
    }

    #[test]
    fn only_failures_that_pass_are_unavailable() {
        for code in ["5", "517", "10", "13", "08006", "57P01", "40001"] {
            assert!(is_passing(code), "{code}");
        }
        for code in ["1", "19", "2067", "23505", "42P01"] {
            assert!(!is_passing(code), "{code}");
        }
    }
}
