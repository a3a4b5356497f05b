//! The profile that an agent gets, why, and the resulting desktop.
//!
//! The order of precedence is documented in Microsoft's page on default profiles: a direct assignment, then the security role whose profile
//! has the lowest rank, then the custom default profile, then one of the product's own. How the custom default is stored is not documented,
//! so if neither of the first two decides, the result is reported as unknown.

use std::collections::BTreeSet;

use deskstate_model::{Holds, Kind, Links, ResourceKey, Table, lookup_read_name, tables};
use uuid::Uuid;

use crate::kinds;
use crate::live::{Live, ObservedRow};
use crate::lower::Desired;
use crate::state::fold;

/// Security roles of a user, and what could not be read about them.
#[derive(Debug, Clone, Default)]
pub struct HeldRoles {
    /// Ids of the roles that the user holds directly.
    pub roles: BTreeSet<Uuid>,
    /// Ids of the roles that the user's teams hold. They assign no profile: role mapping does not apply to membership in a team
    /// (<https://learn.microsoft.com/dynamics365/app-profile-manager/add-profile-default>).
    pub through_teams: BTreeSet<Uuid>,
    /// Why some may be missing.
    pub unread: Vec<String>,
}

/// Why an agent gets a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Basis {
    /// Direct assignment.
    Direct,
    /// A security role that is mapped to the profile.
    Role(String),
}

impl Basis {
    /// Whether the agent is assigned directly.
    pub fn is_direct(&self) -> bool {
        matches!(self, Self::Direct)
    }
}

/// A profile that an agent could get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its unique name.
    pub profile: String,
    /// Its row.
    pub id: Uuid,
    /// Its app, as stored in the profile.
    pub app: Option<String>,
    /// Its rank. Among roles, the lowest rank wins.
    pub rank: Option<i64>,
    /// Why the user could get the profile.
    pub basis: Basis,
    /// Teams of the user whose members the manifests assign to the profile.
    pub teams: Vec<String>,
}

/// The profiles and the desktop of an agent.
#[derive(Debug, Clone, Default)]
pub struct Who {
    /// Profiles that the agent could get, with the winner first within each app.
    pub candidates: Vec<Candidate>,
    /// The desktop of the first candidate: fields of the manifest and their values.
    pub desktop: Vec<(&'static str, Vec<String>)>,
    /// Profiles that the user does not get although one of their teams has the role, and what is switched off, for people.
    pub not_applied: Vec<String>,
    /// What could not be read, so that the result may be different.
    pub unseen: Vec<String>,
}

/// Whether an agent gets a profile: one in each app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The agent gets it in its app.
    Gets,
    /// Another profile of the app has the same precedence: neither the product's page nor a row states how ties are resolved.
    Tied,
    /// Another profile of the app is assigned directly.
    BehindDirect,
    /// Another profile of the app has a lower rank.
    BehindRank,
}

impl Who {
    /// Whether the agent gets a candidate.
    pub fn standing(&self, candidate: &Candidate) -> Standing {
        let app = |one: &Candidate| one.app.as_deref().map(fold);
        let mut rivals = self
            .candidates
            .iter()
            .filter(|one| app(one) == app(candidate));
        let first = rivals.next().unwrap_or(candidate);
        let alike = |one: &Candidate| {
            one.basis.is_direct() == first.basis.is_direct()
                && (first.basis.is_direct() || one.rank == first.rank)
        };
        if !alike(candidate) {
            return match first.basis.is_direct() {
                true => Standing::BehindDirect,
                false => Standing::BehindRank,
            };
        }
        match rivals.any(alike) {
            true => Standing::Tied,
            false => Standing::Gets,
        }
    }

    /// Whether it is unknown if the agent gets the first candidate.
    pub fn is_tied(&self) -> bool {
        let first = self.candidates.first();
        first.is_some_and(|first| self.standing(first) == Standing::Tied)
    }
}

