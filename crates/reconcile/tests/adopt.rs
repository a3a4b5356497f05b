//! Adoption, file by file: drifted values change; comments, order, quotes, anchors and line ends stay.

#![expect(clippy::expect_used, reason = "a broken file system is a failed test")]

use super::support::{Rows, id, live};
use deskstate_model::load;
use deskstate_model::tables::{PARAMETER, SESSION, SESSION_TABS, TAB};
use deskstate_reconcile::adopt::{Adoption, Into, Request, adopt};
use deskstate_reconcile::export::{Selection, export};
use deskstate_reconcile::plan::Options as PlanOptions;
use deskstate_reconcile::raise::Options;
use deskstate_reconcile::selection::{Selector, select};
use deskstate_reconcile::{lower, plan};
use serde_json::json;
use tempfile::TempDir;

const PROJECT: &str = "apiVersion: deskstate/v1
kind: Project
metadata: {name: desk}
spec:
  environments:
    local:
      emulator: {state: local.json}
      variables: {host: app.contoso.com}
    prod:
      emulator: {state: prod.json}
      variables: {host: app.contoso.com}
      overlay: overlays/prod
";

const BASE: &str = "# Sessions of the desk
apiVersion: deskstate/v1
kind: SessionTemplate
metadata: {name: contoso_session} # the one
spec:
  # what administrators see
  displayName: 'Session'      # keep the quotes
  type: Generic
  title: &title \"{customer}\" # a slug

  communicationPanelMode: Docked
  anchorTab: contoso_tab
  additionalTabs: [contoso_one, contoso_two] # both
---
apiVersion: deskstate/v1
kind: ApplicationTab
metadata: {name: contoso_tab}
spec:
  displayName: Tab
  pageType: ThirdPartyWebsite
  parameters:
    url: https://${{ vars.host }}/tab   # from the variable
    data: a=1 # appended
