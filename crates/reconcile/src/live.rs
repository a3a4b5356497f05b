//! A snapshot of the live environment: rows by table, links by relationship, and facts about the environment itself.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use deskstate_dataverse::{Cell, Depth, Etag, Row};
use deskstate_model::{
    Kind, PartIdentity, PartTable, Relationship, Table, UNIQUE_NAME, lookup_read_name, tables,
};
use uuid::Uuid;

use crate::kinds;
use crate::metadata::TableMetadata;
use crate::state::{Lookup, fold};

/// A row as it was read.
#[derive(Debug, Clone)]
pub struct ObservedRow {
    /// Its id.
    pub id: Uuid,
    /// Its columns.
    pub row: Row,
}

impl ObservedRow {
    /// The version that was read. Updates are bound to it.
    pub fn etag(&self) -> Option<&Etag> {
        self.row.etag()
    }

    /// Whether it came with a managed solution.
    pub fn is_managed(&self) -> bool {
        self.row.flag("ismanaged") == Some(true)
    }

    /// Whether it came with a managed solution, or does not say so although its table can be part of one.
    pub fn may_be_managed(&self, table: &Table) -> bool {
        self.row.flag("ismanaged").unwrap_or(table.component)
    }

    /// Whether its publisher lets others change it. Rows without the property are not restricted.
    pub fn is_customizable(&self) -> bool {
        // Learn, Managed properties: they only affect managed components.
        if self.row.flag("ismanaged") == Some(false) {
            return true;
        }
        match self.row.get("iscustomizable") {
            Cell::Json(property) => {
                property.get("Value").and_then(serde_json::Value::as_bool) != Some(false)
            }
            Cell::Flag(flag) => *flag,
            _ => true,
        }
    }

    /// Time of the last write, as the server states it.
    pub fn modified_on(&self) -> Option<&str> {
        self.row.text("modifiedon")
    }

    /// The user who last wrote it.
    pub fn modified_by(&self) -> Option<Uuid> {
        self.row.uuid("_modifiedby_value")
    }
}

/// How much of a table or relationship the caller can see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// All rows.
    Whole,
    /// Some rows, or an unknown share: an unseen row may exist nevertheless.
    Partial(String),
    /// Nothing.
    Refused(String),
    /// The environment has no such table.
    Absent,
}

impl Access {
    /// Whether an unseen row does not exist. A missing table hides nothing.
    pub fn is_whole(&self) -> bool {
        matches!(self, Self::Whole | Self::Absent)
    }
}

/// The rows of one table.
#[derive(Debug, Clone)]
pub struct LiveTable {
    /// Rows by id.
    pub rows: BTreeMap<Uuid, ObservedRow>,
    /// How much of the table is visible.
    pub access: Access,
    /// Columns that this environment lacks.
    pub missing_columns: BTreeSet<&'static str>,
    /// Columns that somebody added to the table and that no kind models; `None` if its columns could not be read.
    pub unmodelled: Option<BTreeSet<String>>,
    /// The options of its choice columns, as far as they were read.
    pub options: BTreeMap<String, BTreeSet<i64>>,
    /// Whether a write can be bound to a version; `None` if the metadata does not state it.
    pub optimistic_concurrency: Option<bool>,
    by_name: HashMap<String, Vec<Uuid>>,
    by_part: HashMap<(Uuid, String), Vec<Uuid>>,
    by_parent: HashMap<Uuid, Vec<Uuid>>,
}

impl LiveTable {
    /// Rows with this identity. More than one row means that it is ambiguous.
    pub fn named(&self, folded: &str) -> &[Uuid] {
        self.by_name.get(folded).map_or(&[], Vec::as_slice)
    }

    /// Groups of rows that share a name, in the order of their ids.
    pub fn doubles(&self) -> BTreeSet<&[Uuid]> {
        let named = self.by_name.iter();
        let several = named.filter(|(name, ids)| ids.len() > 1 && !name.is_empty());
        several.map(|(_, ids)| ids.as_slice()).collect()
    }

    /// Parts of a parent with this identity.
    pub fn parts_of(&self, parent: Uuid, identity: &str) -> &[Uuid] {
        self.by_part
            .get(&(parent, identity.to_owned()))
            .map_or(&[], Vec::as_slice)
    }

