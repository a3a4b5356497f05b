//! Rows that describe the tables: messages, the tables that support them, and the labels of options.

use serde_json::{Map, json};

use super::{Rows, SeedError, put};
use crate::schema::Table;
use crate::store::Transaction;

/// Messages that a table supports. A table that clients cannot write supports only the reads.
const READS: &[&str] = &["Retrieve", "RetrieveMultiple"];
const WRITES: &[&str] = &[
    "Create",
    "Update",
    "Delete",
    "CreateMultiple",
    "UpdateMultiple",
    "UpsertMultiple",
    "Associate",
    "Disassociate",
];

fn messages(table: &Table) -> impl Iterator<Item = &'static &'static str> {
    let written = table.intersect.is_none() && !crate::component_layers::is_virtual(&table.name);
    READS.iter().chain(WRITES.iter().filter(move |_| written))
}

pub(super) fn describe(tx: &mut Transaction<'_>) -> Result<(), SeedError> {
    let schema = tx.schema();
    let of = |table: &str| Rows {
        table: table.to_owned(),
        managed: false,
        customizable: true,
        solution: None,
        rows: Vec::new(),
    };
    let row = |tx: &mut Transaction<'_>, rows: &Rows, fields: serde_json::Value| {
        put(tx, rows, fields.as_object().unwrap_or(&Map::new()))
    };
    let (message, filter, label) = (of("sdkmessage"), of("sdkmessagefilter"), of("stringmap"));
    for name in READS.iter().chain(WRITES) {
        row(tx, &message, json!({"key": name, "name": name}))?;
    }
    for table in schema.visible() {
        for name in messages(table) {
            row(
                tx,
                &filter,
                json!({"key": format!("{}/{name}", table.name), "sdkmessageid": name, "primaryobjecttypecode": table.name, "secondaryobjecttypecode": "none"}),
            )?;
        }
        for column in &table.columns {
            for (order, (option, text)) in column.options.iter().enumerate() {
                row(
                    tx,
                    &label,
                    json!({
                        "key": format!("{}/{}/{option}", table.name, column.name), "objecttypecode": table.name, "attributename": column.name,
                        "attributevalue": option, "value": text, "displayorder": order + 1, "langid": 1033,
                    }),
                )?;
            }
        }
    }
    Ok(())
}

/// Whether a row describes something that the environment lacks.
pub(crate) fn describes_nothing(table: Option<&Table>, column: Option<&str>, option: i64) -> bool {
    let Some(table) = table.filter(|table| !table.absent) else {
        return true;
    };
    column.is_some_and(|column| {
        table
            .column(column)
            .is_none_or(|(_, column)| !column.options.contains_key(&option))
    })
}
