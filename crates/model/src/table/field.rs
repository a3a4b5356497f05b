//! One field of a kind or of a part: its word, its column, and the rules for its value. It is plain data that the rest of the program
//! interprets: decoding, schemas, the reference, `$select`, comparing and writing all use it.

use std::borrow::Cow;

use super::{Names, PartIdentity, PartTable, Relationship, Table, Written};
use crate::set::SetMode;

/// One field of a kind or of a part.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// The word in a manifest, lowerCamelCase of the label on Microsoft's page.
    pub word: &'static str,
    /// Whether manifests write the field. Otherwise it follows from the other fields, and only plans use the word.
    pub is_written: bool,
    /// Purpose of the field.
    pub meaning: &'static str,
    /// Logical name of the column; for a set, the schema name of the relationship; for parts, their table.
    pub column: &'static str,
    /// What the field holds and how it is stored.
    pub holds: Holds,
    /// Whether the text exists once per language. Reads return the caller's language.
    pub localizable: bool,
    /// Whether the server accepts the value only when the row is created.
    pub create_only: bool,
    /// Whether the lookup is read with `$expand`, because its column reads as empty.
    pub expanded: bool,
    /// The table of the rows that the text refers to by name.
    pub names: Option<&'static Table>,
    /// The mode of a set that is written as a plain list.
    pub list_means: SetMode,
    /// Whether a document that may have to create the row must set the field.
    pub need: Need,
    /// Maximum length of a text, or of JSON stored as text, in characters.
    pub max_length: Option<u32>,
    /// Minimum and maximum of a number.
    pub range: Option<(i64, i64)>,
    /// Maximum number of items.
    pub max_items: Option<u32>,
    /// Whether `<word>File` may give a path instead of the value.
    pub from_file: bool,
    /// Whether the field determines the type of an item and thus cannot be cleared.
    pub never_null: bool,
    /// Value of a new row if its document does not set the field.
    pub new_row: Option<NewRow>,
    /// The value that the product assumes for an empty column.
    pub null_reads_as: Option<bool>,
    /// A second column that stores the same fact and is always written too.
    pub mirror: Option<Mirror>,
    /// Value of an item that omits the field.
    pub fill: Fill,
    /// Whether the value belongs to the environment that it was read from, such as an address or an id.
    pub of_one_environment: bool,
    /// How the admin center shows the field.
    pub shown: Shown,
    /// Reference text that does not follow from the rest of the table.
    pub words: Words,
}

/// How the admin center shows a field, according to Microsoft's pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// Not known, because no page was checked.
    Unsaid,
    /// As a box, a list, a toggle or a section.
    Labelled(Screen),
    /// Not shown.
    Nowhere {
        /// The alternative, as a sentence; empty if no page describes one.
        instead: &'static str,
    },
}

/// Whether a field is required.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Never.
    Optional,
    /// Required in a document that may have to create the row.
    Required,
    /// Like `Required`, but the project's `defaults` may supply it.
    RequiredOrDefault,
}

/// Value of a new row if its document does not set the field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewRow {
    /// `true` or `false`.
    Flag(bool),
    /// Word of an option.
    Word(&'static str),
}

/// Value of a list item's field that the item omits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fill {
    /// None: the column is left alone.
    Nothing,
    /// `true`, because the item is listed.
    Yes,
    /// In a new row, the text of the field with this word.
    TextOf(&'static str),
    /// In a new row, the display name of the resource that the field with this word refers to.
    NameOf(&'static str),
    /// In a new row, its unique name, truncated to fit.
    UniqueName,
    /// In a new row, the text that identifies it.
    Key {
        /// Whether it follows the name of the parent.
        behind_parent: bool,
    },
}

/// Sentences of the reference that do not follow from the table.
#[derive(Debug, Clone, Copy)]
pub struct Words {
    /// Type of the value, instead of the one derived from `holds`: `URL`, `Set of role names`.
    pub form: &'static str,
    /// More about the value, including the comma or semicolon before it.
    pub more: &'static str,
    /// Additional sentences.
    pub note: &'static str,
    /// The column's spelling in Microsoft's reference, or how the value is stored.
    pub stored: &'static str,
    /// Whether the reference words the default as "a new row is ..." rather than "a new row has ...".
    pub is: bool,
}

/// A box, a list, a toggle or a section of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Screen {
    /// Label.
    pub label: &'static str,
    /// Labels on other pages, or in earlier versions.
    pub formerly: &'static [&'static str],
    /// The command, tab or section that leads to it; empty if it is on the form itself.
    pub under: &'static str,
    /// Hint for people using it, as a sentence.
    pub hint: &'static str,
}

