//! A rule of a contract is kept, broken or unknown: what has to be known for each state.

use std::collections::BTreeMap;

use super::support::{Rows, id, live};
use deskstate_model::tables::{
    EXTENSION, PROFILE, PROFILE_EXTENSIONS, PROFILE_SESSIONS, SESSION, TAB,
};
use deskstate_model::{Contract, load_texts};
use deskstate_reconcile::check::{Keeping, RuleCheck, check};
use deskstate_reconcile::live::{Access, Live};
use serde_json::json;

/// A contract with these rules, in YAML.
fn contract(rules: &str) -> Vec<Contract> {
    let rules: Vec<String> = rules.lines().map(|line| format!("    {line}\n")).collect();
    let texts = BTreeMap::from([
        (
            "deskstate.yaml".to_owned(),
            "apiVersion: deskstate/v1\nkind: Project\nmetadata: {name: desk}\nspec: {contracts: [vendor.yaml]}\n".to_owned(),
        ),
        (
            "vendor.yaml".to_owned(),
            format!(
                "apiVersion: deskstate/v1\nkind: Contract\nmetadata: {{name: vendor}}\nspec:\n  rules:\n{}",
                rules.concat()
            ),
        ),
    ]);
    let (manifests, found) = load_texts(texts, None);
    let wrong: Vec<_> = found
        .iter()
        .filter(|finding| finding.is_error() && finding.code != "contract-missing")
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(manifests.contracts.len(), 1);
    manifests.contracts
}

/// A session template `CTI_a` (1) with the anchor tab `contoso_tab` (5), and the profiles `contoso_a` (2), which has it and the
/// extension `contoso_loader` (6), and `contoso_b` (3), which has neither.
fn rows() -> Rows {
    let mut rows = Rows::default();
    rows.row(
        &SESSION,
        json!({"msdyn_sessiontemplateid": id(1), "msdyn_uniquename": "CTI_a", "msdyn_name": "A", "msdyn_title": "{customer}",
            "msdyn_sessiontype": 0, "msdyn_type": false, "_msdyn_anchortab_value": id(5)}),
    );
    rows.row(
        &TAB,
        json!({"msdyn_applicationtabtemplateid": id(5), "msdyn_uniquename": "contoso_tab", "msdyn_name": "Tab"}),
    );
    rows.row(
        &EXTENSION,
        json!({"msdyn_applicationextensionid": id(6), "msdyn_uniquename": "contoso_loader", "msdyn_name": "Loader"}),
    );
    for (number, name) in [(2, "contoso_a"), (3, "contoso_b")] {
        rows.row(
            &PROFILE,
            json!({"msdyn_appconfigurationid": id(number), "msdyn_uniquename": name, "msdyn_name": name}),
        );
    }
    rows.link(&PROFILE_SESSIONS, id(2), id(1));
    rows.link(&PROFILE_EXTENSIONS, id(2), id(6));
    rows
}

const SESSION_RULE: &str = "- id: session
  resource: {kind: SessionTemplate, name: cti_A}
  required: true
  locked: {type: Generic, title: '{customer}', anchorTab: contoso_TAB}
  set: [anchorTab]";

const SOME_PROFILE: &str = "- id: profile
  resource: {kind: AppProfile}
  match: some
  contains: {sessionTemplates: [CTI_a], extensions: [contoso_loader]}";

const EACH_PROFILE: &str = "- id: profiles
  resource: {kind: AppProfile, where: {displayName: contoso_a*}}
  contains: {sessionTemplates: [CTI_a]}";

#[track_caller]
fn one(rules: &str, live: &Live) -> RuleCheck {
    let checked = check(&contract(rules), live);
    assert_eq!(checked.len(), 1);
    checked.into_iter().next().expect("one rule")
}

#[track_caller]
fn keeping(rules: &str, live: &Live) -> Keeping {
    one(rules, live).keeping
}

fn part() -> Access {
    Access::Partial("own rows only".to_owned())
}

fn with_table(table: &'static deskstate_model::Table, access: Access) -> Live {
    let mut live = live(&rows());
    live.tables.get_mut(table).expect("it was read").access = access;
    live
}

fn with_links(relationship: &'static deskstate_model::Relationship, access: Access) -> Live {
    let mut live = live(&rows());
    live.links
        .get_mut(relationship)
        .expect("it was read")
        .access = access;
    live
}

#[test]
fn what_was_read_as_a_whole_and_fits_is_kept() {
    for rules in [SESSION_RULE, SOME_PROFILE, EACH_PROFILE] {
        assert_eq!(keeping(rules, &live(&rows())), Keeping::Kept, "{rules}");
    }
}

#[test]
fn a_resource_that_may_exist_unseen_is_not_missing() {
    let missing = SESSION_RULE.replace("cti_A", "CTI_b");
    assert_eq!(keeping(&missing, &live(&rows())), Keeping::Broken);
    assert_eq!(
        keeping(&missing, &with_table(&SESSION, part())),
        Keeping::Unknown
    );
    // An environment without the table cannot have the resource.
    assert_eq!(
        keeping(&missing, &with_table(&SESSION, Access::Absent)),
        Keeping::Broken
    );
    // The visible resource counts, whatever else may exist.
    assert_eq!(
        keeping(SESSION_RULE, &with_table(&SESSION, part())),
        Keeping::Kept
    );
}

