//! Accounts that change while their sockets are open.
//!
//! A lost role must not bring one more event (contract §3.2, §6.2: within 1 s on every node). The
//! relay makes each change in its place among the durable events, so on every node what was
//! dispatched after a change meets the new roles. The node that made the change need not wait for
//! that, and polling finds what no event told of. An arrival looks again once it can be found, so
//! a change either finds the socket or is found by it.

use std::sync::Arc;
use std::time::Duration;

use super::channels::Channels;
use super::hub::{Hub, Revocation};
use super::rooms::RoomTable;
use super::socket::Socket;
use crate::auth::{Account, Authenticator};
use crate::domain::closure::Closure;
use crate::domain::consultations::seat::needed;
use crate::domain::events::ServerEvent as _;
use crate::domain::events::accounts::UserUpdate;
use crate::domain::events::clinical::{AppointmentAction, AppointmentUpdate};
use crate::domain::id::UserId;
use crate::domain::identity::Principal;
use crate::domain::topic::Topic;
use crate::error::Result;
use crate::persistence::identity::accounts;
use crate::persistence::{Store, outbox};

/// Makes changed accounts count on this node.
#[derive(Clone)]
pub(super) struct Authority {
    pub(super) channels: Channels,
    pub(super) authenticator: Authenticator,
    /// How long after a visit a doctor and a patient have to do with each other.
    pub(super) relation: Duration,
    pub(super) rooms: Arc<RoomTable>,
}

impl Authority {
    /// From now on the account's sockets and requests may what it may; sockets of an account that is
    /// not active are closed, and those of room tokens it has lost the role for. A reading older than what is known changes nothing.
    pub(super) fn changed(&self, account: &Account) {
        self.authenticator.outdate(account.user, account.version);
        for socket in self.channels.registry().of_user(account.user) {
            if account.active {
                self.channels.reappoint(&socket, account);
                self.rooms.review(socket.id());
            } else if socket.principal().version <= account.version {
                self.channels.dismiss(&socket, Revocation::Deactivated);
            }
        }
        for socket in self.channels.registry().of_holder(account.user) {
            let principal = socket.principal();
            let role = principal.admission.as_ref().map(|admission| needed(admission.pass.role));
            if !account.active {
                self.channels.dismiss(&socket, Revocation::Deactivated);
            } else if role.is_some_and(|role| !account.roles.contains(&role)) {
                socket.dismiss(Closure::Forbidden);
            }
        }
    }
}

impl Hub {
    /// Makes the account's sockets on this node follow what it may now.
    pub fn account_changed(&self, account: &Account) {
        self.authority().changed(account);
    }

    /// Waits until every event committed before was handed to this node's sockets, at most `within`.
    /// False when that took longer.
    pub async fn caught_up(&self, within: Duration) -> bool {
        self.inner().progress.caught_up(within).await
    }

    pub(super) fn authority(&self) -> Authority {
        let (channels, authenticator) =
            (self.inner().channels.clone(), self.authenticator().clone());
        let rooms = Arc::clone(&self.inner().rooms);
        Authority { channels, authenticator, relation: self.settings().relation, rooms }
    }

    /// Looks again at a newcomer that can be found by now: what changed since it proved itself counts.
    pub(super) async fn confirm(&self, socket: &Socket) -> Result<()> {
        let principal = socket.principal();
        if principal.admission.is_some() {
            return self.stand_behind(Principal::clone(&principal)).await.map(drop);
        }
        let proof = self.authenticator().again(&principal).await?;
        self.inner().channels.renew(socket, &proof);
        Ok(())
    }
}

/// What an event says has changed about what its users may hear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    Nothing,
    /// An account may other things than before.
    Rights,
    /// Relations between people may have ended.
    Relations,
}

impl Told {
    pub(super) fn by(row: &outbox::Dispatched) -> Self {
        let payload = row.payload.0.get();
        match row.event.as_str() {
            UserUpdate::NAME => match serde_json::from_str::<UserUpdate>(payload) {
                Ok(update) if update.changes_rights() => Self::Rights,
                Ok(update) if update.changes_relations() => Self::Relations,
                _ => Self::Nothing,
            },
            AppointmentUpdate::NAME => match serde_json::from_str::<AppointmentUpdate>(payload) {
                Ok(update) if update.action == AppointmentAction::Cancelled => Self::Relations,
                _ => Self::Nothing,
            },
            _ => Self::Nothing,
        }
    }
}

/// The account an event is about, as it is now.
pub(super) async fn account_of(store: &Store, row: &outbox::Dispatched) -> Result<Option<Account>> {
    let Some(user) = row.rooms.0.iter().find_map(|room| user_of(room)) else { return Ok(None) };
    Ok(accounts::by_id(store, user).await?.as_ref().map(Account::from))
}

pub(super) fn user_of(room: &str) -> Option<UserId> {
    match room.parse() {
        Ok(Topic::User(user)) => Some(user),
        _ => None,
    }
}

#[cfg(test)]
#[path = "authority_tests.rs"]
mod tests;