    /// Returns an empty table with this access.
    pub fn empty(access: Access) -> Self {
        Self {
            rows: BTreeMap::new(),
            access,
            missing_columns: BTreeSet::new(),
            unmodelled: None,
            options: BTreeMap::new(),
            optimistic_concurrency: None,
            by_name: HashMap::new(),
            by_part: HashMap::new(),
            by_parent: HashMap::new(),
        }
    }

    /// Indexes rows by name and, for parts, by parent and identity.
    pub fn index(
        table: &'static Table,
        part: Option<&PartTable>,
        rows: Vec<Row>,
        access: Access,
    ) -> Self {
        let mut indexed = Self::empty(access);
        let parent_column = part.map(|part| (part, lookup_read_name(part.parent_column)));
        let mut repeated = false;
        for row in rows {
            let Some(id) = row.uuid(table.key) else {
                if indexed.access.is_whole() {
                    let why = format!("the server sent a row without `{}`", table.key);
                    indexed.access = Access::Partial(why);
                }
                continue;
            };
            if let Some(name) = kinds::name_of(table, &row) {
                indexed.by_name.entry(fold(&name)).or_default().push(id);
            }
            if let Some((part, column)) = &parent_column
                && let Some(parent) = row.uuid(column)
            {
                indexed.by_parent.entry(parent).or_default().push(id);
                if let Some(identity) = part_identity(part, &row) {
                    indexed
                        .by_part
                        .entry((parent, identity))
                        .or_default()
                        .push(id);
                }
            }
            let before = indexed.rows.insert(id, ObservedRow { id, row });
            repeated |= before.is_some();
        }
        if repeated {
            // A row that changes between two pages can be on both; the later one counts.
            let once = indexed.rows.into_values().map(|row| row.row);
            return Self::index(table, part, once.collect(), indexed.access);
        }
        // A server sends rows in any order; results must not depend on it.
        let by_name = indexed.by_name.values_mut();
        let by_part = indexed.by_part.values_mut();
        let by_parent = indexed.by_parent.values_mut();
        for ids in by_name.chain(by_part).chain(by_parent) {
            ids.sort_unstable();
            // There is usually one, but the list has room for four.
            ids.shrink_to_fit();
        }
        indexed
    }

    /// Parts of a parent. This table has to be the table of the parts, which have exactly one parent column.
    pub fn children(&self, _part: &PartTable, parent: Uuid) -> impl Iterator<Item = &ObservedRow> {
        self.by_parent
            .get(&parent)
            .into_iter()
            .flatten()
            .filter_map(|id| self.rows.get(id))
    }
}

/// The identity of a live part, in the form that [`LiveTable::parts_of`] takes.
pub fn part_identity(part: &PartTable, row: &Row) -> Option<String> {
    match part.identity {
        PartIdentity::Text(column) => row.text(column).map(str::to_owned),
        PartIdentity::Number(column) => row.int(column).map(|number| number.to_string()),
        PartIdentity::Lookup(column) => Some(row.uuid(&lookup_read_name(column))?.to_string()),
        PartIdentity::UniqueName => row.text(UNIQUE_NAME.column).map(fold),
    }
}

/// The links of one relationship.
#[derive(Debug, Clone)]
pub struct LiveLinks {
    /// Pairs of owner and member.
    pub pairs: BTreeSet<(Uuid, Uuid)>,
    /// How much of the relationship is visible.
    pub access: Access,
    by_member: HashMap<Uuid, Vec<Uuid>>,
}

impl LiveLinks {
    /// Creates links from pairs of owner and member.
    pub fn new(pairs: BTreeSet<(Uuid, Uuid)>, access: Access) -> Self {
        let mut by_member: HashMap<Uuid, Vec<Uuid>> = HashMap::new();
        for (owner, member) in &pairs {
            by_member.entry(*member).or_default().push(*owner);
        }
        Self {
            pairs,
            access,
            by_member,
        }
    }

    /// Members of an owner, in the order of their ids.
    pub fn members(&self, owner: Uuid) -> impl Iterator<Item = Uuid> {
        self.pairs
            .range((owner, Uuid::nil())..=(owner, Uuid::max()))
            .map(|(_, member)| *member)
    }

