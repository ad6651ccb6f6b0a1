//! The catalogue: what can be booked, where, and for how much.
//!
//! The drafts are what a caller may write; [`category`] and [`price`] hold the rules a field
//! cannot check by itself. Rows are read and written by `persistence/clinical/catalogue`.

pub mod category;
pub mod draft;
pub mod price;

pub use draft::{CategoryDraft, ExamDraft, LocationDraft, NewAmount, PackageDraft, PriceDraft};
