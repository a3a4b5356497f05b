//! What is wrong with the manifests, as plain data. Turning it into text is the business of the callers.

use crate::offer::Offer;
use crate::shape_codes::MISSING_FIELD;
use crate::span::Span;

/// How bad a finding is. Errors sort before warnings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The manifests cannot be used.
    Error,
    /// Probably not meant, or not settled by any source.
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

/// A place, and why it matters for a finding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// Why here; may be empty for the primary place.
    pub text: String,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The stable name of the rule; its [`Explanation`](crate::Explanation) tells more.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong: lower case, no full stop, names in backticks.
    pub message: String,
    /// Where it is wrong. `None` for what has no place, such as a missing project file.
    pub primary: Option<Label>,
    /// Other places that have to do with it.
    pub secondary: Vec<Label>,
    /// What to do next.
    pub help: Option<String>,
    /// What must have been meant at its place: a word of deskstate's own that differs by a few letters.
    pub instead: Option<String>,
    /// What an editor can offer to write there.
    pub offer: Option<Offer>,
    /// The environments in which it was found; empty for every one.
    pub environments: Vec<String>,
    /// A line says it all: the lines of the file would add nothing.
    pub on_one_line: bool,
    /// The entry of the project's `accept` that is about it.
    pub accepted: Option<usize>,
    /// Something is not given that must be; nothing that is given is wrong.
    pub is_about_lacking: bool,
}

impl Diagnostic {
    /// An error of a rule.
    #[must_use]
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Error, message.into())
    }

    /// A warning of a rule.
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

    /// Says where, and why there.
    #[must_use]
    pub fn at(mut self, span: Span, text: impl Into<String>) -> Self {
        self.primary = Some(Label {
            span,
            text: shortened(text.into()),
        });
        self
    }

    /// Adds another place.
    #[must_use]
    pub fn also(mut self, span: Span, text: impl Into<String>) -> Self {
        self.secondary.push(Label {
            span,
            text: shortened(text.into()),
        });
        self
    }

    /// Says what to do next.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(shortened(help.into()));
        self
    }

    /// Asks whether another word was meant: one of deskstate's own, so nothing but a slip explains the one that was written.
    #[must_use]
    pub(crate) fn meant(mut self, near: &str) -> Self {
        self.instead = Some(near.to_owned());
        self.help(format!("did you mean `{near}`?"))
    }

    /// Asks whether a word that is known here was meant. People choose such words, so another one may be meant, or a new one.
    #[must_use]
    pub(crate) fn perhaps(self, written: &str, near: &str) -> Self {
        self.offering(Offer::Word {
            written: written.to_owned(),
            near: near.to_owned(),
        })
        .help(format!("did you mean `{near}`?"))
    }

    /// Offers another text for its place.
    #[must_use]
    pub(crate) fn offering(mut self, offer: impl Into<Option<Offer>>) -> Self {
        self.offer = offer.into();
        self
    }

    /// Says that something is not given.
    #[must_use]
    pub(crate) fn about_lacking(mut self) -> Self {
        self.is_about_lacking = true;
        self
    }

    /// Is shown on one line.
    #[must_use]
    pub(crate) fn on_one_line(mut self) -> Self {
        self.on_one_line = true;
        self
    }

    /// Whether it makes the manifests unusable.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// The longest value that a finding quotes whole.
const LONGEST_VALUE: usize = 400;
/// The longest text of a finding.
const LONGEST_TEXT: usize = 4_000;

/// A text whose values, which are in backticks, are cut where they are too long to read, with their length.
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
