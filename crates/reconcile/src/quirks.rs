//! What no table can say, each with both directions side by side: from manifests to rows, and from rows to manifests.

pub(crate) mod loader;
pub(crate) mod parameters;
pub(crate) mod scripts;
pub(crate) mod session_type;
