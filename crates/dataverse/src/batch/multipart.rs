//! Splits a multipart body. The bytes come from outside; any input ends in an answer or an error.

use memchr::memmem;

/// Maximum number of headers that are read.
const MAX_HEADERS: usize = 200;

/// Headers of a part, unmodified.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Headers<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Headers<'a> {
    /// The value of a header, looked up by its case-insensitive name.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        self.0
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| *value)
    }
}

/// The boundary of a `multipart/…` content type, quoted or not. `None` for other types, or if there is no boundary.
pub(crate) fn boundary(content_type: &str) -> Option<&str> {
    let (kind, mut parameters) = content_type.split_once(';')?;
    if !kind
        .trim()
        .get(..10)
        .is_some_and(|kind| kind.eq_ignore_ascii_case("multipart/"))
    {
        return None;
    }
    loop {
        let (name, rest) = parameters.split_once('=')?;
        let rest = rest.trim_start();
        let (value, rest) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => rest.split_at(rest.find(';').unwrap_or(rest.len())),
        };
        if name
            .trim()
            .trim_start_matches(';')
            .trim()
            .eq_ignore_ascii_case("boundary")
        {
            let value = value.trim();
            return (!value.is_empty() && value.len() <= 200).then_some(value);
        }
        parameters = rest;
    }
}

/// Returns the parts between the boundaries, in order. Ignores text before the first and after the last boundary.
///
/// A body that ends before the closing boundary is an error, since it may be truncated.
pub(super) fn split<'a>(
    body: &'a [u8],
    boundary: &str,
    most: usize,
) -> Result<Vec<&'a [u8]>, String> {
    let marker = [b"--", boundary.as_bytes()].concat();
    let finder = memmem::Finder::new(&marker);
    let mut parts = Vec::new();
    let mut open: Option<usize> = None;
    let mut at = 0;
    while let Some(found) = finder.find(&body[at..]) {
        let start = at + found;
        let after = start + marker.len();
        at = after;
        let line = match delimiter_line(body, start, after) {
            Line::Delimiter(line) => line,
            Line::Text | Line::Unfinished => continue,
        };
        if let Some(from) = open.take() {
            if parts.len() == most {
                return Err(format!("it has more than {most} parts"));
            }
            parts.push(without_last_break(&body[from..start.max(from)]));
        }
        match line {
            Delimiter::Closing => return Ok(parts),
            Delimiter::Opening { next } => {
                open = Some(next);
                at = next;
            }
        }
    }
    Err(CUT.to_owned())
}

const CUT: &str = "it ends before its last boundary";

/// Splits a body that arrives in pieces, and yields each part once it is complete.
#[derive(Debug)]
pub(crate) struct Splitter {
    marker: Vec<u8>,
    /// Data that has arrived and is not yet part of a complete part. It starts at the beginning of a line.
    kept: Vec<u8>,
    /// No delimiter starts before this position.
    looked: usize,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the first delimiter.
    Before,
    /// Inside a part.
    Inside,
    /// After the last delimiter.
    Closed,
}

impl Splitter {
    pub(crate) fn new(boundary: &str) -> Splitter {
        Splitter {
            marker: [b"--", boundary.as_bytes()].concat(),
            kept: Vec::new(),
            looked: 0,
            state: State::Before,
        }
    }

    /// Takes the next piece of the body, and yields each part that is complete.
    pub(crate) fn push<E>(
        &mut self,
        bytes: &[u8],
        mut give: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.state == State::Closed {
            return Ok(());
        }
        self.kept.extend_from_slice(bytes);
        let finder = memmem::Finder::new(&self.marker);
        // start of the unfinished part
        let mut from = 0;
        loop {
            let Some(found) = finder.find(&self.kept[self.looked..]) else {
                let beginning = self.kept.len().saturating_sub(self.marker.len() - 1);
                self.looked = self.looked.max(beginning);
                break;
            };
            let start = self.looked + found;
            let after = start + self.marker.len();
            let delimiter = match delimiter_line(&self.kept, start, after) {
                Line::Text => {
                    self.looked = after;
                    continue;
                }
                Line::Unfinished => {
                    self.looked = start;
                    break;
                }
                Line::Delimiter(delimiter) => delimiter,
            };
            if self.state == State::Inside {
                give(without_last_break(&self.kept[from..start.max(from)]))?;
            }
            match delimiter {
                Delimiter::Closing => {
                    self.state = State::Closed;
                    self.kept = Vec::new();
                    return Ok(());
                }
                Delimiter::Opening { next } => {
                    self.state = State::Inside;
                    from = next;
                    self.looked = next;
                }
            }
        }
        self.kept.drain(..from);
        self.looked -= from;
        Ok(())
    }

    /// Number of bytes held for a part that is not complete.
    pub(crate) fn kept(&self) -> usize {
        self.kept.len()
    }

    /// Ends the body. Fails if it was truncated.
    pub(crate) fn end(&self) -> Result<(), String> {
        match self.state {
            State::Closed => Ok(()),
            State::Before | State::Inside => Err(CUT.to_owned()),
        }
    }
}

/// Classification of a boundary's text.
enum Line {
    /// Only text.
    Text,
    /// More input is needed to decide.
    Unfinished,
    Delimiter(Delimiter),
}

enum Delimiter {
    Opening { next: usize },
    Closing,
}

