//! The packages of a project: checks their files against the lock, and fills the project's parameters into their documents.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;
use std::str::FromStr as _;

use serde_json::{Map, Value};

use super::listing::{Exceptions, list};
use super::{Loader, start_of};
use crate::contribution::{Contribution, brought_members};
use crate::diagnostic::{Diagnostic, Label};
use crate::document::{self, Document};
use crate::files::{FileProblem, Root};
use crate::kinds::{Kind, ResourceKey};
use crate::manifests::State;
use crate::package::{
    CHECKSUMS_FILE, LOCK_FILE, Lock, PACKAGE_CHANGED, PACKAGE_DOCUMENT, PACKAGE_FILE, PACKAGE_LOCK,
    PACKAGE_PARAMETER, PACKAGE_REQUIRES, PACKAGES_FOLDER, Package, PackageFiles, PackageItem,
    Parameter, UsedPackage, checksums, digest_of, own_version, package_digest, package_text,
    used_packages, wrong_parameter,
};
use crate::project::{Project, Target};
use crate::read_package::package;
use crate::span::{Span, Spanned};
use crate::suggest::{nearest, one_of};
use crate::variables::{ParameterValues, refuse_outside_values};
use crate::yaml::{Entry, Node, NodeValue};

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

fn joined(folder: &str, relative: &str) -> String {
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

    fn read_lock(&mut self, files: &mut Root, diagnostics: &mut Vec<Diagnostic>) -> Lock {
        let text = match files.read(LOCK_FILE) {
            Ok(text) => text,
            // Every package is reported as not locked.
            Err(FileProblem::NotThere) => return Lock::default(),
            Err(problem) => {
                let file = self.sources.add(LOCK_FILE, "");
                diagnostics.push(
                    Diagnostic::error(
                        problem.code(),
                        format!("`{LOCK_FILE}` cannot be read: {problem}"),
                    )
                    .at(start_of(file), "this file")
                    .help(problem.help()),
                );
                return Lock::default();
            }
        };
        let file = self.sources.add(LOCK_FILE, text);
        let documents = self.parse(file, diagnostics);
        match documents.as_slice() {
            [node] => Lock::of(node, diagnostics),
            _ => {
                diagnostics.push(
                    Diagnostic::error(
                        PACKAGE_LOCK.code,
                        format!("`{LOCK_FILE}` must contain one document"),
                    )
                    .at(start_of(file), "this file")
                    .help("restore it from git, and change it with `deskstate package` only"),
                );
                Lock::default()
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

    fn check_lock(
        &mut self,
        in_use: &InUse,
        used: &UsedPackage,
        texts: &PackageFiles,
        diagnostics: &mut Vec<Diagnostic>,
    ) {
        let name = &used.name.value;
        let update = format!("run `deskstate package update {name}`");
        let package = &in_use.package;
        if package.name.value != *name {
            diagnostics.push(
                Diagnostic::error(
                    PACKAGE_LOCK.code,
                    format!(
                        "the package in `{}` is called `{}`",
                        in_use.folder, package.name.value
                    ),
                )
                .at(used.name.span, "another name")
                .also(package.name.span, "its name")
                .help("use the name of the package under `spec.packages`"),
            );
            return;
        }
        let Some(locked) = self.lock.packages.get(name).cloned() else {
            diagnostics.push(
                Diagnostic::error(
                    PACKAGE_LOCK.code,
                    format!("package `{name}` is not in `{LOCK_FILE}`"),
                )
                .at(used.name.span, "used here")
                .help(update),
            );
            return;
        };
        let at_lock = self.lock.spans.get(name).copied().unwrap_or(used.name.span);
        if locked.from != used.from.value {
            diagnostics.push(
                Diagnostic::error(
                    PACKAGE_LOCK.code,
                    format!("package `{name}` is locked from another source"),
                )
                .at(used.from.span, "this source")
                .also(at_lock, "locked here")
                .help(&update),
            );
        }
        let listed = texts.get(CHECKSUMS_FILE);
        let is_listed = listed.is_none_or(|listed| *listed == checksums(texts));
        if locked.digest != package_digest(texts) || !is_listed {
            diagnostics.extend(self.changed(in_use, &locked.digest, texts, at_lock));
        } else if locked.version != package.version.value.to_string() {
            diagnostics.push(
                Diagnostic::error(
                    PACKAGE_LOCK.code,
                    format!("package `{name}` is locked with another version"),
                )
                .at(at_lock, "locked here")
                .also(package.version.span, "its version")
                .help(update),
            );
        }
    }

    /// Reports which files differ from the locked ones, as far as the package's checksum file shows it.
    fn changed(
        &mut self,
        in_use: &InUse,
        digest: &str,
        texts: &PackageFiles,
        at_lock: Span,
    ) -> Vec<Diagnostic> {
        let name = &in_use.package.name.value;
        let found = |message: String| {
            Diagnostic::error(PACKAGE_CHANGED.code, message)
                .also(at_lock, "locked here")
                .help(format!(
                    "run `deskstate package update {name}` to restore it; put your own values into parameters or an overlay"
                ))
        };
        let listed = texts
            .get(CHECKSUMS_FILE)
            .map(String::as_str)
            .unwrap_or_default();
        let now = checksums(texts);
        let lines = |text: &'_ str| -> BTreeMap<String, String> {
            text.lines()
                .filter_map(|line| line.split_once("  "))
                .map(|(sum, path)| (path.to_owned(), sum.to_owned()))
                .collect()
        };
        let (then, now) = (lines(listed), lines(&now));
        let is_right = digest_of(listed) == digest;
        let paths: BTreeSet<&String> = then.keys().chain(now.keys()).collect();
        let differing = paths
            .into_iter()
            .filter(|path| is_right && then.get(*path) != now.get(*path));
        let mut all: Vec<Diagnostic> = differing
            .map(|path| {
                let shown = in_use.path(path);
                let what = match (then.contains_key(path), now.contains_key(path)) {
                    (true, false) => "is missing",
                    (false, true) => "does not belong to the package",
                    _ => "was changed",
                };
                let text = texts.get(path.as_str()).cloned().unwrap_or_default();
                let file = self.sources.add(&shown, text);
                found(format!("`{shown}` {what}")).at(start_of(file), "this file")
            })
            .collect();
        if all.is_empty() {
            all.push(
                found(format!(
                    "the files of package `{name}` are not those that are locked"
                ))
                .at(in_use.package.name.span, "in this package"),
            );
        }
        all
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

    /// Replaces the parameters in one document of a package.
    pub(super) fn filled(
        &mut self,
        at: usize,
        node: &Node,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Node {
        let InUse {
            package, values, ..
        } = &self.packages[at];
        let used = self.used_parameters.entry(at).or_default();
        ParameterValues {
            declared: &package.parameters,
            values,
            origins: &mut self.parameter_origins,
            used,
            diagnostics,
        }
        .fill(node)
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
                    "run `deskstate package update {name}`; a parameter that is part of a name has changed"
                )),
            );
        }
    }

    /// Returns what packages used to bring and nobody declares anymore: rows to delete, and members to remove from sets.
    pub(super) fn removed(
        &self,
        documents: &PackageDocuments,
        declared: &HashSet<&ResourceKey>,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> PackageDocuments {
        let contributed: HashSet<&ResourceKey> = documents
            .contributions
            .iter()
            .map(|one| &one.document.header.key)
            .collect();
        let own: HashSet<&ResourceKey> = documents.own.iter().map(|one| &one.header.key).collect();
        let is_declared = |key: &ResourceKey| {
            declared.contains(key) || own.contains(key) || contributed.contains(key)
        };
        let mut removed = PackageDocuments::default();
        let mut rows: HashSet<ResourceKey> = HashSet::new();
        let places = || self.lock.places.iter();
        for (brought, span) in places().filter(|(brought, _)| brought.member.is_none()) {
            if brought.key().is_none() {
                diagnostics.push(
                    Diagnostic::warning(
                        PACKAGE_LOCK.code,
                        format!(
                            "{} `{}` is not deleted, because nothing defines its kind any more",
                            brought.kind, brought.name
                        ),
                    )
                    .at(*span, "a row of a removed package")
                    .help("delete the row by hand and remove it from this list, or define the kind under `spec.kinds`"),
                );
            }
            let Some(document) = gone(brought, *span) else {
                continue;
            };
            if !is_declared(&document.header.key) && rows.insert(document.header.key.clone()) {
                removed.own.push(document);
            }
        }
        for (brought, span) in places().filter(|(brought, _)| brought.member.is_some()) {
            let Some(document) = gone(brought, *span) else {
                continue;
            };
            if !rows.contains(&document.header.key) {
                removed.contributions.push(Contribution {
                    document,
                    gone: true,
                });
            }
        }
        removed
    }

    /// Adds the place of the parameter that supplied a value.
    pub(super) fn add_parameters(&self, diagnostics: &mut [Diagnostic]) {
        for diagnostic in diagnostics {
            let place = diagnostic.primary.as_ref().map(|label| label.span);
            if let Some((name, span)) = place.and_then(|place| self.parameter_origins.get(&place))
                && !diagnostic.secondary.iter().any(|label| label.span == *span)
            {
                diagnostic.secondary.push(Label {
                    span: *span,
                    text: format!("parameter `{name}` gives this value"),
                });
            }
        }
    }

    /// Reports parameters of a package that none of its documents uses.
    pub(super) fn unused_parameters(&self, at: usize) -> Vec<Parameter> {
        let used = self.used_parameters.get(&at);
        let parameters = self.packages[at].package.parameters.iter();
        parameters
            .filter(|one| !used.is_some_and(|used| used.contains(&one.name.value)))
            .cloned()
            .collect()
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

/// Builds a document that removes what a package brought.
fn gone(brought: &PackageItem, span: Span) -> Option<Document> {
    let kind = Kind::from_str(&brought.kind).ok()?;
    let text = |text: &str| Node {
        value: NodeValue::Text(text.into()),
        span,
    };
    let map = |entries: Vec<(&str, Node)>| Node {
        value: NodeValue::Map(
            entries
                .into_iter()
                .map(|(key, value)| Entry {
                    key: key.into(),
                    key_span: span,
                    value,
                })
                .collect(),
        ),
        span,
    };
    let state = match brought.member {
        None => State::Absent,
        Some(_) => State::Existing,
    };
    let metadata = map(vec![
        ("name", text(&brought.name)),
        ("state", text(state.as_str())),
    ]);
    let mut entries = vec![
        ("apiVersion", text(crate::schema::API_VERSION)),
        ("kind", text(&brought.kind)),
        ("metadata", metadata),
    ];
    if let Some((field, member)) = &brought.member {
        let members = Node {
            value: NodeValue::List(vec![text(member)]),
            span,
        };
        let set = map(vec![("mode", text("atLeast")), ("without", members)]);
        entries.push(("spec", map(vec![(field.as_str(), set)])));
    }
    Some(Document {
        header: document::Header {
            key: ResourceKey::new(kind, &brought.name),
            name_span: span,
            environments: None,
        },
        node: map(entries),
    })
}

/// Returns the values of a package's parameters. Reports missing, unknown and wrongly typed values.
fn values(
    package: &Package,
    used: Option<&UsedPackage>,
    diagnostics: &mut Vec<Diagnostic>,
) -> BTreeMap<String, Node> {
    let mut values = BTreeMap::new();
    let given = used.map_or(&[][..], |used| &used.parameters);
    for parameter in &package.parameters {
        let name = &parameter.name.value;
        let value = given.iter().find(|(given, _)| given.value == *name);
        if let Some((_, value)) = value {
            if parameter.holds.takes(value) {
                values.insert(name.clone(), value.clone());
            } else {
                diagnostics.push(
                    wrong_parameter(name, parameter.holds, value.span)
                        .also(parameter.name.span, "declared here"),
                );
            }
        } else if let Some(default) = &parameter.default {
            values.insert(name.clone(), default.clone());
        } else if let Some(used) = used {
            diagnostics.push(
                Diagnostic::error(
                    PACKAGE_PARAMETER.code,
                    format!(
                        "package `{}` needs the parameter `{name}`",
                        package.name.value
                    ),
                )
                .at(used.name.span, "used here")
                .also(parameter.name.span, &parameter.meaning)
                .help(format!("add `{name}` under `parameters` of this package")),
            );
        } else {
            let span = parameter.name.span;
            let sample = Node::of_json(&parameter.holds.sample(), span);
            values.insert(name.clone(), sample);
        }
    }
    for (name, _) in given {
        let names = || package.parameters.iter().map(|one| one.name.value.as_str());
        if names().any(|known| known == name.value) {
            continue;
        }
        let found = Diagnostic::error(
            PACKAGE_PARAMETER.code,
            format!(
                "package `{}` has no parameter `{}`",
                package.name.value, name.value
            ),
        )
        .at(name.span, "unknown parameter");
        diagnostics.push(match nearest(&name.value, names()) {
            Some(near) => found.help(format!("did you mean `{near}`?")),
            None if names().next().is_none() => found.help("remove it"),
            None => found.help(format!("it has {}", one_of(names()))),
        });
    }
    values
}

/// Reads a folder as a package that is not yet part of a project. Ignores archives at its root, which are earlier builds.
///
/// # Errors
/// The path of the file that cannot be part of a package, why, and what to do.
pub fn read_package_folder(folder: &Path) -> Result<PackageFiles, (String, String, &'static str)> {
    let said = |path: String, problem: &FileProblem| (path, problem.to_string(), problem.help());
    let mut files = Root::open(folder).map_err(|problem| said(String::new(), &problem))?;
    let is_build = |path: &str| !path.contains('/') && path.ends_with(".zip");
    files_of(&mut files, "", &is_build).map_err(|(path, problem)| said(path, &problem))
}

/// Returns the texts of all files of a package, or the invalid path and the reason.
pub(crate) fn package_files(
    files: &mut Root,
    folder: &str,
) -> Result<PackageFiles, (String, FileProblem)> {
    files_of(files, folder, &|_| false)
}

fn files_of(
    files: &mut Root,
    folder: &str,
    skip: &dyn Fn(&str) -> bool,
) -> Result<PackageFiles, (String, FileProblem)> {
    let found = files
        .all_below(folder)
        .map_err(|problem| (folder.to_owned(), problem))?;
    if let Some((path, problem)) = found.problems.into_iter().next() {
        return Err((path, problem));
    }
    let mut texts = PackageFiles::new();
    for path in found.files.into_iter().filter(|path| !skip(path)) {
        let text = match files.read(&path) {
            Ok(text) => package_text(&text),
            Err(problem) => return Err((path, problem)),
        };
        let relative = path[folder.len()..].trim_start_matches('/').to_owned();
        texts.insert(relative, text);
    }
    Ok(texts)
}
