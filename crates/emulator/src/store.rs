//! Rows in memory, with indexes, versions and transactions that can be rolled back completely.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use uuid::Uuid;

use crate::schema::{Schema, Table, TableId};
use crate::value::{Value, fold};

/// One row: its cells, in the order of the table's columns.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    pub(crate) id: Uuid,
    /// The version in the etag and `versionnumber`. Every write changes it.
    pub(crate) version: u64,
    pub(crate) cells: Vec<Value>,
    /// Texts of localizable columns in languages other than the organization's: column, language, text.
    pub(crate) translations: Vec<(usize, i64, Box<str>)>,
    /// For a managed row that was changed without a solution: the solution's values of the changed columns.
    pub(crate) below: Vec<(usize, Value)>,
}

impl Row {
    pub(crate) fn new(table: &Table, id: Uuid) -> Row {
        let mut cells = vec![Value::Null; table.columns.len()];
        cells[table.key] = Value::Id(id);
        if let Some(column) = table.principal {
            cells[column] = Value::Id(id);
        }
        Row {
            id,
            version: 0,
            cells,
            translations: Vec::new(),
            below: Vec::new(),
        }
    }

    /// The text of a column in a language, falling back to the organization's.
    pub(crate) fn text_in(&self, column: usize, language: i64) -> Option<&str> {
        self.translations
            .iter()
            .find(|(translated, in_language, _)| *translated == column && *in_language == language)
            .map(|(_, _, text)| text.as_ref())
            .or_else(|| self.cells[column].as_text())
    }
}

/// The key of an index.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum IndexKey {
    Id(Uuid),
    Text(String),
}

impl IndexKey {
    pub(crate) fn of(value: &Value) -> Option<IndexKey> {
        match value {
            Value::Text(text) => Some(IndexKey::Text(fold(text))),
            other => other.id().map(IndexKey::Id),
        }
    }
}

/// The rows under one key of an index: usually only one, which needs no tree.
#[derive(Debug, Clone)]
enum Ids {
    One(Uuid),
    Many(BTreeSet<Uuid>),
}

impl Ids {
    fn add(&mut self, id: Uuid) {
        match self {
            Ids::One(known) => *self = Ids::Many(BTreeSet::from([*known, id])),
            Ids::Many(ids) => {
                ids.insert(id);
            }
        }
    }

    /// Removes an id. Returns whether no id remains.
    fn remove(&mut self, id: Uuid) -> bool {
        match self {
            Ids::One(known) => *known == id,
            Ids::Many(ids) => {
                ids.remove(&id);
                ids.is_empty()
            }
        }
    }

    fn in_order(&self) -> Vec<Uuid> {
        match self {
            Ids::One(id) => vec![*id],
            Ids::Many(ids) => ids.iter().copied().collect(),
        }
    }
}

#[derive(Debug, Default, Clone)]
struct Rows {
    rows: BTreeMap<Uuid, Arc<Row>>,
    indexes: Vec<(usize, HashMap<IndexKey, Ids>)>,
}

impl Rows {
    fn replace(&mut self, id: Uuid, row: Option<Arc<Row>>) -> Option<Arc<Row>> {
        let before = match &row {
            Some(row) => self.rows.insert(id, Arc::clone(row)),
            None => self.rows.remove(&id),
        };
        for (column, index) in &mut self.indexes {
            let old = before
                .as_ref()
                .and_then(|row| IndexKey::of(&row.cells[*column]));
            let new = row
                .as_ref()
                .and_then(|row| IndexKey::of(&row.cells[*column]));
            if old == new {
                continue;
            }
            if let Some(old) = old
                && index.get_mut(&old).is_some_and(|ids| ids.remove(id))
            {
                index.remove(&old);
            }
            if let Some(new) = new {
                match index.entry(new) {
                    Entry::Occupied(mut entry) => entry.get_mut().add(id),
                    Entry::Vacant(entry) => {
                        entry.insert(Ids::One(id));
                    }
                }
            }
        }
        before
    }
}

