//! Assembles a snapshot from the contents of files: names and ids are matched, and values get the types of their columns.
//!
//! A file contains few ids. Rows without an id get one that is derived from their name; messages never show it.

mod cells;
mod foreign;
mod links;
mod names;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use deskstate_dataverse::Row;
use deskstate_model::{Kind, ResourceKey, Table, UniqueName};
use uuid::Uuid;

use self::foreign::Foreign;
use self::links::Pairs;
use super::gathered::{FileRow, Gathered, Said, all_tables};
use super::others;
use crate::kinds;
use crate::live::{Access, Facts, Found, Live, LiveLinks, LiveTable};
use crate::raise::{LeftOut, Loss};
use crate::state::RowKey;

/// The snapshot, and what it lacks.
pub(super) struct Assembled {
    pub(super) live: Live,
    pub(super) left_out: Vec<(String, LeftOut)>,
    pub(super) unmodelled: Vec<String>,
    pub(super) notes: Vec<String>,
    pub(super) referred: Vec<ResourceKey>,
}

/// Assembles the snapshot. Rows of a managed solution are locked wherever it is imported.
pub(super) fn assemble(gathered: Gathered, managed: bool) -> Assembled {
    let Gathered {
        rows,
        links,
        other_rows,
        unknown,
        names,
        users,
        lacks,
        unread,
        ..
    } = gathered;
    let mut assembling = Assembling {
        managed,
        ..Assembling::default()
    };
    if let Some(file) = lacks {
        assembling.leave_out(
            file.to_owned(),
            "",
            "expected this file, found none; links and names that it would hold are missing"
                .to_owned(),
        );
    }
    if let Some(first) = unread.first() {
        let more = match unread.len() {
            1 => String::new(),
            number => format!(" and {} more", number - 1),
        };
        assembling.leave_out(
            format!("{first}{more}"),
            "",
            "not read: expected `data_schema.xml` next to it, found none; copy the schema into its folder and pass that folder"
                .to_owned(),
        );
    }
    assembling.named(names);
    assembling.people(users);
    let rows = assembling.of_kinds(rows);
    let rows: Vec<(Uuid, FileRow)> = assembling.identify(rows);
    for (id, row) in &rows {
        if assembling.is_part_of_foreign(row) {
            continue;
        }
        let cells = assembling.cells(*id, row);
        assembling.rows.entry(row.table).or_default().push(cells);
    }
    assembling.parameters_from_copies();
    let pairs = assembling.pairs(&links);
    assembling.notes.extend(assembling.foreign.note());
    assembling.unknown_links(unknown);
    assembling
        .notes
        .extend(others(&other_rows).map(|others| format!("not managed by deskstate: {others}")));
    assembling.finish(pairs)
}

/// For example `1 link`, `2 links`.
fn count(number: usize, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{ending}")
}

#[derive(Default)]
struct Assembling {
    managed: bool,
    found: Found,
    /// Rows by table and lowercase name; the first one if several share a name.
    by_name: HashMap<(&'static Table, String), Uuid>,
    ids: HashMap<&'static Table, BTreeSet<Uuid>>,
    rows: BTreeMap<&'static Table, Vec<Row>>,
    left_out: Vec<(String, LeftOut)>,
    notes: Vec<String>,
    /// Rows that the file refers to and does not contain.
    referred: Vec<ResourceKey>,
    /// Columns that no kind models, with the number of rows.
    unmodelled: BTreeMap<(&'static str, String), usize>,
    /// Number of texts in more than one language.
    languages: BTreeMap<&'static str, usize>,
    foreign: Foreign,
}

impl Assembling {
    fn leave_out(&mut self, resource: String, path: &str, why: String) {
        let path = path.to_owned();
        let loss = Loss::Lost;
        self.left_out.push((resource, LeftOut { path, why, loss }));
    }

    /// Whether the file does not contain a row.
    fn lacks(&self, table: &'static Table, id: Uuid) -> bool {
        self.ids.get(table).is_none_or(|ids| !ids.contains(&id))
    }

    /// The kind and the name of a row, or its id if the file does not contain it.
    fn label_of(&self, table: &'static Table, id: Uuid) -> String {
        let mut rows = self.rows.get(table).into_iter().flatten();
        let row = rows.find(|row| row.uuid(table.key) == Some(id));
        let name = row.and_then(|row| kinds::name_of(table, row));
        let name = name.filter(|name| !name.trim().is_empty());
        let name = name.map_or_else(|| id.to_string(), |name| name.trim().to_owned());
        format!("{} {name}", kinds::noun(table))
    }

    fn finish(mut self, mut pairs: Pairs) -> Assembled {
        let mut unmodelled = Vec::new();
        for ((table, column), number) in std::mem::take(&mut self.unmodelled) {
            let rows = count(number, "row");
            unmodelled.push(format!(
                "`{column}` of {table} is not managed by deskstate ({rows})"
            ));
        }
        for (table, number) in std::mem::take(&mut self.languages) {
            let texts = count(number, "text");
            unmodelled.push(format!(
                "{texts} of {table} in other languages: manifests hold the base language alone"
            ));
        }
        let mut live_tables = BTreeMap::new();
        for table in all_tables() {
            let rows = self.rows.remove(table).unwrap_or_default();
            let access = if rows.is_empty() {
                Access::Absent
            } else {
                Access::Whole
            };
            let part = kinds::part_of(table);
            live_tables.insert(table, LiveTable::index(table, part, rows, access));
        }
        let links = Kind::relationships()
            .map(|relationship| {
                let pairs = pairs.remove(relationship).unwrap_or_default();
                let access = if pairs.is_empty() {
                    Access::Absent
                } else {
                    Access::Whole
                };
                (relationship, LiveLinks::new(pairs, access))
            })
            .collect();
        let live = Live {
            tables: live_tables,
            links,
            found: self.found,
            facts: Facts {
                // Texts are in the solution's own language.
                base_language: Some(0),
                caller_language: Some(0),
                ..Facts::default()
            },
            mentions: BTreeMap::new(),
            mentions_unread: Some("a file has no workstreams".to_owned()),
            metadata: None,
            requests: 0,
        };
        self.left_out.sort();
        Assembled {
            live,
            left_out: self.left_out,
            unmodelled,
            notes: self.notes,
            referred: self.referred,
        }
    }
}

/// The derived id of a row without an id in the file.
fn derived(table: &'static Table, name: &str) -> Uuid {
    RowKey::Named {
        table,
        name: UniqueName::new(name),
    }
    .derived_id()
}

/// The label of a row in messages.
fn label(row: &FileRow) -> String {
    let name = match row.table.name.and_then(|column| row.columns.get(column)) {
        Some(Said::Text(name, _)) if !name.trim().is_empty() => name.trim(),
        _ => return row.place.clone(),
    };
    match Kind::of_table(row.table) {
        Some(kind) => format!("{} {name}", kind),
        None => format!("{} {name}", row.table.logical),
    }
}

fn flag(text: &str) -> Option<bool> {
    let text = text.trim();
    match text {
        "1" => Some(true),
        "0" => Some(false),
        _ if text.eq_ignore_ascii_case("true") => Some(true),
        _ if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}
