//! From what a room says to the sockets that hear it: written once for each form they read.

use smallvec::SmallVec;

use crate::actors::fanout::Dialect;
use crate::actors::frame::Frame;
use crate::actors::registry::Registry;
use crate::actors::socket::Namespace;
use crate::domain::consultations::notice::Notice;
use crate::domain::events::ServerEvent;
use crate::domain::id::SocketId;

/// Sends a notice to those of the sockets that are still there.
pub(super) fn tell(registry: &Registry, to: &[SocketId], notice: &Notice) {
    match notice {
        Notice::PeerJoined(event) => send(registry, to, event),
        Notice::PeerLeft(event) => send(registry, to, event),
        Notice::Muted(event) => send(registry, to, event),
        Notice::MuteRequest(event) => send(registry, to, event),
        Notice::ScreenShared(event) => send(registry, to, event),
        Notice::HandRaised(event) => send(registry, to, event),
        Notice::Said(event) => send(registry, to, event),
        Notice::RoomState(event) => send(registry, to, event),
        Notice::RoomEnded(event) => send(registry, to, event),
        Notice::Kicked(event) => send(registry, to, event),
        Notice::Lobby(event) => send(registry, to, event),
        Notice::Admitted(event) => send(registry, to, &**event),
        Notice::Denied(event) => send(registry, to, event),
        Notice::HandOver(event) => send(registry, to, event),
        Notice::Recording(event) => send(registry, to, event),
        Notice::RecordingRequest(event) => send(registry, to, event),
    }
}

fn send<E: ServerEvent>(registry: &Registry, to: &[SocketId], event: &E) {
    let event = event.event_to(Vec::new());
    let mut frames: SmallVec<[(Dialect, Namespace, Frame); 2]> = SmallVec::new();
    for socket in to.iter().filter_map(|id| registry.get(id)) {
        let (dialect, namespace) = (socket.dialect(), socket.namespace());
        let written = frames.iter().find(|it| (it.0, it.1) == (dialect, namespace));
        let frame = if let Some((.., frame)) = written {
            frame.clone()
        } else {
            let frame = socket.frame_of(E::CLASS, E::NAME, event.payload.get());
            frames.push((dialect, namespace, frame.clone()));
            frame
        };
        // One that is closing is lost to the room in a moment.
        socket.outbound().offer(frame);
    }
}
