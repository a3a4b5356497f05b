//! Builders for the tables of the kinds: a field with its word, its column, the type of its values, and further properties.

use std::marker::PhantomData;

use crate::record::{Flag, Hidden, JsonValue, Name, Named, Number, OwnerOf, SetOf, Text};
use crate::table::{
    Choice, Field, Fill, Holds, Links, Mirror, Need, NewRow, PartTable, Referent, Relationship,
    Screen, Shown, Table,
};

/// A field whose value type is known at compile time.
#[derive(Debug)]
pub(crate) struct Of<T> {
    field: Field,
    values: PhantomData<T>,
}

const fn field<T>(word: &'static str, column: &'static str, holds: Holds) -> Of<T> {
    Of {
        field: Field::new(word, column, holds),
        values: PhantomData,
    }
}

/// Text.
pub(crate) const fn text(word: &'static str, column: &'static str) -> Of<Text> {
    field(word, column, Holds::Text)
}
/// A mapping stored as JSON text, whose structure only the product knows.
pub(crate) const fn json(word: &'static str, column: &'static str) -> Of<JsonValue> {
    field(word, column, Holds::Json)
}
/// A mapping stored as JSON text, or plain text.
pub(crate) const fn json_or_text(word: &'static str, column: &'static str) -> Of<JsonValue> {
    field(word, column, Holds::JsonOrText)
}
/// A whole number.
pub(crate) const fn number(word: &'static str, column: &'static str) -> Of<Number> {
    field(word, column, Holds::Number)
}
/// A yes/no column.
pub(crate) const fn flag(word: &'static str, column: &'static str) -> Of<Flag> {
    field(word, column, Holds::Flag)
}
/// A yes/no column that stores the opposite of the field.
pub(crate) const fn inverted_flag(word: &'static str, column: &'static str) -> Of<Flag> {
    field(word, column, Holds::InvertedFlag)
}
/// A choice column.
pub(crate) const fn choice<T: Options>(word: &'static str, column: &'static str) -> Of<T> {
    field(word, column, Holds::Choice(T::OPTIONS))
}
/// A choice stored in a yes/no column.
pub(crate) const fn flag_choice<T: Options>(word: &'static str, column: &'static str) -> Of<T> {
    field(word, column, Holds::FlagChoice(T::OPTIONS))
}
/// The name of another resource, in a lookup.
pub(crate) const fn name(word: &'static str, column: &'static str, to: &'static Table) -> Of<Name> {
    field(
        word,
        column,
        Holds::Lookup {
            navigation: column,
            to: Referent::Named(to),
        },
    )
}
/// The name of something that is looked up and never written.
pub(crate) const fn named(word: &'static str, column: &'static str, to: Referent) -> Of<Named> {
    field(
        word,
        column,
        Holds::Lookup {
            navigation: column,
            to,
        },
    )
}
/// A list of names, stored as ids separated by semicolons; the names in `always` are always included.
pub(crate) const fn ids<T>(
    word: &'static str,
    column: &'static str,
    to: Referent,
    always: &'static [&'static str],
) -> Of<T> {
    field(word, column, Holds::Ids { to, always })
}
/// A many-to-many set of resources or users.
pub(crate) const fn set<T>(
    word: &'static str,
    relationship: &'static Relationship,
    to: Referent,
) -> Of<SetOf<T>> {
    links(word, relationship, to, Links::All)
}
/// Links of a many-to-many relationship.
pub(crate) const fn links<T>(
    word: &'static str,
    relationship: &'static Relationship,
    to: Referent,
    links: Links,
) -> Of<T> {
    field(
        word,
        relationship.schema_name,
        Holds::Set {
            relationship,
            to,
            links,
        },
    )
}
/// Rows of a part table.
pub(crate) const fn parts<T>(word: &'static str, part: &'static PartTable) -> Of<T> {
    field(word, part.table.logical, Holds::Parts(part))
}
/// A column that manifests never write.
pub(crate) const fn hidden(word: &'static str, column: &'static str, holds: Holds) -> Of<Hidden> {
    let mut hidden = field(word, column, holds);
    hidden.field.is_written = false;
    hidden
}
/// The unique name of a part's row.
pub(crate) const fn unique_name(word: &'static str) -> Of<Text> {
    field(word, "msdyn_uniquename", Holds::UniqueName)
}
/// The unique name of a part's row, which manifests never set.
pub(crate) const fn derived_name() -> Of<Hidden> {
    hidden("name", "msdyn_uniquename", Holds::UniqueName)
}
/// The position of an item in its list.
pub(crate) const fn position(word: &'static str, column: &'static str) -> Of<Number> {
    field(word, column, Holds::Position)
}
/// The business unit of a role.
pub(crate) const fn business_unit(word: &'static str, column: &'static str) -> Of<Text> {
    field(word, column, Holds::BusinessUnit)
}

