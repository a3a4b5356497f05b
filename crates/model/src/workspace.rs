//! A project that is loaded again and again while people edit it: texts that are not saved yet, and files that are read once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::diagnostic::Diagnostic;
use crate::files::{Kept, Root};
use crate::load::load_from;
use crate::manifests::Manifests;

/// A project that is being edited. What it gives is what [`load`](crate::load) would give of the files as they are in the editor.
#[derive(Debug)]
pub struct Workspace {
    root: PathBuf,
    open: BTreeMap<String, String>,
    kept: Kept,
}

impl Workspace {
    /// The project in a folder.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_path_buf(),
            open: BTreeMap::new(),
            kept: Kept::default(),
        }
    }

    /// The folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A file is open with this text, by its path with `/` and relative to the root.
    pub fn open(&mut self, path: &str, text: String) {
        self.open.insert(path.to_owned(), text);
    }

    /// A file is no longer open: it is what the disk has.
    pub fn close(&mut self, path: &str) {
        self.open.remove(path);
    }

    /// The text of a file that is open.
    #[must_use]
    pub fn text(&self, path: &str) -> Option<&str> {
        self.open.get(path).map(String::as_str)
    }

    /// Forgets what was read of files, for file systems whose times tell nothing.
    pub fn forget_files(&self) {
        self.kept.forget();
    }

    /// Loads the project as it is now.
    #[must_use]
    pub fn load(&self, environment: Option<&str>) -> (Manifests, Vec<Diagnostic>) {
        self.load_with(environment, BTreeMap::new())
    }

    /// Loads the project as it would be if these files had other texts.
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
