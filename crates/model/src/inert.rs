//! Checks whether text is inert: nothing in it is invisible, controls a terminal, or is executed by a build log.
//!
//! The YAML writer and the command line both escape text that is not inert. They share these functions, so they agree.

use icu_properties::props::DefaultIgnorableCodePoint;
use icu_properties::{CodePointSetData, CodePointSetDataBorrowed};

const IGNORABLE: CodePointSetDataBorrowed<'static> =
    CodePointSetData::new::<DefaultIgnorableCodePoint>();

/// Whether a character is invisible, changes the reading direction, breaks the line or controls a terminal.
///
/// These are the control characters, Unicode's default ignorable characters, line and paragraph separators, interlinear annotations, the
/// blank Braille pattern and noncharacters. Joiners and the emoji variation selectors are kept, because scripts and emoji need them.
#[must_use]
pub fn is_hidden(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_control();
    }
    let other = matches!(
        character,
        '\u{2028}' | '\u{2029}' | '\u{2800}' | '\u{fff9}'..='\u{fffb}' | '\u{fdd0}'..='\u{fdef}'
    ) || u32::from(character) & 0xfffe == 0xfffe;
    character.is_control() || other || (IGNORABLE.contains(character) && !is_joiner(character))
}

/// Scripts and emoji need joiners, and comparisons that follow language rules ignore them.
pub(crate) fn is_joiner(character: char) -> bool {
    matches!(character, '\u{200c}' | '\u{200d}' | '\u{fe0e}' | '\u{fe0f}')
}

/// Whether a text begins with a build log command that works anywhere in a line.
///
/// `##[` for GitHub Actions, `##vso[` for Azure Pipelines and, in the same form, `##teamcity[`; in any case, with or without joiners
/// between the characters, because build hosts compare by language rules.
#[must_use]
pub fn begins_log_command(text: &str) -> bool {
    if !text.starts_with('#') {
        return false;
    }
    let mut rest = text
        .chars()
        .filter(|character| !is_joiner(*character))
        .skip(1);
    rest.next() == Some('#')
        && rest
            .by_ref()
            .find(|character| !character.is_ascii_alphabetic())
            == Some('[')
}

/// Returns the position of a `::` preceded only by blanks, which GitHub Actions treats as a command.
///
/// The `:::` followed by a blank that introduces another file in findings is not a command: no command has a colon in its name.
#[must_use]
pub fn line_command(line: &str) -> Option<usize> {
    let text = line.trim_start();
    (text.starts_with("::") && !text.starts_with("::: ")).then_some(line.len() - text.len())
}

/// Whether a text has no hidden characters except line feeds, and no line is a build log command.
#[must_use]
pub fn is_inert(text: &str) -> bool {
    !text.char_indices().any(|(at, character)| {
        (character != '\n' && is_hidden(character)) || begins_log_command(&text[at..])
    }) && text.split('\n').all(|line| line_command(line).is_none())
}

/// Returns the text with hidden or executable characters, including line feeds, shown as code points, such as `\u{1b}`.
#[must_use]
pub fn escaped(text: &str) -> String {
    let command = line_command(text);
    let mut safe = String::with_capacity(text.len());
    for (at, character) in text.char_indices() {
        if is_hidden(character) || command == Some(at) || begins_log_command(&text[at..]) {
            safe.push_str(&number(character));
        } else {
            safe.push(character);
        }
    }
    safe
}

/// Returns a character as its code point: `\u{1b}`.
#[must_use]
pub fn number(character: char) -> String {
    format!("\\u{{{:x}}}", u32::from(character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_hidden_and_what_scripts_need_is_not() {
        let hidden = "\0\u{1b}\r\t\u{7f}\u{85}\u{ad}\u{34f}\u{61c}\u{115f}\u{180e}\u{200b}\u{200e}\u{2028}\u{202e}\u{2060}\u{2066}\u{2800}\
             \u{3164}\u{fe00}\u{feff}\u{ffa0}\u{fff9}\u{fffe}\u{1d173}\u{e0001}\u{e0100}\u{10ffff}";
        for character in hidden.chars() {
            assert!(is_hidden(character), "{character:?}");
        }
        for character in "aé漢\u{301}\u{200c}\u{200d}\u{fe0f}😀 \u{a0}\u{3000}".chars() {
            assert!(!is_hidden(character), "{character:?}");
        }
    }

    #[test]
    fn commands_are_found_where_a_build_finds_them() {
        for command in [
            "##[group]",
            "##vso[a]",
            "##VSO[a]",
            "#\u{200d}#vso[a]",
            "##teamcity[a",
        ] {
            assert!(begins_log_command(command), "{command}");
        }
        for text in ["# ##[a]", "## [a]", "##", "##vso", "#[a]", "###"] {
            assert!(!begins_log_command(text), "{text}");
        }
        assert!(!is_inert("a ### ##[x]") && !is_inert("a\n \u{a0}::x::") && !is_inert("a\rb"));
        assert!(is_inert("C::D # ## [x]\n- ::x\n ::: a.yaml:1:1"));
    }
}
