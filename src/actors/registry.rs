//! Every live socket of this node, and who they belong to.
//!
//! The one place a restarted actor rebuilds from.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Instant;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use metrics::gauge;
use parking_lot::Mutex;

use super::hub::Census;
use super::socket::{Namespace, Socket};
use super::throttle::{Allowance, Throttle, Verdict};
use super::watched::Watched;
use crate::domain::id::{SessionId, SocketId, UserId};
use crate::telemetry::names;

/// The live sockets.
#[derive(Debug)]
pub(super) struct Registry {
    sockets: DashMap<SocketId, Arc<Socket>>,
    users: DashMap<UserId, Arc<User>>,
    /// What the room tokens opened that an account was handed.
    of_holders: DashMap<UserId, Vec<Weak<Socket>>>,
    watchers: AtomicUsize,
    watched: Watched,
    /// In how many live consultations a user is. Users in none are not in it.
    calls: DashMap<UserId, usize>,
    shards: usize,
}

/// What all sockets of one user share.
#[derive(Debug)]
pub struct User {
    id: UserId,
    places: AtomicUsize,
    sockets: Mutex<Vec<Weak<Socket>>>,
    throttle: Mutex<Option<Throttle>>,
}

impl User {
    pub(super) fn throttle(&self, allowance: Allowance, now: Instant) -> Verdict {
        let mut throttle = self.throttle.lock();
        throttle.get_or_insert_with(|| Throttle::new(allowance, now)).take(allowance, now)
    }
}

impl Registry {
    pub(super) fn new(shards: usize) -> Arc<Self> {
        Arc::new(Self {
            sockets: DashMap::new(),
            users: DashMap::new(),
            of_holders: DashMap::new(),
            watchers: AtomicUsize::new(0),
            watched: Watched::default(),
            calls: DashMap::new(),
            shards,
        })
    }

    /// Takes one of the user's places. None when `limit` are taken.
    pub(super) fn reserve(&self, user: UserId, limit: usize) -> Option<Arc<User>> {
        match self.users.entry(user) {
            Entry::Occupied(entry) => {
                let user = entry.get();
                if user.places.load(Ordering::Relaxed) >= limit {
                    return None;
                }
                user.places.fetch_add(1, Ordering::Relaxed);
                Some(Arc::clone(user))
            }
            Entry::Vacant(entry) => {
                let user = User {
                    id: user,
                    places: AtomicUsize::new(1),
                    sockets: Mutex::default(),
                    throttle: Mutex::default(),
                };
                Some(Arc::clone(&entry.insert(Arc::new(user))))
            }
        }
    }

    pub(super) fn insert(&self, socket: Arc<Socket>) {
        connections(&socket).increment(1);
        socket.user().sockets.lock().push(Arc::downgrade(&socket));
        if let Some(holder) = holder(&socket) {
            self.of_holders.entry(holder).or_default().push(Arc::downgrade(&socket));
        }
        self.sockets.insert(socket.id().clone(), socket);
    }

    /// Counts a live socket under the transport it has now.
    pub(super) fn recount(&self, socket: &Socket) {
        if self.sockets.contains_key(socket.id()) {
            connections(socket).decrement(1);
            socket.count_anew();
            connections(socket).increment(1);
        }
    }

    /// Forgets a socket and gives its user's place back. False when it was gone already.
    pub(super) fn remove(&self, socket: &Socket) -> bool {
        if self.sockets.remove(socket.id()).is_none() {
            return false;
        }
        connections(socket).decrement(1);
        socket.user().sockets.lock().retain(|it| !std::ptr::eq(it.as_ptr(), socket));
        if let Some(holder) = holder(socket) {
            self.of_holders.remove_if_mut(&holder, |_, sockets| {
                sockets.retain(|it| !std::ptr::eq(it.as_ptr(), socket));
                sockets.is_empty()
            });
        }
        self.release(socket.user());
        true
    }

