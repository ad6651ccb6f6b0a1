//! The `auth_identities` table: under which names accounts are known elsewhere.

use crate::domain::id::UserId;
use crate::domain::time::Timestamp;
use crate::error::{Kind, Result};
use crate::persistence::Tx;
use crate::persistence::store::is_unique_violation;

/// The provider that marks accounts which the auth service beside the hub keeps.
pub(super) const SERVICE: &str = "auth-service";

/// The account that a provider's subject belongs to, a deleted one included.
pub async fn holder(tx: &mut Tx, provider: &str, subject: &str) -> Result<Option<UserId>> {
    const SQL: &str = "
        select user_id from auth_identities where provider = $1 and subject = $2";
    Ok(on!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(provider)
        .bind(subject)
        .fetch_optional(conn)
        .await)?)
}

/// Gives a provider's subject to an account. Fails with [`Kind::Conflict`] when someone has it.
pub async fn insert(
    tx: &mut Tx,
    user: UserId,
    provider: &str,
    subject: &str,
    now: Timestamp,
) -> Result<()> {
    const SQL: &str = "
        insert into auth_identities (user_id, provider, subject, created_at)
        values ($1, $2, $3, $4)";
    let inserted = on!(tx, |conn| sqlx::query(SQL)
        .bind(user)
        .bind(provider)
        .bind(subject)
        .bind(now)
        .execute(conn)
        .await
        .map(drop));
    match inserted {
        Err(error) if is_unique_violation(&error) => {
            Err(Kind::Conflict { field: "subject" }.into())
        }
        outcome => Ok(outcome?),
    }
}

/// Takes from an account every identity that whoever opened it may have linked, and tells whether there
/// was one. That the auth service beside the hub keeps the account (see [`super::mirrors`]) stays.
pub async fn remove_linked(tx: &mut Tx, user: UserId) -> Result<bool> {
    const SQL: &str = "delete from auth_identities where user_id = $1 and provider <> $2";
    let removed = on!(tx, |conn| sqlx::query(SQL)
        .bind(user)
        .bind(SERVICE)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(removed > 0)
}

/// Takes every identity from an account.
pub async fn remove_all(tx: &mut Tx, user: UserId) -> Result<()> {
    const SQL: &str = "delete from auth_identities where user_id = $1";
    Ok(on!(tx, |conn| sqlx::query(SQL).bind(user).execute(conn).await.map(drop))?)
}
