//! Finds the project and loads its manifests.

use std::path::{Path, PathBuf};

use deskstate_model::{
    Diagnostic, Environment, Manifests, PROJECT_FILE, SetAside, Severity, Span, load,
};

use crate::error::Error;
use crate::global::{Global, Tree};
use crate::output::count;
use crate::revision::{WorkingTree, not_checked_out};
use crate::today;
use crate::ui::Ui;

/// The project's folder: the given one, or the nearest with a project file.
pub(crate) fn root(global: &Global) -> Result<PathBuf, Error> {
    if let Some(given) = &global.project {
        return if given.join(PROJECT_FILE).is_file() {
            Ok(given.clone())
        } else {
            Err(Error::NoProjectIn(given.clone()))
        };
    }
    let here = std::env::current_dir()?;
    let found = here
        .ancestors()
        .find(|folder| folder.join(PROJECT_FILE).is_file());
    found.map(Path::to_path_buf).ok_or(Error::NoProject(here))
}

/// The manifests of one environment, without errors.
pub(crate) struct Loaded {
    /// The project's folder.
    pub(crate) root: PathBuf,
    /// The manifests.
    pub(crate) manifests: Manifests,
    /// Warnings.
    pub(crate) warnings: Vec<Diagnostic>,
}

impl Loaded {
    /// Folded names with Microsoft's prefix that the project may create rows with.
    pub(crate) fn owned_names(&self) -> Vec<String> {
        let project = self.manifests.project.as_ref();
        project.map_or_else(Vec::new, deskstate_model::Project::folded_owned_names)
    }

    /// The requested environment.
    pub(crate) fn environment(&self) -> Result<&Environment, Error> {
        let name = self.manifests.environment.as_deref().unwrap_or_default();
        let environments = self
            .manifests
            .project
            .as_ref()
            .map(|project| &project.environments);
        environments
            .and_then(|environments| environments.get(name))
            .ok_or_else(|| Error::NoEnvironment {
                name: name.to_owned(),
                known: environments
                    .map(|environments| environments.keys().cloned().collect())
                    .unwrap_or_default(),
            })
    }
}

/// Loads a project like [`load`], and reports files of its commit that are not checked out: the rows that they declare would count as
/// undeclared. `tree` keeps what git says.
pub(crate) fn load_whole(
    root: &Path,
    environment: Option<&str>,
    tree: &Tree,
) -> (Manifests, Vec<Diagnostic>) {
    let (manifests, mut found) = load(root, environment);
    if let Some(project) = &manifests.project
        && let Some(tree) = tree.0.get_or_init(|| WorkingTree::look(root, project))
    {
        found.extend(not_checked_out(tree, project, environment));
    }
    (manifests, found)
}

/// Loads the effective manifests of an environment. Findings are shown, and an error ends the command.
pub(crate) fn load_environment(
    global: &Global,
    environment: &str,
    ui: &mut Ui,
) -> Result<Loaded, Error> {
    let root = root(global)?;
    let (manifests, found) = load_whole(&root, Some(environment), &global.tree);
    known(environment, &manifests, &found)?;
    valid(root, manifests, found, ui)
}

/// How much of a project file must be valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// The complete file.
    ProjectFile,
    /// The part about the environment. Errors elsewhere become warnings.
    Environment,
    /// The complete file and the definitions of kinds.
    Kinds,
}

/// Loads the project file for a command that needs an environment but no manifests: invalid manifests do not stop it.
pub(crate) fn load_project_file(
    global: &Global,
    environment: &str,
    need: Need,
    ui: &mut Ui,
) -> Result<Loaded, Error> {
    let root = root(global)?;
    let (manifests, mut found) = project_file(&root, environment)?;
    let entry = manifests
        .project
        .as_ref()
        .and_then(|project| Some(project.environments.get(environment)?.entry));
    for finding in &mut found {
        let Some(place) = finding.primary.as_ref().map(|label| label.span) else {
            continue;
        };
        let is_used = if manifests.sources.path(place.file) == PROJECT_FILE {
            let places = finding.primary.iter().chain(&finding.secondary);
            need != Need::Environment
                || entry.is_none_or(|entry| places.into_iter().any(|at| overlaps(entry, at.span)))
        } else {
            // A contract that cannot be read is not used here, so it is no reason to stop.
            need == Need::Kinds
        };
        if !is_used {
            finding.severity = Severity::Warning;
        }
    }
    valid(root, manifests, found, ui)
}

