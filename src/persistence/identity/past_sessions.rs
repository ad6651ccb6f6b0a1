//! Sessions past their time, forgotten in the order in which rows point to each other.

use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::persistence::Tx;

/// Forgets sessions that ended before `before`, at most `limit` of them, with what clients were given
/// through them. One that another still points to waits for that one: a sign-on for its members, a
/// browser's session for its clients', and all for codes and for news that clients are owed.
pub async fn purge(tx: &mut Tx, before: Timestamp, limit: i64) -> Result<()> {
    const GRANTS: &str = "
        delete from oidc_grants where session_id in (
            select id from sessions as old
            where (expires_at < $1 or revoked_at < $1)
                and exists (select 1 from oidc_grants where session_id = old.id)
                and not exists (select 1 from oidc_logouts where session_id = old.id)
            limit $2)";
    const SESSIONS: &str = "
        delete from sessions where id in (
            select id from sessions as old
            where (expires_at < $1 or revoked_at < $1)
                and not exists (select 1 from sessions where sign_on = old.id)
                and not exists (
                    select 1 from oidc_grants where session_id = old.id or parent_id = old.id)
                and not exists (
                    select 1 from oidc_codes where session_id = old.id or parent_id = old.id)
                and not exists (select 1 from oidc_logouts where session_id = old.id)
            limit $2)";
    for sql in [GRANTS, SESSIONS] {
        on!(tx, |conn| sqlx::query(sql).bind(before).bind(limit).execute(conn).await.map(drop))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::identity::Role;
    use crate::persistence::Store;
    use crate::persistence::identity::accounts::{self, NewUser};
    use crate::persistence::store::tests::stores;

    /// A session each: its end, its revocation, and the session its sign-on began with.
    const SESSIONS: [(&str, i64, &str, &str); 9] = [
        ("live", 1000, "null", "null"),
        ("expired", 5, "null", "null"),
        ("revoked", 1000, "5", "null"),
        ("revoked lately", 1000, "500", "null"),
        ("first", 5, "null", "null"),
        ("member", 1000, "null", "'first'"),
        ("browser", 5, "null", "null"),
        ("granted", 5, "null", "null"),
        ("owed", 1000, "5", "null"),
    ];

    async fn run(tx: &mut Tx, sql: &str) {
        let sql = sqlx::AssertSqlSafe(sql.to_owned());
        on!(tx, |conn| sqlx::query(sql).execute(conn).await.map(drop)).unwrap();
    }

    async fn left(store: &Store) -> Vec<String> {
        const SQL: &str = "select id from sessions order by id";
        on!(store, |conn| sqlx::query_scalar(SQL).fetch_all(conn).await).unwrap()
    }

    async fn purged(store: &Store) -> Vec<String> {
        let mut tx = store.begin().await.unwrap();
        purge(&mut tx, Timestamp(100), 100).await.unwrap();
        tx.commit().await.unwrap();
        left(store).await
    }

    #[tokio::test]
    async fn a_past_session_goes_once_nothing_points_to_it() {
        for store in stores().await {
            let mut tx = store.begin().await.unwrap();
            let new = NewUser {
                email: "ana@example.com",
                password_hash: None,
                nombre: None,
                apellido: None,
                telefono: None,
                primary_role: Role::Patient,
                is_active: true,
            };
            let user = accounts::insert(&mut tx, new, Timestamp(0)).await.unwrap();
            for (id, expires_at, revoked_at, sign_on) in SESSIONS {
                run(
                    &mut tx,
                    &format!(
                        "insert into sessions (id, user_id, cookie_hash, refresh_hash, refreshed_at,
                             fingerprint, created_at, last_seen_at, expires_at, revoked_at, sign_on)
                         values ('{id}', {user}, '', '{id}', 0, '', 0, 0, {expires_at}, {revoked_at},
                             {sign_on})"
                    ),
                )
                .await;
            }
            for session in ["granted", "owed"] {
                run(
                    &mut tx,
                    &format!(
                        "insert into oidc_grants
                             (session_id, parent_id, client_id, scope, auth_time, created_at)
                         values ('{session}', 'browser', 'doctors', 'openid', 0, 0)"
                    ),
                )
                .await;
            }
            run(
                &mut tx,
                &format!(
                    "insert into oidc_logouts (session_id, client_id, user_id, due_at, created_at)
                     values ('owed', 'doctors', {user}, 0, 0)"
                ),
            )
            .await;
            tx.commit().await.unwrap();

            let waiting = ["browser", "first", "live", "member", "owed", "revoked lately"];
            assert_eq!(purged(&store).await, waiting);

            let mut tx = store.begin().await.unwrap();
            run(&mut tx, "delete from oidc_logouts").await;
            run(&mut tx, "update sessions set expires_at = 6 where id = 'member'").await;
            tx.commit().await.unwrap();
            purged(&store).await;
            assert_eq!(purged(&store).await, ["live", "revoked lately"]);
        }
    }
}
