//! Checks contracts against live rows: each rule is kept, broken or unknown, whoever configured the environment.
//!
//! A rule counts as broken only if the rows that were read prove it, and as kept only if everything that could break it was read. Otherwise
//! it is unknown.

mod off;
mod people;
mod unread;
mod writers;

use std::collections::{BTreeMap, BTreeSet};

use deskstate_dataverse::Cell;
use deskstate_model::{
    Contract, EnvironmentFacts, Explanation, Finding, Kind, MatchMode, Problem, ResourceKey, Rule,
    Span, Subject, check_subject, selects,
};

use self::off::{off_of, only_active_features};
pub use self::people::named_users;
use self::unread::Unread;
pub use self::writers::{LastWrite, Source, last_write, rows_to_ask};
use crate::live::{Access, Live};
use crate::plan::{Elsewhere, Obstacle, SyncState};
use crate::raise::{Loss, Options, raise};

/// Whether an environment keeps a rule. Ordered: of several results, the greatest one counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Keeping {
    /// Everything that the rule depends on was read, and nothing breaks it.
    #[default]
    Kept,
    /// The rows that were read prove that the rule is broken.
    Broken,
    /// Something that the rule depends on could not be read, even if something else breaks the rule.
    Unknown,
}

impl Keeping {
    /// For people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Broken => "broken",
            Self::Unknown => "unknown",
        }
    }
}

/// A rule of a contract, checked against an environment.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleCheck {
    /// The contract.
    pub contract: String,
    /// The rule.
    pub rule: String,
    /// The resources that the rule applies to: `SessionTemplate CTI_createSession`, `each AppProfile`.
    pub about: String,
    /// Number of resources that it was checked against.
    pub checked: usize,
    /// The result.
    pub keeping: Keeping,
    /// Violations of the rule, and deviations from preferred values.
    pub broken: Vec<Broken>,
    /// If none of several resources passes: the findings about the resources that come less close to passing.
    pub others: Vec<Finding>,
    /// What could not be judged.
    pub doubts: Vec<Doubt>,
    /// The rule in the contract.
    pub span: Span,
}

/// A contract rule that the live environment breaks.
#[derive(Debug, Clone, PartialEq)]
pub struct Broken {
    /// The contract.
    pub contract: String,
    /// The rule.
    pub rule: String,
    /// Purpose of the rule.
    pub message: Option<String>,
    /// What stops working.
    pub breaks: Option<String>,
    /// The resource at fault, or the required resource that does not exist.
    pub key: Option<ResourceKey>,
    /// The violation.
    pub finding: Finding,
    /// Why the field has this value, if the environment shows it.
    pub note: Option<String>,
    /// The rule in the contract.
    pub span: Span,
}

impl Broken {
    /// Describes what stops working, or states that the contract is broken.
    pub fn words(&self) -> String {
        match &self.breaks {
            Some(breaks) => format!("breaks: {breaks} ({}/{})", self.contract, self.rule),
            None => format!("breaks contract {}, rule {}", self.contract, self.rule),
        }
    }
}

/// Something that a rule depends on and that could not be judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// The resource; `None` for resources that may exist unseen.
    pub key: Option<ResourceKey>,
    /// The field; empty for the complete resource.
    pub path: String,
    /// What could not be read.
    pub why: String,
    /// Whether the doubt is about how manifests write the field, which no environment shows. That is judged when the manifests are loaded.
    pub of_manifests: bool,
}

/// A live row in the form that rules are checked against.
struct Seen {
    subject: Subject,
    /// Fields that could not be read in full, and why.
    left_out: BTreeMap<String, String>,
}

/// Checks every rule of these contracts.
#[tracing::instrument(level = "info", skip_all, fields(contracts = contracts.len()))]
pub fn check(contracts: &[Contract], live: &Live) -> Vec<RuleCheck> {
    let mut seen: BTreeMap<Kind, Vec<Seen>> = BTreeMap::new();
    let facts = EnvironmentFacts::of_organization(live.facts.organization);
    let mut of_several = BTreeSet::new();
    let contracts: Vec<Contract> = contracts
        .iter()
        .map(|contract| {
            let mut contract = contract.completed(&facts);
            of_several.extend(people::with_sign_in_names(&mut contract, live));
            contract
        })
        .collect();
    let rules = contracts
        .iter()
        .flat_map(|contract| contract.rules.iter().map(move |rule| (contract, rule)));
    rules
        .map(|(contract, rule)| {
            let kind = rule.resource.kind;
            let rows = seen.entry(kind).or_insert_with(|| rows_of(kind, live));
            Judging {
                contract,
                rule,
                unread: Unread::new(kind, live),
                of_several: &of_several,
                live,
            }
            .judge(rows)
        })
        .collect()
}

