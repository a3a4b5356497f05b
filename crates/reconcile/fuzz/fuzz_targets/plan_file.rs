//! Any text is either parsed as a plan file or an undo file, or refused with a reason. A file that was parsed can be written again
//! unchanged.

#![no_main]

use deskstate_reconcile::fuzzing::plan_files;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| plan_files(text));
