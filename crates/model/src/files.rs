//! Files of a project: listed in a fixed order, read within limits, never from outside its folder.

use crate::explanation::Explanation;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use deskstate_files::{Limit, Problem, Total, read};

pub(crate) const ENCODING: Explanation = Explanation::new(
    "encoding",
    "The file is not encoded in UTF-8.",
    "Another encoding would silently change letters. A byte order mark is allowed and ignored.",
    "Save the file as UTF-8.",
);

pub(crate) const PATH_OUTSIDE: Explanation = Explanation::new(
    "path-outside",
    "A path leaves the folder of the project.",
    "The content of a commit must determine its meaning, so absolute paths, `..` and links that leave the folder are refused.",
    "Move the file into the project.",
);

pub(crate) const UNREADABLE_FILE: Explanation = Explanation::new(
    "unreadable-file",
    "A file of the project cannot be read.",
    "The missing file could contain half of the desktop.",
    "Correct the path or the permissions. If git did not check the file out, the finding says how to get it.",
);

pub(crate) const YAML_LIMITS: Explanation = Explanation::new(
    "yaml-limits",
    "A file is too large, too deeply nested, or has too many aliases.",
    "Files have at most 16 MiB, projects 32 MiB, 64 levels of nesting, and at most 10,000 values per file in anchors and through aliases. A small file must not be able to use all memory.",
    "Split the file, or write aliases out.",
);

/// Maximum number of files in a project.
const MAX_FILES: usize = 200_000;
/// Maximum depth of folders below the root.
const MAX_FOLDERS: usize = 32;

/// The folder that contains `deskstate.yaml`, or texts in place of one.
#[derive(Debug)]
pub(crate) struct Root {
    place: Place,
    /// Texts by path that replace files or are added to them.
    over: BTreeMap<String, String>,
    /// A folder whose files are ignored, except for those in `over`.
    hidden: Option<String>,
    kept: Option<Kept>,
    total: Total,
}

/// Texts of files that were read earlier, each with the file's modification time and size.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kept(Arc<Mutex<BTreeMap<String, (Stamp, String)>>>);

type Stamp = (SystemTime, u64);

impl Kept {
    pub(crate) fn forget(&self) {
        self.texts().clear();
    }

    fn texts(&self) -> MutexGuard<'_, BTreeMap<String, (Stamp, String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn text(&self, relative: &str, stamp: Stamp) -> Option<String> {
        let texts = self.texts();
        let (known, text) = texts.get(relative)?;
        (*known == stamp).then(|| text.clone())
    }
}

/// Returns the values that change when a file is written.
fn stamp(path: &Path) -> Option<Stamp> {
    let data = fs::metadata(path).ok()?;
    Some((data.modified().ok()?, data.len()))
}

#[derive(Debug)]
enum Place {
    /// A path without symbolic links.
    Folder(PathBuf),
    /// Texts by path relative to the root, with `/`.
    Texts(BTreeMap<String, String>),
}

/// The reason why a path or file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileProblem {
    #[error("the path leaves the project")]
    Leaves,
    #[error("{0}")]
    Io(String),
    #[error("it does not exist")]
    NotThere,
    #[error("on the disk it is spelled `{0}`")]
    OtherCase(String),
    #[error("{0}")]
    Unread(Problem),
    #[error("its name is not valid UTF-8")]
    NameNotUtf8,
    #[error("its name contains `\\`, which separates folders on Windows")]
    Backslash,
    #[error("it is nested more than {MAX_FOLDERS} folders deep")]
    TooDeep,
    #[error("the JSON files of the project together hold too many values")]
    TooManyValues,
    #[error("it holds the number {0}, which does not fit 64 bits")]
    BigNumber(String),
    #[error("there are more than {MAX_FILES} files")]
    TooMany,
    #[error("the file is written in {0}, not in UTF-8")]
    OtherEncoding(&'static str),
    #[error("a character in line {0} of the file is not UTF-8")]
    NotUtf8(usize),
}

