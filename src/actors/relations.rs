//! Relations that end while sockets follow rows and people by them (contract §4).
//!
//! Who has nothing more to do with a patient must not hear one more event about them. The relay asks
//! again in the place of the event that tells of the end, so what was dispatched after it meets what
//! is left. A topic that was opened between the asking and that place is closed too, and may be asked
//! for again.

use super::authority::{Authority, user_of};
use crate::domain::id::UserId;
use crate::domain::identity::Principal;
use crate::domain::subscription::rests_on_relation;
use crate::domain::time::Timestamp;
use crate::domain::topic::Topic;
use crate::error::{Kind, Result};
use crate::persistence::clinical::related_accounts;
use crate::persistence::clinical::standing::Standing;
use crate::persistence::{Store, outbox};

/// What relations leave open to a user.
#[derive(Debug)]
pub(super) struct Related {
    user: UserId,
    kept: Vec<Topic>,
}

impl Authority {
    /// From now on the user's sockets hear of others what relations leave open.
    pub(super) fn related(&self, related: &Related) {
        for socket in self.channels.registry().of_user(related.user) {
            self.channels.confine(&socket, &related.kept);
        }
    }

    /// What is left to the users with sockets on this node who hear an event of ended relations.
    pub(super) async fn left_by(
        &self,
        store: &Store,
        row: &outbox::Dispatched,
    ) -> Result<Vec<Related>> {
        let mut related = Vec::new();
        for user in row.rooms.0.iter().filter_map(|room| user_of(room)) {
            related.extend(self.of(store, user).await?);
        }
        Ok(related)
    }

    async fn of(&self, store: &Store, user: UserId) -> Result<Option<Related>> {
        let sockets = self.channels.registry().of_user(user);
        let Some(principal) = sockets.first().map(|socket| socket.principal()) else {
            return Ok(None);
        };
        let mut asked = Vec::new();
        for topic in sockets.iter().flat_map(|socket| socket.topics()) {
            if rests_on_relation(&principal, &topic) && !asked.contains(&topic) {
                asked.push(topic);
            }
        }
        if asked.is_empty() {
            return Ok(Some(Related { user, kept: Vec::new() }));
        }
        let since = Timestamp::now().minus(self.relation);
        let kept = match Standing::of(store, &principal).await {
            Ok(standing) => kept(store, &principal, standing, asked, since).await?,
            Err(error) if matches!(error.kind(), Kind::AccountInactive { .. }) => Vec::new(),
            Err(error) => return Err(error),
        };
        Ok(Some(Related { user, kept }))
    }
}

async fn kept(
    store: &Store,
    principal: &Principal,
    standing: Standing,
    asked: Vec<Topic>,
    since: Timestamp,
) -> Result<Vec<Topic>> {
    let watched: Vec<UserId> = asked.iter().filter_map(Topic::whose_presence).collect();
    let mut kept: Vec<Topic> = if watched.is_empty() {
        Vec::new()
    } else {
        let related = related_accounts::among(store, principal, &watched, since).await?;
        related.into_iter().map(Topic::presence).collect()
    };
    for topic in asked {
        if let Topic::Entity(entity, Some(id)) = &topic
            && standing.may_follow(store, entity, id, since).await?
        {
            kept.push(topic);
        }
    }
    Ok(kept)
}
