//! How to reach a person or a place.

use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::address::Address;

/// How many telephones or addresses a row may have.
pub const MOST: usize = 10;

/// A telephone number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
pub struct Phone {
    #[serde(rename = "type")]
    #[garde(skip)]
    pub kind: PhoneKind,
    #[garde(length(chars, min = 6, max = 20), custom(is_telephone))]
    #[schema(
        min_length = 6,
        max_length = 20,
        pattern = "^[+0-9 ()-]*$",
        examples("+54 351 555 0101")
    )]
    pub number: String,
    #[serde(default)]
    #[garde(skip)]
    pub primary: bool,
}

/// What a telephone is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum PhoneKind {
    Mobile,
    Home,
    Work,
    Emergency,
}

/// For `#[garde(custom(is_telephone))]`.
pub fn is_telephone<C>(number: &str, _: &C) -> garde::Result {
    let known = |letter: char| letter.is_ascii_digit() || "+ ()-".contains(letter);
    if number.chars().all(known) {
        return Ok(());
    }
    Err(garde::Error::new("format: not a telephone number"))
}

/// For `#[garde(custom(one_line))]`: a text that goes into a header, a subject or a list.
pub fn one_line<C>(text: &str, _: &C) -> garde::Result {
    if text.chars().any(char::is_control) {
        return Err(garde::Error::new("format: control characters are not accepted"));
    }
    Ok(())
}

/// For garde: exactly one telephone is the primary one, when there is any.
pub fn one_primary_phone<C>(phones: &[Phone], _: &C) -> garde::Result {
    one_primary(phones.iter().map(|phone| phone.primary))
}

/// For garde: exactly one address is the primary one, when there is any.
pub fn one_primary_address<C>(addresses: &[Address], _: &C) -> garde::Result {
    one_primary(addresses.iter().map(|address| address.primary))
}

fn one_primary(mut flags: impl ExactSizeIterator<Item = bool>) -> garde::Result {
    let is_empty = flags.len() == 0;
    if is_empty || flags.by_ref().filter(|is_primary| *is_primary).count() == 1 {
        return Ok(());
    }
    Err(garde::Error::new("rule: exactly one is the primary one"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phone(number: &str, primary: bool) -> Phone {
        Phone { kind: PhoneKind::Mobile, number: number.to_owned(), primary }
    }

    #[test]
    fn a_number_is_made_of_what_people_write_in_one() {
        assert!(phone("+54 (351) 555-0101", true).validate().is_ok());
        for number in ["12345", "555-0101x", "555 0101 \u{661}", "123456789012345678901"] {
            assert!(phone(number, true).validate().is_err(), "{number}");
        }
    }

    #[test]
    fn exactly_one_number_is_the_primary_one() {
        let outcome = |flags: &[bool]| {
            let phones: Vec<_> = flags.iter().map(|flag| phone("5550101", *flag)).collect();
            one_primary_phone(&phones, &()).is_ok()
        };

        assert!(outcome(&[]) && outcome(&[true]) && outcome(&[false, true]));
        assert!(!outcome(&[false]) && !outcome(&[true, true]));
    }
}
