//! Solution layers and membership: the layer that an unmanaged write adds, and the solution that a component is added to.

use http::StatusCode;
use uuid::Uuid;

use crate::error::{Outcome, ServiceError, code};
use crate::rules;
use crate::schema::{Table, TableId};
use crate::store::{IndexKey, Row, Transaction};
use crate::value::Value;
use crate::writing::{Writing, new_key};

/// The unmanaged solution that every environment has.
pub(crate) const ACTIVE_SOLUTION: Uuid = Uuid::from_u128(0xfd14_0aae_4df4_11dd_bd17_0019_b931_2238);
/// The default solution.
pub(crate) const DEFAULT_SOLUTION: Uuid =
    Uuid::from_u128(0xfd14_0aaf_4df4_11dd_bd17_0019_b931_2238);

/// Adds a written component to the solution that the request names.
pub(crate) fn written(
    tx: &mut Transaction<'_>,
    writing: &Writing<'_>,
    table: TableId,
    id: Uuid,
    _before: Option<&Row>,
) -> Outcome<()> {
    let schema = tx.schema();
    let Some(name) = writing.solution.as_deref() else {
        return Ok(());
    };
    if !schema.table(table).component {
        return Ok(());
    }
    let solution = solution_named(tx, name)?;
    add(
        tx,
        writing,
        schema.table(table).object_type_code,
        id,
        solution,
    );
    Ok(())
}

/// Saves the values of a managed row that an unmanaged write hides: the values below the Active layer.
pub(crate) fn cover(
    table: &Table,
    before: &Row,
    row: &mut Row,
    columns: impl Iterator<Item = usize>,
) {
    if !rules::is_managed(table, before) {
        return;
    }
    for column in columns {
        if !row.below.iter().any(|(covered, _)| *covered == column) {
            row.below.push((column, before.cells[column].clone()));
        }
    }
}

/// Removes the Active layer of a row, so that the solution's values are visible again.
pub(crate) fn drop_active(
    tx: &mut Transaction<'_>,
    writing: &Writing<'_>,
    table: TableId,
    id: Uuid,
) -> Outcome<()> {
    let mut row = crate::writing::find(tx, table, id)?;
    for (column, value) in std::mem::take(&mut row.below) {
        row.cells[column] = value;
    }
    crate::writing::stamp(tx, writing, table, &mut row);
    tx.put(table, row);
    Ok(())
}

/// Finds an unmanaged solution by its unique name.
pub(crate) fn solution_named(tx: &Transaction<'_>, name: &str) -> Outcome<Uuid> {
    let schema = tx.schema();
    let found = schema.named("solution").and_then(|table| {
        tx.store()
            .find_text(table, "uniquename", name)
            .map(|row| (table, row))
    });
    let (table, row) = found.ok_or_else(|| {
        ServiceError::new(
            StatusCode::BAD_REQUEST,
            code::INVALID_ARGUMENT,
            format!("Cannot find solution with unique name {name}."),
        )
    })?;
    let managed = schema
        .table(table)
        .position("ismanaged")
        .and_then(|column| row.cells[column].flag());
    if managed == Some(true) {
        return Err(ServiceError::bad(
            code::INVALID_ARGUMENT,
            format!("The solution {name} is managed: components cannot be added to it."),
        ));
    }
    Ok(row.id)
}

/// Adds a component to a solution, unless it is already in it.
pub(crate) fn add(
    tx: &mut Transaction<'_>,
    writing: &Writing<'_>,
    component_type: i64,
    id: Uuid,
    solution: Uuid,
) -> Uuid {
    let schema = tx.schema();
    let (Some(table), Some(solutions)) =
        (schema.named("solutioncomponent"), schema.named("solution"))
    else {
        return id;
    };
    let own = schema.table(table);
    let (Some(object), Some(member)) = (own.position("objectid"), own.position("solutionid"))
    else {
        return id;
    };
    let known = tx
        .store()
        .find(table, object, &IndexKey::Id(id))
        .unwrap_or_default()
        .into_iter()
        .find(|key| {
            tx.get(table, *key)
                .is_some_and(|row| row.cells[member].id() == Some(solution))
        });
    if let Some(known) = known {
        return known;
    }
    let mut row = Row::new(own, new_key(tx, table));
    for (name, value) in [
        ("objectid", Value::Id(id)),
        ("componenttype", Value::Int(component_type)),
        ("solutionid", Value::Lookup(solutions, solution)),
        ("rootcomponentbehavior", Value::Int(0)),
        ("ismetadata", Value::Flag(false)),
        ("modifiedon", Value::text(&writing.now.iso())),
    ] {
        if let Some(column) = own.position(name) {
            row.cells[column] = value;
        }
    }
    let key = row.id;
    tx.put(table, row);
    key
}

/// Removes a deleted row from every solution.
pub(crate) fn removed(tx: &mut Transaction<'_>, table: TableId, id: Uuid) {
    let schema = tx.schema();
    if !schema.table(table).component {
        return;
    }
    let Some(components) = schema.named("solutioncomponent") else {
        return;
    };
    let Some(column) = schema.table(components).position("objectid") else {
        return;
    };
    for key in tx
        .store()
        .find(components, column, &IndexKey::Id(id))
        .unwrap_or_default()
    {
        tx.remove(components, key);
    }
}
