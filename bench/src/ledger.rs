//! Who has received what: every socket gets every message exactly once, and all in one order.
//!
//! Publishes in flight together have no order of their own, so the order is the one in which the first socket
//! saw them; the others must agree with it. Nothing is allocated per delivery.

use std::time::{Duration, Instant};

/// Digits of a message number, written as `n=00000042`.
pub(crate) const NUMBER_DIGITS: usize = 8;
/// Messages that may be in flight; the width of a socket's memory.
const SPAN: u32 = 64;

/// What a delivery meant.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Not a numbered message.
    Foreign,
    /// Wanted, and other sockets still wait for it.
    Counted,
    /// The last socket has it, so long after it was published.
    Complete(Duration),
    /// Came before.
    Duplicate,
}

/// What one socket has.
#[derive(Clone, Copy, Default)]
struct Received {
    /// All numbers below have come.
    below: u32,
    /// Bit `i`: `below + i` has come too.
    ahead: u64,
    /// How many messages have come.
    count: u32,
}

/// One message on its way.
#[derive(Clone, Copy)]
struct Flight {
    published: Instant,
    waiting: usize,
}

pub(crate) struct Ledger {
    sockets: Vec<Received>,
    /// By number modulo [`SPAN`].
    flights: Vec<Flight>,
    /// Numbers as the first socket saw them.
    order: Vec<u32>,
    published: u32,
    completed: u32,
    /// No message below is in flight.
    oldest: u32,
    /// Where the number stood in the last message, which is where it stands in most.
    usual_place: usize,
    delivered: u64,
    duplicated: u64,
    disordered: u64,
}

impl Ledger {
    pub(crate) fn new(sockets: usize) -> Self {
        let landed = Flight { published: Instant::now(), waiting: 0 };
        Self {
            sockets: vec![Received::default(); sockets],
            flights: vec![landed; SPAN as usize],
            order: Vec::new(),
            published: 0,
            completed: 0,
            oldest: 0,
            usual_place: 0,
            delivered: 0,
            duplicated: 0,
            disordered: 0,
        }
    }

    pub(crate) fn published(&self) -> u32 {
        self.published
    }

    pub(crate) fn in_flight(&self) -> u32 {
        self.published - self.completed
    }

    pub(crate) fn delivered(&self) -> u64 {
        self.delivered
    }

    pub(crate) fn duplicated(&self) -> u64 {
        self.duplicated
    }

    pub(crate) fn disordered(&self) -> u64 {
        self.disordered
    }

    /// Deliveries of published messages that have not come.
    pub(crate) fn missing(&self) -> u64 {
        self.sockets.iter().map(|socket| u64::from(self.published - socket.count)).sum()
    }

    /// Another message fits into a window of `window`.
    pub(crate) fn has_room(&self, window: u32) -> bool {
        self.in_flight() < window && self.published - self.oldest < SPAN
    }

    /// Notes a publish, and gives its number.
    pub(crate) fn publish(&mut self) -> u32 {
        let number = self.published;
        self.flights[(number % SPAN) as usize] =
            Flight { published: Instant::now(), waiting: self.sockets.len() };
        self.published += 1;
        number
    }

    /// Notes that `socket` received `text`.
    pub(crate) fn receive(&mut self, socket: usize, text: &[u8]) -> Verdict {
        let Some(number) = self.number(text).filter(|number| *number < self.published) else {
            return Verdict::Foreign;
        };
        let received = &mut self.sockets[socket];
        // A number is in flight until the slowest socket has it, so none is ever SPAN ahead.
        let bit = number.checked_sub(received.below).map(|ahead| 1_u64 << (ahead % SPAN));
        let Some(bit) = bit.filter(|bit| received.ahead & bit == 0) else {
            self.duplicated += 1;
            return Verdict::Duplicate;
        };
        received.ahead |= bit;
        let come = received.ahead.trailing_ones();
        received.ahead = received.ahead.checked_shr(come).unwrap_or(0);
        received.below += come;

        let place = received.count as usize;
        received.count += 1;
        match self.order.get(place) {
            None => self.order.push(number),
            Some(&first) if first == number => {}
            Some(_) => self.disordered += 1,
        }

        self.delivered += 1;
        let flight = &mut self.flights[(number % SPAN) as usize];
        flight.waiting -= 1;
        if flight.waiting > 0 {
            return Verdict::Counted;
        }
        let latency = flight.published.elapsed();
        self.completed += 1;
        while self.oldest < self.published
            && self.flights[(self.oldest % SPAN) as usize].waiting == 0
        {
            self.oldest += 1;
        }
        Verdict::Complete(latency)
    }

