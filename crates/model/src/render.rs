//! Effective manifests as text.

use crate::manifests::{Declared, Manifests};
use crate::yaml::{OutDocument, write_documents};

/// The effective manifests of an environment as one YAML file: sorted by kind and name, fields in the order of the reference.
///
/// Sets of the exact mode are plain lists; files that manifests name are written out. The same manifests give the same bytes.
#[must_use]
pub fn render(manifests: &Manifests) -> String {
    let documents: Vec<OutDocument> = manifests.resources.iter().map(document).collect();
    write_documents(&documents)
}

/// One resource as YAML.
#[must_use]
pub fn to_yaml(declared: &Declared) -> String {
    write_documents(&[document(declared)])
}

fn document(declared: &Declared) -> OutDocument {
    OutDocument {
        comment: None,
        kind: declared.key.kind,
        name: declared.key.name.as_written().to_owned(),
        labels: declared.labels.clone(),
        state: declared.state,
        spec: declared.spec.to_spec(),
    }
}
