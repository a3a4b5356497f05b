//! Sections 6, 10, 11, 13 of the facts: bulk actions, functions, audit, layers, solutions.

use crate::desk::{desk, desk_with, field, send, session};
use deskstate_emulator::Switches;
use reqwest::Method;
use serde_json::json;

const A: &str = "0c0f0000-0000-4000-8000-0000000000b1";
const B: &str = "0c0f0000-0000-4000-8000-0000000000b2";

#[tokio::test]
async fn section_6_bulk_actions_are_one_transaction() {
    let desk = desk().await;
    let target = |id: &str, name: &str| {
        let mut body = field(name);
        body["@odata.type"] = json!("Microsoft.Dynamics.CRM.msdyn_notificationfield");
        body["msdyn_notificationfieldid"] = json!(id);
        body
    };
    let action = |name: &str| format!("msdyn_notificationfields/Microsoft.Dynamics.CRM.{name}");
    let answer = desk
        .post(
            &action("CreateMultiple"),
            json!({"Targets": [target(A, "contoso_a"), target(B, "contoso_b")]}),
        )
        .await
        .expect(200);
    assert_eq!(answer.json()["Ids"], json!([A, B]));
    let of = "Microsoft.Dynamics.CRM.msdyn_notificationfield";
    let failing = json!({"Targets": [
        {"@odata.type": of, "msdyn_notificationfieldid": A, "msdyn_value": "new"},
        {"@odata.type": of, "msdyn_notificationfieldid": B, "msdyn_order": -5},
    ]});
    desk.post(&action("UpdateMultiple"), failing)
        .await
        .expect(400);
    assert_eq!(
        desk.get(&format!("msdyn_notificationfields({A})"))
            .await
            .json()["msdyn_value"],
        json!(null)
    );
    desk.post(
        &action("UpsertMultiple"),
        json!({"Targets": [{"@odata.type": of, "msdyn_notificationfieldid": A, "msdyn_value": "new"}]}),
    )
    .await
    .expect(204);
    assert_eq!(
        desk.get(&format!("msdyn_notificationfields({A})"))
            .await
            .json()["msdyn_value"],
        "new"
    );
}

#[tokio::test]
async fn section_6_targets_named_by_alternate_key_are_created_with_its_values_and_then_updated() {
    let desk = desk_with(Switches {
        unique_name_keys: true,
        ..Switches::default()
    })
    .await;
    let target = |title: &str| {
        json!({"Targets": [{
            "@odata.type": "Microsoft.Dynamics.CRM.msdyn_notificationfield",
            "@odata.id": "msdyn_notificationfields(msdyn_uniquename='contoso_keyed')",
            "msdyn_name": "Keyed", "msdyn_title": title,
        }]})
    };
    let path = |name: &str| format!("msdyn_notificationfields/Microsoft.Dynamics.CRM.{name}");
    let absent = desk
        .post(&path("UpdateMultiple"), target("A"))
        .await
        .expect(404);
    assert_eq!(absent.code(), "0x80060891");
    // microsoft/PowerPlatform-DataverseClient-Python, pull request 127.
    let mut twice = target("A");
    twice["Targets"][0]["msdyn_uniquename"] = json!("contoso_keyed");
    let twice = desk.post(&path("UpsertMultiple"), twice).await.expect(400);
    assert_eq!(twice.code(), "0x80040216");
    for title in ["A", "B"] {
        desk.post(&path("UpsertMultiple"), target(title))
            .await
            .expect(204);
        let rows = desk
            .get("msdyn_notificationfields?$select=msdyn_title&$filter=msdyn_uniquename eq 'contoso_keyed'")
            .await
            .rows();
        assert_eq!(
            (rows.len(), rows[0]["msdyn_title"].as_str()),
            (1, Some(title))
        );
    }
}

