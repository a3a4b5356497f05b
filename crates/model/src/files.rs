//! Files of a project: found in a fixed order, read within bounds, never from outside its folder.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use crate::glob::matches_pattern;

/// Largest file that is read, in bytes.
const MAX_FILE: u64 = 16 << 20;
/// All files of a project together, in bytes.
const MAX_TOTAL: u64 = 512 << 20;
/// Most files of a project.
const MAX_FILES: usize = 200_000;
/// Deepest folder below the root.
const MAX_FOLDERS: usize = 32;

/// The folder that holds `deskstate.yaml`, or texts that stand for one.
#[derive(Debug)]
pub(crate) struct Root {
    place: Place,
    /// Read in place of the project file.
    project: Option<String>,
    read: u64,
}

#[derive(Debug)]
enum Place {
    /// Without symbolic links.
    Folder(PathBuf),
    /// By path relative to the root, with `/`.
    Texts(BTreeMap<String, String>),
}

/// Why a path or file is no use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileProblem {
    #[error("the path leaves the project")]
    Leaves,
    #[error("{0}")]
    Io(String),
    #[error("it is no regular file")]
    NoFile,
    #[error("it is larger than {} MiB", MAX_FILE >> 20)]
    TooLarge,
    #[error("the files of the project together are larger than {} MiB", MAX_TOTAL >> 20)]
    TotalTooLarge,
    #[error("there are more than {MAX_FILES} files")]
    TooMany,
    #[error("the file is written in {0}, not in UTF-8")]
    OtherEncoding(&'static str),
    #[error("byte {0} of the file is not UTF-8")]
    NotUtf8(usize),
}

impl FileProblem {
    /// The rule that is broken.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            FileProblem::Leaves => "path-outside",
            FileProblem::OtherEncoding(_) | FileProblem::NotUtf8(_) => "encoding",
            FileProblem::TooLarge | FileProblem::TotalTooLarge | FileProblem::TooMany => {
                "yaml-limits"
            }
            FileProblem::Io(_) | FileProblem::NoFile => "unreadable-file",
        }
    }

    /// What to do next.
    pub(crate) fn help(&self) -> &'static str {
        match self {
            FileProblem::Leaves => "name a path below the folder of `deskstate.yaml`, without `..`",
            FileProblem::OtherEncoding(_) | FileProblem::NotUtf8(_) => "save it as UTF-8",
            FileProblem::TooLarge => "split it into several files",
            FileProblem::TotalTooLarge | FileProblem::TooMany => {
                "split the project, or name its folders more closely"
            }
            FileProblem::Io(_) => "check the path and the permissions",
            FileProblem::NoFile => "put a regular file there",
        }
    }
}

/// Files that a pattern names, and what stood in the way.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// Paths relative to the root, with `/`, sorted.
    pub(crate) files: BTreeSet<String>,
    /// Paths that could not be looked at.
    pub(crate) problems: Vec<(String, FileProblem)>,
}

impl Root {
    pub(crate) fn open(path: &Path) -> Result<Self, FileProblem> {
        let path = path
            .canonicalize()
            .map_err(|error| FileProblem::Io(reason(&error)))?;
        Ok(Self {
            place: Place::Folder(path),
            project: None,
            read: 0,
        })
    }

    /// Reads this in place of the project file.
    pub(crate) fn with_project(mut self, text: String) -> Self {
        self.project = Some(text);
        self
    }

    /// Files that nobody wrote.
    pub(crate) fn of_texts(texts: BTreeMap<String, String>) -> Self {
        Self {
            place: Place::Texts(texts),
            project: None,
            read: 0,
        }
    }

    /// Reads a text file by its path relative to the root. A byte order mark is left out.
    pub(crate) fn read(&mut self, relative: &str) -> Result<String, FileProblem> {
        if let Some(text) = self
            .project
            .as_ref()
            .filter(|_| relative == crate::load::PROJECT_FILE)
        {
            return Ok(text.clone());
        }
        let root = match &self.place {
            Place::Folder(root) => root,
            Place::Texts(texts) => {
                let text = texts.get(relative).cloned();
                return text.ok_or_else(|| FileProblem::Io("it is not there".to_owned()));
            }
        };
        let path = inside(root, relative)?;
        // Looked at before it is opened: opening a pipe waits for somebody who writes.
        let metadata = fs::metadata(&path).map_err(|error| FileProblem::Io(reason(&error)))?;
        if !metadata.is_file() {
            return Err(FileProblem::NoFile);
        }
        let file = fs::File::open(&path).map_err(|error| FileProblem::Io(reason(&error)))?;
        let mut bytes =
            Vec::with_capacity(usize::try_from(metadata.len().min(MAX_FILE)).unwrap_or(0));
        file.take(MAX_FILE + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| FileProblem::Io(reason(&error)))?;
        if bytes.len() as u64 > MAX_FILE {
            return Err(FileProblem::TooLarge);
        }
        self.read += bytes.len() as u64;
        if self.read > MAX_TOTAL {
            return Err(FileProblem::TotalTooLarge);
        }
        text(bytes)
    }

