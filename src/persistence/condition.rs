//! What an operator asks of a database: is it current, and what time does it have?

use std::collections::HashSet;

use super::store::{POSTGRES, SQLITE, Store};
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::persistence::store::Either;

/// How the tables relate to this version of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Condition {
    /// Migrations that have run.
    pub applied: usize,
    /// Migrations of this program that have not.
    pub pending: usize,
    /// Migrations that ran and that this program does not know: it is older than its database.
    pub unknown: usize,
}

impl Store {
    /// Compares the migrations that ran with those of this program.
    pub async fn condition(&self) -> Result<Condition> {
        const SQL: &str = "select version from _sqlx_migrations where success";
        let migrator = match self.engine() {
            Either::Sqlite(_) => &SQLITE,
            Either::Postgres(_) => &POSTGRES,
        };
        let known: HashSet<i64> = migrator.iter().map(|migration| migration.version).collect();
        let applied = on!(self, |conn| sqlx::query_scalar(SQL).fetch_all(conn).await);
        let applied: HashSet<i64> = match applied {
            Ok(versions) => versions.into_iter().collect(),
            // Nothing has run yet, so the table that would say so is missing.
            Err(sqlx::Error::Database(_)) => HashSet::new(),
            Err(error) => return Err(error.into()),
        };
        Ok(Condition {
            applied: applied.len(),
            pending: known.difference(&applied).count(),
            unknown: applied.difference(&known).count(),
        })
    }

    /// The time of the database server; `None` for the embedded engine, which has ours.
    pub async fn clock(&self) -> Result<Option<Timestamp>> {
        const SQL: &str = "select (extract(epoch from clock_timestamp()) * 1000)::bigint";
        match self.engine() {
            Either::Sqlite(_) => Ok(None),
            Either::Postgres(pool) => Ok(Some(sqlx::query_scalar(SQL).fetch_one(pool).await?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::persistence::Settings;

    #[tokio::test]
    async fn a_new_database_waits_for_its_migrations_and_a_migrated_one_for_none() {
        let settings = Settings { url: "sqlite::memory:".into(), pool_min: 1, pool_max: 2 };
        let store = Store::open(&settings).await.unwrap();
        let before = store.condition().await.unwrap();

        store.migrate().await.unwrap();

        let after = store.condition().await.unwrap();
        assert_eq!((before.applied, before.unknown), (0, 0));
        assert_eq!(after, Condition { applied: before.pending, pending: 0, unknown: 0 });
    }

    #[tokio::test]
    async fn only_a_database_server_has_a_clock_of_its_own() {
        for store in crate::persistence::store::tests::stores().await {
            let clock = store.clock().await.unwrap();

            match store.engine() {
                Either::Sqlite(_) => assert_eq!(clock, None),
                Either::Postgres(_) => assert!(clock.is_some()),
            }
        }
    }
}
