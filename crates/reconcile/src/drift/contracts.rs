//! Contracts against live rows: what a vendor's guide demands and the environment does not have.

use deskstate_model::{Contract, Finding, Problem, ResourceKey, Rule, Span, Subject, evaluate};

use super::Difference;
use crate::kinds;
use crate::live::Live;
use crate::raise::{Options, raise_all};

/// A contract rule that live breaks.
#[derive(Debug, Clone, PartialEq)]
pub struct Broken {
    /// The contract.
    pub contract: String,
    /// The rule.
    pub rule: String,
    /// Why the rule is there.
    pub message: Option<String>,
    /// What stops working.
    pub breaks: Option<String>,
    /// The resource it is about: the one at fault, or the named one that is not there.
    pub key: Option<ResourceKey>,
    /// What was found.
    pub finding: Finding,
    /// The rule in the contract.
    pub span: Span,
}

impl Broken {
    /// What stops working, or that the contract is broken.
    pub fn words(&self) -> String {
        match &self.breaks {
            Some(breaks) => format!("breaks: {breaks} ({}/{})", self.contract, self.rule),
            None => format!("breaks contract {}, rule {}", self.contract, self.rule),
        }
    }
}

/// Every rule of these contracts that live breaks. What nobody can see breaks nothing.
pub fn broken(contracts: &[Contract], live: &Live) -> Vec<Broken> {
    if contracts.is_empty() {
        return Vec::new();
    }
    let options = Options {
        unchecked: true,
        ..Options::default()
    };
    let subjects: Vec<Subject> = raise_all(live, options)
        .0
        .into_iter()
        .map(|raised| Subject {
            key: raised.key,
            spec: raised.spec,
        })
        .collect();
    let mut broken = Vec::new();
    for contract in contracts {
        for rule in &contract.rules {
            let found = evaluate(rule, &subjects)
                .into_iter()
                .filter(|finding| is_certain(rule, finding, live));
            broken.extend(found.map(|finding| Broken {
                contract: contract.name.value.clone(),
                rule: rule.id.value.clone(),
                message: rule.message.clone(),
                breaks: rule.breaks.clone(),
                key: finding.key.clone().or_else(|| {
                    let name = rule.resource.name.as_ref()?;
                    Some(ResourceKey::new(rule.resource.kind, name.value.as_str()))
                }),
                finding,
                span: rule.id.span,
            }));
        }
    }
    broken
}

/// Whether the resource that a rule misses would be seen if it were there.
fn is_certain(rule: &Rule, finding: &Finding, live: &Live) -> bool {
    match finding.problem {
        Problem::Missing | Problem::NonePasses { .. } => live
            .table(kinds::of(rule.resource.kind).table)
            .access
            .is_whole(),
        Problem::NotLocked { .. }
        | Problem::NotPreferred { .. }
        | Problem::NoMatch { .. }
        | Problem::NotSet
        | Problem::NotContained { .. } => true,
    }
}

/// Says with each difference which rules it breaks: those that found fault with the same field, or with the whole resource.
pub(super) fn attach(broken: &[Broken], key: &ResourceKey, differences: &mut [Difference]) {
    for rule in broken
        .iter()
        .filter(|rule| rule.key.as_ref() == Some(key) && rule.finding.problem.is_error())
    {
        let word = rule.finding.path.first().map(String::as_str);
        for difference in differences.iter_mut() {
            let own = difference.path.split('.').next().unwrap_or_default();
            if own.is_empty() || word.is_none_or(|word| word == own) {
                difference.breaks.push(rule.words());
            }
        }
    }
}
