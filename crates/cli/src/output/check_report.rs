//! The report of `check` as plain data. Every renderer shows exactly this.

use deskstate_model::{Diagnostic, Finding, Problem, ResourceKey, Span};
use deskstate_reconcile::check::{Keeping, LastWrite, RuleCheck, Source};
use deskstate_reconcile::sanitize::StandIns;
use deskstate_reconcile::secret::{masked, masked_text};
use serde_json::Value as Json;

use super::sides::sides;
use super::{plain, shown};

/// Maximum number of faults of a rule that are shown to people.
const MOST_FAULTS: usize = 40;

/// The result of checking an environment against contracts.
#[derive(Debug, Clone)]
pub(crate) struct CheckReport {
    /// The environment, by name or address.
    pub(crate) environment: String,
    /// Its address.
    pub(crate) address: String,
    /// Number of HTTP requests.
    pub(crate) requests: u64,
    /// A sentence about auditing.
    pub(crate) audit: String,
    /// The rules, in the order of the contracts.
    pub(crate) rules: Vec<Rule>,
}

/// One rule and its result.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    /// The contract.
    pub(crate) contract: String,
    /// The rule.
    pub(crate) rule: String,
    /// The resources that the rule applies to.
    pub(crate) about: String,
    /// Number of checked resources.
    pub(crate) checked: usize,
    /// The result.
    pub(crate) keeping: Keeping,
    /// Why the contract has the rule. Set only if the rule is not kept.
    pub(crate) message: Option<String>,
    /// Violations, and differing preferred values.
    pub(crate) faults: Vec<Fault>,
    /// Everything that could not be judged.
    pub(crate) doubts: Vec<Doubt>,
    /// The rule in the contract.
    pub(crate) span: Span,
}

/// A single violation.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    /// The resource; `None` if no resource of the kind exists.
    pub(crate) resource: Option<String>,
    /// The field; empty for the resource as a whole.
    pub(crate) field: String,
    /// The contract's requirement.
    pub(crate) wanted: Wanted,
    /// The value in the environment; null if there is none.
    pub(crate) actual: Json,
    /// Whether the contract only recommends it.
    pub(crate) preferred: bool,
    /// The role of the resource within the rule.
    pub(crate) among: Among,
    /// A note about the value from the environment.
    pub(crate) note: Option<String>,
    /// The consequence.
    pub(crate) breaks: Option<String>,
    /// The last writer.
    pub(crate) last_write: Option<LastWrite>,
}

/// The role of a fault's resource within the rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Among {
    /// Each of the resources must keep the rule.
    All,
    /// One resource must keep the rule, and this one comes closest.
    Nearest,
    /// One resource must keep the rule, and this one does not come closest.
    Others,
}

/// The requirement of a contract.
#[derive(Debug, Clone)]
pub(crate) enum Wanted {
    Value(Json),
    Form(String),
    SomeValue,
    Member(String),
    ActiveMember(String),
    ToExist,
    OneThatPasses,
}

/// Something that could not be judged.
#[derive(Debug, Clone)]
pub(crate) struct Doubt {
    /// The resource; `None` for resources that may exist but were not visible.
    pub(crate) resource: Option<String>,
    /// The field.
    pub(crate) field: String,
    /// Why it could not be judged.
    pub(crate) why: String,
}

impl Rule {
    /// Builds the result of a contract's rule.
    pub(crate) fn new(
        checked: RuleCheck,
        last_write: impl Fn(&ResourceKey, &Finding) -> Option<LastWrite>,
        breaks: impl Fn(&Finding) -> Option<String>,
    ) -> Self {
        let fault = |key: Option<&ResourceKey>, finding: &Finding, among, note| {
            let (wanted, actual) = wanted(&finding.problem);
            Fault {
                resource: key.map(ToString::to_string),
                field: finding.path.join("."),
                wanted,
                actual,
                preferred: !finding.problem.is_error(),
                among,
                note,
                breaks: breaks(finding),
                last_write: key.and_then(|key| last_write(key, finding)),
            }
        };
        let mut faults = Vec::new();
        for broken in &checked.broken {
            let among = match broken.finding.problem {
                Problem::NonePasses { .. } => Among::Nearest,
                _ => Among::All,
            };
            for leaf in broken.leaves() {
                faults.push(fault(broken.key_of(leaf), leaf, among, broken.note.clone()));
            }
        }
        for other in &checked.others {
            faults.push(fault(other.key.as_ref(), other, Among::Others, None));
        }
        let doubts = checked.doubts.iter().map(|doubt| Doubt {
            resource: doubt.key.as_ref().map(ToString::to_string),
            field: doubt.path.clone(),
            why: doubt.why.clone(),
        });
        let broken = checked.broken.iter();
        let mut messages = broken.filter(|broken| broken.finding.problem.is_error());
        Self {
            message: messages.find_map(|broken| broken.message.clone()),
            faults,
            doubts: doubts.collect(),
            contract: checked.contract,
            rule: checked.rule,
            about: checked.about,
            checked: checked.checked,
            keeping: checked.keeping,
            span: checked.span,
        }
    }

