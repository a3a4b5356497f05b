//! Rows of a reply, kept compactly: names once per reply, no cell for a null.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{Cell, Etag, MAX_EXPANDED};

const FORMATTED: &str = "@OData.Community.Display.V1.FormattedValue";
const LOOKUP_TABLE: &str = "@Microsoft.Dynamics.CRM.lookuplogicalname";

/// The column names that the rows of one reply share.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Columns {
    names: Vec<Arc<str>>,
    slots: HashMap<Arc<str>, u32>,
}

impl Columns {
    pub(crate) fn slot(&self, name: &str) -> Option<u32> {
        self.slots.get(name).copied()
    }

    /// The slot of a name, giving it the next one if it is new.
    pub(crate) fn intern(&mut self, name: &str) -> u32 {
        if let Some(slot) = self.slot(name) {
            return slot;
        }
        let slot = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        let name: Arc<str> = name.into();
        self.names.push(Arc::clone(&name));
        self.slots.insert(name, slot);
        slot
    }

    /// The same, looking first where the name is likely to be: rows of a reply have their columns in one order.
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
    /// Sorted by slot; nulls are left out.
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

    /// A row from names and values, for tests and for rows that do not come from a server.
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

    /// The value of a column by its name in the reply; [`Cell::Null`] if there is none.
    ///
    /// Lookups are read as `_<name>_value`.
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

    /// The version of the row, where the table has one.
    pub fn etag(&self) -> Option<&Etag> {
        self.etag.as_ref()
    }

    /// What people see for a column (a choice's label, a lookup's name), if annotations were asked for.
    pub fn formatted(&self, column: &str) -> Option<&str> {
        self.text(&format!("{column}{FORMATTED}"))
    }

    /// The table a polymorphic lookup points to, if annotations were asked for.
    pub fn lookup_table(&self, column: &str) -> Option<&str> {
        self.text(&format!("{column}{LOOKUP_TABLE}"))
    }

    /// The records of an expanded navigation property: a collection's, or the one of a lookup.
    pub fn expanded(&self, navigation: &str) -> impl Iterator<Item = &Map<String, Value>> {
        let records: &[Value] = match self.get(navigation).as_json() {
            Some(Value::Array(records)) => records,
            Some(record @ Value::Object(_)) => std::slice::from_ref(record),
            _ => &[],
        };
        records.iter().filter_map(Value::as_object)
    }

    /// The primary keys of related records, where only those were asked for.
    pub fn related(&self, navigation: &str) -> &[Uuid] {
        match self.get(navigation) {
            Cell::Keys(keys) => keys,
            _ => &[],
        }
    }

    /// Whether an expanded collection is as long as one may be, so that more may exist than is shown.
    pub fn expanded_may_be_cut(&self, navigation: &str) -> bool {
        match self.get(navigation) {
            Cell::Keys(keys) => keys.len() >= MAX_EXPANDED,
            Cell::Json(value) => value
                .as_array()
                .is_some_and(|records| records.len() >= MAX_EXPANDED),
            _ => false,
        }
    }

    /// The columns that have a value, with it, in the order in which the reply first named them.
    pub fn cells(&self) -> impl Iterator<Item = (&str, &Cell)> {
        self.cells
            .iter()
            .map(|(slot, cell)| (self.columns.names[*slot as usize].as_ref(), cell))
    }
}

/// All rows of a query, its pages joined.
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
