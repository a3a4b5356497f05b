//! Effective manifests as text.

use crate::manifests::{Declared, Manifests};
use crate::yaml::{OutDocument, write_documents};

/// The effective manifests of an environment as one YAML file: sorted by kind and name, fields in the order of the reference.
///
/// Sets of the exact mode are plain lists; files that manifests name are written out. The same manifests give the same bytes.
#[must_use]
pub fn render(manifests: &Manifests) -> String {
    let resources = manifests.resources.iter();
    let documents: Vec<OutDocument> = resources
        .map(|declared| OutDocument::of(declared, None))
        .collect();
    write_documents(&documents)
}

/// One resource as YAML.
#[must_use]
pub fn to_yaml(declared: &Declared) -> String {
    write_documents(&[OutDocument::of(declared, None)])
}
