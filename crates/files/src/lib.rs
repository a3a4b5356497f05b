//! Reads files within limits. Whatever a path points to and whatever a file contains, reading terminates, never blocks, and uses a bounded
//! amount of memory.

mod limit;
mod names;

use std::collections::BTreeSet;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use limit::Size;
pub use limit::{
    ANSWER_ITEMS, ANSWER_PAGE, CALLS_A_MINUTE, CALLS_WAITING, EXPORTED_AT_ONCE, Limit,
    USUAL_MEMORY, allow_memory, scaled,
};
pub use names::{is_device, unfit_for_windows};

/// The reason why a file was not read.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The file is longer than allowed.
    #[error("it is larger than {0}")]
    TooLarge(Limit),
    /// The file's stated length exceeds the limit, so it was not read.
    #[error("it has {}, more than {limit}", Size(*length))]
    TooLong {
        /// The length according to the file system.
        length: u64,
        /// The limit.
        limit: Limit,
    },
    /// Not a regular file.
    #[error("it is {0}, not a regular file")]
    NotRegular(&'static str),
    /// A symbolic link, where links are not followed.
    #[error("it is a symbolic link, which is not followed here")]
    Link,
    /// Not valid UTF-8.
    #[error("byte {0} is not UTF-8")]
    NotUtf8(usize),
    /// Written in UTF-16.
    #[error("it is written in UTF-16, as `>` of Windows PowerShell 5 does, not in UTF-8")]
    Utf16,
    /// The system could not open or read the file.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl From<Problem> for io::Error {
    fn from(problem: Problem) -> Self {
        match problem {
            Problem::Io(error) => error,
            other => io::Error::new(io::ErrorKind::InvalidData, other),
        }
    }
}

/// Whether a symbolic link at the end of a path is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// For paths chosen by the person who runs the command.
    Follow,
    /// For paths that come from other people's files.
    Refuse,
}

/// Reads a complete file.
///
/// # Errors
/// If it is too long, is not a regular file, or cannot be read.
pub fn read(path: impl AsRef<Path>, limit: Limit) -> Result<Vec<u8>, Problem> {
    let (file, length) = open_regular(path.as_ref(), limit, Links::Follow)?;
    read_open(file, length, limit)
}

/// Reads a complete file, unless the path ends in a symbolic link.
///
/// # Errors
/// Same as [`read`], and if the path ends in a symbolic link.
pub fn read_unlinked(path: impl AsRef<Path>, limit: Limit) -> Result<Vec<u8>, Problem> {
    let (file, length) = open_regular(path.as_ref(), limit, Links::Refuse)?;
    read_open(file, length, limit)
}

/// Reads a complete text file.
///
/// # Errors
/// Same as [`read`], and if it is not valid UTF-8.
pub fn read_text(path: impl AsRef<Path>, limit: Limit) -> Result<String, Problem> {
    text(read(path, limit)?)
}

/// Opens a file to read it in pieces. Its length is only checked when it is opened.
///
/// # Errors
/// Same as [`read`].
pub fn open(path: impl AsRef<Path>, limit: Limit, links: Links) -> Result<File, Problem> {
    open_regular(path.as_ref(), limit, links).map(|(file, _)| file)
}

/// Reads a stream to its end: standard input, a decompressed file, the output of another program.
///
/// # Errors
/// If it is longer than the limit, or cannot be read.
pub fn read_stream(stream: impl Read, limit: Limit) -> Result<Vec<u8>, Problem> {
    read_open(stream, 0, limit)
}

/// Like [`read_stream`], for text.
///
/// # Errors
/// Same as [`read_stream`], and if it is not valid UTF-8.
pub fn read_stream_text(stream: impl Read, limit: Limit) -> Result<String, Problem> {
    text(read_stream(stream, limit)?)
}

/// The first bytes of a regular file, to see what it is before it is replaced; nothing if it cannot be read. The file does not count as read.
pub fn start(path: impl AsRef<Path>, length: u64) -> Vec<u8> {
    let mut start = Vec::new();
    let path = path.as_ref();
    if path.is_file()
        && let Ok(file) = File::open(path)
        && file.take(length).read_to_end(&mut start).is_err()
    {
        start.clear();
    }
    start
}

/// The files that this process has read.
static READ: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Registers a file that this process reads in another way than with this crate.
pub fn note_read(path: impl AsRef<Path>) {
    if let Ok(path) = std::path::absolute(path) {
        let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
        read.insert(path);
    }
}

/// Whether this process has read this file, also under another name: before a file is replaced, this tells an input from an older output.
pub fn was_read(path: impl AsRef<Path>) -> bool {
    let Ok(path) = path.as_ref().canonicalize() else {
        return false;
    };
    let read = READ.lock().unwrap_or_else(PoisonError::into_inner);
    read.iter()
        .any(|known| known.canonicalize().is_ok_and(|known| known == path))
}

/// A limit that several files share.
#[derive(Debug)]
pub struct Total {
    limit: Limit,
    left: u64,
}

impl Total {
    /// Creates a total of which nothing is used yet.
    pub fn new(limit: Limit) -> Total {
        Total {
            limit,
            left: limit.bytes(),
        }
    }

    /// Counts bytes that were read.
    ///
    /// # Errors
    /// If the total exceeds the limit.
    pub fn count(&mut self, bytes: usize) -> Result<(), Problem> {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.left = self
            .left
            .checked_sub(bytes)
            .ok_or(Problem::TooLarge(self.limit))?;
        Ok(())
    }
}

