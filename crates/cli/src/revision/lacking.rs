//! Files that the current commit has and the working tree has not: nobody deleted them, so what they declare is not undeclared.

use std::fs;
use std::path::Path;

use deskstate_model::{Diagnostic, Project, is_yaml};

use super::SHORT;
use super::reach::may_read;
use crate::door::plain;
use crate::git::Git;

/// Reports submodules, files and links below the folders of a project that were not checked out.
pub(crate) fn not_checked_out(
    root: &Path,
    project: &Project,
    environment: Option<&str>,
) -> Vec<Diagnostic> {
    if !may_lack_files(root) {
        return Vec::new();
    }
    let listed = Git::new(root, SHORT)
        .and_then(|git| git.run(&["ls-files", "-v", "--stage", "-z", "--", "."]));
    let Ok(listed) = listed else {
        return Vec::new();
    };
    let listed = String::from_utf8_lossy(&listed);
    let entries = listed.split('\0').filter_map(|entry| {
        let (meta, path) = entry.split_once('\t')?;
        let mut meta = meta.split(' ');
        Some((meta.next()?, meta.next()?, path))
    });
    let (mut submodules, mut files, mut flat, mut links) = (vec![], vec![], vec![], vec![]);
    for (tag, mode, path) in entries {
        let place = root.join(path);
        let there = fs::symlink_metadata(&place).ok();
        match (mode, there) {
            ("160000", _) if is_empty(&place) => submodules.push(path),
            ("120000", Some(there)) if there.is_file() => flat.push(path),
            ("120000", Some(_)) => {
                let leads_to = fs::read_link(&place).unwrap_or_default();
                let leads_to = leads_to.to_string_lossy().replace('\\', "/");
                links.push((path.to_owned(), leads_to));
            }
            (_, None) if tag == "S" && (is_yaml(path) || mode == "120000") => files.push(path),
            _ => {}
        }
    }
    let mut found = Vec::new();
    let mut report = |paths: Vec<&str>, what: &str, help: &str| {
        let mut read = paths
            .into_iter()
            .filter(|path| may_read(project, environment, &links, path));
        if let Some(first) = read.next() {
            let more = match read.count() {
                0 => String::new(),
                more => format!(", and {more} more like it"),
            };
            let message = format!("`{}` {what}{more}", plain(first));
            found.push(Diagnostic::error("unreadable-file", message).help(help));
        }
    };
    report(
        submodules,
        "is a submodule that is not checked out, so its manifests are missing",
        "run `git submodule update --init`; in a pipeline, check the submodules out",
    );
    report(
        files,
        "is not checked out, although the commit has it",
        "`git sparse-checkout disable` checks all files out",
    );
    report(
        flat,
        "is a link that git wrote as a file, so what it leads to is not read",
        "set `core.symlinks` to true (on Windows, in developer mode), and clone again",
    );
    found
}

/// Whether files can be missing, as far as a look at the repository tells: most have neither submodules nor settings that leave files out,
/// and need no git.
fn may_lack_files(root: &Path) -> bool {
    let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    let Some(top) = root.ancestors().find(|folder| folder.join(".git").exists()) else {
        return false;
    };
    let own = top.join(".git");
    // A worktree or a submodule has its settings elsewhere.
    let config = deskstate_files::start(own.join("config"), 64 * 1024);
    let config = String::from_utf8_lossy(&config).to_ascii_lowercase();
    own.is_file()
        || top.join(".gitmodules").exists()
        || own.join("info/sparse-checkout").exists()
        || config.contains("symlinks")
}

/// Whether a folder is missing, or has nothing in it.
fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).map_or(true, |mut entries| entries.next().is_none())
}
