//! Events committed with the change they tell of, waiting for the relay.
//!
//! A row gets its `seq`, the event id clients see, only when the one active relay dispatches it,
//! so ids are consecutive and an id once seen has no smaller one behind it.

use serde_json::value::RawValue;
use sqlx::FromRow;
use sqlx::types::Json;

use super::{Store, Tx};
use crate::domain::event::Event;
use crate::domain::id::{EventId, NodeId};
use crate::domain::time::Timestamp;
use crate::error::{Error, Result};

/// An event on its way: `row` orders what is pending, rooms are topics as text.
#[derive(Debug, Clone, FromRow)]
pub struct OutboxRow {
    #[sqlx(rename = "id")]
    pub row_id: i64,
    pub event: String,
    pub rooms: Json<Vec<String>>,
    pub payload: Json<Box<RawValue>>,
    pub origin_node: Option<NodeId>,
    pub created_at: Timestamp,
}

/// An event that was dispatched.
#[derive(Debug, Clone, FromRow)]
pub struct Dispatched {
    pub seq: EventId,
    pub event: String,
    pub rooms: Json<Vec<String>>,
    pub payload: Json<Box<RawValue>>,
    pub created_at: Timestamp,
}

/// How the outbox stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    pub pending: i64,
    /// Pending rows whose dispatch was tried and failed.
    pub failed: i64,
    pub oldest_pending_seconds: i64,
}

/// Appends an event to the transaction of its change. Returns the row, not the event id.
pub async fn append(tx: &mut Tx, event: &Event, origin: Option<&NodeId>) -> Result<i64> {
    const SQL: &str = "
        insert into outbox (event, rooms, payload, audience, origin_node, created_at)
        values ($1, $2, $3, $2, $4, $5)
        returning id";
    let rooms = Json(event.topics.iter().map(ToString::to_string).collect::<Vec<_>>());
    Ok(on!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(event.name)
        .bind(&rooms)
        .bind(Json(&event.payload))
        .bind(origin)
        .bind(Timestamp::now())
        .fetch_one(conn)
        .await)?)
}

/// What waits to be dispatched, oldest first.
pub async fn next_batch(store: &Store, limit: i64) -> Result<Vec<OutboxRow>> {
    const SQL: &str = "
        select id, event, rooms, payload, origin_node, created_at
        from outbox where seq is null order by id limit $1";
    Ok(on!(store, |conn| sqlx::query_as(SQL).bind(limit).fetch_all(conn).await)?)
}

/// Gives each still pending row of `rows` the next event id, in row order, all or none.
///
/// Rows another relay dispatched meanwhile are left out of the answer.
pub async fn dispatch(mut tx: Tx, rows: &[i64], now: Timestamp) -> Result<Vec<(i64, EventId)>> {
    // Taking the lock is all this changes: whoever dispatches next waits here.
    const LOCK: &str = "update event_ids set last = last returning last";
    const SQLITE: &str = "
        update outbox set seq = $3 + numbered.place, dispatched_at = $2, attempts = attempts + 1
        from (
            select id, row_number() over (order by id) as place
            from outbox
            where seq is null and id in (select value from json_each($1))
        ) as numbered
        where outbox.id = numbered.id
        returning outbox.id, outbox.seq";
    const POSTGRES: &str = "
        update outbox set seq = $3 + numbered.place, dispatched_at = $2, attempts = attempts + 1
        from (
            select id, row_number() over (order by id) as place
            from outbox
            where seq is null and id in (select value::bigint from jsonb_array_elements_text($1))
        ) as numbered
        where outbox.id = numbered.id
        returning outbox.id, outbox.seq";
    const COUNT: &str = "update event_ids set last = last + $1";
    let last: EventId = on!(tx, |conn| sqlx::query_scalar(LOCK).fetch_one(conn).await)?;
    let sql = tx.text(SQLITE, POSTGRES);
    let mut dispatched: Vec<(i64, EventId)> = on!(tx, |conn| sqlx::query_as(sql)
        .bind(Json(rows))
        .bind(now)
        .bind(last)
        .fetch_all(conn)
        .await)?;
    let count = i64::try_from(dispatched.len()).map_err(Error::internal)?;
    on!(tx, |conn| sqlx::query(COUNT).bind(count).execute(conn).await.map(drop))?;
    tx.commit().await?;
    dispatched.sort_unstable_by_key(|(_, seq)| *seq);
    Ok(dispatched)
}

