//! Any text is either rejected as the URL of an environment, or has a host, contains no credentials, and is HTTPS or local.

#![no_main]

use deskstate_dataverse::fuzzing::urls;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| urls(text));
