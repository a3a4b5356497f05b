//! Any bytes load without a panic, within bounded time and memory.
//!
//! The input is a manifest, or a project whose files begin with lines such as `#! deskstate.yaml`, as in `tests/manifests/`, which
//! serves as a corpus too:
//!
//!     cargo +nightly fuzz run load fuzz/corpus/load tests/manifests/valid tests/manifests/invalid

#![no_main]

use std::fs;
use std::path::Path;

use deskstate_model::{load, render};
use libfuzzer_sys::fuzz_target;

const PROJECT: &[u8] = b"apiVersion: deskstate/v1\nkind: Project\nmetadata: {name: fuzz}\nspec:\n  contracts: [contracts/a.yaml]\n  variables: {a: b, n: 1, l: [x]}\n  environments:\n    e: {emulator: {state: s.json}, overlay: overlays/e}\n";

/// The places at which a file may be put.
const PATHS: [&str; 4] = ["deskstate.yaml", "manifests/case.yaml", "contracts/a.yaml", "overlays/e/case.yaml"];

fn lay_out(bytes: &[u8], folder: &Path) {
    let write = |path: &str, bytes: &[u8]| {
        let path = folder.join(path);
        let _ = path.parent().map(fs::create_dir_all);
        let _ = fs::write(path, bytes);
    };
    write(PATHS[0], PROJECT);
    let mut path = PATHS[1];
    let mut start = 0;
    let mut at = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let next = line.strip_prefix(b"#! ").and_then(|name| {
            let name = std::str::from_utf8(name).ok()?.trim();
            PATHS.into_iter().find(|known| *known == name).or(Some(PATHS[1]))
        });
        if let Some(next) = next {
            if start < at {
                write(path, &bytes[start..at]);
            }
            path = next;
            start = at + line.len();
        }
        at += line.len();
    }
    write(path, &bytes[start..]);
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(folder) = tempfile::tempdir() else { return };
    lay_out(bytes, folder.path());
    let (manifests, diagnostics) = load(folder.path(), None);
    for diagnostic in &diagnostics {
        for label in diagnostic.primary.iter().chain(&diagnostic.secondary) {
            manifests.sources.line_column(label.span);
        }
    }
    render(&manifests);
});
