//! Vendor packages on their way into a project: archives, sources, and installation.

pub(crate) mod archive;
pub(crate) mod install;
pub(crate) mod source;
