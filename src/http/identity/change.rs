//! What goes with a changed account: the rows it touches, who is told, and what acts at once.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::ending::Ended;
use super::verification::Verification;
use crate::auth::Account;
use crate::domain::events::ServerEvent as _;
use crate::domain::events::accounts::UserUpdate;
use crate::domain::id::UserId;
use crate::domain::identity::registration::Applicant;
use crate::domain::identity::{Revocation, Role};
use crate::domain::time::Timestamp;
use crate::domain::topic::Topic;
use crate::error::{Kind, Result};
use crate::http::App;
use crate::http::author::Author;
use crate::persistence::clinical::contacts;
use crate::persistence::consultations::removals;
use crate::persistence::identity::accounts::{self, User};
use crate::persistence::identity::one_time_tokens::{self, Purpose};
use crate::persistence::identity::profiles::{self, Holder};
use crate::persistence::identity::{changes, references};
use crate::persistence::{Tx, outbox};

/// How long the end of an account's sockets waits for them to be told why. They end within a second
/// of the change, told or not.
const PATIENCE: Duration = Duration::from_millis(750);

/// An account that a transaction holds, as it was and as it is to be.
pub(in crate::http) struct Change {
    before: User,
    pub(in crate::http) after: User,
}

/// A change that is written; [`Made::take_effect`] follows its commit.
#[must_use = "live sockets and sessions go on as before until the change takes effect"]
pub(in crate::http) struct Made {
    user: User,
    is_new: bool,
    ended: Option<Ended>,
    verification: Option<Verification>,
}

impl Change {
    /// Holds an account whose facts are to change.
    pub(in crate::http) async fn of(tx: &mut Tx, id: UserId) -> Result<Self> {
        let before = changes::hold(tx, id).await?;
        Ok(Self { after: before.clone(), before })
    }

    /// Holds an account that may lose its roles or its activity. Who administers is held first, as
    /// everyone does who holds both.
    pub(in crate::http) async fn of_standing(tx: &mut Tx, id: UserId) -> Result<Self> {
        if accounts::within(tx, id).await?.as_ref().is_some_and(administers) {
            changes::hold_administrators(tx).await?;
        }
        Self::of(tx, id).await
    }

    pub(in crate::http) fn before(&self) -> &User {
        &self.before
    }

    /// Writes the account with everything that depends on it, tells the holder, those who follow it
    /// and the administrators, and keeps `action` and `data` in the audit trail. What changes
    /// nothing leaves no trace.
    pub(in crate::http) async fn write(
        self,
        tx: &mut Tx,
        author: &Author<'_>,
        action: &'static str,
        data: Map<String, Value>,
    ) -> Result<Made> {
        let Self { before, mut after } = self;
        if after == before {
            return Ok(Made { user: before, is_new: false, ended: None, verification: None });
        }
        let now = Timestamp::now();
        if administers(&before) && !administers(&after) {
            changes::hold_administrators(tx).await?;
            if !changes::others_administer(tx, before.id).await? {
                return Err(Kind::Untenable("this is the last active administrator").into());
            }
        }
        if after.email != before.email {
            // What was mailed to the old address proves nothing of the new one.
            after.email_verified = false;
            one_time_tokens::void(tx, after.id, Purpose::PasswordReset, now).await?;
        }
        if gained(&before, &after, Role::Professional) {
            ensure_professional(tx, author.app, &after, now).await?;
        }
        if after.primary_role != before.primary_role {
            after.reference_id = references::of(tx, after.primary_role, after.id).await?;
        }
        let user = changes::update(tx, &after, now).await?;
        if user.email != before.email {
            contacts::follow(tx, user.id, &user.email, now).await?;
        }
        let ended = if before.is_active && !user.is_active {
            Some(Ended::all(tx, user.id, Revocation::Deactivated, now).await?)
        } else {
            None
        };

        if !user.is_active {
            removals::note_account(tx, user.id, now, now).await?;
        } else if user.holding() != before.holding() {
            removals::review_account(tx, user.id, now).await?;
        }
        let verification = if user.email == before.email {
            None
        } else {
            Some(Verification::insert(author.app, tx, user.id, now).await?)
        };

        let node = Some(&author.app.settings.node);
        for update in told(&before, &user, now) {
            outbox::append(tx, &update.event_to(vec![Topic::User(user.id)]), node).await?;
        }
        record(tx, author, user.id, action, data).await?;
        Ok(Made { user, is_new: true, ended, verification })
    }
}

