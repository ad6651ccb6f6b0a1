//! The `strangers` table: failed sign-ins under names that are nobody's.
//!
//! They count and lock like an account's, on every node and across restarts, so that a lock-out does
//! not tell which names exist. A name is known by a mark that only the server can make.

use sqlx::types::Json;

use super::moments::Moments;
use crate::domain::identity::Failures;
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::persistence::{Store, Tx};

type Row = (Json<Moments>, Option<Timestamp>);

/// The failures under a name.
pub async fn failures(store: &Store, mark: &str) -> Result<Failures> {
    const SQL: &str = "select recent_failures, locked_until from strangers where name = $1";
    let row: Option<Row> =
        on!(store, |conn| sqlx::query_as(SQL).bind(mark).fetch_optional(conn).await)?;
    Ok(row.map(read).unwrap_or_default())
}

/// The failures under a name, which is kept from others until the transaction ends.
pub async fn hold(tx: &mut Tx, mark: &str, now: Timestamp) -> Result<Failures> {
    const SQL: &str = "
        insert into strangers (name, touched_at) values ($1, $2)
        on conflict (name) do update set touched_at = excluded.touched_at
        returning recent_failures, locked_until";
    let row = on!(tx, |conn| sqlx::query_as(SQL).bind(mark).bind(now).fetch_one(conn).await)?;
    Ok(read(row))
}

/// Notes the failures under a held name.
pub async fn note(tx: &mut Tx, mark: &str, failures: &Failures) -> Result<()> {
    const SQL: &str = "
        update strangers set recent_failures = $2, locked_until = $3 where name = $1";
    Ok(on!(tx, |conn| sqlx::query(SQL)
        .bind(mark)
        .bind(Json(Moments::of(&failures.recent)))
        .bind(failures.locked_until)
        .execute(conn)
        .await
        .map(drop))?)
}

/// Forgets names under which nobody failed since `before`.
pub async fn purge(tx: &mut Tx, before: Timestamp) -> Result<()> {
    const SQL: &str = "delete from strangers where touched_at < $1";
    Ok(on!(tx, |conn| sqlx::query(SQL).bind(before).execute(conn).await.map(drop))?)
}

fn read((recent, locked_until): Row) -> Failures {
    Failures { recent: recent.0.read(), locked_until }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::persistence::store::tests::stores;

    #[tokio::test]
    async fn a_name_is_remembered_until_its_failures_no_longer_matter() {
        for store in stores().await {
            let mut tx = store.begin().await.unwrap();
            for at in [1, 2] {
                let held = hold(&mut tx, "nobody", Timestamp(at)).await.unwrap();
                note(&mut tx, "nobody", &held.and_another(Timestamp(at))).await.unwrap();
            }
            tx.commit().await.unwrap();
            let known = Failures { recent: vec![Timestamp(1), Timestamp(2)], locked_until: None };
            assert_eq!(failures(&store, "nobody").await.unwrap(), known);
            assert_eq!(failures(&store, "somebody").await.unwrap(), Failures::default());

            for (before, left) in [(2, known), (3, Failures::default())] {
                let mut tx = store.begin().await.unwrap();
                purge(&mut tx, Timestamp(before)).await.unwrap();
                tx.commit().await.unwrap();
                assert_eq!(failures(&store, "nobody").await.unwrap(), left, "{before}");
            }
        }
    }
}