impl FileProblem {
    /// Returns the reason in words that are the same on every system.
    pub(crate) fn of(error: &std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::NotFound => Self::NotThere,
            std::io::ErrorKind::PermissionDenied => Self::Io("permission denied".to_owned()),
            std::io::ErrorKind::IsADirectory => Self::Io("it is a folder".to_owned()),
            kind => Self::Io(kind.to_string()),
        }
    }

    /// Returns the code of the broken rule.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            FileProblem::Leaves => PATH_OUTSIDE.code,
            FileProblem::OtherEncoding(_) | FileProblem::NotUtf8(_) => ENCODING.code,
            FileProblem::BigNumber(_) => "yaml-number",
            FileProblem::Unread(Problem::TooLarge(_) | Problem::TooLong { .. })
            | FileProblem::TooManyValues
            | FileProblem::TooMany
            | FileProblem::TooDeep => YAML_LIMITS.code,
            FileProblem::Io(_)
            | FileProblem::NotThere
            | FileProblem::OtherCase(_)
            | FileProblem::Unread(_)
            | FileProblem::NameNotUtf8
            | FileProblem::Backslash => UNREADABLE_FILE.code,
        }
    }

    /// Returns the next step for the user.
    pub(crate) fn help(&self) -> &'static str {
        match self {
            FileProblem::Leaves => "name a path below the folder of `deskstate.yaml`, without `..`",
            FileProblem::OtherEncoding(_) | FileProblem::NotUtf8(_) => "save it as UTF-8",
            FileProblem::Unread(Problem::TooLong { .. }) => "split it into several files",
            FileProblem::Unread(Problem::TooLarge(_))
            | FileProblem::TooManyValues
            | FileProblem::TooMany => {
                "split the project, name its folders more precisely, or allow more memory with `--memory`"
            }
            FileProblem::BigNumber(_) => "quote the number to make it text",
            FileProblem::Io(_) => "check the path and the permissions",
            FileProblem::NotThere => "correct the path",
            FileProblem::OtherCase(_) => "spell it the same way: Linux distinguishes the two",
            FileProblem::NameNotUtf8 | FileProblem::Backslash => "rename it",
            FileProblem::TooDeep => "move it up, or add it to `ignoreFiles` in `deskstate.yaml`",
            FileProblem::Unread(_) => "put a regular file there",
        }
    }
}

/// The YAML files below a folder, and the paths that could not be checked.
#[derive(Debug, Default)]
pub(crate) struct Below {
    /// Paths relative to the root, with `/`, sorted.
    pub(crate) files: BTreeSet<String>,
    /// Paths that could not be checked.
    pub(crate) problems: Vec<(String, FileProblem)>,
}

impl Root {
    pub(crate) fn open(path: &Path) -> Result<Self, FileProblem> {
        let path = path
            .canonicalize()
            .map_err(|error| FileProblem::of(&error))?;
        Ok(Self {
            place: Place::Folder(path),
            over: BTreeMap::new(),
            hidden: None,
            kept: None,
            total: Total::new(Limit::PROJECT),
        })
    }

    /// Reads these texts, by path, instead of files or in addition to them.
    pub(crate) fn with(mut self, over: BTreeMap<String, String>) -> Self {
        self.over = over;
        self
    }

    /// Ignores everything that the disk has in this folder.
    pub(crate) fn without(mut self, folder: &str) -> Self {
        self.hidden = Some(folder.to_owned());
        self
    }

    /// Reads this text from now on, even if the file changes.
    pub(crate) fn hold(&mut self, path: String, text: String) {
        self.over.insert(path, text);
    }

    fn hides(&self, path: &str) -> bool {
        let hidden = self.hidden.as_deref();
        hidden.is_some_and(|folder| is_below(folder, path)) && !self.over.contains_key(path)
    }

