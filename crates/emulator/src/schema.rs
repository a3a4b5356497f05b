//! Tables, columns and relationships of the emulator, resolved for fast access.
//!
//! The definitions are in `tables/*.yaml`; [`crate::tables`] reads them.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value as Json;

pub(crate) use crate::value::TableId;
use crate::value::Value;

/// Every table and relationship of the environment.
#[derive(Debug, Clone)]
pub(crate) struct Schema {
    pub(crate) tables: Vec<Table>,
    pub(crate) many_to_many: Vec<ManyToMany>,
    pub(crate) by_name: HashMap<String, TableId>,
    pub(crate) by_set: HashMap<String, TableId>,
}

impl Schema {
    pub(crate) fn table(&self, id: TableId) -> &Table {
        &self.tables[usize::from(id.0)]
    }

    pub(crate) fn named(&self, logical_name: &str) -> Option<TableId> {
        self.by_name.get(logical_name).copied()
    }

    pub(crate) fn with_set(&self, set: &str) -> Option<TableId> {
        self.by_set.get(set).copied()
    }

    /// All tables, including those that the environment lacks: their rows are kept.
    pub(crate) fn ids(&self) -> impl Iterator<Item = TableId> + use<> {
        (0..u16::try_from(self.tables.len()).unwrap_or(u16::MAX)).map(TableId)
    }

    /// The tables that exist in the environment.
    pub(crate) fn visible(&self) -> impl Iterator<Item = &Table> {
        self.tables.iter().filter(|table| !table.absent)
    }
}

/// The owner of the rows of a table, which determines how far read access can reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ownership {
    User,
    Business,
    Organization,
    None,
}

#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) id: TableId,
    pub(crate) name: String,
    pub(crate) schema_name: String,
    pub(crate) set: String,
    pub(crate) label: String,
    pub(crate) plural: String,
    pub(crate) ownership: Ownership,
    /// Index of the primary key among the columns.
    pub(crate) key: usize,
    pub(crate) primary_name: Option<usize>,
    /// Index of the column that repeats the primary key: users and teams are principals, whose key is `ownerid`.
    pub(crate) principal: Option<usize>,
    /// Whether rows can be part of solutions.
    pub(crate) component: bool,
    /// The part after `prvRead` in the name of the privilege; empty if no privilege is needed to read.
    pub(crate) privilege: String,
    pub(crate) columns: Vec<Column>,
    pub(crate) column_by_name: HashMap<String, usize>,
    pub(crate) navigation: BTreeMap<String, Navigation>,
    pub(crate) alternate_keys: Vec<AlternateKey>,
    /// Rows that the product needs.
    pub(crate) protected: Option<Protected>,
    /// Values that the product fills in when a row is created.
    pub(crate) completes: Vec<Completion>,
    /// Index in [`Schema::many_to_many`] if this is an intersect table.
    pub(crate) intersect: Option<usize>,
    /// Lookups in other tables that refer to this one: table, column, effect of deleting the target.
    pub(crate) referenced_by: Vec<(TableId, usize, OnDelete)>,
    pub(crate) object_type_code: i64,
    /// Whether the environment lacks this table.
    pub(crate) absent: bool,
}

impl Table {
    pub(crate) fn column(&self, name: &str) -> Option<(usize, &Column)> {
        let position = *self.column_by_name.get(name)?;
        Some((position, &self.columns[position]))
    }

    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.column_by_name.get(name).copied()
    }

    pub(crate) fn key_name(&self) -> &str {
        &self.columns[self.key].name
    }

    /// The column behind a query property: a column is identified by its name, a lookup by `_name_value`.
    pub(crate) fn property(&self, name: &str) -> Option<usize> {
        if let Some(inner) = name
            .strip_prefix('_')
            .and_then(|rest| rest.strip_suffix("_value"))
        {
            let (position, column) = self.column(inner)?;
            return column.kind.is_lookup().then_some(position);
        }
        let (position, column) = self.column(name)?;
        (!column.kind.is_lookup() && !column.hidden).then_some(position)
    }
}

/// Rows that can neither be changed nor deleted.
#[derive(Debug, Clone)]
pub(crate) struct Protected {
    pub(crate) column: usize,
    pub(crate) values: Vec<Json>,
    /// Columns that can be written nevertheless.
    pub(crate) except: Vec<usize>,
}

