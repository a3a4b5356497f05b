//! One project: its files as in the editor, and the state derived from them.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::rc::Rc;

use deskstate_model::{
    Diagnostic, Kind, Manifests, NameUse, PROJECT_FILE, ResourceKey, Tree, Workspace,
};

/// A project that is being edited.
pub(super) struct Project {
    pub(super) workspace: Workspace,
    state: Option<Rc<State>>,
    /// Number of changes so far.
    pub(super) edition: u64,
    /// The names of each file from when it was last without errors, so that they stay known while a line is being typed.
    good: BTreeMap<String, BTreeSet<ResourceKey>>,
}

/// The state of a project.
pub(super) struct State {
    /// The base documents, checked for every environment.
    pub(super) manifests: Manifests,
    /// Errors and warnings.
    pub(super) findings: Vec<Diagnostic>,
    texts: BTreeMap<String, String>,
    files: OnceCell<BTreeMap<String, Vec<Tree>>>,
    uses: OnceCell<Vec<Use>>,
    environments: RefCell<BTreeMap<String, Rc<Manifests>>>,
}

/// A place in a file that names a resource.
#[derive(Debug)]
pub(super) struct Use {
    pub(super) path: String,
    pub(super) name: NameUse,
    /// Whether the file is in the folder of an overlay.
    pub(super) in_overlay: bool,
}

impl Project {
    pub(super) fn new(root: &Path) -> Self {
        Self {
            workspace: Workspace::new(root),
            state: None,
            edition: 0,
            good: BTreeMap::new(),
        }
    }

    pub(super) fn root(&self) -> &Path {
        self.workspace.root()
    }

    /// Marks the project as changed.
    pub(super) fn changed(&mut self) {
        self.state = None;
        self.edition += 1;
    }

    pub(super) fn is_stale(&self) -> bool {
        self.state.is_none()
    }

    /// The current state of the project.
    pub(super) fn state(&mut self) -> Rc<State> {
        if let Some(state) = &self.state {
            return Rc::clone(state);
        }
        let (manifests, findings) = self.workspace.load(None);
        let sources = &manifests.sources;
        let mut texts: BTreeMap<String, String> = BTreeMap::new();
        for file in sources.files() {
            let path = sources.path(file);
            let text = self.workspace.text(path).unwrap_or(sources.text(file));
            // A file that is reported but not read has no text here.
            if !text.is_empty() || !texts.contains_key(path) {
                texts.insert(path.to_owned(), text.to_owned());
            }
        }
        let state = State {
            texts,
            manifests,
            findings,
            files: OnceCell::new(),
            uses: OnceCell::new(),
            environments: RefCell::default(),
        };
        self.remember(&state);
        let state = Rc::new(state);
        self.state = Some(Rc::clone(&state));
        state
    }

    fn remember(&mut self, state: &State) {
        let sources = &state.manifests.sources;
        let broken: BTreeSet<&str> = state
            .findings
            .iter()
            .filter(|finding| finding.is_error())
            .filter_map(|finding| Some(sources.path(finding.primary.as_ref()?.span.file)))
            .collect();
        let mut now: BTreeMap<&str, BTreeSet<ResourceKey>> = BTreeMap::new();
        for declared in &state.manifests.resources {
            let names = now.entry(sources.path(declared.span.file)).or_default();
            names.insert(declared.key.clone());
        }
        self.good.retain(|path, _| broken.contains(path.as_str()));
        for (path, names) in now {
            self.good.entry(path.to_owned()).or_default().extend(names);
        }
    }

    /// The names of a kind that documents declare, or declared when their file was last without errors.
    pub(super) fn names_of(&self, kind: Kind) -> BTreeSet<&ResourceKey> {
        let names = self.good.values().flatten();
        names.filter(|key| key.kind == kind).collect()
    }

    /// The manifests of the project for one environment.
    pub(super) fn in_environment(&self, state: &State, name: &str) -> Rc<Manifests> {
        if let Some(known) = state.environments.borrow().get(name) {
            return Rc::clone(known);
        }
        let manifests = Rc::new(self.workspace.load(Some(name)).0);
        let mut known = state.environments.borrow_mut();
        known.insert(name.to_owned(), Rc::clone(&manifests));
        manifests
    }
}

impl State {
    /// The text of a file of the project.
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.texts.get(path).map(String::as_str)
    }

    /// The path and the text of every file.
    pub(super) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        let texts = self.texts.iter();
        texts.map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// The documents of every file, as far as they can be read.
    pub(super) fn files(&self) -> &BTreeMap<String, Vec<Tree>> {
        self.files.get_or_init(|| {
            let files = self.texts.iter();
            files
                .map(|(path, text)| (path.clone(), Tree::read(text).0))
                .collect()
        })
    }

    /// All places that name a resource.
    pub(super) fn uses(&self) -> &[Use] {
        self.uses.get_or_init(|| {
            let mut uses = Vec::new();
            for (path, documents) in self.files() {
                let in_overlay = self.is_overlay(path);
                for name in documents.iter().flat_map(NameUse::all) {
                    uses.push(Use {
                        path: path.clone(),
                        name,
                        in_overlay,
                    });
                }
            }
            uses
        })
    }

    pub(super) fn is_overlay(&self, path: &str) -> bool {
        let environments = self.manifests.project.iter();
        let mut folders = environments
            .flat_map(|project| project.environments.values())
            .flat_map(|environment| &environment.overlay);
        folders.any(|folder| Path::new(path).starts_with(&folder.value))
    }

    /// The resource name at a byte of a file.
    pub(super) fn use_at(&self, path: &str, byte: usize) -> Option<&Use> {
        self.uses().iter().find(|one| {
            one.path == path && one.name.place.start <= byte && byte <= one.name.place.end
        })
    }

    /// The project file, as written.
    pub(super) fn project_file(&self) -> Option<&Tree> {
        self.files().get(PROJECT_FILE)?.first()
    }

    pub(super) fn environment_names(&self) -> Vec<&str> {
        let project = self.manifests.project.iter();
        let environments = project.flat_map(|project| project.environments.keys());
        environments.map(String::as_str).collect()
    }
}
