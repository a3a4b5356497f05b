//! What loading gives.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::contract::{Contract, Subject};
use crate::kinds::{AppProfile, CIF_V2_LOADER, PANE_LOADER, Resource, ResourceKey};
use crate::name::fold;
use crate::package::{Lock, PACKAGES_FOLDER, Package, PackageItem};
use crate::project::{CifV2Loader, Project};
use crate::span::{SourceMap, Span};

/// Everything that a project says, for one environment or for all.
#[derive(Debug, Clone, Default)]
pub struct Manifests {
    /// The files that were read.
    pub sources: SourceMap,
    /// What `deskstate.yaml` says; `None` where it could not be read.
    pub project: Option<Project>,
    /// The environment for which the resources are effective.
    pub environment: Option<String>,
    /// The declared resources, sorted by key.
    pub resources: Vec<Declared>,
    /// The contracts of the project, in its order.
    pub contracts: Vec<Contract>,
    /// The packages that the project uses, in its order.
    pub packages: Vec<Package>,
    /// What `deskstate.lock` says.
    pub lock: Lock,
    /// What each package brings now, by name.
    pub brings: BTreeMap<String, BTreeSet<PackageItem>>,
}

impl Manifests {
    /// The document that declares a resource.
    #[must_use]
    pub fn find(&self, key: &ResourceKey) -> Option<&Declared> {
        self.resources
            .binary_search_by(|declared| declared.key.cmp(key))
            .ok()
            .map(|at| &self.resources[at])
    }

    /// The package whose file a place is in.
    #[must_use]
    pub fn package_of(&self, place: Span) -> Option<&str> {
        let path = self.sources.path(place.file);
        let below = path.strip_prefix(PACKAGES_FOLDER)?.strip_prefix('/')?;
        let (name, _) = below.split_once('/')?;
        let mut names = self.packages.iter().map(|package| &package.name.value);
        names.find(|known| *known == name).map(String::as_str)
    }

    /// These resources alone. Nothing is owned then: who sees a part cannot say what nobody declares.
    #[must_use]
    pub fn only(&self, keys: &BTreeSet<ResourceKey>) -> Self {
        let mut part = self.clone();
        part.resources
            .retain(|declared| keys.contains(&declared.key));
        if let Some(project) = &mut part.project {
            project.owns.clear();
        }
        part
    }
}

/// One declared resource.
#[derive(Debug, Clone, PartialEq)]
pub struct Declared {
    /// Kind and unique name.
    pub key: ResourceKey,
    /// What is declared about the row.
    pub state: State,
    /// For selections; never sent.
    pub labels: BTreeMap<String, String>,
    /// Slugs that a channel provider supplies to templates; never sent.
    pub slugs: Vec<String>,
    /// The document.
    pub span: Span,
    /// `metadata.name`.
    pub name_span: Span,
    /// The fields.
    pub spec: Resource,
}

/// What a document declares about the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum State {
    /// It is there as the document says.
    #[default]
    Present,
    /// Somebody else brings it: never created, deleted or pruned, and only what the document says is written.
    Existing,
    /// It is not there.
    Absent,
}

impl State {
    /// The word in a manifest.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            State::Present => "present",
            State::Existing => "existing",
            State::Absent => "absent",
        }
    }
}

/// A declared resource as rules see it. Links that apply adds by itself count, and JSON that is written as text is read.
#[must_use]
pub fn subject_of(declared: &Declared, project: &Project) -> Subject {
    let mut spec = declared.spec.to_spec();
    for field in declared.key.kind.fields() {
        if let Some(value) = spec.get_mut(field.word)
            && let Some(json) = value.as_str().and_then(|text| field.json_in(text))
        {
            *value = json;
        }
    }
    if declared.state == State::Present
        && let Some(profile) = AppProfile::of(&declared.spec)
    {
        let providers = profile.channel_providers().value();
        if project.cif_v2_loader == CifV2Loader::Link
            && providers.is_some_and(|providers| providers.members().next().is_some())
        {
            with_extension(&mut spec, CIF_V2_LOADER);
        }
        if profile.productivity_pane().value().is_some() {
            with_extension(&mut spec, PANE_LOADER);
        }
    }
    Subject {
        key: declared.key.clone(),
        spec,
    }
}

fn with_extension(spec: &mut serde_json::Map<String, Value>, extension: &str) {
    let extensions = spec
        .entry("extensions")
        .or_insert_with(|| Value::Array(Vec::new()));
    let list = match extensions {
        Value::Array(list) => Some(list),
        other => other.get_mut("members").and_then(Value::as_array_mut),
    };
    let is_it = |member: &Value| {
        member
            .as_str()
            .is_some_and(|name| fold(name) == fold(extension))
    };
    if let Some(list) = list
        && !list.iter().any(is_it)
    {
        list.push(extension.into());
    }
}
