//! Points in time as a JSON list, in the milliseconds all tables count in.

use serde::{Deserialize, Serialize};

use crate::domain::time::Timestamp;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Moments(Vec<i64>);

impl Moments {
    pub(super) fn of(moments: &[Timestamp]) -> Self {
        Self(moments.iter().map(|at| at.0).collect())
    }

    pub(super) fn read(&self) -> Vec<Timestamp> {
        self.0.iter().copied().map(Timestamp).collect()
    }
}
