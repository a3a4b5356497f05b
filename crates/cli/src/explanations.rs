//! What is known of a code, for people who met it.

use deskstate_model::{Explanation, explain_code};

/// The explanation of a code, if there is one: paragraphs of plain text.
pub(crate) fn of_code(code: &str) -> Option<String> {
    explain_code(code).map(Explanation::text)
}