pub(crate) const CONTRACT_UNKNOWN: Explanation = Explanation::new(
    "contract-unknown",
    "deskstate cannot tell whether the environment fulfils a rule of a contract.",
    "It could not read rows, links or names that decide about the rule, for example because you may not read all rows of a table. The rule may be broken, so `plan` and `drift` exit with 1.",
    "Get the missing rights: `deskstate doctor --env NAME` lists them, and `deskstate check --env NAME` lists everything that is unknown.",
);

/// Maximum number of doubts about a rule that are listed individually.
const MOST_DOUBTS: usize = 3;

impl RuleCheck {
    /// Returns an obstacle if it is unknown whether the environment keeps the rule. Only doubts accepted by `counts` are considered.
    pub(crate) fn unknown(&self, counts: impl Fn(&Doubt) -> bool) -> Option<Elsewhere> {
        let doubts = self.doubts.iter().filter(|doubt| !doubt.of_manifests);
        let doubts: Vec<&Doubt> = doubts.filter(|doubt| counts(doubt)).collect();
        let mut reasons: Vec<String> = doubts
            .iter()
            .take(MOST_DOUBTS)
            .map(|doubt| doubt.words())
            .collect();
        let more = doubts.len().saturating_sub(MOST_DOUBTS);
        if more > 0 {
            reasons.push(format!("{more} more"));
        }
        (!doubts.is_empty()).then(|| Elsewhere {
            about: format!("contract `{}/{}`", self.contract, self.rule),
            obstacle: Obstacle {
                path: String::new(),
                state: SyncState::Unknown,
                code: CONTRACT_UNKNOWN.code,
                reason: reasons.join("; "),
                span: Some(self.span),
            },
        })
    }
}

impl Doubt {
    /// `AppProfile contoso_agents users: the caller may not read them`.
    fn words(&self) -> String {
        let resource = self.key.as_ref().map(ToString::to_string);
        let path = Some(self.path.as_str()).filter(|path| !path.is_empty());
        let about: Vec<&str> = resource.as_deref().into_iter().chain(path).collect();
        if about.is_empty() {
            self.why.clone()
        } else {
            format!("{}: {}", about.join(" "), self.why)
        }
    }
}

/// Whether these contracts depend on names of users, roles and other looked-up rows.
pub fn needs_names(contracts: &[Contract]) -> bool {
    let mut rules = contracts.iter().flat_map(|contract| &contract.rules);
    rules.any(|rule| {
        let mut fields = rule.fields();
        fields.any(|word| unread::holds_names(rule.resource.kind, word))
    })
}

fn rows_of(kind: Kind, live: &Live) -> Vec<Seen> {
    let options = Options {
        unchecked: true,
        all_present: true,
        as_read: true,
        ..Options::default()
    };
    let rows = live.table(kind.table()).rows.values();
    rows.map(|row| {
        let mut raised = raise(live, kind, row, options);
        // A rule can require that a column is empty.
        for field in kind.fields().iter().filter(|field| field.is_column()) {
            let mut unsaid = raised.left_out.iter();
            let is_empty = matches!(row.row.get(&field.read_name()), Cell::Null);
            if is_empty && !unsaid.any(|one| one.path.split('.').next() == Some(field.word)) {
                let entry = raised.spec.entry(field.word.to_owned());
                entry.or_insert(serde_json::Value::Null);
            }
        }
        for field in kind.fields() {
            only_active_features(field, live, row, &mut raised);
        }
        let left_out = raised
            .left_out
            .into_iter()
            .filter(|one| one.loss != Loss::None);
        Seen {
            subject: Subject {
                key: raised.key,
                spec: raised.spec,
                off: off_of(kind, live, row),
            },
            left_out: left_out
                .map(|one| {
                    let word = one.path.split('.').next().unwrap_or_default();
                    (word.to_owned(), one.why)
                })
                .collect(),
        }
    })
    .collect()
}

/// The results of checking one resource against a rule.
#[derive(Default)]
struct Verdict {
    broken: Vec<(Finding, Option<String>)>,
    others: Vec<Finding>,
    doubts: Vec<Doubt>,
}

