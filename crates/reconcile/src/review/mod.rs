//! Reviews a plan before anything is written: what it removes, whom it reaches, and what it would break.
//!
//! Every check has a stable code. The level of each check, except for [`FIXED_CHECKS`], can be set in `policy` in the project file. Most
//! denied findings can be allowed with the narrowest override, which the finding prints: for one run, or in the project file until a day.

pub(crate) mod addresses;
pub(crate) mod contracts;
pub(crate) mod emptied;
pub(crate) mod environment;
pub(crate) mod people;
pub(crate) mod removals;
pub(crate) mod rows;

use std::collections::{BTreeMap, BTreeSet};

use deskstate_model::{
    Acceptance, Allow, Allowance, Contract, Diagnostic, Explanation, FIXED_CHECKS, KindNameGlob,
    PROJECT_FILE, Policy, Project, Removals, Severity, Span, Writes,
};

use crate::check::CONTRACT_UNKNOWN;
use crate::live::Live;
use crate::lower::Desired;
use crate::plan::rows::FOREIGN_LANGUAGE;
use crate::plan::{Elsewhere, Plan};
use crate::reach::Reach;
use crate::referrers::Referrers;
use crate::writes::written;

pub(crate) const ALLOWS_NOTHING: Explanation = Explanation::new(
    "allows-nothing",
    "The plan needs no override that an entry under `allow` gives.",
    "Until its last day, the entry would let a later change pass that nobody has in mind today.",
    "Remove the entry once the change is applied to each of its environments. Before that, compare its value with the one that the refusal prints.",
);

/// Whether a finding stops the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The plan is refused.
    Deny,
    /// The finding is only reported.
    Warn,
}

/// A finding to consider before a plan is executed.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The stable name of the check.
    pub code: &'static str,
    /// Whether it stops the plan.
    pub level: Level,
    /// The index of the change in the plan.
    pub change: Option<usize>,
    /// The problem: lower case, no full stop, names in backticks.
    pub message: String,
    /// What to do next.
    pub help: Option<String>,
    /// Where the change is declared.
    pub span: Option<Span>,
    /// Related places.
    pub secondary: Vec<(Span, String)>,
    /// The narrowest override that lets it pass.
    pub allow: Option<Allow>,
    /// Whether such an override was given.
    pub allowed: bool,
    /// Whether it stops the plan whatever the policy says.
    pub fixed: bool,
}

/// The checks that only warn unless `policy` mentions them. All others deny.
const WARNINGS: [&str; 9] = [
    addresses::ADDRESS_CHANGED.code,
    contracts::CONTRACT_STAYS_BROKEN.code,
    CONTRACT_UNKNOWN.code,
    FOREIGN_LANGUAGE.code,
    people::MANY_AGENTS.code,
    environment::SHIPS_BY_SOLUTION.code,
    rows::STILL_REFERENCED.code,
    environment::UNKNOWN_PREFIX.code,
    people::USER_MOVES.code,
];

/// The rules for a review.
#[derive(Debug, Clone, Default)]
pub struct ReviewRules {
    /// Levels by code.
    pub policy: BTreeMap<String, Policy>,
    /// Threshold above which removals need an override.
    pub removals: Removals,
    /// Resources that are never deleted.
    pub protect: Vec<KindNameGlob>,
    /// What may be written to the environment.
    pub writes: Writes,
    /// Whether managed and out-of-the-box rows may be changed.
    pub allow_managed: bool,
    /// The overrides given for this run.
    pub allow: Vec<Allow>,
    /// The overrides of the project file for this environment and day. `None` where it cannot give any.
    pub committed: Option<Vec<Allowance>>,
    /// Whether the environment refuses unique names without the prefix of a publisher, as far as it is known.
    pub prefix_needs_publisher: Option<bool>,
    /// Whether the environment is the embedded emulator, which creates a publisher for each owned prefix.
    pub is_embedded: bool,
    /// Prefixes of the project, in lowercase.
    pub owned: Vec<String>,
    /// The project's own names with Microsoft's prefix, in lowercase.
    pub owned_names: Vec<String>,
    /// Contracts, which contain the requirements of vendors' guides.
    pub contracts: Vec<Contract>,
    /// Warnings that are accepted on the day of the review.
    pub accept: Vec<Acceptance>,
    /// Whether the contracts are those of today, and the rest is of an earlier revision.
    pub contracts_of_today: bool,
    /// Whether an undo is reviewed, and the project does not say what references to its rows mean.
    pub is_undo: bool,
}

impl ReviewRules {
    /// An undo deletes what its apply created. What still refers to it was written since, so it stops the undo.
    pub fn be_of_an_undo(&mut self) {
        let code = rows::STILL_REFERENCED.code;
        if !self.policy.contains_key(code) {
            self.policy.insert(code.to_owned(), Policy::Deny);
            self.is_undo = true;
        }
    }

