//! State machines: which moves there are, and how a move there is not is refused (contract §9).

use crate::error::{Error, Kind, Result};

/// A state of a machine.
pub trait State: Copy + PartialEq + 'static {
    /// As it stands in the database and on the wire.
    fn name(self) -> &'static str;

    /// What can follow.
    fn open(self) -> &'static [Self];

    /// Whether `to` can follow. Staying the same is no move and fine.
    fn check(self, to: Self) -> Result<()> {
        if self == to { Ok(()) } else { self.check_move(to) }
    }

    /// Whether `to` can follow; staying the same cannot.
    fn check_move(self, to: Self) -> Result<()> {
        if self.open().contains(&to) { Ok(()) } else { Err(refusal(self, to, self.open())) }
    }
}

/// The refusal of a move from one state to another where only `allowed` could follow.
pub fn refusal<S: State>(from: S, to: S, allowed: &[S]) -> Error {
    Kind::InvalidTransition {
        from: from.name().to_owned(),
        to: to.name().to_owned(),
        allowed: allowed.iter().map(|state| state.name()).collect(),
    }
    .into()
}
