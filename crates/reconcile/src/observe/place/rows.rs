//! Rows that manifests look up by name, and workstreams that name templates.

use deskstate_dataverse::Row;
use uuid::Uuid;

use super::Observed;
use crate::kinds::tables;
use crate::live::Mention;
use crate::state::{Lookup, fold};

/// Forms of these types are dashboards.
pub(in crate::observe) const DASHBOARD_TYPES: [i64; 4] = [0, 10, 13, 103];
/// Processes of these categories can be macros.
const MACRO_CATEGORIES: [i64; 2] = [6, 9000];
/// The definition of a process, as opposed to an activation of it.
const DEFINITION: i64 = 1;

impl Observed {
    pub(super) fn place_rows(&mut self, noun: &str, rows: &[Row]) {
        for lookup in &self.desired_lookups {
            let fits = |row: &&Row| -> Option<Uuid> {
                let (table, fits) = match lookup {
                    Lookup::WebResource(_) => (&tables::WEB_RESOURCE, noun == "web resource"),
                    Lookup::Macro(_) => {
                        let category = row
                            .int("category")
                            .is_none_or(|number| MACRO_CATEGORIES.contains(&number));
                        let definition = row.int("type").is_none_or(|number| number == DEFINITION);
                        (&tables::MACRO, noun == "macro" && category && definition)
                    }
                    Lookup::View { table, .. } => {
                        let of_table = table
                            .as_deref()
                            .is_none_or(|table| row.text("returnedtypecode") == Some(table));
                        (&tables::VIEW, noun == "view" && of_table)
                    }
                    Lookup::Form { table, .. } => {
                        let dashboard = row
                            .int("type")
                            .is_some_and(|number| DASHBOARD_TYPES.contains(&number));
                        let of_table = table
                            .as_deref()
                            .is_none_or(|table| row.text("objecttypecode") == Some(table));
                        (&tables::FORM, noun == "form" && !dashboard && of_table)
                    }
                    Lookup::Dashboard(_) => {
                        let dashboard = row
                            .int("type")
                            .is_some_and(|number| DASHBOARD_TYPES.contains(&number));
                        (&tables::FORM, noun == "form" && dashboard)
                    }
                    Lookup::User(_) | Lookup::Team(_) | Lookup::Role { .. } => return None,
                };
                let same_name = row
                    .text(table.label)
                    .is_some_and(|name| fold(name) == fold(lookup.name()));
                (fits && same_name).then(|| row.uuid(table.key)).flatten()
            };
            let ids: Vec<Uuid> = rows.iter().filter_map(|row| fits(&row)).collect();
            for id in &ids {
                self.found.labels.insert(*id, lookup.name().to_owned());
            }
            if !ids.is_empty() {
                self.found
                    .rows
                    .entry(lookup.clone())
                    .or_default()
                    .extend(ids);
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
