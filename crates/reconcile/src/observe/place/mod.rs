//! Stores each answer where it belongs.

mod access;
mod finish;
mod lacking;
mod names;
mod narrow;
mod people;
mod rows;

use std::collections::{BTreeMap, BTreeSet};

use deskstate_dataverse::{Answer, Depth, Query, Refused, Row, Rows};
use deskstate_model::{Relationship, Table};
use serde_json::Value as Json;
use uuid::Uuid;

pub(super) use rows::DASHBOARD_TYPES;
pub(crate) use rows::with_expanded;

use super::ask::{Ask, structural_columns, written_tables};
use crate::kinds;
use crate::live::{Access, Facts, Found, Mention, RoleHolders, SolutionState};
use crate::lower::Desired;
use crate::metadata::{self, TableMetadata};
use crate::state::{Lookup, fold};

/// The answers received so far.
pub(super) struct Observed {
    desired_lookups: BTreeSet<Lookup>,
    rows: BTreeMap<&'static Table, Vec<Row>>,
    refusals: BTreeMap<&'static Table, Refused>,
    refused_queries: Vec<lacking::Refusal>,
    /// Entity sets whose columns were queried one by one, and those of them that have answered.
    asked_columns: BTreeSet<String>,
    sets_asked: BTreeSet<String>,
    retry_links: Vec<&'static Relationship>,
    links: BTreeMap<&'static Relationship, BTreeSet<(Uuid, Uuid)>>,
    link_access: BTreeMap<&'static Relationship, Access>,
    /// Columns of each table that the metadata lists and no kind models.
    unmodelled: BTreeMap<&'static Table, BTreeSet<String>>,
    /// Known columns by entity set.
    columns: BTreeMap<String, BTreeSet<String>>,
    options: BTreeMap<&'static Table, BTreeMap<String, BTreeSet<i64>>>,
    /// The metadata of the tables of kinds that the project defines, or why it could not be read.
    metadata: Option<Result<Vec<TableMetadata>, String>>,
    /// Tables that the metadata lists, by logical name.
    defined: BTreeSet<String>,
    concurrency: BTreeMap<String, bool>,
    definitions_read: bool,
    privileges: [Option<Rows>; 2],
    single_privileges: BTreeMap<String, Option<Depth>>,
    privileges_asked_singly: bool,
    found: Found,
    facts: Facts,
    mentions: BTreeMap<(&'static Table, String), Vec<Mention>>,
    mentions_unread: Option<String>,
    has_no_workstreams: bool,
    asked_roles: BTreeMap<Uuid, RoleHolders>,
    /// Roles whose holders were queried, and rows whose names were queried.
    roles_asked: BTreeSet<Uuid>,
    names_asked: BTreeSet<Uuid>,
    manned_teams: BTreeSet<Uuid>,
    /// Rows of the tables that were read partially.
    narrow: Option<narrow::Seen>,
}

impl Observed {
    pub(super) fn new(desired: &Desired, is_narrow: bool) -> Self {
        Self {
            narrow: is_narrow.then(narrow::Seen::default),
            manned_teams: BTreeSet::new(),
            desired_lookups: desired.lookups(),
            rows: BTreeMap::new(),
            refusals: BTreeMap::new(),
            refused_queries: Vec::new(),
            asked_columns: BTreeSet::new(),
            unmodelled: BTreeMap::new(),
            sets_asked: BTreeSet::new(),
            retry_links: Vec::new(),
            links: narrow::no_links(is_narrow),
            link_access: BTreeMap::new(),
            columns: BTreeMap::new(),
            options: BTreeMap::new(),
            metadata: None,
            defined: BTreeSet::new(),
            concurrency: BTreeMap::new(),
            definitions_read: false,
            privileges: [None, None],
            single_privileges: BTreeMap::new(),
            privileges_asked_singly: false,
            found: Found::default(),
            facts: Facts::default(),
            mentions: BTreeMap::new(),
            mentions_unread: None,
            has_no_workstreams: false,
            asked_roles: BTreeMap::new(),
            roles_asked: BTreeSet::new(),
            names_asked: BTreeSet::new(),
        }
    }

    pub(super) fn found(&self) -> &Found {
        &self.found
    }

    pub(super) fn found_mut(&mut self) -> &mut Found {
        &mut self.found
    }

