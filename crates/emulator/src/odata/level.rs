//! How much control information a client asks for: `odata.metadata` in its `Accept` header (OData JSON format 4.0, section 3.1).

use serde_json::{Map, Value as Json};

use super::json::write_json;
use crate::call::Reply;
use crate::schema::Schema;

/// The levels of the standard. `minimal` is the default, and the form in which answers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    None,
    Minimal,
    Full,
}

impl Level {
    pub(crate) fn of(accept: Option<&str>) -> Level {
        let wanted = accept
            .unwrap_or_default()
            .split([';', ','])
            .find_map(|parameter| {
                let (name, value) = parameter.split_once('=')?;
                let name = name.trim().to_ascii_lowercase();
                matches!(name.as_str(), "odata.metadata" | "metadata")
                    .then(|| value.trim().trim_matches('"'))
            });
        match wanted {
            Some("none") => Level::None,
            Some("full") => Level::Full,
            _ => Level::Minimal,
        }
    }

    /// Rewrites an answer of the level `minimal`.
    pub(crate) fn apply(self, schema: &Schema, base: &str, reply: &mut Reply) {
        let word = match self {
            Level::Minimal => return,
            Level::None => "odata.metadata=none",
            Level::Full => "odata.metadata=full",
        };
        let Ok(Json::Object(mut body)) = serde_json::from_slice(&reply.body) else {
            return;
        };
        if self == Level::None {
            strip(&mut body);
        } else {
            complete(schema, base, &mut body);
        }
        reply.body.clear();
        write_json(&body, &mut reply.body);
        for (name, value) in &mut reply.headers {
            if *name == "Content-Type" {
                *value = value.replace("odata.metadata=minimal", word);
            }
        }
    }
}

/// Removes control information, except for counts and links to further pages.
fn strip(object: &mut Map<String, Json>) {
    object.retain(|key, _| {
        let control = key.split_once("@odata.").map(|(_, word)| word);
        control.is_none_or(|word| matches!(word, "count" | "nextLink" | "deltaLink"))
    });
    for value in object.values_mut() {
        match value {
            Json::Object(inner) => strip(inner),
            Json::Array(items) => items
                .iter_mut()
                .filter_map(Json::as_object_mut)
                .for_each(strip),
            _ => {}
        }
    }
}

/// Adds the type, id and edit link of each row of a table. Links of navigation properties are not added.
fn complete(schema: &Schema, base: &str, body: &mut Map<String, Json>) {
    let context = body
        .get("@odata.context")
        .and_then(Json::as_str)
        .unwrap_or_default();
    let set = context
        .split_once("$metadata#")
        .map_or("", |(_, set)| set)
        .split(['(', '/'])
        .next()
        .unwrap_or_default()
        .to_owned();
    let Some(table) = schema.tables.iter().find(|table| table.set == set) else {
        return;
    };
    let identify = |row: &mut Map<String, Json>| {
        let Some(id) = row.get(table.key_name()).and_then(Json::as_str) else {
            return;
        };
        let link = format!("{set}({id})");
        let own = std::mem::take(row);
        let (mut before, mut after) = (Map::new(), Map::new());
        for (key, value) in own {
            let to = if key == "@odata.context" {
                &mut before
            } else {
                &mut after
            };
            to.insert(key, value);
        }
        before.insert(
            "@odata.type".into(),
            format!("#Microsoft.Dynamics.CRM.{}", table.name).into(),
        );
        before.insert("@odata.id".into(), format!("{base}{link}").into());
        row.extend(before);
        let etag = after.shift_remove_entry("@odata.etag");
        row.extend(etag);
        row.insert("@odata.editLink".into(), link.into());
        row.extend(after);
    };
    match body.get_mut("value") {
        Some(Json::Array(rows)) => rows
            .iter_mut()
            .filter_map(Json::as_object_mut)
            .for_each(identify),
        _ => identify(body),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_is_a_parameter_of_the_media_type() {
        for (accept, level) in [
            (None, Level::Minimal),
            (Some("application/json"), Level::Minimal),
            (Some("application/json;odata.metadata=none"), Level::None),
            (
                Some("application/json; OData.Metadata=\"full\"; IEEE754Compatible=true"),
                Level::Full,
            ),
            (
                Some("application/json; odata.metadata=minimal, */*"),
                Level::Minimal,
            ),
        ] {
            assert_eq!(Level::of(accept), level, "{accept:?}");
        }
    }
}
