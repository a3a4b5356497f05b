//! Judges a plan before anything is written: what it takes away, whom it reaches, what it would break.
//!
//! Every check has a stable code. Those of [`CHECKS`] that are not fixed take their level from `policy` in the project file. What a
//! check denies can mostly be allowed for one run, by the narrowest override that the finding prints.

mod addresses;
mod allow;
mod contracts;
mod environment;
mod people;
mod removals;
mod rows;

use std::collections::BTreeMap;

use deskstate_model::{
    Contract, Diagnostic, KindNameGlob, Policy, Project, Removals, Severity, Span, Writes,
};

pub use allow::{Allow, UnknownAllow};

use crate::live::Live;
use crate::lower::Desired;
use crate::plan::{Elsewhere, Plan};
use crate::reach::Reach;
use crate::referrers::Referrers;

/// Whether a finding stops the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The plan is refused.
    Deny,
    /// The plan says so.
    Warn,
}

/// Something to know before a plan is carried out.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The stable name of the check.
    pub code: &'static str,
    /// Whether it stops the plan.
    pub level: Level,
    /// The change it is about, by its place in the plan.
    pub change: Option<usize>,
    /// What is wrong: lower case, no full stop, names in backticks.
    pub message: String,
    /// What to do next.
    pub help: Option<String>,
    /// Where it is declared.
    pub span: Option<Span>,
    /// Other places that have to do with it.
    pub secondary: Vec<(Span, String)>,
    /// The narrowest override that lets it pass.
    pub allow: Option<Allow>,
    /// Whether such an override was given.
    pub allowed: bool,
}

/// A check of review.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    /// Its code, the key in `policy`.
    pub code: &'static str,
    /// Its level where `policy` says nothing.
    pub default: Policy,
    /// Whether `policy` has no say.
    pub fixed: bool,
    /// What it is about.
    pub about: &'static str,
}

const fn check(code: &'static str, default: Policy, about: &'static str) -> Check {
    Check {
        code,
        default,
        fixed: false,
        about,
    }
}

const fn fixed(code: &'static str, about: &'static str) -> Check {
    Check {
        code,
        default: Policy::Deny,
        fixed: true,
        about,
    }
}

/// Every check, in the order of their codes.
pub const CHECKS: &[Check] = &[
    check(
        "address-changed",
        Policy::Warn,
        "a channel provider's URL or trusted domain, or the script of an extension, becomes another",
    ),
    check(
        "contract-broken",
        Policy::Deny,
        "the plan breaks a rule of a contract that live keeps",
    ),
    check(
        "contract-stays-broken",
        Policy::Warn,
        "live breaks a rule of a contract, and still does after the plan",
    ),
    check(
        "contract-unknown",
        Policy::Warn,
        "nobody can say whether the environment keeps a rule of a contract",
    ),
    fixed(
        "customizations-blocked",
        "the environment blocks unmanaged customisations",
    ),
    check(
        "first-party-channel",
        Policy::Deny,
        "a profile loses the first-party channel",
    ),
    check(
        "foreign-language",
        Policy::Warn,
        "the caller's language is not the organisation's: localizable texts are neither compared nor written",
    ),
    check(
        "loader-removed",
        Policy::Deny,
        "a profile loses the extension that loads its channel providers",
    ),
    fixed(
        "managed-link",
        "a link that came with a managed solution would be taken away",
    ),
    check(
        "managed-row",
        Policy::Deny,
        "a managed or out-of-the-box row would get a layer of its own",
    ),
    check(
        "many-agents",
        Policy::Warn,
        "the plan reaches more than ten times `removals.maxAgents` agents",
    ),
    fixed(
        "not-customizable",
        "the publisher lets nobody change the row",
    ),
    fixed("protected", "`protect` names the row that would be deleted"),
    check(
        "prune-to-empty",
        Policy::Deny,
        "pruning would leave nothing of a kind under the owned prefixes",
    ),
    check(
        "removals",
        Policy::Deny,
        "more is taken away than `removals` lets pass",
    ),
    check(
        "set-emptied",
        Policy::Deny,
        "a set or list that has members would have none",
    ),
    check(
        "ships-by-solution",
        Policy::Warn,
        "the environment takes this by solution only",
    ),
    check(
        "still-referenced",
        Policy::Warn,
        "a row that is deleted is still referred to",
    ),
    check(
        "unknown-prefix",
        Policy::Warn,
        "no publisher of the environment has the prefix of a new unique name",
    ),
    check("user-moves", Policy::Warn, "a user leaves another profile"),
    check(
        "workstream-names",
        Policy::Deny,
        "a workstream names the template that is deleted",
    ),
    check(
        "workstreams-unread",
        Policy::Deny,
        "a template is deleted and nobody can say whether a workstream names it",
    ),
];

