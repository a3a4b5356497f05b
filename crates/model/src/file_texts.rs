//! Files that documents name, such as `configurationFile`, each read once.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::files::{FileProblem, Root};
use crate::span::{SourceMap, Span};

/// The content of a file, or why there is none.
pub(crate) type FileContent = Result<Arc<serde_json::Value>, Arc<FileProblem>>;

/// Files that documents name, such as `configurationFile`, each read once.
pub(crate) struct FileTexts<'a> {
    files: &'a mut Root,
    sources: &'a SourceMap,
    read: BTreeMap<String, FileContent>,
}

impl<'a> FileTexts<'a> {
    pub(crate) fn new(files: &'a mut Root, sources: &'a SourceMap) -> Self {
        Self {
            files,
            sources,
            read: BTreeMap::new(),
        }
    }

    /// The path of a file that is named relative to the file of a place.
    pub(crate) fn beside(&self, place: Span, path: &str) -> String {
        match self.sources.path(place.file).rsplit_once('/') {
            Some((folder, _)) => format!("{folder}/{path}"),
            None => path.to_owned(),
        }
    }

    /// The content as JSON, or as text where it is none.
    pub(crate) fn content(&mut self, path: &str) -> FileContent {
        if let Some(known) = self.read.get(path) {
            return known.clone();
        }
        let content = match self.files.read(path) {
            Ok(text) => Ok(Arc::new(match serde_json::from_str(&text) {
                Ok(value @ (serde_json::Value::Object(_) | serde_json::Value::Array(_))) => value,
                _ => serde_json::Value::String(text.trim_end_matches(['\r', '\n']).to_owned()),
            })),
            Err(problem) => Err(Arc::new(problem)),
        };
        self.read.insert(path.to_owned(), content.clone());
        content
    }
}
