//! What carries calls besides the hub itself: the media server, and the relays browsers find each other
//! by.
//!
//! [`Media`] is one of two: a `LiveKit` server, spoken to by its Twirp API, or none, and then calls go
//! from browser to browser. Who may ask for what is decided above.

pub mod ice;
pub mod livekit;
mod twirp;
pub mod webhook;

pub use ice::Ice;
pub use livekit::LiveKit;
pub use webhook::Webhooks;

/// The media server, where there is one. Cheap to clone.
#[derive(Clone)]
pub enum Media {
    Disabled,
    LiveKit(LiveKit),
}

impl Media {
    pub fn livekit(&self) -> Option<&LiveKit> {
        match self {
            Self::Disabled => None,
            Self::LiveKit(livekit) => Some(livekit),
        }
    }
}
