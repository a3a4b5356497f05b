//! Rules of the platform about its own rows, and the properties that every row and table has.

use reqwest::Method;
use serde_json::{Value as Json, json};

use crate::desk::{Desk, desk, send};

const ADMINISTRATOR: &str = "systemusers(0c0f0000-0000-4000-8000-000000000a01)";

async fn found(desk: &Desk, set: &str, key: &str, filter: &str) -> String {
    let rows = desk
        .get(&format!("{set}?$select={key}&$filter={filter}"))
        .await
        .rows();
    format!("{set}({})", rows[0][key].as_str().expect("an id"))
}

#[tokio::test]
async fn business_units_go_only_when_they_are_disabled_and_empty() {
    let desk = desk().await;
    let root = found(
        &desk,
        "businessunits",
        "businessunitid",
        "parentbusinessunitid%20eq%20null",
    )
    .await;
    let child = found(
        &desk,
        "businessunits",
        "businessunitid",
        "name%20eq%20'Contoso%20Service'",
    )
    .await;
    for unit in [&root, &child] {
        let refused = desk.delete(unit).await.expect(400);
        assert_eq!(
            (refused.code().as_str(), refused.message().as_str()),
            (
                "0x80041d60",
                "Not disabled business unit cannot be deleted."
            )
        );
    }
    let refused = desk.patch(&root, json!({"isdisabled": true})).await;
    assert_eq!(
        refused.expect(400).message(),
        "Root Business unit cannot be disabled."
    );
    desk.patch(&child, json!({"isdisabled": true}))
        .await
        .expect(204);
    // Its users keep it.
    assert_eq!(desk.delete(&child).await.expect(405).code(), "0x80040227");
}

#[tokio::test]
async fn users_are_disabled_before_they_go_and_one_administrator_stays() {
    let desk = desk().await;
    let ada = found(
        &desk,
        "systemusers",
        "systemuserid",
        "domainname%20eq%20'ada@contoso.com'",
    )
    .await;
    assert_eq!(desk.delete(&ada).await.expect(400).code(), "0x80040800");
    desk.patch(&ada, json!({"isdisabled": true}))
        .await
        .expect(204);
    desk.delete(&ada).await.expect(204);
    let refused = desk.patch(ADMINISTRATOR, json!({"isdisabled": true})).await;
    assert_eq!(refused.expect(400).code(), "0x80041d2f");
}

#[tokio::test]
async fn the_team_of_a_business_unit_stays_as_the_platform_made_it() {
    let desk = desk().await;
    let team = found(&desk, "teams", "teamid", "isdefault%20eq%20true").await;
    let user = desk.get(ADMINISTRATOR).await.json();
    let reference =
        json!({"@odata.id": format!("systemusers({})", user["systemuserid"].as_str().unwrap())});
    let renamed = desk.patch(&team, json!({"name": "Everybody"})).await;
    let joined = desk
        .post(
            &format!("{team}/teammembership_association/$ref"),
            reference,
        )
        .await;
    for (refused, code) in [
        (renamed, "0x8004830a"),
        (joined, "0x8004830b"),
        (desk.delete(&team).await, "0x80048307"),
    ] {
        assert_eq!(refused.expect(400).code(), code);
    }
}

#[tokio::test]
async fn there_is_one_organization() {
    let desk = desk().await;
    let organization = found(&desk, "organizations", "organizationid", "name%20ne%20null").await;
    assert_eq!(
        desk.delete(&organization).await.expect(400).code(),
        "0x80040800"
    );
    let second = desk.post("organizations", json!({"name": "Second"})).await;
    assert_eq!(second.expect(400).code(), "0x80040800");
}

