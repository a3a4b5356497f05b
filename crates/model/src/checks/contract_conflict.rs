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
    let mut locked: BTreeMap<LockedField<'_>, (&Contract, &RuleValue)> = BTreeMap::new();
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
            for value in &rule.locked {
                let key = (rule.resource.kind, name, value.path.as_slice());
                let everywhere = (rule.resource.kind, None, value.path.as_slice());
                let earlier = locked
                    .get(&key)
                    .or_else(|| locked.get(&everywhere))
                    .copied();
                match earlier {
                    Some((other, first)) => {
                        let of = (rule.resource.kind, name.unwrap_or(""));
                        if !agree(of, &value.path, &first.value, &value.value) {
                            diagnostics.push(conflict(contract, value, other, first));
                        }
                    }
                    None => {
                        locked.insert(key, (contract, value));
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
