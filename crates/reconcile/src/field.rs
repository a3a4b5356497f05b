//! What a kind's table says about each field: the manifest word, the Dataverse column, and how one becomes the other.
//!
//! Lowering, raising, `$select`, diff words, equality, coverage and export all read these tables.

use crate::table::{Relationship, Table};

/// One field of a kind, or of a part of it.
#[derive(Debug)]
pub struct Field {
    /// The word in the manifest, lowerCamelCase of the label on Microsoft's page.
    pub word: &'static str,
    /// Logical name of the column; for sets the schema name of the relationship.
    pub column: &'static str,
    /// What the field holds and how it is stored.
    pub holds: Holds,
    /// The text exists once per language; reads come in the caller's.
    pub localizable: bool,
    /// Longest text in characters.
    pub max: Option<u32>,
    /// A live null that the product reads as this flag.
    pub null_reads_as: Option<bool>,
    /// A second column that keeps the same fact and is always written along.
    pub mirror: Option<Mirror>,
    /// A row cannot be created without it.
    pub required: bool,
}

/// How a field is stored.
#[derive(Debug, Clone, Copy)]
pub enum Holds {
    /// Text as it stands.
    Text,
    /// A YAML mapping kept as compact JSON text, compared as JSON.
    Json,
    /// A mapping kept as JSON text, or a plain text.
    JsonOrText,
    /// The second copy of a tab's parameters: right as long as it says the same of every parameter that is declared.
    ParametersCopy,
    /// A whole number.
    Number,
    /// An option of a choice column that is written as its number.
    Option,
    /// Yes or no.
    Flag,
    /// Yes or no, where the column says the opposite.
    InvertedFlag,
    /// A choice: words and the numbers that Dataverse keeps.
    Choice(&'static [(&'static str, i64)]),
    /// A choice that Dataverse keeps as a yes/no column.
    FlagChoice(&'static [(&'static str, bool)]),
    /// A lookup: the navigation property to bind with, case included.
    Lookup {
        /// Navigation property, exact case.
        navigation: &'static str,
        /// Where it points.
        to: Target,
    },
    /// `ownerid`: a user or a team.
    Owner,
    /// `statecode`, written together with `statuscode`.
    Status,
    /// A many-to-many set.
    Set {
        /// The relationship that stores it.
        relationship: &'static Relationship,
        /// What the members are.
        to: Target,
    },
    /// Rows of a part table; the kind's own code lowers them.
    Parts(&'static PartTable),
}

/// What a lookup or a set points to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Rows that have a unique name of their own.
    Named(&'static Table),
    /// Users, found by name, e-mail or Entra id.
    User,
    /// Web resources, found by name.
    WebResource,
    /// Macros: rows of `workflow`, found by name.
    Macro,
    /// Security roles.
    Role,
}

/// A column that repeats another one in a different form.
#[derive(Debug)]
pub struct Mirror {
    /// Logical name of the second column.
    pub column: &'static str,
    /// The flag it holds for each number of the first.
    pub flags: &'static [(i64, bool)],
}

