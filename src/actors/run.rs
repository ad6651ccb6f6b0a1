//! One run of publications on its way to the members of a shard.
//!
//! Every member gets one write of all that is for it. When a delivery panics, only the member it
//! was for is hurt: it is closed, so that it comes back and asks for what it may have missed. The
//! others are remembered by name and served once the shard is restarted. A run that fails a second
//! time is not tried a third time: whoever it did not reach is closed in the same way.

use std::sync::Arc;

use indexmap::IndexMap;
use smallvec::SmallVec;

use super::fanout::{Dialect, PerDialect, Publication};
use super::frame::Batch;
use super::members::{Member, Members, Seat};
use crate::domain::closure::Closure;

/// Sockets written to before other tasks get a turn.
const SLICE: usize = 256;

/// Which publications of a run one member gets, in their order.
type Picks = SmallVec<[usize; 8]>;

/// Publications under delivery, and how far it came.
#[derive(Debug)]
pub(super) struct Run {
    publications: Vec<Arc<Publication>>,
    reach: Reach,
    /// Members that had their turn.
    served: usize,
    /// Members that took all publications, and further ones by publication.
    took_all: usize,
    took: Vec<usize>,
    joined: PerDialect<Batch>,
    has_failed: bool,
}

/// The members a run is for.
#[derive(Debug)]
enum Reach {
    /// Not looked up yet.
    Unknown,
    /// The publications have the same topics: each of these gets all of them.
    All(Vec<Seat>),
    /// Each of these gets some of them.
    Picked(IndexMap<Seat, Picks>),
    /// Seats are given anew at a restart; these were not served before it.
    Left(Vec<(Member, Picks)>),
}

impl Run {
    pub(super) fn of(publications: Vec<Arc<Publication>>) -> Self {
        Self {
            reach: Reach::Unknown,
            served: 0,
            took_all: 0,
            took: vec![0; publications.len()],
            joined: PerDialect::default(),
            has_failed: false,
            publications,
        }
    }

    /// Looks up whom the publications are for, unless that is known from before a restart.
    pub(super) fn find(&mut self, members: &mut Members) {
        let Reach::Unknown = self.reach else { return };
        let topics = self.publications.first().map_or(&[][..], |first| &first.event.topics);
        if self.publications.iter().all(|it| it.event.topics == topics) {
            self.reach = Reach::All(members.reached(topics));
            return;
        }
        let mut picked: IndexMap<Seat, Picks> = IndexMap::new();
        for (index, publication) in self.publications.iter().enumerate() {
            for seat in members.reached(&publication.event.topics) {
                picked.entry(seat).or_default().push(index);
            }
        }
        self.reach = Reach::Picked(picked);
    }

    /// Gives the next members one write each of all that is for them.
    pub(super) fn serve(&mut self, members: &mut Members) {
        let turns = self.served..self.members().min(self.served + SLICE);
        match &self.reach {
            Reach::Unknown => {}
            Reach::All(seats) => {
                for &seat in &seats[turns] {
                    if let Some(member) = members.member(seat)
                        && member.outbound.offer_batch(self.joined(member.dialect))
                    {
                        self.took_all += 1;
                    }
                    self.served += 1;
                }
            }
            Reach::Picked(picked) => {
                for (&seat, picks) in &picked[turns] {
                    if let Some(member) = members.member(seat)
                        && member.outbound.offer_batch(&self.join(picks, member.dialect))
                    {
                        picks.iter().for_each(|&index| self.took[index] += 1);
                    }
                    self.served += 1;
                }
            }
            Reach::Left(left) => {
                for (member, picks) in &left[turns] {
                    if member.outbound.offer_batch(&self.join(picks, member.dialect)) {
                        picks.iter().for_each(|&index| self.took[index] += 1);
                    }
                    self.served += 1;
                }
            }
        }
    }

    /// Whether every member had its turn.
    pub(super) fn is_served(&self) -> bool {
        !matches!(self.reach, Reach::Unknown) && self.served == self.members()
    }

