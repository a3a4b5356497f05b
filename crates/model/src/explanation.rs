//! Explanations of the codes of findings.

/// Explanation of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Explanation {
    /// The code.
    pub code: &'static str,
    /// What is wrong, in one sentence.
    pub rule: &'static str,
    /// Why it matters.
    pub why: &'static str,
    /// How to resolve a finding.
    pub fix: &'static str,
}

impl Explanation {
    /// Creates an explanation from three sentences.
    #[must_use]
    pub const fn new(
        code: &'static str,
        rule: &'static str,
        why: &'static str,
        fix: &'static str,
    ) -> Self {
        Self {
            code,
            rule,
            why,
            fix,
        }
    }

    /// Returns the complete explanation as paragraphs of plain text.
    #[must_use]
    pub fn text(&self) -> String {
        let Explanation {
            code: _,
            rule,
            why,
            fix,
        } = self;
        format!("{rule}\n\n{why}\n\nTo do: {fix}\n")
    }
}
