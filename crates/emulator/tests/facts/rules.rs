//! The table files: lengths, ranges, options, defaults, required levels, cascades, managed rows. Section 4: etags.

use crate::desk::{Desk, desk, desk_with, field, session};
use deskstate_emulator::Switches;
use serde_json::json;

async fn tab(desk: &Desk, name: &str) -> String {
    desk.create(
        "msdyn_applicationtabtemplates",
        json!({"msdyn_name": name, "msdyn_uniquename": name, "msdyn_pagetype": 509_180_001}),
    )
    .await
}

async fn etag(desk: &Desk, path: &str) -> String {
    desk.get(path).await.expect(200).json()["@odata.etag"]
        .as_str()
        .expect("etag")
        .to_owned()
}

#[tokio::test]
async fn section_7_values_outside_a_column_are_refused_with_their_codes() {
    let desk = desk().await;
    for (set, mut body, column, value, code) in [
        (
            "msdyn_notificationfields",
            field("contoso_a"),
            "msdyn_title",
            json!("x".repeat(201)),
            "0x80044331",
        ),
        (
            "msdyn_notificationfields",
            field("contoso_a"),
            "msdyn_order",
            json!(-1),
            "0x8004432f",
        ),
        (
            "msdyn_sessiontemplates",
            session("contoso_s"),
            "msdyn_panelstate",
            json!(5),
            "0x8004431a",
        ),
        (
            "msdyn_notificationfields",
            field("contoso_a"),
            "msdyn_order",
            json!("1"),
            "0x80048d19",
        ),
        (
            "msdyn_sessiontemplates",
            session("contoso_s"),
            "statuscode",
            json!(2),
            "",
        ),
    ] {
        body[column] = value;
        let answer = desk.post(set, body).await;
        if code.is_empty() {
            // A status reason without a state also sets its state.
            answer.expect(204);
            continue;
        }
        let answer = answer.expect(400);
        assert_eq!(answer.code(), code, "{column}");
    }
    let mut body = field("contoso_a");
    body["msdyn_title"] = json!("x".repeat(201));
    let message = desk.post("msdyn_notificationfields", body).await.message();
    assert!(
        message.contains("The length of the 'msdyn_title' attribute of the 'msdyn_notificationfield' entity exceeded the maximum allowed length of '200'."),
        "{message}"
    );
}

#[tokio::test]
async fn tables_lengths_count_characters_as_the_platform_stores_them() {
    let desk = desk().await;
    let mut body = field("contoso_a");
    body["msdyn_title"] = json!("😀".repeat(100));
    desk.post("msdyn_notificationfields", body.clone())
        .await
        .expect(204);
    body["msdyn_uniquename"] = json!("contoso_b");
    body["msdyn_title"] = json!("😀".repeat(101));
    desk.post("msdyn_notificationfields", body)
        .await
        .expect(400);
}

#[tokio::test]
async fn tables_defaults_are_those_of_the_metadata_opposite_types_included() {
    let desk = desk().await;
    let id = desk
        .create(
            "msdyn_sessiontemplates",
            json!({"msdyn_name": "s", "msdyn_uniquename": "contoso_s"}),
        )
        .await;
    let row = desk
        .get(&format!("msdyn_sessiontemplates({id})"))
        .await
        .json();
    assert_eq!(
        (
            row["msdyn_sessiontype"].as_i64(),
            row["msdyn_type"].as_bool()
        ),
        (Some(1), Some(false))
    );
    assert_eq!(row["msdyn_panelstate"], 162_450_002);
    assert_eq!(
        (row["statecode"].as_i64(), row["statuscode"].as_i64()),
        (Some(0), Some(1))
    );
    assert_eq!(
        (&row["ismanaged"], &row["componentstate"]),
        (&json!(false), &json!(0))
    );
    assert_eq!(row["createdon"], "2026-05-01T08:00:00Z");
    assert_eq!(row["iscustomizable"]["Value"], true);
}

#[tokio::test]
async fn tables_required_columns_are_needed_on_create_and_cannot_be_cleared() {
    let desk = desk().await;
    let answer = desk
        .post(
            "msdyn_notificationfields",
            json!({"msdyn_name": "a", "msdyn_title": "t"}),
        )
        .await
        .expect(400);
    assert!(
        answer.message().contains("msdyn_uniquename"),
        "{}",
        answer.message()
    );
    desk.post(
        "msdyn_notificationfields",
        json!({"msdyn_uniquename": "contoso_a", "msdyn_title": "t"}),
    )
    .await
    .expect(400);
    let id = desk.field("contoso_a").await;
    desk.patch(
        &format!("msdyn_notificationfields({id})"),
        json!({"msdyn_uniquename": null}),
    )
    .await
    .expect(400);
    let lenient = desk_with(Switches {
        application_required_enforced: false,
        ..Switches::default()
    })
    .await;
    lenient
        .post(
            "msdyn_notificationfields",
            json!({"msdyn_uniquename": "contoso_a"}),
        )
        .await
        .expect(204);
}

