//! Tests the client against the emulator, which was written from the same documents, but independently of this client.

mod by_variables;
mod campaign;
#[path = "../dice/mod.rs"]
mod dice;
mod environment;
mod proxy;
mod recordings;
mod signing_in;
mod switches;
mod trips;
mod variants;
