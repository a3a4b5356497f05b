//! Environments whose configuration comes from managed solutions only: determines which part of a plan is written there.

use std::borrow::Cow;

use deskstate_model::{Writes, tables};

use crate::plan::{Action, Change, Operation, Plan};

/// The part of a plan that may be written to the environment. The rest is deployed in a solution.
///
/// With `assignments`, this is the assignment of users to existing profiles and CIF v1 providers.
pub fn writable(plan: &Plan, writes: Writes) -> Cow<'_, Plan> {
    let changes = match writes {
        Writes::All => return Cow::Borrowed(plan),
        Writes::Assignments => plan.changes.iter().filter_map(assignments).collect(),
        Writes::None => Vec::new(),
    };
    Cow::Owned(Plan {
        changes,
        ..plan.clone()
    })
}

/// Indexes of changes that are not or not completely written.
pub fn held(plan: &Plan, writes: Writes) -> Vec<usize> {
    let is_held = |change: &Change| match writes {
        Writes::All => false,
        Writes::Assignments => {
            assignments(change).is_none_or(|kept| kept.operations.len() < change.operations.len())
        }
        Writes::None => true,
    };
    plan.changes
        .iter()
        .enumerate()
        .filter(|(_, change)| is_held(change))
        .map(|(index, _)| index)
        .collect()
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
