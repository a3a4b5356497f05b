//! Values of a new row for fields that its document leaves out, as far as the metadata of the tables states them.

use deskstate_model::{Field, Kind, NewRow};
use serde_json::{Map, Value as Json, json};

/// Leaves out nulls, empty sets and values that a new row has by default.
pub(super) fn skip(kind: Kind, spec: &mut Map<String, Json>) {
    spec.retain(|word, value| {
        let field = kind.fields().iter().find(|field| field.word == word);
        field.is_some_and(Field::is_required)
            || !(is_nothing(value) || field.and_then(default).as_ref() == Some(value))
    });
}

/// The default value, in the terms of the manifest.
fn default(field: &Field) -> Option<Json> {
    Some(match field.new_row? {
        NewRow::Flag(flag) => json!(flag),
        NewRow::Word(word) => json!(word),
    })
}

fn is_nothing(value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::Array(items) => items.is_empty(),
        Json::Object(entries) => entries.is_empty(),
        Json::Bool(_) | Json::Number(_) | Json::String(_) => false,
    }
}
