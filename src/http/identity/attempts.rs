//! Proving a password: at sign-in, and where somebody signed in is asked once more.
//!
//! Whatever is wrong costs the same work and answers alike, so neither tells which names exist: as
//! much is hashed ([`crate::auth::Passwords::verify`]), an audit line is written, and ten failures
//! within any quarter of an hour lock the name, on every node (contract §3.5).

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
use crate::persistence::identity::strangers;

/// One try to prove the password that goes with a name.
#[derive(Clone, Copy)]
pub struct Attempt<'a> {
    pub app: &'a App,
    pub context: &'a Context,
    /// Where it happens.
    pub surface: Surface,
    pub now: Timestamp,
}

/// An account whose password was proven.
pub struct Proven<'a> {
    pub user: User,
    attempt: Attempt<'a>,
    /// The hash is to be made anew, the present way.
    pub is_dated: bool,
}

/// The caller's account, if the password is its own. A wrong one counts as a failed sign-in does,
/// or a borrowed session could guess on.
pub async fn once_more<'a>(
    app: &'a App,
    context: &'a Context,
    caller: &Principal,
    password: &str,
) -> Result<Proven<'a>> {
    let user = accounts::by_id(&app.store, caller.user).await?.ok_or(Kind::NotFound("account"))?;
    app.limits.sign_in(context.peer, &user.email)?;
    let (surface, now) = (Surface::Password, Timestamp::now());
    Attempt { app, context, surface, now }.prove(Some(user), "", password).await
}

impl<'a> Attempt<'a> {
    /// The account of the name, if the password is its own and it may be used. `name`, in lower case,
    /// is what counts where there is no account.
    ///
    /// Fails with [`Kind::InvalidCredentials`], with [`Kind::AccountInactive`] for a locked name,
    /// whoever tries, and for a deactivated account whose password was proven.
    pub async fn prove(self, user: Option<User>, name: &str, password: &str) -> Result<Proven<'a>> {
        let app = self.app;
        let stranger = app.seal.mark(&[b"name", name.as_bytes()]);
        // Looked for whether or not there is an account.
        let strange = strangers::failures(&app.store, &stranger).await?;
        let failures = user.as_ref().map_or(strange, User::failures);
        if let Some(seconds) = failures.locked_for(self.now) {
            self.refuse(user.as_ref(), "locked").await?;
            return Err(Kind::AccountInactive { retry_after: Some(seconds) }.into());
        }
        let stored = user.as_ref().and_then(|user| user.password_hash.as_deref());
        let dearest = accounts::dearest_bcrypt(&app.store).await?;
        let verdict = app.passwords.verify(password, stored, dearest).await?;
        let user = match user {
            Some(user) if verdict != Verdict::Wrong => user,
            user => {
                self.fail(user.as_ref(), &stranger).await?;
                return Err(Kind::InvalidCredentials.into());
            }
        };
        if !user.is_active {
            self.refuse(Some(&user), "inactive").await?;
            return Err(Kind::AccountInactive { retry_after: None }.into());
        }
        Ok(Proven { user, attempt: self, is_dated: verdict == Verdict::RightButDated })
    }

    /// Records a wrong password and counts it. A stranger costs the same work.
    async fn fail(self, user: Option<&User>, stranger: &str) -> Result<()> {
        let mut tx = self.app.store.begin().await?;
        if let Some(user) = user {
            let held = accounts::hold(&mut tx, user.id).await?;
            let failures = held.map(|user| user.failures()).unwrap_or_default();
            accounts::note_failures(&mut tx, user.id, &failures.and_another(self.now)).await?;
        } else {
            let failures = strangers::hold(&mut tx, stranger, self.now).await?;
            strangers::note(&mut tx, stranger, &failures.and_another(self.now)).await?;
        }
        self.record(tx, user, "credentials").await
    }

    /// Records a refusal for another reason than a wrong password.
    pub async fn refuse(self, user: Option<&User>, reason: &'static str) -> Result<()> {
        let tx = self.app.store.begin().await?;
        self.record(tx, user, reason).await
    }

    async fn record(self, mut tx: Tx, user: Option<&User>, reason: &'static str) -> Result<()> {
        let Self { context, surface, now, .. } = self;
        count_failure(surface, reason);
        let id = user.map_or(UserId(0), |user| user.id);
        let mut entry = context.audit(None, "login_refused", "user", &id);
        entry.actor = user.map(|user| user.id);
        entry.data.insert("reason".into(), json!(reason));
        if surface != Surface::Login {
            entry.data.insert("surface".into(), json!(surface.name()));
        }
        audit::append(&mut tx, &entry, now).await?;
        tx.commit().await
    }
}

/// A line of the audit trail: the account signed in, in this session.
pub fn signed_in(context: &Context, user: &User, session: &SessionId) -> AuditEntry {
    let mut entry = context.audit(None, "login", "session", session);
    entry.actor = Some(user.id);
    entry.actor_role = Some(user.primary_role.user_type());
    entry
}

impl Proven<'_> {
    /// The hash that takes the place of a dated one.
    pub async fn renewed_hash(&self, app: &App, password: &str) -> Result<Option<String>> {
        if self.is_dated { app.passwords.rehash(password).await.map(Some) } else { Ok(None) }
    }

    /// A transaction that holds the account and notes its sign-in, with the hash that replaces a dated
    /// one.
    pub async fn admit(&self, renewed: Option<&str>, now: Timestamp) -> Result<(Tx, User)> {
        let (mut tx, user) = self.begin(now).await?;
        if let Some(hash) = renewed {
            accounts::rehash(&mut tx, user.id, hash).await?;
        }
        accounts::note_login(&mut tx, user.id, now).await?;
        Ok((tx, user))
    }

    /// A transaction that relies on the proof: it holds the account as it stands now.
    pub async fn begin(&self, now: Timestamp) -> Result<(Tx, User)> {
        let mut tx = self.attempt.app.store.begin().await?;
        match self.hold(&mut tx, now).await {
            Ok(user) => Ok((tx, user)),
            Err(error) => {
                drop(tx);
                Err(self.refused(error).await)
            }
        }
    }

    /// The account once more, held by a transaction that began before.
    ///
    /// Between proof and transaction the password may have been changed, the account deactivated,
    /// or locked by others who guess; then the proof is worth nothing, and [`Self::refused`] records
    /// that once the transaction is over.
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

    /// Records why the proof was worth nothing any more; answers what the caller is told.
    pub async fn refused(&self, error: Error) -> Error {
        let reason = match error.kind() {
            Kind::InvalidCredentials => "outdated",
            Kind::AccountInactive { retry_after: Some(_) } => "locked",
            Kind::AccountInactive { retry_after: None } => "inactive",
            _ => return error,
        };
        self.attempt.refuse(Some(&self.user), reason).await.err().unwrap_or(error)
    }
}
