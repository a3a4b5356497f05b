//! Unique names of parts: given or derived, each must be unique.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Context;
use crate::diagnostic::Diagnostic;
use crate::explanation::Explanation;
use crate::given::Given;
use crate::manifests::{Declared, State};
use crate::name::fold;
use crate::part::unique_name_of_part;
use crate::record::{Record, Value};
use crate::span::{Span, Spanned};
use crate::table::{Field, Holds, Links, NameOf, PartIdentity, Table};

pub(crate) const PART_NAME: Explanation = Explanation::new(
    "part-name",
    "Two parts have the same unique name.",
    "Derived names keep ASCII letters and digits and drop the others, so two headings such as `Größe` and `Grüße` can lead to the same name. A text without any is replaced by a hash.",
    "Set `name`.",
);

/// The names in one table, and their places.
type Names = HashMap<String, Span>;

pub(super) fn check(context: &Context<'_>, diagnostics: &mut Vec<Diagnostic>) {
    let is_there = |declared: &&std::sync::Arc<Declared>| declared.state != State::Absent;
    // A table may hold both resources and parts.
    let mut tables: BTreeMap<&Table, Names> = BTreeMap::new();
    for declared in context.resources.iter().filter(is_there) {
        let name = declared.key.name.folded().to_owned();
        let table = declared.key.kind.table();
        tables
            .entry(table)
            .or_default()
            .insert(name, declared.name_span);
    }
    for declared in context.resources.iter().filter(is_there) {
        let parent = declared.key.name.as_written();
        for (field, given) in declared.spec.record().fields() {
            let (Given::Value(value), Some(parts)) = (given, Parts::of(field)) else {
                continue;
            };
            // Parts that are identified by their own name must be unique everywhere, others only among the parts of their parent.
            let mut own = Names::new();
            let names = match parts.is_known_by_name {
                true => tables.entry(parts.table).or_default(),
                false => &mut own,
            };
            match value.value {
                Value::Items(items) => {
                    for item in items {
                        part(&parts, parent, &item.value, names, diagnostics);
                    }
                }
                Value::Set(set) => {
                    let mut seen = BTreeSet::new();
                    for member in &set.members {
                        if let (Value::Item(item), Holds::Parts(part_table)) =
                            (&member.value, field.holds)
                            && seen.insert(fold(&item.identity(part_table)))
                        {
                            part(&parts, parent, item, names, diagnostics);
                        }
                    }
                }
                Value::Parameters(parameters) => {
                    for (name, _) in &parameters.0 {
                        derive(&parts, parent, &name.value, name.span, names, diagnostics);
                    }
                }
                _ => {}
            }
        }
    }
}

/// What the names of a list of parts depend on.
struct Parts {
    table: &'static Table,
    name: NameOf,
    is_known_by_name: bool,
}

impl Parts {
    fn of(field: &Field) -> Option<Self> {
        match field.holds {
            Holds::Parts(part) => Some(Self {
                table: part.table,
                name: part.name,
                is_known_by_name: part.identity == PartIdentity::UniqueName,
            }),
            Holds::Set {
                relationship,
                links: Links::Items(items),
                ..
            } => Some(Self {
                table: relationship.member,
                name: items.name,
                is_known_by_name: true,
            }),
            _ => None,
        }
    }
}

fn part(
    parts: &Parts,
    parent: &str,
    item: &Record,
    names: &mut Names,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let mut fields = item.fields();
    let given = fields.find_map(|(field, given)| match (field.holds, given) {
        (Holds::UniqueName, Given::Value(name)) => {
            Some(Spanned::new(name.value.as_text()?, name.span))
        }
        _ => None,
    });
    if let Some(given) = given {
        take(names, given.value, given.span, diagnostics);
        return;
    }
    // The name of a pane entry follows from its tool, which occurs only once.
    if let Some(source) = parts.name.source(item)
        && !matches!(parts.name, NameOf::PaneTab(_))
    {
        derive(
            parts,
            parent,
            &source.value,
            source.span,
            names,
            diagnostics,
        );
    }
}

fn derive(
    parts: &Parts,
    parent: &str,
    source: &str,
    span: Span,
    names: &mut Names,
    diagnostics: &mut Vec<Diagnostic>,
) {
    if let Some(name) = unique_name_of_part(parts.name, parent, source) {
        take(names, &name, span, diagnostics);
    }
}

fn take(names: &mut Names, name: &str, span: Span, diagnostics: &mut Vec<Diagnostic>) {
    if let Some(first) = names.insert(fold(name), span) {
        diagnostics.push(
            Diagnostic::error(PART_NAME.code, format!("two parts have the unique name `{name}`"))
                .at(span, "again")
                .also(first, "first here")
                .help("give one of the two another `name`; a notification field of several templates is a NotificationField of its own"),
        );
    }
}
