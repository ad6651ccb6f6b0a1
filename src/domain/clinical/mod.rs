//! What care is made of.

pub mod appointment;
pub mod catalogue;
pub mod diagnosis;
pub mod doctor;
pub mod health;
pub mod institution;
pub mod kpi;
pub mod note;
pub mod patient;
pub mod prescription;
pub mod release;
pub mod result;
pub mod schedule;
pub mod suggestion;
pub mod validation;