/// Checks the file before it is opened, since opening a pipe waits for a writer, and again afterwards, since the path may point to another
/// file by then.
fn open_regular(path: &Path, limit: Limit, links: Links) -> Result<(File, u64), Problem> {
    let before = match links {
        Links::Follow => std::fs::metadata(path)?,
        Links::Refuse => std::fs::symlink_metadata(path)?,
    };
    judge(&before, limit)?;
    let file = File::open(path)?;
    let length = judge(&file.metadata()?, limit)?;
    note_read(path);
    Ok((file, length))
}

fn judge(metadata: &Metadata, limit: Limit) -> Result<u64, Problem> {
    if metadata.is_symlink() {
        return Err(Problem::Link);
    }
    if !metadata.is_file() {
        return Err(Problem::NotRegular(irregular(metadata)));
    }
    let length = metadata.len();
    if length > limit.bytes() {
        return Err(Problem::TooLong { length, limit });
    }
    Ok(length)
}

#[cfg(unix)]
fn irregular(metadata: &Metadata) -> &'static str {
    use std::os::unix::fs::FileTypeExt as _;
    let kind = metadata.file_type();
    if kind.is_dir() {
        "a directory"
    } else if kind.is_fifo() {
        "a named pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

#[cfg(not(unix))]
fn irregular(metadata: &Metadata) -> &'static str {
    if metadata.is_dir() {
        "a directory"
    } else {
        "a device"
    }
}

/// Reads at most the limit, whatever length the file system states: files in `/proc` have none, and files grow.
fn read_open(stream: impl Read, length: u64, limit: Limit) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    stream
        .take(limit.bytes().saturating_add(1))
        .read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > limit.bytes()) {
        return Err(Problem::TooLarge(limit));
    }
    Ok(bytes)
}

/// The text without a byte order mark, which programs on Windows write.
fn text(bytes: Vec<u8>) -> Result<String, Problem> {
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        return Err(Problem::Utf16);
    }
    let text = String::from_utf8(bytes)
        .map_err(|error| Problem::NotUtf8(error.utf8_error().valid_up_to() + 1))?;
    Ok(match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Limit = Limit::new("a test", 8);

    #[test]
    fn a_file_that_was_read_is_known_by_any_of_its_names() {
        let folder = tempfile::tempdir().expect("a folder");
        let [one, other] = ["one", "other"].map(|name| folder.path().join(name));
        for path in [&one, &other] {
            std::fs::write(path, "text").expect("written");
        }
        read(&one, SMALL).expect("it is read");
        assert!(was_read(&one) && was_read(folder.path().join(".").join("one")));
        assert_eq!(start(&other, 2), b"te");
        assert!(!was_read(&other) && !was_read(folder.path().join("none")));
    }

    #[test]
    fn a_file_within_the_limit_is_read_and_a_longer_one_is_not_opened() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        std::fs::write(&path, "12345678").expect("written");
        assert_eq!(read(&path, SMALL).expect("read"), b"12345678");
        std::fs::write(&path, "123456789").expect("written");
        let problem = read(&path, SMALL).expect_err("too long");
        assert!(matches!(problem, Problem::TooLong { length: 9, .. }));
        assert_eq!(
            problem.to_string(),
            "it has 9 bytes, more than 8 bytes, the limit for a test"
        );
        assert!(open(&path, SMALL, Links::Follow).is_err());
    }

    #[test]
    fn a_stream_ends_at_the_limit_whatever_it_holds() {
        assert!(matches!(
            read_stream(io::repeat(b'a'), SMALL),
            Err(Problem::TooLarge(_))
        ));
        assert_eq!(
            read_stream_text(&b"12345678"[..], SMALL).expect("read"),
            "12345678"
        );
    }

    #[test]
    fn files_that_fit_alone_may_be_too_much_together() {
        let mut total = Total::new(SMALL);
        assert!(total.count(8).is_ok());
        assert!(matches!(total.count(1), Err(Problem::TooLarge(_))));
    }

    #[test]
    fn a_directory_is_not_a_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let problem = read(folder.path(), SMALL).expect_err("a directory");
        assert_eq!(problem.to_string(), "it is a directory, not a regular file");
    }

    #[cfg(unix)]
    #[test]
    fn devices_and_pipes_are_refused_without_waiting_also_behind_links() {
        let folder = tempfile::tempdir().expect("a folder");
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.expect("mkfifo").success());
        assert!(matches!(
            read(&pipe, SMALL),
            Err(Problem::NotRegular("a named pipe"))
        ));
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("/dev/zero", &link).expect("linked");
        assert!(matches!(
            read(&link, SMALL),
            Err(Problem::NotRegular("a device"))
        ));
        assert!(matches!(read_unlinked(&link, SMALL), Err(Problem::Link)));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_that_states_no_length_ends_at_the_limit() {
        assert!(matches!(
            read("/proc/self/status", SMALL),
            Err(Problem::TooLarge(_))
        ));
    }

    #[test]
    fn a_file_that_is_not_text_says_which_byte() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        std::fs::write(&path, b"ab\xFF").expect("written");
        assert!(matches!(read_text(&path, SMALL), Err(Problem::NotUtf8(3))));
        std::fs::write(&path, b"\xEF\xBB\xBFab").expect("written");
        assert_eq!(read_text(&path, SMALL).expect("text"), "ab");
        std::fs::write(&path, b"\xFF\xFEa\0").expect("written");
        assert!(matches!(read_text(&path, SMALL), Err(Problem::Utf16)));
    }
}
