//! Native partitions of PostgreSQL's high-volume tables: made ahead of time, dropped when past.
//!
//! SQLite has none, and there everything here does nothing. A row no partition covers (a clock far
//! off, partitions not made in time) goes to the table's default partition, so no insert fails.
//! See the PostgreSQL manual, "Table Partitioning".

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, ToSpan as _};
use sqlx::{AssertSqlSafe, PgConnection};

use super::Store;
use super::store::Either;
use crate::domain::time::Timestamp;
use crate::error::{Error, Result};

/// A table partitioned by a column of milliseconds.
struct Table {
    name: &'static str,
    column: &'static str,
    period: Period,
    /// How many periods beyond the present one have their partition.
    ahead: i64,
    is_append_only: bool,
}

const AUDIT_LOG: Table = Table {
    name: "audit_log",
    column: "timestamp",
    period: Period::Month,
    ahead: 2,
    is_append_only: true,
};
const OUTBOX: Table = Table {
    name: "outbox",
    column: "created_at",
    period: Period::Day,
    ahead: 3,
    is_append_only: false,
};

const QUALITY_SAMPLES: Table = Table {
    name: "quality_samples",
    column: "created_at",
    period: Period::Day,
    ahead: 3,
    is_append_only: false,
};

/// A change of partitions locks its table: it gives up rather than hold up everyone else.
const LOCK_TIMEOUT: &str = "set local lock_timeout = '2s'";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Period {
    Day,
    Month,
}

impl Period {
    /// The first day of the period that lies `offset` periods from the one of `day`.
    fn start(self, day: Date, offset: i64) -> Result<Date> {
        let (start, step): (Date, Span) = match self {
            Self::Day => (day, offset.days()),
            Self::Month => (day.first_of_month(), offset.months()),
        };
        start.checked_add(step).map_err(Error::internal)
    }
}

impl Table {
    /// The partition that begins on `start`, by its name: `outbox_20251013`.
    fn partition(&self, start: Date) -> String {
        format!("{}_{}", self.name, start.strftime("%Y%m%d"))
    }

    /// The partitions there are, except the default one, oldest first.
    async fn partitions(&self, conn: &mut PgConnection) -> Result<Vec<String>> {
        const SQL: &str = "
            select child.relname::text
            from pg_inherits
            join pg_class as child on child.oid = inhrelid
            where inhparent = to_regclass($1) and child.relname <> $1 || '_rest'
            order by 1";
        Ok(sqlx::query_scalar(SQL).bind(self.name).fetch_all(conn).await?)
    }

    /// Makes a partition, unless rows of its time are in the default one: there they stay.
    async fn create(&self, conn: &mut PgConnection, start: Date) -> Result<()> {
        let Self { name, column, .. } = self;
        let partition = self.partition(start);
        let (low, high) = (midnight(start)?, midnight(self.period.start(start, 1)?)?);
        let strays = format!(
            "select exists (select from {name}_rest where {column} >= {low} and {column} < {high})"
        );
        if sqlx::query_scalar(AssertSqlSafe(strays)).fetch_one(&mut *conn).await? {
            return Ok(());
        }
        let trigger = if self.is_append_only {
            format!(
                "create trigger {partition}_not_truncated before truncate on {partition}
                 for each statement execute function refuse_change()"
            )
        } else {
            String::new()
        };
        let sql = format!(
            "create table {partition} partition of {name} for values from ({low}) to ({high}); {trigger}"
        );
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(conn).await?;
        Ok(())
    }
}

/// Makes the partitions around `now` that are missing; other nodes may do the same meanwhile.
pub async fn prepare(store: &Store, now: Timestamp) -> Result<()> {
    let mut tx = store.begin().await?;
    if let Either::Postgres(conn) = tx.engine() {
        let today = day(now)?;
        for table in [AUDIT_LOG, OUTBOX, QUALITY_SAMPLES] {
            let wanted = (0..=table.ahead)
                .map(|offset| table.period.start(today, offset))
                .collect::<Result<Vec<_>>>()?;
            let is_missing = |present: &[String], start| !present.contains(&table.partition(start));
            let present = table.partitions(conn).await?;
            if !wanted.iter().any(|start| is_missing(&present, *start)) {
                continue;
            }
            sqlx::raw_sql(LOCK_TIMEOUT).execute(&mut *conn).await?;
            sqlx::raw_sql(AssertSqlSafe(format!(
                "lock table {} in share row exclusive mode",
                table.name
            )))
            .execute(&mut *conn)
            .await?;
            let present = table.partitions(conn).await?;
            for start in wanted.into_iter().filter(|start| is_missing(&present, *start)) {
                table.create(conn, start).await?;
            }
        }
    }
    tx.commit().await
}

/// Drops each day of the outbox whose every event was dispatched before `before`.
pub async fn drop_dispatched(store: &Store, before: Timestamp) -> Result<()> {
    let mut tx = store.begin().await?;
    let Either::Postgres(conn) = tx.engine() else { return Ok(()) };
    let kept = OUTBOX.partition(day(before)?);
    for partition in OUTBOX.partitions(conn).await?.into_iter().filter(|name| *name < kept) {
        // An event may have been appended by a clock behind, so look under the lock.
        let lock = format!("{LOCK_TIMEOUT}; lock table {partition} in access exclusive mode");
        sqlx::raw_sql(AssertSqlSafe(lock)).execute(&mut *conn).await?;
        let is_needed = format!(
            "select exists (
                select from {partition} where dispatched_at is null or dispatched_at >= $1)"
        );
        let is_needed: bool =
            sqlx::query_scalar(AssertSqlSafe(is_needed)).bind(before).fetch_one(&mut *conn).await?;
        if is_needed {
            // Days go in order, so that what is left has no hole.
            break;
        }
        let drop = format!("drop table {partition}");
        sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut *conn).await?;
    }
    tx.commit().await
}

