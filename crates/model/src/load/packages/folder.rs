//! The files of a package's folder.

use std::path::Path;

use crate::files::{FileProblem, Root};
use crate::package::{PackageFiles, package_text};

/// Whether a file of a package's folder does not belong to the package: an archive at its root, which is an earlier build, or a file that
/// Windows keeps in folders.
#[must_use]
pub fn is_left_out(path: &str) -> bool {
    const ARCHIVES: [&str; 8] = [".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".7z", ".rar"];
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    let is_build = !path.contains('/') && ARCHIVES.iter().any(|ending| name.ends_with(ending));
    is_build || is_of_windows(&name)
}

fn is_of_windows(name: &str) -> bool {
    matches!(name, "thumbs.db" | "desktop.ini")
}

/// Reads a folder as a package that is not yet part of a project. Ignores archives at its root, which are earlier builds.
///
/// # Errors
/// The path of the file that cannot be part of a package, why, and what to do.
pub fn read_package_folder(folder: &Path) -> Result<PackageFiles, (String, String, &'static str)> {
    let said = |path: String, problem: &FileProblem| (path, problem.to_string(), problem.help());
    let mut files = Root::open(folder).map_err(|problem| said(String::new(), &problem))?;
    files_of(&mut files, "", &is_left_out).map_err(|(path, problem)| said(path, &problem))
}

/// Returns the texts of all files of a package, or the invalid path and the reason.
pub(crate) fn package_files(
    files: &mut Root,
    folder: &str,
) -> Result<PackageFiles, (String, FileProblem)> {
    files_of(files, folder, &|path| {
        let name = path.rsplit('/').next().unwrap_or(path);
        is_of_windows(&name.to_ascii_lowercase())
    })
}

fn files_of(
    files: &mut Root,
    folder: &str,
    skip: &dyn Fn(&str) -> bool,
) -> Result<PackageFiles, (String, FileProblem)> {
    let found = files
        .all_below(folder)
        .map_err(|problem| (folder.to_owned(), problem))?;
    if let Some((path, problem)) = found.problems.into_iter().next() {
        return Err((path, problem));
    }
    let mut texts = PackageFiles::new();
    for path in found.files.into_iter().filter(|path| !skip(path)) {
        let text = match files.read(&path) {
            Ok(text) => package_text(&text),
            Err(problem) => return Err((path, problem)),
        };
        let relative = path[folder.len()..].trim_start_matches('/').to_owned();
        texts.insert(relative, text);
    }
    Ok(texts)
}
