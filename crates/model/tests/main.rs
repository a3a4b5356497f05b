//! Everything that is tried from outside, in one program: to link one for each file took longer than to run them.

mod contracts;
mod examples;
mod files;
mod manifests;
mod packages;
mod reference;
mod schemas;
mod support;
mod yaml_edit_laws;
mod yaml_edits;
