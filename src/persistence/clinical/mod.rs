//! What care is made of, in rows.

pub mod care_teams;
pub mod catalogue;
pub mod contacts;
pub mod doctors;
pub mod health_profiles;
pub mod institutions;
pub mod patients;
pub mod related_accounts;
pub mod relations;
pub mod row;
pub mod specialties;
