//! The roles an account holds: a set, one of them primary (contract §3.1).

use super::Role;
use crate::error::{Error, FieldCode, Result};

/// What an account holds, in the order of [`Role`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding {
    pub roles: Vec<Role>,
    pub primary: Role,
}

impl Holding {
    /// With other roles, another primary one, or both, as an administrator may decide.
    pub fn with(&self, roles: Option<&[Role]>, primary: Option<Role>) -> Result<Self> {
        let mut next = self.clone();
        if let Some(roles) = roles {
            next.roles = roles.to_vec();
            next.roles.sort_unstable();
            next.roles.dedup();
        }
        next.primary = primary.unwrap_or(self.primary);
        if next.roles.is_empty() {
            return Err(Error::field("/roles", FieldCode::Length, "at least one role"));
        }
        if next.roles.contains(&Role::Service) {
            return Err(Error::field("/roles", FieldCode::Enum, "no account acts as a service"));
        }
        if !next.roles.contains(&next.primary) {
            let pointer = if primary.is_some() { "/primary_role" } else { "/roles" };
            return Err(Error::field(
                pointer,
                FieldCode::Rule,
                "the primary role is one of the roles",
            ));
        }
        Ok(next)
    }

    /// Whether the holder operates everything.
    pub fn administers(&self) -> bool {
        self.roles.contains(&Role::Admin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    fn doctor() -> Holding {
        Holding { roles: vec![Role::Doctor], primary: Role::Doctor }
    }

    fn refused(roles: Option<&[Role]>, primary: Option<Role>) -> (String, FieldCode) {
        match doctor().with(roles, primary).unwrap_err().kind() {
            Kind::Validation(fields) => (fields[0].pointer.clone(), fields[0].code),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_primary_role_is_one_of_the_roles() {
        let both = [Role::Client, Role::Doctor, Role::Client];
        let moved = doctor().with(Some(&both), Some(Role::Client)).unwrap();
        assert_eq!(moved.roles, [Role::Doctor, Role::Client]);
        assert_eq!(moved.primary, Role::Client);

        assert_eq!(refused(Some(&[Role::Client]), None), ("/roles".into(), FieldCode::Rule));
        let primary = ("/primary_role".into(), FieldCode::Rule);
        assert_eq!(refused(None, Some(Role::Admin)), primary);
    }

    #[test]
    fn an_account_has_a_role_and_is_no_service() {
        assert_eq!(refused(Some(&[]), None), ("/roles".into(), FieldCode::Length));
        let service = [Role::Doctor, Role::Service];
        assert_eq!(refused(Some(&service), None), ("/roles".into(), FieldCode::Enum));
    }
}