/// The options of a choice, known at compile time.
pub(crate) trait Options {
    /// All options, in the order of the reference.
    const OPTIONS: &'static [Choice];
}

impl<T> Of<T> {
    /// Returns the field, with the doc comment above its declaration as its meaning.
    pub(crate) const fn meaning(mut self, meaning: &'static str) -> Field {
        self.field.meaning = meaning;
        self.field
    }
    /// Marks a text that exists once per language.
    pub(crate) const fn localizable(mut self) -> Self {
        self.field.localizable = true;
        self
    }
    /// Sets the maximum length in characters.
    pub(crate) const fn max(mut self, characters: u32) -> Self {
        self.field.max_length = Some(characters);
        self
    }
    /// Sets the minimum and the maximum.
    pub(crate) const fn range(mut self, smallest: i64, greatest: i64) -> Self {
        self.field.range = Some((smallest, greatest));
        self
    }
    /// Sets the maximum number of items.
    pub(crate) const fn max_items(mut self, items: u32) -> Self {
        self.field.max_items = Some(items);
        self
    }
    /// Requires the field in a document that may have to create the row.
    pub(crate) const fn required(mut self) -> Self {
        self.field.need = Need::Required;
        self
    }
    /// Requires the field in a document that may have to create the row, unless the project's `defaults` set it.
    pub(crate) const fn required_or_default(mut self) -> Self {
        self.field.need = Need::RequiredOrDefault;
        self
    }
    /// Allows the value to be given as a file.
    pub(crate) const fn or_file(mut self) -> Self {
        self.field.from_file = true;
        self
    }
    /// Marks a field that determines the type of an item, so it cannot be cleared.
    pub(crate) const fn never_null(mut self) -> Self {
        self.field.never_null = true;
        self
    }
    /// Sets the default of a new row, worded as "a new row has ...".
    pub(crate) const fn new_has(mut self, value: NewRow) -> Self {
        self.field.new_row = Some(value);
        self
    }
    /// Sets the default of a new row, worded as "a new row is ...".
    pub(crate) const fn new_is(mut self, word: &'static str) -> Self {
        self.field.words.is = true;
        self.new_has(NewRow::Word(word))
    }
    /// Sets the value that a live null stands for.
    pub(crate) const fn null_reads_as(mut self, value: bool) -> Self {
        self.field.null_reads_as = Some(value);
        self
    }
    /// Sets a second column that stores the same fact.
    pub(crate) const fn mirrored(
        mut self,
        column: &'static str,
        flags: &'static [(i64, bool)],
    ) -> Self {
        self.field.mirror = Some(Mirror { column, flags });
        self
    }
    /// Sets how an item that omits the field gets its value.
    pub(crate) const fn fill(mut self, fill: Fill) -> Self {
        self.field.fill = fill;
        self
    }
    /// Marks a value that belongs to one environment.
    pub(crate) const fn of_one_environment(mut self) -> Self {
        self.field.of_one_environment = true;
        self
    }
    /// Sets the navigation property of a lookup, if it is spelled differently from the column.
    pub(crate) const fn bound_by(mut self, navigation: &'static str) -> Self {
        if let Holds::Lookup { to, .. } = self.field.holds {
            self.field.holds = Holds::Lookup { navigation, to };
        }
        self
    }
    /// Sets the label in the admin center, as shown on Microsoft's pages.
    pub(crate) const fn label(mut self, label: &'static str) -> Self {
        let screen = self.screen();
        self.field.shown = Shown::Labelled(Screen { label, ..screen });
        self
    }
    /// Sets labels used on other pages or in the past.
    pub(crate) const fn formerly(mut self, formerly: &'static [&'static str]) -> Self {
        let screen = self.screen();
        self.field.shown = Shown::Labelled(Screen { formerly, ..screen });
        self
    }
    /// Sets the command, tab or section of the page that leads to the box.
    pub(crate) const fn under(mut self, under: &'static str) -> Self {
        let screen = self.screen();
        self.field.shown = Shown::Labelled(Screen { under, ..screen });
        self
    }
    /// Sets a hint for people using the box, as a sentence.
    pub(crate) const fn hint(mut self, hint: &'static str) -> Self {
        let screen = self.screen();
        self.field.shown = Shown::Labelled(Screen { hint, ..screen });
        self
    }
    const fn screen(&self) -> Screen {
        match self.field.shown {
            Shown::Labelled(screen) => screen,
            Shown::Unsaid | Shown::Nowhere { .. } => Screen {
                label: "",
                formerly: &[],
                under: "",
                hint: "",
            },
        }
    }
    /// Marks a field that no page of Microsoft's shows.
    pub(crate) const fn no_box(self) -> Self {
        self.instead("")
    }
    /// Marks a field that no page shows, and describes the alternative.
    pub(crate) const fn instead(mut self, instead: &'static str) -> Self {
        self.field.shown = Shown::Nowhere { instead };
        self
    }
    /// Sets the type of the value, instead of the one derived from the field.
    pub(crate) const fn form(mut self, form: &'static str) -> Self {
        self.field.words.form = form;
        self
    }
    /// Adds text about the value, including the comma or semicolon before it.
    pub(crate) const fn more(mut self, more: &'static str) -> Self {
        self.field.words.more = more;
        self
    }
    /// Adds further sentences.
    pub(crate) const fn note(mut self, note: &'static str) -> Self {
        self.field.words.note = note;
        self
    }
    /// Sets how the reference describes the storage.
    pub(crate) const fn stored(mut self, stored: &'static str) -> Self {
        self.field.words.stored = stored;
        self
    }
}

