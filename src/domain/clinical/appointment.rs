//! Visits: what is written about one, what can follow what, and who may bring it about (contract
//! §5.11, §9.3).

use std::collections::HashSet;
use std::time::Duration;

use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::doctor::DoctorStatus;
use super::validation::ValidationStatus;
use crate::domain::id::{DoctorId, ExamId, LocationId, PatientId};
use crate::domain::state::{State, refusal};
use crate::domain::time::Timestamp;
use crate::error::{Error, FieldCode, Kind, Result};

/// The longest visit.
pub const LONGEST: Duration = Duration::from_hours(8);
/// How far ahead a visit may be booked.
const FARTHEST: Duration = Duration::from_hours(24 * 366 * 10);
/// How long after its start a patient may still come.
const PATIENCE: Duration = Duration::from_mins(15);

/// A visit to be booked.
#[derive(Debug, Clone, PartialEq, Deserialize, Validate, ToSchema)]
#[schema(as = AppointmentInput, example = json!({"patient_id": 77, "doctor_id": 45,
    "kind": "video", "starts_at": "2027-03-01T13:00:00.000Z", "duration_minutes": 30,
    "reason": "control"}))]
pub struct AppointmentDraft {
    #[garde(skip)]
    pub patient_id: PatientId,
    /// Only `lab` visits do without.
    #[serde(default)]
    #[garde(custom(is_named_unless_lab(self.kind)))]
    pub doctor_id: Option<DoctorId>,
    #[serde(default)]
    #[garde(length(max = 50), custom(named_once))]
    #[schema(max_items = 50)]
    pub exam_ids: Vec<ExamId>,
    #[serde(default)]
    #[garde(skip)]
    pub location_id: Option<LocationId>,
    #[garde(skip)]
    pub kind: AppointmentKind,
    /// In the future.
    #[garde(skip)]
    pub starts_at: Timestamp,
    #[serde(default = "usual_minutes")]
    #[garde(range(min = 5, max = 480))]
    #[schema(minimum = 5, maximum = 480, default = 30)]
    pub duration_minutes: i64,
    #[serde(default)]
    #[garde(inner(length(chars, max = 1000)))]
    #[schema(max_length = 1000)]
    pub reason: Option<String>,
}

/// What can be changed about a visit that is booked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Validate, ToSchema)]
#[schema(as = AppointmentPatch, example = json!({"starts_at": "2027-03-01T14:00:00.000Z"}))]
pub struct Arrangement {
    /// In the future.
    #[garde(skip)]
    #[schema(required = false)]
    pub starts_at: Timestamp,
    #[garde(range(min = 5, max = 480))]
    #[schema(required = false, minimum = 5, maximum = 480)]
    pub duration_minutes: i64,
    #[serde(default)]
    #[garde(skip)]
    pub location_id: Option<LocationId>,
    #[serde(default)]
    #[garde(inner(length(chars, max = 1000)))]
    #[schema(max_length = 1000)]
    pub reason: Option<String>,
}

/// How patient and doctor meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum AppointmentKind {
    InPerson,
    Video,
    Lab,
}

/// How far a visit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum AppointmentStatus {
    Scheduled,
    Confirmed,
    CheckedIn,
    /// The consultation of a video visit is under way.
    InProgress,
    Completed,
    Cancelled,
    NoShow,
}

/// Who moves a visit on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Party {
    House,
    Doctor,
    Institution,
    Patient,
    /// The consultation of a video visit.
    Consultation,
}

/// What a move of a visit depends on.
#[derive(Debug, Clone, Copy)]
pub struct Standing {
    pub kind: AppointmentKind,
    pub status: AppointmentStatus,
    pub starts_at: Timestamp,
}

/// What a booking depends on besides the calendar.
#[derive(Debug, Clone, Copy)]
pub struct Booking {
    pub kind: AppointmentKind,
    pub is_patient_associated: bool,
    pub validation: ValidationStatus,
    /// Absent where no doctor is asked for.
    pub doctor: Option<DoctorStatus>,
}

