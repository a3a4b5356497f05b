//! Finds rows that a plan will show by name and whose names are not known yet.

use std::collections::{BTreeMap, BTreeSet};

use deskstate_dataverse::Row;
use deskstate_model::{
    Holds, Kind, Referent, Relationship, SetMode, Table, lookup_read_name, tables,
};
use uuid::Uuid;

use super::Observed;
use crate::kinds;
use crate::lower::Desired;
use crate::observe::ask::{Scope, looked_up_table};
use crate::state::{Universe, fold};
use crate::value::ids_of;

impl Observed {
    /// Users and other rows that links or lookups refer to and whose names are not known yet, as far as a plan will show them.
    fn nameless(
        &self,
        desired: &Desired,
        scope: &Scope,
    ) -> (BTreeSet<Uuid>, BTreeMap<&'static Table, BTreeSet<Uuid>>) {
        let mut users = BTreeSet::new();
        let mut labels: BTreeMap<&'static Table, BTreeSet<Uuid>> = BTreeMap::new();
        for relationship in
            Kind::relationships().filter(|relationship| relationship.member == &tables::USER)
        {
            let Some(pairs) = self.links.get(relationship) else {
                continue;
            };
            let owners = if scope.names {
                None
            } else {
                Some(self.owners_that_remove(desired, relationship))
            };
            users.extend(
                pairs
                    .iter()
                    .filter(|(owner, _)| {
                        owners.as_ref().is_none_or(|owners| owners.contains(owner))
                    })
                    .map(|(_, user)| *user),
            );
        }
        for (table, ids) in &scope.shown {
            if *table == &tables::USER {
                users.extend(ids);
            } else {
                let named = |id: &&Uuid| {
                    self.found.labels.contains_key(*id) || self.found.roles.get(**id).is_some()
                };
                let nameless = ids.iter().filter(|id| !named(id));
                labels.entry(table).or_default().extend(nameless);
            }
        }
        users.retain(|id| !self.found.users.contains_key(id));
        for (table, rows) in &self.rows {
            let mut unnamed = Vec::new();
            let is_named = |id: Uuid| {
                self.found.labels.contains_key(&id) || self.found.roles.get(id).is_some()
            };
            for field in kinds::row_fields(table) {
                if let Holds::Ids { to, .. } = field.holds {
                    let target = kinds::target_table(to);
                    unnamed.extend(rows.iter().flat_map(|row| {
                        let ids = row.text(field.column).and_then(ids_of).unwrap_or_default();
                        let nameless = ids.into_iter().filter(|id| !is_named(*id));
                        nameless.map(move |id| (target, id, row))
                    }));
                }
                let user = matches!(
                    field.holds,
                    Holds::Lookup {
                        to: Referent::User,
                        ..
                    }
                );
                let user = user.then_some(&tables::USER);
                let Some(target) = looked_up_table(field).or(user) else {
                    continue;
                };
                let column = lookup_read_name(field.column);
                unnamed.extend(rows.iter().filter_map(|row| {
                    let id = row.uuid(&column)?;
                    (!is_named(id)).then_some((target, id, row))
                }));
            }
            if !scope.names && !unnamed.is_empty() {
                let owners = kinds::part_of(table).map_or(*table, |part| part.parent);
                let declared = self.declared_rows(owners, desired);
                unnamed.retain(|(_, _, row)| declared.contains(&owner_of(table, row)));
            }
            for (target, id, _) in unnamed {
                if target != &tables::USER {
                    labels.entry(target).or_default().insert(id);
                } else if !self.found.users.contains_key(&id) {
                    users.insert(id);
                }
            }
        }
        (users, labels)
    }

    /// The same, but each row only once: a row that is not found remains without a name.
    pub(in crate::observe) fn take_nameless(
        &mut self,
        desired: &Desired,
        scope: &Scope,
    ) -> (BTreeSet<Uuid>, BTreeMap<&'static Table, BTreeSet<Uuid>>) {
        let (mut users, mut labels) = self.nameless(desired, scope);
        let asked = &mut self.names_asked;
        users.retain(|id| asked.insert(*id));
        for ids in labels.values_mut() {
            ids.retain(|id| asked.insert(*id));
        }
        labels.retain(|_, ids| !ids.is_empty());
        (users, labels)
    }

    /// Owners of an exact set of this relationship, whose removed members are shown by name.
    fn owners_that_remove(&self, desired: &Desired, relationship: &Relationship) -> BTreeSet<Uuid> {
        let names: BTreeSet<&str> = desired
            .resources
            .values()
            .filter(|resource| {
                resource.sets.iter().any(|set| {
                    set.relationship == relationship
                        && set.mode == SetMode::Exact
                        && set.universe == Universe::All
                })
            })
            .map(|resource| resource.key.name.folded())
            .collect();
        self.rows
            .get(relationship.owner)
            .into_iter()
            .flatten()
            .filter(|row| {
                relationship
                    .owner
                    .name
                    .and_then(|column| row.text(column))
                    .is_some_and(|name| names.contains(fold(name).as_str()))
            })
            .filter_map(|row| row.uuid(relationship.owner.key))
            .collect()
    }

    /// Live rows of a table that belong to declared resources.
    pub(super) fn declared_rows(&self, table: &'static Table, desired: &Desired) -> BTreeSet<Uuid> {
        let Some(kind) = Kind::of_table(table) else {
            return BTreeSet::new();
        };
        let rows = self.rows.get(table).into_iter().flatten();
        rows.filter(|row| {
            kinds::name_of(table, row).is_some_and(|name| {
                let key = deskstate_model::ResourceKey::new(kind, &name);
                desired.resources.contains_key(&key)
            })
        })
        .filter_map(|row| row.uuid(table.key))
        .collect()
    }
}

/// The row of the resource that a row belongs to: the parent of a part, otherwise the row itself.
fn owner_of(table: &'static Table, row: &Row) -> Uuid {
    let parent =
        kinds::part_of(table).and_then(|part| row.uuid(&lookup_read_name(part.parent_column)));
    parent.or_else(|| row.uuid(table.key)).unwrap_or_default()
}