/// All rows of the environment.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    pub(crate) schema: Arc<Schema>,
    tables: Vec<Rows>,
    /// The last version number that was assigned.
    pub(crate) version: u64,
}

impl Store {
    pub(crate) fn new(schema: Arc<Schema>) -> Store {
        let tables = schema
            .tables
            .iter()
            .map(|table| Rows {
                rows: BTreeMap::new(),
                indexes: table
                    .columns
                    .iter()
                    .enumerate()
                    .filter(|(position, column)| column.indexed && *position != table.key)
                    .map(|(position, _)| (position, HashMap::new()))
                    .collect(),
            })
            .collect();
        Store {
            schema,
            tables,
            version: 700_000,
        }
    }

    pub(crate) fn get(&self, table: TableId, id: Uuid) -> Option<&Arc<Row>> {
        self.tables[usize::from(table.0)].rows.get(&id)
    }

    pub(crate) fn len(&self, table: TableId) -> usize {
        self.tables[usize::from(table.0)].rows.len()
    }

    /// Rows, sorted by id.
    pub(crate) fn rows(&self, table: TableId) -> impl Iterator<Item = &Arc<Row>> {
        self.tables[usize::from(table.0)].rows.values()
    }

    /// Rows whose id comes after the given one, sorted.
    pub(crate) fn rows_after(&self, table: TableId, id: Uuid) -> impl Iterator<Item = &Arc<Row>> {
        use std::ops::Bound;
        self.tables[usize::from(table.0)]
            .rows
            .range((Bound::Excluded(id), Bound::Unbounded))
            .map(|(_, row)| row)
    }

    /// Ids of the rows whose column has a value, from an index; `None` if the column has no index.
    pub(crate) fn find(&self, table: TableId, column: usize, key: &IndexKey) -> Option<Vec<Uuid>> {
        let rows = &self.tables[usize::from(table.0)];
        if column == self.schema.table(table).key {
            let IndexKey::Id(id) = key else {
                return Some(Vec::new());
            };
            return Some(
                rows.rows
                    .contains_key(id)
                    .then_some(*id)
                    .into_iter()
                    .collect(),
            );
        }
        let (_, index) = rows
            .indexes
            .iter()
            .find(|(indexed, _)| *indexed == column)?;
        Some(index.get(key).map(Ids::in_order).unwrap_or_default())
    }

    /// The number of rows that [`Store::find`] would return.
    pub(crate) fn count(&self, table: TableId, column: usize, key: &IndexKey) -> Option<usize> {
        let rows = &self.tables[usize::from(table.0)];
        let (_, index) = rows
            .indexes
            .iter()
            .find(|(indexed, _)| *indexed == column)?;
        Some(match index.get(key) {
            None => 0,
            Some(Ids::One(_)) => 1,
            Some(Ids::Many(ids)) => ids.len(),
        })
    }

    /// The first row whose text column equals a text, ignoring case.
    pub(crate) fn find_text(&self, table: TableId, column: &str, text: &str) -> Option<&Arc<Row>> {
        let position = self.schema.table(table).position(column)?;
        let wanted = fold(text);
        match self.find(table, position, &IndexKey::Text(wanted.clone())) {
            Some(ids) => ids.first().and_then(|id| self.get(table, *id)),
            None => self.rows(table).find(|row| {
                row.cells[position]
                    .as_text()
                    .is_some_and(|text| fold(text) == wanted)
            }),
        }
    }

    pub(crate) fn begin(&mut self) -> Transaction<'_> {
        let version = self.version;
        Transaction {
            store: self,
            before: Vec::new(),
            touched: BTreeSet::new(),
            version,
            done: false,
        }
    }

    /// Stores a row unchanged, including its version, when saved state is loaded.
    pub(crate) fn restore(&mut self, table: TableId, id: Uuid, row: Option<Arc<Row>>) {
        if let Some(row) = &row {
            self.version = self.version.max(row.version);
        }
        self.tables[usize::from(table.0)].replace(id, row);
    }
}