    /// Takes limits, levels and contracts of the current project, and adds what it protects: the rules are those of an earlier revision.
    pub fn be_as_strict_as(&mut self, current: &Project, contracts: &[Contract]) {
        self.contracts = contracts.to_vec();
        self.contracts_of_today = true;
        let levels = current.policy.iter();
        self.policy = levels
            .map(|(code, level)| (code.clone(), level.value))
            .collect();
        self.removals = current.removals;
        let protect = current.protect.iter();
        self.protect.extend(protect.map(|glob| glob.value.clone()));
    }

    /// The rules that a project and its contracts specify for an environment.
    pub fn of(project: &Project, contracts: &[Contract], writes: Writes, today: &str) -> Self {
        Self {
            contracts_of_today: false,
            is_undo: false,
            accept: project
                .accept
                .iter()
                .filter(|entry| !entry.has_ended(today))
                .cloned()
                .collect(),
            contracts: contracts.to_vec(),
            policy: project
                .policy
                .iter()
                .map(|(code, level)| (code.clone(), level.value))
                .collect(),
            removals: project.removals,
            protect: project
                .protect
                .iter()
                .map(|glob| glob.value.clone())
                .collect(),
            writes,
            allow_managed: false,
            prefix_needs_publisher: None,
            is_embedded: false,
            allow: Vec::new(),
            committed: None,
            owned_names: project.folded_owned_names(),
            owned: project
                .owns
                .iter()
                .map(|prefix| prefix.value.clone())
                .collect(),
        }
    }

    fn level(&self, code: &str) -> Option<Level> {
        // The server would refuse it, whatever the policy.
        let is_prefix = code == environment::UNKNOWN_PREFIX.code;
        if is_prefix && self.prefix_needs_publisher == Some(true) {
            return Some(Level::Deny);
        }
        let default = if WARNINGS.contains(&code) {
            Policy::Warn
        } else {
            Policy::Deny
        };
        let given = self.policy.get(code).copied();
        // The server accepts it, so it is reported only if the project's policy says so.
        if is_prefix && self.prefix_needs_publisher == Some(false) && given.is_none() {
            return None;
        }
        match given
            .filter(|_| !FIXED_CHECKS.contains(&code))
            .unwrap_or(default)
        {
            Policy::Deny => Some(Level::Deny),
            Policy::Warn => Some(Level::Warn),
            Policy::Allow => None,
        }
    }
}

/// Everything that a check can use.
pub(crate) struct Case<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) desired: &'a Desired,
    pub(crate) live: &'a Live,
    pub(crate) reach: &'a Reach,
    pub(crate) rules: &'a ReviewRules,
    pub(crate) referrers: Referrers,
}

/// The result of a review.
#[derive(Debug, Clone, Default)]
pub struct Review {
    /// Findings in the order of changes, with those about the complete plan last. Denied findings come first within each group.
    pub findings: Vec<Finding>,
    /// Unknowns, independent of the policy.
    pub unknown: Vec<Elsewhere>,
    /// Number of warnings that the project accepts.
    pub accepted: usize,
    /// A warning for each override of the project file that the plan does not need.
    pub unneeded: Vec<Finding>,
}

/// Reviews a plan.
#[tracing::instrument(level = "info", skip_all, fields(changes = plan.changes.len()))]
pub fn review(
    plan: &Plan,
    desired: &Desired,
    live: &Live,
    reach: &Reach,
    rules: &ReviewRules,
) -> Review {
    let written = written(plan, live, rules.writes);
    let whole = Case {
        plan,
        desired,
        live,
        reach,
        rules,
        referrers: Referrers::left_by(live, &written.changes),
    };
    let mut found = Vec::new();
    environment::check(&whole, &mut found);
    // What is not written breaks nothing.
    let case = Case {
        plan: &written,
        ..whole
    };
    removals::check(&case, &mut found);
    emptied::check(&case, &mut found);
    rows::check(&case, &mut found);
    people::check(&case, &mut found);
    addresses::check(&case, &mut found);
    let unknown = contracts::check(&case, &mut found);
    let mut used = BTreeSet::new();
    let mut found: Vec<Finding> = found
        .into_iter()
        .filter_map(|finding| judged(finding, rules, &mut used))
        .collect();
    let before = found.len();
    found.retain(|finding| {
        let about = finding.change.map(|at| &plan.changes[at].key);
        let is_accepted = |entry: &Acceptance| entry.covers(finding.code, about);
        finding.level == Level::Deny || finding.allowed || !rules.accept.iter().any(is_accepted)
    });
    let accepted = before - found.len();
    found.sort_by(|left, right| place(left).cmp(&place(right)));
    tracing::info!(findings = found.len(), denied = denies(&found), "reviewed");
    Review {
        findings: found,
        unknown,
        accepted,
        unneeded: unneeded(rules, &used),
    }
}

