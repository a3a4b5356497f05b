//! On any challenge a secret goes to an issuer of Microsoft's clouds or nowhere.

#![no_main]

use deskstate_dataverse::fuzzing::challenges;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| challenges(text));
