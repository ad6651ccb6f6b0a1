//! Who is in which topic, for one shard of the channels.
//!
//! Sockets sit in numbered seats; a topic lists seats. A socket that several topics of one
//! publication reach is found once.

use std::collections::HashMap;
use std::sync::Arc;

use indexmap::IndexSet;
use smallvec::SmallVec;

use super::fanout::Dialect;
use super::outbound::Outbound;
use crate::domain::id::SocketId;
use crate::domain::topic::Topic;

/// A place in a shard, until its socket leaves or the shard is restarted.
pub(super) type Seat = u32;

/// A socket as the fanout sees it.
#[derive(Debug, Clone)]
pub(super) struct Member {
    pub outbound: Arc<Outbound>,
    pub dialect: Dialect,
}

/// The members of every topic, as far as this shard keeps them.
#[derive(Debug, Default)]
pub(super) struct Members {
    seats: Vec<Option<Taken>>,
    free: Vec<Seat>,
    of_socket: HashMap<SocketId, Seat>,
    of_topic: HashMap<Topic, Seats>,
    round: u64,
}

#[derive(Debug)]
struct Taken {
    member: Member,
    topics: SmallVec<[Topic; 6]>,
    /// The last search that found this seat.
    found_in: u64,
}

/// Most topics have a seat or two; a broadcast has thousands and must lose one quickly.
#[derive(Debug)]
enum Seats {
    Few(SmallVec<[Seat; 4]>),
    Many(IndexSet<Seat>),
}

impl Members {
    /// Seats a socket. One already seated keeps its topics.
    pub(super) fn seat(&mut self, socket: SocketId, member: Member) {
        if self.of_socket.contains_key(&socket) {
            return;
        }
        let taken = Some(Taken { member, topics: SmallVec::new(), found_in: 0 });
        let seat = if let Some(seat) = self.free.pop() {
            self.seats[seat as usize] = taken;
            seat
        } else {
            self.seats.push(taken);
            Seat::try_from(self.seats.len() - 1).expect("fewer than 2^32 sockets fit a process")
        };
        self.of_socket.insert(socket, seat);
    }

    /// Adds a seated socket to a topic.
    pub(super) fn join(&mut self, socket: &SocketId, topic: Topic) {
        let Some(&seat) = self.of_socket.get(socket) else { return };
        let Some(taken) = &mut self.seats[seat as usize] else { return };
        if taken.topics.contains(&topic) {
            return;
        }
        taken.topics.push(topic.clone());
        self.of_topic.entry(topic).or_insert_with(|| Seats::Few(SmallVec::new())).insert(seat);
    }

    pub(super) fn leave(&mut self, socket: &SocketId, topic: &Topic) {
        let Some(&seat) = self.of_socket.get(socket) else { return };
        if let Some(taken) = &mut self.seats[seat as usize] {
            taken.topics.retain(|it| it != topic);
        }
        self.drop_from(topic, seat);
    }

    /// Frees the socket's seat.
    pub(super) fn unseat(&mut self, socket: &SocketId) {
        let Some(seat) = self.of_socket.remove(socket) else { return };
        let Some(taken) = self.seats[seat as usize].take() else { return };
        for topic in &taken.topics {
            self.drop_from(topic, seat);
        }
        self.free.push(seat);
    }

    pub(super) fn member(&self, seat: Seat) -> Option<&Member> {
        self.seats.get(seat as usize)?.as_ref().map(|taken| &taken.member)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Member> {
        self.seats.iter().flatten().map(|taken| &taken.member)
    }

    /// How many are in a topic.
    pub(super) fn count(&self, topic: &Topic) -> usize {
        self.of_topic.get(topic).map_or(0, Seats::len)
    }

    /// The seats that any of `topics` reaches, each once.
    pub(super) fn reached(&mut self, topics: &[Topic]) -> Vec<Seat> {
        if let [topic] = topics {
            return self
                .of_topic
                .get(topic)
                .map(|seats| seats.iter().collect())
                .unwrap_or_default();
        }
        self.round += 1;
        let mut reached = Vec::new();
        for seats in topics.iter().filter_map(|topic| self.of_topic.get(topic)) {
            for seat in seats.iter() {
                if let Some(taken) = &mut self.seats[seat as usize]
                    && taken.found_in != self.round
                {
                    taken.found_in = self.round;
                    reached.push(seat);
                }
            }
        }
        reached
    }

    fn drop_from(&mut self, topic: &Topic, seat: Seat) {
        if let Some(seats) = self.of_topic.get_mut(topic) {
            seats.remove(seat);
            if seats.len() == 0 {
                self.of_topic.remove(topic);
            }
        }
    }
}

impl Seats {
    const FEW: usize = 16;

    fn insert(&mut self, seat: Seat) {
        match self {
            Self::Few(seats) if seats.len() < Self::FEW => seats.push(seat),
            Self::Few(seats) => {
                let mut many: IndexSet<Seat> = seats.drain(..).collect();
                many.insert(seat);
                *self = Self::Many(many);
            }
            Self::Many(seats) => {
                seats.insert(seat);
            }
        }
    }

    fn remove(&mut self, seat: Seat) {
        match self {
            Self::Few(seats) => seats.retain(|it| *it != seat),
            Self::Many(seats) => {
                seats.swap_remove(&seat);
            }
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Few(seats) => seats.len(),
            Self::Many(seats) => seats.len(),
        }
    }

    fn iter(&self) -> impl Iterator<Item = Seat> {
        let (few, many) = match self {
            Self::Few(seats) => (Some(seats), None),
            Self::Many(seats) => (None, Some(seats)),
        };
        few.into_iter().flatten().chain(many.into_iter().flatten()).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seated(members: &mut Members, name: &str, topics: &[&str]) {
        let member = Member { outbound: Outbound::polling(), dialect: Dialect::SocketIo };
        members.seat(name.into(), member);
        for topic in topics {
            members.join(&name.into(), topic.parse().unwrap());
        }
    }

    fn topics(names: &[&str]) -> Vec<Topic> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    #[test]
    fn a_socket_in_several_topics_is_reached_once() {
        let mut members = Members::default();
        seated(&mut members, "a", &["all", "role:Medico", "user:1"]);
        seated(&mut members, "b", &["all", "user:2"]);

        assert_eq!(members.reached(&topics(&["role:Medico", "user:1", "user:2"])), [0, 1]);
        assert_eq!(members.reached(&topics(&["user:1"])), [0]);
    }

    #[test]
    fn who_left_is_not_reached_and_the_seat_is_used_again() {
        let mut members = Members::default();
        for index in 0..40 {
            seated(&mut members, &format!("s{index}"), &["all"]);
        }

        members.leave(&"s0".into(), &Topic::All);
        members.unseat(&"s1".into());
        seated(&mut members, "late", &["entity:exam"]);

        let reached = members.reached(&topics(&["all"]));
        assert_eq!(reached.len(), 38);
        assert_eq!(members.reached(&topics(&["entity:exam"])), [1]);
    }
}
