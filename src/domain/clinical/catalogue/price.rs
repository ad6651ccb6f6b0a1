//! When two prices contradict each other.

use crate::domain::date::Date;
use crate::domain::id::{ExamId, PackageId};

/// The days a price holds, both ends included; an absent end is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity<'a> {
    pub from: Option<&'a Date>,
    pub to: Option<&'a Date>,
}

impl Validity<'_> {
    /// Whether some day lies in both.
    pub fn overlaps(&self, other: &Validity<'_>) -> bool {
        starts_by(self.from, other.to) && starts_by(other.from, self.to)
    }
}

fn starts_by(from: Option<&Date>, to: Option<&Date>) -> bool {
    match (from, to) {
        (Some(from), Some(to)) => from <= to,
        _ => true,
    }
}

/// For `garde` on the exam of a price.
pub(super) fn names_one_target<C>(
    package: Option<PackageId>,
) -> impl FnOnce(&Option<ExamId>, &C) -> garde::Result {
    move |exam, _| match (exam, package) {
        (Some(_), None) | (None, Some(_)) => Ok(()),
        (None, None) => Err(garde::Error::new("required: name an exam or a package")),
        (Some(_), Some(_)) => Err(garde::Error::new("rule: name an exam or a package, not both")),
    }
}

/// For `garde` on the last day of a price.
pub(super) fn ends_after<C>(
    from: Option<&Date>,
) -> impl FnOnce(&Option<Date>, &C) -> garde::Result {
    move |to, _| {
        if starts_by(from, to.as_ref()) {
            return Ok(());
        }
        Err(garde::Error::new("range: must not lie before valid_from"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overlap(left: (&str, &str), right: (&str, &str)) -> bool {
        let ends = |(from, to): (&str, &str)| (from.parse::<Date>().ok(), to.parse::<Date>().ok());
        let (left, right) = (ends(left), ends(right));
        let validity = |ends: &(Option<Date>, Option<Date>)| {
            Validity { from: ends.0.as_ref(), to: ends.1.as_ref() }
                .overlaps(&Validity { from: None, to: None })
        };
        assert!(validity(&left) && validity(&right), "the open price contradicts every other");
        Validity { from: left.0.as_ref(), to: left.1.as_ref() }
            .overlaps(&Validity { from: right.0.as_ref(), to: right.1.as_ref() })
    }

    #[test]
    fn prices_that_share_a_day_overlap() {
        let march = ("2025-03-01", "2025-03-31");
        for other in [("2025-03-31", "2025-04-30"), ("", "2025-03-01"), ("2025-03-10", ""), march] {
            assert!(overlap(march, other) && overlap(other, march), "{other:?}");
        }
    }

    #[test]
    fn prices_that_follow_each_other_do_not_overlap() {
        let march = ("2025-03-01", "2025-03-31");
        for other in [("2025-04-01", ""), ("", "2025-02-28")] {
            assert!(!overlap(march, other) && !overlap(other, march), "{other:?}");
        }
    }
}