/// An option of a choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// The word in a manifest.
    pub word: &'static str,
    /// The number stored in Dataverse; for a yes/no column, 1 or 0.
    pub number: i64,
    /// Meaning of the option.
    pub meaning: &'static str,
    /// Label in the admin center; empty if it follows from `word`.
    pub label: &'static str,
}

/// How a field is stored.
#[derive(Debug, Clone, Copy)]
pub enum Holds {
    /// Plain text.
    Text,
    /// A YAML mapping stored as compact JSON text, and compared as JSON.
    Json,
    /// A mapping stored as JSON text, or plain text.
    JsonOrText,
    /// The second copy of a tab's parameters: correct if it agrees on every declared parameter.
    ParametersCopy,
    /// A whole number.
    Number,
    /// An option of a choice column, written as its number.
    Option,
    /// `true` or `false`.
    Flag,
    /// `true` or `false`, where the column stores the opposite.
    InvertedFlag,
    /// A choice.
    Choice(&'static [Choice]),
    /// A choice that Dataverse stores in a yes/no column.
    FlagChoice(&'static [Choice]),
    /// A lookup.
    Lookup {
        /// Navigation property to bind with, in exact case.
        navigation: &'static str,
        /// Target of the lookup.
        to: Referent,
    },
    /// The business unit of the role that its item names; it is part of that lookup.
    BusinessUnit,
    /// Ids of rows that are looked up, stored in one text and separated by semicolons; written as a list of names.
    Ids {
        /// Target of the ids.
        to: Referent,
        /// Names whose ids are always present, and which manifests never list.
        always: &'static [&'static str],
    },
    /// `ownerid`: a user or a team.
    Owner,
    /// `statecode`, written together with `statuscode`.
    Status(&'static [Choice]),
    /// Links of a many-to-many relationship.
    Set {
        /// The relationship that stores the links.
        relationship: &'static Relationship,
        /// Target of the links.
        to: Referent,
        /// The links that belong to the field, and how they are written.
        links: Links,
    },
    /// Rows of a part table.
    Parts(&'static PartTable),
    /// The unique name of a part's row; derived if an item omits it. A live row may have a different name.
    UniqueName,
    /// Position in the list, from 1; an item may set a different one if the field has a word.
    Position,
    /// Which of the fields with these words an item sets: exactly one. The others are cleared.
    OneOf(&'static [Choice]),
}

/// The links of a relationship that belong to a field, and how they are written.
#[derive(Debug, Clone, Copy)]
pub enum Links {
    /// All links, as a set.
    All,
    /// All links except the one to the row with this name, as a set.
    Except(&'static str),
    /// The link to the row with this name, as a flag.
    Only(&'static str),
    /// At most one link, as a name.
    One,
    /// A list that mixes items with their own rows, which belong to this row only, and names of shared rows.
    Items(&'static ItemTable),
}

/// The items of a list whose rows may be shared by several resources.
#[derive(Debug)]
pub struct ItemTable {
    /// Fields of an item that has its own row.
    pub own: &'static [Field],
    /// The one field of an item that refers to a row by name.
    pub shared: &'static [Field],
    /// How the name of an item's new row is derived.
    pub name: NameOf,
    /// Required form of their unique names.
    pub names: Names,
}

/// How the unique name of a new part is derived from that of its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameOf {
    /// `parent_camelCase`, from the text of the field with this word.
    Behind(&'static str),
    /// `tool_profile_pane_tab`, from the name under this word; numbered in steps of ten.
    PaneTab(&'static str),
    /// Not derived: it is always given, or the table has none.
    Given,
}

/// Target of a lookup or a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Referent {
    /// Rows that have their own unique name.
    Named(&'static Table),
    /// Users, found by name, e-mail or Entra id.
    User,
    /// Web resources, found by name.
    WebResource,
    /// Macros: rows of `workflow`, found by name.
    Macro,
    /// Security roles.
    Role,
    /// Rows of a table that has no kind, found by name and never written.
    Row(&'static Table),
}

/// A column that repeats another one in a different form.
#[derive(Debug, Clone, Copy)]
pub struct Mirror {
    /// Logical name of the second column.
    pub column: &'static str,
    /// The second column's flag for each number in the first.
    pub flags: &'static [(i64, bool)],
}

impl Field {
    /// Creates a field with default properties.
    #[must_use]
    pub const fn new(word: &'static str, column: &'static str, holds: Holds) -> Self {
        Self {
            word,
            is_written: true,
            meaning: "",
            column,
            holds,
            localizable: false,
            create_only: false,
            expanded: false,
            names: None,
            list_means: SetMode::Exact,
            need: Need::Optional,
            max_length: None,
            range: None,
            max_items: None,
            from_file: false,
            never_null: false,
            new_row: None,
            null_reads_as: None,
            mirror: None,
            fill: Fill::Nothing,
            of_one_environment: false,
            shown: Shown::Unsaid,
            words: Words {
                form: "",
                more: "",
                note: "",
                stored: "",
                is: false,
            },
        }
    }

    /// Returns the display name: the label in the admin center, or the word split into words.
    #[must_use]
    pub fn label(&self) -> String {
        match self.shown {
            Shown::Labelled(screen) => screen.label.to_owned(),
            Shown::Unsaid | Shown::Nowhere { .. } => spaced(self.word),
        }
    }

    /// Finds a field by its word or otherwise by one of its labels, ignoring case.
    pub fn called<'f>(
        fields: impl Iterator<Item = &'f Field> + Clone,
        name: &str,
    ) -> Option<&'f Field> {
        let is_labelled = |field: &&Field| match field.shown {
            Shown::Labelled(screen) => std::iter::once(screen.label)
                .chain(screen.formerly.iter().copied())
                .any(|label| label.eq_ignore_ascii_case(name)),
            Shown::Unsaid | Shown::Nowhere { .. } => false,
        };
        fields
            .clone()
            .find(|field| field.word.eq_ignore_ascii_case(name))
            .or_else(|| fields.clone().find(is_labelled))
    }

    /// Whether a document that may have to create the row must set the field, unless the project's `defaults` do.
    #[must_use]
    pub const fn is_needed(&self) -> bool {
        !matches!(self.need, Need::Optional)
    }

    /// Whether a document that may have to create the row must set the field, regardless of `defaults`.
    #[must_use]
    pub const fn is_required(&self) -> bool {
        matches!(self.need, Need::Required)
    }

    /// Whether `null` may be written to clear the field.
    #[must_use]
    pub const fn is_clearable(&self) -> bool {
        !self.is_needed()
            && !self.never_null
            && match self.holds {
                Holds::Text
                | Holds::Json
                | Holds::JsonOrText
                | Holds::Number
                | Holds::Lookup { .. }
                | Holds::BusinessUnit
                | Holds::UniqueName
                | Holds::Position => true,
                Holds::Set { links, .. } => matches!(links, Links::One),
                _ => false,
            }
    }

    /// Whether its column contains JSON.
    #[must_use]
    pub fn is_json(&self) -> bool {
        matches!(self.holds, Holds::Json | Holds::JsonOrText)
    }

    /// Parses a text of this field as JSON, if the field is for JSON and the text is an object or a list.
    #[must_use]
    pub fn json_in(&self, text: &str) -> Option<serde_json::Value> {
        self.is_json()
            .then(|| serde_json::from_str(text).ok())
            .flatten()
            .filter(|value: &serde_json::Value| value.is_object() || value.is_array())
    }

    /// Whether the field contains names of resources, users or roles, which are compared ignoring case.
    #[must_use]
    pub fn is_name(&self) -> bool {
        match self.holds {
            Holds::Lookup { .. } | Holds::Ids { .. } => true,
            Holds::Set { links, .. } => !matches!(links, Links::Only(_) | Links::Items(_)),
            Holds::Parts(part) => {
                matches!(part.written, Written::Set)
                    && !matches!(part.identity, PartIdentity::UniqueName)
            }
            _ => false,
        }
    }

    /// Returns the fields of its items that manifests write; empty if it has no items.
    pub fn items(&self) -> impl Iterator<Item = &'static Field> + Clone + use<> {
        let (first, rest) = match self.holds {
            Holds::Parts(part) => (&[][..], part.fields),
            Holds::Set {
                links: Links::Items(items),
                ..
            } => (items.shared, items.own),
            _ => (&[][..], &[][..]),
        };
        first.iter().chain(rest).filter(|field| field.is_written)
    }

    /// Returns the options of a choice.
    #[must_use]
    pub const fn options(&self) -> &'static [Choice] {
        match self.holds {
            Holds::Choice(options) | Holds::FlagChoice(options) | Holds::Status(options) => options,
            _ => &[],
        }
    }

    /// Returns the option with this word, ignoring case.
    #[must_use]
    pub fn option(&self, word: &str) -> Option<&'static Choice> {
        let mut options = self.options().iter();
        options.find(|option| option.word.eq_ignore_ascii_case(word))
    }

    /// Returns the property that contains the value in a response: `_x_value` for lookups, otherwise the column.
    #[must_use]
    pub fn read_name(&self) -> Cow<'static, str> {
        match self.holds {
            Holds::Lookup { .. } | Holds::Owner => lookup_read_name(self.column).into(),
            _ => self.column.into(),
        }
    }

    /// Whether the column stores an option that must exist in the environment.
    #[must_use]
    pub const fn is_choice(&self) -> bool {
        matches!(
            self.holds,
            Holds::Choice(_) | Holds::Option | Holds::OneOf(_)
        )
    }

    /// Whether a value that is written as YAML must be a mapping.
    #[must_use]
    pub const fn is_mapping_only(&self) -> bool {
        matches!(self.holds, Holds::JsonOrText)
    }

    /// Whether the value is stored in a column of the row (and not in links or other rows).
    #[must_use]
    pub const fn is_column(&self) -> bool {
        !matches!(
            self.holds,
            Holds::Set { .. } | Holds::Parts(_) | Holds::BusinessUnit
        )
    }
}

impl Choice {
    /// Returns the label in the admin center.
    #[must_use]
    pub fn label(&self) -> String {
        match self.label {
            "" => spaced(self.word),
            label => label.to_owned(),
        }
    }
}

/// Converts `orderNumber` or `order_number` to `Order number`.
#[must_use]
pub fn spaced(word: &str) -> String {
    let mut words = String::with_capacity(word.len() + 4);
    let mut previous_lower = false;
    let mut letters = word.chars().peekable();
    while let Some(character) = letters.next() {
        let begins = previous_lower
            || (!words.is_empty() && letters.peek().is_some_and(|next| next.is_lowercase()));
        if matches!(character, '_' | '-') {
            words.push(' ');
        } else if character.is_uppercase() && begins {
            words.push(' ');
            words.extend(character.to_lowercase());
        } else if words.is_empty() {
            words.extend(character.to_uppercase());
        } else {
            words.push(character);
        }
        previous_lower = character.is_lowercase() || character.is_ascii_digit();
    }
    words.trim().to_owned()
}

/// Returns the property that contains a lookup in a response.
#[must_use]
pub fn lookup_read_name(column: &str) -> String {
    format!("_{column}_value")
}