    /// The ID in the form `contract/rule`.
    pub(crate) fn id(&self) -> String {
        format!("{}/{}", self.contract, self.rule)
    }

    /// The faults to show to people, up to the maximum. Each has its consequence, unless the next fault has the same one.
    pub(crate) fn faults(&self) -> impl Iterator<Item = (&Fault, Option<&str>)> {
        self.faults
            .iter()
            .take(MOST_FAULTS)
            .enumerate()
            .map(|(at, fault)| {
                let next = self.faults.get(at + 1).filter(|_| at + 1 < MOST_FAULTS);
                let next = next.map(|next| &next.breaks);
                let breaks = fault.breaks.as_deref();
                (fault, breaks.filter(|_| next != Some(&fault.breaks)))
            })
    }

    /// States how many faults [`Self::faults`] leaves out, if any.
    pub(crate) fn left_out(&self) -> Option<String> {
        let more = self.faults.len().saturating_sub(MOST_FAULTS);
        (more > 0).then(|| format!("{more} more; `--format json` lists all"))
    }

    /// Why a kept rule may mean less than it appears to.
    pub(crate) fn remark(&self) -> Option<&'static str> {
        (self.keeping == Keeping::Kept && self.checked == 0).then_some(
            "the environment has no such resource, and the contract does not require one",
        )
    }
}

fn wanted(problem: &Problem) -> (Wanted, Json) {
    let text = |actual: &Option<String>| {
        let text = actual.as_deref().map(masked_text);
        text.map_or(Json::Null, Json::String)
    };
    match problem {
        Problem::NotLocked { expected, actual } => (
            Wanted::Value(expected.clone()),
            actual.as_ref().map_or(Json::Null, masked),
        ),
        Problem::NotPreferred { expected, actual } => {
            (Wanted::Value(expected.clone()), masked(actual))
        }
        Problem::NoMatch { pattern, actual } => (Wanted::Form(pattern.clone()), text(actual)),
        Problem::NotSet => (Wanted::SomeValue, Json::Null),
        Problem::NotContained { member } => (Wanted::Member(member.clone()), Json::Null),
        Problem::SwitchedOff { member } => (Wanted::ActiveMember(member.clone()), Json::Null),
        Problem::Missing => (Wanted::ToExist, Json::Null),
        Problem::NonePasses { .. } => (Wanted::OneThatPasses, Json::Null),
    }
}

/// A piece of a sentence: our own words, or a name or value from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    Ours(&'static str),
    Outside(String),
}

impl Fault {
    /// Describes the fault on one line. Two different values always look different.
    pub(crate) fn pieces(&self) -> Vec<Piece> {
        use Piece::{Ours, Outside};
        let field = || Outside(self.field.clone());
        let demand = match (&self.wanted, self.preferred) {
            (Wanted::Form(_), _) => "; required form: ",
            (_, true) => "; preferred: ",
            (_, false) => "; required: ",
        };
        let mut pieces = match &self.resource {
            Some(resource) => vec![Outside(resource.clone())],
            None => Vec::new(),
        };
        match &self.wanted {
            Wanted::ToExist => return [pieces, vec![Ours(" is missing")]].concat(),
            Wanted::OneThatPasses => return vec![Ours("no such resource exists")],
            _ if self.among == Among::Nearest => pieces.push(Ours(" comes nearest: ")),
            _ => pieces.push(Ours(": ")),
        }
        pieces.push(field());
        pieces.extend(match &self.wanted {
            Wanted::Value(expected) => {
                let (actual, expected) = sides(&self.actual, expected);
                vec![
                    Ours(" is "),
                    Outside(actual),
                    Ours(demand),
                    Outside(expected),
                ]
            }
            Wanted::Form(form) => {
                let actual = Outside(shown(&self.actual));
                vec![Ours(" is "), actual, Ours(demand), Outside(form.clone())]
            }
            Wanted::Member(member) => vec![Ours(" lacks "), Outside(member.clone())],
            Wanted::ActiveMember(member) => vec![
                Ours(" has "),
                Outside(member.clone()),
                Ours(", which is switched off"),
            ],
            Wanted::SomeValue | Wanted::ToExist | Wanted::OneThatPasses => {
                vec![Ours(" is not set")]
            }
        });
        pieces
    }

