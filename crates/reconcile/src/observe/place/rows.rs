//! Rows that manifests look up by name, and workstreams that reference templates.

use std::collections::HashMap;

use deskstate_dataverse::{Cell, Row};
use deskstate_model::{Holds, Kind, Referent, Table, tables};

use super::Observed;
use crate::live::Mention;
use crate::observe::ask::expanded;
use crate::state::{Lookup, fold};

/// Forms of these types are dashboards.
pub(in crate::observe) const DASHBOARD_TYPES: [i64; 4] = [0, 10, 13, 103];
/// Processes of these categories can be macros.
const MACRO_CATEGORIES: [i64; 2] = [6, 9000];
/// The definition of a process, as opposed to its activation.
const DEFINITION: i64 = 1;

impl Observed {
    /// Assigns each row to the lookups with its name.
    pub(super) fn place_rows(&mut self, noun: &str, rows: &[Row]) {
        let Some(table) = table_of(noun) else {
            return;
        };
        let mut wanted: HashMap<String, Vec<&Lookup>> = HashMap::new();
        for lookup in &self.desired_lookups {
            wanted.entry(fold(lookup.name())).or_default().push(lookup);
        }
        for row in rows {
            let (Some(id), Some(name)) = (row.uuid(table.key), row.text(table.label)) else {
                continue;
            };
            let named = wanted.get(&fold(name)).into_iter().flatten();
            for lookup in named.filter(|lookup| fits(lookup, noun, row)) {
                self.found.labels.insert(id, lookup.name().to_owned());
                let rows = self.found.rows.entry((*lookup).clone()).or_default();
                // Pages and parts of a query can have one row twice.
                if !rows.contains(&id) {
                    rows.push(id);
                }
            }
        }
    }

    pub(super) fn place_mentions(&mut self, row: &Row) {
        let workstream = row
            .text(tables::WORKSTREAM.label)
            .unwrap_or_default()
            .to_owned();
        let columns = [
            (&tables::SESSION, tables::WORKSTREAM_SESSION_COLUMNS),
            (
                &tables::NOTIFICATION,
                tables::WORKSTREAM_NOTIFICATION_COLUMNS,
            ),
        ];
        for (table, columns) in columns {
            for column in columns {
                if let Some(name) = row.text(column) {
                    let mention = Mention {
                        id: row.uuid(tables::WORKSTREAM.key),
                        workstream: workstream.clone(),
                        column,
                    };
                    self.mentions
                        .entry((table, fold(name)))
                        .or_default()
                        .push(mention);
                }
            }
        }
    }
}

/// Adds the lookups that only `$expand` returns to the rows.
pub(crate) fn with_expanded(table: &'static Table, rows: Vec<Row>) -> Vec<Row> {
    let expanded: Vec<_> = expanded(table).collect();
    if expanded.is_empty() {
        return rows;
    }
    let with = |row: Row| {
        let found = expanded.iter().filter_map(|(field, navigation, key)| {
            let record = row.expanded(navigation).next()?;
            Some((
                field.read_name().into_owned(),
                Cell::from(record.get(*key)?.as_str()?),
            ))
        });
        let found: Vec<(String, Cell)> = found.collect();
        let own = row
            .cells()
            .filter(|(name, _)| found.iter().all(|(known, _)| known != name))
            .map(|(name, cell)| (name.to_owned(), cell.clone()));
        Row::from_cells(own.chain(found.iter().cloned()), row.etag().cloned())
    };
    rows.into_iter().map(with).collect()
}

fn table_of(noun: &str) -> Option<&'static Table> {
    match noun {
        "web resource" => Some(&tables::WEB_RESOURCE),
        "macro" => Some(&tables::MACRO),
        "view" => Some(&tables::VIEW),
        "form" => Some(&tables::FORM),
        logical => looked_up(logical),
    }
}

/// A table without a kind that is the target of a lookup.
fn looked_up(logical: &str) -> Option<&'static Table> {
    let own = Kind::all().flat_map(Kind::fields);
    let inner = Kind::part_tables().flat_map(|part| part.fields);
    own.chain(inner).find_map(|field| match field.holds {
        Holds::Lookup {
            to: Referent::Row(table),
            ..
        }
        | Holds::Ids {
            to: Referent::Row(table),
            ..
        } if table.logical == logical => Some(table),
        _ => None,
    })
}

/// Whether a row with this name is of the type that a lookup requires.
fn fits(lookup: &Lookup, noun: &str, row: &Row) -> bool {
    let is_of = |column: &str, table: &Option<String>| {
        table
            .as_deref()
            .is_none_or(|table| row.text(column) == Some(table))
    };
    let is_dashboard = || {
        row.int("type")
            .is_some_and(|number| DASHBOARD_TYPES.contains(&number))
    };
    match lookup {
        Lookup::WebResource(_) => noun == "web resource",
        Lookup::Macro(_) => {
            let category = row
                .int("category")
                .is_none_or(|number| MACRO_CATEGORIES.contains(&number));
            let definition = row.int("type").is_none_or(|number| number == DEFINITION);
            noun == "macro" && category && definition
        }
        Lookup::View { table, .. } => noun == "view" && is_of("returnedtypecode", table),
        Lookup::Form { table, .. } => {
            noun == "form" && !is_dashboard() && is_of("objecttypecode", table)
        }
        Lookup::Dashboard(_) => noun == "form" && is_dashboard(),
        Lookup::Row { table, .. } => noun == table.logical,
        Lookup::User(_) | Lookup::Team(_) | Lookup::Role { .. } | Lookup::Organization => false,
    }
}
