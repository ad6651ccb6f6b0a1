//! What care is made of, over HTTP and on sockets.

mod catalogue;
mod notes;
mod people;
mod prescriptions;
