//! One field of a kind: how it is described, and how code that knows no kind reads it.

use crate::given::Given;
use crate::set::{JsonOrText, Reference, SetOf, WebResource};
use crate::span::Span;

/// A field as seen by code that treats all kinds alike.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldView<'a> {
    /// The key is left out.
    Absent,
    /// `null`.
    Clear(Span),
    /// A value of one of the common types.
    Value(ValueView<'a>, Span),
    /// A value that only its kind understands: read it from the struct.
    Typed(Span),
}

/// A value of one of the common types.
#[derive(Debug, Clone, PartialEq)]
pub enum ValueView<'a> {
    /// Text.
    Text(&'a str),
    /// A whole number.
    Number(i64),
    /// Yes or no.
    Flag(bool),
    /// The word of a choice.
    Choice(&'static str),
    /// The name of a resource or web resource.
    Reference(&'a str),
    /// JSON that is kept in a text column.
    Json(&'a serde_json::Value),
    /// A set of resources.
    Set(&'a SetOf<Reference>),
}

/// What must hold for the value of a field, apart from its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldRule {
    /// Needed in a document that may have to create the row.
    pub required: bool,
    /// Greatest length of a text (or of the text that JSON is stored as), in characters.
    pub max_length: Option<u32>,
    /// Smallest and greatest number.
    pub range: Option<(i64, i64)>,
    /// Greatest number of items of a list.
    pub max_items: Option<u32>,
    /// The field `<word>File` takes a path in place of the value.
    pub from_file: bool,
}

impl FieldRule {
    /// No rule.
    pub const ANY: FieldRule = FieldRule {
        required: false,
        max_length: None,
        range: None,
        max_items: None,
        from_file: false,
    };

    /// Needed in a document that may have to create the row.
    #[must_use]
    pub const fn required(self) -> Self {
        Self {
            required: true,
            ..self
        }
    }

    /// At most so many characters.
    #[must_use]
    pub const fn max_length(self, characters: u32) -> Self {
        Self {
            max_length: Some(characters),
            ..self
        }
    }

    /// Not below the first number, not above the second.
    #[must_use]
    pub const fn range(self, smallest: i64, greatest: i64) -> Self {
        Self {
            range: Some((smallest, greatest)),
            ..self
        }
    }

    /// At most so many items.
    #[must_use]
    pub const fn max_items(self, items: u32) -> Self {
        Self {
            max_items: Some(items),
            ..self
        }
    }

    /// Also to be given as a file.
    #[must_use]
    pub const fn or_file(self) -> Self {
        Self {
            from_file: true,
            ..self
        }
    }
}

/// One field of a kind.
#[derive(Debug, Clone, Copy)]
pub struct FieldInfo {
    /// The word in a manifest.
    pub word: &'static str,
    /// The doc comment: meaning, limits, default, Dataverse column.
    pub doc: &'static str,
    /// What must hold for its value.
    pub rule: FieldRule,
}

/// A type that a field may have.
pub(crate) trait FieldType {
    /// The common type to show it as; `None` where only the kind understands it.
    fn view(&self) -> Option<ValueView<'_>>;
}

/// Shows a field to code that treats all kinds alike.
pub(crate) fn view<T: FieldType>(given: &Given<T>) -> FieldView<'_> {
    match given {
        Given::Absent => FieldView::Absent,
        Given::Clear(span) => FieldView::Clear(*span),
        Given::Value(value) => match value.value.view() {
            Some(view) => FieldView::Value(view, value.span),
            None => FieldView::Typed(value.span),
        },
    }
}

impl FieldType for String {
    fn view(&self) -> Option<ValueView<'_>> {
        Some(ValueView::Text(self))
    }
}

impl FieldType for i64 {
    fn view(&self) -> Option<ValueView<'_>> {
        Some(ValueView::Number(*self))
    }
}

impl FieldType for bool {
    fn view(&self) -> Option<ValueView<'_>> {
        Some(ValueView::Flag(*self))
    }
}

impl FieldType for Reference {
    fn view(&self) -> Option<ValueView<'_>> {
        Some(ValueView::Reference(self.as_str()))
    }
}

impl FieldType for WebResource {
    fn view(&self) -> Option<ValueView<'_>> {
        Some(ValueView::Reference(&self.0))
    }
}

impl FieldType for SetOf<Reference> {
    fn view(&self) -> Option<ValueView<'_>> {
        Some(ValueView::Set(self))
    }
}

impl FieldType for JsonOrText {
    fn view(&self) -> Option<ValueView<'_>> {
        Some(match self {
            JsonOrText::Json(value) => ValueView::Json(value),
            JsonOrText::Text(text) => ValueView::Text(text),
        })
    }
}

/// Types that only their kind understands.
macro_rules! typed {
    ($($type:ty),* $(,)?) => {
        $(impl crate::field::FieldType for $type {
            fn view(&self) -> Option<crate::field::ValueView<'_>> {
                None
            }
        })*
    };
}
pub(crate) use typed;

typed!(
    crate::set::Owner,
    SetOf<crate::set::UserRef>,
    SetOf<crate::set::RoleRef>,
);

/// Declares a kind: the struct, its field descriptions and its uniform view.
///
/// One line per field: doc comment, manifest word, Rust name, type, rule.
macro_rules! kind {
    (
        $(#[doc = $doc:literal])*
        $name:ident {
            $( $(#[doc = $field_doc:literal])* $word:literal $field:ident: $type:ty = $rule:expr; )*
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, PartialEq, Default)]
        pub struct $name {
            $( $(#[doc = $field_doc])* pub $field: crate::given::Given<$type>, )*
        }

        impl crate::kinds::Spec for $name {
            const DOC: &'static str = concat!($($doc, "\n"),*);
            const FIELDS: &'static [crate::field::FieldInfo] = &[
                $( crate::field::FieldInfo {
                    word: $word,
                    doc: concat!($($field_doc, "\n"),*),
                    rule: $rule,
                }, )*
            ];

            fn fields(&self) -> Vec<(&'static str, crate::field::FieldView<'_>)> {
                vec![ $( ($word, crate::field::view(&self.$field)), )* ]
            }
        }
    };
}
pub(crate) use kind;

/// Declares a choice: an enum whose variants have a word in manifests.
macro_rules! choice {
    (
        $(#[doc = $doc:literal])*
        $name:ident {
            $( $(#[doc = $variant_doc:literal])* $variant:ident = $word:literal, )*
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $( $(#[doc = $variant_doc])* $variant, )*
        }

        impl $name {
            /// Every option, in the order of the reference.
            pub const ALL: &'static [$name] = &[$($name::$variant),*];

            /// The word in a manifest.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $( $name::$variant => $word, )*
                }
            }
        }

        impl crate::field::FieldType for $name {
            fn view(&self) -> Option<crate::field::ValueView<'_>> {
                Some(crate::field::ValueView::Choice(self.as_str()))
            }
        }
    };
}
pub(crate) use choice;
