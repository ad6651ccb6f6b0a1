//! Figures made of a patient's health (contract §10).

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::health::{HealthProfile, Smoking};
use crate::domain::identity::registration::age;

/// From this age on adult limits hold, in completed years.
const ADULT: i16 = 18;

/// The adult classes of the WHO, and one for everyone younger.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum BmiClass {
    Pediatric,
    Underweight,
    Normal,
    Overweight,
    #[serde(rename = "obesity_class_1")]
    Obesity1,
    #[serde(rename = "obesity_class_2")]
    Obesity2,
    #[serde(rename = "obesity_class_3")]
    Obesity3,
}

impl BmiClass {
    /// The classes of adults, lightest first.
    pub const ADULT: [Self; 6] = [
        Self::Underweight,
        Self::Normal,
        Self::Overweight,
        Self::Obesity1,
        Self::Obesity2,
        Self::Obesity3,
    ];

    /// The body mass index from which on an adult is of this class.
    pub fn from(self) -> f64 {
        match self {
            Self::Pediatric | Self::Underweight => 0.0,
            Self::Normal => 18.5,
            Self::Overweight => 25.0,
            Self::Obesity1 => 30.0,
            Self::Obesity2 => 35.0,
            Self::Obesity3 => 40.0,
        }
    }

    /// The class of an adult with this body mass index.
    pub fn of_adult(bmi: f64) -> Self {
        let reached = Self::ADULT.into_iter().rev().find(|class| bmi >= class.from());
        reached.unwrap_or(Self::Underweight)
    }

    fn value(self) -> Option<f64> {
        match self {
            Self::Pediatric => None,
            Self::Normal => Some(1.0),
            Self::Overweight => Some(0.7),
            Self::Underweight => Some(0.6),
            Self::Obesity1 => Some(0.4),
            Self::Obesity2 => Some(0.2),
            Self::Obesity3 => Some(0.0),
        }
    }
}

/// The figures of a patient on one day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"age": 35, "bmi": 22.5, "bmi_class": "normal", "health_score": 88,
    "health_score_coverage": 0.8, "health_score_components": {"bmi": {"weight": 25, "value": 1.0}}}))]
pub struct Kpis {
    /// Completed years.
    pub age: i16,
    /// One decimal.
    pub bmi: Option<f64>,
    pub bmi_class: Option<BmiClass>,
    /// 0 to 100; unknown where too little is known.
    pub health_score: Option<i64>,
    /// The part of the score's weights that is known, 0 to 1.
    pub health_score_coverage: f64,
    /// What the score is made of; absent without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_score_components: Option<Components>,
}

/// The known components of a score.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Components {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bmi: Option<Component>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    blood_pressure: Option<Component>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    smoking: Option<Component>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    activity: Option<Component>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    chronic_conditions: Option<Component>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    alcohol: Option<Component>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sleep: Option<Component>,
}

/// One component: how much it counts, and how good it is from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Component {
    weight: i64,
    value: f64,
}

/// The share of weights below which a score would say nothing.
const LEAST_COVERAGE: f64 = 0.3;

impl Kpis {
    /// Whether they are those of an adult.
    pub fn is_adult(&self) -> bool {
        self.age >= ADULT
    }
}

/// The last birthday of those who are adults today. Who was born on 29 February comes of age on 1
/// March, and subtracting years from a day lands on no other.
pub fn last_birthday_of_adults(today: Date) -> Date {
    today.saturating_sub(jiff::Span::new().years(ADULT))
}

impl HealthProfile {
    /// Body mass index in kg/m², rounded to six decimals.
    pub fn bmi(&self) -> Option<f64> {
        let (height, weight) = (self.height_cm? / 100.0, self.weight_kg?);
        Some((weight / (height * height) * 1e6).round() / 1e6)
    }

