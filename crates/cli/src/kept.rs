//! Files that deskstate writes. The files next to them came with the project and are not trusted, so no link is followed.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::error::Error;
use crate::paths::shown_path;

/// The folder of a project for deskstate's own files.
pub(crate) const FOLDER: &str = ".deskstate";

/// The path of a file that deskstate keeps in a project, such as its state or an undo file.
///
/// A committed link could choose which file of this machine is read or written, so the path must not contain any.
pub(crate) fn path(root: &Path, relative: &Path) -> Result<PathBuf, Error> {
    let mut path = root.to_path_buf();
    for part in relative.components() {
        path.push(part);
        if path.is_symlink() {
            return Err(Error::Refused {
                message: format!(
                    "{} is a link; deskstate writes only inside the project",
                    shown_path(&path)
                ),
                hint: Some("check where it leads, and remove it".to_owned()),
            });
        }
    }
    Ok(path)
}

/// Writes an output atomically, preserving its permissions: the old file stays until the new one is complete. A link in its place is replaced,
/// not followed. An input is not replaced.
pub(crate) fn write_file(path: &Path, text: &str) -> Result<(), Error> {
    write_bytes(path, text.as_bytes())
}

/// Like [`write_file`], for binary data.
pub(crate) fn write_bytes(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    if !is_manifest(bytes) {
        refuse_manifest(path)?;
    }
    refuse_read(path)?;
    write(path, bytes, Reader::Anybody, File::sync_all)
}

/// Refuses a file for an output if it is an input: a file that this process has read, or a manifest of any project.
pub(crate) fn refuse_input(path: &Path) -> Result<(), Error> {
    refuse_manifest(path)?;
    refuse_read(path)
}

/// Deskstate reads and replaces its own files.
fn is_own(path: &Path) -> bool {
    path.ancestors()
        .any(|folder| folder.file_name().is_some_and(|name| name == FOLDER))
}

fn refuse_read(path: &Path) -> Result<(), Error> {
    match !is_own(path) && path.is_file() && deskstate_files::was_read(path) {
        true => Err(input(path, "is an input of this command")),
        false => Ok(()),
    }
}

/// Refuses a manifest of any project for an output.
pub(crate) fn refuse_manifest(path: &Path) -> Result<(), Error> {
    match is_manifest(&deskstate_files::start(path, LOOKED_AT)) {
        true => Err(input(path, "is a file of a deskstate project")),
        false => Ok(()),
    }
}

/// The number of bytes of a file in which a manifest tells that it is one.
const LOOKED_AT: u64 = 64 * 1024;

fn is_manifest(text: &[u8]) -> bool {
    let mut lines = text.split(|byte| *byte == b'\n');
    lines.any(|line| line.starts_with(b"apiVersion: deskstate/"))
}

fn input(path: &Path, why: &str) -> Error {
    Error::Failed {
        message: format!("{} {why}, so it is not overwritten", shown_path(path)),
        hint: Some("choose another file for the output".to_owned()),
    }
}

/// Edits several files, such as manifests: none of them, unless there is room for all.
pub(crate) fn write_files(files: &[(PathBuf, String)]) -> Result<(), Error> {
    let mut prepared = Vec::new();
    for (path, text) in files {
        let file = make_folder_of(path)
            .and_then(|()| prepare(path, text.as_bytes(), Reader::Anybody, File::sync_all))
            .map_err(|source| could_not_write(path, source))?;
        prepared.push((file, path, text));
    }
    for (file, path, text) in prepared {
        match file {
            Some(file) => put(file, path),
            None => std::fs::write(path, text),
        }
        .map_err(|source| could_not_write(path, source))?;
    }
    Ok(())
}

/// Like [`write_file`], for one of thousands of files that can be recreated: does not wait for the disk.
pub(crate) fn write_one_of_many(path: &Path, text: &str) -> Result<(), Error> {
    write(path, text.as_bytes(), Reader::Anybody, |_| Ok(()))
}

/// Writes a file that contains names and texts of people. Only its owner may read it.
///
/// Its name is `stem`, or the first free one of `stem-2`, `stem-3`... The file belongs to this run only, even if another one looks for a
/// name at the same time.
pub(crate) fn write_new_private(
    folder: &Path,
    stem: &str,
    ending: &str,
    text: &str,
) -> Result<PathBuf, Error> {
    let names = (1u32..).map(|number| match number {
        1 => folder.join(format!("{stem}.{ending}")),
        _ => folder.join(format!("{stem}-{number}.{ending}")),
    });
    for path in names {
        match create_private(&path) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            Err(error) => return Err(could_not_write(&path, error)),
        }
        return match write(&path, text.as_bytes(), Reader::Owner, File::sync_all) {
            Ok(()) => Ok(path),
            Err(error) => {
                drop(std::fs::remove_file(&path));
                Err(error)
            }
        };
    }
    unreachable!("one of four billion names is free")
}

