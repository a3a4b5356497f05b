//! Writes as values: what one transaction is to do.

use uuid::Uuid;

use crate::{Cell, Etag};

/// The most operations a changeset may hold (Execute batch operations using the Web API).
pub const MAX_OPERATIONS: usize = 1000;

/// Operations that happen together or not at all, in order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Changeset {
    /// At most [`MAX_OPERATIONS`], carried out in this order.
    pub operations: Vec<Operation>,
    /// The unmanaged solution that new and changed components land in (`MSCRM.SolutionUniqueName`).
    pub solution: Option<String>,
}

/// A value to write, under a column or a navigation property.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A column's value; null clears it.
    Cell(Cell),
    /// The lookup of a single-valued navigation property: its name is the key, in its exact case.
    Bind {
        /// The target's entity set.
        set: String,
        /// The target.
        id: Uuid,
    },
    /// Empties the lookup of a single-valued navigation property (a plain null, which is what works).
    Unbind,
}

impl<C: Into<Cell>> From<C> for Value {
    fn from(cell: C) -> Self {
        Value::Cell(cell.into())
    }
}

/// One write.
#[derive(Debug, Clone, PartialEq)]
pub enum Operation {
    /// Inserts a row under a key of the client's choice; refused where the key exists.
    Create {
        /// The entity set.
        set: String,
        /// The column of the primary key.
        key_column: String,
        /// The primary key.
        id: Uuid,
        /// Columns and navigation properties, without the key.
        body: Vec<(String, Value)>,
    },
    /// Changes the given columns of an existing row; never creates one.
    Update {
        /// The entity set.
        set: String,
        /// The row.
        id: Uuid,
        /// Only if this is still its version; with none, whatever the version.
        if_match: Option<Etag>,
        /// Columns and navigation properties to change.
        body: Vec<(String, Value)>,
    },
    /// Deletes a row.
    Delete {
        /// The entity set.
        set: String,
        /// The row.
        id: Uuid,
        /// Only if this is still its version; with none, whatever the version.
        if_match: Option<Etag>,
    },
    /// Adds a row to the collection of another.
    Link {
        /// The entity set of the row that has the collection.
        set: String,
        /// The row that has the collection.
        id: Uuid,
        /// The collection-valued navigation property, in its exact case.
        navigation: String,
        /// The entity set of the row to add.
        target_set: String,
        /// The row to add.
        target: Uuid,
    },
    /// Takes a row out of the collection of another.
    Unlink {
        /// The entity set of the row that has the collection.
        set: String,
        /// The row that has the collection.
        id: Uuid,
        /// The collection-valued navigation property, in its exact case.
        navigation: String,
        /// The row to take out.
        target: Uuid,
    },
}
