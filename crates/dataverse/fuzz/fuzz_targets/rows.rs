//! Any OData JSON ends in rows or an error, and a next link never leaves the host.

#![no_main]

use deskstate_dataverse::fuzzing::rows;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| rows(bytes));
