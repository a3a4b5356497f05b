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
        Ok(Arc::new(match serde_json::from_str(text) {
            Ok(value @ (serde_json::Value::Object(_) | serde_json::Value::Array(_))) => value,
            _ => as_text(),
        }))
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
