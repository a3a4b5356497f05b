//! Any text is read as a plan file or refused with a reason.

#![no_main]

use deskstate_reconcile::plan_file;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = plan_file::read(text);
});