    /// Owners of a member.
    pub fn owners(&self, member: Uuid) -> &[Uuid] {
        self.by_member.get(&member).map_or(&[], Vec::as_slice)
    }
}

/// A user, with the columns that a lookup needs.
#[derive(Debug, Clone)]
pub struct User {
    /// `systemuserid`.
    pub id: Uuid,
    /// User principal name, or its equivalent.
    pub name: String,
    /// Full name.
    pub full_name: String,
    /// E-mail address.
    pub email: String,
    /// Entra object id.
    pub object_id: Option<Uuid>,
    /// Whether the user is disabled and cannot sign in.
    pub disabled: bool,
    /// Whether this is an application, not a person.
    pub application: bool,
    /// Whether the user is soft-deleted.
    pub deleted: bool,
}

impl User {
    /// The reason why no profile should be assigned to this user, if there is one.
    pub fn unfit(&self) -> Option<&'static str> {
        if self.deleted {
            Some("deleted")
        } else if self.application {
            Some("an application user")
        } else if self.disabled {
            Some("disabled")
        } else {
            None
        }
    }
}

/// A security role of one business unit.
#[derive(Debug, Clone)]
pub struct Role {
    /// `roleid`.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// Its business unit.
    pub business_unit: Option<Uuid>,
    /// The role of the root business unit that it is a copy of; for the original, its own id.
    pub root: Uuid,
}

/// Security roles, found by id and by name.
#[derive(Debug, Clone, Default)]
pub struct Roles {
    by_id: BTreeMap<Uuid, Role>,
    by_name: HashMap<String, Vec<Uuid>>,
}

impl Roles {
    /// Adds a role, unless it is known already.
    pub fn insert(&mut self, role: Role) {
        if !self.by_id.contains_key(&role.id) {
            let named = self.by_name.entry(fold(&role.name)).or_default();
            named.push(role.id);
            named.sort_unstable();
            self.by_id.insert(role.id, role);
        }
    }

    /// The role with this id.
    pub fn get(&self, id: Uuid) -> Option<&Role> {
        self.by_id.get(&id)
    }

    /// The number of roles with this name that are no copies.
    fn originals(&self, name: &str) -> usize {
        self.named(name).filter(|role| role.root == role.id).count()
    }

    /// All roles, by id.
    pub fn all(&self) -> impl Iterator<Item = &Role> {
        self.by_id.values()
    }

    /// Roles with this name in any business unit, by id.
    pub fn named(&self, name: &str) -> impl Iterator<Item = &Role> {
        let ids = self.by_name.get(&fold(name)).into_iter().flatten();
        ids.filter_map(|id| self.by_id.get(id))
    }
}

/// Rows that are looked up but never written.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// Users that the manifests or the links refer to.
    pub users: BTreeMap<Uuid, User>,
    /// Security roles.
    pub roles: Roles,
    /// Business units by id: name, and whether it is the root.
    pub business_units: BTreeMap<Uuid, (String, bool)>,
    /// Teams by folded name.
    pub teams: BTreeMap<String, Vec<Team>>,
    /// Names of any other looked-up row.
    pub labels: BTreeMap<Uuid, String>,
    /// Rows with the ids of declared rows, whatever kind they are of, with their names.
    pub with_declared_ids: BTreeMap<(&'static Table, Uuid), String>,
    /// Lookup names of rows, by table and lowercase display name.
    pub shown: BTreeMap<(&'static Table, String), Vec<String>>,
    /// Web resources, macros, views, forms and dashboards, by lookup.
    pub rows: BTreeMap<Lookup, Vec<Uuid>>,
    /// Views, forms and dashboards that tabs reference by id: name, and the table that they show.
    pub pages: BTreeMap<Uuid, (String, Option<String>)>,
    /// Why rows of some type could not be read, by the noun of the lookup.
    pub refused: BTreeMap<&'static str, String>,
    /// Types of rows whose table the environment lacks, by the noun of the lookup.
    pub absent: BTreeSet<&'static str>,
    /// Users by principal name, e-mail and object id.
    pub users_by_name: HashMap<String, Vec<Uuid>>,
    /// Holders of the security roles that are mapped to profiles, by root role; empty if they were not queried.
    pub role_holders: BTreeMap<Uuid, RoleHolders>,
}

/// Holders of a security role and of its copies in other business units.
#[derive(Debug, Clone, Default)]
pub struct RoleHolders {
    /// Users who hold it directly.
    pub users: BTreeSet<Uuid>,
    /// Other possible holders, such as `in another business unit`.
    pub uncounted: Option<String>,
}

/// A team and its members.
#[derive(Debug, Clone)]
pub struct Team {
    /// `teamid`.
    pub id: Uuid,
    /// The members that may be read.
    pub members: Vec<Uuid>,
    /// Whether there may be more members.
    pub cut: bool,
}

/// Whether the solution of a project can take components.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SolutionState {
    /// The environment has no such solution.
    Missing,
    /// It is managed, so nothing can be added to it.
    Managed,
    /// It takes components.
    Open,
}

