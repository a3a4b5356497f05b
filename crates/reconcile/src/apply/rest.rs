//! The remainder of a plan, between two transactions and at the end.

use std::collections::{BTreeMap, BTreeSet};

use deskstate_model::{Holds, ResourceKey, tables};
use uuid::Uuid;

use super::has_parts_of_the_server;
use crate::apps::live_app;
use crate::live::Live;
use crate::plan::{Action, Change, Difference, FieldChange, Judged, Operation, Plan, SyncState};

/// Adds writes to the rest of a plan that restore the parts that the plan leaves alone.
pub(super) fn put_back(plan: &Plan, rest: &mut Plan, live: &Live) {
    for back in plan
        .changes
        .iter()
        .filter_map(|change| change.put_back(live))
    {
        match rest
            .changes
            .iter_mut()
            .find(|change| change.key == back.key)
        {
            None => rest.changes.push(back),
            Some(change) => {
                let own: BTreeSet<Uuid> = (change.operations.iter())
                    .filter_map(Operation::changed_row)
                    .map(|row| row.id)
                    .collect();
                let known: BTreeSet<String> = change
                    .fields
                    .iter()
                    .map(|field| field.path.clone())
                    .collect();
                change
                    .operations
                    .extend(back.operations.into_iter().filter(|operation| {
                        !operation
                            .changed_row()
                            .is_some_and(|row| own.contains(&row.id))
                    }));
                let fields = back.fields.into_iter();
                change
                    .fields
                    .extend(fields.filter(|field| !known.contains(&field.path)));
            }
        }
    }
}

/// Users who got a profile and have another one of the same app, for example because somebody gave it to them meanwhile.
pub(super) fn second_profiles(plan: &Plan, live: &Live) -> Vec<(ResourceKey, String)> {
    let mut found = Vec::new();
    for change in &plan.changes {
        for operation in &change.operations {
            let Operation::Link {
                relationship,
                owner,
                member,
            } = operation
            else {
                continue;
            };
            if *relationship != &tables::PROFILE_USERS {
                continue;
            }
            let app = live_app(live, *owner);
            let mut others = live.links(relationship).owners(*member).iter();
            let other = others
                .find(|other| *other != owner && app.is_some() && live_app(live, **other) == app);
            if let Some(other) = other {
                let words = format!(
                    "{} has the profile {}, too, and a user has one profile in an app",
                    live.label(&tables::USER, *member),
                    live.label(&tables::PROFILE, *other)
                );
                found.push((change.key.clone(), words));
            }
        }
    }
    found
}

/// Fields that a plan wrote and that a later plan would write again.
pub(super) fn left_over(plan: &Plan, rest: &Plan) -> Vec<(ResourceKey, FieldChange)> {
    let mut found = Vec::new();
    let planned: BTreeMap<&ResourceKey, &Change> = plan
        .changes
        .iter()
        .map(|change| (&change.key, change))
        .collect();
    for change in &rest.changes {
        let Some(before) = planned.get(&change.key) else {
            continue;
        };
        if change.action == before.action && change.action != Action::Update {
            found.push((change.key.clone(), whole_row(change)));
            continue;
        }
        let written: BTreeSet<&str> = before
            .fields
            .iter()
            .map(|field| field.path.as_str())
            .collect();
        // Parts that were in sync, but were rewritten by the server together with their row.
        let touched = changes_row_of_the_server(before);
        let differing = change.fields.iter().filter(|field| {
            (touched && is_of_the_server(change, &field.path)
                || written.contains(field.path.as_str()))
                && !matches!(field.difference, Difference::Copy { .. })
        });
        found.extend(differing.map(|field| (change.key.clone(), field.clone())));
    }
    found
}

/// Resources that a plan wrote and for which a later plan finds a new obstacle with this state, and why.
pub(super) fn obstructed(plan: &Plan, rest: &Plan, state: SyncState) -> Vec<(ResourceKey, String)> {
    let before: BTreeMap<&ResourceKey, &Judged> = of(plan);
    let written = plan.changes.iter().map(|change| &change.key);
    let after = of(rest);
    written
        .filter_map(|key| {
            let known = before.get(key).map_or(&[][..], |judged| &judged.obstacles);
            let now = &after.get(key)?.obstacles;
            let new = now
                .iter()
                .find(|obstacle| obstacle.state == state && !known.contains(obstacle))?;
            Some((key.clone(), new.reason.clone()))
        })
        .collect()
}

