//! The number of agents that a change reaches, and how they were counted.
//!
//! A change reaches the agents of every profile that uses the resource, directly or indirectly. Users who are linked to such a profile are
//! counted and, if they could be read, the holders of the security roles mapped to it. Anything that was not counted is listed; a number is
//! never a guess.
//!
//! Rows of a kind that a project defines reach the agents that its definition specifies, such as the members of a queue. They are counted
//! separately, because members of a queue may have any profile.

mod said;

use std::collections::{BTreeMap, BTreeSet};

use deskstate_dataverse::{Cell, Value as Wire};
use deskstate_model::{
    Agents, Field, Holds, Kind, Referent, Relationship, Table, UniqueName, lookup_read_name, tables,
};
use uuid::Uuid;

pub use self::said::{ChangeReach, Reach, Reached};
use self::said::{Members, NO_PROFILE};
use crate::kinds;
use crate::live::Live;
use crate::lower::Desired;
use crate::plan::{Action, Change, Operation, Plan};
use crate::referrers::{Referrer, Referrers, parents, set_word};
use crate::state::RowKey;

/// How agents are called who get a profile by a security role, where its holders could not be counted.
pub(crate) const OF_ROLE: &str = "holders of security role ";
/// How agents are called to whom a workstream shows a template.
pub(crate) const OF_WORKSTREAM: &str = "agents of workstream";

/// How agents are called who get a profile because it is the default of the environment, which no column shows.
pub(crate) const OF_DEFAULT: &str = "everybody without a profile, if this one is set as default";

/// Counts the agents that each change reaches.
pub fn reach(plan: &Plan, desired: &Desired, live: &Live) -> Reach {
    if plan.is_empty() {
        return Reach {
            changes: Vec::new(),
            agents: Some(0),
            members: 0,
        };
    }
    let counting = Counting::new(plan, desired, live);
    let mut everybody = BTreeSet::new();
    let mut all_members = BTreeSet::new();
    let mut all_known = true;
    let changes = plan
        .changes
        .iter()
        .map(|change| {
            let (who, mut reach) = counting.change(change);
            everybody.extend(who.iter().copied());
            all_known &= reach.agents.is_some();
            reach.who = who;
            let members = counting.members_of(change);
            members.add_to(&mut reach);
            all_members.extend(members.who);
            reach
        })
        .collect();
    Reach {
        changes,
        agents: all_known.then_some(everybody.len()),
        members: all_members.len(),
    }
}