/// A value that the product adds to a new row.
#[derive(Debug, Clone)]
pub(crate) struct Completion {
    pub(crate) column: usize,
    pub(crate) when: Vec<(usize, Json)>,
    pub(crate) by: CompletedBy,
}

/// The kind of value that the product adds.
#[derive(Debug, Clone)]
pub(crate) enum CompletedBy {
    /// A text.
    Text(String),
    /// A lookup to a new row with these texts.
    NewRow(TableId, BTreeMap<String, String>),
}

/// Whether a column is required.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Required {
    None,
    Recommended,
    Application,
    System,
}

/// Type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Memo,
    Integer,
    BigInteger,
    Decimal,
    Double,
    Flag,
    Choice,
    State,
    Status,
    Lookup,
    Owner,
    DateTime,
    Id,
    Managed,
    EntityName,
}

impl Kind {
    pub(crate) fn is_lookup(self) -> bool {
        matches!(self, Kind::Lookup | Kind::Owner)
    }

    pub(crate) fn is_choice(self) -> bool {
        matches!(self, Kind::Choice | Kind::State | Kind::Status)
    }
}

/// The effect on a row when the target of its lookup is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnDelete {
    /// The row is deleted as well.
    Cascade,
    /// The lookup is cleared (RemoveLink).
    Empty,
    /// The deletion is rejected.
    Restrict,
    /// No effect: the id remains.
    Keep,
}

#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) schema_name: String,
    pub(crate) label: String,
    pub(crate) kind: Kind,
    pub(crate) required: Required,
    pub(crate) read_only: bool,
    /// Not valid for update, according to the metadata.
    pub(crate) create_only: bool,
    /// Fixed once the row exists, although the metadata does not state it.
    pub(crate) fixed: bool,
    /// A lookup that is empty in `$select` but filled in `$expand`.
    pub(crate) only_expanded: bool,
    pub(crate) localizable: bool,
    pub(crate) date_only: bool,
    pub(crate) length: Option<usize>,
    pub(crate) min: Option<f64>,
    pub(crate) max: Option<f64>,
    pub(crate) options: BTreeMap<i64, String>,
    /// Labels of a yes/no column, for false and true.
    pub(crate) flag_labels: (String, String),
    pub(crate) default: Option<Value>,
    pub(crate) global_choice: Option<String>,
    /// Status reasons and the state of each.
    pub(crate) states: BTreeMap<i64, i64>,
    pub(crate) targets: Vec<LookupTarget>,
    pub(crate) indexed: bool,
    /// Stored, but never shown to clients.
    pub(crate) hidden: bool,
    /// Inherited from the type `principal`, so metadata does not list it.
    pub(crate) inherited: bool,
}

impl Column {
    /// The property name in JSON and queries.
    pub(crate) fn property(&self) -> String {
        if self.kind.is_lookup() {
            format!("_{}_value", self.name)
        } else {
            self.name.clone()
        }
    }
}

/// A table that a lookup may refer to.
#[derive(Debug, Clone)]
pub(crate) struct LookupTarget {
    pub(crate) table: TableId,
    /// Single-valued navigation property, case-sensitive.
    pub(crate) navigation: String,
    pub(crate) relationship: String,
    /// Collection-valued navigation property on the target table.
    pub(crate) collection: String,
    pub(crate) on_delete: OnDelete,
}

/// A navigation property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Navigation {
    /// A lookup of this table; `None` for one that can reach any of its targets (owners).
    Lookup {
        column: usize,
        target: Option<TableId>,
    },
    /// Rows of another table whose lookup refers to this one.
    Children { table: TableId, column: usize },
    /// Rows that are linked through an intersect table. `side` is the position of this table in the relationship.
    Many { relation: usize, side: usize },
}

/// A many-to-many relationship.
#[derive(Debug, Clone)]
pub(crate) struct ManyToMany {
    pub(crate) schema_name: String,
    pub(crate) tables: [TableId; 2],
    pub(crate) navigation: [String; 2],
    pub(crate) intersect: TableId,
    /// Indexes of the two id columns in the intersect table.
    pub(crate) columns: [usize; 2],
    pub(crate) component: bool,
}

/// An alternate key: its name and its columns.
#[derive(Debug, Clone)]
pub(crate) struct AlternateKey {
    pub(crate) name: String,
    pub(crate) columns: Vec<usize>,
}
