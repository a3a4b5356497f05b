//! Section 2 of the facts: writing records, lookups, links.

use crate::desk::{desk, field, send, session};
use reqwest::Method;
use serde_json::{Value as Json, json};

const ID: &str = "0c0f0000-0000-4000-8000-0000000000f1";

#[tokio::test]
async fn section_2_create_answers_204_with_the_url_of_the_row() {
    let desk = desk().await;
    let mut body = field("contoso_a");
    body["msdyn_notificationfieldid"] = json!(ID);
    let answer = desk
        .post("msdyn_notificationfields", body.clone())
        .await
        .expect(204);
    assert_eq!(
        answer.header("odata-entityid"),
        desk.url(&format!("msdyn_notificationfields({ID})"))
    );
    let again = desk
        .post("msdyn_notificationfields", body)
        .await
        .expect(412);
    assert_eq!(
        (again.code().as_str(), again.message().as_str()),
        (
            "0x80040237",
            "A record with matching key values already exists."
        )
    );
}

#[tokio::test]
async fn section_2_create_with_representation_answers_201_and_no_entity_id() {
    let desk = desk().await;
    let request = desk
        .request(Method::POST, "msdyn_notificationfields?$select=msdyn_name")
        .header("Prefer", "return=representation");
    let answer = send(
        request
            .header("Content-Type", "application/json")
            .body(field("contoso_a").to_string()),
    )
    .await
    .expect(201);
    assert_eq!(answer.header("odata-entityid"), "");
    assert_eq!(answer.header("preference-applied"), "return=representation");
    assert_eq!(answer.json()["msdyn_name"], "contoso_a");
    assert!(
        answer.json()["@odata.etag"].is_string()
            && answer.json()["msdyn_notificationfieldid"].is_string()
    );
}

#[tokio::test]
async fn section_2_patch_upserts_unless_if_match_says_otherwise() {
    let desk = desk().await;
    let path = format!("msdyn_notificationfields({ID})");
    desk.patch_if(&path, "*", field("contoso_a"))
        .await
        .expect(404);
    desk.patch(&path, field("contoso_a")).await.expect(204);
    desk.patch(&path, json!({"msdyn_title": "T"}))
        .await
        .expect(204);
    assert_eq!(desk.get(&path).await.json()["msdyn_title"], "T");
    let request = desk
        .client
        .request(Method::PATCH, desk.url(&path))
        .header("If-None-Match", "*");
    let answer = send(
        request
            .header("Content-Type", "application/json")
            .body("{}"),
    )
    .await
    .expect(412);
    assert_eq!(
        answer.message(),
        "A record with matching key values already exists."
    );
}

#[tokio::test]
async fn section_2_delete_answers_204_and_then_404() {
    let desk = desk().await;
    let id = desk.field("contoso_a").await;
    desk.delete(&format!("msdyn_notificationfields({id})"))
        .await
        .expect(204);
    desk.delete(&format!("msdyn_notificationfields({id})"))
        .await
        .expect(404);
}

#[tokio::test]
async fn section_2_one_property_is_put_and_cleared() {
    let desk = desk().await;
    let id = desk.field("contoso_a").await;
    let path = format!("msdyn_notificationfields({id})/msdyn_value");
    send(desk.request(Method::PUT, &path).body("{\"value\":\"x\"}"))
        .await
        .expect(204);
    assert_eq!(desk.get(&path).await.json()["value"], "x");
    desk.delete(&path).await.expect(204);
    desk.get(&path).await.expect(204);
}

