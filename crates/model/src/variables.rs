//! Variables: `${{ vars.name }}` is replaced with a value of the project or the environment, and `${{ environment.url }}` with the
//! environment's own address.
//!
//! `{slug}` and `${slug}` belong to Dynamics and are left untouched; `$${{` is an escaped `${{`.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use uuid::Uuid;

use crate::diagnostic::Diagnostic;
use crate::explanation::Explanation;
use crate::package::{PACKAGE_DOCUMENT, PACKAGE_PARAMETER, Parameter};
use crate::project::{Environment, Target};
use crate::span::Span;
use crate::suggest::nearest;
use crate::yaml::{Entry, Node, NodeValue};

pub(crate) const UNKNOWN_VARIABLE: Explanation = Explanation::new(
    "unknown-variable",
    "A variable has no value in an environment that uses it.",
    "The result must not depend on who runs the tool, so deskstate does not use variables of the process.",
    "Add it to `variables` of the project or of the environment.",
);

pub(crate) const VARIABLE_PLACEMENT: Explanation = Explanation::new(
    "variable-placement",
    "A variable is used where none is allowed.",
    "Variables are allowed only in values under `spec` and `metadata.labels`, and not in values of other variables. Contracts may use `${{ environment.url }}`, `${{ environment.host }}` and `${{ environment.organizationId }}`. Names must be the same in every environment.",
    "Write the value out.",
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

const OPEN: &str = "${{";
const ESCAPED: &str = "$${{";
const CLOSE: &str = "}}";

/// The variables that have a value.
pub(crate) type Variables<'p> = BTreeMap<&'p str, &'p Node>;

/// Where a value from a variable is written, by the place of the variable's use.
pub(crate) type Origins = BTreeMap<Span, (String, Span)>;

/// The facts that identify an environment: its address and the id of its organization.
///
/// Facts that are not yet known stay in the text, normalized to one spelling: `${{ environment.organizationId }}`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EnvironmentFacts {
    /// Scheme and host, without a trailing slash.
    url: Option<String>,
    organization_id: Option<Uuid>,
}

/// The text that is replaced once the environment has reported its organization.
pub const ORGANIZATION_ID: &str = "${{ environment.organizationId }}";

/// Its escaped form, which is never replaced.
const ESCAPED_ORGANIZATION_ID: &str = "$${{ environment.organizationId }}";

/// Stands in for the address of the embedded emulator, whose port changes in every run and thus cannot be part of a row.
const EMBEDDED_URL: &str = "https://localhost";

impl EnvironmentFacts {
    /// Returns the facts that the project file contains about an environment.
    #[must_use]
    pub fn of(environment: &Environment) -> Self {
        let url = match &environment.target {
            Target::Url(url) => origin(&url.value),
            Target::Emulator { .. } => EMBEDDED_URL.to_owned(),
        };
        Self {
            url: Some(url),
            organization_id: environment.organization_id,
        }
    }

    /// Returns the facts that an address contains.
    #[must_use]
    pub fn of_url(url: &str) -> Self {
        Self {
            url: Some(origin(url)),
            organization_id: None,
        }
    }

    /// Returns the facts that an organization reports about itself.
    #[must_use]
    pub fn of_organization(id: Option<Uuid>) -> Self {
        Self {
            url: None,
            organization_id: id,
        }
    }

    fn value(&self, fact: Fact) -> Cow<'_, str> {
        let url = self.url.as_deref();
        let value = match fact {
            Fact::Url => url.map(Cow::Borrowed),
            Fact::Host => url.map(|url| {
                let host = url.split_once("://").map_or(url, |(_, host)| host);
                Cow::Borrowed(host)
            }),
            Fact::OrganizationId => self.organization_id.map(|id| Cow::Owned(id.to_string())),
        };
        value.unwrap_or(Cow::Borrowed(fact.as_written()))
    }

    /// Replaces the known facts in a text. A text with malformed variables stays unchanged.
    #[must_use]
    pub fn fill<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let Some(pieces) = Some(text)
            .filter(|text| text.contains(OPEN))
            .and_then(pieces)
        else {
            return Cow::Borrowed(text);
        };
        let open = self.open(text, &pieces);
        Cow::Owned(self.filled(&pieces, open))
    }

    /// Replaces the id of the organization in a text that waits for it. Any other text stays unchanged.
    #[must_use]
    pub fn complete<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match pieces(text).filter(|_| text.contains(ORGANIZATION_ID)) {
            Some(pieces) => Cow::Owned(self.filled(&pieces, OPEN)),
            None => Cow::Borrowed(text),
        }
    }

    /// Returns the replacement for an escaped `${{`. A text with the id of the organization, or with something that looks like it, is
    /// processed again when the id is known, so it keeps its escapes until then.
    fn open(&self, text: &str, pieces: &[Piece<'_>]) -> &'static str {
        let mut facts = pieces.iter();
        let waits = self.organization_id.is_none()
            && facts.any(|piece| matches!(piece, Piece::Fact(Fact::OrganizationId)));
        if waits || text.contains(ESCAPED_ORGANIZATION_ID) {
            ESCAPED
        } else {
            OPEN
        }
    }

    fn filled(&self, pieces: &[Piece<'_>], open: &str) -> String {
        let mut filled = String::new();
        for piece in pieces {
            match piece {
                Piece::Text(text) => filled.push_str(text),
                Piece::Open => filled.push_str(open),
                Piece::Fact(fact) => filled.push_str(&self.value(*fact)),
                Piece::Variable(name) => filled.push_str(&format!("${{{{ vars.{name} }}}}")),
                Piece::Parameter(name) => filled.push_str(&format!("${{{{ params.{name} }}}}")),
            }
        }
        filled
    }

    /// Applies [`Self::complete`] to every text of a value.
    pub fn complete_json(&self, value: &mut Value) {
        each_text(value, &|text| self.complete(text));
    }
}

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

/// Returns the scheme and host of an address, in lower case. `https` may be omitted.
fn origin(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("https", url));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    format!("{scheme}://{authority}").to_ascii_lowercase()
}

/// A fact supplied by the environment itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fact {
    Url,
    Host,
    OrganizationId,
}

