//! Explains YAML syntax errors in words.

use saphyr_parser::ScanError;

use super::MAX_DEPTH;
use crate::diagnostic::Diagnostic;
use crate::explanation::Explanation;
use crate::files::YAML_LIMITS;
use crate::span::Span;

pub(crate) const BROKEN_YAML: Explanation = Explanation::new(
    "broken-yaml",
    "The file is not valid YAML 1.2.",
    "deskstate continues with the next document after `---`, so it still reports all other errors.",
    "Check the line and the one before it for a missing quote or bracket, a tab, or a `: ` inside a text. Quote a value that begins with a brace: `title: \"{customer}\"`.",
);

/// Explains why the parser stopped, and what people usually mean.
pub(super) fn syntax_error(error: &ScanError, text: &str, base: usize, span: Span) -> Diagnostic {
    if error.info().contains("recursion limit") {
        return too_deep(span);
    }
    let line = line_around(text, span.start as usize - base);
    let previous = line_before(text, span.start as usize - base);
    let help = [line, previous]
        .into_iter()
        .find_map(syntax_help)
        .or_else(|| {
            error
                .info()
                .contains("flow")
                .then_some("close the brace or bracket that is open here")
        });
    let diagnostic = Diagnostic::error(
        BROKEN_YAML.code,
        format!("the YAML cannot be read: {}", error.info()),
    )
    .at(span, "reading stopped here");
    match help {
        Some(help) => diagnostic.help(help),
        None => {
            diagnostic.help("check indentation, quotes and brackets here and on the line before")
        }
    }
}

pub(super) fn too_deep(span: Span) -> Diagnostic {
    Diagnostic::error(
        YAML_LIMITS.code,
        format!("nested more than {MAX_DEPTH} levels deep"),
    )
    .at(span, "one level too deep")
    .help("manifests never need this; check the file for a missing bracket")
}

fn line_around(text: &str, at: usize) -> &str {
    let at = at.min(text.len());
    let start = text[..at]
        .rfind('\n')
        .map_or(0, |line_break| line_break + 1);
    text[start..].lines().next().unwrap_or("")
}

fn line_before(text: &str, at: usize) -> &str {
    let at = at.min(text.len());
    text[..at]
        .rfind('\n')
        .map_or("", |line_break| line_around(text, line_break))
}

/// Guesses the intention from the line at which reading stopped.
fn syntax_help(line: &str) -> Option<&'static str> {
    let indent: &str = &line[..line.len() - line.trim_start().len()];
    if indent.contains('\t') {
        return Some("YAML does not allow tabs for indentation: use blanks");
    }
    if line.contains("[${{")
        || line.contains("{${{")
        || (line.contains("${{") && line.contains('['))
    {
        return Some("quote variables inside `[ ]` and `{ }`: [\"${{ vars.name }}\"]");
    }
    let begins = |bracket: &str| {
        [": ", "- "]
            .iter()
            .any(|start| line.contains(&format!("{start}{bracket}")))
    };
    if (begins("{") && line.contains('}')) || (begins("[") && line.contains(']')) {
        return Some(
            "a value that begins with a brace or bracket must be quoted: title: \"{customer}\"",
        );
    }
    if line.matches(": ").count() > 1 {
        return Some("a value that holds `: ` must be quoted");
    }
    None
}
