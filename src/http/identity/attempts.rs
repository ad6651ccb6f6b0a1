//! Showing a password: the one way into an account, whichever page or client asks for it.
//!
//! Attempts are limited, failures counted and both recorded. An unknown account and a wrong password
//! get the same answer in the same time.

use serde_json::json;

use crate::auth::failures::{Surface, count_failure};
use crate::auth::password::Verdict;
use crate::domain::id::{SessionId, UserId};
use crate::domain::identity::Role;
use crate::domain::time::Timestamp;
use crate::error::{Kind, Result};
use crate::http::App;
use crate::http::context::Context;
use crate::persistence::identity::accounts::{self, User};
use crate::persistence::{Tx, audit};

/// Someone says who they are.
#[derive(Clone, Copy)]
pub(super) struct Attempt<'a> {
    pub name: &'a str,
    pub password: &'a str,
    /// Refuses an account without this role.
    pub role: Option<Role>,
}

/// An account whose password was shown.
pub(super) struct Proven {
    pub user: User,
    /// The hash that takes the place of a dated one.
    rehashed: Option<String>,
}

impl Attempt<'_> {
    /// Whose account it is.
    ///
    /// Fails with [`Kind::RateLimited`], [`Kind::InvalidCredentials`], [`Kind::AccountInactive`], or
    /// [`Kind::Forbidden`] for a role that is not held.
    pub(super) async fn prove(
        self,
        app: &App,
        context: &Context,
        now: Timestamp,
    ) -> Result<Proven> {
        let name = self.name.trim().to_lowercase();
        app.limits.sign_in(context.peer, &name)?;

        let user = accounts::by_email(&app.store, &name).await?;
        if let Some(seconds) = user.as_ref().and_then(|user| user.failures().locked_for(now)) {
            refused(app, context, user.as_ref(), "locked", now).await?;
            return Err(Kind::AccountInactive { retry_after: Some(seconds) }.into());
        }
        let stored = user.as_ref().and_then(|user| user.password_hash.as_deref());
        let verdict = app.passwords.verify(self.password, stored).await?;
        let user = match user {
            Some(user) if verdict != Verdict::Wrong => user,
            user => {
                refused(app, context, user.as_ref(), "credentials", now).await?;
                return Err(Kind::InvalidCredentials.into());
            }
        };
        if !user.is_active {
            refused(app, context, Some(&user), "inactive", now).await?;
            return Err(Kind::AccountInactive { retry_after: None }.into());
        }
        if self.role.is_some_and(|role| !user.roles.0.contains(&role)) {
            refused(app, context, Some(&user), "role", now).await?;
            return Err(Kind::Forbidden("the account does not have this role").into());
        }
        let dated = verdict == Verdict::RightButDated;
        let rehashed = if dated { Some(app.passwords.rehash(self.password).await?) } else { None };
        Ok(Proven { user, rehashed })
    }
}

impl Proven {
    /// Records the sign-in with the session it opens or renews.
    pub(super) async fn note(
        &self,
        tx: &mut Tx,
        context: &Context,
        session: &SessionId,
        now: Timestamp,
    ) -> Result<()> {
        if let Some(hash) = &self.rehashed {
            accounts::rehash(tx, self.user.id, hash).await?;
        }
        accounts::note_login(tx, self.user.id, now).await?;
        let mut entry = context.audit(None, "login", "session", session);
        entry.actor = Some(self.user.id);
        entry.actor_role = Some(self.user.primary_role.user_type());
        audit::append(tx, &entry, now).await
    }
}

/// Records a refusal and, for a wrong password, counts it. An unknown account costs the same work.
async fn refused(
    app: &App,
    context: &Context,
    user: Option<&User>,
    reason: &'static str,
    now: Timestamp,
) -> Result<()> {
    count_failure(Surface::Login, reason);
    let id = user.map_or(UserId(0), |user| user.id);
    let mut entry = context.audit(None, "login_refused", "user", &id);
    entry.actor = user.map(|user| user.id);
    entry.data.insert("reason".into(), json!(reason));

    let mut tx = app.store.begin().await?;
    if reason == "credentials" {
        let failures = accounts::failures(&mut tx, id).await?;
        accounts::note_failures(&mut tx, id, failures.and_another(now)).await?;
    }
    audit::append(&mut tx, &entry, now).await?;
    tx.commit().await
}
