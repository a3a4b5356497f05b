//! Another look at rows whose writes cannot be bound to a version.

use std::collections::{BTreeMap, BTreeSet};

use deskstate_dataverse::{Filter, Query, Reader};
use uuid::Uuid;

use super::ApplyError;
use crate::observe::ObserveError;
use crate::plan::{Guard, Operation, RowTarget, Seen, Transaction};
use crate::table::Table;

/// Reads the rows again, in one trip, and compares them with what the plan saw. Without such rows nothing is sent.
///
/// Rows that this very apply has moved since are left out: they were looked at before it did.
pub(super) async fn unchanged(
    transaction: &Transaction,
    moved: &BTreeSet<Uuid>,
    reader: &Reader,
    done: usize,
) -> Result<(), ApplyError> {
    let mut guarded: BTreeMap<&'static Table, Vec<(&RowTarget, &Seen)>> = BTreeMap::new();
    for (row, seen) in transaction.operations.iter().flat_map(looks) {
        if !moved.contains(&row.id) {
            guarded.entry(row.table).or_default().push((row, seen));
        }
    }
    if guarded.is_empty() {
        return Ok(());
    }
    let queries: Vec<Query> = guarded
        .iter()
        .map(|(table, rows)| {
            Query::rows(table.set)
                .select([table.key, "modifiedon"])
                .filter(Filter::any_of(
                    table.key,
                    rows.iter().map(|(row, _)| row.id),
                ))
        })
        .collect();
    let answers = reader
        .read(&queries)
        .await
        .map_err(|error| Box::new(ObserveError::from(error)))?;
    let mut changed = Vec::new();
    for ((table, rows), answer) in guarded.into_iter().zip(answers) {
        let found: BTreeMap<Uuid, _> = answer
            .iter()
            .flat_map(|rows| &rows.rows)
            .filter_map(|row| Some((row.uuid(table.key)?, row)))
            .collect();
        for (row, seen) in rows {
            let same = found
                .get(&row.id)
                .is_some_and(|now| match (&seen.etag, now.etag()) {
                    (Some(before), Some(now)) => before == now,
                    _ => seen.modified_on.as_deref() == now.text("modifiedon"),
                });
            if !same {
                changed.push(format!("{} `{}`", table.logical, row.label));
            }
        }
    }
    if changed.is_empty() {
        return Ok(());
    }
    Err(ApplyError::Changed {
        transactions_before: done,
        rows: changed,
    })
}

/// Rows that an operation changes or takes away without a version to hold on to.
fn looks(operation: &Operation) -> Vec<(&RowTarget, &Seen)> {
    match operation {
        Operation::Update {
            row,
            guard: Guard::Look(seen),
            ..
        } => vec![(row, seen)],
        Operation::Delete { row, guard, along } => {
            let own = match guard {
                Guard::Look(seen) => Some((row, seen)),
                Guard::Version(_) => None,
            };
            own.into_iter()
                .chain(along.iter().map(|part| (&part.row, &part.seen)))
                .collect()
        }
        Operation::Update { .. }
        | Operation::Create { .. }
        | Operation::Link { .. }
        | Operation::Unlink { .. } => Vec::new(),
    }
}

/// Rows whose version a transaction may have moved.
pub(super) fn moves(transaction: &Transaction) -> BTreeSet<Uuid> {
    transaction
        .operations
        .iter()
        .flat_map(|operation| match operation {
            Operation::Link { owner, member, .. } | Operation::Unlink { owner, member, .. } => {
                vec![*owner, *member]
            }
            Operation::Create {
                row, attaches_to, ..
            } => attaches_to.iter().copied().chain([row.id]).collect(),
            Operation::Update { row, .. } | Operation::Delete { row, .. } => vec![row.id],
        })
        .collect()
}
