//! What leaves the hub when somebody else is asked for suggestions: age, sex, figures, symptoms and
//! measurements. Who the patient is stays here, even where symptoms say it.

use std::collections::HashSet;

use jiff::civil;
use serde::Serialize;

use super::{Question, Vitals};
use crate::domain::clinical::health::HealthProfile;
use crate::domain::clinical::kpi::Kpis;
use crate::domain::clinical::patient::Sex;
use crate::domain::text::folded;

/// What stands where a word told who the patient is.
const SOMEONE: &str = "[patient]";
/// Words of names that tell nothing, and are words of symptoms as well.
const PARTICLES: &[&str] = &["das", "del", "der", "dos", "las", "los", "san", "van", "von"];
/// Letters from which on a word of a name tells something.
const TELLING_FROM: usize = 3;
/// Digits from which on a number tells something, however it is written: with its prefix or without.
const NUMBER_FROM: usize = 7;
/// What stands between the digits of one number or date.
const BETWEEN_DIGITS: &[char] = &[' ', '+', '-', '.', '/', '(', ')'];

/// A patient without an identity.
#[derive(Debug, Clone, Serialize)]
pub struct Case {
    /// Completed years.
    age: i16,
    sex: Sex,
    kpis: Kpis,
    symptoms: Vec<String>,
    vitals: Vitals,
}

/// Whom a case is about, to be left out of it.
#[derive(Debug, Clone, Copy)]
pub struct Person<'a> {
    pub born: civil::Date,
    pub sex: Sex,
    /// Names, numbers and addresses.
    pub known_as: &'a [&'a str],
}

impl Case {
    pub fn of(
        person: &Person<'_>,
        profile: &HealthProfile,
        asked: &Question,
        today: civil::Date,
    ) -> Self {
        let kpis = profile.kpis(person.born, today);
        let (telling, numbers) = (telling(person.known_as), numbers(person));
        let told = |text: &String| without(&without_numbers(text, &numbers), &telling);
        Self {
            age: kpis.age,
            sex: person.sex,
            kpis,
            symptoms: asked.symptoms.iter().map(told).collect(),
            vitals: Vitals::of(profile),
        }
    }
}

/// What someone is known as, and the words it is made of. Groups of a number are figures like any.
fn telling(known_as: &[&str]) -> HashSet<String> {
    let whole = known_as.iter().map(|text| bare(text)).filter(|text| text.chars().count() > 1);
    let words = known_as.iter().flat_map(|text| {
        text.split(|letter: char| !letter.is_alphanumeric()).map(bare).filter(|word| {
            word.chars().count() >= TELLING_FROM
                && word.chars().any(char::is_alphabetic)
                && !PARTICLES.contains(&word.as_str())
        })
    });
    whole.chain(words).collect()
}

/// The digits of numbers someone has, and of the day of birth in its usual orders.
fn numbers(person: &Person<'_>) -> Vec<String> {
    let own = person.known_as.iter().filter(|text| !text.chars().any(char::is_alphabetic));
    let digits = own.map(|text| text.chars().filter(char::is_ascii_digit).collect::<String>());
    let days = ["%Y%m%d", "%d%m%Y", "%m%d%Y", "%-d%-m%Y"];
    let days = days.map(|order| person.born.strftime(order).to_string());
    digits.filter(|digits| digits.len() >= NUMBER_FROM).chain(days).collect()
}

/// The text without such numbers, whatever stands between their digits. Of a longer one the end is enough:
/// numbers are told with their prefixes and without.
fn without_numbers(text: &str, numbers: &[String]) -> String {
    let is_part = |letter: char| letter.is_ascii_digit() || BETWEEN_DIGITS.contains(&letter);
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|letter: char| letter.is_ascii_digit()) {
        let end =
            rest[start..].find(|letter| !is_part(letter)).map_or(rest.len(), |end| start + end);
        let run = &rest[start..end];
        let said: String = run.chars().filter(char::is_ascii_digit).collect();
        let ends_alike = |number: &String| {
            let end = number.len().saturating_sub(NUMBER_FROM);
            said.contains(number.as_str()) || said.ends_with(&number[end..])
        };
        kept.push_str(&rest[..start]);
        if numbers.iter().any(ends_alike) {
            kept.push_str(SOMEONE);
            kept.push_str(&run[run.trim_end_matches(BETWEEN_DIGITS).len()..]);
        } else {
            kept.push_str(run);
        }
        rest = &rest[end..];
    }
    kept + rest
}

