//! Rows of a reply, stored compactly: names once per reply, and no cells for nulls.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{Cell, Etag, MAX_EXPANDED};

const FORMATTED: &str = "@OData.Community.Display.V1.FormattedValue";
const LOOKUP_TABLE: &str = "@Microsoft.Dynamics.CRM.lookuplogicalname";

/// The column names shared by the rows of one reply.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Columns {
    names: Vec<Arc<str>>,
    slots: HashMap<Arc<str>, u32>,
    /// Which columns every row of the reply must have.
    expected: Expected,
}

/// The selected columns, while a reply is read: an absent column is not an empty one.
#[derive(Debug, Default, Clone, PartialEq)]
struct Expected {
    names: Vec<String>,
    /// By slot, whether the column is selected.
    selected: Vec<bool>,
    /// Whether a row lacked one.
    lacking: bool,
}

impl Columns {
    pub(crate) fn slot(&self, name: &str) -> Option<u32> {
        self.slots.get(name).copied()
    }

    /// Expects these columns in every row.
    pub(crate) fn expect(&mut self, names: &[String]) {
        self.expected.names = names.to_vec();
    }

    /// Whether the column in this slot is expected.
    pub(crate) fn is_expected(&self, slot: u32) -> bool {
        self.expected.selected.get(slot as usize) == Some(&true)
    }

    /// Notes how many of the expected columns a row has.
    pub(crate) fn count_row(&mut self, found: usize) {
        self.expected.lacking |= found < self.expected.names.len();
    }

    /// A column that rows lack: its name, if no row has it.
    pub(crate) fn lacking(&self) -> Option<Option<&str>> {
        let mut names = self.expected.names.iter();
        let nowhere = names.find(|name| {
            self.slot(name).is_none() && self.slot(&format!("_{name}_value")).is_none()
        });
        self.expected.lacking.then(|| nowhere.map(String::as_str))
    }

    /// Forgets what was expected, since all rows are read.
    pub(crate) fn read(mut self) -> Self {
        self.expected = Expected::default();
        self
    }

    /// Returns the slot of a name. A new name gets the next slot.
    pub(crate) fn intern(&mut self, name: &str) -> u32 {
        if let Some(slot) = self.slot(name) {
            return slot;
        }
        let slot = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        // A lookup may be selected by its own name.
        let inner = name
            .strip_prefix('_')
            .and_then(|rest| rest.strip_suffix("_value"));
        let mut names = self.expected.names.iter();
        let is_expected = names.any(|one| one == name || Some(one.as_str()) == inner);
        self.expected.selected.push(is_expected);
        let name: Arc<str> = name.into();
        self.names.push(Arc::clone(&name));
        self.slots.insert(name, slot);
        slot
    }

    /// Like [`Columns::intern`], but tries the given slot first: the rows of a reply usually have their columns in the same order.
    pub(crate) fn intern_near(&mut self, name: &str, slot: u32) -> u32 {
        let likely = self.names.get(slot as usize);
        if likely.is_some_and(|likely| **likely == *name) {
            return slot;
        }
        self.intern(name)
    }

    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }
}

/// One row: its columns by name, and its version.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    columns: Arc<Columns>,
    /// Sorted by slot, without nulls.
    cells: Box<[(u32, Cell)]>,
    etag: Option<Etag>,
}

impl Row {
    pub(crate) fn new(
        columns: Arc<Columns>,
        cells: Box<[(u32, Cell)]>,
        etag: Option<Etag>,
    ) -> Self {
        Row {
            columns,
            cells,
            etag,
        }
    }

    /// Creates a row from names and values, for tests and for rows that do not come from a server.
    pub fn from_cells<N: AsRef<str>>(
        cells: impl IntoIterator<Item = (N, Cell)>,
        etag: Option<Etag>,
    ) -> Row {
        let mut columns = Columns::default();
        let mut kept: Vec<(u32, Cell)> = cells
            .into_iter()
            .map(|(name, cell)| (columns.intern(name.as_ref()), cell))
            .filter(|(_, cell)| !cell.is_null())
            .collect();
        kept.sort_by_key(|(slot, _)| *slot);
        kept.dedup_by_key(|(slot, _)| *slot);
        Row::new(Arc::new(columns), kept.into_boxed_slice(), etag)
    }