/// `status`, the same for every kind.
pub(crate) const fn status<T>(options: &'static [Choice]) -> Of<T> {
    field("status", "statecode", Holds::Status(options))
        .new_is("Active")
        .stored("`statecode` with `statuscode`")
        .instead("`Activate` and `Deactivate` on the command bar change it.")
}

/// `owner`, the same for every table whose rows users own.
pub(crate) const OWNER: Of<OwnerOf> = field("owner", "ownerid", Holds::Owner)
    .form("`{user: ...}` or `{team: ...}`")
    .more("; a new row belongs to the caller, or to the project's `defaults.owner`")
    .instead("Select `Assign` on the command bar.");

/// Declares a choice: an enum whose variants each have a word in manifests and a number in Dataverse.
macro_rules! options {
    (
        $(#[doc = $doc:literal])*
        $name:ident {
            $( $(#[doc = $meaning:literal])* $variant:ident = $word:literal, $number:expr $(, $label:literal)?; )*
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            $( $(#[doc = $meaning])* $variant, )*
        }

        impl $name {
            /// The word in a manifest.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $word, )* }
            }
        }

        impl crate::kinds::build::Options for $name {
            const OPTIONS: &'static [crate::table::Choice] = &[
                $( crate::table::Choice {
                    word: $word,
                    number: $number,
                    meaning: concat!($($meaning),*),
                    label: concat!($($label)?),
                } ),*
            ];
        }

        impl crate::record::FieldType for $name {
            type View<'a> = Self;

            fn view(value: &crate::record::Value) -> Option<Self> {
                match value {
                    $( crate::record::Value::Choice($word) => Some(Self::$variant), )*
                    _ => None,
                }
            }
        }
    };
}
pub(crate) use options;

/// Declares the fields of a table, and a view that reads a record of it: one line per field, with its value type.
macro_rules! record {
    (
        $(#[doc = $doc:literal])*
        $name:ident, $fields:ident {
            $( $(#[doc = $meaning:literal])* $field:ident: $type:ty = $build:expr; )*
        }
    ) => {
        #[doc = concat!("The fields of [`", stringify!($name), "`].")]
        pub(crate) static $fields: &[crate::table::Field] = &[
            $( {
                const FIELD: crate::kinds::build::Of<$type> = $build;
                FIELD.meaning(concat!($($meaning, "\n"),*))
            } ),*
        ];

        $(#[doc = $doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name<'a>(&'a crate::record::Record);

        const _: () = {
            #[expect(
                non_camel_case_types,
                reason = "a place has the name of its getter"
            )]
            enum At { $( $field ),* }

            impl<'a> $name<'a> {
                $(
                    $(#[doc = $meaning])*
                    #[must_use]
                    pub fn $field(self) -> crate::given::Given<<$type as crate::record::FieldType>::View<'a>> {
                        self.0.view::<$type>(At::$field as usize)
                    }
                )*
            }

            impl crate::record::Viewed for $name<'_> {
                type View<'a> = $name<'a>;

                fn view(record: &crate::record::Record) -> $name<'_> {
                    $name(record)
                }
            }
        };
    };
}
pub(crate) use record;
