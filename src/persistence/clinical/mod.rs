//! What care is made of, in rows.

pub mod appointment_news;
pub mod appointments;
pub mod care_teams;
pub mod catalogue;
pub mod chart;
pub mod consultations;
pub mod contacts;
pub mod dashboards;
pub mod diagnoses;
pub mod doctors;
pub mod expiry_notices;
pub mod health_profiles;
pub mod institutions;
pub mod notes;
pub mod patient_list;
pub mod patients;
pub mod prescriptions;
pub mod related_accounts;
pub mod relations;
pub mod reminders;
pub mod results;
pub mod row;
pub mod schedules;
pub mod specialties;
pub mod standing;
pub mod suggestions;
