//! Determines which files a project reads: every YAML file below its folders is read, ignored by a rule of the project, or reported.

use std::collections::{BTreeMap, BTreeSet};

use super::start_of;
use crate::checks::overlay::OVERLAY;
use crate::diagnostic::Diagnostic;
use crate::explanation::Explanation;
use crate::files::PATH_OUTSIDE;
use crate::files::{Below, FileProblem, Root, is_below};
use crate::glob::{PathPattern, PatternProblem};
use crate::offer::Offer;
use crate::package::PACKAGES_FOLDER;
use crate::project::Project;
use crate::read_project::DEFAULT_FOLDER;
use crate::span::{SourceMap, Spanned};
use crate::yaml::yaml_scalar;

pub(crate) const FILE_NOT_READ: Explanation = Explanation::new(
    "file-not-read",
    "A YAML file in a manifest or overlay folder matches no pattern, and `ignoreFiles` does not list it.",
    "A file that no pattern matches declares nothing, and with `prune: owned` the next apply would delete its rows. If the names of two files differ only in case, Windows and macOS keep only one; and Windows cannot have files of some names, such as `con.yaml`.",
    "Correct the pattern under `manifests`, rename the file, or add it to `ignoreFiles` in `deskstate.yaml`.",
);

pub(crate) const FILE_PATTERN: Explanation = Explanation::new(
    "file-pattern",
    "A file pattern is invalid.",
    "Patterns use `/` and the wildcards `*`, `?`, `**`, `[a-c]` and `{a,b}`, and match the same files on every system. List files to exclude under `ignoreFiles`.",
    "Correct the pattern. Write `[[]` for a bracket and `[{]` for a brace in a name.",
);

pub(crate) const NO_MANIFESTS: Explanation = Explanation::new(
    "no-manifests",
    "A path under `manifests` or `overlay` contains no YAML file, or the files declare nothing.",
    "An empty project is valid, but usually the path is wrong, or all manifests are commented out.",
    "Correct the path, remove it, or add a manifest.",
);

/// Maximum number of files that are reported one by one; the rest is only counted.
const MOST_REPORTED: usize = 100;

/// Paths that are excluded from all patterns.
pub(super) struct Exceptions {
    ignored: Vec<PathPattern>,
    /// Files and folders that the project uses for other purposes.
    named: BTreeSet<String>,
}

impl Exceptions {
    /// The paths that a project ignores or uses for other purposes. Reports patterns that cannot be read.
    pub(super) fn of(project: &Project, diagnostics: &mut Vec<Diagnostic>) -> Self {
        let others = project.contracts.iter().chain(&project.kinds);
        let others = others.map(|path| plain(&path.value));
        let packages = project.packages.iter();
        let packages = packages.map(|one| format!("{PACKAGES_FOLDER}/{}", one.name.value));
        Self {
            ignored: project
                .ignore_files
                .iter()
                .filter_map(|pattern| understood(pattern, diagnostics))
                .collect(),
            named: others
                .chain(packages)
                .chain([super::PROJECT_FILE.to_owned()])
                .collect(),
        }
    }

    /// The paths that are excluded from the patterns of a package.
    pub(super) fn of_package(named: impl IntoIterator<Item = String>) -> Self {
        Self {
            ignored: Vec::new(),
            named: named.into_iter().map(|path| plain(&path)).collect(),
        }
    }

