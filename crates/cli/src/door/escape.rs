//! Makes text from outside harmless while keeping it readable.

use deskstate_dataverse::without_secrets;
use deskstate_model::inert::{begins_log_command, is_hidden, line_command, number};

use super::style::own_sequence;

/// Escapes text for one line: hidden characters and log commands become visible and harmless, and a line feed is shown as `⏎`.
pub(crate) fn plain(text: &str) -> String {
    let text = &*without_secrets(text);
    let command = line_command(text);
    escaped(text, |at, character| match character {
        '\n' => Some("⏎".to_owned()),
        ':' if Some(at) == command => Some(number(':')),
        _ => None,
    })
}

/// Escapes text but keeps its layout: line feeds, tabs, and `\r` before a line feed pass.
pub(super) fn laid_out(text: &str) -> String {
    let text = &*without_secrets(text);
    escaped(text, |at, character| match character {
        '\n' | '\t' => Some(character.to_string()),
        '\r' if text[at..].starts_with("\r\n") => Some("\r".to_owned()),
        _ => None,
    })
}

/// Escapes a piece of a file. The returned function maps its byte offsets to offsets in the result.
pub(crate) fn visible(text: &str) -> (String, impl Fn(usize) -> usize) {
    let mut safe = String::with_capacity(text.len());
    let mut moved = Vec::new();
    for (at, character) in text.char_indices() {
        let hides = is_hidden(character) && !matches!(character, '\n' | '\t' | '\r');
        if hides || begins_log_command(&text[at..]) {
            safe.push_str(&number(character));
            moved.push((at + character.len_utf8(), safe.len()));
        } else {
            safe.push(character);
        }
    }
    let place = move |at: usize| {
        let before = moved.partition_point(|(from, _)| *from <= at);
        match before.checked_sub(1).map(|last| moved[last]) {
            Some((from, to)) => to + (at - from),
            None => at,
        }
    };
    (safe, place)
}

/// Makes JSON harmless wherever it is shown: characters that [`plain`] would show as numbers become `\u` escapes, which mean the same.
pub(crate) fn harmless_json(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    let mut units = [0; 2];
    for (at, character) in json.char_indices() {
        let hides = is_hidden(character) && character != '\n';
        if hides || begins_log_command(&json[at..]) {
            for unit in character.encode_utf16(&mut units) {
                safe.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            safe.push(character);
        }
    }
    safe
}

/// Breaks build-log commands in lines for a stream, whatever was cut or joined before. Colours are skipped.
pub(super) fn without_line_commands(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let mut start = 0;
        // A stream without colours drops the sequences, so they must not hide the start of a line.
        while let Some(rest) = line.get(start..) {
            let blank = rest.len() - rest.trim_start().len();
            start += blank;
            let Some(sequence) = line[start..].strip_prefix('\u{1b}') else {
                break;
            };
            start += 1 + sequence
                .find(|character: char| character.is_ascii_alphabetic())
                .map_or(sequence.len(), |end| end + 1);
        }
        if line_command(&line[start..]) == Some(0) {
            safe.push_str(&line[..start]);
            safe.push_str(&number(':'));
            safe.push_str(&line[start + 1..]);
        } else {
            safe.push_str(line);
        }
    }
    safe
}

/// Keeps our own colours and the replacements by `own`. Any other character is shown as its number if it is hidden or begins a command, and
/// unchanged otherwise.
fn escaped(text: &str, own: impl Fn(usize, char) -> Option<String>) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let at = text.len() - rest.len();
        if let Some((sequence, after)) = own_sequence(rest) {
            safe.push_str(&rest[..rest.len() - after.len()]);
            debug_assert!(!sequence.is_empty(), "a sequence ends with a letter");
            rest = after;
            continue;
        }
        match own(at, character) {
            Some(shown) => safe.push_str(&shown),
            None if is_hidden(character) || begins_log_command(rest) => {
                safe.push_str(&number(character));
            }
            None => safe.push(character),
        }
        rest = &rest[character.len_utf8()..];
    }
    safe
}

/// Converts our colours for a terminal, in text that went through [`laid_out`].
pub(super) fn colored(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\u{1b}') {
        out.push_str(&rest[..at]);
        match own_sequence(&rest[at..]) {
            Some((sequence, after)) => {
                out.push('\u{1b}');
                out.push_str(sequence);
                rest = after;
            }
            None => {
                out.push_str(&number('\u{1b}'));
                rest = &rest[at + 1..];
            }
        }
    }
    out + rest
}

/// Removes our colours from such text.
pub(super) fn uncolored(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\u{1b}') {
        out.push_str(&rest[..at]);
        match own_sequence(&rest[at..]) {
            Some((_, after)) => rest = after,
            None => {
                out.push_str(&number('\u{1b}'));
                rest = &rest[at + 1..];
            }
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::super::BAD;
    use super::super::style::drawn_by_us;
    use super::*;

    /// The text as it would be sent to a terminal.
    fn sent(text: &str) -> String {
        without_line_commands(&colored(&laid_out(text)))
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
            sent("a\n \u{a0}::x\n\t::y\r\n##[z]\n"),
            "a\n \u{a0}\\u{3a}:x\n\t\\u{3a}:y\r\n\\u{23}#[z]\n"
        );
    }

    #[test]
    fn live_text_cannot_steer_a_terminal() {
        assert_eq!(
            plain("a\u{1b}[31mb\u{202e}c\r\n"),
            "a\\u{1b}[31mb\\u{202e}c\\u{d}⏎"
        );
        assert_eq!(sent("a\u{1b}[31mb\rc\u{85}"), "a\\u{1b}[31mb\\u{d}c\\u{85}");
    }

    #[test]
    fn our_colours_pass_and_do_not_hide_a_command() {
        assert_eq!(
            sent(&format!("{BAD}::x{BAD:#} {}", plain("\u{1b}[0m"))),
            "\u{1b}[1m\u{1b}[31m\\u{3a}:x\u{1b}[0m \\u{1b}[0m"
        );
        assert_eq!(
            sent(&plain(&format!("{BAD}a{BAD:#}"))),
            sent(&format!("{BAD}a{BAD:#}"))
        );
        assert_eq!(sent(&drawn_by_us("\u{1b}[1ma")), "\u{1b}[1ma");
    }

    #[test]
    fn a_place_in_a_file_moves_with_the_text_before_it() {
        let text = "a\u{202e}b\u{200b}c";
        let (shown, place) = visible(text);
        assert_eq!(shown, "a\\u{202e}b\\u{200b}c");
        for found in ["a", "b", "c"] {
            let at = text.find(found).unwrap();
            assert_eq!(&shown[place(at)..][..1], found);
        }
        assert_eq!(place(text.len()), shown.len());
    }
}
