//! Facts about the app profile manager: tab parameters, slugs, links, blocked customisations, running imports.

use crate::desk::{Desk, desk, desk_with, session};
use deskstate_emulator::Switches;
use serde_json::{Value as Json, json};

async fn tab(desk: &Desk, name: &str, page_type: i64) -> String {
    desk.create(
        "msdyn_applicationtabtemplates",
        json!({"msdyn_name": name, "msdyn_uniquename": name, "msdyn_pagetype": page_type}),
    )
    .await
}

async fn parameters(desk: &Desk, tab: &str) -> Vec<Json> {
    desk.get(&format!("msdyn_templateparameters?$filter=_msdyn_applicationtabtemplateid_value eq {tab}&$orderby=msdyn_name")).await.rows()
}

async fn set(desk: &Desk, row: &Json, value: &str) {
    let id = row["msdyn_templateparameterid"].as_str().expect("id");
    desk.patch(
        &format!("msdyn_templateparameters({id})"),
        json!({"msdyn_value": value}),
    )
    .await
    .expect(204);
}

#[tokio::test]
async fn section_4_creating_a_tab_makes_its_parameter_rows_and_the_json_follows_them() {
    let desk = desk().await;
    let tab = tab(&desk, "contoso_t", 509_180_000).await;
    let rows = parameters(&desk, &tab).await;
    let names: Vec<&str> = rows
        .iter()
        .map(|row| row["msdyn_name"].as_str().expect("name"))
        .collect();
    assert_eq!(names, ["entityName", "viewId", "viewType"]);
    assert_eq!(rows[0]["msdyn_uniquename"], "contoso_t_entityName");
    set(&desk, &rows[0], "contact").await;
    let json: Json = serde_json::from_str(
        desk.get(&format!("msdyn_applicationtabtemplates({tab})"))
            .await
            .json()["msdyn_templateparameters"]
            .as_str()
            .expect("text"),
    )
    .expect("JSON");
    assert_eq!(
        json,
        json!({"entityName": {"value": "contact"}, "viewId": {"value": null}, "viewType": {"value": null}})
    );
}

/// A row from 2023: `{"data":{"value":"{anchor.title}"},"url":{"value":"https:\/\/www.bing.example\/search?q="}}`.
#[tokio::test]
async fn a_website_has_the_json_that_the_product_wrote_in_2023() {
    let desk = desk().await;
    let tab = tab(&desk, "contoso_t", 509_180_006).await;
    let rows = parameters(&desk, &tab).await;
    set(
        &desk,
        rows.iter()
            .find(|row| row["msdyn_name"] == "url")
            .expect("url"),
        "https://example.org/?q={searchQ}",
    )
    .await;
    let row = desk
        .get(&format!("msdyn_applicationtabtemplates({tab})"))
        .await
        .json();
    assert_eq!(
        row["msdyn_templateparameters"],
        r#"{"data":{"value":null},"url":{"value":"https:\/\/example.org\/?q={searchQ}"}}"#
    );
}

#[tokio::test]
async fn section_4_the_switch_makes_no_rows() {
    let desk = desk_with(Switches {
        tab_makes_parameters: false,
        ..Switches::default()
    })
    .await;
    let tab = tab(&desk, "contoso_t", 509_180_000).await;
    assert!(parameters(&desk, &tab).await.is_empty());
}

#[tokio::test]
async fn section_4_unknown_slugs_are_nulled_where_the_switch_says_so() {
    for nulled in [true, false] {
        let desk = desk_with(Switches {
            unknown_slugs_nulled: nulled,
            ..Switches::default()
        })
        .await;
        let tab = tab(&desk, "contoso_t", 509_180_006).await;
        let rows = parameters(&desk, &tab).await;
        let url = rows
            .iter()
            .find(|row| row["msdyn_name"] == "url")
            .expect("url");
        set(&desk, url, "https://example.org/{customerName}").await;
        let read = || async {
            parameters(&desk, &tab)
                .await
                .into_iter()
                .find(|row| row["msdyn_name"] == "url")
                .expect("url")["msdyn_value"]
                .clone()
        };
        assert_eq!(read().await, "https://example.org/{customerName}");
        set(&desk, url, "https://example.org/{acsGroupId}").await;
        assert_eq!(read().await.is_null(), nulled);
    }
}

