//! The packages of a project: checks their files against the lock, and fills the project's parameters into their documents.

mod folder;
mod gone;
mod lock;
mod parameters;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

pub(crate) use self::folder::package_files;
pub use self::folder::{is_left_out, read_package_folder};
use self::parameters::values;
use super::Loader;
use super::listing::{Exceptions, list};
use super::reading::start_of;
use crate::contribution::{Contribution, brought_members};
use crate::diagnostic::Diagnostic;
use crate::document::{self, Document};
use crate::files::{FileProblem, Root};
use crate::kinds::ResourceKey;
use crate::manifests::State;
use crate::package::{
    LOCK_FILE, PACKAGE_DOCUMENT, PACKAGE_FILE, PACKAGE_LOCK, PACKAGE_REQUIRES, PACKAGES_FOLDER,
    Package, PackageFiles, PackageItem, UsedPackage, own_version, used_packages,
};
use crate::project::{Project, Target};
use crate::read_package::package;
use crate::span::Spanned;
use crate::variables::refuse_outside_values;
use crate::yaml::{Node, NodeValue};

/// A package that a project uses, ready to read.
#[derive(Debug)]
pub(super) struct InUse {
    pub(super) package: Package,
    /// Path of the package from the root.
    folder: String,
    /// Values of its parameters.
    values: BTreeMap<String, Node>,
}

impl InUse {
    /// Sets the parameters of a package that is not part of a project.
    pub(super) fn give(&mut self, parameters: &Map<String, Value>) {
        for parameter in &self.package.parameters {
            let name = &parameter.name.value;
            if let Some(value) = parameters.get(name) {
                let value = Node::of_json(value, parameter.name.span);
                self.values.insert(name.clone(), value);
            }
        }
    }

    fn path(&self, relative: &str) -> String {
        joined(&self.folder, relative)
    }
}

pub(super) fn joined(folder: &str, relative: &str) -> String {
    match folder {
        "" => relative.to_owned(),
        folder => format!("{folder}/{relative}"),
    }
}

/// The documents of a project's packages.
#[derive(Default)]
pub(super) struct PackageDocuments {
    /// Rows that packages bring, or no longer bring.
    pub(super) own: Vec<Document>,
    /// Contributions to rows that somebody else may declare.
    pub(super) contributions: Vec<Contribution>,
}

impl Loader {
    /// Reads the packages of a project: their descriptions and the lock.
    pub(super) fn read_packages(
        &mut self,
        files: &mut Root,
        project: &Node,
        diagnostics: &mut Vec<Diagnostic>,
    ) {
        let used = used_packages(project.get("spec"));
        self.lock = self.read_lock(files, diagnostics);
        for package in used {
            let in_use = self.read_package(files, &package, diagnostics);
            self.packages.extend(in_use);
        }
        let spec = project.get("spec");
        let map = spec.and_then(|spec| spec.get("packages"));
        let map = map.map_or(&[][..], Node::entries);
        for (name, span) in &self.lock.spans {
            if !map.iter().any(|entry| *entry.key == **name) {
                diagnostics.push(
                    Diagnostic::error(
                        PACKAGE_LOCK.code,
                        format!("`{name}` is locked, but `deskstate.yaml` does not use it"),
                    )
                    .at(*span, "locked here")
                    .help(format!(
                        "run `deskstate package remove {name}`, so that its rows are deleted, or restore its entry under `spec.packages`"
                    )),
                );
            }
        }
    }

