//! Reads the owners of the rows that a plan deletes or assigns to another owner.
//!
//! A row contains only the id of its owner, which may be a user or a team. Restoring the row requires knowing which.

use std::collections::BTreeSet;

use deskstate_dataverse::{Error, Filter, Query, Reader};
use deskstate_model::Table;
use deskstate_model::tables::OWNER;
use uuid::Uuid;

use crate::live::{Live, Team};
use crate::plan::{Operation, Plan};
use crate::state::fold;
use deskstate_model::tables::TEAM;

/// Finds out which owners are teams. If all owners are known, nothing is sent.
///
/// # Errors
/// If the environment cannot be queried.
pub async fn observe_owners(reader: &Reader, plan: &Plan, live: &mut Live) -> Result<(), Error> {
    let unknown = unknown_owners(plan, live);
    if unknown.is_empty() {
        return Ok(());
    }
    let query = Query::rows(TEAM.set)
        .select([TEAM.key, TEAM.label])
        .filter(Filter::any_of(TEAM.key, unknown));
    for rows in reader.read(&[query]).await?.into_iter().flatten() {
        for row in &rows.rows {
            if let (Some(id), Some(name)) = (row.uuid(TEAM.key), row.text(TEAM.label)) {
                let team = Team {
                    id,
                    members: Vec::new(),
                    cut: false,
                };
                let teams = live.found.teams.entry(fold(name)).or_default();
                teams.push(team);
            }
        }
    }
    Ok(())
}

fn unknown_owners(plan: &Plan, live: &Live) -> BTreeSet<Uuid> {
    let teams = live.found.teams.values().flatten().map(|team| team.id);
    let known: BTreeSet<Uuid> = teams.chain(live.facts.caller).collect();
    let operations = plan.changes.iter().flat_map(|change| &change.operations);
    operations
        .flat_map(losing)
        .filter_map(|(table, id)| live.row(table, id)?.row.uuid(&OWNER.read_name()))
        .filter(|owner| !known.contains(owner) && !live.found.users.contains_key(owner))
        .collect()
}

/// Rows that an operation deletes or assigns to another owner.
fn losing(operation: &Operation) -> Vec<(&'static Table, Uuid)> {
    match operation {
        Operation::Delete { row, along, .. } => {
            let parts = along.iter().map(|part| &part.row);
            let rows = parts.chain([row]);
            rows.map(|row| (row.table, row.id)).collect()
        }
        Operation::Update { row, body, .. }
            if body.iter().any(|(column, _)| column == OWNER.column) =>
        {
            vec![(row.table, row.id)]
        }
        Operation::Create { .. }
        | Operation::Update { .. }
        | Operation::Link { .. }
        | Operation::Unlink { .. } => Vec::new(),
    }
}
