//! Who may register themselves, and what each role must tell (contract §5.2).

use jiff::civil::Date;

use super::Role;
use crate::error::{Error, FieldCode, FieldError, Kind, Result};

/// The oldest a patient can be, in completed years.
const MAX_AGE: i16 = 130;

/// What someone who registers says, names checked for length by the edge.
#[derive(Debug, Clone)]
pub struct Application<'a> {
    pub rol: Role,
    pub fecha_nacimiento: Option<&'a str>,
    pub razon_social: Option<&'a str>,
    pub tax_id: Option<&'a str>,
}

/// The row a registration creates beside the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Applicant {
    Client,
    Professional,
    Patient { born: Date },
    Company { name: String, tax_id: String },
}

impl Application<'_> {
    /// Every broken rule at once.
    pub fn check(&self, today: Date) -> Result<Applicant> {
        match self.rol {
            Role::Client => Ok(Applicant::Client),
            Role::Professional => Ok(Applicant::Professional),
            Role::Patient => self.patient(today),
            Role::Company => self.company(),
            _ => Err(Error::field("/rol", FieldCode::Enum, "cannot be registered")),
        }
    }

    fn patient(&self, today: Date) -> Result<Applicant> {
        const POINTER: &str = "/fecha_nacimiento";
        let text = self
            .fecha_nacimiento
            .ok_or_else(|| Error::field(POINTER, FieldCode::Required, "is required"))?;
        let born = date(text)
            .ok_or_else(|| Error::field(POINTER, FieldCode::Format, "not a date YYYY-MM-DD"))?;
        if !is_believable(born, today) {
            return Err(Error::field(POINTER, FieldCode::Range, "not a date of birth"));
        }
        Ok(Applicant::Patient { born })
    }

    fn company(&self) -> Result<Applicant> {
        let mut broken = Vec::new();
        let mut take = |pointer: &str, text: Option<&str>, least: usize, most: usize| {
            let text = text.map(str::trim).unwrap_or_default();
            let (code, detail) = match text.chars().count() {
                0 => (FieldCode::Required, "is required".to_owned()),
                n if n < least || n > most => {
                    (FieldCode::Length, format!("{least} to {most} characters"))
                }
                _ => return text.to_owned(),
            };
            broken.push(FieldError { pointer: pointer.to_owned(), code, detail });
            String::new()
        };
        let name = take("/razon_social", self.razon_social, 2, 200);
        let tax_id = take("/tax_id", self.tax_id, 3, 30);
        if broken.is_empty() {
            Ok(Applicant::Company { name, tax_id })
        } else {
            Err(Kind::Validation(broken).into())
        }
    }
}

/// A date exactly as `YYYY-MM-DD`.
pub fn date(text: &str) -> Option<Date> {
    (text.len() == 10).then(|| text.parse().ok()).flatten()
}

/// Whether someone alive today can have been born then.
pub fn is_believable(born: Date, today: Date) -> bool {
    born <= today && age(born, today) <= MAX_AGE
}

/// Completed years. 29 February birthdays count from 1 March in common years (contract §10.1).
pub fn age(born: Date, today: Date) -> i16 {
    let had_birthday = (today.month(), today.day()) >= (born.month(), born.day());
    today.year() - born.year() - i16::from(!had_birthday)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(application: &Application) -> Vec<(String, FieldCode)> {
        let today = date("2025-06-01").unwrap();
        match application.check(today).unwrap_err().kind() {
            Kind::Validation(fields) => {
                fields.iter().map(|field| (field.pointer.clone(), field.code)).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    fn application(rol: Role) -> Application<'static> {
        Application { rol, fecha_nacimiento: None, razon_social: None, tax_id: None }
    }

    #[test]
    fn age_counts_completed_years() {
        let years = |born: &str, today: &str| age(date(born).unwrap(), date(today).unwrap());

        assert_eq!(years("2000-02-29", "2025-02-28"), 24);
        assert_eq!(years("2000-02-29", "2025-03-01"), 25);
        assert_eq!(years("2000-06-01", "2025-06-01"), 25);
    }

    #[test]
    fn only_four_roles_register_themselves() {
        for rol in Role::ALL {
            let mut open = application(rol);
            (open.fecha_nacimiento, open.razon_social, open.tax_id) =
                (Some("1990-05-17"), Some("Acme SA"), Some("30-1"));
            let accepted = open.check(date("2025-06-01").unwrap()).is_ok();
            let expected =
                matches!(rol, Role::Client | Role::Professional | Role::Patient | Role::Company);
            assert_eq!(accepted, expected, "{rol:?}");
        }
    }

    #[test]
    fn a_patient_tells_a_believable_date_of_birth() {
        let pointer = || "/fecha_nacimiento".to_owned();
        assert_eq!(codes(&application(Role::Patient)), [(pointer(), FieldCode::Required)]);
        for (text, code) in [
            ("17/05/1990", FieldCode::Format),
            ("1990-02-30", FieldCode::Format),
            ("2025-06-02", FieldCode::Range),
            ("1890-01-01", FieldCode::Range),
        ] {
            let told = Application { fecha_nacimiento: Some(text), ..application(Role::Patient) };
            assert_eq!(codes(&told), [(pointer(), code)], "{text}");
        }
    }

    #[test]
    fn a_company_tells_its_name_and_tax_id() {
        let told = Application { tax_id: Some("3"), ..application(Role::Company) };

        assert_eq!(
            codes(&told),
            [
                ("/razon_social".to_owned(), FieldCode::Required),
                ("/tax_id".to_owned(), FieldCode::Length),
            ]
        );
    }
}
