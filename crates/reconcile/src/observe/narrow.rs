//! Reading what a project is about, and no more, of the tables that grow with an environment.

use std::collections::{BTreeMap, BTreeSet};

use deskstate_dataverse::{Expand, Filter, Literal};
use deskstate_model::{
    Contract, Holds, Kind, PartIdentity, PartTable, Referent, Relationship, State, Table,
    UNIQUE_NAME, tables,
};
use serde_json::Value;

use crate::kinds::{self, part_of};
use crate::lower::Desired;
use crate::state::{PartName, RowKey, fold};

/// The tables that grow. All others are read whole: profiles compete for agents, so a plan must know every one, and the rest have few
/// rows. Kinds that a project defines are read whole, too, since two rows of one identity must be found.
static GROWING: [&Table; 4] = [
    &tables::SESSION,
    &tables::TAB,
    &tables::NOTIFICATION,
    &tables::NOTIFICATION_FIELD,
];

/// Beyond this many names of parts all parts are read: each name is a condition, of which a query has few.
const MOST_PART_NAMES: usize = 100;

/// Names of rows, folded, by table.
type Names = BTreeMap<&'static Table, BTreeSet<String>>;

/// What a run needs of the tables that grow: rows by their unique names, and all rows under some prefixes.
#[derive(Debug, Clone)]
pub struct Narrow {
    /// Rows that documents declare. What uses them is read with them, since a change reaches it.
    own: Names,
    /// Rows that are only referred to.
    others: Names,
    /// Names of declared parts, by the table of the parts.
    parts: Names,
    prefixes: BTreeSet<String>,
}

impl Narrow {
    /// What a comparison with these manifests and contracts needs, and every row under these prefixes. `None` where whole tables must
    /// be seen: to delete a row, since something that nobody declared may use it, and for a rule about rows without a name.
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
            match &rule.resource.name {
                None if is_growing(rule.resource.kind.table()) => return None,
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

    /// Which parts say something, where the service adds empty ones by itself: those with a value, and those that
    /// are declared with one.
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

    /// Which rows of a table are needed, each with the links that matter; `None` where the table is read whole.
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
        // Somebody may have written what people call a row; the plan then says its unique name.
        let called: Vec<String> = own(table)
            .chain(others(table))
            .filter(|name| name.contains(char::is_whitespace))
            .collect();
        if !called.is_empty() {
            rows.push((Filter::any_of(table.label, called), With::Members));
        }
        Some(rows)
    }

    /// Which rows of a table that grows point to declared ones.
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

/// Names of declared parts that are told apart by a text.
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

/// The unique name of the row that a lookup points to.
fn behind(navigation: &str) -> String {
    format!("{navigation}/{}", UNIQUE_NAME.column)
}

/// The links that are read with rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum With {
    /// None. No source says whether links may be expanded next to a filter through a lookup.
    Nothing,
    /// Those to their members.
    Members,
    /// Also those from what uses them.
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

/// The relationships whose links are read with the rows of their owners and members.
pub(super) fn growing_links() -> impl Iterator<Item = &'static Relationship> {
    Kind::relationships().filter(|links| is_growing(links.owner) && is_growing(links.member))
}

/// A name of a row in whichever table: a name that a table does not have finds nothing there, and a text that is too long is none.
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