#[test]
fn a_rule_about_each_resource_is_unknown_while_some_may_be_unseen() {
    assert_eq!(
        keeping(EACH_PROFILE, &with_table(&PROFILE, part())),
        Keeping::Unknown
    );
    // One resource that keeps the rule is enough for a rule about some.
    assert_eq!(
        keeping(SOME_PROFILE, &with_table(&PROFILE, part())),
        Keeping::Kept
    );
    let another = SOME_PROFILE.replace("CTI_a", "CTI_b");
    assert_eq!(keeping(&another, &live(&rows())), Keeping::Broken);
    assert_eq!(
        keeping(&another, &with_table(&PROFILE, part())),
        Keeping::Unknown
    );
}

#[test]
fn members_that_may_be_linked_unseen_are_not_missing() {
    let mut unlinked = rows();
    unlinked.row(
        &PROFILE,
        json!({"msdyn_appconfigurationid": id(4), "msdyn_uniquename": "contoso_c", "msdyn_name": "contoso_a2"}),
    );
    assert_eq!(keeping(EACH_PROFILE, &live(&unlinked)), Keeping::Broken);
    for access in [part(), Access::Refused("no right".to_owned())] {
        let mut live = live(&unlinked);
        live.links
            .get_mut(&PROFILE_SESSIONS)
            .expect("it was read")
            .access = access.clone();
        assert_eq!(keeping(EACH_PROFILE, &live), Keeping::Unknown, "{access:?}");
        assert_eq!(
            keeping(SOME_PROFILE, &with_links(&PROFILE_EXTENSIONS, access)),
            Keeping::Unknown
        );
    }
    let absent = one(
        SOME_PROFILE,
        &with_links(&PROFILE_EXTENSIONS, Access::Absent),
    );
    assert_eq!(absent.keeping, Keeping::Broken);
}

#[test]
fn a_row_that_cannot_be_read_has_no_name_to_compare() {
    let mut live = live(&rows());
    live.tables.get_mut(&TAB).expect("it was read").rows.clear();
    let checked = one(SESSION_RULE, &live);
    assert_eq!(checked.keeping, Keeping::Unknown);
    assert!(checked.broken.is_empty(), "{checked:#?}");
    assert_eq!(checked.doubts[0].path, "anchorTab");
}

#[test]
fn a_text_of_another_language_is_unknown_even_if_it_fits() {
    let mut live = live(&rows());
    live.facts.caller_language = Some(1031);
    let checked = one(SESSION_RULE, &live);
    assert_eq!(checked.keeping, Keeping::Unknown);
    assert_eq!(checked.doubts[0].path, "title");
    // It also cannot select the resources of a rule.
    assert_eq!(keeping(EACH_PROFILE, &live), Keeping::Unknown);
    assert_eq!(keeping(SOME_PROFILE, &live), Keeping::Kept);
}

#[test]
fn how_a_manifest_writes_a_set_is_no_fact_of_an_environment() {
    let rule = "- id: profile
  resource: {kind: AppProfile, name: contoso_a}
  locked: {extensions: {mode: atLeast, members: [contoso_loader]}}";
    assert_eq!(keeping(rule, &live(&rows())), Keeping::Unknown);
    let short = rule.replace(
        "{mode: atLeast, members: [contoso_loader]}",
        "[Contoso_Loader]",
    );
    assert_eq!(keeping(&short, &live(&rows())), Keeping::Kept);
}

#[test]
fn two_rows_of_one_name_are_unknown_whatever_they_hold() {
    let mut rows = rows();
    rows.row(
        &SESSION,
        json!({"msdyn_sessiontemplateid": id(9), "msdyn_uniquename": "cti_a", "msdyn_name": "B"}),
    );
    let checked = one(SESSION_RULE, &live(&rows));
    assert_eq!(checked.keeping, Keeping::Unknown);
    assert_eq!(checked.doubts[0].why, "2 rows have this unique name");
}

#[test]
fn a_column_that_the_environment_lacks_cannot_hold_the_value() {
    let mut live = live(&rows());
    let table = live.tables.get_mut(&SESSION).expect("it was read");
    table.missing_columns.insert("msdyn_panelstate");
    let rule = SESSION_RULE.replace("type: Generic", "communicationPanelMode: Docked");
    let checked = one(&rule, &live);
    assert_eq!(checked.keeping, Keeping::Broken);
    let note = checked.broken[0].note.as_deref();
    assert_eq!(note, Some("this environment has no column or table for it"));
}

#[test]
fn values_that_no_manifest_could_hold_are_judged_as_they_are() {
    for title in [" {customer}", "{customer}\u{1b}", ""] {
        let mut rows = Rows::default();
        rows.row(
            &SESSION,
            json!({"msdyn_sessiontemplateid": id(1), "msdyn_uniquename": "CTI_a", "msdyn_name": "A", "msdyn_title": title,
                "msdyn_sessiontype": 7, "msdyn_type": false}),
        );
        let checked = one(SESSION_RULE, &live(&rows));
        assert_eq!(checked.keeping, Keeping::Broken, "{title:?}");
        let fields: Vec<String> = checked
            .broken
            .iter()
            .map(|broken| broken.finding.path.join("."))
            .collect();
        assert_eq!(
            fields,
            ["type", "title", "anchorTab", "anchorTab"],
            "{title:?}"
        );
    }
}
