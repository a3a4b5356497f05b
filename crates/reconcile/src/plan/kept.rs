//! Parts whose values must survive a write of the row that they belong to.
//!
//! Some environments rewrite the parameters of a tab when the tab itself is written. A plan does not mention parameters that it leaves
//! alone, so each change remembers their values.

use std::collections::{BTreeMap, BTreeSet};

use deskstate_model::{Holds, Kind, PartTable, Table};
use serde_json::Value as Json;
use uuid::Uuid;

use super::{Action, Change, Difference, FieldChange, Guard, Operation, RowTarget};
use crate::columns;
use crate::live::{Live, part_identity};
use crate::value::show_live;

/// A part that a change leaves unchanged.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// Its row.
    pub row: RowTarget,
    /// Its values, by the names under which columns are written.
    pub columns: BTreeMap<String, Json>,
}

/// The part tables of a table whose rows the server may write automatically.
pub(crate) fn server_adds_parts_to(table: &Table) -> impl Iterator<Item = &'static PartTable> {
    Kind::part_tables().filter(move |part| part.server_adds && part.parent == table)
}

/// Records the values of the parts that each change leaves unchanged.
pub(crate) fn keep(changes: &mut [Change], live: &Live) {
    for change in changes {
        if server_adds_parts_to(change.key.kind.table())
            .next()
            .is_none()
        {
            continue;
        }
        let updates = change
            .operations
            .iter()
            .filter_map(|operation| match operation {
                Operation::Update { row, .. } => Some(row),
                _ => None,
            });
        let written: BTreeSet<Uuid> = change
            .operations
            .iter()
            .filter_map(Operation::changed_row)
            .map(|row| row.id)
            .collect();
        let mut kept = Vec::new();
        for parent in updates {
            for part in server_adds_parts_to(parent.table) {
                let rows = live.table(part.table).children(part, parent.id);
                kept.extend(rows.filter(|row| !written.contains(&row.id)).map(|row| {
                    Kept {
                        row: RowTarget {
                            table: part.table,
                            id: row.id,
                            label: part_identity(part, &row.row)
                                .unwrap_or_else(|| live.label(part.table, row.id)),
                        },
                        columns: columns::of(part.table)
                            .iter()
                            .filter(|column| column.field.is_some())
                            .map(|column| {
                                (column.name.clone(), columns::saved(column, &row.row, live))
                            })
                            .collect(),
                    }
                }));
            }
        }
        change.kept = kept;
    }
}

impl Change {
    /// Returns another change of the same resource that restores the recorded values; `None` if all parts still have them.
    pub(crate) fn put_back(&self, live: &Live) -> Option<Change> {
        let mut change = Change {
            action: Action::Update,
            fields: Vec::new(),
            operations: Vec::new(),
            left_to_server: Vec::new(),
            kept: Vec::new(),
            ..self.clone()
        };
        for kept in &self.kept {
            let Some(observed) = live.row(kept.row.table, kept.row.id) else {
                continue;
            };
            let known = columns::of(kept.row.table);
            let before = columns::as_row(&known, &kept.columns);
            let mut body = Vec::new();
            for column in &known {
                let Some(value) = kept.columns.get(&column.name) else {
                    continue;
                };
                if columns::holds(column, value, &observed.row) {
                    continue;
                }
                columns::write(column, value, &mut body);
                if let Some(field) = column.field {
                    change.fields.push(FieldChange {
                        path: part_path(self.key.kind, kept.row.table, &kept.row.label, field.word),
                        difference: Difference::Value {
                            before: show_live(field, &observed.row, live),
                            after: show_live(field, &before, live),
                        },
                        span: None,
                        wire: format!("{}.{}", kept.row.table.logical, field.column),
                    });
                }
            }
            if !body.is_empty() {
                change.operations.push(Operation::Update {
                    row: kept.row.clone(),
                    guard: Guard::of(live.table(kept.row.table), observed),
                    body,
                });
            }
        }
        (!change.operations.is_empty()).then_some(change)
    }
}

/// The path of a part's field in manifests, such as `parameters.url`.
pub(crate) fn part_path(kind: Kind, table: &Table, label: &str, word: &str) -> String {
    let list = kind.fields().iter().find_map(|field| match field.holds {
        Holds::Parts(part) if part.table == table => Some(field.word),
        _ => None,
    });
    let words = [list.unwrap_or(table.logical), label, word];
    words
        .into_iter()
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(".")
}
