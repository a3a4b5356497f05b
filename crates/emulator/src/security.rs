//! Roles, privileges and their depth.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use http::StatusCode;
use uuid::Uuid;

use crate::error::{Outcome, ServiceError, code};
use crate::schema::{Ownership, Schema, Table, TableId};
use crate::store::{IndexKey, Row, Store, Transaction};
use crate::value::Value;

/// The user on whose behalf a request runs.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) user: Uuid,
    pub(crate) business_unit: Uuid,
    /// Language in which localizable columns are read and written.
    pub(crate) language: i64,
    pub(crate) teams: BTreeSet<Uuid>,
    /// The actual caller, if the request impersonates another user.
    pub(crate) on_behalf_by: Option<Uuid>,
    pub(crate) access: Access,
}

/// The depth of a privilege.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Depth {
    Basic,
    Local,
    Deep,
    Global,
}

impl Depth {
    fn of_mask(mask: i64) -> Option<Depth> {
        Some(match mask {
            8.. => Depth::Global,
            4..8 => Depth::Deep,
            2..4 => Depth::Local,
            1 => Depth::Basic,
            _ => return None,
        })
    }

    pub(crate) fn named(word: &str) -> Option<Depth> {
        [Depth::Basic, Depth::Local, Depth::Deep, Depth::Global]
            .into_iter()
            .find(|depth| depth.word() == word)
    }

    fn mask(self) -> i64 {
        match self {
            Depth::Basic => 1,
            Depth::Local => 2,
            Depth::Deep => 4,
            Depth::Global => 8,
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Depth::Basic => "Basic",
            Depth::Local => "Local",
            Depth::Deep => "Deep",
            Depth::Global => "Global",
        }
    }
}

/// The action that a privilege permits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Right {
    Create,
    Read,
    Write,
    Delete,
    Append,
    AppendTo,
}

impl Right {
    pub(crate) const ALL: [Right; 6] = [
        Right::Create,
        Right::Read,
        Right::Write,
        Right::Delete,
        Right::Append,
        Right::AppendTo,
    ];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Right::Create => "Create",
            Right::Read => "Read",
            Right::Write => "Write",
            Right::Delete => "Delete",
            Right::Append => "Append",
            Right::AppendTo => "AppendTo",
        }
    }

    /// The bit in the platform's access-right mask.
    pub(crate) fn mask(self) -> i64 {
        match self {
            Right::Read => 1,
            Right::Write => 2,
            Right::Append => 4,
            Right::AppendTo => 16,
            Right::Create => 32,
            Right::Delete => 65_536,
        }
    }
}

/// A name such as `prvReadRole`; `None` if the table has no privileges of its own.
pub(crate) fn privilege_name(table: &Table, right: Right) -> Option<String> {
    (!table.privilege.is_empty()).then(|| format!("prv{}{}", right.word(), table.privilege))
}

/// The permissions of a caller.
#[derive(Debug, Clone)]
pub(crate) enum Access {
    /// A system administrator.
    Everything,
    /// The privileges of the caller's roles, by lower-case name, with the business units that Deep covers.
    Granted(Arc<Granted>),
}

/// Privileges by lower-case name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Granted {
    pub(crate) privileges: BTreeMap<String, Depth>,
    below: BTreeSet<Uuid>,
}

impl Access {
    /// The depth of a privilege; `None` if the caller lacks it.
    pub(crate) fn depth(&self, privilege: &str) -> Option<Depth> {
        match self {
            Access::Everything => Some(Depth::Global),
            Access::Granted(granted) => granted
                .privileges
                .get(&privilege.to_ascii_lowercase())
                .copied(),
        }
    }

    /// The permissions that two callers have in common. This is what remains under impersonation.
    pub(crate) fn within(&self, other: &Access) -> Access {
        match (self, other) {
            (access, Access::Everything) | (Access::Everything, access) => access.clone(),
            (Access::Granted(a), Access::Granted(b)) => {
                let privileges = a
                    .privileges
                    .iter()
                    .filter_map(|(name, depth)| {
                        b.privileges
                            .get(name)
                            .map(|other| (name.clone(), *depth.min(other)))
                    })
                    .collect();
                Access::Granted(Arc::new(Granted {
                    privileges,
                    below: a.below.clone(),
                }))
            }
        }
    }

    fn depth_on(&self, table: &Table, right: Right) -> Option<Depth> {
        match privilege_name(table, right) {
            None => Some(Depth::Global),
            Some(name) => self.depth(&name),
        }
    }

    /// Rejects reading a table without any read privilege.
    pub(crate) fn check_read(&self, schema: &Schema, table: TableId) -> Outcome<()> {
        self.check(schema.table(table), Right::Read)
    }

    pub(crate) fn check(&self, table: &Table, right: Right) -> Outcome<()> {
        match self.depth_on(table, right) {
            Some(_) => Ok(()),
            None => Err(denied(table, right)),
        }
    }

