//! The verdict on the live environment and the manifests. All renderers take the state, the counts and the sentences from here, so that
//! none of them can report something as in sync that was not compared.

use std::collections::BTreeSet;

use deskstate_model::{ResourceKey, SourceMap, Span};
use deskstate_reconcile::plan::{Elsewhere, Judged, Obstacle, Plan, States, SyncState};

use super::count;
use crate::door::{BAD, GOOD, Style, WARN};

/// The state of everything that was compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// The overall state.
    pub(crate) state: SyncState,
    /// The states of the declared resources.
    pub(crate) states: States,
}

impl Verdict {
    /// The verdict on a plan.
    pub(crate) fn of_plan(plan: &Plan) -> Self {
        Self {
            state: plan.state(),
            states: plan.states(),
        }
    }

    /// `6 resources, 4 in sync`, and the number of unknown ones.
    pub(crate) fn counts(self, in_sync: &str) -> String {
        let States {
            in_sync: alike,
            unknown,
            ..
        } = self.states;
        let resources = count(self.states.total(), "resource");
        // While anything is unknown, nothing may read as if everything was fine.
        match self.state {
            SyncState::InSync | SyncState::Different => format!("{resources}, {alike} {in_sync}"),
            SyncState::Unknown if unknown == 0 => {
                format!("{resources}, {alike} in sync, and not everything was compared")
            }
            SyncState::Unknown => format!("{resources}, {alike} in sync, {unknown} unknown"),
        }
    }

    /// A line for a plan without changes.
    pub(crate) fn without_changes(self) -> String {
        match self.state {
            SyncState::InSync if self.states.total() == 0 => {
                "was not compared: the manifests declare nothing for it".to_owned()
            }
            SyncState::InSync => format!(
                "matches the manifests ({})",
                count(self.states.total(), "resource")
            ),
            SyncState::Different => format!(
                "differs from the manifests, and no change can be planned ({})",
                self.counts("in sync")
            ),
            SyncState::Unknown => format!(
                "could not be compared completely ({})",
                self.counts("in sync")
            ),
        }
    }

    /// The colour of a line on a terminal.
    pub(crate) fn style(self) -> Style {
        match self.state {
            SyncState::InSync => GOOD,
            SyncState::Different => WARN,
            SyncState::Unknown => BAD,
        }
    }
}

/// The symbol for something that could not be planned.
pub(crate) fn sign(state: SyncState) -> &'static str {
    match state {
        SyncState::InSync => "=",
        SyncState::Different => "!",
        SyncState::Unknown => "?",
    }
}

/// The subject of something that could not be planned.
#[derive(Debug, Clone, Copy)]
pub(crate) enum About<'a> {
    /// A declared resource.
    Resource(&'a ResourceKey),
    /// Undeclared rows, or a rule of a contract.
    Other(&'a str),
}

/// Something that could not be planned, for display on one line.
pub(crate) struct Unplanned<'a> {
    /// The subject.
    pub(crate) about: About<'a>,
    /// Where the resource is declared.
    pub(crate) declared_at: Option<Span>,
    /// The obstacle.
    pub(crate) obstacle: &'a Obstacle,
}

impl Unplanned<'_> {
    /// The subject, such as `AppProfile contoso_agents`.
    pub(crate) fn about(&self) -> String {
        match self.about {
            About::Resource(key) => key.to_string(),
            About::Other(what) => what.to_owned(),
        }
    }

    /// The reason, such as `users: unknown: the environment has no user …`.
    pub(crate) fn words(&self) -> String {
        let Obstacle {
            path,
            state,
            reason,
            ..
        } = self.obstacle;
        let field = if path.is_empty() {
            String::new()
        } else {
            format!("{path}: ")
        };
        let what = match state {
            SyncState::InSync | SyncState::Unknown => "unknown",
            SyncState::Different => "cannot be changed",
        };
        format!("{field}{what}: {reason}")
    }

    /// The location of the declaration, as `file:line`.
    pub(crate) fn place(&self, sources: &SourceMap) -> Option<String> {
        self.declared_at.map(|span| {
            let (line, _) = sources.line_column(span);
            format!("{}:{line}", sources.path(span.file))
        })
    }
}

/// Everything that could not be planned, resource by resource. Repeated obstacles of a resource are listed once.
pub(crate) fn unplanned<'a>(
    resources: &'a [Judged],
    elsewhere: &'a [Elsewhere],
) -> impl Iterator<Item = Unplanned<'a>> {
    let declared = resources.iter().flat_map(|judged| {
        let mut said = BTreeSet::new();
        let new = move |obstacle: &&'a Obstacle| {
            said.insert((&obstacle.path, obstacle.state, &obstacle.reason))
        };
        judged
            .obstacles
            .iter()
            .filter(new)
            .map(|obstacle| Unplanned {
                about: About::Resource(&judged.key),
                declared_at: judged.declared_at,
                obstacle,
            })
    });
    let others = elsewhere.iter().map(|one| Unplanned {
        about: About::Other(&one.about),
        declared_at: None,
        obstacle: &one.obstacle,
    });
    declared.chain(others)
}
