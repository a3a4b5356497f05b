//! The git revision of the manifests, for people to read.

use std::path::Path;
use std::process::{Command, Stdio};

/// Short name of the commit that a folder is at, with a word if files differ from it; `None` outside of git.
pub(crate) fn describe(folder: &Path) -> Option<String> {
    let commit = git(folder, &["rev-parse", "--short=7", "HEAD"])?;
    let changed = git(folder, &["status", "--porcelain", "--", "."])
        .is_some_and(|changes| !changes.is_empty());
    Some(if changed {
        format!("{commit} with local changes")
    } else {
        commit
    })
}

/// A folder by its path within its repository, with `/` at the end; empty at the root, `None` outside of git.
pub(crate) fn folder_in_repository(folder: &Path) -> Option<String> {
    git(folder, &["rev-parse", "--show-prefix"])
}

fn git(folder: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    String::from_utf8(output.stdout)
        .ok()
        .map(|text| text.trim().to_owned())
}