/// Facts about the environment and the caller.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Id of the organization.
    pub organization: Option<Uuid>,
    /// Its base language.
    pub base_language: Option<i64>,
    /// The caller's language.
    pub caller_language: Option<i64>,
    /// The caller.
    pub caller: Option<Uuid>,
    /// Prefixes of publishers, in lowercase; `None` if they could not be read.
    pub prefixes: Option<BTreeSet<String>>,
    /// The solution of the project; `None` if there is none, or it could not be read.
    pub solution: Option<SolutionState>,
    /// Whether unmanaged customisations are blocked; `None` if it could not be read.
    pub locked_down: Option<bool>,
    /// Whether auditing is on; `None` if it could not be read.
    pub auditing: Option<bool>,
    /// The caller's privileges; `None` if they could not be read.
    pub privileges: Option<BTreeMap<String, Depth>>,
    /// Whether further privileges of the caller could not be read.
    pub more_privileges: bool,
}

impl Facts {
    /// Whether the localizable texts that the caller reads are in the base language. Unknown counts as no.
    pub fn reads_base_language(&self) -> bool {
        self.other_language().is_none()
    }

    /// Why the localizable texts that the caller reads cannot be compared; `None` if they are in the base language.
    pub fn other_language(&self) -> Option<&'static str> {
        match (self.base_language, self.caller_language) {
            // A caller without a language of their own reads the base language.
            (Some(_), Some(0)) => None,
            (Some(base), Some(caller)) if base == caller => None,
            (Some(_), Some(_)) => {
                Some("the caller reads texts in another language than the organization's")
            }
            _ => Some("it could not be read in which language the caller reads texts"),
        }
    }
}

/// A reference from a workstream to a template, by unique name.
#[derive(Debug, Clone)]
pub struct Mention {
    /// The workstream.
    pub id: Option<Uuid>,
    /// The workstream's name.
    pub workstream: String,
    /// The column.
    pub column: &'static str,
}

/// Everything that was read from an environment.
#[derive(Debug, Clone)]
pub struct Live {
    /// Rows by table.
    pub tables: BTreeMap<&'static Table, LiveTable>,
    /// Links by relationship.
    pub links: BTreeMap<&'static Relationship, LiveLinks>,
    /// Looked-up rows.
    pub found: Found,
    /// Facts about the environment.
    pub facts: Facts,
    /// Templates that workstreams refer to, by table and lowercase unique name.
    pub mentions: BTreeMap<(&'static Table, String), Vec<Mention>>,
    /// Why workstreams could not be read, if so.
    pub mentions_unread: Option<String>,
    /// The metadata of the tables of kinds that the project defines, or why it could not be read; `None` if no such kind is declared.
    pub metadata: Option<Result<Vec<TableMetadata>, String>>,
    /// Number of HTTP requests for reading.
    pub requests: u64,
}

impl Live {
    /// The rows of a table. A table that was not queried counts as unseen.
    pub fn table(&self, table: &'static Table) -> &LiveTable {
        static UNSEEN: std::sync::OnceLock<LiveTable> = std::sync::OnceLock::new();
        self.tables.get(table).unwrap_or_else(|| {
            UNSEEN.get_or_init(|| LiveTable::empty(Access::Partial("it was not read".to_owned())))
        })
    }