impl AppointmentKind {
    pub fn name(self) -> &'static str {
        match self {
            Self::InPerson => "in_person",
            Self::Video => "video",
            Self::Lab => "lab",
        }
    }
}

impl State for AppointmentStatus {
    fn name(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Confirmed => "confirmed",
            Self::CheckedIn => "checked_in",
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
            Self::NoShow => "no_show",
        }
    }

    /// Of any visit at any time; see [`Standing`] for a certain one.
    fn open(self) -> &'static [Self] {
        match self {
            Self::Scheduled => &[Self::Confirmed, Self::Cancelled, Self::NoShow, Self::InProgress],
            Self::Confirmed => &[Self::CheckedIn, Self::Cancelled, Self::NoShow, Self::InProgress],
            Self::CheckedIn | Self::InProgress => &[Self::Completed],
            Self::Completed | Self::Cancelled | Self::NoShow => &[],
        }
    }
}

impl Standing {
    /// Whether `by` may move the visit to `to` now. A move that cannot follow, or not yet, is
    /// [`Kind::InvalidTransition`], one that is for others [`Kind::Forbidden`].
    pub fn check(&self, to: AppointmentStatus, by: Party, now: Timestamp) -> Result<()> {
        may_bring_about(to, by)?;
        let open = self.open(now);
        if open.contains(&to) { Ok(()) } else { Err(refusal(self.status, to, &open)) }
    }

    /// Whether the visit can still be put to another time or place.
    pub fn check_arrangement(&self) -> Result<()> {
        use AppointmentStatus as S;
        match self.status {
            S::Scheduled | S::Confirmed => Ok(()),
            other => Err(refusal(other, S::Scheduled, other.open())),
        }
    }

    /// Whether the visit can be held by video.
    pub fn check_video(&self) -> Result<()> {
        use AppointmentStatus as S;
        if self.kind != AppointmentKind::Video {
            return Err(Kind::Untenable("only visits by video are held by a consultation").into());
        }
        match self.status {
            S::Scheduled | S::Confirmed | S::InProgress => Ok(()),
            other => Err(refusal(other, S::InProgress, other.open())),
        }
    }

    /// Where the visit stands once `by` has put it to another time: a patient asks anew for what was
    /// confirmed, anyone else's word stands.
    pub fn after_arrangement(&self, by: Party, is_moved: bool) -> AppointmentStatus {
        if is_moved && by == Party::Patient { AppointmentStatus::Scheduled } else { self.status }
    }

    fn open(&self, now: Timestamp) -> Vec<AppointmentStatus> {
        use AppointmentStatus as S;
        let can_follow = |to: &S| match to {
            S::NoShow => self.starts_at.plus(PATIENCE) <= now,
            S::InProgress => self.kind == AppointmentKind::Video,
            _ => true,
        };
        self.status.open().iter().copied().filter(can_follow).collect()
    }
}

impl Booking {
    /// Whether there can be such a visit.
    pub fn check(self) -> Result<()> {
        if self.doctor.is_some_and(|doctor| doctor != DoctorStatus::Active) {
            let detail = "the doctor takes no bookings at present";
            return Err(Error::field("/doctor_id", FieldCode::Rule, detail));
        }
        if self.kind != AppointmentKind::Video {
            return Ok(());
        }
        if !self.is_patient_associated {
            let detail = "by video are visits of patients with a doctor or an institution";
            return Err(Error::field("/kind", FieldCode::Rule, detail));
        }
        if self.validation == ValidationStatus::Pending {
            let detail = "by video are visits of validated patients";
            return Err(Error::field("/kind", FieldCode::Rule, detail));
        }
        Ok(())
    }
}

/// When a visit ends that starts then and lasts that long, if it can be booked for that time.
pub fn end(starts_at: Timestamp, duration_minutes: i64, now: Timestamp) -> Result<Timestamp> {
    if starts_at <= now {
        return Err(Error::field("/starts_at", FieldCode::Range, "must lie in the future"));
    }
    if starts_at > now.plus(FARTHEST) {
        return Err(Error::field("/starts_at", FieldCode::Range, "must lie within ten years"));
    }
    let minutes = u64::try_from(duration_minutes).unwrap_or(0);
    Ok(starts_at.plus(Duration::from_mins(minutes)))
}

