//! A project that is loaded repeatedly while people edit it, with unsaved texts and cached files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::diagnostic::Diagnostic;
use crate::files::{Kept, Root};
use crate::load::load_from;
use crate::manifests::Manifests;

/// A project that is being edited. Results are the same as those of [`load`](crate::load) for the files as they are in the editor.
#[derive(Debug)]
pub struct Workspace {
    root: PathBuf,
    open: BTreeMap<String, String>,
    kept: Kept,
}

impl Workspace {
    /// Opens the project in a folder.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_path_buf(),
            open: BTreeMap::new(),
            kept: Kept::default(),
        }
    }

    /// Returns the folder of the project.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Records that a file is open with this text. The path uses `/` and is relative to the root.
    pub fn open(&mut self, path: &str, text: String) {
        self.open.insert(path.to_owned(), text);
    }

    /// Records that a file is no longer open, so its content comes from disk again.
    pub fn close(&mut self, path: &str) {
        self.open.remove(path);
    }

    /// Returns the text of an open file.
    #[must_use]
    pub fn text(&self, path: &str) -> Option<&str> {
        self.open.get(path).map(String::as_str)
    }

    /// Clears the file cache, for file systems with unreliable modification times.
    pub fn forget_files(&self) {
        self.kept.forget();
    }

    /// Loads the project in its current state.
    #[must_use]
    pub fn load(&self, environment: Option<&str>) -> (Manifests, Vec<Diagnostic>) {
        self.load_with(environment, BTreeMap::new())
    }

    /// Loads the project as if these files had other texts.
    #[must_use]
    pub fn load_with(
        &self,
        environment: Option<&str>,
        changed: BTreeMap<String, String>,
    ) -> (Manifests, Vec<Diagnostic>) {
        let mut over = self.open.clone();
        over.extend(changed);
        let root = Root::open(&self.root).map(|root| root.with(over).keeping(self.kept.clone()));
        load_from(root, environment)
    }
}
