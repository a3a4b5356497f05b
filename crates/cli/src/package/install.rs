//! Writes a package into a project: its folder, the lock and the project file. The old files stay until the new ones are complete.

use std::path::{Path, PathBuf};

use deskstate_model::{CHECKSUMS_FILE, PACKAGES_FOLDER, PackageFiles, checksums};

use crate::error::Error;
use crate::kept::{self, write_files};

/// Moves hidden files into the new folder: no package has any, so they are somebody's own.
fn keep_hidden(old: &Path, new: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(old)? {
        let entry = entry?;
        let (from, to) = (entry.path(), new.join(entry.file_name()));
        if entry.file_name().to_string_lossy().starts_with('.') {
            std::fs::create_dir_all(new)?;
            std::fs::rename(from, to)?;
        } else if entry.file_type()?.is_dir() {
            keep_hidden(&from, &to)?;
        }
    }
    Ok(())
}

/// Replaces or removes the folder of a package, and writes the related files outside of it.
///
/// If something cannot be written, the old folder is restored. If the process is killed halfway, the files do not match the lock, which
/// every command reports.
pub(crate) fn install(
    root: &Path,
    name: &str,
    files: Option<&PackageFiles>,
    beside: &[(PathBuf, String)],
) -> Result<(), Error> {
    let folder = kept::path(root, &Path::new(PACKAGES_FOLDER).join(name))?;
    let packages = root.join(PACKAGES_FOLDER);
    let could_not = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::File {
            what: "could not write",
            path,
            source,
        }
    };
    std::fs::create_dir_all(&packages).map_err(could_not(&packages))?;
    let work = tempfile::Builder::new()
        .prefix(&format!(".{name}-"))
        .tempdir_in(&packages)
        .map_err(could_not(&packages))?;
    let (old, new) = (work.path().join("old"), work.path().join("new"));
    if let Some(files) = files {
        let sums = checksums(files);
        let all = files
            .iter()
            .map(|(path, text)| (new.join(path), text.clone()))
            .chain([(new.join(CHECKSUMS_FILE), sums)]);
        let all: Vec<(PathBuf, String)> = all.collect();
        write_files(&all)?;
    }
    let was_there = folder.exists();
    if was_there {
        std::fs::rename(&folder, &old).map_err(could_not(&folder))?;
    }
    let placed = match files {
        Some(_) => std::fs::rename(&new, &folder).map_err(could_not(&folder)),
        None => Ok(()),
    };
    let kept = placed.and_then(|()| match was_there {
        true => keep_hidden(&old, &folder).map_err(could_not(&folder)),
        false => Ok(()),
    });
    let done = kept.and_then(|()| write_files(beside));
    if done.is_err() {
        if folder.exists() {
            drop(std::fs::rename(&folder, &new));
            drop(keep_hidden(&new, &old));
        }
        if was_there {
            std::fs::rename(&old, &folder).map_err(could_not(&folder))?;
        }
    }
    drop(work);
    // The folder is empty after the last package is removed.
    drop(std::fs::remove_dir(&packages));
    done
}
