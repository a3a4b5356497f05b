//! The client against servers that follow a script of replies and faults.

mod campaign;
mod faults;
mod reading;
mod recordings;
mod server;
mod signing_in;
mod tls;
mod writing;
