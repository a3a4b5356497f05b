//! Variables where none are allowed.

use super::pieces::{OPEN, Piece, pieces};
use crate::diagnostic::Diagnostic;
use crate::explanation::Explanation;
use crate::yaml::{Node, NodeValue};

pub(crate) const VARIABLE_PLACEMENT: Explanation = Explanation::new(
    "variable-placement",
    "A variable is used where none is allowed.",
    "Variables are allowed only in values under `spec` and `metadata.labels`, and not in values of other variables. Contracts may use `${{ environment.url }}`, `${{ environment.host }}` and `${{ environment.organizationId }}`. Names must be the same in every environment.",
    "Write the value out.",
);

/// Reports variables in places where they are not allowed: everywhere except in values under `spec` and `labels`.
pub(crate) fn refuse_outside_values(document: &Node, diagnostics: &mut Vec<Diagnostic>) {
    for entry in document.entries() {
        match &*entry.key {
            "spec" => refuse_in_keys(&entry.value, diagnostics),
            "metadata" => {
                for entry in entry
                    .value
                    .entries()
                    .iter()
                    .filter(|entry| &*entry.key != "labels")
                {
                    refuse_all(&entry.value, diagnostics);
                }
            }
            _ => refuse_all(&entry.value, diagnostics),
        }
    }
}

/// Reports variables in keys, which stay as they are.
fn refuse_in_keys(node: &Node, diagnostics: &mut Vec<Diagnostic>) {
    match &node.value {
        NodeValue::List(items) => items
            .iter()
            .for_each(|item| refuse_in_keys(item, diagnostics)),
        NodeValue::Map(entries) => {
            for entry in entries {
                let is_text = |pieces: Vec<Piece<'_>>| {
                    let mut pieces = pieces.iter();
                    pieces.all(|piece| matches!(piece, Piece::Text(_) | Piece::Open))
                };
                if entry.key.contains(OPEN) && !pieces(&entry.key).is_some_and(is_text) {
                    diagnostics.push(
                        Diagnostic::error(
                            VARIABLE_PLACEMENT.code,
                            "a key cannot contain a variable",
                        )
                        .at(entry.key_span, "a variable here")
                        .help("write the key literally; variables are allowed only in values"),
                    );
                }
                refuse_in_keys(&entry.value, diagnostics);
            }
        }
        _ => {}
    }
}

/// Reports variables in a contract, except for facts of the environment.
pub(crate) fn refuse_but_facts(node: &Node, diagnostics: &mut Vec<Diagnostic>) {
    match &node.value {
        NodeValue::Text(text) if text.contains(OPEN) => {
            let is_fine = pieces(text).is_some_and(|pieces| {
                let mut pieces = pieces.iter();
                pieces.all(|piece| !matches!(piece, Piece::Variable(_)))
            });
            if !is_fine {
                diagnostics.push(
                    Diagnostic::error(
                        VARIABLE_PLACEMENT.code,
                        "a contract can use only the variables of the environment",
                    )
                    .at(node.span, "another variable here")
                    .help("use `${{ environment.url }}`, `${{ environment.host }}` or `${{ environment.organizationId }}`, or write the value out"),
                );
            }
        }
        NodeValue::List(items) => items
            .iter()
            .for_each(|item| refuse_but_facts(item, diagnostics)),
        NodeValue::Map(entries) => entries
            .iter()
            .for_each(|entry| refuse_but_facts(&entry.value, diagnostics)),
        _ => {}
    }
}

/// Reports variables in the project file, whose values are the same in every environment. Those of packages can have some.
pub(crate) fn refuse_in_project(spec: &Node, diagnostics: &mut Vec<Diagnostic>) {
    for entry in spec.entries() {
        match &*entry.key {
            // Checked where they are read.
            "variables" | "packages" => {}
            "environments" => {
                let environments = entry.value.entries().iter();
                let fields = environments.flat_map(|environment| environment.value.entries());
                for field in fields.filter(|field| &*field.key != "variables") {
                    refuse_all(&field.value, diagnostics);
                }
            }
            _ => refuse_all(&entry.value, diagnostics),
        }
    }
}

/// Reports all variables in a value.
pub(crate) fn refuse_all(node: &Node, diagnostics: &mut Vec<Diagnostic>) {
    match &node.value {
        NodeValue::Text(text) if text.contains(OPEN) => diagnostics.push(
            Diagnostic::error(
                VARIABLE_PLACEMENT.code,
                "variables are allowed only in manifests, in values under `spec` and `metadata.labels`",
            )
            .at(node.span, "a variable here")
            .help("write the value literally; names are the same in every environment"),
        ),
        NodeValue::List(items) => items.iter().for_each(|item| refuse_all(item, diagnostics)),
        NodeValue::Map(entries) => entries
            .iter()
            .for_each(|entry| refuse_all(&entry.value, diagnostics)),
        _ => {}
    }
}
