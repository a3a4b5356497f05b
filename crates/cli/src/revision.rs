//! The git revision of the manifests.

use std::collections::{BTreeMap, HashSet};
use std::path::{Component, Path};
use std::time::Duration;

use deskstate_model::{LOCK_FILE, PACKAGES_FOLDER, fold, is_yaml};
use tempfile::TempDir;

use crate::error::Error;
use crate::git::{Git, GitError};
use crate::paths::shown_path;

/// Time limit for short git calls.
const SHORT: Duration = Duration::from_secs(10);
/// Time limit for git to print the files of a revision.
const LONG: Duration = Duration::from_secs(60);

/// Short hash of a folder's current commit, with a note if files differ from it; `None` outside of git.
pub(crate) fn describe(folder: &Path) -> Option<String> {
    let git = Git::new(folder, SHORT).ok()?;
    let commit = git.line(&["rev-parse", "--short=7", "HEAD"]).ok()?;
    let status = git.run(&[
        "status",
        "--porcelain",
        "--untracked-files=all",
        "--ignored=matching",
        "--ignore-submodules=all",
        "--",
        ".",
    ]);
    let changed =
        status.is_ok_and(|changes| String::from_utf8_lossy(&changes).lines().any(matters));
    Some(if changed {
        format!("{commit} with local changes")
    } else {
        commit
    })
}

/// Whether a change matters. A file that git does not track does if it could be a manifest, also one that git ignores; a plan or a report that
/// is just being written is not one.
fn matters(change: &str) -> bool {
    let path = change.trim_end_matches('"');
    !(change.starts_with("??") || change.starts_with("!!")) || is_yaml(path)
}

/// The path of a folder within its repository, with a trailing `/`; empty at the root, `None` outside of git.
pub(crate) fn folder_in_repository(folder: &Path) -> Option<String> {
    Git::new(folder, SHORT)
        .and_then(|git| git.line(&["rev-parse", "--show-prefix"]))
        .ok()
}

/// Extracts the files of a folder at a revision into a temporary folder, which is removed when the value is dropped.
pub(crate) fn checkout(folder: &Path, revision: &str) -> Result<TempDir, Error> {
    let no_such = || Error::Failed {
        message: format!("git has no revision `{revision}` of this folder"),
        hint: Some(
            "a shallow clone lacks older commits and tags: fetch them, or name another revision"
                .to_owned(),
        ),
    };
    let failed = |error: GitError| {
        match error {
        GitError::Refused if folder_in_repository(folder).is_none() => no_repository(folder),
        GitError::NotStarted(error) => Error::Failed {
            message: format!("git did not start: {error}"),
            hint: Some("earlier manifests are read with git, which is not in every image: install it, or check them out beforehand".to_owned()),
        },
        GitError::TookTooLong(_) | GitError::TooMuch(_) => Error::failed(error.to_string()),
        GitError::Refused => no_such(),
    }
    };
    // A partial clone would have to fetch them, which nobody requested.
    let not_here = || {
        Error::Failed {
        message: format!("this clone is missing files of revision `{revision}`"),
        hint: Some(
            "a partial clone fetches files when they are needed, which deskstate does not do: clone without `--filter`"
                .to_owned(),
        ),
    }
    };
    // A revision that begins with a dash would be interpreted as an option.
    if revision.is_empty() || revision.starts_with('-') {
        return Err(no_such());
    }
    let git = Git::new(folder, LONG).map_err(failed)?;
    let commit = git
        .line(&[
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            &format!("{revision}^{{commit}}"),
        ])
        .map_err(failed)?;
    let listed = match git.run(&["ls-tree", "-r", "-z", "--full-name", &commit, "--", "."]) {
        Err(GitError::Refused) => return Err(not_here()),
        listed => listed.map_err(failed)?,
    };
    let prefix = git.line(&["rev-parse", "--show-prefix"]).map_err(failed)?;
    let mut files = Vec::new();
    let mut others = Vec::new();
    let mut links = Vec::new();
    for entry in listed
        .split(|byte| *byte == 0)
        .filter(|entry| !entry.is_empty())
    {
        let entry = String::from_utf8_lossy(entry);
        let Some((meta, path)) = entry.split_once('\t') else {
            continue;
        };
        let mut meta = meta.split(' ');
        let (mode, kind, object) = (meta.next(), meta.next(), meta.next());
        let (Some(object), Some(relative)) = (object, path.strip_prefix(prefix.as_str())) else {
            continue;
        };
        // Submodules are not manifests.
        if kind != Some("blob") || !stays_below(relative) {
            continue;
        }
        if mode == Some("120000") {
            links.push((object.to_owned(), relative.to_owned()));
        } else if is_read(relative) {
            files.push((object.to_owned(), relative.to_owned()));
        } else {
            others.push((object.to_owned(), relative.to_owned()));
        }
    }
    let print = |of: &mut dyn Iterator<Item = &(String, String)>| {
        let wanted: String = of.map(|(object, _)| format!("{object}\n")).collect();
        match git.run_with(&["cat-file", "--batch"], wanted.into_bytes()) {
            Err(GitError::Refused) => Err(not_here()),
            printed => printed.map_err(failed),
        }
    };
    let target = tempfile::tempdir()?;
    let write = |relative: &str, text: &[u8]| -> Result<(), Error> {
        let file = target.path().join(relative);
        if let Some(parent) = file.parent() {
            std::fs::create_dir_all(parent)?;
        }
        Ok(std::fs::write(file, text)?)
    };
    let printed = print(&mut files.iter().chain(&links))?;
    let mut blobs = Blobs(&printed);
    let mut words: HashSet<String> = HashSet::new();
    for (_, relative) in &files {
        let text = blobs.next().ok_or_else(not_here)?;
        if is_yaml(relative) {
            let text = String::from_utf8_lossy(text);
            words.extend(text.split(BETWEEN_WORDS).map(str::to_owned));
        }
        write(relative, text)?;
    }
    // A manifest can name a file with any ending for a value.
    others.retain(|(_, relative)| {
        let last = relative.split(BETWEEN_WORDS).next_back();
        last.is_some_and(|last| words.contains(last))
    });
    if !others.is_empty() {
        let printed = print(&mut others.iter())?;
        let mut named = Blobs(&printed);
        for (_, relative) in &others {
            write(relative, named.next().ok_or_else(not_here)?)?;
        }
    }
    for (_, relative) in &links {
        let leads_to = blobs.next().ok_or_else(not_here)?;
        link(target.path(), relative, leads_to)?;
    }
    Ok(target)
}

