//! Any text is read as a plan file or an undo file, or refused with a reason; what was read can be written again as the same file.

#![no_main]

use deskstate_reconcile::fuzzing::plan_files;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| plan_files(text));
