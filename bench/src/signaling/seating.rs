//! Who sits in which room, by the numbers of rooms, seats and clients.

use std::ops::Range;

/// Doctors, and as many patients; each sits in every so many rooms.
pub(super) const PARTIES: usize = 20;

/// What somebody is in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Doctor,
    Patient,
    /// Hears the two and sends nothing.
    Observer(usize),
}

/// Doctor and patient of a room come first, then its observers.
const PARTS: [Part; 4] = [Part::Doctor, Part::Patient, Part::Observer(0), Part::Observer(1)];

/// A place in a room and the client that takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seat {
    pub(super) room: usize,
    pub(super) part: Part,
    pub(super) client: usize,
}

/// From one seat to another.
pub(super) type Way = (usize, usize);

/// The seats of some rooms, room by room.
pub(super) struct Seating {
    seats: Vec<Seat>,
    /// The seats of each room.
    rooms: Vec<Range<usize>>,
}

impl Seating {
    /// A client for each seat: rooms of two, then rooms of four.
    pub(super) fn of(twos: usize, fours: usize) -> Self {
        let sizes = std::iter::repeat_n(2, twos).chain(std::iter::repeat_n(4, fours));
        Self::new(sizes.enumerate(), |seat, _, _| seat)
    }

    /// Rooms of two from a number on, in which a client sits for each doctor and each patient.
    pub(super) fn shared(first: usize, rooms: usize) -> Self {
        Self::new((first..first + rooms).map(|room| (room, 2)), |_, room, part| {
            room % PARTIES + if part == Part::Doctor { 0 } else { PARTIES }
        })
    }

    fn new(
        sizes: impl Iterator<Item = (usize, usize)>,
        client: impl Fn(usize, usize, Part) -> usize,
    ) -> Self {
        let mut seating = Self { seats: Vec::new(), rooms: Vec::new() };
        for (room, size) in sizes {
            let first = seating.seats.len();
            for &part in &PARTS[..size] {
                let client = client(seating.seats.len(), room, part);
                seating.seats.push(Seat { room, part, client });
            }
            seating.rooms.push(first..seating.seats.len());
        }
        seating
    }

    pub(super) fn seats(&self) -> &[Seat] {
        &self.seats
    }

    /// How many rooms these are.
    pub(super) fn rooms(&self) -> usize {
        self.rooms.len()
    }

    /// The seats of the first rooms.
    pub(super) fn seats_of_first(&self, rooms: usize) -> usize {
        self.rooms[..rooms].last().map_or(0, |seats| seats.end)
    }

    pub(super) fn clients(&self) -> usize {
        self.seats.iter().map(|seat| seat.client + 1).max().unwrap_or(0)
    }

    /// Every way that a message may take, so that neighbours in the list are in different rooms.
    pub(super) fn ways(&self) -> Vec<Way> {
        let of_room = |seats: &Range<usize>| -> Vec<Way> {
            let parties = seats.clone().take(2);
            let ways = parties.flat_map(|from| seats.clone().map(move |to| (from, to)));
            ways.filter(|(from, to)| from != to).collect()
        };
        let by_room: Vec<Vec<Way>> = self.rooms.iter().map(of_room).collect();
        let most = by_room.iter().map(Vec::len).max().unwrap_or(0);
        let turn = |turn| by_room.iter().filter_map(move |ways| ways.get(turn));
        (0..most).flat_map(turn).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_go_from_both_parties_to_everybody_else() {
        let seating = Seating::of(1, 1);

        assert_eq!((seating.rooms(), seating.clients(), seating.seats_of_first(1)), (2, 6, 2));
        let ways = [(0, 1), (2, 3), (1, 0), (2, 4), (2, 5), (3, 2), (3, 4), (3, 5)];
        assert_eq!(seating.ways(), ways);
        let observer = Seat { room: 1, part: Part::Observer(1), client: 5 };
        assert_eq!(seating.seats()[5], observer);
    }

    #[test]
    fn shared_rooms_have_a_client_for_each_person() {
        let seating = Seating::shared(7, 2 * PARTIES);

        assert_eq!((seating.rooms(), seating.clients()), (2 * PARTIES, 2 * PARTIES));
        let patient = Seat { room: 8, part: Part::Patient, client: PARTIES + 8 };
        assert_eq!(seating.seats()[3], patient);
    }
}