/// Notes that `rows` could not be dispatched.
pub async fn note_failure(tx: &mut Tx, rows: &[i64]) -> Result<()> {
    const SQLITE: &str = "
        update outbox set attempts = attempts + 1
        where seq is null and id in (select value from json_each($1))";
    const POSTGRES: &str = "
        update outbox set attempts = attempts + 1
        where seq is null and id in (select value::bigint from jsonb_array_elements_text($1))";
    let sql = tx.text(SQLITE, POSTGRES);
    Ok(on!(tx, |conn| sqlx::query(sql).bind(Json(rows)).execute(conn).await.map(drop))?)
}

/// Dispatched events after `seq`, in order.
pub async fn since(store: &Store, seq: EventId, limit: i64) -> Result<Vec<Dispatched>> {
    const SQL: &str = "
        select seq, event, rooms, payload, created_at
        from outbox where seq > $1 order by seq limit $2";
    Ok(on!(store, |conn| sqlx::query_as(SQL).bind(seq).bind(limit).fetch_all(conn).await)?)
}

/// Dispatched events after `seq` in any of the rooms of `audience`, in order. None: in all rooms.
pub async fn visible(
    store: &Store,
    seq: EventId,
    audience: Option<&[String]>,
    limit: i64,
) -> Result<Vec<Dispatched>> {
    const SQLITE: &str = "
        select seq, event, rooms, payload, created_at
        from outbox
        where seq > $1 and ($2 is null or exists (
            select 1 from json_each(outbox.audience) as room
            where room.value in (select value from json_each($2))))
        order by seq limit $3";
    const POSTGRES: &str = "
        select seq, event, rooms, payload, created_at
        from outbox
        where seq > $1 and ($2::jsonb is null or exists (
            select 1 from jsonb_array_elements_text(outbox.audience) as room(name)
            where room.name in (select jsonb_array_elements_text($2::jsonb))))
        order by seq limit $3";
    let audience = audience.map(Json);
    let sql = store.text(SQLITE, POSTGRES);
    Ok(on!(store, |conn| sqlx::query_as(sql)
        .bind(seq)
        .bind(audience)
        .bind(limit)
        .fetch_all(conn)
        .await)?)
}

/// How many events [`visible`] would answer without a limit.
pub async fn count_visible(
    store: &Store,
    seq: EventId,
    audience: Option<&[String]>,
) -> Result<i64> {
    const SQLITE: &str = "
        select count(*) from outbox
        where seq > $1 and ($2 is null or exists (
            select 1 from json_each(outbox.audience) as room
            where room.value in (select value from json_each($2))))";
    const POSTGRES: &str = "
        select count(*) from outbox
        where seq > $1 and ($2::jsonb is null or exists (
            select 1 from jsonb_array_elements_text(outbox.audience) as room(name)
            where room.name in (select jsonb_array_elements_text($2::jsonb))))";
    let audience = audience.map(Json);
    let sql = store.text(SQLITE, POSTGRES);
    Ok(on!(store, |conn| sqlx::query_scalar(sql).bind(seq).bind(audience).fetch_one(conn).await)?)
}

/// The newest event id; 0 before the first.
pub async fn last_seq(store: &Store) -> Result<EventId> {
    const SQL: &str = "select last from event_ids";
    Ok(on!(store, |conn| sqlx::query_scalar(SQL).fetch_one(conn).await)?)
}

/// Whether events that followed `seq` may be gone, so that a replay from there has a hole.
pub async fn is_forgotten(store: &Store, seq: EventId) -> Result<bool> {
    const SQL: &str = "
        select coalesce((select min(seq) from outbox), last + 1) from event_ids";
    let oldest: EventId = on!(store, |conn| sqlx::query_scalar(SQL).fetch_one(conn).await)?;
    Ok(seq.0 + 1 < oldest.0)
}

