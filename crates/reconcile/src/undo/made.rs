//! Limits an undo file to what its apply actually wrote. An apply that failed or was interrupted made only some of the recorded changes; others
//! may be made by a later apply, which has an undo file of its own.

use std::collections::BTreeSet;

use deskstate_model::{Kind, PartTable};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use uuid::Uuid;

use super::{Recorded, SavedRow, SavedUpdate, UndoFile};
use crate::columns;
use crate::plan::{Operation, Transaction};

/// The rows and links that transactions wrote.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// The ids of created, changed and deleted rows.
    rows: BTreeSet<Uuid>,
    /// The owner and the member of new and removed links.
    links: BTreeSet<(Uuid, Uuid)>,
}

impl Made {
    /// The writes of one transaction.
    pub fn by(transaction: &Transaction) -> Self {
        let mut made = Self::default();
        for operation in &transaction.operations {
            match operation {
                Operation::Create { row, .. }
                | Operation::Update { row, .. }
                | Operation::Delete { row, .. } => {
                    made.rows.insert(row.id);
                }
                Operation::Link { owner, member, .. } | Operation::Unlink { owner, member, .. } => {
                    made.links.insert((*owner, *member));
                }
            }
        }
        made
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.links.is_empty()
    }

    /// Adds the writes of another transaction.
    pub fn add(&mut self, other: Self) {
        self.rows.extend(other.rows);
        self.links.extend(other.links);
    }
}

impl UndoFile {
    /// The file of an apply that made only these writes.
    #[must_use]
    pub fn only(&self, made: &Made) -> Self {
        let deleted = self.changes.iter().flat_map(|change| &change.deleted);
        let gone: BTreeSet<Uuid> = deleted
            .filter(|row| is_made(row, made, |part| part.goes_with_parent))
            .map(|row| row.id)
            .collect();
        let changes = self.changes.iter();
        let changes = changes.map(|change| only(change, made, &gone));
        Self {
            changes: changes.filter(is_something).collect(),
            ..self.clone()
        }
    }
}

/// Whether a row was written, or was created or deleted along with the row that it is a part of.
fn is_made(row: &SavedRow, made: &Made, along: impl Fn(&PartTable) -> bool) -> bool {
    let parts =
        || Kind::part_tables().filter(|part| part.table.logical == row.table && along(part));
    made.rows.contains(&row.id)
        || parts().any(|part| {
            let parent = row.columns.get(part.parent_navigation);
            parent
                .and_then(refers_to)
                .is_some_and(|id| made.rows.contains(&id))
        })
}

fn refers_to(value: &Json) -> Option<Uuid> {
    columns::bound(value).map(|(_, id)| id)
}

fn only(change: &Recorded, made: &Made, gone: &BTreeSet<Uuid>) -> Recorded {
    let emptied = |name: &String, value: &Json| {
        let is_gone = refers_to(value).is_some_and(|id| gone.contains(&id));
        is_gone.then(|| (name.clone(), Json::Null))
    };
    let mut updated: Vec<SavedUpdate> = Vec::new();
    for update in &change.updated {
        if made.rows.contains(&update.id) {
            updated.push(update.clone());
        } else if update.before == update.after {
            // A part that no apply writes: of interest if its row was written.
            updated.extend(made.rows.contains(&change.id).then(|| update.clone()));
        } else {
            let nulls = update.after.iter().filter(|(_, value)| value.is_null());
            let after = nulls.filter_map(|(name, _)| emptied(name, update.before.get(name)?));
            let after = after.collect();
            updated.push(SavedUpdate {
                after,
                ..update.clone()
            });
        }
    }
    // Rows that were to be deleted and are still there: the deletion of others emptied their lookups.
    let (deleted, left): (Vec<&SavedRow>, Vec<&SavedRow>) = change
        .deleted
        .iter()
        .partition(|row| gone.contains(&row.id));
    updated.extend(left.into_iter().map(|row| {
        let columns = row.columns.iter();
        SavedUpdate {
            table: row.table.clone(),
            id: row.id,
            label: row.label.clone(),
            before: row.columns.clone(),
            after: columns
                .filter_map(|(name, value)| emptied(name, value))
                .collect(),
        }
    }));
    updated.retain(|update| update.before == update.after || !update.after.is_empty());
    let created = change.created.iter();
    let created = created.filter(|row| is_made(row, made, |part| part.server_adds));
    let linked = change.linked.iter();
    let linked = linked.filter(|link| made.links.contains(&(link.owner, link.member)));
    let unlinked = change.unlinked.iter().filter(|link| {
        made.links.contains(&(link.owner, link.member))
            || gone.contains(&link.owner)
            || gone.contains(&link.member)
    });
    Recorded {
        kind: change.kind.clone(),
        name: change.name.clone(),
        id: change.id,
        created: created.cloned().collect(),
        updated,
        deleted: deleted.into_iter().cloned().collect(),
        linked: linked.cloned().collect(),
        unlinked: unlinked.cloned().collect(),
    }
}

fn is_something(change: &Recorded) -> bool {
    !(change.created.is_empty()
        && change.updated.is_empty()
        && change.deleted.is_empty()
        && change.linked.is_empty()
        && change.unlinked.is_empty())
}
