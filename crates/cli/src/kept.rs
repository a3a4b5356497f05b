//! Files that deskstate writes. What stands beside them came with the project, which others wrote: no link is followed to anywhere.

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::error::Error;

/// The folder of a project for what deskstate keeps there.
pub(crate) const FOLDER: &str = ".deskstate";

/// The place of a file that deskstate keeps in a project, such as its state or an undo file.
///
/// A committed link would choose which file of this machine is written or read, so none may stand on the way.
pub(crate) fn path(root: &Path, relative: &Path) -> Result<PathBuf, Error> {
    let mut path = root.to_path_buf();
    for part in relative.components() {
        path.push(part);
        if path.is_symlink() {
            return Err(Error::Refused {
                message: format!(
                    "{} is a link, and what deskstate keeps stays in the project",
                    crate::output::plain(&path.display().to_string())
                ),
                hint: Some("look at where it leads, and remove it".to_owned()),
            });
        }
    }
    Ok(path)
}

/// Writes a file whole, with the permissions that it has: what was there stays until the new one is complete. A link in its place is
/// replaced, not followed.
pub(crate) fn write_file(path: &Path, text: &str) -> Result<(), Error> {
    write(path, text, std::fs::File::sync_all)
}

/// The same for one of thousands of files that can be made again: nobody waits until the disk has it.
pub(crate) fn write_one_of_many(path: &Path, text: &str) -> Result<(), Error> {
    write(path, text, |_| Ok(()))
}

fn write(
    path: &Path,
    text: &str,
    finish: impl FnOnce(&std::fs::File) -> std::io::Result<()>,
) -> Result<(), Error> {
    let failed = |source| Error::File {
        what: "could not write",
        path: path.to_owned(),
        source,
    };
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    replace(path, text, finish).map_err(failed)
}

fn replace(
    path: &Path,
    text: &str,
    finish: impl FnOnce(&std::fs::File) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let known = std::fs::metadata(path).ok();
    // A terminal or a pipe is written to; a file in its place would be of no use.
    if known.as_ref().is_some_and(|known| !known.is_file()) {
        return std::fs::write(path, text);
    }
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".part");
    let unfinished = PathBuf::from(unfinished);
    match std::fs::remove_file(&unfinished) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = std::fs::File::create_new(&unfinished)?;
    file.write_all(text.as_bytes())?;
    finish(&file)?;
    if let Some(known) = known {
        std::fs::set_permissions(&unfinished, known.permissions())?;
    }
    std::fs::rename(&unfinished, path)
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn what_a_link_leads_to_is_never_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("mine"), "mine").unwrap();
        for link in ["plan.json", "plan.json.part"] {
            symlink(at("mine"), at(link)).unwrap();
            write_file(&at("plan.json"), "plan").unwrap();
            assert_eq!(
                std::fs::read_to_string(at("mine")).unwrap(),
                "mine",
                "{link}"
            );
            assert_eq!(
                std::fs::read_to_string(at("plan.json")).unwrap(),
                "plan",
                "{link}"
            );
            assert!(!at("plan.json").is_symlink(), "{link}");
        }
    }

    #[test]
    fn a_device_stays_a_device() {
        write_file(Path::new("/dev/null"), "nothing").unwrap();
        assert!(!std::fs::metadata("/dev/null").unwrap().is_file());
    }

    #[test]
    fn no_link_stands_on_the_way_to_what_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let relative = Path::new(".deskstate/undo/prod.json");
        assert!(path(folder.path(), relative).is_ok());
        symlink(elsewhere.path(), folder.path().join(FOLDER)).unwrap();
        assert!(matches!(
            path(folder.path(), relative),
            Err(Error::Refused { .. })
        ));
    }
}
