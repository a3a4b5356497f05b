//! One text for one meaning, and its hash.
//!
//! The canonical text of a JSON value is JSON without blanks. Keys are ordered by code point, and a text escapes only what JSON
//! demands. Python's `json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)` gives the same.

use std::fmt;

use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

/// What a plan does to which organisation, as a hash. Versions of rows, places in files and reasons are no part of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The hash of a value.
    pub(super) fn of(value: &Json) -> Self {
        let mut text = String::new();
        write(value, &mut text);
        Self(Sha256::digest(text.as_bytes()).into())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

fn write(value: &Json, text: &mut String) {
    match value {
        Json::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| *key);
            text.push('{');
            for (index, (key, value)) in entries.into_iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write_text(key, text);
                text.push(':');
                write(value, text);
            }
            text.push('}');
        }
        Json::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write(item, text);
            }
            text.push(']');
        }
        Json::String(own) => write_text(own, text),
        Json::Null | Json::Bool(_) | Json::Number(_) => text.push_str(&value.to_string()),
    }
}

fn write_text(own: &str, text: &mut String) {
    use std::fmt::Write as _;
    text.push('"');
    for letter in own.chars() {
        match letter {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '\u{8}' => text.push_str("\\b"),
            '\u{c}' => text.push_str("\\f"),
            control if control < ' ' => drop(write!(text, "\\u{:04x}", u32::from(control))),
            other => text.push(other),
        }
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_has_the_hash_that_python_gives_it() {
        let value = json!({
            "b": [1, -2.5, true, null, {}, []],
            "a": "quote \" backslash \\ line\nfeed\r\ttab \u{8}\u{c}\u{1}\u{7f} é 😀 \u{2028}",
            "é": {"Z": 0, "a": "/"},
        });
        // hashlib.sha256(json.dumps(v, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()
        assert_eq!(
            Digest::of(&value).to_string(),
            "sha256:3e321784b1cfc4b57fe69c59e6850154446f20afade74ebe9265a2bc7da6e467"
        );
    }
}
