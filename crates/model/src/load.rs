//! Loads a project: from files to documents, from documents to resources, with all findings on the way.

mod contracts;
pub(crate) mod environments;
pub(crate) mod lint;
pub(crate) mod listing;
pub(crate) mod packages;
mod reading;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::environments::{
    check_listed, check_same, check_stages, merge_findings, unknown_environment,
};
use self::listing::nothing_declared;
use self::reading::start_of;
use crate::accept;
use crate::assemble::{Assembled, Assembly, Base, assemble, gather};
use crate::checks;
use crate::definition;
use crate::diagnostic::{Diagnostic, sort_diagnostics};
use crate::document::{self, Header};
use crate::explanation::Explanation;
use crate::file_texts::FileTexts;
use crate::files::{FileProblem, Root};
use crate::kinds::ResourceKey;
use crate::manifests::{Declared, Manifests};
use crate::package::{Lock, PackageItem};
use crate::project::Project;
use crate::read_project::{project, texts};
use crate::shape_codes::{NOT_A_MANIFEST, UNKNOWN_KIND};
use crate::span::{SourceMap, Span};
use crate::suggest::one_of;
use crate::variables::{EnvironmentFacts, Origins};
use crate::yaml::{Budget, Node};

pub(crate) const NO_PROJECT: Explanation = Explanation::new(
    "no-project",
    "There is no readable `deskstate.yaml` in this folder.",
    "The file at the root of a project lists its manifests and environments.",
    "Change to the folder that contains it, or create a project with `deskstate init`.",
);

/// The project file, at the root of a project.
pub const PROJECT_FILE: &str = "deskstate.yaml";

/// Loads the project in a folder and returns all findings.
///
/// With an environment, the resources are those effective in it, with overlays, variables and the project's `defaults` applied. Without
/// one, the resources are the base manifests, checked for every environment of the project; a finding that occurs only in some environments
/// names them. Loading never fails: everything that could be read is returned along with the findings.
#[must_use]
pub fn load(root: &Path, environment: Option<&str>) -> (Manifests, Vec<Diagnostic>) {
    load_from(Root::open(root), environment)
}

/// Loads a project from texts instead of files, like [`load`]. The texts are keyed by path relative to the project's root, with `/`.
#[must_use]
pub fn load_texts(
    texts: BTreeMap<String, String>,
    environment: Option<&str>,
) -> (Manifests, Vec<Diagnostic>) {
    load_from(Ok(Root::of_texts(texts)), environment)
}

/// Loads a project with these files, by path, replaced or added.
#[must_use]
pub fn load_with(
    root: &Path,
    environment: Option<&str>,
    changed: BTreeMap<String, String>,
) -> (Manifests, Vec<Diagnostic>) {
    load_from(Root::open(root).map(|root| root.with(changed)), environment)
}

/// Loads a project with these files replaced or added, and ignores all other files in `folder`.
#[must_use]
pub fn load_replacing(
    root: &Path,
    environment: Option<&str>,
    changed: BTreeMap<String, String>,
    folder: &str,
) -> (Manifests, Vec<Diagnostic>) {
    let root = Root::open(root).map(|root| root.with(changed).without(folder));
    load_from(root, environment)
}

/// Loads the project file and its contracts without the manifests, for commands that query an environment.
///
/// A contract that cannot be read is a finding; the others are loaded.
#[must_use]
pub fn load_project(root: &Path) -> (Manifests, Vec<Diagnostic>) {
    let mut loader = Loader::default();
    let mut manifests = Manifests::default();
    let mut diagnostics = Vec::new();
    match Root::open(root) {
        Err(problem) => diagnostics.push(no_project(&problem)),
        Ok(mut files) => {
            if let Some((_, project)) = loader.project(&mut files, &mut diagnostics) {
                manifests.contracts = loader.contracts(&mut files, &project, &mut diagnostics);
                manifests.project = Some(project);
            }
        }
    }
    loader.ended(manifests, diagnostics)
}

/// Registers the kinds that a project defines, so that a command line can name them. Problems are reported when the project is loaded.
pub fn load_kinds(root: &Path) {
    let Ok(mut files) = Root::open(root) else {
        return;
    };
    let mut loader = Loader::default();
    let mut unsaid = Vec::new();
    let Ok(text) = files.read(PROJECT_FILE) else {
        return;
    };
    let file = loader.sources.add(PROJECT_FILE, text);
    if let Some(node) = loader.parse(file, &mut unsaid).first() {
        loader.read_packages(&mut files, node, &mut unsaid);
        loader.kinds(&mut files, node, &mut unsaid);
    }
}

