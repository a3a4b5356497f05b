//! How the tables of the kinds are written: a field with its word, its column and the type of its values, and what else holds for it.

use std::marker::PhantomData;

use crate::record::{Flag, Hidden, JsonValue, Name, Named, Number, OwnerOf, SetOf, Text};
use crate::table::{
    Choice, Field, Fill, Holds, Links, Mirror, Need, NewRow, PartTable, Referent, Relationship,
    Screen, Shown, Table,
};

/// A field of which the type of its values is known.
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
/// A mapping kept as JSON text, whose form only the product knows.
pub(crate) const fn json(word: &'static str, column: &'static str) -> Of<JsonValue> {
    field(word, column, Holds::Json)
}
/// A mapping kept as JSON text, or plain text.
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
/// A yes/no column that says the opposite of the field.
pub(crate) const fn inverted_flag(word: &'static str, column: &'static str) -> Of<Flag> {
    field(word, column, Holds::InvertedFlag)
}
/// A choice column.
pub(crate) const fn choice<T: Options>(word: &'static str, column: &'static str) -> Of<T> {
    field(word, column, Holds::Choice(T::OPTIONS))
}
/// A choice kept in a yes/no column.
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
/// A list of names, kept as ids with semicolons between them; some are always among them.
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
/// A column that no manifest writes.
pub(crate) const fn hidden(word: &'static str, column: &'static str, holds: Holds) -> Of<Hidden> {
    let mut hidden = field(word, column, holds);
    hidden.field.is_written = false;
    hidden
}
/// The unique name of a part's row.
pub(crate) const fn unique_name(word: &'static str) -> Of<Text> {
    field(word, "msdyn_uniquename", Holds::UniqueName)
}
/// The unique name of a part's row that no manifest gives.
pub(crate) const fn derived_name() -> Of<Hidden> {
    hidden("name", "msdyn_uniquename", Holds::UniqueName)
}
/// The place of an item in its list.
pub(crate) const fn position(word: &'static str, column: &'static str) -> Of<Number> {
    field(word, column, Holds::Position)
}
/// The business unit of a role.
pub(crate) const fn business_unit(word: &'static str, column: &'static str) -> Of<Text> {
    field(word, column, Holds::BusinessUnit)
}

/// The options of a choice, known at compile time.
pub(crate) trait Options {
    /// Every option, in the order of the reference.
    const OPTIONS: &'static [Choice];
}

impl<T> Of<T> {
    /// The field, with the doc comment that stands above it.
    pub(crate) const fn meaning(mut self, meaning: &'static str) -> Field {
        self.field.meaning = meaning;
        self.field
    }
    /// Exists once per language.
    pub(crate) const fn localizable(mut self) -> Self {
        self.field.localizable = true;
        self
    }
    /// Greatest length in characters.
    pub(crate) const fn max(mut self, characters: u32) -> Self {
        self.field.max_length = Some(characters);
        self
    }
    /// Not below the first number, not above the second.
    pub(crate) const fn range(mut self, smallest: i64, greatest: i64) -> Self {
        self.field.range = Some((smallest, greatest));
        self
    }
    /// At most so many items.
    pub(crate) const fn max_items(mut self, items: u32) -> Self {
        self.field.max_items = Some(items);
        self
    }
    /// Needed in a document that may have to create the row.
    pub(crate) const fn required(mut self) -> Self {
        self.field.need = Need::Required;
        self
    }
    /// Needed in a document that may have to create the row, unless the project's `defaults` give it.
    pub(crate) const fn required_or_default(mut self) -> Self {
        self.field.need = Need::RequiredOrDefault;
        self
    }
    /// Also to be given as a file.
    pub(crate) const fn or_file(mut self) -> Self {
        self.field.from_file = true;
        self
    }
    /// It decides what an item is, so it cannot be cleared.
    pub(crate) const fn never_null(mut self) -> Self {
        self.field.never_null = true;
        self
    }
    /// A new row has this.
    pub(crate) const fn new_has(mut self, value: NewRow) -> Self {
        self.field.new_row = Some(value);
        self
    }
    /// A new row is this.
    pub(crate) const fn new_is(mut self, word: &'static str) -> Self {
        self.field.words.is = true;
        self.new_has(NewRow::Word(word))
    }
    /// A live null counts as this value.
    pub(crate) const fn null_reads_as(mut self, value: bool) -> Self {
        self.field.null_reads_as = Some(value);
        self
    }
    /// The same fact is kept in a second column too.
    pub(crate) const fn mirrored(
        mut self,
        column: &'static str,
        flags: &'static [(i64, bool)],
    ) -> Self {
        self.field.mirror = Some(Mirror { column, flags });
        self
    }
    /// What an item that leaves it out gets.
    pub(crate) const fn fill(mut self, fill: Fill) -> Self {
        self.field.fill = fill;
        self
    }
    /// The value belongs to one environment.
    pub(crate) const fn of_one_environment(mut self) -> Self {
        self.field.of_one_environment = true;
        self
    }
    /// The navigation property of a lookup, where it is spelled differently from the column.
    pub(crate) const fn bound_by(mut self, navigation: &'static str) -> Self {
        if let Holds::Lookup { to, .. } = self.field.holds {
            self.field.holds = Holds::Lookup { navigation, to };
        }
        self
    }
    /// The label of its box in the admin center, as a page of Microsoft's shows it.
    pub(crate) const fn label(mut self, label: &'static str) -> Self {
        let screen = self.screen();
        self.field.shown = Shown::Labelled(Screen { label, ..screen });
        self
    }
    /// Labels that the box has on other pages, or had before.
    pub(crate) const fn formerly(mut self, formerly: &'static [&'static str]) -> Self {
        let screen = self.screen();
        self.field.shown = Shown::Labelled(Screen { formerly, ..screen });
        self
    }
    /// The command, tab or section of the page that leads to the box.
    pub(crate) const fn under(mut self, under: &'static str) -> Self {
        let screen = self.screen();
        self.field.shown = Shown::Labelled(Screen { under, ..screen });
        self
    }
    /// What people need to know at the box, as a sentence.
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
    /// No page of Microsoft's shows a box for it.
    pub(crate) const fn no_box(self) -> Self {
        self.instead("")
    }
    /// The same, and what people do instead.
    pub(crate) const fn instead(mut self, instead: &'static str) -> Self {
        self.field.shown = Shown::Nowhere { instead };
        self
    }
    /// What the value is, in place of what its type says.
    pub(crate) const fn form(mut self, form: &'static str) -> Self {
        self.field.words.form = form;
        self
    }
    /// More about the value, with the comma or semicolon before it.
    pub(crate) const fn more(mut self, more: &'static str) -> Self {
        self.field.words.more = more;
        self
    }
    /// Sentences behind it.
    pub(crate) const fn note(mut self, note: &'static str) -> Self {
        self.field.words.note = note;
        self
    }
    /// How it is stored, as the reference says it.
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
        .instead("Select `Deactivate` on the command bar; `Activate` reverts it.")
}

/// `owner`, the same for every table whose rows users own.
pub(crate) const OWNER: Of<OwnerOf> = field("owner", "ownerid", Holds::Owner)
    .form("`{user: ...}` or `{team: ...}`")
    .more("; a new row belongs to the caller, or to the project's `defaults.owner`")
    .instead("Select `Assign` on the command bar.");

/// Declares a choice: an enum whose variants have a word in manifests and a number in Dataverse.
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

/// Declares the fields of a table, and the view that reads a record of it: one line per field with the type of its values.
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
