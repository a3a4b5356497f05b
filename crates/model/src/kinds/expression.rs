//! The expression that chooses the script of a session. Dataverse stores the ids of scripts in it, while manifests use names:
//! `callscriptId: {name: contoso_script}`.

use serde_json::Value as Json;

/// The key for the id of a script in the expression builder's output.
const SCRIPT_ID: &str = "callscriptId";

/// Whether an entry of an expression contains the id of a script.
#[must_use]
pub fn holds_script(key: &str) -> bool {
    key == SCRIPT_ID
}

/// Returns the script that an entry of an expression names.
#[must_use]
pub fn script_named<'j>(key: &str, value: &'j Json) -> Option<&'j str> {
    let entries = value.as_object().filter(|entries| entries.len() == 1)?;
    let name = entries.get("name").and_then(Json::as_str)?;
    holds_script(key).then_some(name)
}

/// Returns all scripts that an expression names.
#[must_use]
pub fn scripts_named(expression: &Json) -> Vec<&str> {
    let mut found = Vec::new();
    collect(expression, &mut found);
    found
}

fn collect<'j>(json: &'j Json, found: &mut Vec<&'j str>) {
    match json {
        Json::Object(entries) => {
            for (key, value) in entries {
                match script_named(key, value) {
                    Some(name) => found.push(name),
                    None => collect(value, found),
                }
            }
        }
        Json::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}
