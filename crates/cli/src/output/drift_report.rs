//! What the renderers of drift have in common: the environments that were looked at, and the words for a difference.

use deskstate_model::{Diagnostic, ResourceKey, SourceMap, Span};
use deskstate_reconcile::blame::Audit;
use deskstate_reconcile::drift::{Class, Difference, DriftState, Drifted, Report, Shift};

use super::html::Picture;
use super::{plain, shown};

/// One environment, and what came of looking at it.
pub(crate) struct Seen {
    /// Its name.
    pub(crate) environment: String,
    /// What was seen, or why nothing was.
    pub(crate) looked: Result<Looked, String>,
}

/// An environment that could be read.
pub(crate) struct Looked {
    /// Its address.
    pub(crate) address: String,
    /// What is declared for it.
    pub(crate) resources: Vec<ResourceKey>,
    /// The manifests.
    pub(crate) sources: SourceMap,
    /// What differs.
    pub(crate) report: Report,
    /// What could not be compared, and warnings.
    pub(crate) findings: Vec<Diagnostic>,
    /// Agents reached, in words.
    pub(crate) reaches: Vec<(ResourceKey, String)>,
    /// HTTP requests that it took.
    pub(crate) requests: u64,
    /// The agent's screen and the graph, where a page shows them.
    pub(crate) picture: Option<Picture>,
}

impl Looked {
    /// Agents reached by a resource, in words.
    pub(crate) fn reach(&self, key: &ResourceKey) -> Option<&str> {
        self.reaches
            .iter()
            .find(|(known, _)| known == key)
            .map(|(_, words)| words.as_str())
    }

    /// `file:line` of a declaration.
    pub(crate) fn place(&self, span: Option<Span>) -> Option<String> {
        span.map(|span| {
            let (line, _) = self.sources.line_column(span);
            format!("{}:{line}", self.sources.path(span.file))
        })
    }
}

/// A difference in words: what is declared, then what live has.
pub(crate) fn words(difference: &Difference) -> String {
    match &difference.shift {
        Shift::Value { declared, live } => format!("{} → {}", shown(declared), shown(live)),
        Shift::Copy { column, declared } => {
            format!(
                "{}, but its second copy `{column}` says otherwise",
                shown(declared)
            )
        }
        Shift::Lost { member } => format!("− {}", plain(member)),
        Shift::Gained { member } => format!("+ {}", plain(member)),
        Shift::Row => String::new(),
    }
}

/// What happened to a resource as a whole.
pub(crate) fn state(drifted: &Drifted) -> &'static str {
    match drifted.state {
        DriftState::Changed => "",
        DriftState::Missing => "is not there",
        DriftState::Unwanted => "is there although it is declared absent",
    }
}

/// The symbol of a resource: what live did, seen from the manifests.
pub(crate) fn symbol(drifted: &Drifted) -> &'static str {
    match drifted.state {
        DriftState::Changed => "~",
        DriftState::Missing => "−",
        DriftState::Unwanted => "+",
    }
}

/// `edited by hand: … (2026-11-02T08:00:00Z)`.
pub(crate) fn verdict(difference: &Difference) -> String {
    let when = difference
        .when
        .as_deref()
        .map(|when| format!(" ({})", plain(when)))
        .unwrap_or_default();
    format!(
        "{}: {}{when}",
        difference.class.words(),
        plain(&difference.evidence)
    )
}

/// Whether auditing could help.
pub(crate) fn audit(report: &Report) -> String {
    match &report.audit {
        Audit::On if report.histories_unread > 0 => {
            format!(
                "auditing is on; the history of {} rows was not read",
                report.histories_unread
            )
        }
        Audit::On => "auditing is on".to_owned(),
        Audit::Off => "auditing is off".to_owned(),
        Audit::Refused(why) => format!("audit records cannot be read: {}", plain(why)),
    }
}

/// Differences of each class.
pub(crate) fn counts(report: &Report) -> [(Class, usize); 4] {
    Class::ALL.map(|class| (class, report.count(class)))
}
