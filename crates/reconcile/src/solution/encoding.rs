//! Encodings of XML files. A document is decoded to UTF-8 piece by piece. Windows tools save XML as UTF-16 and in the code page of
//! Western Europe, so these are read too.

use std::io::{self, Read};

/// Number of bytes read at a time.
const CHUNK: usize = 8 * 1024;
/// Maximum length of an XML declaration.
const MAX_DECLARATION: usize = 256;
/// Names of the encodings with one byte for each character that are read. Each is a part of Windows-1252, or equals it in practice.
const WESTERN: [&str; 6] = [
    "windows-1252",
    "cp1252",
    "iso-8859-1",
    "iso8859-1",
    "latin1",
    "us-ascii",
];
/// The characters of the bytes 0x80 to 0x9F in Windows-1252; five bytes have none.
const HIGH: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}',
    '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Utf8,
    Utf16 { big_endian: bool },
    Western,
}

/// Decodes a document to UTF-8.
pub(super) struct Decoded<R> {
    source: R,
    encoding: Encoding,
    /// The encoding in the XML declaration, for messages.
    declared: Option<String>,
    /// Bytes that are not decoded yet.
    raw: Vec<u8>,
    /// Decoded bytes, and the number of them that were read.
    ready: Vec<u8>,
    taken: usize,
    /// Number of line breaks in decoded text.
    lines: usize,
    ended: bool,
}

impl<R: Read> Decoded<R> {
    /// Detects the encoding from the first bytes and the declaration.
    pub(super) fn new(mut source: R) -> io::Result<Self> {
        let mut raw = Vec::new();
        source
            .by_ref()
            .take(MAX_DECLARATION as u64)
            .read_to_end(&mut raw)?;
        let (encoding, mark) = match raw.as_slice() {
            [0xEF, 0xBB, 0xBF, ..] => (Some(Encoding::Utf8), 3),
            [0xFF, 0xFE, ..] => (Some(Encoding::Utf16 { big_endian: false }), 2),
            [0xFE, 0xFF, ..] => (Some(Encoding::Utf16 { big_endian: true }), 2),
            [b'<', 0, ..] => (Some(Encoding::Utf16 { big_endian: false }), 0),
            [0, b'<', ..] => (Some(Encoding::Utf16 { big_endian: true }), 0),
            _ => (None, 0),
        };
        raw.drain(..mark);
        let declared = declared(&raw);
        // A declaration may name UTF-16 in a file that is UTF-8: .NET writes it for texts in memory.
        let is_western = declared
            .as_deref()
            .is_some_and(|name| WESTERN.iter().any(|known| known.eq_ignore_ascii_case(name)));
        let encoding = encoding.unwrap_or(match is_western {
            true => Encoding::Western,
            false => Encoding::Utf8,
        });
        Ok(Self {
            source,
            encoding,
            declared,
            raw,
            ready: Vec::new(),
            taken: 0,
            lines: 0,
            ended: false,
        })
    }

    /// Decodes as many of the raw bytes as are complete.
    fn decode(&mut self) -> io::Result<()> {
        self.ready.clear();
        self.taken = 0;
        let left = match self.encoding {
            Encoding::Utf8 => self.decode_utf8()?,
            Encoding::Utf16 { big_endian } => self.decode_utf16(big_endian)?,
            Encoding::Western => {
                for byte in &self.raw {
                    let character = match byte {
                        0x80..=0x9F => HIGH[usize::from(byte - 0x80)],
                        _ => char::from(*byte),
                    };
                    push(&mut self.ready, character);
                }
                0
            }
        };
        self.raw.drain(..self.raw.len() - left);
        self.lines += breaks(&self.ready);
        Ok(())
    }

    /// Returns the number of bytes that are left.
    fn decode_utf8(&mut self) -> io::Result<usize> {
        let (good, left) = match std::str::from_utf8(&self.raw) {
            Ok(_) => (self.raw.len(), 0),
            Err(error) => match error.error_len() {
                None if !self.ended => (error.valid_up_to(), self.raw.len() - error.valid_up_to()),
                _ => return Err(self.not_utf8(error.valid_up_to())),
            },
        };
        self.ready.extend_from_slice(&self.raw[..good]);
        Ok(left)
    }

    fn not_utf8(&self, at: usize) -> io::Error {
        let line = 1 + self.lines + breaks(&self.raw[..at]);
        let byte = self.raw.get(at).copied().unwrap_or_default();
        let declared = match &self.declared {
            Some(name) if !name.eq_ignore_ascii_case("utf-8") => {
                format!(", and its declaration says `{name}`, which is not supported")
            }
            _ => String::new(),
        };
        io::Error::other(format!(
            "line {line} is not UTF-8 (byte 0x{byte:02X}){declared}; save the file as UTF-8"
        ))
    }

