//! What care is made of, over HTTP and on sockets.

mod catalogue;
mod people;
mod results;
