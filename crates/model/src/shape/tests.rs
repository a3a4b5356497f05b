//! The reader and the schemas agree on what is valid.

use proptest::prelude::*;

use super::*;
use crate::document::{declared, header};
use crate::span::SourceMap;
use crate::yaml::{Budget, read};

/// Values, some of which fit some fields but not others.
fn value() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "null",
        "true",
        "false",
        "0",
        "7",
        "101",
        "-1",
        "1.5",
        "2.0",
        "1e2",
        "\"2.0\"",
        "\"\"",
        "text",
        "Generic",
        "Entity",
        "Docked",
        "EntityRecord",
        "allow",
        "exact",
        "[]",
        "{}",
        "[a, b]",
        "[1]",
        "[null]",
        "{a: 1}",
        "{user: x}",
        "{user: x, team: y}",
        "{mode: exact}",
        "{mode: atLeast, members: [a]}",
        "{members: [a]}",
        "{mode: some}",
        "{mode: atLeast, members: [a], moves: allow}",
        "{mode: atLeast, fromTeams: [a]}",
        "{name: a}",
        "{name: a, table: b}",
        "[{role: a, businessUnit: b}]",
        "[{role: a}]",
        "{caseSummary: true}",
        "{829050012: true, x: false}",
        "[{header: a}]",
        "[{shared: a_b}]",
        "[{shared: a, header: b}]",
        "[{header: a, order: -1}]",
        "[{displayName: a, text: b}]",
        "[{displayName: a, text: b, macro: c}]",
        "[{displayName: a}]",
        "[{tool: a_b, tooltip: c}]",
        "[{tool: a_b, enabled: 1}]",
        "[{name: a_b, displayName: c, configuration: {}}]",
        "[{name: a_b, displayName: c}]",
        "{entityName: contact, validateRecord: true, searchType: Relevance}",
        "{viewId: {name: a}, data: {b: [1]}}",
        "{viewId: 5}",
        "{url: [a]}",
        "{url: null}",
    ]);
    leaf.prop_map(str::to_owned)
}

fn document() -> impl Strategy<Value = (Kind, String)> {
    let kind = prop::sample::select(Kind::all().collect::<Vec<_>>());
    let state = prop::sample::select(vec![
        "",
        ", state: existing",
        ", state: absent",
        ", state: gone",
        ", x: 1",
        ", labels: {a: b}",
        ", labels: {a: 1}",
        ", environments: [e]",
        ", environments: e",
    ]);
    let extra = prop::sample::select(vec!["", "extra: 1\n"]);
    (kind, state, extra, prop::collection::vec((any::<prop::sample::Index>(), value()), 0..8)).prop_map(|(kind, state, extra, fields)| {
        let mut text = format!("{extra}apiVersion: deskstate/v1\nkind: {kind}\nmetadata: {{name: contoso_x{state}}}\nspec:\n");
        let mut given = std::collections::BTreeSet::new();
        for (index, value) in fields {
            let word = index.get(kind.fields()).word;
            if given.insert(word) {
                text.push_str(&format!("  {word}: {value}\n"));
            }
        }
        (kind, text)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn reading_takes_exactly_what_the_schema_takes((kind, text) in document()) {
        let mut sources = SourceMap::default();
        let file = sources.add("a.yaml", text.as_str());
        let mut diagnostics = Vec::new();
        let node = read(&sources, file, &Budget::default(), &mut diagnostics).documents.remove(0);
        let document = header(node, &mut diagnostics).unwrap();
        prop_assert!(diagnostics.is_empty());
        declared(&document.header, &document.node, &mut diagnostics);
        let shape_codes = [
            "wrong-type", "unknown-field", "unknown-value", "missing-field", "too-long", "out-of-range", "too-many", "empty-text",
            "not-clearable", "one-of", "unquoted-brace", "not-supported-yet",
        ];
        let taken = !diagnostics.iter().any(|finding| shape_codes.contains(&finding.code));
        prop_assert_eq!(taken, fits(Shape::Document(kind), &document.node), "{}\n{:?}", text, diagnostics);
        let guess = diagnostics.iter().any(|finding| finding.message == "the document does not fit its schema");
        prop_assert!(!guess, "{}", text);
    }
}
