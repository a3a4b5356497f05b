//! One value of one column.

use std::sync::Arc;

use uuid::Uuid;

/// One value of one column, as it appears in the Web API's JSON.
///
/// GUIDs, dates and choices keep their wire format: GUIDs and dates are [`Cell::Text`], choices are [`Cell::Int`] (Web API types and
/// operations).
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Cell {
    /// No value.
    #[default]
    Null,
    /// Yes or no.
    Flag(bool),
    /// A whole number or the number of a choice.
    Int(i64),
    /// A decimal, float or money amount.
    Decimal(f64),
    /// Text, a GUID or a date. Rows share equal values.
    Text(Arc<str>),
    /// A nested object or array: an expanded record or collection, or a managed property. Rows share equal values.
    Json(Arc<serde_json::Value>),
    /// Primary keys of related records, if only those were requested ([`Expand::keys`](crate::Expand::keys)).
    Keys(Box<[Uuid]>),
}

impl Cell {
    /// The shared null for absent columns.
    pub(crate) const NULL: &'static Cell = &Cell::Null;

    /// Whether this is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Cell::Null)
    }

    /// The text, if this is text.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Cell::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The whole number, if this is one.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Cell::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// The flag, if this is one.
    pub fn as_flag(&self) -> Option<bool> {
        match self {
            Cell::Flag(flag) => Some(*flag),
            _ => None,
        }
    }

    /// The nested value, if this is one.
    pub fn as_json(&self) -> Option<&serde_json::Value> {
        match self {
            Cell::Json(value) => Some(value),
            _ => None,
        }
    }

    /// The value as JSON, in the form that request bodies use.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Cell::Null => serde_json::Value::Null,
            Cell::Flag(flag) => (*flag).into(),
            Cell::Int(number) => (*number).into(),
            Cell::Decimal(number) => (*number).into(),
            Cell::Text(text) => text.as_ref().into(),
            Cell::Json(value) => value.as_ref().clone(),
            Cell::Keys(keys) => keys.iter().map(Uuid::to_string).collect(),
        }
    }
}

impl From<bool> for Cell {
    fn from(flag: bool) -> Self {
        Cell::Flag(flag)
    }
}

impl From<i64> for Cell {
    fn from(number: i64) -> Self {
        Cell::Int(number)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Cell::Text(text.into())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Cell::Text(text.into())
    }
}

impl From<Uuid> for Cell {
    fn from(id: Uuid) -> Self {
        Cell::Text(id.to_string().into())
    }
}

impl From<serde_json::Value> for Cell {
    fn from(value: serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Cell::Null,
            serde_json::Value::Bool(flag) => Cell::Flag(flag),
            serde_json::Value::Number(number) => match number.as_i64() {
                Some(whole) => Cell::Int(whole),
                None => Cell::Decimal(number.as_f64().unwrap_or(f64::NAN)),
            },
            serde_json::Value::String(text) => Cell::Text(text.into()),
            nested @ (serde_json::Value::Array(_) | serde_json::Value::Object(_)) => {
                Cell::Json(Arc::new(nested))
            }
        }
    }
}

/// The version of a row as the server states it, such as `W/"700123"`.
///
/// Versions can only be compared for equality; they are not ordered (Perform conditional operations using the Web API).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Etag(Box<str>);

impl Etag {
    /// Creates an etag from its header form. Returns `None` if the text is not allowed in a header.
    pub fn new(text: &str) -> Option<Etag> {
        let printable = !text.is_empty() && text.bytes().all(|byte| (0x20..0x7f).contains(&byte));
        printable.then(|| Etag(text.into()))
    }

    /// The header form, including `W/` and quotes.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
