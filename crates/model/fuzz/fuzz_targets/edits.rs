//! Any YAML file is either edited or left unchanged.

#![no_main]

use deskstate_model::fuzzing::edits;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| edits(text));
