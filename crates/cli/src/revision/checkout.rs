//! The files of a folder at a revision.

use std::collections::HashSet;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use deskstate_model::{LOCK_FILE, PACKAGES_FOLDER, is_yaml, load_project};
use tempfile::TempDir;

use super::folder_in_repository;
use super::reach::{may_read, resolved};
use crate::door::plain;
use crate::error::Error;
use crate::git::{Git, GitError};
use crate::paths::shown_path;

/// Time limit for git to print the files of a revision.
const LONG: Duration = Duration::from_secs(60);

/// Characters between the words of a manifest, and between the parts of a path.
const BETWEEN_WORDS: [char; 12] = [
    ' ', '\t', '\n', '\r', '/', '"', '\'', ',', '[', ']', '{', '}',
];

/// Extracts the files of a folder at a revision into a temporary folder, which is removed when the value is dropped. The folder of a
/// submodule has the files of the commit that the revision names.
pub(crate) fn checkout(folder: &Path, revision: &str) -> Result<TempDir, Error> {
    // A revision that begins with a dash would be interpreted as an option.
    if revision.is_empty() || revision.starts_with('-') {
        return Err(no_such(revision));
    }
    let failed = |error: GitError| match error {
        GitError::Refused if folder_in_repository(folder).is_none() => no_repository(folder),
        GitError::Refused => no_such(revision),
        error => not_read(error),
    };
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
    let prefix = git.line(&["rev-parse", "--show-prefix"]).map_err(failed)?;
    let target = tempfile::tempdir()?;
    let mut copy = Copy {
        revision,
        target: target.path(),
        words: HashSet::new(),
        ends: HashSet::new(),
        parts: Vec::new(),
        links: Vec::new(),
        lacking: Vec::new(),
        gone: Vec::new(),
    };
    copy.part(folder, "", &commit, &prefix)?;
    copy.write_named()?;
    copy.link()?;
    if copy.lacking.iter().any(|folder| copy.may_read(folder)) {
        return Err(copy.not_here());
    }
    if let Some(gone) = copy.gone.iter().find(|folder| copy.may_read(folder)) {
        return Err(Error::Failed {
            message: format!(
                "`{}` was a submodule in revision `{revision}` but is not one now, so its files at that revision are unknown",
                plain(gone)
            ),
            hint: Some("name a later revision".to_owned()),
        });
    }
    Ok(target)
}

/// Files of a repository, or of a submodule.
struct Part {
    folder: PathBuf,
    /// Objects and paths of files that were not extracted, since nothing says that loading reads them.
    others: Vec<(String, String)>,
}

struct Copy<'a> {
    revision: &'a str,
    target: &'a Path,
    /// The words of all manifests.
    words: HashSet<String>,
    /// The last parts of what links lead to.
    ends: HashSet<String>,
    parts: Vec<Part>,
    /// Places of links, and what they lead to.
    links: Vec<(String, String)>,
    /// Folders of submodules whose commit is not in the clone.
    lacking: Vec<String>,
    /// Folders of submodules that were moved or removed since.
    gone: Vec<String>,
}

