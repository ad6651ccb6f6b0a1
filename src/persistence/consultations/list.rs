//! Lists of consultations.

use sqlx::QueryBuilder;

use super::Consultation;
use super::consultations::{Whose, columns, restrict};
use crate::domain::consultations::reference::Reference;
use crate::domain::consultations::status::ConsultationStatus;
use crate::domain::events::values::MediaMode;
use crate::domain::id::ConsultationId;
use crate::domain::time::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::persistence::Store;
use crate::persistence::clinical::relations::{OF_DOCTOR, OF_INSTITUTION, push_related};

/// Which consultations a list shows.
#[derive(Debug, Clone)]
pub struct Filter {
    pub whose: Whose,
    pub status: Option<ConsultationStatus>,
    pub patient: Option<Reference>,
    pub doctor: Option<Reference>,
    /// Created not before this moment.
    pub from: Option<Timestamp>,
    /// Created before this moment.
    pub to: Option<Timestamp>,
}

/// The place of a consultation in a list.
pub type Place = (Timestamp, ConsultationId);

/// Adds a reference, or the row it means, to a statement. A macro, because the statement has a type per
/// engine.
macro_rules! refer_to {
    ($sql:ident, $name:literal, $reference:expr) => {
        if let Some(reference) = $reference {
            $sql.push(concat!(" and (", $name, "_ref = ")).push_bind(reference.clone());
            if let Some(id) = reference.id() {
                $sql.push(concat!(" or ", $name, "_id = ")).push_bind(id);
            }
            $sql.push(")");
        }
    };
}

/// Adds what a filter asks for to a statement.
macro_rules! narrow {
    ($sql:ident, $filter:expr) => {
        restrict!($sql, $filter.whose);
        if let Some(status) = $filter.status {
            $sql.push(" and status = ").push_bind(status);
        }
        refer_to!($sql, "patient", &$filter.patient);
        refer_to!($sql, "doctor", &$filter.doctor);
        if let Some(from) = $filter.from {
            $sql.push(" and created_at >= ").push_bind(from);
        }
        if let Some(to) = $filter.to {
            $sql.push(" and created_at < ").push_bind(to);
        }
    };
}

/// How many consultations a filter lets through.
pub async fn count(store: &Store, filter: &Filter) -> Result<i64> {
    Ok(on!(store, |conn| {
        let mut sql =
            QueryBuilder::new("select count(*) from consultations where deleted_at is null");
        narrow!(sql, filter);
        sql.build_query_scalar().fetch_one(conn).await
    })?)
}

/// At most `limit` consultations before a place, the newest first.
pub async fn page(
    store: &Store,
    filter: &Filter,
    before: Option<Place>,
    limit: i64,
) -> Result<Vec<Consultation>> {
    Ok(on!(store, |conn| {
        let mut sql = QueryBuilder::new(concat!("select ", columns!(), " from consultations"));
        sql.push(" where deleted_at is null");
        if let Some((created_at, id)) = &before {
            sql.push(" and (created_at, id) < (").push_bind(*created_at).push(", ");
            sql.push_bind(id.clone()).push(")");
        }
        narrow!(sql, filter);
        sql.push(" order by created_at desc, id desc limit ").push_bind(limit);
        sql.build_query_as().fetch_all(conn).await
    })?)
}

/// Consultations in which somebody is or could be, the newest first.
pub async fn open(store: &Store, whose: Whose, limit: i64) -> Result<Vec<Consultation>> {
    Ok(on!(store, |conn| {
        let mut sql = QueryBuilder::new(concat!("select ", columns!(), " from consultations"));
        sql.push(" where deleted_at is null and status in ('created', 'waiting', 'live')");
        restrict!(sql, whose);
        sql.push(" order by created_at desc, id desc limit ").push_bind(limit);
        sql.build_query_as().fetch_all(conn).await
    })?)
}

/// How many consultations are live whose calls are carried in each way in which any is.
pub async fn live(store: &Store) -> Result<Vec<(MediaMode, i64)>> {
    const SQL: &str = "
        select mode, count(*) from consultations
        where status = 'live' and deleted_at is null group by mode";
    Ok(on!(store, |conn| sqlx::query_as(SQL).fetch_all(conn).await)?)
}

/// Open calls that are carried so, those first that changed last.
pub async fn carried(store: &Store, mode: MediaMode, limit: i64) -> Result<Vec<Consultation>> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from consultations
         where mode = $1 and status in ('created', 'waiting', 'live') and deleted_at is null
         order by updated_at desc limit $2"
    );
    Ok(on!(store, |conn| sqlx::query_as(SQL).bind(mode).bind(limit).fetch_all(conn).await)?)
}

/// Consultations created before a moment that never began, the oldest first: nobody came, or since another
/// moment nothing has changed and nobody is known to wait. Who is in a call between browsers only its room
/// knows.
pub async fn never_begun(
    store: &Store,
    created_before: Timestamp,
    idle_since: Timestamp,
    limit: i64,
) -> Result<Vec<ConsultationId>> {
    const SQL: &str = "
        select id from consultations
        where created_at < $1 and deleted_at is null
            and (status = 'created' or status = 'waiting' and updated_at < $2
                and (mode = 'p2p' or not exists (
                    select 1 from consultation_participants
                    where consultation_id = consultations.id and left_at is null)))
        order by created_at limit $3";
    Ok(on!(store, |conn| sqlx::query_scalar(SQL)
        .bind(created_before)
        .bind(idle_since)
        .bind(limit)
        .fetch_all(conn)
        .await)?)
}

/// Open calls between browsers that somebody is written down to have been in since before a moment.
pub async fn inhabited_between_browsers(
    store: &Store,
    joined_before: Timestamp,
) -> Result<Vec<ConsultationId>> {
    const SQL: &str = "
        select id from consultations
        where mode = 'p2p' and status in ('created', 'waiting', 'live') and deleted_at is null
            and exists (
                select 1 from consultation_participants
                where consultation_id = consultations.id and left_at is null and joined_at <= $1)";
    Ok(on!(store, |conn| sqlx::query_scalar(SQL).bind(joined_before).fetch_all(conn).await)?)
}

/// Calls in which nothing has changed since a moment and nobody is known to be, the oldest first. Who is in
/// a call between browsers only its room knows.
pub async fn left_alone(
    store: &Store,
    since: Timestamp,
    limit: i64,
) -> Result<Vec<ConsultationId>> {
    const SQL: &str = "
        select id from consultations
        where status = 'live' and updated_at < $1 and deleted_at is null
            and (mode = 'p2p' or not exists (
                select 1 from consultation_participants
                where consultation_id = consultations.id and left_at is null))
        order by created_at limit $2";
    Ok(on!(store, |conn| sqlx::query_scalar(SQL).bind(since).bind(limit).fetch_all(conn).await)?)
}

/// The place a cursor carries.
pub fn placed(text: &str) -> Result<Place> {
    let place = text.split_once(':').and_then(|(created_at, id)| {
        Some((Timestamp(created_at.parse().ok()?), ConsultationId::from(id)))
    });
    place.ok_or_else(|| Error::from(Kind::Malformed("bad cursor".into())))
}
