//! The report of `doctor` on an environment, for people who have no access to it.
//!
//! A report contains only words and numbers that deskstate itself knows: switches of the emulator, names of the product's tables and
//! columns, option values, statuses and codes. The server's messages may name hosts, people and rows, so they are left out.

use deskstate_reconcile::probe::Answers;
use serde_json::json;

use super::How;
use crate::error::Error;

/// Renders the report, which the emulator can read as an answer sheet.
pub(super) fn text(asked: Option<How>, answers: &Answers) -> Result<String, Error> {
    let asked = match asked {
        None => "read",
        Some(How::Rollback) => "rollback",
        Some(How::Write) => "write",
    };
    let open: Vec<&String> = answers.open.keys().collect();
    let report = json!({
        "formatVersion": 1,
        "about": {"deskstate": env!("CARGO_PKG_VERSION"), "asked": asked, "open": open},
        "answers": answers.settled,
        "replies": answers.replies,
    });
    let text = serde_json::to_string_pretty(&report).map_err(std::io::Error::from)?;
    Ok(text + "\n")
}
