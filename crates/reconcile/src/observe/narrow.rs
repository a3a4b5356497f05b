//! Restricts reading of the tables that grow with an environment to what a project needs.

use std::collections::{BTreeMap, BTreeSet};

use deskstate_dataverse::{Expand, Filter, Literal};
use deskstate_model::{
    Contract, Holds, Kind, PartIdentity, PartTable, Referent, Relationship, ResourceKey, Rule,
    State, Table, UNIQUE_NAME, tables,
};
use serde_json::Value;

use crate::kinds::{self, part_of};
use crate::lower::Desired;
use crate::state::{PartName, RowKey, fold};

/// The tables that grow. All others are read completely: profiles compete for agents, so a plan must know every one of them, and the others
/// have few rows. Kinds that a project defines are also read completely, because two rows with the same identity must be detected.
static GROWING: [&Table; 4] = [
    &tables::SESSION,
    &tables::TAB,
    &tables::NOTIFICATION,
    &tables::NOTIFICATION_FIELD,
];

/// Up to this many names of parts are filtered for; beyond that, all parts are read. Each name is a condition, and the number of conditions
/// in a query is limited.
const MOST_PART_NAMES: usize = 100;

/// Names of rows, in lowercase, by table.
type Names = BTreeMap<&'static Table, BTreeSet<String>>;

/// The rows that a run needs from the tables that grow: rows by their unique names, and all rows under some prefixes.
#[derive(Debug, Clone)]
pub struct Narrow {
    /// Rows that documents declare. The rows that use them are also read, since a change reaches those.
    own: Names,
    /// Rows that are only referenced.
    others: Names,
    /// Names of declared parts, by the table of the parts.
    parts: Names,
    prefixes: BTreeSet<String>,
}

impl Narrow {
    /// Returns what a comparison with these manifests and contracts needs, plus every row under these prefixes. `None` if complete tables
    /// must be read: for deleting a row, since an undeclared row may use it, and for a rule about rows without a name.
    #[must_use]
    pub fn of(
        desired: &Desired,
        contracts: &[Contract],
        prefixes: &BTreeSet<String>,
    ) -> Option<Self> {
        let mut resources = desired.resources.values();
        if resources.any(|resource| resource.state == State::Absent) {
            return None;
        }
        let own = desired.own_names();
        let mut names = desired.names();
        for rule in contracts.iter().flat_map(|contract| &contract.rules) {
            let kind = rule.resource.kind;
            // The members of rows that nobody declares are read with their tables alone.
            let named = rule.resource.name.as_ref();
            let is_own = named.is_some_and(|name| {
                let key = ResourceKey::new(kind, name.value.as_str());
                desired.resources.contains_key(&key)
            });
            match named {
                _ if !is_own && has_growing_members(rule) => return None,
                None if is_growing(kind.table()) => return None,
                None => {}
                Some(name) => add(&mut names, name.value.as_str()),
            }
            for member in rule.contains.values().flatten() {
                add(&mut names, member.value.as_str());
            }
            for value in rule.locked.iter().chain(&rule.preferred) {
                add_texts(&mut names, &value.value);
            }
        }
        for (table, own) in &own {
            names
                .entry(table)
                .or_default()
                .retain(|name| !own.contains(name));
        }
        Some(Self {
            own,
            others: names,
            parts: named_parts(desired),
            prefixes: prefixes.clone(),
        })
    }

    /// Filter for relevant parts, if the service automatically adds empty ones: parts with a value, and parts that are declared with one.
    fn matters(&self, part: &PartTable) -> Option<Filter> {
        let PartIdentity::Text(column) = part.identity else {
            return None;
        };
        let value = part.fields.iter().find(|field| field.word.is_empty())?;
        let declared = self.parts.get(part.table);
        let declared = declared.into_iter().flatten().cloned();
        let is_declared = Filter::any_of(column, declared);
        match &is_declared {
            Filter::AnyOf(_, names) if !part.server_adds || names.len() > MOST_PART_NAMES => None,
            _ => Some(Filter::ne(value.column, Literal::Null).or(is_declared)),
        }
    }

