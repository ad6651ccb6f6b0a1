//! The suggestions that are built in: limits of measurements, and what it may mean that one is past
//! its own.

use super::{Suggestion, ranked};
use crate::domain::clinical::health::HealthProfile;

/// What the measurements of a profile make one think of.
pub fn suggestions(profile: &HealthProfile) -> Vec<Suggestion> {
    let found = [
        blood_pressure(profile.systolic, profile.diastolic),
        profile.fasting_glucose_mgdl.and_then(fasting_glucose),
        profile.bmi().and_then(body_mass_index),
        profile.heart_rate.and_then(heart_rate),
        profile.spo2.and_then(oxygen_saturation),
        profile.temperature_c.and_then(temperature),
    ];
    ranked(found.into_iter().flatten().collect())
}

fn blood_pressure(systolic: Option<i64>, diastolic: Option<i64>) -> Option<Suggestion> {
    let past = |name: &str, value: Option<i64>, limit: i64| {
        value.filter(|value| *value >= limit).map(|value| format!("{name} {value} ≥ {limit}"))
    };
    let reached = |upper: i64, lower: i64| -> Vec<String> {
        [past("systolic", systolic, upper), past("diastolic", diastolic, lower)]
            .into_iter()
            .flatten()
            .collect()
    };
    let (severe, high) = (reached(180, 120), reached(140, 90));
    let (confidence, evidence) = if severe.is_empty() { (0.6, high) } else { (0.8, severe) };
    (!evidence.is_empty())
        .then(|| suggestion("I10", "Essential (primary) hypertension", confidence, evidence))
}

fn fasting_glucose(value: f64) -> Option<Suggestion> {
    let evidence = |limit: &str| vec![format!("fasting glucose {value} ≥ {limit}")];
    match value {
        126.0.. => Some(suggestion("E11", "Type 2 diabetes mellitus", 0.6, evidence("126"))),
        100.0.. => Some(suggestion("R73.03", "Prediabetes", 0.5, evidence("100"))),
        _ => None,
    }
}

fn body_mass_index(value: f64) -> Option<Suggestion> {
    let shown = (value * 10.0).round() / 10.0;
    let evidence = vec![format!("body mass index {shown} ≥ 30")];
    (value >= 30.0).then(|| suggestion("E66.9", "Obesity, unspecified", 0.9, evidence))
}

fn heart_rate(value: i64) -> Option<Suggestion> {
    match value {
        101.. => {
            let evidence = vec![format!("heart rate {value} > 100")];
            Some(suggestion("R00.0", "Tachycardia, unspecified", 0.5, evidence))
        }
        ..50 => {
            let evidence = vec![format!("heart rate {value} < 50")];
            Some(suggestion("R00.1", "Bradycardia, unspecified", 0.5, evidence))
        }
        _ => None,
    }
}

fn oxygen_saturation(value: f64) -> Option<Suggestion> {
    let evidence = vec![format!("oxygen saturation {value} < 92")];
    (value < 92.0).then(|| suggestion("R09.02", "Hypoxemia", 0.7, evidence))
}

fn temperature(value: f64) -> Option<Suggestion> {
    let evidence = vec![format!("temperature {value} ≥ 38")];
    (value >= 38.0).then(|| suggestion("R50.9", "Fever, unspecified", 0.8, evidence))
}

