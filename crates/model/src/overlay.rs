//! Overlays: partial documents that change base documents for one environment.

use std::collections::HashMap;

use crate::yaml::{Entry, Node, NodeValue};

/// Merges one value into another: mappings are merged key by key, and everything else, including lists, is replaced. `null` stays `null`.
pub(crate) fn merged(base: &Node, over: &Node) -> Node {
    if !(base.is_map() && over.is_map()) {
        return over.clone();
    }
    let mut entries: Vec<Entry> = base.entries().to_vec();
    let places: HashMap<&str, usize> = base
        .entries()
        .iter()
        .enumerate()
        .map(|(at, entry)| (&*entry.key, at))
        .collect();
    for entry in over.entries() {
        match places.get(&*entry.key) {
            Some(&at) => {
                let value = merged(&entries[at].value, &entry.value);
                entries[at] = Entry {
                    key_span: entry.key_span,
                    key: entry.key.clone(),
                    value,
                };
            }
            None => entries.push(entry.clone()),
        }
    }
    Node {
        value: NodeValue::Map(entries),
        span: base.span,
    }
}

/// Removes the value at a path of keys such as `copilotFeatures.caseSummary`; returns whether it existed.
pub(crate) fn remove(node: &mut Node, path: &str) -> bool {
    let NodeValue::Map(entries) = &mut node.value else {
        return false;
    };
    let (key, rest) = match path.split_once('.') {
        Some((key, rest)) => (key, Some(rest)),
        None => (path, None),
    };
    let Some(at) = entries.iter().position(|entry| &*entry.key == key) else {
        return false;
    };
    match rest {
        Some(rest) => remove(&mut entries[at].value, rest),
        None => {
            entries.remove(at);
            true
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::span::SourceMap;
    use crate::yaml::{Budget, read};

    fn node(text: &str) -> Node {
        let mut sources = SourceMap::default();
        let file = sources.add("a.yaml", text);
        read(&sources, file, &Budget::default(), &mut Vec::new())
            .documents
            .remove(0)
    }

    #[test]
    fn mappings_are_merged_and_everything_else_is_replaced() {
        let base = node("a: {b: 1, c: [1, 2]}\nd: x\n");
        let over = node("a: {c: [3], e: null}\nd: {f: 1}\n");
        assert_eq!(
            merged(&base, &over).to_json(),
            serde_json::json!({"a": {"b": 1, "c": [3], "e": null}, "d": {"f": 1}})
        );
    }

    #[test]
    fn a_path_removes_one_value() {
        let mut base = node("a: {b: 1, c: 2}\nd: x\n");
        assert!(remove(&mut base, "a.b"));
        assert!(!remove(&mut base, "d.x"));
        assert_eq!(base.to_json(), serde_json::json!({"a": {"c": 2}, "d": "x"}));
    }
}
