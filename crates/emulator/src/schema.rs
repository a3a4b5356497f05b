//! Tables, columns and relationships as the emulator knows them, resolved for fast use.
//!
//! The data itself is in `tables/*.yaml`; [`crate::tables`] reads it.

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

    /// Every table, those that the environment lacks too: their rows are kept.
    pub(crate) fn ids(&self) -> impl Iterator<Item = TableId> + use<> {
        (0..u16::try_from(self.tables.len()).unwrap_or(u16::MAX)).map(TableId)
    }

    /// The tables that the environment has.
    pub(crate) fn visible(&self) -> impl Iterator<Item = &Table> {
        self.tables.iter().filter(|table| !table.absent)
    }
}

/// Who a row of a table belongs to, which decides how far read access can reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ownership {
    User,
    Business,
    Organization,
    None,
}

/// One table.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) id: TableId,
    pub(crate) name: String,
    pub(crate) schema_name: String,
    pub(crate) set: String,
    pub(crate) label: String,
    pub(crate) plural: String,
    pub(crate) ownership: Ownership,
    /// Position of the primary key among the columns.
    pub(crate) key: usize,
    pub(crate) primary_name: Option<usize>,
    /// Rows travel in solutions.
    pub(crate) component: bool,
    /// What follows `prvRead` in the name of the privilege; empty where reading needs none.
    pub(crate) privilege: String,
    pub(crate) columns: Vec<Column>,
    pub(crate) column_by_name: HashMap<String, usize>,
    pub(crate) navigation: BTreeMap<String, Navigation>,
    pub(crate) alternate_keys: Vec<AlternateKey>,
    /// Rows that the product needs.
    pub(crate) protected: Option<Protected>,
    /// What the product fills in when a row is created.
    pub(crate) completes: Vec<Completion>,
    /// Position in [`Schema::many_to_many`] if this is an intersect table.
    pub(crate) intersect: Option<usize>,
    /// Lookups of other tables that point here: table, column, what deleting the target does.
    pub(crate) referenced_by: Vec<(TableId, usize, OnDelete)>,
    pub(crate) object_type_code: i64,
    /// The environment does not have this table.
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

    /// The column that a query property names: a column by its name, a lookup as `_name_value`.
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

/// Rows that can be neither changed nor deleted.
#[derive(Debug, Clone)]
pub(crate) struct Protected {
    pub(crate) column: usize,
    pub(crate) values: Vec<Json>,
    /// Columns that may be written all the same.
    pub(crate) except: Vec<usize>,
}

/// Something that a new row gets from the product.
#[derive(Debug, Clone)]
pub(crate) struct Completion {
    pub(crate) column: usize,
    pub(crate) when: Vec<(usize, Json)>,
    pub(crate) by: CompletedBy,
}

/// What a column of a new row gets.
#[derive(Debug, Clone)]
pub(crate) enum CompletedBy {
    /// A text.
    Text(String),
    /// A lookup to a new row with these texts.
    NewRow(TableId, BTreeMap<String, String>),
}

/// How far a column is required.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Required {
    None,
    Recommended,
    Application,
    System,
}

/// What a column holds.
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

/// What deleting the target of a lookup does to the row that holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnDelete {
    /// The row goes too.
    Cascade,
    /// The lookup is emptied (RemoveLink).
    Empty,
    /// The deletion is refused.
    Restrict,
    /// Nothing: the id stays behind.
    Keep,
}

/// One column.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) schema_name: String,
    pub(crate) label: String,
    pub(crate) kind: Kind,
    pub(crate) required: Required,
    pub(crate) read_only: bool,
    /// Not valid for update, as the metadata says.
    pub(crate) create_only: bool,
    /// Fixed once the row is there, although the metadata does not say so.
    pub(crate) fixed: bool,
    /// A lookup that is empty in `$select` and filled in `$expand`.
    pub(crate) only_expanded: bool,
    pub(crate) localizable: bool,
    pub(crate) date_only: bool,
    pub(crate) length: Option<usize>,
    pub(crate) min: Option<f64>,
    pub(crate) max: Option<f64>,
    pub(crate) options: BTreeMap<i64, String>,
    /// Labels of a yes/no column: false, true.
    pub(crate) flag_labels: (String, String),
    pub(crate) default: Option<Value>,
    pub(crate) global_choice: Option<String>,
    /// Status reasons: which state each belongs to.
    pub(crate) states: BTreeMap<i64, i64>,
    pub(crate) targets: Vec<LookupTarget>,
    pub(crate) indexed: bool,
    /// Kept, but never shown to a client.
    pub(crate) hidden: bool,
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

/// One table that a lookup may point to.
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
    /// A lookup of this table; `None` for one that reaches any of its targets (owners).
    Lookup {
        column: usize,
        target: Option<TableId>,
    },
    /// Rows of another table whose lookup points here.
    Children { table: TableId, column: usize },
    /// Rows linked through an intersect table; `side` is this table's place in the relationship.
    Many { relation: usize, side: usize },
}

/// A many-to-many relationship.
#[derive(Debug, Clone)]
pub(crate) struct ManyToMany {
    pub(crate) schema_name: String,
    pub(crate) tables: [TableId; 2],
    pub(crate) navigation: [String; 2],
    pub(crate) intersect: TableId,
    /// Positions of the two id columns in the intersect table.
    pub(crate) columns: [usize; 2],
    pub(crate) component: bool,
}

/// An alternate key: its name and its columns.
#[derive(Debug, Clone)]
pub(crate) struct AlternateKey {
    pub(crate) name: String,
    pub(crate) columns: Vec<usize>,
}
