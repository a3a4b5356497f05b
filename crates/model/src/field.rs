//! One field of a kind: how it is described, how it is read, and how code that knows no kind sees it.

use serde_json::{Map, Value, json};

use crate::decode::Decoder;
use crate::given::Given;
use crate::set::{JsonOrText, Reference, SetOf};
use crate::span::{Span, Spanned};
use crate::yaml::{Node, NodeValue};

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
    Json(&'a Value),
    /// A set of resources.
    Set(&'a SetOf<Reference>),
}

/// What must hold for the value of a field, apart from its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldRule {
    /// Needed in a document that may have to create the row.
    pub required: bool,
    /// Needed like `required`, but the project's `defaults` may give it.
    pub has_default: bool,
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
        has_default: false,
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

    /// Needed in a document that may have to create the row, unless the project's `defaults` give it.
    #[must_use]
    pub const fn required_or_default(self) -> Self {
        Self {
            has_default: true,
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

/// One field of a kind, or of an item of a list.
#[derive(Debug, Clone, Copy)]
pub struct FieldInfo {
    /// The word in a manifest.
    pub word: &'static str,
    /// The doc comment: meaning, limits, default, Dataverse column.
    pub doc: &'static str,
    /// What must hold for its value.
    pub rule: FieldRule,
    /// Whether `null` may be written to clear it.
    pub clearable: bool,
    /// Whether it names resources, users or roles, which are compared without case.
    pub is_name: bool,
    /// The fields of its items, for a list or set of mappings.
    pub items: &'static [FieldInfo],
    /// The schema of its value, without `null` and variables.
    pub(crate) schema: fn(FieldRule) -> Value,
}

impl FieldInfo {
    pub(crate) const fn of<T: FieldType>(
        word: &'static str,
        doc: &'static str,
        rule: FieldRule,
    ) -> Self {
        Self {
            word,
            doc,
            rule,
            clearable: T::CLEARABLE && !rule.required && !rule.has_default,
            is_name: T::IS_NAME,
            items: T::ITEMS,
            schema: T::schema,
        }
    }
}

/// A type that a field may have.
pub(crate) trait FieldType: Sized {
    /// Whether `null` clears a field of the type.
    const CLEARABLE: bool = false;
    /// Whether it names resources, users or roles.
    const IS_NAME: bool = false;
    /// The fields of its items.
    const ITEMS: &'static [FieldInfo] = &[];

    /// The common type to show it as; `None` where only the kind understands it.
    fn view(&self) -> Option<ValueView<'_>> {
        None
    }

    /// The value in the form of a manifest.
    fn to_json(&self) -> Value;

    /// Reads a value. What does not fit [`FieldType::schema`] is rejected through the decoder, which has the schema find the words.
    fn decode(node: &Node, rule: FieldRule, decoder: &mut Decoder<'_>) -> Option<Self>;

    /// The schema that fits exactly what [`FieldType::decode`] takes.
    fn schema(rule: FieldRule) -> Value;
}

/// Reads one field: `null`, or a value.
pub(crate) fn decode<T: FieldType>(
    node: &Node,
    rule: FieldRule,
    decoder: &mut Decoder<'_>,
) -> Given<T> {
    match &node.value {
        NodeValue::Unresolved(_) => Given::Absent,
        NodeValue::Null if T::CLEARABLE && !rule.required && !rule.has_default => {
            Given::Clear(node.span)
        }
        _ => match T::decode(node, rule, decoder) {
            Some(value) => Given::Value(Spanned::new(value, node.span)),
            None => Given::Absent,
        },
    }
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

/// Puts a field into a `spec`, if the document gives it.
pub(crate) fn put<T: FieldType>(word: &str, given: &Given<T>, spec: &mut Map<String, Value>) {
    let value = match given {
        Given::Absent => return,
        Given::Clear(_) => Value::Null,
        Given::Value(value) => value.value.to_json(),
    };
    spec.insert(word.to_owned(), value);
}

impl FieldType for String {
    const CLEARABLE: bool = true;

    fn view(&self) -> Option<ValueView<'_>> {
        Some(ValueView::Text(self))
    }

    fn decode(node: &Node, rule: FieldRule, decoder: &mut Decoder<'_>) -> Option<Self> {
        decoder.text(node, rule.max_length).map(str::to_owned)
    }

    fn to_json(&self) -> Value {
        Value::from(self.as_str())
    }

    fn schema(rule: FieldRule) -> Value {
        let mut schema = json!({"type": "string", "minLength": 1});
        if let Some(characters) = rule.max_length {
            schema["maxLength"] = characters.into();
        }
        schema
    }
}

impl FieldType for i64 {
    const CLEARABLE: bool = true;

    fn view(&self) -> Option<ValueView<'_>> {
        Some(ValueView::Number(*self))
    }

    fn decode(node: &Node, rule: FieldRule, decoder: &mut Decoder<'_>) -> Option<Self> {
        let (smallest, greatest) = rule.range.unwrap_or((i64::MIN, i64::MAX));
        let number = node
            .as_int()
            .filter(|number| (smallest..=greatest).contains(number));
        decoder.fits(number)
    }

    fn to_json(&self) -> Value {
        Value::from(*self)
    }

    fn schema(rule: FieldRule) -> Value {
        match rule.range {
            Some((smallest, greatest)) => {
                json!({"type": "integer", "minimum": smallest, "maximum": greatest})
            }
            None => json!({"type": "integer"}),
        }
    }
}

impl FieldType for bool {
    fn view(&self) -> Option<ValueView<'_>> {
        Some(ValueView::Flag(*self))
    }

    fn decode(node: &Node, _rule: FieldRule, decoder: &mut Decoder<'_>) -> Option<Self> {
        decoder.fits(node.as_flag())
    }

    fn to_json(&self) -> Value {
        Value::from(*self)
    }

    fn schema(_rule: FieldRule) -> Value {
        json!({"type": "boolean"})
    }
}

impl FieldType for JsonOrText {
    const CLEARABLE: bool = true;

    fn view(&self) -> Option<ValueView<'_>> {
        Some(match self {
            JsonOrText::Json(value) => ValueView::Json(value),
            JsonOrText::Text(text) => ValueView::Text(text),
        })
    }

    fn decode(node: &Node, rule: FieldRule, decoder: &mut Decoder<'_>) -> Option<Self> {
        let value = match &node.value {
            NodeValue::Text(_) => JsonOrText::Text(decoder.text(node, rule.max_length)?.to_owned()),
            NodeValue::Map(_) | NodeValue::List(_) => {
                decoder.report_spellings(node);
                JsonOrText::Json(node.to_json())
            }
            NodeValue::Opaque(value) => JsonOrText::Json(value.as_ref().clone()),
            NodeValue::Null
            | NodeValue::Flag(_)
            | NodeValue::Int(_)
            | NodeValue::Float(_)
            | NodeValue::Spelled(_)
            | NodeValue::Unresolved(_) => {
                return decoder.fits(None);
            }
        };
        Some(value)
    }

    fn to_json(&self) -> Value {
        match self {
            JsonOrText::Json(value) => value.clone(),
            JsonOrText::Text(text) => Value::from(text.as_str()),
        }
    }

    fn schema(rule: FieldRule) -> Value {
        let mut schema = json!({"type": ["object", "array", "string"], "minLength": 1});
        if let Some(characters) = rule.max_length {
            schema["maxLength"] = characters.into();
        }
        schema
    }
}