    /// Searches later answers for these lookups.
    pub(super) fn look_for(&mut self, lookups: BTreeSet<Lookup>) {
        self.desired_lookups = lookups;
    }

    pub(super) fn organization(&self) -> Option<Uuid> {
        self.facts.organization
    }

    /// Stores an answer. If the query was refused only because of a column, keeps the query for the next trip.
    pub(super) fn take(&mut self, ask: Ask, query: &Query, answer: Answer) {
        match answer {
            Ok(rows) => self.place(ask, Ok(rows)),
            Err(refused) => {
                if let Some((ask, refused)) = self.keep_refusal(ask, query, refused) {
                    self.place(ask, Err(refused));
                }
            }
        }
    }

    fn place(&mut self, ask: Ask, answer: Answer) {
        match (ask, answer) {
            (Ask::Narrow(table), Ok(rows)) => self.place_narrow(table, rows.rows),
            (Ask::Pointing(table), Ok(rows)) => self.place_pointing(table, &rows.rows),
            (Ask::Narrow(_) | Ask::Pointing(_), Err(_)) => self.refuse_in_part(),
            (Ask::Table(table), Ok(rows)) => {
                drop(self.rows.insert(table, with_expanded(table, rows.rows)));
            }
            (Ask::Table(table), Err(refused)) => drop(self.refusals.insert(table, refused)),
            (Ask::Column(set, column), answer) => {
                self.place_column(set, &column, answer.as_ref().err());
            }
            (Ask::Options(table), Ok(rows)) => self.place_options(table, &rows),
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
            (Ask::Linked(relationship), Ok(rows)) => {
                let hides = |row: &Row| row.related(relationship.schema_name).is_empty();
                if rows.rows.iter().any(hides) {
                    self.hide_links(relationship);
                }
            }
            (Ask::ExpandedLinks(relationship), Err(refused)) => {
                // Neither the entity set of the links nor the property that leads to them exists.
                let access = if refused.is_unknown_column() || refused.is_unknown_set() {
                    Access::Absent
                } else {
                    Access::Refused(refused.message)
                };
                self.link_access.insert(relationship, access);
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
                    self.facts.auditing = row.flag("isauditenabled");
                    let settings = row.text("orgdborgsettings");
                    self.facts.locked_down =
                        Some(settings.is_some_and(blocks_unmanaged_customizations));
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
            (Ask::Solution, Ok(rows)) => {
                let managed = rows.rows.first().map(|row| row.flag("ismanaged"));
                self.facts.solution = Some(match managed {
                    None => SolutionState::Missing,
                    Some(Some(true)) => SolutionState::Managed,
                    Some(_) => SolutionState::Open,
                });
            }
            (Ask::Definitions, Ok(rows)) => self.place_definitions(&rows.rows),
            (Ask::Metadata, Ok(rows)) => self.metadata = Some(Ok(metadata::tables(&rows.rows))),
            (Ask::Metadata, Err(refused)) => self.metadata = Some(Err(refused.message)),
            (Ask::Privileges(index), Ok(rows)) => self.privileges[index] = Some(rows),
            (Ask::Privilege(name), Ok(rows)) => {
                self.single_privileges.insert(name, deepest(&rows.rows));
            }
            (Ask::Users, Ok(rows)) => rows.rows.iter().for_each(|row| self.place_user(row)),
            (Ask::MannedTeams, Ok(rows)) => {
                let ids = rows.rows.iter().filter_map(|row| row.uuid("teamid"));
                self.manned_teams.extend(ids);
            }
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
                        if let Some(shown) = table.shown.and_then(|column| row.text(column)) {
                            let names = self.found.shown.entry((table, fold(shown))).or_default();
                            names.push(name.to_owned());
                        }
                    }
                }
            }
            (Ask::WithDeclaredIds(table), Ok(rows)) => {
                for row in &rows.rows {
                    if let Some(id) = row.uuid(table.key) {
                        let name = row.text(table.label).unwrap_or_default().to_owned();
                        self.found.with_declared_ids.insert((table, id), name);
                    }
                }
            }
            (Ask::RoleHolders, Ok(rows)) => self.place_role_holders(&rows.rows),
            (Ask::Workstreams, Ok(rows)) => {
                rows.rows.iter().for_each(|row| self.place_mentions(row))
            }
            // Without a workstream table, no workstream can reference a template.
            (Ask::Workstreams, Err(refused)) => {
                if refused.is_unknown_set() {
                    self.has_no_workstreams = true;
                } else {
                    self.mentions_unread = Some(refused.message);
                }
            }
            (Ask::Users, Err(refused)) => self.not_found("user", refused),
            (Ask::Teams, Err(refused)) => self.not_found("team", refused),
            (Ask::Roles, Err(refused)) => self.not_found("security role", refused),
            (Ask::Rows(noun), Err(refused)) => {
                if noun == "form" {
                    self.not_found("dashboard", refused.clone());
                }
                self.not_found(noun, refused);
            }
            // The facts remain unknown, and unknown is treated as the worse case.
            (
                Ask::Caller
                | Ask::CallerSettings
                | Ask::Organization
                | Ask::Publishers
                | Ask::Solution
                | Ask::Definitions
                | Ask::Options(_)
                | Ask::Privileges(_)
                | Ask::Privilege(_)
                | Ask::BusinessUnits
                | Ask::WithDeclaredIds(_)
                | Ask::RoleHolders
                | Ask::Linked(_)
                | Ask::MannedTeams
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
            let members = row.related(relationship.schema_name).iter();
            pairs.extend(members.map(|member| (owner, *member)));
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
            self.defined.insert(logical.to_owned());
            let columns: BTreeSet<String> = columns.unwrap_or_default();
            let table = written_tables()
                .into_iter()
                .find(|table| table.logical == logical);
            if let Some(table) = table.filter(|_| !columns.is_empty()) {
                self.unmodelled.insert(table, unmodelled(table, &columns));
                self.columns.insert(table.set.to_owned(), columns);
            }
            if let Some(flag) = row.flag("IsOptimisticConcurrencyEnabled") {
                self.concurrency.insert(logical.to_owned(), flag);
            }
        }
    }

