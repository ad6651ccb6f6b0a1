//! Descriptions and candidates: looked at for their size, handed on as they came.

use std::time::Instant;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::room::{Message, Signal};
use crate::actors::ack::Refusal;
use crate::actors::command::ask;
use crate::actors::hub::Hub;
use crate::actors::socket::Socket;
use crate::domain::events::ClientEvent;
use crate::domain::events::signaling::requests::{SendAnswer, SendCandidate, SendOffer};

/// The content of a signal may be this much longer than what its rules count: JSON writes some letters
/// as several.
const OVERHEAD: usize = 2;
/// What stands around the text that the rules count.
const ENVELOPE: usize = 512;

/// What is handed on.
#[derive(Deserialize)]
struct Content<'a> {
    #[serde(borrow)]
    sdp: Option<&'a RawValue>,
    renegotiate: Option<bool>,
    #[serde(borrow)]
    candidate: Option<&'a RawValue>,
}

impl Hub {
    /// Hands an offer, an answer or a candidate to the peer it is for.
    pub(super) async fn relay_signal(
        &self,
        socket: &Socket,
        event: &str,
        arg: Option<&RawValue>,
    ) -> Result<(), Refusal> {
        let received = Instant::now();
        let (event, room, to, counted) = match event {
            SendOffer::NAME => {
                let SendOffer { room_id, to, sdp, .. } = ask(arg)?;
                (SendOffer::NAME, room_id, to, sdp.sdp.len())
            }
            SendAnswer::NAME => {
                let SendAnswer { room_id, to, sdp } = ask(arg)?;
                (SendAnswer::NAME, room_id, to, sdp.sdp.len())
            }
            _ => {
                let SendCandidate { room_id, to, candidate } = ask(arg)?;
                let counted = candidate.map_or(0, |candidate| candidate.candidate.len());
                (SendCandidate::NAME, room_id, to, counted)
            }
        };
        let content = arg.and_then(|arg| content(event, arg.get()));
        let content = content.filter(|it| it.len() <= counted * OVERHEAD + ENVELOPE);
        let content = content.ok_or_else(|| Refusal::invalid("the content is too long"))?;
        let (by, to) = (socket.id().clone(), to.into());
        let signal = Signal { by, to, event, content, received };
        self.rooms().ask(&room, |reply| Message::Relay { signal, reply }).await
    }
}

/// The fields of a payload that are handed on, letter for letter.
fn content(event: &str, payload: &str) -> Option<String> {
    let Content { sdp, renegotiate, candidate } = serde_json::from_str(payload).ok()?;
    if event == SendCandidate::NAME {
        return Some(format!("\"candidate\":{}", candidate.map_or("null", RawValue::get)));
    }
    let renegotiate = match renegotiate {
        Some(again) if event == SendOffer::NAME => format!(",\"renegotiate\":{again}"),
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
            content("offer", offer).unwrap(),
            r#""sdp":{ "type" : "offer","sdp":"v=0\r\n\u00e9", "x":1 },"renegotiate":true"#
        );
        assert_eq!(content("ice-candidate", last).unwrap(), r#""candidate":null"#);
    }
}
