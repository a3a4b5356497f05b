//! YAML as used by the manifests. Only this folder refers to the YAML crates.
//!
//! Reading keeps the place of every value and follows the core schema of YAML 1.2. Merge keys and tags are not part of the language.

mod budget;
mod edit;
mod layout;
pub(crate) mod read;
mod scalar;
mod tree;
mod write;

use serde_json::{Map, Value};

use crate::span::Span;

pub(crate) use budget::Budget;
pub use edit::{EditRefused, YamlEdits};
pub(crate) use read::{Stream, read};
pub use tree::{PathStep, Tree, TreeEntry, TreeValue};
pub(crate) use write::entry_lines;
pub use write::{OutDocument, scalar as yaml_scalar, write_documents};

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) value: NodeValue,
    pub(crate) span: Span,
}

/// The content of a node.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum NodeValue {
    Null,
    Flag(bool),
    Int(i64),
    Float(f64),
    Text(Box<str>),
    List(Vec<Node>),
    Map(Vec<Entry>),
    /// A number or flag whose spelling cannot be derived from its value, such as `0400`, `1.10` and `True`. Boxed, because it is rare.
    Spelled(Box<Spelled>),
    /// A text with a variable that has no value here. The finding is reported where the variable is missing.
    Unresolved(Box<str>),
    /// The content of a separate file. Boxed, because it is rare among thousands of nodes.
    Opaque(Box<Value>),
}

/// A number or flag with its spelling.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Spelled {
    pub(crate) text: Box<str>,
    pub(crate) value: NodeValue,
}

/// A key of a mapping and its value. Keys are unique within a mapping.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: Box<str>,
    pub(crate) key_span: Span,
    pub(crate) value: Node,
}

impl Node {
    /// Returns the entries of a mapping; empty for any other value.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.value {
            NodeValue::Map(entries) => entries,
            _ => &[],
        }
    }

    /// Returns the items of a list; empty for any other value.
    pub(crate) fn items(&self) -> &[Node] {
        match &self.value {
            NodeValue::List(items) => items,
            _ => &[],
        }
    }

    /// Creates a node from JSON, in which every value has the same place.
    pub(crate) fn of_json(value: &Value, span: Span) -> Self {
        let value = match value {
            Value::Null => NodeValue::Null,
            Value::Bool(flag) => NodeValue::Flag(*flag),
            Value::Number(number) => match number.as_i64() {
                Some(number) => NodeValue::Int(number),
                None => NodeValue::Float(number.as_f64().unwrap_or_default()),
            },
            Value::String(text) => NodeValue::Text(text.as_str().into()),
            Value::Array(items) => {
                NodeValue::List(items.iter().map(|item| Self::of_json(item, span)).collect())
            }
            Value::Object(_) => NodeValue::Opaque(Box::new(value.clone())),
        };
        Self { value, span }
    }

    pub(crate) fn is_list(&self) -> bool {
        matches!(self.value, NodeValue::List(_))
    }

    pub(crate) fn is_map(&self) -> bool {
        matches!(self.value, NodeValue::Map(_))
    }

    /// Whether this is `{customer}` without quotes: a mapping in braces whose keys have no values.
    pub(crate) fn is_brace_value(&self) -> bool {
        let unwritten =
            |entry: &Entry| entry.value.is_null() && entry.value.span.start == entry.value.span.end;
        !self.entries().is_empty() && self.entries().iter().all(unwritten)
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self.value, NodeValue::Null)
    }

    /// Returns the entry of a mapping with this key.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| &*entry.key == key)
    }

    /// Returns the value under a key of a mapping.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        match &self.value {
            NodeValue::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns a whole number; `1e3` is one.
    pub(crate) fn as_int(&self) -> Option<i64> {
        match *self.plain() {
            NodeValue::Int(number) => Some(number),
            NodeValue::Float(number) => whole(number),
            _ => None,
        }
    }

    pub(crate) fn as_flag(&self) -> Option<bool> {
        match *self.plain() {
            NodeValue::Flag(flag) => Some(flag),
            _ => None,
        }
    }

    /// Returns the value without its spelling.
    pub(crate) fn plain(&self) -> &NodeValue {
        match &self.value {
            NodeValue::Spelled(spelled) => &spelled.value,
            value => value,
        }
    }

    /// Returns the value without places, with keys in the order of the file.
    pub(crate) fn to_json(&self) -> Value {
        match self.plain() {
            NodeValue::Spelled(spelled) => Value::String(spelled.text.to_string()),
            NodeValue::Null => Value::Null,
            NodeValue::Flag(flag) => Value::Bool(*flag),
            NodeValue::Int(number) => Value::from(*number),
            NodeValue::Float(number) => Value::from(*number),
            NodeValue::Text(text) | NodeValue::Unresolved(text) => Value::String(text.to_string()),
            NodeValue::Opaque(value) => value.as_ref().clone(),
            NodeValue::List(items) => Value::Array(items.iter().map(Node::to_json).collect()),
            NodeValue::Map(entries) => Value::Object(entries.iter().fold(
                Map::with_capacity(entries.len()),
                |mut object, entry| {
                    object.insert(entry.key.to_string(), entry.value.to_json());
                    object
                },
            )),
        }
    }
}

/// Returns the integer equal to a float, if both types represent it exactly.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the range is checked, and the fraction is none"
)]
fn whole(number: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i64)
}