    /// Gives a place of the user back.
    pub(super) fn release(&self, user: &User) {
        self.users.remove_if(&user.id, |_, user| user.places.fetch_sub(1, Ordering::Relaxed) == 1);
    }

    pub(super) fn get(&self, id: &SocketId) -> Option<Arc<Socket>> {
        self.sockets.get(id).map(|socket| Arc::clone(&socket))
    }

    pub(super) fn len(&self) -> usize {
        self.sockets.len()
    }

    /// A copy of the list, so nothing stays locked while the caller works.
    pub(super) fn all(&self) -> Vec<Arc<Socket>> {
        self.sockets.iter().map(|socket| Arc::clone(&socket)).collect()
    }

    pub(super) fn of_user(&self, user: UserId) -> Vec<Arc<Socket>> {
        let Some(user) = self.users.get(&user) else { return Vec::new() };
        user.sockets.lock().iter().filter_map(Weak::upgrade).collect()
    }

    /// The sockets of the room tokens that an account was handed.
    pub(super) fn of_holder(&self, user: UserId) -> Vec<Arc<Socket>> {
        let Some(sockets) = self.of_holders.get(&user) else { return Vec::new() };
        sockets.iter().filter_map(Weak::upgrade).collect()
    }

    pub(super) fn of_session(&self, session: &SessionId) -> Vec<Arc<Socket>> {
        self.all().into_iter().filter(|socket| socket.session() == *session).collect()
    }

    /// The sockets that the shard seated. Those whose arrival still waits in its queue are not
    /// among them, so they do not hear what was published before.
    pub(super) fn of_shard(&self, shard: usize) -> Vec<Arc<Socket>> {
        self.all()
            .into_iter()
            .filter(|socket| socket.is_seated())
            .filter(|socket| self.shard_of(socket.id()) == shard)
            .collect()
    }

    pub(super) fn shard_of(&self, socket: &SocketId) -> usize {
        let mut hasher = DefaultHasher::new();
        socket.hash(&mut hasher);
        usize::try_from(hasher.finish()).unwrap_or_default() % self.shards
    }

    /// How many look at the live dashboard.
    pub(super) fn watchers(&self) -> usize {
        self.watchers.load(Ordering::Relaxed)
    }

    pub(super) fn count_watcher(&self, joined: bool) {
        if joined {
            self.watchers.fetch_add(1, Ordering::Relaxed);
        } else {
            self.watchers.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// A user begins or ends a call.
    pub(super) fn count_call(&self, user: UserId, begins: bool) {
        if begins {
            *self.calls.entry(user).or_default() += 1;
        } else {
            self.calls.remove_if_mut(&user, |_, calls| {
                *calls -= 1;
                *calls == 0
            });
        }
        self.watched.note(user);
    }

    /// Whether the user is in a live consultation.
    pub(super) fn is_on_call(&self, user: UserId) -> bool {
        self.calls.contains_key(&user)
    }

    /// Whose presence is watched.
    pub(super) fn watched(&self) -> &Watched {
        &self.watched
    }

    pub(super) fn census(&self) -> Census {
        let mut census = Census::default();
        for socket in self.all().iter().filter(|it| it.namespace() == Namespace::Events) {
            census.total += 1;
            *census.by_role.entry(socket.principal().primary_role.label()).or_default() += 1;
        }
        census
    }

    /// Sockets by namespace.
    pub(super) fn by_namespace(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for socket in self.all() {
            *counts.entry(socket.namespace().name()).or_default() += 1;
        }
        counts
    }
}

fn holder(socket: &Socket) -> Option<UserId> {
    socket.principal().admission.as_ref()?.holder
}

fn connections(socket: &Socket) -> metrics::Gauge {
    let (transport, role) = socket.counted_as();
    gauge!(
        names::WS_CONNECTIONS,
        "namespace" => socket.namespace().name(), "transport" => transport, "role" => role
    )
}
