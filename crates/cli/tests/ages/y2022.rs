//! Scenarios that run on an environment of 2022, too. Those of `exporting`, `unknown` and `who` declare tables and columns that came later;
//! what a plan says of these on an environment of 2022 is in `ages.rs`.

#[path = "../drift.rs"]
mod drift;
#[path = "../refusals.rs"]
mod refusals;
#[path = "../selection.rs"]
mod selection;