#[tokio::test]
async fn section_2_an_empty_text_is_stored_as_null() {
    let desk = desk().await;
    let mut body = field("contoso_a");
    body["msdyn_value"] = json!("");
    let id = desk.create("msdyn_notificationfields", body).await;
    assert_eq!(
        desk.get(&format!("msdyn_notificationfields({id})"))
            .await
            .json()["msdyn_value"],
        json!(null)
    );
}

#[tokio::test]
async fn section_2_read_only_columns_are_skipped_and_lookup_values_refused() {
    let desk = desk().await;
    let id = desk.field("contoso_a").await;
    let path = format!("msdyn_notificationfields({id})");
    desk.patch(
        &path,
        json!({"createdon": "2001-01-01T00:00:00Z", "msdyn_value": "v"}),
    )
    .await
    .expect(204);
    assert_eq!(
        desk.get(&path).await.json()["createdon"],
        "2026-05-01T08:00:00Z"
    );
    desk.patch(
        &path,
        json!({"_ownerid_value": "0c0f0000-0000-4000-8000-000000000a01"}),
    )
    .await
    .expect(400);
}

#[tokio::test]
async fn section_2_a_state_without_a_reason_takes_its_default_and_a_wrong_pair_is_refused() {
    let desk = desk().await;
    let id = desk.field("contoso_a").await;
    let path = format!("msdyn_notificationfields({id})");
    desk.patch(&path, json!({"statecode": 1})).await.expect(204);
    assert_eq!(desk.get(&path).await.json()["statuscode"], 2);
    desk.patch(&path, json!({"statecode": 1, "statuscode": 1}))
        .await
        .expect(400);
}

#[tokio::test]
async fn section_4_a_stale_etag_is_refused_and_a_fresh_one_serves_once() {
    let desk = desk().await;
    let id = desk.field("contoso_a").await;
    let path = format!("msdyn_notificationfields({id})");
    let tag = etag(&desk, &path).await;
    desk.patch_if(&path, &tag, json!({"msdyn_value": "1"}))
        .await
        .expect(204);
    let answer = desk
        .patch_if(&path, &tag, json!({"msdyn_value": "2"}))
        .await
        .expect(412);
    assert_eq!(
        answer.message(),
        "The version of the existing record doesn't match the RowVersion property provided."
    );
    assert_eq!(answer.code(), "", "the documented code is empty");
    let coded = desk_with(Switches {
        codes_on_conditional_errors: true,
        ..Switches::default()
    })
    .await;
    let id = coded.field("contoso_a").await;
    let answer = coded
        .patch_if(
            &format!("msdyn_notificationfields({id})"),
            "W/\"1\"",
            json!({}),
        )
        .await
        .expect(412);
    assert_eq!(answer.code(), "0x80060882");
}

#[tokio::test]
async fn section_4_tables_without_optimistic_concurrency_refuse_etags() {
    let desk = desk_with(Switches {
        no_optimistic_concurrency: ["msdyn_notificationfield".to_owned()].into(),
        ..Switches::default()
    })
    .await;
    let id = desk.field("contoso_a").await;
    let answer = desk
        .patch_if(
            &format!("msdyn_notificationfields({id})"),
            "W/\"1\"",
            json!({}),
        )
        .await
        .expect(400);
    assert_eq!(answer.code(), "0x8006088d");
    let definition = desk.get("EntityDefinitions(LogicalName='msdyn_notificationfield')?$select=IsOptimisticConcurrencyEnabled").await.json();
    assert_eq!(definition["IsOptimisticConcurrencyEnabled"], false);
}

#[tokio::test]
async fn section_4_links_move_versions_only_if_the_switch_says_so() {
    for raises in [true, false] {
        let desk = desk_with(Switches {
            links_raise_version: raises,
            ..Switches::default()
        })
        .await;
        let (session, tab) = (
            desk.session("contoso_s").await,
            tab(&desk, "contoso_t").await,
        );
        let path = format!("msdyn_sessiontemplates({session})");
        let before = etag(&desk, &path).await;
        let link = json!({"@odata.id": format!("msdyn_applicationtabtemplates({tab})")});
        desk.post(
            &format!("{path}/msdyn_sessiontemplate_applicationtab/$ref"),
            link,
        )
        .await
        .expect(204);
        assert_eq!(etag(&desk, &path).await != before, raises);
    }
}

