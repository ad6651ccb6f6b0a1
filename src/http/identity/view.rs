//! Accounts and sessions as `/auth` and `/users` show them.

use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::Claims;
use crate::domain::id::{FileId, SessionId, UserId};
use crate::domain::identity::Role;
use crate::domain::time::Timestamp;
use crate::persistence::identity::role_rows::RoleRow;
use crate::persistence::identity::{accounts, sessions};

/// An account.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"id": 123, "email": "ana@example.com", "user_type": "doctor",
    "roles": ["doctor"], "role": "Medico", "rol": "MEDICO", "reference_id": 45, "nombre": "Ana",
    "apellido": "Ruiz", "is_active": true, "email_verified": true,
    "created_at": "2025-10-13T04:58:18.128Z"}))]
pub struct User {
    pub id: UserId,
    pub email: String,
    pub user_type: Role,
    pub roles: Vec<Role>,
    /// The label of the primary role.
    #[schema(example = "Medico")]
    pub role: &'static str,
    #[schema(example = "MEDICO")]
    pub rol: &'static str,
    /// The row of the primary role.
    pub reference_id: Option<i64>,
    pub nombre: Option<String>,
    pub apellido: Option<String>,
    pub is_active: bool,
    pub email_verified: bool,
    pub created_at: Timestamp,
}

/// An account as its holder and administrators see it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"id": 123, "email": "ana@example.com", "user_type": "doctor",
    "roles": ["doctor", "professional"], "role": "Medico", "rol": "MEDICO", "reference_id": 45,
    "nombre": "Ana", "apellido": "Ruiz", "is_active": true, "email_verified": true,
    "created_at": "2025-10-13T04:58:18.128Z", "telefono": "+54 351 555 0101",
    "avatar_file_id": null, "version": 3}))]
pub struct Account {
    #[serde(flatten)]
    pub user: User,
    pub telefono: Option<String>,
    pub avatar_file_id: Option<FileId>,
    /// Counts the writes; the entity tag is made of it.
    pub version: i64,
}

/// The caller's own account.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"id": 610, "email": "raul@example.com", "user_type": "company",
    "roles": ["company"], "role": "Empresa", "rol": "EMPRESA", "reference_id": 2,
    "nombre": "Raúl", "apellido": "Paz", "is_active": true, "email_verified": true,
    "created_at": "2025-10-13T04:58:18.128Z", "telefono": null, "avatar_file_id": null,
    "version": 1,
    "profile": {"id": 2, "user_id": 610, "name": "Acme SA", "tax_id": "30-70000001-9",
    "contact_email": "rrhh@acme.example", "industry": null, "employee_count": 120,
    "institution_id": null, "version": 1, "created_at": "2025-10-13T04:58:18.128Z",
    "updated_at": "2025-10-13T04:58:18.128Z", "deleted_at": null}}))]
pub struct OwnAccount {
    #[serde(flatten)]
    pub account: Account,
    /// The row of the primary role; null for roles without one.
    pub profile: Option<RoleRow>,
}

/// What a sign-in answers.
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenPair {
    pub access_token: String,
    #[schema(example = "bearer")]
    pub token_type: &'static str,
    /// Seconds the access token lives.
    pub expires_in: u64,
    /// Works once. Absent in the answer to a cookie, which has to be presented again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    pub session_id: SessionId,
    pub user: User,
}

/// A sign-in on one device.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"id": "s_9fZm9v", "user_id": 123, "created_at": "2025-10-13T04:58:18.128Z",
    "last_seen_at": "2025-10-13T05:01:18.128Z", "expires_at": "2025-11-12T04:58:18.128Z",
    "current": true, "apps": ["doctors"], "device": {"platform": "Linux", "browser": "Firefox",
    "ip_prefix": "203.0.113.0/24", "fingerprint": "ab12cd34"}}))]
pub struct Session {
    pub id: SessionId,
    pub user_id: UserId,
    pub created_at: Timestamp,
    pub last_seen_at: Timestamp,
    pub expires_at: Timestamp,
    /// Whether it is the caller's own.
    pub current: bool,
    pub apps: Vec<String>,
    pub device: Device,
}

/// What a session remembers of its device.
#[derive(Debug, Serialize, ToSchema)]
pub struct Device {
    pub platform: Option<String>,
    pub browser: Option<String>,
    pub ip_prefix: Option<String>,
    pub fingerprint: String,
}

/// What a look at a token found.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(example = json!({"valid": true, "expires_in": 3480, "payload": {"iss": "latido",
    "sub": "123", "user_id": 123, "user_type": "doctor", "roles": ["doctor", "professional"],
    "role": "Medico", "reference_id": 45, "sid": "s_9fZm9v", "jti": "a_77Zm9v",
    "iat": 1_759_666_066, "exp": 1_759_669_666, "typ": "access"}}))]
pub enum Inspection {
    Good {
        /// Always true.
        valid: bool,
        payload: Box<Claims>,
        /// Seconds.
        expires_in: i64,
    },
    Bad {
        /// Always false.
        valid: bool,
        /// `expired`, `signature`, `revoked` or `malformed`
        reason: &'static str,
    },
}

/// A session that is good, and whose it is.
#[derive(Debug, Serialize, ToSchema)]
pub struct Validation {
    /// Always true: anything else is a 401.
    pub valid: bool,
    pub session: Session,
    pub user: User,
}

impl From<accounts::User> for User {
    fn from(row: accounts::User) -> Self {
        Self {
            id: row.id,
            email: row.email,
            user_type: row.primary_role,
            roles: row.roles.0,
            role: row.primary_role.label(),
            rol: row.primary_role.rol(),
            reference_id: row.reference_id,
            nombre: row.nombre,
            apellido: row.apellido,
            is_active: row.is_active,
            email_verified: row.email_verified,
            created_at: row.created_at,
        }
    }
}

impl From<accounts::User> for Account {
    fn from(row: accounts::User) -> Self {
        Self {
            telefono: row.telefono.clone(),
            avatar_file_id: row.avatar_file_id.clone(),
            version: row.version,
            user: User::from(row),
        }
    }
}

impl Session {
    /// As the holder of `current` sees it; some callers have no session.
    pub fn seen_from(row: sessions::Session, current: Option<&SessionId>) -> Self {
        Self {
            current: current == Some(&row.id),
            id: row.id,
            user_id: row.user_id,
            created_at: row.created_at,
            last_seen_at: row.last_seen_at,
            expires_at: row.expires_at,
            apps: row.apps.0,
            device: Device {
                platform: row.platform,
                browser: row.browser,
                ip_prefix: row.ip_prefix,
                fingerprint: row.fingerprint,
            },
        }
    }
}
