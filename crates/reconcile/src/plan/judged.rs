//! In sync, different or unknown: what a plan knows of each declared resource.
//!
//! Unknown is not in sync. Whatever could not be read, found or compared is an [`Obstacle`], and the planner has no other way to report
//! an error than to say what it makes of the resource's state.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use deskstate_model::{Diagnostic, ResourceKey, Span};

/// Whether live has what is declared. Ordered: of several, the last one counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SyncState {
    /// Everything was compared, and nothing differs.
    #[default]
    InSync,
    /// Everything was compared, and something differs.
    Different,
    /// Something could not be read, found or compared, whatever else differs.
    Unknown,
}

impl SyncState {
    /// All of them, in the order in which they are counted.
    pub const ALL: [Self; 3] = [Self::InSync, Self::Different, Self::Unknown];

    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            Self::InSync => "in sync",
            Self::Different => "different",
            Self::Unknown => "unknown",
        }
    }

    /// For programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::InSync => "inSync",
            Self::Different => "different",
            Self::Unknown => "unknown",
        }
    }
}

/// Something about a declared resource that cannot be planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    /// The field; empty for the resource as a whole.
    pub path: String,
    /// `Different` where live is known to differ and the plan cannot change that; `Unknown` where nobody can tell. Never `InSync`.
    pub state: SyncState,
    /// The code of the finding that says so.
    pub code: &'static str,
    /// Why, as the finding says it.
    pub reason: String,
    /// Where it is declared.
    pub span: Option<Span>,
}

impl Obstacle {
    /// The obstacle that a finding reports.
    pub(crate) fn of(path: String, state: SyncState, diagnostic: &Diagnostic) -> Self {
        Self {
            path,
            state,
            code: diagnostic.code,
            reason: diagnostic.message.clone(),
            span: diagnostic.primary.as_ref().map(|label| label.span),
        }
    }
}

/// Something that is unknown, or cannot be planned, and that no declared resource is to blame for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elsewhere {
    /// What it is about, for people.
    pub about: String,
    /// What is unknown, or cannot be planned.
    pub obstacle: Obstacle,
}

impl Elsewhere {
    /// About rows that no manifest declares.
    pub(crate) fn undeclared(obstacle: Obstacle) -> Self {
        Self {
            about: "rows that no manifest declares".to_owned(),
            obstacle,
        }
    }
}

/// A declared resource, and whether live has it as declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// Which resource.
    pub key: ResourceKey,
    /// Where it is declared.
    pub declared_at: Option<Span>,
    /// The state of all of it.
    pub state: SyncState,
    /// What could not be planned.
    pub obstacles: Vec<Obstacle>,
}

impl Judged {
    /// A resource with its obstacles; `changes` where the plan changes something about it.
    pub fn new(
        key: ResourceKey,
        declared_at: Option<Span>,
        changes: bool,
        obstacles: Vec<Obstacle>,
    ) -> Self {
        let own = if changes {
            SyncState::Different
        } else {
            SyncState::InSync
        };
        let states = obstacles.iter().map(|obstacle| obstacle.state);
        Self {
            state: states.fold(own, Ord::max),
            key,
            declared_at,
            obstacles,
        }
    }
}

/// How many resources are in which state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct States {
    /// Compared as a whole, and alike.
    pub in_sync: usize,
    /// Compared as a whole, and different.
    pub different: usize,
    /// Not compared as a whole.
    pub unknown: usize,
}

impl States {
    /// Counts.
    pub fn of(states: impl IntoIterator<Item = SyncState>) -> Self {
        let mut counted = Self::default();
        for state in states {
            match state {
                SyncState::InSync => counted.in_sync += 1,
                SyncState::Different => counted.different += 1,
                SyncState::Unknown => counted.unknown += 1,
            }
        }
        counted
    }

    /// All resources.
    pub fn total(self) -> usize {
        let Self {
            in_sync,
            different,
            unknown,
        } = self;
        in_sync + different + unknown
    }

    /// The state of all of them together.
    pub fn together(self) -> SyncState {
        match self {
            Self { unknown: 1.., .. } => SyncState::Unknown,
            Self { different: 1.., .. } => SyncState::Different,
            Self { .. } => SyncState::InSync,
        }
    }
}