#[tokio::test]
async fn tables_deleting_a_tab_takes_its_parameters_and_empties_anchors_which_moves_their_version()
{
    let desk = desk().await;
    let tab = tab(&desk, "contoso_t").await;
    let mut body = session("contoso_s");
    body["msdyn_anchortab@odata.bind"] = json!(format!("/msdyn_applicationtabtemplates({tab})"));
    let session = desk.create("msdyn_sessiontemplates", body).await;
    let path = format!("msdyn_sessiontemplates({session})");
    let before = etag(&desk, &path).await;
    let parameters =
        format!("msdyn_templateparameters?$filter=_msdyn_applicationtabtemplateid_value eq {tab}");
    assert!(!desk.get(&parameters).await.rows().is_empty());
    desk.delete(&format!("msdyn_applicationtabtemplates({tab})"))
        .await
        .expect(204);
    assert!(desk.get(&parameters).await.rows().is_empty());
    assert_eq!(
        desk.get(&path).await.json()["_msdyn_anchortab_value"],
        json!(null)
    );
    assert_ne!(etag(&desk, &path).await, before);
}

#[tokio::test]
async fn tables_deleting_a_profile_leaves_role_mappings_empty_and_takes_inbox_rows() {
    let desk = desk().await;
    let profile = desk
        .create("msdyn_appconfigurations", json!({"msdyn_name": "p", "msdyn_uniquename": "contoso_p", "msdyn_appmoduleuniquename": "CustomerServiceApps"}))
        .await;
    let role = desk.get("roles?$filter=name eq 'CSR Manager'").await.rows()[0]["roleid"]
        .as_str()
        .expect("id")
        .to_owned();
    let bind = format!("/msdyn_appconfigurations({profile})");
    let mapping = desk
        .create("msdyn_appprofilerolemappings", json!({"msdyn_name": "m", "msdyn_uniquename": "contoso_m", "msdyn_appprofileid@odata.bind": bind, "msdyn_securityroleid@odata.bind": format!("/roles({role})")}))
        .await;
    let inbox = desk
        .create("msdyn_inboxconfigurations", json!({"msdyn_name": "i", "msdyn_uniquename": "contoso_i", "msdyn_configuration": "{}", "msdyn_appconfigurationid@odata.bind": bind}))
        .await;
    desk.delete(&format!("msdyn_appconfigurations({profile})"))
        .await
        .expect(204);
    desk.get(&format!("msdyn_inboxconfigurations({inbox})"))
        .await
        .expect(404);
    let row = desk
        .get(&format!("msdyn_appprofilerolemappings({mapping})"))
        .await
        .expect(200)
        .json();
    assert_eq!(row["_msdyn_appprofileid_value"], json!(null));
}

#[tokio::test]
async fn section_7_managed_rows_that_cannot_be_customised_are_neither_changed_nor_deleted() {
    let desk = desk().await;
    let row = &desk.get("msdyn_appconfigurations?$filter=msdyn_name eq 'Customer Service workspace - default profile'").await.rows()[0];
    assert_eq!(
        (
            row["ismanaged"].as_bool(),
            row["iscustomizable"]["Value"].as_bool()
        ),
        (Some(true), Some(false))
    );
    let path = format!(
        "msdyn_appconfigurations({})",
        row["msdyn_appconfigurationid"].as_str().expect("id")
    );
    assert_eq!(
        desk.patch(&path, json!({"msdyn_name": "mine"}))
            .await
            .expect(400)
            .code(),
        "0x8004f026"
    );
    assert_eq!(desk.delete(&path).await.expect(400).code(), "0x8004f032");
}

#[tokio::test]
async fn unique_names_need_a_publishers_prefix_and_are_unique_without_case() {
    let desk = desk().await;
    let answer = desk
        .post("msdyn_notificationfields", field("nobody_a"))
        .await
        .expect(400);
    assert_eq!(answer.code(), "0x800608ad");
    desk.field("contoso_a").await;
    assert_eq!(
        desk.post("msdyn_notificationfields", field("CONTOSO_A"))
            .await
            .expect(412)
            .code(),
        "0x80040237"
    );
    let lenient = desk_with(Switches {
        prefix_needs_publisher: false,
        unique_names_are_unique: false,
        ..Switches::default()
    })
    .await;
    lenient.field("nobody_a").await;
    lenient.field("nobody_A").await;
}

