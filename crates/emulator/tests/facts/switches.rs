//! Every question that the documentation leaves open, with both answers. Section 8: limits.

use crate::desk::{Desk, changeset, desk, desk_of, desk_with, field, part, send, session};
use deskstate_emulator::{BatchStatus, Config, Limits, LinkAnswer, QuotedIds, Switches};
use serde_json::{Value as Json, json};

async fn linked(desk: &Desk) -> (String, String) {
    let (session, tab) = (
        desk.session("contoso_s").await,
        "msdyn_applicationtabtemplates",
    );
    let tab = desk.create(tab, json!({"msdyn_name": "t", "msdyn_uniquename": "contoso_t", "msdyn_pagetype": 509_180_001})).await;
    let links = format!("msdyn_sessiontemplates({session})/msdyn_sessiontemplate_applicationtab");
    desk.post(
        &format!("{links}/$ref"),
        json!({"@odata.id": format!("msdyn_applicationtabtemplates({tab})")}),
    )
    .await
    .expect(204);
    (links, tab)
}

#[tokio::test]
async fn section_2_linking_twice_and_unlinking_nothing_may_be_accepted() {
    for (answer, again, missing) in [
        (LinkAnswer::Refused, 412, 404),
        (LinkAnswer::Accepted, 204, 204),
    ] {
        let desk = desk_with(Switches {
            associate_again: answer,
            disassociate_missing: answer,
            ..Switches::default()
        })
        .await;
        let (links, tab) = linked(&desk).await;
        let body = json!({"@odata.id": format!("msdyn_applicationtabtemplates({tab})")});
        desk.post(&format!("{links}/$ref"), body)
            .await
            .expect(again);
        assert_eq!(desk.get(&format!("{links}/$ref")).await.rows().len(), 1);
        desk.delete(&format!("{links}({tab})/$ref"))
            .await
            .expect(204);
        desk.delete(&format!("{links}({tab})/$ref"))
            .await
            .expect(missing);
    }
}

#[tokio::test]
async fn section_5_the_outer_status_may_be_that_of_the_failing_item() {
    let get = "--b\nContent-Type: application/http\n\nGET msdyn_sessiontemplates(0c0f0000-0000-4000-8000-0000000000aa) HTTP/1.1\n\n--b--\n";
    desk().await.batch(get, None).await.expect(400);
    let desk = desk_with(Switches {
        batch_status: BatchStatus::Inner,
        ..Switches::default()
    })
    .await;
    let answer = desk.batch(get, None).await.expect(404);
    assert!(answer.header("content-type").starts_with("multipart/mixed"));
}

#[tokio::test]
async fn section_5_content_ids_may_be_left_out_where_the_environment_allows_it() {
    let without = changeset(&[part(
        1,
        "POST msdyn_notificationfields",
        "",
        &field("contoso_a").to_string(),
    )])
    .replace("Content-ID: 1\n", "");
    let answer = desk().await.batch(&without, None).await.expect(400);
    assert!(
        answer.text.contains("Content-ID header not present"),
        "{}",
        answer.text
    );
    let lenient = desk_with(Switches {
        content_id_required: false,
        ..Switches::default()
    })
    .await;
    lenient.batch(&without, None).await.expect(200);
}

#[tokio::test]
async fn section_2_a_bound_null_may_clear_a_lookup() {
    let desk = desk_with(Switches {
        bind_null: true,
        ..Switches::default()
    })
    .await;
    let tab = desk.create("msdyn_applicationtabtemplates", json!({"msdyn_name": "t", "msdyn_uniquename": "contoso_t", "msdyn_pagetype": 509_180_001})).await;
    let mut body = session("contoso_s");
    body["msdyn_anchortab@odata.bind"] = json!(format!("msdyn_applicationtabtemplates({tab})"));
    let id = desk.create("msdyn_sessiontemplates", body).await;
    desk.patch(
        &format!("msdyn_sessiontemplates({id})"),
        json!({"msdyn_anchortab@odata.bind": null}),
    )
    .await
    .expect(204);
    assert_eq!(
        desk.get(&format!("msdyn_sessiontemplates({id})"))
            .await
            .json()["_msdyn_anchortab_value"],
        Json::Null
    );
}

#[tokio::test]
async fn section_2_keys_of_the_client_may_be_refused_in_a_post_but_not_in_a_url() {
    let desk = desk_with(Switches {
        own_keys: false,
        ..Switches::default()
    })
    .await;
    let mut body = field("contoso_a");
    body["msdyn_notificationfieldid"] = json!("0c0f0000-0000-4000-8000-0000000000aa");
    desk.post("msdyn_notificationfields", body)
        .await
        .expect(400);
    desk.patch(
        "msdyn_notificationfields(0c0f0000-0000-4000-8000-0000000000aa)",
        field("contoso_a"),
    )
    .await
    .expect(204);
}

