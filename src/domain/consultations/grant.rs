//! What a token opens: the table of rights in a room (contract §5.13), and the claims that carry it.
//!
//! Sending somebody away is no grant: doctors do it through the API, which asks who they are.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::issue::{Issue, SessionMark};
use super::reference::Reference;
use crate::domain::events::signaling::requests::LobbyStatus;
use crate::domain::events::signaling::{MediaKind, SeatRole};
use crate::domain::id::{ConsultationId, InviteId, UserId};
use crate::domain::time::Timestamp;

/// Rights in one room, in the media server's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "the media server's grants")]
pub struct Grant {
    pub room_join: bool,
    pub room: String,
    pub can_publish: bool,
    pub can_subscribe: bool,
    /// Chat.
    pub can_publish_data: bool,
    pub can_publish_sources: Vec<Source>,
    pub room_record: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden: Option<bool>,
}

/// What somebody shows or lets hear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    Camera,
    Microphone,
    ScreenShare,
}

impl Source {
    /// What peers call it.
    pub fn kind(self) -> MediaKind {
        match self {
            Self::Camera => MediaKind::Video,
            Self::Microphone => MediaKind::Audio,
            Self::ScreenShare => MediaKind::Screen,
        }
    }

    /// What the media server calls it.
    pub fn of(kind: MediaKind) -> Self {
        match kind {
            MediaKind::Video => Self::Camera,
            MediaKind::Audio => Self::Microphone,
            MediaKind::Screen => Self::ScreenShare,
        }
    }
}

/// Somebody who is let into a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pass {
    pub consultation: ConsultationId,
    pub room: String,
    pub role: SeatRole,
    /// Whom the media server knows.
    pub identity: String,
    /// Who it is to the portals.
    pub user: String,
    pub name: Option<String>,
    /// Opens the lobby and nothing behind it.
    pub is_waiting: bool,
    /// The session in which it is theirs; absent where somebody is handed another one's.
    pub session: Option<SessionMark>,
}

/// Somebody whom a room token lets into its room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    pub pass: Pass,
    /// Tokens from before their bearer was sent away let nobody in.
    pub issued_at: Timestamp,
    /// The account it was handed out to, once that was found out; absent for those without one.
    pub holder: Option<UserId>,
}

impl Admission {
    /// Whether it lets the same party into the same call as another one.
    pub fn is_for_the_seat_of(&self, other: &Self) -> bool {
        let seat = |it: &Self| {
            let Pass { consultation, identity, role, .. } = &it.pass;
            (consultation.clone(), identity.clone(), *role, it.holder)
        };
        seat(self) == seat(other)
    }
}

/// What a room token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomClaims {
    /// The key of the media server's API, or this hub.
    pub iss: String,
    /// The identity.
    pub sub: String,
    /// Seconds since 1970.
    pub nbf: i64,
    /// Seconds since 1970.
    pub exp: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// JSON as a text, which the media server passes on as it is.
    pub metadata: String,
    /// What the media server tells beside it.
    #[serde(default)]
    pub attributes: Issue,
    pub video: Grant,
    /// `room` where no media server takes the token, so that it is never taken for another kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub typ: Option<String>,
}

/// The metadata of a room token.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    role: SeatRole,
    consultation_id: ConsultationId,
    user_id: String,
    status: Option<LobbyStatus>,
}

impl RoomClaims {
    /// Whom the token lets in. None when it is not one that [`Pass::claims`] wrote.
    pub fn admission(self) -> Option<Admission> {
        let Metadata { role, consultation_id, user_id, status } =
            serde_json::from_str(&self.metadata).ok()?;
        let pass = Pass {
            consultation: consultation_id,
            room: self.video.room,
            role,
            identity: self.sub,
            user: user_id,
            name: self.name,
            is_waiting: status.is_some(),
            session: self.attributes.session,
        };
        Some(Admission { pass, issued_at: self.attributes.issued_at?, holder: None })
    }
}

impl Grant {
    /// What a role may do in a room.
    pub fn of(role: SeatRole, room: &str) -> Self {
        let takes_part = role != SeatRole::Observer;
        Self {
            room_join: true,
            room: room.to_owned(),
            can_publish: takes_part,
            can_subscribe: true,
            can_publish_data: takes_part,
            can_publish_sources: sources(role).to_vec(),
            room_record: role == SeatRole::Doctor,
            hidden: (!takes_part).then_some(true),
        }
    }

    /// What somebody may do who was not let in yet.
    fn of_lobby(room: &str) -> Self {
        Self {
            room_join: false,
            room: room.to_owned(),
            can_publish: false,
            can_subscribe: false,
            can_publish_data: false,
            can_publish_sources: Vec::new(),
            room_record: false,
            hidden: None,
        }
    }
}

/// What a role may show and let hear.
pub fn sources(role: SeatRole) -> &'static [Source] {
    match role {
        SeatRole::Doctor => &[Source::Camera, Source::Microphone, Source::ScreenShare],
        SeatRole::Patient => &[Source::Camera, Source::Microphone],
        SeatRole::Observer => &[],
    }
}

/// What the identities of guests begin with.
const GUEST: &str = "guest-";

