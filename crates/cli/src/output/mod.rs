//! What people see: plain data in, text out. Renderers are siblings over one plan.

pub(crate) mod diagnostics;
pub(crate) mod plan_text;

/// Text that somebody else wrote, made harmless for a terminal: control characters and those that turn the reading direction are
/// shown as their numbers.
pub(crate) fn plain(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        let turns = matches!(character, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if character == '\n' {
            safe.push('⏎');
        } else if character.is_control()
            || turns
            || matches!(character, '\u{2028}' | '\u{2029}' | '\u{feff}')
        {
            safe.push_str(&format!("\\u{{{:x}}}", u32::from(character)));
        } else {
            safe.push(character);
        }
    }
    safe
}

/// A value that looks like a credential, masked; any other as [`plain`] text.
pub(crate) fn shown(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Null => "(none)".to_owned(),
        serde_json::Value::String(text) => plain(text),
        other => plain(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn live_text_cannot_steer_a_terminal() {
        assert_eq!(
            plain("a\u{1b}[31mb\u{202e}c\r\n"),
            "a\\u{1b}[31mb\\u{202e}c\\u{d}⏎"
        );
    }
}
