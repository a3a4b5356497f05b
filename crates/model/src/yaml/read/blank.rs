//! Characters that look like a space and are none in YAML.

use crate::diagnostic::Diagnostic;
use crate::span::Span;

/// Whether a character looks like a space, or like nothing, but separates nothing in YAML.
fn is_odd(character: char) -> bool {
    matches!(character, '\u{200B}' | '\u{2060}' | '\u{FEFF}')
        || (character.is_whitespace() && !matches!(character, ' ' | '\t' | '\n' | '\r'))
}

/// Finds such a character where a space or nothing should be: in the indentation, after `-`, or around the colon of a key. Returns its
/// range in the line.
pub(super) fn misplaced(line: &str) -> Option<(usize, usize)> {
    let odd = |at: usize, text: &str| {
        let (found, character) = text
            .char_indices()
            .find(|(_, character)| is_odd(*character))?;
        Some((at + found, at + found + character.len_utf8()))
    };
    let content = line.trim_start_matches(|sign| is_blank(sign) || sign == '-');
    let start = line.len() - content.len();
    if let Some(found) = odd(0, &line[..start]) {
        return Some(found);
    }
    if content.starts_with(['#', '"', '\'']) {
        return None;
    }
    let (key, value) = content.split_once(':')?;
    let blanks = value.len() - value.trim_start_matches(is_blank).len();
    let key_end = key.trim_end_matches(is_blank).len();
    if blanks == 0 && !value.is_empty() {
        return None;
    }
    let in_value = || odd(start + key.len() + 1, &value[..blanks]);
    odd(start + key_end, &key[key_end..]).or_else(in_value)
}

pub(super) fn is_blank(character: char) -> bool {
    character == ' ' || is_odd(character)
}

pub(super) fn finding(character: char, place: Span) -> Diagnostic {
    let name = match character {
        '\u{A0}' => "a non-breaking space".to_owned(),
        '\u{202F}' => "a narrow non-breaking space".to_owned(),
        '\u{200B}' => "a zero-width space".to_owned(),
        '\u{FEFF}' => "a byte order mark".to_owned(),
        other => format!("the character U+{:04X}", u32::from(other)),
    };
    Diagnostic::error(
        "broken-yaml",
        format!("{name} is used, which YAML does not read as a space"),
    )
    .at(place, format!("{name}, U+{:04X}", u32::from(character)))
    .help(match character {
        '\u{FEFF}' => {
            "remove it; it is left when a file that begins with it is appended to another"
        }
        _ => "it is often copied from a web page or a chat: replace it with a space, or remove it",
    })
}
