//! Differences that a rule under `ignore` accepts are left alone: fields, members of sets, and parts of exact lists.

use std::collections::BTreeMap;

use super::support::{Rows, id, live};
use deskstate_model::load_texts;
use deskstate_model::tables::{SCRIPT, SESSION, SESSION_TABS, STEP, TAB};
use deskstate_reconcile::drift::plan_accepting;
use deskstate_reconcile::lower;
use deskstate_reconcile::plan::Options;
use serde_json::json;

const DOCUMENTS: &str = "apiVersion: deskstate/v1
kind: AgentScript
metadata: {name: contoso_script}
spec:
  displayName: Script
  language: 1033
  steps:
    - {displayName: First, name: contoso_first, text: Declared}
    - {displayName: Second, name: contoso_second, text: Declared}
---
apiVersion: deskstate/v1
kind: SessionTemplate
metadata: {name: contoso_session}
spec: {displayName: Session, type: Entity, entity: incident, title: Declared, additionalTabs: []}
---
apiVersion: deskstate/v1
kind: ApplicationTab
metadata: {name: contoso_missing}
spec: {displayName: Missing, pageType: Control}
";

/// The first step differs, the second is gone and there is a third one; the session has another title and a tab.
fn rows() -> Rows {
    let mut rows = Rows::default();
    rows.row(&SCRIPT, json!({"msdyn_productivityagentscriptid": id(1), "msdyn_uniquename": "contoso_script", "msdyn_name": "Script", "msdyn_language": 1033}));
    for (number, name, title, order) in [(11, "first", "First", 1), (13, "third", "Third", 2)] {
        rows.row(&STEP, json!({
            "msdyn_productivityagentscriptstepid": id(number), "_msdyn_agentscriptid_value": id(1), "msdyn_uniquename": format!("contoso_{name}"),
            "msdyn_name": title, "msdyn_textinstruction": "Live", "msdyn_actiontype": 192_350_000, "msdyn_order": order
        }));
    }
    rows.row(&TAB, json!({"msdyn_applicationtabtemplateid": id(3), "msdyn_uniquename": "fabrikam_tab", "msdyn_name": "Tab", "msdyn_pagetype": 509_180_003}));
    rows.row(&SESSION, json!({
        "msdyn_sessiontemplateid": id(2), "msdyn_uniquename": "contoso_session", "msdyn_name": "Session", "msdyn_sessiontype": 1,
        "msdyn_type": true, "msdyn_entity": "incident", "msdyn_title": "Live"
    }));
    rows.link(&SESSION_TABS, id(2), id(3));
    rows
}

/// The remaining planned changes, by resource and field, after these rules have accepted theirs.
fn left(rules: &[&str]) -> Vec<String> {
    let ignore: String = rules
        .iter()
        .map(|rule| format!("    - {{{rule}, reason: known, until: 2026-12-31}}\n"))
        .collect();
    let project = format!(
        "apiVersion: deskstate/v1\nkind: Project\nmetadata: {{name: desk}}\nspec:\n  ignore:\n{ignore}  environments:\n    local: {{emulator: {{state: local.json}}}}\n"
    );
    let texts = BTreeMap::from([
        ("deskstate.yaml".to_owned(), project),
        ("manifests/all.yaml".to_owned(), DOCUMENTS.to_owned()),
    ]);
    let (manifests, found) = load_texts(texts, Some("local"));
    assert!(found.iter().all(|finding| !finding.is_error()), "{found:?}");
    let live = live(&rows());
    let mut desired = lower(&manifests);
    let mut options = Options::default();
    let ((after, found), _) =
        plan_accepting(&manifests, "2026-11-23", &mut desired, &live, &mut options);
    assert!(found.iter().all(|finding| !finding.is_error()), "{found:?}");
    let changes = after.changes.iter();
    let mut left: Vec<String> = changes
        .flat_map(|change| {
            let fields = change.fields.iter();
            fields.map(|field| format!("{} {}", change.key.kind, field.path))
        })
        .collect();
    left.sort();
    left.dedup();
    left
}

#[test]
fn a_rule_takes_what_it_names_out_of_the_plan_and_nothing_else() {
    let tab = ["ApplicationTab displayName", "ApplicationTab pageType"];
    let session = ["SessionTemplate additionalTabs", "SessionTemplate title"];
    let all = left(&["kind: AgentScript, name: other"]);
    let script: Vec<String> = all
        .iter()
        .filter(|field| field.starts_with("AgentScript"))
        .cloned()
        .collect();
    assert!(script.contains(&"AgentScript steps".to_owned()), "{all:?}");
    let first = "AgentScript steps.contoso_first.text".to_owned();
    assert!(script.contains(&first), "{all:?}");
    assert_eq!(
        all.len(),
        script.len() + tab.len() + session.len(),
        "{all:?}"
    );

    let nested = left(&["kind: AgentScript, name: '*', fields: [steps.contoso_first.text]"]);
    let expected: Vec<String> = all
        .iter()
        .filter(|field| **field != first)
        .cloned()
        .collect();
    assert_eq!(
        nested, expected,
        "the third step goes and the second comes, still"
    );
    let list = left(&["kind: AgentScript, name: contoso_*, fields: [steps]"]);
    assert_eq!(
        list,
        [tab, session].concat(),
        "no step is written, made or deleted"
    );
    let set = left(&["kind: '*', name: '*', fields: [additionalTabs, steps]"]);
    assert_eq!(set, [&tab[..], &["SessionTemplate title"]].concat());
    let rows = left(&[
        "kind: ApplicationTab, name: '*'",
        "kind: SessionTemplate, name: '*', fields: [title]",
        "kind: AgentScript, name: '*'",
    ]);
    assert_eq!(rows, ["SessionTemplate additionalTabs"]);
}
