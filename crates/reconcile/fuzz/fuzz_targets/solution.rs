//! Any bytes are read as a solution, an archive or one file of an unpacked one, or refused with a reason.

#![no_main]

use std::fs;

use deskstate_reconcile::export::{Selection, export};
use deskstate_reconcile::raise::Options;
use deskstate_reconcile::solution;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(folder) = tempfile::tempdir() else { return };
    let path = if bytes.starts_with(b"PK") {
        folder.path().join("solution.zip")
    } else {
        folder.path().join("msdyn_sessiontemplates/a/msdyn_sessiontemplate.xml")
    };
    let _ = path.parent().map(fs::create_dir_all);
    let _ = fs::write(&path, bytes);
    let whole = if bytes.starts_with(b"PK") { path.as_path() } else { folder.path() };
    if let Ok(live) = solution::read(whole) {
        export(&live, &Selection::default(), Options::default());
    }
});