#[tokio::test]
async fn section_2_one_entity_template_per_table_and_profile() {
    let desk = desk().await;
    let profile = desk
        .create("msdyn_appconfigurations", json!({"msdyn_name": "p", "msdyn_uniquename": "contoso_p", "msdyn_appmoduleuniquename": "CustomerServiceApps"}))
        .await;
    let link =
        format!("msdyn_appconfigurations({profile})/msdyn_appconfiguration_sessiontemplate/$ref");
    for (name, expected) in [("contoso_one", 204), ("contoso_two", 400)] {
        let mut body = session(name);
        body["msdyn_sessiontype"] = json!(1);
        body["msdyn_entity"] = json!("incident");
        let id = desk.create("msdyn_sessiontemplates", body).await;
        desk.post(
            &link,
            json!({"@odata.id": format!("msdyn_sessiontemplates({id})")}),
        )
        .await
        .expect(expected);
    }
}

#[tokio::test]
async fn section_6_a_notification_template_takes_four_fields() {
    let desk = desk().await;
    let template = desk
        .create(
            "msdyn_notificationtemplates",
            json!({"msdyn_name": "n", "msdyn_uniquename": "contoso_n", "msdyn_title": "t"}),
        )
        .await;
    for number in 1..=5 {
        let id = desk.field(&format!("contoso_{number}")).await;
        let link = format!(
            "msdyn_notificationtemplates({template})/msdyn_notificationtemplate_notificationfield/$ref"
        );
        desk.post(
            &link,
            json!({"@odata.id": format!("msdyn_notificationfields({id})")}),
        )
        .await
        .expect(if number < 5 { 204 } else { 400 });
    }
}

#[tokio::test]
async fn section_2_one_profile_per_user_where_the_switch_says_so() {
    let desk = desk_with(Switches {
        one_profile_per_user: true,
        ..Switches::default()
    })
    .await;
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
    let profile = desk
        .create("msdyn_appconfigurations", json!({"msdyn_name": "p", "msdyn_uniquename": "contoso_p", "msdyn_appmoduleuniquename": "CustomerServiceApps"}))
        .await;
    let link = format!("msdyn_appconfigurations({profile})/msdyn_appconfiguration_systemuser/$ref");
    desk.post(
        &link,
        json!({"@odata.id": format!("systemusers({})", user("ada@contoso.com").await)}),
    )
    .await
    .expect(204);
    let answer = desk
        .post(
            &link,
            json!({"@odata.id": format!("systemusers({})", user("kim@contoso.com").await)}),
        )
        .await
        .expect(400);
    assert_eq!(answer.code(), "0x80040265");
}

#[tokio::test]
async fn organization_blocked_customisations_refuse_components_but_not_assignments() {
    let desk = desk().await;
    let existing = desk.session("contoso_before").await;
    let organization = desk
        .get("organizations?$select=orgdborgsettings")
        .await
        .rows()[0]["organizationid"]
        .as_str()
        .expect("id")
        .to_owned();
    let settings = "<OrgSettings><IsLockdownOfUnmanagedCustomizationEnabled>true</IsLockdownOfUnmanagedCustomizationEnabled></OrgSettings>";
    desk.patch(
        &format!("organizations({organization})"),
        json!({"orgdborgsettings": settings}),
    )
    .await
    .expect(204);
    let answer = desk
        .post("msdyn_sessiontemplates", session("contoso_s"))
        .await
        .expect(400);
    assert!(
        answer
            .message()
            .contains("IsLockdownOfUnmanagedCustomizationEnabled")
    );
    desk.patch(
        &format!("msdyn_sessiontemplates({existing})"),
        json!({"msdyn_title": "unmanaged rows may change"}),
    )
    .await
    .expect(204);
    let profile = &desk
        .get("msdyn_appconfigurations?$filter=msdyn_uniquename eq 'alex_inbox'")
        .await
        .rows()[0];
    let user = &desk
        .get("systemusers?$filter=domainname eq 'ada@contoso.com'")
        .await
        .rows()[0];
    let link = format!(
        "msdyn_appconfigurations({})/msdyn_appconfiguration_systemuser/$ref",
        profile["msdyn_appconfigurationid"].as_str().expect("id")
    );
    desk.post(&link, json!({"@odata.id": format!("systemusers({})", user["systemuserid"].as_str().expect("id"))})).await.expect(204);
}

#[tokio::test]
async fn a_solution_import_under_way_locks_components_and_publishing() {
    let desk = desk_with(Switches {
        solution_import_running: true,
        ..Switches::default()
    })
    .await;
    let answer = desk
        .post("msdyn_sessiontemplates", session("contoso_s"))
        .await
        .expect(429);
    assert_eq!(answer.code(), "0x80071151");
    desk.post("PublishAllXml", json!({})).await.expect(429);
    desk.get("msdyn_sessiontemplates?$top=1").await.expect(200);
}