#[tokio::test]
async fn section_3_intersect_sets_may_be_closed_while_the_expand_still_tells() {
    let desk = desk_with(Switches {
        intersect_sets_readable: false,
        ..Switches::default()
    })
    .await;
    let (links, _) = linked(&desk).await;
    desk.get("msdyn_sessiontemplate_applicationtabset")
        .await
        .expect(403);
    let session = links.split('/').next().expect("row");
    let row = desk
        .get(&format!(
            "{session}?$expand=msdyn_sessiontemplate_applicationtab($select=msdyn_uniquename)"
        ))
        .await
        .json();
    assert_eq!(
        row["msdyn_sessiontemplate_applicationtab"][0]["msdyn_uniquename"],
        "contoso_t"
    );
}

#[tokio::test]
async fn tables_an_emptied_lookup_may_leave_the_version_alone() {
    let desk = desk_with(Switches {
        emptied_lookup_raises_version: false,
        links_raise_version: false,
        ..Switches::default()
    })
    .await;
    let tab = desk.create("msdyn_applicationtabtemplates", json!({"msdyn_name": "t", "msdyn_uniquename": "contoso_t", "msdyn_pagetype": 509_180_001})).await;
    let mut body = session("contoso_s");
    body["msdyn_anchortab@odata.bind"] = json!(format!("msdyn_applicationtabtemplates({tab})"));
    let path = format!(
        "msdyn_sessiontemplates({})",
        desk.create("msdyn_sessiontemplates", body).await
    );
    let before = desk.get(&path).await.json()["@odata.etag"].clone();
    desk.delete(&format!("msdyn_applicationtabtemplates({tab})"))
        .await
        .expect(204);
    let after = desk.get(&path).await.json();
    assert_eq!(
        (&after["_msdyn_anchortab_value"], &after["@odata.etag"]),
        (&Json::Null, &before)
    );
}

#[tokio::test]
async fn unique_names_may_change_where_the_environment_allows_it() {
    for (immutable, expected) in [(true, 400), (false, 204)] {
        let desk = desk_with(Switches {
            unique_names_are_immutable: immutable,
            ..Switches::default()
        })
        .await;
        let id = desk.field("contoso_a").await;
        desk.patch(
            &format!("msdyn_notificationfields({id})"),
            json!({"msdyn_uniquename": "contoso_b"}),
        )
        .await
        .expect(expected);
        desk.patch(
            &format!("msdyn_notificationfields({id})"),
            json!({"msdyn_title": "t"}),
        )
        .await
        .expect(204);
    }
}

#[tokio::test]
async fn tables_the_json_of_a_tab_may_stay_as_the_client_wrote_it() {
    let desk = desk_with(Switches {
        tab_json_derived: false,
        ..Switches::default()
    })
    .await;
    let body = json!({"msdyn_name": "t", "msdyn_uniquename": "contoso_t", "msdyn_pagetype": 509_180_000, "msdyn_templateparameters": "{\"mine\":1}"});
    let id = desk.create("msdyn_applicationtabtemplates", body).await;
    assert_eq!(
        desk.get(&format!("msdyn_applicationtabtemplates({id})"))
            .await
            .json()["msdyn_templateparameters"],
        "{\"mine\":1}"
    );
}

#[tokio::test]
async fn section_13_layers_may_honour_select() {
    let desk = desk_with(Switches {
        layers_ignore_select: false,
        ..Switches::default()
    })
    .await;
    let id = desk.session("contoso_s").await;
    let filter = format!(
        "msdyn_componentid eq '{id}' and msdyn_solutioncomponentname eq 'msdyn_sessiontemplate'"
    );
    let rows = desk
        .get(&format!(
            "msdyn_componentlayers?$select=msdyn_solutionname&$filter={filter}"
        ))
        .await
        .rows();
    assert_eq!(
        rows[0].as_object().expect("row").len(),
        2,
        "the column and the key: {rows:?}"
    );
    desk.get("msdyn_componentlayers").await.expect(400);
}

#[tokio::test]
async fn an_answer_sheet_is_taken_whole_or_not_at_all() {
    let desk = desk().await;
    let url = format!("{}/__emulator/switches", desk.emulator.url());
    let put = |sheet: Json| send(desk.client.put(&url).body(sheet.to_string()));
    put(json!({"formatVersion": 1, "answers": {"bindNull": true}}))
        .await
        .expect(204);
    let sheet = send(desk.client.get(&url)).await.json();
    assert_eq!(
        (&sheet["answers"]["bindNull"], &sheet["answers"]["ownKeys"]),
        (&json!(true), &json!(true))
    );
    for refused in [
        json!({"formatVersion": 2, "answers": {}}),
        json!({"formatVersion": 1, "answers": {"bindNul": true}}),
        json!({}),
    ] {
        put(refused).await.expect(400);
    }
    assert_eq!(send(desk.client.get(&url)).await.json(), sheet);
}

