//! Shared by the renderers of drift: the environments that were checked, and the wording of differences.

use std::collections::{BTreeMap, BTreeSet};

use deskstate_model::{Diagnostic, ResourceKey, SourceMap, Span, Writes};
use deskstate_reconcile::blame::Audit;
use deskstate_reconcile::drift::{Class, Difference, DriftState, Drifted, Report, Shift};
use deskstate_reconcile::plan::SyncState;
use deskstate_reconcile::secret::{masked_at, masked_pair};
use serde_json::Value as Json;
use similar::ChangeTag;

use super::html::Picture;
use super::plan_text::named;
use super::sides::{alike, members, sides};
use super::verdict::{Unplanned, Verdict, unplanned};
use super::{plain, shown};

/// One environment and its result.
pub(crate) struct Seen {
    /// Its name.
    pub(crate) environment: String,
    /// The result, or the reason why there is none.
    pub(crate) looked: Result<Looked, String>,
}

/// The outcome of checking an environment, for every format and for the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Everything was compared, and nothing differs.
    InSync,
    /// Everything was compared, and something differs.
    Drift,
    /// Not everything was compared, no matter what else differs.
    Incomplete,
    /// Nothing was compared.
    Failed,
}

impl Outcome {
    /// The words for people.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::InSync => "in sync",
            Self::Drift => "drift",
            Self::Incomplete => "incomplete",
            Self::Failed => "failed",
        }
    }

    /// The code for programs.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::InSync => "inSync",
            Self::Drift => "drift",
            Self::Incomplete => "incomplete",
            Self::Failed => "failed",
        }
    }

    /// Whether everything was compared.
    pub(crate) fn is_complete(self) -> bool {
        match self {
            Self::InSync | Self::Drift => true,
            Self::Incomplete | Self::Failed => false,
        }
    }
}

impl Seen {
    /// Whether only selected resources were compared.
    pub(crate) fn is_selection(&self) -> bool {
        self.looked.as_ref().is_ok_and(|looked| looked.selection)
    }

    /// The outcome for this environment.
    pub(crate) fn outcome(&self) -> Outcome {
        match &self.looked {
            Ok(looked) => looked.outcome(),
            Err(_) => Outcome::Failed,
        }
    }
}

/// Rules of contracts that live rows break, and that no difference of a declared resource shows.
pub(crate) fn broken_rules(report: &Report) -> impl Iterator<Item = String> {
    let is_drifted = |key: &ResourceKey| report.drifted.iter().any(|drifted| drifted.key == *key);
    let broken = report.broken.iter();
    let alone = broken.filter(move |broken| !broken.key.as_ref().is_some_and(is_drifted));
    alone.map(|broken| {
        let level = if broken.finding.problem.is_error() {
            "live"
        } else {
            "live, but only preferred:"
        };
        let what = match &broken.key {
            Some(key) => format!("{level} {key}"),
            None => "no live resource fulfils it".to_owned(),
        };
        format!("{what}, {}", broken.words())
    })
}

/// What decides the commands that help.
#[derive(Debug, Clone, Default)]
pub(crate) struct Way {
    /// The revision after `--at`.
    pub(crate) at: Option<String>,
    /// What may be written to the environment.
    pub(crate) writes: Writes,
}

/// The result of reading an environment.
pub(crate) struct Looked {
    /// Its address.
    pub(crate) address: String,
    /// The manifests.
    pub(crate) sources: SourceMap,
    /// The differences.
    pub(crate) report: Report,
    /// Everything that could not be compared, and warnings.
    pub(crate) findings: Vec<Diagnostic>,
    /// The reached agents, in words.
    pub(crate) reaches: Vec<(ResourceKey, String)>,
    /// Whether only selected resources were compared.
    pub(crate) selection: bool,
    /// What decides the next step.
    pub(crate) way: Way,
    /// Number of HTTP requests.
    pub(crate) requests: u64,
    /// The agent's screen and the graph, if a page shows them.
    pub(crate) picture: Option<Picture>,
}