    /// [`Self::pieces`] as one text.
    pub(crate) fn words(&self) -> String {
        let pieces = self.pieces();
        let texts = pieces.iter().map(|piece| match piece {
            Piece::Ours(text) => *text,
            Piece::Outside(text) => text,
        });
        plain(&texts.collect::<String>())
    }

    /// The last writer on one line, if known.
    pub(crate) fn writer(&self) -> Option<String> {
        let LastWrite { who, when, source } = self.last_write.as_ref()?;
        let when = when.as_deref().map(|when| format!(" on {when}"));
        let when = when.unwrap_or_default();
        Some(match source {
            Source::Auditing => format!("changed by {who}{when} (from auditing)"),
            Source::Row => format!("row last written by {who}{when}, maybe another field of it"),
        })
    }
}

impl Doubt {
    /// The doubt on one line.
    pub(crate) fn words(&self) -> String {
        let field = if self.field.is_empty() {
            String::new()
        } else {
            format!(", {}", self.field)
        };
        let resource = self.resource.as_deref().unwrap_or("resources");
        format!("{resource}{field}: {}", self.why)
    }
}

impl CheckReport {
    /// The combined result of all rules.
    pub(crate) fn keeping(&self) -> Keeping {
        let rules = self.rules.iter().map(|rule| rule.keeping);
        rules.max().unwrap_or(Keeping::Unknown)
    }

    /// Number of rules with this result.
    pub(crate) fn number(&self, keeping: Keeping) -> usize {
        let rules = self.rules.iter();
        rules.filter(|rule| rule.keeping == keeping).count()
    }

    /// `3 rules: 1 kept, 2 broken, 0 unknown`.
    pub(crate) fn counts(&self) -> String {
        format!(
            "{}: {} kept, {} broken, {} unknown",
            super::count(self.rules.len(), "rule"),
            self.number(Keeping::Kept),
            self.number(Keeping::Broken),
            self.number(Keeping::Unknown)
        )
    }

    /// The rules with this result.
    pub(crate) fn with(&self, keeping: Keeping) -> impl Iterator<Item = &Rule> {
        self.rules
            .iter()
            .filter(move |rule| rule.keeping == keeping)
    }

    /// Findings for code scanning: one at the contract's rule for each fault and each doubt.
    pub(crate) fn diagnostics(&self) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for rule in &self.rules {
            let faults = rule.faults.iter();
            for fault in faults.filter(|fault| fault.among != Among::Others) {
                let text = format!("{}: {}", rule.id(), fault.words());
                let breaks = fault.breaks.as_ref();
                let breaks = breaks.map(|breaks| format!("breaks: {breaks}"));
                let help: Vec<String> = breaks.into_iter().chain(fault.writer()).collect();
                let finding = if fault.preferred {
                    Diagnostic::warning("preferred-value", text)
                } else {
                    Diagnostic::error("contract-broken", text)
                };
                let finding = finding.at(rule.span, "required by this rule");
                found.push(if help.is_empty() {
                    finding
                } else {
                    finding.help(help.join("; "))
                });
            }
            for doubt in &rule.doubts {
                let text = format!("{} is unknown: {}", rule.id(), doubt.words());
                found.push(Diagnostic::error("unreadable", text).at(rule.span, "cannot be judged"));
            }
        }
        found
    }

    /// A copy without people, hosts, addresses and IDs.
    pub(crate) fn scrubbed(&self, stand_ins: &mut StandIns) -> Self {
        let mut report = self.clone();
        report.address = stand_ins.text(&self.address);
        report.environment = "the environment".to_owned();
        report.audit = stand_ins.text(&self.audit);
        for rule in &mut report.rules {
            for fault in &mut rule.faults {
                stand_ins.texts(&mut fault.actual);
                for text in fault.note.iter_mut().chain(&mut fault.resource) {
                    *text = stand_ins.text(text);
                }
                if let Some(write) = &mut fault.last_write {
                    write.who = stand_ins.person(&write.who);
                }
            }
            for doubt in &mut rule.doubts {
                doubt.why = stand_ins.text(&doubt.why);
                if let Some(resource) = &mut doubt.resource {
                    *resource = stand_ins.text(resource);
                }
            }
        }
        report
    }
}