fn of(plan: &Plan) -> BTreeMap<&ResourceKey, &Judged> {
    plan.resources
        .iter()
        .map(|judged| (&judged.key, judged))
        .collect()
}

/// Whether a differing field belongs to a part that the server may have written together with its row, which the plan wrote.
pub fn written_along(plan: &Plan, key: &ResourceKey, path: &str) -> bool {
    let mut changes = plan.changes.iter().filter(|change| change.key == *key);
    changes.any(|change| changes_row_of_the_server(change) && is_of_the_server(change, path))
}

/// Whether a change writes a row whose parts the server may write automatically.
fn changes_row_of_the_server(change: &Change) -> bool {
    change.operations.iter().any(|operation| match operation {
        Operation::Create { row, .. } | Operation::Update { row, .. } => {
            has_parts_of_the_server(row.table)
        }
        _ => false,
    })
}

/// Whether a field belongs to parts that the server writes automatically.
fn is_of_the_server(change: &Change, path: &str) -> bool {
    let word = path.split('.').next().unwrap_or_default();
    let fields = change.key.kind.fields().iter();
    let mut parts = fields.filter(|field| field.word == word);
    parts.any(|field| matches!(field.holds, Holds::Parts(part) if part.server_adds))
}

/// A row that should have been created but does not exist, or should have been deleted but still exists.
fn whole_row(change: &Change) -> FieldChange {
    let there = change.action == Action::Delete;
    FieldChange {
        path: "metadata.state".to_owned(),
        difference: Difference::Value {
            before: if there { "present" } else { "absent" }.into(),
            after: if there { "absent" } else { "present" }.into(),
        },
        span: change.declared_at,
        wire: String::new(),
    }
}

/// The first place where the rest of a plan goes beyond the plan: resource and field.
///
/// The rest may only contain the same resources, fields and values as the plan, with the same previous values. Exceptions are rows that the
/// plan itself created and parts that the server rewrote together with their row.
pub(super) fn beyond(
    rest: &Plan,
    plan: &Plan,
    server_rewrites_parts: bool,
) -> Option<(ResourceKey, String)> {
    let planned: BTreeMap<&ResourceKey, &Change> = plan
        .changes
        .iter()
        .map(|change| (&change.key, change))
        .collect();
    for change in &rest.changes {
        let whole = Some((change.key.clone(), "metadata.state".to_owned()));
        let Some(before) = planned.get(&change.key) else {
            return whole;
        };
        let made = before.action == Action::Create;
        if change.action != before.action && !(made && change.action == Action::Update) {
            return whole;
        }
        let known: BTreeSet<(&str, String)> = before
            .fields
            .iter()
            .map(|field| (field.path.as_str(), facts(&field.difference, made)))
            .collect();
        for field in &change.fields {
            let same = known.contains(&(field.path.as_str(), facts(&field.difference, made)));
            // A part that the server created or rewrote is corrected or emptied; the copy follows from the other fields.
            let rewritten = server_rewrites_parts
                && changes_row_of_the_server(before)
                && is_of_the_server(change, &field.path);
            let implied = match &field.difference {
                Difference::Copy { .. } => true,
                Difference::Value { after, .. } => made && after.is_null(),
                Difference::Added { .. } | Difference::Removed { .. } => false,
            };
            if !same && !implied && !rewritten {
                return Some((change.key.clone(), field.path.clone()));
            }
        }
    }
    None
}

/// The values of a difference as text; for a row that the plan created, only the new value.
fn facts(difference: &Difference, made: bool) -> String {
    match difference {
        Difference::Value { after, .. } if made => format!("={after}"),
        Difference::Value { before, after } => format!("{before}={after}"),
        Difference::Copy { after, .. } => format!("copy={after}"),
        Difference::Added { member, .. } => format!("+{member}"),
        Difference::Removed { member, .. } => format!("-{member}"),
    }
}
