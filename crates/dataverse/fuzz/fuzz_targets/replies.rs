//! Any reply to a batch ends in an answer or an error. The first line is the content type.

#![no_main]

use deskstate_dataverse::fuzzing::replies;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| replies(bytes));
