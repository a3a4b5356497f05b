//! Parses text into nodes, within fixed limits, and reports as many problems as possible.

mod blank;
pub(crate) mod key;
pub(crate) mod syntax;

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span as ParserSpan, StrInput};

use self::key::{Seen, key_of};
use self::syntax::{syntax_error, too_deep};
use super::budget::Budget;
use super::scalar::{NotJson, resolve, with_spelling};
use super::{Entry, Node, NodeValue};
use crate::diagnostic::Diagnostic;
use crate::explanation::Explanation;
use crate::files::YAML_LIMITS;
use crate::span::{FileId, SourceMap, Span};

pub(crate) const YAML_NUMBER: Explanation = Explanation::new(
    "yaml-number",
    "A number is not finite, does not fit 64 bits, or would change when stored as text.",
    "JSON, in which deskstate sends numbers, has no others. `0400` or `1.10` would silently become `400` or `1.1`.",
    "Quote the value to make it text.",
);

pub(crate) const YAML_TAG: Explanation = Explanation::new(
    "yaml-tag",
    "The document uses a tag such as `!!str`.",
    "The type of every field is known, so tags are not supported.",
    "Remove the tag; quote a value to make it text.",
);

pub(crate) const YAML_TEXT: Explanation = Explanation::new(
    "yaml-text",
    "A text contains control characters.",
    "They are invisible, and can change the output of a terminal.",
    "Remove them.",
);

/// Maximum nesting of lists and mappings.
const MAX_DEPTH: usize = 64;
/// Maximum number of nodes that aliases may add to one file.
const MAX_ALIASED: usize = 10_000;
/// Maximum number of syntax errors in one file.
const MAX_ERRORS: usize = 20;

/// The documents of a file, and its unreadable parts.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    pub(crate) documents: Vec<Node>,
    /// Text that was skipped after an error.
    pub(crate) unread: Vec<Span>,
}

/// Reads all documents of a file. Continues with the next document after a syntax error.
pub(crate) fn read(
    sources: &SourceMap,
    file: FileId,
    budget: &Budget,
    diagnostics: &mut Vec<Diagnostic>,
) -> Stream {
    let text = sources.text(file);
    let mut stream = Stream::default();
    let mut start = 0;
    for _ in 0..MAX_ERRORS {
        let Some(rest) = text.get(start..) else { break };
        let mut builder = Builder::new(file, rest, start, budget);
        let stopped = builder.run(&mut stream.documents, diagnostics);
        let Some(at) = stopped else { break };
        // Nothing after it would fit either, and one finding is enough.
        let next = match budget.is_used_up() {
            true => text.len(),
            false => next_document(text, at),
        };
        stream.unread.push(Span {
            file,
            start: to_u32(start.max(builder.document_start)),
            end: to_u32(next),
        });
        if next <= start || next >= text.len() {
            break;
        }
        start = next;
    }
    stream
}

/// Returns the start of the next line after an offset that begins a document.
fn next_document(text: &str, after: usize) -> usize {
    let mut at = after;
    while let Some(line_break) = text.get(at..).and_then(|rest| rest.find('\n')) {
        at += line_break + 1;
        let rest = &text[at..];
        if rest
            .strip_prefix("---")
            .is_some_and(|after| after.is_empty() || after.starts_with([' ', '\n', '\r', '\t']))
        {
            return at;
        }
    }
    text.len()
}

/// Turns parser events into nodes with an explicit stack, so that nesting does not use recursion.
struct Builder<'text, 'budget> {
    file: FileId,
    text: &'text str,
    /// Offset of `text` in the file.
    base: usize,
    /// Byte offset of every character; `None` if each has one byte.
    offsets: Option<Vec<u32>>,
    open: Vec<Open>,
    /// Anchored values: complete ones, and `None` for those still open.
    anchors: HashMap<usize, Option<Node>>,
    aliased: usize,
    budget: &'budget Budget,
    /// Nodes left of the share that was taken last.
    nodes_left: usize,
    /// Offset where the current document begins.
    document_start: usize,
    /// Complete documents above a place where `---` was forgotten.
    earlier: Vec<Node>,
}

impl Drop for Builder<'_, '_> {
    fn drop(&mut self) {
        self.budget.give_back(self.nodes_left);
    }
}

/// A list or mapping that is not closed yet.
struct Open {
    start: Span,
    anchor: usize,
    body: Body,
}

enum Body {
    List(Vec<Node>),
    Map {
        entries: Vec<Entry>,
        key: Option<Key>,
        seen: Seen,
    },
}