/// Loads the project file and its contracts for a command that uses the contracts. All of them must be valid.
pub(crate) fn load_contracts(
    global: &Global,
    environment: &str,
    ui: &mut Ui,
) -> Result<Loaded, Error> {
    let root = root(global)?;
    let (manifests, found) = project_file(&root, environment)?;
    valid(root, manifests, found, ui)
}

/// Loads contract files without a project.
pub(crate) fn load_contract_files(paths: &[PathBuf], ui: &mut Ui) -> Result<Loaded, Error> {
    let (manifests, found) = deskstate_model::load_contracts(paths);
    valid(PathBuf::new(), manifests, found, ui)
}

/// Checks the project file and the definitions of kinds for a command that lists kinds. Without a project, nothing is checked.
pub(crate) fn check_definitions(global: &Global, ui: &mut Ui) -> Result<(), Error> {
    let Ok(root) = root(global) else {
        return Ok(());
    };
    let (manifests, found) = deskstate_model::load_project(&root);
    valid(root, manifests, found, ui)?;
    Ok(())
}

fn project_file(root: &Path, environment: &str) -> Result<(Manifests, Vec<Diagnostic>), Error> {
    let (mut manifests, found) = deskstate_model::load_project(root);
    manifests.environment = Some(environment.to_owned());
    known(environment, &manifests, &found)?;
    Ok((manifests, found))
}

fn overlaps(one: Span, other: Span) -> bool {
    one.file == other.file && one.start <= other.end && other.start <= one.end
}

/// Loads the effective manifests of an environment, or only the project file if the manifests have errors. Returns the number of errors.
pub(crate) fn load_if_valid(
    global: &Global,
    environment: &str,
    ui: &mut Ui,
) -> Result<(Loaded, usize), Error> {
    let root = root(global)?;
    let (manifests, found) = load_whole(&root, Some(environment), &global.tree);
    let errors = found.iter().filter(|finding| finding.is_error()).count();
    if errors > 0 {
        let loaded = load_project_file(global, environment, Need::ProjectFile, ui)?;
        return Ok((loaded, errors));
    }
    Ok((valid(root, manifests, found, ui)?, 0))
}

/// Refuses the name of an unknown environment. An unreadable project file already has a finding.
fn known(environment: &str, manifests: &Manifests, found: &[Diagnostic]) -> Result<(), Error> {
    let Some(project) = &manifests.project else {
        return Ok(());
    };
    let is_broken = found.iter().any(|finding| {
        let place = finding.primary.as_ref().map(|label| label.span.file);
        finding.is_error() && place.is_some_and(|file| manifests.sources.path(file) == PROJECT_FILE)
    });
    if project.environments.contains_key(environment) || is_broken {
        return Ok(());
    }
    Err(Error::NoEnvironment {
        name: environment.to_owned(),
        known: project.environments.keys().cloned().collect(),
    })
}

/// Loads manifests for display: those of an environment, or the base. Findings are shown, and an error ends the command.
pub(crate) fn load_for_reading(
    global: &Global,
    environment: Option<&str>,
    ui: &mut Ui,
) -> Result<Loaded, Error> {
    match environment {
        Some(environment) => load_environment(global, environment, ui),
        None => {
            let root = root(global)?;
            let (manifests, found) = load_whole(&root, None, &global.tree);
            valid(root, manifests, found, ui)
        }
    }
}

/// Loads a folder to compare with an environment: a project that has this environment too, or only manifests.
pub(crate) fn load_folder(folder: &Path, environment: &str, ui: &mut Ui) -> Result<Loaded, Error> {
    let (manifests, found) = if folder.join(PROJECT_FILE).is_file() {
        load_whole(folder, Some(environment), &Tree::default())
    } else {
        deskstate_model::load_folder(folder, environment)
    };
    valid(folder.to_path_buf(), manifests, found, ui)
}

