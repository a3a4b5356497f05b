//! Two contracts that lock one field to different values.

use std::collections::BTreeMap;

use crate::contract::{Contract, RuleValue, agree};
use crate::diagnostic::Diagnostic;
use crate::explanation::Explanation;
use crate::kinds::Kind;

pub(crate) const CONTRACT_CONFLICT: Explanation = Explanation::new(
    "contract-conflict",
    "Two contracts lock one field to different values.",
    "No manifest can comply with both.",
    "Ask both vendors which value is correct, and correct the other contract.",
);

/// A field of one named resource, or of all resources of a kind.
type LockedField<'a> = (Kind, Option<&'a str>, &'a [String]);

/// Compares rules about the same named resource with each other, and rules about all resources of a kind with each other.
pub(crate) fn check(contracts: &[Contract], diagnostics: &mut Vec<Diagnostic>) {
    let mut locked: BTreeMap<LockedField<'_>, Vec<(&Contract, &RuleValue)>> = BTreeMap::new();
    for contract in contracts {
        for rule in contract
            .rules
            .iter()
            .filter(|rule| rule.resource.filter.is_empty())
        {
            let name = rule
                .resource
                .name
                .as_ref()
                .map(|name| name.value.name().folded());
            let of = (rule.resource.kind, name.unwrap_or(""));
            for value in &rule.locked {
                let key = (rule.resource.kind, name, value.path.as_slice());
                let everywhere = (rule.resource.kind, None, value.path.as_slice());
                let other = (key != everywhere).then_some(everywhere);
                let earlier = [Some(key), other].into_iter().flatten();
                let mut earlier = earlier.filter_map(|key| locked.get(&key)).flatten();
                // Two values can each agree with a third one that gives less.
                let first =
                    earlier.find(|(_, first)| !agree(of, &value.path, &first.value, &value.value));
                match first.copied() {
                    Some((other, first)) => {
                        diagnostics.push(conflict(contract, value, other, first));
                    }
                    None => {
                        let known = locked.entry(key).or_default();
                        if !known.iter().any(|(_, first)| first.value == value.value) {
                            known.push((contract, value));
                        }
                    }
                }
            }
        }
    }
}

fn conflict(
    contract: &Contract,
    value: &RuleValue,
    other: &Contract,
    first: &RuleValue,
) -> Diagnostic {
    let field = value.path.join(".");
    Diagnostic::error(
        CONTRACT_CONFLICT.code,
        format!(
            "contracts `{}` and `{}` lock `{field}` to different values",
            other.name.value, contract.name.value
        ),
    )
    .at(
        value.span,
        format!("`{}` locks it to this", contract.name.value),
    )
    .also(
        first.span,
        format!("`{}` locks it to this", other.name.value),
    )
    .help("ask the vendors which of the two holds, and correct the other contract")
}