fn suggestion(code: &str, description: &str, confidence: f64, evidence: Vec<String>) -> Suggestion {
    Suggestion { code: code.to_owned(), description: description.to_owned(), confidence, evidence }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nothing() -> HealthProfile {
        HealthProfile::default()
    }

    /// Codes with their confidence.
    fn found(profile: &HealthProfile) -> Vec<(String, f64)> {
        suggestions(profile).into_iter().map(|it| (it.code, it.confidence)).collect()
    }

    fn one(code: &str, confidence: f64) -> Vec<(String, f64)> {
        vec![(code.to_owned(), confidence)]
    }

    #[test]
    fn nothing_known_suggests_nothing() {
        assert_eq!(found(&nothing()), []);
    }

    #[test]
    fn high_blood_pressure_by_either_value() {
        let at = |systolic, diastolic| found(&HealthProfile { systolic, diastolic, ..nothing() });

        for (systolic, diastolic) in
            [(Some(139), Some(89)), (Some(139), None), (None, Some(89)), (None, None)]
        {
            assert_eq!(at(systolic, diastolic), [], "{systolic:?} {diastolic:?}");
        }
        for (systolic, diastolic) in [
            (Some(140), Some(70)),
            (Some(140), None),
            (Some(110), Some(90)),
            (None, Some(90)),
            (Some(179), Some(119)),
        ] {
            assert_eq!(at(systolic, diastolic), one("I10", 0.6), "{systolic:?} {diastolic:?}");
        }
        for (systolic, diastolic) in
            [(Some(180), Some(70)), (Some(180), None), (Some(110), Some(120)), (None, Some(120))]
        {
            assert_eq!(at(systolic, diastolic), one("I10", 0.8), "{systolic:?} {diastolic:?}");
        }
    }

    #[test]
    fn fasting_glucose_in_two_steps() {
        let at = |value| found(&HealthProfile { fasting_glucose_mgdl: Some(value), ..nothing() });

        assert_eq!(at(99.9), []);
        for value in [100.0, 125.0, 125.9] {
            assert_eq!(at(value), one("R73.03", 0.5), "{value}");
        }
        for value in [126.0, 400.0] {
            assert_eq!(at(value), one("E11", 0.6), "{value}");
        }
    }

    #[test]
    fn obesity_from_a_body_mass_index_of_thirty() {
        let at = |weight| {
            let body = (Some(180.0), Some(weight));
            found(&HealthProfile { height_cm: body.0, weight_kg: body.1, ..nothing() })
        };

        assert_eq!(at(97.1), []);
        assert_eq!(at(97.2), one("E66.9", 0.9));
    }

    #[test]
    fn a_fast_and_a_slow_heart() {
        let at = |value| found(&HealthProfile { heart_rate: Some(value), ..nothing() });

        assert_eq!(at(101), one("R00.0", 0.5));
        assert_eq!((at(100), at(50)), (vec![], vec![]));
        assert_eq!(at(49), one("R00.1", 0.5));
    }

    #[test]
    fn little_oxygen_and_fever() {
        let oxygen = |value| found(&HealthProfile { spo2: Some(value), ..nothing() });
        let warmth = |value| found(&HealthProfile { temperature_c: Some(value), ..nothing() });

        assert_eq!((oxygen(92.0), oxygen(91.9)), (vec![], one("R09.02", 0.7)));
        assert_eq!((warmth(37.9), warmth(38.0)), (vec![], one("R50.9", 0.8)));
    }

    #[test]
    fn all_together_are_ranked_and_say_why() {
        let ill = HealthProfile {
            systolic: Some(185),
            diastolic: Some(121),
            fasting_glucose_mgdl: Some(130.5),
            height_cm: Some(100.0),
            weight_kg: Some(31.0),
            heart_rate: Some(120),
            spo2: Some(90.0),
            temperature_c: Some(38.5),
            ..nothing()
        };

        let found = suggestions(&ill);

        let codes: Vec<_> = found.iter().map(|it| it.code.as_str()).collect();
        assert_eq!(codes, ["E66.9", "I10", "R50.9", "R09.02", "E11", "R00.0"]);
        assert_eq!(found[1].evidence, ["systolic 185 ≥ 180", "diastolic 121 ≥ 120"]);
        assert_eq!(found[0].evidence, ["body mass index 31 ≥ 30"]);
        assert_eq!(found[4].evidence, ["fasting glucose 130.5 ≥ 126"]);
        assert!(found.iter().all(Suggestion::is_sound));
    }
}
