//! How far the identity of a patient is validated (contract §9.1).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::state::{State, refusal};
use crate::error::{Error, FieldCode, Kind, Result};

/// Steps from a patient nobody has seen to one who sees everything of their own.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    sqlx::Type,
    ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum ValidationStatus {
    Pending,
    ValidatedByDoctor,
    ValidatedByInstitution,
    FullAccess,
}

/// Who moves a patient on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validator {
    House,
    /// A doctor related to the patient.
    Doctor,
    /// An institution related to the patient.
    Institution,
}

/// What a step depends on.
#[derive(Debug, Clone, Copy)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "four facts that have nothing to do with each other"
)]
pub struct Standing {
    pub status: ValidationStatus,
    pub has_doctor: bool,
    pub has_institution: bool,
    pub has_health_profile: bool,
    pub has_verified_email: bool,
}

impl ValidationStatus {
    /// In order.
    pub const ALL: [Self; 4] =
        [Self::Pending, Self::ValidatedByDoctor, Self::ValidatedByInstitution, Self::FullAccess];
}

impl State for ValidationStatus {
    fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::ValidatedByDoctor => "validated_by_doctor",
            Self::ValidatedByInstitution => "validated_by_institution",
            Self::FullAccess => "full_access",
        }
    }

    /// Of a patient with a doctor and an institution; see [`Standing`] for one without either.
    fn open(self) -> &'static [Self] {
        match self {
            Self::Pending => &[Self::ValidatedByDoctor],
            Self::ValidatedByDoctor => &[Self::ValidatedByInstitution, Self::Pending],
            Self::ValidatedByInstitution => &[Self::FullAccess, Self::Pending],
            Self::FullAccess => &[Self::Pending],
        }
    }
}

impl Standing {
    /// Whether `validator` may move the patient to `to`. A move the machine does not have is
    /// [`Kind::InvalidTransition`], one that is for others [`Kind::Forbidden`], and a missing
    /// condition of a right move a broken rule.
    pub fn check(
        &self,
        to: ValidationStatus,
        validator: Validator,
        note: Option<&str>,
    ) -> Result<()> {
        use ValidationStatus as S;
        if !self.open().contains(&to) {
            return Err(refusal(self.status, to, &self.open()));
        }
        match (self.status, to, validator) {
            (_, S::Pending, Validator::House) => match note {
                Some(_) => Ok(()),
                None => {
                    Err(Error::field("/note", FieldCode::Required, "is required to start over"))
                }
            },
            (S::Pending, S::ValidatedByDoctor, Validator::Doctor | Validator::House)
            | (
                S::Pending | S::ValidatedByDoctor,
                S::ValidatedByInstitution,
                Validator::Institution | Validator::House,
            )
            | (_, S::FullAccess, Validator::House) => Ok(()),
            (S::ValidatedByInstitution, S::FullAccess, Validator::Institution) => {
                self.is_complete()
            }
            _ => Err(Kind::Forbidden("this step of the validation is for others").into()),
        }
    }

    /// The moves there are, by whom ever.
    fn open(self) -> Vec<ValidationStatus> {
        use ValidationStatus as S;
        let onward = match self.status {
            S::Pending if self.has_doctor => Some(S::ValidatedByDoctor),
            S::Pending => Some(S::ValidatedByInstitution),
            S::ValidatedByDoctor if self.has_institution => Some(S::ValidatedByInstitution),
            S::ValidatedByDoctor | S::ValidatedByInstitution => Some(S::FullAccess),
            S::FullAccess => None,
        };
        let back = (self.status != S::Pending).then_some(S::Pending);
        onward.into_iter().chain(back).collect()
    }