#[tokio::test]
async fn section_2_lookups_are_bound_read_and_cleared_by_plain_null() {
    let desk = desk().await;
    let tab = desk.create("msdyn_applicationtabtemplates", json!({"msdyn_name": "t", "msdyn_uniquename": "contoso_t", "msdyn_pagetype": 509_180_001})).await;
    let mut body = session("contoso_s");
    body["msdyn_anchortab@odata.bind"] = json!(format!("/msdyn_applicationtabtemplates({tab})"));
    let id = desk.create("msdyn_sessiontemplates", body).await;
    let path = format!("msdyn_sessiontemplates({id})");
    assert_eq!(
        desk.get(&path).await.json()["_msdyn_anchortab_value"],
        json!(tab)
    );
    desk.patch(&path, json!({"msdyn_anchortab@odata.bind": null}))
        .await
        .expect(400);
    desk.patch(&path, json!({"msdyn_anchortab": null}))
        .await
        .expect(204);
    assert_eq!(
        desk.get(&path).await.json()["_msdyn_anchortab_value"],
        json!(null)
    );
    let reference =
        json!({"@odata.id": desk.url(&format!("msdyn_applicationtabtemplates({tab})"))})
            .to_string();
    send(
        desk.request(Method::PUT, &format!("{path}/msdyn_anchortab/$ref"))
            .body(reference),
    )
    .await
    .expect(204);
    assert_eq!(
        desk.get(&format!("{path}/msdyn_anchortab")).await.json()["msdyn_uniquename"],
        "contoso_t"
    );
    desk.delete(&format!("{path}/msdyn_anchortab/$ref"))
        .await
        .expect(204);
    assert_eq!(
        desk.get(&path).await.json()["_msdyn_anchortab_value"],
        json!(null)
    );
}

#[tokio::test]
async fn section_2_a_wrong_navigation_property_is_an_undeclared_property() {
    let desk = desk().await;
    let answer = desk
        .post(
            "msdyn_panetabconfigurations",
            json!({"msdyn_toolid@odata.bind": "/x(1)"}),
        )
        .await
        .expect(400);
    assert_eq!(answer.code(), "0x80048d19");
    assert!(
        answer.message().contains("undeclared property"),
        "{}",
        answer.message()
    );
}

#[tokio::test]
async fn section_2_links_are_made_listed_and_taken_away_in_every_documented_form() {
    let desk = desk().await;
    let (session, tab) = (
        desk.session("contoso_s").await,
        "msdyn_applicationtabtemplates",
    );
    let one = desk.create(tab, json!({"msdyn_name": "1", "msdyn_uniquename": "contoso_1", "msdyn_pagetype": 509_180_001})).await;
    let two = desk.create(tab, json!({"msdyn_name": "2", "msdyn_uniquename": "contoso_2", "msdyn_pagetype": 509_180_001})).await;
    let links = format!("msdyn_sessiontemplates({session})/msdyn_sessiontemplate_applicationtab");
    for url in [desk.url(&format!("{tab}({one})")), format!("{tab}({two})")] {
        desk.post(&format!("{links}/$ref"), json!({"@odata.id": url}))
            .await
            .expect(204);
    }
    let again = desk
        .post(
            &format!("{links}/$ref"),
            json!({"@odata.id": format!("{tab}({one})")}),
        )
        .await
        .expect(412);
    assert_eq!(
        (again.code().as_str(), again.message().as_str()),
        (
            "0x80040237",
            "A record with matching key values already exists."
        )
    );
    assert_eq!(desk.get(&format!("{links}/$ref")).await.rows().len(), 2);
    assert_eq!(
        desk.get(&format!("{links}?$select=msdyn_uniquename"))
            .await
            .rows()
            .len(),
        2
    );
    let intersect = desk
        .get(&format!(
            "msdyn_sessiontemplate_applicationtabset?$filter=msdyn_sessiontemplateid eq {session}"
        ))
        .await
        .rows();
    assert_eq!(intersect.len(), 2);
    desk.delete(&format!("{links}({one})/$ref"))
        .await
        .expect(204);
    desk.delete(&format!("{links}({one})/$ref"))
        .await
        .expect(404);
    let id = desk.url(&format!("{tab}({two})"));
    desk.delete(&format!("{links}/$ref?$id={id}"))
        .await
        .expect(204);
    assert_eq!(desk.get(&format!("{links}/$ref")).await.rows().len(), 0);
    let missing = desk
        .post(
            &format!("{links}/$ref"),
            json!({"@odata.id": format!("{tab}({ID})")}),
        )
        .await
        .expect(400);
    assert_eq!(missing.code(), "0x80060888");
    assert!(missing.message().contains(ID));
}

