//! Replaces the parameters of a package in its documents.

use std::collections::{BTreeMap, BTreeSet};

use super::pieces::{ESCAPED, Piece, pieces_of_package};
use super::{Origins, VARIABLE_TYPE, inside_text, with_texts};
use crate::diagnostic::Diagnostic;
use crate::package::{PACKAGE_DOCUMENT, PACKAGE_PARAMETER, Parameter};
use crate::span::Span;
use crate::suggest::nearest;
use crate::yaml::{Node, NodeValue};

/// Parameters of a package, which replace `${{ params.NAME }}` in its documents.
pub(crate) struct ParameterValues<'a> {
    pub(crate) declared: &'a [Parameter],
    pub(crate) values: &'a BTreeMap<String, Node>,
    /// Where the values are written, by the place of their use.
    pub(crate) origins: &'a mut Origins,
    /// Parameters used so far.
    pub(crate) used: &'a mut BTreeSet<String>,
    pub(crate) diagnostics: &'a mut Vec<Diagnostic>,
}

impl ParameterValues<'_> {
    /// Returns a value with its parameters replaced. Variables in a customer's value stay, because the customer's project replaces them.
    pub(crate) fn fill(&mut self, node: &Node) -> Node {
        with_texts(node, &mut |text, span| self.text(text, span))
    }

    fn text(&mut self, text: &str, span: Span) -> Node {
        let as_is = |value| Node { value, span };
        // Malformed text is reported along with the other variables.
        let Some(pieces) = pieces_of_package(text) else {
            return as_is(NodeValue::Text(text.into()));
        };
        if pieces
            .iter()
            .any(|piece| matches!(piece, Piece::Variable(_)))
        {
            self.diagnostics.push(
                Diagnostic::error(
                    PACKAGE_DOCUMENT.code,
                    "a package cannot use variables of a project",
                )
                .at(span, "a variable of a project")
                .help("declare a parameter, and write `${{ params.NAME }}`"),
            );
            return as_is(NodeValue::Unresolved(text.into()));
        }
        if let [Piece::Parameter(name)] = pieces.as_slice() {
            let value = self.find(name, span).map(|value| value.value.clone());
            return as_is(value.unwrap_or_else(|| NodeValue::Unresolved(text.into())));
        }
        let mut filled = String::with_capacity(text.len());
        let mut complete = true;
        for piece in pieces {
            match piece {
                Piece::Text(text) => filled.push_str(text),
                Piece::Open => filled.push_str(ESCAPED),
                Piece::Fact(fact) => filled.push_str(fact.as_written()),
                Piece::Variable(_) => {}
                Piece::Parameter(name) => {
                    match self.find(name, span).map(|value| inside_text(&value)) {
                        Some(Some(text)) => filled.push_str(&text),
                        Some(None) => {
                            complete = false;
                            self.diagnostics.push(
                                Diagnostic::error(
                                    VARIABLE_TYPE.code,
                                    format!("parameter `{name}` cannot stand inside a text"),
                                )
                                .at(span, "inside a text")
                                .help("use it as a whole value"),
                            );
                        }
                        None => complete = false,
                    }
                }
            }
        }
        as_is(match complete {
            true => NodeValue::Text(filled.into()),
            false => NodeValue::Unresolved(text.into()),
        })
    }

    fn find(&mut self, name: &str, span: Span) -> Option<Node> {
        self.used.insert(name.to_owned());
        if let Some(value) = self.values.get(name) {
            self.origins.insert(span, (name.to_owned(), value.span));
            return Some(value.clone());
        }
        let names = || self.declared.iter().map(|one| one.name.value.as_str());
        // A declared parameter without a value is reported where the project uses the package.
        if !names().any(|known| known == name) {
            let found = Diagnostic::error(
                PACKAGE_PARAMETER.code,
                format!("the package declares no parameter `{name}`"),
            )
            .at(span, "not declared");
            self.diagnostics.push(match nearest(name, names()) {
                Some(near) => found.help(format!("did you mean `{near}`?")),
                None => found.help("add it to `parameters` in `deskstate-package.yaml`"),
            });
        }
        None
    }
}