    fn is_complete(self) -> Result<()> {
        if !self.has_health_profile {
            let detail = "needs a health profile first";
            return Err(Error::field("/status", FieldCode::Rule, detail));
        }
        if !self.has_verified_email {
            let detail = "the patient's e-mail is not verified";
            return Err(Error::field("/status", FieldCode::Rule, detail));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::ValidationStatus as S;
    use super::*;

    fn standing(status: S, has_doctor: bool, has_institution: bool) -> Standing {
        Standing {
            status,
            has_doctor,
            has_institution,
            has_health_profile: true,
            has_verified_email: true,
        }
    }

    /// Every move a validator may make with a note, from every status.
    fn moves(validator: Validator, has_doctor: bool, has_institution: bool) -> Vec<(S, S)> {
        let pairs = S::ALL.into_iter().flat_map(|from| S::ALL.map(|to| (from, to)));
        pairs
            .filter(|(from, to)| {
                let standing = standing(*from, has_doctor, has_institution);
                standing.check(*to, validator, Some("why")).is_ok()
            })
            .collect()
    }

    const BACK: [(S, S); 3] = [
        (S::ValidatedByDoctor, S::Pending),
        (S::ValidatedByInstitution, S::Pending),
        (S::FullAccess, S::Pending),
    ];

    fn with_back(onward: &[(S, S)]) -> Vec<(S, S)> {
        let mut all: Vec<_> = onward.iter().chain(&BACK).copied().collect();
        all.sort_unstable();
        all
    }

    #[test]
    fn the_house_may_every_step_there_is() {
        assert_eq!(
            moves(Validator::House, true, true),
            with_back(&[
                (S::Pending, S::ValidatedByDoctor),
                (S::ValidatedByDoctor, S::ValidatedByInstitution),
                (S::ValidatedByInstitution, S::FullAccess),
            ])
        );
        assert_eq!(
            moves(Validator::House, true, false),
            with_back(&[
                (S::Pending, S::ValidatedByDoctor),
                (S::ValidatedByDoctor, S::FullAccess),
                (S::ValidatedByInstitution, S::FullAccess),
            ])
        );
        assert_eq!(
            moves(Validator::House, false, true),
            with_back(&[
                (S::Pending, S::ValidatedByInstitution),
                (S::ValidatedByDoctor, S::ValidatedByInstitution),
                (S::ValidatedByInstitution, S::FullAccess),
            ])
        );
    }

    #[test]
    fn a_doctor_makes_the_first_step_and_an_institution_the_others() {
        assert_eq!(moves(Validator::Doctor, true, true), [(S::Pending, S::ValidatedByDoctor)]);
        assert_eq!(
            moves(Validator::Institution, true, true),
            [
                (S::ValidatedByDoctor, S::ValidatedByInstitution),
                (S::ValidatedByInstitution, S::FullAccess)
            ]
        );
        assert_eq!(
            moves(Validator::Institution, false, true),
            [
                (S::Pending, S::ValidatedByInstitution),
                (S::ValidatedByDoctor, S::ValidatedByInstitution),
                (S::ValidatedByInstitution, S::FullAccess)
            ]
        );
    }

    #[test]
    fn an_institution_opens_everything_only_to_a_known_patient() {
        let known = standing(S::ValidatedByInstitution, true, true);
        let unproven = Standing { has_verified_email: false, ..known };
        let unknown = Standing { has_health_profile: false, ..known };

        for refused in [unproven, unknown] {
            let outcome = refused.check(S::FullAccess, Validator::Institution, None);
            assert!(matches!(outcome.unwrap_err().kind(), Kind::Validation(_)));
            assert!(refused.check(S::FullAccess, Validator::House, None).is_ok());
        }
    }

    #[test]
    fn a_skipped_step_tells_which_ones_there_are() {
        let outcome = standing(S::Pending, true, true).check(S::FullAccess, Validator::House, None);

        match outcome.unwrap_err().kind() {
            Kind::InvalidTransition { from, to, allowed } => {
                assert_eq!((from.as_str(), to.as_str()), ("pending", "full_access"));
                assert_eq!(allowed.as_slice(), ["validated_by_doctor"]);
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn starting_over_needs_a_reason() {
        let outcome = standing(S::FullAccess, true, true).check(S::Pending, Validator::House, None);

        assert!(matches!(outcome.unwrap_err().kind(), Kind::Validation(_)));
    }
}
