//! Rules for documents in overlays.

use std::borrow::Cow;

use crate::diagnostic::Diagnostic;
use crate::document::Document;
use crate::suggest::nearest;
use crate::yaml::{Entry, Node, NodeValue};

/// The field paths that an overlay leaves alone, without those that are required.
pub(crate) fn unmanaged_paths(overlay: &Document) -> impl Iterator<Item = &str> {
    let fields = overlay.key.kind.field_infos();
    let is_required = |path: &&str| {
        let field = fields.iter().find(|field| field.word == *path);
        field.is_some_and(|field| field.rule.required || field.rule.has_default)
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

/// What an overlay document lays over its base: everything but what only overlays say.
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

/// Checks one overlay document by itself; the result of laying it over its base is checked later.
pub(crate) fn check_document(
    overlay: &Document,
    has_base: bool,
    base: &[Document],
    diagnostics: &mut Vec<Diagnostic>,
) {
    if !has_base {
        let names = base
            .iter()
            .filter(|document| document.key.kind == overlay.key.kind)
            .map(|document| document.key.name.as_written());
        let diagnostic = Diagnostic::error(
            "overlay",
            format!("no base document declares {}", overlay.key),
        )
        .at(overlay.name_span, "nothing to change");
        diagnostics.push(match nearest(overlay.key.name.as_written(), names) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
            None => diagnostic.help("declare it in a manifest folder; `metadata.environments` there limits it to some environments"),
        });
    }
    if let Some(entry) = overlay
        .node
        .get("metadata")
        .and_then(|metadata| metadata.entry("environments"))
    {
        diagnostics.push(
            Diagnostic::error("overlay", "`environments` belongs in base documents")
                .at(entry.key_span, "not in an overlay")
                .help("say it in the base document, or use another overlay folder"),
        );
    }
    let fields = overlay.key.kind.field_infos();
    for item in unmanaged(overlay) {
        let Some(path) = item.as_text() else { continue };
        let word = path.split('.').next().unwrap_or(path);
        match fields.iter().find(|field| field.word == word) {
            Some(field) if (field.rule.required || field.rule.has_default) && path == word => {
                diagnostics.push(
                    Diagnostic::error(
                        "overlay",
                        format!("`{word}` is required, so it cannot be left alone"),
                    )
                    .at(item.span, "a required field")
                    .help("remove it from `unmanaged`"),
                )
            }
            Some(_) => {}
            None => {
                let diagnostic = Diagnostic::error(
                    "unknown-field",
                    format!("{} has no field `{word}`", overlay.key.kind),
                )
                .at(item.span, "unknown field");
                diagnostics.push(match nearest(word, fields.iter().map(|field| field.word)) {
                    Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
                    None => diagnostic.help(format!(
                        "`deskstate explain {}` lists the fields",
                        overlay.key.kind
                    )),
                });
            }
        }
    }
}
