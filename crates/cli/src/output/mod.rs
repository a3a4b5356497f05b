//! Renders results for people and programs: plain data in, text out. The renderers are siblings over one plan.

pub(crate) mod annotations;
pub(crate) mod check_json;
pub(crate) mod check_junit;
pub(crate) mod check_markdown;
pub(crate) mod check_report;
pub(crate) mod check_text;
pub(crate) mod diagnostics;
pub(crate) mod diagnostics_json;
pub(crate) mod divergence;
pub(crate) mod drift_json;
pub(crate) mod drift_junit;
pub(crate) mod drift_markdown;
pub(crate) mod drift_metrics;
pub(crate) mod drift_next;
pub(crate) mod drift_report;
pub(crate) mod drift_text;
pub(crate) mod format;
pub(crate) mod guide_markdown;
pub(crate) mod html;
pub(crate) mod markdown;
pub(crate) mod markdown_text;
pub(crate) mod places;
pub(crate) mod plan_text;
pub(crate) mod sarif;
pub(crate) mod sides;
pub(crate) mod verdict;
pub(crate) mod who_json;
pub(crate) mod wrap;

use deskstate_reconcile::secret::masked;

pub(crate) use crate::door::{harmless_json, plain};

/// Renders a value: masked if it looks like a credential, otherwise as [`plain`] text.
pub(crate) fn shown(value: &serde_json::Value) -> String {
    match masked(value) {
        serde_json::Value::Null => "(none)".to_owned(),
        serde_json::Value::String(text) => plain(&text),
        other => plain(&other.to_string()),
    }
}

/// `1 request`, `2 requests`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    if number == 1 {
        format!("1 {noun}")
    } else {
        format!("{number} {noun}s")
    }
}

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod states;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_secret_is_not_shown() {
        let value = serde_json::json!({"clientSecret": "abc", "mode": "dark"});
        let shown = shown(&value);
        assert!(!shown.contains("abc") && shown.contains("dark"), "{shown}");
    }
}