impl Copy<'_> {
    /// Extracts what loading reads in any case, from a commit of the repository in `folder`. `below` is its place in the copy, `prefix` the
    /// place of the folder in the repository.
    fn part(
        &mut self,
        folder: &Path,
        below: &str,
        commit: &str,
        prefix: &str,
    ) -> Result<(), Error> {
        let git = Git::new(folder, LONG).map_err(not_read)?;
        let listed = git.run(&["ls-tree", "-r", "-z", "--full-name", commit, "--", "."]);
        let listed = listed.map_err(|error| self.lacks(error))?;
        let (mut files, mut links, mut others) = (Vec::new(), Vec::new(), Vec::new());
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
            let (Some(object), Some(relative)) = (object, path.strip_prefix(prefix)) else {
                continue;
            };
            if !stays_below(relative) {
                continue;
            }
            let own = folder.join(relative);
            let relative = format!("{below}{relative}");
            match (kind, mode) {
                (Some("commit"), _) if own.join(".git").exists() && has_commit(&own, object) => {
                    self.part(&own, &format!("{relative}/"), object, "")?;
                }
                (Some("commit"), _) if own.join(".git").exists() => self.lacking.push(relative),
                // One that is there now, but not checked out, is not read without a revision, either.
                (Some("commit"), _) if !is_submodule(&git, path) => self.gone.push(relative),
                (Some("blob"), Some("120000")) => links.push((object.to_owned(), relative)),
                (Some("blob"), _) if is_read(&relative) => {
                    files.push((object.to_owned(), relative));
                }
                (Some("blob"), _) => others.push((object.to_owned(), relative)),
                _ => {}
            }
        }
        let printed = self.print(&git, files.iter().chain(&links))?;
        let mut blobs = Blobs(&printed);
        for (_, relative) in &files {
            let text = blobs.next().ok_or_else(|| self.not_here())?;
            if is_yaml(relative) {
                let text = String::from_utf8_lossy(text);
                self.words
                    .extend(text.split(BETWEEN_WORDS).map(str::to_owned));
            }
            self.write(relative, text)?;
        }
        for (_, relative) in links {
            let leads_to = blobs.next().ok_or_else(|| self.not_here())?;
            let leads_to = String::from_utf8_lossy(leads_to).into_owned();
            self.ends.extend(last_word(&leads_to).map(str::to_owned));
            self.links.push((relative, leads_to));
        }
        let folder = folder.to_owned();
        self.parts.push(Part { folder, others });
        Ok(())
    }

    /// Extracts the files that manifests name: a manifest can name a file with any ending for a value.
    fn write_named(&self) -> Result<(), Error> {
        for part in &self.parts {
            let is_named = |relative: &str| {
                let last = last_word(relative);
                last.is_some_and(|last| self.words.contains(last) || self.ends.contains(last))
            };
            let others = part.others.iter();
            let named: Vec<_> = others.filter(|(_, relative)| is_named(relative)).collect();
            if named.is_empty() {
                continue;
            }
            let git = Git::new(&part.folder, LONG).map_err(not_read)?;
            let printed = self.print(&git, named.iter().copied())?;
            let mut blobs = Blobs(&printed);
            for (_, relative) in named {
                self.write(relative, blobs.next().ok_or_else(|| self.not_here())?)?;
            }
        }
        Ok(())
    }

    /// Creates the links. Loading refuses those that lead outside.
    fn link(&self) -> Result<(), Error> {
        let mut places = Vec::new();
        for (relative, leads_to) in &self.links {
            let place = self.target.join(relative);
            if let Some(folder) = place.parent() {
                std::fs::create_dir_all(folder)?;
            }
            #[cfg(unix)]
            std::os::unix::fs::symlink(leads_to, &place)?;
            #[cfg(windows)]
            if self.is_folder(relative, leads_to) {
                std::os::windows::fs::symlink_dir(leads_to, &place)?;
            } else {
                std::os::windows::fs::symlink_file(leads_to, &place)?;
            }
            places.push(place);
        }
        // What such a link leads to cannot be part of a manifest, so it was not extracted, or it is in no commit. A manifest that leads
        // nowhere does so in the revision, too, and loading says so.
        for ((relative, leads_to), place) in self.links.iter().zip(places) {
            let is_named = last_word(relative).is_some_and(|last| self.words.contains(last));
            let matters = is_read(relative) || is_named;
            if !place.exists() && (!matters || self.left_behind(relative, leads_to)) {
                std::fs::remove_file(place)?;
            }
        }
        Ok(())
    }

    /// Whether the project of the revision may read files of a folder, also through links.
    fn may_read(&self, folder: &str) -> bool {
        let (manifests, _) = load_project(self.target);
        let project = manifests.project;
        project.is_none_or(|project| may_read(&project, None, &self.links, folder))
    }

    /// Whether a link leads to a file, or to a folder with files, that was not extracted.
    fn left_behind(&self, relative: &str, leads_to: &str) -> bool {
        let Some(wanted) = resolved(relative, leads_to) else {
            return false;
        };
        let below = format!("{wanted}/");
        let mut others = self.parts.iter().flat_map(|part| &part.others);
        others.any(|(_, path)| *path == wanted || path.starts_with(&below))
    }

    /// Whether a link leads to a folder of the copy, also one that only has links.
    #[cfg(windows)]
    fn is_folder(&self, relative: &str, leads_to: &str) -> bool {
        let Some(wanted) = resolved(relative, leads_to) else {
            return false;
        };
        let below = format!("{wanted}/");
        self.target.join(&wanted).is_dir()
            || self
                .links
                .iter()
                .any(|(place, _)| place.starts_with(&below))
    }

    fn write(&self, relative: &str, text: &[u8]) -> Result<(), Error> {
        let file = self.target.join(relative);
        if let Some(parent) = file.parent() {
            std::fs::create_dir_all(parent)?;
        }
        Ok(std::fs::write(file, text)?)
    }

    fn print<'e>(
        &self,
        git: &Git<'_>,
        of: impl Iterator<Item = &'e (String, String)>,
    ) -> Result<Vec<u8>, Error> {
        let wanted: String = of.map(|(object, _)| format!("{object}\n")).collect();
        let printed = git.run_with(&["cat-file", "--batch"], wanted.into_bytes());
        printed.map_err(|error| self.lacks(error))
    }

    fn lacks(&self, error: GitError) -> Error {
        match error {
            GitError::Refused => self.not_here(),
            error => not_read(error),
        }
    }

    /// A partial clone would have to fetch files, which nobody requested.
    fn not_here(&self) -> Error {
        Error::Failed {
            message: format!("this clone is missing files of revision `{}`", self.revision),
            hint: Some(
                "a partial clone fetches files when they are needed, which deskstate does not do: clone without `--filter`, and with all commits of submodules"
                    .to_owned(),
            ),
        }
    }
}

