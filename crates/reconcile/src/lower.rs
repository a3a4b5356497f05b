//! Lowers manifests to rows and links.

pub(crate) mod lowering;
mod resource;

use std::collections::{BTreeMap, BTreeSet};

use deskstate_model::{
    CifV2Loader, Contract, Field, Fill, Holds, Kind, LOCK_FILE, Manifests, PartTable, Referent,
    ResourceKey, Span, State, Table,
};

use crate::state::{DeclaredResource, Lookup, PartName, RowKey};
use lowering::Context;

/// Everything that the manifests declare for one environment.
#[derive(Debug, Clone, Default)]
pub struct Desired {
    /// One entry for each document, by key. Boxed, because a map moves its values while it is built.
    pub resources: BTreeMap<ResourceKey, Box<DeclaredResource>>,
    /// The prefixes of a project that uses packages, because it shares sets with them; empty for any other project.
    pub own_prefixes: BTreeSet<String>,
    /// Rows that are declared only to remove members of uninstalled packages from their sets.
    pub taken_out: BTreeSet<ResourceKey>,
    /// What a rule of `ignore` accepts as missing, so that it is not created.
    pub stays_missing: Vec<DeclaredResource>,
}

impl Desired {
    /// All resources that documents declare, also those that stay missing.
    pub fn declared(&self) -> impl Iterator<Item = &DeclaredResource> {
        let resources = self.resources.values().map(Box::as_ref);
        resources.chain(&self.stays_missing)
    }

    /// Finds the resource whose own row has this key.
    pub fn resource(&self, key: &RowKey) -> Option<&DeclaredResource> {
        let RowKey::Named { table, name } = key else {
            return None;
        };
        let kind = Kind::of_table(table)?;
        let key = ResourceKey {
            kind,
            name: name.clone(),
        };
        self.resources.get(&key).map(Box::as_ref)
    }

    /// Tables for which the manifests use options of choice columns.
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

    /// All lookups that the manifests need, without duplicates.
    pub fn lookups(&self) -> BTreeSet<Lookup> {
        let mut found = BTreeSet::new();
        self.each_key(&mut |key| {
            if let RowKey::Found(lookup) = key {
                found.insert(lookup.clone());
            }
        });
        let sets = self.resources.values().flat_map(|resource| &resource.sets);
        found.extend(
            sets.flat_map(|set| &set.from_teams)
                .map(|(team, _)| Lookup::Team(team.clone())),
        );
        found
    }

    /// The names of all rows that the manifests declare or refer to, in lowercase, by table.
    pub fn names(&self) -> BTreeMap<&'static Table, BTreeSet<String>> {
        let mut found: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
        self.each_key(&mut |key| {
            if let RowKey::Named { table, name } = key {
                found
                    .entry(*table)
                    .or_default()
                    .insert(name.folded().to_owned());
            }
        });
        found
    }

    /// The names of the rows that the manifests declare, in lowercase, by table.
    pub fn own_names(&self) -> BTreeMap<&'static Table, BTreeSet<String>> {
        let mut found: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
        for resource in self.resources.values() {
            for row in std::iter::once(&resource.row).chain(&resource.parts) {
                if let RowKey::Named { table, name } = &row.key {
                    found
                        .entry(*table)
                        .or_default()
                        .insert(name.folded().to_owned());
                }
            }
        }
        found
    }

    /// The tables that a plan of these manifests and contracts depends on. `None` where any table may matter: if nothing is declared, and to
    /// delete a row, which something that nobody declared may use.
    pub fn tables_of_plan(&self, contracts: &[Contract]) -> Option<BTreeSet<&'static Table>> {
        let mut resources = self.resources.values();
        if self.resources.is_empty() || resources.any(|one| one.state == State::Absent) {
            return None;
        }
        let mut found = BTreeSet::new();
        self.each_key(&mut |key| found.extend(key.table()));
        for resource in self.resources.values() {
            found.extend(resource.part_lists.iter().map(|list| list.part.table));
            let relationships = resource.sets.iter().map(|set| set.relationship);
            found.extend(relationships.flat_map(|one| [one.owner, one.member]));
        }
        for rule in contracts.iter().flat_map(|contract| &contract.rules) {
            let table = rule.resource.kind.table();
            let parts = Kind::part_tables().filter(|part| part.parent == table);
            let links = Kind::relationships().filter(|one| one.owner == table);
            found.insert(table);
            found.extend(parts.map(|part| part.table));
            found.extend(links.map(|one| one.member));
        }
        Some(found)
    }

    fn each_key(&self, visit: &mut impl FnMut(&RowKey)) {
        for resource in self.resources.values() {
            for row in std::iter::once(&resource.row).chain(&resource.parts) {
                let columns = row.columns.iter().map(|column| &column.value);
                let values = columns.chain(row.when_new.iter().map(|(_, value)| value));
                for key in values.flat_map(|value| value.keys()) {
                    visit_key(key, visit);
                }
                visit_key(&row.key, visit);
            }
            let unwanted = resource.part_lists.iter().flat_map(|list| &list.without);
            unwanted.for_each(|key| visit_key(key, visit));
            resource.named_in_texts().for_each(|key| visit(&key));
            for set in &resource.sets {
                for member in set.members.iter().chain(&set.without) {
                    visit_key(&member.key, visit);
                }
            }
        }
    }
}