/// Findings of the planner and the obstacles that belong to them.
#[derive(Debug, Default)]
pub(super) struct Findings<'a> {
    diagnostics: Vec<Diagnostic>,
    /// Findings that were reported, each at its place.
    reported: HashSet<(&'static str, String, Option<Span>)>,
    current: Option<&'a ResourceKey>,
    obstacles: BTreeMap<&'a ResourceKey, Vec<Obstacle>>,
    elsewhere: Vec<Elsewhere>,
    /// Resources of which another resource's change takes a link.
    changed_elsewhere: BTreeSet<&'a ResourceKey>,
}

impl<'a> Findings<'a> {
    /// Whose findings come next; none for rows that nobody declares.
    pub(super) fn about(&mut self, resource: Option<&'a ResourceKey>) {
        self.current = resource;
    }

    /// Something worth saying that leaves the state as it is.
    pub(super) fn warn(&mut self, diagnostic: Diagnostic) {
        debug_assert!(
            !diagnostic.is_error(),
            "an error says what it makes of the state: {diagnostic:?}"
        );
        self.diagnostics.push(diagnostic);
    }

    /// Nobody can tell whether live is as declared.
    pub(super) fn unknown(&mut self, path: impl Into<String>, diagnostic: Diagnostic) {
        self.obstruct(path.into(), SyncState::Unknown, diagnostic);
    }

    /// Live is known to differ, and the plan cannot change that.
    pub(super) fn blocked(&mut self, path: impl Into<String>, diagnostic: Diagnostic) {
        self.obstruct(path.into(), SyncState::Different, diagnostic);
    }

    /// Not compared, for a reason that another finding gives once for the whole plan.
    pub(super) fn not_compared(
        &mut self,
        path: impl Into<String>,
        code: &'static str,
        reason: &str,
        span: Span,
    ) {
        self.add(Obstacle {
            path: path.into(),
            state: SyncState::Unknown,
            code,
            reason: reason.to_owned(),
            span: Some(span),
        });
    }

    /// Live is known to differ, for a reason that [`Findings::report`] gives once for all places.
    pub(super) fn blocked_here(
        &mut self,
        path: impl Into<String>,
        code: &'static str,
        reason: String,
        span: Span,
    ) {
        self.add(Obstacle {
            path: path.into(),
            state: SyncState::Different,
            code,
            reason,
            span: Some(span),
        });
    }

    /// Reports what several obstacles have in common.
    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// What differs here is part of another resource's change.
    pub(super) fn changed_elsewhere(&mut self) {
        self.changed_elsewhere.extend(self.current);
    }

    /// Whether anything was reported as an error.
    pub(super) fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }

    pub(super) fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    fn obstruct(&mut self, path: String, state: SyncState, diagnostic: Diagnostic) {
        let obstacle = Obstacle::of(path, state, &diagnostic);
        let known = (obstacle.code, obstacle.reason.clone(), obstacle.span);
        self.add(obstacle);
        if self.reported.insert(known) {
            self.diagnostics.push(diagnostic);
        }
    }

    fn add(&mut self, obstacle: Obstacle) {
        match self.current {
            Some(key) => self.obstacles.entry(key).or_default().push(obstacle),
            None => self.elsewhere.push(Elsewhere::undeclared(obstacle)),
        }
    }

    /// What the planner made of a resource, given whether it changes.
    pub(super) fn judge(
        &mut self,
        key: &ResourceKey,
        declared_at: Option<Span>,
        changes: bool,
    ) -> Judged {
        let obstacles = self.obstacles.remove(key).unwrap_or_default();
        let changes = changes || self.changed_elsewhere.contains(key);
        Judged::new(key.clone(), declared_at, changes, obstacles)
    }

    /// The findings, and what is unknown of rows that nobody declares.
    pub(super) fn finish(self) -> (Vec<Diagnostic>, Vec<Elsewhere>) {
        debug_assert!(
            self.obstacles.is_empty(),
            "obstacles of resources that were not judged: {:?}",
            self.obstacles
        );
        (self.diagnostics, self.elsewhere)
    }
}
