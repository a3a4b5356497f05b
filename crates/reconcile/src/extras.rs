//! Live rows under owned prefixes that no document declares.

use std::collections::BTreeSet;

use deskstate_model::{Kind, ResourceKey, State};
use uuid::Uuid;

use crate::kinds;
use crate::live::Live;
use crate::lower::Desired;
use crate::plan::declared_names;
use crate::referrers::Referrers;
use crate::state::fold;

/// A live row that no document declares although its prefix is owned.
#[derive(Debug, Clone)]
pub struct Extra {
    /// The key that it would have in a manifest.
    pub key: ResourceKey,
    /// Its id.
    pub id: Uuid,
    /// What still refers to it, for people.
    pub named_by: Vec<String>,
    /// Whether it came with a managed solution, or must not be customised.
    pub locked: bool,
}

impl Extra {
    /// Whether it may be deleted: it belongs to nobody else.
    pub fn may_go(&self) -> bool {
        // A v1 provider has no unique name, so its owner is unknown.
        let kind = self.key.kind;
        let is_microsofts = kinds::is_microsofts(kind.table(), self.key.name.as_written());
        !self.locked && !is_microsofts && kind != Kind::CIF_PROVIDER
    }
}

/// The prefix of a unique name: everything before the first underscore, in lowercase.
pub fn prefix(name: &str) -> Option<String> {
    name.trim()
        .split_once('_')
        .map(|(prefix, _)| prefix.to_ascii_lowercase())
}

/// Items of declared resources whose manifests leave the list alone.
fn left_alone(desired: &Desired, live: &Live) -> BTreeSet<Uuid> {
    let mut items = BTreeSet::new();
    for resource in desired.resources.values() {
        for relationship in kinds::item_links(resource.key.kind) {
            let mut sets = resource.sets.iter();
            if resource.state == State::Absent || sets.any(|set| set.relationship == relationship) {
                continue;
            }
            let owners = live
                .table(relationship.owner)
                .named(resource.key.name.folded());
            let members = owners
                .iter()
                .flat_map(|owner| live.links(relationship).members(*owner));
            items.extend(members);
        }
    }
    items
}

/// Rows under these prefixes that no document declares, in the order of kinds and names.
pub fn extras(desired: &Desired, live: &Live, prefixes: &BTreeSet<String>) -> Vec<Extra> {
    if prefixes.is_empty() {
        return Vec::new();
    }
    undeclared(desired, live, &|_, name| {
        prefix(name).is_some_and(|prefix| prefixes.contains(&prefix))
    })
}

/// Rows that no document declares, of those that `counts` chooses by kind and name.
pub fn undeclared(
    desired: &Desired,
    live: &Live,
    counts: &dyn Fn(Kind, &str) -> bool,
) -> Vec<Extra> {
    let declared = declared_names(desired);
    let referrers = Referrers::of(live);
    let left_alone = left_alone(desired, live);
    let mut found = Vec::new();
    for kind in Kind::all() {
        let table = kind.table();
        for row in live.table(table).rows.values() {
            let Some(name) = kinds::name_of(table, &row.row) else {
                continue;
            };
            let folded = fold(&name);
            if left_alone.contains(&row.id) {
                continue;
            }
            if declared.contains(&(table, folded.as_str())) || !counts(kind, &name) {
                continue;
            }
            let mut named_by: Vec<String> = referrers
                .to(row.id)
                .iter()
                .map(|referrer| referrer.describe(live))
                .collect();
            let mentions = live.mentions_of(table, &folded);
            named_by.extend(
                mentions.map(|mention| {
                    format!("workstream {} ({})", mention.workstream, mention.column)
                }),
            );
            named_by.sort();
            found.push(Extra {
                key: ResourceKey::new(kind, &name),
                id: row.id,
                named_by,
                locked: row.may_be_managed(table) || !row.is_customizable(),
            });
        }
    }
    found.sort_by(|left, right| left.key.cmp(&right.key));
    found
}
