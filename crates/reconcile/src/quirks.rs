//! Rules that the tables of the kinds cannot express. Each module contains both directions: from manifests to rows, and from rows to
//! manifests.

pub(crate) mod loader;
pub(crate) mod parameters;
pub(crate) mod scripts;
pub(crate) mod session_type;
