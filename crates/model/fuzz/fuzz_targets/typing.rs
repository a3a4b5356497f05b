//! What an editor is told after any edits is what a fresh load says.

#![no_main]

use deskstate_model::fuzzing::typing;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| typing(text));
