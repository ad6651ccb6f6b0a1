//! What a socket may and what it hears, changed together.
//!
//! Rooms follow roles. Whoever changes one changes the other under the same lock and tells the
//! channels before letting go, so an event published after a change finds it made, and nobody
//! enters a room by a right that was lost in between.

use std::sync::Arc;

use smallvec::SmallVec;

use super::channels::Channels;
use super::socket::{Namespace, Socket};
use crate::auth::Account;
use crate::domain::events::presence::ChosenPresence;
use crate::domain::events::subscription::Unsubscribed;
use crate::domain::events::values::EntityRef;
use crate::domain::identity::Principal;
use crate::domain::subscription;
use crate::domain::topic::Topic;

/// Topics one socket may follow by `subscribe`.
const MAX_SUBSCRIPTIONS: usize = 200;

/// The principal of a socket and the topics it hears.
#[derive(Debug)]
pub(super) struct Standing {
    pub(super) principal: Arc<Principal>,
    pub(super) topics: SmallVec<[Topic; 4]>,
    phase: Phase,
    /// What the user does by this socket.
    chosen: ChosenPresence,
}

/// A socket hears topics from when it was let in until it left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Arriving,
    Present,
    Gone,
}

/// Why a socket does not follow a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotFollowed {
    /// It follows as many as it may.
    Full,
    /// Its principal or a relation changed since the right was looked at.
    Outdated,
}

impl Standing {
    pub(super) fn new(principal: Arc<Principal>) -> Self {
        Self {
            principal,
            topics: SmallVec::new(),
            phase: Phase::Arriving,
            chosen: ChosenPresence::Online,
        }
    }

    pub(super) fn hears(&self, topic: &Topic) -> bool {
        self.topics.contains(topic)
    }

    fn subscriptions(&self) -> usize {
        self.topics.iter().filter(|it| matches!(it, Topic::Entity(..) | Topic::Named(_))).count()
    }
}

impl Socket {
    /// Opens the topics that are its own to a socket of `/events`, which is about to be seated.
    pub(super) fn welcome(&self) {
        let mut standing = self.standing();
        if standing.phase == Phase::Arriving && self.namespace() == Namespace::Events {
            standing.phase = Phase::Present;
            standing.topics = own_topics(&standing.principal);
        }
    }

    /// Whether the socket hears a topic now.
    pub(super) fn hears(&self, topic: &Topic) -> bool {
        self.standing().hears(topic)
    }

    /// Notes what the user does by this socket of `/events`.
    pub(super) fn choose(&self, presence: ChosenPresence) {
        self.standing().chosen = presence;
    }

    /// What the user does by this socket; none unless it is present on `/events`.
    pub(super) fn presence(&self) -> Option<ChosenPresence> {
        let standing = self.standing();
        (standing.phase == Phase::Present).then_some(standing.chosen)
    }
}

impl Channels {
    /// Has a socket follow a topic that `by`, its principal, has the right to.
    pub(super) fn follow(
        &self,
        socket: &Socket,
        topic: Topic,
        by: &Arc<Principal>,
    ) -> Result<(), NotFollowed> {
        let mut standing = socket.standing();
        if !Arc::ptr_eq(&standing.principal, by) {
            return Err(NotFollowed::Outdated);
        }
        if standing.hears(&topic) {
            return Ok(());
        }
        if standing.subscriptions() >= MAX_SUBSCRIPTIONS && topic != Topic::AdminLive {
            return Err(NotFollowed::Full);
        }
        self.open(socket, &mut standing, topic);
        Ok(())
    }

    pub(super) fn unfollow(&self, socket: &Socket, topic: &Topic) {
        self.close(socket, &mut socket.standing(), topic);
    }

    /// The socket proved itself anew. A proof that was read before the account last changed only
    /// lives longer, maybe in another session.
    pub(super) fn renew(&self, socket: &Socket, proof: &Principal) {
        self.stand_as(socket, |current| {
            if proof.version < current.version {
                return Some(Principal {
                    session: proof.session.clone(),
                    expires_at: proof.expires_at,
                    ..current.clone()
                });
            }
            (proof != current).then(|| proof.clone())
        });
    }

