//! Links: rows of intersect tables, and lookups that are written from the other side.

use http::StatusCode;
use uuid::Uuid;

use crate::error::{Outcome, ServiceError, code};
use crate::schema::{Navigation, TableId};
use crate::security::Right;
use crate::store::{IndexKey, Row, Transaction};
use crate::switches::LinkAnswer;
use crate::value::Value;
use crate::writing::{Writing, find, new_key, stamp};
use crate::{product_rules, rules};

/// Links a row to another one through a collection.
pub(crate) fn associate(
    tx: &mut Transaction<'_>,
    writing: &Writing<'_>,
    table: TableId,
    id: Uuid,
    navigation: Navigation,
    target: (TableId, Uuid),
) -> Outcome<()> {
    let from = find(tx, table, id)?;
    match navigation {
        Navigation::Children {
            table: child,
            column,
        } => {
            check_target(child, target.0)?;
            write_lookup(
                tx,
                writing,
                child,
                target.1,
                column,
                Value::Lookup(table, id),
            )
        }
        Navigation::Lookup {
            column,
            target: only,
        } => {
            if let Some(only) = only {
                check_target(only, target.0)?;
            }
            write_lookup(
                tx,
                writing,
                table,
                id,
                column,
                Value::Lookup(target.0, target.1),
            )
        }
        Navigation::Many { relation, side } => {
            let schema = tx.schema();
            let many = &schema.many_to_many[relation];
            check_target(many.tables[1 - side], target.0)?;
            if many.tables[0] == many.tables[1] && id == target.1 {
                return Err(ServiceError::bad(
                    code::INVALID_ARGUMENT,
                    "A record cannot be linked to itself.",
                ));
            }
            let other = find(tx, target.0, target.1)?;
            check_append(tx, writing, (table, &from), (target.0, &other), side)?;
            if existing(tx, relation, side, id, target.1).is_some() {
                return match writing.switches.associate_again {
                    LinkAnswer::Accepted => Ok(()),
                    LinkAnswer::Refused => Err(ServiceError::new(
                        StatusCode::PRECONDITION_FAILED,
                        code::DUPLICATE_RECORD,
                        "A record with matching key values already exists.",
                    )),
                };
            }
            product_rules::before_link(tx, writing, relation, side, id, target.1)?;
            let key = new_key(tx, many.intersect);
            let mut row = Row::new(schema.table(many.intersect), key);
            row.cells[many.columns[side]] = Value::Id(id);
            row.cells[many.columns[1 - side]] = Value::Id(target.1);
            tx.put(many.intersect, row);
            crate::audit::linked(tx, writing, relation, (table, id), target, true);
            raise(tx, writing, &[(table, id), target]);
            Ok(())
        }
    }
}

/// Removes a link.
pub(crate) fn disassociate(
    tx: &mut Transaction<'_>,
    writing: &Writing<'_>,
    table: TableId,
    id: Uuid,
    navigation: Navigation,
    target: Option<(TableId, Uuid)>,
) -> Outcome<()> {
    let from = find(tx, table, id)?;
    match (navigation, target) {
        (Navigation::Lookup { column, .. }, _) => {
            write_lookup(tx, writing, table, id, column, Value::Null)
        }
        (
            Navigation::Children {
                table: child,
                column,
            },
            Some((_, child_id)),
        ) => {
            let row = find(tx, child, child_id)?;
            if row.cells[column].id() != Some(id) {
                return missing_link(writing, child_id);
            }
            write_lookup(tx, writing, child, child_id, column, Value::Null)
        }
        (Navigation::Many { relation, side }, Some(target)) => {
            let schema = tx.schema();
            let Some(link) = existing(tx, relation, side, id, target.1) else {
                return missing_link(writing, target.1);
            };
            if let Some(other) = tx.get(target.0, target.1).map(|row| Row::clone(row)) {
                check_append(tx, writing, (table, &from), (target.0, &other), side)?;
            }
            product_rules::before_unlink(tx, writing, relation, side, id, target.1)?;
            tx.remove(schema.many_to_many[relation].intersect, link);
            crate::audit::linked(tx, writing, relation, (table, id), target, false);
            raise(tx, writing, &[(table, id), target]);
            Ok(())
        }
        (Navigation::Children { .. } | Navigation::Many { .. }, None) => Err(ServiceError::query(
            "The record to take out of the collection must be named, by its key or by $id.",
        )),
    }
}

