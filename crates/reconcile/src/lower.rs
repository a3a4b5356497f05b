//! From manifests to rows and links.

use std::collections::{BTreeMap, BTreeSet};

use deskstate_model::{CifV2Loader, Kind, Manifests, Resource, ResourceKey, State, UniqueName};

use crate::field::Field;
use crate::kinds;
use crate::state::{DeclaredResource, Lookup, PartName, RowKey, Stored};
use crate::table::Table;

/// What lowering one document needs to know of the others.
#[derive(Debug)]
pub struct Context<'a> {
    /// Display names of the declared tools.
    pub tool_names: BTreeMap<UniqueName, &'a str>,
    /// A profile with a channel provider gets the loader extension too.
    pub links_loader: bool,
}

/// All that the manifests declare for one environment.
#[derive(Debug, Clone, Default)]
pub struct Desired {
    /// One entry for each document, by key. Boxed, since a map that is built moves its values about.
    pub resources: BTreeMap<ResourceKey, Box<DeclaredResource>>,
}

impl Desired {
    /// The resource whose own row has this key.
    pub fn resource(&self, key: &RowKey) -> Option<&DeclaredResource> {
        let RowKey::Named { table, name } = key else {
            return None;
        };
        let kind = kinds::by_table(table)?.kind;
        let key = ResourceKey {
            kind,
            name: name.clone(),
        };
        self.resources.get(&key).map(Box::as_ref)
    }

    /// Tables in which the manifests write options of choice columns.
    pub fn tables_with_choices(&self) -> BTreeSet<&'static Table> {
        let rows = self
            .resources
            .values()
            .flat_map(|resource| std::iter::once(&resource.row).chain(&resource.parts));
        rows.filter(|row| {
            let fields = row.columns.iter().map(|column| column.field);
            fields
                .chain(row.when_new.iter().map(|(field, _)| *field))
                .any(Field::is_choice)
        })
        .filter_map(|row| row.key.table())
        .collect()
    }

    /// Every look-up that the manifests need, each once.
    pub fn lookups(&self) -> BTreeSet<Lookup> {
        let mut found = BTreeSet::new();
        for resource in self.resources.values() {
            for row in std::iter::once(&resource.row).chain(&resource.parts) {
                for value in row
                    .columns
                    .iter()
                    .map(|column| &column.value)
                    .chain(row.when_new.iter().map(|(_, value)| value))
                {
                    collect_value(value, &mut found);
                }
                collect_key(&row.key, &mut found);
            }
            for set in &resource.sets {
                for member in set.members.iter().chain(&set.without) {
                    collect_key(&member.key, &mut found);
                }
                found.extend(
                    set.from_teams
                        .iter()
                        .map(|(team, _)| Lookup::Team(team.clone())),
                );
            }
        }
        found
    }
}

fn collect_value(value: &Stored, found: &mut BTreeSet<Lookup>) {
    match value {
        Stored::Row(key) | Stored::IdOf(key) => collect_key(key, found),
        Stored::JsonWith(_, ids) => ids.iter().for_each(|(_, key)| collect_key(key, found)),
        Stored::Null | Stored::Text(_) | Stored::Number(_) | Stored::Flag(_) | Stored::Json(_) => {}
    }
}

fn collect_key(key: &RowKey, found: &mut BTreeSet<Lookup>) {
    match key {
        RowKey::Found(lookup) => drop(found.insert(lookup.clone())),
        RowKey::Part {
            part: PartName::Row(row),
            ..
        } => collect_key(row, found),
        RowKey::Part { .. } | RowKey::Named { .. } => {}
    }
}

/// Lowers every document.
pub fn lower(manifests: &Manifests) -> Desired {
    let tool_names = manifests
        .resources
        .iter()
        .filter_map(|declared| match &declared.spec {
            Resource::PaneTool(tool) => tool
                .display_name
                .value()
                .map(|name| (declared.key.name.clone(), name.as_str())),
            _ => None,
        })
        .collect();
    let links_loader = manifests
        .project
        .as_ref()
        .is_none_or(|project| project.cif_v2_loader == CifV2Loader::Link);
    let context = Context {
        tool_names,
        links_loader,
    };
    let resources = manifests
        .resources
        .iter()
        .map(|declared| {
            (
                declared.key.clone(),
                Box::new(kinds::lower(declared, &context)),
            )
        })
        .collect();
    Desired { resources }
}

/// Whether a document of this kind and state takes part in a plan at all.
pub fn is_reference_only(resource: &DeclaredResource) -> bool {
    resource.state == State::Existing
        && resource.row.columns.is_empty()
        && resource.parts.is_empty()
        && resource.sets.is_empty()
        && resource.part_lists.is_empty()
        && resource.key.kind != Kind::AppProfile
}
