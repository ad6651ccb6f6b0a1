//! Keeps what `auth` remembers of sessions in step with the database.

use std::time::Duration;

use tracing::warn;

use super::mirroring;
use crate::actors::Hub;
use crate::auth::{Account, Authenticator, Lookup, Record, SessionLookup, Vouched};
use crate::domain::id::{SessionId, UserId};
use crate::domain::identity::Revocation;
use crate::domain::time::Timestamp;
use crate::error::{Kind, Result};
use crate::http::rounds::rounds;
use crate::persistence::Store;
use crate::persistence::identity::{accounts, sessions};

/// How often other nodes' changes are looked for; they are to be made here within a second.
const EVERY: Duration = Duration::from_millis(250);
/// Clocks of nodes differ, and a transaction may wait for its turn before it commits what it dated
/// at its start (5 s for a connection, 5 s for a lock): look back this far.
const OVERLAP: Duration = Duration::from_secs(15);
/// Ticks between two writings of `last_seen_at` and sweeps of idle sessions.
const HOUSEKEEPING: u32 = 40;
/// How long an end waits for what was told before it; with a tick it is less than a second.
const CATCH_UP: Duration = Duration::from_millis(600);

/// The rows behind sessions.
pub struct Rows(pub Store);

impl SessionLookup for Rows {
    fn session<'a>(&'a self, id: &'a SessionId) -> Lookup<'a, Record> {
        Box::pin(async move {
            let now = Timestamp::now();
            let Some(row) = sessions::live(&self.0, id, now).await? else {
                if sessions::is_deactivated(&self.0, id, now).await? {
                    return Err(Kind::AccountInactive { retry_after: None }.into());
                }
                return Ok(None);
            };
            let user = accounts::by_id(&self.0, row.user_id).await?;
            Ok(user.map(|user| Record {
                session: row.id,
                cookie_hash: row.cookie_hash,
                expires_at: row.expires_at,
                account: Account::from(&user),
            }))
        })
    }

    fn account<'a>(&'a self, name: &'a str) -> Lookup<'a, Account> {
        Box::pin(async move {
            let user = match name.parse() {
                Ok(id) => accounts::by_id(&self.0, UserId(id)).await?,
                Err(_) => accounts::by_email(&self.0, &name.to_lowercase()).await?,
            };
            Ok(user.as_ref().map(Account::from))
        })
    }

    fn vouched<'a>(&'a self, told: &'a Vouched) -> Lookup<'a, Account> {
        Box::pin(async move {
            let user = mirroring::holder(&self.0, told, Timestamp::now()).await?;
            Ok(user.as_ref().map(Account::from))
        })
    }
}

/// Runs until its task is aborted: revokes what other nodes revoked, sends away sessions whose time
/// ran out, makes accounts count as they were changed, writes down when sessions were used, and forgets
/// idle ones.
pub async fn keep_in_step(store: Store, authenticator: Authenticator, hub: Hub) {
    let mut rounds = rounds(EVERY);
    let mut since = Timestamp::now();
    for tick in 0_u32.. {
        rounds.tick().await;
        let now = Timestamp::now();
        match follow(&store, &authenticator, &hub, since.minus(OVERLAP)).await {
            Ok(()) => since = now,
            // The next round looks back to where this one failed.
            Err(error) => warn!(error = %error, "changes of other nodes not read"),
        }
        if tick % HOUSEKEEPING == 0 {
            authenticator.sessions().sweep(now, authenticator.tokens().ttl());
            if let Err(error) = write_seen(&store, &authenticator).await {
                warn!(error = %error, "use of sessions not written");
            }
        }
    }
}

async fn follow(
    store: &Store,
    authenticator: &Authenticator,
    hub: &Hub,
    since: Timestamp,
) -> Result<()> {
    // In this order, so that the sessions of an account read as inactive are read as ended.
    let changed = accounts::changed_since(store, since).await?;
    let ended = sessions::revoked_since(store, since).await?;
    let ended: Vec<_> = ended
        .into_iter()
        .filter(|ended| {
            authenticator.sessions().note_revoked(&ended.id, ended.reason, Timestamp::now())
        })
        .collect();
    if !ended.is_empty() {
        // What was told before the end arrives before it; usually that closes the sockets already.
        hub.caught_up(CATCH_UP).await;
    }
    for ended in ended {
        hub.revoke(&ended.id, ended.reason);
    }
    for session in sessions::expired_between(store, since, Timestamp::now()).await? {
        authenticator.forget(&session);
        hub.revoke(&session, Revocation::Expired);
    }
    for user in changed {
        hub.account_changed(&Account::from(&user));
    }
    Ok(())
}

async fn write_seen(store: &Store, authenticator: &Authenticator) -> Result<()> {
    let seen = authenticator.sessions().take_seen();
    if seen.is_empty() {
        return Ok(());
    }
    let mut tx = store.begin().await?;
    sessions::touch(&mut tx, &seen).await?;
    tx.commit().await
}
