//! Tables and relationships of Dataverse: names and shapes, no behaviour.

mod field;

use std::cmp::Ordering;

pub use field::*;

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
    /// Of a row that is looked up by another name: the column that people see.
    pub shown: Option<&'static str>,
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

/// A column and the value that it has in every row of a kind.
#[derive(Debug)]
pub struct RowValue {
    /// The column.
    pub field: &'static Field,
    /// The value.
    pub is: RowValueIs,
}

/// A value that tells the rows of a kind from others of their table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowValueIs {
    /// A text.
    Text(&'static str),
    /// A number, or the number of an option.
    Number(i64),
    /// Yes or no.
    Flag(bool),
}

/// Rows without a life of their own, written inside their parent's document.
#[derive(Debug)]
pub struct PartTable {
    /// The table of the rows.
    pub table: &'static Table,
    /// Lookup column to the parent.
    pub parent_column: &'static str,
    /// Navigation property of `parent_column`, in exact case.
    pub parent_navigation: &'static str,
    /// The parent's table.
    pub parent: &'static Table,
    /// How a live row of this parent is recognised.
    pub identity: PartIdentity,
    /// How the parts are written.
    pub written: Written,
    /// The fields of the part, and the columns that a new row gets.
    pub fields: &'static [Field],
    /// How a new row is called.
    pub name: NameOf,
    /// What happens to a live row that the manifest does not list.
    pub unlisted: Unlisted,
    /// The server may add rows of this table by itself when the parent is created.
    pub server_adds: bool,
    /// The server deletes the rows with their parent; else it only empties the lookup and they stay behind.
    pub goes_with_parent: bool,
    /// The parts make up their row, such as the parameters of a tab; else they assign it, such as the roles of a profile.
    pub makes_up_row: bool,
    /// What form their unique names must have.
    pub names: Names,
}

/// What form the names must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// A prefix of 3 to 8 letters and digits, an underscore and a name.
    Ruled,
    /// Any text.
    Free,
}

/// How parts are written in a manifest.
#[derive(Debug, Clone, Copy)]
pub enum Written {
    /// A list, whose order counts.
    List,
    /// A set, exact or at least.
    Set,
    /// A mapping of feature to flag, owned key by key.
    Features(&'static [Choice]),
    /// A mapping of the parameters of a page.
    Parameters,
}

/// How a live part is recognised among its parent's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartIdentity {
    /// By the text in this column, case as it is.
    Text(&'static str),
    /// By the number in this column.
    Number(&'static str),
    /// By the row that this lookup column points to.
    Lookup(&'static str),
    /// By its own unique name.
    UniqueName,
}

/// What an exact list does with a live part that it does not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unlisted {
    /// The row is deleted.
    Delete,
    /// The row stays, and this yes/no column is set to no.
    SwitchOff(&'static str),
    /// Nothing: the product adds rows of its own.
    Leave,
}

impl PartTable {
    /// Whether the column tells the parts of one parent apart.
    #[must_use]
    pub fn is_identity(&self, field: &Field) -> bool {
        match self.identity {
            PartIdentity::Text(column)
            | PartIdentity::Number(column)
            | PartIdentity::Lookup(column) => field.column == column,
            PartIdentity::UniqueName => matches!(field.holds, Holds::UniqueName),
        }
    }

    /// Whether a member of the set may be written as the value of this field alone.
    #[must_use]
    pub fn is_bare(&self, field: &Field) -> bool {
        matches!(self.written, Written::Set)
            && matches!(field.holds, Holds::Lookup { .. })
            && self.is_identity(field)
    }

    /// The names of the features that its rows switch.
    #[must_use]
    pub const fn features(&self) -> &'static [Choice] {
        match self.written {
            Written::Features(names) => names,
            _ => &[],
        }
    }

    /// The number of a feature that is written by name or by number.
    #[must_use]
    pub fn feature_number(&self, key: &str) -> Option<i64> {
        let mut names = self.features().iter();
        let is_number =
            (1..=18).contains(&key.len()) && key.bytes().all(|digit| digit.is_ascii_digit());
        names
            .find(|known| known.word == key)
            .map(|known| known.number)
            .or_else(|| key.parse().ok().filter(|_| is_number))
    }

    /// The name under which a feature is written.
    #[must_use]
    pub fn feature_name(&self, number: i64) -> String {
        let mut names = self.features().iter();
        names
            .find(|known| known.number == number)
            .map_or_else(|| number.to_string(), |known| known.word.to_owned())
    }
}

impl Table {
    /// A table of the desk: its rows have a unique name and are solution components.
    pub(crate) const fn desk(
        logical: &'static str,
        set: &'static str,
        key: &'static str,
        level: u8,
    ) -> Self {
        Self {
            logical,
            set,
            key,
            name: Some("msdyn_uniquename"),
            label: "msdyn_name",
            shown: None,
            component: true,
            level,
        }
    }

    /// A table of the platform: its rows are looked up by name and never written.
    pub(crate) const fn platform(
        logical: &'static str,
        set: &'static str,
        key: &'static str,
        name: &'static str,
    ) -> Self {
        Self {
            logical,
            set,
            key,
            name: Some(name),
            label: name,
            shown: None,
            component: false,
            level: 0,
        }
    }
}

impl Relationship {
    /// Links between tables of the desk.
    pub(crate) const fn many(
        schema_name: &'static str,
        intersect_set: &'static str,
        owner: &'static Table,
        member: &'static Table,
    ) -> Self {
        Self {
            schema_name,
            intersect_set,
            owner,
            owner_column: owner.key,
            member,
            member_column: member.key,
            component: true,
        }
    }
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

/// Users.
pub static USER: Table = Table::platform("systemuser", "systemusers", "systemuserid", "domainname");