/// Finds the profile that a user gets. The environment does not store the source of an assignment, so only the manifests show that it comes
/// from a team.
pub fn who(live: &Live, user: Uuid, held: &HeldRoles, desired: &Desired) -> Who {
    let mut candidates: Vec<Candidate> = live
        .links(&tables::PROFILE_USERS)
        .owners(user)
        .iter()
        .filter_map(|id| candidate(live, *id, Basis::Direct))
        .map(|candidate| Candidate {
            teams: teams(live, user, &candidate.profile, desired),
            ..candidate
        })
        .collect();
    let roots: BTreeSet<Uuid> = held
        .roles
        .iter()
        .map(|role| live.role_root(*role))
        .collect();
    let (profile, role) = (
        lookup_read_name(tables::ROLES.parent_column),
        lookup_read_name(crate::kinds::mapped_role()),
    );
    let through_teams: BTreeSet<Uuid> = held
        .through_teams
        .iter()
        .map(|role| live.role_root(*role))
        .filter(|root| !roots.contains(root))
        .collect();
    let mut not_applied = BTreeSet::new();
    for profile in live.links(&tables::PROFILE_USERS).owners(user) {
        if is_off(live, *profile) {
            not_applied.insert(format!(
                "AppProfile {}: it is assigned directly, and inactive",
                live.label(&tables::PROFILE, *profile)
            ));
        }
    }
    for mapping in live.table(tables::ROLES.table).rows.values() {
        let (Some(profile), Some(role)) = (mapping.row.uuid(&profile), mapping.row.uuid(&role))
        else {
            continue;
        };
        if roots.contains(&live.role_root(role)) && is_off(live, profile) {
            not_applied.insert(format!(
                "AppProfile {}: it is mapped to security role {}, and inactive",
                live.label(&tables::PROFILE, profile),
                live.label(&tables::ROLE, role)
            ));
            continue;
        }
        if through_teams.contains(&live.role_root(role)) {
            not_applied.insert(format!(
                "AppProfile {}: security role {} is held through a team only, and role mapping does not apply to teams",
                live.label(&tables::PROFILE, profile),
                live.label(&tables::ROLE, role)
            ));
        }
        if roots.contains(&live.role_root(role))
            && mapping.row.int(tables::STATUS.column) == Some(1)
        {
            not_applied.insert(format!(
                "AppProfile {}: its mapping of security role {} is inactive",
                live.label(&tables::PROFILE, profile),
                live.label(&tables::ROLE, role)
            ));
        } else if roots.contains(&live.role_root(role)) {
            candidates.extend(candidate(
                live,
                profile,
                Basis::Role(live.label(&tables::ROLE, role)),
            ));
        }
    }
    candidates.sort_by_key(|candidate| {
        let by_role = candidate.basis != Basis::Direct;
        (
            by_role,
            candidate.rank.unwrap_or(i64::MAX),
            candidate.profile.clone(),
        )
    });
    // For each profile, only the strongest reason is kept.
    let mut seen = BTreeSet::new();
    candidates.retain(|candidate| seen.insert(candidate.id));
    let mut unseen = held.unread.clone();
    for (what, access) in [
        (
            "who is assigned directly",
            &live.links(&tables::PROFILE_USERS).access,
        ),
        (
            "which roles are mapped to profiles",
            &live.table(tables::ROLES.table).access,
        ),
        ("profiles", &live.table(&tables::PROFILE).access),
    ] {
        if !access.is_whole() {
            unseen.push(format!("{what}, as a whole"));
        }
    }
    if candidates.is_empty() {
        unseen.push(
            "whether a custom default profile is set: its storage is not documented".to_owned(),
        );
    }
    let desktop = candidates
        .first()
        .map(|first| desktop(live, first.id, &mut not_applied))
        .unwrap_or_default();
    Who {
        candidates,
        desktop,
        not_applied: not_applied.into_iter().collect(),
        unseen,
    }
}

fn is_off(live: &Live, profile: Uuid) -> bool {
    let row = live.row(&tables::PROFILE, profile);
    row.is_some_and(|row| kinds::is_inactive(&row.row))
}

fn candidate(live: &Live, id: Uuid, basis: Basis) -> Option<Candidate> {
    let row = live.row(&tables::PROFILE, id)?;
    let column = |word| crate::kinds::profile(word).column;
    // Nobody gets an inactive profile.
    if is_off(live, id) {
        return None;
    }
    Some(Candidate {
        profile: live.label(&tables::PROFILE, id),
        id,
        app: row.row.text(column("app")).map(str::to_owned),
        rank: row.row.int(column("rank")),
        basis,
        teams: Vec::new(),
    })
}

/// The teams of a user whose members a manifest assigns to a profile.
fn teams(live: &Live, user: Uuid, profile: &str, desired: &Desired) -> Vec<String> {
    let key = ResourceKey::new(Kind::APP_PROFILE, profile);
    let sets = desired.resources.get(&key).into_iter();
    let sets = sets
        .flat_map(|resource| &resource.sets)
        .filter(|set| set.relationship == &tables::PROFILE_USERS);
    let named = sets.flat_map(|set| &set.from_teams).map(|(team, _)| team);
    let has_user = |team: &&String| {
        let teams = live.found.teams.get(&fold(team)).into_iter().flatten();
        teams.flat_map(|team| &team.members).any(|id| *id == user)
    };
    named.filter(has_user).cloned().collect()
}

/// The sets of a profile by field, and the tabs of its session templates. What is switched off goes to `off`.
fn desktop(
    live: &Live,
    profile: Uuid,
    off: &mut BTreeSet<String>,
) -> Vec<(&'static str, Vec<String>)> {
    let mut desktop = Vec::new();
    let mut is_on = |table: &'static Table, id: Uuid| {
        let is_off = live.is_off(table, id);
        if is_off {
            off.insert(format!(
                "{} {}: it is switched off",
                kinds::noun(table),
                live.label(table, id)
            ));
        }
        !is_off
    };
    for field in Kind::APP_PROFILE.fields() {
        let Holds::Set {
            relationship,
            links,
            ..
        } = field.holds
        else {
            continue;
        };
        // The toggle and the set of providers share a relationship; users are not part of a desktop.
        if relationship == &tables::PROFILE_USERS || matches!(links, Links::Only(_)) {
            continue;
        }
        let mut names: Vec<String> = live
            .links(relationship)
            .members(profile)
            .filter(|id| is_on(relationship.member, *id))
            .map(|id| live.label(relationship.member, id))
            .collect();
        names.sort();
        if !names.is_empty() {
            desktop.push((field.word, names));
        }
    }
    let sessions = live.links(&tables::PROFILE_SESSIONS).members(profile);
    let mut tabs: Vec<String> = sessions
        .filter(|id| !live.is_off(&tables::SESSION, *id))
        .filter_map(|id| live.row(&tables::SESSION, id))
        .flat_map(|session| session_tabs(live, session))
        .filter(|id| is_on(&tables::TAB, *id))
        .map(|id| live.label(&tables::TAB, id))
        .collect();
    tabs.sort();
    tabs.dedup();
    if !tabs.is_empty() {
        desktop.push(("tabs", tabs));
    }
    desktop
}

fn session_tabs(live: &Live, session: &ObservedRow) -> Vec<Uuid> {
    let anchor = kinds::field(Kind::SESSION_TEMPLATE.fields(), "anchorTab").read_name();
    let anchored = session.row.uuid(&anchor);
    let additional = live.links(&tables::SESSION_TABS).members(session.id);
    anchored.into_iter().chain(additional).collect()
}
