//! Any bytes load without a panic, within bounded time and memory; places lie in their files, and what was loaded without an error is
//! the same after `render`.
//!
//! The input is a manifest, or a project whose files begin with lines such as `#! deskstate.yaml`, as in `tests/manifests/`, which
//! serves as a corpus too.

#![no_main]

use deskstate_model::fuzzing::load;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| load(bytes));
