//! The findings of reading a document, and the value types that all readers share.
//!
//! A document is either accepted or rejected. If it is rejected, the JSON Schema that editors also use determines what is wrong, so that
//! all wording has one source. Problems that a schema cannot express are reported here directly.

use crate::diagnostic::Diagnostic;
use crate::json_text::{JsonProblem, json_problem, looks_like_json};
use crate::offer::Offer;
use crate::shape_codes::{CURLY_QUOTES, JSON_TEXT};
use crate::span::Span;
use crate::yaml::{Node, NodeValue, yaml_scalar};

/// Returns the length of a text as the server counts it: in UTF-16 code units.
pub(crate) fn stored_length(text: &str) -> usize {
    text.encode_utf16().count()
}

/// Returns the longest prefix of a text that fits a column.
#[must_use]
pub fn shortened(text: &str, max: usize) -> String {
    let mut length = 0;
    let fits = |character: &char| {
        length += character.len_utf16();
        length <= max
    };
    text.chars().take_while(fits).collect()
}

/// Reports a text that begins with a brace and is not quoted.
pub(crate) fn unquoted_brace(word: &str, node: &Node) -> Diagnostic {
    let keys: Vec<&str> = node.entries().iter().map(|entry| &*entry.key).collect();
    let text = format!("{{{}}}", keys.join(", "));
    Diagnostic::error(
        "unquoted-brace",
        format!("`{word}` is read as a mapping, because it begins with a brace"),
    )
    .at(node.span, "a mapping in YAML")
    .help(if text.contains(['"', '\\', '\n']) {
        "put it into quotes".to_owned()
    } else {
        format!("put it into quotes: \"{text}\"")
    })
    .offering(Offer::Quoted)
}

/// Whether a text has no quotes in its file. Those of a quoted text are part of its place.
fn is_plain(text: &str, span: Span) -> bool {
    span.end - span.start == u32::try_from(text.len()).unwrap_or(u32::MAX)
}

/// Returns the text between typographic quotation marks, unless there are more of them or YAML's own quotes around them.
fn within_curly_quotes(text: &str, span: Span) -> Option<&str> {
    let opens = ['“', '”', '„', '‘', '’', '‚'];
    let inner = text
        .strip_prefix(opens)
        .and_then(|rest| rest.strip_suffix(['“', '”', '‘', '’']))?;
    (is_plain(text, span) && !inner.contains(opens)).then_some(inner)
}

/// The findings of reading one document.
pub(crate) struct Decoder<'a> {
    rejected: bool,
    diagnostics: &'a mut Vec<Diagnostic>,
}

impl<'a> Decoder<'a> {
    pub(crate) fn new(diagnostics: &'a mut Vec<Diagnostic>) -> Self {
        Self {
            rejected: false,
            diagnostics,
        }
    }

    /// Marks the document as one that does not fit its schema.
    pub(crate) fn reject(&mut self) {
        self.rejected = true;
    }

    /// Whether the document does not fit its schema.
    pub(crate) fn is_rejected(&self) -> bool {
        self.rejected
    }

    /// Rejects the document if there is no value.
    pub(crate) fn fits<T>(&mut self, value: Option<T>) -> Option<T> {
        self.rejected |= value.is_none();
        value
    }

