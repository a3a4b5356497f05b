//! Where each answer goes.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use deskstate_dataverse::{Answer, Depth, Query, Refused, Row, Rows, privilege_depths};
use deskstate_model::SetMode;
use serde_json::Value as Json;
use uuid::Uuid;

use super::ask::{
    Ask, Scope, guarded_tables, looked_up_table, part_of, read_privilege, written_tables,
};
use crate::field::{Field, lookup_read_name};
use crate::kinds::{self, tables};
use crate::live::{
    Access, Facts, Found, Live, LiveLinks, LiveTable, Mention, Role, RoleHolders, Team, User,
};
use crate::lower::Desired;
use crate::state::{Lookup, Universe, fold};
use crate::table::{Relationship, Table};

/// Forms of these types are dashboards.
pub(super) const DASHBOARD_TYPES: [i64; 4] = [0, 10, 13, 103];
/// Processes of these categories can be macros.
const MACRO_CATEGORIES: [i64; 2] = [6, 9000];
/// The definition of a process, as opposed to an activation of it.
const DEFINITION: i64 = 1;

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
                let depth = rows
                    .rows
                    .first()
                    .and_then(|row| row.text("Depth"))
                    .and_then(Depth::from_word);
                self.single_privileges.insert(name, depth);
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

    fn place_user(&mut self, row: &Row) {
        let text = |column: &str| row.text(column).unwrap_or_default().to_owned();
        let Some(id) = row.uuid("systemuserid") else {
            return;
        };
        let user = User {
            id,
            name: row
                .text("domainname")
                .or_else(|| row.text("internalemailaddress"))
                .or_else(|| row.text("fullname"))
                .unwrap_or_default()
                .to_owned(),
            full_name: text("fullname"),
            email: text("internalemailaddress"),
            object_id: row.uuid("azureactivedirectoryobjectid"),
            disabled: row.flag("isdisabled") == Some(true),
            application: row.uuid("applicationid").is_some(),
            deleted: row.int("deletedstate") == Some(1),
        };
        self.add_user(user);
    }

    fn add_user(&mut self, user: User) {
        if self.found.users.contains_key(&user.id) {
            return;
        }
        let mut names: BTreeSet<String> = [fold(&user.name), fold(&user.email)].into();
        names.extend(user.object_id.map(|id| id.to_string()));
        names.remove("");
        for name in names {
            self.found
                .users_by_name
                .entry(name)
                .or_default()
                .push(user.id);
        }
        self.found.users.insert(user.id, user);
    }

    fn place_team(&mut self, row: &Row) {
        let (Some(id), Some(name)) = (row.uuid("teamid"), row.text("name")) else {
            return;
        };
        let mut members = Vec::new();
        for member in row.expanded("teammembership_association") {
            let cells = member
                .iter()
                .filter(|(_, value)| !value.is_object() && !value.is_array());
            let member = Row::from_cells(
                cells.map(|(name, value)| (name.as_str(), json_cell(value))),
                None,
            );
            members.extend(member.uuid("systemuserid"));
            self.place_user(&member);
        }
        let cut = row.expanded_may_be_cut("teammembership_association");
        self.found.labels.insert(id, name.to_owned());
        self.found
            .teams
            .entry(fold(name))
            .or_default()
            .push(Team { id, members, cut });
    }

    /// Roles that give a profile of the manifests to somebody, with every copy that is known. Whoever asks gets an entry for each,
    /// held by nobody until the answer says otherwise.
    pub(super) fn mapped_roles(&mut self, desired: &Desired, scope: &Scope) -> BTreeSet<Uuid> {
        use crate::kinds::app_profile::{MAPPED_ROLE, ROLES};
        let declared = self.declared_rows(desired);
        let profile = lookup_read_name(ROLES.parent_column);
        let role = lookup_read_name(MAPPED_ROLE.column);
        let mut roots: BTreeSet<Uuid> = self
            .rows
            .get(ROLES.table)
            .into_iter()
            .flatten()
            .filter(|row| {
                scope.names || row.uuid(&profile).is_some_and(|id| declared.contains(&id))
            })
            .filter_map(|row| row.uuid(&role))
            .map(|id| self.found.roles.get(&id).map_or(id, |role| role.root))
            .collect();
        let names: BTreeSet<String> = self
            .desired_lookups
            .iter()
            .filter(|lookup| matches!(lookup, Lookup::Role { .. }))
            .map(|lookup| fold(lookup.name()))
            .collect();
        let named = self
            .found
            .roles
            .values()
            .filter(|role| names.contains(&fold(&role.name)));
        roots.extend(named.map(|role| role.root));
        for root in &roots {
            let copies_known = self.found.roles.contains_key(root);
            let rest = if copies_known {
                "through a team"
            } else {
                "through a team or in another business unit"
            };
            let holders = RoleHolders {
                users: BTreeSet::new(),
                uncounted: Some(rest.to_owned()),
            };
            self.asked_roles.insert(*root, holders);
        }
        let copies = self
            .found
            .roles
            .values()
            .filter(|role| roots.contains(&role.root))
            .map(|role| role.id);
        copies.chain(roots.iter().copied()).collect()
    }

    fn place_role_holders(&mut self, rows: &[Row]) {
        self.found.role_holders = std::mem::take(&mut self.asked_roles);
        for row in rows {
            if let (Some(user), Some(role)) = (row.uuid("systemuserid"), row.uuid("roleid")) {
                let root = self.found.roles.get(&role).map_or(role, |role| role.root);
                self.found
                    .role_holders
                    .entry(root)
                    .or_default()
                    .users
                    .insert(user);
            }
        }
    }

    fn place_role(&mut self, row: &Row) {
        let (Some(id), Some(name)) = (row.uuid("roleid"), row.text("name")) else {
            return;
        };
        let root = row.uuid("_parentrootroleid_value").unwrap_or(id);
        let business_unit = row.uuid("_businessunitid_value");
        self.found.roles.insert(
            id,
            Role {
                id,
                name: name.to_owned(),
                business_unit,
                root,
            },
        );
    }

    fn place_rows(&mut self, noun: &str, rows: &[Row]) {
        for lookup in &self.desired_lookups {
            let fits = |row: &&Row| -> Option<Uuid> {
                let (table, fits) = match lookup {
                    Lookup::WebResource(_) => (&tables::WEB_RESOURCE, noun == "web resource"),
                    Lookup::Macro(_) => {
                        let category = row
                            .int("category")
                            .is_none_or(|number| MACRO_CATEGORIES.contains(&number));
                        let definition = row.int("type").is_none_or(|number| number == DEFINITION);
                        (&tables::MACRO, noun == "macro" && category && definition)
                    }
                    Lookup::View { table, .. } => {
                        let of_table = table
                            .as_deref()
                            .is_none_or(|table| row.text("returnedtypecode") == Some(table));
                        (&tables::VIEW, noun == "view" && of_table)
                    }
                    Lookup::Form { table, .. } => {
                        let dashboard = row
                            .int("type")
                            .is_some_and(|number| DASHBOARD_TYPES.contains(&number));
                        let of_table = table
                            .as_deref()
                            .is_none_or(|table| row.text("objecttypecode") == Some(table));
                        (&tables::FORM, noun == "form" && !dashboard && of_table)
                    }
                    Lookup::Dashboard(_) => {
                        let dashboard = row
                            .int("type")
                            .is_some_and(|number| DASHBOARD_TYPES.contains(&number));
                        (&tables::FORM, noun == "form" && dashboard)
                    }
                    Lookup::User(_) | Lookup::Team(_) | Lookup::Role { .. } => return None,
                };
                let same_name = row
                    .text(table.label)
                    .is_some_and(|name| fold(name) == fold(lookup.name()));
                (fits && same_name).then(|| row.uuid(table.key)).flatten()
            };
            let ids: Vec<Uuid> = rows.iter().filter_map(|row| fits(&row)).collect();
            for id in &ids {
                self.found.labels.insert(*id, lookup.name().to_owned());
            }
            if !ids.is_empty() {
                self.found
                    .rows
                    .entry(lookup.clone())
                    .or_default()
                    .extend(ids);
            }
        }
    }

    fn place_mentions(&mut self, row: &Row) {
        let workstream = row
            .text(tables::WORKSTREAM.label)
            .unwrap_or_default()
            .to_owned();
        let columns = [
            (&tables::SESSION, tables::WORKSTREAM_SESSION_COLUMNS),
            (
                &tables::NOTIFICATION,
                tables::WORKSTREAM_NOTIFICATION_COLUMNS,
            ),
        ];
        for (table, columns) in columns {
            for column in columns {
                if let Some(name) = row.text(column) {
                    let mention = Mention {
                        workstream: workstream.clone(),
                        column,
                    };
                    self.mentions
                        .entry((table, fold(name)))
                        .or_default()
                        .push(mention);
                }
            }
        }
    }

    pub(super) fn take_refused_tables(&mut self) -> Vec<(&'static Table, Query)> {
        std::mem::take(&mut self.retry_tables)
    }

    pub(super) fn take_refused_links(&mut self) -> Vec<&'static Relationship> {
        std::mem::take(&mut self.retry_links)
    }

    /// Columns that deskstate reads and this environment lacks; without metadata, those known to be recent.
    pub(super) fn lacking(&self, table: &'static Table) -> Vec<String> {
        let known = self.columns.get(table.logical);
        super::ask::columns(table)
            .into_iter()
            .filter(|column| {
                let logical = column
                    .strip_prefix('_')
                    .and_then(|rest| rest.strip_suffix("_value"))
                    .unwrap_or(column);
                match known {
                    Some(known) if !known.is_empty() => !known.contains(logical),
                    _ => {
                        recent_columns(table).any(|recent| recent == logical)
                            || logical == "iscustomizable"
                            || logical == "ismanaged"
                    }
                }
            })
            .collect()
    }

    /// The caller's id, if privileges must be asked one by one.
    pub(super) fn caller_without_privileges(&mut self) -> Option<Uuid> {
        if self.privileges.iter().any(Option::is_some) || self.privileges_asked_singly {
            return None;
        }
        self.privileges_asked_singly = true;
        self.facts.caller
    }

    /// Users and other rows that links or lookups name and that have no name yet, as far as a plan will show them.
    pub(super) fn nameless(
        &self,
        desired: &Desired,
        scope: &Scope,
    ) -> (BTreeSet<Uuid>, BTreeMap<&'static Table, BTreeSet<Uuid>>) {
        let mut users = BTreeSet::new();
        let mut labels: BTreeMap<&'static Table, BTreeSet<Uuid>> = BTreeMap::new();
        for relationship in tables::RELATIONSHIPS
            .iter()
            .filter(|relationship| relationship.member == &tables::USER)
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
        users.retain(|id| !self.found.users.contains_key(id));
        let declared = self.declared_rows(desired);
        for (table, rows) in &self.rows {
            for field in looked_up_fields(table) {
                let Some(target) = looked_up_table(field) else {
                    continue;
                };
                let column = lookup_read_name(field.column);
                for row in rows {
                    if let Some(id) = row.uuid(&column)
                        && !self.found.labels.contains_key(&id)
                        && !self.found.roles.contains_key(&id)
                        && (scope.names || declared.contains(&owner_of(table, row)))
                    {
                        labels.entry(target).or_default().insert(id);
                    }
                }
            }
        }
        (users, labels)
    }

    /// Owners of an exact set of this relationship: what they lose is shown by name.
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

    /// Live rows of the resources that are declared.
    fn declared_rows(&self, desired: &Desired) -> BTreeSet<Uuid> {
        let mut ids = BTreeSet::new();
        for (table, rows) in &self.rows {
            let (Some(kind), Some(column)) = (kinds::by_table(table), table.name) else {
                continue;
            };
            ids.extend(
                rows.iter()
                    .filter(|row| {
                        row.text(column).is_some_and(|name| {
                            let key = deskstate_model::ResourceKey::new(kind.kind, name);
                            desired.resources.contains_key(&key)
                        })
                    })
                    .filter_map(|row| row.uuid(table.key)),
            );
        }
        ids
    }

    pub(super) fn finish(mut self, requests: u64) -> Live {
        self.facts.privileges = self.privileges();
        let roots: HashMap<Uuid, Uuid> = self
            .found
            .roles
            .values()
            .map(|role| (role.id, role.root))
            .collect();
        let mut live_tables = BTreeMap::new();
        for table in written_tables() {
            let access = self.access(table);
            let rows = self.rows.remove(table).unwrap_or_default();
            let mut live = LiveTable::index(table, part_of(table), rows, access, &roots);
            live.missing_columns = self.missing_fields(table);
            live.optimistic_concurrency = self.concurrency.get(table.logical).copied();
            live_tables.insert(table, live);
        }
        let mut live_links = BTreeMap::new();
        for relationship in tables::RELATIONSHIPS {
            let own = self.link_access.remove(relationship);
            let pairs = self.links.remove(relationship);
            let access = match (own, &pairs) {
                (Some(access), _) => access,
                (None, None) => Access::Refused("the links were not shown".to_owned()),
                (None, Some(_)) => {
                    let sides = [
                        self.access(relationship.owner),
                        self.access(relationship.member),
                    ];
                    sides
                        .into_iter()
                        .find(|access| !access.is_whole())
                        .unwrap_or(Access::Whole)
                }
            };
            live_links.insert(
                *relationship,
                LiveLinks::new(pairs.unwrap_or_default(), access),
            );
        }
        Live {
            tables: live_tables,
            links: live_links,
            found: self.found,
            facts: self.facts,
            mentions: self.mentions,
            mentions_unread: self.mentions_unread,
            requests,
        }
    }

    /// Privileges of own roles and of teams; one of the two answers alone says less than there is, which is the safe side.
    fn privileges(&self) -> Option<BTreeMap<String, Depth>> {
        if self.privileges.iter().any(Option::is_some) {
            return Some(
                privilege_depths(self.privileges.iter().flatten())
                    .into_iter()
                    .map(|(name, depth)| (name.to_ascii_lowercase(), depth))
                    .collect(),
            );
        }
        if self.single_privileges.is_empty() {
            return None;
        }
        let known = self.single_privileges.iter();
        Some(
            known
                .filter_map(|(name, depth)| Some((name.to_ascii_lowercase(), (*depth)?)))
                .collect(),
        )
    }

    fn access(&self, table: &'static Table) -> Access {
        if let Some(refused) = self.refusals.get(table)
            && !self.rows.contains_key(table)
        {
            return if refused.is_unknown_set()
                || (self.definitions_read && !self.columns.contains_key(table.logical))
            {
                Access::Absent
            } else {
                Access::Refused(refused.message.clone())
            };
        }
        let Some(privileges) = &self.facts.privileges else {
            return Access::Partial("the caller's privileges could not be read".to_owned());
        };
        if !guarded_tables().contains(&table) {
            return Access::Whole;
        }
        match privileges.get(&read_privilege(table).to_ascii_lowercase()) {
            Some(Depth::Global) => Access::Whole,
            Some(depth) => Access::Partial(format!(
                "the caller may read it only as far as {}",
                depth_words(*depth)
            )),
            None => Access::Partial("the caller has no privilege to read it".to_owned()),
        }
    }

    fn missing_fields(&self, table: &'static Table) -> BTreeSet<&'static str> {
        let Some(known) = self
            .columns
            .get(table.logical)
            .filter(|known| !known.is_empty())
        else {
            return if self.refusals.contains_key(table) {
                recent_columns(table).collect()
            } else {
                BTreeSet::new()
            };
        };
        let kind = kinds::by_table(table).map_or(&[][..], |kind| kind.fields);
        let part = part_of(table).map_or(&[][..], |part| part.fields);
        let fields = kind.iter().chain(part).filter(|field| field.is_column());
        fields
            .map(|field| field.column)
            .filter(|column| !known.contains(*column))
            .collect()
    }
}