    /// The figures of a patient born on `born`, on the day `today`.
    pub fn kpis(&self, born: Date, today: Date) -> Kpis {
        let age = age(born, today);
        let bmi = self.bmi();
        let class = bmi.map(|bmi| match age {
            ..ADULT => BmiClass::Pediatric,
            _ => BmiClass::of_adult(bmi),
        });
        let components = self.components(class);
        let (score, coverage) = components.score();
        Kpis {
            age,
            bmi: bmi.map(|bmi| (bmi * 10.0).round() / 10.0),
            bmi_class: class,
            health_score: score,
            health_score_coverage: coverage,
            health_score_components: score.map(|_| components),
        }
    }

    fn components(&self, class: Option<BmiClass>) -> Components {
        let part = |weight, value: Option<f64>| value.map(|value| Component { weight, value });
        Components {
            bmi: part(25, class.and_then(BmiClass::value)),
            blood_pressure: part(25, self.blood_pressure()),
            smoking: part(15, self.smoking.map(smoking)),
            activity: part(15, self.activity_minutes_week.map(activity)),
            chronic_conditions: part(10, self.chronic_conditions.as_deref().map(conditions)),
            alcohol: part(5, self.alcohol_units_week.map(alcohol)),
            sleep: part(5, self.sleep_hours.map(sleep)),
        }
    }

    fn blood_pressure(&self) -> Option<f64> {
        Some(match (self.systolic?, self.diastolic?) {
            (180.., _) | (_, 120..) => 0.0,
            (140.., _) | (_, 90..) => 0.2,
            (130.., _) | (_, 80..) => 0.5,
            (120.., _) => 0.8,
            _ => 1.0,
        })
    }
}

impl Components {
    /// The score, if enough is known, and how much is known.
    fn score(&self) -> (Option<i64>, f64) {
        let known = [
            self.bmi,
            self.blood_pressure,
            self.smoking,
            self.activity,
            self.chronic_conditions,
            self.alcohol,
            self.sleep,
        ];
        let (weights, sum) = known.into_iter().flatten().fold((0, 0.0), |(weights, sum), part| {
            #[expect(clippy::cast_precision_loss, reason = "weights are small")]
            let weight = part.weight as f64;
            (weights + part.weight, sum + weight * part.value)
        });
        #[expect(clippy::cast_precision_loss, reason = "weights add up to 100")]
        let total = weights as f64;
        let coverage = total / 100.0;
        if coverage < LEAST_COVERAGE {
            return (None, coverage);
        }
        // A sum like 91.499999999 that is 91.5 in decimal rounds as 91.5 does.
        let score = (100.0 * sum / total * 1e6).round() / 1e6;
        #[expect(clippy::cast_possible_truncation, reason = "0 to 100")]
        let score = (score + 0.5).floor() as i64;
        (Some(score), coverage)
    }
}

fn smoking(habit: Smoking) -> f64 {
    match habit {
        Smoking::Never => 1.0,
        Smoking::Former => 0.7,
        Smoking::Current => 0.0,
    }
}

#[expect(clippy::cast_precision_loss, reason = "at most 10080 minutes")]
fn activity(minutes: i64) -> f64 {
    (minutes as f64 / 150.0).min(1.0)
}

#[expect(clippy::cast_precision_loss, reason = "at most 50 conditions")]
fn conditions(conditions: &[String]) -> f64 {
    (1.0 - 0.25 * conditions.len() as f64).max(0.0)
}

fn alcohol(units: f64) -> f64 {
    match units {
        ..=7.0 => 1.0,
        ..=14.0 => 0.6,
        _ => 0.0,
    }
}

