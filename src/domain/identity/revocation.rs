//! Why a session ended before its time.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The reason, as `session:revoked` and the `sessions` table say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Revocation {
    Logout,
    LogoutAll,
    Admin,
    PasswordChange,
    RefreshReuse,
    Expired,
    Deactivated,
}

impl Revocation {
    const ALL: [Self; 7] = [
        Self::Logout,
        Self::LogoutAll,
        Self::Admin,
        Self::PasswordChange,
        Self::RefreshReuse,
        Self::Expired,
        Self::Deactivated,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::LogoutAll => "logout_all",
            Self::Admin => "admin",
            Self::PasswordChange => "password_change",
            Self::RefreshReuse => "refresh_reuse",
            Self::Expired => "expired",
            Self::Deactivated => "deactivated",
        }
    }
}

/// The text names no reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a reason to revoke a session")]
pub struct NotAReason;

impl TryFrom<String> for Revocation {
    type Error = NotAReason;

    fn try_from(name: String) -> Result<Self, NotAReason> {
        Self::ALL.into_iter().find(|reason| reason.name() == name).ok_or(NotAReason)
    }
}