    /// Filters for the required rows of a table, each with the links to read; `None` if the table is read completely.
    pub(super) fn rows(&self, table: &'static Table) -> Option<Vec<(Filter, With)>> {
        let own = |table| self.own.get(table).into_iter().flatten().cloned();
        let others = |table| self.others.get(table).into_iter().flatten().cloned();
        if !is_growing(table) {
            let part = part_of(table).filter(|part| is_growing(part.parent))?;
            let all = own(part.parent).chain(others(part.parent));
            let theirs = Filter::any_of(behind(part.parent_navigation), all);
            let filter = match self.matters(part) {
                Some(matters) => theirs.and(matters),
                None => theirs,
            };
            return Some(vec![(filter, With::Nothing)]);
        }
        let under = self.prefixes.iter();
        let under = under
            .map(|prefix| Filter::starts_with(UNIQUE_NAME.column, format!("{prefix}_")))
            .reduce(Filter::or);
        let mut rows = vec![
            (Filter::any_of(UNIQUE_NAME.column, own(table)), With::Users),
            (
                Filter::any_of(UNIQUE_NAME.column, others(table)),
                With::Members,
            ),
        ];
        rows.extend(under.map(|filter| (filter, With::Users)));
        // A manifest may contain a display name by mistake. With these rows, the plan can suggest the unique name.
        let called: Vec<String> = own(table)
            .chain(others(table))
            .filter(|name| name.contains(char::is_whitespace))
            .collect();
        if !called.is_empty() {
            rows.push((Filter::any_of(table.label, called), With::Members));
        }
        Some(rows)
    }

    /// Filters for the rows of a table that refer to declared rows, if the table grows.
    pub(super) fn pointing(&self, table: &'static Table) -> impl Iterator<Item = Filter> {
        let fields = kinds::row_fields(table).filter(|_| is_growing(table));
        fields.filter_map(|field| match field.holds {
            Holds::Lookup {
                to: Referent::Named(target),
                navigation,
            } => {
                let own = self.own.get(target).into_iter().flatten().cloned();
                Some(Filter::any_of(behind(navigation), own))
            }
            _ => None,
        })
    }
}

/// Names of declared parts that are identified by a text.
fn named_parts(desired: &Desired) -> Names {
    let mut found = Names::new();
    for row in desired.resources.values().flat_map(|own| &own.parts) {
        if let RowKey::Part {
            table,
            part: PartName::Text(name),
            ..
        } = &row.key
            && !row.only_if_there
        {
            found.entry(table).or_default().insert(fold(name));
        }
    }
    found
}

/// The unique name of the target of a lookup.
fn behind(navigation: &str) -> String {
    format!("{navigation}/{}", UNIQUE_NAME.column)
}

/// The links that are read with rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum With {
    /// None. No source states whether links may be expanded together with a filter through a lookup.
    Nothing,
    /// Links to their members.
    Members,
    /// Also links from rows that use them.
    Users,
}

/// The links that are read with rows of a table.
pub(super) fn links_with(table: &Table, with: With) -> impl Iterator<Item = Expand> {
    growing_links().flat_map(move |links| {
        let members = (links.owner == table && with != With::Nothing).then_some(links.member);
        let owners = (links.member == table && with == With::Users).then_some(links.owner);
        let ends = members.into_iter().chain(owners);
        ends.map(|end| Expand::keys(links.schema_name, end.key))
    })
}

/// Whether a table is one of those that grow.
pub(super) fn is_growing(table: &Table) -> bool {
    GROWING.contains(&table)
}

/// Whether a rule is about all members of a set, of which a narrow reading leaves out some. Those that it names are read.
fn has_growing_members(rule: &Rule) -> bool {
    let paths = rule.locked.iter().chain(&rule.preferred);
    let words = paths.filter_map(|value| value.path.first().map(String::as_str));
    let words = words.chain(rule.set.iter().map(|field| field.value.as_str()));
    let mut fields = words.filter_map(|word| {
        let mut fields = rule.resource.kind.fields().iter();
        fields.find(|field| field.word == word)
    });
    fields.any(|field| match field.holds {
        Holds::Set { relationship, .. } => is_growing(relationship.member),
        _ => false,
    })
}

/// The relationships whose links are read with the rows of their owners and members.
pub(super) fn growing_links() -> impl Iterator<Item = &'static Relationship> {
    Kind::relationships().filter(|links| is_growing(links.owner) && is_growing(links.member))
}

/// Adds a name that may belong to a row of any table. A table without such a row returns nothing; a text that is too long for a name is
/// skipped.
fn add(names: &mut Names, name: &str) {
    let length = name.chars().count();
    for table in GROWING {
        if Kind::of_table(table).is_some_and(|kind| length <= kind.max_name_length()) {
            names.entry(table).or_default().insert(fold(name));
        }
    }
}

fn add_texts(names: &mut Names, value: &Value) {
    match value {
        Value::String(text) => add(names, text),
        Value::Array(items) => items.iter().for_each(|item| add_texts(names, item)),
        Value::Object(entries) => entries.values().for_each(|item| add_texts(names, item)),
        _ => {}
    }
}
