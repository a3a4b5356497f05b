//! Environments whose configuration comes from managed solutions only: determines which part of a plan is written there.

use std::borrow::Cow;
use std::collections::BTreeSet;

use deskstate_model::{Writes, tables};
use uuid::Uuid;

use crate::apps::{Apps, live_app};
use crate::live::Live;
use crate::plan::moves::in_profile;
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

/// The same part, with every change in its place: one of which nothing is written has no operations.
pub(crate) fn written<'p>(plan: &'p Plan, live: &Live, writes: Writes) -> Cow<'p, Plan> {
    let kept = match writes {
        Writes::All => return Cow::Borrowed(plan),
        Writes::Assignments => kept(plan, live),
        Writes::None => vec![None; plan.changes.len()],
    };
    let nothing_of = |change: &Change| Change {
        action: Action::Update,
        fields: Vec::new(),
        operations: Vec::new(),
        ..change.clone()
    };
    let changes = plan.changes.iter().zip(kept);
    Cow::Owned(Plan {
        changes: changes
            .map(|(change, kept)| kept.unwrap_or_else(|| nothing_of(change)))
            .collect(),
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
    // Users wait for a profile that is to change its app or to be switched on or off: who moves is judged by what the profiles will be. Who
    // leaves it, leaves it now.
    let mut held = BTreeSet::new();
    for (change, kept) in plan.changes.iter().zip(&mut kept) {
        if changes_desktop(change) {
            held.insert(change.id);
            if let Some(kept) = kept {
                // Who would come, or be left with this one, waits.
                take_out(kept, live, &|operation| match operation {
                    Operation::Link { .. } => true,
                    Operation::Unlink { owner, .. } => *owner != change.id,
                    _ => false,
                });
            }
        }
    }
    let leaving: BTreeSet<(Uuid, Uuid)> = departures(plan.changes.iter());
    // Who keeps such a profile gets no other one in the app that it still has.
    for own in kept.iter_mut().flatten() {
        let waits = |operation: &Operation| match operation {
            Operation::Link {
                relationship,
                owner,
                member,
            } if *relationship == &tables::PROFILE_USERS => {
                let mut has = live.links(relationship).owners(*member).iter();
                has.any(|profile| {
                    let (has, gets) = (live_app(live, *profile), live_app(live, *owner));
                    held.contains(profile)
                        && !leaving.contains(&(*member, *profile))
                        && (has.is_none() || gets.is_none() || has == gets)
                })
            }
            _ => false,
        };
        take_out(own, live, &waits);
    }
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
            take_out(own, live, &stays);
            if own.operations.is_empty() {
                *change = None;
            }
        }
    }
    kept
}

/// Takes operations on users of profiles out of a change, with what is shown of them.
fn take_out(change: &mut Change, live: &Live, which: &dyn Fn(&Operation) -> bool) {
    let taken = change
        .operations
        .extract_if(.., |operation| which(operation));
    let names = taken.flat_map(|operation| match operation {
        Operation::Link { member, .. } => vec![(true, live.label(&tables::USER, member))],
        Operation::Unlink { owner, member, .. } => {
            let user = live.label(&tables::USER, member);
            let elsewhere = in_profile(&user, &live.label(&tables::PROFILE, owner));
            vec![(false, user), (false, elsewhere)]
        }
        _ => Vec::new(),
    });
    let names: BTreeSet<(bool, String)> = names.collect();
    change.fields.retain(|field| {
        let shown = match &field.difference {
            Difference::Added { member, .. } => (true, member.clone()),
            Difference::Removed { member, .. } => (false, member.clone()),
            _ => return true,
        };
        field.wire != tables::PROFILE_USERS.schema_name || !names.contains(&shown)
    });
}

/// Users who leave a profile, with the profile.
pub(crate) fn departures<'c>(changes: impl Iterator<Item = &'c Change>) -> BTreeSet<(Uuid, Uuid)> {
    let operations = changes.flat_map(|change| &change.operations);
    let leaving = operations.filter_map(|operation| match operation {
        Operation::Unlink {
            relationship,
            owner,
            member,
        } if *relationship == &tables::PROFILE_USERS => Some((*member, *owner)),
        _ => None,
    });
    leaving.collect()
}

/// Users who get a profile, with the profile.
pub(crate) fn arrivals<'c>(changes: impl Iterator<Item = &'c Change>) -> BTreeSet<(Uuid, Uuid)> {
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

fn changes_desktop(change: &Change) -> bool {
    let columns = [crate::kinds::profile("app").column, tables::STATUS.column];
    change.operations.iter().any(|operation| match operation {
        Operation::Update { row, body, .. } => {
            let mut names = body.iter().map(|(name, _)| name.as_str());
            row.table == &tables::PROFILE && names.any(|name| columns.contains(&name))
        }
        _ => false,
    })
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