/// Why git knows nothing about a folder.
fn no_repository(folder: &Path) -> Error {
    let shown = shown_path(folder);
    let whole = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let (message, hint) = if whole.ancestors().any(|above| above.join(".git").exists()) {
        (
            format!("git does not read the repository of {shown}"),
            "`git status` in that folder says why; git also refuses a repository that belongs to another user, unless `safe.directory` names it",
        )
    } else {
        (
            format!("{shown} is not in a git repository"),
            "earlier manifests are read from git: run the command in a clone of the repository, or without a revision",
        )
    };
    Error::Failed {
        message,
        hint: Some(hint.to_owned()),
    }
}

/// Characters between the words of a manifest, and between the parts of a path.
const BETWEEN_WORDS: [char; 12] = [
    ' ', '\t', '\n', '\r', '/', '"', '\'', ',', '[', ']', '{', '}',
];

/// Whether loading reads a file, whatever the manifests say. In packages it reads all files, to compare them with the lock.
fn is_read(path: &str) -> bool {
    is_yaml(path)
        || path.to_ascii_lowercase().ends_with(".json")
        || path == LOCK_FILE
        || path.starts_with(&format!("{PACKAGES_FOLDER}/"))
}

/// Creates a link to a file of the same revision. Loading refuses links that lead outside.
fn link(target: &Path, relative: &str, leads_to: &[u8]) -> Result<(), Error> {
    let place = target.join(relative);
    let Some(folder) = place.parent() else {
        return Ok(());
    };
    let leads_to = String::from_utf8_lossy(leads_to);
    // Files that cannot be part of a manifest were not extracted.
    if !folder.join(&*leads_to).exists() {
        return Ok(());
    }
    std::fs::create_dir_all(folder)?;
    #[cfg(unix)]
    std::os::unix::fs::symlink(&*leads_to, &place)?;
    #[cfg(windows)]
    if folder.join(&*leads_to).is_dir() {
        std::os::windows::fs::symlink_dir(&*leads_to, &place)?;
    } else {
        std::os::windows::fs::symlink_file(&*leads_to, &place)?;
    }
    Ok(())
}

/// The output of `git cat-file --batch`: for each object a line with its size, its bytes, and a line end. `missing` has no size.
struct Blobs<'o>(&'o [u8]);

impl<'o> Iterator for Blobs<'o> {
    type Item = &'o [u8];

    fn next(&mut self) -> Option<&'o [u8]> {
        let end = self.0.iter().position(|byte| *byte == b'\n')?;
        let head = std::str::from_utf8(&self.0[..end]).ok()?;
        let size: usize = head.rsplit_once(' ')?.1.parse().ok()?;
        let blob = self.0.get(end + 1..end + 1 + size)?;
        self.0 = self.0.get(end + size + 2..)?;
        Some(blob)
    }
}

