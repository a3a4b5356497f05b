//! Any bytes are either read as a solution (an archive, or the files of an unpacked one) or refused with a reason. Its export loads.

#![no_main]

use deskstate_reconcile::fuzzing::solutions;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| solutions(bytes));