/// The text without such words.
fn without(text: &str, telling: &HashSet<String>) -> String {
    let words = text.split_whitespace().map(|word| {
        let mut parts = word.split(|letter: char| !letter.is_alphanumeric()).map(bare);
        let tells = telling.contains(&bare(word)) || parts.any(|part| telling.contains(&part));
        if tells { SOMEONE } else { word }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Letters and digits alone, in lower case and without accents.
fn bare(word: &str) -> String {
    folded(word).chars().filter(|letter| letter.is_alphanumeric()).collect()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use serde_json::json;

    use super::*;
    use crate::domain::id::PatientId;

    const KNOWN_AS: &[&str] = &["María", "Gómez de la Cruz", "30.123.456", "maria@example.com"];

    #[test]
    fn a_case_says_how_a_patient_is_and_not_who() {
        let person = Person { born: date(1990, 5, 17), sex: Sex::Female, known_as: KNOWN_AS };
        let asked = Question {
            patient_id: PatientId(4_711),
            symptoms: vec!["María Gómez refiere cefalea".into()],
            vitals: None,
            question: Some("¿Es migraña?".into()),
        };
        let profile = HealthProfile {
            systolic: Some(150),
            notes: Some("vive con su hermana".into()),
            chronic_conditions: Some(vec!["x".into()]),
            ..Default::default()
        };

        let case = Case::of(&person, &profile, &asked, date(2025, 10, 13));

        let case = serde_json::to_value(case).unwrap();
        assert_eq!(case["age"], 35);
        assert_eq!(case["sex"], "female");
        assert_eq!(case["symptoms"], json!(["[patient] [patient] refiere cefalea"]));
        assert_eq!(case["vitals"], json!({"systolic": 150}));
        let mut fields: Vec<_> = case.as_object().unwrap().keys().collect();
        fields.sort();
        assert_eq!(fields, ["age", "kpis", "sex", "symptoms", "vitals"]);
        let text = case.to_string();
        for told in ["4711", "1990", "migraña", "hermana", "Gómez"] {
            assert!(!text.contains(told), "{told}");
        }
    }

    #[test]
    fn numbers_and_the_day_of_birth_are_left_out_however_they_are_written() {
        let known_as = &["+54 351 555 0101", "30.123.456", "INT-9"];
        let numbers = numbers(&Person { born: date(1990, 5, 17), sex: Sex::Female, known_as });
        for (text, told) in [
            ("tel +54 351 555 0101, dolor", "tel +[patient], dolor"),
            ("llamar al 351-555-0101", "llamar al [patient]"),
            ("555 01 01", "[patient]"),
            ("nacida el 17/05/1990", "nacida el [patient]"),
            ("1990-05-17 y 30 123 456", "[patient] y [patient]"),
            ("DNI 30123456.", "DNI [patient]."),
        ] {
            assert_eq!(without_numbers(text, &numbers), told, "{text}");
        }
        for text in ["TA 150/95, FC 88", "glucemia 126", "desde 2019", "17 de mayo"] {
            assert_eq!(without_numbers(text, &numbers), text);
        }
    }

    #[test]
    fn a_person_is_left_out_however_they_are_spelt() {
        let telling = telling(KNOWN_AS);
        for text in [
            "maria",
            "MARÍA,",
            "(Gomez)",
            "Gómez-Pérez",
            "30123456",
            "30.123.456",
            "maria@example.com",
        ] {
            assert_eq!(without(text, &telling), SOMEONE, "{text}");
        }
        for text in ["dolor de la espalda", "marea", "glucemia 123", "30 días"] {
            assert_eq!(without(text, &telling), text);
        }
    }
}
