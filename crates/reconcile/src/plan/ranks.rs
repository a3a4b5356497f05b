//! Two profiles with the same rank for one security role: the product's pages do not state which of them an agent gets.

use std::collections::{BTreeMap, BTreeSet};

use deskstate_model::{Diagnostic, Explanation, SetMode, Span, lookup_read_name, tables};
use uuid::Uuid;

use super::planner::Planner;
use crate::state::{DeclaredResource, PartName, RowKey, Stored};

pub(crate) const RANK_TIE: Explanation = Explanation::new(
    "rank-tie",
    "A profile outside the project has the same rank and a security role in common with one of its profiles.",
    "The lower rank decides which profile the holders of a role get. Microsoft's pages do not say what happens with equal ranks.",
    "Change the `rank` of one of the two, or remove the role from one of them.",
);

impl Planner<'_> {
    /// Warns if a declared and an undeclared live profile have the same rank and a role in common.
    pub(super) fn rank_ties(&mut self) {
        let profiles = self
            .desired
            .resources
            .values()
            .filter(|resource| resource.row.key.table() == Some(&tables::PROFILE));
        let declared: Vec<&DeclaredResource> = profiles.map(Box::as_ref).collect();
        let known: BTreeSet<Uuid> = declared
            .iter()
            .filter_map(|resource| self.live.find(&resource.row.key).one())
            .collect();
        let mapped = self.mapped_roles();
        let rank_column = crate::kinds::profile("rank").column;
        let status = crate::kinds::profile("status").column;
        let mut found = Vec::new();
        for resource in declared {
            let Some((rank, span)) = self.rank_of(resource) else {
                continue;
            };
            let roles = self.roles_of(resource, &mapped);
            let app = self.app_of(
                resource,
                self.live
                    .find(&resource.row.key)
                    .one()
                    .and_then(|id| self.live.row(&tables::PROFILE, id)),
            );
            for (id, other) in &self.live.table(&tables::PROFILE).rows {
                let inactive = other.row.int(status) == Some(1);
                let same =
                    other.row.int(rank_column) == Some(rank) && self.same_app(*id, app.as_deref());
                if known.contains(id) || inactive || !same {
                    continue;
                }
                let theirs = mapped.get(id).cloned().unwrap_or_default();
                if let Some(role) = roles.intersection(&theirs).next() {
                    found.push(
                        Diagnostic::warning(
                            RANK_TIE.code,
                            format!(
                                "{} and the profile `{}`, which is not declared here, both have rank {rank} and the security role `{}`: it is unknown which one the holders of the role get",
                                resource.key,
                                self.live.label(&tables::PROFILE, *id),
                                self.live.label(&tables::ROLE, *role),
                            ),
                        )
                        .at(span, "the same rank")
                        .help("give one of the two another `rank`, or remove the role from one of them"),
                    );
                }
            }
        }
        for diagnostic in found {
            self.findings.warn(diagnostic);
        }
    }

    /// Root roles mapped to each live profile.
    fn mapped_roles(&self) -> BTreeMap<Uuid, BTreeSet<Uuid>> {
        let profile = lookup_read_name(tables::ROLES.parent_column);
        let role = lookup_read_name(crate::kinds::mapped_role());
        let mut mapped: BTreeMap<Uuid, BTreeSet<Uuid>> = BTreeMap::new();
        for row in self.live.table(tables::ROLES.table).rows.values() {
            if let (Some(profile), Some(role)) = (row.row.uuid(&profile), row.row.uuid(&role)) {
                let root = self.live.role_root(role);
                mapped.entry(profile).or_default().insert(root);
            }
        }
        mapped
    }

    /// The rank that a profile will have, and where it is declared.
    fn rank_of(&self, resource: &DeclaredResource) -> Option<(i64, Span)> {
        let mut columns = resource.row.columns.iter();
        match columns.find(|column| column.field.word == "rank") {
            Some(column) => match column.value {
                Stored::Number(rank) => Some((rank, column.span)),
                _ => None,
            },
            None => {
                let id = self.live.find(&resource.row.key).one()?;
                let row = self.live.row(&tables::PROFILE, id)?;
                let rank = row.row.int(crate::kinds::profile("rank").column)?;
                Some((rank, resource.name_span))
            }
        }
    }

    /// The root roles that a profile will be mapped to.
    fn roles_of(
        &self,
        resource: &DeclaredResource,
        mapped: &BTreeMap<Uuid, BTreeSet<Uuid>>,
    ) -> BTreeSet<Uuid> {
        let parts = resource.parts.iter().map(|part| &part.key);
        let mut roles: BTreeSet<Uuid> = parts
            .filter_map(|key| match key {
                RowKey::Part {
                    table,
                    part: PartName::Row(role),
                    ..
                } if *table == tables::ROLES.table => self.live.find(role).one(),
                _ => None,
            })
            .map(|role| self.live.role_root(role))
            .collect();
        let lists = &resource.part_lists;
        let list = lists
            .iter()
            .find(|list| list.part.table == tables::ROLES.table);
        // Live mappings stay unless the list is exact.
        if list.is_none_or(|list| list.mode == SetMode::AtLeast)
            && let Some(id) = self.live.find(&resource.row.key).one()
        {
            roles.extend(mapped.get(&id).into_iter().flatten());
        }
        roles
    }
}