struct Counting<'a> {
    live: &'a Live,
    /// Live references, and those that the plan adds.
    referrers: Referrers,
    parents: BTreeMap<Uuid, (&'static Table, Uuid)>,
    /// Users of each profile, live and planned.
    users: BTreeMap<Uuid, BTreeSet<Uuid>>,
    /// Root roles mapped to each profile.
    roles: BTreeMap<Uuid, BTreeSet<Uuid>>,
    names: BTreeMap<Uuid, String>,
    /// Links that the plan adds, by owner.
    linked: BTreeMap<(&'static Relationship, Uuid), BTreeSet<Uuid>>,
    /// Targets of lookups and texts in new and changed rows, by row and property.
    pointed: BTreeMap<(Uuid, String), Target>,
}

/// Whether the row of a resource is deleted or switched off.
fn is_taken_away(change: &Change) -> bool {
    let mut operations = change.operations.iter();
    change.action == Action::Delete
        || operations.any(|operation| match operation {
            Operation::Update { row, body, .. } if row.id == change.id => {
                let mut columns = body.iter();
                columns.any(|(name, value)| {
                    name == tables::STATUS.column && *value != Wire::Cell(Cell::Int(0))
                })
            }
            _ => false,
        })
}

/// The target of a planned value.
enum Target {
    Row(Uuid),
    Named(String),
}

impl<'a> Counting<'a> {
    fn new(plan: &Plan, desired: &Desired, live: &'a Live) -> Self {
        let mut counting = Self {
            live,
            referrers: Referrers::of(live),
            parents: parents(live),
            users: BTreeMap::new(),
            roles: BTreeMap::new(),
            names: BTreeMap::new(),
            linked: BTreeMap::new(),
            pointed: BTreeMap::new(),
        };
        for (profile, user) in &live.links(&tables::PROFILE_USERS).pairs {
            counting.users.entry(*profile).or_default().insert(*user);
        }
        // An undo declares nothing, and has the names in its plan.
        let planned = plan.changes.iter();
        counting
            .names
            .extend(planned.map(|change| (change.id, change.key.name.as_written().to_owned())));
        let role_column = lookup_read_name(kinds::mapped_role());
        let profile_column = lookup_read_name(tables::ROLES.parent_column);
        for row in live.table(&tables::ROLE_MAPPING).rows.values() {
            if let (Some(profile), Some(role)) =
                (row.row.uuid(&profile_column), row.row.uuid(&role_column))
            {
                counting
                    .roles
                    .entry(profile)
                    .or_default()
                    .insert(live.role_root(role));
            }
        }
        for resource in desired.resources.values() {
            counting.names.insert(
                resource.row.key.derived_id(),
                resource.key.name.as_written().to_owned(),
            );
        }
        for operation in plan.changes.iter().flat_map(|change| &change.operations) {
            counting.planned(operation);
        }
        counting
    }

    /// Adds the references that an operation creates.
    fn planned(&mut self, operation: &Operation) {
        match operation {
            Operation::Link {
                relationship,
                owner,
                member,
            } if *relationship == &tables::PROFILE_USERS => {
                self.users.entry(*owner).or_default().insert(*member);
            }
            Operation::Link {
                relationship,
                owner,
                member,
            } => {
                let links = self.linked.entry((*relationship, *owner)).or_default();
                links.insert(*member);
                let referrer = Referrer {
                    table: relationship.owner,
                    id: *owner,
                    word: set_word(relationship.schema_name),
                    by_text: false,
                };
                self.referrers.add(*member, referrer);
            }
            Operation::Create { row, body, .. } | Operation::Update { row, body, .. } => {
                let part = Kind::part_tables().find(|part| part.table == row.table);
                let bound = |wanted: &str| {
                    body.iter().find_map(|(name, value)| match value {
                        Wire::Bind { id, .. } if name == wanted => Some(*id),
                        _ => None,
                    })
                };
                if let Some(part) = part
                    && let Some(parent) = bound(part.parent_navigation)
                {
                    self.parents.insert(row.id, (part.parent, parent));
                }
                if row.table == &tables::ROLE_MAPPING
                    && let (Some(profile), Some(role)) = (
                        bound(tables::ROLES.parent_navigation),
                        bound(kinds::mapped_role()),
                    )
                {
                    self.roles
                        .entry(profile)
                        .or_default()
                        .insert(self.live.role_root(role));
                }
                let (table, id) = self
                    .parents
                    .get(&row.id)
                    .copied()
                    .unwrap_or((row.table, row.id));
                for field in kinds::row_fields(row.table) {
                    let text = body.iter().find_map(|(name, value)| match value {
                        Wire::Cell(Cell::Text(text)) if name == field.column => Some(text),
                        _ => None,
                    });
                    if let (Some(to), Some(text)) = (field.names, text) {
                        let target = self.named(to, text);
                        let word = field.word;
                        let by_text = true;
                        self.referrers.add(
                            target,
                            Referrer {
                                table,
                                id,
                                word,
                                by_text,
                            },
                        );
                    }
                }
                for (name, value) in body {
                    let target = match value {
                        Wire::Bind { id, .. } => Some(Target::Row(*id)),
                        Wire::Cell(Cell::Text(text)) => Some(Target::Named(text.to_string())),
                        _ => None,
                    };
                    if let Some(target) = target
                        && Kind::of_table(row.table).is_some_and(|kind| !kind.is_built_in())
                    {
                        self.pointed.insert((row.id, name.clone()), target);
                    }
                    if let Wire::Bind { id: target, .. } = value
                        && *target != id
                    {
                        self.referrers.add(
                            *target,
                            Referrer {
                                table,
                                id,
                                word: "",
                                by_text: false,
                            },
                        );
                    }
                }
            }
            Operation::Delete { .. } | Operation::Unlink { .. } => {}
        }
    }

    fn change(&self, change: &Change) -> (BTreeSet<Uuid>, ChangeReach) {
        match change.key.kind {
            Kind::APP_PROFILE if only_users(change) => self.users_that_change(change),
            Kind::CIF_PROVIDER => self.v1_provider(change),
            _ => self.users_of_profiles(change),
        }
    }

    /// If only the users of a profile change, counts the users who are added or removed.
    fn users_that_change(&self, change: &Change) -> (BTreeSet<Uuid>, ChangeReach) {
        let users: BTreeSet<Uuid> = change
            .operations
            .iter()
            .filter_map(|operation| match operation {
                Operation::Link { member, .. } | Operation::Unlink { member, .. } => Some(*member),
                _ => None,
            })
            .collect();
        let reach = ChangeReach {
            agents: Some(users.len()),
            basis: "assigned, taken out or moved".to_owned(),
            ..ChangeReach::default()
        };
        (users, reach)
    }

    /// Finds the agents that the definitions of kinds specify for the changed row and for rows that refer to it. The walk ends at a row
    /// whose definition specifies how to find its agents: a change of a queue reaches its members, but not the members of other queues of
    /// its workstreams.
    fn members_of(&self, change: &Change) -> Members {
        let mut members = Members::default();
        let table = change.key.kind.table();
        if let Some(come_or_go) = self.members_that_change(change) {
            members.come_or_go = true;
            members.of.insert(change.key.to_string());
            members.who = come_or_go;
            return members;
        }
        let mut seen = BTreeSet::from([change.id]);
        let mut open = vec![(table, change.id)];
        while let Some((table, id)) = open.pop() {
            if table == &tables::PROFILE {
                continue;
            }
            if self.collect(table, id, &mut members, &mut BTreeSet::new()) {
                continue;
            }
            for referrer in self.referrers.to(id) {
                if seen.insert(referrer.id) {
                    open.push((referrer.table, referrer.id));
                }
            }
        }
        members.who.retain(|user| self.is_agent(*user));
        members
    }

    /// Adds the agents of a row. Returns whether its definition specifies how to find them.
    fn collect(
        &self,
        table: &'static Table,
        id: Uuid,
        members: &mut Members,
        seen: &mut BTreeSet<Uuid>,
    ) -> bool {
        let Some(kind) = Kind::of_table(table) else {
            return false;
        };
        let Agents {
            through,
            others,
            otherwise,
        } = kind.definition().agents;
        if !seen.insert(id) {
            return false;
        }
        let name = self.name_in(table, id);
        let mut leads = false;
        let fields = kind.fields().iter();
        for field in fields.filter(|field| through.contains(&field.word)) {
            match field.holds {
                Holds::Set {
                    relationship,
                    to: Referent::User,
                    ..
                } => {
                    leads = true;
                    members.hidden |= !self.live.links(relationship).access.is_whole();
                    members.of.insert(format!("{kind} {name}"));
                    members.who.extend(self.links_of(relationship, id));
                }
                Holds::Set { relationship, .. } => {
                    for target in self.links_of(relationship, id) {
                        leads = true;
                        self.collect(relationship.member, target, members, seen);
                    }
                }
                _ => {
                    if let Some((table, target)) = self.target(table, id, field) {
                        leads = true;
                        self.collect(table, target, members, seen);
                    }
                }
            }
        }
        let uncounted = [Some(others), (!leads).then_some(otherwise)];
        for who in uncounted
            .into_iter()
            .flatten()
            .filter(|who| !who.is_empty())
        {
            members.uncounted.insert(format!("{who} ({name})"));
        }
        !through.is_empty()
    }

    /// Members through live links and through links that the plan adds.
    fn links_of(&self, relationship: &'static Relationship, owner: Uuid) -> Vec<Uuid> {
        let live = self.live.links(relationship).members(owner);
        let planned = self.linked.get(&(relationship, owner));
        live.chain(planned.into_iter().flatten().copied()).collect()
    }

    /// The target of a lookup or a text of a row after the plan.
    fn target(
        &self,
        table: &'static Table,
        id: Uuid,
        field: &'static Field,
    ) -> Option<(&'static Table, Uuid)> {
        let (property, to) = match field.holds {
            Holds::Lookup {
                navigation,
                to: Referent::Named(to),
            } => (navigation, to),
            _ => (field.column, field.names?),
        };
        let target = match self.pointed.get(&(id, property.to_owned())) {
            Some(Target::Row(id)) => *id,
            Some(Target::Named(name)) => self.named(to, name),
            None => {
                let row = self.live.row(table, id)?;
                match field.names {
                    None => row.row.uuid(&field.read_name())?,
                    Some(_) => self.named(to, row.row.text(field.column)?),
                }
            }
        };
        Some((to, target))
    }

    /// The id of a row by its name: that of the live row, or the one that a new row gets.
    fn named(&self, table: &'static Table, name: &str) -> Uuid {
        let key = RowKey::Named {
            table,
            name: UniqueName::new(name),
        };
        let live = self.live.find(&key).one();
        live.unwrap_or_else(|| key.derived_id())
    }

    /// Users who are added or removed, if the change does nothing else.
    fn members_that_change(&self, change: &Change) -> Option<BTreeSet<Uuid>> {
        let through = change.key.kind.definition().agents.through;
        let is_users = |relationship: &'static Relationship| {
            relationship.member == &tables::USER
                && through.contains(&set_word(relationship.schema_name))
        };
        let users = change.operations.iter().map(|operation| match operation {
            Operation::Link {
                relationship,
                member,
                ..
            }
            | Operation::Unlink {
                relationship,
                member,
                ..
            } if is_users(relationship) => Some(*member),
            _ => None,
        });
        let users: Option<BTreeSet<Uuid>> = users.collect();
        users.filter(|users| !users.is_empty() && change.action == Action::Update)
    }

    fn v1_provider(&self, change: &Change) -> (BTreeSet<Uuid>, ChangeReach) {
        let links = self.live.links(&tables::CIF_USERS);
        let mut users: BTreeSet<Uuid> = links.members(change.id).collect();
        users.extend(
            change
                .operations
                .iter()
                .filter_map(|operation| match operation {
                    Operation::Link { member, .. } => Some(*member),
                    _ => None,
                }),
        );
        users.retain(|user| self.is_agent(*user));
        let reach = ChangeReach {
            agents: links.access.is_whole().then_some(users.len()),
            basis: format!("users of {}", change.key.name),
            uncounted: vec!["holders of the roles that see the provider".to_owned()],
            ..ChangeReach::default()
        };
        (users, reach)
    }

    fn users_of_profiles(&self, change: &Change) -> (BTreeSet<Uuid>, ChangeReach) {
        let (profiles, mut uncounted) = self.profiles_above(change);
        let mut agents = BTreeSet::new();
        let mut by_role = false;
        for profile in &profiles {
            agents.extend(self.users.get(profile).into_iter().flatten().copied());
            for root in self.roles.get(profile).into_iter().flatten() {
                let role = self.live.label(&tables::ROLE, *root);
                match self.live.found.role_holders.get(root) {
                    Some(holders) => {
                        by_role = true;
                        agents.extend(holders.users.iter().copied());
                        if let Some(rest) = &holders.uncounted {
                            uncounted.insert(format!("{OF_ROLE}{role} {rest}"));
                        }
                    }
                    None => {
                        uncounted.insert(format!("{OF_ROLE}{role}"));
                    }
                }
            }
        }
        agents.retain(|user| self.is_agent(*user));
        // The product takes the roles from a profile that is set as default.
        let no_roles = !self.roles.contains_key(&change.id);
        if no_roles && change.key.kind == Kind::APP_PROFILE && is_taken_away(change) {
            uncounted.insert(OF_DEFAULT.to_owned());
        }
        // A profile that cannot be seen may use the row.
        let known = self.sees_all_profiles();
        let names: Vec<String> = profiles.iter().map(|profile| self.name(*profile)).collect();
        let reach = ChangeReach {
            agents: known.then_some(agents.len()),
            basis: basis(&names, by_role, known),
            uncounted: uncounted.into_iter().collect(),
            ..ChangeReach::default()
        };
        (agents, reach)
    }

    /// Whether every profile, with what it uses and whom it is for, can be read.
    fn sees_all_profiles(&self) -> bool {
        let tables = [&tables::PROFILE, tables::ROLES.table];
        let mut links = Kind::relationships().filter(|links| links.owner == &tables::PROFILE);
        tables
            .iter()
            .all(|table| self.live.table(table).access.is_whole())
            && links.all(|links| self.live.links(links).access.is_whole())
    }

    /// Profiles that use the resource, directly or indirectly, and other agents who may use it.
    fn profiles_above(&self, change: &Change) -> (BTreeSet<Uuid>, BTreeSet<String>) {
        let table = change.key.kind.table();
        let mut profiles = BTreeSet::new();
        let mut uncounted = BTreeSet::new();
        let mut seen = BTreeSet::from([change.id]);
        let mut open = vec![(table, change.id)];
        while let Some((table, id)) = open.pop() {
            if table == &tables::PROFILE {
                profiles.insert(id);
                continue;
            }
            self.workstreams(table, id, &mut uncounted);
            for referrer in self.referrers.to(id) {
                if seen.insert(referrer.id) {
                    open.push((referrer.table, referrer.id));
                }
            }
        }
        // This includes a profile that used the row only through something that this plan removes, because its live links are still present
        // here.
        (profiles, uncounted)
    }

    /// Workstreams show templates to agents independently of profiles.
    fn workstreams(&self, table: &'static Table, id: Uuid, uncounted: &mut BTreeSet<String>) {
        if table != &tables::SESSION && table != &tables::NOTIFICATION {
            return;
        }
        if self.live.mentions_unread.is_some() {
            uncounted.insert(format!("{OF_WORKSTREAM}s, which could not be read"));
            return;
        }
        let name = crate::state::fold(&self.name_in(table, id));
        for mention in self.live.mentions_of(table, &name) {
            uncounted.insert(format!("{OF_WORKSTREAM} {}", mention.workstream));
        }
    }

    fn name(&self, profile: Uuid) -> String {
        self.name_in(&tables::PROFILE, profile)
    }

    fn name_in(&self, table: &'static Table, id: Uuid) -> String {
        match self.live.row(table, id) {
            Some(_) => self.live.label(table, id),
            None => self
                .names
                .get(&id)
                .cloned()
                .unwrap_or_else(|| id.to_string()),
        }
    }

    /// Whether a user is counted: users who are known to be unable to sign in are not.
    fn is_agent(&self, user: Uuid) -> bool {
        self.live
            .found
            .users
            .get(&user)
            .is_none_or(|user| user.unfit().is_none())
    }
}

fn only_users(change: &Change) -> bool {
    change.action == Action::Update
        && change.operations.iter().all(|operation| {
            matches!(operation, Operation::Link { relationship, .. } | Operation::Unlink { relationship, .. } if *relationship == &tables::PROFILE_USERS)
        })
}

fn basis(profiles: &[String], by_role: bool, known: bool) -> String {
    if !known {
        return "who is assigned to profiles could not be read".to_owned();
    }
    let whom = if by_role {
        "assigned directly or by security role to"
    } else {
        "assigned directly to"
    };
    match profiles {
        [] => NO_PROFILE.to_owned(),
        [one] => format!("{whom} {one}"),
        several => format!("{whom} {} profiles", several.len()),
    }
}
