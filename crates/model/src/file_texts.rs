//! Files that documents name, such as `configurationFile`. Each is read once.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::files::{FileProblem, Root};
use crate::span::{SourceMap, Span};

/// The content of a file, or the reason why it is unavailable.
pub(crate) type FileContent = Result<Arc<serde_json::Value>, Arc<FileProblem>>;

/// Reads the files that documents name, such as `configurationFile`, each only once.
pub(crate) struct FileTexts<'a> {
    files: &'a mut Root,
    sources: &'a SourceMap,
    read: BTreeMap<String, FileContent>,
    /// Number of JSON values that may still be stored.
    values: u64,
}

/// Maximum number of JSON values in all these files together, with the default memory limit. Two bytes of JSON can take a hundred bytes of
/// memory.
const VALUES: u64 = 200_000;

impl<'a> FileTexts<'a> {
    pub(crate) fn new(files: &'a mut Root, sources: &'a SourceMap) -> Self {
        Self {
            files,
            sources,
            read: BTreeMap::new(),
            values: deskstate_files::scaled(VALUES),
        }
    }

    /// The files of the project.
    pub(crate) fn sources(&self) -> &'a SourceMap {
        self.sources
    }

    /// Returns the path of a file that is named relative to the file of a place.
    pub(crate) fn beside(&self, place: Span, path: &str) -> String {
        match self.sources.path(place.file).rsplit_once('/') {
            Some((folder, _)) => format!("{folder}/{path}"),
            None => path.to_owned(),
        }
    }

    fn parsed(&mut self, text: &str) -> FileContent {
        let as_text = || serde_json::Value::String(text.trim_end_matches(['\r', '\n']).to_owned());
        if !text.trim_start().starts_with(['{', '[']) {
            return Ok(Arc::new(as_text()));
        }
        // An upper bound of the number of values.
        let values = text.bytes().filter(|byte| b",[{".contains(byte)).count() as u64;
        self.values = self
            .values
            .checked_sub(values)
            .ok_or_else(|| Arc::new(FileProblem::TooManyValues))?;
        let value = match serde_json::from_str(text) {
            Ok(value @ (serde_json::Value::Object(_) | serde_json::Value::Array(_))) => value,
            _ => return Ok(Arc::new(as_text())),
        };
        match big_number(text) {
            Some(number) => Err(Arc::new(FileProblem::BigNumber(number))),
            None => Ok(Arc::new(value)),
        }
    }

    /// Parses the content as JSON; content that is not JSON is plain text.
    pub(crate) fn content(&mut self, path: &str) -> FileContent {
        if let Some(known) = self.read.get(path) {
            return known.clone();
        }
        let content = match self.files.read(path) {
            Ok(text) => self.parsed(&text),
            Err(problem) => Err(Arc::new(problem)),
        };
        self.read.insert(path.to_owned(), content.clone());
        content
    }
}

/// The first digits of a number of JSON that does not fit 64 bits, and would become another one.
fn big_number(json: &str) -> Option<String> {
    let mut rest = json;
    loop {
        let at = rest.find(|sign: char| sign == '"' || sign.is_ascii_digit())?;
        if let Some(inside) = rest[at..].strip_prefix('"') {
            let mut escaped = false;
            let end = inside.find(|sign: char| {
                let ends = sign == '"' && !escaped;
                escaped = sign == '\\' && !escaped;
                ends
            })?;
            rest = &inside[end + 1..];
            continue;
        }
        let number = &rest[at..];
        let is_part = |sign: char| sign.is_ascii_digit() || ".eE+-".contains(sign);
        let (number, behind) =
            number.split_at(number.find(|sign| !is_part(sign)).unwrap_or(number.len()));
        let is_whole = number.bytes().all(|byte| byte.is_ascii_digit());
        let is_negative = rest[..at].ends_with('-');
        let fits = match (is_whole, is_negative) {
            (true, true) => format!("-{number}").parse::<i64>().is_ok(),
            (true, false) => number.parse::<u64>().is_ok(),
            // More digits than a number with a fraction keeps.
            (false, _) => {
                let digits = number.split(['e', 'E']).next().unwrap_or_default();
                let digits = digits.trim_start_matches(['0', '.']).replace('.', "");
                digits.len() <= 17
            }
        };
        if !fits {
            let start: String = number.chars().take(24).collect();
            let more = if start.len() < number.len() {
                "…"
            } else {
                ""
            };
            return Some(format!("{start}{more}"));
        }
        rest = behind;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_that_does_not_fit_is_found_and_digits_in_a_text_are_none() {
        for json in [
            "{\"a\": 12345678901234567890123}",
            "[1, -12345678901234567890123]",
            "{\"a\\\"1\": \"1\", \"b\": 99999999999999999999}",
            "[-9999999999999999999]",
            "[0.12345678901234567890123]",
        ] {
            assert!(big_number(json).is_some(), "{json}");
        }
        for json in [
            "{\"a\": \"12345678901234567890123\"}",
            "[18446744073709551615, -9223372036854775808, 1.5e300, 0.1234]",
            "{}",
        ] {
            assert_eq!(big_number(json), None, "{json}");
        }
    }
}
