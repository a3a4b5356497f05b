//! Lists of mappings, such as the steps of a script: an item that is live keeps the keys that it has, at their live values.

use deskstate_model::{PartOf, fold, unique_name_of_part};
use serde_json::{Map, Value as Json, json};

use super::{is_at_least, listed, lost, with_lists};
use crate::plan::Change;

/// Exactly one of these says what a step does.
const ACTIONS: [&str; 3] = ["text", "macro", "script"];

/// The list with the items of live, in their order.
pub(super) fn items(
    word: &str,
    change: &Change,
    written: &Json,
    raised: Json,
) -> Result<Json, String> {
    let parent = change.key.name.as_written();
    let empty = Vec::new();
    let before = listed(written, "members").unwrap_or(&empty);
    let live = listed(&raised, "members").unwrap_or(&empty);
    let mut wanted: Vec<Json> = Vec::new();
    for (at, item) in live.iter().enumerate() {
        let identity = item_name(word, item, parent);
        match before
            .iter()
            .find(|other| item_name(word, other, parent) == identity)
        {
            Some(known) => {
                let differs = |key: &str| differs(change, word, identity.as_deref(), key);
                wanted.push(changed_item(known, item, at + 1, differs)?);
            }
            None if is_at_least(written) => {}
            None => wanted.push(item.clone()),
        }
    }
    // A tool that is listed and off is no item of live, and still what the manifest says.
    for (at, item) in before.iter().enumerate() {
        let off = word == "tools" && item.get("enabled") == Some(&json!(false));
        let there = live
            .iter()
            .any(|other| item_name(word, other, parent) == item_name(word, item, parent));
        if off && !there {
            wanted.insert(at.min(wanted.len()), item.clone());
        }
    }
    Ok(with_lists(written, wanted, None))
}

/// What names an item of a list.
fn item_name(word: &str, item: &Json, parent: &str) -> Option<String> {
    let text = |key: &str| item.get(key).and_then(Json::as_str);
    let name = match word {
        "tools" => text("tool").map(str::to_owned),
        "steps" => text("name").map(str::to_owned).or_else(|| {
            unique_name_of_part(PartOf::ScriptStep {
                script: parent,
                display_name: text("displayName")?,
            })
        }),
        "fields" => text("shared")
            .or_else(|| text("name"))
            .map(str::to_owned)
            .or_else(|| {
                unique_name_of_part(PartOf::NotificationField {
                    template: parent,
                    header: text("header")?,
                })
            }),
        _ => text("name").map(str::to_owned),
    };
    name.map(|name| fold(&name))
}

/// Whether the plan says that a key of an item is not as it is live.
fn differs(change: &Change, word: &str, item: Option<&str>, key: &str) -> bool {
    change.fields.iter().any(|field| {
        field
            .path
            .strip_prefix(word)
            .and_then(|path| path.strip_prefix('.')?.rsplit_once('.'))
            .is_some_and(|(part, of)| of == key && Some(fold(part).as_str()) == item)
    })
}

/// The item with the keys it has, at their live values. What it does not say stays unsaid.
fn changed_item(
    known: &Json,
    live: &Json,
    position: usize,
    differs: impl Fn(&str) -> bool,
) -> Result<Json, String> {
    let (Json::Object(entries), Json::Object(now)) = (known, live) else {
        return Ok(live.clone());
    };
    // A shared field became the template's own, or the other way round.
    if entries.contains_key("shared") != now.contains_key("shared") {
        return Ok(live.clone());
    }
    let mut item = Map::new();
    for (key, value) in entries {
        let value = match (now.get(key), key.as_str()) {
            (Some(now), _) => now.clone(),
            // A step does something else: one of the keys below says what.
            (None, action) if ACTIONS.contains(&action) => continue,
            (None, "order") => json!(position),
            (None, "enabled") => json!(true),
            // What is named like its header says so by its header alone.
            (None, "displayName") if now.contains_key("header") => now["header"].clone(),
            (None, key) if differs(key) => return Err(lost(key, live)),
            (None, _) => value.clone(),
        };
        item.insert(key.clone(), value);
    }
    for action in ACTIONS {
        if let Some(value) = now.get(action) {
            item.insert(action.to_owned(), value.clone());
        }
    }
    Ok(Json::Object(item))
}
