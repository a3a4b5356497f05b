//! One field of a kind, or of a part of one: its word, its column, and what must hold for its value. Plain data, which the rest of the
//! program interprets: decoding, schemas, the reference, `$select`, comparing and writing all read it.

use std::borrow::Cow;

use super::{Names, PartIdentity, PartTable, Relationship, Table, Written};
use crate::set::SetMode;

/// One field of a kind, or of a part of one.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// The word in a manifest, lowerCamelCase of the label on Microsoft's page.
    pub word: &'static str,
    /// Manifests write it; else it follows from the rest, and the word is what a plan calls it.
    pub is_written: bool,
    /// What it is for.
    pub meaning: &'static str,
    /// Logical name of the column; of a set the schema name of the relationship, of parts their table.
    pub column: &'static str,
    /// What the field holds and how it is stored.
    pub holds: Holds,
    /// The text exists once per language; reads come in the caller's.
    pub localizable: bool,
    /// The server takes the value when the row is created and never again.
    pub create_only: bool,
    /// The column of the lookup reads as empty, so it is read with `$expand`.
    pub expanded: bool,
    /// The table of the rows whose names the text holds.
    pub names: Option<&'static Table>,
    /// What a set is that is written as a list alone.
    pub list_means: SetMode,
    /// Whether a document that may have to create the row must give it.
    pub need: Need,
    /// Greatest length of a text, or of the text that JSON is stored as, in characters.
    pub max_length: Option<u32>,
    /// Smallest and greatest number.
    pub range: Option<(i64, i64)>,
    /// Greatest number of items.
    pub max_items: Option<u32>,
    /// The field `<word>File` takes a path in place of the value.
    pub from_file: bool,
    /// It decides what an item is, so it cannot be cleared.
    pub never_null: bool,
    /// What a new row has where its document says nothing.
    pub new_row: Option<NewRow>,
    /// What the product reads an empty column as.
    pub null_reads_as: Option<bool>,
    /// A second column that keeps the same fact and is always written along.
    pub mirror: Option<Mirror>,
    /// What an item that leaves it out gets.
    pub fill: Fill,
    /// The value belongs to the environment that it was read from, such as an address or an id.
    pub of_one_environment: bool,
    /// What people see of it in the admin center.
    pub shown: Shown,
    /// What the reference says where the rest of the table does not say it.
    pub words: Words,
}

/// What people see of a field in the admin center, as Microsoft's pages name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// No page was looked at.
    Unsaid,
    /// A box, a list, a toggle or a section.
    Labelled(Screen),
    /// Nothing.
    Nowhere {
        /// What people do instead, as a sentence; empty if no page says.
        instead: &'static str,
    },
}

/// Whether a field must be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// It may be left out.
    Optional,
    /// In a document that may have to create the row.
    Required,
    /// Like `Required`, but the project's `defaults` may give it.
    RequiredOrDefault,
}

/// What a new row has where its document says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewRow {
    /// Yes or no.
    Flag(bool),
    /// An option.
    Word(&'static str),
}

/// What an item of a list gets in a field that it leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fill {
    /// Nothing: the column is left alone.
    Nothing,
    /// Being listed means yes.
    Yes,
    /// A new row gets the text of this field.
    TextOf(&'static str),
    /// A new row gets the display name of the resource that this field names.
    NameOf(&'static str),
    /// A new row gets its unique name, as far as it fits.
    UniqueName,
    /// A new row gets what tells it apart; behind the name of its parent if so said.
    Key {
        /// Behind the name of the parent.
        behind_parent: bool,
    },
}

/// Sentences of the reference that do not follow from the table.
#[derive(Debug, Clone, Copy)]
pub struct Words {
    /// What the value is, in place of what its type says: `URL`, `Set of role names`.
    pub form: &'static str,
    /// More about the value, with the comma or semicolon before it.
    pub more: &'static str,
    /// Sentences behind it.
    pub note: &'static str,
    /// How the column is spelled in Microsoft's reference, or how the value is stored.
    pub stored: &'static str,
    /// A new row is what `new_row` says, rather than having it.
    pub is: bool,
}

/// A box, a list, a toggle or a section of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Screen {
    /// Its label.
    pub label: &'static str,
    /// Labels that it has or had elsewhere.
    pub formerly: &'static [&'static str],
    /// The command, tab or section that leads to it; empty if it is on the form itself.
    pub under: &'static str,
    /// What people need to know there, as a sentence.
    pub hint: &'static str,
}

/// An option of a choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// The word in a manifest.
    pub word: &'static str,
    /// The number that Dataverse keeps; of a yes/no column 1 or 0.
    pub number: i64,
    /// What it means.
    pub meaning: &'static str,
    /// What the admin center calls it; empty if it has the words of `word`.
    pub label: &'static str,
}

