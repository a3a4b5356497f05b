//! Renders effective manifests as text.

use crate::manifests::{Declared, Manifests};
use crate::yaml::{OutDocument, write_documents};

/// Returns the effective manifests of an environment as one YAML file: sorted by kind and name, fields in the order of the reference.
///
/// Exact sets become plain lists; the content of files that manifests name is included. The same manifests always give the same bytes.
#[must_use]
pub fn render(manifests: &Manifests) -> String {
    let resources = manifests.resources.iter();
    let documents: Vec<OutDocument> = resources
        .map(|declared| OutDocument::of(declared, None))
        .collect();
    write_documents(&documents)
}

/// Returns one resource as YAML.
#[must_use]
pub fn to_yaml(declared: &Declared) -> String {
    write_documents(&[OutDocument::of(declared, None)])
}