    /// The number that `text` carries.
    fn number(&mut self, text: &[u8]) -> Option<u32> {
        if let Some(number) = number_at(text, self.usual_place) {
            return Some(number);
        }
        let (place, number) = number_in(text)?;
        self.usual_place = place;
        Some(number)
    }
}

/// The number that `text` carries, and where.
pub(crate) fn number_in(text: &[u8]) -> Option<(usize, u32)> {
    let place = text.windows(2).position(|two| two == b"n=")?;
    Some((place, number_at(text, place)?))
}

fn number_at(text: &[u8], place: usize) -> Option<u32> {
    let digits = text.get(place..place + 2 + NUMBER_DIGITS)?.strip_prefix(b"n=")?;
    digits.iter().try_fold(0, |number, digit| {
        digit.is_ascii_digit().then(|| number * 10 + u32::from(digit - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(number: u32) -> Vec<u8> {
        format!(r#"42/events,["system:message",{{"message":"n={number:08}..."}}]"#).into_bytes()
    }

    #[test]
    fn a_message_is_complete_when_the_last_socket_has_it() {
        let mut ledger = Ledger::new(2);
        let number = ledger.publish();

        assert_eq!(ledger.receive(1, &text(number)), Verdict::Counted);
        assert!(matches!(ledger.receive(0, &text(number)), Verdict::Complete(_)));

        assert_eq!((ledger.in_flight(), ledger.delivered(), ledger.missing()), (0, 2, 0));
    }

    #[test]
    fn a_second_copy_is_a_duplicate() {
        let mut ledger = Ledger::new(2);
        let (first, second) = (ledger.publish(), ledger.publish());
        ledger.receive(0, &text(first));
        ledger.receive(1, &text(second));

        assert_eq!(ledger.receive(0, &text(first)), Verdict::Duplicate);
        assert_eq!(ledger.receive(1, &text(second)), Verdict::Duplicate);

        assert_eq!((ledger.duplicated(), ledger.missing()), (2, 2));
    }

    #[test]
    fn sockets_that_disagree_on_the_order_are_counted() {
        let mut ledger = Ledger::new(2);
        let (first, second) = (ledger.publish(), ledger.publish());
        for (socket, number) in [(0, second), (0, first), (1, second), (1, first)] {
            ledger.receive(socket, &text(number));
        }
        assert_eq!(ledger.disordered(), 0);

        let (third, fourth) = (ledger.publish(), ledger.publish());
        for (socket, number) in [(0, third), (0, fourth), (1, fourth), (1, third)] {
            ledger.receive(socket, &text(number));
        }
        assert_eq!((ledger.disordered(), ledger.missing()), (2, 0));
    }

    #[test]
    fn the_window_stays_within_what_a_socket_remembers() {
        let mut ledger = Ledger::new(2);
        let stuck = ledger.publish();
        ledger.receive(0, &text(stuck));
        for _ in 1..SPAN {
            assert!(ledger.has_room(16));
            let number = ledger.publish();
            ledger.receive(0, &text(number));
            ledger.receive(1, &text(number));
        }

        assert!(!ledger.has_room(16));
        ledger.receive(1, &text(stuck));

        assert!(ledger.has_room(16));
        assert_eq!((ledger.missing(), ledger.duplicated(), ledger.in_flight()), (0, 0, 0));
    }

    #[test]
    fn other_events_are_let_pass() {
        let mut ledger = Ledger::new(1);
        ledger.publish();
        assert_eq!(ledger.receive(0, br#"42/events,["presence:update",{}]"#), Verdict::Foreign);
        assert_eq!(ledger.receive(0, &text(7)), Verdict::Foreign);
    }
}
