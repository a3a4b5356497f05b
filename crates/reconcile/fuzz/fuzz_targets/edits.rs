//! Any YAML file is edited or left alone.

#![no_main]

use deskstate_reconcile::fuzzing::edits;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| edits(text));
