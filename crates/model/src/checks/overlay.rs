//! Rules for documents in overlays.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::{BTreeMap, HashMap, HashSet};

use crate::diagnostic::Diagnostic;
use crate::document::{Document, Header};
use crate::explanation::Explanation;
use crate::kinds::ResourceKey;
use crate::project::Project;
use crate::shape_codes::{UNKNOWN_FIELD, WRONG_TYPE};
use crate::span::Span;
use crate::suggest::nearest;
use crate::table::{Field, Holds, Written};
use crate::yaml::{Entry, Node, NodeValue};

pub(crate) const OVERLAY: Explanation = Explanation::new(
    "overlay",
    "An overlay changes something that it cannot: a document that the base lacks or declares for other environments only, a required field that it removes, or `environments`, which belongs in the base.",
    "With a misspelt name, the change would otherwise silently have no effect.",
    "Correct the name, or declare the resource in a manifest folder.",
);

/// Returns the field paths that an overlay leaves alone, except for required fields.
pub(crate) fn unmanaged_paths(overlay: &Document) -> impl Iterator<Item = &str> {
    let fields = overlay.header.key.kind.fields();
    let is_required = |path: &&str| {
        let field = fields.iter().find(|field| field.word == *path);
        field.is_some_and(Field::is_needed)
    };
    unmanaged(overlay)
        .iter()
        .filter_map(Node::as_text)
        .filter(move |path| !is_required(path))
}

fn unmanaged(overlay: &Document) -> &[Node] {
    let list = overlay
        .node
        .get("metadata")
        .and_then(|metadata| metadata.get("unmanaged"));
    list.map_or(&[][..], Node::items)
}

/// Returns the part of an overlay document that is merged into its base: everything except the keys that only overlays have.
pub(crate) fn patch(overlay: &Document) -> Cow<'_, Node> {
    let Some(metadata) = overlay.node.get("metadata") else {
        return Cow::Borrowed(&overlay.node);
    };
    let kept = |entry: &&Entry| !matches!(&*entry.key, "name" | "unmanaged" | "environments");
    let metadata = Node {
        value: NodeValue::Map(metadata.entries().iter().filter(kept).cloned().collect()),
        span: metadata.span,
    };
    let entries = overlay
        .node
        .entries()
        .iter()
        .filter(|entry| !matches!(&*entry.key, "apiVersion" | "kind"));
    let entries = entries.map(|entry| {
        let value = if &*entry.key == "metadata" {
            metadata.clone()
        } else {
            entry.value.clone()
        };
        Entry {
            value,
            ..entry.clone()
        }
    });
    Cow::Owned(Node {
        value: NodeValue::Map(entries.collect()),
        span: overlay.node.span,
    })
}

/// Checks every overlay document on its own; the merged result is checked later. Packages do not bring the rows in `removed` any more.
pub(crate) fn check<'a>(
    base: impl Iterator<Item = &'a Header>,
    removed: &HashSet<ResourceKey>,
    overlays: &BTreeMap<String, Vec<Document>>,
    project: &Project,
    diagnostics: &mut Vec<Diagnostic>,
) {
    if overlays.values().all(Vec::is_empty) {
        return;
    }
    let mut limited: HashMap<&ResourceKey, Vec<&Header>> = HashMap::new();
    let base = base.filter(|header| !removed.contains(&header.key));
    let known = BaseNames::new(base.map(|header| {
        limited.entry(&header.key).or_default().push(header);
        &header.key
    }));
    for (folder, overlay) in overlays
        .iter()
        .flat_map(|(folder, overlays)| overlays.iter().map(move |overlay| (folder, overlay)))
    {
        if let Some(headers) = limited.get(&overlay.header.key) {
            let readers = || {
                let environments = project.environments.values();
                environments.filter(|environment| {
                    let mut overlays = environment.overlay.iter();
                    overlays.any(|overlay| overlay.value.to_string_lossy() == folder.as_str())
                })
            };
            let has_effect = readers().any(|environment| {
                let name = environment.name.as_str();
                headers.iter().any(|header| header.is_in(Some(name)))
            });
            if !has_effect && readers().next().is_some() {
                diagnostics.push(nowhere(overlay, headers));
            }
        }
        if removed.contains(&overlay.header.key) && !known.has(&overlay.header.key) {
            diagnostics.push(
                Diagnostic::error(
                    OVERLAY.code,
                    format!("no package brings {} any more", overlay.header.key),
                )
                .at(overlay.header.name_span, "nothing to change")
                .help("delete this document, or declare the row in a manifest of your own"),
            );
            continue;
        }
        check_document(overlay, &known, diagnostics);
    }
}

/// The finding about an overlay of a row that no environment with this overlay has.
fn nowhere(overlay: &Document, headers: &[&Header]) -> Diagnostic {
    Diagnostic::error(
        OVERLAY.code,
        format!(
            "{} is declared for other environments only, so the overlay has no effect",
            overlay.header.key
        ),
    )
    .at(overlay.header.name_span, "nothing to change")
    .also(headers[0].name_span, "limited to other environments")
    .help("add the environment to `metadata.environments` of the base document, or delete this document")
}

