//! Which sessions are live, remembered by this process.
//!
//! A session is asked of the database once and then known until it is revoked, expires or falls
//! idle. Revocations and changed accounts of this node are noted at once; those of other nodes
//! arrive with the events that tell of them, or by polling the `sessions` and `users` tables
//! (contract §3.2: within 1 s). A revoked session leaves a tombstone and a changed account its
//! version, so a look-up that started before cannot bring back what it found.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

use super::vouched::Vouched;
use crate::domain::id::{SessionId, UserId};
use crate::domain::identity::{Revocation, Role};
use crate::domain::time::Timestamp;
use crate::error::Result;

/// A session nobody used for this long is asked of the database again.
const IDLE: Duration = Duration::from_mins(10);
/// `last_seen_at` is written at most this often (contract §3.4).
const SEEN_EVERY: Duration = Duration::from_mins(1);

/// What an account may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub user: UserId,
    pub primary_role: Role,
    pub roles: Vec<Role>,
    pub reference_id: Option<i64>,
    pub active: bool,
    /// The version of the row this was read from.
    pub version: i64,
}

/// A session that is neither revoked nor expired, and whose it is.
#[derive(Debug, Clone)]
pub struct Record {
    pub session: SessionId,
    /// Hex SHA-256 of the cookie's secret half.
    pub cookie_hash: String,
    pub expires_at: Timestamp,
    pub account: Account,
}

/// The future of a look-up, boxed so that the trait can be an object.
pub type Lookup<'a, T> = Pin<Box<dyn Future<Output = Result<Option<T>>> + Send + 'a>>;

/// The rows behind sessions, implemented above this layer.
pub trait SessionLookup: Send + Sync {
    /// A session that is not revoked and not expired. Fails with
    /// [`Kind::AccountInactive`](crate::error::Kind::AccountInactive) for one that ended because its
    /// account was deactivated.
    fn session<'a>(&'a self, id: &'a SessionId) -> Lookup<'a, Record>;

    /// An account by id or e-mail, for the development bypass.
    fn account<'a>(&'a self, name: &'a str) -> Lookup<'a, Account>;

    /// The account that the auth service beside the hub vouches for, made when it is not known yet.
    /// None when the number is not the service's, or the token belongs to a session of ours.
    fn vouched<'a>(&'a self, _: &'a Vouched) -> Lookup<'a, Account> {
        Box::pin(async { Ok(None) })
    }
}

/// The sessions this process knows.
#[derive(Default)]
pub struct Sessions {
    known: DashMap<SessionId, Known>,
    changed: DashMap<UserId, Changed>,
    /// When sockets closed of sessions that fell idle under them.
    left: DashMap<SessionId, Timestamp>,
    /// Accounts the auth service vouched for in a sign-in of its own, which is not one of ours, and
    /// when the database was asked about them.
    vouched: DashMap<(UserId, Option<SessionId>), (Account, Timestamp)>,
}

/// An account that changed lately: what was read of it before this version is out of date.
struct Changed {
    version: i64,
    at: Timestamp,
}

enum Known {
    Live(Live),
    /// Revoked at, and why; kept until no token of it can still be valid.
    Revoked(Timestamp, Revocation),
}

struct Live {
    record: Arc<Record>,
    /// Milliseconds of the last use, and of the last use that was written down.
    seen: AtomicI64,
    written: AtomicI64,
}

/// The answer of memory alone.
pub(super) enum Recalled {
    Live(Arc<Record>),
    Revoked(Revocation),
    Unknown,
}

impl Sessions {
    pub(super) fn recall(&self, id: &SessionId, now: Timestamp) -> Recalled {
        match self.known.get(id).as_deref() {
            Some(Known::Live(live)) if self.is_outdated(&live.record.account) => Recalled::Unknown,
            Some(Known::Live(live)) if live.record.expires_at > now => {
                live.seen.fetch_max(now.0, Ordering::Relaxed);
                Recalled::Live(Arc::clone(&live.record))
            }
            Some(Known::Revoked(_, reason)) => Recalled::Revoked(*reason),
            // Another node may have let it live on.
            Some(Known::Live(_)) | None => Recalled::Unknown,
        }
    }

