//! Matches the items of a list before and after an edit.

use std::collections::{HashMap, VecDeque};

use serde_json::Value as Json;

/// An item in both lists, only in the first, or only in the second, by index.
pub(super) enum Pairing {
    Both(usize, usize),
    Gone(usize),
    New(usize),
}

/// Determines which items of a list stay, disappear and appear. The longest common subsequence of equal items stays. Mappings between two
/// of them are treated as the same item, changed, as long as one disappears for each that appears.
pub(super) fn pair(before: &[Json], after: &[Json]) -> Vec<Pairing> {
    let same = longest_common(before, after);
    let mut pairs = Vec::new();
    let (mut left, mut right) = (0, 0);
    for (at, to) in same.into_iter().chain([(before.len(), after.len())]) {
        while left < at || right < to {
            let both_maps = left < at && right < to && same_item(&before[left], &after[right]);
            if both_maps {
                pairs.push(Pairing::Both(left, right));
                left += 1;
                right += 1;
            } else if left < at {
                pairs.push(Pairing::Gone(left));
                left += 1;
            } else {
                pairs.push(Pairing::New(right));
                right += 1;
            }
        }
        if at < before.len() {
            pairs.push(Pairing::Both(at, to));
        }
        left = at + 1;
        right = to + 1;
    }
    pairs
}

/// Whether one mapping is an edited version of the other: the key that identifies an item has the same value in both.
fn same_item(left: &Json, right: &Json) -> bool {
    /// Keys that identify an item of a list.
    const NAMES: [&str; 6] = ["name", "tool", "shared", "header", "displayName", "role"];
    let (Json::Object(left), Json::Object(right)) = (left, right) else {
        return false;
    };
    NAMES
        .iter()
        .find(|name| left.contains_key(**name) && right.contains_key(**name))
        .is_some_and(|name| left.get(*name) == right.get(*name))
}

/// Longest common subsequence.
fn longest_common(before: &[Json], after: &[Json]) -> Vec<(usize, usize)> {
    /// Above this number of pairs, no table is built. Only the users of a profile are that many, and no two of them are equal.
    const MOST_PAIRS: usize = 1 << 20;
    if before.len().saturating_mul(after.len()) > MOST_PAIRS {
        return longest_rising(&first_for_first(before, after));
    }
    let mut table = vec![vec![0_usize; after.len() + 1]; before.len() + 1];
    for left in (0..before.len()).rev() {
        for right in (0..after.len()).rev() {
            table[left][right] = if before[left] == after[right] {
                table[left + 1][right + 1] + 1
            } else {
                table[left + 1][right].max(table[left][right + 1])
            };
        }
    }
    let (mut left, mut right) = (0, 0);
    let mut common = Vec::new();
    while left < before.len() && right < after.len() {
        if before[left] == after[right] {
            common.push((left, right));
            left += 1;
            right += 1;
        } else if table[left + 1][right] >= table[left][right + 1] {
            left += 1;
        } else {
            right += 1;
        }
    }
    common
}

/// Pairs the first of several equal items with the first of those equal to it.
fn first_for_first(before: &[Json], after: &[Json]) -> Vec<(usize, usize)> {
    let mut places: HashMap<String, VecDeque<usize>> = HashMap::new();
    for (to, item) in after.iter().enumerate() {
        places.entry(item.to_string()).or_default().push_back(to);
    }
    let pairs = before.iter().enumerate();
    pairs
        .filter_map(|(at, item)| Some((at, places.get_mut(&item.to_string())?.pop_front()?)))
        .collect()
}

/// Returns the longest selection of pairs whose second indexes increase along with the first ones.
fn longest_rising(pairs: &[(usize, usize)]) -> Vec<(usize, usize)> {
    // For each length, the last pair of the sequence of that length with the lowest end.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(pairs.len());
    for (pair, (_, to)) in pairs.iter().enumerate() {
        let length = ends.partition_point(|end| pairs[*end].1 < *to);
        before.push(length.checked_sub(1).map(|shorter| ends[shorter]));
        if length == ends.len() {
            ends.push(pair);
        } else {
            ends[length] = pair;
        }
    }
    let run = std::iter::successors(ends.last().copied(), |pair| before[*pair]);
    let mut rising: Vec<(usize, usize)> = run.map(|pair| pairs[pair]).collect();
    rising.reverse();
    rising
}
