//! What care is made of.

pub mod appointment;
pub mod catalogue;
pub mod doctor;
pub mod health;
pub mod institution;
pub mod kpi;
pub mod patient;
pub mod schedule;
pub mod validation;
