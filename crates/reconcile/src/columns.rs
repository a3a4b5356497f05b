//! Columns by the name under which they are written, which is the name used in undo files.

use std::collections::{BTreeMap, BTreeSet};

use deskstate_dataverse::{Cell, Row, Value as Wire};
use deskstate_model::{
    Field, Holds, Kind, Relationship, Table, lookup_read_name, same_json, tables,
};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::kinds;
use crate::kinds::target_table;
use crate::live::Live;

/// A column that a client may write.
pub(crate) struct Column {
    /// The column, or the navigation property of a lookup.
    pub(crate) name: String,
    /// The name under which it is read.
    read: String,
    /// The entity set of a lookup's target; empty for an owner, who is a user or a team.
    pub(crate) set: Option<&'static str>,
    /// The field, if it is one.
    pub(crate) field: Option<&'static Field>,
}

impl Column {
    /// Whether it repeats the values of other rows.
    pub(crate) fn is_copy(&self) -> bool {
        self.field
            .is_some_and(|field| matches!(field.holds, Holds::ParametersCopy))
    }
}

/// Finds a table whose rows deskstate writes by its logical name.
pub(crate) fn table(logical: &str) -> Option<&'static Table> {
    let own = Kind::all().map(|kind| kind.table());
    own.chain(Kind::part_tables().map(|part| part.table))
        .find(|table| table.logical == logical)
}

/// Finds a relationship by its schema name.
pub(crate) fn relationship(schema_name: &str) -> Option<&'static Relationship> {
    Kind::relationships().find(|relationship| relationship.schema_name == schema_name)
}

/// The columns of a table that a client may write.
pub(crate) fn of(table: &'static Table) -> Vec<Column> {
    let mut found: Vec<Column> = Vec::new();
    let mut add = |field: &'static Field| {
        // The server marks protected rows.
        let marks = kinds::marks(table);
        if !field.is_column() || marks.iter().any(|mark| mark.field.column == field.column) {
            return;
        }
        let (name, set) = match field.holds {
            Holds::Lookup { navigation, to } => (navigation, Some(target_table(to).set)),
            Holds::Owner => (field.column, Some("")),
            _ => (field.column, None),
        };
        let column = |name: &str, read: String, set, field| Column {
            name: name.to_owned(),
            read,
            set,
            field,
        };
        found.push(column(
            name,
            field.read_name().into_owned(),
            set,
            Some(field),
        ));
        if let Some(mirror) = &field.mirror {
            found.push(column(mirror.column, mirror.column.to_owned(), None, None));
        }
    };
    kinds::row_fields(table).for_each(&mut add);
    found.extend(kinds::part_of(table).map(|part| Column {
        name: part.parent_navigation.to_owned(),
        read: lookup_read_name(part.parent_column),
        set: Some(part.parent.set),
        field: None,
    }));
    // Manifests have no status of parts, but an undo brings inactive ones back as they were.
    found.extend(kinds::part_of(table).map(|_| Column {
        name: tables::STATUS.column.to_owned(),
        read: tables::STATUS.column.to_owned(),
        set: None,
        field: Some(&tables::STATUS),
    }));
    let mut seen = BTreeSet::new();
    found.retain(|column| seen.insert(column.name.clone()));
    found
}

/// Converts a live column to the format of the file. Null is returned as `None`.
pub(crate) fn saved(column: &Column, row: &Row, live: &Live) -> Json {
    let Some(set) = column.set else {
        return row.get(&column.read).to_json();
    };
    let Some(id) = row.uuid(&column.read) else {
        return Json::Null;
    };
    let set = match set {
        "" if live
            .found
            .teams
            .values()
            .flatten()
            .any(|team| team.id == id) =>
        {
            tables::TEAM.set
        }
        "" => tables::USER.set,
        set => set,
    };
    json!({"set": set, "id": id})
}

/// Converts a written value to the format of the file.
pub(crate) fn written(value: &Wire) -> Json {
    match value {
        Wire::Cell(cell) => cell.to_json(),
        Wire::Bind { set, id } => json!({"set": set, "id": id}),
        Wire::Unbind => Json::Null,
    }
}

/// Adds the write for a value of the file to `body`. The status reason follows the status.
pub(crate) fn write(column: &Column, saved: &Json, body: &mut Vec<(String, Wire)>) {
    let value = match (column.set, bound(saved)) {
        (Some(_), Some((set, id))) => Wire::Bind { set, id },
        (Some(_), None) => Wire::Unbind,
        (None, _) => Wire::Cell(Cell::from(saved.clone())),
    };
    body.push((column.name.clone(), value));
    if column
        .field
        .is_some_and(|field| matches!(field.holds, Holds::Status(_)))
        && let Some(state) = saved.as_i64()
    {
        body.push(("statuscode".to_owned(), Wire::Cell(Cell::Int(state + 1))));
    }
}

pub(crate) fn bound(saved: &Json) -> Option<(String, Uuid)> {
    let set = saved.get("set")?.as_str()?;
    let id = Uuid::parse_str(saved.get("id")?.as_str()?).ok()?;
    Some((set.to_owned(), id))
}

/// Whether a live row has a value of the file, compared as the server compares values.
pub(crate) fn holds(column: &Column, saved: &Json, row: &Row) -> bool {
    // A copy of other values follows them, and the server determines its wording.
    if column.is_copy() {
        return true;
    }
    if column.set.is_some() {
        return row.uuid(&column.read) == bound(saved).map(|(_, id)| id);
    }
    let live = row.get(&column.read);
    match (saved, live) {
        (Json::Null, Cell::Null) => true,
        (Json::Null, Cell::Text(text)) => text.is_empty(),
        (Json::String(saved), Cell::Null) => saved.is_empty(),
        (Json::String(saved), Cell::Text(live)) => {
            // In a text that is no JSON, `1.0` is another value than `1`.
            let parsed = |text: &str| column.field?.json_in(text);
            saved.replace('\r', "") == live.replace('\r', "")
                || matches!((parsed(saved), parsed(live)), (Some(left), Some(right)) if same_json(&left, &right))
        }
        _ => same_json(saved, &live.to_json()),
    }
}

/// Converts a row of the file to the form in which live rows are read, to show its values.
pub(crate) fn as_row(columns: &[Column], saved: &BTreeMap<String, Json>) -> Row {
    let cells = columns.iter().filter_map(|column| {
        let value = saved.get(&column.name)?;
        let cell = match (column.set, bound(value)) {
            (Some(_), Some((_, id))) => Cell::from(id),
            (Some(_), None) => Cell::Null,
            (None, _) => Cell::from(value.clone()),
        };
        Some((column.read.clone(), cell))
    });
    Row::from_cells(cells, None)
}