/// Whether the repository of a submodule has a commit: a shallow one lacks most.
fn has_commit(folder: &Path, commit: &str) -> bool {
    let asked = Git::new(folder, LONG)
        .and_then(|git| git.run(&["cat-file", "-e", &format!("{commit}^{{commit}}")]));
    asked.is_ok()
}

/// Whether a path of the repository is a submodule now: it may have been moved or removed since.
fn is_submodule(git: &Git<'_>, path: &str) -> bool {
    let listed = git.run(&[
        "ls-files",
        "--stage",
        "--full-name",
        "--",
        &format!(":(top,literal){path}"),
    ]);
    listed.is_ok_and(|listed| listed.starts_with(b"160000 "))
}

fn no_such(revision: &str) -> Error {
    Error::Failed {
        message: format!("git has no revision `{revision}` of this folder"),
        hint: Some(
            "a shallow clone lacks older commits and tags: fetch them, or name another revision"
                .to_owned(),
        ),
    }
}

fn not_read(error: GitError) -> Error {
    match error {
        GitError::NotStarted(error) => Error::Failed {
            message: format!("git did not start: {error}"),
            hint: Some("earlier manifests are read with git, which is not in every image: install it, or check them out beforehand".to_owned()),
        },
        error => Error::failed(error.to_string()),
    }
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

fn last_word(path: &str) -> Option<&str> {
    path.split(BETWEEN_WORDS).next_back()
}

/// Whether loading reads a file, whatever the manifests say. In packages it reads all files, to compare them with the lock.
fn is_read(path: &str) -> bool {
    is_yaml(path)
        || path.to_ascii_lowercase().ends_with(".json")
        || path == LOCK_FILE
        || path.starts_with(&format!("{PACKAGES_FOLDER}/"))
}

/// Whether a path stays below its start. An untrusted tree can contain `..`.
fn stays_below(path: &str) -> bool {
    Path::new(path)
        .components()
        .all(|part| matches!(part, Component::Normal(_)))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_leaves_is_told_from_one_that_does_not() {
        assert!(stays_below("manifests/a..b/c.yaml"));
        for path in ["../a.yaml", "a/../../b.yaml", "/etc/a.yaml"] {
            assert!(!stays_below(path), "{path}");
        }
        assert_eq!(
            resolved("a/b/c.yaml", "../d/./e.yaml").unwrap(),
            "a/d/e.yaml"
        );
        assert_eq!(resolved("a/c.yaml", "../../d.yaml"), None);
    }
}
