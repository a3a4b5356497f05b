//! Checks whether everything that a plan does was reviewed.

use std::collections::{BTreeMap, HashSet};

use deskstate_model::{Kind, ResourceKey};
use uuid::Uuid;

use super::v2::{self, Change, Field, PlanFile, Write};
use crate::live::Live;
use crate::plan::Plan;

/// The result of comparing a new plan with the reviewed plans.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Comparison {
    /// Reasons not to execute the plan; empty if all of it was reviewed.
    pub divergences: Vec<Divergence>,
    /// Reviewed changes that are not part of the plan: they were already applied, or the manifests no longer require them. Each entry
    /// contains only the affected fields.
    pub not_needed: Vec<Change>,
}

/// A change that was not reviewed.
#[derive(Debug, Clone, PartialEq)]
pub enum Divergence {
    /// A reviewed plan belongs to another organization.
    Organization {
        /// Index of the reviewed plan.
        plan: usize,
        /// The organization of the reviewed plan.
        reviewed: Option<Uuid>,
        /// The organization that the new plan is for.
        now: Option<Uuid>,
    },
    /// A resource that no reviewed plan changes.
    New {
        /// The new change.
        change: Box<Change>,
        /// The last write of the row.
        last_write: Option<LastWrite>,
    },
    /// A resource that a reviewed plan changes in a different way.
    Different {
        /// The reviewed actions, if none of them is the new action.
        reviewed_actions: Vec<String>,
        /// The new change, with only the fields that were not reviewed.
        now: Box<Change>,
        /// The reviewed changes of the same fields.
        reviewed: Vec<Field>,
        /// The last write of the row.
        last_write: Option<LastWrite>,
    },
}

impl Divergence {
    /// The last write of the row concerned.
    pub fn last_write(&self) -> Option<&LastWrite> {
        match self {
            Self::Organization { .. } => None,
            Self::New { last_write, .. } | Self::Different { last_write, .. } => {
                last_write.as_ref()
            }
        }
    }
}

/// Who last wrote a row, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastWrite {
    /// The time, as the server states it.
    pub when: String,
    /// The user.
    pub by: Option<Uuid>,
}

/// Compares a plan with reviewed plans.
///
/// Every change must be part of a reviewed plan: organization, row, field, before, after, links and the content of deleted rows. Versions
/// of rows do not count, so a write that changed nothing that the plan covers makes no difference. A row that a reviewed plan creates may
/// already exist in part, so the remaining change may be an update.
pub fn compare(reviewed: &[PlanFile], plan: &Plan, live: &Live) -> Comparison {
    let mut found = Comparison::default();
    let mut by_row: BTreeMap<(String, String, Uuid), Reviewed<'_>> = BTreeMap::new();
    let definitions = v2::definitions();
    for (number, file) in reviewed.iter().enumerate() {
        if file.organization != plan.organization {
            found.divergences.push(Divergence::Organization {
                plan: number,
                reviewed: file.organization,
                now: plan.organization,
            });
            continue;
        }
        for change in &file.changes {
            // The same words may have another meaning in a different definition.
            if file.definitions.get(&change.kind) == definitions.get(&change.kind) {
                let known = by_row.entry(key(change)).or_default();
                known.changes.push(change);
            }
        }
    }
    for change in &plan.changes {
        let change = Change::of(change, live, None);
        let mut known = by_row.get_mut(&key(&change));
        let changes = known.as_ref().map_or(&[][..], |known| &known.changes);
        if let Some(divergence) = judge(&change, changes, live) {
            found.divergences.push(divergence);
        }
        if let Some(known) = &mut known {
            known.not_needed = Some(not_needed(&known.changes, Some(&change)));
        }
    }
    for known in by_row.into_values() {
        let rest = known.not_needed;
        let rest = rest.unwrap_or_else(|| not_needed(&known.changes, None));
        found.not_needed.extend(rest);
    }
    found
}

/// The reviewed changes of one row.
#[derive(Default)]
struct Reviewed<'a> {
    changes: Vec<&'a Change>,
    /// The part of them that is not in the plan, if the plan changes the row. Stored instead of the plan's change, which is larger.
    not_needed: Option<Vec<Change>>,
}

