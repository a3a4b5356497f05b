//! Whether a value is the one that a rule gives.

use serde_json::Value;

use super::names_of;
use crate::alike::{same_but_ids, same_json};
use crate::kinds::Kind;
use crate::name::fold;
use crate::table::{Field, Fill, Holds, Links, Unlisted, Written};

/// How far two values have to agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// The first has everything that the second gives.
    Gives,
    /// Nothing that both give differs.
    Agrees,
}

/// Whether two values are equal for the product: line endings, the case of names and ids, the order of set members and the formatting of
/// JSON do not matter. The items of a list may have more than the rule gives.
pub(super) fn same(
    (kind, parent): (Kind, &str),
    path: &[String],
    actual: &Value,
    expected: &Value,
) -> bool {
    compared(kind, parent, path, (actual, expected), Extent::Gives)
}

/// Whether one manifest can comply with both of two locked values.
pub(crate) fn agree(
    (kind, parent): (Kind, &str),
    path: &[String],
    one: &Value,
    other: &Value,
) -> bool {
    compared(kind, parent, path, (one, other), Extent::Agrees)
}

fn compared(
    kind: Kind,
    parent: &str,
    path: &[String],
    (actual, expected): (&Value, &Value),
    extent: Extent,
) -> bool {
    let field = path
        .first()
        .and_then(|word| kind.fields().iter().find(|field| field.word == word));
    let is_name = field.is_some_and(Field::is_name);
    let in_json = |value: &Value| match value {
        Value::String(text) if path.len() == 1 => field.and_then(|field| field.json_in(text)),
        _ => None,
    };
    let (json, own) = match extent {
        Extent::Gives => (in_json(expected), None),
        Extent::Agrees => (in_json(expected), in_json(actual)),
    };
    let expected = json.as_ref().unwrap_or(expected);
    let actual = own.as_ref().unwrap_or(actual);
    // The long form of a set has its members one level deeper.
    let is_list = match path {
        [_] => true,
        [_, members] => members == "members",
        _ => false,
    };
    let rows = field.filter(|_| is_list).and_then(Rows::of);
    match (actual, expected) {
        (Value::String(actual), Value::String(expected)) if is_name => {
            fold(actual) == fold(expected)
        }
        (Value::String(actual), Value::String(expected)) => {
            let [actual, expected] = [actual, expected].map(|text| text.replace("\r\n", "\n"));
            same_but_ids(&actual, &expected)
        }
        (Value::Array(actual), Value::Array(expected)) if let Some(rows) = rows => {
            let (actual, expected) = (rows.on(actual), rows.on(expected));
            let same_row = |one: &Value, wanted: &Value| match (one, wanted) {
                (Value::Object(_), Value::Object(_)) => {
                    same_item(&rows, field, parent, (one, wanted), extent)
                }
                _ => same_name(field, parent, one, wanted),
            };
            pairs(&actual, &expected, rows.is_set, same_row)
        }
        (Value::Array(actual), Value::Array(expected)) if is_name => {
            let (actual, expected): (Vec<_>, Vec<_>) =
                (actual.iter().collect(), expected.iter().collect());
            pairs(&actual, &expected, true, |one, wanted| {
                same_name(field, parent, one, wanted)
            })
        }
        _ => same_json(actual, expected),
    }
}

/// The rows of a list.
struct Rows {
    fields: Vec<&'static Field>,
    /// Whether their order has no meaning.
    is_set: bool,
    /// The flag of a row that stays when nobody lists it.
    switch: Option<&'static str>,
}

impl Rows {
    fn of(field: &Field) -> Option<Self> {
        match field.holds {
            Holds::Parts(part) => Some(Self {
                fields: part.fields.iter().collect(),
                is_set: matches!(part.written, Written::Set),
                switch: match part.unlisted {
                    Unlisted::SwitchOff(column) => {
                        let mut fields = part.fields.iter();
                        let flag = fields.find(|field| field.column == column);
                        flag.map(|field| field.word)
                    }
                    Unlisted::Leave | Unlisted::Delete => None,
                },
            }),
            Holds::Set {
                links: Links::Items(items),
                ..
            } => Some(Self {
                fields: items.own.iter().chain(items.shared).collect(),
                is_set: false,
                switch: None,
            }),
            _ => None,
        }
    }

    /// The items that are on. One that is listed as off is like one that nobody lists.
    fn on<'v>(&self, items: &'v [Value]) -> Vec<&'v Value> {
        let is_off = |item: &&Value| {
            let flag = self.switch.and_then(|switch| item.get(switch));
            flag == Some(&Value::Bool(false))
        };
        items.iter().filter(|item| !is_off(item)).collect()
    }
}

/// Whether two lists have the same members. In a set, each expected member is another one.
fn pairs(
    actual: &[&Value],
    expected: &[&Value],
    is_set: bool,
    same: impl Fn(&Value, &Value) -> bool,
) -> bool {
    if actual.len() != expected.len() {
        return false;
    }
    if !is_set {
        let mut pairs = actual.iter().zip(expected);
        return pairs.all(|(one, wanted)| same(one, wanted));
    }
    let mut left = actual.to_vec();
    // What gives the most first: it fits the fewest.
    let keys = |value: &Value| value.as_object().map_or(0, serde_json::Map::len);
    let mut expected = expected.to_vec();
    expected.sort_by_key(|value| std::cmp::Reverse(keys(value)));
    expected.iter().all(|wanted| {
        let found = left.iter().position(|one| same(one, wanted));
        found.map(|at| left.swap_remove(at)).is_some()
    })
}

/// Whether an item of a list has the values that a rule gives. What is on is not written, and a shared row is called by its name.
fn same_item(
    rows: &Rows,
    field: Option<&Field>,
    parent: &str,
    (actual, expected): (&Value, &Value),
    extent: Extent,
) -> bool {
    let names = names_of(field, parent, actual);
    let wanted = expected.as_object().into_iter().flatten();
    wanted.into_iter().all(|(key, wanted)| {
        let inner = rows.fields.iter().find(|field| field.word == key);
        let is_name =
            inner.is_some_and(|inner| inner.is_name() || matches!(inner.holds, Holds::UniqueName));
        match (actual.get(key), wanted) {
            (Some(Value::String(one)), Value::String(wanted)) if is_name => {
                fold(one) == fold(wanted)
            }
            (Some(one), wanted) => same_json(one, wanted),
            (None, _) if extent == Extent::Agrees => true,
            // A derived name is left out, and a shared row is listed by its name.
            (None, Value::String(name))
                if inner.is_none_or(|inner| matches!(inner.holds, Holds::UniqueName)) =>
            {
                names.contains(&fold(name))
            }
            (None, Value::Bool(true)) => inner.is_some_and(|inner| inner.fill == Fill::Yes),
            (None, _) => false,
        }
    })
}

/// Whether a member is called as a rule calls it.
fn same_name(field: Option<&Field>, parent: &str, actual: &Value, expected: &Value) -> bool {
    if let (Value::Object(actual), Value::Object(expected)) = (actual, expected) {
        let mut keys = expected.iter();
        return keys.all(|(key, value)| match (actual.get(key), value) {
            (Some(Value::String(actual)), Value::String(value)) => fold(actual) == fold(value),
            (actual, value) => actual == Some(value),
        });
    }
    let expected = names_of(field, parent, expected);
    let actual = names_of(field, parent, actual);
    expected.iter().any(|name| actual.contains(name))
}
