//! The expression that chooses the script of a session. Dataverse stores the ids of scripts in it, while manifests use names:
//! `callscriptId: {name: contoso_script}`.

use std::collections::BTreeSet;

use serde_json::Value as Json;
use uuid::Uuid;

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

/// Returns the ids of scripts that an expression contains instead of names. The expression may also be a text of JSON.
#[must_use]
pub fn script_ids(expression: &Json) -> BTreeSet<Uuid> {
    let mut found = BTreeSet::new();
    match expression {
        Json::String(text) => match serde_json::from_str(text) {
            Ok(parsed) => collect_ids(&parsed, &mut found),
            Err(_) => {
                let after = text.split_once(SCRIPT_ID).map(|(_, after)| after);
                found.extend(after.and_then(id_in));
            }
        },
        _ => collect_ids(expression, &mut found),
    }
    found
}

fn collect_ids(json: &Json, found: &mut BTreeSet<Uuid>) {
    match json {
        Json::Object(entries) => {
            for (key, value) in entries {
                match value {
                    Json::String(text) if holds_script(key) => {
                        found.extend(Uuid::parse_str(text.trim()).ok());
                    }
                    _ => collect_ids(value, found),
                }
            }
        }
        Json::Array(items) => items.iter().for_each(|item| collect_ids(item, found)),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

/// Returns the first id in a text.
#[must_use]
pub fn id_in(text: &str) -> Option<Uuid> {
    const LENGTH: usize = 36;
    (0..(text.len() + 1).checked_sub(LENGTH)?).find_map(|start| {
        let part = text.get(start..start + LENGTH)?;
        Uuid::parse_str(part).ok()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_id_is_found_wherever_it_is_in_a_text() {
        let id = "7d19d5f4-0000-4000-8000-000000000001";
        let found = |text: &str| id_in(text).map(|id| id.to_string());
        assert_eq!(found(&format!("<a id='{id}'/>")).as_deref(), Some(id));
        assert_eq!(found("é7d19d5f4-0000-4000-8000-00000000000"), None);
        assert_eq!(found(""), None);
    }

    #[test]
    fn ids_of_scripts_are_found_in_every_form_of_an_expression() {
        let id = "7d19d5f4-0000-4000-8000-000000000001";
        let found = |expression: Json| script_ids(&expression).len();
        assert_eq!(found(json!({"a": [{"callscriptId": id}], "b": id})), 1);
        assert_eq!(found(json!({"callscriptId": format!("{{{id}}}")})), 1);
        assert_eq!(found(json!({"callscriptId": {"name": "contoso_a"}})), 0);
        let text = format!("{{\"callscriptId\":\"{id}\"}}");
        assert_eq!(found(json!(text)), 1);
        assert_eq!(found(json!(format!("{text},"))), 1);
    }
}
