//! The `consultation_invites` table: links that let one guest in, kept as hashes of their codes.

use sqlx::FromRow;

use crate::domain::consultations::invite::GuestRole;
use crate::domain::id::{ConsultationId, InviteId, UserId};
use crate::domain::time::Timestamp;
use crate::error::{Kind, Result};
use crate::persistence::{Store, Tx};

/// An invitation to be written.
#[derive(Debug)]
pub struct New<'a> {
    pub consultation: &'a ConsultationId,
    /// The hex SHA-256 of the code.
    pub code_hash: &'a str,
    pub role: GuestRole,
    pub name: Option<&'a str>,
    pub created_by: Option<UserId>,
    pub expires_at: Timestamp,
}

/// An invitation that somebody took.
#[derive(Debug, Clone, FromRow)]
pub struct Redeemed {
    pub id: InviteId,
    pub consultation_id: ConsultationId,
    pub role: GuestRole,
    pub name: Option<String>,
}

pub async fn insert(tx: &mut Tx, new: &New<'_>, now: Timestamp) -> Result<InviteId> {
    const SQL: &str = "
        insert into consultation_invites
            (consultation_id, code_hash, role, name, created_by, created_at, expires_at)
        values ($1, $2, $3, $4, $5, $6, $7) returning id";
    Ok(on!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(new.consultation)
        .bind(new.code_hash)
        .bind(new.role)
        .bind(new.name)
        .bind(new.created_by)
        .bind(now)
        .bind(new.expires_at)
        .fetch_one(conn)
        .await)?)
}

/// Spends an invitation. Of two racing callers one succeeds. Fails with [`Kind::Gone`] when the code is
/// unknown, spent, revoked or expired.
pub async fn redeem(tx: &mut Tx, code_hash: &str, now: Timestamp) -> Result<Redeemed> {
    const SQL: &str = "
        update consultation_invites set redeemed_at = $2
        where code_hash = $1 and redeemed_at is null and revoked_at is null and expires_at > $2
        returning id, consultation_id, role, name";
    let redeemed =
        on!(tx, |conn| sqlx::query_as(SQL).bind(code_hash).bind(now).fetch_optional(conn).await)?;
    redeemed.ok_or_else(|| Kind::Gone("invitation").into())
}

/// Whether there is such an invitation that was not taken back.
pub async fn stands(store: &Store, consultation: &ConsultationId, id: InviteId) -> Result<bool> {
    const SQL: &str = "
        select exists (
            select 1 from consultation_invites
            where id = $1 and consultation_id = $2 and revoked_at is null)";
    Ok(on!(store, |conn| sqlx::query_scalar(SQL)
        .bind(id)
        .bind(consultation)
        .fetch_one(conn)
        .await)?)
}

/// Invitations somebody had taken that were taken back at `since` or later, on any node.
pub async fn revoked_since(
    store: &Store,
    since: Timestamp,
) -> Result<Vec<(ConsultationId, InviteId)>> {
    const SQL: &str = "
        select consultation_id, id from consultation_invites
        where revoked_at >= $1 and redeemed_at is not null";
    Ok(on!(store, |conn| sqlx::query_as(SQL).bind(since).fetch_all(conn).await)?)
}

/// Makes an invitation worthless, whether or not somebody took it.
pub async fn revoke(
    tx: &mut Tx,
    consultation: &ConsultationId,
    id: InviteId,
    now: Timestamp,
) -> Result<()> {
    const SQL: &str = "
        update consultation_invites set revoked_at = $3
        where id = $2 and consultation_id = $1 and revoked_at is null returning id";
    let revoked: Option<InviteId> = on!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(consultation)
        .bind(id)
        .bind(now)
        .fetch_optional(conn)
        .await)?;
    revoked.map(drop).ok_or_else(|| Kind::NotFound("invitation").into())
}
