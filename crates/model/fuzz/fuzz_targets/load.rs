//! Any bytes load without a panic, within bounded time and memory. Places are inside their files, and what loads without errors is the same
//! after `render`.
//!
//! The input is a manifest, or a project whose files begin with lines such as `#! deskstate.yaml`, as in `tests/manifests/`, which also
//! serves as a corpus.

#![no_main]

use deskstate_model::fuzzing::load;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| load(bytes));
