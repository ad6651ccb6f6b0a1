//! What care is made of, over HTTP and on sockets.

mod catalogue;
mod diagnoses;
mod notes;
mod people;
mod prescriptions;
mod suggestions;
mod validation;