impl Fact {
    const ALL: [Fact; 3] = [Fact::Url, Fact::Host, Fact::OrganizationId];

    const fn as_written(self) -> &'static str {
        match self {
            Fact::Url => "${{ environment.url }}",
            Fact::Host => "${{ environment.host }}",
            Fact::OrganizationId => ORGANIZATION_ID,
        }
    }

    fn of(word: &str) -> Option<Self> {
        let written = format!("{OPEN} environment.{word} {CLOSE}");
        Self::ALL
            .into_iter()
            .find(|fact| fact.as_written() == written)
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

/// Reports variables in places where they are not allowed: everywhere except in values under `spec` and `labels`.
pub(crate) fn refuse_outside_values(document: &Node, diagnostics: &mut Vec<Diagnostic>) {
    for entry in document.entries() {
        match &*entry.key {
            "spec" => {}
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

/// Reports all variables in a value.
pub(crate) fn refuse_all(node: &Node, diagnostics: &mut Vec<Diagnostic>) {
    match &node.value {
        NodeValue::Text(text) if text.contains(OPEN) => diagnostics.push(
            Diagnostic::error(
                VARIABLE_PLACEMENT.code,
                "variables are allowed only in values under `spec` and `metadata.labels`",
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

enum Piece<'t> {
    Text(&'t str),
    /// An escaped `${{`.
    Open,
    Variable(&'t str),
    /// A parameter of a package.
    Parameter(&'t str),
    Fact(Fact),
}

/// Splits a text into pieces; `None` if a variable is malformed or the text contains parameters of a package.
fn pieces(text: &str) -> Option<Vec<Piece<'_>>> {
    let pieces = pieces_of_package(text)?;
    let is_parameter = |piece: &Piece<'_>| matches!(piece, Piece::Parameter(_));
    (!pieces.iter().any(is_parameter)).then_some(pieces)
}

/// Splits a text of a package, which may use parameters, into pieces.
fn pieces_of_package(text: &str) -> Option<Vec<Piece<'_>>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(OPEN) {
        let before = &rest[..at];
        if let Some(before) = before.strip_suffix('$') {
            pieces.push(Piece::Text(before));
            pieces.push(Piece::Open);
            rest = &rest[at + OPEN.len()..];
            continue;
        }
        if !before.is_empty() {
            pieces.push(Piece::Text(before));
        }
        let inner = &rest[at + OPEN.len()..];
        let end = inner.find(CLOSE)?;
        let name = inner[..end].trim_matches(' ');
        pieces.push(match name.strip_prefix("environment.") {
            Some(word) => Piece::Fact(Fact::of(word)?),
            None => match name.strip_prefix("params.") {
                Some(name) => Piece::Parameter(name).checked()?,
                None => {
                    let name = name.strip_prefix("vars.")?.trim_start_matches(' ');
                    Piece::Variable(name).checked()?
                }
            },
        });
        rest = &inner[end + CLOSE.len()..];
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    Some(pieces)
}

impl Piece<'_> {
    fn checked(self) -> Option<Self> {
        match self {
            Piece::Variable(name) | Piece::Parameter(name) if !is_variable_name(name) => None,
            piece => Some(piece),
        }
    }
}

/// Whether a name starts with a letter and continues with letters, digits and underscores.
pub(crate) fn is_variable_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn inside_text(value: &Node) -> Option<String> {
    match &value.value {
        NodeValue::Text(text) => Some(text.to_string()),
        NodeValue::Int(number) => Some(number.to_string()),
        NodeValue::Float(number) => Some(number.to_string()),
        NodeValue::Flag(flag) => Some(flag.to_string()),
        NodeValue::Spelled(spelled) => Some(spelled.text.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
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
