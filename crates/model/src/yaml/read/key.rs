//! Keys of mappings: they must be text and unique, and merge keys are not allowed.

use std::collections::BTreeMap;

use super::trim;
use crate::diagnostic::Diagnostic;
use crate::explanation::Explanation;
use crate::span::{FileId, Span};
use crate::yaml::{Entry, Node, NodeValue};

pub(crate) const DUPLICATE_KEY: Explanation = Explanation::new(
    "duplicate-key",
    "A mapping has the same key twice.",
    "YAML parsers differ in which of the two they use, so one would be silently ignored.",
    "Remove one of the two. If the second begins another document, add a line `---` above it.",
);

pub(crate) const MERGE_KEY: Explanation = Explanation::new(
    "merge-key",
    "The document uses a merge key (`<<`).",
    "Merge keys are not part of YAML 1.2, and it is easy to misread which value wins.",
    "Write the keys out. Repeat a whole value with an anchor and an alias. Put differences between environments into an overlay.",
);

pub(crate) const YAML_KEY: Explanation = Explanation::new(
    "yaml-key",
    "A key is a list or a mapping.",
    "YAML allows such keys, but they have no meaning here, and usually come from a brace without quotes.",
    "Quote the value that contains the brace.",
);

/// The keys of a mapping so far.
#[derive(Default)]
pub(super) struct Seen(BTreeMap<Box<str>, Span>);

impl Seen {
    /// Returns where a key already occurs. Small mappings are searched; large ones are indexed first.
    fn first(&mut self, name: &str, entries: &[Entry]) -> Option<Span> {
        const FEW: usize = 16;
        if entries.len() < FEW {
            let same = entries.iter().find(|entry| *entry.key == *name)?;
            return Some(same.key_span);
        }
        let new = entries[self.0.len()..].iter();
        self.0
            .extend(new.map(|entry| (entry.key.clone(), entry.key_span)));
        self.0.get(name).copied()
    }
}

/// Reports a key with which another document begins, so a line `---` was forgotten above it.
pub(super) fn second_document(key: &Node, entries: &[Entry]) -> Option<Diagnostic> {
    let name = key
        .as_text()
        .filter(|name| ["apiVersion", "kind"].contains(name))?;
    let has = |name: &str| entries.iter().any(|entry| &*entry.key == name);
    (has(name) && has("metadata")).then(|| {
        Diagnostic::error(DUPLICATE_KEY.code, "a second document begins here")
            .at(key.span, "again")
            .help("add a line `---` above it")
    })
}

/// Returns the name of a key; `None` with a finding if the language does not allow it.
pub(super) fn key_of(
    node: Node,
    text: &str,
    base: usize,
    file: FileId,
    seen: &mut Seen,
    entries: &[Entry],
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<(Box<str>, Span)> {
    let span = trim(text, base, Span { file, ..node.span });
    let name: Box<str> = match node.value {
        NodeValue::Text(name) => name,
        NodeValue::Int(_) | NodeValue::Float(_) | NodeValue::Flag(_) | NodeValue::Spelled(_) => {
            text.get(span.start as usize - base..span.end as usize - base)
                .unwrap_or("")
                .into()
        }
        NodeValue::Null
        | NodeValue::List(_)
        | NodeValue::Map(_)
        | NodeValue::Unresolved(_)
        | NodeValue::Opaque(_) => {
            diagnostics.push(
                Diagnostic::error(YAML_KEY.code, "a key must be text")
                    .at(span, "is not text")
                    .help("a value that holds a brace must be quoted: \"{customer}\""),
            );
            return None;
        }
    };
    if &*name == "<<" {
        diagnostics.push(
            Diagnostic::error(
                MERGE_KEY.code,
                "merge keys are not part of the manifest language",
            )
            .at(span, "")
            .help("write the keys out; a whole value can be repeated with an alias"),
        );
        return None;
    }
    if let Some(first) = seen.first(&name, entries) {
        diagnostics.push(
            Diagnostic::error(DUPLICATE_KEY.code, format!("`{name}` is written twice"))
                .at(span, "again")
                .also(first, "first here")
                .help("remove one of the two"),
        );
        return None;
    }
    Some((name, span))
}
