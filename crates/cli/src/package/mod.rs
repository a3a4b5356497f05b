//! Packages of vendors on the way into a project: archives, where they are from, and how they get into the repository.

pub(crate) mod archive;
pub(crate) mod install;
pub(crate) mod source;
