//! For any text, a recording contains no mail address and no token, and JSON stays valid.

#![no_main]

use deskstate_dataverse::fuzzing::recordings;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| recordings(text));
