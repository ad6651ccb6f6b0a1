//! Rooms as the product's clients see them: joined once, then offers and candidates from peer to peer.
//!
//! Nobody asks for an ack of those: a relay is one message in and one out, as a round trip is.

use std::{
    io,
    ops::Range,
    time::{Duration, Instant},
};

use serde::Deserialize;

use super::{
    house,
    seating::{Seat, Seating, Way},
    traffic::{Letter, Mail},
};
use crate::{
    ledger::number_in,
    swarm::{Listener, PATIENCE, Swarm},
};

const ACK: &[u8] = b"43/signaling,";
/// One message in so many is an offer, the others are candidates.
const OFFER_EVERY: usize = 10;
/// Bytes of an offer's description.
const SDP_BYTES: usize = 4096;
const SDP_LINE: &str = r"a=rtpmap:96 VP8/90000\r\n";

pub(super) struct Calls {
    seats: Vec<Seat>,
    ways: Vec<Way>,
    /// The name of the peer in each seat that was taken.
    peers: Vec<Option<String>>,
    /// What every description ends with.
    rest_of_sdp: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Joined {
    peer_id: String,
}

/// Joins that wait for their acks, which carry the number of the seat.
struct Joins<'a> {
    peers: &'a mut [Option<String>],
    answered: usize,
    refused: Option<String>,
}

impl Calls {
    pub(super) fn of(seating: &Seating) -> Self {
        Self {
            seats: seating.seats().to_vec(),
            ways: seating.ways(),
            peers: vec![None; seating.seats().len()],
            rest_of_sdp: SDP_LINE.repeat(SDP_BYTES / SDP_LINE.len()),
        }
    }

    /// Has some seats taken, at most `at_once` joins on the way.
    pub(super) fn join(
        &mut self,
        swarm: &mut Swarm,
        mut seats: Range<usize>,
        at_once: usize,
    ) -> io::Result<()> {
        let all = seats.len();
        let mut joins = Joins { peers: &mut self.peers, answered: 0, refused: None };
        let mut progress = (0, Instant::now());
        while joins.answered < all {
            while all - seats.len() - joins.answered < at_once
                && let Some(seat) = seats.next()
            {
                let Seat { room, client, .. } = self.seats[seat];
                let id = house::consultation(room);
                let ask = format!(r#"42/signaling,{seat}["join",{{"roomId":"{id}"}}]"#);
                swarm.send(client, ask.as_bytes())?;
            }
            swarm.turn(Duration::from_secs(1), &mut joins)?;
            if let Some(refused) = joins.refused {
                return Err(io::Error::other(format!("a join was refused: {refused}")));
            }
            if joins.answered > progress.0 {
                progress = (joins.answered, Instant::now());
            } else if progress.1.elapsed() > PATIENCE {
                return Err(io::Error::other("a join was never answered"));
            }
        }
        Ok(())
    }

    fn content(&self, number: u32) -> (&'static str, String) {
        let place = number as usize;
        // Another tenth in every turn of the ways, so that each sees both.
        if (place + place / self.ways.len()).is_multiple_of(OFFER_EVERY) {
            let rest = &self.rest_of_sdp;
            let sdp =
                format!(r"v=0\r\no=- n={number:08} 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n{rest}");
            return ("offer", format!(r#""sdp":{{"type":"offer","sdp":"{sdp}"}}"#));
        }
        let candidate = format!(
            "candidate:842163049 1 udp 1677729535 203.0.113.7 46154 typ srflx raddr 10.0.0.7 rport 46154 ufrag n={number:08}"
        );
        let candidate = format!(r#"{{"candidate":"{candidate}","sdpMid":"0","sdpMLineIndex":0}}"#);
        ("ice-candidate", format!(r#""candidate":{candidate}"#))
    }
}

impl Mail for Calls {
    fn write(&self, number: u32) -> Letter {
        let (from, to) = self.ways[number as usize % self.ways.len()];
        let (event, content) = self.content(number);
        let Seat { room, client, .. } = self.seats[from];
        let (id, peer) = (house::consultation(room), self.peers[to].as_deref().unwrap_or_default());
        let text =
            format!(r#"42/signaling,["{event}",{{"roomId":"{id}","to":"{peer}",{content}}}]"#);
        Letter { from: client, to: self.seats[to].client, text: text.into_bytes() }
    }

    fn number(&self, text: &[u8]) -> Option<u32> {
        number_in(text).map(|(_, number)| number)
    }
}

impl Listener for Joins<'_> {
    fn message(&mut self, _client: usize, text: &[u8]) {
        // The room's news come beside the ack.
        let Some(ack) = text.strip_prefix(ACK) else { return };
        let digits = ack.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (seat, answer) = ack.split_at(digits);
        let seat = std::str::from_utf8(seat).ok().and_then(|seat| seat.parse::<usize>().ok());
        match (seat, serde_json::from_slice::<[Joined; 1]>(answer)) {
            (Some(seat), Ok([Joined { peer_id }])) => {
                self.peers[seat] = Some(peer_id);
                self.answered += 1;
            }
            _ => self.refused = Some(String::from_utf8_lossy(answer).into_owned()),
        }
    }
}
