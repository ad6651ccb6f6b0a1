//! The results of the identity measurements as they are kept.

use std::fmt::Write as _;

use serde::Serialize;

use super::{Figure, Settings, Subject};
use crate::{machine::Machine, report, stats::median};

/// One run.
#[derive(Serialize)]
pub(crate) struct Report<'a> {
    pub(crate) date: &'a str,
    pub(crate) commit: &'a str,
    pub(crate) command: &'a str,
    pub(crate) machine: &'a Machine,
    pub(crate) settings: &'a Settings,
    pub(crate) figures: Vec<(Subject, Figure)>,
}

impl Report<'_> {
    pub(super) fn stem(&self) -> String {
        report::stem(self.date, self.commit, "identity")
    }

    pub(super) fn markdown(&self) -> String {
        let mut text = "# identity\n\n| what | unit | latido | floor | floor is | ratio | per second |\n|--|--|--|--|--|--|--|\n".to_owned();
        for subject in Subject::ALL {
            text.push_str(&self.row(subject));
        }
        let rounds = self.figures.len() / Subject::ALL.len();
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "\nMedians of {rounds} rounds; the ratio is the median of the ratios inside the rounds. \
             In the last row the sign-ins of the flood are counted per second."
        );
        text.push_str(&report::origin(self.machine, self.commit, self.date, self.command));
        text
    }

    fn row(&self, subject: Subject) -> String {
        let middle = |pick: &dyn Fn(&Figure) -> f64| {
            let own = self.figures.iter().filter(|(known, _)| *known == subject);
            median(own.map(|(_, figure)| pick(figure))).unwrap_or_default()
        };
        let (name, floor, unit) = subject.terms();
        format!(
            "| {name} | {unit} | {:.2} | {:.2} | {floor} | {:.2} | {:.0} |\n",
            middle(&|figure| figure.value),
            middle(&|figure| figure.floor),
            middle(&|figure| figure.value / figure.floor),
            middle(&|figure| figure.per_second),
        )
    }
}
