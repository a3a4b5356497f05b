//! Scenarios that also run on an environment of 2024.

#[path = "../asking.rs"]
mod asking;
#[path = "../drift.rs"]
mod drift;
#[path = "../exporting.rs"]
mod exporting;
#[path = "../first_environment.rs"]
mod first_environment;
#[path = "../refusals.rs"]
mod refusals;
#[path = "../selection.rs"]
mod selection;
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "each age uses a part of it")]
mod support;
#[path = "../unknown.rs"]
mod unknown;
#[path = "../who.rs"]
mod who;
