//! The platform's traps, one test for each: what is written if Dataverse stores a value twice, inverted or under a different name.

#![expect(
    clippy::expect_used,
    reason = "a mistake in a test's own input is a failed test"
)]

use super::support::{Rows, id, live};
use deskstate_dataverse::{Cell, Value};
use deskstate_model::load;
use deskstate_model::tables;
use deskstate_reconcile::plan::{Operation, Options, Plan};
use deskstate_reconcile::{lower, plan};
use serde_json::json;

const PROJECT: &str = "apiVersion: deskstate/v1\nkind: Project\nmetadata: {name: traps}\nspec: {environments: {e: {url: \"https://e.crm.dynamics.com\"}}}\n";

/// The plan for these documents, given as kind, name and spec.
fn planned(documents: &[(&str, &str, &str)], rows: &Rows) -> Plan {
    let folder = tempfile::TempDir::new().expect("a folder");
    std::fs::write(folder.path().join("deskstate.yaml"), PROJECT).expect("written");
    std::fs::create_dir(folder.path().join("manifests")).expect("made");
    let text: String = documents
        .iter()
        .map(|(kind, name, spec)| {
            format!("---\napiVersion: deskstate/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}\n")
        })
        .collect();
    std::fs::write(folder.path().join("manifests/all.yaml"), text).expect("written");
    let (manifests, found) = load(folder.path(), Some("e"));
    let errors: Vec<_> = found
        .iter()
        .filter(|diagnostic| diagnostic.is_error())
        .collect();
    assert!(errors.is_empty(), "{errors:?}");
    let (plan, found) = plan(&lower(&manifests), &live(rows), &Options::default());
    let errors: Vec<_> = found
        .iter()
        .filter(|diagnostic| diagnostic.is_error())
        .collect();
    assert!(errors.is_empty(), "{errors:?}");
    plan
}

fn operations(plan: &Plan) -> impl Iterator<Item = &Operation> {
    plan.changes.iter().flat_map(|change| &change.operations)
}

/// The value that the plan writes into a column of a row of this table.
fn written<'a>(plan: &'a Plan, table: &str, column: &str) -> Option<&'a Value> {
    operations(plan).find_map(|operation| match operation {
        Operation::Create { row, body, .. } | Operation::Update { row, body, .. }
            if row.table.logical == table =>
        {
            body.iter()
                .find(|(name, _)| name == column)
                .map(|(_, value)| value)
        }
        _ => None,
    })
}

fn text(value: &str) -> Value {
    Value::Cell(Cell::Text(value.into()))
}

const TAB: (&str, &str, &str) = (
    "ApplicationTab",
    "contoso_tab",
    "{displayName: T, title: T, pageType: Search, parameters: {searchText: x}, canClose: false}",
);

#[test]
fn the_type_of_a_session_template_is_written_to_both_of_its_columns() {
    let session = (
        "SessionTemplate",
        "contoso_case",
        "{displayName: C, type: Entity, entity: incident, communicationPanelMode: Hidden}",
    );
    let plan = planned(&[session], &Rows::default());
    assert_eq!(
        written(&plan, "msdyn_sessiontemplate", "msdyn_sessiontype"),
        Some(&Value::Cell(Cell::Int(1)))
    );
    assert_eq!(
        written(&plan, "msdyn_sessiontemplate", "msdyn_type"),
        Some(&Value::Cell(Cell::Flag(true)))
    );
}

#[test]
fn a_tab_that_cannot_be_closed_is_pinned() {
    let plan = planned(&[TAB], &Rows::default());
    assert_eq!(
        written(&plan, "msdyn_applicationtabtemplate", "msdyn_pinned"),
        Some(&Value::Cell(Cell::Flag(true)))
    );
}