    /// Remembers a live session, unless it was revoked meanwhile. Answers whether it may be used.
    pub fn remember(&self, record: Arc<Record>, now: Timestamp) -> bool {
        match self.known.entry(record.session.clone()) {
            Entry::Occupied(held) if matches!(held.get(), Known::Revoked(..)) => false,
            entry => {
                entry.insert(Known::Live(Live {
                    record,
                    seen: AtomicI64::new(now.0),
                    written: AtomicI64::new(now.0),
                }));
                true
            }
        }
    }

    /// Whether the session is known to have been revoked.
    pub fn is_revoked(&self, id: &SessionId) -> bool {
        matches!(self.known.get(id).as_deref(), Some(Known::Revoked(..)))
    }

    /// From now on the session is refused.
    pub fn revoke(&self, id: &SessionId, reason: Revocation, now: Timestamp) {
        self.known.insert(id.clone(), Known::Revoked(now, reason));
    }

    /// Notes a revocation of another node. False when it was known here.
    pub fn note_revoked(&self, id: &SessionId, reason: Revocation, now: Timestamp) -> bool {
        match self.known.entry(id.clone()) {
            Entry::Occupied(held) if matches!(held.get(), Known::Revoked(..)) => false,
            entry => {
                entry.insert(Known::Revoked(now, reason));
                true
            }
        }
    }

    /// Asks the database again at the next use.
    pub fn forget(&self, id: &SessionId) {
        self.known.remove_if(id, |_, known| matches!(known, Known::Live(_)));
    }

    /// Asks the database again about an account that was read before it came to this version.
    pub fn outdate(&self, user: UserId, version: i64, now: Timestamp) {
        let mut changed = self.changed.entry(user).or_insert(Changed { version, at: now });
        changed.version = changed.version.max(version);
        changed.at = now;
    }

    /// Whether the account is known to have changed since it was read.
    pub(super) fn is_outdated(&self, account: &Account) -> bool {
        self.changed.get(&account.user).is_some_and(|changed| changed.version > account.version)
    }

    /// The account, if it is what the service still says it is.
    pub(super) fn recall_vouched(&self, told: &Vouched, now: Timestamp) -> Option<Account> {
        let entry = self.vouched.get(&(told.user, told.session.clone()))?;
        let (account, asked) = entry.value();
        let is_fresh = now.since(*asked) < IDLE && !self.is_outdated(account);
        (is_fresh && told.describes(account)).then(|| account.clone())
    }

    pub(super) fn remember_vouched(&self, told: &Vouched, account: Account, now: Timestamp) {
        self.vouched.insert((told.user, told.session.clone()), (account, now));
    }

    /// Notes that a socket of the session closed: until then it was in use.
    pub fn note_left(&self, id: &SessionId, now: Timestamp) {
        match self.known.get(id).as_deref() {
            Some(Known::Live(live)) => {
                live.seen.fetch_max(now.0, Ordering::Relaxed);
            }
            Some(Known::Revoked(..)) => {}
            None => {
                self.left.insert(id.clone(), now);
            }
        }
    }

    /// Sessions used since their use was last written down, at most once a minute each.
    pub fn take_seen(&self) -> Vec<(SessionId, Timestamp)> {
        let every = i64::try_from(SEEN_EVERY.as_millis()).unwrap_or(i64::MAX);
        let mut seen: Vec<_> =
            self.left.iter().map(|entry| (entry.key().clone(), *entry.value())).collect();
        for (id, at) in &seen {
            self.left.remove_if(id, |_, left| left == at);
        }
        let used = self.known.iter().filter_map(|entry| {
            let Known::Live(live) = entry.value() else { return None };
            let seen = live.seen.load(Ordering::Relaxed);
            if seen - live.written.load(Ordering::Relaxed) < every {
                return None;
            }
            live.written.store(seen, Ordering::Relaxed);
            Some((entry.key().clone(), Timestamp(seen)))
        });
        seen.extend(used);
        seen
    }