/// A key whose value comes next; `None` if the key was rejected.
struct Key(Option<(Box<str>, Span)>);

impl<'text, 'budget> Builder<'text, 'budget> {
    fn new(file: FileId, text: &'text str, base: usize, budget: &'budget Budget) -> Self {
        let offsets = (!text.is_ascii()).then(|| {
            text.char_indices()
                .map(|(at, _)| to_u32(at))
                .chain([to_u32(text.len())])
                .collect()
        });
        Self {
            file,
            text,
            base,
            offsets,
            open: Vec::new(),
            anchors: HashMap::new(),
            aliased: 0,
            budget,
            nodes_left: 0,
            document_start: base,
            earlier: Vec::new(),
        }
    }

    /// Reads until the end or the first error; returns the position of the error in the file.
    fn run(
        &mut self,
        documents: &mut Vec<Node>,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<usize> {
        let mut parser = Parser::new(StrInput::new(self.text));
        let mut root: Option<Node> = None;
        while let Some(event) = parser.next_event() {
            let (event, span) = match event {
                Ok(event) => event,
                Err(error) => {
                    let span = self.point(error.marker().index());
                    diagnostics.push(syntax_error(&error, self.text, self.base, span));
                    return Some(span.start as usize);
                }
            };
            let span = self.span(span);
            let step = match event {
                Event::Nothing | Event::StreamStart | Event::StreamEnd => Ok(()),
                Event::DocumentStart(_) => {
                    self.document_start = span.start as usize;
                    Ok(())
                }
                Event::DocumentEnd => {
                    self.anchors.clear();
                    documents.append(&mut self.earlier);
                    documents.extend(root.take().filter(|node| !node.is_null()));
                    Ok(())
                }
                Event::Scalar(text, style, anchor, tag) => {
                    self.refuse_tag(tag.is_some(), span, diagnostics);
                    diagnostics.extend(block_text_in_a_flow(&text, style, span));
                    let value = match self.odd_blank(style, span) {
                        Some(odd) => {
                            diagnostics.push(odd);
                            self.scalar(
                                text.trim_matches(blank::is_blank),
                                style,
                                span,
                                diagnostics,
                            )
                        }
                        None => self.scalar(&text, style, span, diagnostics),
                    };
                    // An omitted value has no extent, regardless of where the parser noticed its absence.
                    let unwritten = text.is_empty() && style == ScalarStyle::Plain;
                    let span = if unwritten {
                        Span {
                            end: span.start,
                            ..span
                        }
                    } else {
                        self.trimmed(span)
                    };
                    self.finish(Node { value, span }, anchor, &mut root, diagnostics)
                }
                Event::SequenceStart(anchor, tag) => {
                    self.refuse_tag(tag.is_some(), span, diagnostics);
                    self.open(span, anchor, Body::List(Vec::new()))
                }
                Event::MappingStart(anchor, tag) => {
                    self.refuse_tag(tag.is_some(), span, diagnostics);
                    self.open(
                        span,
                        anchor,
                        Body::Map {
                            entries: Vec::new(),
                            key: None,
                            seen: Seen::default(),
                        },
                    )
                }
                Event::SequenceEnd | Event::MappingEnd => self.close(span, &mut root, diagnostics),
                Event::Alias(anchor) => self.alias(anchor, span, &mut root, diagnostics),
            };
            if let Err(problem) = step {
                diagnostics.push(*problem);
                return Some(span.start as usize);
            }
        }
        None
    }

    fn open(&mut self, start: Span, anchor: usize, body: Body) -> Result<(), Box<Diagnostic>> {
        if self.open.len() == MAX_DEPTH {
            return Err(Box::new(too_deep(start)));
        }
        if anchor > 0 {
            self.anchors.insert(anchor, None);
        }
        self.open.push(Open {
            start,
            anchor,
            body,
        });
        Ok(())
    }

    fn close(
        &mut self,
        end: Span,
        root: &mut Option<Node>,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Result<(), Box<Diagnostic>> {
        let Some(Open {
            start,
            anchor,
            body,
        }) = self.open.pop()
        else {
            return Ok(());
        };
        let (value, last) = match body {
            // The nodes of all documents are in memory at the same time, and spare capacity takes up half of the space.
            Body::List(mut items) => {
                items.shrink_to_fit();
                let last = items.last().map(|node| node.span);
                (NodeValue::List(items), last)
            }
            Body::Map { mut entries, .. } => {
                entries.shrink_to_fit();
                let last = entries
                    .last()
                    .map(|entry| entry.value.span.max(entry.key_span));
                (NodeValue::Map(entries), last)
            }
        };
        // The end of a block collection is only noticed at the next token, so the last value determines the end.
        let span = if end.start < end.end {
            start.to(end)
        } else {
            start.to(last.unwrap_or(start))
        };
        self.finish(Node { value, span }, anchor, root, diagnostics)
    }

    fn alias(
        &mut self,
        anchor: usize,
        span: Span,
        root: &mut Option<Node>,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Result<(), Box<Diagnostic>> {
        let target = match self.anchors.get(&anchor) {
            Some(Some(target)) => target,
            Some(None) => {
                return Err(Box::new(
                    Diagnostic::error(
                        YAML_LIMITS.code,
                        "an alias inside the value that it repeats",
                    )
                    .at(span, "refers to itself")
                    .help("write the value out"),
                ));
            }
            // The parser numbers the anchors of all documents of a file.
            None => {
                return Err(Box::new(
                    Diagnostic::error(
                        YAML_LIMITS.code,
                        "an alias to an anchor of an earlier document",
                    )
                    .at(span, "its anchor counts in its own document only")
                    .help("write the value out"),
                ));
            }
        };
        let mut value = target.clone();
        self.repeats(&value, span)?;
        value.span = span;
        self.finish(value, 0, root, diagnostics)
    }

    /// Counts a value that is stored for aliases or repeated by one.
    fn repeats(&mut self, value: &Node, span: Span) -> Result<(), Box<Diagnostic>> {
        self.aliased += size(value);
        if self.aliased <= MAX_ALIASED {
            return Ok(());
        }
        Err(Box::new(
            Diagnostic::error(
                YAML_LIMITS.code,
                format!(
                    "anchors and aliases stand for more than {MAX_ALIASED} values in this file"
                ),
            )
            .at(span, "one too many")
            .help("write the values without aliases, or split the file"),
        ))
    }

    /// Adds a complete value to its parent: under its key, to its list, or at the root.
    fn finish(
        &mut self,
        node: Node,
        anchor: usize,
        root: &mut Option<Node>,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Result<(), Box<Diagnostic>> {
        if self.nodes_left == 0 {
            if !self.budget.take_share() {
                return Err(Box::new(
                    Diagnostic::error(
                        YAML_LIMITS.code,
                        "the project holds too many values to read",
                    )
                    .at(node.span, "reading stopped here")
                    .help("split the project, or allow more memory with `--memory`"),
                ));
            }
            self.nodes_left = Budget::SHARE;
        }
        self.nodes_left -= 1;
        if anchor > 0 {
            self.repeats(&node, node.span)?;
            self.anchors.insert(anchor, Some(node.clone()));
        }
        self.split_documents(&node, diagnostics);
        let (file, base) = (self.file, self.base);
        match self.open.last_mut().map(|open| &mut open.body) {
            None => *root = Some(node),
            Some(Body::List(items)) => items.push(node),
            Some(Body::Map { entries, key, seen }) => match key.take() {
                Some(Key(Some((name, key_span)))) => {
                    let mut value = node;
                    if value.is_null() && value.span.start == value.span.end {
                        value.span = Span {
                            start: key_span.end,
                            end: key_span.end,
                            ..key_span
                        };
                    }
                    entries.push(Entry {
                        key: name,
                        key_span,
                        value,
                    });
                }
                Some(Key(None)) => {}
                None => {
                    let text = self.text;
                    *key = Some(Key(key_of(
                        node,
                        text,
                        base,
                        file,
                        seen,
                        entries,
                        diagnostics,
                    )));
                }
            },
        }
        Ok(())
    }

    /// Ends the document where the next value is a key with which another document begins.
    fn split_documents(&mut self, node: &Node, diagnostics: &mut Vec<Diagnostic>) {
        let [
            Open {
                start,
                body:
                    Body::Map {
                        entries,
                        key: None,
                        seen,
                    },
                ..
            },
        ] = self.open.as_mut_slice()
        else {
            return;
        };
        let Some(problem) = key::second_document(node, entries) else {
            return;
        };
        diagnostics.push(problem);
        let end = entries.last().map_or(*start, |last| last.value.span);
        self.earlier.push(Node {
            span: start.to(end),
            value: NodeValue::Map(std::mem::take(entries)),
        });
        *seen = Seen::default();
        *start = node.span;
    }

    fn scalar(
        &self,
        text: &str,
        style: ScalarStyle,
        span: Span,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> NodeValue {
        if let Some(control) = text
            .chars()
            .find(|&character| character.is_control() && !matches!(character, '\n' | '\t' | '\r'))
        {
            diagnostics.push(
                Diagnostic::error(
                    YAML_TEXT.code,
                    format!(
                        "a text holds the control character U+{:04X}",
                        u32::from(control)
                    ),
                )
                .at(span, "")
                .help("remove it"),
            );
        }
        if style != ScalarStyle::Plain {
            return NodeValue::Text(text.into());
        }
        let resolved = resolve(text).map(|value| with_spelling(text, value));
        resolved.unwrap_or_else(|problem| {
            let (message, help) = match problem {
                NotJson::NotFinite => (
                    format!("`{text}` cannot be stored as a number"),
                    "write a number, or quote it to make it text",
                ),
                NotJson::TooLarge => (
                    format!("`{text}` is too large for a number"),
                    "write a smaller number, or quote it to make it text",
                ),
            };
            diagnostics.push(
                Diagnostic::error(YAML_NUMBER.code, message)
                    .at(self.trimmed(span), "")
                    .help(help),
            );
            // Reported once: what the value should have been is not said as well.
            NodeValue::Unresolved(text.into())
        })
    }

    /// Reports a non-breaking space or the like that became part of a plain text because it looks like a space.
    fn odd_blank(&self, style: ScalarStyle, span: Span) -> Option<Diagnostic> {
        if self.offsets.is_none() || style != ScalarStyle::Plain {
            return None;
        }
        let (from, to) = (
            span.start as usize - self.base,
            span.end as usize - self.base,
        );
        let line_start = self.text[..from].rfind('\n').map_or(0, |found| found + 1);
        let line = self.text[line_start..].lines().next()?;
        let (start, end) = blank::misplaced(line)?;
        let (start, end) = (line_start + start, line_start + end);
        let character = self.text[start..end].chars().next()?;
        (from..to).contains(&start).then(|| {
            let place = Span {
                start: to_u32(self.base + start),
                end: to_u32(self.base + end),
                ..span
            };
            blank::finding(character, place)
        })
    }

    fn refuse_tag(&self, tagged: bool, span: Span, diagnostics: &mut Vec<Diagnostic>) {
        if tagged {
            diagnostics.push(
                Diagnostic::error(YAML_TAG.code, "tags are not part of the manifest language")
                    .at(self.trimmed(span), "has a tag")
                    .help("remove the tag; quote a value to make it text"),
            );
        }
    }

    fn span(&self, span: ParserSpan) -> Span {
        Span {
            file: self.file,
            start: to_u32(self.base + self.offset(span.start.index())),
            end: to_u32(self.base + self.offset(span.end.index())),
        }
    }

    fn point(&self, index: usize) -> Span {
        let at = to_u32(self.base + self.offset(index));
        Span {
            file: self.file,
            start: at,
            end: at,
        }
    }

    /// The parser counts characters, but places are in bytes.
    fn offset(&self, index: usize) -> usize {
        match &self.offsets {
            None => index.min(self.text.len()),
            Some(offsets) => offsets
                .get(index)
                .map_or(self.text.len(), |&at| at as usize),
        }
    }

    /// Trims trailing blanks and line breaks from a span.
    fn trimmed(&self, span: Span) -> Span {
        trim(self.text, self.base, span)
    }
}

fn trim(text: &str, base: usize, span: Span) -> Span {
    let slice = text
        .get(span.start as usize - base..span.end as usize - base)
        .unwrap_or("");
    Span {
        end: span.start + to_u32(slice.trim_end().len()),
        ..span
    }
}

fn size(node: &Node) -> usize {
    1 + match &node.value {
        NodeValue::List(items) => items.iter().map(size).sum(),
        NodeValue::Map(entries) => entries.iter().map(|entry| size(&entry.value)).sum(),
        // A long text counts as many values as take the same memory.
        NodeValue::Text(text) => text.len() / 64,
        _ => 0,
    }
}

/// Offsets always fit, because files are far smaller than 4 GiB.
fn to_u32(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}

/// The parser takes `{title: >- text}` for the text `>- text`. YAML has no block texts between braces and brackets, and no plain text that begins
/// with their sign.
fn block_text_in_a_flow(text: &str, style: ScalarStyle, span: Span) -> Option<Diagnostic> {
    let sign = text
        .chars()
        .next()
        .filter(|sign| matches!(sign, '>' | '|'))?;
    (style == ScalarStyle::Plain).then(|| {
        Diagnostic::error(
            "broken-yaml",
            format!("a text without quotes cannot begin with `{sign}`"),
        )
        .at(
            span,
            "within braces or brackets, it begins no block of text either",
        )
        .help("put the text between `\"`")
    })
}

#[cfg(test)]
mod tests;