    /// The account behind the socket changed.
    pub(super) fn reappoint(&self, socket: &Socket, account: &Account) {
        self.stand_as(socket, |current| {
            (current.version < account.version).then(|| Principal {
                primary_role: account.primary_role,
                roles: account.roles.clone(),
                reference_id: account.reference_id,
                version: account.version,
                ..current.clone()
            })
        });
    }

    /// Closes what a relation had opened, but for the topics that are `kept`. A right that is being
    /// looked at meanwhile has to be looked at again.
    pub(super) fn confine(&self, socket: &Socket, kept: &[Topic]) {
        let mut standing = socket.standing();
        let principal = Principal::clone(&standing.principal);
        let mut ended = standing.topics.to_vec();
        ended.retain(|topic| {
            subscription::rests_on_relation(&principal, topic) && !kept.contains(topic)
        });
        standing.principal = Arc::new(principal);
        for topic in &ended {
            self.close(socket, &mut standing, topic);
        }
        drop(standing);
        for topic in ended {
            tell_ended(socket, &topic);
        }
    }

    /// Forgets what a socket that left was hearing.
    pub(super) fn part(&self, socket: &Socket) {
        let mut standing = socket.standing();
        if standing.phase == Phase::Present {
            standing.topics.iter().for_each(|topic| self.count(topic, false));
        }
        standing.phase = Phase::Gone;
    }

    /// Puts another principal in the place of the current one: its own rooms open, the room of a
    /// session it left closes, and a lost role closes what depended on it. Subscriptions that end so are told.
    fn stand_as(&self, socket: &Socket, next: impl FnOnce(&Principal) -> Option<Principal>) {
        let mut standing = socket.standing();
        let Some(next) = next(&standing.principal) else { return };
        let before = std::mem::replace(&mut standing.principal, Arc::new(next));
        let next = Arc::clone(&standing.principal);
        let mut ended = Vec::new();
        if before.roles.iter().any(|role| !next.has(*role)) {
            ended = standing.topics.to_vec();
            ended.retain(|topic| !subscription::stays_open(&next, topic));
        }
        for topic in &ended {
            self.close(socket, &mut standing, topic);
        }
        if before.session != next.session
            && let Some(session) = &before.session
        {
            self.close(socket, &mut standing, &Topic::Session(session.clone()));
        }
        for topic in own_topics(&next) {
            self.open(socket, &mut standing, topic);
        }
        drop(standing);
        for topic in ended {
            tell_ended(socket, &topic);
        }
    }

    fn open(&self, socket: &Socket, standing: &mut Standing, topic: Topic) {
        if standing.phase != Phase::Present || standing.hears(&topic) {
            return;
        }
        self.count(&topic, true);
        standing.topics.push(topic.clone());
        self.join(socket, topic);
    }

    fn close(&self, socket: &Socket, standing: &mut Standing, topic: &Topic) {
        if standing.phase != Phase::Present || !standing.hears(topic) {
            return;
        }
        self.count(topic, false);
        standing.topics.retain(|it| it != topic);
        self.leave(socket, topic.clone());
    }

    /// Counts who listens where somebody works only for listeners.
    fn count(&self, topic: &Topic, joins: bool) {
        if *topic == Topic::AdminLive {
            self.registry().count_watcher(joins);
        }
        match topic.whose_presence() {
            Some(user) if joins => self.registry().watched().begin(user),
            Some(user) => self.registry().watched().end(user),
            None => {}
        }
    }
}

/// The topics everyone hears who is let into `/events` (contract §6.8).
fn own_topics(principal: &Principal) -> SmallVec<[Topic; 4]> {
    let roles = principal.roles.iter().copied().map(Topic::Role);
    let session = principal.session.clone().map(Topic::Session);
    [Topic::All, Topic::User(principal.user)].into_iter().chain(roles).chain(session).collect()
}

/// A subscription that ended without being asked to is told like one that was (contract §6.5).
fn tell_ended(socket: &Socket, topic: &Topic) {
    let Topic::Entity(entity, id) = topic else { return };
    let entity_id = id.as_ref().map(|id| EntityRef::Text(id.as_ref().into()));
    socket.tell(&Unsubscribed { entity: entity.to_string(), entity_id, room: topic.to_string() });
}
