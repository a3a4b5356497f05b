//! Tables and relationships of Dataverse: names and structure, no behaviour.

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
    /// The text column that identifies the row; `None` if a part is identified by its parent.
    pub name: Option<&'static str>,
    /// The column that people see as the name.
    pub label: &'static str,
    /// For rows that are looked up by another name: the column that people see.
    pub shown: Option<&'static str>,
    /// Whether rows are solution components, which have `ismanaged` and `iscustomizable`.
    pub component: bool,
    /// Level in the order of creation: a row of a lower level never requires one of a higher level.
    pub level: u8,
}

/// A many-to-many relationship.
#[derive(Debug)]
pub struct Relationship {
    /// Schema name, which is the navigation property on both sides.
    pub schema_name: &'static str,
    /// Entity set of the intersect table, through which the links can be read as rows.
    pub intersect_set: &'static str,
    /// Table whose manifests declare the set.
    pub owner: &'static Table,
    /// Intersect column with the id of the owner.
    pub owner_column: &'static str,
    /// Table of the members.
    pub member: &'static Table,
    /// Intersect column with the id of the member.
    pub member_column: &'static str,
    /// Whether links travel in solutions.
    pub component: bool,
}

/// A column whose value is the same in every row of a kind.
#[derive(Debug)]
pub struct RowValue {
    /// The column.
    pub field: &'static Field,
    /// The value.
    pub is: RowValueIs,
}

/// A value that distinguishes the rows of a kind from other rows of their table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowValueIs {
    /// A text.
    Text(&'static str),
    /// A number, or the number of an option.
    Number(i64),
    /// `true` or `false`.
    Flag(bool),
}

/// Rows that belong to a parent and are written inside its document.
#[derive(Debug)]
pub struct PartTable {
    /// Table of the rows.
    pub table: &'static Table,
    /// Lookup column to the parent.
    pub parent_column: &'static str,
    /// Navigation property of `parent_column`, in exact case.
    pub parent_navigation: &'static str,
    /// The parent's table.
    pub parent: &'static Table,
    /// How a live row is matched with a declared part.
    pub identity: PartIdentity,
    /// How the parts are written.
    pub written: Written,
    /// The fields of the part, including the columns that only a new row gets.
    pub fields: &'static [Field],
    /// How the name of a new row is derived.
    pub name: NameOf,
    /// What happens to a live row that the manifest does not list.
    pub unlisted: Unlisted,
    /// Whether the server may add rows of this table automatically when the parent is created.
    pub server_adds: bool,
    /// Whether the server deletes the rows with their parent. Otherwise it only clears the lookup, and the rows remain.
    pub goes_with_parent: bool,
    /// Whether templates may use the names of the parts as slugs.
    pub supplies_slugs: bool,
    /// Whether the parts are contents of their parent, such as the parameters of a tab. Otherwise they assign it, such as the roles of a
    /// profile.
    pub makes_up_row: bool,
    /// Required form of their unique names.
    pub names: Names,
}

/// Required form of names.
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
    /// A list whose order matters.
    List,
    /// A set, exact or at least.
    Set,
    /// A mapping from feature to flag, owned key by key.
    Features(&'static [Choice]),
    /// A mapping of the parameters of a page.
    Parameters,
}

/// How live parts of a parent are identified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartIdentity {
    /// By the text in this column, case-sensitive.
    Text(&'static str),
    /// By the number in this column.
    Number(&'static str),
    /// By the row that this lookup column points to.
    Lookup(&'static str),
    /// By its own unique name.
    UniqueName,
}

/// How an exact list treats a live part that it does not list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unlisted {
    /// Deletes the row.
    Delete,
    /// Keeps the row and sets this yes/no column to no.
    SwitchOff(&'static str),
    /// Leaves the row alone, because the product adds its own rows.
    Leave,
}

impl PartTable {
    /// Whether the field identifies the parts of one parent.
    #[must_use]
    pub fn is_identity(&self, field: &Field) -> bool {
        match self.identity {
            PartIdentity::Text(column)
            | PartIdentity::Number(column)
            | PartIdentity::Lookup(column) => field.column == column,
            PartIdentity::UniqueName => matches!(field.holds, Holds::UniqueName),
        }
    }

    /// Whether a member of the set may be written as only the value of this field.
    #[must_use]
    pub fn is_bare(&self, field: &Field) -> bool {
        matches!(self.written, Written::Set)
            && matches!(field.holds, Holds::Lookup { .. })
            && self.is_identity(field)
    }

    /// Returns the features that the rows switch, with their names.
    #[must_use]
    pub const fn features(&self) -> &'static [Choice] {
        match self.written {
            Written::Features(names) => names,
            _ => &[],
        }
    }

    /// Returns the number of a feature given by name or by number.
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

    /// Returns the name with which a feature is written.
    #[must_use]
    pub fn feature_name(&self, number: i64) -> String {
        let mut names = self.features().iter();
        names
            .find(|known| known.number == number)
            .map_or_else(|| number.to_string(), |known| known.word.to_owned())
    }
}

impl Table {
    /// Creates a table of the desk, whose rows have a unique name and are solution components.
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

    /// Creates a table of the platform, whose rows are looked up by name and never written.
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
    /// Creates a relationship between tables of the desk.
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
