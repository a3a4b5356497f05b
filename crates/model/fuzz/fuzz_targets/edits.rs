//! Any YAML file is edited or left alone.

#![no_main]

use deskstate_model::fuzzing::edits;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| edits(text));
