//! Any reply to a batch ends in an answer or a reason. The first line is the content type.

#![no_main]

use deskstate_dataverse::fuzzing::replies;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| replies(bytes));