fn unneeded(rules: &ReviewRules, used: &BTreeSet<usize>) -> Vec<Finding> {
    let entries = rules.committed.iter().flatten().enumerate();
    entries
        .filter(|(at, _)| !used.contains(at))
        .map(|(_, entry)| Finding {
            code: ALLOWS_NOTHING.code,
            level: Level::Warn,
            change: None,
            message: format!("this plan does not need `{}` under `allow`", entry.change),
            help: Some("remove the entry once the change is applied everywhere".to_owned()),
            span: Some(entry.span),
            secondary: Vec::new(),
            allow: None,
            allowed: false,
            fixed: false,
        })
        .collect()
}

/// Whether the plan must not be executed.
pub fn denies(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.level == Level::Deny)
}

fn place(finding: &Finding) -> (usize, Level, &'static str, &str) {
    (
        finding.change.unwrap_or(usize::MAX),
        finding.level,
        finding.code,
        &finding.message,
    )
}

/// Applies the level from the policy, lowered if an override was given. Adds the index of an override of the project file to `used`.
fn judged(
    mut finding: Finding,
    rules: &ReviewRules,
    used: &mut BTreeSet<usize>,
) -> Option<Finding> {
    finding.level = match finding.fixed {
        true => Level::Deny,
        false => rules.level(finding.code)?,
    };
    if rules.is_undo && finding.code == rows::STILL_REFERENCED.code {
        let way = "an undo deletes nothing that has been used since: remove the reference first, or write `policy: {still-referenced: warn}` in `deskstate.yaml` for the time of the undo";
        finding.help = Some(way.to_owned());
    }
    if let Some(needed) = &finding.allow
        && finding.level == Level::Deny
    {
        let committed = rules.committed.as_deref();
        let entries = committed.unwrap_or_default();
        if let Some(at) = entries.iter().position(|entry| entry.change.covers(needed)) {
            used.insert(at);
            let Allowance { until, reason, .. } = &entries[at];
            finding.level = Level::Warn;
            finding.allowed = true;
            finding.help = Some(format!(
                "allowed by `allow` in `{PROJECT_FILE}` until {until}: {reason}"
            ));
        } else if rules.allow.iter().any(|given| given.covers(needed)) {
            finding.level = Level::Warn;
            finding.allowed = true;
            finding.help = Some(format!("allowed for this run by `--allow {needed}`"));
        } else {
            let way = format!("to do it on purpose, allow it for this run: `--allow {needed}`");
            let way = match committed {
                Some(_) => format!("{way}, or until a day: `allow` in `{PROJECT_FILE}`"),
                None => way,
            };
            finding.help = Some(match finding.help {
                Some(help) => format!("{help}; {way}"),
                None => way,
            });
        }
    }
    Some(finding)
}

impl Finding {
    /// Creates a finding of a check about a change of the plan, if there is one. The policy determines its level.
    pub(crate) fn new(code: &'static str, change: Option<usize>, message: String) -> Self {
        Self {
            code,
            level: Level::Deny,
            change,
            message,
            help: None,
            span: None,
            secondary: Vec::new(),
            allow: None,
            allowed: false,
            fixed: false,
        }
    }

    /// Makes it stop the plan whatever the policy says.
    pub(crate) fn always(mut self) -> Self {
        self.fixed = true;
        self
    }

    pub(crate) fn at(mut self, span: Option<Span>) -> Self {
        self.span = span;
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(crate) fn unless(mut self, allow: Allow) -> Self {
        self.allow = Some(allow);
        self
    }
}

impl From<&Finding> for Diagnostic {
    fn from(finding: &Finding) -> Self {
        let mut diagnostic = match finding.level {
            Level::Deny => Diagnostic::error(finding.code, finding.message.clone()),
            Level::Warn => Diagnostic::warning(finding.code, finding.message.clone()),
        };
        debug_assert!(diagnostic.severity == Severity::Error || finding.level == Level::Warn);
        if let Some(span) = finding.span {
            diagnostic = diagnostic.at(span, "");
        }
        for (span, text) in &finding.secondary {
            diagnostic = diagnostic.also(*span, text.clone());
        }
        match &finding.help {
            Some(help) => diagnostic.help(help.clone()),
            // A warning that the project made an error.
            None if finding.level == Level::Deny && WARNINGS.contains(&finding.code) => {
                let code = finding.code;
                diagnostic.help(format!(
                    "`policy: {{{code}: deny}}` in `deskstate.yaml` refuses it: change that, or do without"
                ))
            }
            None => diagnostic,
        }
    }
}
