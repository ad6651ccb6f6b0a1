//! Proving a password: at sign-in, and where somebody signed in is asked once more.
//!
//! Whatever is wrong costs the same work and answers alike, so neither tells which names exist: a
//! hash is computed, an audit line is written, and ten failures lock the name (contract §3.5).

use serde_json::json;

use crate::auth::failures::{Surface, count_failure};
use crate::auth::password::Verdict;
use crate::domain::id::{SessionId, UserId};
use crate::domain::identity::Principal;
use crate::domain::time::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::http::App;
use crate::http::context::Context;
use crate::persistence::Tx;
use crate::persistence::audit::{self, AuditEntry};
use crate::persistence::identity::accounts::{self, User};

/// One try to prove the password that goes with a name.
#[derive(Clone, Copy)]
pub struct Attempt<'a> {
    pub app: &'a App,
    pub context: &'a Context,
    /// Where it happens.
    pub surface: Surface,
    /// In lower case.
    pub name: &'a str,
    pub now: Timestamp,
}

/// An account whose password was proven.
pub struct Proven {
    pub user: User,
    /// The hash is to be made anew, the present way.
    pub is_dated: bool,
}

/// The caller's account, if the password is its own. A wrong one counts as a failed sign-in does,
/// or a borrowed session could guess on.
pub async fn once_more(
    app: &App,
    context: &Context,
    caller: &Principal,
    password: &str,
) -> Result<Proven> {
    let user = accounts::by_id(&app.store, caller.user).await?.ok_or(Kind::NotFound("account"))?;
    let name = user.email.clone();
    app.limits.sign_in(context.peer, &name)?;
    let (surface, now) = (Surface::Password, Timestamp::now());
    Attempt { app, context, surface, name: &name, now }.prove(Some(user), password).await
}

impl Attempt<'_> {
    /// The account of the name, if the password is its own and it may be used.
    ///
    /// Fails with [`Kind::InvalidCredentials`], with [`Kind::AccountInactive`] for a locked name,
    /// whoever tries, and for a deactivated account whose password was proven.
    pub async fn prove(self, user: Option<User>, password: &str) -> Result<Proven> {
        let locked = match &user {
            Some(user) => user.failures().locked_for(self.now),
            None => self.app.limits.strangers.locked_for(self.name, self.now),
        };
        if let Some(seconds) = locked {
            self.refuse(user.as_ref(), "locked").await?;
            return Err(Kind::AccountInactive { retry_after: Some(seconds) }.into());
        }
        let stored = user.as_ref().and_then(|user| user.password_hash.as_deref());
        let verdict = self.app.passwords.verify(password, stored).await?;
        let user = match user {
            Some(user) if verdict != Verdict::Wrong => user,
            user => {
                self.refuse(user.as_ref(), "credentials").await?;
                return Err(Kind::InvalidCredentials.into());
            }
        };
        if !user.is_active {
            self.refuse(Some(&user), "inactive").await?;
            return Err(Kind::AccountInactive { retry_after: None }.into());
        }
        Ok(Proven { user, is_dated: verdict == Verdict::RightButDated })
    }

    /// Records a refusal and, for a wrong password, counts it. A stranger costs the same work.
    pub async fn refuse(self, user: Option<&User>, reason: &'static str) -> Result<()> {
        let Self { app, context, surface, name, now } = self;
        count_failure(surface, reason);
        let id = user.map_or(UserId(0), |user| user.id);
        let mut entry = context.audit(None, "login_refused", "user", &id);
        entry.actor = user.map(|user| user.id);
        entry.data.insert("reason".into(), json!(reason));
        if surface != Surface::Login {
            entry.data.insert("surface".into(), json!(surface.name()));
        }

        let mut tx = app.store.begin().await?;
        if reason == "credentials" {
            let held = accounts::hold(&mut tx, id).await?;
            let failures = held.map(|user| user.failures()).unwrap_or_default();
            accounts::note_failures(&mut tx, id, failures.and_another(now)).await?;
        }
        audit::append(&mut tx, &entry, now).await?;
        tx.commit().await?;

        if reason == "credentials" && user.is_none() {
            app.limits.strangers.note(name, now);
        }
        Ok(())
    }
}

/// A line of the audit trail: the account signed in, in this session.
pub fn signed_in(context: &Context, user: &User, session: &SessionId) -> AuditEntry {
    let mut entry = context.audit(None, "login", "session", session);
    entry.actor = Some(user.id);
    entry.actor_role = Some(user.primary_role.user_type());
    entry
}

impl Proven {
    /// The hash that takes the place of a dated one.
    pub async fn renewed_hash(&self, app: &App, password: &str) -> Result<Option<String>> {
        if self.is_dated { app.passwords.rehash(password).await.map(Some) } else { Ok(None) }
    }

    /// The account, held and its sign-in noted, with the hash that replaces a dated one.
    pub async fn admit(&self, tx: &mut Tx, renewed: Option<&str>, now: Timestamp) -> Result<User> {
        let user = self.hold(tx, now).await?;
        if let Some(hash) = renewed {
            accounts::rehash(tx, user.id, hash).await?;
        }
        accounts::note_login(tx, user.id, now).await?;
        Ok(user)
    }

    /// The account once more, held by the transaction that relies on the proof.
    ///
    /// Between proof and transaction the password may have been changed, the account deactivated,
    /// or locked by others who guess; then the proof is worth nothing.
    pub async fn hold(&self, tx: &mut Tx, now: Timestamp) -> Result<User> {
        let refused = || Error::from(Kind::InvalidCredentials);
        let user = accounts::hold(tx, self.user.id).await?.ok_or_else(refused)?;
        if user.password_hash != self.user.password_hash {
            return Err(refused());
        }
        let retry_after = user.failures().locked_for(now);
        if retry_after.is_some() || !user.is_active {
            return Err(Kind::AccountInactive { retry_after }.into());
        }
        Ok(user)
    }
}