    /// The YAML files that a pattern names: a file, a folder with all below it, or a glob.
    pub(crate) fn list(&self, pattern: &str) -> Listing {
        let mut listing = Listing::default();
        let pattern = pattern.trim_start_matches("./").trim_end_matches('/');
        let folder = match pattern.find(['*', '?']) {
            Some(at) => pattern[..at]
                .rsplit_once('/')
                .map_or("", |(folder, _)| folder),
            None => pattern,
        };
        let root = match &self.place {
            Place::Folder(root) => root,
            Place::Texts(texts) => {
                let wanted =
                    |path: &&String| matches_pattern(pattern, path) || below_a_match(pattern, path);
                listing.files.extend(texts.keys().filter(wanted).cloned());
                return listing;
            }
        };
        match inside(root, folder) {
            Err(problem) => listing.problems.push((pattern.to_owned(), problem)),
            Ok(path) if path.is_dir() => {
                let wanted = |relative: &str| {
                    folder == pattern
                        || matches_pattern(pattern, relative)
                        || below_a_match(pattern, relative)
                };
                walk(root, &path, folder, &wanted, &mut listing);
            }
            Ok(_) if folder == pattern => {
                listing.files.insert(pattern.to_owned());
            }
            Ok(_) => {}
        }
        listing
    }
}

/// Goes through a folder with an own stack. A link to a folder that was seen is not followed again.
fn walk(
    root: &Path,
    start: &Path,
    relative: &str,
    wanted: &dyn Fn(&str) -> bool,
    listing: &mut Listing,
) {
    let mut seen = BTreeSet::from([start.to_path_buf()]);
    let mut open = vec![(start.to_path_buf(), relative.to_owned(), 0_usize)];
    while let Some((folder, relative, depth)) = open.pop() {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) => {
                listing
                    .problems
                    .push((relative, FileProblem::Io(reason(&error))));
                continue;
            }
        };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with('.') {
                continue;
            }
            let below = if relative.is_empty() {
                name
            } else {
                format!("{relative}/{name}")
            };
            let Ok(kind) = entry.file_type() else {
                continue;
            };
            let target = if kind.is_symlink() {
                inside(root, &below)
            } else {
                Ok(folder.join(entry.file_name()))
            };
            let path = match target {
                Ok(path) => path,
                Err(problem) => {
                    listing.problems.push((below, problem));
                    continue;
                }
            };
            if kind.is_dir() || (kind.is_symlink() && path.is_dir()) {
                if depth < MAX_FOLDERS && seen.insert(path.clone()) {
                    open.push((path, below, depth + 1));
                }
            } else if is_yaml(&below) && wanted(&below) {
                if listing.files.len() == MAX_FILES {
                    listing.problems.push((below, FileProblem::TooMany));
                    return;
                }
                listing.files.insert(below);
            }
        }
    }
}

/// The real path behind a relative one, which must lie inside the root.
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
        .map_err(|error| FileProblem::Io(reason(&error)))?;
    if real.starts_with(root) {
        Ok(real)
    } else {
        Err(FileProblem::Leaves)
    }
}

/// Whether a folder above the file matches the pattern.
fn below_a_match(pattern: &str, relative: &str) -> bool {
    relative
        .match_indices('/')
        .any(|(at, _)| matches_pattern(pattern, &relative[..at]))
}

fn is_yaml(path: &str) -> bool {
    Path::new(path)
        .extension()
        .is_some_and(|extension| extension == "yaml" || extension == "yml")
}

fn text(bytes: Vec<u8>) -> Result<String, FileProblem> {
    match bytes.as_slice() {
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
        Err(error) => Err(FileProblem::NotUtf8(error.utf8_error().valid_up_to() + 1)),
    }
}

/// The reason in words that are the same on every system.
fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "it is not there".to_owned(),
        std::io::ErrorKind::PermissionDenied => "reading it is not permitted".to_owned(),
        std::io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        kind => kind.to_string(),
    }
}
