//! The files of an archive or a folder: first listed, then read one by one. They are not trusted: numbers and sizes are bounded, paths that
//! lead elsewhere are refused, symbolic links are not followed.

use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use deskstate_files::{Limit, Links};
use zip::ZipArchive;

use super::SolutionError;

/// Maximum number of files in an archive or a folder.
const MOST_FILES: usize = 50_000;
/// Maximum depth below the given folder at which files are searched.
const MOST_DEPTH: usize = 10;
/// Folders with the output of builds and tools, which duplicates other files.
const BUILT: [&str; 3] = ["bin", "obj", "node_modules"];

/// The message for an export that exceeds the limit.
pub(super) fn too_much() -> String {
    format!("the export is larger than {}", Limit::SOLUTION)
}

/// A file that can be read.
pub(super) trait Archive: Read + Seek {}
impl<T: Read + Seek> Archive for T {}

/// The files of an archive or a folder, by their paths with `/`, sorted.
pub(super) struct Files {
    /// The paths.
    pub(super) names: Vec<String>,
    from: From,
}

enum From {
    Zip(Box<ZipArchive<Box<dyn Archive>>>, Vec<usize>),
    Folder(PathBuf),
    /// The input of tests and fuzzing.
    #[cfg(any(test, fuzzing))]
    Texts(Vec<Vec<u8>>),
}

impl Files {
    /// Lists the files at a path.
    pub(super) fn of(path: &Path) -> Result<Self, SolutionError> {
        let io = |source| SolutionError::Io {
            path: path.to_path_buf(),
            source,
        };
        let kind = std::fs::metadata(path).map_err(io)?;
        if kind.is_dir() {
            return Self::of_folder(path);
        }
        let file = deskstate_files::open(path, Limit::ARCHIVE, Links::Follow)
            .map_err(|problem| io(problem.into()))?;
        Self::of_archive(Box::new(file), path)
    }

    /// Lists the files of an archive.
    pub(super) fn of_archive(
        mut file: Box<dyn Archive>,
        path: &Path,
    ) -> Result<Self, SolutionError> {
        let bad = |reason: String| SolutionError::Zip {
            path: path.to_path_buf(),
            reason,
        };
        let announced = entries(&mut file).map_err(|error| bad(error.to_string()))?;
        let many =
            || SolutionError::Refused(format!("the archive holds more than {MOST_FILES} files"));
        if announced.map_err(&bad)? > MOST_FILES {
            return Err(many());
        }
        let archive = ZipArchive::new(file).map_err(|error| bad(error.to_string()))?;
        if archive.len() > MOST_FILES {
            return Err(many());
        }
        let mut named = Vec::new();
        for (at, name) in archive.file_names().enumerate() {
            let name = name.map_err(|error| bad(error.to_string()))?;
            // Old Windows tools write `\` between folders.
            let name = name.replace('\\', "/");
            if !stays_inside(&name) {
                return Err(SolutionError::Refused(format!(
                    "the archive holds the path `{}`, which leads out of it",
                    name.escape_default()
                )));
            }
            if !name.ends_with('/') && !is_passed_over(&name) {
                named.push((name, at));
            }
        }
        named.sort();
        let (names, places) = named.into_iter().unzip();
        Ok(Self {
            names,
            from: From::Zip(Box::new(archive), places),
        })
    }

    fn of_folder(root: &Path) -> Result<Self, SolutionError> {
        let mut names = Vec::new();
        let mut seen = 0;
        let mut open = vec![(root.to_path_buf(), String::new(), 0)];
        while let Some((folder, name, depth)) = open.pop() {
            let io = |source| SolutionError::Io {
                path: folder.clone(),
                source,
            };
            for entry in std::fs::read_dir(&folder).map_err(io)? {
                let entry = entry.map_err(io)?;
                seen += 1;
                if seen > MOST_FILES {
                    return Err(SolutionError::Refused(format!(
                        "the folder holds more than {MOST_FILES} files"
                    )));
                }
                let kind = entry.file_type().map_err(io)?;
                let own = entry.file_name().to_string_lossy().into_owned();
                let path = if name.is_empty() {
                    own.clone()
                } else {
                    format!("{name}/{own}")
                };
                if kind.is_dir() && depth < MOST_DEPTH && !is_passed_over_folder(&own) {
                    open.push((entry.path(), path, depth + 1));
                } else if kind.is_file() && !is_passed_over(&path) {
                    names.push(path);
                }
            }
        }
        names.sort();
        Ok(Self {
            names,
            from: From::Folder(root.to_path_buf()),
        })
    }

