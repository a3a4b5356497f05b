//! The files of a package's folder.

use std::path::Path;

use crate::files::{FileProblem, Root};
use crate::package::{PackageFiles, package_text};

/// Reads a folder as a package that is not yet part of a project. Ignores archives at its root, which are earlier builds.
///
/// # Errors
/// The path of the file that cannot be part of a package, why, and what to do.
pub fn read_package_folder(folder: &Path) -> Result<PackageFiles, (String, String, &'static str)> {
    let said = |path: String, problem: &FileProblem| (path, problem.to_string(), problem.help());
    let mut files = Root::open(folder).map_err(|problem| said(String::new(), &problem))?;
    let is_build = |path: &str| !path.contains('/') && path.ends_with(".zip");
    files_of(&mut files, "", &is_build).map_err(|(path, problem)| said(path, &problem))
}

/// Returns the texts of all files of a package, or the invalid path and the reason.
pub(crate) fn package_files(
    files: &mut Root,
    folder: &str,
) -> Result<PackageFiles, (String, FileProblem)> {
    files_of(files, folder, &|_| false)
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
