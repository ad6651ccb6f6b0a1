//! From someone an identity provider vouches for to their account here (contract §3.7).

use jiff::tz::TimeZone;
use serde_json::json;

use super::delegation;
use super::ending::Ended;
use crate::domain::identity::{Outsider, Revocation, Role};
use crate::domain::time::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::http::App;
use crate::http::context::Context;
use crate::persistence::identity::accounts::{self, NewUser, User};
use crate::persistence::identity::identities;
use crate::persistence::identity::profiles::{self, Holder};
use crate::persistence::{Tx, audit};

/// What a Supabase token needs to be of use.
const KEYS: [&str; 2] = ["SUPABASE_JWT_SECRET", "SUPABASE_JWKS_URL"];

/// The account that a Supabase token stands for, linked or made at the first use.
///
/// Fails with [`Kind::NotConfigured`] without a key to verify it by, [`Kind::Conflict`] when its
/// e-mail is an account's that it may not be linked to, and [`Kind::AccountInactive`].
pub async fn account_of(app: &App, context: &Context, token: &str) -> Result<User> {
    let supabase = app.elsewhere.supabase.as_ref();
    let supabase = supabase.ok_or_else(|| Kind::NotConfigured { missing: KEYS.to_vec() })?;
    let outsider = supabase.verify(token).await?;
    let user = match known_or_new(app, context, &outsider).await {
        // Someone may have brought the same identity in at the same moment; then it is known now.
        Err(error) if matches!(error.kind(), Kind::Conflict { .. }) => {
            known_or_new(app, context, &outsider).await?
        }
        outcome => outcome?,
    };
    if user.is_active { Ok(user) } else { Err(inactive()) }
}

async fn known_or_new(app: &App, context: &Context, outsider: &Outsider) -> Result<User> {
    let (provider, subject) = (outsider.provider, outsider.subject.as_str());
    let mut tx = app.store.begin().await?;
    if let Some(id) = identities::holder(&mut tx, provider, subject).await? {
        return accounts::within(&mut tx, id).await?.ok_or_else(inactive);
    }
    let email = outsider.email.as_deref();
    let email = email.ok_or(Kind::Forbidden("the identity has no e-mail address"))?;
    let now = Timestamp::now();
    let known = accounts::holder_of(&mut tx, email).await?;
    let (user, ended, action) = match known {
        Some(id) => {
            let user = accounts::within(&mut tx, id).await?.ok_or_else(inactive)?;
            let ended = link(&mut tx, &user, outsider, now).await?;
            (user, ended, "linked")
        }
        None => (create(app, &mut tx, email, outsider, now).await?, None, "registered"),
    };
    identities::insert(&mut tx, user.id, provider, subject, now).await?;
    let mut entry = context.audit(None, action, "user", &user.id);
    entry.actor = Some(user.id);
    entry.actor_role = Some(user.primary_role.user_type());
    entry.data.insert("provider".into(), json!(provider));
    audit::append(&mut tx, &entry, now).await?;
    let user = accounts::within(&mut tx, user.id).await?.ok_or_else(inactive)?;
    tx.commit().await?;
    if let Some(ended) = ended {
        ended.announce(app);
    }
    Ok(user)
}

/// Checks that the account may be linked by its e-mail, and makes it the outsider's alone.
///
/// Both sides have to know that the address is the holder's. The provider must say so; where the
/// account's holder never proved it, whoever opened the account loses what they could come back by:
/// password, identities and sessions. Administrators are not linked at all, as no provider may make
/// one.
async fn link(
    tx: &mut Tx,
    user: &User,
    outsider: &Outsider,
    now: Timestamp,
) -> Result<Option<Ended>> {
    if !outsider.is_email_verified || user.roles.0.contains(&Role::Admin) {
        return Err(Kind::Conflict { field: "email" }.into());
    }
    if !user.is_active {
        return Err(inactive());
    }
    if user.email_verified {
        return Ok(None);
    }
    accounts::claim(tx, user.id, now).await?;
    identities::remove_all(tx, user.id).await?;
    Ended::all(tx, user.id, Revocation::PasswordChange, now).await.map(Some)
}

async fn create(
    app: &App,
    tx: &mut Tx,
    email: &str,
    outsider: &Outsider,
    now: Timestamp,
) -> Result<User> {
    delegation::accounts_are_ours(app)?;
    let role = outsider.role()?;
    let told = &outsider.particulars;
    let account = NewUser {
        email,
        password_hash: None,
        nombre: told.nombre.as_deref(),
        apellido: told.apellido.as_deref(),
        telefono: None,
        primary_role: role,
        is_active: true,
    };
    let id = accounts::insert(tx, account, now).await?;
    if outsider.is_email_verified {
        accounts::note_verified(tx, id).await?;
    }
    let today = jiff::Timestamp::now().to_zoned(TimeZone::UTC).date();
    if let Some(applicant) = outsider.applicant(role, today) {
        let holder = Holder {
            user: id,
            nombre: told.nombre.as_deref().unwrap_or_default(),
            apellido: told.apellido.as_deref().unwrap_or_default(),
            email,
            currency: &app.settings.default_currency,
        };
        if let Some(reference) = profiles::insert(tx, &applicant, holder, now).await? {
            accounts::refer(tx, id, reference, now).await?;
        }
    }
    accounts::within(tx, id).await?.ok_or_else(inactive)
}

fn inactive() -> Error {
    Kind::AccountInactive { retry_after: None }.into()
}
