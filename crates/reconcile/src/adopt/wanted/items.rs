//! Lists of mappings, such as the steps of a script: an item that is live keeps the keys that it has, at their live values.

use deskstate_model::{PartOf, fold, unique_name_of_part};
use serde_json::{Map, Value as Json, json};

use super::{is_at_least, listed, lost, with_lists};
use crate::plan::{Change, Difference};

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
                if let Some(key) = emptied(change, word, identity.as_deref(), item) {
                    return Err(lost(key, item));
                }
                wanted.push(changed_item(known, item, at + 1));
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
            Some(unique_name_of_part(PartOf::ScriptStep {
                script: parent,
                display_name: text("displayName")?,
            }))
        }),
        "fields" => text("shared")
            .or_else(|| text("name"))
            .map(str::to_owned)
            .or_else(|| {
                Some(unique_name_of_part(PartOf::NotificationField {
                    template: parent,
                    header: text("header")?,
                }))
            }),
        _ => text("name").map(str::to_owned),
    };
    name.map(|name| fold(&name))
}

/// A key of an item of which live holds nothing, and no item can say so.
fn emptied<'c>(
    change: &'c Change,
    word: &str,
    identity: Option<&str>,
    live: &Json,
) -> Option<&'c str> {
    change
        .fields
        .iter()
        .filter(|field| matches!(&field.difference, Difference::Value { before, .. } if before.is_null()))
        .filter_map(|field| field.path.strip_prefix(word)?.strip_prefix('.')?.rsplit_once('.'))
        .filter(|(item, _)| Some(fold(item).as_str()) == identity)
        .map(|(_, key)| key)
        .find(|key| live.get(key).is_none() && !ACTIONS.contains(key))
}

/// The item with the keys it has, at their live values. What it does not say stays unsaid.
fn changed_item(known: &Json, live: &Json, position: usize) -> Json {
    let (Json::Object(known), Json::Object(now)) = (known, live) else {
        return live.clone();
    };
    // A shared field became the template's own, or the other way round.
    if known.contains_key("shared") != now.contains_key("shared") {
        return live.clone();
    }
    let mut item = Map::new();
    for (key, value) in known {
        let value = match (now.get(key), key.as_str()) {
            (Some(now), _) => now.clone(),
            // A step does something else: one of the keys below says what.
            (None, action) if ACTIONS.contains(&action) => continue,
            (None, "order") => json!(position),
            (None, "enabled") => json!(true),
            // What is named like its header says so by its header alone.
            (None, "displayName") => now.get("header").unwrap_or(value).clone(),
            (None, _) => value.clone(),
        };
        item.insert(key.clone(), value);
    }
    for action in ACTIONS {
        if let Some(value) = now.get(action) {
            item.insert(action.to_owned(), value.clone());
        }
    }
    Json::Object(item)
}
