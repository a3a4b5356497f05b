//! Stores partially read tables with their links, and follows the links.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use deskstate_dataverse::{Filter, Query, Row};
use deskstate_model::{
    Holds, Kind, PartIdentity, Referent, Relationship, Table, UNIQUE_NAME, lookup_read_name, tables,
};
use uuid::Uuid;

use super::Observed;
use crate::kinds;
use crate::live::{Access, part_identity};
use crate::lower::Desired;
use crate::observe::ask::{Ask, Scope, some_rows, written_tables};
use crate::observe::narrow::{With, growing_links, is_growing};
use crate::state::{PartName, RowKey, fold};

/// What has been read from the tables that grow.
#[derive(Default)]
pub(super) struct Seen {
    rows: BTreeSet<Uuid>,
    /// Rows that refer to declared rows, by table.
    pointing: BTreeMap<&'static Table, BTreeSet<Uuid>>,
    refused: bool,
    followed: bool,
}

/// Links that are read with rows count as read even if no row has any.
pub(super) fn no_links(is_narrow: bool) -> BTreeMap<&'static Relationship, BTreeSet<(Uuid, Uuid)>> {
    let with_rows = growing_links().filter(|_| is_narrow);
    with_rows.map(|links| (links, BTreeSet::new())).collect()
}

impl Observed {
    pub(super) fn refuse_in_part(&mut self) {
        if let Some(seen) = &mut self.narrow {
            seen.refused = true;
        }
    }

    /// Records that rows have links but do not show them. In a partial read, everything must be read completely instead; otherwise the
    /// links are unknown.
    pub(super) fn hide_links(&mut self, relationship: &'static Relationship) {
        self.refuse_in_part();
        let why = "rows that have links do not show them".to_owned();
        self.link_access.insert(relationship, Access::Refused(why));
    }

    /// Whether a partial read of a table was refused, so that everything must be read completely.
    pub(in crate::observe) fn is_refused_in_part(&self) -> bool {
        self.narrow.as_ref().is_some_and(|seen| seen.refused)
    }

    pub(super) fn place_pointing(&mut self, table: &'static Table, rows: &[Row]) {
        if let Some(seen) = &mut self.narrow {
            let ids = rows.iter().filter_map(|row| row.uuid(table.key));
            seen.pointing.entry(table).or_default().extend(ids);
        }
    }

    pub(super) fn place_narrow(&mut self, table: &'static Table, rows: Vec<Row>) {
        let relationships: Vec<&'static Relationship> = growing_links().collect();
        for row in rows {
            let Some(id) = row.uuid(table.key) else {
                self.refuse_in_part();
                continue;
            };
            for relationship in relationships.iter().copied() {
                let ends = row.related(relationship.schema_name).iter();
                let links = self.links.entry(relationship).or_default();
                if relationship.owner == table {
                    links.extend(ends.map(|member| (id, *member)));
                } else if relationship.member == table {
                    links.extend(ends.map(|owner| (*owner, id)));
                }
                if row.expanded_may_be_cut(relationship.schema_name) {
                    let why = "a row has 5,000 links or more, and the rest is not shown";
                    let access = Access::Partial(why.to_owned());
                    self.link_access.insert(relationship, access);
                }
            }
            // Two queries may return the same row.
            if self
                .narrow
                .as_mut()
                .is_some_and(|seen| seen.rows.insert(id))
            {
                self.rows.entry(table).or_default().push(row);
            }
        }
    }

