//! Scenarios that run on an environment of 2022, too.

#[path = "../drift.rs"]
mod drift;
#[path = "../refusals.rs"]
mod refusals;
#[path = "../selection.rs"]
mod selection;
