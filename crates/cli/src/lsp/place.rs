//! Converts places between bytes, as deskstate counts them, and the units that editors use.

use std::ops::Range as Bytes;

use lsp_types::{Position, PositionEncodingKind, Range};

/// The units in which a client counts within a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Units {
    /// UTF-16 code units, which every client supports.
    #[default]
    Utf16,
    /// Bytes of UTF-8.
    Utf8,
}

impl Units {
    /// Chooses bytes if the client offers them.
    pub(super) fn of(offered: Option<&[PositionEncodingKind]>) -> Self {
        let offers = offered.unwrap_or_default();
        if offers.contains(&PositionEncodingKind::UTF8) {
            Self::Utf8
        } else {
            Self::Utf16
        }
    }

    pub(super) fn kind(self) -> PositionEncodingKind {
        match self {
            Self::Utf16 => PositionEncodingKind::UTF16,
            Self::Utf8 => PositionEncodingKind::UTF8,
        }
    }

    fn length(self, character: char) -> usize {
        match self {
            Self::Utf16 => character.len_utf16(),
            Self::Utf8 => character.len_utf8(),
        }
    }

    /// Converts a position to a byte offset. A position beyond the end of a line becomes the end of the line; one within a character
    /// becomes its start.
    pub(super) fn byte(self, text: &str, position: Position) -> usize {
        let mut start = 0;
        for _ in 0..position.line {
            match text.get(start..).and_then(line_length) {
                Some(length) => start += length,
                None => return text.len(),
            }
        }
        let mut left = position.character as usize;
        for (at, character) in text[start..].char_indices() {
            let length = self.length(character);
            if left < length || matches!(character, '\n' | '\r') {
                return start + at;
            }
            left -= length;
        }
        text.len()
    }

    /// Converts a byte offset to a position.
    pub(super) fn position(self, text: &str, byte: usize) -> Position {
        let mut byte = byte.min(text.len());
        while !text.is_char_boundary(byte) {
            byte -= 1;
        }
        let (mut line, mut start) = (0, 0);
        while let Some(length) = line_length(&text[start..]) {
            if start + length > byte {
                break;
            }
            start += length;
            line += 1;
        }
        let character = text[start..byte].chars().map(|one| self.length(one)).sum();
        Position::new(line, number(character))
    }

    pub(super) fn range(self, text: &str, bytes: &Bytes<usize>) -> Range {
        Range::new(
            self.position(text, bytes.start),
            self.position(text, bytes.end.max(bytes.start)),
        )
    }
}

/// Length in bytes of the first line including its end, which is `\n`, `\r\n` or `\r`; `None` if no line ends.
fn line_length(text: &str) -> Option<usize> {
    let end = text.find(['\n', '\r'])?;
    let is_pair = text[end..].starts_with("\r\n");
    Some(end + if is_pair { 2 } else { 1 })
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_what_the_client_counts() {
        let text = "a: 😀é\r\nb: x\n";
        let x = text.find('x').unwrap();
        let after = text.find('é').unwrap();
        for (units, column) in [(Units::Utf16, 5), (Units::Utf8, 7)] {
            assert_eq!(units.position(text, x), Position::new(1, 3));
            assert_eq!(units.position(text, after), Position::new(0, column));
            assert_eq!(units.byte(text, Position::new(0, column)), after);
            assert_eq!(
                units.byte(text, Position::new(0, 99)),
                text.find('\r').unwrap()
            );
            assert_eq!(units.byte(text, Position::new(9, 0)), text.len());
            for (byte, _) in text.char_indices() {
                let position = units.position(text, byte);
                let back = units.byte(text, position);
                assert!(back == byte || text[back..byte] == *"\r", "{byte}");
            }
        }
    }
}
