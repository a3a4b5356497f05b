//! A canonical text for JSON values, and its hash.
//!
//! The canonical text of a JSON value is JSON without whitespace. Keys are ordered by code point, and strings escape only what JSON
//! requires. Python's `json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)` gives the same text.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

/// A hash of what a plan does, and to which organization. It does not cover versions of rows, places in files and reasons.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The hash of a value.
    pub(super) fn of(value: &Json) -> Self {
        let mut text = Hashed(Sha256::new());
        write(value, &mut text);
        Self(text.0.finalize().into())
    }

    /// The hash of an object whose first key has a list. The complete list is never in memory.
    pub(super) fn with_list(
        list: &str,
        items: impl Iterator<Item = Json>,
        others: &BTreeMap<&str, Json>,
    ) -> Self {
        debug_assert!(others.keys().all(|key| list < *key));
        let mut text = Hashed(Sha256::new());
        text.push("{");
        write_text(list, &mut text);
        text.push(":[");
        for (index, item) in items.enumerate() {
            if index > 0 {
                text.push(",");
            }
            write(&item, &mut text);
        }
        text.push("]");
        for (key, value) in others {
            text.push(",");
            write_text(key, &mut text);
            text.push(":");
            write(value, &mut text);
        }
        text.push("}");
        Self(text.0.finalize().into())
    }
}

/// A text that is hashed instead of being stored.
struct Hashed(Sha256);

impl Hashed {
    fn push(&mut self, text: &str) {
        self.0.update(text.as_bytes());
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

fn write(value: &Json, text: &mut Hashed) {
    match value {
        Json::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| *key);
            text.push("{");
            for (index, (key, value)) in entries.into_iter().enumerate() {
                if index > 0 {
                    text.push(",");
                }
                write_text(key, text);
                text.push(":");
                write(value, text);
            }
            text.push("}");
        }
        Json::Array(items) => {
            text.push("[");
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(",");
                }
                write(item, text);
            }
            text.push("]");
        }
        Json::String(own) => write_text(own, text),
        Json::Null | Json::Bool(_) | Json::Number(_) => text.push(&value.to_string()),
    }
}

fn write_text(own: &str, text: &mut Hashed) {
    text.push("\"");
    let mut rest = own;
    while let Some(at) = rest.find(|letter| letter < ' ' || letter == '"' || letter == '\\') {
        let (plain, from) = rest.split_at(at);
        let (escaped, after) = from.split_at(1);
        text.push(plain);
        match escaped {
            "\"" => text.push("\\\""),
            "\\" => text.push("\\\\"),
            "\n" => text.push("\\n"),
            "\r" => text.push("\\r"),
            "\t" => text.push("\\t"),
            "\u{8}" => text.push("\\b"),
            "\u{c}" => text.push("\\f"),
            control => {
                for byte in control.bytes() {
                    text.push(&format!("\\u{byte:04x}"));
                }
            }
        }
        rest = after;
    }
    text.push(rest);
    text.push("\"");
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
