//! Where each answer goes.

mod access;
mod finish;
mod names;
mod people;
mod rows;

use std::collections::{BTreeMap, BTreeSet};

use deskstate_dataverse::{Answer, Depth, Query, Refused, Row, Rows};
use serde_json::Value as Json;
use uuid::Uuid;

pub(super) use rows::DASHBOARD_TYPES;

use super::ask::Ask;
use crate::live::{Access, Facts, Found, Mention, RoleHolders};
use crate::lower::Desired;
use crate::state::{Lookup, fold};
use crate::table::{Relationship, Table};

/// Answers as they come in.
pub(super) struct Observed {
    desired_lookups: BTreeSet<Lookup>,
    rows: BTreeMap<&'static Table, Vec<Row>>,
    refusals: BTreeMap<&'static Table, Refused>,
    retry_tables: Vec<(&'static Table, Query)>,
    retry_links: Vec<&'static Relationship>,
    links: BTreeMap<&'static Relationship, BTreeSet<(Uuid, Uuid)>>,
    link_access: BTreeMap<&'static Relationship, Access>,
    columns: BTreeMap<String, BTreeSet<String>>,
    concurrency: BTreeMap<String, bool>,
    definitions_read: bool,
    privileges: [Option<Rows>; 2],
    single_privileges: BTreeMap<String, Option<Depth>>,
    privileges_asked_singly: bool,
    found: Found,
    facts: Facts,
    mentions: BTreeMap<(&'static Table, String), Vec<Mention>>,
    mentions_unread: Option<String>,
    asked_roles: BTreeMap<Uuid, RoleHolders>,
}

impl Observed {
    pub(super) fn new(desired: &Desired) -> Self {
        Self {
            desired_lookups: desired.lookups(),
            rows: BTreeMap::new(),
            refusals: BTreeMap::new(),
            retry_tables: Vec::new(),
            retry_links: Vec::new(),
            links: BTreeMap::new(),
            link_access: BTreeMap::new(),
            columns: BTreeMap::new(),
            concurrency: BTreeMap::new(),
            definitions_read: false,
            privileges: [None, None],
            single_privileges: BTreeMap::new(),
            privileges_asked_singly: false,
            found: Found::default(),
            facts: Facts::default(),
            mentions: BTreeMap::new(),
            mentions_unread: None,
            asked_roles: BTreeMap::new(),
        }
    }

    pub(super) fn found(&self) -> &Found {
        &self.found
    }

    pub(super) fn found_mut(&mut self) -> &mut Found {
        &mut self.found
    }

    /// From now on answers are looked through for these.
    pub(super) fn look_for(&mut self, lookups: BTreeSet<Lookup>) {
        self.desired_lookups = lookups;
    }

    pub(super) fn organization(&self) -> Option<Uuid> {
        self.facts.organization
    }

    pub(super) fn place(&mut self, ask: Ask, answer: Answer) {
        match (ask, answer) {
            (Ask::Table(table, _), Ok(rows)) => drop(self.rows.insert(table, rows.rows)),
            (Ask::Table(table, query), Err(refused)) => {
                if refused.is_unknown_column() && !self.refusals.contains_key(table) {
                    self.retry_tables.push((table, query));
                }
                self.refusals.insert(table, refused);
            }
            (Ask::Links(relationship), Ok(rows)) => {
                let pairs = rows
                    .rows
                    .iter()
                    .filter_map(|row| {
                        Some((
                            row.uuid(relationship.owner_column)?,
                            row.uuid(relationship.member_column)?,
                        ))
                    })
                    .collect();
                self.links.insert(relationship, pairs);
            }
            (Ask::Links(relationship), Err(_)) => self.retry_links.push(relationship),
            (Ask::ExpandedLinks(relationship), Ok(rows)) => {
                self.place_expanded(relationship, &rows.rows)
            }
            (Ask::ExpandedLinks(relationship), Err(refused)) => {
                self.link_access
                    .insert(relationship, Access::Refused(refused.message));
            }
            (Ask::Caller, Ok(rows)) => {
                if let Some(row) = rows.rows.first() {
                    self.facts.caller = row.uuid("UserId");
                    self.facts.organization = row.uuid("OrganizationId");
                }
            }
            (Ask::CallerSettings, Ok(rows)) => {
                self.facts.caller_language =
                    rows.rows.first().and_then(|row| row.int("uilanguageid"));
            }
            (Ask::Organization, Ok(rows)) => {
                if let Some(row) = rows.rows.first() {
                    self.facts.base_language = row.int("languagecode");
                    self.facts.auditing = row.flag("isauditenabled") == Some(true);
                    self.facts.locked_down = row
                        .text("orgdborgsettings")
                        .is_some_and(blocks_unmanaged_customizations);
                }
            }
            (Ask::Publishers, Ok(rows)) => {
                self.facts.prefixes = Some(
                    rows.rows
                        .iter()
                        .filter_map(|row| row.text("customizationprefix"))
                        .map(fold)
                        .collect(),
                );
            }
            (Ask::Definitions, Ok(rows)) => self.place_definitions(&rows.rows),
            (Ask::Privileges(index), Ok(rows)) => self.privileges[index] = Some(rows),
            (Ask::Privilege(name), Ok(rows)) => {
                self.single_privileges.insert(name, deepest(&rows.rows));
            }
            (Ask::Users, Ok(rows)) => rows.rows.iter().for_each(|row| self.place_user(row)),
            (Ask::Teams, Ok(rows)) => rows.rows.iter().for_each(|row| self.place_team(row)),
            (Ask::Roles, Ok(rows)) => rows.rows.iter().for_each(|row| self.place_role(row)),
            (Ask::BusinessUnits, Ok(rows)) => {
                for row in &rows.rows {
                    if let (Some(id), Some(name)) = (row.uuid("businessunitid"), row.text("name")) {
                        let is_root = row.uuid("_parentbusinessunitid_value").is_none();
                        self.found
                            .business_units
                            .insert(id, (name.to_owned(), is_root));
                    }
                }
            }
            (Ask::Rows(noun), Ok(rows)) => self.place_rows(noun, &rows.rows),
            (Ask::Labels(table), Ok(rows)) => {
                for row in &rows.rows {
                    if let (Some(id), Some(name)) = (row.uuid(table.key), row.text(table.label)) {
                        self.found.labels.insert(id, name.to_owned());
                    }
                }
            }
            (Ask::RoleHolders, Ok(rows)) => self.place_role_holders(&rows.rows),
            (Ask::Workstreams, Ok(rows)) => {
                rows.rows.iter().for_each(|row| self.place_mentions(row))
            }
            (Ask::Workstreams, Err(refused)) => self.mentions_unread = Some(refused.message),
            (Ask::Users, Err(refused)) => drop(self.found.refused.insert("user", refused.message)),
            (Ask::Teams, Err(refused)) => drop(self.found.refused.insert("team", refused.message)),
            (Ask::Roles, Err(refused)) => {
                drop(self.found.refused.insert("security role", refused.message))
            }
            (Ask::Rows(noun), Err(refused)) => {
                if noun == "form" {
                    self.found
                        .refused
                        .insert("dashboard", refused.message.clone());
                }
                self.found.refused.insert(noun, refused.message);
            }
            // What these would have told stays unknown, and unknown is taken to be the worse case.
            (
                Ask::Caller
                | Ask::CallerSettings
                | Ask::Organization
                | Ask::Publishers
                | Ask::Definitions
                | Ask::Privileges(_)
                | Ask::Privilege(_)
                | Ask::BusinessUnits
                | Ask::RoleHolders
                | Ask::Labels(_),
                Err(_),
            ) => {}
        }
    }

    fn place_expanded(&mut self, relationship: &'static Relationship, rows: &[Row]) {
        let mut pairs = BTreeSet::new();
        let mut cut = false;
        for row in rows {
            let Some(owner) = row.uuid(relationship.owner.key) else {
                continue;
            };
            cut |= row.expanded_may_be_cut(relationship.schema_name);
            for member in row.expanded(relationship.schema_name) {
                let id = member.get(relationship.member.key).and_then(Json::as_str);
                pairs.extend(
                    id.and_then(|id| Uuid::parse_str(id).ok())
                        .map(|id| (owner, id)),
                );
            }
        }
        self.links.insert(relationship, pairs);
        if cut {
            let why = "a row has 5,000 links or more, and the rest is not shown".to_owned();
            self.link_access.insert(relationship, Access::Partial(why));
        }
    }

    fn place_definitions(&mut self, rows: &[Row]) {
        self.definitions_read = true;
        for row in rows {
            let Some(logical) = row.text("LogicalName") else {
                continue;
            };
            let columns = row
                .get("Attributes")
                .as_json()
                .and_then(Json::as_array)
                .map(|attributes| {
                    attributes
                        .iter()
                        .filter_map(|attribute| {
                            attribute.get("LogicalName")?.as_str().map(str::to_owned)
                        })
                        .collect()
                });
            self.columns
                .insert(logical.to_owned(), columns.unwrap_or_default());
            if let Some(flag) = row.flag("IsOptimisticConcurrencyEnabled") {
                self.concurrency.insert(logical.to_owned(), flag);
            }
        }
    }

    pub(super) fn take_refused_tables(&mut self) -> Vec<(&'static Table, Query)> {
        std::mem::take(&mut self.retry_tables)
    }

    pub(super) fn take_refused_links(&mut self) -> Vec<&'static Relationship> {
        std::mem::take(&mut self.retry_links)
    }
}

/// One row for each role that gives the privilege.
fn deepest(rows: &[Row]) -> Option<Depth> {
    let depths = rows
        .iter()
        .filter_map(|row| row.text("Depth").and_then(Depth::from_word));
    depths.max()
}

/// `orgdborgsettings` is XML with one element for each setting.
fn blocks_unmanaged_customizations(settings: &str) -> bool {
    let lower = settings.to_ascii_lowercase();
    let name = "islockdownofunmanagedcustomizationenabled>";
    lower
        .split_once(name)
        .is_some_and(|(_, rest)| rest.trim_start().starts_with("true"))
}

#[cfg(test)]
mod tests {
    use deskstate_dataverse::Cell;

    use super::*;

    #[test]
    fn of_several_roles_that_give_a_privilege_the_deepest_counts() {
        let row = |depth: &str| Row::from_cells([("Depth", Cell::Text(depth.into()))], None);
        assert_eq!(
            deepest(&[row("Basic"), row("Global"), row("Local")]),
            Some(Depth::Global)
        );
        assert_eq!(deepest(&[]), None);
    }
}
