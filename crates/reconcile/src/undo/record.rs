//! Records the rows that a plan is about to change, as they were read.

use std::collections::{BTreeMap, BTreeSet};

use deskstate_model::{Kind, tables};
use uuid::Uuid;

use super::{Recorded, SavedLink, SavedRow, SavedUpdate, UndoFile, VERSION};
use crate::columns;
use crate::kinds;
use crate::live::Live;
use crate::plan::{Change, Operation, Plan, RowTarget};
use crate::plan_file::digest;
use crate::referrers::{Emptied, emptied};

/// Records the current state of everything that a plan changes.
pub fn record(plan: &Plan, live: &Live, environment: &str) -> UndoFile {
    let mut taken = BTreeSet::new();
    let mut changes: Vec<Recorded> = plan
        .changes
        .iter()
        .map(|change| of_change(change, live, &mut taken))
        .collect();
    for emptied in emptied(live, &plan.changes) {
        of_emptied(&emptied, live, &mut changes);
    }
    let mut not_restored = Vec::new();
    if changes.iter().any(|change| !change.deleted.is_empty()) {
        not_restored.push("of deleted rows: when and by whom they were made, their place in solutions, and columns that deskstate does not know".to_owned());
    }
    UndoFile {
        format_version: VERSION,
        environment: environment.to_owned(),
        organization: plan.organization,
        plan: digest(plan, live).to_string(),
        changes,
        not_restored,
    }
}

/// Records a lookup that a delete empties in a row that the plan does not delete. A part is recorded with all its values, because the
/// environment may delete it instead.
fn of_emptied(emptied: &Emptied<'_>, live: &Live, changes: &mut Vec<Recorded>) {
    let row = &emptied.row;
    let (owner_table, owner) = emptied.part_of.unwrap_or((emptied.table, row.id));
    let columns = columns::of(emptied.table);
    let (Some(kind), Some(owner), Some(column)) = (
        Kind::of_table(owner_table),
        live.row(owner_table, owner),
        columns.iter().find(|one| one.name == emptied.navigation),
    ) else {
        return;
    };
    let Some(name) = kinds::name_of(owner_table, &owner.row) else {
        return;
    };
    let own = changes.iter().position(|recorded| recorded.id == owner.id);
    let at = own.unwrap_or_else(|| {
        changes.push(Recorded {
            kind: kind.as_str().to_owned(),
            name: name.into_owned(),
            id: owner.id,
            ..Recorded::default()
        });
        changes.len() - 1
    });
    let updated = &mut changes[at].updated;
    let own = updated.iter().position(|update| update.id == row.id);
    let update = own.unwrap_or_else(|| {
        updated.push(SavedUpdate {
            table: emptied.table.logical.to_owned(),
            id: row.id,
            label: live.label(emptied.table, row.id),
            before: BTreeMap::new(),
            after: BTreeMap::new(),
        });
        updated.len() - 1
    });
    let update = &mut updated[update];
    let name = emptied.navigation.to_owned();
    let lookup = columns::saved(column, &row.row, live);
    if emptied.part_of.is_some() {
        for column in &columns {
            let value = columns::saved(column, &row.row, live);
            if !value.is_null() {
                update.before.entry(column.name.clone()).or_insert(value);
            }
        }
    }
    update.before.insert(name.clone(), lookup);
    update.after.insert(name, serde_json::Value::Null);
}

