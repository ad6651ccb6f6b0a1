//! Descriptions and candidates: looked at for their size, handed on as they came.

use std::time::Instant;

use metrics::{Histogram, histogram};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::room::Message;
use crate::actors::ack::Refusal;
use crate::actors::command::ask;
use crate::actors::hub::Hub;
use crate::actors::socket::Socket;
use crate::domain::events::ClientEvent;
use crate::domain::events::signaling::requests::{SendAnswer, SendCandidate, SendOffer};
use crate::domain::id::{PeerId, SocketId};
use crate::telemetry::names;

/// The content of a signal may be this much longer than what its rules count: JSON writes some letters
/// as several.
const OVERHEAD: usize = 2;
/// What stands around the text that the rules count.
const ENVELOPE: usize = 512;

/// What is handed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::actors) enum SignalKind {
    Offer,
    Answer,
    Candidate,
}

/// A description or a candidate on its way.
pub(in crate::actors) struct Signal {
    pub by: SocketId,
    pub to: PeerId,
    pub kind: SignalKind,
    /// The payload's own fields as JSON, as they came.
    pub content: String,
    pub received: Instant,
}

/// How long signals take through this node, by their kind.
#[derive(Debug)]
pub(super) struct RelayTimes([Histogram; 3]);

/// The fields that are handed on.
#[derive(Deserialize)]
struct Content<'a> {
    #[serde(borrow)]
    sdp: Option<&'a RawValue>,
    renegotiate: Option<bool>,
    #[serde(borrow)]
    candidate: Option<&'a RawValue>,
}

impl SignalKind {
    const ALL: [Self; 3] = [Self::Offer, Self::Answer, Self::Candidate];

    /// The kind of the event of this name.
    pub(in crate::actors) fn find(event: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == event)
    }

    /// The name of its event, on the way in as on the way out.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Offer => SendOffer::NAME,
            Self::Answer => SendAnswer::NAME,
            Self::Candidate => SendCandidate::NAME,
        }
    }
}

impl RelayTimes {
    /// The histograms are looked up once, as signals are what a node hears most of.
    pub(super) fn new() -> Self {
        Self(
            SignalKind::ALL
                .map(|kind| histogram!(names::SIGNALING_RELAY_SECONDS, "type" => kind.name())),
        )
    }

    pub(super) fn record(&self, signal: &Signal) {
        self.0[signal.kind as usize].record(signal.received.elapsed());
    }
}

impl Hub {
    /// Hands an offer, an answer or a candidate to the peer it is for.
    pub(in crate::actors) async fn relay_signal(
        &self,
        socket: &Socket,
        kind: SignalKind,
        arg: Option<&RawValue>,
    ) -> Result<(), Refusal> {
        let received = Instant::now();
        let (room, to, counted) = match kind {
            SignalKind::Offer => {
                let SendOffer { room_id, to, sdp, .. } = ask(arg)?;
                (room_id, to, sdp.sdp.len())
            }
            SignalKind::Answer => {
                let SendAnswer { room_id, to, sdp } = ask(arg)?;
                (room_id, to, sdp.sdp.len())
            }
            SignalKind::Candidate => {
                let SendCandidate { room_id, to, candidate } = ask(arg)?;
                (room_id, to, candidate.map_or(0, |candidate| candidate.candidate.len()))
            }
        };
        let content = arg.and_then(|arg| content(kind, arg.get()));
        let content = content.filter(|it| it.len() <= counted * OVERHEAD + ENVELOPE);
        let content = content.ok_or_else(|| Refusal::invalid("the content is too long"))?;
        let signal = Signal { by: socket.id().clone(), to: to.into(), kind, content, received };
        self.rooms().ask(&room, |reply| Message::Relay { signal, reply }).await
    }
}

/// The fields of a payload that are handed on, letter for letter.
fn content(kind: SignalKind, payload: &str) -> Option<String> {
    let Content { sdp, renegotiate, candidate } = serde_json::from_str(payload).ok()?;
    if kind == SignalKind::Candidate {
        return Some(format!("\"candidate\":{}", candidate.map_or("null", RawValue::get)));
    }
    let renegotiate = match renegotiate {
        Some(again) if kind == SignalKind::Offer => format!(",\"renegotiate\":{again}"),
        _ => String::new(),
    };
    Some(format!("\"sdp\":{}{renegotiate}", sdp?.get()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_handed_on_is_not_rewritten() {
        let offer = r#"{"roomId":"r","to":"p","sdp":{ "type" : "offer","sdp":"v=0\r\n\u00e9", "x":1 },"renegotiate":true}"#;
        let last = r#"{"roomId":"r","to":"p","candidate":null}"#;

        assert_eq!(
            content(SignalKind::Offer, offer).unwrap(),
            r#""sdp":{ "type" : "offer","sdp":"v=0\r\n\u00e9", "x":1 },"renegotiate":true"#
        );
        assert_eq!(content(SignalKind::Candidate, last).unwrap(), r#""candidate":null"#);
    }

    #[test]
    fn signals_are_known_by_the_names_of_their_events() {
        let found = ["offer", "answer", "ice-candidate", "join"].map(SignalKind::find);

        assert_eq!(
            found,
            [Some(SignalKind::Offer), Some(SignalKind::Answer), Some(SignalKind::Candidate), None]
        );
    }
}
