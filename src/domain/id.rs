//! Identifiers as types, so one cannot stand where another is meant.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

macro_rules! numeric {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type, ToSchema)]
        #[serde(transparent)]
        #[sqlx(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl From<i64> for $name {
            fn from(id: i64) -> Self {
                Self(id)
            }
        }

        impl From<$name> for i64 {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    )+};
}

impl UserId {
    /// The account, where there is one behind it: service keys have none, nor has somebody whom a room
    /// token lets in.
    pub fn account(self) -> Option<Self> {
        (self.0 > 0).then_some(self)
    }

    /// The account, or 0.
    #[must_use]
    pub fn shown(self) -> Self {
        self.account().unwrap_or(Self(0))
    }
}

macro_rules! opaque {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type, ToSchema)]
        #[serde(transparent)]
        #[sqlx(transparent)]
        pub struct $name(pub Box<str>);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+};
}

numeric! {
    /// An account.
    UserId,
    /// The place of a durable event in the order of dispatch (the contract's `eventId`).
    EventId,
    /// A bookable examination.
    ExamId,
    /// What an exam or a package costs.
    PriceId,
    /// A shelf of the catalogue.
    CategoryId,
    /// Exams sold together.
    PackageId,
    /// A place of care.
    LocationId,
    /// A health professional with a licence.
    DoctorId,
    /// What a doctor is trained in.
    SpecialtyId,
    /// A clinic, hospital, insurer, …
    InstitutionId,
    /// A person who receives care.
    PatientId,
    /// What a doctor wrote about a patient.
    NoteId,
    /// Drugs a doctor ordered for a patient.
    PrescriptionId,
    /// What a doctor found.
    DiagnosisId,
    /// A visit in the calendar.
    AppointmentId,
    /// What an examination showed.
    ResultId,
    /// A film of a consultation.
    RecordingId,
    /// A link that lets a guest into a consultation.
    InviteId,
}

opaque! {
    /// A sign-in on one device (`s_…`).
    SessionId,
    /// One Socket.IO socket or one plain WebSocket.
    SocketId,
    /// One process of a cluster.
    NodeId,
    /// A stored file (`f_…`).
    FileId,
    /// What a doctor was offered to think of (`sg_…`).
    SuggestionId,
    /// A consultation, named by whoever created it.
    ConsultationId,
    /// A seat in a call.
    PeerId,
}