    /// Records why lookups of this type find nothing.
    fn not_found(&mut self, noun: &'static str, refused: Refused) {
        if refused.is_unknown_set() {
            self.found.absent.insert(noun);
        } else {
            self.found.refused.insert(noun, refused.message);
        }
    }

    pub(super) fn take_refused_links(&mut self) -> Vec<&'static Relationship> {
        std::mem::take(&mut self.retry_links)
    }
}

/// Columns that no kind models: those that somebody added to a table, and in the tables of built-in kinds those that Microsoft added, too. A
/// publisher's column begins with the publisher's prefix (Create a solution publisher prefix); Microsoft's have the prefix `msdyn_` or none.
fn unmodelled(table: &'static Table, columns: &BTreeSet<String>) -> BTreeSet<String> {
    let modelled: BTreeSet<&str> = kinds::row_fields(table)
        .flat_map(|field| {
            let mirror = field.mirror.as_ref().map(|mirror| mirror.column);
            std::iter::once(field.column).chain(mirror)
        })
        .collect();
    let structural: BTreeSet<String> = structural_columns(table)
        .into_iter()
        .map(|column| lacking::logical(&column).to_owned())
        .chain([table.label.to_owned()])
        .collect();
    let is_whole = kinds::is_of_built_in(table);
    let is_added = |column: &&String| {
        column.split_once('_').is_some_and(|(prefix, _)| {
            let is_theirs = format!("{prefix}_") == kinds::MICROSOFT_PREFIX;
            (2..=8).contains(&prefix.len()) && (is_whole || !is_theirs)
        }) && !kinds::WITHOUT_A_FIELD.contains(&column.as_str())
    };
    // The metadata lists the text of a lookup or choice as a column of its own.
    let is_text_of_another = |column: &str| {
        let base = column.strip_suffix("yominame");
        let base = base.or_else(|| column.strip_suffix("name"));
        base.is_some_and(|base| columns.contains(base))
    };
    let added = columns.iter().filter(is_added);
    added
        .filter(|column| !modelled.contains(column.as_str()) && !structural.contains(*column))
        .filter(|column| !is_text_of_another(column))
        .cloned()
        .collect()
}

/// The greatest depth. There is one row for each role that grants the privilege.
fn deepest(rows: &[Row]) -> Option<Depth> {
    let depths = rows
        .iter()
        .filter_map(|row| row.text("Depth").and_then(Depth::from_word));
    depths.max()
}

/// Parses `orgdborgsettings`, which is XML with one element for each setting.
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