/// Classifies the boundary text at `start..after`: only text, or a delimiter on a line of its own.
fn delimiter_line(body: &[u8], start: usize, after: usize) -> Line {
    if start > 0 && body[start - 1] != b'\n' {
        return Line::Text;
    }
    let rest = &body[after..];
    if rest.starts_with(b"--") {
        return Line::Delimiter(Delimiter::Closing);
    }
    if rest == b"-" {
        return Line::Unfinished;
    }
    let padding = rest
        .iter()
        .take_while(|byte| matches!(byte, b' ' | b'\t'))
        .count();
    let rest = &rest[padding..];
    let line_break = if rest.starts_with(b"\r\n") {
        2
    } else if rest.starts_with(b"\n") {
        1
    } else if matches!(rest, b"" | b"\r") {
        return Line::Unfinished;
    } else {
        return Line::Text;
    };
    Line::Delimiter(Delimiter::Opening {
        next: after + padding + line_break,
    })
}

/// The line break before a boundary belongs to the boundary.
fn without_last_break(part: &[u8]) -> &[u8] {
    let part = part.strip_suffix(b"\n").unwrap_or(part);
    part.strip_suffix(b"\r").unwrap_or(part)
}

/// Splits a part into its headers and the content after the empty line.
pub(super) fn headers(part: &[u8]) -> Result<(Headers<'_>, &[u8]), String> {
    let mut headers = Vec::new();
    let mut rest = part;
    loop {
        if rest.is_empty() {
            return Ok((Headers(headers), rest));
        }
        let (line, after) = next_line(rest);
        rest = after;
        if line.is_empty() {
            return Ok((Headers(headers), rest));
        }
        let line = std::str::from_utf8(line).map_err(|_| "a header is not text".to_owned())?;
        let (name, value) = line
            .split_once(':')
            .ok_or_else(|| "a header has no colon".to_owned())?;
        if headers.len() == MAX_HEADERS {
            return Err(format!("a part has more than {MAX_HEADERS} headers"));
        }
        headers.push((name.trim(), value.trim()));
    }
}

/// Splits off the first line, without its line break.
pub(super) fn next_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b'\n', bytes) {
        Some(at) => {
            let line = &bytes[..at];
            (line.strip_suffix(b"\r").unwrap_or(line), &bytes[at + 1..])
        }
        None => (bytes, &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_boundary_is_found_quoted_or_not_and_in_any_case() {
        for (content_type, expected) in [
            ("multipart/mixed; boundary=a_1", Some("a_1")),
            ("multipart/mixed; boundary=\"a 1\"", Some("a 1")),
            ("Multipart/Mixed;charset=utf-8;BOUNDARY=a", Some("a")),
            ("multipart/mixed; charset=\"x\"; boundary=a", Some("a")),
            ("multipart/mixed; boundary=a; charset=x", Some("a")),
            ("multipart/mixed; boundary=", None),
            ("multipart/mixed; boundary=\"a", None),
            ("multipart/mixed", None),
            ("application/json; boundary=a", None),
        ] {
            assert_eq!(boundary(content_type), expected, "{content_type}");
        }
    }

    #[test]
    fn parts_are_split_with_either_line_break_and_padding_ignored() {
        let body = b"hello\r\n--b\r\none\r\n--b  \n\ntwo\n--b--\r\nbye";
        assert_eq!(
            split(body, "b", 10),
            Ok(vec![b"one".as_slice(), b"\ntwo".as_slice()])
        );
    }

    #[test]
    fn a_boundary_inside_a_line_is_text() {
        let body = b"--b\r\nsay --b\r\n--bc\r\n--b--";
        assert_eq!(
            split(body, "b", 10),
            Ok(vec![b"say --b\r\n--bc".as_slice()])
        );
    }

    #[test]
    fn a_cut_body_is_an_error_and_not_a_shorter_answer() {
        assert!(split(b"--b\r\none\r\n--b\r\ntwo", "b", 10).is_err());
        assert!(split(b"", "b", 10).is_err());
    }

    #[test]
    fn more_parts_than_allowed_are_refused() {
        assert!(split(b"--b\n1\n--b\n2\n--b--", "b", 1).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_end_in_an_answer(body in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = split(&body, "b", 5);
            let _ = headers(&body);
        }

        #[test]
        fn nearly_right_bytes_end_in_an_answer(body in "(--b(--)?|\r|\n|a: b|[ :x]){0,40}") {
            if let Ok(parts) = split(body.as_bytes(), "b", 50) {
                for part in parts {
                    let _ = headers(part);
                }
            }
        }

        #[test]
        fn a_body_in_pieces_gives_what_the_whole_gives(
            body in "(--b(--)?|\r|\n|\r\n|a: b|[ :x-]){0,40}", sizes in proptest::collection::vec(1_usize..9, 1..9)
        ) {
            let mut splitter = Splitter::new("b");
            let mut parts: Vec<Vec<u8>> = Vec::new();
            let mut rest = body.as_bytes();
            for size in sizes.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (piece, after) = rest.split_at(rest.len().min(*size));
                rest = after;
                let given = splitter.push(piece, |part| {
                    parts.push(part.to_vec());
                    Ok::<(), ()>(())
                });
                prop_assert_eq!(given, Ok(()));
            }
            let whole = split(body.as_bytes(), "b", 50);
            prop_assert_eq!(splitter.end().is_ok(), whole.is_ok());
            if let Ok(whole) = whole {
                prop_assert_eq!(parts, whole);
            }
        }

        #[test]
        fn any_content_type_ends_in_an_answer(text in "(multipart/|[;=\" a-z]|boundary|é){0,30}") {
            let _ = boundary(&text);
        }
    }
}
