//! The git revision of the manifests.

mod checkout;
mod lacking;
mod reach;

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::time::Duration;

use deskstate_model::{SourceMap, fold, is_yaml};

pub(crate) use self::checkout::checkout;
pub(crate) use self::lacking::{WorkingTree, not_checked_out};
use crate::git::{Git, GitError};

/// Time limit for short git calls.
const SHORT: Duration = Duration::from_secs(10);

/// Short hash of a folder's current commit, with a note if it does not contain all files that were read, as they are; `None` outside of git.
pub(crate) fn describe<'s>(
    folder: &Path,
    read: impl IntoIterator<Item = &'s SourceMap>,
) -> Option<String> {
    let git = Git::new(folder, SHORT).ok()?;
    let commit = git.line(&["rev-parse", "--short=7", "HEAD"]).ok()?;
    let status = git.run(&[
        "status",
        "--porcelain",
        "--untracked-files=all",
        "--ignore-submodules=untracked",
        "--",
        ".",
    ]);
    let changed = status.map(|changes| String::from_utf8_lossy(&changes).lines().any(matters));
    let read = read
        .into_iter()
        .flat_map(|sources| sources.files().map(|file| sources.path(file)));
    let committed = are_committed(&git, folder, read);
    Some(match (changed, committed) {
        (Ok(false), Ok(true)) => commit,
        (Ok(true), _) | (_, Ok(false)) => format!("{commit} with local changes"),
        (Err(_), _) | (_, Err(_)) => format!("{commit}, perhaps with local changes"),
    })
}

/// Whether a change matters. A file that git does not track does if it could be a manifest; a plan or a report that is just being written
/// is not one.
fn matters(change: &str) -> bool {
    let path = change.trim_end_matches('"');
    !change.starts_with("??") || is_yaml(path)
}

/// Whether git tracks all files that were read, and looks at their contents: it does not list what it ignores, nor what belongs to another
/// repository in the folder.
fn are_committed<'s>(
    git: &Git<'_>,
    folder: &Path,
    mut read: impl Iterator<Item = &'s str>,
) -> Result<bool, GitError> {
    let listed = git.run(&["ls-files", "-v", "-z", "--recurse-submodules", "--", "."])?;
    let listed = String::from_utf8_lossy(&listed);
    // `H` is an ordinary file. Others are assumed to be unchanged, or not checked out.
    let seen = listed
        .split('\0')
        .filter_map(|entry| entry.strip_prefix("H "));
    let seen: HashSet<&str> = seen.collect();
    let root = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let behind_links = |path: &str| {
        let place = folder.join(path).canonicalize().ok()?;
        let below = place.strip_prefix(&root).ok()?.to_str()?;
        Some(below.replace('\\', "/"))
    };
    // What is no file came with the product.
    Ok(read.all(|path| {
        seen.contains(path) || behind_links(path).is_none_or(|path| seen.contains(path.as_str()))
    }))
}

/// The path of a folder within its repository, with a trailing `/`; empty at the root, `None` outside of git.
pub(crate) fn folder_in_repository(folder: &Path) -> Option<String> {
    Git::new(folder, SHORT)
        .and_then(|git| git.line(&["rev-parse", "--show-prefix"]))
        .ok()
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

#[cfg(test)]
mod tests {
    use super::*;

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
