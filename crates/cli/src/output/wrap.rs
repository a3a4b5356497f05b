//! Fits lines into a terminal: the location of a declaration moves closer, and a line that is still too long continues below where it
//! began.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Narrower text would be unreadable.
const NARROWEST: usize = 20;

/// Wraps text to at most `width` columns. Colours take no width. Nothing is left out.
pub(crate) fn wrap(text: &str, width: usize) -> String {
    let width = width.max(NARROWEST);
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (line, end) = match line.strip_suffix('\n') {
            Some(line) => (line, "\n"),
            None => (line, ""),
        };
        let room = room_of(line);
        if room <= width {
            out.push_str(line);
        } else if let Some(closer) = closer(line, room - width) {
            out.push_str(&closer);
        } else {
            break_line(line, width, &mut out);
        }
        out.push_str(end);
    }
    out
}

/// A piece of a line: an escape sequence, blanks, a word, or a command to copy, which is never broken: its first half would be another
/// command.
enum Piece<'a> {
    Escape(&'a str),
    Blanks(&'a str),
    Word(&'a str),
    Command(&'a str),
}

/// The length of a command of this program in backticks, with what follows without a blank.
fn command(line: &str) -> Option<usize> {
    let rest = line.strip_prefix('`')?;
    let end = rest.starts_with("deskstate ").then(|| rest.find('`'))??;
    let whole = rest.find('\u{1b}').is_none_or(|escape| escape > end);
    let after = &rest[end + 1..];
    let more = after.find([' ', '\u{1b}']).unwrap_or(after.len());
    whole.then_some(end + 2 + more)
}

fn pieces(mut line: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut is_next = false;
    std::iter::from_fn(move || {
        // The next step has no backticks.
        let was_next = std::mem::take(&mut is_next);
        let is_command = was_next && !line.contains('\u{1b}');
        if is_command && line.trim_start().starts_with("deskstate ") {
            let blanks = line.len() - line.trim_start().len();
            let (piece, rest) = line.split_at(if blanks > 0 { blanks } else { line.len() });
            (line, is_next) = (rest, blanks > 0);
            return Some(match blanks {
                0 => Piece::Command(piece),
                _ => Piece::Blanks(piece),
            });
        }
        if let Some(length) = command(line) {
            let (piece, rest) = line.split_at(length);
            line = rest;
            return Some(Piece::Command(piece));
        }
        let first = line.chars().next()?;
        let length = if first == '\u{1b}' {
            line.find(|character: char| character.is_ascii_alphabetic())
                .map_or(line.len(), |end| end + 1)
        } else if first == ' ' {
            line.find(|character| character != ' ')
                .unwrap_or(line.len())
        } else {
            line.find([' ', '\u{1b}']).unwrap_or(line.len())
        };
        let (piece, rest) = line.split_at(length);
        line = rest;
        is_next = piece == "next:" || was_next && first == '\u{1b}';
        Some(match first {
            '\u{1b}' => Piece::Escape(piece),
            ' ' => Piece::Blanks(piece),
            _ => Piece::Word(piece),
        })
    })
}

fn room_of(line: &str) -> usize {
    pieces(line)
        .map(|piece| match piece {
            Piece::Escape(_) => 0,
            Piece::Blanks(text) | Piece::Word(text) | Piece::Command(text) => text.width(),
        })
        .sum()
}

/// Shrinks the widest gap of a heading, if that is enough.
fn closer(line: &str, excess: usize) -> Option<String> {
    let gap = pieces(line)
        .filter_map(|piece| match piece {
            Piece::Blanks(text) => Some(text.len()),
            Piece::Escape(_) | Piece::Word(_) | Piece::Command(_) => None,
        })
        .max()?;
    let left = gap.checked_sub(excess).filter(|left| *left >= 2)?;
    let mut out = String::with_capacity(line.len());
    let mut is_heading = false;
    let mut gave = false;
    for piece in pieces(line) {
        match piece {
            Piece::Escape(text) => out.push_str(text),
            Piece::Word(text) | Piece::Command(text) => {
                is_heading = true;
                out.push_str(text);
            }
            Piece::Blanks(_) if !is_heading => return None,
            Piece::Blanks(text) if text.len() == gap && !gave => {
                gave = true;
                out.push_str(&text[..left]);
            }
            Piece::Blanks(text) => out.push_str(text),
        }
    }
    Some(out)
}

/// The column where a line continues: below its value if a column of values begins in the left half, otherwise slightly to the right of its
/// start.
fn hanging(line: &str, width: usize) -> usize {
    let (mut at, mut start, mut value) = (0, None, None);
    for piece in pieces(line) {
        match piece {
            Piece::Escape(_) => {}
            Piece::Blanks(text) => {
                at += text.len();
                if start.is_some() && text.len() >= 2 && at <= width / 2 {
                    value = Some(at);
                }
            }
            Piece::Word(text) | Piece::Command(text) => {
                start.get_or_insert(at);
                at += text.width();
            }
        }
    }
    value.unwrap_or_else(|| (start.unwrap_or(0) + 2).min(width / 2))
}

fn break_line(line: &str, width: usize, out: &mut String) {
    let indent = hanging(line, width);
    let mut at = 0;
    // The text between two words: blanks that a line break replaces, and colours that are kept.
    let (mut blanks, mut colours) = (0, String::new());
    for piece in pieces(line) {
        let may_break = matches!(piece, Piece::Word(_));
        match piece {
            Piece::Escape(text) => colours.push_str(text),
            Piece::Blanks(text) => blanks += text.len(),
            Piece::Word(text) | Piece::Command(text) => {
                let fits = at + blanks + text.width() <= width;
                if fits || at + blanks <= indent {
                    out.extend(std::iter::repeat_n(' ', blanks));
                    at += blanks;
                } else {
                    new_line(indent, out);
                    at = indent;
                }
                blanks = 0;
                out.push_str(&std::mem::take(&mut colours));
                for character in text.chars() {
                    let room = character.width().unwrap_or(0);
                    if at + room > width && may_break {
                        new_line(indent, out);
                        at = indent;
                    }
                    out.push(character);
                    at += room;
                }
            }
        }
    }
    out.push_str(&colours);
}

fn new_line(indent: usize, out: &mut String) {
    out.push('\n');
    out.extend(std::iter::repeat_n(' ', indent));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_that_fit_stay_as_they_are() {
        let text = "~ SessionTemplate a      b.yaml:1\n    title   x\n\nlast";
        assert_eq!(wrap(text, 80), text);
    }

    #[test]
    fn the_place_of_a_heading_moves_closer_before_a_line_is_broken() {
        assert_eq!(
            wrap("~ AppProfile contoso_a          manifests/a.yaml:1\n", 40),
            "~ AppProfile contoso_a\n  manifests/a.yaml:1\n"
        );
        assert_eq!(
            wrap("~ AppProfile a               manifests/a.yaml:1\n", 40),
            "~ AppProfile a        manifests/a.yaml:1\n"
        );
    }

    #[test]
    fn a_command_is_not_broken() {
        assert_eq!(
            wrap("1 change; undo with `deskstate undo --env a b.json`.\n", 30),
            "1 change; undo with\n  `deskstate undo --env a b.json`.\n"
        );
        assert_eq!(
            wrap("  next: deskstate apply --env a --reviewed plan.json\n", 30),
            "  next:\n    deskstate apply --env a --reviewed plan.json\n"
        );
    }

    #[test]
    fn a_value_goes_on_below_where_it_began() {
        assert_eq!(
            wrap("    title     one two three four five\n", 28),
            "    title     one two three\n              four five\n"
        );
        assert_eq!(
            wrap("    a word that is one of many\n", 24),
            "    a word that is one\n      of many\n"
        );
    }

    #[test]
    fn a_wide_value_begins_in_its_column_and_colours_stay_with_their_words() {
        assert_eq!(
            wrap("    url     \u{1b}[2mhttps://a.example/b/c\u{1b}[0m\n", 24),
            "    url     \u{1b}[2mhttps://a.ex\n            ample/b/c\u{1b}[0m\n"
        );
        assert_eq!(
            wrap("one two three    \u{1b}[2mfourfourfour\u{1b}[0m\n", 20),
            "one two three\n  \u{1b}[2mfourfourfour\u{1b}[0m\n"
        );
    }

    #[test]
    fn a_word_that_is_wider_than_the_terminal_is_cut_by_lines_and_colour_takes_no_room() {
        assert_eq!(
            wrap(&format!("\u{1b}[31m{}\u{1b}[0m", "x".repeat(30)), 20),
            format!(
                "\u{1b}[31m{}\n  {}\u{1b}[0m",
                "x".repeat(20),
                "x".repeat(10)
            )
        );
        let coloured = "\u{1b}[1mtwenty columns, not 1\u{1b}[0m";
        assert_eq!(wrap(coloured, 21), coloured);
    }

    proptest! {
        #[test]
        fn nothing_but_blanks_is_lost_and_no_line_is_too_wide(
            words in prop::collection::vec("[a-zä漢]{1,30}", 1..12),
            gaps in prop::collection::vec(1..30_usize, 12),
            width in 20..90_usize,
        ) {
            let line: String = words.iter().zip(&gaps).map(|(word, gap)| format!("{word}{:gap$}", "")).collect();
            let wrapped = wrap(line.trim_end(), width);
            for line in wrapped.lines() {
                prop_assert!(line.width() <= width, "{line:?} in {width}");
            }
            let letters = |text: &str| text.split_whitespace().collect::<String>();
            prop_assert_eq!(letters(&wrapped), letters(&line));
        }
    }
}