/// Visits a key and the keys inside it.
fn visit_key(key: &RowKey, visit: &mut impl FnMut(&RowKey)) {
    visit(key);
    if let RowKey::Part { of, part, .. } = key {
        visit_key(of, visit);
        if let PartName::Row(row) = part {
            visit_key(row, visit);
        }
    }
}

/// Lowers every document.
pub fn lower(manifests: &Manifests) -> Desired {
    let links_loader = manifests
        .project
        .as_ref()
        .is_none_or(|project| project.cif_v2_loader == CifV2Loader::Link);
    let context = Context {
        display_names: display_names(manifests),
        links_loader,
    };
    let lowered = manifests.resources.iter().map(|declared| {
        let mut resource = resource::lower(declared, &context);
        name_packages(&mut resource, manifests);
        (declared.key.clone(), Box::new(resource))
    });
    let shares = manifests
        .project
        .as_ref()
        .filter(|project| !project.owns.is_empty());
    let prefixes = shares.into_iter().flat_map(|project| &project.owns);
    let only_lock = manifests.resources.iter().filter(|declared| {
        let path = manifests.sources.path(declared.name_span.file);
        declared.state == State::Existing && path == LOCK_FILE
    });
    Desired {
        resources: lowered.collect(),
        taken_out: only_lock.map(|declared| declared.key.clone()).collect(),
        own_prefixes: prefixes.map(|prefix| prefix.value.clone()).collect(),
        stays_missing: Vec::new(),
    }
}

/// Records the package of each member that a package adds to a resource of somebody else.
fn name_packages(resource: &mut DeclaredResource, manifests: &Manifests) {
    if manifests.packages.is_empty() {
        return;
    }
    let package = |span: Span| manifests.package_of(span);
    let own = package(resource.name_span);
    for set in &mut resource.sets {
        for member in set.members.iter_mut().filter(|member| !member.implied) {
            let by = package(member.span).filter(|by| Some(*by) != own);
            member.package = by.map(str::to_owned);
        }
    }
}

/// Display names of the declared resources that parts may be named after, such as the tools of panes.
fn display_names(manifests: &Manifests) -> BTreeMap<ResourceKey, &str> {
    let named_after = |part: &'static PartTable| {
        let words = part.fields.iter().filter_map(|field| match field.fill {
            Fill::NameOf(word) => Some(word),
            _ => None,
        });
        words.filter_map(|word| {
            let target = part.fields.iter().find(|field| field.word == word)?;
            match target.holds {
                Holds::Lookup {
                    to: Referent::Named(table),
                    ..
                } => Kind::of_table(table),
                _ => None,
            }
        })
    };
    let kinds: BTreeSet<Kind> = Kind::part_tables().flat_map(named_after).collect();
    let declared = manifests.resources.iter();
    declared
        .filter(|declared| kinds.contains(&declared.key.kind))
        .filter_map(|declared| {
            let label = declared.key.kind.table().label;
            let mut fields = declared.spec.record().fields();
            let (_, given) = fields.find(|(field, _)| field.column == label)?;
            Some((declared.key.clone(), given.value()?.as_text()?))
        })
        .collect()
}