    /// Returns every file below a folder, except those whose names begin with a dot. Links are problems, because their targets may change.
    pub(crate) fn all_below(&self, folder: &str) -> Result<Below, FileProblem> {
        let mut below = Below::default();
        match &self.place {
            Place::Texts(texts) => {
                let texts = texts.keys().filter(|path| is_below(folder, path));
                below.files.extend(texts.cloned());
            }
            Place::Folder(root) => match inside(root, folder) {
                Err(FileProblem::NotThere) if self.has_over(folder) => {}
                Err(problem) => return Err(problem),
                Ok(path) => all_files(path, folder, &mut below),
            },
        }
        let over = self.over.keys().filter(|path| is_below(folder, path));
        below.files.extend(over.cloned());
        below.files.retain(|path| {
            let hidden = path.split('/').any(|part| part.starts_with('.'));
            !hidden && !self.hides(path)
        });
        below.problems.retain(|(path, _)| !self.hides(path));
        match below.files.is_empty() && below.problems.is_empty() {
            true => Err(FileProblem::NotThere),
            false => Ok(below),
        }
    }

    /// Reads only files that have changed since the last read.
    pub(crate) fn keeping(mut self, kept: Kept) -> Self {
        self.kept = Some(kept);
        self
    }

    /// Uses texts instead of files.
    pub(crate) fn of_texts(texts: BTreeMap<String, String>) -> Self {
        Self {
            place: Place::Texts(texts),
            over: BTreeMap::new(),
            hidden: None,
            kept: None,
            total: Total::new(Limit::PROJECT),
        }
    }

    /// Reads a text file by its path relative to the root. Removes a byte order mark.
    pub(crate) fn read(&mut self, relative: &str) -> Result<String, FileProblem> {
        if let Some(text) = self.over.get(relative) {
            return Ok(text.clone());
        }
        if self.hides(relative) {
            return Err(FileProblem::NotThere);
        }
        let root = match &self.place {
            Place::Folder(root) => root,
            Place::Texts(texts) => {
                let text = texts.get(relative).cloned();
                return text.ok_or(FileProblem::NotThere);
            }
        };
        // Taken before reading, so that a file that is written meanwhile is read again.
        let now = self.kept.as_ref().and_then(|_| stamp(&root.join(relative)));
        if let (Some(kept), Some(now)) = (&self.kept, now)
            && let Some(text) = kept.text(relative, now)
        {
            self.total.count(text.len()).map_err(unread)?;
            return Ok(text);
        }
        let path = inside(root, relative)?;
        let bytes = read(&path, Limit::MANIFEST).map_err(unread)?;
        self.total.count(bytes.len()).map_err(unread)?;
        let text = text(bytes)?;
        if let (Some(kept), Some(now)) = (&self.kept, now) {
            kept.texts()
                .insert(relative.to_owned(), (now, text.clone()));
        }
        Ok(text)
    }

    fn has_over(&self, folder: &str) -> bool {
        self.over.keys().any(|path| is_below(folder, path))
    }

    /// Returns every YAML file below a folder, whatever the case of its extension, except those in folders that begin with a dot and those
    /// that `skip` excludes. If the path is a file, returns that file.
    pub(crate) fn below(
        &self,
        folder: &str,
        skip: &dyn Fn(&str) -> bool,
    ) -> Result<Below, FileProblem> {
        let mut below = Below::default();
        match &self.place {
            Place::Folder(root) => {
                match inside(root, folder) {
                    // The files of a folder that does not exist yet may be open in an editor.
                    Err(FileProblem::NotThere) if self.has_over(folder) => {}
                    Err(problem) => return Err(problem),
                    Ok(path) if path.is_dir() => walk(root, path, folder, skip, &mut below),
                    Ok(_) if skip(folder) => {}
                    Ok(_) => {
                        below.files.insert(folder.to_owned());
                    }
                }
            }
            Place::Texts(texts) => {
                let path = |text: &&String| is_below(folder, text) && !skip(text);
                below.files.extend(
                    texts
                        .keys()
                        .filter(path)
                        .filter(|path| path.as_str() == folder || is_plain_yaml(folder, path))
                        .cloned(),
                );
            }
        }
        below.files.extend(
            self.over
                .keys()
                .filter(|path| is_below(folder, path) && !skip(path) && is_plain_yaml(folder, path))
                .cloned(),
        );
        below.files.retain(|path| !self.hides(path));
        Ok(below)
    }
}

