//! Audit rows: who changed what, with the values before and after (Dataverse: retrieve audit data).

use serde_json::{Map, Value as Json};
use uuid::Uuid;

use crate::body::Body;
use crate::schema::TableId;
use crate::store::{Row, Transaction};
use crate::value::Value;
use crate::writing::{Writing, new_key};

const CREATE: i64 = 1;
const UPDATE: i64 = 2;
const DELETE: i64 = 3;
const ASSOCIATE: i64 = 33;
const DISASSOCIATE: i64 = 34;

pub(crate) fn created(tx: &mut Transaction<'_>, writing: &Writing<'_>, table: TableId, id: Uuid) {
    let Some(row) = tx.get(table, id).map(|row| Row::clone(row)) else {
        return;
    };
    let columns: Vec<usize> = (0..row.cells.len())
        .filter(|column| !row.cells[*column].is_null())
        .collect();
    record(
        tx,
        writing,
        (table, id),
        CREATE,
        CREATE,
        &Map::new(),
        &values(tx, table, &row, &columns),
        &columns,
    );
}

/// Records an update. Writing equal values again also counts as a change.
pub(crate) fn updated(
    tx: &mut Transaction<'_>,
    writing: &Writing<'_>,
    table: TableId,
    before: &Row,
    body: &Body,
) {
    let Some(row) = tx.get(table, before.id).map(|row| Row::clone(row)) else {
        return;
    };
    let columns: Vec<usize> = body.cells.iter().map(|(column, _)| *column).collect();
    let (old, new) = (
        values(tx, table, before, &columns),
        values(tx, table, &row, &columns),
    );
    record(
        tx,
        writing,
        (table, before.id),
        UPDATE,
        UPDATE,
        &old,
        &new,
        &columns,
    );
}

pub(crate) fn deleted(
    tx: &mut Transaction<'_>,
    writing: &Writing<'_>,
    table: TableId,
    before: &Row,
) {
    let columns: Vec<usize> = (0..before.cells.len())
        .filter(|column| !before.cells[*column].is_null())
        .collect();
    let old = values(tx, table, before, &columns);
    record(
        tx,
        writing,
        (table, before.id),
        DELETE,
        DELETE,
        &old,
        &Map::new(),
        &columns,
    );
}

/// Records a link that was added or removed, on the row that the request named.
pub(crate) fn linked(
    tx: &mut Transaction<'_>,
    writing: &Writing<'_>,
    relation: usize,
    from: (TableId, Uuid),
    to: (TableId, Uuid),
    made: bool,
) {
    let schema = tx.schema();
    let mut detail = Map::new();
    detail.insert(
        "RelationshipName".into(),
        schema.many_to_many[relation].schema_name.clone().into(),
    );
    detail.insert(
        "TargetRecord".into(),
        serde_json::json!({"logicalname": schema.table(to.0).name, "id": to.1}),
    );
    let action = if made { ASSOCIATE } else { DISASSOCIATE };
    record(tx, writing, from, UPDATE, action, &Map::new(), &detail, &[]);
}

fn values(tx: &Transaction<'_>, table: TableId, row: &Row, columns: &[usize]) -> Map<String, Json> {
    let schema = tx.schema();
    let own = schema.table(table);
    let mut values = Map::new();
    for column in columns {
        let property = own.columns[*column].property();
        values.insert(property.clone(), row.cells[*column].json(&property));
    }
    values
}

#[expect(
    clippy::too_many_arguments,
    reason = "one call per event, each names what an audit row holds"
)]
fn record(
    tx: &mut Transaction<'_>,
    writing: &Writing<'_>,
    object: (TableId, Uuid),
    operation: i64,
    action: i64,
    old: &Map<String, Json>,
    new: &Map<String, Json>,
    columns: &[usize],
) {
    let schema = tx.schema();
    let Some(table) = schema.named("audit") else {
        return;
    };
    let of = schema.table(object.0);
    if object.0 == table || of.intersect.is_some() || !is_on(tx) {
        return;
    }
    let own = schema.table(table);
    let mut row = Row::new(own, new_key(tx, table));
    let users = schema.named("systemuser");
    let user = |id: Uuid| users.map_or(Value::Null, |users| Value::Lookup(users, id));
    let mask = columns
        .iter()
        .map(|column| (column + 1).to_string())
        .collect::<Vec<_>>()
        .join(",");
    let detail = serde_json::json!({"old": old, "new": new}).to_string();
    for (name, value) in [
        ("operation", Value::Int(operation)),
        ("action", Value::Int(action)),
        ("createdon", Value::text(&writing.now.iso())),
        ("objectid", Value::Lookup(object.0, object.1)),
        ("objecttypecode", Value::text(&of.name)),
        ("userid", user(writing.caller.user)),
        (
            "callinguserid",
            writing.caller.on_behalf_by.map_or(Value::Null, user),
        ),
        (
            "attributemask",
            if mask.is_empty() {
                Value::Null
            } else {
                Value::text(&mask)
            },
        ),
        ("changedata", Value::text(&detail)),
    ] {
        if let Some(column) = own.position(name) {
            row.cells[column] = value;
        }
    }
    tx.put(table, row);
}

/// Whether auditing is on for the organization.
fn is_on(tx: &Transaction<'_>) -> bool {
    let schema = tx.schema();
    schema.named("organization").is_some_and(|table| {
        let column = schema.table(table).position("isauditenabled");
        column.is_some_and(|column| {
            tx.store()
                .rows(table)
                .next()
                .is_some_and(|row| row.cells[column].flag() == Some(true))
        })
    })
}