/// Replaces a file that only its owner may read.
pub(crate) fn replace_private(path: &Path, text: &str) -> Result<(), Error> {
    write(path, text.as_bytes(), Reader::Owner, File::sync_all)
}

/// Edits a file like [`write_files`].
pub(crate) fn edit_file(path: &Path, text: &str) -> Result<(), Error> {
    write(path, text.as_bytes(), Reader::Anybody, File::sync_all)
}

/// Opens a log for appending. Only its owner may read a newly created log; a link is not followed. Other files are not appended to.
pub(crate) fn open_log(path: &Path) -> Result<File, Error> {
    if path.is_symlink() {
        return Err(Error::Refused {
            message: format!(
                "{} is a link; logs are not written through links",
                shown_path(path)
            ),
            hint: Some("name the file itself".to_owned()),
        });
    }
    refuse_input(path)?;
    if path.is_file() && !is_log(path) {
        return Err(Error::Refused {
            message: format!("{} exists and is not a log of deskstate", shown_path(path)),
            hint: Some("choose another file for the log".to_owned()),
        });
    }
    let open = || {
        make_folder_of(path)?;
        let mut options = File::options();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(path)
    };
    open().map_err(|source| could_not_write(path, source))
}

/// Whether a file is empty, or begins like a log: with an object of JSON.
fn is_log(path: &Path) -> bool {
    let start = deskstate_files::start(path, LOOKED_AT);
    start.is_empty() || (start.starts_with(b"{\"") && contains(&start, b"\"tool\":"))
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// Creates a file that did not exist and that only its owner may read.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    make_folder_of(path)?;
    let mut options = File::options();
    options.read(true).append(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Creates the folder of a file. Folders for deskstate's own files are private.
pub(crate) fn make_folder_of(path: &Path) -> io::Result<()> {
    make_folders(path).map_err(|error| match error.kind() {
        // Not the file exists, but something else in place of its folder.
        io::ErrorKind::AlreadyExists => io::ErrorKind::NotADirectory.into(),
        _ => error,
    })
}

fn make_folders(path: &Path) -> io::Result<()> {
    let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    else {
        return Ok(());
    };
    let kept = folder
        .ancestors()
        .find(|folder| folder.file_name().is_some_and(|name| name == FOLDER));
    let Some(kept) = kept else {
        return std::fs::create_dir_all(folder);
    };
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
        builder.mode(0o700);
        // Older versions created the folder with wider permissions. If it belongs to another user, it stays as it is.
        if std::fs::metadata(kept).is_ok_and(|known| known.permissions().mode() & 0o077 != 0) {
            drop(std::fs::set_permissions(
                kept,
                std::fs::Permissions::from_mode(0o700),
            ));
        }
    }
    #[cfg(not(unix))]
    let _ = kept;
    builder.create(folder)
}

/// The permissions of a new file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reader {
    /// The system's default permissions.
    Anybody,
    Owner,
}

fn could_not_write(path: &Path, source: io::Error) -> Error {
    Error::File {
        what: "could not write",
        path: path.to_owned(),
        source,
    }
}

fn write(
    path: &Path,
    text: &[u8],
    reader: Reader,
    finish: impl FnOnce(&File) -> io::Result<()>,
) -> Result<(), Error> {
    make_folder_of(path)
        .and_then(|()| replace(path, text, reader, finish))
        .map_err(|source| could_not_write(path, source))
}

fn replace(
    path: &Path,
    text: &[u8],
    reader: Reader,
    finish: impl FnOnce(&File) -> io::Result<()>,
) -> io::Result<()> {
    match prepare(path, text, reader, finish)? {
        Some(file) => put(file, path),
        // A terminal or a pipe is written to directly; a file in its place would be useless.
        None => std::fs::write(path, text),
    }
}

fn put(mut file: NamedTempFile, path: &Path) -> io::Result<()> {
    /// Windows cannot replace a file that is open elsewhere, and virus scanners open files that were just written.
    const TRIES: u64 = if cfg!(windows) { 8 } else { 1 };
    for attempt in 1.. {
        match file.persist(path) {
            Ok(_) => break,
            Err(refused)
                if attempt < TRIES && refused.error.kind() == io::ErrorKind::PermissionDenied =>
            {
                file = refused.file;
                std::thread::sleep(std::time::Duration::from_millis(10 << attempt));
            }
            Err(refused) => return Err(refused.error),
        }
    }
    Ok(())
}

