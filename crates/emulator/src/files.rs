//! Reads files that the user names: regular files only, up to a limit.

use std::fs::File;
use std::io::{Error, ErrorKind, Read as _, Result};
use std::path::Path;

/// The maximum size of an answer sheet, a fault script, a directory, a table file or a certificate, in bytes.
const MOST: u64 = 16 << 20;

/// Opens a regular file. A pipe is rejected before it is opened, because opening it would wait for a writer.
pub(crate) fn open(path: &Path) -> Result<File> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            "it is not a regular file",
        ));
    }
    File::open(path)
}

/// Reads a complete file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.take(MOST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST {
        let large = format!("it is larger than {} MiB", MOST >> 20);
        return Err(Error::new(ErrorKind::InvalidData, large));
    }
    Ok(bytes)
}

/// Reads a complete text file.
pub(crate) fn read_text(path: &Path) -> Result<String> {
    String::from_utf8(read(path)?).map_err(|error| Error::new(ErrorKind::InvalidData, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_regular_file_or_too_large_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(read(folder.path()).is_err());
        #[cfg(unix)]
        assert!(read(Path::new("/dev/zero")).is_err());
        let path = folder.path().join("large");
        let file = File::create(&path).expect("made");
        file.set_len(MOST + 1).expect("sized");
        assert_eq!(
            read(&path).map_err(|error| error.kind()),
            Err(ErrorKind::InvalidData)
        );
        file.set_len(3).expect("sized");
        assert_eq!(read(&path).expect("read").len(), 3);
    }
}