#[tokio::test]
async fn a_row_of_the_past_is_created_on_the_given_day() {
    let desk = desk().await;
    let made = |given: &str| json!({"msdyn_name": "Old", "msdyn_uniquename": "contoso_old", "msdyn_title": "Old", "overriddencreatedon": given});
    let old = "2020-06-01T10:00:00Z";
    desk.post("msdyn_notificationtemplates", made(old))
        .await
        .expect(204);
    let rows = desk
        .get("msdyn_notificationtemplates?$select=createdon,overriddencreatedon&$filter=msdyn_uniquename%20eq%20'contoso_old'")
        .await
        .rows();
    assert_eq!(rows[0]["createdon"], old);
    let written = rows[0]["overriddencreatedon"]
        .as_str()
        .expect("the time of writing");
    assert!(written.len() == 20 && written > old, "{written}");
}

#[tokio::test]
async fn users_and_teams_are_principals_and_called_by_their_names() {
    let desk = desk().await;
    for (set, key) in [("systemusers", "systemuserid"), ("teams", "teamid")] {
        let rows = desk
            .get(&format!("{set}?$select=ownerid&$top=2"))
            .await
            .rows();
        for row in rows {
            assert_eq!(row["ownerid"], row[key]);
        }
    }
    let ada = found(
        &desk,
        "systemusers",
        "systemuserid",
        "domainname%20eq%20'ada@contoso.com'",
    )
    .await;
    desk.patch(&ada, json!({"firstname": "Ada", "lastname": "Lindqvist"}))
        .await
        .expect(204);
    assert_eq!(desk.get(&ada).await.json()["fullname"], "Ada Lindqvist");
}

#[tokio::test]
async fn every_table_has_the_relationships_of_the_platform_under_their_names() {
    let desk = desk().await;
    let rows = desk
        .get("EntityDefinitions(LogicalName='msdyn_sessiontemplate')/ManyToOneRelationships?$select=SchemaName,ReferencedEntity")
        .await
        .rows();
    let mut names: Vec<&str> = rows
        .iter()
        .map(|row| row["SchemaName"].as_str().unwrap())
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "business_unit_msdyn_sessiontemplate",
            "lk_msdyn_sessiontemplate_createdby",
            "lk_msdyn_sessiontemplate_createdonbehalfby",
            "lk_msdyn_sessiontemplate_modifiedby",
            "lk_msdyn_sessiontemplate_modifiedonbehalfby",
            "msdyn_applicationtabtemplate_sessiontemplate_anchortab",
            "msdyn_webresource_sessiontemplate_sessionicon",
            "owner_msdyn_sessiontemplate",
            "team_msdyn_sessiontemplate",
            "user_msdyn_sessiontemplate",
        ]
    );
    for path in [
        "msdyn_sessiontemplates?$select=_createdonbehalfby_value,timezoneruleversionnumber,utcconversiontimezonecode&$top=1",
        "queues?$select=name&$expand=msdyn_routingcontractid($select=msdyn_name)&$top=1",
        "systemusers?$select=createdon",
        "publishers?$select=createdon,description",
        "organizations?$select=createdon",
        "appmodules?$select=createdon,description",
        "webresourceset?$select=content",
        "workflows?$select=clientdata,createdon",
    ] {
        desk.get(path).await.expect(200);
    }
    let administrators = "roles?$select=name&$filter=_roletemplateid_value%20eq%20627090ff-40a3-4053-8790-584edc5be201";
    let roles = desk.get(administrators).await.rows();
    assert!(
        !roles.is_empty()
            && roles
                .iter()
                .all(|role| role["name"] == "System Administrator")
    );
    let unit = found(
        &desk,
        "businessunits",
        "businessunitid",
        "name%20eq%20'Contoso%20Service'",
    )
    .await;
    let users = desk
        .get(&format!(
            "{unit}/business_unit_system_users?$select=fullname"
        ))
        .await;
    assert!(users.rows().len() > 3);
}