/// What review goes by.
#[derive(Debug, Clone, Default)]
pub struct ReviewRules {
    /// Levels by code.
    pub policy: BTreeMap<String, Policy>,
    /// From where on removals need an override.
    pub removals: Removals,
    /// What nothing ever deletes.
    pub protect: Vec<KindNameGlob>,
    /// What may be written.
    pub writes: Writes,
    /// Managed and out-of-the-box rows may be changed.
    pub allow_managed: bool,
    /// Overrides that were given.
    pub allow: Vec<Allow>,
    /// The environment was found to refuse unique names without the prefix of a publisher.
    pub prefix_needs_publisher: bool,
    /// Prefixes of the project, folded.
    pub owned: Vec<String>,
    /// What vendors' guides demand.
    pub contracts: Vec<Contract>,
}

impl ReviewRules {
    /// What a project and its contracts say about an environment.
    pub fn of(project: &Project, contracts: &[Contract], writes: Writes) -> Self {
        Self {
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
            prefix_needs_publisher: false,
            allow: Vec::new(),
            owned: project
                .owns
                .iter()
                .map(|prefix| prefix.value.clone())
                .collect(),
        }
    }

    fn level(&self, code: &str) -> Option<Level> {
        // The server would refuse it, whatever policy says.
        if code == "unknown-prefix" && self.prefix_needs_publisher {
            return Some(Level::Deny);
        }
        let check = CHECKS.iter().find(|check| check.code == code);
        let given = self
            .policy
            .get(code)
            .copied()
            .filter(|_| check.is_none_or(|check| !check.fixed));
        match given
            .or(check.map(|check| check.default))
            .unwrap_or(Policy::Deny)
        {
            Policy::Deny => Some(Level::Deny),
            Policy::Warn => Some(Level::Warn),
            Policy::Allow => None,
        }
    }
}

/// Everything that a check may look at.
pub(crate) struct Case<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) desired: &'a Desired,
    pub(crate) live: &'a Live,
    pub(crate) reach: &'a Reach,
    pub(crate) rules: &'a ReviewRules,
    pub(crate) referrers: Referrers,
}

/// What review says of a plan.
#[derive(Debug, Clone, Default)]
pub struct Review {
    /// In the order of changes, those about the whole plan last; denied ones first within each.
    pub findings: Vec<Finding>,
    /// What is unknown, whatever policy says.
    pub unknown: Vec<Elsewhere>,
}

/// Judges a plan.
pub fn review(
    plan: &Plan,
    desired: &Desired,
    live: &Live,
    reach: &Reach,
    rules: &ReviewRules,
) -> Review {
    let case = Case {
        plan,
        desired,
        live,
        reach,
        rules,
        referrers: Referrers::left_by(live, &plan.changes),
    };
    let mut found = Vec::new();
    environment::check(&case, &mut found);
    removals::check(&case, &mut found);
    rows::check(&case, &mut found);
    people::check(&case, &mut found);
    addresses::check(&case, &mut found);
    let unknown = contracts::check(&case, &mut found);
    let mut found: Vec<Finding> = found
        .into_iter()
        .filter_map(|finding| judged(finding, rules))
        .collect();
    found.sort_by(|left, right| place(left).cmp(&place(right)));
    Review {
        findings: found,
        unknown,
    }
}

/// Whether the plan must not be carried out.
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

/// The level of policy, lowered where an override was given.
fn judged(mut finding: Finding, rules: &ReviewRules) -> Option<Finding> {
    finding.level = rules.level(finding.code)?;
    if let Some(needed) = &finding.allow
        && finding.level == Level::Deny
    {
        if rules.allow.iter().any(|given| given.covers(needed)) {
            finding.level = Level::Warn;
            finding.allowed = true;
            finding.help = Some(format!("allowed for this run by `--allow {needed}`"));
        } else {
            let way = format!("if it is meant, allow it for this run: `--allow {needed}`");
            finding.help = Some(match finding.help {
                Some(help) => format!("{help}; {way}"),
                None => way,
            });
        }
    }
    Some(finding)
}

impl Finding {
    /// A finding of a check about one change of the plan, where it has one; policy gives it its level.
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
        }
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
        if let Some(help) = &finding.help {
            diagnostic = diagnostic.help(help.clone());
        }
        diagnostic
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskstate_model::{FIXED_CHECKS, POLICY_CHECKS};

    #[test]
    fn the_project_file_knows_every_check_and_which_of_them_policy_may_set() {
        let codes = |fixed: bool| {
            let checks = CHECKS.iter().filter(move |check| check.fixed == fixed);
            checks.map(|check| check.code).collect::<Vec<_>>()
        };
        assert_eq!(codes(false), POLICY_CHECKS);
        assert_eq!(codes(true), FIXED_CHECKS);
    }

    #[test]
    fn checks_stand_in_the_order_of_their_codes_and_each_once() {
        assert!(CHECKS.windows(2).all(|pair| pair[0].code < pair[1].code));
    }
}
