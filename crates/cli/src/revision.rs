//! The git revision of the manifests, for people to read.

use std::path::{Component, Path};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::error::Error;

/// Short name of the commit that a folder is at, with a word if files differ from it; `None` outside of git.
pub(crate) fn describe(folder: &Path) -> Option<String> {
    let commit = git(folder, &["rev-parse", "--short=7", "HEAD"])?;
    let status = ["status", "--porcelain", "--untracked-files=all", "--", "."];
    let changed = git(folder, &status).is_some_and(|changes| changes.lines().any(matters));
    Some(if changed {
        format!("{commit} with local changes")
    } else {
        commit
    })
}

/// A new file matters if it could be a manifest: a plan or a report that is just being written is none.
fn matters(change: &str) -> bool {
    let path = change.trim_end_matches('"');
    !change.starts_with("??") || path.ends_with(".yaml") || path.ends_with(".yml")
}

/// A folder by its path within its repository, with `/` at the end; empty at the root, `None` outside of git.
pub(crate) fn folder_in_repository(folder: &Path) -> Option<String> {
    git(folder, &["rev-parse", "--show-prefix"])
}

/// Git in a folder that may hold anything.
///
/// Files that somebody committed can have the form of a repository without a working tree, and its configuration names programs to start;
/// such a one is not taken for the repository. The index of the real one stays as it is.
fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("git");
    command
        .args([
            "--no-optional-locks",
            "-c",
            "safe.bareRepository=explicit",
            "-c",
            "core.fsmonitor=false",
            "-C",
        ])
        .arg(folder)
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    command
}

fn git(folder: &Path, arguments: &[&str]) -> Option<String> {
    let output = command(folder, arguments)
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    String::from_utf8(output.stdout)
        .ok()
        .map(|text| text.trim().to_owned())
}

/// The files of a folder as they were at a revision, in a folder of their own that goes when the value does.
pub(crate) fn checkout(folder: &Path, revision: &str) -> Result<TempDir, Error> {
    let no_such = || Error::Failed {
        message: format!("git has no revision `{revision}` of this folder"),
        hint: Some(
            "a shallow clone lacks older commits and tags: fetch them, or name another revision"
                .to_owned(),
        ),
    };
    // A revision that begins with a dash would be an option.
    if revision.is_empty() || revision.starts_with('-') {
        return Err(no_such());
    }
    let git = |arguments: &[&str]| -> Result<Vec<u8>, Error> {
        let output = command(folder, arguments)
            .output()
            .map_err(|error| Error::Failed {
                message: format!("git did not start: {error}"),
                hint: Some("earlier manifests are read with git, which is not in every image: install it, or check them out beforehand".to_owned()),
            })?;
        if output.status.success() {
            Ok(output.stdout)
        } else {
            Err(no_such())
        }
    };
    let commit = git(&[
        "rev-parse",
        "--verify",
        "--quiet",
        "--end-of-options",
        &format!("{revision}^{{commit}}"),
    ])?;
    let commit = String::from_utf8_lossy(&commit).trim().to_owned();
    let listed = git(&["ls-tree", "-r", "-z", "--full-name", &commit, "--", "."])?;
    let prefix = git(&["rev-parse", "--show-prefix"])?;
    let prefix = String::from_utf8_lossy(&prefix).trim().to_owned();
    let target = tempfile::tempdir()?;
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
        // Links and submodules are no manifests.
        if kind != Some("blob") || mode == Some("120000") {
            continue;
        }
        let (Some(object), Some(relative)) = (object, path.strip_prefix(prefix.as_str())) else {
            continue;
        };
        let is_yaml = [".yaml", ".yml", ".json"]
            .iter()
            .any(|ending| relative.ends_with(ending));
        if !is_yaml || !stays_below(relative) {
            continue;
        }
        let file = target.path().join(relative);
        if let Some(parent) = file.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(file, git(&["cat-file", "blob", object])?)?;
    }
    Ok(target)
}

/// Whether a path leads to below where it begins. A tree that nobody checked can hold `..`.
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
