//! The state of each declared resource: in sync, different or unknown.
//!
//! Unknown is not in sync. Anything that could not be read, found or compared is an [`Obstacle`]. The planner can report an error only by
//! stating its effect on the state of the resource.

use std::collections::{BTreeMap, HashSet};

use deskstate_model::{Diagnostic, ResourceKey, Span};

/// Whether the live environment matches the declaration. Ordered: of several states, the greatest one counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SyncState {
    /// Everything was compared, and nothing differs.
    #[default]
    InSync,
    /// Everything was compared, and something differs.
    Different,
    /// Something could not be read, found or compared, even if something else differs.
    Unknown,
}

impl SyncState {
    /// All states, in the order in which they are counted.
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
    /// The field; empty for the complete resource.
    pub path: String,
    /// `Different` if the live value is known to differ and the plan cannot change that; `Unknown` if it is not known whether it differs.
    /// Never `InSync`.
    pub state: SyncState,
    /// The code of the finding that reports it.
    pub code: &'static str,
    /// The message of the finding.
    pub reason: String,
    /// Where it is declared.
    pub span: Option<Span>,
}

impl Obstacle {
    /// Creates the obstacle that a finding reports.
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

/// Something that is unknown or cannot be planned, but does not concern a declared resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elsewhere {
    /// The subject, for people.
    pub about: String,
    /// What is unknown, or cannot be planned.
    pub obstacle: Obstacle,
}

impl Elsewhere {
    /// An obstacle that concerns rows that no manifest declares.
    pub(crate) fn undeclared(obstacle: Obstacle) -> Self {
        Self {
            about: "rows that no manifest declares".to_owned(),
            obstacle,
        }
    }
}

/// A declared resource, and whether the live environment matches it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// The resource.
    pub key: ResourceKey,
    /// Where it is declared.
    pub declared_at: Option<Span>,
    /// The state of the complete resource.
    pub state: SyncState,
    /// What could not be planned.
    pub obstacles: Vec<Obstacle>,
}

impl Judged {
    /// Creates the state of a resource with its obstacles. `changes` states whether the plan changes it.
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

/// Number of resources by state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct States {
    /// Resources that were compared completely and match.
    pub in_sync: usize,
    /// Resources that were compared completely and differ.
    pub different: usize,
    /// Resources that could not be compared completely.
    pub unknown: usize,
}

impl States {
    /// Counts the states.
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

    /// Number of all resources.
    pub fn total(self) -> usize {
        let Self {
            in_sync,
            different,
            unknown,
        } = self;
        in_sync + different + unknown
    }

    /// The combined state of all resources.
    pub fn together(self) -> SyncState {
        match self {
            Self { unknown: 1.., .. } => SyncState::Unknown,
            Self { different: 1.., .. } => SyncState::Different,
            Self { .. } => SyncState::InSync,
        }
    }
}

/// Findings of the planner, with their obstacles.
#[derive(Debug, Default)]
pub(super) struct Findings<'a> {
    diagnostics: Vec<Diagnostic>,
    /// Findings that were reported, with their places.
    reported: HashSet<(&'static str, String, Option<Span>)>,
    current: Option<&'a ResourceKey>,
    obstacles: BTreeMap<&'a ResourceKey, Vec<Obstacle>>,
    elsewhere: Vec<Elsewhere>,
}

impl<'a> Findings<'a> {
    /// Sets the resource that the next findings concern; `None` for undeclared rows.
    pub(super) fn about(&mut self, resource: Option<&'a ResourceKey>) {
        self.current = resource;
    }

    /// Reports a warning that does not affect the state.
    pub(super) fn warn(&mut self, diagnostic: Diagnostic) {
        debug_assert!(
            !diagnostic.is_error(),
            "an error says what it makes of the state: {diagnostic:?}"
        );
        self.diagnostics.push(diagnostic);
    }

    /// Reports that it is unknown whether the live environment matches the declaration.
    pub(super) fn unknown(&mut self, path: impl Into<String>, diagnostic: Diagnostic) {
        self.obstruct(path.into(), SyncState::Unknown, diagnostic);
    }

    /// Reports that the live environment is known to differ and the plan cannot change that.
    pub(super) fn blocked(&mut self, path: impl Into<String>, diagnostic: Diagnostic) {
        self.obstruct(path.into(), SyncState::Different, diagnostic);
    }

    /// Records that a field was not compared, for a reason that another finding reports once for the whole plan.
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

    /// Records that the live environment is known to differ, for a reason that [`Findings::report`] reports once for all places.
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

    /// Reports the common cause of several obstacles.
    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
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

    /// Returns the state of a resource, given whether the plan changes it.
    pub(super) fn judge(
        &mut self,
        key: &ResourceKey,
        declared_at: Option<Span>,
        changes: bool,
    ) -> Judged {
        let obstacles = self.obstacles.remove(key).unwrap_or_default();
        Judged::new(key.clone(), declared_at, changes, obstacles)
    }

    /// Returns the findings, and what is unknown about undeclared rows.
    pub(super) fn finish(self) -> (Vec<Diagnostic>, Vec<Elsewhere>) {
        debug_assert!(
            self.obstacles.is_empty(),
            "obstacles of resources that were not judged: {:?}",
            self.obstacles
        );
        (self.diagnostics, self.elsewhere)
    }
}