/// Drops each day of what participants of calls measured that lies before `before`.
pub async fn drop_measured(store: &Store, before: Timestamp) -> Result<()> {
    let mut tx = store.begin().await?;
    let Either::Postgres(conn) = tx.engine() else { return Ok(()) };
    let kept = QUALITY_SAMPLES.partition(day(before)?);
    let past = QUALITY_SAMPLES.partitions(conn).await?.into_iter().filter(|name| *name < kept);
    for partition in past {
        let drop = format!("{LOCK_TIMEOUT}; drop table {partition}");
        sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut *conn).await?;
    }
    tx.commit().await
}

fn day(at: Timestamp) -> Result<Date> {
    let at = jiff::Timestamp::from_millisecond(at.0).map_err(Error::internal)?;
    Ok(at.to_zoned(TimeZone::UTC).date())
}

fn midnight(day: Date) -> Result<i64> {
    let start = day.to_zoned(TimeZone::UTC).map_err(Error::internal)?;
    Ok(start.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::civil::date;
    use serde_json::value::RawValue;

    use super::*;
    use crate::domain::event::{Class, Event};
    use crate::domain::topic::Topic;
    use crate::persistence::outbox;
    use crate::persistence::store::tests::stores;

    const DAY: Duration = Duration::from_hours(24);

    #[test]
    fn periods_follow_the_calendar() {
        let start = |period: Period, day, offset| period.start(day, offset).unwrap();

        assert_eq!(start(Period::Day, date(2024, 2, 28), 2), date(2024, 3, 1));
        assert_eq!(start(Period::Month, date(2025, 1, 31), 1), date(2025, 2, 1));
        assert_eq!(start(Period::Month, date(2025, 1, 31), -1), date(2024, 12, 1));
        assert_eq!(midnight(date(1970, 1, 2)).unwrap(), 86_400_000);
        assert_eq!(day(Timestamp(86_399_999)).unwrap(), date(1970, 1, 1));
    }

    #[tokio::test]
    async fn partitions_are_made_once_and_rows_go_to_them() {
        for store in stores().await {
            let now = Timestamp::now();
            prepare(&store, now).await.unwrap();
            prepare(&store, now).await.unwrap();
            append(&store).await;

            let Some(rows) = rows(&store, now).await else { continue };
            assert_eq!(rows, 1);
            let mut tx = store.begin().await.unwrap();
            let Either::Postgres(conn) = tx.engine() else { unreachable!("it counted rows") };
            assert_eq!(OUTBOX.partitions(conn).await.unwrap().len(), 4);
            let trail = AUDIT_LOG.partitions(conn).await.unwrap();
            assert_eq!(trail.len(), 3);
            let empty = sqlx::raw_sql(AssertSqlSafe(format!("truncate {}", trail[1])));
            assert!(empty.execute(conn).await.unwrap_err().to_string().contains("append-only"));
        }
    }

    #[tokio::test]
    async fn a_day_goes_when_its_last_event_was_dispatched_long_ago() {
        for store in stores().await {
            let now = Timestamp::now();
            prepare(&store, now).await.unwrap();
            let row = append(&store).await;
            let later = now.plus(DAY).plus(DAY);

            drop_dispatched(&store, later).await.unwrap();
            let Some(waiting) = rows(&store, now).await else { continue };
            let tx = store.begin().await.unwrap();
            outbox::dispatch(tx, &[row], now).await.unwrap();
            drop_dispatched(&store, now).await.unwrap();
            let recent = rows(&store, now).await;
            drop_dispatched(&store, later).await.unwrap();

            assert_eq!((waiting, recent), (1, Some(1)));
            assert_eq!(rows(&store, now).await, None);
            assert_eq!(outbox::last_seq(&store).await.unwrap().0, 1);
        }
    }

    #[tokio::test]
    async fn rows_from_before_there_were_partitions_stay_where_they_are() {
        for store in stores().await {
            let row = append(&store).await;
            prepare(&store, Timestamp::now()).await.unwrap();
            let tx = store.begin().await.unwrap();

            let dispatched = outbox::dispatch(tx, &[row], Timestamp::now()).await.unwrap();

            assert_eq!(dispatched.len(), 1);
            let tomorrow = Timestamp::now().plus(DAY);
            if let Either::Postgres(_) = store.engine() {
                assert_eq!(rows(&store, Timestamp::now()).await, None);
                assert_eq!(rows(&store, tomorrow).await, Some(0));
            }
        }
    }

    async fn append(store: &Store) -> i64 {
        let event = Event {
            name: "catalog:update",
            class: Class::Durable,
            topics: vec![Topic::All],
            payload: RawValue::from_string("{}".to_owned()).unwrap(),
        };
        let mut tx = store.begin().await.unwrap();
        let row = outbox::append(&mut tx, &event, None).await.unwrap();
        tx.commit().await.unwrap();
        row
    }

    /// Rows in the partition of `at`; None without such a partition.
    async fn rows(store: &Store, at: Timestamp) -> Option<i64> {
        let mut tx = store.begin().await.unwrap();
        let Either::Postgres(conn) = tx.engine() else { return None };
        let partition = OUTBOX.partition(day(at).unwrap());
        if !OUTBOX.partitions(conn).await.unwrap().contains(&partition) {
            return None;
        }
        let sql = format!("select count(*) from {partition}");
        Some(sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(conn).await.unwrap())
    }
}