---
{apiVersion: deskstate/v1, kind: ApplicationTab, metadata: {name: contoso_one}, spec: {displayName: One, pageType: ThirdPartyWebsite, parameters: {url: \"https://one.contoso.com\"}}}
---
{apiVersion: deskstate/v1, kind: ApplicationTab, metadata: {name: contoso_two}, spec: {displayName: Two, pageType: ThirdPartyWebsite, parameters: {url: \"https://two.contoso.com\"}}}
";

const OVERLAY: &str = "# Only in production
apiVersion: deskstate/v1
kind: SessionTemplate
metadata: {name: contoso_session}
spec:
  communicationPanelMode: Minimized # while we train
";

fn rows() -> Rows {
    let mut rows = Rows::default();
    for (number, name, label) in [
        (1, "tab", "Tab"),
        (2, "one", "One, changed"),
        (3, "two", "Two"),
        (4, "three", "Three"),
    ] {
        rows.row(&TAB, json!({"msdyn_applicationtabtemplateid": id(number), "msdyn_uniquename": format!("contoso_{name}"), "msdyn_name": label, "msdyn_pagetype": 509_180_006, "msdyn_pinned": false}));
    }
    for (number, tab, name, value) in [
        (11, 1, "url", "https://elsewhere.contoso.com/tab"),
        (12, 1, "data", "a=2"),
        (13, 2, "url", "https://one.contoso.com"),
        (14, 3, "url", "https://two.contoso.com"),
        (15, 4, "url", "https://three.contoso.com"),
    ] {
        rows.row(&PARAMETER, json!({"msdyn_templateparameterid": id(number), "_msdyn_applicationtabtemplateid_value": id(tab), "msdyn_name": name, "msdyn_value": value}));
    }
    rows.row(&SESSION, json!({
        "msdyn_sessiontemplateid": id(20), "msdyn_uniquename": "contoso_session", "msdyn_name": "The desk's session", "msdyn_sessiontype": 0,
        "msdyn_type": false, "msdyn_title": "{customer} calls", "msdyn_panelstate": 162_450_001, "_msdyn_anchortab_value": id(1)
    }));
    rows.link(&SESSION_TABS, id(20), id(2));
    rows.link(&SESSION_TABS, id(20), id(4));
    rows
}

/// Adopts in a project with these files.
fn adopted(base: &str, environment: &str, into: Into, what: &[&str]) -> Adoption {
    let folder = TempDir::new().expect("a folder");
    for (path, text) in [
        ("deskstate.yaml", PROJECT),
        ("manifests/desk.yaml", base),
        ("overlays/prod/desk.yaml", OVERLAY),
    ] {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("created");
        std::fs::write(path, text).expect("written");
    }
    let (manifests, found) = load(folder.path(), Some(environment));
    assert!(found.iter().all(|finding| !finding.is_error()), "{found:?}");
    let desired = lower(&manifests);
    let live = live(&rows());
    let selectors: Vec<Selector> = what
        .iter()
        .map(|text| text.parse().expect("a selector"))
        .collect();
    let (declared, new): (Vec<Selector>, Vec<Selector>) =
        selectors.into_iter().partition(|selector| {
            let mut resources = manifests.resources.iter();
            resources.any(|known| selector.takes(&known.key, &known.labels))
        });
    // An empty selection would export everything.
    let nobody = vec!["nobody".parse().expect("a selector")];
    let new = Selection {
        what: if new.is_empty() { nobody } else { new },
        ..Selection::default()
    };
    let options = PlanOptions {
        only: (!what.is_empty()).then(|| select(&manifests, &desired, &declared).0.keys),
        ..PlanOptions::default()
    };
    let (plan, found) = plan(&desired, &live, &options);
    assert!(found.iter().all(|finding| !finding.is_error()), "{found:?}");
    let overlays = if environment == "prod" {
        vec!["overlays/prod".to_owned()]
    } else {
        Vec::new()
    };
    adopt(&Request {
        manifests: &manifests,
        desired: &desired,
        live: &live,
        plan: &plan,
        accepted: &[],
        new: &export(&live, &new, Options::default()),
        into,
        overlays: &overlays,
        folder: "manifests",
        options: Options::default(),
        reads: &|_| true,
        unfit: &std::collections::BTreeMap::new(),
    })
}

/// The expected base after every adoptable value was adopted.
fn expected() -> String {
    BASE.replace("'Session'      #", "'The desk''s session'      #")
        .replace("&title \"{customer}\"", "&title \"{customer} calls\"")
        .replace(
            "communicationPanelMode: Docked",
            "communicationPanelMode: Hidden",
        )
        .replace("[contoso_one, contoso_two]", "[contoso_one, contoso_three]")
        .replace("displayName: One,", "displayName: \"One, changed\",")
}

#[test]
fn values_change_in_place_and_a_variable_is_refused_with_its_place() {
    let adoption = adopted(BASE, "local", Into::Overlay, &[]);
    assert_eq!(adoption.files["manifests/desk.yaml"].after, expected());
    let refused: Vec<_> = adoption
        .refused
        .iter()
        .map(|refusal| {
            (
                refusal.key.to_string(),
                refusal.path.as_str(),
                refusal.why.as_str(),
            )
        })
        .collect();
    assert_eq!(
        refused,
        [(
            "ApplicationTab contoso_tab".to_owned(),
            "parameters",
            "the value comes from a variable"
        )]
    );
    assert!(adoption.refused[0].place.is_some());
}

#[test]
fn a_file_with_carriage_returns_keeps_them() {
    let adoption = adopted(&BASE.replace('\n', "\r\n"), "local", Into::Overlay, &[]);
    assert_eq!(
        adoption.files["manifests/desk.yaml"].after,
        expected().replace('\n', "\r\n")
    );
}

#[test]
fn in_an_environment_with_an_overlay_the_base_stays_and_the_overlay_says_what_differs() {
    let adoption = adopted(BASE, "prod", Into::Overlay, &["contoso_session"]);
    assert!(!adoption.files.contains_key("manifests/desk.yaml"));
    let overlay = &adoption.files["overlays/prod/desk.yaml"].after;
    assert!(
        overlay.starts_with(&OVERLAY.replace("Minimized #", "Hidden #")),
        "{overlay}"
    );
    for line in [
        "  displayName: The desk's session\n",
        "  title: \"{customer} calls\"\n",
        "  additionalTabs: [contoso_one, contoso_three]\n",
    ] {
        assert!(overlay.contains(line), "`{line}` is not in\n{overlay}");
    }
}

#[test]
fn a_document_that_the_overlay_does_not_have_is_put_into_a_new_file_there() {
    let adoption = adopted(BASE, "prod", Into::Overlay, &["contoso_one"]);
    let new = &adoption.files["overlays/prod/application-tabs/contoso_one.yaml"];
    assert_eq!(new.before, None);
    assert_eq!(
        new.after,
        "apiVersion: deskstate/v1\nkind: ApplicationTab\nmetadata:\n  name: contoso_one\nspec:\n  displayName: One, changed\n"
    );
}

#[test]
fn into_base_edits_the_base_although_there_is_an_overlay() {
    let adoption = adopted(BASE, "prod", Into::Base, &["contoso_one"]);
    assert_eq!(
        adoption.files["manifests/desk.yaml"].after,
        BASE.replace("displayName: One,", "displayName: \"One, changed\",")
    );
}

#[test]
fn a_row_that_nobody_declares_becomes_a_file_of_its_own() {
    let adoption = adopted(BASE, "local", Into::Overlay, &["contoso_three"]);
    let new = &adoption.files["manifests/application-tabs/contoso_three.yaml"];
    assert!(
        new.after.contains("url: https://three.contoso.com"),
        "{}",
        new.after
    );
}

#[test]
fn a_value_that_an_alias_repeats_is_refused() {
    let shared = BASE.replace(
        "displayName: 'Session'      # keep the quotes",
        "displayName: 'Session'\n  description: &d same\n  expressionData: *d",
    );
    let adoption = adopted(&shared, "local", Into::Overlay, &["contoso_session"]);
    let refused: Vec<_> = adoption
        .refused
        .iter()
        .map(|refusal| (refusal.path.as_str(), refusal.why.as_str()))
        .collect();
    assert!(
        refused.contains(&("description", "an alias repeats the same value elsewhere")),
        "{refused:?}"
    );
    let after = &adoption.files["manifests/desk.yaml"].after;
    assert!(
        after.contains("description: &d same\n  expressionData: null\n"),
        "{after}"
    );
}
