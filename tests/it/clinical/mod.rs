//! What care is made of, over HTTP and on sockets.

mod appointments;
mod bounds;
mod care_team;
mod catalogue;
mod diagnoses;
mod doctors;
mod expiry_notices;
mod institutions;
mod notes;
mod people;
mod prescriptions;
mod readings;
mod record;
mod reminders;
mod results;
mod schedules;
mod specialties;
mod suggestions;
mod validation;
mod writes;
