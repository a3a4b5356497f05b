//! After any edits, an editor sees the same findings as after a fresh load.

#![no_main]

use deskstate_model::fuzzing::typing;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| typing(text));