/// Loads contract files without a project, wherever the files are.
#[must_use]
pub fn load_contracts(paths: &[PathBuf]) -> (Manifests, Vec<Diagnostic>) {
    let mut loader = Loader::default();
    let mut manifests = Manifests::default();
    let mut diagnostics = Vec::new();
    for path in paths {
        let shown = path.to_string_lossy().replace('\\', "/");
        match text_of(path) {
            Ok(text) => {
                let file = loader.sources.add(shown, text);
                loader.contracts_of(file, None, &mut manifests.contracts, &mut diagnostics);
            }
            Err(problem) => diagnostics.push(
                Diagnostic::error(
                    problem.code(),
                    format!("`{shown}` cannot be read: {problem}"),
                )
                .help(problem.help()),
            ),
        }
    }
    checks::contract_conflict::check(&manifests.contracts, &mut diagnostics);
    loader.ended(manifests, diagnostics)
}

/// Returns the text of one file, within the limits for a project's files.
fn text_of(path: &Path) -> Result<String, FileProblem> {
    let path = path
        .canonicalize()
        .map_err(|error| FileProblem::of(&error))?;
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(FileProblem::Io("it is not a file".to_owned()));
    };
    let name = name.to_str().ok_or(FileProblem::NameNotUtf8)?;
    Root::open(folder)?.read(name)
}

/// Loads all YAML files of a folder that is not a project, such as an export, as if for the given environment.
#[must_use]
pub fn load_folder(folder: &Path, environment: &str) -> (Manifests, Vec<Diagnostic>) {
    let environments =
        serde_json::json!({environment: {"emulator": {"state": ".deskstate/local.json"}}});
    let project = format!(
        "apiVersion: deskstate/v1\nkind: Project\nmetadata: {{name: folder}}\nspec: {{manifests: ['**'], environments: {environments}}}\n"
    );
    load_from(
        Root::open(folder)
            .map(|root| root.with(BTreeMap::from([(PROJECT_FILE.to_owned(), project)]))),
        Some(environment),
    )
}

pub(crate) fn load_from(
    root: Result<Root, FileProblem>,
    environment: Option<&str>,
) -> (Manifests, Vec<Diagnostic>) {
    let mut loader = Loader::default();
    let mut manifests = Manifests {
        environment: environment.map(str::to_owned),
        ..Manifests::default()
    };
    let mut diagnostics = Vec::new();
    match root {
        Err(problem) => diagnostics.push(no_project(&problem)),
        Ok(mut files) => {
            let loaded = loader.project(&mut files, &mut diagnostics);
            if let Some((node, project)) = loaded {
                loader.finish(
                    &mut files,
                    &node,
                    project,
                    environment,
                    &mut manifests,
                    &mut diagnostics,
                );
            }
        }
    }
    loader.ended(manifests, diagnostics)
}

fn no_project(problem: &FileProblem) -> Diagnostic {
    if matches!(
        problem,
        FileProblem::OtherEncoding(_) | FileProblem::NotUtf8(_)
    ) {
        return Diagnostic::error(
            problem.code(),
            format!("`{PROJECT_FILE}` cannot be read: {problem}"),
        )
        .help(problem.help());
    }
    Diagnostic::error(
        NO_PROJECT.code,
        format!("there is no project here: `{PROJECT_FILE}` cannot be read: {problem}"),
    )
    .help("change to the folder that holds it, or start one with `deskstate init`")
}

#[derive(Default)]
struct Loader {
    sources: SourceMap,
    budget: Budget,
    /// Words in text that could not be read; names among them are not reported as missing.
    unread: HashSet<String>,
    /// Values that look like credentials and must never be shown.
    secrets: Vec<Span>,
    unread_kinds: UnreadKinds,
    packages: Vec<packages::InUse>,
    lock: Lock,
    /// The items that each package brings, by package name.
    brings: BTreeMap<String, BTreeSet<PackageItem>>,
    /// Where the value of a parameter is written, keyed by the place of its use.
    parameter_origins: Origins,
    /// The parameters that documents of each package use.
    used_parameters: BTreeMap<usize, BTreeSet<String>>,
}

/// Kinds whose broken definitions are already reported. Findings that the kind is unknown follow from that and are dropped.
#[derive(Default)]
struct UnreadKinds {
    words: HashSet<String>,
    /// Some definitions could not be read, so any kind may be among them.
    any: bool,
}