#[tokio::test]
async fn section_2_alternate_keys_address_rows_once_they_are_defined() {
    let desk = desk_with(Switches {
        unique_name_keys: true,
        ..Switches::default()
    })
    .await;
    desk.field("contoso_a").await;
    let row = desk
        .get("msdyn_notificationfields(msdyn_uniquename='Contoso_A')")
        .await
        .expect(200)
        .json();
    assert_eq!(row["msdyn_uniquename"], "contoso_a");
    desk.patch(
        "msdyn_notificationfields(msdyn_uniquename='contoso_b')",
        json!({"msdyn_name": "b", "msdyn_title": "b"}),
    )
    .await
    .expect(204);
    assert_eq!(
        desk.get("msdyn_notificationfields?$filter=msdyn_uniquename eq 'contoso_b'")
            .await
            .rows()
            .len(),
        1
    );
    let missing = desk
        .get("msdyn_notificationfields(msdyn_uniquename='contoso_c')")
        .await
        .expect(404);
    assert_eq!(missing.code(), "0x80060891");
    let wrong = desk
        .get("msdyn_notificationfields(msdyn_name='x')")
        .await
        .expect(400);
    assert_eq!(wrong.code(), "0x80060888");
    assert!(wrong.message().starts_with("The key in the request URI is not valid for resource 'Microsoft.Dynamics.CRM.msdyn_notificationfield'."));
    let keys = desk
        .get("EntityDefinitions(LogicalName='msdyn_notificationfield')/Keys")
        .await
        .rows();
    assert_eq!(keys[0]["KeyAttributes"], json!(["msdyn_uniquename"]));
}

#[tokio::test]
async fn localizable_columns_are_read_and_written_in_the_callers_language() {
    let desk = desk().await;
    let id = desk.field("contoso_a").await;
    let path = format!("msdyn_notificationfields({id})");
    let user = desk
        .get("systemusers?$filter=domainname eq 'nora@contoso.com'")
        .await
        .rows()[0]["systemuserid"]
        .as_str()
        .expect("id")
        .to_owned();
    desk.patch(
        &format!("usersettingscollection({user})"),
        json!({"uilanguageid": 1031}),
    )
    .await
    .expect(204);
    let admin = desk
        .get("roles?$filter=name eq 'System Administrator'")
        .await
        .rows()[0]["roleid"]
        .as_str()
        .expect("id")
        .to_owned();
    desk.post(
        &format!("systemusers({user})/systemuserroles_association/$ref"),
        json!({"@odata.id": format!("roles({admin})")}),
    )
    .await
    .expect(204);
    let german = |method, body: &'static str| {
        desk.request(method, &path)
            .header("MSCRMCallerID", &user)
            .header("Content-Type", "application/json")
            .body(body)
    };
    crate::desk::send(german(
        reqwest::Method::PATCH,
        "{\"msdyn_title\":\"Titel\"}",
    ))
    .await
    .expect(204);
    assert_eq!(desk.get(&path).await.json()["msdyn_title"], "contoso_a");
    assert_eq!(
        crate::desk::send(german(reqwest::Method::GET, ""))
            .await
            .json()["msdyn_title"],
        "Titel"
    );
    let row = desk.get(&path).await.json();
    assert_eq!(
        row["_modifiedonbehalfby_value"],
        "0c0f0000-0000-4000-8000-000000000a01"
    );
}

#[tokio::test]
async fn environments_may_lack_tables_and_columns() {
    let desk = desk_with(Switches {
        missing_tables: ["msdyn_chtprofileconfiguration".to_owned()].into(),
        missing_columns: ["msdyn_sessiontemplate.msdyn_enabletitlesync".to_owned()].into(),
        ..Switches::default()
    })
    .await;
    desk.get("msdyn_chtprofileconfigurations").await.expect(404);
    assert_eq!(
        desk.get("msdyn_sessiontemplates?$select=msdyn_enabletitlesync")
            .await
            .expect(400)
            .code(),
        "0x80060888"
    );
    let mut body = session("contoso_s");
    body["msdyn_enabletitlesync"] = json!(true);
    desk.post("msdyn_sessiontemplates", body).await.expect(400);
    let attributes = desk
        .get(
            "EntityDefinitions(LogicalName='msdyn_sessiontemplate')/Attributes?$select=LogicalName",
        )
        .await
        .rows();
    assert!(
        !attributes
            .iter()
            .any(|item| item["LogicalName"] == "msdyn_enabletitlesync")
    );
    let row = desk.get("msdyn_sessiontemplates?$top=1").await.rows();
    assert!(row[0].get("msdyn_enabletitlesync").is_none());
}
