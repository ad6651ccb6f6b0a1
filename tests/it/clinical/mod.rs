//! What care is made of, over HTTP and on sockets.

mod appointments;
mod catalogue;
mod people;
mod reminders;
mod schedules;
