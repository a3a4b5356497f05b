//! Laws, scenarios and faults against an emulated Dataverse, over HTTP.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a mistake in a test's own input is a failed test"
)]

mod ages;
mod campaign;
mod cannot;
mod counted;
mod exported;
mod faults;
mod hardest;
mod lacking;
mod laws;
mod narrow;
mod pains;
mod partial;
mod probing;
mod project;
mod world;
