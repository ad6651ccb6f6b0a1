//! The `consultation_participants` table: who is or was in a consultation, a row for each stay.

use sqlx::FromRow;
use sqlx::types::Json;

use super::Consultation;
use crate::domain::events::consultation::ParticipantView;
use crate::domain::events::signaling::SeatRole;
use crate::domain::id::{ConsultationId, UserId};
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::persistence::{Store, Tx};

/// Somebody who comes.
#[derive(Debug, Clone)]
pub struct Arrival<'a> {
    pub identity: &'a str,
    pub user: Option<UserId>,
    pub role: SeatRole,
    pub at: Timestamp,
}

#[derive(FromRow)]
struct Row {
    consultation_id: ConsultationId,
    identity: String,
    role: String,
    joined_at: Timestamp,
    left_at: Option<Timestamp>,
}

impl Row {
    fn view(self) -> ParticipantView {
        let Self { identity, role, joined_at, left_at, .. } = self;
        ParticipantView { identity, role, joined_at, left_at }
    }
}

/// Notes that somebody came; who is there already stays. False when that changes nothing.
pub async fn enter(tx: &mut Tx, id: &ConsultationId, who: &Arrival<'_>) -> Result<bool> {
    const SQL: &str = "
        insert into consultation_participants (consultation_id, identity, user_id, role, joined_at)
        values ($1, $2, $3, $4, $5)
        on conflict (consultation_id, identity) where left_at is null do nothing";
    let entered = on!(tx, |conn| sqlx::query(SQL)
        .bind(id)
        .bind(who.identity)
        .bind(who.user)
        .bind(who.role)
        .bind(who.at)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(entered > 0)
}

/// Notes that somebody left who had come no later than `joined_before`. False when nobody did.
pub async fn leave(
    tx: &mut Tx,
    id: &ConsultationId,
    identity: &str,
    joined_before: Timestamp,
    now: Timestamp,
) -> Result<bool> {
    const SQL: &str = "
        update consultation_participants set left_at = $4
        where consultation_id = $1 and identity = $2 and left_at is null and joined_at <= $3";
    let left = on!(tx, |conn| sqlx::query(SQL)
        .bind(id)
        .bind(identity)
        .bind(joined_before)
        .bind(now)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(left > 0)
}

/// Notes a stay of which the end is told first.
pub async fn note_stay(
    tx: &mut Tx,
    id: &ConsultationId,
    who: &Arrival<'_>,
    left_at: Timestamp,
) -> Result<()> {
    const SQL: &str = "
        insert into consultation_participants
            (consultation_id, identity, user_id, role, joined_at, left_at)
        values ($1, $2, $3, $4, $5, $6)";
    Ok(on!(tx, |conn| sqlx::query(SQL)
        .bind(id)
        .bind(who.identity)
        .bind(who.user)
        .bind(who.role)
        .bind(who.at)
        .bind(left_at)
        .execute(conn)
        .await
        .map(drop))?)
}

/// Whether the end of a stay that began at that moment is known.
pub async fn has_left(
    tx: &mut Tx,
    of: &Consultation,
    joined_at: Timestamp,
    identity: &str,
) -> Result<bool> {
    const SQL: &str = "
        select exists (
            select 1 from consultation_participants
            where consultation_id = $1 and identity = $2 and joined_at = $3
                and left_at is not null)";
    Ok(on!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(&of.id)
        .bind(identity)
        .bind(joined_at)
        .fetch_one(conn)
        .await)?)
}

/// Notes that everybody left.
pub async fn leave_all(tx: &mut Tx, id: &ConsultationId, now: Timestamp) -> Result<()> {
    const SQL: &str = "
        update consultation_participants set left_at = $2
        where consultation_id = $1 and left_at is null";
    Ok(on!(tx, |conn| sqlx::query(SQL).bind(id).bind(now).execute(conn).await.map(drop))?)
}

/// Everybody who is or was there, in the order of coming.
pub async fn all(store: &Store, id: &ConsultationId) -> Result<Vec<ParticipantView>> {
    const SQL: &str = "
        select consultation_id, identity, role, joined_at, left_at from consultation_participants
        where consultation_id = $1 order by id limit 1000";
    let rows: Vec<Row> = on!(store, |conn| sqlx::query_as(SQL).bind(id).fetch_all(conn).await)?;
    Ok(rows.into_iter().map(Row::view).collect())
}

/// Everybody who is there, within a transaction.
pub async fn present(tx: &mut Tx, id: &ConsultationId) -> Result<Vec<ParticipantView>> {
    const SQL: &str = "
        select consultation_id, identity, role, joined_at, left_at from consultation_participants
        where consultation_id = $1 and left_at is null order by id limit 1000";
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL).bind(id).fetch_all(conn).await)?;
    Ok(rows.into_iter().map(Row::view).collect())
}

/// Everybody who is in a call that the media server carries, as it told: in which, and under which identity.
pub async fn carried(store: &Store) -> Result<Vec<(ConsultationId, String)>> {
    const SQL: &str = "
        select p.consultation_id, p.identity
        from consultation_participants p join consultations c on c.id = p.consultation_id
        where p.left_at is null and c.mode = 'sfu' and c.deleted_at is null
            and c.status in ('created', 'waiting', 'live')";
    Ok(on!(store, |conn| sqlx::query_as(SQL).fetch_all(conn).await)?)
}

/// Whether somebody of that role is there who takes part.
pub async fn is_present(store: &Store, of: &Consultation, role: SeatRole) -> Result<bool> {
    const SQL: &str = "
        select exists (
            select 1 from consultation_participants
            where consultation_id = $1 and role = $2 and left_at is null)";
    Ok(on!(store, |conn| sqlx::query_scalar(SQL).bind(&of.id).bind(role).fetch_one(conn).await)?)
}

/// Everybody who is or was in each of these consultations, in the order of coming.
pub async fn of_each(
    store: &Store,
    ids: &[ConsultationId],
) -> Result<Vec<(ConsultationId, ParticipantView)>> {
    let sql = store.text(
        "select consultation_id, identity, role, joined_at, left_at from consultation_participants
         where consultation_id in (select value from json_each($1)) order by id limit 10000",
        "select consultation_id, identity, role, joined_at, left_at from consultation_participants
         where consultation_id in (select jsonb_array_elements_text($1)) order by id limit 10000",
    );
    let ids = Json(ids);
    let rows: Vec<Row> = on!(store, |conn| sqlx::query_as(sql).bind(ids).fetch_all(conn).await)?;
    Ok(rows.into_iter().map(|row| (row.consultation_id.clone(), row.view())).collect())
}
