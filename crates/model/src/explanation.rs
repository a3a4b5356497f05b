//! What the code of a finding means.

/// What a code means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Explanation {
    /// The code.
    pub code: &'static str,
    /// What is wrong, in a sentence.
    pub rule: &'static str,
    /// Why it matters.
    pub why: &'static str,
    /// What to do about a finding.
    pub fix: &'static str,
}

impl Explanation {
    /// What a code means, in three sentences.
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

    /// The whole as paragraphs of plain text.
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