/// Rows without a life of their own, written inside their parent's document.
#[derive(Debug)]
pub struct PartTable {
    /// The table of the rows.
    pub table: &'static Table,
    /// Lookup column to the parent, and its navigation property in exact case.
    pub parent_column: &'static str,
    /// Navigation property of `parent_column`.
    pub parent_navigation: &'static str,
    /// The parent's table.
    pub parent: &'static Table,
    /// How a live row of this parent is recognised.
    pub identity: PartIdentity,
    /// The fields of the part.
    pub fields: &'static [Field],
    /// What happens to a live row that the manifest does not list.
    pub unlisted: Unlisted,
    /// The server may add rows of this table by itself when the parent is created.
    pub server_adds: bool,
    /// The server deletes the rows with their parent; else it only empties the lookup and they stay behind.
    pub goes_with_parent: bool,
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

const fn field(word: &'static str, column: &'static str, holds: Holds) -> Field {
    Field {
        word,
        column,
        holds,
        localizable: false,
        max: None,
        null_reads_as: None,
        mirror: None,
        required: false,
    }
}

/// A text column.
pub const fn text(word: &'static str, column: &'static str) -> Field {
    field(word, column, Holds::Text)
}
/// A mapping kept as JSON text.
pub const fn json(word: &'static str, column: &'static str) -> Field {
    field(word, column, Holds::Json)
}
/// A mapping kept as JSON text, or plain text.
pub const fn json_or_text(word: &'static str, column: &'static str) -> Field {
    field(word, column, Holds::JsonOrText)
}
/// The second copy of a tab's parameters.
pub const fn parameters_copy(word: &'static str, column: &'static str) -> Field {
    field(word, column, Holds::ParametersCopy)
}
/// A whole number.
pub const fn number(word: &'static str, column: &'static str) -> Field {
    field(word, column, Holds::Number)
}
/// The number of an option.
pub const fn option(word: &'static str, column: &'static str) -> Field {
    field(word, column, Holds::Option)
}
/// A yes/no column.
pub const fn flag(word: &'static str, column: &'static str) -> Field {
    field(word, column, Holds::Flag)
}
/// A yes/no column that says the opposite of the field.
pub const fn inverted_flag(word: &'static str, column: &'static str) -> Field {
    field(word, column, Holds::InvertedFlag)
}
/// A choice column.
pub const fn choice(
    word: &'static str,
    column: &'static str,
    options: &'static [(&'static str, i64)],
) -> Field {
    field(word, column, Holds::Choice(options))
}
/// A choice kept in a yes/no column.
pub const fn flag_choice(
    word: &'static str,
    column: &'static str,
    options: &'static [(&'static str, bool)],
) -> Field {
    field(word, column, Holds::FlagChoice(options))
}
/// A lookup whose navigation property has the column's name.
pub const fn lookup(word: &'static str, column: &'static str, to: Target) -> Field {
    field(
        word,
        column,
        Holds::Lookup {
            navigation: column,
            to,
        },
    )
}
/// A lookup whose navigation property is spelled differently from its column.
pub const fn lookup_by(
    word: &'static str,
    column: &'static str,
    navigation: &'static str,
    to: Target,
) -> Field {
    field(word, column, Holds::Lookup { navigation, to })
}
/// A many-to-many set.
pub const fn set(word: &'static str, relationship: &'static Relationship, to: Target) -> Field {
    field(
        word,
        relationship.schema_name,
        Holds::Set { relationship, to },
    )
}
/// A list or set of parts.
pub const fn parts(word: &'static str, part: &'static PartTable) -> Field {
    field(word, part.table.logical, Holds::Parts(part))
}
/// `owner`, the same for every user-owned table.
pub const OWNER: Field = field("owner", "ownerid", Holds::Owner);
/// `status`, the same for every kind.
pub const STATUS: Field = field("status", "statecode", Holds::Status);

impl Field {
    /// Exists once per language.
    pub const fn localizable(mut self) -> Self {
        self.localizable = true;
        self
    }
    /// Longest text.
    pub const fn max(mut self, characters: u32) -> Self {
        self.max = Some(characters);
        self
    }
    /// A live null counts as this value.
    pub const fn null_reads_as(mut self, value: bool) -> Self {
        self.null_reads_as = Some(value);
        self
    }
    /// The same fact is kept in a second column too.
    pub const fn mirrored(mut self, column: &'static str, flags: &'static [(i64, bool)]) -> Self {
        self.mirror = Some(Mirror { column, flags });
        self
    }
    /// A row cannot be created without it.
    pub const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// The property that holds the value in a reply: `_x_value` for lookups, else the column.
    pub fn read_name(&self) -> String {
        match self.holds {
            Holds::Lookup { .. } | Holds::Owner => lookup_read_name(self.column),
            _ => self.column.to_owned(),
        }
    }

    /// Whether the column takes one of the options that the environment has for it.
    pub fn is_choice(&self) -> bool {
        matches!(self.holds, Holds::Choice(_) | Holds::Option)
    }

    /// Whether the value must be a mapping where it is written as YAML.
    pub fn is_mapping_only(&self) -> bool {
        matches!(self.holds, Holds::JsonOrText)
    }

    /// Whether the value sits in a column of the row (and not in links or other rows).
    pub fn is_column(&self) -> bool {
        !matches!(self.holds, Holds::Set { .. } | Holds::Parts(_))
    }
}

/// The property under which a lookup is read.
pub fn lookup_read_name(column: &str) -> String {
    format!("_{column}_value")
}