/// Where a unique name was previously declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Declared {
    /// The file, relative to the folder.
    pub(crate) path: String,
    /// The commit that removed it; `None` if the last commit still contains it.
    pub(crate) until: Option<String>,
}

/// Finds the files that previously declared these names, as far as git knows: in the last commit or an earlier one.
pub(crate) fn declared_before(folder: &Path, names: &[&str]) -> BTreeMap<String, Declared> {
    /// Nobody reads more.
    const MOST: usize = 50;
    let mut found = BTreeMap::new();
    let names: Vec<&str> = names.iter().copied().take(MOST).collect();
    let Ok(git) = Git::new(folder, SHORT) else {
        return found;
    };
    let escaped: Vec<String> = names.iter().map(|name| escaped(name)).collect();
    let pattern = format!("name: *[\"']?({})([\"', }}]|$)", escaped.join("|"));
    let files = ["--", ":(icase)*.yaml", ":(icase)*.yml"];
    let mut search = vec![
        "grep",
        "-z",
        "-I",
        "-i",
        "-E",
        "--no-textconv",
        "-e",
        &pattern,
        "HEAD",
    ];
    search.extend(files);
    let now = git.run(&search).unwrap_or_default();
    for line in String::from_utf8_lossy(&now).lines() {
        if let Some((path, text)) = line.split_once('\0')
            && let Some(path) = path.strip_prefix("HEAD:")
        {
            note(&mut found, &names, text, path, None);
        }
    }
    let search = format!("-G{pattern}");
    let mut history = vec![
        "log",
        "-p",
        "-U0",
        "--relative",
        "--no-textconv",
        "--no-ext-diff",
        "--no-renames",
        "--no-color",
        "-i",
        "--max-count=200",
        "--format=%x00%h",
        &search,
        "HEAD",
    ];
    history.extend(files);
    let changes = git.run(&history).unwrap_or_default();
    let (mut commit, mut path) = (String::new(), String::new());
    for line in String::from_utf8_lossy(&changes).lines() {
        if let Some(hash) = line.strip_prefix('\0') {
            hash.clone_into(&mut commit);
        } else if let Some(before) = line.strip_prefix("--- ") {
            before
                .trim_matches('"')
                .trim_start_matches("a/")
                .clone_into(&mut path);
        } else if let Some(text) = line.strip_prefix('-') {
            note(&mut found, &names, text, &path, Some(&commit));
        }
    }
    found
}

/// Records the names that a line declares. The first place found is the most recent one.
fn note(
    found: &mut BTreeMap<String, Declared>,
    names: &[&str],
    line: &str,
    path: &str,
    until: Option<&str>,
) {
    let line = fold(line);
    for name in names {
        let folded = fold(name);
        let is_whole = line.match_indices(&folded).any(|(at, _)| {
            let after = line[at + folded.len()..].chars().next();
            let before = line[..at].chars().next_back();
            let ends = |letter: Option<char>| {
                letter.is_none_or(|letter| !letter.is_alphanumeric() && letter != '_')
            };
            let key = line[..at].trim_end_matches(['"', '\'']).trim_end();
            ends(before) && ends(after) && key.ends_with("name:")
        });
        if is_whole {
            found.entry(folded).or_insert_with(|| Declared {
                path: path.to_owned(),
                until: until.map(str::to_owned),
            });
        }
    }
}

/// Escapes a text for an extended regular expression.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        if ".[]{}()*+?|^$\\".contains(character) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

/// Whether a path stays below its start. An untrusted tree can contain `..`.
fn stays_below(path: &str) -> bool {
    Path::new(path)
        .components()
        .all(|part| matches!(part, Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_leaves_is_told_from_one_that_does_not() {
        assert!(stays_below("manifests/a..b/c.yaml"));
        for path in ["../a.yaml", "a/../../b.yaml", "/etc/a.yaml"] {
            assert!(!stays_below(path), "{path}");
        }
    }

    #[test]
    fn what_a_command_writes_beside_the_manifests_is_no_local_change() {
        for change in ["?? plan/prod.json", "?? drift.md"] {
            assert!(!matters(change), "{change}");
        }
        for change in [
            "?? manifests/new.yaml",
            "?? \"manifests/n\\303\\251.yml\"",
            " M scripts/call.js",
            "D  a.yaml",
        ] {
            assert!(matters(change), "{change}");
        }
    }
}
