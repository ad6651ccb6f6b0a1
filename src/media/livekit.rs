//! A `LiveKit` server: its rooms, who is in them, and its recordings.
//!
//! Answers come in `snake_case` with numbers of 64 bits as texts. The server counts participants late, so
//! how many there are is asked of the room itself. Nothing here is tried again: a room that exists is
//! created once more without harm, and whoever asks sees what failed.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::twirp::{Call, PATIENCE, Refusal, Twirp};
use super::webhook::Egress;
use crate::domain::consultations::grant::Source;
use crate::domain::consultations::issue::Issue;
use crate::domain::consultations::recording::Layout;
use crate::domain::secret::Secret;
use crate::domain::time::Timestamp;
use crate::error::{Error, Kind, Result};

/// A recorder may take this long to be found: the server answers after 22 seconds that there is none.
const EGRESS_PATIENCE: Duration = Duration::from_secs(40);

/// What data from the hub is about, in the words of the server.
const TOPIC: &str = "latido";

/// The server. Cheap to clone.
#[derive(Clone)]
pub struct LiveKit {
    twirp: Twirp,
    /// Where films go, where there is a bucket.
    bucket: Option<Arc<Bucket>>,
}

/// A bucket that the recorder writes to by itself.
#[derive(Debug, Clone)]
pub struct Bucket {
    pub name: String,
    pub region: String,
    pub access_key_id: Secret,
    pub secret_access_key: Secret,
    /// Another store than AWS.
    pub endpoint: Option<String>,
    pub path_style: bool,
}

/// A room to be opened.
#[derive(Debug, Clone, Copy)]
pub struct NewRoom<'a> {
    pub name: &'a str,
    /// How long it stays open with nobody inside, before the first one comes and after the last one left.
    pub idle: Duration,
    pub max_participants: i64,
}

/// A room there is.
#[derive(Debug, Clone, Deserialize)]
pub struct Room {
    pub sid: String,
    pub name: String,
}

/// Somebody in a room.
#[derive(Debug, Clone, Deserialize)]
pub struct Participant {
    pub identity: String,
    pub state: String,
    #[serde(deserialize_with = "seconds")]
    pub joined_at: Timestamp,
    /// Of the token they came by, as are the attributes.
    #[serde(default)]
    pub metadata: String,
    #[serde(default)]
    pub attributes: Issue,
    #[serde(default)]
    pub tracks: Vec<Track>,
    #[serde(default)]
    pub permission: Permission,
}

/// What the server lets somebody do.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Permission {
    /// It is the recorder.
    #[serde(default)]
    pub recorder: bool,
}

/// Something somebody shows or lets hear.
#[derive(Debug, Clone, Deserialize)]
pub struct Track {
    pub sid: String,
    /// `CAMERA`, `MICROPHONE`, `SCREEN_SHARE`, …
    pub source: String,
    #[serde(default)]
    pub muted: bool,
}

#[derive(Deserialize)]
struct Rooms {
    rooms: Vec<Room>,
}

#[derive(Deserialize)]
struct Participants {
    participants: Vec<Participant>,
}

#[derive(Deserialize)]
struct Muted {
    /// Null when there is no such track.
    track: Option<IgnoredAny>,
}

impl LiveKit {
    /// # Errors
    /// A TLS stack that cannot be set up.
    pub fn new(url: &str, key: &Secret, secret: &Secret, bucket: Option<Bucket>) -> Result<Self> {
        Ok(Self { twirp: Twirp::new(url, key, secret)?, bucket: bucket.map(Arc::new) })
    }

    /// Whether films have somewhere to go.
    pub fn can_record(&self) -> bool {
        self.bucket.is_some()
    }

    /// Opens a room, and answers its id. One that is open stays as it is.
    pub async fn create_room(&self, room: NewRoom<'_>) -> Result<String> {
        let idle = room.idle.as_secs();
        let body = json!({ "name": room.name, "empty_timeout": idle, "departure_timeout": idle,
            "max_participants": room.max_participants });
        let room: Room = self
            .call("RoomService/CreateRoom", json!({ "roomCreate": true }), body)
            .await
            .map_err(|refusal| refusal.of("room"))?;
        Ok(room.sid)
    }

    /// Closes a room and sends away who is inside. One that is closed is closed.
    pub async fn delete_room(&self, room: &str) -> Result<()> {
        let grants = json!({ "roomCreate": true });
        let body = json!({ "room": room });
        gone(self.call("RoomService/DeleteRoom", grants, body).await, "room")
    }

    /// The rooms there are.
    pub async fn rooms(&self) -> Result<Vec<Room>> {
        let rooms: Rooms = self
            .call("RoomService/ListRooms", json!({ "roomList": true }), json!({}))
            .await
            .map_err(|refusal| refusal.of("room"))?;
        Ok(rooms.rooms)
    }

    /// Who is in a room; nobody where there is none.
    pub async fn participants(&self, room: &str) -> Result<Vec<Participant>> {
        let body = json!({ "room": room });
        match self.call("RoomService/ListParticipants", admin(room), body).await {
            Ok(Participants { participants }) => Ok(participants),
            Err(Refusal::NotFound) => Ok(Vec::new()),
            Err(refusal) => Err(refusal.of("room")),
        }
    }

    /// Sends somebody away. Their token lets them back in.
    pub async fn remove(&self, room: &str, identity: &str) -> Result<()> {
        let body = json!({ "room": room, "identity": identity });
        self.call::<IgnoredAny>("RoomService/RemoveParticipant", admin(room), body)
            .await
            .map(drop)
            .map_err(|refusal| refusal.of("participant"))
    }