/// Forgets events dispatched before `before`; on PostgreSQL only those no partition covers, whole
/// days go by [`partitions`](super::partitions).
pub async fn purge(tx: &mut Tx, before: Timestamp) -> Result<u64> {
    const SQLITE: &str = "delete from outbox where dispatched_at < $1";
    const POSTGRES: &str = "delete from outbox_rest where dispatched_at < $1";
    let sql = tx.text(SQLITE, POSTGRES);
    Ok(on!(tx, |conn| sqlx::query(sql)
        .bind(before)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?)
}

/// How much waits, and for how long.
pub async fn stats(store: &Store, now: Timestamp) -> Result<Stats> {
    const SQL: &str = "
        select count(*), coalesce(sum(case when attempts > 0 then 1 else 0 end), 0), min(created_at)
        from outbox where seq is null";
    let (pending, failed, oldest): (i64, i64, Option<Timestamp>) =
        on!(store, |conn| sqlx::query_as(SQL).fetch_one(conn).await)?;
    let waited = oldest.map_or(0, |oldest| now.since(oldest).as_secs());
    Ok(Stats { pending, failed, oldest_pending_seconds: i64::try_from(waited).unwrap_or(i64::MAX) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::Class;
    use crate::domain::id::UserId;
    use crate::domain::topic::Topic;
    use crate::persistence::store::tests::stores;

    fn event(n: u32) -> Event {
        Event {
            name: "catalog:update",
            class: Class::Durable,
            topics: vec![Topic::All],
            payload: RawValue::from_string(format!("{{\"n\":{n}}}")).unwrap(),
        }
    }

    async fn appended(store: &Store, n: u32) -> i64 {
        let mut tx = store.begin().await.unwrap();
        let row = append(&mut tx, &event(n), None).await.unwrap();
        tx.commit().await.unwrap();
        row
    }

    #[tokio::test]
    async fn dispatched_events_are_numbered_without_gaps_and_only_once() {
        for store in stores().await {
            let rows = [appended(&store, 1).await, appended(&store, 2).await];
            let tx = store.begin().await.unwrap();
            let first = dispatch(tx, &rows, Timestamp(5)).await.unwrap();
            let third = appended(&store, 3).await;

            let tx = store.begin().await.unwrap();
            let second = dispatch(tx, &[rows[1], third], Timestamp(6)).await.unwrap();

            assert_eq!(first, [(rows[0], EventId(1)), (rows[1], EventId(2))]);
            assert_eq!(second, [(third, EventId(3))]);
            let kept = since(&store, EventId(1), 10).await.unwrap();
            assert_eq!(kept.iter().map(|event| event.seq.0).collect::<Vec<_>>(), [2, 3]);
            assert_eq!(kept[0].rooms.0, ["all"]);
            assert_eq!(stats(&store, Timestamp::now()).await.unwrap(), Stats::default());
        }
    }

    #[tokio::test]
    async fn an_audience_sees_what_was_sent_to_its_rooms() {
        for store in stores().await {
            let mut rows = Vec::new();
            for topics in [vec![Topic::All], vec![Topic::AdminLive], vec![Topic::User(UserId(7))]] {
                let mut tx = store.begin().await.unwrap();
                let event = Event { topics, ..event(1) };
                rows.push(append(&mut tx, &event, None).await.unwrap());
                tx.commit().await.unwrap();
            }
            dispatch(store.begin().await.unwrap(), &rows, Timestamp(5)).await.unwrap();
            let rooms = ["all".to_owned(), "user:7".to_owned()];
            let seen = async |after, audience| {
                let rows = visible(&store, EventId(after), audience, 10).await.unwrap();
                rows.iter().map(|row| row.seq.0).collect::<Vec<_>>()
            };

            assert_eq!(seen(0, Some(rooms.as_slice())).await, [1, 3]);
            assert_eq!(seen(1, Some(rooms.as_slice())).await, [3]);
            assert_eq!(seen(0, None).await, [1, 2, 3]);
            assert_eq!(count_visible(&store, EventId(0), Some(&rooms)).await.unwrap(), 2);
        }
    }

    #[tokio::test]
    async fn ids_go_on_counting_after_a_purge() {
        for store in stores().await {
            let row = appended(&store, 1).await;
            let tx = store.begin().await.unwrap();
            dispatch(tx, &[row], Timestamp(5)).await.unwrap();

            let mut tx = store.begin().await.unwrap();
            purge(&mut tx, Timestamp::now()).await.unwrap();
            tx.commit().await.unwrap();

            assert_eq!(last_seq(&store).await.unwrap(), EventId(1));
            assert!(is_forgotten(&store, EventId(0)).await.unwrap());
            assert!(!is_forgotten(&store, EventId(1)).await.unwrap());
            let row = appended(&store, 2).await;
            let next = dispatch(store.begin().await.unwrap(), &[row], Timestamp(6)).await.unwrap();
            assert_eq!(next, [(row, EventId(2))]);
        }
    }
}