/// How a field is stored.
#[derive(Debug, Clone, Copy)]
pub enum Holds {
    /// Text as it is.
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
    /// A choice.
    Choice(&'static [Choice]),
    /// A choice that Dataverse keeps as a yes/no column.
    FlagChoice(&'static [Choice]),
    /// A lookup: the navigation property to bind with, case included.
    Lookup {
        /// Navigation property, exact case.
        navigation: &'static str,
        /// Where it points.
        to: Referent,
    },
    /// The business unit of the role that its item names; part of that lookup.
    BusinessUnit,
    /// Ids of rows that are looked up, in one text with a semicolon between them; written as a list of names.
    Ids {
        /// What the ids are of.
        to: Referent,
        /// Names whose ids are always among them, and which no manifest writes.
        always: &'static [&'static str],
    },
    /// `ownerid`: a user or a team.
    Owner,
    /// `statecode`, written together with `statuscode`.
    Status(&'static [Choice]),
    /// Links of a many-to-many relationship.
    Set {
        /// The relationship that stores it.
        relationship: &'static Relationship,
        /// What the members are.
        to: Referent,
        /// Which links, and how they are written.
        links: Links,
    },
    /// Rows of a part table.
    Parts(&'static PartTable),
    /// The unique name of a part's row; derived where an item leaves it out. A live row may be called otherwise.
    UniqueName,
    /// The place in the list, from 1; an item may say another where the field has a word.
    Position,
    /// Which of the fields with these words an item gives: exactly one. The others are emptied.
    OneOf(&'static [Choice]),
}

/// Which links of a relationship a field speaks of, and how they are written.
#[derive(Debug, Clone, Copy)]
pub enum Links {
    /// All, as a set.
    All,
    /// All but the one to the row of this name, as a set.
    Except(&'static str),
    /// The one to the row of this name: a flag.
    Only(&'static str),
    /// At most one, as a name.
    One,
    /// A list: rows of their own table that belong to this row alone, and names of rows that several share.
    Items(&'static ItemTable),
}

/// The items of a list whose rows several resources may share.
#[derive(Debug)]
pub struct ItemTable {
    /// The fields of an item with a row of its own.
    pub own: &'static [Field],
    /// The one field of an item that names a row.
    pub shared: &'static [Field],
    /// How a new row of its own is called.
    pub name: NameOf,
    /// What form their unique names must have.
    pub names: Names,
}

/// How the unique name of a new part is made from that of its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameOf {
    /// `parent_camelCase`, of the text of the field with this word.
    Behind(&'static str),
    /// `tool_profile_pane_tab`, of the name under this word; numbered in tens.
    PaneTab(&'static str),
    /// Nothing: it is always given, or the table has none.
    Given,
}

/// What a lookup or a set points to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Referent {
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
    /// Rows of a table that no kind is defined for, found by name and never written.
    Row(&'static Table),
}

/// A column that repeats another one in a different form.
#[derive(Debug, Clone, Copy)]
pub struct Mirror {
    /// Logical name of the second column.
    pub column: &'static str,
    /// The flag it holds for each number of the first.
    pub flags: &'static [(i64, bool)],
}

impl Field {
    /// A field of which nothing more is said.
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

    /// What people call it: its label in the admin center, or else the words of its word.
    #[must_use]
    pub fn label(&self) -> String {
        match self.shown {
            Shown::Labelled(screen) => screen.label.to_owned(),
            Shown::Unsaid | Shown::Nowhere { .. } => spaced(self.word),
        }
    }

    /// The field that people call so, in any case: by its word, else by one of its labels.
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

    /// Whether a document that may have to create the row must give it, unless the project's `defaults` do.
    #[must_use]
    pub const fn is_needed(&self) -> bool {
        !matches!(self.need, Need::Optional)
    }

    /// Whether a document that may have to create the row must give it.
    #[must_use]
    pub const fn is_required(&self) -> bool {
        matches!(self.need, Need::Required)
    }

    /// Whether `null` may be written to clear it.
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

    /// The JSON that a text of this field holds, if the field is for JSON and the text is an object or a list.
    #[must_use]
    pub fn json_in(&self, text: &str) -> Option<serde_json::Value> {
        matches!(self.holds, Holds::Json | Holds::JsonOrText)
            .then(|| serde_json::from_str(text).ok())
            .flatten()
            .filter(|value: &serde_json::Value| value.is_object() || value.is_array())
    }

    /// Whether it names resources, users or roles, which are compared without case.
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

    /// The fields of its items that a manifest writes; none where it has no items.
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

    /// The options of a choice.
    #[must_use]
    pub const fn options(&self) -> &'static [Choice] {
        match self.holds {
            Holds::Choice(options) | Holds::FlagChoice(options) | Holds::Status(options) => options,
            _ => &[],
        }
    }

    /// The option of this word, in any case.
    #[must_use]
    pub fn option(&self, word: &str) -> Option<&'static Choice> {
        let mut options = self.options().iter();
        options.find(|option| option.word.eq_ignore_ascii_case(word))
    }

    /// The property that holds the value in a reply: `_x_value` for lookups, else the column.
    #[must_use]
    pub fn read_name(&self) -> Cow<'static, str> {
        match self.holds {
            Holds::Lookup { .. } | Holds::Owner => lookup_read_name(self.column).into(),
            _ => self.column.into(),
        }
    }

    /// Whether the column takes one of the options that the environment has for it.
    #[must_use]
    pub const fn is_choice(&self) -> bool {
        matches!(
            self.holds,
            Holds::Choice(_) | Holds::Option | Holds::OneOf(_)
        )
    }

    /// Whether the value must be a mapping where it is written as YAML.
    #[must_use]
    pub const fn is_mapping_only(&self) -> bool {
        matches!(self.holds, Holds::JsonOrText)
    }

    /// Whether the value is in a column of the row (and not in links or other rows).
    #[must_use]
    pub const fn is_column(&self) -> bool {
        !matches!(
            self.holds,
            Holds::Set { .. } | Holds::Parts(_) | Holds::BusinessUnit
        )
    }
}

impl Choice {
    /// What the admin center calls it.
    #[must_use]
    pub fn label(&self) -> String {
        match self.label {
            "" => spaced(self.word),
            label => label.to_owned(),
        }
    }
}

/// `orderNumber` or `order_number` as `Order number`.
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

/// The property under which a lookup is read.
#[must_use]
pub fn lookup_read_name(column: &str) -> String {
    format!("_{column}_value")
}
