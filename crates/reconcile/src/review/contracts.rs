//! What vendors' guides demand, of the environment as the plan leaves it.

use std::collections::BTreeMap;
use std::mem::discriminant;

use deskstate_model::Problem;

use super::{Allow, Case, Finding};
use crate::drift::{Broken, broken};
use crate::foresee::foresee;
use crate::writes::writable;

pub(super) fn check(case: &Case<'_>, found: &mut Vec<Finding>) {
    let contracts = &case.rules.contracts;
    if contracts.is_empty() {
        return;
    }
    let now = broken(contracts, case.live);
    let written = writable(case.plan, case.rules.writes);
    let after: Vec<Broken> = broken(contracts, &foresee(case.live, &written))
        .into_iter()
        .filter(|broken| broken.finding.problem.is_error())
        .collect();
    let is_new = |broken: &Broken| !now.iter().any(|known| same(known, broken));
    let mut new: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for broken in after.iter().filter(|broken| is_new(broken)) {
        *new.entry((&broken.contract, &broken.rule)).or_default() += 1;
    }
    for broken in &after {
        let subject = broken.key.as_ref().map_or_else(
            || "no resource keeps the rule".to_owned(),
            |key| format!("{key}: {}", broken.finding.words()),
        );
        let rule = format!("{}/{}", broken.contract, broken.rule);
        let breaks = broken
            .breaks
            .as_ref()
            .map_or_else(String::new, |breaks| format!("; breaks: {breaks}"));
        let change = case
            .plan
            .changes
            .iter()
            .position(|change| Some(&change.key) == broken.key.as_ref());
        let finding = if is_new(broken) {
            let count = new[&(broken.contract.as_str(), broken.rule.as_str())];
            Finding::new(
                "contract-broken",
                change,
                format!("the plan breaks contract `{rule}`: {subject}{breaks}"),
            )
            .unless(Allow::new("contract", rule, count))
        } else {
            Finding::new(
                "contract-stays-broken",
                change,
                format!("contract `{rule}` is broken and stays so: {subject}{breaks}"),
            )
            .help("declare what the contract demands, so that apply puts it right")
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
        let mut finding = finding.at(place.or(Some(broken.span)));
        if place.is_some() {
            finding
                .secondary
                .push((broken.span, "demanded by this rule".to_owned()));
        }
        found.push(finding);
    }
}

/// The same fault with the same resource. A value may be another wrong one.
fn same(left: &Broken, right: &Broken) -> bool {
    let same_problem = match (&left.finding.problem, &right.finding.problem) {
        (Problem::NotContained { member: left }, Problem::NotContained { member: right }) => {
            left == right
        }
        (left, right) => discriminant(left) == discriminant(right),
    };
    same_problem
        && (&left.contract, &left.rule, &left.key, &left.finding.path)
            == (
                &right.contract,
                &right.rule,
                &right.key,
                &right.finding.path,
            )
}
