//! The input of a guide: the resources in a possible order of creation, and the contracts' requirements for them.

use std::collections::{BTreeMap, BTreeSet};

use deskstate_model::{
    Declared, Field, Kind, Manifests, Place, Project, ResourceKey, State, Subject, subject_of,
};
use deskstate_reconcile::secret;
use serde_json::{Map, Value as Json};

use super::demands::Demands;
use crate::specs::Spec;

/// The input of a guide.
pub(super) struct Desk<'a> {
    pub(super) manifests: &'a Manifests,
    /// In an order in which they can be created.
    pub(super) declared: Vec<&'a Declared>,
    specs: BTreeMap<ResourceKey, Spec>,
    pub(super) demands: Demands<'a>,
}

impl<'a> Desk<'a> {
    pub(super) fn of(manifests: &'a Manifests, project: &Project) -> Self {
        let mut declared: Vec<&Declared> = manifests.resources.iter().collect();
        declared.sort_by_key(|declared| {
            let kind = declared.key.kind;
            let level = kind.table().level;
            // Rows of the same level may refer to each other: a pane to its tools.
            let leans = references(kind).any(|to| to != kind && to.table().level == level);
            (level, leans, &declared.key)
        });
        let present = declared
            .iter()
            .filter(|declared| declared.state != State::Absent);
        let subjects: Vec<Subject> = present
            .map(|declared| {
                let subject = subject_of(declared, project);
                let spec = match secret::masked(&Json::Object(subject.spec)) {
                    Json::Object(spec) => spec,
                    _ => Map::new(),
                };
                Subject { spec, ..subject }
            })
            .collect();
        let demands = Demands::of(&manifests.contracts, &subjects);
        let specs = subjects.into_iter();
        Self {
            manifests,
            declared,
            specs: specs.map(|subject| (subject.key, subject.spec)).collect(),
            demands,
        }
    }

    pub(super) fn spec(&self, key: &ResourceKey) -> Option<&Spec> {
        self.specs.get(key)
    }

    /// The resources that the guide covers, with their fields.
    pub(super) fn present(&self) -> impl Iterator<Item = (&'a Declared, &Spec)> {
        let declared = self.declared.iter().copied();
        declared.filter_map(|declared| Some((declared, self.spec(&declared.key)?)))
    }

    /// Resources that are created in a section on the page of a referring resource.
    pub(super) fn in_sections(&self) -> BTreeSet<ResourceKey> {
        let references = self
            .present()
            .flat_map(|(declared, _)| declared.spec.references());
        references
            .filter(|reference| is_section(reference.kind))
            .map(|reference| ResourceKey::new(reference.kind, reference.name.as_str()))
            .collect()
    }
}

/// Whether rows of a kind are created on the page of the referring resource.
pub(super) fn is_section(kind: Kind) -> bool {
    matches!(kind.definition().place, Place::Section(_))
}

/// The kinds that a kind refers to.
fn references(kind: Kind) -> impl Iterator<Item = Kind> {
    let own = kind.fields().iter();
    let inner = kind.fields().iter().flat_map(Field::items);
    own.chain(inner).filter_map(Field::refers_to)
}
