//! Addresses of fanout.

use std::fmt;
use std::str::FromStr;

use crate::domain::id::{SessionId, UserId};
use crate::domain::identity::Role;

/// Where an event goes: the contract's rooms of `/events`, and "all".
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Topic {
    /// Every `/events` socket.
    All,
    /// `role:<label>`
    Role(Role),
    /// `user:<id>`
    User(UserId),
    /// `session:<sid>`
    Session(SessionId),
    /// `entity:<name>`, or `entity:<name>:<id>`
    Entity(Box<str>, Option<Box<str>>),
    /// `admin:live`
    AdminLive,
    /// Any other room by its name: `conversation:7`, `consultation:x`, `crisis:1`, `presence:3`.
    Named(Box<str>),
}

impl Topic {
    /// Where one hears of a user's presence.
    pub fn presence(user: UserId) -> Self {
        Self::Named(format!("presence:{user}").into())
    }

    /// Whose presence is told here.
    pub fn whose_presence(&self) -> Option<UserId> {
        let Self::Named(name) = self else { return None };
        name.strip_prefix("presence:")?.parse().ok().map(UserId)
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Role(role) => write!(f, "role:{}", role.label()),
            Self::User(id) => write!(f, "user:{id}"),
            Self::Session(id) => write!(f, "session:{id}"),
            Self::Entity(name, None) => write!(f, "entity:{name}"),
            Self::Entity(name, Some(id)) => write!(f, "entity:{name}:{id}"),
            Self::AdminLive => f.write_str("admin:live"),
            Self::Named(name) => f.write_str(name),
        }
    }
}

/// The text names no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a room")]
pub struct NotATopic;

impl FromStr for Topic {
    type Err = NotATopic;

    fn from_str(text: &str) -> Result<Self, NotATopic> {
        if text.is_empty() || text.len() > 128 || text.chars().any(char::is_control) {
            return Err(NotATopic);
        }
        let Some((family, rest)) = text.split_once(':') else {
            return if text == "all" { Ok(Self::All) } else { Err(NotATopic) };
        };
        match (family, rest) {
            (_, "") => Err(NotATopic),
            ("role", name) => Role::parse(name).map(Self::Role).ok_or(NotATopic),
            ("user", id) => id.parse().map(|id| Self::User(UserId(id))).map_err(|_| NotATopic),
            ("session", id) => Ok(Self::Session(id.into())),
            ("entity", name) => Ok(match name.split_once(':') {
                Some((_, "") | ("", _)) => return Err(NotATopic),
                Some((name, id)) => Self::Entity(name.into(), Some(id.into())),
                None => Self::Entity(name.into(), None),
            }),
            ("admin", "live") => Ok(Self::AdminLive),
            _ => Ok(Self::Named(text.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_name_reads_back_as_itself() {
        for name in [
            "all",
            "role:Medico",
            "user:7",
            "session:s_9f",
            "entity:exam",
            "entity:exam:3",
            "admin:live",
            "conversation:10",
        ] {
            assert_eq!(name.parse::<Topic>().unwrap().to_string(), name);
        }
        let presence = Topic::presence(UserId(3));
        assert_eq!("presence:3".parse::<Topic>().unwrap(), presence);
        assert_eq!(presence.whose_presence(), Some(UserId(3)));
        assert_eq!(Topic::User(UserId(3)).whose_presence(), None);
        for name in ["", "user:", "user:x", "role:Nobody", "entity::3", "entity:exam:", "plain"] {
            assert_eq!(name.parse::<Topic>(), Err(NotATopic), "{name}");
        }
    }
}