/// Fails if the manifests have errors.
fn valid(
    root: PathBuf,
    manifests: Manifests,
    found: Vec<Diagnostic>,
    ui: &mut Ui,
) -> Result<Loaded, Error> {
    let (errors, warnings): (Vec<Diagnostic>, Vec<Diagnostic>) =
        found.into_iter().partition(Diagnostic::is_error);
    if !errors.is_empty() {
        let mut all = errors;
        all.extend(warnings);
        deskstate_model::sort_diagnostics(&mut all);
        ui.findings(&all, &manifests.sources);
        ui.count_findings(&all);
        return Err(Error::InvalidManifests);
    }
    let aside = set_aside(&manifests, warnings, false);
    if let Some(line) = accepted_warnings(aside.accepted) {
        ui.note(line);
    }
    Ok(Loaded {
        root,
        manifests,
        warnings: aside.left,
    })
}

/// Sets aside the warnings that the project accepts today. `is_whole` states that the findings cover the complete project.
pub(crate) fn set_aside(manifests: &Manifests, found: Vec<Diagnostic>, is_whole: bool) -> SetAside {
    match &manifests.project {
        Some(project) => project.set_aside(found, &today::utc(), is_whole),
        None => SetAside {
            left: found,
            accepted: 0,
        },
    }
}

/// A message about warnings that are not shown because the project accepts them.
pub(crate) fn accepted_warnings(number: usize) -> Option<String> {
    (number > 0).then(|| {
        let verb = if number == 1 { "is" } else { "are" };
        format!(
            "{} {verb} not shown, because `accept` in `{PROJECT_FILE}` accepts {}",
            count(number, "warning"),
            if number == 1 { "it" } else { "them" }
        )
    })
}

/// The names of the project's environments.
pub(crate) fn environments(global: &Global) -> Result<Vec<String>, Error> {
    let root = root(global)?;
    let (manifests, _) = deskstate_model::load_project(&root);
    match manifests.project {
        Some(project) => Ok(project.environments.keys().cloned().collect()),
        None => Err(Error::InvalidManifests),
    }
}

/// The environments of a project, for checking all of them.
pub(crate) struct Fleet {
    /// Environments that are watched for drift.
    pub(crate) watched: Vec<String>,
    /// Environments that are not watched.
    pub(crate) unwatched: Vec<String>,
    /// Size of the project's files. Each environment reads all of them.
    pub(crate) bytes: u64,
}

/// Lists the project's environments.
pub(crate) fn fleet(global: &Global) -> Result<Fleet, Error> {
    let root = root(global)?;
    let (manifests, _) = load(&root, None);
    let bytes = manifests.sources.bytes();
    let Some(project) = manifests.project else {
        return Err(Error::InvalidManifests);
    };
    let (watched, unwatched): (Vec<_>, Vec<_>) = project
        .environments
        .into_values()
        .partition(|environment| environment.watched);
    let names = |environments: Vec<Environment>| {
        environments
            .into_iter()
            .map(|environment| environment.name)
            .collect()
    };
    Ok(Fleet {
        watched: names(watched),
        unwatched: names(unwatched),
        bytes,
    })
}

/// Loads the manifests of an environment at a git revision. The folder remains the current one.
pub(crate) fn load_revision(
    root: &Path,
    revision: &str,
    environment: &str,
) -> Result<Loaded, Error> {
    let checkout = crate::revision::checkout(root, revision)?;
    // One run has one definition of each kind: the current one, which may only say more than it did.
    let (current, _) = deskstate_model::load_project(root);
    let base = checkout.path().canonicalize()?;
    for path in current.project.iter().flat_map(|project| &project.kinds) {
        // A link of that revision can lead anywhere, and nothing outside of the checkout is written.
        if let Ok(then) = base.join(&path.value).canonicalize()
            && then.starts_with(&base)
            && then.is_file()
        {
            std::fs::copy(root.join(&path.value), then)?;
        }
    }
    let (manifests, found) = load(checkout.path(), Some(environment));
    let errors: Vec<String> = found
        .iter()
        .filter(|finding| finding.is_error())
        .map(|finding| finding.message.clone())
        .collect();
    if !errors.is_empty() {
        return Err(Error::Failed {
            message: format!(
                "the manifests at {revision} cannot be read with this version and the current definitions of kinds: {}",
                errors.join("; ")
            ),
            hint: Some(
                "name a later revision, or compare without one; after the next apply of the current manifests, their revision can be named"
                    .to_owned(),
            ),
        });
    }
    Ok(Loaded {
        root: root.to_path_buf(),
        manifests,
        warnings: Vec::new(),
    })
}
