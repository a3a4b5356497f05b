//! Lists of mappings, such as the steps of a script. An item that is still live keeps its keys, with their live values.

use deskstate_model::{
    Choice, Field, Fill, Holds, Links, NameOf, Unlisted, fold, unique_name_of_part,
};
use serde_json::{Map, Value as Json, json};

use super::{listed, lost, with_lists};
use crate::plan::{Change, Difference};

/// Returns the list with the live items, in their order.
pub(super) fn items(
    field: &'static Field,
    change: &Change,
    written: &Json,
    raised: Json,
    at_least: bool,
) -> Result<Json, String> {
    let parent = change.key.name.as_written();
    let empty = Vec::new();
    let before = listed(written, "members").unwrap_or(&empty);
    let live = listed(&raised, "members").unwrap_or(&empty);
    let name = |item: &Json| item_name(field, item, parent);
    let mut wanted: Vec<Json> = Vec::new();
    for (at, item) in live.iter().enumerate() {
        let identity = name(item);
        match before.iter().find(|other| name(other) == identity) {
            Some(known) => {
                if let Some(key) = emptied(change, field, identity.as_deref(), item) {
                    return Err(lost(key, item));
                }
                if let Some(key) = in_file(change, field, identity.as_deref(), known) {
                    return Err(format!(
                        "`{key}` of `{}` is in a separate file, which is not edited",
                        identity.unwrap_or_default()
                    ));
                }
                wanted.push(changed_item(field, known, item, at + 1, parent));
            }
            None if at_least => {}
            None => wanted.push(item.clone()),
        }
    }
    // An item that is listed as switched off is not among the live items, but the manifest still says so.
    for (at, item) in before.iter().enumerate() {
        let there = live.iter().any(|other| name(other) == name(item));
        if is_off(field, item) && !there {
            wanted.insert(at.min(wanted.len()), item.clone());
        }
    }
    Ok(with_lists(written, wanted, None))
}

fn is_off(field: &Field, item: &Json) -> bool {
    let Holds::Parts(part) = field.holds else {
        return false;
    };
    let Unlisted::SwitchOff(column) = part.unlisted else {
        return false;
    };
    let mut switches = part.fields.iter().filter(|field| field.column == column);
    switches.any(|switch| item.get(switch.word) == Some(&json!(false)))
}

/// The name that identifies an item of a list.
fn item_name(field: &Field, item: &Json, parent: &str) -> Option<String> {
    let text = |key: &str| item.get(key).and_then(Json::as_str);
    let own_name = |field: &Field| match field.holds {
        Holds::UniqueName => text(field.word),
        _ => None,
    };
    let (named, name_of) = match field.holds {
        Holds::Parts(part) => {
            let mut identity = part.fields.iter().filter(|field| part.is_identity(field));
            (identity.find_map(|field| text(field.word)), part.name)
        }
        Holds::Set {
            links: Links::Items(items),
            ..
        } => {
            let mut shared = items.shared.iter().filter_map(|field| text(field.word));
            let own = || items.own.iter().find_map(own_name);
            (shared.next().or_else(own), items.name)
        }
        _ => (None, NameOf::Given),
    };
    let derived = || match name_of {
        NameOf::Behind(word) => unique_name_of_part(name_of, parent, text(word)?),
        NameOf::PaneTab(_) | NameOf::Given => None,
    };
    let name = named.map(str::to_owned).or_else(derived)?;
    Some(fold(&name))
}

/// The keys of which an item must have exactly one.
fn alternatives(field: &'static Field) -> &'static [Choice] {
    let Holds::Parts(part) = field.holds else {
        return &[];
    };
    let words = part.fields.iter().find_map(|field| match field.holds {
        Holds::OneOf(words) => Some(words),
        _ => None,
    });
    words.unwrap_or_default()
}

fn is_alternative(field: &'static Field, key: &str) -> bool {
    alternatives(field).iter().any(|choice| choice.word == key)
}

/// A key of an item of which the environment has nothing, and no item can say so.
fn emptied<'c>(
    change: &'c Change,
    field: &'static Field,
    identity: Option<&str>,
    live: &Json,
) -> Option<&'c str> {
    change
        .fields
        .iter()
        .filter(|field| matches!(&field.difference, Difference::Value { before, .. } if before.is_null()))
        .filter_map(|change| change.path.strip_prefix(field.word)?.strip_prefix('.')?.rsplit_once('.'))
        .filter(|(item, _)| Some(fold(item).as_str()) == identity)
        .map(|(_, key)| key)
        .find(|key| live.get(key).is_none() && !is_alternative(field, key))
}

/// A key of an item that differs and whose value is in a separate file.
fn in_file<'c>(
    change: &'c Change,
    field: &'static Field,
    identity: Option<&str>,
    known: &Json,
) -> Option<&'c str> {
    let paths = change.fields.iter().map(|field| field.path.as_str());
    let inner = paths.filter_map(|path| path.strip_prefix(field.word)?.strip_prefix('.'));
    inner
        .filter_map(|path| path.split_once('.'))
        .filter(|(item, _)| Some(fold(item).as_str()) == identity)
        .map(|(_, key)| key.split(['.', '[']).next().unwrap_or(key))
        .find(|key| known.get(format!("{key}File")).is_some())
}

/// The keys that hold the name of an item.
fn is_name(field: &'static Field, inner: &Field) -> bool {
    match field.holds {
        Holds::Parts(part) => part.is_identity(inner),
        _ => matches!(inner.holds, Holds::UniqueName),
    }
}

/// Returns the item with the live values of its existing keys. The only added key is a name that no longer follows from the others.
fn changed_item(
    field: &'static Field,
    known: &Json,
    live: &Json,
    position: usize,
    parent: &str,
) -> Json {
    let (Json::Object(known), Json::Object(now)) = (known, live) else {
        return live.clone();
    };
    // A shared row became the resource's own, or vice versa.
    if let Holds::Set {
        links: Links::Items(items),
        ..
    } = field.holds
    {
        let shared = |item: &Map<String, Json>| {
            items
                .shared
                .iter()
                .any(|field| item.contains_key(field.word))
        };
        if shared(known) != shared(now) {
            return live.clone();
        }
    }
    let mut item = Map::new();
    for (key, value) in known {
        let inner = field.items().find(|inner| inner.word == key);
        let value = match (now.get(key), inner.map(|inner| (inner.holds, inner.fill))) {
            (Some(now), _) => now.clone(),
            // The kind of action changed: the new key is added below.
            (None, _) if is_alternative(field, key) => continue,
            (None, Some((Holds::Position, _))) => json!(position),
            (None, Some((_, Fill::Yes))) => json!(true),
            // A name that is derived from the header changes with it.
            (None, Some((_, Fill::TextOf(word)))) => now.get(word).unwrap_or(value).clone(),
            (None, _) => value.clone(),
        };
        item.insert(key.clone(), value);
    }
    for inner in field.items().filter(|inner| is_name(field, inner)) {
        let mut nameless = now.clone();
        let Some(name) = nameless.remove(inner.word) else {
            continue;
        };
        let follows =
            item_name(field, &Json::Object(nameless), parent) == item_name(field, live, parent);
        if !known.contains_key(inner.word) && !follows {
            item.insert(inner.word.to_owned(), name);
        }
    }
    for choice in alternatives(field) {
        if let Some(value) = now.get(choice.word) {
            item.insert(choice.word.to_owned(), value.clone());
        }
    }
    Json::Object(item)
}