#[test]
fn a_parameter_is_written_as_a_row_and_into_the_copy_on_the_tab() {
    let plan = planned(&[TAB], &Rows::default());
    assert_eq!(
        written(&plan, "msdyn_templateparameter", "msdyn_name"),
        Some(&text("searchText"))
    );
    assert_eq!(
        written(&plan, "msdyn_templateparameter", "msdyn_value"),
        Some(&text("x"))
    );
    assert_eq!(
        written(
            &plan,
            "msdyn_applicationtabtemplate",
            "msdyn_templateparameters"
        ),
        Some(&text(r#"{"searchText":{"value":"x"}}"#))
    );
}

#[test]
fn the_address_of_a_third_party_site_is_a_plain_row_and_a_plain_copy() {
    let tab = (
        "ApplicationTab",
        "contoso_site",
        "{displayName: S, title: S, pageType: ThirdPartyWebsite, parameters: {url: \"https://orders.example/embed?a=1\"}}",
    );
    let plan = planned(&[tab], &Rows::default());
    assert_eq!(
        written(&plan, "msdyn_templateparameter", "msdyn_value"),
        Some(&text("https://orders.example/embed?a=1"))
    );
    let Some(Value::Cell(Cell::Text(copy))) = written(
        &plan,
        "msdyn_applicationtabtemplate",
        "msdyn_templateparameters",
    ) else {
        panic!("no copy is written");
    };
    assert_eq!(
        **copy,
        *r#"{"url":{"value":"https://orders.example/embed?a=1"}}"#
    );
}

const PROVIDER: (&str, &str, &str) = (
    "ChannelProvider",
    "contoso_phone",
    "{displayName: P, label: P, channelUrl: \"https://p.example\", trustedDomain: \"https://p.example\", channelOrder: 0}",
);

#[test]
fn a_profile_with_a_channel_provider_is_linked_to_the_loader_too() {
    let mut rows = Rows::default();
    rows.row(&tables::EXTENSION, json!({
        "msdyn_applicationextensionid": id(7), "msdyn_uniquename": "msdyn_CIFV2Loader", "msdyn_name": "Loader", "msdyn_webresource_url": "l.js"
    }));
    let profile = (
        "AppProfile",
        "contoso_agents",
        "{displayName: A, app: CustomerServiceApps, channelProviders: {mode: atLeast, members: [contoso_phone]}}",
    );
    let plan = planned(&[PROVIDER, profile], &rows);
    let linked = operations(&plan).any(|operation| {
        matches!(operation, Operation::Link { relationship, member, .. } if *relationship == &tables::PROFILE_EXTENSIONS && *member == id(7))
    });
    assert!(linked, "{plan:?}");
}

#[test]
fn the_order_of_a_field_is_on_the_field_and_counts_from_one() {
    let template = (
        "NotificationTemplate",
        "contoso_call",
        "{displayName: C, title: C, fields: [{header: Number, value: \"{number}\"}, {header: Queue, value: \"{queue}\"}]}",
    );
    let plan = planned(&[template], &Rows::default());
    let mut orders: Vec<(String, i64)> = operations(&plan)
        .filter_map(|operation| match operation {
            Operation::Create { row, body, .. } if row.table == &tables::NOTIFICATION_FIELD => {
                let order = body
                    .iter()
                    .find(|(name, _)| name == "msdyn_order")
                    .map(|(_, value)| value);
                match order {
                    Some(Value::Cell(Cell::Int(order))) => Some((row.label.clone(), *order)),
                    _ => None,
                }
            }
            _ => None,
        })
        .collect();
    orders.sort();
    assert_eq!(
        orders,
        [
            ("contoso_call_number".to_owned(), 1),
            ("contoso_call_queue".to_owned(), 2)
        ]
    );
}

#[test]
fn an_entry_of_a_pane_is_bound_with_the_capitals_that_its_lookups_need() {
    let tool = (
        "PaneTool",
        "contoso_tool",
        "{displayName: T, type: CustomPage, controlName: contoso_page}",
    );
    let pane = (
        "ProductivityPane",
        "contoso_pane",
        "{displayName: P, tools: [{tool: contoso_tool}]}",
    );
    let plan = planned(&[tool, pane], &Rows::default());
    for navigation in ["msdyn_ToolId", "msdyn_ProductivityPaneId"] {
        let value = written(&plan, "msdyn_panetabconfiguration", navigation);
        assert!(
            matches!(value, Some(Value::Bind { .. })),
            "{navigation}: {value:?}"
        );
    }
}

#[test]
fn a_part_that_carries_a_foreign_name_is_found_by_its_parent_and_its_place() {
    let mut rows = Rows::default();
    rows.row(&tables::TAB, json!({
        "msdyn_applicationtabtemplateid": id(1), "msdyn_uniquename": "contoso_tab", "msdyn_name": "T", "msdyn_title": "T",
        "msdyn_pagetype": 509_180_005, "msdyn_pinned": true, "msdyn_templateparameters": r#"{"searchText":{"value":"old"}}"#
    }));
    rows.row(&tables::PARAMETER, json!({
        "msdyn_templateparameterid": id(2), "msdyn_uniquename": "made_by_the_product_7", "msdyn_name": "searchText", "msdyn_value": "old",
        "_msdyn_applicationtabtemplateid_value": id(1)
    }));
    let plan = planned(&[TAB], &rows);
    assert!(
        operations(&plan).all(|operation| !matches!(operation, Operation::Create { .. })),
        "{plan:?}"
    );
    assert_eq!(
        written(&plan, "msdyn_templateparameter", "msdyn_value"),
        Some(&text("x"))
    );
    assert_eq!(
        written(&plan, "msdyn_templateparameter", "msdyn_uniquename"),
        None
    );
}
