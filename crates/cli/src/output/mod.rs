//! What people see: plain data in, text out. Renderers are siblings over one plan.

pub(crate) mod annotations;
pub(crate) mod diagnostics;
pub(crate) mod diagnostics_json;
pub(crate) mod divergence;
pub(crate) mod drift_json;
pub(crate) mod drift_junit;
pub(crate) mod drift_markdown;
pub(crate) mod drift_metrics;
pub(crate) mod drift_report;
pub(crate) mod drift_text;
pub(crate) mod format;
pub(crate) mod html;
pub(crate) mod markdown;
mod markdown_text;
pub(crate) mod places;
pub(crate) mod plan_text;
pub(crate) mod sarif;
pub(crate) mod who_json;
pub(crate) mod wrap;

use deskstate_reconcile::secret::masked;

/// Text that somebody else wrote, made harmless for a terminal and for the log of a build: control characters and those that turn
/// the reading direction or cannot be seen are shown as their numbers, and what a build's log would carry out is broken.
///
/// The log commands: GitHub Actions reads a line that begins with `::` and `##[` anywhere, Azure Pipelines `##vso[` anywhere.
pub(crate) fn plain(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let blank = text.len() - text.trim_start().len();
    let command_at = text[blank..].starts_with("::").then_some(blank);
    for (at, character) in text.char_indices() {
        let in_command =
            Some(at) == command_at || (character == '#' && begins_log_command(&text[at..]));
        if character == '\n' {
            safe.push('⏎');
        } else if in_command || character.is_control() || is_unseen(character) {
            safe.push_str(&format!("\\u{{{:x}}}", u32::from(character)));
        } else {
            safe.push(character);
        }
    }
    safe
}

/// Breaks commands to a build's log in text that keeps its layout, such as lines of a manifest, and shows that something is there that
/// cannot be seen.
pub(crate) fn without_log_commands(text: &str) -> String {
    let seen: String = text
        .chars()
        .map(|character| {
            if is_unseen(character) {
                '\u{fffd}'
            } else {
                character
            }
        })
        .collect();
    seen.replace("##vso[", "#\\u{23}vso[")
        .replace("##[", "#\\u{23}[")
}

/// At a `#` that is followed by another one and a command.
fn begins_log_command(text: &str) -> bool {
    text.get(..6)
        .is_some_and(|start| start.eq_ignore_ascii_case("##vso["))
        || text.starts_with("##[")
}

/// Turns the reading direction, or takes no room and only serves to deceive. Joiners stay: scripts and emoji need them.
fn is_unseen(character: char) -> bool {
    let turns = matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let breaks = matches!(character, '\u{2028}' | '\u{2029}');
    let hides = matches!(
        character,
        '\u{ad}' | '\u{180e}' | '\u{200b}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    );
    turns || breaks || hides
}

/// JSON whose texts are harmless wherever it is shown: what [`plain`] would show as a number stands as `\u` and its number, which means
/// the same.
pub(crate) fn harmless_json(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    let mut units = [0; 2];
    for (at, character) in json.char_indices() {
        let hides = (character.is_control() && character != '\n') || is_unseen(character);
        if hides || (character == '#' && begins_log_command(&json[at..])) {
            for unit in character.encode_utf16(&mut units) {
                safe.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            safe.push(character);
        }
    }
    safe
}

/// A value that looks like a credential, masked; any other as [`plain`] text.
pub(crate) fn shown(value: &serde_json::Value) -> String {
    match masked(value) {
        serde_json::Value::Null => "(none)".to_owned(),
        serde_json::Value::String(text) => plain(&text),
        other => plain(&other.to_string()),
    }
}

#[cfg(test)]
mod hostile;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_secret_is_not_shown() {
        let value = serde_json::json!({"clientSecret": "abc", "mode": "dark"});
        let shown = shown(&value);
        assert!(!shown.contains("abc") && shown.contains("dark"), "{shown}");
    }

    #[test]
    fn live_text_cannot_command_the_log_of_a_build() {
        assert_eq!(
            plain("x ##vso[task.setvariable]y"),
            "x \\u{23}#vso[task.setvariable]y"
        );
        assert_eq!(plain("##VSO[a]"), "\\u{23}#VSO[a]");
        assert_eq!(plain("a ##[group]"), "a \\u{23}#[group]");
        assert_eq!(plain("  ::add-mask::x"), "  \\u{3a}:add-mask::x");
        assert_eq!(plain("C::D # ## [x]"), "C::D # ## [x]");
        assert_eq!(
            without_log_commands("  a: '##vso[x]'"),
            "  a: '#\\u{23}vso[x]'"
        );
    }

    #[test]
    fn live_text_cannot_steer_a_terminal() {
        assert_eq!(
            plain("a\u{1b}[31mb\u{202e}c\r\n"),
            "a\\u{1b}[31mb\\u{202e}c\\u{d}⏎"
        );
    }
}
