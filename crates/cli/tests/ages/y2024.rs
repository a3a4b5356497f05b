//! Scenarios that run on an environment of 2024, too.

#[path = "../exporting.rs"]
mod exporting;
#[path = "../refusals.rs"]
mod refusals;
#[path = "../unknown.rs"]
mod unknown;
#[path = "../who.rs"]
mod who;