    /// Whether a row is covered by the caller's read privilege.
    pub(crate) fn reads(&self, store: &Store, caller: &Caller, table: TableId, row: &Row) -> bool {
        self.reaches(store, caller, table, row, Right::Read)
    }

    /// Rejects whatever a privilege does not cover.
    pub(crate) fn check_row(
        &self,
        store: &Store,
        caller: &Caller,
        table: TableId,
        row: &Row,
        right: Right,
    ) -> Outcome<()> {
        let own = store.schema.table(table);
        self.check(own, right)?;
        if self.reaches(store, caller, table, row, right) {
            Ok(())
        } else {
            Err(denied(own, right))
        }
    }

    /// A link between rows of the product's tables is visible only to callers who can read both rows.
    fn reads_link(&self, store: &Store, caller: &Caller, relation: usize, row: &Row) -> bool {
        let many = &store.schema.many_to_many[relation];
        if !store
            .schema
            .table(many.intersect)
            .name
            .starts_with("msdyn_")
        {
            return true;
        }
        many.tables.iter().zip(many.columns).all(|(table, column)| {
            let end = row.cells[column].id().and_then(|id| store.get(*table, id));
            end.is_some_and(|end| self.reaches(store, caller, *table, end, Right::Read))
        })
    }

    fn reaches(
        &self,
        store: &Store,
        caller: &Caller,
        table: TableId,
        row: &Row,
        right: Right,
    ) -> bool {
        let Access::Granted(granted) = self else {
            return true;
        };
        let own = store.schema.table(table);
        if let Some(relation) = own.intersect.filter(|_| right == Right::Read) {
            return self.reads_link(store, caller, relation, row);
        }
        let depth = match self.depth_on(own, right) {
            None => return false,
            Some(Depth::Global) => return true,
            Some(depth) => depth,
        };
        let unit = match own.ownership {
            // Without owners, either all rows of a table are readable or none.
            Ownership::Organization | Ownership::None => return true,
            Ownership::User => {
                let owner = own
                    .position("ownerid")
                    .and_then(|column| row.cells[column].id());
                if owner.is_some_and(|owner| owner == caller.user || caller.teams.contains(&owner))
                {
                    return true;
                }
                own.position("owningbusinessunit")
                    .and_then(|column| row.cells[column].id())
            }
            Ownership::Business => {
                if row.id == caller.user {
                    return true;
                }
                own.position("businessunitid")
                    .and_then(|column| row.cells[column].id())
            }
        };
        match depth {
            Depth::Basic => false,
            Depth::Local => unit == Some(caller.business_unit),
            Depth::Deep => unit
                .is_some_and(|unit| unit == caller.business_unit || granted.below.contains(&unit)),
            Depth::Global => true,
        }
    }
}

fn denied(table: &Table, right: Right) -> ServiceError {
    let privilege = privilege_name(table, right).unwrap_or_default();
    ServiceError::new(
        StatusCode::FORBIDDEN,
        code::PRIVILEGE_DENIED,
        format!(
            "Principal user is missing {privilege} privilege on OTC={} for entity '{}'.",
            table.object_type_code, table.name
        ),
    )
}

/// Determines a user's teams, the roles held directly and through teams, and the permissions that they grant.
pub(crate) fn resolve(store: &Store, user: Uuid, on_behalf_by: Option<Uuid>) -> Option<Caller> {
    let schema = &store.schema;
    let users = schema.named("systemuser")?;
    let row = store.get(users, user)?;
    let business_unit = schema
        .table(users)
        .position("businessunitid")
        .and_then(|column| row.cells[column].id())
        .unwrap_or_default();
    let teams: BTreeSet<Uuid> = linked(store, "teammembership", "systemuserid", user, "teamid")
        .into_iter()
        .collect();
    let mut roles = linked(store, "systemuserroles", "systemuserid", user, "roleid");
    for team in &teams {
        roles.extend(linked(store, "teamroles", "teamid", *team, "roleid"));
    }
    Some(Caller {
        user,
        business_unit,
        language: language_of(store, user),
        access: access(store, &roles, business_unit),
        teams,
        on_behalf_by,
    })
}

fn linked(store: &Store, table: &str, by: &str, id: Uuid, wanted: &str) -> Vec<Uuid> {
    let Some(table) = store.schema.named(table) else {
        return Vec::new();
    };
    let own = store.schema.table(table);
    let (Some(by), Some(wanted)) = (own.position(by), own.position(wanted)) else {
        return Vec::new();
    };
    let ids = store.find(table, by, &IndexKey::Id(id)).unwrap_or_default();
    ids.iter()
        .filter_map(|id| store.get(table, *id)?.cells[wanted].id())
        .collect()
}

