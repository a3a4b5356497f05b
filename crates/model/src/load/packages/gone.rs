//! What a package brought once and no longer brings: it is declared absent.

use std::collections::{HashMap, HashSet};
use std::str::FromStr as _;

use super::PackageDocuments;
use crate::contribution::Contribution;
use crate::diagnostic::Diagnostic;
use crate::document::{self, Document, Header};
use crate::kinds::{Kind, ResourceKey};
use crate::load::Loader;
use crate::manifests::State;
use crate::package::{PACKAGE_LOCK, PackageItem};
use crate::project::Project;
use crate::span::Span;
use crate::yaml::{Entry, Node, NodeValue};

impl Loader {
    /// Returns what packages used to bring and nobody declares anymore: rows to delete, and members to remove from sets.
    pub(in crate::load) fn removed(
        &self,
        documents: &PackageDocuments,
        declared: &HashMap<&ResourceKey, Vec<&Header>>,
        project: &Project,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> PackageDocuments {
        let contributed: HashSet<&ResourceKey> = documents
            .contributions
            .iter()
            .map(|one| &one.document.header.key)
            .collect();
        let own: HashSet<&ResourceKey> = documents.own.iter().map(|one| &one.header.key).collect();
        // A document that is limited to some environments says nothing about the others.
        let undeclared_in = |key: &ResourceKey| -> Option<Vec<String>> {
            if own.contains(key) || contributed.contains(key) {
                return Some(Vec::new());
            }
            let headers = declared.get(key)?;
            let names = project.environments.keys();
            let left = names.filter(|name| !headers.iter().any(|header| header.is_in(Some(name))));
            Some(left.cloned().collect())
        };
        let mut removed = PackageDocuments::default();
        let mut rows: HashSet<ResourceKey> = HashSet::new();
        let places = || self.lock.places.iter();
        for (brought, span) in places().filter(|(brought, _)| brought.member.is_none()) {
            if brought.key().is_none() {
                diagnostics.push(
                    Diagnostic::warning(
                        PACKAGE_LOCK.code,
                        format!(
                            "{} `{}` is not deleted, because nothing defines its kind any more",
                            brought.kind, brought.name
                        ),
                    )
                    .at(*span, "a row of a removed package")
                    .help("delete the row by hand and remove it from this list, or define the kind under `spec.kinds`"),
                );
            }
            let Some(mut document) = gone(brought, *span) else {
                continue;
            };
            document.header.environments = undeclared_in(&document.header.key);
            if document.header.environments != Some(Vec::new())
                && rows.insert(document.header.key.clone())
            {
                removed.own.push(document);
            }
        }
        for (brought, span) in places().filter(|(brought, _)| brought.member.is_some()) {
            let Some(document) = gone(brought, *span) else {
                continue;
            };
            if !rows.contains(&document.header.key) {
                removed.contributions.push(Contribution {
                    document,
                    gone: true,
                });
            }
        }
        removed
    }
}

/// Builds a document that removes what a package brought.
pub(super) fn gone(brought: &PackageItem, span: Span) -> Option<Document> {
    let kind = Kind::from_str(&brought.kind).ok()?;
    let text = |text: &str| Node {
        value: NodeValue::Text(text.into()),
        span,
    };
    let map = |entries: Vec<(&str, Node)>| Node {
        value: NodeValue::Map(
            entries
                .into_iter()
                .map(|(key, value)| Entry {
                    key: key.into(),
                    key_span: span,
                    value,
                })
                .collect(),
        ),
        span,
    };
    let state = match brought.member {
        None => State::Absent,
        Some(_) => State::Existing,
    };
    let metadata = map(vec![
        ("name", text(&brought.name)),
        ("state", text(state.as_str())),
    ]);
    let mut entries = vec![
        ("apiVersion", text(crate::schema::API_VERSION)),
        ("kind", text(&brought.kind)),
        ("metadata", metadata),
    ];
    if let Some((field, member)) = &brought.member {
        let members = Node {
            value: NodeValue::List(vec![text(member)]),
            span,
        };
        let set = map(vec![("mode", text("atLeast")), ("without", members)]);
        entries.push(("spec", map(vec![(field.as_str(), set)])));
    }
    Some(Document {
        header: document::Header {
            key: ResourceKey::new(kind, &brought.name),
            name_span: span,
            environments: None,
        },
        node: map(entries),
    })
}