    /// The links of a relationship. A relationship that was not queried counts as unseen.
    pub fn links(&self, relationship: &'static Relationship) -> &LiveLinks {
        static UNSEEN: std::sync::OnceLock<LiveLinks> = std::sync::OnceLock::new();
        self.links.get(relationship).unwrap_or_else(|| {
            UNSEEN.get_or_init(|| {
                LiveLinks::new(
                    BTreeSet::new(),
                    Access::Partial("it was not read".to_owned()),
                )
            })
        })
    }

    /// A row of a table.
    pub fn row(&self, table: &'static Table, id: Uuid) -> Option<&ObservedRow> {
        self.tables.get(table)?.rows.get(&id)
    }

    /// Workstreams that name a template, by table and lowercase unique name. Where the project describes the column of a workstream that it
    /// reads, references show it, with what will name the row after the plan.
    pub(crate) fn mentions_of(
        &self,
        table: &'static Table,
        folded: &str,
    ) -> impl Iterator<Item = &Mention> {
        let kind = Kind::of_table(&tables::WORKSTREAM);
        let is_described = move |mention: &Mention| {
            kind.is_some_and(|kind| {
                let mut fields = kind.fields().iter();
                let row = mention.id.and_then(|id| self.row(kind.table(), id));
                row.is_some()
                    && fields.any(|field| field.column == mention.column && field.names.is_some())
            })
        };
        let mentions = self.mentions.get(&(table, folded.to_owned()));
        let mentions = mentions.into_iter().flatten();
        mentions.filter(move |mention| !is_described(mention))
    }

    /// A row that [`Self::find`] found.
    ///
    /// # Panics
    /// If the row does not exist. Rows that were found always come from the table's own index.
    pub fn found(&self, table: &'static Table, id: Uuid) -> &ObservedRow {
        self.row(table, id)
            .expect("what is found by name or part is a row of the table")
    }

    /// What people call a row: its unique name or a user's principal name, otherwise its id.
    pub fn label(&self, table: &Table, id: Uuid) -> String {
        let own = self
            .tables
            .get(table)
            .and_then(|live| live.rows.get(&id))
            .and_then(|row| kinds::name_of(table, &row.row))
            .map(Cow::into_owned);
        own.or_else(|| self.found.users.get(&id).map(|user| user.name.clone()))
            .or_else(|| self.role_label(id))
            .or_else(|| self.found.labels.get(&id).cloned())
            .unwrap_or_else(|| id.to_string())
    }

    /// Whether a row that was read is inactive, or a pane that is not enabled.
    pub fn is_off(&self, table: &'static Table, id: Uuid) -> bool {
        let Some(row) = self.row(table, id) else {
            return false;
        };
        let enabled = kinds::field(Kind::PRODUCTIVITY_PANE.fields(), "enabled").column;
        let is_pane = Kind::of_table(table) == Some(Kind::PRODUCTIVITY_PANE);
        kinds::is_inactive(&row.row) || is_pane && row.row.flag(enabled) == Some(false)
    }

    /// What people call a security role: its name, and for a copy also the business unit.
    fn role_label(&self, id: Uuid) -> Option<String> {
        let role = self.found.roles.get(id)?;
        let unread = (role.root != id).then_some("another business unit");
        Some(deskstate_model::of_unit(
            &role.name,
            self.unit_of_copy(id).or(unread),
        ))
    }

    /// The name of the business unit of a security role, if the role's name alone means another one or none.
    pub fn unit_of_copy(&self, id: Uuid) -> Option<&str> {
        let role = self.found.roles.get(id)?;
        let (name, is_root) = self.found.business_units.get(&role.business_unit?)?;
        // A role that somebody made in a child unit is no copy, but its name alone may mean another one.
        let is_bare =
            *is_root || role.root == role.id && self.found.roles.originals(&role.name) < 2;
        (!is_bare).then_some(name)
    }

    /// Maps the id of every copy of a security role to its root role.
    pub fn role_root(&self, id: Uuid) -> Uuid {
        self.found.roles.get(id).map_or(id, |role| role.root)
    }
}
