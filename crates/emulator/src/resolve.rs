//! Finds the row for a key segment, by its primary key or an alternate key.

use http::StatusCode;
use serde_json::{Map, Value as Json};
use uuid::Uuid;

use crate::error::{Outcome, ServiceError, code};
use crate::odata::lexer::{Token, tokens};
use crate::odata::path::Segment;
use crate::schema::{Table, TableId};
use crate::store::{IndexKey, Store};
use crate::switches::Switches;
use crate::value::Value;

/// The id in a segment, whether or not a row has it (an alternate key has to match a row).
pub(crate) fn key(
    store: &Store,
    switches: &Switches,
    table: TableId,
    segment: &Segment,
) -> Outcome<Uuid> {
    if let Some(id) = segment.id() {
        return Ok(id);
    }
    match alternate(store, switches, table, segment)? {
        Alternate::Id(id) => Ok(id),
        Alternate::Absent(_) => Err(key_not_found(&store.schema.table(table).name)),
    }
}

pub(crate) fn key_not_found(table: &str) -> ServiceError {
    ServiceError::new(
        StatusCode::NOT_FOUND,
        code::KEY_NOT_FOUND,
        format!("A record with the specified key values does not exist in {table} entity"),
    )
}

/// Result of looking up an alternate key.
pub(crate) enum Alternate {
    Id(Uuid),
    /// No row has these values.
    Absent(Vec<(usize, Value)>),
}

/// Looks up a `name=value` key.
pub(crate) fn alternate(
    store: &Store,
    switches: &Switches,
    table: TableId,
    segment: &Segment,
) -> Outcome<Alternate> {
    let own = store.schema.table(table);
    if segment
        .key
        .as_deref()
        .is_some_and(|key| key.trim_start().starts_with('\''))
    {
        return Err(ServiceError::bad(
            code::BAD_SEGMENT,
            "Bad Request - Error in query syntax.",
        ));
    }
    let pairs = segment.pairs();
    let mut columns = Vec::new();
    for (name, value) in &pairs {
        let column = own.property(name).ok_or_else(|| not_a_key(own))?;
        columns.push((column, literal(value).ok_or_else(|| not_a_key(own))?));
    }
    if let [(column, value)] = columns.as_slice()
        && *column == own.key
        && !matches!(own.name.as_str(), "systemuser" | "team")
    {
        return value.id().map(Alternate::Id).ok_or_else(|| not_a_key(own));
    }
    let mut wanted: Vec<usize> = columns.iter().map(|(column, _)| *column).collect();
    wanted.sort_unstable();
    let by_unique_name = switches.unique_name_keys
        && own
            .position("msdyn_uniquename")
            .is_some_and(|column| wanted == [column]);
    let known = by_unique_name
        || own.alternate_keys.iter().any(|key| {
            let mut members = key.columns.clone();
            members.sort_unstable();
            members == wanted
        });
    if pairs.is_empty() || !known {
        return Err(not_a_key(own));
    }
    let found = find(store, table, &columns);
    Ok(found.map_or(Alternate::Absent(columns), Alternate::Id))
}

/// Adds the values of a key without a matching row to the row to create. Values in the body take precedence (Upsert a record).
///
/// # Errors
/// If a client cannot write such a value: the row would not have the key.
pub(crate) fn fill_in(
    own: &Table,
    values: Vec<(usize, Value)>,
    body: &mut Map<String, Json>,
) -> Outcome<()> {
    for (column, value) in values {
        if own.columns[column].read_only {
            return Err(key_not_found(&own.name));
        }
        let name = own.columns[column].property();
        if !body.contains_key(&name) && !own.columns[column].kind.is_lookup() {
            let json = value.json(&name);
            body.insert(name, json);
        }
    }
    Ok(())
}

/// The row that has all these values.
pub(crate) fn find(store: &Store, table: TableId, columns: &[(usize, Value)]) -> Option<Uuid> {
    let equal = |row: &crate::store::Row| {
        columns.iter().all(|(column, value)| {
            row.cells[*column].compare(value) == Some(std::cmp::Ordering::Equal)
        })
    };
    let indexed = columns
        .iter()
        .find_map(|(column, value)| store.find(table, *column, &IndexKey::of(value)?));
    match indexed {
        Some(ids) => ids
            .into_iter()
            .find(|id| store.get(table, *id).is_some_and(|row| equal(row))),
        None => store.rows(table).find(|row| equal(row)).map(|row| row.id),
    }
}

fn literal(text: &str) -> Option<Value> {
    match tokens(text).ok()?.as_slice() {
        [Token::Text(text)] => Some(Value::text(text)),
        [Token::Int(number)] => Some(Value::Int(*number)),
        [Token::Id(id)] => Some(Value::Id(*id)),
        [Token::Name(name)] if name == "true" => Some(Value::Flag(true)),
        [Token::Name(name)] if name == "false" => Some(Value::Flag(false)),
        _ => None,
    }
}

fn not_a_key(table: &Table) -> ServiceError {
    ServiceError::bad(
        code::BAD_QUERY,
        format!(
            "The key in the request URI is not valid for resource 'Microsoft.Dynamics.CRM.{}'. Ensure that the names and number of key properties match the declared or alternate key properties for the resource 'Microsoft.Dynamics.CRM.{}'.",
            table.name, table.name
        ),
    )
}
