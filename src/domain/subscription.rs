//! Which entities a caller may follow, and which topics stay open when roles are lost
//! (contract §4.1, §6.5).

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
    /// Only who has to do with the row may, which its context knows.
    #[error("you may not follow this row")]
    Guarded,
}

/// The topic a caller asked to follow, if it may.
///
/// Rows of guarded entities are open to administrators and to those who are `related` to the row.
pub fn topic(
    caller: &Principal,
    entity: &str,
    id: Option<&str>,
    related: bool,
) -> Result<Topic, Refused> {
    let allowed = if PUBLIC.contains(&entity) {
        true
    } else if entity == "user" {
        caller.is_admin() || id.is_some_and(|id| id == caller.user.to_string())
    } else if GUARDED.contains(&entity) {
        if id.is_some() && !related && !caller.is_admin() {
            return Err(Refused::Guarded);
        }
        id.is_some() || caller.is_admin()
    } else {
        return Err(Refused::Unknown);
    };
    if !allowed {
        return Err(Refused::Forbidden);
    }
    Ok(Topic::Entity(entity.into(), id.map(Into::into)))
}

/// Whether a topic stays open to a caller who lost a role.
///
/// What only a relation or a membership opened cannot be told from here. It is closed, and opens
/// again when it is asked for and found right.
pub fn stays_open(caller: &Principal, heard: &Topic) -> bool {
    match heard {
        Topic::All | Topic::User(_) | Topic::Session(_) => true,
        Topic::Role(role) => caller.has(*role),
        Topic::Entity(entity, id) => topic(caller, entity, id.as_deref(), false).is_ok(),
        Topic::AdminLive => caller.is_admin(),
        Topic::Named(_) => false,
    }
}

/// Whether nothing but a relation keeps a topic open to a caller: a row of others, or their presence.
pub fn rests_on_relation(caller: &Principal, heard: &Topic) -> bool {
    match heard {
        Topic::Entity(entity, id) => {
            topic(caller, entity, id.as_deref(), false) == Err(Refused::Guarded)
        }
        Topic::Named(_) => {
            !caller.is_admin() && heard.whose_presence().is_some_and(|user| user != caller.user)
        }
        _ => false,
    }
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
            version: 1,
            service: None,
            session: None,
            admission: None,
            expires_at: None,
        }
    }

    #[test]
    fn anyone_follows_the_catalogue() {
        let topic = topic(&caller(Role::Patient), "exam", None, false).unwrap();

        assert_eq!(topic.to_string(), "entity:exam");
    }

    #[test]
    fn others_accounts_and_clinical_rows_are_for_administrators() {
        let patient = caller(Role::Patient);
        let admin = caller(Role::Admin);

        assert!(topic(&patient, "user", Some("7"), false).is_ok());
        assert_eq!(topic(&patient, "user", Some("8"), true), Err(Refused::Forbidden));
        assert_eq!(topic(&patient, "user", None, true), Err(Refused::Forbidden));
        assert_eq!(topic(&patient, "appointment", None, true), Err(Refused::Forbidden));
        assert_eq!(topic(&patient, "appointment", Some("5"), false), Err(Refused::Guarded));
        assert!(topic(&patient, "appointment", Some("5"), true).is_ok());
        assert!(topic(&admin, "appointment", Some("5"), false).is_ok());
        assert!(topic(&admin, "user", None, false).is_ok());
        assert_eq!(topic(&admin, "secrets", None, true), Err(Refused::Unknown));
    }

    #[test]
    fn rows_and_presence_of_others_rest_on_a_relation() {
        let rests = |role, name: &str| rests_on_relation(&caller(role), &name.parse().unwrap());

        for name in ["entity:patient:77", "entity:result:5", "presence:8"] {
            assert!(rests(Role::Doctor, name), "{name}");
            assert!(!rests(Role::Admin, name), "{name}");
        }
        for name in ["entity:exam:3", "entity:user:7", "presence:7", "user:7", "role:Medico", "all"]
        {
            assert!(!rests(Role::Doctor, name), "{name}");
        }
    }

    #[test]
    fn a_lost_role_closes_what_only_it_opened() {
        let stays = |role, name: &str| stays_open(&caller(role), &name.parse().unwrap());

        for name in ["all", "user:7", "session:s_1", "entity:exam", "entity:user:7"] {
            assert!(stays(Role::Patient, name), "{name}");
        }
        for name in ["admin:live", "role:Administrador", "entity:user", "entity:job:3"] {
            assert!(!stays(Role::Patient, name), "{name}");
            assert!(stays(Role::Admin, name), "{name}");
        }
        assert!(!stays(Role::Admin, "conversation:7"));
    }
}
