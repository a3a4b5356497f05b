//! The expression that chooses the script of a session refers to scripts by id. Manifests refer to them by unique name.

use deskstate_model::{Kind, UniqueName, holds_script, script_ids, script_named, tables};
use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use crate::live::Live;
use crate::lower::lowering::Lowering;
use crate::raise::raising::Raising;
use crate::state::{RowKey, Stored};

/// The field with the expression.
const FIELD: &str = "expressionData";

/// Replaces the names of scripts by their ids.
pub(crate) fn lower(lowering: &mut Lowering<'_>) {
    let mut columns = lowering.row.columns.iter_mut();
    let Some(column) = columns.find(|column| column.field.word == FIELD) else {
        return;
    };
    if let Stored::Json(json) = &mut column.value {
        let mut ids = Vec::new();
        take_names(json, &mut String::new(), &mut ids);
        if !ids.is_empty() {
            column.value = Stored::JsonWith(std::mem::take(json), ids);
        }
    }
}

fn take_names(json: &mut Json, at: &mut String, ids: &mut Vec<(String, RowKey)>) {
    let length = at.len();
    match json {
        Json::Object(entries) => {
            for (key, value) in entries {
                at.push('/');
                at.push_str(&key.replace('~', "~0").replace('/', "~1"));
                match script_named(key, value).map(UniqueName::new) {
                    Some(name) => {
                        let table = &tables::SCRIPT;
                        ids.push((at.clone(), RowKey::Named { table, name }));
                        *value = Json::Null;
                    }
                    None => take_names(value, at, ids),
                }
                at.truncate(length);
            }
        }
        Json::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                at.push_str(&format!("/{index}"));
                take_names(item, at, ids);
                at.truncate(length);
            }
        }
        _ => {}
    }
}

/// Replaces the ids of scripts by their names. An id without a script is reported. An expression of an environment keeps it; one of a file
/// is left out, because the id belongs to the environment of the file.
pub(crate) fn raise(raising: &mut Raising<'_>) {
    let live = raising.live;
    let Some(expression) = raising.spec.get_mut(FIELD) else {
        return;
    };
    put_names(expression, live);
    if raising.options.as_read || raising.options.unchecked {
        return;
    }
    let noun = Kind::AGENT_SCRIPT;
    for id in script_ids(expression) {
        if raising.options.from_file {
            raising.spec.remove(FIELD);
            raising.leave_out(FIELD, format!("the file has no name for its {noun} {id}"));
        } else {
            raising.warn(
                FIELD,
                format!("its {noun} {id} cannot be named; the id belongs to this environment"),
            );
        }
    }
}

fn put_names(json: &mut Json, live: &Live) {
    match json {
        Json::Object(entries) => put_names_of(entries, live),
        Json::Array(items) => items.iter_mut().for_each(|item| put_names(item, live)),
        _ => {}
    }
}

fn put_names_of(entries: &mut Map<String, Json>, live: &Live) {
    for (key, value) in entries {
        let id = value.as_str().and_then(|text| Uuid::parse_str(text).ok());
        let name = id
            .filter(|_| holds_script(key))
            .and_then(|id| live.row(&tables::SCRIPT, id))
            .and_then(|row| row.row.text(tables::SCRIPT.name?))
            .filter(|name| {
                let table = &tables::SCRIPT;
                let name = UniqueName::new(name);
                live.find(&RowKey::Named { table, name }).one() == id
            });
        match name {
            Some(name) => *value = json!({ "name": name }),
            None => put_names(value, live),
        }
    }
}
