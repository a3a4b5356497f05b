//! All integration tests in one program: linking one program per file took longer than running the tests.

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
