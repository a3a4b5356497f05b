//! Checks the requirements of vendors' guides against the environment as the plan would leave it.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::mem::discriminant;

use deskstate_model::{Problem, fold};

use super::{Allow, Case, Finding};
use crate::check::{self, Broken, RuleCheck};
use crate::foresee::foresee;
use crate::plan::{Elsewhere, Obstacle};
use deskstate_model::Explanation;

pub(crate) const CONTRACT_BROKEN: Explanation = Explanation::new(
    "contract-broken",
    "A plan would break a rule of a contract that the environment fulfils now.",
    "The plan writes, deletes or removes something that the vendor's guide requires.",
    "Declare what the contract requires. If the vendor agreed, use the override that the finding prints.",
);

pub(crate) const CONTRACT_STAYS_BROKEN: Explanation = Explanation::new(
    "contract-stays-broken",
    "The environment breaks a rule of a contract, and the plan does not fix it.",
    "The rule concerns live rows, declared or not. An apply does not correct a field that no document sets.",
    "Declare the field, so that apply writes it. `policy: {contract-stays-broken: deny}` refuses plans until then.",
);

/// Adds findings, and returns the rules that could not be judged.
pub(super) fn check(case: &Case<'_>, found: &mut Vec<Finding>) -> Vec<Elsewhere> {
    let contracts = &case.rules.contracts;
    if contracts.is_empty() {
        return Vec::new();
    }
    // The places of rules of another revision are in files that this run did not read.
    let is_here = !case.rules.contracts_of_today;
    let now = broken(check::check(contracts, case.live));
    let after = check::check(contracts, &foresee(case.live, case.plan));
    let unknown: Vec<Elsewhere> = after
        .iter()
        .filter_map(|rule| rule.unknown(|_| true))
        .map(|mut unknown| {
            unknown.obstacle.span = unknown.obstacle.span.filter(|_| is_here);
            unknown
        })
        .collect();
    for rule in &unknown {
        let Obstacle {
            code, reason, span, ..
        } = &rule.obstacle;
        let message = format!("{} could not be judged: {reason}", rule.about);
        found.push(
            Finding::new(code, None, message)
                .help("`deskstate check --env NAME` lists everything that is unknown of a contract")
                .at(*span),
        );
    }
    let after: Vec<Broken> = broken(after)
        .into_iter()
        .filter(|broken| broken.finding.problem.is_error())
        .collect();
    let mut known: HashMap<_, Vec<&Broken>> = HashMap::new();
    for broken in &now {
        known.entry(subject(broken)).or_default().push(broken);
    }
    let after: Vec<(&Broken, bool)> = after
        .iter()
        .map(|broken| {
            let known = known.get(&subject(broken));
            let was_there =
                known.is_some_and(|known| known.iter().any(|known| same_problem(known, broken)));
            (broken, !was_there)
        })
        .collect();
    let changes: HashMap<_, usize> = case
        .plan
        .changes
        .iter()
        .enumerate()
        .rev()
        .map(|(index, change)| (&change.key, index))
        .collect();
    let mut new: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for (broken, _) in after.iter().filter(|(_, is_new)| *is_new) {
        *new.entry((&broken.contract, &broken.rule)).or_default() += 1;
    }
    for (broken, is_new) in after {
        let who = broken.key.as_ref().map_or_else(
            || "no resource fulfils the rule".to_owned(),
            |key| format!("{key}: {}", broken.finding.words()),
        );
        let rule = format!("{}/{}", broken.contract, broken.rule);
        let breaks = broken
            .breaks
            .as_ref()
            .map_or_else(String::new, |breaks| format!("; breaks: {breaks}"));
        let change = broken
            .key
            .as_ref()
            .and_then(|key| changes.get(key).copied());
        let finding = if is_new {
            let count = new[&(broken.contract.as_str(), broken.rule.as_str())];
            Finding::new(
                CONTRACT_BROKEN.code,
                change,
                format!("the plan breaks contract `{rule}`: {who}{breaks}"),
            )
            .unless(Allow::new("contract", rule, count))
        } else {
            Finding::new(
                CONTRACT_STAYS_BROKEN.code,
                change,
                format!("contract `{rule}` is already broken and stays broken: {who}{breaks}"),
            )
            .help("declare what the contract requires, so that apply corrects it")
        };
        let place = change.and_then(|index| {
            let change = &case.plan.changes[index];
            let word = broken.finding.path.first()?;
            let field = change
                .fields
                .iter()
                .find(|field| field.path.split('.').next() == Some(word))?;
            field.span
        });
        let rule = Some(broken.span).filter(|_| is_here);
        let mut finding = finding.at(place.or(rule));
        if place.is_some() && is_here {
            finding
                .secondary
                .push((broken.span, "required by this rule".to_owned()));
        }
        found.push(finding);
    }
    unknown
}

fn broken(checked: Vec<RuleCheck>) -> Vec<Broken> {
    checked.into_iter().flat_map(|rule| rule.broken).collect()
}

/// Identifies a violation: the rule, the resource and the field.
fn subject(broken: &Broken) -> impl Hash + Eq {
    (
        &broken.contract,
        &broken.rule,
        &broken.key,
        &broken.finding.path,
    )
}

/// Whether a violation before the plan and one after it are the same. The wrong values may differ, and a member may be out or switched off.
fn same_problem(left: &Broken, right: &Broken) -> bool {
    let member = |broken: &Broken| match &broken.finding.problem {
        Problem::NotContained { member } | Problem::SwitchedOff { member } => Some(fold(member)),
        _ => None,
    };
    // What a locked field or a required one refers to can be another row, none, or switched off.
    let is_of_whole = |broken: &Broken| {
        let problem = &broken.finding.problem;
        matches!(problem, Problem::NotSet | Problem::NotLocked { .. })
    };
    match (member(left), member(right)) {
        (Some(left), Some(right)) => left == right,
        // It was not set before, either: all that it named was switched off.
        (Some(_), None) => {
            let was_off = matches!(left.finding.problem, Problem::SwitchedOff { .. });
            was_off && is_of_whole(right)
        }
        (None, Some(_)) => is_of_whole(left),
        (None, None) => discriminant(&left.finding.problem) == discriminant(&right.finding.problem),
    }
}
