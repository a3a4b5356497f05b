//! Live rows under owned prefixes that nobody declares.

use std::collections::BTreeSet;

use deskstate_model::{Kind, ResourceKey};
use uuid::Uuid;

use crate::kinds::{self, tables};
use crate::live::Live;
use crate::lower::Desired;
use crate::plan::declared_names;
use crate::state::fold;

/// A live row that no document declares although its prefix is owned.
#[derive(Debug, Clone)]
pub struct Extra {
    /// What it would be called in a manifest.
    pub key: ResourceKey,
    /// Its id.
    pub id: Uuid,
    /// What still names it, in words.
    pub named_by: Vec<String>,
    /// Came with a managed solution, or must not be customised.
    pub locked: bool,
}

impl Extra {
    /// Nothing names it and nobody else guards it.
    pub fn prunable(&self) -> bool {
        // A v1 provider has no unique name, so nobody can tell whose it is.
        self.named_by.is_empty() && !self.locked && self.key.kind != Kind::CifProvider
    }
}

/// The prefix of a unique name: all before the first underscore, folded.
pub fn prefix(name: &str) -> Option<String> {
    name.trim()
        .split_once('_')
        .map(|(prefix, _)| prefix.to_ascii_lowercase())
}

/// Rows under these prefixes that no document declares, in the order of kinds and names.
pub fn extras(desired: &Desired, live: &Live, prefixes: &BTreeSet<String>) -> Vec<Extra> {
    if prefixes.is_empty() {
        return Vec::new();
    }
    let declared = declared_names(desired);
    let mut found = Vec::new();
    for kind in kinds::all() {
        let table = kind.table;
        let Some(column) = table.name else { continue };
        let names: BTreeSet<&str> = declared
            .get(table)
            .into_iter()
            .flatten()
            .map(|name| name.folded())
            .collect();
        for row in live.table(table).rows.values() {
            let Some(name) = row.row.text(column) else {
                continue;
            };
            let folded = fold(name);
            if names.contains(folded.as_str())
                || !prefix(name).is_some_and(|prefix| prefixes.contains(&prefix))
            {
                continue;
            }
            let mut named_by: Vec<String> = live
                .referrers(table, row.id)
                .into_iter()
                .map(|(table, id)| {
                    let kind =
                        kinds::by_table(table).map_or(table.logical, |kind| kind.kind.as_str());
                    format!("{kind} {}", live.label(table, id))
                })
                .collect();
            if table == &tables::TAB {
                named_by.extend(anchored(live, row.id));
            }
            let mentions = live.mentions.get(&(table, folded)).into_iter().flatten();
            named_by.extend(
                mentions.map(|mention| {
                    format!("workstream {} ({})", mention.workstream, mention.column)
                }),
            );
            named_by.sort();
            found.push(Extra {
                key: ResourceKey::new(kind.kind, name),
                id: row.id,
                named_by,
                locked: row.is_managed() || !row.is_customizable(),
            });
        }
    }
    found.sort_by(|left, right| left.key.cmp(&right.key));
    found
}

/// Session templates whose anchor tab this is.
fn anchored(live: &Live, tab: Uuid) -> Vec<String> {
    let column = kinds::field(kinds::session_template::FIELDS, "anchorTab").read_name();
    live.table(&tables::SESSION)
        .rows
        .values()
        .filter(|row| row.row.uuid(&column) == Some(tab))
        .map(|row| {
            format!(
                "SessionTemplate {} (anchorTab)",
                live.label(&tables::SESSION, row.id)
            )
        })
        .collect()
}
