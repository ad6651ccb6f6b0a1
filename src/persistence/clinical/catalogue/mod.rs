//! The catalogue in rows: five tables behind one [`Entry`].
//!
//! What the five share is in [`entry`] and [`list`], what they share with every row of care in
//! [`row`](super::row); a file each has its columns and its writes. A write first takes the rows its
//! rule depends on, so two writers that would break the rule together queue instead.

mod category;
mod entry;
mod exam;
mod list;
mod location;
mod package;
mod price;

#[cfg(test)]
mod tests;

pub use category::Category;
pub use entry::{Entry, Search};
pub use exam::Exam;
pub use list::{Filter, count, page};
pub use location::Location;
pub use package::Package;
pub use price::{Price, change_amount};
