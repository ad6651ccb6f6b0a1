//! Proving once more, by password, to be who one is signed in as.

use serde_json::json;

use crate::auth::password::Verdict;
use crate::domain::identity::Principal;
use crate::domain::time::Timestamp;
use crate::error::{Kind, Result};
use crate::http::App;
use crate::http::context::Context;
use crate::persistence::audit;
use crate::persistence::identity::accounts;
use crate::telemetry::names;

/// Passes when the password is the caller's. A wrong one counts towards the account's lock as a
/// failed sign-in does, or a borrowed session could guess on.
pub(super) async fn by_password(
    app: &App,
    context: &Context,
    caller: &Principal,
    password: &str,
) -> Result<()> {
    let now = Timestamp::now();
    let user = accounts::by_id(&app.store, caller.user).await?.ok_or(Kind::NotFound("account"))?;
    if let Some(seconds) = user.failures().locked_for(now) {
        return Err(Kind::AccountInactive { retry_after: Some(seconds) }.into());
    }
    if app.passwords.verify(password, user.password_hash.as_deref()).await? != Verdict::Wrong {
        return Ok(());
    }
    metrics::counter!(names::AUTH_FAILURES, "surface" => "account", "reason" => "credentials")
        .increment(1);
    let mut entry = context.audit(Some(caller), "proof_refused", "user", &user.id);
    entry.data.insert("reason".into(), json!("credentials"));

    let mut tx = app.store.begin().await?;
    let failures = accounts::failures(&mut tx, user.id).await?;
    accounts::note_failures(&mut tx, user.id, failures.and_another(now)).await?;
    audit::append(&mut tx, &entry, now).await?;
    tx.commit().await?;
    Err(Kind::InvalidCredentials.into())
}
