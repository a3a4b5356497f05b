//! Environments whose configuration comes from managed solutions only: determines which part of a plan is written there.

use std::borrow::Cow;
use std::collections::BTreeSet;

use deskstate_model::{Writes, tables};
use uuid::Uuid;

use crate::apps::Apps;
use crate::live::Live;
use crate::plan::{Action, Change, Difference, Operation, Plan};

/// The part of a plan that may be written to the environment. The rest is deployed in a solution.
///
/// With `assignments`, this is the assignment of users to existing profiles and CIF v1 providers.
pub fn writable<'p>(plan: &'p Plan, live: &Live, writes: Writes) -> Cow<'p, Plan> {
    let changes = match writes {
        Writes::All => return Cow::Borrowed(plan),
        Writes::Assignments => kept(plan, live).into_iter().flatten().collect(),
        Writes::None => Vec::new(),
    };
    Cow::Owned(Plan {
        changes,
        ..plan.clone()
    })
}

/// Indexes of changes that are not or not completely written.
pub fn held(plan: &Plan, live: &Live, writes: Writes) -> Vec<usize> {
    let kept = match writes {
        Writes::All => return Vec::new(),
        Writes::Assignments => kept(plan, live),
        Writes::None => vec![None; plan.changes.len()],
    };
    let is_held = |(change, kept): &(&Change, Option<Change>)| {
        kept.as_ref()
            .is_none_or(|kept| kept.operations.len() < change.operations.len())
    };
    let changes = plan.changes.iter().zip(kept).enumerate();
    changes
        .filter(|(_, one)| is_held(one))
        .map(|(index, _)| index)
        .collect()
}

/// What is written of each change. A user leaves a profile only if the plan also writes the profile of the same app that the user moves to.
fn kept(plan: &Plan, live: &Live) -> Vec<Option<Change>> {
    let mut kept: Vec<Option<Change>> = plan.changes.iter().map(assignments).collect();
    let apps = Apps::of(plan, live);
    let arriving = arrivals(kept.iter().flatten());
    let waiting: BTreeSet<(Uuid, Uuid)> = arrivals(plan.changes.iter())
        .difference(&arriving)
        .copied()
        .collect();
    let stays = |operation: &Operation| match operation {
        Operation::Unlink {
            relationship,
            owner,
            member,
        } if *relationship == &tables::PROFILE_USERS => {
            let mut held = waiting.range((*member, Uuid::nil())..=(*member, Uuid::max()));
            held.any(|(_, profile)| apps.are_one(*profile, *owner) != Some(false))
        }
        _ => false,
    };
    for change in &mut kept {
        if let Some(own) = change {
            let staying = own.operations.extract_if(.., |operation| stays(operation));
            let names = staying.filter_map(|operation| match operation {
                Operation::Unlink { member, .. } => Some(live.label(&tables::USER, member)),
                _ => None,
            });
            let names: BTreeSet<String> = names.collect();
            own.fields.retain(|field| match &field.difference {
                Difference::Removed { member, .. } => {
                    field.wire != tables::PROFILE_USERS.schema_name || !names.contains(member)
                }
                _ => true,
            });
            if own.operations.is_empty() {
                *change = None;
            }
        }
    }
    kept
}

/// Users who get a profile, with the profile.
fn arrivals<'c>(changes: impl Iterator<Item = &'c Change>) -> BTreeSet<(Uuid, Uuid)> {
    let operations = changes.flat_map(|change| &change.operations);
    let arriving = operations.filter_map(|operation| match operation {
        Operation::Link {
            relationship,
            owner,
            member,
        } if *relationship == &tables::PROFILE_USERS => Some((*member, *owner)),
        _ => None,
    });
    arriving.collect()
}

fn assignments(change: &Change) -> Option<Change> {
    if change.action != Action::Update {
        return None;
    }
    // Links of kinds that a project defines do not count as assignments, even if their members are users.
    let assigning = [&tables::PROFILE_USERS, &tables::CIF_USERS];
    let is_assignment = |operation: &Operation| matches!(operation, Operation::Link { relationship, .. } | Operation::Unlink { relationship, .. } if assigning.contains(relationship));
    let operations: Vec<Operation> = change
        .operations
        .iter()
        .filter(|operation| is_assignment(operation))
        .cloned()
        .collect();
    let schema_names = assigning.map(|relationship| relationship.schema_name);
    let fields = change
        .fields
        .iter()
        .filter(|field| schema_names.contains(&field.wire.as_str()))
        .cloned()
        .collect();
    (!operations.is_empty()).then(|| Change {
        operations,
        fields,
        ..change.clone()
    })
}
