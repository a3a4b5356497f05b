//! File URIs, as sent by editors, and paths below the root of a project.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use deskstate_model::PROJECT_FILE;
use lsp_types::Uri;
use url::Url;

use crate::paths::with_slashes;

/// The file of a URI, with its real path as far as it exists; `None` if the URI does not name a file.
pub(super) fn file_of(uri: &Uri) -> Option<PathBuf> {
    // The left side of a comparison, as `git:/…`, has the path of the file but not its text.
    let url = Url::parse(uri.as_str())
        .ok()
        .filter(|url| url.scheme() == "file")?;
    Some(real(&url.to_file_path().ok()?))
}

/// The root of the project above a file, and the path below it as the URI spells it.
pub(super) fn spelled_below(uri: &Uri) -> Option<(PathBuf, String)> {
    let url = Url::parse(uri.as_str()).ok()?;
    let file = url.to_file_path().ok()?;
    let root = root_of(file.parent()?)?;
    let path = below(&root, &file)?;
    Some((real(&root), path))
}

/// The URI of a file below a folder.
pub(super) fn uri_of(root: &Path, path: &str) -> Option<Uri> {
    let whole = root.join(path);
    let plain = if cfg!(windows) {
        PathBuf::from(with_slashes(&whole))
    } else {
        whole
    };
    let url = Url::from_file_path(plain).ok()?;
    Uri::from_str(url.as_str()).ok()
}

/// The real path of a file that may not be saved yet.
pub(super) fn real(path: &Path) -> PathBuf {
    for above in path.ancestors() {
        if let Ok(real) = above.canonicalize() {
            let rest = path.strip_prefix(above).unwrap_or(Path::new(""));
            return if rest.as_os_str().is_empty() {
                real
            } else {
                real.join(rest)
            };
        }
    }
    path.to_path_buf()
}

/// The path below a root, with `/`.
pub(super) fn below(root: &Path, file: &Path) -> Option<String> {
    let relative = file.strip_prefix(root).ok()?;
    let parts: Option<Vec<&str>> = relative.iter().map(|part| part.to_str()).collect();
    Some(parts?.join("/"))
}

/// The nearest folder above a file that has a project file.
pub(super) fn root_of(file: &Path) -> Option<PathBuf> {
    let mut folders = file.ancestors();
    folders
        .find(|folder| folder.join(PROJECT_FILE).is_file())
        .map(Path::to_path_buf)
}

/// Maximum depth of the search for projects below an opened folder.
const DEEPEST: usize = 4;
const MOST: usize = 2_000;

/// The projects in a folder that an editor opened: the one around it, otherwise those below it.
pub(super) fn roots_in(folder: &Path) -> Vec<PathBuf> {
    let folder = real(folder);
    if let Some(root) = root_of(&folder) {
        return vec![root];
    }
    let mut found = Vec::new();
    let mut open = vec![(folder, 0)];
    let mut seen = 0;
    while let Some((folder, depth)) = open.pop() {
        seen += 1;
        if folder.join(PROJECT_FILE).is_file() {
            found.push(folder);
            continue;
        }
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        if depth == DEEPEST || seen > MOST {
            continue;
        }
        for entry in entries.flatten() {
            let name = entry.file_name();
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            let is_passed = name.to_string_lossy().starts_with('.')
                || ["node_modules", "target"].iter().any(|one| name == *one);
            if is_folder && !is_passed {
                open.push((entry.path(), depth + 1));
            }
        }
    }
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_leads_to_its_file_and_back() {
        let folder = tempfile::tempdir().unwrap();
        let root = real(folder.path());
        for path in ["manifests/ä b#1%.yaml", "deskstate.yaml"] {
            let uri = uri_of(&root, path).unwrap();
            let file = file_of(&uri).unwrap();
            assert_eq!(below(&root, &file).as_deref(), Some(path));
        }
        for other in ["untitled:Untitled-1", "git:/p/manifests/a.yaml?ref=HEAD"] {
            assert!(file_of(&Uri::from_str(other).unwrap()).is_none(), "{other}");
        }
    }
}
