//! The accounts of the auth service beside the hub, repeated here when their tokens come by.

use tracing::warn;

use crate::auth::{Account, Vouched};
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::http::App;
use crate::persistence::Store;
use crate::persistence::identity::accounts::{self, User};
use crate::persistence::identity::mirrors::{self, Mirror};
use crate::persistence::identity::sessions;

/// The account behind the token that a sign-in at the service brought, under the name that was used.
///
/// None, and a warning, when the token is of no use here: the person is signed in, but only there.
pub async fn signed_in(app: &App, token: &str, name: &str, now: Timestamp) -> Result<Option<User>> {
    match app.auth.read_vouched(token) {
        Ok(told) => {
            let email = told.email.clone().or_else(|| Some(name.to_owned()));
            holder(&app.store, &Vouched { email, ..told }, now).await
        }
        Err(reason) => {
            warn!(%reason, "a token of the auth service is not accepted here");
            Ok(None)
        }
    }
}

/// The account a token of the service speaks for, in step with what the token says.
///
/// None when the token belongs to a session of ours, which then has ended, or when its number
/// belongs to an account made here.
pub async fn holder(store: &Store, told: &Vouched, now: Timestamp) -> Result<Option<User>> {
    if let Some(session) = &told.session
        && sessions::exists(store, session).await?
    {
        return Ok(None);
    }
    let as_of = told.issued_at.map(end_of_second);
    if let Some(changed) = mirrors::changed_at(store, told.user).await?
        && let Some(user) = accounts::by_id(store, told.user).await?
        && (told.describes(&Account::from(&user)) || as_of.is_none_or(|as_of| as_of <= changed))
    {
        return Ok(Some(user));
    }
    let is_address = |email: &&str| email.contains('@') && email.chars().count() <= 254;
    let mirror = Mirror {
        id: told.user,
        email: told.email.as_deref().filter(is_address),
        primary_role: told.primary_role,
        roles: &told.roles,
        reference_id: told.reference_id,
        as_of,
    };
    let mut tx = store.begin().await?;
    if !mirrors::put(&mut tx, mirror, now).await? {
        warn!(user.id = %told.user, "an account made here has the number of one of the auth service");
        return Ok(None);
    }
    let user = accounts::within(&mut tx, told.user).await?;
    tx.commit().await?;
    Ok(user)
}

/// Tokens count seconds; within one, the later word is not told from the earlier.
fn end_of_second(at: Timestamp) -> Timestamp {
    Timestamp(at.0.saturating_add(999))
}
