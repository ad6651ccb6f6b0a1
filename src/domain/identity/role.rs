//! The eight roles and the names each surface calls them by.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// What an account may be. An account has one primary role and a set of roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    Admin,
    Doctor,
    Patient,
    Institution,
    Company,
    Professional,
    Client,
    /// A server-to-server caller; holds no account.
    Service,
}

impl Role {
    pub const ALL: [Self; 8] = [
        Self::Admin,
        Self::Doctor,
        Self::Patient,
        Self::Institution,
        Self::Company,
        Self::Professional,
        Self::Client,
        Self::Service,
    ];

    /// The canonical name: `user_type` on `/auth`, `/users`, `/api/v1`, and in the database.
    pub fn user_type(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Doctor => "doctor",
            Self::Patient => "patient",
            Self::Institution => "institution",
            Self::Company => "company",
            Self::Professional => "professional",
            Self::Client => "client",
            Self::Service => "service",
        }
    }

    /// The label of realtime payloads, stats and the room `role:<label>`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Admin => "Administrador",
            Self::Doctor => "Medico",
            Self::Patient => "Paciente",
            Self::Institution => "Institucion",
            Self::Company => "Empresa",
            Self::Professional => "Profesional",
            Self::Client => "Cliente",
            Self::Service => "Servicio",
        }
    }

    /// The value of any JSON field named `rol`.
    pub fn rol(self) -> &'static str {
        match self {
            Self::Admin => "ADMIN",
            Self::Doctor => "MEDICO",
            Self::Patient => "PACIENTE",
            Self::Institution => "INSTITUCION",
            Self::Company => "EMPRESA",
            Self::Professional => "PROFESIONAL",
            Self::Client => "CLIENTE",
            Self::Service => "SERVICIO",
        }
    }

    /// Any name of the role, in any case, accents ignored (`Médico` = `medico`).
    pub fn parse(name: &str) -> Option<Self> {
        let plain: String = name.trim().chars().map(without_accent).collect();
        Self::ALL.into_iter().find(|role| {
            [role.user_type(), role.label(), role.rol()]
                .iter()
                .any(|known| known.eq_ignore_ascii_case(&plain))
        })
    }
}

fn without_accent(letter: char) -> char {
    match letter {
        'á' | 'Á' => 'a',
        'é' | 'É' => 'e',
        'í' | 'Í' => 'i',
        'ó' | 'Ó' => 'o',
        'ú' | 'Ú' | 'ü' | 'Ü' => 'u',
        other => other,
    }
}

/// The text names no role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown role")]
pub struct NotARole;

impl TryFrom<String> for Role {
    type Error = NotARole;

    fn try_from(name: String) -> Result<Self, NotARole> {
        Self::parse(&name).ok_or(NotARole)
    }
}

/// Written by its canonical name; read by any of its names.
impl Serialize for Role {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.user_type())
    }
}

impl<'de> Deserialize<'de> for Role {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&name).ok_or_else(|| de::Error::custom(NotARole))
    }
}

impl utoipa::PartialSchema for Role {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .enum_values(Some(Self::ALL.map(Self::user_type)))
            .into()
    }
}

impl utoipa::ToSchema for Role {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_a_role_means_that_role() {
        for role in Role::ALL {
            for name in [role.user_type(), role.label(), role.rol()] {
                assert_eq!(Role::parse(name), Some(role), "{name}");
            }
        }
        assert_eq!(Role::parse("Médico"), Some(Role::Doctor));
        assert_eq!(Role::parse("INSTITUCIÓN"), Some(Role::Institution));
        assert_eq!(Role::parse("nurse"), None);
    }
}