    /// Reports a problem that a schema cannot express.
    pub(crate) fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// Reads a text that is neither empty nor too long. Reports leading and trailing blanks.
    pub(crate) fn text<'n>(&mut self, node: &'n Node, max_length: Option<u32>) -> Option<&'n str> {
        if matches!(node.value, NodeValue::Unresolved(_)) {
            return None;
        }
        let text = node.as_text().filter(|text| !text.is_empty());
        let fits = |text: &&str| {
            max_length.is_none_or(|max| {
                text.len() <= max as usize || text.chars().count() <= max as usize
            })
        };
        let text = self.fits(text.filter(fits))?;
        // A schema counts characters, not UTF-16 code units, and cannot express this limit.
        if let Some(max) = max_length.map(|max| max as usize)
            && text.len() > max
            && stored_length(text) > max
        {
            self.report_long(text, max, node.span);
            return None;
        }
        if text.trim() != text {
            self.report_blanks(text, node.span);
        }
        self.report_curly_quotes(text, node.span);
        Some(text)
    }

    /// Reports numbers that are stored as text and would lose their spelling.
    pub(crate) fn report_spellings(&mut self, node: &Node) {
        match &node.value {
            // `True` is the only other spelling of `true`, and nobody means the text.
            NodeValue::Spelled(spelled) if !node.to_json().is_boolean() => {
                let (text, value) = (&spelled.text, node.to_json());
                self.report(
                    Diagnostic::error(
                        "yaml-number",
                        format!("`{text}` is read as the number `{value}`"),
                    )
                    .at(node.span, "would change its spelling")
                    .help(format!("write `'{text}'` to keep it as text, or `{value}`")),
                );
            }
            NodeValue::List(items) => items.iter().for_each(|item| self.report_spellings(item)),
            NodeValue::Map(entries) => entries
                .iter()
                .for_each(|entry| self.report_spellings(&entry.value)),
            _ => {}
        }
    }

    fn report_long(&mut self, text: &str, max: usize, span: Span) {
        let length = stored_length(text);
        self.report(
            Diagnostic::error(
                "too-long",
                format!("the text has {length} characters as Dataverse counts them, at most {max} are allowed"),
            )
            .at(span, format!("{} too many", length - max))
            .help("shorten it; an emoji counts as two characters or more"),
        );
    }

    fn report_blanks(&mut self, text: &str, span: Span) {
        let help = if text.ends_with('\n') {
            "begin the text with `|-` or `>-`, which removes the last line break"
        } else {
            "remove them"
        };
        self.report(
            Diagnostic::error(
                "text-blanks",
                "a text begins or ends with spaces or line breaks",
            )
            .at(span, "spaces at the ends")
            .help(help)
            .offering(Offer::Trimmed),
        );
    }

    /// Reports a value between typographic quotation marks that is not also between quotes.
    fn report_curly_quotes(&mut self, text: &str, span: Span) {
        if let Some(inner) = within_curly_quotes(text, span) {
            self.report(
                Diagnostic::warning(
                    CURLY_QUOTES.code,
                    "typographic quotation marks are part of the text",
                )
                .at(span, "no quotes in YAML")
                .help(format!("write `\"{inner}\"`"))
                .offering(Offer::Whole(yaml_scalar(inner))),
            );
        }
    }

    /// Reports keys and values of a mapping with typographic quotation marks. The values may be secret, so none is repeated.
    pub(crate) fn report_curly_quotes_within(&mut self, node: &Node) {
        match &node.value {
            NodeValue::Text(text) => self.report_curly_part(text, node.span, "value"),
            NodeValue::List(items) => items
                .iter()
                .for_each(|item| self.report_curly_quotes_within(item)),
            NodeValue::Map(entries) => {
                for entry in entries {
                    self.report_curly_part(&entry.key, entry.key_span, "key");
                    self.report_curly_quotes_within(&entry.value);
                }
            }
            _ => {}
        }
    }

    fn report_curly_part(&mut self, text: &str, span: Span, what: &str) {
        let inner = within_curly_quotes(text, span);
        // In a mapping on one line, a comma ends a value even between such marks.
        let is_half =
            is_plain(text, span) && (text.starts_with(['“', '„']) != text.ends_with(['“', '”']));
        if inner.is_some() || is_half {
            self.report(
                Diagnostic::warning(
                    CURLY_QUOTES.code,
                    format!("typographic quotation marks are part of the {what}"),
                )
                .at(span, "no quotes in YAML")
                .help("write `\"` in place of the marks")
                .offering(inner.map(|inner| Offer::Whole(yaml_scalar(inner)))),
            );
        }
    }

    /// Reports a text that looks like JSON and is none. It may be secret, so it is not repeated.
    pub(crate) fn report_json_text(&mut self, text: &str, span: Span) {
        let Some(problem) = json_problem(text) else {
            return;
        };
        let finding = match problem {
            JsonProblem::CurlyQuotes => Diagnostic::warning(
                CURLY_QUOTES.code,
                "the text looks like JSON, but has typographic quotation marks",
            )
            .at(span, "no quotes in JSON")
            .help("write `\"` in place of the marks"),
            JsonProblem::TooShort => Diagnostic::warning(
                JSON_TEXT.code,
                "the text looks like JSON, but it ends too early",
            )
            .at(span, "a bracket or a quotation mark is missing")
            .help("add what is missing, or write a YAML mapping instead of text"),
            JsonProblem::At { line, character } => Diagnostic::warning(
                JSON_TEXT.code,
                match line {
                    1 => format!("the text looks like JSON, but is not valid at character {character}"),
                    _ => format!("the text looks like JSON, but is not valid at character {character} of its line {line}"),
                },
            )
            .at(span, "not valid JSON")
            .help("JSON has `\"` around keys and texts, and no comma after the last one; correct it, or write a YAML mapping instead of text"),
        };
        self.report(finding);
    }

    /// Reports a text in a field that holds JSON, if it is nothing like JSON, such as the few lines that stand for a large file in git.
    pub(crate) fn report_no_json(&mut self, word: &str, text: &str, span: Span) {
        if looks_like_json(text) || serde_json::from_str::<serde_json::Value>(text).is_ok() {
            return;
        }
        let help = match text.starts_with("version https://git-lfs") {
            true => "the file is kept with Git LFS: check it out with `git lfs pull`",
            false => "write JSON, or a YAML mapping, which is stored as JSON",
        };
        self.report(
            Diagnostic::warning(
                JSON_TEXT.code,
                format!("`{word}` holds JSON, and this text is none"),
            )
            .at(span, "not JSON")
            .help(help),
        );
    }

    /// Returns the items of a list; rejects any other value.
    pub(crate) fn list<'n>(&mut self, node: &'n Node) -> Option<&'n [Node]> {
        match &node.value {
            NodeValue::List(items) => Some(items),
            NodeValue::Unresolved(_) => None,
            _ => self.fits(None),
        }
    }
}
