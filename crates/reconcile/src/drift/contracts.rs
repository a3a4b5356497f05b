//! The contract rules that differences break.

use super::Difference;
use crate::check::Broken;
use deskstate_model::ResourceKey;

/// Adds to each difference the rules that it breaks: those that found fault with the same field, or with the complete resource.
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
