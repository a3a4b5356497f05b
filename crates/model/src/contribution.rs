//! Contributions: what a package adds to a row that somebody else may declare. They are merged into the effective declaration.

use crate::diagnostic::Diagnostic;
use crate::document::Document;
use crate::kinds::Kind;
use crate::manifests::State;
use crate::name::fold;
use crate::package::{PACKAGE_CONFLICT, PACKAGE_DOCUMENT, PackageItem};
use crate::set::SetMode;
use crate::span::Span;
use crate::table::{Field, Holds, PartTable, Written};
use crate::yaml::{Entry, Node, NodeValue};

/// What a package adds to a row that somebody else may declare.
#[derive(Debug)]
pub(crate) struct Contribution {
    pub(crate) document: Document,
    /// The package no longer contributes this, so its members are removed from sets of the mode `atLeast`.
    pub(crate) gone: bool,
}

/// Returns the field with this word if it is a set.
fn set_field(kind: Kind, word: &str) -> Option<&'static Field> {
    let field = kind.fields().iter().find(|field| field.word == word)?;
    let is_set = match field.holds {
        Holds::Set { .. } => true,
        Holds::Parts(part) => matches!(part.written, Written::Set),
        _ => false,
    };
    is_set.then_some(field)
}

/// Returns the mode and the members of a set.
fn set_of<'n>(field: &Field, node: &'n Node) -> Option<(SetMode, &'n [Node])> {
    if node.is_list() {
        return Some((field.list_means, node.items()));
    }
    let mode = match node.get("mode")?.as_text()? {
        "exact" => SetMode::Exact,
        "atLeast" => SetMode::AtLeast,
        _ => return None,
    };
    let members = node.get("members").map_or(&[][..], Node::items);
    Some((mode, members))
}

/// Returns the text that identifies a member of a set, in the form used under `without`.
fn identity(field: &Field, member: &Node) -> Option<String> {
    if let Some(text) = member.as_text() {
        return Some(text.to_owned());
    }
    let Holds::Parts(part) = field.holds else {
        return None;
    };
    let word = identity_word(part)?;
    Some(member.get(word)?.as_text()?.to_owned())
}

/// The place of the business unit of a member.
fn unit_of(field: &Field, member: &Node) -> Option<Span> {
    let Holds::Parts(part) = field.holds else {
        return None;
    };
    let mut fields = part.fields.iter();
    let unit = fields.find(|field| matches!(field.holds, Holds::BusinessUnit))?;
    Some(member.entry(unit.word)?.key_span)
}

fn identity_word(part: &PartTable) -> Option<&'static str> {
    let field = part.fields.iter().find(|field| part.is_identity(field))?;
    Some(field.word)
}

fn is_same(field: &Field, left: &Node, right: &Node) -> bool {
    match (identity(field, left), identity(field, right)) {
        (Some(left), Some(right)) => fold(&left) == fold(&right),
        _ => left.to_json() == right.to_json(),
    }
}

