//! Scenarios that also run on an environment of 2022.

#[path = "../asking.rs"]
mod asking;
#[path = "../drift.rs"]
mod drift;
#[path = "../endings.rs"]
mod endings;
#[path = "../exporting.rs"]
mod exporting;
#[path = "../first_environment.rs"]
mod first_environment;
#[cfg(unix)]
#[path = "../hints.rs"]
mod hints;
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
