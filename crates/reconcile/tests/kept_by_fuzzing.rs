//! What fuzzing kept of plan files and solutions, as it stands and with bytes turned: each is read or refused with a reason.

#![expect(clippy::expect_used, reason = "a broken file system is a failed test")]

use std::fs;
use std::path::Path;

use deskstate_reconcile::export::{Selection, export};
use deskstate_reconcile::plan_file;
use deskstate_reconcile::raise::Options;
use deskstate_reconcile::solution;
use tempfile::TempDir;

fn kept(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let files = fs::read_dir(folder).expect("the corpus is there");
    let kept: Vec<Vec<u8>> = files
        .map(|file| fs::read(file.expect("listed").path()).expect("read"))
        .collect();
    assert!(kept.len() > 3, "{target}: too little is kept");
    kept
}

/// The bytes, and so many others that are nearly the same.
fn nearly(bytes: &[u8], places: usize) -> impl Iterator<Item = Vec<u8>> {
    let step = (bytes.len() / places).max(1);
    let others = (0..bytes.len()).step_by(step).flat_map(move |at| {
        let (before, after) = bytes.split_at(at);
        let turned = [0, b'"', b'<', b'{', 0xff]
            .into_iter()
            .map(move |turned| [before, &[turned], &after[1..]].concat());
        let cut = [before.to_vec(), [before, &after[1..]].concat()];
        turned.chain(cut)
    });
    std::iter::once(bytes.to_vec()).chain(others)
}

#[test]
fn plan_files_are_read_or_refused_with_a_reason() {
    for bytes in kept("plan_file") {
        for bytes in nearly(&bytes, 300) {
            let _ = plan_file::read(&String::from_utf8_lossy(&bytes));
        }
    }
}

#[test]
fn solutions_are_read_or_refused_with_a_reason_and_what_was_read_can_be_exported() {
    let folder = TempDir::new().expect("a folder");
    let file = folder
        .path()
        .join("msdyn_sessiontemplates/a/msdyn_sessiontemplate.xml");
    fs::create_dir_all(file.parent().expect("a parent")).expect("created");
    let archives = TempDir::new().expect("a folder");
    let zip = archives.path().join("solution.zip");
    for bytes in kept("solution") {
        let is_zip = bytes.starts_with(b"PK");
        for bytes in nearly(&bytes, 150) {
            let (path, whole) = if is_zip {
                (&zip, zip.as_path())
            } else {
                (&file, folder.path())
            };
            fs::write(path, &bytes).expect("written");
            if let Ok(live) = solution::read(whole) {
                export(&live, &Selection::default(), Options::default());
            }
        }
    }
}
