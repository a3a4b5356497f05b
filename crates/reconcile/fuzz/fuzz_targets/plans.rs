//! Manifests without an error can be planned, whether the environment is empty or not.

#![no_main]

use deskstate_reconcile::fuzzing::plans;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| plans(bytes));