/// Returns the members that a contribution adds to sets. Reports sets that would remove members, and anything else that it would change.
pub(crate) fn brought_members(
    document: &Document,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<PackageItem> {
    let key = &document.header.key;
    let mut brought = Vec::new();
    for entry in document.node.get("spec").map_or(&[][..], Node::entries) {
        // A set with one member, such as the pane of a profile, is a value: another one would replace it.
        let is_value = !matches!(entry.value.value, NodeValue::List(_) | NodeValue::Map(_));
        let Some(field) = set_field(key.kind, &entry.key).filter(|_| !is_value) else {
            // What is no field at all is reported elsewhere.
            let fields = key.kind.fields();
            if fields.iter().any(|field| field.word == &*entry.key) {
                diagnostics.push(
                    Diagnostic::error(
                        PACKAGE_DOCUMENT.code,
                        format!(
                            "a package cannot set `{}` of {key}, which it does not own",
                            entry.key
                        ),
                    )
                    .at(entry.key_span, "would change the customer's row")
                    .also(document.header.name_span, "`state: existing`")
                    .help(
                        "remove it: a package adds members to sets of such rows, and nothing else",
                    ),
                );
            }
            continue;
        };
        let Some((mode, members)) = set_of(field, &entry.value) else {
            continue;
        };
        let only_adds = |key: &Entry| matches!(&*key.key, "mode" | "members");
        if mode == SetMode::Exact || !entry.value.entries().iter().all(only_adds) {
            diagnostics.push(
                Diagnostic::error(
                    PACKAGE_DOCUMENT.code,
                    format!(
                        "a package can only add members to `{}` of {key}",
                        field.word
                    ),
                )
                .at(entry.value.span, "takes members away, or moves people")
                .also(document.header.name_span, "`state: existing`")
                .help("write `{mode: atLeast, members: [...]}`"),
            );
            continue;
        }
        for member in members {
            if let Some(unit) = unit_of(field, member) {
                diagnostics.push(
                    Diagnostic::error(
                        PACKAGE_DOCUMENT.code,
                        format!(
                            "a package cannot add a member of a business unit to `{}` of {key}",
                            field.word
                        ),
                    )
                    .at(unit, "business units are the customer's")
                    .help("add the role by its name alone, which means that of the root business unit"),
                );
                continue;
            }
            match identity(field, member).filter(|member| !member.contains("${{")) {
                Some(member) => brought.push(PackageItem {
                    kind: key.kind.as_str().to_owned(),
                    name: key.name.as_written().to_owned(),
                    member: Some((field.word.to_owned(), member)),
                }),
                None => diagnostics.push(
                    Diagnostic::error(
                        PACKAGE_DOCUMENT.code,
                        format!(
                            "a member that a package adds to `{}` must be a name",
                            field.word
                        ),
                    )
                    .at(member.span, "not a name")
                    .help("write the name out, or use a parameter without a variable"),
                ),
            }
        }
    }
    brought
}

/// Merges a contribution into a declaration.
pub(crate) fn contribute(
    declared: &Node,
    by: &Contribution,
    node: &Node,
    diagnostics: &mut Vec<Diagnostic>,
) -> Node {
    let key = &by.document.header.key;
    let state = |node: &Node| {
        let state = node.get("metadata")?.get("state")?;
        Some((state.as_text()?.to_owned(), state.span))
    };
    if let Some((_, span)) = state(declared).filter(|(state, _)| state == State::Absent.as_str()) {
        if !by.gone {
            diagnostics.push(
                Diagnostic::error(
                    PACKAGE_CONFLICT.code,
                    format!("a package adds to {key}, which is declared absent"),
                )
                .at(by.document.header.name_span, "adds to it")
                .also(span, "absent")
                .help("keep the row, or remove the package"),
            );
        }
        return declared.clone();
    }
    let mut merged = declared.clone();
    let Some(spec) = node.get("spec") else {
        return merged;
    };
    let NodeValue::Map(entries) = &mut merged.value else {
        return merged;
    };
    match entries.iter_mut().find(|entry| &*entry.key == "spec") {
        Some(own) => {
            let what = Merge {
                key: &key.to_string(),
                gone: by.gone,
            };
            what.map(&mut own.value, spec, Some(key.kind), diagnostics);
        }
        None => entries.extend(node.entry("spec").cloned()),
    }
    merged
}

struct Merge<'a> {
    key: &'a str,
    gone: bool,
}

