//! The `one_time_tokens` table: secrets that work once, kept as hashes.

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::types::Json;

use crate::domain::id::UserId;
use crate::domain::time::Timestamp;
use crate::error::{Kind, Result};
use crate::persistence::{Store, Tx};

/// What a token opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    PasswordReset,
    EmailVerify,
    SsoTicket,
}

impl Purpose {
    fn name(self) -> &'static str {
        match self {
            Self::PasswordReset => "password_reset",
            Self::EmailVerify => "email_verify",
            Self::SsoTicket => "sso_ticket",
        }
    }
}

/// Stores a token by the hex SHA-256 of it, with what its redeemer is to find.
pub async fn insert(
    tx: &mut Tx,
    hash: &str,
    purpose: Purpose,
    user: UserId,
    data: &(impl Serialize + Sync),
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<()> {
    const SQL: &str = "
        insert into one_time_tokens (hash, kind, user_id, data, created_at, expires_at)
        values ($1, $2, $3, $4, $5, $6)";
    Ok(on!(tx, |conn| sqlx::query(SQL)
        .bind(hash)
        .bind(purpose.name())
        .bind(user)
        .bind(Json(data))
        .bind(now)
        .bind(expires_at)
        .execute(conn)
        .await
        .map(drop))?)
}

/// Spends a token and answers whose it is and what was stored with it. Of two racing callers one
/// succeeds. Fails with [`Kind::Gone`] when the token is unknown, spent or expired.
pub async fn redeem<T>(
    tx: &mut Tx,
    hash: &str,
    purpose: Purpose,
    now: Timestamp,
) -> Result<(UserId, T)>
where
    T: DeserializeOwned + Send + Unpin + 'static,
{
    const SQL: &str = "
        update one_time_tokens set used_at = $3
        where hash = $1 and kind = $2 and used_at is null and expires_at > $3
        returning user_id, data";
    let redeemed: Option<(UserId, Json<T>)> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(hash)
        .bind(purpose.name())
        .bind(now)
        .fetch_optional(conn)
        .await)?;
    redeemed.map(|(user, Json(data))| (user, data)).ok_or_else(|| Kind::Gone("token").into())
}

/// Whose token it is, without spending it. Fails as [`redeem`] does.
pub async fn holder(store: &Store, hash: &str, purpose: Purpose, now: Timestamp) -> Result<UserId> {
    const SQL: &str = "
        select user_id from one_time_tokens
        where hash = $1 and kind = $2 and used_at is null and expires_at > $3";
    let holder: Option<UserId> = on!(store, |conn| sqlx::query_scalar(SQL)
        .bind(hash)
        .bind(purpose.name())
        .bind(now)
        .fetch_optional(conn)
        .await)?;
    holder.ok_or_else(|| Kind::Gone("token").into())
}

/// Makes the tokens an account still holds for a purpose worthless.
pub async fn void(tx: &mut Tx, user: UserId, purpose: Purpose, now: Timestamp) -> Result<()> {
    const SQL: &str = "
        update one_time_tokens set used_at = $3
        where user_id = $1 and kind = $2 and used_at is null";
    Ok(on!(tx, |conn| sqlx::query(SQL)
        .bind(user)
        .bind(purpose.name())
        .bind(now)
        .execute(conn)
        .await
        .map(drop))?)
}

/// Forgets tokens that expired before `before`.
pub async fn purge(tx: &mut Tx, before: Timestamp) -> Result<()> {
    const SQL: &str = "delete from one_time_tokens where expires_at < $1";
    Ok(on!(tx, |conn| sqlx::query(SQL).bind(before).execute(conn).await.map(drop))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::identity::Role;
    use crate::persistence::identity::accounts::{self, NewUser};
    use crate::persistence::store::tests::stores;

    async fn user(tx: &mut Tx) -> UserId {
        let new = NewUser {
            email: "ana@example.com",
            password_hash: None,
            nombre: None,
            apellido: None,
            telefono: None,
            primary_role: Role::Patient,
            is_active: true,
        };
        accounts::insert(tx, new, Timestamp(0)).await.unwrap()
    }

    async fn redeemed(store: &Store, hash: &str, purpose: Purpose, at: i64) -> Option<String> {
        let mut tx = store.begin().await.unwrap();
        let outcome = redeem::<String>(&mut tx, hash, purpose, Timestamp(at)).await;
        tx.commit().await.unwrap();
        outcome.ok().map(|(_, data)| data)
    }

    #[tokio::test]
    async fn a_token_works_once_in_its_time_and_for_its_purpose() {
        for store in stores().await {
            let mut tx = store.begin().await.unwrap();
            let user = user(&mut tx).await;
            for hash in ["a", "b"] {
                let reset = Purpose::PasswordReset;
                insert(&mut tx, hash, reset, user, &"x", Timestamp(0), Timestamp(100))
                    .await
                    .unwrap();
            }
            tx.commit().await.unwrap();

            let holds = async |at| holder(&store, "a", Purpose::PasswordReset, Timestamp(at)).await;
            assert_eq!(holds(50).await.ok(), Some(user));
            assert!(holds(100).await.is_err());
            assert_eq!(redeemed(&store, "a", Purpose::SsoTicket, 50).await, None);
            let first = redeemed(&store, "a", Purpose::PasswordReset, 50).await;
            assert_eq!(first.as_deref(), Some("x"));
            assert_eq!(redeemed(&store, "a", Purpose::PasswordReset, 51).await, None);
            assert!(holds(51).await.is_err());
            assert_eq!(redeemed(&store, "b", Purpose::PasswordReset, 100).await, None);
        }
    }

    #[tokio::test]
    async fn a_voided_token_is_gone() {
        for store in stores().await {
            let mut tx = store.begin().await.unwrap();
            let user = user(&mut tx).await;
            let purpose = Purpose::EmailVerify;
            insert(&mut tx, "a", purpose, user, &"x", Timestamp(0), Timestamp(100)).await.unwrap();
            void(&mut tx, user, purpose, Timestamp(1)).await.unwrap();
            tx.commit().await.unwrap();

            assert_eq!(redeemed(&store, "a", purpose, 50).await, None);
        }
    }
}