/// The rows that a transaction touched, in their current state (`None` if deleted).
pub(crate) type Changes = Vec<(TableId, Uuid, Option<Arc<Row>>)>;

/// A series of writes that is committed or rolled back as a unit. Dropping it rolls it back.
#[derive(Debug)]
pub(crate) struct Transaction<'store> {
    store: &'store mut Store,
    before: Vec<(TableId, Uuid, Option<Arc<Row>>)>,
    touched: BTreeSet<(TableId, Uuid)>,
    version: u64,
    done: bool,
}

impl Transaction<'_> {
    pub(crate) fn store(&self) -> &Store {
        self.store
    }

    pub(crate) fn schema(&self) -> Arc<Schema> {
        Arc::clone(&self.store.schema)
    }

    pub(crate) fn get(&self, table: TableId, id: Uuid) -> Option<&Arc<Row>> {
        self.store.get(table, id)
    }

    /// Writes a row with the next version number, and returns that number.
    pub(crate) fn put(&mut self, table: TableId, mut row: Row) -> u64 {
        self.store.version += 1;
        row.version = self.store.version;
        let version = row.version;
        self.replace(table, row.id, Some(Arc::new(row)));
        version
    }

    /// Writes a row without changing its version.
    pub(crate) fn put_quietly(&mut self, table: TableId, row: Row) {
        self.replace(table, row.id, Some(Arc::new(row)));
    }

    pub(crate) fn remove(&mut self, table: TableId, id: Uuid) {
        self.store.version += 1;
        self.replace(table, id, None);
    }

    fn replace(&mut self, table: TableId, id: Uuid, row: Option<Arc<Row>>) {
        let before = self.store.tables[usize::from(table.0)].replace(id, row);
        self.before.push((table, id, before));
        self.touched.insert((table, id));
    }

    /// The changes so far: each changed row once, in its current state.
    pub(crate) fn changes(&self) -> Changes {
        self.touched
            .iter()
            .map(|(table, id)| (*table, *id, self.store.get(*table, *id).cloned()))
            .collect()
    }

    /// Commits all writes.
    pub(crate) fn commit(mut self) {
        self.done = true;
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        while let Some((table, id, row)) = self.before.pop() {
            self.store.tables[usize::from(table.0)].replace(id, row);
        }
        self.store.version = self.version;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> Store {
        Store::new(Arc::new(crate::tables::load(None).expect("tables")))
    }

    fn field(store: &Store, number: u128, name: &str) -> (TableId, Row) {
        let id = store
            .schema
            .named("msdyn_notificationfield")
            .expect("table");
        let table = store.schema.table(id);
        let mut row = Row::new(table, Uuid::from_u128(number));
        row.cells[table.position("msdyn_uniquename").expect("column")] = Value::text(name);
        (id, row)
    }

    #[test]
    fn a_dropped_transaction_leaves_rows_indexes_and_versions_as_they_were() {
        let mut store = store();
        let (table, row) = field(&store, 1, "contoso_a");
        let mut first = store.begin();
        first.put(table, row.clone());
        first.commit();
        let version = store.version;
        {
            let mut second = store.begin();
            let (_, renamed) = field(second.store(), 1, "contoso_b");
            second.put(table, renamed);
            let (_, other) = field(second.store(), 2, "contoso_c");
            second.put(table, other);
            second.remove(table, Uuid::from_u128(1));
        }
        assert_eq!(store.version, version);
        assert_eq!(store.len(table), 1);
        assert!(
            store
                .find_text(table, "msdyn_uniquename", "CONTOSO_A")
                .is_some()
        );
        assert!(
            store
                .find_text(table, "msdyn_uniquename", "contoso_b")
                .is_none()
        );
        assert!(
            store
                .find_text(table, "msdyn_uniquename", "contoso_c")
                .is_none()
        );
    }
}