/// What is known of a visit's reason once somebody has cancelled it: the one it was made for, and
/// below it why it does not take place.
pub fn reason_of_cancelled(reason: Option<String>, why: Option<&str>) -> Option<String> {
    match (reason, why.filter(|why| !why.is_empty())) {
        (reason, None) => reason,
        (Some(reason), Some(why)) if !reason.is_empty() => Some(format!("{reason}\n{why}")),
        (_, Some(why)) => Some(why.to_owned()),
    }
}

fn may_bring_about(to: AppointmentStatus, by: Party) -> Result<()> {
    use AppointmentStatus as S;
    let may = match by {
        Party::House | Party::Doctor | Party::Institution => to != S::InProgress,
        Party::Patient => to == S::Cancelled,
        Party::Consultation => matches!(to, S::InProgress | S::Completed),
    };
    if may { Ok(()) } else { Err(Kind::Forbidden("this step of a visit is for others").into()) }
}

fn usual_minutes() -> i64 {
    30
}

fn is_named_unless_lab<C>(
    kind: AppointmentKind,
) -> impl FnOnce(&Option<DoctorId>, &C) -> garde::Result {
    move |doctor, _| {
        if doctor.is_some() || kind == AppointmentKind::Lab {
            return Ok(());
        }
        Err(garde::Error::new("required: only lab visits do without a doctor"))
    }
}

fn named_once<C>(ids: &[ExamId], _: &C) -> garde::Result {
    let mut seen = HashSet::new();
    if ids.iter().all(|id| seen.insert(id)) {
        return Ok(());
    }
    Err(garde::Error::new("unique: names an exam twice"))
}

#[cfg(test)]
mod tests {
    use AppointmentStatus as S;

    use super::*;

    const ALL: [S; 7] = [
        S::Scheduled,
        S::Confirmed,
        S::CheckedIn,
        S::InProgress,
        S::Completed,
        S::Cancelled,
        S::NoShow,
    ];
    const START: Timestamp = Timestamp(1_000_000_000);

    /// Every move of a visit of that kind that `by` may make that many minutes after its start.
    fn moves(kind: AppointmentKind, by: Party, minutes: u64) -> Vec<(S, S)> {
        let now = START.plus(Duration::from_mins(minutes));
        let pairs = ALL.into_iter().flat_map(|from| ALL.map(|to| (from, to)));
        pairs
            .filter(|(status, to)| {
                Standing { kind, status: *status, starts_at: START }.check(*to, by, now).is_ok()
            })
            .collect()
    }

    #[test]
    fn those_who_give_care_may_every_step_but_the_consultations_own() {
        let expected = [
            (S::Scheduled, S::Confirmed),
            (S::Scheduled, S::Cancelled),
            (S::Scheduled, S::NoShow),
            (S::Confirmed, S::CheckedIn),
            (S::Confirmed, S::Cancelled),
            (S::Confirmed, S::NoShow),
            (S::CheckedIn, S::Completed),
            (S::InProgress, S::Completed),
        ];
        for by in [Party::House, Party::Doctor, Party::Institution] {
            assert_eq!(moves(AppointmentKind::Video, by, 15), expected);
        }
    }

    #[test]
    fn a_patient_cancels_and_no_more() {
        assert_eq!(
            moves(AppointmentKind::InPerson, Party::Patient, 15),
            [(S::Scheduled, S::Cancelled), (S::Confirmed, S::Cancelled)]
        );
    }

    #[test]
    fn a_consultation_drives_visits_by_video_only() {
        assert_eq!(
            moves(AppointmentKind::Video, Party::Consultation, 0),
            [
                (S::Scheduled, S::InProgress),
                (S::Confirmed, S::InProgress),
                (S::CheckedIn, S::Completed),
                (S::InProgress, S::Completed)
            ]
        );
        assert_eq!(
            moves(AppointmentKind::Lab, Party::Consultation, 0),
            [(S::CheckedIn, S::Completed), (S::InProgress, S::Completed)]
        );
    }

