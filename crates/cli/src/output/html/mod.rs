//! Self-contained pages: no network, no server, no other files. They open from a disk and under a strict content security policy.
//!
//! All content is visible without a script; the script adds searching, filtering, choosing and the countdown.

mod changes;
mod check;
mod desktop;
mod drift;
mod frame;
mod guide;
pub(crate) mod markup;
mod page;
mod report;

#[cfg(test)]
pub(crate) mod hostile;

pub(crate) use check::check;
pub(crate) use drift::drift;
pub(crate) use guide::guide;
pub(crate) use report::{NOTHING_TO_DRAW, Picture, Report, preview, report};