#[tokio::test]
async fn section_10_privileges_of_a_user_by_name() {
    let desk = desk().await;
    let user = |name: &'static str| {
        let desk = &desk;
        async move {
            desk.get(&format!("systemusers?$filter=domainname eq '{name}'"))
                .await
                .rows()[0]["systemuserid"]
                .as_str()
                .expect("id")
                .to_owned()
        }
    };
    let ask = |id: String, privilege: &str| {
        format!(
            "systemusers({id})/Microsoft.Dynamics.CRM.RetrieveUserPrivilegeByPrivilegeName(PrivilegeName='{privilege}')"
        )
    };
    let pipeline = user("pipeline@contoso.com").await;
    let held = desk
        .get(&ask(pipeline.clone(), "prvWritemsdyn_sessiontemplate"))
        .await
        .expect(200)
        .json();
    assert_eq!(held["RolePrivileges"][0]["Depth"], "Global");
    let none = desk
        .get(&ask(pipeline.clone(), "prvReadAuditSummary"))
        .await
        .expect(200)
        .json();
    assert_eq!(none["RolePrivileges"], json!([]));
    desk.get(&ask(pipeline, "prvNothing")).await.expect(400);
}

#[tokio::test]
async fn section_10_publishing_answers_204_and_checks_its_document() {
    let desk = desk().await;
    let xml = "<importexportxml><entities><entity>msdyn_sessiontemplate</entity></entities></importexportxml>";
    desk.post("PublishXml", json!({"ParameterXml": xml}))
        .await
        .expect(204);
    desk.post("PublishXml", json!({})).await.expect(400);
    send(desk.request(Method::POST, "PublishAllXml"))
        .await
        .expect(204);
}

#[tokio::test]
async fn section_9_the_solution_header_puts_components_into_it() {
    let desk = desk().await;
    let solution = desk
        .get("solutions?$filter=uniquename eq 'ContosoDesk'")
        .await
        .rows()[0]["solutionid"]
        .as_str()
        .expect("id")
        .to_owned();
    let create = |name: &str, solution: &str| {
        let request = desk
            .request(Method::POST, "msdyn_sessiontemplates")
            .header("Content-Type", "application/json");
        request
            .header("MSCRM.SolutionUniqueName", solution)
            .body(session(name).to_string())
    };
    let answer = send(create("contoso_s", "ContosoDesk")).await.expect(204);
    let id = answer
        .header("odata-entityid")
        .rsplit_once('(')
        .expect("key")
        .1
        .trim_end_matches(')')
        .to_owned();
    let members = desk
        .get(&format!(
            "solutioncomponents?$filter=_solutionid_value eq {solution} and objectid eq {id}"
        ))
        .await
        .rows();
    assert_eq!(members.len(), 1);
    send(create("contoso_s2", "Nowhere")).await.expect(400);
    desk.delete(&format!("msdyn_sessiontemplates({id})"))
        .await
        .expect(204);
    assert!(
        desk.get(&format!("solutioncomponents?$filter=objectid eq {id}"))
            .await
            .rows()
            .is_empty()
    );
}

#[tokio::test]
async fn section_11_audit_says_who_changed_what_and_from_which_value() {
    let desk = desk().await;
    let id = desk.session("contoso_s").await;
    desk.patch(
        &format!("msdyn_sessiontemplates({id})"),
        json!({"msdyn_title": "one"}),
    )
    .await
    .expect(204);
    desk.patch(
        &format!("msdyn_sessiontemplates({id})"),
        json!({"msdyn_title": "two"}),
    )
    .await
    .expect(204);
    let rows = desk
        .get(&format!(
            "audits?$filter=_objectid_value eq {id}&$orderby=operation"
        ))
        .await
        .rows();
    assert_eq!(
        rows.iter()
            .map(|row| row["operation"].as_i64().expect("operation"))
            .collect::<Vec<_>>(),
        [1, 2, 2]
    );
    assert_eq!(
        rows[0]["_userid_value"],
        "0c0f0000-0000-4000-8000-000000000a01"
    );
    assert!(rows[0].get("changedata").is_none(), "not readable");
    let target = format!(
        "RetrieveRecordChangeHistory(Target=@target,PagingInfo=@p)?@target={{'@odata.id':'msdyn_sessiontemplates({id})'}}&@p={{\"PageNumber\":1,\"Count\":50}}"
    );
    let details =
        desk.get(&target).await.expect(200).json()["AuditDetailCollection"]["AuditDetails"]
            .as_array()
            .expect("details")
            .clone();
    assert_eq!(details.len(), 3);
    assert_eq!(
        (
            &details[0]["OldValue"]["msdyn_title"],
            &details[0]["NewValue"]["msdyn_title"]
        ),
        (&json!("one"), &json!("two"))
    );
    desk.post("audits", json!({})).await.expect(405);
}

