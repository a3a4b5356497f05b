//! Manifests without errors can be planned against an empty environment and against one with rows.

#![no_main]

use deskstate_reconcile::fuzzing::plans;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| plans(bytes));
