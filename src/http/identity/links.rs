//! Who messages about an account are for, and where their links lead.

use crate::delivery::letters::Reader;
use crate::domain::identity::Role;
use crate::domain::language::Language;
use crate::domain::secret::Secret;
use crate::persistence::identity::addressees::Addressee;

/// The addresses of the portals, without a slash at the end.
#[derive(Debug, Clone)]
pub struct Portals {
    pub doctors: String,
    pub patients: String,
    /// For companies and institutions.
    pub companies: String,
    /// The hub's own pages, for everybody else.
    pub house: String,
}

impl Portals {
    /// A page of the portal of a role, with a token in the fragment: what stands there is sent to no
    /// server, so it reaches no log.
    pub fn link(&self, role: Role, page: &str, token: &Secret) -> String {
        let portal = match role {
            Role::Doctor => &self.doctors,
            Role::Patient => &self.patients,
            Role::Company | Role::Institution => &self.companies,
            Role::Admin | Role::Professional | Role::Client | Role::Service => &self.house,
        };
        format!("{portal}/{page}#token={}", token.expose())
    }
}

impl From<Addressee> for Reader {
    fn from(row: Addressee) -> Self {
        let language = row.locale.as_deref().map(Language::of_locale).unwrap_or_default();
        Self { email: row.email, language }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_to_the_portal_of_its_reader_and_keeps_its_token_from_servers() {
        let portals = Portals {
            doctors: "https://doctors.example".into(),
            patients: "https://patients.example".into(),
            companies: "https://companies.example".into(),
            house: "https://latido.example".into(),
        };
        let link = |role| portals.link(role, "verify-email", &Secret::new("abc"));

        assert_eq!(link(Role::Doctor), "https://doctors.example/verify-email#token=abc");
        assert_eq!(link(Role::Patient), "https://patients.example/verify-email#token=abc");
        assert_eq!(link(Role::Institution), "https://companies.example/verify-email#token=abc");
        assert_eq!(link(Role::Client), "https://latido.example/verify-email#token=abc");
    }
}