fn key(change: &Change) -> (String, String, Uuid) {
    (
        change.kind.clone(),
        crate::state::fold(&change.name),
        change.id,
    )
}

fn judge(now: &Change, reviewed: &[&Change], live: &Live) -> Option<Divergence> {
    let last_write = || last_write(now, live);
    if reviewed.is_empty() {
        return Some(Divergence::New {
            change: Box::new(now.clone()),
            last_write: last_write(),
        });
    }
    let creates = reviewed.iter().any(|known| known.action == "create");
    let same_action = reviewed.iter().any(|known| known.action == now.action)
        || (creates && now.action == "update");
    let fields: Vec<&Field> = reviewed.iter().flat_map(|known| &known.fields).collect();
    let known: HashSet<String> = fields.iter().map(|field| facts(field)).collect();
    let unreviewed: Vec<Field> = now
        .fields
        .iter()
        // For a new row, a copy follows from the other fields.
        .filter(|field| !(creates && field.copy.is_some()))
        .filter(|field| !known.contains(&facts(field)))
        .cloned()
        .collect();
    let writes: Vec<&Write> = reviewed.iter().flat_map(|known| &known.writes).collect();
    let same_writes = are_reviewed(&now.writes, &writes);
    if same_action && unreviewed.is_empty() && same_writes {
        return None;
    }
    Some(Divergence::Different {
        reviewed_actions: if same_action {
            Vec::new()
        } else {
            reviewed.iter().map(|known| known.action.clone()).collect()
        },
        reviewed: fields
            .into_iter()
            .filter(|known| unreviewed.iter().any(|field| field.path == known.path))
            .cloned()
            .collect(),
        now: Box::new(Change {
            fields: unreviewed,
            ..now.clone()
        }),
        last_write: last_write(),
    })
}

/// The compared content of a field, as text. Notes and places are for people only.
fn facts(field: &Field) -> String {
    field.compared().to_string()
}

/// Whether all writes were reviewed. The values of an update are compared as fields, so only its lookups are compared here.
fn are_reviewed(now: &[Write], reviewed: &[&Write]) -> bool {
    let known: HashSet<&Write> = reviewed.iter().copied().collect();
    let lookups: HashSet<(&str, Uuid, &str, Uuid)> = reviewed
        .iter()
        .flat_map(|write| self::lookups(write))
        .collect();
    now.iter().all(|write| match write.action.as_str() {
        "update" => self::lookups(write).all(|lookup| lookups.contains(&lookup)),
        _ => known.contains(write),
    })
}

/// Table, row, navigation property and target row of each lookup.
fn lookups(write: &Write) -> impl Iterator<Item = (&str, Uuid, &str, Uuid)> {
    let refers_to = write.refers_to.iter();
    refers_to.map(|(name, id)| (write.table.as_str(), write.row, name.as_str(), *id))
}

/// The part of reviewed changes that is not in the plan.
fn not_needed(reviewed: &[&Change], now: Option<&Change>) -> Vec<Change> {
    let planned = now.iter().flat_map(|now| &now.fields);
    let planned: HashSet<_> = planned.map(place).collect();
    let rest_of = |change: &&Change| {
        let fields = change.fields.iter();
        let rest: Vec<Field> = fields
            .filter(|field| !planned.contains(&place(field)))
            .cloned()
            .collect();
        (now.is_none() || !rest.is_empty()).then(|| Change {
            fields: rest,
            ..(*change).clone()
        })
    };
    reviewed.iter().filter_map(rest_of).collect()
}

/// The field, and the member of a set.
fn place(field: &Field) -> (&str, Option<&str>, Option<&str>) {
    (
        &field.path,
        field.added.as_deref(),
        field.removed.as_deref(),
    )
}

fn last_write(change: &Change, live: &Live) -> Option<LastWrite> {
    let kind: Kind = change.kind.parse().ok()?;
    let key = ResourceKey::new(kind, &change.name);
    let table = kind.table();
    let row = live.row(table, change.id).or_else(|| {
        match live.table(table).named(key.name.folded()) {
            [id] => live.row(table, *id),
            _ => None,
        }
    })?;
    Some(LastWrite {
        when: row.modified_on()?.to_owned(),
        by: row.modified_by(),
    })
}
