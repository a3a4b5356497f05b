//! Variables: `${{ vars.name }}` is replaced with a value of the project or the environment, and `${{ environment.url }}` with the
//! environment's own address.
//!
//! `{slug}` and `${slug}` belong to Dynamics and are left untouched; `$${{` is an escaped `${{`.

mod facts;
mod parameters;
mod pieces;
mod refused;

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;

pub use self::facts::EnvironmentFacts;
pub(crate) use self::facts::origin;
pub(crate) use self::parameters::ParameterValues;
pub use self::pieces::ORGANIZATION_ID;
pub(crate) use self::pieces::is_variable_name;
use self::pieces::{OPEN, Piece, pieces, pieces_of_package};
pub(crate) use self::refused::{
    VARIABLE_PLACEMENT, refuse_all, refuse_but_facts, refuse_in_project, refuse_outside_values,
};
use crate::diagnostic::Diagnostic;
use crate::explanation::Explanation;
use crate::span::Span;
use crate::suggest::nearest;
use crate::yaml::{Entry, Node, NodeValue};

pub(crate) const UNKNOWN_VARIABLE: Explanation = Explanation::new(
    "unknown-variable",
    "A variable has no value in an environment that uses it.",
    "The result must not depend on who runs the tool, so deskstate does not use variables of the process.",
    "Add it to `variables` of the project or of the environment.",
);

pub(crate) const VARIABLE_SYNTAX: Explanation = Explanation::new(
    "variable-syntax",
    "A variable is not written as `${{ vars.name }}`.",
    "The environment's own values are `${{ environment.url }}`, `${{ environment.host }}` and `${{ environment.organizationId }}`. There are no functions and no other namespaces. `{slug}` and `${slug}` belong to Dynamics 365 and stay unchanged.",
    "Correct it. `$${{` produces the characters `${{`.",
);

pub(crate) const VARIABLE_TYPE: Explanation = Explanation::new(
    "variable-type",
    "A variable inside a text is a list or a mapping.",
    "Only texts, numbers, `true` and `false` can be part of a text. As a whole value, a variable keeps its type.",
    "Use it as the whole value.",
);

/// The variables that have a value.
pub(crate) type Variables<'p> = BTreeMap<&'p str, &'p Node>;

/// Where a value from a variable is written, by the place of the variable's use.
pub(crate) type Origins = BTreeMap<Span, (String, Span)>;