#[test]
fn every_switch_stands_in_the_documentation() {
    let page = include_str!("../../../../docs/emulator.md");
    let Json::Object(switches) = serde_json::to_value(Switches::default()).expect("JSON") else {
        panic!("an object")
    };
    for name in switches.keys() {
        assert!(page.contains(&format!("| `{name}` |")), "{name}");
    }
}

#[tokio::test]
async fn section_8_limits_refuse_over_http_and_can_be_lifted() {
    let desk = desk_of(Config {
        limits: Some(Limits {
            requests: 2,
            ..Limits::default()
        }),
        ..Config::default()
    })
    .await;
    desk.get("WhoAmI").await.expect(200);
    desk.get("WhoAmI").await.expect(200);
    let answer = desk.get("WhoAmI").await.expect(429);
    assert_eq!(answer.code(), "0x80072322");
    assert!(answer.message().starts_with(
        "Number of requests exceeded the limit of 6000 over time window of 300 seconds."
    ));
    assert!(
        answer
            .header("retry-after")
            .parse::<u64>()
            .is_ok_and(|seconds| seconds > 0)
    );
    send(
        desk.client
            .delete(format!("{}/__emulator/limits", desk.emulator.url())),
    )
    .await
    .expect(204);
    desk.get("WhoAmI").await.expect(200);
}

#[tokio::test]
async fn section_10_lookups_name_their_targets_and_relationships_both_ends() {
    let desk = desk().await;
    let path = "EntityDefinitions(LogicalName='msdyn_sessiontemplate')?$select=LogicalName&$expand=ManyToOneRelationships($select=ReferencedEntity,ReferencingAttribute),Attributes($select=LogicalName;$filter=AttributeType%20eq%20Microsoft.Dynamics.CRM.AttributeTypeCode'Lookup')";
    let definition = desk.get(path).await.expect(200).json();
    let ends = definition["ManyToOneRelationships"]
        .as_array()
        .expect("relationships");
    assert!(
        ends.iter()
            .any(|end| end["ReferencingAttribute"] == "msdyn_anchortab"
                && end["ReferencedEntity"] == "msdyn_applicationtabtemplate")
    );
    assert!(
        definition["Attributes"]
            .as_array()
            .expect("attributes")
            .iter()
            .any(|item| item["LogicalName"] == "msdyn_anchortab")
    );
    let lookups = desk.get("EntityDefinitions(LogicalName='msdyn_sessiontemplate')/Attributes/Microsoft.Dynamics.CRM.LookupAttributeMetadata?$select=LogicalName,Targets").await.rows();
    let owner = lookups
        .iter()
        .find(|item| item["LogicalName"] == "ownerid")
        .expect("owner");
    assert_eq!(owner["Targets"], json!(["systemuser", "team"]));
}

#[tokio::test]
async fn section_3_an_id_in_quotes_is_refused_or_taken() {
    for quoted_ids in [QuotedIds::Refused, QuotedIds::Accepted] {
        let desk = desk_with(Switches {
            quoted_ids,
            ..Switches::default()
        })
        .await;
        let (_, tab) = linked(&desk).await;
        let tabs = "msdyn_applicationtabtemplates";
        let parameters = "msdyn_templateparameters";
        for filter in [
            format!("{tabs}?$filter=msdyn_applicationtabtemplateid eq '{tab}'"),
            format!("{tabs}?$filter='{tab}' eq msdyn_applicationtabtemplateid"),
            format!("{tabs}?$filter=msdyn_applicationtabtemplateid eq @id&@id='{tab}'"),
            format!("{parameters}?$filter=_msdyn_applicationtabtemplateid_value eq '{tab}'"),
            format!(
                "{parameters}?$filter=msdyn_applicationtabtemplateid/msdyn_applicationtabtemplateid eq '{tab}'"
            ),
            format!(
                "msdyn_sessiontemplates?$filter=msdyn_sessiontemplate_applicationtab/any(t:t/msdyn_applicationtabtemplateid eq '{tab}')"
            ),
        ] {
            let bare = desk.get(&filter.replace('\'', "")).await.rows();
            assert!(!bare.is_empty(), "{filter}");
            let answer = desk.get(&filter).await;
            match quoted_ids {
                QuotedIds::Accepted => assert_eq!(answer.rows(), bare, "{filter}"),
                QuotedIds::Refused => {
                    let error = answer.expect(400).json()["error"].clone();
                    assert_eq!(error["code"], "0x80060888", "{filter}: {error}");
                    let message = error["message"].as_str().expect("a message");
                    assert!(
                        message.contains("incompatible types"),
                        "{filter}: {message}"
                    );
                    assert!(
                        message.contains("Edm.Guid") && message.contains("Edm.String"),
                        "{filter}: {message}"
                    );
                }
            }
        }
    }
}
