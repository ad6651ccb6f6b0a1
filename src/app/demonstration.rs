//! `serve --demo`: data to look at, and where to look.
use super::{Failure, Running};
pub(super) async fn prepare(_: &Running, _: bool) -> Result<(), Failure> {
    Ok(())
}