    fn read_package(
        &mut self,
        files: &mut Root,
        used: &UsedPackage,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<InUse> {
        let name = &used.name.value;
        let folder = format!("{PACKAGES_FOLDER}/{name}");
        let texts = match package_files(files, &folder) {
            Ok(texts) => texts,
            Err((path, problem)) => {
                let missing = path == folder && matches!(problem, FileProblem::NotThere);
                let found = match missing {
                    true => Diagnostic::error(
                        PACKAGE_LOCK.code,
                        format!(
                            "the files of package `{name}` are missing: there is no `{folder}`"
                        ),
                    ),
                    false => Diagnostic::error(
                        problem.code(),
                        format!("`{path}` cannot be read: {problem}"),
                    ),
                };
                diagnostics.push(
                    found
                        .at(used.name.span, "used here")
                        .help(format!("run `deskstate package update {name}`")),
                );
                return None;
            }
        };
        // Pins the texts, so that the files that are read are those that were checked.
        for (path, text) in &texts {
            files.hold(joined(&folder, path), text.clone());
        }
        let in_use = self.described(&folder, &texts, Some(used), diagnostics)?;
        self.check_lock(&in_use, used, &texts, diagnostics);
        Some(in_use)
    }

    /// Reads the description of a package and the values of its parameters.
    pub(super) fn described(
        &mut self,
        folder: &str,
        texts: &PackageFiles,
        used: Option<&UsedPackage>,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<InUse> {
        let path = joined(folder, PACKAGE_FILE);
        let Some(text) = texts.get(PACKAGE_FILE) else {
            let found = Diagnostic::error(
                PACKAGE_LOCK.code,
                format!("`{path}` is missing, so this is not a package"),
            )
            .help("every package has this file at its root");
            diagnostics.push(match used {
                Some(used) => found.at(used.name.span, "used here"),
                None => found,
            });
            return None;
        };
        let file = self.sources.add(path, text.clone());
        let documents = self.parse(file, diagnostics);
        let [node] = documents.as_slice() else {
            diagnostics.push(
                Diagnostic::error(
                    PACKAGE_DOCUMENT.code,
                    format!("`{PACKAGE_FILE}` contains one document of `kind: Package`"),
                )
                .at(start_of(file), "this file")
                .help("`deskstate explain Package` lists its fields"),
            );
            return None;
        };
        let mut package = package(node, diagnostics)?;
        // A package may consist of contracts only.
        if node
            .get("spec")
            .is_some_and(|spec| spec.get("manifests").is_none())
            && !texts.keys().any(|path| path.starts_with("manifests/"))
        {
            package.manifests.clear();
        }
        if let Some(requires) = &package.requires
            && !requires.value.matches(&own_version())
        {
            let found = Diagnostic::error(
                PACKAGE_REQUIRES.code,
                format!(
                    "package `{}` requires deskstate {}, and this is {}",
                    package.name.value,
                    requires.value,
                    own_version()
                ),
            )
            .at(requires.span, "required here")
            .help(
                "install a version of deskstate that fits, or use another version of the package",
            );
            diagnostics.push(match used {
                Some(used) => found.also(used.name.span, "used here"),
                None => found,
            });
        }
        let values = values(&package, used, diagnostics);
        Some(InUse {
            package,
            folder: folder.to_owned(),
            values,
        })
    }

    /// Adds the prefixes that packages own to the project.
    pub(super) fn own_prefixes(&self, project: &mut Project) {
        for prefix in self.packages.iter().flat_map(|one| &one.package.owns) {
            let known = |owned: &Spanned<String>| owned.value == prefix.value;
            if !project.owns.iter().any(known) {
                project.owns.push(prefix.clone());
            }
            for environment in project.environments.values_mut() {
                if let Target::Emulator { publishers, .. } = &mut environment.target
                    && !publishers.contains(&prefix.value)
                {
                    publishers.push(prefix.value.clone());
                }
            }
        }
    }

    /// Returns the files of packages that define kinds, or that contain contracts.
    pub(super) fn package_paths(
        &self,
        of: impl Fn(&Package) -> &[Spanned<String>],
    ) -> Vec<(usize, Spanned<String>)> {
        let packages = self.packages.iter().enumerate();
        packages
            .flat_map(|(at, one)| {
                let paths = of(&one.package).iter();
                paths.map(move |path| (at, path.clone().map(|path| one.path(&path))))
            })
            .collect()
    }

    /// Returns what packages declare, and what they no longer declare.
    pub(super) fn package_documents(
        &mut self,
        files: &mut Root,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> PackageDocuments {
        let mut documents = PackageDocuments::default();
        for at in 0..self.packages.len() {
            let before = diagnostics.len();
            let mut brings = BTreeSet::new();
            let mut complete = true;
            for node in self.package_nodes(at, files, diagnostics) {
                let node = self.filled(at, &node, diagnostics);
                let name = node.get("metadata").and_then(|it| it.get("name"));
                if name.is_some_and(|name| matches!(name.value, NodeValue::Unresolved(_))) {
                    // The parameter has already been reported.
                    complete = false;
                    continue;
                }
                refuse_outside_values(&node, diagnostics);
                let Some(document) = document::header(node, diagnostics) else {
                    continue;
                };
                check_document(&document, diagnostics);
                if state_of(&document.node) == Some(State::Existing.as_str()) {
                    brings.extend(brought_members(&document, diagnostics));
                    documents.contributions.push(Contribution {
                        document,
                        gone: false,
                    });
                } else {
                    let owns = &self.packages[at].package.owns;
                    diagnostics.extend(not_its_own(&document, owns));
                    brings.insert(row(&document.header.key));
                    documents.own.push(document);
                }
            }
            let failed = !complete || diagnostics[before..].iter().any(Diagnostic::is_error);
            self.check_brings(at, &brings, failed, diagnostics);
            let name = self.packages[at].package.name.value.clone();
            self.brings.insert(name, brings);
        }
        documents
    }

    /// Returns the documents of a package as written.
    pub(super) fn package_nodes(
        &mut self,
        at: usize,
        files: &mut Root,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Vec<Node> {
        let one = &self.packages[at];
        let place = |path: &Spanned<String>| path.clone().map(|path| one.path(&path));
        let manifests: Vec<Spanned<String>> = one.package.manifests.iter().map(place).collect();
        let mut others: Vec<String> = vec![one.path(PACKAGE_FILE)];
        let named = one.package.contracts.iter().chain(&one.package.kinds);
        others.extend(named.map(|path| one.path(&path.value)));
        let exceptions = Exceptions::of_package(others);
        let found = list(
            files,
            &manifests,
            &exceptions,
            &mut self.sources,
            diagnostics,
        );
        let mut nodes = Vec::new();
        for (path, pattern) in found {
            if let Some(file) = self.file(files, &pattern, &path, diagnostics) {
                nodes.extend(self.parse(file, diagnostics));
            }
        }
        nodes
    }

    /// Names can depend on parameters, so changing a parameter can make the lock outdated.
    fn check_brings(
        &self,
        at: usize,
        brings: &BTreeSet<PackageItem>,
        failed: bool,
        diagnostics: &mut Vec<Diagnostic>,
    ) {
        let name = &self.packages[at].package.name.value;
        let (Some(locked), Some(span)) = (self.lock.packages.get(name), self.lock.spans.get(name))
        else {
            return;
        };
        if !failed && locked.brings != *brings {
            diagnostics.push(
                Diagnostic::error(
                    PACKAGE_LOCK.code,
                    format!("package `{name}` now brings other rows than `{LOCK_FILE}` lists"),
                )
                .at(*span, "locked here")
                .help(format!(
                    "run `deskstate package update {name}`; its files, or a parameter that is part of a name, have changed"
                )),
            );
        }
    }
}

fn row(key: &ResourceKey) -> PackageItem {
    PackageItem {
        kind: key.kind.as_str().to_owned(),
        name: key.name.as_written().to_owned(),
        member: None,
    }
}

fn state_of(node: &Node) -> Option<&str> {
    node.get("metadata")?.get("state")?.as_text()
}

/// Reports content that a document of a package must not have.
/// The finding about a row without a prefix of the package: it could belong to anybody, and removing the package would delete it.
fn not_its_own(document: &Document, owns: &[Spanned<String>]) -> Option<Diagnostic> {
    let key = &document.header.key;
    let is_absent = state_of(&document.node) == Some(State::Absent.as_str());
    let is_own = owns
        .iter()
        .any(|own| Some(own.value.as_str()) == key.name.prefix());
    // Rows of kinds that a package defines may have any name.
    if is_own || is_absent || !key.kind.is_built_in() {
        return None;
    }
    let prefixes: Vec<String> = owns.iter().map(|own| format!("`{}_`", own.value)).collect();
    Some(
        Diagnostic::error(
            PACKAGE_DOCUMENT.code,
            format!("{key} does not have a prefix of the package"),
        )
        .at(document.header.name_span, "could be somebody else's")
        .help(format!(
            "begin the name with {}; declare a row that somebody else brings with `state: existing`",
            prefixes.join(" or ")
        )),
    )
}

fn check_document(document: &Document, diagnostics: &mut Vec<Diagnostic>) {
    let metadata = document.node.get("metadata");
    if let Some(state) = metadata.and_then(|metadata| metadata.get("state"))
        && state.as_text() == Some(State::Absent.as_str())
    {
        diagnostics.push(
            Diagnostic::error(
                PACKAGE_DOCUMENT.code,
                format!("a package cannot delete {}", document.header.key),
            )
            .at(state.span, "`state: absent`")
            .help("remove the document; a row that a new version no longer declares is deleted by itself"),
        );
    }
    if let Some(environments) = metadata.and_then(|metadata| metadata.entry("environments")) {
        diagnostics.push(
            Diagnostic::error(
                PACKAGE_DOCUMENT.code,
                "a package does not know the environments of a customer",
            )
            .at(environments.key_span, "names of environments")
            .help("remove `environments`"),
        );
    }
}
