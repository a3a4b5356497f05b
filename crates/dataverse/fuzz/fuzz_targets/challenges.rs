//! For any challenge, a secret is sent only to an issuer of Microsoft's clouds.

#![no_main]

use deskstate_dataverse::fuzzing::challenges;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| challenges(text));
