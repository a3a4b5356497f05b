//! Predicts the environment after a plan is executed, as far as the plan shows it. Rows that the server adds automatically are not
//! included.

use std::collections::{BTreeMap, BTreeSet};

use deskstate_dataverse::{Cell, Row, Value as Wire};
use deskstate_model::{Kind, Relationship, Table, lookup_read_name};
use uuid::Uuid;

use crate::live::{Live, LiveLinks, LiveTable};
use crate::plan::{Operation, Plan};
use crate::referrers::emptied;

type Cells = BTreeMap<String, Cell>;

/// Returns the predicted environment.
pub fn foresee(live: &Live, plan: &Plan) -> Live {
    let mut written: BTreeMap<&'static Table, BTreeMap<Uuid, Option<Row>>> = BTreeMap::new();
    let mut linked: BTreeMap<&'static Relationship, BTreeSet<(Uuid, Uuid)>> = live
        .links
        .iter()
        .map(|(relationship, links)| (*relationship, links.pairs.clone()))
        .collect();
    let mut gone: BTreeSet<Uuid> = BTreeSet::new();
    for operation in plan.changes.iter().flat_map(|change| &change.operations) {
        match operation {
            Operation::Create { row, body, .. } => {
                let mut cells = Cells::new();
                cells.insert(row.table.key.to_owned(), row.id.into());
                written
                    .entry(row.table)
                    .or_default()
                    .insert(row.id, Some(with(cells, body)));
            }
            Operation::Update { row, body, .. } => {
                let Some(before) = live.row(row.table, row.id) else {
                    continue;
                };
                let cells = before
                    .row
                    .cells()
                    .map(|(name, cell)| (name.to_owned(), cell.clone()))
                    .collect();
                written
                    .entry(row.table)
                    .or_default()
                    .insert(row.id, Some(with(cells, body)));
            }
            Operation::Delete { row, along, .. } => {
                for row in std::iter::once(row).chain(along.iter().map(|part| &part.row)) {
                    gone.insert(row.id);
                    written.entry(row.table).or_default().insert(row.id, None);
                }
            }
            Operation::Link {
                relationship,
                owner,
                member,
            } => {
                linked
                    .entry(relationship)
                    .or_default()
                    .insert((*owner, *member));
            }
            Operation::Unlink {
                relationship,
                owner,
                member,
            } => {
                linked
                    .entry(relationship)
                    .or_default()
                    .remove(&(*owner, *member));
            }
        }
    }
    // The server empties the lookups to rows that it deletes.
    for emptied in emptied(live, &plan.changes) {
        let rows = written.entry(emptied.table).or_default();
        let before = match rows.get(&emptied.row.id) {
            Some(None) => continue,
            Some(Some(row)) => row,
            None => &emptied.row.row,
        };
        let cells = before.cells();
        let cells: Cells = cells
            .map(|(name, cell)| (name.to_owned(), cell.clone()))
            .collect();
        let row = with(cells, &[(emptied.navigation.to_owned(), Wire::Unbind)]);
        rows.insert(emptied.row.id, Some(row));
    }
    let mut after = live.clone();
    for (table, rows) in written {
        let before = live.table(table);
        let kept = before
            .rows
            .values()
            .filter(|row| !rows.contains_key(&row.id))
            .map(|row| row.row.clone());
        let all: Vec<Row> = kept.chain(rows.values().flatten().cloned()).collect();
        let part = Kind::part_tables().find(|part| part.table == table);
        let mut now = LiveTable::index(table, part, all, before.access.clone());
        now.missing_columns.clone_from(&before.missing_columns);
        now.optimistic_concurrency = before.optimistic_concurrency;
        after.tables.insert(table, now);
    }
    for (relationship, mut pairs) in linked {
        pairs.retain(|(owner, member)| !gone.contains(owner) && !gone.contains(member));
        let access = live.links(relationship).access.clone();
        after
            .links
            .insert(relationship, LiveLinks::new(pairs, access));
    }
    after
}

/// The cells of a row after a write.
fn with(mut cells: Cells, body: &[(String, Wire)]) -> Row {
    for (name, value) in body {
        let lookup = || lookup_read_name(&name.to_ascii_lowercase());
        match value {
            Wire::Cell(cell) => cells.insert(name.clone(), cell.clone()),
            Wire::Bind { id, .. } => cells.insert(lookup(), (*id).into()),
            Wire::Unbind => cells.remove(&lookup()),
        };
    }
    Row::from_cells(cells, None)
}
