//! Opens the user's browser.

use std::ffi::OsStr;
use std::process::{Command, Stdio};

/// Opens a file or an address with the system's default program, without a shell. Returns false if there is no such program.
pub(crate) fn open(what: impl AsRef<OsStr>) -> bool {
    let mut command = if cfg!(target_os = "macos") {
        Command::new("open")
    } else if cfg!(windows) {
        let mut command = Command::new("rundll32");
        command.arg("url.dll,FileProtocolHandler");
        command
    } else {
        Command::new("xdg-open")
    };
    let child = command
        .arg(what)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    child.is_ok()
}