/// Declares a kind: the struct, its field descriptions, its reading and its uniform view.
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
                $( crate::field::FieldInfo::of::<$type>($word, concat!($($field_doc, "\n"),*), $rule), )*
            ];

            fn fields(&self) -> Vec<(&'static str, crate::field::FieldView<'_>)> {
                vec![ $( ($word, crate::field::view(&self.$field)), )* ]
            }

            fn to_spec(&self) -> serde_json::Map<String, serde_json::Value> {
                let mut spec = serde_json::Map::new();
                $( crate::field::put($word, &self.$field, &mut spec); )*
                spec
            }

            fn decode(node: &crate::yaml::Node, decoder: &mut crate::decode::Decoder<'_>) -> Self {
                let mut spec = Self::default();
                for entry in node.entries() {
                    match &*entry.key {
                        $( $word => spec.$field = crate::field::decode(&entry.value, $rule, decoder), )*
                        _ => decoder.reject(),
                    }
                }
                spec
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

            fn decode(
                node: &crate::yaml::Node,
                _rule: crate::field::FieldRule,
                decoder: &mut crate::decode::Decoder<'_>,
            ) -> Option<Self> {
                let found = Self::ALL.iter().copied().find(|option| crate::field::is_word(node, option.as_str()));
                decoder.fits(found)
            }

            fn to_json(&self) -> serde_json::Value {
                serde_json::Value::from(self.as_str())
            }

            fn schema(_rule: crate::field::FieldRule) -> serde_json::Value {
                crate::field::choice_schema(&[$( ($word, concat!($($variant_doc),*)) ),*])
            }
        }
    };
}
pub(crate) use choice;

/// Whether a value is the word of an option. A word that reads as a number, such as `2.0`, may be written as one.
pub(crate) fn is_word(node: &Node, word: &str) -> bool {
    match *node.plain() {
        NodeValue::Text(ref text) => **text == *word,
        NodeValue::Int(_) | NodeValue::Float(_) => {
            let number = match *node.plain() {
                NodeValue::Float(number) => Some(number),
                _ => node
                    .as_int()
                    .and_then(|number| i32::try_from(number).ok())
                    .map(f64::from),
            };
            number.is_some() && word.parse::<f64>().ok() == number
        }
        _ => false,
    }
}

/// The schema of a choice, with what each option means.
pub(crate) fn choice_schema(options: &[(&str, &str)]) -> Value {
    let mut words: Vec<Value> = options.iter().map(|(word, _)| Value::from(*word)).collect();
    words.extend(
        options
            .iter()
            .filter_map(|(word, _)| word.parse::<f64>().ok())
            .map(Value::from),
    );
    let meanings: Vec<&str> = options.iter().map(|(_, doc)| doc.trim()).collect();
    json!({"enum": words, "enumDescriptions": meanings})
}