    /// Queries, once, the rows with the unique names that new parts of existing rows would get: a row may have such a name under another
    /// parent or name. Then queries that parent.
    pub(in crate::observe) fn take_missing_parts(
        &mut self,
        desired: &Desired,
    ) -> Vec<(&'static Table, Filter)> {
        let mut queries = Vec::new();
        if !self.narrow.as_ref().is_some_and(|seen| seen.followed) {
            return queries;
        }
        let parts = Kind::part_tables().filter(|part| {
            is_growing(part.parent) && matches!(part.identity, PartIdentity::Text(_))
        });
        for part in parts {
            let parents = self.rows.get(part.parent).into_iter().flatten();
            let parents: HashMap<String, Uuid> = parents
                .filter_map(|row| {
                    let name = kinds::name_of(part.parent, row)?;
                    Some((fold(&name), row.uuid(part.parent.key)?))
                })
                .collect();
            let column = lookup_read_name(part.parent_column);
            let there = self.rows.get(part.table).into_iter().flatten();
            let there: HashSet<(Uuid, String)> = there
                .filter_map(|row| Some((row.uuid(&column)?, part_identity(part, row)?)))
                .collect();
            let known: HashSet<Uuid> = parents.values().copied().collect();
            let mut strangers: BTreeSet<Uuid> = there.iter().map(|(parent, _)| *parent).collect();
            strangers.retain(|parent| !known.contains(parent) && self.names_asked.insert(*parent));
            if !strangers.is_empty() {
                queries.push((part.parent, Filter::any_of(part.parent.key, strangers)));
            }
            let mut names: BTreeSet<String> = BTreeSet::new();
            for resource in desired.resources.values() {
                let Some(parent) = parents.get(resource.key.name.folded()) else {
                    continue;
                };
                for declared in &resource.parts {
                    if let RowKey::Part {
                        table,
                        part: PartName::Text(name),
                        ..
                    } = &declared.key
                        && *table == part.table
                        && !declared.only_if_there
                        && !there.contains(&(*parent, name.clone()))
                        && let Some(name) = declared.unique_name_when_new()
                        && self.names_asked.insert(declared.key.derived_id())
                    {
                        names.insert(fold(name));
                    }
                }
            }
            if !names.is_empty() {
                queries.push((part.table, Filter::any_of(UNIQUE_NAME.column, names)));
            }
        }
        queries
    }

    /// Queries, once, the rows that declared rows are linked to.
    pub(in crate::observe) fn follow_links(
        &mut self,
        desired: &Desired,
        scope: &Scope,
    ) -> Vec<(Ask, Query)> {
        let Some(seen) = &mut self.narrow else {
            return Vec::new();
        };
        if std::mem::replace(&mut seen.followed, true) {
            return Vec::new();
        }
        let Some(seen) = &self.narrow else {
            return Vec::new();
        };
        let known: BTreeMap<&'static Table, Cow<'_, BTreeSet<Uuid>>> = written_tables()
            .into_iter()
            .map(|table| match is_growing(table) {
                true => (table, Cow::Borrowed(&seen.rows)),
                false => (table, Cow::Owned(self.declared_rows(table, desired))),
            })
            .collect();
        let is_known = |table: &'static Table, id: &Uuid| {
            known.get(table).is_some_and(|rows| rows.contains(id))
        };
        let mut unread = seen.pointing.clone();
        let mut need = |table: &'static Table, id: Uuid| {
            if !seen.rows.contains(&id) {
                unread.entry(table).or_default().insert(id);
            }
        };
        for (links, pairs) in &self.links {
            for (owner, member) in pairs {
                if is_known(links.owner, owner) {
                    need(links.member, *member);
                }
                if is_known(links.member, member) {
                    need(links.owner, *owner);
                }
            }
        }
        for table in written_tables() {
            // The parts read belong to declared rows, or are few.
            let is_part = kinds::part_of(table).is_some();
            let is_ours =
                |row: &&Row| is_part || row.uuid(table.key).is_some_and(|id| is_known(table, &id));
            for field in kinds::row_fields(table) {
                let Holds::Lookup {
                    to: Referent::Named(target),
                    ..
                } = field.holds
                else {
                    continue;
                };
                let rows = self.rows.get(table).into_iter().flatten().filter(is_ours);
                let column = field.read_name();
                let ids = rows.filter_map(|row| row.uuid(&column));
                ids.for_each(|id| need(target, id));
            }
        }
        unread.retain(|table, ids| {
            ids.retain(|id| !seen.rows.contains(id));
            is_growing(table) && !ids.is_empty()
        });
        let asks = unread.into_iter().map(|(table, ids)| {
            // A field is deleted with its last link, so its other users matter.
            let with = match table == &tables::NOTIFICATION_FIELD {
                true => With::Users,
                false => With::Members,
            };
            some_rows(table, Filter::any_of(table.key, ids), with, scope)
        });
        asks.collect()
    }
}
