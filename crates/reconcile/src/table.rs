//! Tables and relationships of Dataverse as the rest of the crate handles them: names and shapes, no behaviour.

use std::cmp::Ordering;

/// A Dataverse table.
#[derive(Debug)]
pub struct Table {
    /// Logical name.
    pub logical: &'static str,
    /// Entity set, the name in URLs.
    pub set: &'static str,
    /// Primary key column.
    pub key: &'static str,
    /// The text column that is the row's identity; `None` where a part is known by its parent.
    pub name: Option<&'static str>,
    /// The column that people see as the name.
    pub label: &'static str,
    /// Rows are solution components: they have `ismanaged` and `iscustomizable`.
    pub component: bool,
    /// Place in the order of creation: a row of a lower level never needs one of a higher.
    pub level: u8,
}

/// A many-to-many relationship.
#[derive(Debug)]
pub struct Relationship {
    /// Schema name, which is the navigation property on both sides.
    pub schema_name: &'static str,
    /// Entity set of the intersect table, where the links can be read as rows.
    pub intersect_set: &'static str,
    /// The side whose manifest declares the set.
    pub owner: &'static Table,
    /// Intersect column with the owner's id.
    pub owner_column: &'static str,
    /// The other side.
    pub member: &'static Table,
    /// Intersect column with the member's id.
    pub member_column: &'static str,
    /// Links travel in solutions.
    pub component: bool,
}

impl PartialEq for Table {
    fn eq(&self, other: &Self) -> bool {
        self.logical == other.logical
    }
}
impl Eq for Table {}
impl PartialOrd for Table {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Table {
    fn cmp(&self, other: &Self) -> Ordering {
        self.logical.cmp(other.logical)
    }
}
impl std::hash::Hash for Table {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.logical.hash(state);
    }
}

impl PartialEq for Relationship {
    fn eq(&self, other: &Self) -> bool {
        self.schema_name == other.schema_name
    }
}
impl Eq for Relationship {}
impl PartialOrd for Relationship {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Relationship {
    fn cmp(&self, other: &Self) -> Ordering {
        self.schema_name.cmp(other.schema_name)
    }
}