/// Lists all files of a folder without following links.
fn all_files(start: PathBuf, relative: &str, below: &mut Below) {
    let mut open = vec![(start, relative.to_owned(), 0_usize)];
    while let Some((folder, relative, depth)) = open.pop() {
        let read = fs::read_dir(&folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let entries = match read {
            Ok(entries) => entries,
            Err(error) => {
                below.problems.push((relative, FileProblem::of(&error)));
                continue;
            }
        };
        for entry in entries {
            let name = entry.file_name();
            let shown = name.to_string_lossy();
            if shown.starts_with('.') {
                continue;
            }
            let path = match relative.as_str() {
                "" => shown.clone().into_owned(),
                relative => format!("{relative}/{shown}"),
            };
            let problem = match entry.file_type() {
                Err(error) => Some(FileProblem::of(&error)),
                Ok(_) if name.to_str().is_none() => Some(FileProblem::NameNotUtf8),
                Ok(_) if shown.contains('\\') => Some(FileProblem::Backslash),
                Ok(kind) if kind.is_symlink() => Some(FileProblem::Unread(Problem::Link)),
                Ok(kind) if kind.is_dir() && depth == MAX_FOLDERS => Some(FileProblem::TooDeep),
                Ok(_) if below.files.len() == MAX_FILES => Some(FileProblem::TooMany),
                Ok(kind) if kind.is_dir() => {
                    open.push((entry.path(), path.clone(), depth + 1));
                    continue;
                }
                Ok(_) => None,
            };
            match problem {
                Some(problem) => below.problems.push((path, problem)),
                None => {
                    below.files.insert(path);
                }
            }
        }
    }
    below.problems.sort_by(|left, right| left.0.cmp(&right.0));
}

/// Whether a path is a folder or lies below it. The root is `""`.
pub(crate) fn is_below(folder: &str, path: &str) -> bool {
    folder.is_empty()
        || path
            .strip_prefix(folder)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether a path has a YAML extension and no folder that begins with a dot on the way down from `folder`.
fn is_plain_yaml(folder: &str, path: &str) -> bool {
    let below = path[folder.len()..].trim_start_matches('/');
    let folders = below.rsplit_once('/').map_or("", |(folders, _)| folders);
    is_yaml(path) && !folders.split('/').any(|folder| folder.starts_with('.'))
}

/// Walks a folder in a fixed order, with an explicit stack.
///
/// Links to folders are followed only after every folder was visited under its own path, and only to folders not visited yet.
fn walk(
    root: &Path,
    start: PathBuf,
    relative: &str,
    skip: &dyn Fn(&str) -> bool,
    below: &mut Below,
) {
    let mut seen = BTreeSet::from([start.clone()]);
    let mut open = VecDeque::from([(start, relative.to_owned(), 0_usize)]);
    let mut links = VecDeque::new();
    loop {
        let next = open.pop_front().or_else(|| {
            links
                .pop_front()
                .filter(|(folder, ..): &(PathBuf, String, usize)| seen.insert(folder.clone()))
        });
        let Some((folder, relative, depth)) = next else {
            if links.is_empty() {
                return;
            }
            continue;
        };
        let read = fs::read_dir(&folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let mut entries = match read {
            Ok(entries) => entries,
            Err(error) => {
                below.problems.push((relative, FileProblem::of(&error)));
                continue;
            }
        };
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let name = entry.file_name();
            let shown = name.to_string_lossy();
            let path = if relative.is_empty() {
                shown.clone().into_owned()
            } else {
                format!("{relative}/{shown}")
            };
            if skip(&path) {
                continue;
            }
            let kind = match entry.file_type() {
                Ok(kind) => kind,
                Err(error) => {
                    below.problems.push((path, FileProblem::of(&error)));
                    continue;
                }
            };
            let has_dot = shown.starts_with('.');
            // Emacs puts such a link, which leads nowhere, beside a file that is being edited.
            let is_lock = kind.is_symlink() && shown.starts_with(".#");
            if is_lock || has_dot && !is_yaml(&path) {
                continue;
            }
            let is_other_file =
                || fs::metadata(folder.join(&name)).is_ok_and(|target| target.is_file());
            if kind.is_symlink() && !is_yaml(&path) && is_other_file() {
                continue;
            }
            let target = if kind.is_symlink() {
                inside(root, &path)
            } else {
                Ok(folder.join(&name))
            };
            let target = match target {
                Ok(target) => target,
                Err(problem) => {
                    below.problems.push((path, problem));
                    continue;
                }
            };
            let is_folder = target.is_dir();
            if (is_folder && has_dot) || !(is_folder || is_yaml(&path)) {
                continue;
            }
            let problem = if name.to_str().is_none() {
                Some(FileProblem::NameNotUtf8)
            } else if shown.contains('\\') {
                Some(FileProblem::Backslash)
            } else if is_folder && depth == MAX_FOLDERS {
                Some(FileProblem::TooDeep)
            } else {
                None
            };
            if let Some(problem) = problem {
                below.problems.push((path, problem));
            } else if is_folder {
                if kind.is_symlink() {
                    links.push_back((target, path, depth + 1));
                } else if seen.insert(target.clone()) {
                    open.push_back((target, path, depth + 1));
                }
            } else {
                if below.files.len() == MAX_FILES {
                    below.problems.push((path, FileProblem::TooMany));
                    return;
                }
                below.files.insert(path);
            }
        }
    }
}

/// Returns the real path of a relative one, which must be inside the root.
fn inside(root: &Path, relative: &str) -> Result<PathBuf, FileProblem> {
    let path = Path::new(relative);
    let climbs = path
        .components()
        .any(|part| !matches!(part, Component::Normal(_) | Component::CurDir));
    if climbs || relative.contains('\\') {
        return Err(FileProblem::Leaves);
    }
    let real = root
        .join(path)
        .canonicalize()
        .map_err(|error| FileProblem::of(&error))?;
    let Ok(spelled) = real.strip_prefix(root) else {
        return Err(FileProblem::Leaves);
    };
    // Windows and macOS ignore the case of names, so a different spelling opens the file too.
    if cfg!(any(windows, target_os = "macos")) {
        let spelled = spelled.to_string_lossy().replace('\\', "/");
        let asked = relative.trim_end_matches('/');
        if spelled != asked && spelled.eq_ignore_ascii_case(asked) {
            return Err(FileProblem::OtherCase(spelled));
        }
    }
    Ok(real)
}

/// Whether a path ends in `.yaml` or `.yml`, in any case.
#[must_use]
pub fn is_yaml(path: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, ending)| {
        ["yaml", "yml"]
            .iter()
            .any(|yaml| ending.eq_ignore_ascii_case(yaml))
    })
}

fn text(bytes: Vec<u8>) -> Result<String, FileProblem> {
    match bytes.as_slice() {
        [0xFF, 0xFE, 0x00, 0x00, ..] => return Err(FileProblem::OtherEncoding("UTF-32")),
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => return Err(FileProblem::OtherEncoding("UTF-16")),
        [0x00, 0x00, 0xFE, 0xFF, ..] => return Err(FileProblem::OtherEncoding("UTF-32")),
        [first, 0x00, ..] if *first != 0 => return Err(FileProblem::OtherEncoding("UTF-16")),
        [0x00, second, ..] if *second != 0 => return Err(FileProblem::OtherEncoding("UTF-16")),
        _ => {}
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text
            .strip_prefix('\u{feff}')
            .map(str::to_owned)
            .unwrap_or(text)),
        Err(error) => {
            let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let breaks = valid.iter().filter(|byte| **byte == b'\n').count();
            Err(FileProblem::NotUtf8(breaks + 1))
        }
    }
}

fn unread(problem: Problem) -> FileProblem {
    match problem {
        Problem::Io(error) => FileProblem::of(&error),
        other => FileProblem::Unread(other),
    }
}