#[tokio::test]
async fn section_2_deep_insert_makes_children_and_links_in_one_transaction() {
    let desk = desk().await;
    let mut body = session("contoso_deep");
    body["msdyn_anchortab"] = json!({"msdyn_name": "a", "msdyn_uniquename": "contoso_anchor", "msdyn_pagetype": 509_180_001});
    body["msdyn_sessiontemplate_applicationtab"] = json!([{"msdyn_name": "b", "msdyn_uniquename": "contoso_more", "msdyn_pagetype": 509_180_001}]);
    let id = desk.create("msdyn_sessiontemplates", body.clone()).await;
    assert_eq!(
        desk.get(&format!(
            "msdyn_sessiontemplates({id})/msdyn_sessiontemplate_applicationtab"
        ))
        .await
        .rows()
        .len(),
        1
    );
    body["msdyn_uniquename"] = json!("contoso_deep2");
    body["msdyn_anchortab"]["msdyn_uniquename"] = json!("contoso_anchor2");
    // The nested tab's unique name is taken, so the second insert leaves nothing behind.
    desk.post("msdyn_sessiontemplates", body).await.expect(412);
    let left = desk
        .get("msdyn_applicationtabtemplates?$filter=msdyn_uniquename eq 'contoso_anchor2'")
        .await
        .rows();
    assert_eq!(left.len(), 0);
}

#[tokio::test]
async fn section_2_unknown_properties_are_refused() {
    let desk = desk().await;
    let answer = desk
        .post("msdyn_notificationfields", json!({"foo_bar": 1}))
        .await
        .expect(400);
    assert_eq!(answer.code(), "0x80048d19");
    assert!(
        answer
            .message()
            .contains("Invalid property 'foo_bar' was found in entity"),
        "{}",
        answer.message()
    );
}

/// Every user-owned row states whether a user or a team owns it. Clients expand and filter by these columns, since `ownerid` can be either.
#[tokio::test]
async fn a_row_names_the_user_or_the_team_that_owns_it() {
    let desk = desk().await;
    let id = desk.session("contoso_owned").await;
    let one = format!("msdyn_sessiontemplates({id})");
    let names = "$select=msdyn_name,_owninguser_value,_owningteam_value&$expand=owninguser($select=fullname),owningteam($select=name)";
    let row = desk.get(&format!("{one}?{names}")).await.expect(200).json();
    assert_eq!(row["owninguser"]["fullname"], "Emulator Administrator");
    assert_eq!(
        (&row["_owningteam_value"], &row["owningteam"]),
        (&Json::Null, &Json::Null)
    );
    let team = desk
        .get("teams?$select=name&$filter=name%20eq%20'Desktop%20owners'")
        .await
        .rows();
    let team = team[0]["teamid"].as_str().expect("an id").to_owned();
    desk.patch(
        &one,
        json!({"ownerid@odata.bind": format!("/teams({team})")}),
    )
    .await
    .expect(204);
    let row = desk.get(&format!("{one}?{names}")).await.expect(200).json();
    assert_eq!(row["owningteam"]["name"], "Desktop owners");
    assert_eq!(
        (&row["_owninguser_value"], &row["owninguser"]),
        (&Json::Null, &Json::Null)
    );
    let mine = desk
        .get("msdyn_sessiontemplates?$select=msdyn_name&$filter=owninguser/fullname%20eq%20'Emulator%20Administrator'")
        .await
        .rows();
    assert!(!mine.is_empty());
    assert!(
        mine.iter().all(|row| row["msdyn_name"] != "contoso_owned"),
        "{mine:?}"
    );
    desk.patch(
        &one,
        json!({"owninguser@odata.bind": format!("/teams({team})")}),
    )
    .await
    .expect(400);
}

/// Scripts that assign roles to people know only their ids in the directory.
#[tokio::test]
async fn a_user_is_found_by_the_object_id_of_the_directory() {
    let desk = desk().await;
    let users = desk.get("systemusers?$select=azureactivedirectoryobjectid&$filter=azureactivedirectoryobjectid%20ne%20null").await.rows();
    let [object, id] = ["azureactivedirectoryobjectid", "systemuserid"]
        .map(|column| users[0][column].as_str().expect("an id").to_owned());
    let found = desk
        .get(&format!(
            "systemusers(azureactivedirectoryobjectid={object})?$select=fullname"
        ))
        .await
        .expect(200)
        .json();
    assert_eq!(found["systemuserid"], json!(id));
    desk.get(&format!(
        "systemusers(azureactivedirectoryobjectid={})",
        uuid::Uuid::from_u128(1)
    ))
    .await
    .expect(404);
}