impl Merge<'_> {
    fn map(
        &self,
        own: &mut Node,
        other: &Node,
        kind: Option<Kind>,
        diagnostics: &mut Vec<Diagnostic>,
    ) {
        let NodeValue::Map(entries) = &mut own.value else {
            return;
        };
        for entry in other.entries() {
            let Some(known) = entries.iter_mut().find(|known| known.key == entry.key) else {
                entries.push(entry.clone());
                continue;
            };
            let set = kind.and_then(|kind| set_field(kind, &entry.key));
            match set.and_then(|field| Some((field, set_of(field, &entry.value)?))) {
                Some((field, (_, members))) if set_of(field, &known.value).is_some() => {
                    match self.gone {
                        true => take_out(field, &mut known.value, &entry.value),
                        false => {
                            self.refuse_another(field, &known.value, members, diagnostics);
                            add(field, &mut known.value, members);
                        }
                    }
                }
                _ if known.value.to_json() == entry.value.to_json() => {}
                // Values that could not be read are reported when they are read.
                _ if matches!(known.value.value, NodeValue::Unresolved(_)) => {}
                _ if known.value.is_map() && entry.value.is_map() => {
                    self.map(&mut known.value, &entry.value, None, diagnostics);
                }
                _ => self.conflict(&entry.key, known.value.span, entry.value.span, diagnostics),
            }
        }
    }

    /// Reports a member that is written with other values in the set already: one of the two would silently have no effect.
    fn refuse_another(
        &self,
        field: &Field,
        set: &Node,
        members: &[Node],
        diagnostics: &mut Vec<Diagnostic>,
    ) {
        let known = set_of(field, set).map_or(&[][..], |(_, known)| known);
        for member in members.iter().filter(|member| member.is_map()) {
            let mut same = known.iter().filter(|one| is_same(field, one, member));
            if let Some(other) = same.find(|one| one.is_map() && one.to_json() != member.to_json())
            {
                let name = identity(field, member).unwrap_or_default();
                let word = format!("{}.{name}", field.word);
                self.conflict(&word, other.span, member.span, diagnostics);
            }
        }
    }

    fn conflict(&self, word: &str, own: Span, other: Span, diagnostics: &mut Vec<Diagnostic>) {
        diagnostics.push(
            Diagnostic::error(
                PACKAGE_CONFLICT.code,
                format!("`{word}` of {} is declared with two values", self.key),
            )
            .at(other, "this value")
            .also(own, "another value")
            .help("give both the same value, or leave it out of one of them"),
        );
    }
}

/// Adds members that are missing.
fn add(field: &Field, set: &mut Node, members: &[Node]) {
    let span = set.span;
    let list = match &mut set.value {
        NodeValue::List(list) => list,
        NodeValue::Map(entries) => {
            if !entries.iter().any(|entry| &*entry.key == "members") {
                entries.push(Entry {
                    key: "members".into(),
                    key_span: span,
                    value: Node {
                        value: NodeValue::List(Vec::new()),
                        span,
                    },
                });
            }
            let members = entries.iter_mut().find(|entry| &*entry.key == "members");
            match members.map(|entry| &mut entry.value.value) {
                Some(NodeValue::List(list)) => list,
                _ => return,
            }
        }
        _ => return,
    };
    for member in members {
        if !list.iter().any(|known| is_same(field, known, member)) {
            list.push(member.clone());
        }
    }
}

/// Removes members from a set of the mode `atLeast`. An exact set contains them only if somebody else lists them.
fn take_out(field: &Field, set: &mut Node, gone: &Node) {
    let Some((SetMode::AtLeast, members)) = set_of(field, set) else {
        return;
    };
    let gone = gone.get("without").map_or(&[][..], Node::items).iter();
    let known = set.get("without").map_or(&[][..], Node::items);
    let is_listed = |one: &&Node| {
        let mut all = members.iter().chain(known);
        all.any(|member| is_same(field, member, one))
    };
    let gone: Vec<Node> = gone.filter(|one| !is_listed(one)).cloned().collect();
    if gone.is_empty() {
        return;
    }
    let span = set.span;
    let entry = |key: &str, value: NodeValue| Entry {
        key: key.into(),
        key_span: span,
        value: Node { value, span },
    };
    if let NodeValue::List(list) = &set.value {
        let list = NodeValue::List(list.clone());
        let mode = NodeValue::Text("atLeast".into());
        set.value = NodeValue::Map(vec![entry("mode", mode), entry("members", list)]);
    }
    if let NodeValue::Map(entries) = &mut set.value {
        match entries.iter_mut().find(|entry| &*entry.key == "without") {
            Some(known) => {
                if let NodeValue::List(list) = &mut known.value.value {
                    list.extend(gone);
                }
            }
            None => entries.push(entry("without", NodeValue::List(gone))),
        }
    }
}