fn sleep(hours: f64) -> f64 {
    match hours {
        7.0..=9.0 => 1.0,
        6.0..=10.0 => 0.6,
        _ => 0.2,
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    const TODAY: Date = date(2025, 10, 13);
    const ADULT_BORN: Date = date(1990, 5, 17);

    fn kpis(profile: &HealthProfile) -> Kpis {
        profile.kpis(ADULT_BORN, TODAY)
    }

    fn body(height: f64, weight: f64) -> HealthProfile {
        HealthProfile { height_cm: Some(height), weight_kg: Some(weight), ..Default::default() }
    }

    #[test]
    fn the_body_mass_index_is_classed_before_it_is_rounded_for_show() {
        for (height, weight, shown, class) in [
            (170.0, 65.0, 22.5, BmiClass::Normal),
            (180.0, 97.2, 30.0, BmiClass::Obesity1),
            (200.0, 73.9, 18.5, BmiClass::Underweight),
            (100.0, 24.96, 25.0, BmiClass::Normal),
            (100.0, 35.0, 35.0, BmiClass::Obesity2),
            (100.0, 40.0, 40.0, BmiClass::Obesity3),
        ] {
            let kpis = kpis(&body(height, weight));
            assert_eq!((kpis.bmi, kpis.bmi_class), (Some(shown), Some(class)), "{height} {weight}");
        }
        assert_eq!(kpis(&HealthProfile::default()).bmi, None);
    }

    #[test]
    fn children_have_no_adult_class() {
        let kpis = body(120.0, 25.0).kpis(date(2016, 1, 1), TODAY);

        assert_eq!((kpis.age, kpis.bmi_class), (9, Some(BmiClass::Pediatric)));
        assert_eq!((kpis.health_score, kpis.health_score_coverage), (None, 0.0));
    }

    #[test]
    fn the_score_weighs_what_is_known() {
        let healthy = HealthProfile {
            systolic: Some(118),
            diastolic: Some(76),
            smoking: Some(Smoking::Never),
            activity_minutes_week: Some(75),
            chronic_conditions: Some(vec![]),
            ..body(170.0, 65.0)
        };
        let at_risk = HealthProfile {
            systolic: Some(145),
            diastolic: Some(85),
            smoking: Some(Smoking::Current),
            activity_minutes_week: Some(0),
            chronic_conditions: Some(vec!["a".into(), "b".into()]),
            alcohol_units_week: Some(20.0),
            sleep_hours: Some(5.0),
            ..body(100.0, 31.0)
        };

        let (healthy, at_risk) = (kpis(&healthy), kpis(&at_risk));

        assert_eq!((healthy.health_score, healthy.health_score_coverage), (Some(92), 0.9));
        assert_eq!((at_risk.health_score, at_risk.health_score_coverage), (Some(21), 1.0));
        let components = serde_json::to_value(healthy.health_score_components).unwrap();
        assert_eq!(components["bmi"], serde_json::json!({"weight": 25, "value": 1.0}));
        assert_eq!(components.get("sleep"), None);
    }

    #[test]
    fn too_little_known_is_no_score() {
        let known = HealthProfile {
            smoking: Some(Smoking::Current),
            chronic_conditions: Some(vec![]),
            ..Default::default()
        };

        let kpis = kpis(&known);

        assert_eq!((kpis.health_score, kpis.health_score_coverage), (None, 0.25));
        assert_eq!(kpis.health_score_components, None);
    }

    #[test]
    fn the_worst_row_of_blood_pressure_applies() {
        for (systolic, diastolic, value) in [
            (119, 79, 1.0),
            (120, 79, 0.8),
            (119, 80, 0.5),
            (130, 70, 0.5),
            (118, 90, 0.2),
            (140, 70, 0.2),
            (180, 70, 0.0),
            (110, 120, 0.0),
        ] {
            let profile = HealthProfile {
                systolic: Some(systolic),
                diastolic: Some(diastolic),
                ..Default::default()
            };
            assert_eq!(profile.blood_pressure(), Some(value), "{systolic}/{diastolic}");
        }
    }

    #[test]
    fn habits_are_valued_at_their_limits() {
        // In tenths, which compare exactly.
        let tenths = |value: f64| format!("{value:.1}");
        assert_eq!([7.0, 7.1, 14.0, 14.1].map(alcohol).map(tenths), ["1.0", "0.6", "0.6", "0.0"]);
        assert_eq!(
            [5.9, 6.0, 7.0, 9.0, 9.5, 10.0, 10.1].map(sleep).map(tenths),
            ["0.2", "0.6", "1.0", "1.0", "0.6", "0.6", "0.2"]
        );
        assert_eq!([0, 75, 150, 900].map(activity).map(tenths), ["0.0", "0.5", "1.0", "1.0"]);
    }
}