fn language_of(store: &Store, user: Uuid) -> i64 {
    let own = store.schema.named("usersettings").and_then(|table| {
        let row = store.get(table, user)?;
        row.cells[store.schema.table(table).position("uilanguageid")?].int()
    });
    own.filter(|language| *language > 0)
        .unwrap_or_else(|| base_language(store))
}

/// The organization's language.
pub(crate) fn base_language(store: &Store) -> i64 {
    let found = store.schema.named("organization").and_then(|table| {
        let row = store.rows(table).next()?;
        row.cells[store.schema.table(table).position("languagecode")?].int()
    });
    found.unwrap_or(1033)
}

fn access(store: &Store, roles: &[Uuid], business_unit: Uuid) -> Access {
    let Some(table) = store.schema.named("role") else {
        return Access::Everything;
    };
    let own = store.schema.table(table);
    let (Some(name), Some(root)) = (own.position("name"), own.position("parentrootroleid")) else {
        return Access::Everything;
    };
    let mut roots = BTreeSet::new();
    for role in roles {
        let Some(row) = store.get(table, *role) else {
            continue;
        };
        if row.cells[name].as_text() == Some("System Administrator") {
            return Access::Everything;
        }
        roots.insert(row.cells[root].id().unwrap_or(row.id));
    }
    let mut granted = Granted {
        below: units_below(store, business_unit),
        ..Granted::default()
    };
    for role in roots {
        grant(store, role, &mut granted.privileges);
    }
    Access::Granted(Arc::new(granted))
}

fn grant(store: &Store, role: Uuid, privileges: &mut BTreeMap<String, Depth>) {
    let (Some(links), Some(names)) = (
        store.schema.named("roleprivileges"),
        store.schema.named("privilege"),
    ) else {
        return;
    };
    let (own, named) = (store.schema.table(links), store.schema.table(names));
    let (Some(by), Some(privilege), Some(mask), Some(name)) = (
        own.position("roleid"),
        own.position("privilegeid"),
        own.position("privilegedepthmask"),
        named.position("name"),
    ) else {
        return;
    };
    for link in store
        .find(links, by, &IndexKey::Id(role))
        .unwrap_or_default()
    {
        let Some(row) = store.get(links, link) else {
            continue;
        };
        let (Some(id), Value::Int(mask)) = (row.cells[privilege].id(), &row.cells[mask]) else {
            continue;
        };
        let (Some(depth), Some(named)) = (Depth::of_mask(*mask), store.get(names, id)) else {
            continue;
        };
        if let Some(text) = named.cells[name].as_text() {
            let held = privileges.entry(text.to_ascii_lowercase()).or_insert(depth);
            *held = (*held).max(depth);
        }
    }
}

fn units_below(store: &Store, unit: Uuid) -> BTreeSet<Uuid> {
    let mut below = BTreeSet::new();
    let Some(table) = store.schema.named("businessunit") else {
        return below;
    };
    let Some(parent) = store.schema.table(table).position("parentbusinessunitid") else {
        return below;
    };
    let mut open = vec![unit];
    while let Some(current) = open.pop() {
        for child in store
            .find(table, parent, &IndexKey::Id(current))
            .unwrap_or_default()
        {
            if below.insert(child) {
                open.push(child);
            }
        }
    }
    below
}

/// Adds a privilege to a root role, or changes its depth.
pub(crate) fn grant_privilege(
    tx: &mut Transaction<'_>,
    role: Uuid,
    privilege: Uuid,
    depth: Depth,
) -> Outcome<()> {
    let schema = tx.schema();
    let (Some(links), Some(privileges)) =
        (schema.named("roleprivileges"), schema.named("privilege"))
    else {
        return Ok(());
    };
    if tx.get(privileges, privilege).is_none() {
        return Err(ServiceError::not_found("privilege", privilege));
    }
    let own = schema.table(links);
    let mut row = Row::new(own, link_key(role, privilege));
    for (name, value) in [
        ("roleid", Value::Id(role)),
        ("privilegeid", Value::Id(privilege)),
        ("privilegedepthmask", Value::Int(depth.mask())),
    ] {
        if let Some(column) = own.position(name) {
            row.cells[column] = value;
        }
    }
    tx.put(links, row);
    Ok(())
}

/// Removes a privilege from a root role.
pub(crate) fn revoke_privilege(tx: &mut Transaction<'_>, role: Uuid, privilege: Uuid) {
    if let Some(links) = tx.schema().named("roleprivileges") {
        tx.remove(links, link_key(role, privilege));
    }
}

fn link_key(role: Uuid, privilege: Uuid) -> Uuid {
    Uuid::new_v5(&role, privilege.as_bytes())
}

/// The name of every privilege that the tables need, with its access right, for the seed.
pub(crate) fn privilege_names(schema: &Schema) -> BTreeMap<String, i64> {
    let mut names = BTreeMap::new();
    for table in schema.visible() {
        for right in Right::ALL {
            if let Some(name) = privilege_name(table, right) {
                names.insert(name, right.mask());
            }
        }
    }
    names
}
