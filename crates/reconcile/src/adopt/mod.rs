//! Live values back into the existing manifests.

mod edit;

pub use edit::{Editor, Refused};
