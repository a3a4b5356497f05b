//! Findings about manifests, as plain data. Callers turn them into text.

use crate::offer::Offer;
use crate::shape_codes::MISSING_FIELD;
use crate::span::Span;

/// Severity of a finding. Errors sort before warnings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The manifests cannot be used.
    Error,
    /// Probably unintended, or not confirmed by any source.
    Warning,
}

impl Severity {
    /// `error` or `warning`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// A place, and its relevance to a finding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// The relevance of this place; may be empty for the primary place.
    pub text: String,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable name of the rule; its [`Explanation`](crate::Explanation) has more details.
    pub code: &'static str,
    /// Severity.
    pub severity: Severity,
    /// The problem: lower case, no full stop, names in backticks.
    pub message: String,
    /// Where the problem is. `None` if it has no place, such as a missing project file.
    pub primary: Option<Label>,
    /// Related places.
    pub secondary: Vec<Label>,
    /// What to do next.
    pub help: Option<String>,
    /// The word of deskstate's own that was clearly intended at this place: it differs by a few letters.
    pub instead: Option<String>,
    /// A replacement that an editor can offer for this place.
    pub offer: Option<Offer>,
    /// The environments in which the finding occurs; empty if it occurs in every environment.
    pub environments: Vec<String>,
    /// One line is enough: showing the lines of the file would add nothing.
    pub on_one_line: bool,
    /// Index of the project's `accept` entry that covers this finding.
    pub accepted: Option<usize>,
    /// Something required is missing; nothing that is present is wrong.
    pub is_about_lacking: bool,
}

impl Diagnostic {
    /// Creates an error with the code of a rule.
    #[must_use]
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Error, message.into())
    }

    /// Creates a warning with the code of a rule.
    #[must_use]
    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Warning, message.into())
    }

    fn new(code: &'static str, severity: Severity, message: String) -> Self {
        Self {
            code,
            severity,
            message: shortened(message),
            primary: None,
            secondary: Vec::new(),
            help: None,
            instead: None,
            offer: None,
            environments: Vec::new(),
            on_one_line: false,
            accepted: None,
            is_about_lacking: code == MISSING_FIELD.code,
        }
    }

    /// Sets the primary place, and why it matters.
    #[must_use]
    pub fn at(mut self, span: Span, text: impl Into<String>) -> Self {
        self.primary = Some(Label {
            span,
            text: shortened(text.into()),
        });
        self
    }

    /// Adds a related place.
    #[must_use]
    pub fn also(mut self, span: Span, text: impl Into<String>) -> Self {
        self.secondary.push(Label {
            span,
            text: shortened(text.into()),
        });
        self
    }

    /// Sets the help text.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(shortened(help.into()));
        self
    }

    /// Suggests one of deskstate's own words. The written word can only be a typo for it.
    #[must_use]
    pub(crate) fn meant(mut self, near: &str) -> Self {
        self.instead = Some(near.to_owned());
        self.help(format!("did you mean `{near}`?"))
    }

    /// Suggests a known word. People choose such words themselves, so they may have meant another one or a new one.
    #[must_use]
    pub(crate) fn perhaps(self, written: &str, near: &str) -> Self {
        self.offering(Offer::Word {
            written: written.to_owned(),
            near: near.to_owned(),
        })
        .help(format!("did you mean `{near}`?"))
    }

    /// Offers a replacement for the primary place.
    #[must_use]
    pub(crate) fn offering(mut self, offer: impl Into<Option<Offer>>) -> Self {
        self.offer = offer.into();
        self
    }

    /// Marks the finding as being about something missing.
    #[must_use]
    pub(crate) fn about_lacking(mut self) -> Self {
        self.is_about_lacking = true;
        self
    }

    /// Marks the finding to be shown on one line.
    #[must_use]
    pub(crate) fn on_one_line(mut self) -> Self {
        self.on_one_line = true;
        self
    }

    /// Whether the finding makes the manifests unusable.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// Longest value that a finding quotes in full.
const LONGEST_VALUE: usize = 400;
/// Maximum length of a finding's text.
const LONGEST_TEXT: usize = 4_000;

/// Shortens the values in backticks that are too long to read, and adds their length.
fn shortened(text: String) -> String {
    if text.len() <= LONGEST_VALUE {
        return text;
    }
    let mut out = String::new();
    for (at, piece) in text.split('`').enumerate() {
        let is_value = at % 2 == 1;
        if at > 0 && !is_value {
            out.push('`');
        }
        let most = if is_value {
            LONGEST_VALUE
        } else {
            LONGEST_TEXT
        };
        let length = piece.chars().count();
        if is_value {
            out.push('`');
        }
        if length > most {
            out.extend(piece.chars().take(most / 4));
            out.push_str(&format!("… ({length} characters)"));
        } else {
            out.push_str(piece);
        }
    }
    let length = out.chars().count();
    if length > LONGEST_TEXT {
        out = out.chars().take(LONGEST_TEXT / 2).collect();
        out.push_str(&format!("… ({length} characters)"));
    }
    out
}

/// Sorts findings by place, then by severity, code and message; those without a place come first.
pub fn sort_diagnostics(diagnostics: &mut [Diagnostic]) {
    diagnostics.sort_by(|left, right| place(left).cmp(&place(right)));
}

fn place(diagnostic: &Diagnostic) -> (Option<Span>, Severity, &str, &str, &[String]) {
    (
        diagnostic.primary.as_ref().map(|label| label.span),
        diagnostic.severity,
        diagnostic.code,
        &diagnostic.message,
        &diagnostic.environments,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_is_too_long_to_read_is_cut_with_its_length() {
        let long = "x".repeat(100_000);
        let found =
            Diagnostic::error("unknown-value", format!("`{long}` is no `mode`")).help(&long);
        let start = "x".repeat(LONGEST_VALUE / 4);
        assert_eq!(
            found.message,
            format!("`{start}… (100000 characters)` is no `mode`")
        );
        assert!(found.help.is_some_and(|help| help.len() < 2 * LONGEST_TEXT));
        let many = format!("`{}`", "a` and `b".repeat(10_000));
        assert!(Diagnostic::error("unknown-value", many).message.len() < LONGEST_TEXT);
        assert_eq!(shortened("`a` is no `b".to_owned()), "`a` is no `b");
    }
}
