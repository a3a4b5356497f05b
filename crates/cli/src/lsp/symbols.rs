//! The resources of a file and of the workspace.

use deskstate_model::{Tree, TreeEntry};
use lsp_types::{DocumentSymbol, SymbolKind};

use super::findings::lines;
use super::place::Units;

/// The documents of a file, with the fields of each.
#[expect(deprecated, reason = "a field of the protocol that must be given")]
pub(super) fn of_file(text: &str, units: Units) -> Vec<DocumentSymbol> {
    let (documents, _) = Tree::read(text);
    documents
        .iter()
        .map(|document| {
            let metadata = document.get("metadata");
            let name = metadata.and_then(|metadata| metadata.get("name"));
            let word = document
                .get("kind")
                .and_then(Tree::as_text)
                .unwrap_or("document");
            let fields = document.get("spec").map_or(&[][..], Tree::entries);
            DocumentSymbol {
                name: named(name.and_then(Tree::as_text).unwrap_or("(no name)")),
                detail: Some(named(word)),
                kind: SymbolKind::CLASS,
                tags: None,
                deprecated: None,
                range: units.range(text, &document.place),
                selection_range: units.range(text, &name.unwrap_or(document).place),
                children: Some(
                    fields
                        .iter()
                        .map(|entry| field(text, entry, units))
                        .collect(),
                ),
            }
        })
        .collect()
}

#[expect(deprecated, reason = "a field of the protocol that must be given")]
fn field(text: &str, entry: &TreeEntry, units: Units) -> DocumentSymbol {
    let whole = entry.key_place.start..entry.value.place.end.max(entry.key_place.end);
    DocumentSymbol {
        name: named(&entry.key),
        detail: None,
        kind: SymbolKind::FIELD,
        tags: None,
        deprecated: None,
        range: units.range(text, &whole),
        selection_range: units.range(text, &entry.key_place),
        children: None,
    }
}

/// Replaces an empty name, because names of symbols may not be empty.
fn named(text: &str) -> String {
    match lines(text).trim() {
        "" => "(empty)".to_owned(),
        name => name.to_owned(),
    }
}