fn of_change(change: &Change, live: &Live, taken: &mut BTreeSet<SavedLink>) -> Recorded {
    let mut recorded = Recorded {
        kind: change.key.kind.as_str().to_owned(),
        name: change.key.name.as_written().to_owned(),
        id: change.id,
        ..Recorded::default()
    };
    for operation in &change.operations {
        match operation {
            Operation::Create { row, body, .. } => recorded.created.push(SavedRow {
                table: row.table.logical.to_owned(),
                id: row.id,
                label: row.label.clone(),
                columns: as_written(row, body)
                    .filter(|(_, value)| !value.is_null())
                    .collect(),
            }),
            Operation::Update { row, body, .. } => {
                let known: BTreeMap<String, columns::Column> = columns::of(row.table)
                    .into_iter()
                    .map(|column| (column.name.clone(), column))
                    .collect();
                let before = body.iter().filter_map(|(name, _)| {
                    let value =
                        columns::saved(known.get(name)?, &live.row(row.table, row.id)?.row, live);
                    Some((name.clone(), value))
                });
                recorded.updated.push(SavedUpdate {
                    table: row.table.logical.to_owned(),
                    id: row.id,
                    label: row.label.clone(),
                    before: before.collect(),
                    after: as_written(row, body).collect(),
                });
            }
            Operation::Delete { row, along, .. } => {
                for row in std::iter::once(row).chain(along.iter().map(|part| &part.row)) {
                    recorded.deleted.extend(whole_row(row, live));
                    recorded.unlinked.extend(
                        links_of(row.id, live)
                            .into_iter()
                            .filter(|link| taken.insert(link.clone())),
                    );
                }
            }
            Operation::Link {
                relationship,
                owner,
                member,
            } => recorded.linked.push(SavedLink {
                relationship: relationship.schema_name.to_owned(),
                owner: *owner,
                member: *member,
            }),
            Operation::Unlink {
                relationship,
                owner,
                member,
            } => {
                let link = SavedLink {
                    relationship: relationship.schema_name.to_owned(),
                    owner: *owner,
                    member: *member,
                };
                if taken.insert(link.clone()) {
                    recorded.unlinked.push(link);
                }
            }
        }
    }
    recorded
        .updated
        .extend(change.kept.iter().map(|kept| SavedUpdate {
            table: kept.row.table.logical.to_owned(),
            id: kept.row.id,
            label: kept.row.label.clone(),
            before: kept.columns.clone(),
            after: kept.columns.clone(),
        }));
    recorded
}

/// The values that an operation writes, except for those that follow from others.
fn as_written<'a>(
    row: &RowTarget,
    body: &'a [(String, deskstate_dataverse::Value)],
) -> impl Iterator<Item = (String, serde_json::Value)> + 'a {
    let known: BTreeSet<String> = columns::of(row.table)
        .into_iter()
        .map(|column| column.name)
        .collect();
    body.iter()
        .filter(move |(name, _)| known.contains(name))
        .map(|(name, value)| (name.clone(), columns::written(value)))
}

fn whole_row(row: &RowTarget, live: &Live) -> Option<SavedRow> {
    Some(SavedRow {
        table: row.table.logical.to_owned(),
        id: row.id,
        label: row.label.clone(),
        columns: columns_of(row, live)?,
    })
}

/// The columns of a live row that a client may write and that have a value.
pub(crate) fn columns_of(
    row: &RowTarget,
    live: &Live,
) -> Option<BTreeMap<String, serde_json::Value>> {
    let observed = live.row(row.table, row.id)?;
    let is_part = kinds::part_of(row.table).is_some();
    let columns = columns::of(row.table)
        .into_iter()
        .map(|column| (columns::saved(&column, &observed.row, live), column))
        .filter(|(value, column)| {
            // A new part is active.
            let is_active = column.name == tables::STATUS.column && *value == serde_json::json!(0);
            !(value.is_null() || is_active && is_part)
        })
        .map(|(value, column)| (column.name, value));
    Some(columns.collect())
}

/// Every link of a row, whichever side it is on.
fn links_of(id: Uuid, live: &Live) -> Vec<SavedLink> {
    let mut found = Vec::new();
    for relationship in Kind::relationships() {
        let links = live.links(relationship);
        let as_owner = links.members(id).map(|member| (id, member));
        let as_member = links.owners(id).iter().map(|owner| (*owner, id));
        found.extend(as_owner.chain(as_member).map(|(owner, member)| SavedLink {
            relationship: relationship.schema_name.to_owned(),
            owner,
            member,
        }));
    }
    found
}