    /// Returns the number of bytes that are left.
    fn decode_utf16(&mut self, big_endian: bool) -> io::Result<usize> {
        let units = self.raw.chunks_exact(2).map(|pair| {
            let pair = [pair[0], pair[1]];
            match big_endian {
                true => u16::from_be_bytes(pair),
                false => u16::from_le_bytes(pair),
            }
        });
        let mut units: Vec<u16> = units.collect();
        let mut left = self.raw.len() % 2;
        let is_half = |unit: &u16| (0xD800..0xDC00).contains(unit);
        if !self.ended && units.last().is_some_and(is_half) {
            units.pop();
            left += 2;
        }
        for character in char::decode_utf16(units) {
            match character {
                Ok(character) => push(&mut self.ready, character),
                Err(_) => {
                    let line = 1 + self.lines + breaks(&self.ready);
                    return Err(io::Error::other(format!(
                        "line {line} is not UTF-16, with which the file begins; save the file as UTF-8"
                    )));
                }
            }
        }
        if self.ended && left > 0 {
            return Err(io::Error::other(
                "it ends within a character of UTF-16; the file may be truncated",
            ));
        }
        Ok(left)
    }
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.taken == self.ready.len() {
            if self.ended && self.raw.is_empty() {
                return Ok(0);
            }
            let mut chunk = [0; CHUNK];
            let got = self.source.read(&mut chunk)?;
            self.ended = got == 0;
            self.raw.extend_from_slice(&chunk[..got]);
            self.decode()?;
        }
        let ready = &self.ready[self.taken..];
        let length = ready.len().min(into.len());
        into[..length].copy_from_slice(&ready[..length]);
        self.taken += length;
        Ok(length)
    }
}

fn push(into: &mut Vec<u8>, character: char) {
    into.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}

fn breaks(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

/// The encoding in the XML declaration.
fn declared(head: &[u8]) -> Option<String> {
    let ascii: String = head
        .iter()
        .filter(|byte| byte.is_ascii() && **byte != 0)
        .map(|byte| char::from(*byte))
        .collect();
    let declaration = ascii.trim_start().strip_prefix("<?xml")?;
    let (declaration, _) = declaration.split_once("?>")?;
    let (_, after) = declaration.split_once("encoding")?;
    let value = after.trim_start().strip_prefix('=')?.trim_start();
    let quote = value
        .chars()
        .next()
        .filter(|quote| "'\"".contains(*quote))?;
    let (name, _) = value[1..].split_once(quote)?;
    Some(name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A source that returns a few bytes at a time, so that characters are cut.
    struct Slow<'b>(&'b [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let length = self.1.min(into.len()).min(self.0.len());
            into[..length].copy_from_slice(&self.0[..length]);
            self.0 = &self.0[length..];
            Ok(length)
        }
    }

    fn decoded(bytes: &[u8]) -> Result<String, String> {
        let mut results: Vec<Result<String, String>> = Vec::new();
        for pace in [1, 3, 7, CHUNK] {
            let mut text = String::new();
            let result = Decoded::new(Slow(bytes, pace))
                .and_then(|mut decoded| decoded.read_to_string(&mut text));
            results.push(result.map(|_| text).map_err(|error| error.to_string()));
        }
        assert!(results.windows(2).all(|pair| pair[0] == pair[1]));
        results.remove(0)
    }

    fn utf16(text: &str, big_endian: bool) -> Vec<u8> {
        let units = text.encode_utf16();
        units
            .flat_map(|unit| match big_endian {
                true => unit.to_be_bytes(),
                false => unit.to_le_bytes(),
            })
            .collect()
    }

    #[test]
    fn every_encoding_gives_the_same_text_wherever_the_source_cuts_it() {
        let text = format!(
            "<?xml version=\"1.0\"?>\n<a b=\"ö€😀\">{}</a>",
            "ü😀".repeat(5000)
        );
        assert_eq!(decoded(text.as_bytes()), Ok(text.clone()));
        assert_eq!(
            decoded(format!("\u{feff}{text}").as_bytes()),
            Ok(text.clone())
        );
        for big_endian in [true, false] {
            assert_eq!(decoded(&utf16(&text, big_endian)), Ok(text.clone()));
            let marked = utf16(&format!("\u{feff}{text}"), big_endian);
            assert_eq!(decoded(&marked), Ok(text.clone()));
        }
        assert_eq!(decoded(b""), Ok(String::new()));
    }

    #[test]
    fn a_declared_code_page_of_western_europe_is_read() {
        for name in ["windows-1252", "ISO-8859-1", "latin1"] {
            let head = format!("<?xml version='1.0' encoding = '{name}' ?>");
            let bytes = [head.as_bytes(), b"<a>\xF6\x80\x96</a>"].concat();
            assert_eq!(decoded(&bytes), Ok(format!("{head}<a>ö€–</a>")));
        }
    }

    #[test]
    fn what_cannot_be_decoded_is_told_with_its_line() {
        let error = |bytes: &[u8]| decoded(bytes).unwrap_err();
        assert_eq!(
            error(b"<a>\n\n\xF6</a>"),
            "line 3 is not UTF-8 (byte 0xF6); save the file as UTF-8"
        );
        assert_eq!(
            error(b"<?xml version=\"1.0\" encoding=\"windows-1250\"?>\n<a>\xF6</a>"),
            "line 2 is not UTF-8 (byte 0xF6), and its declaration says `windows-1250`, which is not supported; save the file as UTF-8"
        );
        assert!(error(b"<a>\xC3").contains("line 1 is not UTF-8"));
        assert!(error(b"\xFF\xFE<\0a").contains("truncated"));
        let lonely = [
            b"\xFF\xFE<\0\n\0".as_slice(),
            &0xD800_u16.to_le_bytes(),
            b"a\0",
        ]
        .concat();
        assert!(error(&lonely).contains("line 2 is not UTF-16"));
    }
}