/// Transforms every text of a value.
pub(crate) fn each_text(value: &mut Value, fill: &dyn Fn(&str) -> Cow<'_, str>) {
    match value {
        Value::String(text) => {
            if let Cow::Owned(filled) = fill(text) {
                *text = filled;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| each_text(item, fill)),
        Value::Object(entries) => entries.values_mut().for_each(|item| each_text(item, fill)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Replaces the variables of one document.
pub(crate) struct Substitution<'a, 'p> {
    pub(crate) variables: &'a Variables<'p>,
    pub(crate) facts: &'a EnvironmentFacts,
    pub(crate) origins: &'a mut Origins,
    pub(crate) diagnostics: &'a mut Vec<Diagnostic>,
}

/// Escapes text that would be read as a variable of the project by doubling the dollar sign.
pub fn escape_variables(value: &mut Value) {
    match value {
        Value::String(text) if text.contains("${{") => *text = text.replace("${{", "$${{"),
        Value::Array(items) => items.iter_mut().for_each(escape_variables),
        Value::Object(entries) => entries.values_mut().for_each(escape_variables),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Escapes the texts of a declared resource. Those that wait for the id of the organization have kept their escapes.
pub(crate) fn escape_declared(value: &mut Value) {
    match value {
        Value::String(text) if text.contains(ORGANIZATION_ID) => {}
        Value::Array(items) => items.iter_mut().for_each(escape_declared),
        Value::Object(entries) => entries.values_mut().for_each(escape_declared),
        other => escape_variables(other),
    }
}

/// Whether any value of a document contains a variable or an escaped one.
pub(crate) fn has_variables(node: &Node) -> bool {
    match &node.value {
        // Searching for a single character is fast, and most texts do not contain it.
        NodeValue::Text(text) => text.contains('$') && text.contains(OPEN),
        NodeValue::List(items) => items.iter().any(has_variables),
        NodeValue::Map(entries) => entries.iter().any(|entry| has_variables(&entry.value)),
        _ => false,
    }
}

impl<'p> Substitution<'_, 'p> {
    /// Returns the document with the variables under `spec` and `metadata.labels` replaced.
    pub(crate) fn document(&mut self, document: &Node) -> Node {
        let entries = document.entries().iter().map(|entry| {
            let value = match &*entry.key {
                "spec" => self.value(&entry.value),
                "metadata" => self.metadata(&entry.value),
                _ => entry.value.clone(),
            };
            Entry {
                value,
                ..entry.clone()
            }
        });
        Node {
            value: NodeValue::Map(entries.collect()),
            span: document.span,
        }
    }

    fn metadata(&mut self, metadata: &Node) -> Node {
        if !metadata.is_map() {
            return metadata.clone();
        }
        let entries = metadata.entries().iter().map(|entry| {
            let value = if &*entry.key == "labels" {
                self.value(&entry.value)
            } else {
                entry.value.clone()
            };
            Entry {
                value,
                ..entry.clone()
            }
        });
        Node {
            value: NodeValue::Map(entries.collect()),
            span: metadata.span,
        }
    }

    fn value(&mut self, node: &Node) -> Node {
        with_texts(node, &mut |text, span| self.text(text, span))
    }

    fn text(&mut self, text: &str, span: Span) -> Node {
        let unresolved = || Node {
            value: NodeValue::Unresolved(text.into()),
            span,
        };
        let Some(pieces) = pieces(text) else {
            self.diagnostics.push(
                Diagnostic::error(
                    VARIABLE_SYNTAX.code,
                    "a variable is written `${{ vars.name }}` or `${{ environment.url }}`",
                )
                .at(span, "cannot be read as a variable")
                .help("`environment` has `url`, `host` and `organizationId`; names of `vars` begin with a letter; write `$${{` for the characters themselves"),
            );
            return unresolved();
        };
        if let [Piece::Variable(name)] = pieces.as_slice() {
            return match self.find(name, span) {
                Some(value) => {
                    self.origins.insert(span, ((*name).to_owned(), value.span));
                    Node {
                        value: value.value.clone(),
                        span,
                    }
                }
                None => unresolved(),
            };
        }
        let open = self.facts.open(text, &pieces);
        let mut filled = String::with_capacity(text.len());
        let mut complete = true;
        for piece in pieces {
            match piece {
                Piece::Text(text) => filled.push_str(text),
                Piece::Open => filled.push_str(open),
                Piece::Fact(fact) => filled.push_str(&self.facts.value(fact)),
                Piece::Variable(name) => match self
                    .find(name, span)
                    .map(|value| (value, inside_text(value)))
                {
                    Some((value, Some(text))) => {
                        self.origins
                            .entry(span)
                            .or_insert_with(|| (name.to_owned(), value.span));
                        filled.push_str(&text);
                    }
                    Some((value, None)) => {
                        complete = false;
                        self.diagnostics.push(
                            Diagnostic::error(
                                VARIABLE_TYPE.code,
                                format!("variable `{name}` cannot be part of a text"),
                            )
                            .at(span, "inside a text")
                            .also(value.span, "neither text, number, `true` nor `false`")
                            .help("use it as a whole value"),
                        );
                    }
                    None => complete = false,
                },
                // Parameters are already replaced at this point, unless they are malformed.
                Piece::Parameter(_) => complete = false,
            }
        }
        if complete {
            Node {
                value: NodeValue::Text(filled.into()),
                span,
            }
        } else {
            unresolved()
        }
    }

    fn find(&mut self, name: &str, span: Span) -> Option<&'p Node> {
        if let Some(value) = self.variables.get(name).copied() {
            return Some(value);
        }
        let diagnostic = Diagnostic::error(
            UNKNOWN_VARIABLE.code,
            format!("variable `{name}` has no value"),
        )
        .at(span, "not defined");
        self.diagnostics.push(match nearest(name, self.variables.keys().copied()) {
            Some(near) => diagnostic.perhaps(name, near),
            None => diagnostic.help(format!("add `{name}` to `variables` of the project or of the environment in `deskstate.yaml`")),
        });
        None
    }
}

/// Returns a value with each text that may contain a variable replaced.
fn with_texts(node: &Node, replaced: &mut dyn FnMut(&str, Span) -> Node) -> Node {
    let value = match &node.value {
        NodeValue::Text(text) if text.contains(OPEN) => return replaced(text, node.span),
        NodeValue::List(items) => {
            let items = items.iter().map(|item| with_texts(item, replaced));
            NodeValue::List(items.collect())
        }
        NodeValue::Map(entries) => {
            let entries = entries.iter().map(|entry| Entry {
                value: with_texts(&entry.value, replaced),
                ..entry.clone()
            });
            NodeValue::Map(entries.collect())
        }
        other => other.clone(),
    };
    Node {
        value,
        span: node.span,
    }
}

/// Whether a value contains a variable of a project.
pub(crate) fn names_variables(node: &Node) -> bool {
    match &node.value {
        NodeValue::Text(text) => pieces_of_package(text).is_some_and(|pieces| {
            pieces
                .iter()
                .any(|piece| matches!(piece, Piece::Variable(_)))
        }),
        NodeValue::List(items) => items.iter().any(names_variables),
        NodeValue::Map(entries) => entries.iter().any(|entry| names_variables(&entry.value)),
        _ => false,
    }
}

fn inside_text(value: &Node) -> Option<String> {
    match &value.value {
        NodeValue::Text(text) => Some(text.to_string()),
        NodeValue::Int(number) => Some(number.to_string()),
        // As it is written: `2.0`, not `2`.
        NodeValue::Float(number) => Some(serde_json::Value::from(*number).to_string()),
        NodeValue::Flag(flag) => Some(flag.to_string()),
        NodeValue::Spelled(spelled) => Some(spelled.text.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::span::SourceMap;
    use crate::yaml::{Budget, read};

    fn substituted(spec: &str) -> (serde_json::Value, Vec<Diagnostic>) {
        let mut sources = SourceMap::default();
        let vars = sources.add(
            "p.yaml",
            "host: app.example\nnumber: 30\nflag: true\nlist: [a, b]\nzip: 08989\nversion: 1.10\nyes: True\n",
        );
        let file = sources.add(
            "a.yaml",
            format!("metadata: {{name: x}}\nspec:\n  v: {spec}\n"),
        );
        let mut diagnostics = Vec::new();
        let variables = read(&sources, vars, &Budget::default(), &mut diagnostics)
            .documents
            .remove(0);
        let document = read(&sources, file, &Budget::default(), &mut diagnostics)
            .documents
            .remove(0);
        let variables: Variables<'_> = variables
            .entries()
            .iter()
            .map(|entry| (&*entry.key, &entry.value))
            .collect();
        let mut origins = Origins::new();
        let facts = EnvironmentFacts::of_url("Contoso.crm4.dynamics.com/main.aspx");
        let mut substitution = Substitution {
            variables: &variables,
            facts: &facts,
            origins: &mut origins,
            diagnostics: &mut diagnostics,
        };
        let value = substitution
            .document(&document)
            .get("spec")
            .and_then(|spec| spec.get("v"))
            .unwrap()
            .to_json();
        (value, diagnostics)
    }

    #[test]
    fn a_whole_value_keeps_its_type() {
        assert_eq!(substituted("${{ vars.number }}").0, serde_json::json!(30));
        assert_eq!(
            substituted("\"${{vars.list}}\"").0,
            serde_json::json!(["a", "b"])
        );
        assert_eq!(substituted("${{ vars.flag }}").0, serde_json::json!(true));
    }

    #[test]
    fn inside_a_text_it_becomes_text() {
        assert_eq!(
            substituted("https://${{ vars.host }}/x?n=${{ vars.number }}").0,
            "https://app.example/x?n=30"
        );
        assert_eq!(substituted("x ${{ vars.list }}").1[0].code, "variable-type");
        assert_eq!(
            substituted("x/${{ vars.zip }}/${{ vars.version }}?f=${{ vars.yes }}").0,
            "x/08989/1.10?f=True"
        );
    }

    #[test]
    fn slugs_of_the_product_pass_and_two_dollars_escape() {
        assert_eq!(
            substituted("\"{customer} ${slug} $${{ vars.host }}\"").0,
            "{customer} ${slug} ${{ vars.host }}"
        );
    }

    #[test]
    fn the_environment_gives_its_own_address_and_what_is_unknown_waits() {
        assert_eq!(
            substituted(
                "https://cti.example/?base=${{environment.url}}&host=${{ environment.host }}"
            )
            .0,
            "https://cti.example/?base=https://contoso.crm4.dynamics.com&host=contoso.crm4.dynamics.com"
        );
        assert_eq!(
            substituted("x?org=${{environment.organizationId}}").0,
            format!("x?org={ORGANIZATION_ID}")
        );
        let organization = EnvironmentFacts::of_organization(Some(Uuid::from_u128(7)));
        let id = Uuid::from_u128(7);
        assert_eq!(
            organization.complete(&format!("{ORGANIZATION_ID}/{{x}}")),
            format!("{id}/{{x}}")
        );
        // Escaped text stays text, regardless of its spelling and of the rest of the text.
        for (written, complete) in [
            (
                "$${{ environment.organizationId }}",
                ORGANIZATION_ID.to_owned(),
            ),
            (
                "$${{environment.organizationId}}",
                "${{environment.organizationId}}".to_owned(),
            ),
            (
                "${{environment.organizationId}}/$${{environment.organizationId}}/$${{ x",
                format!("{id}/${{{{environment.organizationId}}}}/${{{{ x"),
            ),
        ] {
            let first = substituted(&format!("\"{written}\"")).0;
            let text = first.as_str().unwrap();
            assert_eq!(organization.complete(text), complete, "{written}");
            let contracts = EnvironmentFacts::of_url("contoso.crm.dynamics.com")
                .fill(written)
                .into_owned();
            assert_eq!(contracts, text);
        }
    }

    #[test]
    fn what_is_not_defined_or_malformed_is_reported() {
        let (_, findings) = substituted("${{ vars.hots }}");
        assert_eq!(findings[0].code, "unknown-variable");
        assert_eq!(findings[0].help.as_deref(), Some("did you mean `host`?"));
        for text in [
            "${{ host }}",
            "${{ vars.1x }}",
            "x ${{ vars.host",
            "${{ env.X }}",
            "${{ environment.uri }}",
        ] {
            assert_eq!(substituted(text).1[0].code, "variable-syntax", "{text}");
        }
    }
}
