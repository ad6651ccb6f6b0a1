//! Watching the presence of others (contract §6.5): who may, and from when on.
//!
//! One call is granted or refused as a whole. A user is followed before it is asked after, so of what
//! changes meanwhile nothing is missed.

use std::sync::Arc;

use super::ack::{Code, Refusal};
use super::hub::Hub;
use super::socket::Socket;
use crate::domain::events::presence::{PresenceEntry, PresenceSubscribe, PresenceUnsubscribe};
use crate::domain::id::UserId;
use crate::domain::identity::Principal;
use crate::domain::time::Timestamp;
use crate::domain::topic::Topic;
use crate::persistence::clinical::related_accounts;

impl Hub {
    /// An account's focus mode was switched: whoever watches it is told.
    pub fn focus_switched(&self, user: UserId) {
        self.inner().registry.watched().note_focus(user);
    }

    pub(super) async fn watch_users(
        &self,
        socket: &Socket,
        asked: PresenceSubscribe,
    ) -> Result<Vec<PresenceEntry>, Refusal> {
        let users = each_once(asked.user_ids);
        let by = socket.principal();
        if !self.may_watch(&by, &users).await? {
            return Err(not_related());
        }
        let heard = socket.topics();
        let watched = self.follow_users(socket, &by, &users).await;
        if watched.is_err() {
            for topic in users.iter().map(|user| Topic::presence(*user)) {
                if !heard.contains(&topic) {
                    self.unfollow(socket, topic).await?;
                }
            }
        }
        watched
    }

    /// The answer is how those were who are no longer watched.
    pub(super) async fn unwatch_users(
        &self,
        socket: &Socket,
        asked: PresenceUnsubscribe,
    ) -> Result<Vec<PresenceEntry>, Refusal> {
        let mut users = each_once(asked.user_ids);
        users.retain(|user| socket.hears(&Topic::presence(*user)));
        let presence = self.presence_of(users.clone()).await?;
        for user in users {
            self.unfollow(socket, Topic::presence(user)).await?;
        }
        Ok(presence)
    }

    async fn follow_users(
        &self,
        socket: &Socket,
        by: &Arc<Principal>,
        users: &[UserId],
    ) -> Result<Vec<PresenceEntry>, Refusal> {
        for user in users {
            if !self.follow_as(socket, Arc::clone(by), Topic::presence(*user)).await? {
                return Err(Refusal::new(Code::Conflict, "your rights changed; ask again"));
            }
        }
        self.presence_of(users.to_vec()).await
    }

    /// Oneself, those one has to do with, and for administrators anyone.
    async fn may_watch(&self, by: &Principal, users: &[UserId]) -> Result<bool, Refusal> {
        let mut others = users.to_vec();
        others.retain(|user| *user != by.user);
        if by.is_admin() || others.is_empty() {
            return Ok(true);
        }
        let since = Timestamp::now().minus(self.settings().relation);
        let related = related_accounts::among(self.store(), by, &others, since).await?;
        Ok(related.len() == others.len())
    }

    /// How users are that a socket follows already.
    async fn presence_of(&self, users: Vec<UserId>) -> Result<Vec<PresenceEntry>, Refusal> {
        if users.is_empty() {
            return Ok(Vec::new());
        }
        let answer = self.inner().registry.watched().ask(users).await;
        let restarting = || Refusal::new(Code::Internal, "presence is restarting; try again");
        Ok(answer.ok_or_else(restarting)??)
    }
}

fn each_once(users: Vec<UserId>) -> Vec<UserId> {
    let mut each: Vec<UserId> = Vec::with_capacity(users.len());
    for user in users {
        if !each.contains(&user) {
            each.push(user);
        }
    }
    each
}

fn not_related() -> Refusal {
    let field = Some("userIds".to_owned());
    Refusal { field, ..Refusal::new(Code::Forbidden, "you may not watch all of these") }
}
