//! Texts and JSON that a manifest can hold unchanged.

use serde_json::Value as Json;

/// Deepest nesting that a manifest takes for JSON that it writes as YAML.
const MAX_DEPTH: usize = 40;

/// Why a text cannot be a value of a manifest, if so.
pub fn refused(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        Some("an empty text cannot be written")
    } else if text.trim() != text {
        Some("it begins or ends with a blank")
    } else if text.chars().any(is_refused) {
        Some("it holds a control character")
    } else {
        None
    }
}

fn is_refused(character: char) -> bool {
    character.is_control() && !matches!(character, '\n' | '\t' | '\r')
}

/// Whether YAML gives the value back as it is: whole numbers, texts without control characters, no great depth.
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
