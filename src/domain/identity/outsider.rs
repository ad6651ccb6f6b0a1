//! Someone an identity provider vouches for, and what becomes of them here (contract §3.7).

use jiff::civil::Date;

use super::Role;
use super::registration::{Applicant, Application};
use crate::error::{Kind, Result};

/// What a provider says of one of its users.
///
/// Subject, e-mail, verification and role are the provider's word. The particulars may be the
/// user's own and are worth what a registration form is worth.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outsider {
    /// A closed word: `supabase`.
    pub provider: &'static str,
    /// Names the user within the provider, for good.
    pub subject: String,
    /// In lower case.
    pub email: Option<String>,
    /// The provider itself says that the address is the user's.
    pub is_email_verified: bool,
    /// Any name of a role.
    pub role: Option<String>,
    pub particulars: Particulars,
}

/// What a registration would have asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Particulars {
    pub nombre: Option<String>,
    pub apellido: Option<String>,
    pub fecha_nacimiento: Option<String>,
    pub razon_social: Option<String>,
    pub tax_id: Option<String>,
}

impl Outsider {
    /// The role of an account made for them; patient when the provider names none.
    ///
    /// A role that no provider can give, or that nobody knows, is refused instead of replaced: a
    /// patient who is none is harder to mend than a sign-in that did not work.
    pub fn role(&self) -> Result<Role> {
        let Some(name) = &self.role else { return Ok(Role::Patient) };
        match Role::parse(name) {
            Some(Role::Admin | Role::Service) | None => {
                Err(Kind::Forbidden("this role is not given to identities from elsewhere").into())
            }
            Some(role) => Ok(role),
        }
    }

    /// The row that goes with the role, where enough is known to make it as a registration would.
    pub fn applicant(&self, role: Role, today: Date) -> Option<Applicant> {
        let told = &self.particulars;
        let application = Application {
            rol: role,
            fecha_nacimiento: told.fecha_nacimiento.as_deref(),
            razon_social: told.razon_social.as_deref(),
            tax_id: told.tax_id.as_deref(),
        };
        let is_named = told.nombre.is_some() && told.apellido.is_some();
        application.check(today).ok().filter(|_| is_named || role != Role::Patient)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(role: &str) -> Outsider {
        Outsider { role: Some(role.into()), ..Outsider::default() }
    }

    #[test]
    fn no_provider_makes_administrators_or_services() {
        assert_eq!(Outsider::default().role().unwrap(), Role::Patient);
        assert_eq!(named("Médico").role().unwrap(), Role::Doctor);
        for role in ["admin", "ADMIN", "Administrador", "service", "nurse", ""] {
            assert!(named(role).role().is_err(), "{role}");
        }
    }

    #[test]
    fn a_patient_without_name_or_birthday_has_no_row_yet() {
        let today = "2025-06-01".parse().unwrap();
        let told = |nombre: Option<&str>, born: Option<&str>| Outsider {
            particulars: Particulars {
                nombre: nombre.map(Into::into),
                apellido: Some("Ruiz".into()),
                fecha_nacimiento: born.map(Into::into),
                ..Particulars::default()
            },
            ..Outsider::default()
        };
        let row = |outsider: Outsider| outsider.applicant(Role::Patient, today);

        let born = "1990-05-17".parse().unwrap();
        assert_eq!(row(told(Some("Ana"), Some("1990-05-17"))), Some(Applicant::Patient { born }));
        assert_eq!(row(told(Some("Ana"), None)), None);
        assert_eq!(row(told(Some("Ana"), Some("17/05/1990"))), None);
        assert_eq!(row(told(None, Some("1990-05-17"))), None);
    }

    #[test]
    fn a_doctor_shows_a_licence_elsewhere_and_a_professional_needs_nothing() {
        let today = "2025-06-01".parse().unwrap();
        let row = |role| Outsider::default().applicant(role, today);

        assert_eq!(row(Role::Doctor), None);
        assert_eq!(row(Role::Company), None);
        assert_eq!(row(Role::Professional), Some(Applicant::Professional));
    }
}