    /// Also excludes the folders of overlays. Reports overlay folders that contain manifests.
    pub(super) fn for_manifests(
        mut self,
        project: &Project,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Self {
        let overlays = project
            .environments
            .values()
            .flat_map(|environment| &environment.overlay);
        for overlay in overlays {
            let folder = plain(&overlay.value.to_string_lossy());
            let around = project
                .manifests
                .iter()
                .find(|pattern| is_below(&folder, &plain(&pattern.value)));
            match around {
                Some(manifests) => diagnostics.push(
                    Diagnostic::error(
                        OVERLAY.code,
                        format!("the overlay folder `{folder}` contains the manifests"),
                    )
                    .at(overlay.span, "the overlay folder")
                    .also(manifests.span, "the manifests")
                    .help("move the overlay to a folder of its own, such as `overlays/prod`"),
                ),
                None => {
                    let pattern = PathPattern::new(&overlay.value.to_string_lossy());
                    match pattern {
                        Ok(pattern) if pattern.is_glob() => self.ignored.push(pattern),
                        _ => drop(self.named.insert(folder)),
                    }
                }
            }
        }
        self
    }

    fn skip(&self, path: &str) -> bool {
        self.named.iter().any(|named| is_below(named, path))
            || self.ignored.iter().any(|pattern| pattern.takes(path))
    }
}

/// Normalizes a path like those in patterns: without `.` and empty parts.
fn plain(path: &str) -> String {
    let parts: Vec<&str> = path
        .split('/')
        .filter(|part| !matches!(*part, "" | "."))
        .collect();
    parts.join("/")
}

/// Returns the files that the patterns match, each with its pattern, in the order of the patterns and then of the paths.
pub(super) fn list(
    files: &Root,
    patterns: &[Spanned<String>],
    exceptions: &Exceptions,
    sources: &mut SourceMap,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<(String, Spanned<String>)> {
    let understood: Vec<(&Spanned<String>, PathPattern)> = patterns
        .iter()
        .filter_map(|written| Some((written, understood(written, diagnostics)?)))
        .collect();
    let mut taken: Vec<(String, Spanned<String>)> = Vec::new();
    let mut seen = BTreeSet::new();
    let mut left: BTreeMap<String, &Spanned<String>> = BTreeMap::new();
    let mut failed: BTreeSet<String> = BTreeSet::new();
    for (written, pattern) in &understood {
        let Below {
            files: mut found,
            problems,
        } = match files.below(pattern.folder(), &|path| exceptions.skip(path)) {
            Ok(below) => below,
            Err(FileProblem::NotThere) if pattern.folder() == DEFAULT_FOLDER => Below::default(),
            Err(problem) => {
                diagnostics.push(unreadable(pattern.folder(), &problem, written));
                continue;
            }
        };
        if pattern.is_glob() {
            // The part before a wildcard is a folder.
            found.remove(pattern.folder());
        }
        if found.is_empty() && problems.is_empty() {
            diagnostics.push(nothing(written));
        }
        for (path, problem) in problems {
            if failed.insert(path.clone()) {
                diagnostics.push(unreadable(&path, &problem, written));
            }
        }
        for path in found {
            if path != pattern.folder() && (is_hidden(&path) || !pattern.takes(&path)) {
                left.entry(path).or_insert(written);
            } else if seen.insert(path.clone()) {
                taken.push((path, (*written).clone()));
            }
        }
    }
    left.retain(|path, _| !seen.contains(path));
    not_read(&left, sources, diagnostics);
    same_without_case(&taken, sources, diagnostics);
    unfit_for_windows(&taken, sources, diagnostics);
    taken
}

fn is_hidden(path: &str) -> bool {
    path.rsplit('/')
        .next()
        .is_some_and(|name| name.starts_with('.'))
}

/// The finding about a path written with backslashes, as on Windows.
pub(super) fn backslash(written: &Spanned<String>) -> Diagnostic {
    let text = &written.value;
    let slashes = text.replace('\\', "/");
    Diagnostic::error(
        FILE_PATTERN.code,
        format!("`{text}` uses `\\`; paths use `/` on every system"),
    )
    .at(written.span, "a backslash")
    .help(format!("write `{slashes}`"))
    .offering(Offer::Whole(yaml_scalar(&slashes)))
}

/// Returns a pattern, or a finding about it.
fn understood(written: &Spanned<String>, diagnostics: &mut Vec<Diagnostic>) -> Option<PathPattern> {
    let text = &written.value;
    let finding = match PathPattern::new(text) {
        Ok(pattern) => return Some(pattern),
        Err(PatternProblem::Leaves) => {
            Diagnostic::error(PATH_OUTSIDE.code, format!("`{text}` leaves the project"))
                .at(written.span, "outside")
                .help("write a path below the folder of `deskstate.yaml`, without `..`")
        }
        Err(PatternProblem::Backslash) => backslash(written),
        Err(PatternProblem::Negated) => {
            Diagnostic::error(FILE_PATTERN.code, "a pattern cannot exclude files")
                .at(written.span, "begins with `!`")
                .help(format!(
                    "add `{}` to `ignoreFiles`",
                    text.trim_start_matches('!')
                ))
        }
        Err(PatternProblem::Syntax(why)) => Diagnostic::error(
            FILE_PATTERN.code,
            format!("`{text}` is not a valid pattern: {why}"),
        )
        .at(written.span, "not a pattern")
        .help("use `*`, `?`, `**`, `[a-c]` and `{a,b}`; write `[[]` for a bracket itself"),
    };
    diagnostics.push(finding);
    None
}

fn unreadable(path: &str, problem: &FileProblem, named: &Spanned<String>) -> Diagnostic {
    Diagnostic::error(
        problem.code(),
        format!("`{path}` cannot be read: {problem}"),
    )
    .at(named.span, "named here")
    .help(problem.help())
}

fn nothing(pattern: &Spanned<String>) -> Diagnostic {
    Diagnostic::warning(
        NO_MANIFESTS.code,
        format!("`{}` contains no YAML files", pattern.value),
    )
    .at(pattern.span, "nothing there")
    .help("manifests are files that end in `.yaml` or `.yml`; correct the path, or add a manifest")
}

/// Warns that the files of a project, taken together, have no document.
pub(super) fn nothing_declared(patterns: &[Spanned<String>]) -> Option<Diagnostic> {
    let first = patterns.first()?;
    Some(
        Diagnostic::warning(
            NO_MANIFESTS.code,
            "the manifests declare nothing: their files are empty or contain only comments",
        )
        .at(first.span, "no document in these files")
        .help("add a manifest, or uncomment one"),
    )
}

/// Reports files below a folder of manifests that no pattern matches.
fn not_read(
    left: &BTreeMap<String, &Spanned<String>>,
    sources: &mut SourceMap,
    diagnostics: &mut Vec<Diagnostic>,
) {
    for (path, pattern) in left.iter().take(MOST_REPORTED) {
        let file = sources.add(path, "");
        let (label, fix) = if is_hidden(path) {
            ("its name begins with a dot", "rename it")
        } else {
            ("no pattern matches it", "correct the pattern")
        };
        diagnostics.push(
            Diagnostic::error(FILE_NOT_READ.code, format!("`{path}` is not read"))
                .at(start_of(file), label)
                .also(
                    pattern.span,
                    format!("`{}` covers its folder", pattern.value),
                )
                .help(format!(
                    "{fix}, or add `{}` to `ignoreFiles` in `deskstate.yaml`",
                    globset::escape(path)
                )),
        );
    }
    if let Some((path, pattern)) = left.iter().nth(MOST_REPORTED) {
        diagnostics.push(
            Diagnostic::error(
                FILE_NOT_READ.code,
                format!(
                    "{} more files are not read, `{path}` first",
                    left.len() - MOST_REPORTED
                ),
            )
            .at(pattern.span, "this pattern covers their folders")
            .help("correct the pattern, or add their folders to `ignoreFiles` in `deskstate.yaml`"),
        );
    }
}

/// Reports files that a checkout on Windows cannot have.
fn unfit_for_windows(
    taken: &[(String, Spanned<String>)],
    sources: &mut SourceMap,
    diagnostics: &mut Vec<Diagnostic>,
) {
    for (path, named) in taken {
        if let Some(why) = path.split('/').find_map(deskstate_files::unfit_for_windows) {
            let file = sources.add(path, "");
            diagnostics.push(
                Diagnostic::warning(FILE_NOT_READ.code, format!("the name of `{path}` {why}"))
                    .at(
                        start_of(file),
                        "a checkout on Windows fails, or lacks the file",
                    )
                    .also(named.span, "named here")
                    .help("rename the file"),
            );
        }
    }
}

/// Reports files that are the same if case is ignored, as on Windows and macOS: a checkout there has only one of them.
fn same_without_case(
    taken: &[(String, Spanned<String>)],
    sources: &mut SourceMap,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let mut known: BTreeMap<String, &str> = BTreeMap::new();
    for (path, named) in taken {
        if let Some(first) = known.insert(path.to_lowercase(), path) {
            let file = sources.add(path, "");
            diagnostics.push(
                Diagnostic::error(
                    FILE_NOT_READ.code,
                    format!("`{first}` and `{path}` differ only in case"),
                )
                .at(start_of(file), "Windows and macOS keep only one of the two")
                .also(named.span, "named here")
                .help("rename one of them"),
            );
        }
    }
}