impl UnreadKinds {
    fn explain(&self, finding: &Diagnostic) -> bool {
        let is_about_kinds =
            [UNKNOWN_KIND.code, definition::KIND_DEFINITION.code].contains(&finding.code);
        is_about_kinds
            && document::no_kind_word(&finding.message)
                .is_some_and(|word| self.any || self.words.contains(word))
    }
}

impl Loader {
    fn ended(
        self,
        mut manifests: Manifests,
        mut diagnostics: Vec<Diagnostic>,
    ) -> (Manifests, Vec<Diagnostic>) {
        self.add_parameters(&mut diagnostics);
        manifests.packages = self.packages.into_iter().map(|one| one.package).collect();
        manifests.lock = self.lock;
        manifests.brings = self.brings;
        manifests.sources = self.sources;
        for place in self
            .secrets
            .into_iter()
            .chain(checks::secret::places(&diagnostics))
        {
            manifests.sources.redact(place);
        }
        diagnostics.retain(|finding| !self.unread_kinds.explain(finding));
        if let Some(project) = &manifests.project {
            diagnostics = project.leveled(diagnostics);
        }
        sort_diagnostics(&mut diagnostics);
        diagnostics.dedup();
        (manifests, diagnostics)
    }

    fn project(
        &mut self,
        files: &mut Root,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<(Node, Project)> {
        let text = match files.read(PROJECT_FILE) {
            Ok(text) => text,
            Err(problem) => {
                diagnostics.push(no_project(&problem));
                return None;
            }
        };
        let file = self.sources.add(PROJECT_FILE, text);
        let mut documents = self.parse(file, diagnostics).into_iter();
        let Some(node) = documents.next() else {
            if diagnostics.is_empty() {
                diagnostics.push(
                    Diagnostic::error(NOT_A_MANIFEST.code, format!("`{PROJECT_FILE}` is empty"))
                        .at(start_of(file), "nothing here")
                        .help("`deskstate init` writes one to start from"),
                );
            }
            return None;
        };
        for extra in documents {
            diagnostics.push(
                Diagnostic::error(
                    NOT_A_MANIFEST.code,
                    format!("`{PROJECT_FILE}` may contain only the project"),
                )
                .at(document::first_line(&extra), "a second document")
                .help("move it to a file in a manifest folder"),
            );
        }
        self.read_packages(files, &node, diagnostics);
        // The kinds are registered first, because the project's own settings may name them.
        self.kinds(files, &node, diagnostics);
        let mut project = project(&node, diagnostics)?;
        self.own_prefixes(&mut project);
        check_listed(&project, diagnostics);
        check_stages(&project, diagnostics);
        check_same(&project, diagnostics);
        Some((node, project))
    }

    fn kinds(&mut self, files: &mut Root, project: &Node, diagnostics: &mut Vec<Diagnostic>) {
        let mut definitions = Vec::new();
        for name in texts(project.get("spec").and_then(|spec| spec.get("packs"))) {
            let Some(text) = definition::pack(&name.value) else {
                self.unread_kinds.any = true;
                let known = one_of(definition::packs());
                diagnostics.push(
                    Diagnostic::error(
                        definition::KIND_DEFINITION.code,
                        format!("there is no pack `{}`", name.value),
                    )
                    .at(name.span, "unknown pack")
                    .help(format!("this version has {known}")),
                );
                continue;
            };
            let path = format!("pack {}", name.value);
            let file = self.sources.add(path, text.to_owned());
            definitions.extend(self.parse(file, diagnostics));
        }
        let paths = texts(project.get("spec").and_then(|spec| spec.get("kinds"))).into_iter();
        let of_packages = self.package_paths(|package| &package.kinds).into_iter();
        for path in paths.chain(of_packages.map(|(_, path)| path)) {
            let Some(file) = self.file(files, &path, &path.value, diagnostics) else {
                self.unread_kinds.any = true;
                continue;
            };
            let before = diagnostics.len();
            let documents = self.parse(file, diagnostics);
            self.unread_kinds.any |= diagnostics.len() > before;
            if documents.is_empty() && diagnostics.len() == before {
                diagnostics.push(
                    Diagnostic::error(
                        definition::KIND_DEFINITION.code,
                        format!("`{}` contains no definition", path.value),
                    )
                    .at(path.span, "named here")
                    .help("add a definition, or remove the file from `spec.kinds`"),
                );
            }
            definitions.extend(documents);
        }
        self.unread_kinds.words = definition::register(&definitions, diagnostics);
    }

    fn finish(
        &mut self,
        files: &mut Root,
        node: &Node,
        project: Project,
        environment: Option<&str>,
        manifests: &mut Manifests,
        diagnostics: &mut Vec<Diagnostic>,
    ) {
        if let Some(name) = environment.filter(|name| !project.environments.contains_key(*name)) {
            diagnostics.push(unknown_environment(name, None, &project));
        }
        let contracts = self.contracts(files, &project, diagnostics);
        let manifest_files = self.manifest_files(files, &project, diagnostics);
        let overlays = self.overlays(files, &project, diagnostics);
        let mut of_packages = self.package_documents(files, diagnostics);
        let removed = self.lock.removed.values().flatten();
        let contributed: Vec<ResourceKey> = of_packages
            .contributions
            .iter()
            .map(|one| one.document.header.key.clone())
            .chain(removed.filter_map(PackageItem::key))
            .collect();
        let overlaid: HashSet<&ResourceKey> = overlays
            .values()
            .flatten()
            .map(|overlay| &overlay.header.key)
            .chain(&contributed)
            .collect();
        let mut documents = self.documents(&manifest_files, &project, &overlaid, diagnostics);
        let is_broken = diagnostics.iter().any(Diagnostic::is_error);
        if documents.is_empty() && !manifest_files.is_empty() && !is_broken {
            diagnostics.extend(nothing_declared(&project.manifests));
        }
        let mut declared: HashMap<&ResourceKey, Vec<&Header>> = HashMap::new();
        for base in documents.iter().filter(|_| !self.lock.places.is_empty()) {
            let headers = declared.entry(&base.header.key).or_default();
            headers.push(&base.header);
        }
        let gone = self.removed(&of_packages, &declared, &project, diagnostics);
        of_packages.contributions.extend(gone.contributions);
        // A row that the project declares for some environments is removed in the others alone.
        let removed: HashSet<ResourceKey> = gone
            .own
            .iter()
            .map(|document| &document.header.key)
            .filter(|key| !declared.contains_key(key))
            .cloned()
            .collect();
        let own = of_packages.own.into_iter().chain(gone.own);
        documents.extend(own.map(|document| Base::new(document, &project, &overlaid)));
        let contributions = of_packages.contributions;
        let headers = documents.iter().map(|base| &base.header);
        let others = contributions.iter().map(|one| &one.document.header);
        checks::overlay::check(
            headers.chain(others),
            &removed,
            &overlays,
            &project,
            diagnostics,
        );
        let assembly = Assembly::new(
            node,
            &project,
            &documents,
            &contributions,
            &overlays,
            &self.unread,
            &contracts,
        );
        let texts = &mut FileTexts::new(files, &self.sources);
        let resources = match environment {
            Some(_) => {
                let Assembled {
                    resources,
                    diagnostics: found,
                } = assemble(&assembly, environment, texts);
                diagnostics.extend(found);
                resources
            }
            None if project.environments.is_empty() => {
                let Assembled {
                    resources,
                    diagnostics: found,
                } = assemble(&assembly, None, texts);
                diagnostics.extend(found);
                resources
            }
            None => {
                let names: Vec<&str> = project.environments.keys().map(String::as_str).collect();
                let found = names
                    .iter()
                    .map(|name| (*name, assemble(&assembly, Some(name), texts).diagnostics));
                diagnostics.extend(merge_findings(found, names.len()));
                gather(&assembly, None, texts).resources
            }
        };
        checks::contract_conflict::check(&contracts, diagnostics);
        drop(assembly);
        let bases = documents.iter().map(|base| (base.span(), &base.header.key));
        let others = contributions.iter().map(|one| &one.document);
        let others = others.map(|document| (document.node.span, &document.header.key));
        let bases = bases.chain(others);
        let partial = overlays.values().flatten();
        let partial = partial.map(|document| (document.node.span, &document.header.key));
        accept::mark(&project, bases.chain(partial), diagnostics);
        // The documents share the resources, which are moved out below.
        drop(documents);
        manifests.resources = in_order(resources);
        let effective = environment.and_then(|name| project.environments.get(name));
        let facts = effective.map(EnvironmentFacts::of).unwrap_or_default();
        let filled = contracts.iter().map(|contract| contract.filled(&facts));
        manifests.contracts = filled.collect();
        manifests.project = Some(project);
    }
}

/// Sorts by key; of two documents with the same key, the first one wins.
fn in_order(resources: Vec<Arc<Declared>>) -> Vec<Declared> {
    let mut resources: Vec<Declared> = resources.into_iter().map(Arc::unwrap_or_clone).collect();
    resources.sort_by(|left, right| left.key.cmp(&right.key).then(left.span.cmp(&right.span)));
    resources.dedup_by(|later, earlier| later.key == earlier.key);
    resources
}