/// How a guest is known who came by that invitation.
pub fn guest(invite: InviteId) -> String {
    format!("{GUEST}{invite}")
}

/// Whether an identity is an invited guest's, who stands for neither patient nor doctor.
pub fn is_guest(identity: &str) -> bool {
    identity.starts_with(GUEST)
}

/// The invitation by which a guest came who is known so.
pub fn invite_of(identity: &str) -> Option<InviteId> {
    identity.strip_prefix(GUEST)?.parse().ok().map(InviteId)
}

/// The account of an administrator who looks on and is known so.
pub fn observer_of(identity: &str) -> Option<UserId> {
    let number = identity.strip_prefix(SeatRole::Observer.name())?.strip_prefix('-')?;
    number.parse().ok().map(UserId)
}

impl Pass {
    /// See [`is_guest`].
    pub fn is_guest(&self) -> bool {
        is_guest(&self.identity)
    }

    /// For the patient or the doctor of a consultation, as they are named in it.
    pub fn of_party(
        consultation: &ConsultationId,
        room: &str,
        role: SeatRole,
        reference: &Reference,
    ) -> Self {
        Self {
            consultation: consultation.clone(),
            room: room.to_owned(),
            role,
            identity: reference.identity(role),
            user: reference.to_string(),
            name: None,
            is_waiting: false,
            session: None,
        }
    }

    /// The claims but for their issuer, kind and time.
    pub fn claims(&self) -> RoomClaims {
        let mut metadata = json!({ "role": self.role, "consultationId": self.consultation,
            "userId": self.user });
        if self.is_waiting {
            metadata["status"] = json!(LobbyStatus::Waiting);
        }
        RoomClaims {
            iss: String::new(),
            sub: self.identity.clone(),
            nbf: 0,
            exp: 0,
            name: self.name.clone(),
            metadata: metadata.to_string(),
            attributes: Issue::default(),
            video: if self.is_waiting {
                Grant::of_lobby(&self.room)
            } else {
                Grant::of(self.role, &self.room)
            },
            typ: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn pass(role: SeatRole) -> Pass {
        Pass::of_party(&"c-1".into(), "consultation-c-1", role, &Reference::from(7))
    }

    fn video(role: SeatRole) -> Value {
        serde_json::to_value(pass(role).claims().video).unwrap()
    }

    #[test]
    fn rights_are_as_in_the_table() {
        let room = "consultation-c-1";
        assert_eq!(
            video(SeatRole::Patient),
            json!({"roomJoin": true, "room": room, "canPublish": true, "canSubscribe": true,
                "canPublishData": true, "canPublishSources": ["camera", "microphone"],
                "roomRecord": false})
        );
        assert_eq!(
            video(SeatRole::Doctor),
            json!({"roomJoin": true, "room": room, "canPublish": true, "canSubscribe": true,
                "canPublishData": true,
                "canPublishSources": ["camera", "microphone", "screen_share"],
                "roomRecord": true})
        );
        assert_eq!(
            video(SeatRole::Observer),
            json!({"roomJoin": true, "room": room, "canPublish": false, "canSubscribe": true,
                "canPublishData": false, "canPublishSources": [], "roomRecord": false,
                "hidden": true})
        );
    }

    #[test]
    fn who_waits_may_nothing() {
        let waiting = Pass { is_waiting: true, ..pass(SeatRole::Patient) }.claims();

        assert_eq!(
            serde_json::to_value(&waiting.video).unwrap(),
            json!({"roomJoin": false, "room": "consultation-c-1", "canPublish": false,
                "canSubscribe": false, "canPublishData": false, "canPublishSources": [],
                "roomRecord": false})
        );
        let metadata: Value = serde_json::from_str(&waiting.metadata).unwrap();
        assert_eq!(metadata["status"], "waiting");
    }

    #[test]
    fn who_is_let_in_is_who_the_token_was_made_for() {
        for is_waiting in [false, true] {
            let pass = Pass { is_waiting, name: Some("Ana".into()), ..pass(SeatRole::Patient) };
            let issued_at = Timestamp(1_700_000_000_001);
            let session = Some(SessionMark::of(&"s_1".into()));
            let attributes = Issue { issued_at: Some(issued_at), session: session.clone() };
            let claims = RoomClaims { attributes, ..pass.claims() };
            let pass = Pass { session, ..pass };

            let admission = claims.admission().unwrap();

            assert_eq!(admission, Admission { pass, issued_at, holder: None });
        }
        assert_eq!(pass(SeatRole::Doctor).claims().admission(), None, "made at no time");
        let foreign = RoomClaims { metadata: "{}".into(), ..pass(SeatRole::Doctor).claims() };
        assert_eq!(foreign.admission(), None);
    }

    #[test]
    fn metadata_is_a_text_that_names_the_user_as_given() {
        let claims = pass(SeatRole::Patient).claims();

        assert_eq!(claims.sub, "patient-7");
        let metadata: Value = serde_json::from_str(&claims.metadata).unwrap();
        assert_eq!(metadata, json!({"role": "patient", "consultationId": "c-1", "userId": "7"}));
    }
}