impl Looked {
    /// The outcome. An error that says nothing of a resource's state makes it incomplete.
    pub(crate) fn outcome(&self) -> Outcome {
        let judged: BTreeSet<&str> = self
            .unplanned()
            .map(|unplanned| unplanned.obstacle.code)
            .collect();
        let mut errors = self.findings.iter().filter(|found| found.is_error());
        if !errors.all(|error| judged.contains(error.code)) {
            return Outcome::Incomplete;
        }
        match self.report.state() {
            SyncState::Unknown => Outcome::Incomplete,
            SyncState::Different => Outcome::Drift,
            SyncState::InSync => Outcome::InSync,
        }
    }

    /// The verdict on the declared resources.
    pub(crate) fn verdict(&self) -> Verdict {
        Verdict {
            state: self.report.state(),
            states: self.report.states(),
        }
    }

    /// Everything that could not be compared.
    pub(crate) fn unplanned(&self) -> impl Iterator<Item = Unplanned<'_>> {
        unplanned(&self.report.resources, &self.report.elsewhere)
    }

    /// The agents that a resource reaches, in words.
    pub(crate) fn reach(&self, key: &ResourceKey) -> Option<&str> {
        self.reaches
            .iter()
            .find(|(known, _)| known == key)
            .map(|(_, words)| words.as_str())
    }

    /// The location of a declaration, as `file:line`.
    pub(crate) fn place(&self, span: Option<Span>) -> Option<String> {
        span.map(|span| {
            let (line, _) = self.sources.line_column(span);
            format!("{}:{line}", plain(self.sources.path(span.file)))
        })
    }
}

/// Describes a difference: the declared value, then the live one.
pub(crate) fn words(difference: &Difference, alike: &BTreeMap<&str, String>) -> String {
    match &difference.shift {
        Shift::Value { declared, live } => {
            members_words(declared, live, alike).unwrap_or_else(|| {
                let masked = masked_pair(&difference.path, declared, live);
                let (declared, live) = match &masked {
                    Some((declared, live)) => sides(declared, live),
                    None => sides(declared, live),
                };
                format!("{declared} → {live}")
            })
        }
        Shift::Copy { column, declared } => {
            format!(
                "{}, but its second copy `{column}` differs",
                shown(&masked_at(&difference.path, declared))
            )
        }
        Shift::Lost { member } => format!("− {}", named(member, alike)),
        Shift::Gained { member } => format!("+ {}", named(member, alike)),
        Shift::Row => String::new(),
    }
}

/// Describes the differences between two lists of names, as `+ new, − old`.
pub(crate) fn members_words(
    before: &Json,
    after: &Json,
    alike: &BTreeMap<&str, String>,
) -> Option<String> {
    let members = members(before, after)?;
    let words = members.iter().map(|(tag, member)| {
        let sign = match tag {
            ChangeTag::Delete => "−",
            ChangeTag::Insert | ChangeTag::Equal => "+",
        };
        format!("{sign} {}", named(member, alike))
    });
    Some(words.collect::<Vec<_>>().join(", "))
}

/// The members that look like another member of the same resource.
pub(crate) fn members_alike(differences: &[Difference]) -> BTreeMap<&str, String> {
    fn names(value: &Json) -> Vec<&str> {
        let items = value.as_array().map_or(&[][..], Vec::as_slice);
        items.iter().filter_map(Json::as_str).collect()
    }
    alike(
        differences
            .iter()
            .flat_map(|difference| match &difference.shift {
                Shift::Lost { member } | Shift::Gained { member } => vec![member.as_str()],
                Shift::Value { declared, live } => [names(declared), names(live)].concat(),
                Shift::Copy { .. } | Shift::Row => Vec::new(),
            }),
    )
}

/// Describes what happened to a resource as a whole.
pub(crate) fn state(drifted: &Drifted) -> &'static str {
    match drifted.state {
        DriftState::Changed => "",
        DriftState::Missing => "is missing",
        DriftState::Unwanted => "exists although it is declared absent",
    }
}

/// The symbol of a resource: the change in the live environment, relative to the manifests.
pub(crate) fn symbol(drifted: &Drifted) -> &'static str {
    match drifted.state {
        DriftState::Changed => "~",
        DriftState::Missing => "−",
        DriftState::Unwanted => "+",
    }
}

/// The class, evidence and time of a difference: `edited by hand: … (2026-11-02T08:00:00Z)`.
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

/// The state of auditing, and whether it could help.
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

/// Number of differences of each class.
pub(crate) fn counts(report: &Report) -> [(Class, usize); 4] {
    Class::ALL.map(|class| (class, report.count(class)))
}
