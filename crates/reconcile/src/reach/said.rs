//! How many agents a plan reaches, and how that is said.

use std::collections::BTreeSet;

use uuid::Uuid;

/// Agents that the changes of a plan reach.
#[derive(Debug, Clone, Default)]
pub struct Reach {
    /// One entry for each change, in the order of the plan.
    pub changes: Vec<ChangeReach>,
    /// Number of distinct agents reached by all changes together; `None` if some change could not be counted.
    pub agents: Option<usize>,
    /// Number of distinct agents reached other than through a profile.
    pub members: usize,
}

/// Agents that one change reaches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangeReach {
    /// Number of agents; `None` if it is unknown.
    pub agents: Option<usize>,
    /// How they were counted, such as `assigned directly to contoso_voice`.
    pub basis: String,
    /// Agents that were not counted, such as `holders of security role Agent in another business unit`.
    pub uncounted: Vec<String>,
    /// Number of agents reached other than through a profile, such as members of a queue; `None` if there are none.
    pub members: Option<usize>,
    /// The agents counted through profiles.
    pub who: BTreeSet<Uuid>,
}

/// A reach, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    /// `reaches 3 agents`.
    pub agents: String,
    /// `assigned directly to contoso_voice; not counted: holders of security role Agent in another business unit`.
    pub how: String,
}

impl ChangeReach {
    /// Number of agents and how they were counted; `None` if nobody is reached.
    pub fn said(&self) -> Option<Reached> {
        let agents = self.words()?;
        let uncounted = match self.uncounted.as_slice() {
            [] => None,
            uncounted => Some(format!("not counted: {}", uncounted.join(", "))),
        };
        let basis = Some(self.basis.clone()).filter(|basis| !basis.is_empty());
        let how: Vec<String> = basis.into_iter().chain(uncounted).collect();
        let how = how.join("; ");
        Some(Reached { agents, how })
    }

    /// For example `reaches 3 agents`, or `at least` that many if some were not counted.
    pub fn words(&self) -> Option<String> {
        let more = if self.uncounted.is_empty() {
            ""
        } else {
            "at least "
        };
        let counted = |count: usize, what: &str| match count {
            0 => None,
            1 => Some(format!("1 {what}")),
            count => Some(format!("{count} {what}s")),
        };
        let unknown = || Some("reaches an unknown number of agents".to_owned());
        let Some(agents) = self.agents else {
            return unknown();
        };
        let members = counted(self.members.unwrap_or_default(), "member");
        let parts: Vec<String> = counted(agents, "agent")
            .into_iter()
            .chain(members)
            .collect();
        match parts.as_slice() {
            [] if self.uncounted.is_empty() => None,
            [] => unknown(),
            parts => Some(format!("reaches {more}{}", parts.join(" and "))),
        }
    }
}

/// Agents that a change reaches other than through a profile.
#[derive(Default)]
pub(super) struct Members {
    pub(super) who: BTreeSet<Uuid>,
    /// The rows that they are members of, such as `Queue contoso_chat`.
    pub(super) of: BTreeSet<String>,
    pub(super) uncounted: BTreeSet<String>,
    /// Whether some memberships could not be read.
    pub(super) hidden: bool,
    /// Whether only memberships change, so that nobody else is reached.
    pub(super) come_or_go: bool,
}

impl Members {
    pub(super) fn add_to(&self, reach: &mut ChangeReach) {
        reach.uncounted.extend(self.uncounted.iter().cloned());
        if self.hidden {
            reach.agents = None;
            "who is a member could not be read".clone_into(&mut reach.basis);
            return;
        }
        let by_profile = reach.basis != NO_PROFILE;
        if self.of.is_empty() {
            if !by_profile && !self.uncounted.is_empty() {
                reach.basis.clear();
            }
            return;
        }
        let of: Vec<&str> = self.of.iter().map(String::as_str).collect();
        let basis = match (self.come_or_go, of.as_slice()) {
            (true, _) => "members who come or go".to_owned(),
            (false, [one]) => format!("members of {one}"),
            (false, several) => format!("members of {} rows", several.len()),
        };
        reach.basis = match by_profile {
            true => format!("{}; {basis}", reach.basis),
            false => basis,
        };
        reach.members = Some(self.who.len());
        reach.who.extend(self.who.iter().copied());
    }
}

/// The basis for a change that no profile leads to.
pub(super) const NO_PROFILE: &str = "no profile uses it";