    #[test]
    fn who_does_not_come_is_waited_for_a_quarter_of_an_hour() {
        let visit = Standing { kind: AppointmentKind::Lab, status: S::Confirmed, starts_at: START };
        let late = START.plus(PATIENCE);

        let early = visit.check(S::NoShow, Party::Doctor, Timestamp(late.0 - 1));

        match early.unwrap_err().kind() {
            Kind::InvalidTransition { from, to, allowed } => {
                assert_eq!((from.as_str(), to.as_str()), ("confirmed", "no_show"));
                assert_eq!(allowed.as_slice(), ["checked_in", "cancelled"]);
            }
            other => panic!("{other:?}"),
        }
        assert!(visit.check(S::NoShow, Party::Doctor, late).is_ok());
    }

    #[test]
    fn a_visit_is_put_elsewhere_only_before_it_begins() {
        let open = |status| {
            let visit = Standing { kind: AppointmentKind::InPerson, status, starts_at: START };
            visit.check_arrangement().is_ok()
        };
        assert_eq!(ALL.map(open), [true, true, false, false, false, false, false]);
    }

    #[test]
    fn only_a_patient_who_puts_a_visit_to_another_time_asks_anew() {
        let visit = Standing { kind: AppointmentKind::Lab, status: S::Confirmed, starts_at: START };

        assert_eq!(visit.after_arrangement(Party::Patient, true), S::Scheduled);
        assert_eq!(visit.after_arrangement(Party::Patient, false), S::Confirmed);
        assert_eq!(visit.after_arrangement(Party::Doctor, true), S::Confirmed);
    }

    #[test]
    fn by_video_are_visits_of_known_patients_and_all_are_with_doctors_who_practise() {
        let booking = Booking {
            kind: AppointmentKind::Video,
            is_patient_associated: true,
            validation: ValidationStatus::ValidatedByDoctor,
            doctor: Some(DoctorStatus::Active),
        };
        let refused = |booking: Booking| match booking.check() {
            Ok(()) => String::new(),
            Err(error) => match error.kind() {
                Kind::Validation(fields) => fields[0].pointer.clone(),
                other => panic!("{other:?}"),
            },
        };
        let pending = Booking { validation: ValidationStatus::Pending, ..booking };

        assert_eq!(refused(booking), "");
        assert_eq!(refused(pending), "/kind");
        assert_eq!(refused(Booking { is_patient_associated: false, ..booking }), "/kind");
        assert_eq!(refused(Booking { kind: AppointmentKind::InPerson, ..pending }), "");
        let suspended = Booking { doctor: Some(DoctorStatus::Suspended), ..booking };
        assert_eq!(refused(suspended), "/doctor_id");
    }

    #[test]
    fn a_visit_lies_ahead_but_not_too_far() {
        let now = START;
        assert!(end(now, 30, now).is_err());
        assert!(end(now.plus(FARTHEST + Duration::from_millis(1)), 30, now).is_err());
        assert_eq!(end(Timestamp(now.0 + 1), 30, now).unwrap(), Timestamp(now.0 + 1_800_001));
    }

    #[test]
    fn why_a_visit_was_cancelled_stands_below_what_it_was_for() {
        let after = |reason: Option<&str>, why| reason_of_cancelled(reason.map(str::to_owned), why);

        assert_eq!(after(Some("control"), None).as_deref(), Some("control"));
        assert_eq!(after(None, Some("de viaje")).as_deref(), Some("de viaje"));
        assert_eq!(after(Some("control"), Some("de viaje")).as_deref(), Some("control\nde viaje"));
        assert_eq!(after(Some(""), Some("")).as_deref(), Some(""));
    }

    #[test]
    fn only_a_lab_visit_does_without_a_doctor() {
        let draft = |kind: &str| {
            let body = serde_json::json!({"patient_id": 1, "kind": kind,
                "starts_at": "2027-03-01T13:00:00Z"});
            serde_json::from_value::<AppointmentDraft>(body).unwrap()
        };

        assert!(draft("lab").validate().is_ok());
        assert!(draft("video").validate().is_err());
        assert_eq!(draft("lab").duration_minutes, 30);
    }
}
