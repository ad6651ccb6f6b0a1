//! Who stands behind a room token, and whether they may still be what it says.
//!
//! A token outlives what it was handed out for: accounts are switched off, lose a role or sign out, and
//! invitations are taken back. So whoever comes by one is asked about here.

use super::{facts, invites};
use crate::domain::clinical::doctor::DoctorStatus;
use crate::domain::consultations::grant;
use crate::domain::consultations::issue::SessionMark;
use crate::domain::consultations::seat::needed;
use crate::domain::events::signaling::SeatRole;
use crate::domain::id::{ConsultationId, SessionId, UserId};
use crate::domain::time::Timestamp;
use crate::error::{Error, Kind, Result, Unauthenticated};
use crate::persistence::Store;
use crate::persistence::identity::{accounts, sessions};

/// Somebody as their token names them.
#[derive(Debug, Clone, Copy)]
pub struct Named<'a> {
    pub consultation: &'a ConsultationId,
    pub identity: &'a str,
    pub role: SeatRole,
    pub session: Option<&'a SessionMark>,
}

/// Whose the token is, where that is somebody known here.
#[derive(Debug, Clone, Default)]
pub struct Holder {
    pub account: Option<UserId>,
    /// In which it was handed out; a token that was handed to somebody else has none.
    pub session: Option<SessionId>,
}

/// Who stands behind a token.
///
/// Fails with [`Unauthenticated::Revoked`] when the session ended or the invitation was taken back, with
/// [`Kind::AccountInactive`] when the account is switched off or the doctor does not practise, and with
/// [`Kind::Forbidden`] when it has lost the role.
pub async fn find(store: &Store, named: Named<'_>, now: Timestamp) -> Result<Holder> {
    if let Some(invite) = grant::invite_of(named.identity) {
        let stands = invites::stands(store, named.consultation, invite).await?;
        return if stands { Ok(Holder::default()) } else { Err(revoked()) };
    }
    let facts = facts::find(store, named.consultation.as_str()).await?;
    let doctor = facts.as_ref().and_then(|facts| facts.doctor.as_ref());
    let practises = doctor.is_none_or(|doctor| doctor.status == DoctorStatus::Active);
    if named.role == SeatRole::Doctor && !practises {
        return Err(Kind::AccountInactive { retry_after: None }.into());
    }
    let holder = facts.and_then(|facts| facts.holder(named.identity, named.role));
    let is_bound = named.session.is_some();
    let holder = holder.or_else(|| grant::observer_of(named.identity).filter(|_| is_bound));
    let Some(account) = holder else { return Ok(Holder::default()) };
    let user = accounts::by_id(store, account).await?.ok_or_else(revoked)?;
    if !user.is_active {
        return Err(Kind::AccountInactive { retry_after: None }.into());
    }
    if !user.roles.0.contains(&needed(named.role)) {
        return Err(Kind::Forbidden("the account has lost the role").into());
    }
    let session = match named.session {
        Some(mark) => Some(session(store, account, mark, now).await?),
        None => None,
    };
    Ok(Holder { account: Some(account), session })
}

/// The live session of an account that a mark stands for.
async fn session(
    store: &Store,
    account: UserId,
    mark: &SessionMark,
    now: Timestamp,
) -> Result<SessionId> {
    let live = sessions::ids(store, account, now).await?;
    live.into_iter().find(|session| SessionMark::of(session) == *mark).ok_or_else(revoked)
}

fn revoked() -> Error {
    Kind::Unauthenticated(Unauthenticated::Revoked).into()
}
