//! Deletes rows, and applies the effects on rows that refer to them.

use http::StatusCode;
use uuid::Uuid;

use crate::error::{Outcome, ServiceError, code};
use crate::schema::{OnDelete, TableId};
use crate::security::Right;
use crate::store::{IndexKey, Row, Transaction};
use crate::value::Value;
use crate::writing::{Condition, Writing, find, stamp};
use crate::{links, rules, tabs};

/// Deletes a row. Rows that refer to it are deleted as well, lose their lookup, or prevent the deletion.
pub(crate) fn delete(
    tx: &mut Transaction<'_>,
    writing: &Writing<'_>,
    table: TableId,
    id: Uuid,
    condition: &Condition,
) -> Outcome<()> {
    let schema = tx.schema();
    let own = schema.table(table);
    let before = find(tx, table, id)?;
    writing
        .caller
        .access
        .check_row(tx.store(), writing.caller, table, &before, Right::Delete)?;
    condition.check(writing, &own.name, &before)?;
    rules::before_delete(tx, writing, table, &before)?;
    remove(tx, writing, table, &before)
}

pub(crate) fn remove(
    tx: &mut Transaction<'_>,
    writing: &Writing<'_>,
    table: TableId,
    before: &Row,
) -> Outcome<()> {
    let schema = tx.schema();
    let own = schema.table(table);
    let id = before.id;
    for (child_table, column, on_delete) in &own.referenced_by {
        if *on_delete == OnDelete::Keep {
            continue;
        }
        for child in tx
            .store()
            .find(*child_table, *column, &IndexKey::Id(id))
            .unwrap_or_default()
        {
            let Some(row) = tx.get(*child_table, child).map(|row| Row::clone(row)) else {
                continue;
            };
            if row.cells[*column] != Value::Lookup(table, id) {
                continue;
            }
            match on_delete {
                OnDelete::Cascade => {
                    // The copies of managed roles in a business unit go with it.
                    if own.name != "businessunit" {
                        rules::before_delete(tx, writing, *child_table, &row)?;
                    }
                    remove(tx, writing, *child_table, &row)?;
                }
                OnDelete::Empty => empty(tx, writing, *child_table, row, *column),
                OnDelete::Restrict => {
                    return Err(ServiceError::new(
                        StatusCode::METHOD_NOT_ALLOWED,
                        code::CANNOT_DELETE_DUE_TO_ASSOCIATION,
                        "The object you tried to delete is associated with another object and cannot be deleted.",
                    ));
                }
                OnDelete::Keep => {}
            }
        }
    }
    links::remove_all(tx, table, id);
    tx.remove(table, id);
    crate::audit::deleted(tx, writing, table, before);
    crate::layers::removed(tx, table, id);
    tabs::after_delete(tx, writing, table, before)
}

pub(crate) fn empty(
    tx: &mut Transaction<'_>,
    writing: &Writing<'_>,
    table: TableId,
    mut row: Row,
    column: usize,
) {
    row.cells[column] = Value::Null;
    if writing.switches.emptied_lookup_raises_version {
        stamp(tx, writing, table, &mut row);
        tx.put(table, row);
    } else {
        tx.put_quietly(table, row);
    }
}
