//! Unique names: compared ignoring case and outer blanks, displayed as written.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::explanation::Explanation;
use crate::span::Spanned;

pub(crate) const NAME_SHAPE: Explanation = Explanation::new(
    "name-shape",
    "A name has an invalid form.",
    "Names of projects, environments, contracts, rules and labels have up to 63 letters, digits, `-`, `_` and `.`, because they appear in commands, file names and reports. Variables are a letter, followed by letters, digits and `_`. Prefixes are letters and digits. Patterns are `Kind/name`.",
    "Choose another name.",
);

/// The unique name that identifies a resource in every environment.
///
/// Two names that differ only in ASCII case or outer blanks are the same name. Clones share the text, because a name occurs in the
/// resource, in its row, in its parts and in every reference to it.
#[derive(Debug, Clone)]
pub struct UniqueName {
    written: Arc<str>,
    /// Stored only if it differs from `written`.
    folded: Option<Arc<str>>,
}

impl UniqueName {
    /// Creates a name from its written form.
    #[must_use]
    pub fn new(written: &str) -> Self {
        let is_folded =
            written.trim() == written && !written.bytes().any(|byte| byte.is_ascii_uppercase());
        Self {
            folded: (!is_folded).then(|| fold(written).into()),
            written: written.into(),
        }
    }

    /// Returns the name as written.
    #[must_use]
    pub fn as_written(&self) -> &str {
        &self.written
    }

    /// Returns the form used for comparison.
    #[must_use]
    pub fn folded(&self) -> &str {
        self.folded.as_deref().unwrap_or(&self.written)
    }

    /// Returns the part before the first underscore, in the form used for comparison; `None` without an underscore.
    #[must_use]
    pub fn prefix(&self) -> Option<&str> {
        self.folded().split_once('_').map(|(prefix, _)| prefix)
    }
}

/// Returns the form used for comparing names: without outer blanks, ASCII letters in lower case.
#[must_use]
pub fn fold(name: &str) -> String {
    name.trim().to_ascii_lowercase()
}

impl PartialEq for UniqueName {
    fn eq(&self, other: &Self) -> bool {
        self.folded() == other.folded()
    }
}

impl Eq for UniqueName {}

impl PartialOrd for UniqueName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for UniqueName {
    fn cmp(&self, other: &Self) -> Ordering {
        self.folded().cmp(other.folded())
    }
}

impl Hash for UniqueName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.folded().hash(state);
    }
}

impl fmt::Display for UniqueName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.written)
    }
}

impl From<&str> for UniqueName {
    fn from(written: &str) -> Self {
        Self::new(written)
    }
}

/// Reports a name that is too long or contains other characters than letters, digits, `-`, `_` and `.`.
pub(crate) fn check_name(what: &str, name: &Spanned<String>, diagnostics: &mut Vec<Diagnostic>) {
    diagnostics.extend(name_problem(what, name));
}

/// Returns what is wrong with one of deskstate's own names, if anything.
pub(crate) fn name_problem(what: &str, name: &Spanned<String>) -> Option<Diagnostic> {
    let fits =
        |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.');
    let is_name = (1..=63).contains(&name.value.len()) && name.value.chars().all(fits);
    (!is_name).then(|| {
        Diagnostic::error(
            NAME_SHAPE.code,
            format!("`{}` cannot name {what}", name.value),
        )
        .at(name.span, "letters, digits, `-`, `_` and `.`, up to 63")
        .help("choose another name")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_differ_in_case_or_outer_blanks_are_one_name() {
        assert_eq!(
            UniqueName::new(" CTI_createSession "),
            UniqueName::new("cti_CREATESESSION")
        );
        assert_eq!(
            UniqueName::new("CTI_createSession").to_string(),
            "CTI_createSession"
        );
        assert_ne!(UniqueName::new("cti_a"), UniqueName::new("cti_b"));
    }

    #[test]
    fn the_prefix_is_everything_before_the_first_underscore() {
        assert_eq!(UniqueName::new("CTI_create_Session").prefix(), Some("cti"));
        assert_eq!(UniqueName::new("contoso").prefix(), None);
    }
}
