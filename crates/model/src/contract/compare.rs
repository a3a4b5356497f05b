//! Whether a value is the one that a rule gives.

use serde_json::Value;

use super::{Subject, names_of};
use crate::alike::{same_but_ids, same_json};
use crate::name::fold;
use crate::table::{Field, Fill, Holds, Links};

/// Whether two values are equal for the product: line endings, the case of names and ids, the order of set members and the formatting of
/// JSON do not matter.
pub(super) fn same(subject: &Subject, path: &[String], actual: &Value, expected: &Value) -> bool {
    let (kind, parent) = (subject.key.kind, subject.key.name.as_written());
    let field = path
        .first()
        .and_then(|word| kind.fields().iter().find(|field| field.word == word));
    let is_name = field.is_some_and(Field::is_name);
    let json = match expected {
        Value::String(text) if path.len() == 1 => field.and_then(|field| field.json_in(text)),
        _ => None,
    };
    let expected = json.as_ref().unwrap_or(expected);
    match (actual, expected) {
        (Value::String(actual), Value::String(expected)) if is_name => {
            fold(actual) == fold(expected)
        }
        (Value::String(actual), Value::String(expected)) => {
            let [actual, expected] = [actual, expected].map(|text| text.replace("\r\n", "\n"));
            same_but_ids(&actual, &expected)
        }
        (Value::Array(actual), Value::Array(expected)) if is_name => {
            // Each expected member is another one.
            let mut left: Vec<&Value> = actual.iter().collect();
            actual.len() == expected.len()
                && expected.iter().all(|wanted| {
                    let found = left
                        .iter()
                        .position(|one| same_member(field, parent, one, wanted));
                    found.map(|at| left.swap_remove(at)).is_some()
                })
        }
        (Value::Array(actual), Value::Array(expected)) if path.len() == 1 => {
            let items = |list: &[Value]| list.iter().all(Value::is_object);
            match items(actual) && items(expected) {
                true => {
                    let mut pairs = actual.iter().zip(expected);
                    actual.len() == expected.len()
                        && pairs.all(|(one, wanted)| same_item(field, parent, one, wanted))
                }
                false => {
                    actual.len() == expected.len() && {
                        let mut pairs = actual.iter().zip(expected);
                        pairs.all(|(one, wanted)| same_json(one, wanted))
                    }
                }
            }
        }
        _ => same_json(actual, expected),
    }
}

/// Whether an item of a list has every value that a rule gives. What is on is not written, and a shared row is called by its name.
fn same_item(field: Option<&Field>, parent: &str, actual: &Value, expected: &Value) -> bool {
    let fields: Vec<&Field> = match field.map(|field| field.holds) {
        Some(Holds::Parts(part)) => part.fields.iter().collect(),
        Some(Holds::Set {
            links: Links::Items(items),
            ..
        }) => items.own.iter().chain(items.shared).collect(),
        _ => Vec::new(),
    };
    let names = names_of(field, parent, actual);
    let expected = expected.as_object().into_iter().flatten();
    expected.into_iter().all(|(key, wanted)| {
        let inner = fields.iter().find(|field| field.word == key);
        let is_name =
            inner.is_some_and(|inner| inner.is_name() || matches!(inner.holds, Holds::UniqueName));
        match (actual.get(key), wanted) {
            (Some(Value::String(one)), Value::String(wanted)) if is_name => {
                fold(one) == fold(wanted)
            }
            (Some(one), wanted) => same_json(one, wanted),
            (None, Value::String(name)) if is_name || inner.is_none() => {
                names.contains(&fold(name))
            }
            (None, Value::Bool(true)) => inner.is_some_and(|inner| inner.fill == Fill::Yes),
            (None, Value::Null) => true,
            (None, _) => false,
        }
    })
}

/// Whether a member is the one that a rule requires: by its name, or with every key that the rule gives.
fn same_member(field: Option<&Field>, parent: &str, actual: &Value, expected: &Value) -> bool {
    match (actual, expected) {
        (Value::Object(actual), Value::Object(expected)) => {
            expected
                .iter()
                .all(|(key, value)| match (actual.get(key), value) {
                    (Some(Value::String(actual)), Value::String(value)) => {
                        fold(actual) == fold(value)
                    }
                    (actual, value) => actual == Some(value),
                })
        }
        _ => {
            let expected = names_of(field, parent, expected);
            let actual = names_of(field, parent, actual);
            expected.iter().any(|name| actual.contains(name))
        }
    }
}
