//! Paths in messages. They are written with `/` on every system: Windows accepts it too, pages and reports look the same everywhere, and a
//! suggested command can be pasted into any shell.

use std::io;
use std::path::{Path, PathBuf};

use crate::door::plain;

/// A path for people.
pub(crate) fn shown_path(path: &Path) -> String {
    plain(&with_slashes(path))
}

/// A path relative to the current folder.
pub(crate) fn from_here(path: &Path) -> String {
    let here = std::env::current_dir().and_then(|here| here.canonicalize());
    let near = here
        .ok()
        .zip(path.canonicalize().ok())
        .and_then(|(here, path)| Some(path.strip_prefix(here).ok()?.to_path_buf()));
    with_slashes(near.as_deref().unwrap_or(path))
}

/// A path with `/` between folders.
pub(crate) fn with_slashes(path: &Path) -> String {
    let path = path.to_string_lossy();
    if cfg!(windows) {
        of_windows(&path)
    } else {
        path.into_owned()
    }
}

/// An absolute path for another program.
pub(crate) fn for_programs(path: &Path) -> io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    Ok(if cfg!(windows) {
        usual(&path.to_string_lossy()).into()
    } else {
        path
    })
}

fn of_windows(path: &str) -> String {
    usual(path).replace('\\', "/")
}

/// A Windows path without the prefix of canonical paths, which Explorer, for example, cannot open.
fn usual(path: &str) -> String {
    match path.strip_prefix(r"\\?\UNC\") {
        Some(share) => format!(r"\\{share}"),
        None => path.strip_prefix(r"\\?\").unwrap_or(path).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_windows_are_shown_with_slashes_and_without_their_prefix() {
        for (path, shown) in [
            (
                r"C:\Users\José\desk\.deskstate/local.json",
                "C:/Users/José/desk/.deskstate/local.json",
            ),
            (r"\\?\C:\desk\deskstate.yaml", "C:/desk/deskstate.yaml"),
            (r"\\?\UNC\server\share\desk", "//server/share/desk"),
            (r"\\server\share\desk", "//server/share/desk"),
            (r"manifests\sub\a.yaml", "manifests/sub/a.yaml"),
        ] {
            assert_eq!(of_windows(path), shown);
        }
    }

    #[test]
    fn other_programs_get_an_absolute_path_without_a_prefix() {
        assert_eq!(usual(r"\\?\C:\desk\preview.html"), r"C:\desk\preview.html");
        assert_eq!(usual(r"\\?\UNC\server\a.html"), r"\\server\a.html");
        let path = for_programs(Path::new("src/paths.rs")).unwrap();
        assert!(path.is_absolute() && path.is_file(), "{path:?}");
        #[cfg(windows)]
        assert_eq!(for_programs(&path.canonicalize().unwrap()).unwrap(), path);
    }

    #[cfg(unix)]
    #[test]
    fn elsewhere_a_backslash_is_a_letter_of_a_name() {
        assert_eq!(shown_path(Path::new(r"a\b/c")), r"a\b/c");
    }

    #[test]
    fn a_path_below_the_current_folder_is_named_from_there() {
        let here = std::env::current_dir().unwrap();
        assert_eq!(from_here(&here.join("src/paths.rs")), "src/paths.rs");
    }
}
