//! Rows of a kind's table that are not of the kind, such as certifications in the table of skills. They are told, never taken over.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use deskstate_model::{Referent, Relationship, RowValue, RowValueIs, Table};
use uuid::Uuid;

use super::super::gathered::{FileRow, Said, as_id};
use super::{Assembling, count, derived, flag, label};
use crate::kinds;
use crate::state::fold;

#[derive(Default)]
pub(super) struct Foreign {
    rows: HashMap<(&'static Table, Uuid), String>,
    names: HashMap<(&'static Table, String), Uuid>,
    /// Number of parts of such rows by table, and of links by relationship.
    parts: BTreeMap<&'static str, usize>,
    links: BTreeMap<&'static str, usize>,
}

/// Whether a row of a kind's table is of the kind.
enum OfKind {
    Yes,
    No,
    /// No row of the file has this column, which tells them apart.
    Unknown(&'static str),
}

impl Foreign {
    /// Remembers a row that is not of its table's kind, so that references to it can be explained.
    fn keep(&mut self, row: &FileRow) {
        let text = |column: &str| match row.columns.get(column) {
            Some(Said::Text(text, _)) if !text.trim().is_empty() => Some(text.trim()),
            _ => None,
        };
        let id = text(row.table.key)
            .and_then(as_id)
            .unwrap_or_else(|| derived(row.table, &row.place));
        let name = row.table.name.and_then(text);
        if let Some(name) = name {
            self.names.entry((row.table, fold(name))).or_insert(id);
        }
        let shown = name.map_or_else(|| row.place.clone(), str::to_owned);
        self.rows.insert((row.table, id), shown);
    }

    pub(super) fn holds(&self, table: &'static Table, id: Uuid) -> bool {
        self.rows.contains_key(&(table, id))
    }

    pub(super) fn named(&self, table: &'static Table, name: &str) -> Option<Uuid> {
        self.names.get(&(table, fold(name))).copied()
    }

    pub(super) fn count_link(&mut self, of: &Relationship) {
        *self.links.entry(of.schema_name).or_default() += 1;
    }

    /// Why a reference to such a row cannot be written.
    pub(super) fn told(&self, table: &'static Table, id: Uuid) -> String {
        let shown = self.rows.get(&(table, id)).map_or("", String::as_str);
        format!("`{shown}` is not a {}", kinds::noun(table))
    }

    /// What there is to say of the parts and links of such rows.
    pub(super) fn note(&self) -> Option<String> {
        let told: Vec<String> = self
            .parts
            .iter()
            .chain(&self.links)
            .map(|(name, number)| format!("{name} {number}"))
            .collect();
        let told = told.join(", ");
        (!told.is_empty())
            .then(|| format!("not managed by deskstate: parts and links of such rows ({told})"))
    }
}

impl Assembling {
    /// Returns the rows that are of their table's kind. A definition may take only some rows of its table, such as the skills among the
    /// characteristics; writing another row as one of the kind would turn it into one.
    pub(super) fn of_kinds(&mut self, rows: Vec<FileRow>) -> Vec<FileRow> {
        let columns: BTreeSet<(&'static Table, &'static str)> = rows
            .iter()
            .flat_map(|row| {
                let values = kinds::row_values(row.table).iter();
                values
                    .map(|value| value.field.column)
                    .filter(|column| row.columns.contains_key(*column))
                    .map(|column| (row.table, column))
            })
            .collect();
        let mut numbers: BTreeMap<&'static Table, usize> = BTreeMap::new();
        let mut own = Vec::with_capacity(rows.len());
        for row in rows {
            match of_kind(&row, &columns) {
                OfKind::Yes => own.push(row),
                OfKind::No => {
                    *numbers.entry(row.table).or_default() += 1;
                    self.foreign.keep(&row);
                }
                OfKind::Unknown(column) => {
                    let noun = kinds::noun(row.table);
                    self.leave_out(
                        label(&row),
                        "",
                        format!(
                            "left out: whether it is a {noun} is in the column `{column}`, which the file does not have; export the column too"
                        ),
                    );
                    self.foreign.keep(&row);
                }
            }
        }
        for (table, number) in numbers {
            self.notes.push(format!(
                "not managed by deskstate: {} of {}; {}",
                count(number, "row"),
                table.logical,
                kinds::condition(table)
            ));
        }
        own
    }

    /// Whether a row is a part of a row that is not of its table's kind. If so, it is counted.
    pub(super) fn is_part_of_foreign(&mut self, row: &FileRow) -> bool {
        let Some(part) = kinds::part_of(row.table) else {
            return false;
        };
        let Some(said) = row.columns.get(part.parent_column) else {
            return false;
        };
        let is_foreign = !self.foreign.rows.is_empty()
            && self
                .lookup(Referent::Named(part.parent), said)
                .is_some_and(|parent| self.foreign.holds(part.parent, parent));
        if is_foreign {
            *self.foreign.parts.entry(row.table.logical).or_default() += 1;
        }
        is_foreign
    }
}

/// Whether a row is of its table's kind. `columns` are the columns that any row of the file has.
fn of_kind(row: &FileRow, columns: &BTreeSet<(&'static Table, &'static str)>) -> OfKind {
    for RowValue { field, is } in kinds::row_values(row.table) {
        let text = match row.columns.get(field.column) {
            Some(Said::Text(text, _)) => text.trim(),
            Some(Said::Row(_)) => return OfKind::No,
            None if columns.contains(&(row.table, field.column)) => return OfKind::No,
            None => return OfKind::Unknown(field.column),
        };
        let fits = match is {
            RowValueIs::Text(value) => fold(value) == fold(text),
            RowValueIs::Number(value) => text.parse() == Ok(*value),
            RowValueIs::Flag(value) => flag(text) == Some(*value),
        };
        if !fits {
            return OfKind::No;
        }
    }
    OfKind::Yes
}
