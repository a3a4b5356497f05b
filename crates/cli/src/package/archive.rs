//! Archives of packages. The same files always produce the same bytes. An archive from outside is accepted completely or refused.

use std::collections::BTreeMap;
use std::io::{Cursor, Write as _};

use deskstate_files::{Limit, Total, read_stream};
use deskstate_model::{CHECKSUMS_FILE, PackageFiles, checksums, package_text};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

use crate::error::Error;
use crate::output::plain;

/// Maximum number of files in a package.
const MOST_FILES: usize = 2_000;
/// Maximum length of a file's path. Windows allows little more, including the folder of a project.
const LONGEST_PATH: usize = 150;

/// Packs these files and their checksums into an archive. Nothing is compressed, because another version of the compressor could produce
/// other bytes.
pub(crate) fn pack(files: &PackageFiles) -> Result<Vec<u8>, Error> {
    let sums = checksums(files);
    let texts = files
        .iter()
        .filter(|(path, _)| *path != CHECKSUMS_FILE)
        .map(|(path, text)| (path.as_str(), package_text(text)));
    let mut all: BTreeMap<&str, String> = texts.collect();
    all.insert(CHECKSUMS_FILE, sums);
    zipped(all)
}

/// Packs texts into an archive, by path.
pub(crate) fn zipped<'a>(
    texts: impl IntoIterator<Item = (&'a str, String)>,
) -> Result<Vec<u8>, Error> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o644);
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let failed = |error: zip::result::ZipError| Error::failed(format!("no archive: {error}"));
    for (path, text) in texts {
        archive.start_file(path, options).map_err(failed)?;
        archive.write_all(text.as_bytes())?;
    }
    Ok(archive.finish().map_err(failed)?.into_inner())
}

/// Reads the files of an archive. Refuses an archive that could write outside its folder, or whose checksums are wrong.
pub(crate) fn unpack(bytes: &[u8], shown: &str) -> Result<PackageFiles, Error> {
    let refused = |message: String| Error::Refused {
        message: format!("{shown}: {message}; nothing was written"),
        hint: Some("ask the vendor for an archive that `deskstate package build` made".to_owned()),
    };
    let mut archive = ZipArchive::new(Cursor::new(bytes))
        .map_err(|error| refused(format!("it is not a zip archive: {error}")))?;
    if archive.len() > MOST_FILES {
        return Err(refused(format!("it contains more than {MOST_FILES} files")));
    }
    let mut files = PackageFiles::new();
    let mut total = Total::new(Limit::PACKAGE);
    for at in 0..archive.len() {
        let entry = archive
            .by_index(at)
            .map_err(|error| refused(format!("it cannot be read: {error}")))?;
        let name = std::str::from_utf8(entry.name_raw())
            .map_err(|_| refused("the name of a file is not UTF-8".to_owned()))?
            .to_owned();
        let said = plain(&name);
        // The Unix file type; 0 if the archive does not state it.
        let kind = entry.unix_mode().map_or(0, |mode| mode & 0o170_000);
        if entry.is_symlink() || !matches!(kind, 0 | 0o100_000 | 0o040_000) {
            return Err(refused(format!("`{said}` is not a regular file")));
        }
        if name.ends_with('/') {
            match unsafe_path(name.trim_end_matches('/')) {
                Some(why) => return Err(refused(format!("the path `{said}` {why}"))),
                None => continue,
            }
        }
        let bytes = read_stream(entry, Limit::MANIFEST)
            .map_err(|problem| refused(format!("`{said}`: {problem}")))?;
        total
            .count(bytes.len())
            .map_err(|problem| refused(format!("unpacked, {problem}")))?;
        let text =
            String::from_utf8(bytes).map_err(|_| refused(format!("`{said}` is not UTF-8 text")))?;
        if files.insert(name, text).is_some() {
            return Err(refused(format!("`{said}` occurs twice")));
        }
    }
    check_paths(&files).map_err(&refused)?;
    let Some(sums) = files.remove(CHECKSUMS_FILE) else {
        return Err(refused(format!("it has no `{CHECKSUMS_FILE}`")));
    };
    let now = checksums(&files);
    if package_text(&sums) != now {
        let differs = |line: &&str| !sums.lines().any(|known| known == *line);
        let path = now
            .lines()
            .find(differs)
            .and_then(|line| line.split_once("  "));
        return Err(refused(match path {
            Some((_, path)) => format!(
                "the checksum of `{}` in `{CHECKSUMS_FILE}` is wrong",
                plain(path)
            ),
            None => format!("`{CHECKSUMS_FILE}` lists files that are not in it"),
        }));
    }
    Ok(files)
}

/// Refuses files that would not be allowed in an archive.
pub(crate) fn check_files(files: &PackageFiles, shown: &str) -> Result<(), Error> {
    let refused = |message: String| Error::Refused {
        message: format!("{shown}: {message}; nothing was written"),
        hint: Some("rename or remove the file".to_owned()),
    };
    if files.len() > MOST_FILES {
        return Err(refused(format!(
            "the package has more than {MOST_FILES} files"
        )));
    }
    let mut total = Total::new(Limit::PACKAGE);
    for text in files.values() {
        total
            .count(text.len())
            .map_err(|problem| refused(problem.to_string()))?;
    }
    check_paths(files).map_err(refused)
}