    /// The value of a column by its name in the reply, or [`Cell::Null`] if it has none.
    ///
    /// Lookups are named `_<name>_value`.
    pub fn get(&self, column: &str) -> &Cell {
        self.columns
            .slot(column)
            .and_then(|slot| {
                let at = self
                    .cells
                    .binary_search_by_key(&slot, |(slot, _)| *slot)
                    .ok()?;
                Some(&self.cells[at].1)
            })
            .unwrap_or(Cell::NULL)
    }

    /// The text of a column.
    pub fn text(&self, column: &str) -> Option<&str> {
        self.get(column).as_text()
    }

    /// The whole number of a column.
    pub fn int(&self, column: &str) -> Option<i64> {
        self.get(column).as_int()
    }

    /// The flag of a column.
    pub fn flag(&self, column: &str) -> Option<bool> {
        self.get(column).as_flag()
    }

    /// The GUID of a column.
    pub fn uuid(&self, column: &str) -> Option<Uuid> {
        Uuid::try_parse(self.text(column)?).ok()
    }

    /// The version of the row, if the table has versions.
    pub fn etag(&self) -> Option<&Etag> {
        self.etag.as_ref()
    }

    /// The formatted value of a column (a choice's label, a lookup's name), if annotations were requested.
    pub fn formatted(&self, column: &str) -> Option<&str> {
        self.text(&format!("{column}{FORMATTED}"))
    }

    /// The table that a polymorphic lookup points to, if annotations were requested.
    pub fn lookup_table(&self, column: &str) -> Option<&str> {
        self.text(&format!("{column}{LOOKUP_TABLE}"))
    }

    /// The records of an expanded navigation property: those of a collection, or the single record of a lookup.
    pub fn expanded(&self, navigation: &str) -> impl Iterator<Item = &Map<String, Value>> {
        let records: &[Value] = match self.get(navigation).as_json() {
            Some(Value::Array(records)) => records,
            Some(record @ Value::Object(_)) => std::slice::from_ref(record),
            _ => &[],
        };
        records.iter().filter_map(Value::as_object)
    }

    /// The primary keys of related records, if only those were requested.
    pub fn related(&self, navigation: &str) -> &[Uuid] {
        match self.get(navigation) {
            Cell::Keys(keys) => keys,
            _ => &[],
        }
    }

    /// Whether an expanded collection has reached the maximum length, so that records may be missing.
    pub fn expanded_may_be_cut(&self, navigation: &str) -> bool {
        match self.get(navigation) {
            Cell::Keys(keys) => keys.len() >= MAX_EXPANDED,
            Cell::Json(value) => value
                .as_array()
                .is_some_and(|records| records.len() >= MAX_EXPANDED),
            _ => false,
        }
    }

    /// The columns that have a value, and their values, in the order in which the reply first named them.
    pub fn cells(&self) -> impl Iterator<Item = (&str, &Cell)> {
        self.cells
            .iter()
            .map(|(slot, cell)| (self.columns.names[*slot as usize].as_ref(), cell))
    }
}

/// All rows of a query, from all its pages.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rows {
    /// In the order of the reply.
    pub rows: Vec<Row>,
}

impl<'a> IntoIterator for &'a Rows {
    type Item = &'a Row;
    type IntoIter = std::slice::Iter<'a, Row>;

    fn into_iter(self) -> Self::IntoIter {
        self.rows.iter()
    }
}

impl IntoIterator for Rows {
    type Item = Row;
    type IntoIter = std::vec::IntoIter<Row>;

    fn into_iter(self) -> Self::IntoIter {
        self.rows.into_iter()
    }
}