#[tokio::test]
async fn tables_of_the_platform_have_their_numbers() {
    let desk = desk().await;
    for (number, table) in [
        (1, "account"),
        (8, "systemuser"),
        (1036, "role"),
        (2020, "queue"),
        (7100, "solution"),
    ] {
        let rows = desk
            .get(&format!(
                "EntityDefinitions?$select=LogicalName&$filter=ObjectTypeCode%20eq%20{number}"
            ))
            .await
            .rows();
        assert_eq!(rows.len(), 1, "{number}");
        assert_eq!(rows[0]["LogicalName"], table);
    }
}

#[tokio::test]
async fn the_context_of_metadata_names_the_path_and_what_was_selected() {
    let desk = desk().await;
    let base = format!("{}$metadata#", desk.url(""));
    for (path, context) in [
        (
            "EntityDefinitions?$select=LogicalName,IsAuditEnabled",
            "EntityDefinitions(LogicalName,IsAuditEnabled)",
        ),
        (
            "EntityDefinitions(LogicalName='role')/Attributes(LogicalName='name')/MetadataId",
            "EntityDefinitions('role')/Attributes('name')/MetadataId",
        ),
        (
            "EntityDefinitions(LogicalName='role')?$expand=OneToManyRelationships,Keys",
            "EntityDefinitions(OneToManyRelationships(),Keys())/$entity",
        ),
        (
            "EntityDefinitions(LogicalName='queue')/Attributes/Microsoft.Dynamics.CRM.PicklistAttributeMetadata?$select=LogicalName&$expand=OptionSet($select=Options)",
            "EntityDefinitions('queue')/Attributes/Microsoft.Dynamics.CRM.PicklistAttributeMetadata(LogicalName,OptionSet(Options))",
        ),
    ] {
        let answer = desk.get(path).await.expect(200).json();
        assert_eq!(
            answer["@odata.context"],
            format!("{base}{context}"),
            "{path}"
        );
    }
    let expanded =
        desk.get("systemusers?$select=fullname&$expand=businessunitid($select=name)&$top=1");
    assert_eq!(
        expanded.await.json()["@odata.context"],
        format!("{base}systemusers(fullname,businessunitid(name))")
    );
}

#[tokio::test]
async fn columns_have_the_properties_of_their_types() {
    let desk = desk().await;
    for (kind, name, expected) in [
        (
            "DateTime",
            "DateTimeBehavior",
            json!({"Value": "UserLocal"}),
        ),
        ("String", "FormatName", json!({"Value": "Text"})),
        ("Boolean", "DefaultValue", json!(false)),
    ] {
        let path = format!(
            "EntityDefinitions(LogicalName='queue')/Attributes/Microsoft.Dynamics.CRM.{kind}AttributeMetadata?$select=LogicalName,{name}"
        );
        let rows: Vec<Json> = desk.get(&path).await.rows();
        assert!(
            !rows.is_empty() && rows.iter().all(|row| row[name] == expected),
            "{rows:?}"
        );
    }
}

#[tokio::test]
async fn the_metadata_document_has_operations_and_is_not_json() {
    let desk = desk().await;
    let text = desk.get("$metadata").await.expect(200).text;
    for part in [
        "<Function Name=\"WhoAmI\">",
        "<FunctionImport Name=\"WhoAmI\" Function=\"Microsoft.Dynamics.CRM.WhoAmI\" />",
        "<ActionImport Name=\"PublishXml\" Action=\"Microsoft.Dynamics.CRM.PublishXml\" />",
        "<EntityType Name=\"systemuser\" BaseType=\"mscrm.principal\">",
        "<NavigationProperty Name=\"ownerid\" Type=\"mscrm.principal\"",
        "<EnumType Name=\"PrivilegeDepth\">",
    ] {
        assert!(text.contains(part), "{part}");
    }
    assert!(
        !text.contains("Import Name=\"RetrieveUserPrivileges\""),
        "it is bound to a user"
    );
    let json = desk
        .request(Method::GET, "$metadata")
        .header("Accept", "application/json");
    assert_eq!(send(json).await.expect(415).code(), "0x80060888");
}
