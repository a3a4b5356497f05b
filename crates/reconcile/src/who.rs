//! One agent: which profile they get, why, and what desktop follows from it.
//!
//! The order of precedence is documented in Microsoft's page on default profiles: a direct assignment, then the security role whose profile
//! has the lowest rank, then the custom default profile, then one of the product's own. How the custom default is stored is not documented,
//! so where neither of the first two decides, this says that it cannot say.

use std::collections::BTreeSet;

use deskstate_model::{Holds, Kind, Links, ResourceKey, lookup_read_name, tables};
use uuid::Uuid;

use crate::kinds;
use crate::live::{Live, ObservedRow};
use crate::lower::Desired;
use crate::state::fold;

/// Security roles that a user holds, and what could not be read of them.
#[derive(Debug, Clone, Default)]
pub struct HeldRoles {
    /// Ids of the roles that the user holds directly.
    pub roles: BTreeSet<Uuid>,
    /// Ids of the roles that the user's teams hold. They give no profile: role mapping does not apply to membership in a team
    /// (<https://learn.microsoft.com/dynamics365/app-profile-manager/add-profile-default>).
    pub through_teams: BTreeSet<Uuid>,
    /// Why some may be missing.
    pub unread: Vec<String>,
}

/// Why an agent gets a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Basis {
    /// Assigned by name.
    Direct,
    /// By holding a security role that is mapped to it.
    Role(String),
}

impl Basis {
    /// Whether the agent is assigned by name.
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
    /// Its app, as the profile says it.
    pub app: Option<String>,
    /// Its rank; lower wins among roles.
    pub rank: Option<i64>,
    /// What gives the profile to the user.
    pub basis: Basis,
    /// Teams whose members the manifests assign to the profile, the user among them.
    pub teams: Vec<String>,
}

/// What is known of one agent.
#[derive(Debug, Clone, Default)]
pub struct Who {
    /// Profiles the agent could get, the winner first within each app.
    pub candidates: Vec<Candidate>,
    /// The desktop of the first candidate: a word of the manifest and what it holds.
    pub desktop: Vec<(&'static str, Vec<String>)>,
    /// Profiles that the user does not get although a team of theirs holds the role, in words.
    pub not_applied: Vec<String>,
    /// What could not be seen, so that it may be otherwise.
    pub unseen: Vec<String>,
}

impl Who {
    /// Whether another profile has as good a claim as the first: neither the product's page nor a row says who wins a tie.
    pub fn is_tied(&self) -> bool {
        self.candidates
            .split_first()
            .is_some_and(|(first, others)| {
                others.iter().any(|other| {
                    other.app == first.app
                        && other.basis.is_direct() == first.basis.is_direct()
                        && (first.basis.is_direct() || other.rank == first.rank)
                })
            })
    }
}

/// Which profile a user gets. An assignment has no source of its own in the environment: that a team is behind it is known from the
/// manifests alone.
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
    for mapping in live.table(tables::ROLES.table).rows.values() {
        let (Some(profile), Some(role)) = (mapping.row.uuid(&profile), mapping.row.uuid(&role))
        else {
            continue;
        };
        if through_teams.contains(&live.role_root(role)) {
            not_applied.insert(format!(
                "AppProfile {}: security role {} is held through a team only, and role mapping does not apply to teams",
                live.label(&tables::PROFILE, profile),
                live.label(&tables::ROLE, role)
            ));
        }
        if roots.contains(&live.role_root(role)) {
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
    // The stronger reason is; the weaker for the same profile says nothing new.
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
        .map(|first| desktop(live, first.id))
        .unwrap_or_default();
    Who {
        candidates,
        desktop,
        not_applied: not_applied.into_iter().collect(),
        unseen,
    }
}

fn candidate(live: &Live, id: Uuid, basis: Basis) -> Option<Candidate> {
    let row = live.row(&tables::PROFILE, id)?;
    let column = |word| crate::kinds::profile(word).column;
    // An inactive profile is nobody's.
    if row.row.int(crate::kinds::profile("status").column) == Some(1) {
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

/// The sets of a profile by the word of the manifest, and the tabs of its session templates.
fn desktop(live: &Live, profile: Uuid) -> Vec<(&'static str, Vec<String>)> {
    let mut desktop = Vec::new();
    for field in Kind::APP_PROFILE.fields() {
        let Holds::Set {
            relationship,
            links,
            ..
        } = field.holds
        else {
            continue;
        };
        // The toggle and the providers share one relationship; people are not part of a desktop.
        if relationship == &tables::PROFILE_USERS || matches!(links, Links::Only(_)) {
            continue;
        }
        let mut names: Vec<String> = live
            .links(relationship)
            .members(profile)
            .map(|id| live.label(relationship.member, id))
            .collect();
        names.sort();
        if !names.is_empty() {
            desktop.push((field.word, names));
        }
    }
    let sessions = live.links(&tables::PROFILE_SESSIONS).members(profile);
    let mut tabs: Vec<String> = sessions
        .filter_map(|id| live.row(&tables::SESSION, id))
        .flat_map(|session| session_tabs(live, session))
        .collect();
    tabs.sort();
    tabs.dedup();
    if !tabs.is_empty() {
        desktop.push(("tabs", tabs));
    }
    desktop
}

fn session_tabs(live: &Live, session: &ObservedRow) -> Vec<String> {
    let anchor = kinds::field(Kind::SESSION_TEMPLATE.fields(), "anchorTab").read_name();
    let anchored = session.row.uuid(&anchor);
    let additional = live.links(&tables::SESSION_TABS).members(session.id);
    anchored
        .into_iter()
        .chain(additional)
        .map(|id| live.label(&tables::TAB, id))
        .collect()
}
