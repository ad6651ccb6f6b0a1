//! Which entities a caller may follow (contract §4.1, §6.5).

use crate::domain::identity::Principal;
use crate::domain::topic::Topic;

/// Everyone signed in follows these, with or without an id.
const PUBLIC: [&str; 6] = ["exam", "price", "category", "package", "location", "posting"];

/// These need the right to read the row, and without an id the administrator's role.
const GUARDED: [&str; 10] = [
    "appointment",
    "result",
    "consultation",
    "patient",
    "doctor",
    "conversation",
    "job",
    "offer",
    "payment",
    "crisis",
];

/// Why a subscription was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("there is no such entity")]
    Unknown,
    #[error("you may not follow this")]
    Forbidden,
}

/// The topic a caller asked to follow, if it may.
///
/// Rows of guarded entities are open to administrators; the relations that open them to others
/// belong to the contexts that keep those rows.
pub fn topic(caller: &Principal, entity: &str, id: Option<&str>) -> Result<Topic, Refused> {
    let allowed = if PUBLIC.contains(&entity) {
        true
    } else if entity == "user" {
        caller.is_admin() || id.is_some_and(|id| id == caller.user.to_string())
    } else if GUARDED.contains(&entity) {
        caller.is_admin()
    } else {
        return Err(Refused::Unknown);
    };
    if !allowed {
        return Err(Refused::Forbidden);
    }
    Ok(Topic::Entity(entity.into(), id.map(Into::into)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::UserId;
    use crate::domain::identity::Role;

    fn caller(role: Role) -> Principal {
        Principal {
            user: UserId(7),
            primary_role: role,
            roles: vec![role],
            reference_id: None,
            session: None,
            expires_at: None,
        }
    }

    #[test]
    fn anyone_follows_the_catalogue() {
        let topic = topic(&caller(Role::Patient), "exam", None).unwrap();

        assert_eq!(topic.to_string(), "entity:exam");
    }

    #[test]
    fn others_accounts_and_clinical_rows_are_for_administrators() {
        let patient = caller(Role::Patient);
        let admin = caller(Role::Admin);

        assert!(topic(&patient, "user", Some("7")).is_ok());
        assert_eq!(topic(&patient, "user", Some("8")), Err(Refused::Forbidden));
        assert_eq!(topic(&patient, "user", None), Err(Refused::Forbidden));
        assert_eq!(topic(&patient, "appointment", None), Err(Refused::Forbidden));
        assert!(topic(&admin, "appointment", Some("5")).is_ok());
        assert!(topic(&admin, "user", None).is_ok());
        assert_eq!(topic(&admin, "secrets", None), Err(Refused::Unknown));
    }
}
