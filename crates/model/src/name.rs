//! Unique names: compared without case and outer blanks, shown as written.

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

/// The unique name by which a resource is found in every environment.
///
/// Two names that differ in ASCII case or outer blanks only are the same name. Copies share the text: a name is in the resource, in
/// its row, in its parts and wherever it is referred to.
#[derive(Debug, Clone)]
pub struct UniqueName {
    written: Arc<str>,
    /// Kept only where it differs from `written`.
    folded: Option<Arc<str>>,
}

impl UniqueName {
    /// Takes a name as somebody wrote it.
    #[must_use]
    pub fn new(written: &str) -> Self {
        let is_folded =
            written.trim() == written && !written.bytes().any(|byte| byte.is_ascii_uppercase());
        Self {
            folded: (!is_folded).then(|| fold(written).into()),
            written: written.into(),
        }
    }

    /// The name with the letters and blanks that somebody wrote.
    #[must_use]
    pub fn as_written(&self) -> &str {
        &self.written
    }

    /// The name in the form by which it is compared.
    #[must_use]
    pub fn folded(&self) -> &str {
        self.folded.as_deref().unwrap_or(&self.written)
    }

    /// The part before the first underscore, in the form by which it is compared; `None` without an underscore.
    #[must_use]
    pub fn prefix(&self) -> Option<&str> {
        self.folded().split_once('_').map(|(prefix, _)| prefix)
    }
}

/// The form by which names are compared: without outer blanks, ASCII letters in lower case.
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

/// Reports a name that is not made of letters, digits, `-`, `_` and `.`, or is too long.
pub(crate) fn check_name(what: &str, name: &Spanned<String>, diagnostics: &mut Vec<Diagnostic>) {
    diagnostics.extend(name_problem(what, name));
}

/// What is wrong with a name of ours, if anything.
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
