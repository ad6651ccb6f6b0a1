//! What care is made of, over HTTP and on sockets.

mod appointments;
mod bounds;
mod catalogue;
mod diagnoses;
mod expiry_notices;
mod doctors;
mod notes;
mod people;
mod institutions;
mod prescriptions;
mod record;
mod reminders;
mod results;
mod schedules;
mod suggestions;
mod specialties;
mod validation;
