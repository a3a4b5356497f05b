//! Tests the client against servers that follow a script of replies and faults.

mod budgets;
mod campaign;
#[path = "../dice/mod.rs"]
mod dice;
mod faults;
mod reading;
mod recordings;
mod server;
mod signing_in;
mod tls;
mod writing;