    /// Saves what can be saved after a panic in [`Self::find`] or [`Self::serve`].
    pub(super) fn recover(&mut self, members: &Members) {
        let is_again = std::mem::replace(&mut self.has_failed, true);
        if matches!(self.reach, Reach::Unknown) && !is_again {
            return;
        }
        let mut left = self.unserved(members);
        let hurt = if is_again { left.len() } else { left.len().min(1) };
        for (member, _) in left.drain(..hurt) {
            member.outbound.close(Closure::ServerError);
        }
        self.reach = Reach::Left(left);
        self.served = 0;
    }

    /// Each publication, and how many sockets it was handed to.
    pub(super) fn tallies(&self) -> impl Iterator<Item = (&Publication, usize)> {
        let counts = self.took.iter().map(|took| took + self.took_all);
        self.publications.iter().map(AsRef::as_ref).zip(counts)
    }

    fn members(&self) -> usize {
        match &self.reach {
            Reach::Unknown => 0,
            Reach::All(seats) => seats.len(),
            Reach::Picked(picked) => picked.len(),
            Reach::Left(left) => left.len(),
        }
    }

    /// Those who had no turn, the one whose turn it was first; anyone, while that is not known.
    fn unserved(&self, members: &Members) -> Vec<(Member, Picks)> {
        let all: Picks = (0..self.publications.len()).collect();
        let seated =
            |seat: Seat, picks: &Picks| Some((members.member(seat)?.clone(), picks.clone()));
        match &self.reach {
            Reach::Unknown => members.all().map(|member| (member.clone(), all.clone())).collect(),
            Reach::All(seats) => {
                seats[self.served..].iter().filter_map(|&seat| seated(seat, &all)).collect()
            }
            Reach::Picked(picked) => {
                let left = &picked[self.served..];
                left.iter().filter_map(|(&seat, picks)| seated(seat, picks)).collect()
            }
            Reach::Left(left) => left[self.served..].to_vec(),
        }
    }

    /// All publications as one batch, joined once per dialect.
    fn joined(&self, dialect: Dialect) -> &Batch {
        self.joined.get_or_init(dialect, || {
            Batch::new(self.publications.iter().map(|it| it.frame(dialect).clone()).collect())
        })
    }

    fn join(&self, picks: &Picks, dialect: Dialect) -> Batch {
        Batch::new(
            picks.iter().map(|&index| self.publications[index].frame(dialect).clone()).collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::*;
    use crate::actors::outbound::Outbound;
    use crate::domain::event::{Class, Event};
    use crate::domain::topic::Topic;

    fn member() -> Member {
        Member { outbound: Outbound::polling(), dialect: Dialect::Plain }
    }

    fn run() -> Run {
        let payload = RawValue::from_string("{}".to_owned()).unwrap();
        let event =
            Event { name: "pong", class: Class::Volatile, topics: vec![Topic::All], payload };
        Run::of(vec![Arc::new(Publication::new(event, None, None, 1).0)])
    }

    #[test]
    fn a_run_nobody_was_found_for_is_tried_once_more_and_then_told_to_all() {
        let (mut members, someone, mut run) = (Members::default(), member(), run());
        members.seat("a".into(), someone.clone());

        run.recover(&members);
        assert!(!run.is_served());
        assert_eq!(someone.outbound.closing(), None);

        run.recover(&members);
        assert!(run.is_served());
        assert_eq!(someone.outbound.closing(), Some(Closure::ServerError));
    }

    #[test]
    fn who_was_left_is_served_although_seats_are_given_anew() {
        let (mut members, mut run) = (Members::default(), run());
        let sockets = [member(), member(), member()];
        for (name, socket) in ["a", "b", "c"].into_iter().zip(&sockets) {
            members.seat(name.into(), socket.clone());
            members.join(&name.into(), Topic::All);
        }
        run.find(&mut members);
        run.served = 1;

        run.recover(&members);
        run.serve(&mut Members::default());

        assert_eq!(sockets[1].outbound.closing(), Some(Closure::ServerError));
        assert_eq!(sockets.map(|it| it.outbound.waiting()), [0, 0, 1]);
        assert!(run.is_served());
        assert_eq!(run.tallies().map(|(_, count)| count).collect::<Vec<_>>(), [1]);
    }
}