impl Made {
    /// Called after the commit: requests and sockets of the account follow at once, on other nodes
    /// within a second. Sockets of an account that ended are told first, then closed.
    pub(in crate::http) async fn take_effect(self, app: &App) -> User {
        if !self.is_new {
            return self.user;
        }
        app.hub.outbox_ready();
        if let Some(verification) = self.verification {
            verification.send(app);
        }
        app.auth.outdate(self.user.id, self.user.version);
        if self.ended.is_some() {
            app.hub.caught_up(PATIENCE).await;
        }
        app.hub.account_changed(&Account::from(&self.user));
        if let Some(ended) = self.ended {
            ended.announce(app);
        }
        self.user
    }
}

/// Keeps a deed on an account and tells those who follow the account.
pub(super) async fn record(
    tx: &mut Tx,
    author: &Author<'_>,
    user: UserId,
    action: &'static str,
    data: Map<String, Value>,
) -> Result<()> {
    author.record(tx, "user", user.0.into(), action, data).await
}

/// The row that every professional has, as a registration makes it.
pub(super) async fn ensure_professional(
    tx: &mut Tx,
    app: &App,
    user: &User,
    now: Timestamp,
) -> Result<()> {
    if references::of(tx, Role::Professional, user.id).await?.is_some() {
        return Ok(());
    }
    let holder = Holder {
        user: user.id,
        nombre: user.nombre.as_deref().unwrap_or_default(),
        apellido: user.apellido.as_deref().unwrap_or_default(),
        email: &user.email,
        currency: &app.settings.default_currency,
    };
    profiles::insert(tx, &Applicant::Professional, holder, now).await.map(drop)
}

fn gained(before: &User, after: &User, role: Role) -> bool {
    after.roles.0.contains(&role) && !before.roles.0.contains(&role)
}

fn administers(user: &User) -> bool {
    user.is_active && user.holding().administers()
}

/// What the holder hears of.
fn told(before: &User, after: &User, now: Timestamp) -> Vec<UserUpdate> {
    let update = |kind: &str, action: &str, changes: Map<String, Value>| UserUpdate {
        kind: kind.to_owned(),
        action: action.to_owned(),
        changes: (!changes.is_empty()).then(|| changes.into()),
        timestamp: now,
    };
    let mut told = Vec::new();
    let profile = [
        ("nombre", json!(after.nombre), before.nombre != after.nombre),
        ("apellido", json!(after.apellido), before.apellido != after.apellido),
        ("telefono", json!(after.telefono), before.telefono != after.telefono),
        ("email", json!(after.email), before.email != after.email),
        (
            "avatar_file_id",
            json!(after.avatar_file_id),
            before.avatar_file_id != after.avatar_file_id,
        ),
    ];
    let profile: Map<_, _> = profile
        .into_iter()
        .filter(|(_, _, is_other)| *is_other)
        .map(|(name, value, _)| (name.to_owned(), value))
        .collect();
    if !profile.is_empty() {
        told.push(update("profile", "updated", profile));
    }
    if before.holding() != after.holding() {
        let labels: Vec<_> = after.roles.0.iter().map(|role| role.label()).collect();
        let roles = [("roles", json!(labels)), ("role", json!(after.primary_role.label()))];
        let roles = roles.map(|(name, value)| (name.to_owned(), value)).into_iter().collect();
        told.push(update("role", "updated", roles));
    }
    if before.is_active != after.is_active {
        let action = if after.is_active { "activated" } else { "deactivated" };
        told.push(update("account", action, Map::new()));
    }
    told
}