    /// Sends data to some of those in a room, without a loss. Where there is no room there is nobody.
    pub async fn send(&self, room: &str, to: &[&str], data: &[u8]) -> Result<()> {
        if to.is_empty() {
            // The server would take that for everybody.
            return Ok(());
        }
        let body = json!({ "room": room, "data": STANDARD.encode(data), "kind": "RELIABLE",
            "topic": TOPIC, "destination_identities": to });
        gone(self.call("RoomService/SendData", admin(room), body).await, "room")
    }

    /// Silences, or lets through again, everything somebody publishes from a source.
    pub async fn mute(
        &self,
        room: &str,
        identity: &str,
        source: Source,
        muted: bool,
    ) -> Result<()> {
        let participants = self.participants(room).await?;
        let found = participants.into_iter().find(|participant| participant.identity == identity);
        let participant = found.ok_or(Kind::NotFound("participant"))?;
        let is_meant = |track: &&Track| track.source.eq_ignore_ascii_case(name(source));
        let tracks: Vec<_> = participant.tracks.iter().filter(is_meant).collect();
        if tracks.is_empty() {
            return Err(Kind::NotFound("track").into());
        }
        for track in tracks {
            let body = json!({ "room": room, "identity": identity, "track_sid": track.sid,
                "muted": muted });
            let done: Muted = self
                .call("RoomService/MutePublishedTrack", admin(room), body)
                .await
                .map_err(|refusal| refusal.of("participant"))?;
            if done.track.is_none() {
                return Err(Kind::NotFound("track").into());
            }
        }
        Ok(())
    }

    /// Has a room filmed into the bucket, and answers the recording's id. Slow: the server looks for a
    /// recorder first.
    pub async fn start_recording(
        &self,
        room: &str,
        layout: Layout,
        filepath: &str,
    ) -> Result<String> {
        let bucket = self.bucket.as_ref().ok_or_else(no_bucket)?;
        let file = json!({ "file_type": "MP4", "filepath": filepath, "s3": bucket.as_upload() });
        let body = json!({ "room_name": room, "layout": layout.name(), "file_outputs": [file] });
        let call = Call {
            method: "Egress/StartRoomCompositeEgress",
            grants: json!({ "roomRecord": true }),
            body,
            patience: EGRESS_PATIENCE,
        };
        let egress: Egress = self.twirp.call(call).await.map_err(|refusal| refusal.of("room"))?;
        Ok(egress.egress_id)
    }

    /// Has a recording end. One that has ended has ended.
    pub async fn stop_recording(&self, egress: &str) -> Result<()> {
        let body = json!({ "egress_id": egress });
        let grants = json!({ "roomRecord": true });
        gone(self.call("Egress/StopEgress", grants, body).await, "recording")
    }

    /// What the server knows of a room's recordings.
    pub async fn recordings(&self, room: &str) -> Result<Vec<Egress>> {
        self.list_recordings(json!({ "room_name": room })).await
    }

    /// The recordings of all rooms that have not ended.
    pub async fn running_recordings(&self) -> Result<Vec<Egress>> {
        self.list_recordings(json!({ "active": true })).await
    }

    async fn list_recordings(&self, body: Value) -> Result<Vec<Egress>> {
        #[derive(Deserialize)]
        struct Recordings {
            items: Vec<Egress>,
        }
        let recordings: Recordings = self
            .call("Egress/ListEgress", json!({ "roomRecord": true }), body)
            .await
            .map_err(|refusal| refusal.of("room"))?;
        Ok(recordings.items)
    }

    async fn call<T: serde::de::DeserializeOwned>(
        &self,
        method: &'static str,
        grants: Value,
        body: Value,
    ) -> Result<T, Refusal> {
        self.twirp.call(Call { method, grants, body, patience: PATIENCE }).await
    }
}

impl Bucket {
    /// In the words of the recorder.
    fn as_upload(&self) -> Value {
        let mut upload = json!({ "access_key": self.access_key_id.expose(),
            "secret": self.secret_access_key.expose(), "region": self.region, "bucket": self.name,
            "force_path_style": self.path_style });
        if let Some(endpoint) = &self.endpoint {
            upload["endpoint"] = json!(endpoint);
        }
        upload
    }
}

/// What is not there is gone.
fn gone(outcome: Result<IgnoredAny, Refusal>, what: &'static str) -> Result<()> {
    match outcome {
        Ok(_) | Err(Refusal::NotFound) => Ok(()),
        Err(refusal) => Err(refusal.of(what)),
    }
}

fn admin(room: &str) -> Value {
    json!({ "roomAdmin": true, "room": room })
}

fn name(source: Source) -> &'static str {
    match source {
        Source::Camera => "camera",
        Source::Microphone => "microphone",
        Source::ScreenShare => "screen_share",
    }
}

fn no_bucket() -> Error {
    Kind::NotConfigured { missing: vec!["AWS_S3_BUCKET"] }.into()
}

/// Seconds since 1970, as a text or a number.
fn seconds<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Seconds {
        Text(String),
        Number(i64),
    }
    let seconds = match Seconds::deserialize(deserializer)? {
        Seconds::Text(text) => text.parse().map_err(serde::de::Error::custom)?,
        Seconds::Number(number) => number,
    };
    Ok(Timestamp(seconds.saturating_mul(1000)))
}
