//! What a caller has proven about itself.

use std::sync::Arc;

use super::Role;
use crate::domain::consultations::grant::Admission;
use crate::domain::events::signaling::SeatRole;
use crate::domain::id::{SessionId, UserId};
use crate::domain::time::Timestamp;

/// A caller whose credentials were verified. Built only by `auth`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// 0 for a service key and for the synthetic account of the development bypass, below 0 for somebody
    /// whom a room token lets in.
    pub user: UserId,
    pub primary_role: Role,
    /// Every role held, the primary one included.
    pub roles: Vec<Role>,
    /// The row of the primary role (`doctors.id`, `patients.id`, …).
    pub reference_id: Option<i64>,
    /// The version of the account's row all this was read from; 0 without an account.
    pub version: i64,
    /// What a service key is called; absent for everybody else.
    pub service: Option<Arc<str>>,
    /// Absent for service keys and the development bypass.
    pub session: Option<SessionId>,
    /// The one room that is open to somebody with a room token, who has no other rights.
    pub admission: Option<Arc<Admission>>,
    /// When the proof ends; a live socket is warned 60 s ahead. Absent for cookies and service keys.
    pub expires_at: Option<Timestamp>,
}

impl Principal {
    pub fn has(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    /// What the caller is called in what is told in real time (contract §3.1). Who looks on by a room token
    /// is neither doctor nor patient, and no row of that table.
    pub fn label(&self) -> &'static str {
        match self.admission.as_ref().map(|admission| admission.pass.role) {
            Some(SeatRole::Observer) => "Observador",
            _ => self.primary_role.label(),
        }
    }

    pub fn is_admin(&self) -> bool {
        self.has(Role::Admin)
    }

    /// Whether it was the session's cookie that proved it.
    pub fn came_by_cookie(&self) -> bool {
        self.session.is_some() && self.expires_at.is_none()
    }

    /// Whether the mutation of this caller is an administrative act (audited and announced).
    pub fn acts_for_the_house(&self) -> bool {
        self.is_admin() || self.has(Role::Service)
    }
}