/// Checks that every path is safe on every system, and that no two are the same file on Windows and macOS.
fn check_paths(files: &PackageFiles) -> Result<(), String> {
    let mut known: BTreeMap<String, &str> = BTreeMap::new();
    for path in files.keys() {
        if let Some(why) = unsafe_path(path) {
            return Err(format!("the path `{}` {why}", plain(path)));
        }
        if let Some(first) = known.insert(path.to_lowercase(), path) {
            return Err(format!(
                "`{}` and `{}` differ only in case",
                plain(first),
                plain(path)
            ));
        }
    }
    // One path may be a folder of another and a file.
    let is_file = |folder: &str| known.contains_key(&folder.to_lowercase());
    for path in files.keys() {
        let folders = path.match_indices('/').map(|(at, _)| &path[..at]);
        if let Some(folder) = folders.into_iter().find(|folder| is_file(folder)) {
            return Err(format!("`{}` is a file and a folder", plain(folder)));
        }
    }
    Ok(())
}

/// Explains why a path could leave its folder or is not a valid file path on every system.
fn unsafe_path(path: &str) -> Option<&'static str> {
    if path.starts_with('/') || path.contains(['\\', ':']) {
        return Some("is absolute or names a drive");
    }
    if path.len() > LONGEST_PATH {
        return Some("is too long");
    }
    path.split('/').find_map(|part| match part {
        "" | "." | ".." => Some("leads out of the package"),
        part if part.starts_with('.') => Some("is hidden"),
        part => deskstate_files::unfit_for_windows(part),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> PackageFiles {
        let one = |path: &str, text: &str| (path.to_owned(), text.to_owned());
        PackageFiles::from([
            one("deskstate-package.yaml", "a\r\n"),
            one("manifests/a.yaml", "b\n"),
        ])
    }

    /// Name, text, and whether it is a link.
    type Entry<'a> = (&'a str, &'a str, bool);

    fn zip_of(entries: &[Entry<'_>]) -> Vec<u8> {
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, text, link) in entries {
            let options = SimpleFileOptions::default();
            match link {
                true => archive.add_symlink(*name, *text, options).unwrap(),
                false => {
                    archive.start_file(*name, options).unwrap();
                    archive.write_all(text.as_bytes()).unwrap();
                }
            }
        }
        archive.finish().unwrap().into_inner()
    }

    #[test]
    fn an_archive_has_the_same_bytes_and_gives_back_its_files() {
        let bytes = pack(&files()).unwrap();
        let mut other = files();
        other.insert(
            "deskstate-package.yaml".to_owned(),
            "\u{feff}a\n".to_owned(),
        );
        assert_eq!(pack(&other).unwrap(), bytes, "line ends do not count");
        let again = unpack(&bytes, "x.zip").unwrap();
        assert_eq!(again.get("deskstate-package.yaml").unwrap(), "a\n");
        assert_eq!(pack(&again).unwrap(), bytes);
    }

    #[test]
    fn hostile_archives_are_refused_with_the_path() {
        let long = "a/".repeat(100) + "b";
        let cases: [(&[Entry<'_>], &str); 15] = [
            (&[("../a.yaml", "", false)], "leads out"),
            (&[("a/../../b", "", false)], "leads out"),
            (&[("/etc/passwd", "", false)], "absolute"),
            (&[("C:/a", "", false)], "drive"),
            (&[("a\\b", "", false)], "absolute"),
            (&[("a//b", "", false)], "leads out"),
            (&[("con.yaml", "", false)], "device"),
            (&[("a. /b", "", false)], "Windows drops"),
            (&[(".git/config", "", false)], "hidden"),
            (&[("a\u{7}b", "", false)], "Windows does not take"),
            (&[("link", "/etc/passwd", true)], "not a regular file"),
            (
                &[("A.yaml", "", false), ("a.yaml", "", false)],
                "differ only in case",
            ),
            (
                &[("a", "", false), ("a/b", "", false)],
                "a file and a folder",
            ),
            (&[("a.yaml", "", false)], "has no `SHA256SUMS`"),
            (&[(&long, "", false)], "too long"),
        ];
        for (entries, why) in cases {
            let error = unpack(&zip_of(entries), "x.zip").unwrap_err();
            assert!(error.to_string().contains(why), "{entries:?}: {error}");
        }
        let wrong = zip_of(&[
            ("a.yaml", "b", false),
            (CHECKSUMS_FILE, "0  a.yaml\n", false),
        ]);
        let error = unpack(&wrong, "x.zip").unwrap_err();
        assert!(
            error.to_string().contains("the checksum of `a.yaml`"),
            "{error}"
        );
        let bomb = zip_of(&[("a.yaml", &"a".repeat(17 << 20), false)]);
        assert!(bomb.len() < 1 << 20);
        assert!(unpack(&bomb, "x.zip").is_err());
        assert!(unpack(b"PK\x05\x06", "x.zip").is_err());
    }
}