    /// Drops what is idle or expired, and tombstones older than `token_life`.
    pub fn sweep(&self, now: Timestamp, token_life: Duration) {
        // By then whatever was read before the change was asked for again, or is dropped below.
        self.changed.retain(|_, changed| now.since(changed.at) < IDLE * 2);
        self.known.retain(|_, known| match known {
            Known::Live(live) => {
                let seen = Timestamp(live.seen.load(Ordering::Relaxed));
                live.record.expires_at > now && now.since(seen) < IDLE
            }
            Known::Revoked(at, _) => now.since(*at) < token_life + IDLE,
        });
        self.vouched.retain(|_, (_, asked)| now.since(*asked) < IDLE);
    }

    /// How many sessions are remembered, tombstones included.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn record(id: &str, user: i64) -> Record {
        Record {
            session: id.into(),
            cookie_hash: super::super::digest("secret"),
            expires_at: Timestamp(i64::MAX),
            account: Account {
                user: UserId(user),
                primary_role: Role::Patient,
                roles: vec![Role::Patient],
                reference_id: None,
                active: true,
                version: 1,
            },
        }
    }

    #[test]
    fn a_look_up_that_was_overtaken_by_a_revocation_does_not_revive_the_session() {
        let sessions = Sessions::default();
        sessions.revoke(&"s_1".into(), Revocation::Logout, Timestamp(1));

        assert!(!sessions.remember(Arc::new(record("s_1", 1)), Timestamp(2)));

        assert!(matches!(sessions.recall(&"s_1".into(), Timestamp(3)), Recalled::Revoked(_)));
    }

    #[test]
    fn what_was_read_of_an_account_before_it_changed_is_asked_for_again() {
        let sessions = Sessions::default();
        let read = |version| {
            let mut record = record("s_1", 1);
            record.account.version = version;
            sessions.remember(Arc::new(record), Timestamp(0));
            sessions.recall(&"s_1".into(), Timestamp(1))
        };
        assert!(matches!(read(1), Recalled::Live(_)));

        sessions.outdate(UserId(1), 3, Timestamp(2));
        sessions.outdate(UserId(1), 2, Timestamp(2));

        assert!(matches!(read(2), Recalled::Unknown));
        assert!(matches!(read(3), Recalled::Live(_)));
    }

    #[test]
    fn a_use_is_written_down_once_a_minute() {
        let sessions = Sessions::default();
        sessions.remember(Arc::new(record("s_1", 1)), Timestamp(0));
        sessions.recall(&"s_1".into(), Timestamp(30_000));
        assert!(sessions.take_seen().is_empty());

        sessions.recall(&"s_1".into(), Timestamp(61_000));

        assert_eq!(sessions.take_seen(), [("s_1".into(), Timestamp(61_000))]);
        assert!(sessions.take_seen().is_empty());
    }

    #[test]
    fn a_session_was_used_until_its_socket_closed() {
        let sessions = Sessions::default();
        sessions.remember(Arc::new(record("s_1", 1)), Timestamp(0));

        sessions.note_left(&"s_1".into(), Timestamp(90_000));
        sessions.note_left(&"s_idle".into(), Timestamp(90_001));

        let mut seen = sessions.take_seen();
        seen.sort();
        assert_eq!(seen, [("s_1".into(), Timestamp(90_000)), ("s_idle".into(), Timestamp(90_001))]);
        assert!(sessions.take_seen().is_empty());
    }

    #[test]
    fn an_idle_session_is_forgotten_and_a_tombstone_outlives_its_tokens() {
        let sessions = Sessions::default();
        sessions.remember(Arc::new(record("s_1", 1)), Timestamp(0));
        sessions.revoke(&"s_2".into(), Revocation::Logout, Timestamp(0));
        let hour = Duration::from_hours(1);

        sessions.sweep(Timestamp(3_600_000), hour);
        assert_eq!(sessions.len(), 1);

        sessions.sweep(Timestamp(4_200_000), hour);
        assert!(sessions.is_empty());
    }
}
