//! Patients and doctors as consultations name them: a decimal id, or what another system calls them
//! (contract §2.2).

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de};

use crate::domain::events::signaling::SeatRole;

/// A patient or a doctor, named as the creator of the consultation did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::Type)]
#[serde(transparent)]
#[sqlx(transparent)]
pub struct Reference(pub Box<str>);

impl Reference {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id, where it is one.
    pub fn id(&self) -> Option<i64> {
        if self.is_decimal() { self.0.parse().ok() } else { None }
    }

    /// Whom the media server knows: two rows may have the same number, so those are told apart by what
    /// they are (decision D-42).
    pub fn identity(&self, role: SeatRole) -> String {
        if self.is_decimal() { format!("{}-{}", role.name(), self.0) } else { self.0.to_string() }
    }

    fn is_decimal(&self) -> bool {
        !self.0.is_empty() && self.0.bytes().all(|byte| byte.is_ascii_digit())
    }
}

impl From<i64> for Reference {
    fn from(id: i64) -> Self {
        Self(id.to_string().into())
    }
}

impl From<&str> for Reference {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Numbers are accepted and echoed as texts.
impl<'de> Deserialize<'de> for Reference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Reference;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a positive number")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Reference, E> {
                Ok(text.into())
            }

            fn visit_u64<E: de::Error>(self, id: u64) -> Result<Reference, E> {
                Ok(Reference(id.to_string().into()))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Option<String> {
        serde_json::from_str::<Reference>(json).ok().map(|it| it.to_string())
    }

    #[test]
    fn a_number_is_as_good_as_its_digits() {
        assert_eq!(read("77").as_deref(), Some("77"));
        assert_eq!(read("\"77\"").as_deref(), Some("77"));
        assert_eq!(read("\"patient-maria-123\"").as_deref(), Some("patient-maria-123"));
        assert_eq!((read("-1"), read("1.5"), read("true"), read("null")), (None, None, None, None));
        assert_eq!(Reference::from("77").id(), Some(77));
        assert_eq!((Reference::from("+77").id(), Reference::from("x7").id()), (None, None));
    }

    #[test]
    fn patient_and_doctor_of_one_number_are_two_identities() {
        let seven = Reference::from(7);

        assert_eq!(seven.identity(SeatRole::Patient), "patient-7");
        assert_eq!(seven.identity(SeatRole::Doctor), "doctor-7");
        assert_eq!(Reference::from("ana").identity(SeatRole::Doctor), "ana");
    }
}
