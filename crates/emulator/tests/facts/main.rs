//! What Dataverse does, from its public documents; each test names the section of the facts it holds the emulator to.

mod batches;
mod desk;
mod queries;
mod writes;
