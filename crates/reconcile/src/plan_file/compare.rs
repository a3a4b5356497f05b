//! What differs between the plan that was reviewed and the one that was just made.

use std::collections::BTreeMap;

use deskstate_model::{Kind, ResourceKey};
use uuid::Uuid;

use super::v1::{Change, Field, PlanFile};
use crate::kinds;
use crate::live::Live;
use crate::plan::Plan;

/// A difference between two plans.
#[derive(Debug, Clone, PartialEq)]
pub enum Divergence {
    /// Another organisation was read.
    Organization {
        /// What the reviewed plan was made for.
        reviewed: Option<Uuid>,
        /// What answers now.
        now: Option<Uuid>,
    },
    /// The reviewed change is not needed any more.
    Gone {
        /// As it was reviewed.
        change: Box<Change>,
        /// Who last wrote the row.
        last_write: Option<LastWrite>,
    },
    /// A change that nobody reviewed.
    New {
        /// As it is now.
        change: Box<Change>,
        /// Who last wrote the row.
        last_write: Option<LastWrite>,
    },
    /// The same resource changes in another way.
    Different {
        /// As it was reviewed.
        reviewed: Box<Change>,
        /// As it is now.
        now: Box<Change>,
        /// Paths of the fields that differ; empty where only what is written differs.
        paths: Vec<String>,
        /// Who last wrote the row.
        last_write: Option<LastWrite>,
    },
}

impl Divergence {
    /// Who last wrote the row that it is about.
    pub fn last_write(&self) -> Option<&LastWrite> {
        match self {
            Self::Organization { .. } => None,
            Self::Gone { last_write, .. }
            | Self::New { last_write, .. }
            | Self::Different { last_write, .. } => last_write.as_ref(),
        }
    }
}

/// Who last wrote a row, and when, as the server says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastWrite {
    /// The time, as the server gave it.
    pub when: String,
    /// Who.
    pub by: Option<Uuid>,
}

/// Everything in which the plan of now differs from the reviewed one; empty means that apply may go on.
///
/// Compared are organisation, rows, fields, before, after and what is written. Not the versions of rows: a write that changed
/// nothing that the plan is about is no difference.
pub fn compare(reviewed: &PlanFile, plan: &Plan, live: &Live) -> Vec<Divergence> {
    let mut found = Vec::new();
    if reviewed.organization != plan.organization {
        found.push(Divergence::Organization {
            reviewed: reviewed.organization,
            now: plan.organization,
        });
    }
    let mut now: BTreeMap<(String, String), Change> = plan
        .changes
        .iter()
        .map(|change| Change::of(change, None))
        .map(|change| (key(&change), change))
        .collect();
    for reviewed in &reviewed.changes {
        let last_write = last_write(reviewed, live);
        match now.remove(&key(reviewed)) {
            None => found.push(Divergence::Gone {
                change: Box::new(reviewed.clone()),
                last_write,
            }),
            Some(now) => {
                let paths = differing_paths(&reviewed.fields, &now.fields);
                let same = paths.is_empty()
                    && reviewed.digest == now.digest
                    && reviewed.action == now.action
                    && reviewed.id == now.id;
                if !same {
                    found.push(Divergence::Different {
                        reviewed: Box::new(reviewed.clone()),
                        now: Box::new(now),
                        paths,
                        last_write,
                    });
                }
            }
        }
    }
    found.extend(now.into_values().map(|change| Divergence::New {
        last_write: last_write(&change, live),
        change: Box::new(change),
    }));
    found
}

fn key(change: &Change) -> (String, String) {
    (change.kind.clone(), crate::state::fold(&change.name))
}

/// Notes are words for people; everything else of a field counts.
fn differing_paths(reviewed: &[Field], now: &[Field]) -> Vec<String> {
    let group = |fields: &[Field]| {
        let mut by_path: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for field in fields {
            let facts = format!(
                "{:?}",
                (
                    &field.before,
                    &field.after,
                    &field.added,
                    &field.removed,
                    &field.copy
                )
            );
            by_path.entry(field.path.clone()).or_default().push(facts);
        }
        by_path.values_mut().for_each(|facts| facts.sort());
        by_path
    };
    let (reviewed, now) = (group(reviewed), group(now));
    let mut paths: Vec<String> = reviewed
        .iter()
        .filter(|(path, facts)| now.get(*path) != Some(facts))
        .map(|(path, _)| path.clone())
        .chain(
            now.keys()
                .filter(|path| !reviewed.contains_key(*path))
                .cloned(),
        )
        .collect();
    paths.sort();
    paths
}

fn last_write(change: &Change, live: &Live) -> Option<LastWrite> {
    let kind: Kind = change.kind.parse().ok()?;
    let key = ResourceKey::new(kind, &change.name);
    let table = kinds::of(kind).table;
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
