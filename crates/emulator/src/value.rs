//! A cell of a row, and the comparison of cells.

use std::cmp::Ordering;

use serde_json::Value as Json;
use uuid::Uuid;

/// Index of a table in [`Schema::tables`](crate::schema::Schema::tables).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct TableId(pub(crate) u16);

/// The content of one column of one row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Flag(bool),
    Int(i64),
    Number(f64),
    /// Text. Dates are stored in their fixed-width ISO form, which sorts chronologically.
    Text(Box<str>),
    Id(Uuid),
    Lookup(TableId, Uuid),
    /// A managed property: its value, and whether it can be changed.
    Managed(bool, bool),
}

impl Value {
    pub(crate) fn text(text: &str) -> Value {
        Value::Text(text.into())
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The id in an id or a lookup.
    pub(crate) fn id(&self) -> Option<Uuid> {
        match self {
            Value::Id(id) | Value::Lookup(_, id) => Some(*id),
            _ => None,
        }
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn int(&self) -> Option<i64> {
        match self {
            Value::Int(number) => Some(*number),
            _ => None,
        }
    }

    pub(crate) fn flag(&self) -> Option<bool> {
        match self {
            Value::Flag(flag) => Some(*flag),
            _ => None,
        }
    }

    /// The JSON for the cell in the Web API.
    pub(crate) fn json(&self, property: &str) -> Json {
        match self {
            Value::Null => Json::Null,
            Value::Flag(flag) => Json::Bool(*flag),
            Value::Int(number) => Json::from(*number),
            Value::Number(number) => Json::from(*number),
            Value::Text(text) => Json::from(text.as_ref()),
            Value::Id(id) | Value::Lookup(_, id) => Json::from(id.to_string()),
            Value::Managed(value, can_be_changed) => serde_json::json!({
                "Value": value,
                "CanBeChanged": can_be_changed,
                "ManagedPropertyLogicalName": property,
            }),
        }
    }

    /// Whether the cell equals a value of a table file: text (ignoring case), numbers and flags.
    pub(crate) fn is_like(&self, value: &Json) -> bool {
        match (self, value) {
            (Value::Text(text), Json::String(wanted)) => fold(text) == fold(wanted),
            (Value::Int(number), Json::Number(wanted)) => wanted.as_i64() == Some(*number),
            (Value::Flag(flag), Json::Bool(wanted)) => flag == wanted,
            _ => false,
        }
    }

    /// Compares two cells: text ignoring case and trailing blanks, ids as ids. Returns `None` if they are not comparable.
    pub(crate) fn compare(&self, other: &Value) -> Option<Ordering> {
        match (self, other) {
            (Value::Null, _) | (_, Value::Null) => None,
            (Value::Flag(a), Value::Flag(b)) => Some(a.cmp(b)),
            (Value::Flag(a), Value::Int(b)) => Some(i64::from(*a).cmp(b)),
            (Value::Int(a), Value::Flag(b)) => Some(a.cmp(&i64::from(*b))),
            (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
            (Value::Number(a), Value::Number(b)) => a.partial_cmp(b),
            #[expect(
                clippy::cast_precision_loss,
                reason = "numbers of records stay far below 2^53"
            )]
            (Value::Number(a), Value::Int(b)) => a.partial_cmp(&(*b as f64)),
            #[expect(
                clippy::cast_precision_loss,
                reason = "numbers of records stay far below 2^53"
            )]
            (Value::Int(a), Value::Number(b)) => (*a as f64).partial_cmp(b),
            (Value::Text(a), Value::Text(b)) => Some(compare_folded(a, b)),
            (Value::Managed(a, _), Value::Flag(b)) => Some(a.cmp(b)),
            (Value::Text(a), b) | (b, Value::Text(a)) if b.id().is_some() => {
                let parsed = Uuid::try_parse(a.trim_matches(['{', '}'])).ok()?;
                let ordering = parsed.cmp(&b.id()?);
                Some(if matches!(self, Value::Text(_)) {
                    ordering
                } else {
                    ordering.reverse()
                })
            }
            (a, b) => Some(a.id()?.cmp(&b.id()?)),
        }
    }

    /// Order for `$orderby`: nulls first, like SQL Server.
    pub(crate) fn order(&self, other: &Value) -> Ordering {
        match (self.is_null(), other.is_null()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => self.compare(other).unwrap_or(Ordering::Equal),
        }
    }
}

/// Text normalized for comparison: lower case, without trailing blanks.
pub(crate) fn fold(text: &str) -> String {
    text.trim_end().to_lowercase()
}

fn compare_folded(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.trim_end(), b.trim_end());
    if a.is_ascii() && b.is_ascii() {
        let lower = |byte: u8| byte.to_ascii_lowercase();
        return a.bytes().map(lower).cmp(b.bytes().map(lower));
    }
    a.chars()
        .flat_map(char::to_lowercase)
        .cmp(b.chars().flat_map(char::to_lowercase))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_compares_without_case_and_trailing_blanks() {
        assert_eq!(
            Value::text("CTI_x ").compare(&Value::text("cti_X")),
            Some(Ordering::Equal)
        );
        assert_eq!(
            Value::text("Ärger").compare(&Value::text("ärger")),
            Some(Ordering::Equal)
        );
    }
}
