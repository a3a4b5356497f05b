//! Finds live rows by the names that people use. Admin pages and guides show display names; manifests use unique names.

use deskstate_model::{Kind, ResourceKey, Table, fold};

use crate::kinds;
use crate::live::{Live, ObservedRow};

/// A row that a search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Called {
    /// The key of the row in a manifest.
    pub key: ResourceKey,
    /// The display name.
    pub label: String,
    /// Whether it came with a managed solution.
    pub managed: bool,
}

/// Rows with this display name or unique name. If there are none, rows whose display name or unique name contains it.
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
