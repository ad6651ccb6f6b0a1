//! From what a room says to the sockets that hear it: written once for each form they read.

use smallvec::SmallVec;

use crate::actors::fanout::Dialect;
use crate::actors::frame::Frame;
use crate::actors::registry::Registry;
use crate::actors::socket::Namespace;
use crate::domain::consultations::notice::Notice;
use crate::domain::event::Event;
use crate::domain::events::ServerEvent;
use crate::domain::id::SocketId;

/// A notice as it goes out.
pub(super) fn event(notice: &Notice) -> Event {
    match notice {
        Notice::PeerJoined(event) => event.event_to(Vec::new()),
        Notice::PeerLeft(event) => event.event_to(Vec::new()),
        Notice::Muted(event) => event.event_to(Vec::new()),
        Notice::MuteRequest(event) => event.event_to(Vec::new()),
        Notice::ScreenShared(event) => event.event_to(Vec::new()),
        Notice::HandRaised(event) => event.event_to(Vec::new()),
        Notice::Said(event) => event.event_to(Vec::new()),
        Notice::RoomState(event) => event.event_to(Vec::new()),
        Notice::RoomEnded(event) => event.event_to(Vec::new()),
        Notice::Kicked(event) => event.event_to(Vec::new()),
        Notice::Lobby(event) => event.event_to(Vec::new()),
        Notice::Admitted(event) => event.event_to(Vec::new()),
        Notice::Denied(event) => event.event_to(Vec::new()),
        Notice::HandOver(event) => event.event_to(Vec::new()),
        Notice::Recording(event) => event.event_to(Vec::new()),
        Notice::RecordingRequest(event) => event.event_to(Vec::new()),
    }
}

/// Sends a notice to those of the sockets that are still there.
pub(super) fn tell(registry: &Registry, to: &[SocketId], notice: &Notice) {
    let event = event(notice);
    let mut frames: SmallVec<[(Dialect, Namespace, Frame); 2]> = SmallVec::new();
    for socket in to.iter().filter_map(|id| registry.get(id)) {
        let (dialect, namespace) = (socket.dialect(), socket.namespace());
        let written = frames.iter().find(|it| (it.0, it.1) == (dialect, namespace));
        let frame = if let Some((.., frame)) = written {
            frame.clone()
        } else {
            let frame = socket.frame_of(event.class, event.name, event.payload.get());
            frames.push((dialect, namespace, frame.clone()));
            frame
        };
        // One that is closing is lost to the room in a moment.
        socket.outbound().offer(frame);
    }
}
