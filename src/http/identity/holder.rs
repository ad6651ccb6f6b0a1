//! Accounts of people and places that have a row of care: opened with the row, renamed with it, closed
//! with it. The row itself is written by whoever calls.

use garde::Validate;
use serde::Deserialize;
use serde_json::Map;
use utoipa::ToSchema;

use super::change::{self, Change, Made};
use super::delegation::accounts_are_ours;
use super::verification::Verification;
use crate::domain::id::UserId;
use crate::domain::identity::Role;
use crate::domain::time::Timestamp;
use crate::error::{Error, FieldCode, Kind, Result};
use crate::http::App;
use crate::http::author::Author;
use crate::persistence::Tx;
use crate::persistence::identity::accounts::{self, NewUser};

/// How the account of a new row comes to be.
#[derive(Deserialize, Validate, ToSchema)]
#[schema(example = json!({"password": "correct horse battery"}))]
pub(in crate::http) struct Credentials {
    /// Of the account to open: 8 to 128 characters, not easy to guess.
    #[garde(inner(length(chars, max = 1024)))]
    password: Option<String>,
    /// An account that is there, of this role and without a row, in place of a new one.
    #[garde(skip)]
    user_id: Option<UserId>,
}

/// Credentials with the slow part of them done: the hashing, which waits for no transaction.
pub(in crate::http) enum Prepared {
    New { email: String, password_hash: String },
    Known { user: UserId, email: String },
}

/// An account that is there in the transaction; [`Opened::take_effect`] follows its commit.
#[must_use = "nobody is asked to verify the e-mail until the account takes effect"]
pub(in crate::http) struct Opened {
    pub(in crate::http) user: UserId,
    new: Option<Verification>,
}

/// What the holder is called.
#[derive(Clone, Copy)]
pub(in crate::http) struct Named<'a> {
    pub(in crate::http) nombre: &'a str,
    pub(in crate::http) apellido: Option<&'a str>,
}

impl Credentials {
    /// Does what can be done before the transaction.
    pub(in crate::http) async fn prepare(self, app: &App, email: &str) -> Result<Prepared> {
        let email = email.trim().to_lowercase();
        match (self.password, self.user_id) {
            (Some(password), None) => {
                accounts_are_ours(app)?;
                let password_hash = app.passwords.hash_new(&password, &email, "/password").await?;
                Ok(Prepared::New { email, password_hash })
            }
            (None, Some(user)) => Ok(Prepared::Known { user, email }),
            (Some(_), Some(_)) => {
                let detail = "an account that is there keeps its password";
                Err(Error::field("/password", FieldCode::Rule, detail))
            }
            (None, None) => Err(Error::field("/password", FieldCode::Required, "is required")),
        }
    }
}

impl Prepared {
    /// Opens the account, or holds the one that is there. Fails with [`Kind::Conflict`] when the
    /// e-mail is taken.
    pub(in crate::http) async fn open(
        self,
        tx: &mut Tx,
        author: &Author<'_>,
        role: Role,
        named: Named<'_>,
        now: Timestamp,
    ) -> Result<Opened> {
        let (email, password_hash) = match self {
            Self::New { email, password_hash } => (email, password_hash),
            Self::Known { user, email } => return known(tx, user, &email, role).await,
        };
        let account = NewUser {
            email: &email,
            password_hash: Some(&password_hash),
            nombre: Some(named.nombre),
            apellido: named.apellido,
            telefono: None,
            primary_role: role,
            is_active: true,
        };
        let user = accounts::insert(tx, account, now).await?;
        let data = Map::from_iter([("user_type".to_owned(), role.user_type().into())]);
        change::record(tx, author, user, "created", data).await?;
        let verification = Verification::insert(author.app, tx, user, now).await?;
        Ok(Opened { user, new: Some(verification) })
    }
}

async fn known(tx: &mut Tx, user: UserId, email: &str, role: Role) -> Result<Opened> {
    let refused = || {
        let detail = format!("there is no account of a {} with this id", role.user_type());
        Error::field("/user_id", FieldCode::Reference, detail)
    };
    let account = accounts::hold(tx, user).await?.ok_or_else(refused)?;
    if account.primary_role != role {
        return Err(refused());
    }
    if !account.email.eq_ignore_ascii_case(email) {
        return Err(Error::field("/email", FieldCode::Rule, "is not the account's"));
    }
    if account.reference_id.is_some() {
        return Err(Kind::Conflict { field: "user_id" }.into());
    }
    Ok(Opened { user, new: None })
}

impl Opened {
    /// Points the account to its row.
    pub(in crate::http) async fn refer(&self, tx: &mut Tx, row: i64, now: Timestamp) -> Result<()> {
        accounts::refer(tx, self.user, row, now).await
    }

    /// Called after the commit.
    pub(in crate::http) fn take_effect(self, app: &App) {
        if let Some(verification) = self.new {
            verification.send(app);
        }
    }
}

/// Refuses to let others than its holder and the house change what an account signs in with: whoever reads its
/// mail can have its password set anew.
pub(in crate::http) fn may_rename(author: &Author<'_>, account: Option<UserId>) -> Result<()> {
    let is_own = account.is_none_or(|account| author.user() == Some(account));
    if is_own || author.caller.acts_for_the_house() {
        return Ok(());
    }
    Err(Kind::Forbidden("an account's e-mail is for its holder and administrators to change")
        .into())
}

/// Commits a change of a row together with that of its account, if it has one, and lets both take effect.
pub(in crate::http) async fn conclude(app: &App, tx: Tx, made: Option<Made>) -> Result<()> {
    tx.commit().await?;
    app.hub.outbox_ready();
    if let Some(made) = made {
        made.take_effect(app).await;
    }
    Ok(())
}

/// Gives the account of a row another e-mail; nothing where it has it already.
pub(in crate::http) async fn rename(
    tx: &mut Tx,
    author: &Author<'_>,
    user: UserId,
    email: &str,
) -> Result<Made> {
    let mut change = Change::of(tx, user).await?;
    change.after.email = email.trim().to_lowercase();
    let data = Map::from_iter([("fields".to_owned(), vec!["email"].into())]);
    change.write(tx, author, "updated", data).await
}

/// Switches the account of a removed row off, or that of a restored one on again.
pub(in crate::http) async fn switch(
    tx: &mut Tx,
    author: &Author<'_>,
    user: UserId,
    is_active: bool,
) -> Result<Made> {
    let mut change = Change::of_standing(tx, user).await?;
    change.after.is_active = is_active;
    let action = if is_active { "activated" } else { "deactivated" };
    change.write(tx, author, action, Map::new()).await
}
