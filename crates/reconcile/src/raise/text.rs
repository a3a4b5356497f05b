//! Texts and JSON values that a manifest can contain unchanged.

use serde_json::Value as Json;

/// Maximum nesting depth of JSON that is written as YAML in a manifest.
const MAX_DEPTH: usize = 40;

/// Why a text cannot be a value in a manifest, if it cannot.
pub fn refused(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        Some("an empty text cannot be written")
    } else if text.trim() != text {
        Some("it begins or ends with a space or a line break")
    } else if text.chars().any(is_refused) {
        Some("it holds a control character")
    } else {
        None
    }
}

fn is_refused(character: char) -> bool {
    character.is_control() && !matches!(character, '\n' | '\t' | '\r')
}

/// Whether YAML returns the value unchanged: whole numbers, texts without control characters, limited depth.
pub(crate) fn is_plain_json(value: &Json) -> bool {
    fn plain(value: &Json, depth: usize) -> bool {
        depth < MAX_DEPTH
            && match value {
                Json::Null | Json::Bool(_) => true,
                Json::Number(number) => number.is_i64(),
                Json::String(text) => is_plain_text(text),
                Json::Array(items) => items.iter().all(|item| plain(item, depth + 1)),
                Json::Object(entries) => entries.iter().all(|(key, value)| {
                    !key.is_empty() && key != "<<" && is_plain_text(key) && plain(value, depth + 1)
                }),
            }
    }
    plain(value, 0)
}

fn is_plain_text(text: &str) -> bool {
    !text.chars().any(is_refused)
}
