//! The result of loading.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::contract::{Contract, Subject};
use crate::kinds::{AppProfile, CIF_V2_LOADER, PANE_LOADER, Resource, ResourceKey};
use crate::name::fold;
use crate::package::{Lock, PACKAGES_FOLDER, Package, PackageItem};
use crate::project::{CifV2Loader, Project};
use crate::span::{SourceMap, Span};

/// Everything that a project declares, for one environment or for all.
#[derive(Debug, Clone, Default)]
pub struct Manifests {
    /// The files that were read.
    pub sources: SourceMap,
    /// The content of `deskstate.yaml`; `None` if it could not be read.
    pub project: Option<Project>,
    /// The environment in which the resources are effective.
    pub environment: Option<String>,
    /// The declared resources, sorted by key.
    pub resources: Vec<Declared>,
    /// The contracts of the project, in the order of the project file.
    pub contracts: Vec<Contract>,
    /// The packages that the project uses, in the order of the project file.
    pub packages: Vec<Package>,
    /// The content of `deskstate.lock`.
    pub lock: Lock,
    /// The items that each package currently brings, by package name.
    pub brings: BTreeMap<String, BTreeSet<PackageItem>>,
}

impl Manifests {
    /// Returns the document that declares a resource.
    #[must_use]
    pub fn find(&self, key: &ResourceKey) -> Option<&Declared> {
        self.resources
            .binary_search_by(|declared| declared.key.cmp(key))
            .ok()
            .map(|at| &self.resources[at])
    }

    /// Returns the package that contains the file of a place.
    #[must_use]
    pub fn package_of(&self, place: Span) -> Option<&str> {
        let path = self.sources.path(place.file);
        let below = path.strip_prefix(PACKAGES_FOLDER)?.strip_prefix('/')?;
        let (name, _) = below.split_once('/')?;
        let mut names = self.packages.iter().map(|package| &package.name.value);
        names.find(|known| *known == name).map(String::as_str)
    }

    /// Returns only these resources. Nothing is owned in the result, because a part cannot show which resources nobody declares.
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
    /// The declared state of the row.
    pub state: State,
    /// Used for selections; never sent.
    pub labels: BTreeMap<String, String>,
    /// Slugs that a channel provider supplies to templates; never sent.
    pub slugs: Vec<String>,
    /// The range of the document.
    pub span: Span,
    /// The place of `metadata.name`.
    pub name_span: Span,
    /// The fields.
    pub spec: Resource,
}

/// The declared state of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum State {
    /// The row exists as declared.
    #[default]
    Present,
    /// Somebody else manages the row: it is never created, deleted or pruned, and only the fields in the document are written.
    Existing,
    /// The row does not exist.
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

/// Returns a declared resource as rules see it, including links that apply adds automatically. JSON that is written as text is parsed.
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
        off: BTreeMap::new(),
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