/// The resources that base documents declare.
struct BaseNames<'a> {
    keys: HashSet<&'a ResourceKey>,
    /// Number of suggestions that may still be made. Finding the nearest name takes time, and nobody reads that many suggestions.
    suggestions: Cell<usize>,
}

impl<'a> BaseNames<'a> {
    fn new(base: impl Iterator<Item = &'a ResourceKey>) -> Self {
        Self {
            keys: base.collect(),
            suggestions: Cell::new(100),
        }
    }

    fn has(&self, key: &ResourceKey) -> bool {
        self.keys.contains(key)
    }

    fn nearest(&self, key: &ResourceKey) -> Option<&'a str> {
        self.suggestions.set(self.suggestions.get().checked_sub(1)?);
        let names = self
            .keys
            .iter()
            .filter(|known| known.kind == key.kind)
            .map(|known| known.name.as_written());
        nearest(key.name.as_written(), names)
    }
}

fn check_document(overlay: &Document, known: &BaseNames<'_>, diagnostics: &mut Vec<Diagnostic>) {
    if !known.has(&overlay.header.key) {
        let diagnostic = Diagnostic::error(
            OVERLAY.code,
            format!("no base document declares {}", overlay.header.key),
        )
        .at(overlay.header.name_span, "nothing to change");
        diagnostics.push(match known.nearest(&overlay.header.key) {
            Some(near) => diagnostic.perhaps(overlay.header.key.name.as_written(), near),
            None => diagnostic.help(
                "declare it in a manifest folder; `metadata.environments` there limits it to some environments",
            ),
        });
    }
    if let Some(entry) = overlay
        .node
        .get("metadata")
        .and_then(|metadata| metadata.entry("environments"))
    {
        diagnostics.push(
            Diagnostic::error(OVERLAY.code, "`environments` belongs in base documents")
                .at(entry.key_span, "not in an overlay")
                .help("write it in the base document, or use another overlay folder"),
        );
    }
    let fields = overlay.header.key.kind.fields();
    let metadata = overlay.node.get("metadata");
    if let Some(entry) = metadata.and_then(|metadata| metadata.entry("unmanaged"))
        && !is_list_of_texts(&entry.value)
    {
        diagnostics.push(
            Diagnostic::error(
                WRONG_TYPE.code,
                "`unmanaged` must be a list of fields, such as `[description]`",
            )
            .at(entry.value.span, "not a list of fields")
            .help("write the fields in brackets; without an entry, remove the key"),
        );
    }
    for item in unmanaged(overlay) {
        let Some(path) = item.as_text() else { continue };
        let word = path.split('.').next().unwrap_or(path);
        match fields.iter().find(|field| field.word == word) {
            Some(field) if field.is_needed() && path == word => diagnostics.push(
                Diagnostic::error(
                    OVERLAY.code,
                    format!("`{word}` is required, so it cannot be ignored"),
                )
                .at(item.span, "a required field")
                .help("remove it from `unmanaged`"),
            ),
            Some(field) => diagnostics.extend(inside(field, path, item.span)),
            None => {
                let diagnostic = Diagnostic::error(
                    UNKNOWN_FIELD.code,
                    format!("{} has no field `{word}`", overlay.header.key.kind),
                )
                .at(item.span, "unknown field");
                diagnostics.push(match nearest(word, fields.iter().map(|field| field.word)) {
                    Some(near) => diagnostic.meant(near),
                    None => diagnostic.help(format!(
                        "`deskstate explain {}` lists the fields",
                        overlay.header.key.kind
                    )),
                });
            }
        }
    }
}

fn is_list_of_texts(node: &Node) -> bool {
    let mut items = node.items().iter();
    matches!(node.plain(), NodeValue::List(_)) && items.all(|item| item.as_text().is_some())
}

/// Checks a path that leads into a field. Only a mapping of features can be managed in part; any other field is written as a whole, so
/// what is left out of it would be lost.
fn inside(field: &Field, path: &str, span: Span) -> Option<Diagnostic> {
    let (word, key) = path.split_once('.')?;
    let Holds::Parts(part) = field.holds else {
        return Some(whole(word, key, span));
    };
    if !matches!(part.written, Written::Features(_)) {
        return Some(whole(word, key, span));
    }
    if part.feature_number(key).is_some() {
        return None;
    }
    let diagnostic = Diagnostic::error(
        UNKNOWN_FIELD.code,
        format!("`{word}` has no feature `{key}`"),
    )
    .at(span, "unknown feature");
    let words = part.features().iter().map(|feature| feature.word);
    Some(match nearest(key, words.clone()) {
        Some(near) => diagnostic.meant(&format!("{word}.{near}")),
        None => {
            let words: Vec<&str> = words.collect();
            diagnostic.help(format!("it has: {}", words.join(", ")))
        }
    })
}

fn whole(word: &str, key: &str, span: Span) -> Diagnostic {
    Diagnostic::error(
        OVERLAY.code,
        format!("`{word}` is written as a whole, so `{key}` in it cannot be ignored"),
    )
    .at(span, "part of a field")
    .help(format!(
        "write `{word}` to ignore all of it, or give the value of this environment in `spec` of the overlay"
    ))
}
