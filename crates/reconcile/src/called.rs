//! Live rows by what people call them. The admin pages and guides show display names; manifests take unique names.

use deskstate_model::{Kind, ResourceKey, Table, fold};

use crate::kinds;
use crate::live::{Live, ObservedRow};

/// A row that a search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Called {
    /// What a manifest calls it.
    pub key: ResourceKey,
    /// What people call it.
    pub label: String,
    /// Came with a managed solution.
    pub managed: bool,
}

/// Rows with this display name or unique name; where there are none, those that have the words in one of the two.
pub fn called(live: &Live, name: &str) -> Vec<Called> {
    let wanted = fold(name);
    let all = || Kind::all().flat_map(|kind| named(live, kind));
    let mut found: Vec<Called> = all()
        .filter(|row| fold(&row.label) == wanted || row.key.name.folded() == wanted)
        .collect();
    if found.is_empty() {
        found = all()
            .filter(|row| {
                fold(&row.label).contains(&wanted) || row.key.name.folded().contains(&wanted)
            })
            .collect();
    }
    found.sort_by(|left, right| left.key.cmp(&right.key));
    found
}

/// Unique names of a table's rows with this display name, sorted.
pub(crate) fn with_label(live: &Live, table: &'static Table, label: &str) -> Vec<String> {
    let wanted = fold(label);
    let rows = live.table(table).rows.values();
    let mut names: Vec<String> = rows
        .filter(|row| {
            row.row
                .text(table.label)
                .is_some_and(|label| fold(label) == wanted)
        })
        .filter_map(|row| name(table, row))
        .collect();
    names.sort();
    names
}

fn named(live: &Live, kind: Kind) -> impl Iterator<Item = Called> {
    let table = kind.table();
    live.table(table).rows.values().filter_map(move |row| {
        Some(Called {
            key: ResourceKey::new(kind, &name(table, row)?),
            label: row.row.text(table.label).unwrap_or_default().to_owned(),
            managed: row.is_managed(),
        })
    })
}

fn name(table: &'static Table, row: &ObservedRow) -> Option<String> {
    let name = kinds::name_of(table, &row.row)?;
    (!name.trim().is_empty()).then(|| name.into_owned())
}