fn missing_link(writing: &Writing<'_>, id: Uuid) -> Outcome<()> {
    match writing.switches.disassociate_missing {
        LinkAnswer::Accepted => Ok(()),
        LinkAnswer::Refused => Err(ServiceError::new(
            StatusCode::NOT_FOUND,
            code::OBJECT_DOES_NOT_EXIST,
            format!("The association with {id} does not exist."),
        )),
    }
}

fn check_target(wanted: TableId, found: TableId) -> Outcome<()> {
    if wanted == found {
        Ok(())
    } else {
        Err(ServiceError::query(
            "The resource named by @odata.id is of another type than the property.",
        ))
    }
}

/// Linking requires Append on one row and AppendTo on the other.
fn check_append(
    tx: &Transaction<'_>,
    writing: &Writing<'_>,
    from: (TableId, &Row),
    to: (TableId, &Row),
    side: usize,
) -> Outcome<()> {
    let (first, second) = if side == 0 { (from, to) } else { (to, from) };
    let access = &writing.caller.access;
    access.check_row(tx.store(), writing.caller, first.0, first.1, Right::Append)?;
    access.check_row(
        tx.store(),
        writing.caller,
        second.0,
        second.1,
        Right::AppendTo,
    )
}

/// Finds the row of the intersect table that links two rows.
pub(crate) fn existing(
    tx: &Transaction<'_>,
    relation: usize,
    side: usize,
    from: Uuid,
    to: Uuid,
) -> Option<Uuid> {
    let schema = tx.schema();
    let many = &schema.many_to_many[relation];
    let store = tx.store();
    // A profile has thousands of users, but a user has one profile, so the shorter list is searched.
    let ends = [(many.columns[side], from), (many.columns[1 - side], to)];
    let links = |(column, id): (usize, Uuid)| {
        store
            .count(many.intersect, column, &IndexKey::Id(id))
            .unwrap_or(usize::MAX)
    };
    let [(column, id), other] = if links(ends[0]) <= links(ends[1]) {
        ends
    } else {
        [ends[1], ends[0]]
    };
    store
        .find(many.intersect, column, &IndexKey::Id(id))?
        .into_iter()
        .find(|link| {
            store
                .get(many.intersect, *link)
                .is_some_and(|row| row.cells[other.0].id() == Some(other.1))
        })
}

fn raise(tx: &mut Transaction<'_>, writing: &Writing<'_>, rows: &[(TableId, Uuid)]) {
    if !writing.switches.links_raise_version {
        return;
    }
    for (table, id) in rows {
        if let Some(row) = tx.get(*table, *id).map(|row| Row::clone(row)) {
            tx.put(*table, row);
        }
    }
}

fn write_lookup(
    tx: &mut Transaction<'_>,
    writing: &Writing<'_>,
    table: TableId,
    id: Uuid,
    column: usize,
    value: Value,
) -> Outcome<()> {
    let schema = tx.schema();
    let own = schema.table(table);
    let before = find(tx, table, id)?;
    writing
        .caller
        .access
        .check_row(tx.store(), writing.caller, table, &before, Right::Write)?;
    if own.columns[column].read_only {
        return Err(ServiceError::bad(
            code::INVALID_ARGUMENT,
            format!("The column '{}' is read-only.", own.columns[column].name),
        ));
    }
    if let Value::Lookup(target, _) = &value
        && !own.columns[column]
            .targets
            .iter()
            .any(|candidate| candidate.table == *target)
    {
        return Err(ServiceError::query(format!(
            "The lookup '{}' cannot point to that table.",
            own.columns[column].name
        )));
    }
    rules::check_value(own, column, &value)?;
    let mut row = Row::clone(&before);
    row.cells[column] = value.clone();
    crate::layers::cover(own, &before, &mut row, std::iter::once(column));
    let body = crate::body::Body {
        cells: vec![(column, value)],
        ..Default::default()
    };
    rules::before_update(tx, writing, table, &before, &row, &body)?;
    stamp(tx, writing, table, &mut row);
    tx.put(table, row);
    crate::audit::updated(tx, writing, table, &before, &body);
    crate::layers::written(tx, writing, table, id, Some(&before))
}

/// Removes all links of a row that is being deleted.
pub(crate) fn remove_all(tx: &mut Transaction<'_>, table: TableId, id: Uuid) {
    let schema = tx.schema();
    for many in &schema.many_to_many {
        for side in 0..2 {
            if many.tables[side] != table {
                continue;
            }
            for link in tx
                .store()
                .find(many.intersect, many.columns[side], &IndexKey::Id(id))
                .unwrap_or_default()
            {
                tx.remove(many.intersect, link);
            }
        }
    }
}