/// Writes the complete new file next to the old one. Returns `None` if the path does not name a regular file.
fn prepare(
    path: &Path,
    text: &[u8],
    reader: Reader,
    finish: impl FnOnce(&File) -> io::Result<()>,
) -> io::Result<Option<NamedTempFile>> {
    let known = std::fs::metadata(path).ok();
    if known.as_ref().is_some_and(|known| !known.is_file()) {
        return Ok(None);
    }
    // Replacing a read-only file would ignore the attribute on some systems and fail on others.
    if known
        .as_ref()
        .is_some_and(|known| known.permissions().readonly() && !path.is_symlink())
    {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "the file is read-only",
        ));
    }
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut prefix = path.file_name().unwrap_or_default().to_owned();
    prefix.push(".");
    let mut unfinished = tempfile::Builder::new();
    unfinished.prefix(&prefix).suffix(".part");
    #[cfg(unix)]
    if reader == Reader::Anybody {
        use std::os::unix::fs::PermissionsExt;
        unfinished.permissions(std::fs::Permissions::from_mode(0o666));
    }
    // Removed again unless it replaces the file.
    let mut file = unfinished.tempfile_in(folder)?;
    file.write_all(text)?;
    finish(file.as_file())?;
    if let Some(known) = known.filter(|_| reader == Reader::Anybody) {
        std::fs::set_permissions(file.path(), known.permissions())?;
    }
    Ok(Some(file))
}

#[cfg(test)]
mod tests {
    #[cfg(unix)]
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_read_only_file_is_left_alone_and_the_message_says_that_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("all.yaml");
        std::fs::write(&path, "mine").unwrap();
        let writable = std::fs::metadata(&path).unwrap().permissions();
        let mut read_only = writable.clone();
        read_only.set_readonly(true);
        std::fs::set_permissions(&path, read_only).unwrap();
        let refused = write_file(&path, "theirs").unwrap_err();
        assert!(
            matches!(&refused, Error::File { source, .. } if source.to_string() == "the file is read-only"),
            "{refused:?}"
        );
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
        std::fs::set_permissions(&path, writable).unwrap();
        write_file(&path, "theirs").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "theirs");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn names_that_are_long_or_not_ascii_are_written_like_any_other() {
        let folder = tempfile::tempdir().unwrap();
        // Longer than 260 characters, an old Windows limit.
        let deep: PathBuf = std::iter::repeat_n("Überstunden-für-José", 20).collect();
        let path = folder.path().join(deep).join("прод.yaml");
        let path = std::path::absolute(path).unwrap();
        write_file(&path, "text").unwrap();
        write_file(&path, "again").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "again");
    }

    #[cfg(unix)]
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

    #[cfg(unix)]
    #[test]
    fn what_holds_names_of_people_is_read_by_its_owner_alone_and_other_files_by_whom_the_system_lets()
     {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let kept = folder.path().join(FOLDER);
        std::fs::create_dir(&kept).unwrap();
        std::fs::set_permissions(&kept, std::fs::Permissions::from_mode(0o755)).unwrap();
        let undo = kept.join("undo");
        let file = write_new_private(&undo, "prod-1", "json", "text").unwrap();
        assert_eq!(
            (mode(&kept), mode(&undo), mode(&file)),
            (0o700, 0o700, 0o600)
        );
        let plain = folder.path().join("plan.json");
        write_file(&plain, "plan").unwrap();
        let usual = folder.path().join("usual");
        std::fs::write(&usual, "").unwrap();
        assert_eq!(mode(&plain), mode(&usual));
        std::fs::set_permissions(&plain, std::fs::Permissions::from_mode(0o640)).unwrap();
        write_file(&plain, "again").unwrap();
        assert_eq!(mode(&plain), 0o640);
    }

    #[test]
    fn files_of_one_name_that_are_written_at_once_all_stay() {
        let folder = tempfile::tempdir().unwrap();
        let mut written: Vec<PathBuf> = std::thread::scope(|scope| {
            let writers: Vec<_> = (0..16)
                .map(|number: u32| {
                    let folder = folder.path();
                    scope.spawn(move || {
                        let text = number.to_string();
                        let path = write_new_private(folder, "prod", "json", &text).unwrap();
                        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
                        write_file(&folder.join("shared.json"), &text).unwrap();
                        path
                    })
                })
                .collect();
            writers
                .into_iter()
                .map(|writer| writer.join().unwrap())
                .collect()
        });
        written.sort();
        written.dedup();
        assert_eq!(written.len(), 16);
        // No unfinished files are left.
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 17);
    }

    #[cfg(unix)]
    #[test]
    fn a_device_stays_a_device() {
        write_file(Path::new("/dev/null"), "nothing").unwrap();
        assert!(!std::fs::metadata("/dev/null").unwrap().is_file());
    }

    #[cfg(unix)]
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