#[tokio::test]
async fn section_11_links_leave_audit_rows_of_their_own() {
    let desk = desk().await;
    let session = desk.session("contoso_s").await;
    let tab = desk.create("msdyn_applicationtabtemplates", json!({"msdyn_name": "t", "msdyn_uniquename": "contoso_t", "msdyn_pagetype": 509_180_001})).await;
    let links = format!("msdyn_sessiontemplates({session})/msdyn_sessiontemplate_applicationtab");
    desk.post(
        &format!("{links}/$ref"),
        json!({"@odata.id": format!("msdyn_applicationtabtemplates({tab})")}),
    )
    .await
    .expect(204);
    desk.delete(&format!("{links}({tab})/$ref"))
        .await
        .expect(204);
    let rows = desk
        .get(&format!(
            "audits?$filter=_objectid_value eq {session} and action gt 30&$orderby=action"
        ))
        .await
        .rows();
    assert_eq!(
        rows.iter()
            .map(|row| row["action"].as_i64().expect("action"))
            .collect::<Vec<_>>(),
        [33, 34]
    );
}

#[tokio::test]
async fn section_13_an_unmanaged_change_of_a_managed_row_is_a_layer_on_top() {
    let desk = desk().await;
    let id = desk
        .get("msdyn_applicationtabtemplates?$filter=msdyn_uniquename eq 'fabrikam_warrantyTab'")
        .await
        .rows()[0]["msdyn_applicationtabtemplateid"]
        .as_str()
        .expect("id")
        .to_owned();
    let path = format!(
        "msdyn_componentlayers?$filter=msdyn_componentid eq '{id}' and msdyn_solutioncomponentname eq 'msdyn_applicationtabtemplate'"
    );
    let names = |rows: &[serde_json::Value]| {
        rows.iter()
            .map(|row| row["msdyn_solutionname"].as_str().expect("name").to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&desk.get(&path).await.rows()), ["FabrikamWarranty"]);
    let tab = format!("msdyn_applicationtabtemplates({id})");
    desk.patch(&tab, json!({"msdyn_title": "Ours"}))
        .await
        .expect(204);
    let layers = desk.get(&path).await.rows();
    assert_eq!(names(&layers), ["FabrikamWarranty", "Active"]);
    let changes: serde_json::Value =
        serde_json::from_str(layers[1]["msdyn_changes"].as_str().expect("text")).expect("JSON");
    assert_eq!(
        changes,
        json!({"Attributes": [{"Key": "msdyn_title", "Value": "Ours"}]})
    );
    desk.get(&format!("RemoveActiveCustomizations(SolutionComponentName='msdyn_applicationtabtemplate',ComponentId=({id}))")).await.expect(204);
    assert_eq!(desk.get(&tab).await.json()["msdyn_title"], "Warranty");
    assert_eq!(names(&desk.get(&path).await.rows()), ["FabrikamWarranty"]);
}

#[tokio::test]
async fn section_1_metadata_is_csdl_and_the_root_lists_the_sets() {
    let desk = desk().await;
    let document = desk.get("$metadata").await.expect(200);
    assert!(
        document
            .header("content-type")
            .starts_with("application/xml")
    );
    assert!(document.text.contains("<EntitySet Name=\"msdyn_sessiontemplates\" EntityType=\"Microsoft.Dynamics.CRM.msdyn_sessiontemplate\">"));
    assert!(document.text.contains(
        "<NavigationProperty Name=\"msdyn_ToolId\" Type=\"mscrm.msdyn_panetoolconfiguration\""
    ));
    assert!(document.text.contains(
        "<ReferentialConstraint Property=\"_msdyn_toolid_value\" ReferencedProperty=\"msdyn_panetoolconfigurationid\" />"
    ));
    assert!(!document.text.contains("Org.OData.Core.V1.Computed"));
    assert!(
        desk.get("$metadata?annotations=true")
            .await
            .text
            .contains("Org.OData.Core.V1.Computed")
    );
    let sets = desk.get("").await.rows();
    assert!(sets.iter().any(|set| set["name"]
        == "msdyn_msdyn_prod_agentscript_msdyn_sessiontemplset"
        && set["kind"] == "EntitySet"));
}
