//! Which items of a list are the same before and after.

use std::collections::{HashMap, VecDeque};

use serde_json::Value as Json;

/// An item of both lists by its places, of the first, or of the second.
pub(super) enum Pairing {
    Both(usize, usize),
    Gone(usize),
    New(usize),
}

/// What of a list stays, goes and comes: the longest common run of equal items stays, and mappings between two that stay are the
/// same item changed as long as one goes for one that comes.
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

/// Whether one mapping is the other one changed: what names an item is the same in both.
fn same_item(left: &Json, right: &Json) -> bool {
    /// Keys that name an item of a list.
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
    /// A table of more pairs is not made: only the users of a profile are so many, and of them no two are the same.
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

/// The first of several equal items goes with the first of those equal to it.
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

/// The most of these pairs whose second places rise as the first ones do.
fn longest_rising(pairs: &[(usize, usize)]) -> Vec<(usize, usize)> {
    // By length, the run of that length that ends lowest: its last pair.
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