    /// Creates files from texts.
    #[cfg(any(test, fuzzing))]
    pub(super) fn of_texts(mut texts: Vec<(String, String)>) -> Self {
        texts.sort();
        let (names, texts): (Vec<String>, Vec<String>) = texts.into_iter().unzip();
        Self {
            names,
            from: From::Texts(texts.into_iter().map(String::into_bytes).collect()),
        }
    }

    /// Reads the file at this index of `names`.
    pub(super) fn read<T>(
        &mut self,
        at: usize,
        reading: impl FnOnce(&mut dyn Read) -> Result<T, String>,
    ) -> Result<T, SolutionError> {
        let name = self.names.get(at).cloned().unwrap_or_default();
        let bad = |reason: String| SolutionError::Xml {
            file: name.clone(),
            reason,
        };
        match &mut self.from {
            From::Zip(archive, places) => {
                let place = places.get(at).copied().unwrap_or(usize::MAX);
                let mut entry = archive
                    .by_index(place)
                    .map_err(|error| bad(error.to_string()))?;
                reading(&mut entry).map_err(bad)
            }
            From::Folder(root) => {
                let path = root.join(&name);
                let mut file = deskstate_files::open(&path, Limit::SOLUTION_FILE, Links::Refuse)
                    .map_err(|problem| SolutionError::Io {
                        path,
                        source: problem.into(),
                    })?;
                reading(&mut file).map_err(bad)
            }
            #[cfg(any(test, fuzzing))]
            From::Texts(texts) => {
                let bytes = texts.get(at).map_or(&[][..], Vec::as_slice);
                reading(&mut io::Cursor::new(bytes)).map_err(bad)
            }
        }
    }
}

/// Whether a folder contains copies, or what a tool keeps about the others.
fn is_passed_over_folder(name: &str) -> bool {
    name.starts_with('.') || name == "__MACOSX" || BUILT.contains(&name)
}

/// Whether a file is in such a folder, or is what macOS keeps about another file.
fn is_passed_over(path: &str) -> bool {
    let (folders, own) = path.rsplit_once('/').unwrap_or(("", path));
    own.starts_with("._")
        || folders
            .split('/')
            .any(|folder| folder != "." && is_passed_over_folder(folder))
}

/// Whether a path stays inside the archive.
fn stays_inside(name: &str) -> bool {
    !name.starts_with('/')
        && !name.contains([':', '\0'])
        && name.split('/').all(|part| part != "..")
}

/// The number of entries that an archive claims to have, checked before memory is allocated for them; or why the file is not an archive.
fn entries(file: &mut (impl Read + Seek)) -> io::Result<Result<usize, String>> {
    /// The record at the end of an archive: its signature, its length, and the maximum length of the comment that follows.
    const END: &[u8] = b"PK\x05\x06";
    const LENGTH: usize = 22;
    const COMMENT: u64 = 65_535;
    let length = file.seek(SeekFrom::End(0))?;
    let mut head = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.by_ref().take(4).read_to_end(&mut head)?;
    let tail_at = length.saturating_sub(COMMENT + LENGTH as u64);
    file.seek(SeekFrom::Start(tail_at))?;
    let mut tail = Vec::new();
    BufReader::new(file.by_ref().take(COMMENT + LENGTH as u64)).read_to_end(&mut tail)?;
    file.seek(SeekFrom::Start(0))?;
    let end = tail.windows(END.len()).rposition(|window| window == END);
    Ok(match end.and_then(|at| tail.get(at + 10..at + 12)) {
        Some(number) => Ok(usize::from(u16::from_le_bytes([number[0], number[1]]))),
        None if head.starts_with(b"PK") => Err(
            "expected the table of contents at its end, found none; the file may be truncated"
                .to_owned(),
        ),
        None if head.starts_with(b"<") || head.starts_with(b"\xEF\xBB\xBF") => Err(
            "expected an archive or a folder, found an XML file; pass the folder that holds it"
                .to_owned(),
        ),
        None => Err(format!(
            "expected a file that begins with `PK`, found `{}`",
            head.escape_ascii()
        )),
    })
}
