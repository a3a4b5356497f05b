//! Any text is refused as the URL of an environment, or has a host and no sign-in data and is https or local.

#![no_main]

use deskstate_dataverse::fuzzing::urls;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| urls(text));