/// The row of a resource that a row belongs to: a part's parent, else the row itself.
fn owner_of(table: &'static Table, row: &Row) -> Uuid {
    let parent = part_of(table).and_then(|part| row.uuid(&lookup_read_name(part.parent_column)));
    parent.or_else(|| row.uuid(table.key)).unwrap_or_default()
}

fn looked_up_fields(table: &'static Table) -> impl Iterator<Item = &'static Field> {
    let kind = kinds::by_table(table).map_or(&[][..], |kind| kind.fields);
    let part = part_of(table);
    let extra = part.map_or(&[][..], kinds::part_extra_fields);
    kind.iter()
        .chain(part.map_or(&[][..], |part| part.fields))
        .chain(extra.iter().copied())
}

fn recent_columns(table: &'static Table) -> impl Iterator<Item = &'static str> {
    let kind = kinds::by_table(table).map_or(&[][..], |kind| kind.fields);
    let part = part_of(table).map_or(&[][..], |part| part.fields);
    kind.iter()
        .chain(part)
        .filter(|field| field.recent)
        .map(|field| field.column)
}

fn depth_words(depth: Depth) -> &'static str {
    match depth {
        Depth::Basic => "own rows",
        Depth::Local => "the own business unit",
        Depth::Deep => "the own business unit and those below",
        Depth::Global => "the organisation",
    }
}

fn json_cell(value: &Json) -> deskstate_dataverse::Cell {
    use deskstate_dataverse::Cell;
    match value {
        Json::Bool(flag) => Cell::Flag(*flag),
        Json::Number(number) => number.as_i64().map_or(Cell::Null, Cell::Int),
        Json::String(text) => Cell::Text(text.as_str().into()),
        Json::Null | Json::Array(_) | Json::Object(_) => Cell::Null,
    }
}

/// `orgdborgsettings` is XML with one element for each setting.
fn blocks_unmanaged_customizations(settings: &str) -> bool {
    let lower = settings.to_ascii_lowercase();
    let name = "islockdownofunmanagedcustomizationenabled>";
    lower
        .split_once(name)
        .is_some_and(|(_, rest)| rest.trim_start().starts_with("true"))
}
