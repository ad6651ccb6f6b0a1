//! What care is made of.

pub mod catalogue;
pub mod doctor;
pub mod health;
pub mod institution;
pub mod kpi;
pub mod patient;
pub mod result;
pub mod validation;