struct Judging<'a> {
    contract: &'a Contract,
    rule: &'a Rule,
    unread: Unread<'a>,
    /// Names in rules that several users have.
    of_several: &'a BTreeSet<String>,
    live: &'a Live,
}

impl Judging<'_> {
    fn judge(&self, rows: &[Seen]) -> RuleCheck {
        let named = self.rule.resource.name.as_ref();
        let (mut chosen, mut doubts) = (Vec::new(), Vec::new());
        for row in rows
            .iter()
            .filter(|row| named.is_none_or(|name| *name.value.name() == row.subject.key.name))
        {
            match self.unread_choice(row) {
                Some(doubt) => doubts.push(doubt),
                None if selects(&self.rule.resource, &row.subject) => chosen.push(row),
                None => {}
            }
        }
        let verdicts: Vec<Verdict> = chosen.iter().map(|row| self.verdict(row)).collect();
        let mut result = match (named, self.rule.each_or_some) {
            (Some(name), _) => self.named(name.value.as_str(), &chosen, verdicts, &mut doubts),
            (None, MatchMode::Each) => self.each(verdicts, &mut doubts),
            (None, MatchMode::Some) => self.some(verdicts, &mut doubts),
        };
        result.doubts.extend(doubts);
        result.doubts.dedup();
        self.finish(chosen.len(), result)
    }

    /// The doubt about a row for which it is unknown whether the rule applies to it.
    fn unread_choice(&self, row: &Seen) -> Option<Doubt> {
        let words = self.rule.resource.filter.keys();
        words
            .map(|path| path.split('.').next().unwrap_or(path))
            .find_map(|word| self.doubt(row, word))
    }

    fn doubt(&self, row: &Seen, word: &str) -> Option<Doubt> {
        let why = self.unread.other_language(word).or_else(|| {
            self.unread
                .of_field(word)
                .or_else(|| self.unread.of_row(word, &row.left_out))
        })?;
        Some(Doubt {
            key: Some(row.subject.key.clone()),
            path: word.to_owned(),
            why,
            of_manifests: false,
        })
    }

    fn verdict(&self, row: &Seen) -> Verdict {
        let mut verdict = Verdict::default();
        // A text in another language is no evidence, whether it matches or not.
        for word in self.rule.fields() {
            if let Some(why) = self.unread.other_language(word) {
                verdict.doubts.push(Doubt {
                    key: Some(row.subject.key.clone()),
                    path: word.to_owned(),
                    why,
                    of_manifests: false,
                });
            }
        }
        for finding in check_subject(self.rule, &row.subject) {
            let word = finding.path.first().map_or("", String::as_str);
            let kind = self.rule.resource.kind;
            let of_manifests = unread::is_form_of_manifest(kind, &finding);
            let why = match &finding.problem {
                Problem::NotContained { member } if self.of_several.contains(member) => {
                    Some("several users have this name")
                }
                _ => unread::incomparable(kind, &finding),
            };
            match self.doubt(row, word) {
                Some(doubt) => verdict.doubts.push(Doubt {
                    path: finding.path.join("."),
                    ..doubt
                }),
                None if why.is_some() => verdict.doubts.extend(why.map(|why| Doubt {
                    key: Some(row.subject.key.clone()),
                    path: finding.path.join("."),
                    why: why.to_owned(),
                    of_manifests,
                })),
                None => {
                    let note = self.unread.lacking(word);
                    let note = note.or_else(|| row.left_out.get(word).cloned());
                    verdict.broken.push((finding, note));
                }
            }
        }
        verdict
            .doubts
            .sort_by(|left, right| left.path.cmp(&right.path));
        verdict.doubts.dedup();
        verdict
    }

    fn named(
        &self,
        name: &str,
        chosen: &[&Seen],
        mut verdicts: Vec<Verdict>,
        doubts: &mut Vec<Doubt>,
    ) -> Verdict {
        let key = || ResourceKey::new(self.rule.resource.kind, name);
        if chosen.len() > 1 {
            doubts.push(Doubt {
                key: Some(key()),
                path: String::new(),
                of_manifests: false,
                why: format!("{} rows have this unique name", chosen.len()),
            });
            return Verdict::default();
        }
        if let Some(verdict) = verdicts.pop() {
            return verdict;
        }
        if let Some(why) = self.rows_may_be_unseen() {
            doubts.push(Doubt {
                key: Some(key()),
                path: String::new(),
                why,
                of_manifests: false,
            });
        } else if self.rule.required && doubts.is_empty() {
            return self.whole(Problem::Missing);
        }
        Verdict::default()
    }

    fn each(&self, verdicts: Vec<Verdict>, doubts: &mut Vec<Doubt>) -> Verdict {
        doubts.extend(self.rows_may_be_unseen().map(|why| Doubt {
            key: None,
            path: String::new(),
            why,
            of_manifests: false,
        }));
        let mut together = Verdict::default();
        for verdict in verdicts {
            together.broken.extend(verdict.broken);
            together.doubts.extend(verdict.doubts);
        }
        together
    }

    fn some(&self, verdicts: Vec<Verdict>, doubts: &mut Vec<Doubt>) -> Verdict {
        let errors = |verdict: &Verdict| {
            let broken = verdict.broken.iter();
            broken
                .filter(|(finding, _)| finding.problem.is_error())
                .count()
        };
        if verdicts
            .iter()
            .any(|verdict| errors(verdict) == 0 && verdict.doubts.is_empty())
        {
            doubts.clear();
            return Verdict::default();
        }
        doubts.extend(self.rows_may_be_unseen().map(|why| Doubt {
            key: None,
            path: String::new(),
            why,
            of_manifests: false,
        }));
        let perhaps = verdicts.iter().filter(|verdict| errors(verdict) == 0);
        doubts.extend(perhaps.flat_map(|verdict| verdict.doubts.iter().cloned()));
        if !doubts.is_empty() {
            return Verdict::default();
        }
        let mut verdicts = verdicts;
        verdicts.sort_by_key(errors);
        let mut found = verdicts.into_iter().map(|verdict| {
            let findings = verdict.broken.into_iter().map(|(finding, _)| finding);
            let errors = findings.filter(|finding| finding.problem.is_error());
            errors.collect::<Vec<_>>()
        });
        let nearest = found.next().unwrap_or_default();
        Verdict {
            others: found.flatten().collect(),
            ..self.whole(Problem::NonePasses { nearest })
        }
    }

    fn whole(&self, problem: Problem) -> Verdict {
        let finding = Finding {
            key: None,
            path: Vec::new(),
            problem,
        };
        let table = self.live.table(self.rule.resource.kind.table());
        let note = (table.access == Access::Absent)
            .then(|| "this environment has no table for it".to_owned());
        Verdict {
            broken: vec![(finding, note)],
            ..Verdict::default()
        }
    }

    /// Why there may be rows that were not read.
    fn rows_may_be_unseen(&self) -> Option<String> {
        match &self.live.table(self.rule.resource.kind.table()).access {
            Access::Whole | Access::Absent => None,
            Access::Partial(why) | Access::Refused(why) => {
                Some(format!("rows may exist that were not read: {why}"))
            }
        }
    }

    fn finish(&self, checked: usize, verdict: Verdict) -> RuleCheck {
        let Self { contract, rule, .. } = self;
        let kind = rule.resource.kind;
        let name = rule.resource.name.as_ref();
        let broken: Vec<Broken> = verdict
            .broken
            .into_iter()
            .map(|(finding, note)| Broken {
                contract: contract.name.value.clone(),
                rule: rule.id.value.clone(),
                message: rule.message.clone(),
                breaks: rule.breaks_of(&finding).map(str::to_owned),
                key: finding
                    .key
                    .clone()
                    .or_else(|| Some(ResourceKey::new(kind, name?.value.as_str()))),
                finding,
                note,
                span: rule.id.span,
            })
            .collect();
        let mut keeping = Keeping::Kept;
        if broken
            .iter()
            .any(|broken| broken.finding.problem.is_error())
        {
            keeping = Keeping::Broken;
        }
        if !verdict.doubts.is_empty() {
            keeping = Keeping::Unknown;
        }
        RuleCheck {
            contract: contract.name.value.clone(),
            rule: rule.id.value.clone(),
            about: match (name, rule.each_or_some) {
                (Some(name), _) => format!("{kind} {}", name.value),
                (None, MatchMode::Each) => format!("each {kind}"),
                (None, MatchMode::Some) => format!("at least one {kind}"),
            },
            checked,
            keeping,
            broken,
            others: verdict.others,
            doubts: verdict.doubts,
            span: rule.id.span,
        }
    }
}
