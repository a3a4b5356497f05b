//! How many agents a change reaches, and how that was counted.
//!
//! A change reaches the agents of every profile that uses the resource, through however many steps. Counted are users who are linked
//! to such a profile and, where they could be read, the holders of the security roles mapped to it. What was not counted is named;
//! a number is never a guess.

use std::collections::{BTreeMap, BTreeSet};

use deskstate_dataverse::Value as Wire;
use deskstate_model::{Kind, Table, lookup_read_name, tables};
use uuid::Uuid;

use crate::kinds;
use crate::live::Live;
use crate::lower::Desired;
use crate::plan::{Action, Change, Operation, Plan};
use crate::referrers::{Referrer, Referrers, parents, set_word};

/// Agents whom each change of a plan reaches.
#[derive(Debug, Clone, Default)]
pub struct Reach {
    /// One entry for each change, in the order of the plan.
    pub changes: Vec<ChangeReach>,
    /// All of them together, each agent once; `None` where some change could not be counted.
    pub agents: Option<usize>,
}

/// Agents whom one change reaches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangeReach {
    /// How many; `None` where nobody can say.
    pub agents: Option<usize>,
    /// How they were counted, such as `assigned directly to contoso_voice`.
    pub basis: String,
    /// Who was not counted, such as `holders of security role Agent in another business unit`.
    pub uncounted: Vec<String>,
    /// Who was counted.
    pub who: BTreeSet<Uuid>,
}

/// A reach in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    /// `reaches 3 agents`.
    pub agents: String,
    /// `assigned directly to contoso_voice; not counted: holders of security role Agent in another business unit`.
    pub how: String,
}

impl ChangeReach {
    /// How many agents, and how they were counted; none where nobody is reached.
    pub fn said(&self) -> Option<Reached> {
        let agents = self.words()?;
        let mut how = self.basis.clone();
        if !self.uncounted.is_empty() {
            how.push_str("; not counted: ");
            how.push_str(&self.uncounted.join(", "));
        }
        Some(Reached { agents, how })
    }

    /// `reaches 3 agents`; at least so many where somebody was not counted.
    pub fn words(&self) -> Option<String> {
        let more = if self.uncounted.is_empty() {
            ""
        } else {
            "at least "
        };
        match self.agents {
            Some(0) if self.uncounted.is_empty() => None,
            Some(0) | None => Some("reaches an unknown number of agents".to_owned()),
            Some(1) => Some(format!("reaches {more}1 agent")),
            Some(count) => Some(format!("reaches {more}{count} agents")),
        }
    }
}

/// Counts the agents whom each change reaches.
pub fn reach(plan: &Plan, desired: &Desired, live: &Live) -> Reach {
    if plan.is_empty() {
        return Reach {
            changes: Vec::new(),
            agents: Some(0),
        };
    }
    let counting = Counting::new(plan, desired, live);
    let mut everybody = BTreeSet::new();
    let mut all_known = true;
    let changes = plan
        .changes
        .iter()
        .map(|change| {
            let (who, mut reach) = counting.change(change);
            everybody.extend(who.iter().copied());
            all_known &= reach.agents.is_some();
            reach.who = who;
            reach
        })
        .collect();
    Reach {
        changes,
        agents: all_known.then_some(everybody.len()),
    }
}

struct Counting<'a> {
    live: &'a Live,
    /// Live references, and those that the plan makes.
    referrers: Referrers,
    parents: BTreeMap<Uuid, (&'static Table, Uuid)>,
    /// Users of each profile, live and planned.
    users: BTreeMap<Uuid, BTreeSet<Uuid>>,
    /// Root roles mapped to each profile.
    roles: BTreeMap<Uuid, BTreeSet<Uuid>>,
    names: BTreeMap<Uuid, String>,
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
        };
        for (profile, user) in &live.links(&tables::PROFILE_USERS).pairs {
            counting.users.entry(*profile).or_default().insert(*user);
        }
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

    /// What an operation adds to the references.
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
                let referrer = Referrer {
                    table: relationship.owner,
                    id: *owner,
                    word: set_word(relationship.schema_name),
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
                for (_, value) in body {
                    if let Wire::Bind { id: target, .. } = value
                        && *target != id
                    {
                        self.referrers.add(
                            *target,
                            Referrer {
                                table,
                                id,
                                word: "",
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

    /// A profile of which only the users change reaches those who come or go.
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
            who: BTreeSet::new(),
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
                            uncounted.insert(format!("holders of security role {role} {rest}"));
                        }
                    }
                    None => {
                        uncounted.insert(format!("holders of security role {role}"));
                    }
                }
            }
        }
        agents.retain(|user| self.is_agent(*user));
        let known =
            profiles.is_empty() || self.live.links(&tables::PROFILE_USERS).access.is_whole();
        let names: Vec<String> = profiles.iter().map(|profile| self.name(*profile)).collect();
        let reach = ChangeReach {
            agents: known.then_some(agents.len()),
            basis: basis(&names, by_role, known),
            uncounted: uncounted.into_iter().collect(),
            who: BTreeSet::new(),
        };
        (agents, reach)
    }

    /// Profiles that use the resource, through however many steps, and who else may use it.
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
        // A profile that the row was used by only through what goes away in this very plan is reached too: its live links still stand here.
        (profiles, uncounted)
    }

    /// Workstreams show templates to agents whom no profile names.
    fn workstreams(&self, table: &'static Table, id: Uuid, uncounted: &mut BTreeSet<String>) {
        if table != &tables::SESSION && table != &tables::NOTIFICATION {
            return;
        }
        if self.live.mentions_unread.is_some() {
            uncounted.insert("agents of workstreams, which could not be read".to_owned());
            return;
        }
        let name = crate::state::fold(&self.name_in(table, id));
        for mention in self.live.mentions.get(&(table, name)).into_iter().flatten() {
            uncounted.insert(format!("agents of workstream {}", mention.workstream));
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

    /// Nobody counts users who are known to be unable to sign in.
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
        [] => "no profile uses it".to_owned(),
        [one] => format!("{whom} {one}"),
        several => format!("{whom} {} profiles", several.len()),
    }
}
