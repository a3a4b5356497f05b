//! Environments of other years. What each one lacks is listed here independently, from the sources that the sheets name.

use deskstate_emulator::{Age, Switches};
use serde_json::{Value as Json, json};

use crate::desk::{Answer, Desk, desk_with, encode, send, session};

/// Sets and tables that an environment of 2022 lacks.
const TABLES_AFTER_2022: [(&str, &str); 4] = [
    (
        "msdyn_appcopilotconfigurations",
        "msdyn_appcopilotconfiguration",
    ),
    (
        "msdyn_appprofilerolemappings",
        "msdyn_appprofilerolemapping",
    ),
    (
        "msdyn_chtprofileconfigurations",
        "msdyn_chtprofileconfiguration",
    ),
    ("msdyn_inboxconfigurations", "msdyn_inboxconfiguration"),
];

/// Sets, tables and columns that an environment of 2022 lacks.
const COLUMNS_AFTER_2022: [(&str, &str, &str); 10] = [
    (
        "msdyn_appconfigurations",
        "msdyn_appconfiguration",
        "msdyn_profileorder",
    ),
    (
        "msdyn_channelproviders",
        "msdyn_channelprovider",
        "msdyn_sandboxconfiguration",
    ),
    (
        "msdyn_ciproviders",
        "msdyn_ciprovider",
        "_msdyn_channelprovidericon_value",
    ),
    (
        "msdyn_ciproviders",
        "msdyn_ciprovider",
        "msdyn_sandboxconfiguration",
    ),
    (
        "msdyn_notificationtemplates",
        "msdyn_notificationtemplate",
        "msdyn_autopopupsession",
    ),
    (
        "msdyn_panetoolconfigurations",
        "msdyn_panetoolconfiguration",
        "_msdyn_icon_value",
    ),
    (
        "msdyn_panetoolconfigurations",
        "msdyn_panetoolconfiguration",
        "msdyn_isglobal",
    ),
    (
        "msdyn_panetoolconfigurations",
        "msdyn_panetoolconfiguration",
        "msdyn_type",
    ),
    (
        "msdyn_sessiontemplates",
        "msdyn_sessiontemplate",
        "msdyn_enabletitlesync",
    ),
    (
        "msdyn_sessiontemplates",
        "msdyn_sessiontemplate",
        "_msdyn_sessionicon_value",
    ),
];

const FEATURE: &str = "EntityDefinitions(LogicalName='msdyn_appcopilotconfiguration')/Attributes(LogicalName='msdyn_copilotfeature')/Microsoft.Dynamics.CRM.PicklistAttributeMetadata?$select=LogicalName&$expand=OptionSet($select=Options)";

async fn of(age: Age) -> Desk {
    desk_with(age.switches()).await
}

/// The part of `$metadata` that describes a table; empty if there is none.
fn described<'d>(document: &'d str, table: &str) -> &'d str {
    let start = document.find(&format!("<EntityType Name=\"{table}\""));
    start.map_or("", |start| {
        let end = document[start..].find("</EntityType>").expect("an end");
        &document[start..start + end]
    })
}

#[tokio::test]
async fn what_came_after_2022_is_seen_nowhere_in_an_environment_of_that_year() {
    let desk = of(Age::Y2022).await;
    let document = desk.get("$metadata").await.expect(200).text;
    let sets = desk.get("").await.expect(200).text;
    let privileges = desk.get("privileges?$select=name").await.expect(200).text;
    let dump = send(
        desk.client
            .get(format!("{}/__emulator/dump", desk.emulator.url())),
    )
    .await;
    for (set, table) in TABLES_AFTER_2022 {
        desk.get(set).await.expect(404);
        desk.post(set, json!({"msdyn_name": "x"})).await.expect(404);
        desk.get(&format!("EntityDefinitions(LogicalName='{table}')"))
            .await
            .expect(404);
        for (place, text) in [
            ("metadata", &document),
            ("sets", &sets),
            ("privileges", &privileges),
            ("dump", &dump.text),
        ] {
            assert!(!text.contains(table), "{table} in {place}");
        }
    }
    for (set, table, property) in COLUMNS_AFTER_2022 {
        let column = property.trim_start_matches('_').trim_end_matches("_value");
        for option in [
            format!("$select={property}"),
            format!("$orderby={property}"),
            format!("$filter={property}%20ne%20null"),
        ] {
            let answer = desk.get(&format!("{set}?{option}")).await.expect(400);
            assert!(answer.message().contains(column), "{}", answer.text);
        }
        let fetch =
            format!("<fetch><entity name='{table}'><attribute name='{column}'/></entity></fetch>");
        desk.get(&format!("{set}?fetchXml={}", encode(&fetch)))
            .await
            .expect(400);
        let refused = desk.post(set, json!({column: null})).await.expect(400);
        assert_eq!(refused.code(), "0x80048d19", "{table}.{column}");
        desk.get(&format!(
            "EntityDefinitions(LogicalName='{table}')/Attributes(LogicalName='{column}')"
        ))
        .await
        .expect(404);
        assert!(described(&document, table).contains("statecode"), "{table}");
        assert!(
            !described(&document, table).contains(column),
            "{table}.{column}"
        );
        let rows = desk.get(set).await.rows();
        assert!(
            rows.iter().all(|row| row.get(column).is_none()),
            "{table}.{column}"
        );
        let dumped = dump.json()["rows"][table].clone();
        let mut dumped = dumped.as_object().into_iter().flatten();
        assert!(dumped.all(|(_, row)| row["c"].get(column).is_none()));
    }
    // Both ends of a relationship with a missing table
    let profile =
        "EntityDefinitions(LogicalName='msdyn_appconfiguration')?$expand=OneToManyRelationships";
    assert!(
        !desk
            .get(profile)
            .await
            .expect(200)
            .text
            .contains("msdyn_inboxconfiguration")
    );
    desk.get("msdyn_appconfigurations?$expand=msdyn_appcopilotconfig_msdyn_appconfig")
        .await
        .expect(400);
    desk.post("msdyn_sessiontemplates", session("contoso_old"))
        .await
        .expect(204);
}

#[tokio::test]
async fn an_environment_of_2024_has_all_but_the_last_releases_additions() {
    let desk = of(Age::Y2024).await;
    desk.get("msdyn_chtprofileconfigurations").await.expect(404);
    desk.get("msdyn_appprofilerolemappings").await.expect(200);
    desk.get("msdyn_inboxconfigurations?$select=enablecrosspartition")
        .await
        .expect(400);
    for (set, _, column) in COLUMNS_AFTER_2022 {
        desk.get(&format!("{set}?$select={column}"))
            .await
            .expect(200);
    }
    assert_eq!(
        feature(&desk, 829_050_010).await,
        json!("Follow-up suggestions (preview)")
    );
    assert_eq!(feature(&desk, 829_050_012).await, Json::Null);
    let email = email_to_case(&desk).await.expect(400);
    assert_eq!(email.code(), "0x8004431a");
}

#[tokio::test]
async fn the_newest_environment_is_the_default_and_has_everything() {
    assert_eq!(Switches::default(), Age::Y2026.switches());
    let desk = desk_with(Switches::default()).await;
    for (set, _) in TABLES_AFTER_2022 {
        desk.get(set).await.expect(200);
    }
    desk.get("msdyn_inboxconfigurations?$select=enablecrosspartition")
        .await
        .expect(200);
    assert_eq!(
        feature(&desk, 829_050_010).await,
        json!("Intent-based suggestions (preview)")
    );
    email_to_case(&desk).await.expect(204);
}

/// The label of a copilot feature in the metadata.
async fn feature(desk: &Desk, option: i64) -> Json {
    let options = desk.get(FEATURE).await.expect(200).json();
    let options = options["OptionSet"]["Options"]
        .as_array()
        .expect("options")
        .clone();
    let found = options.into_iter().find(|item| item["Value"] == option);
    found.map_or(Json::Null, |item| {
        item["Label"]["UserLocalizedLabel"]["Label"].clone()
    })
}

async fn email_to_case(desk: &Desk) -> Answer {
    let profiles = desk
        .get("msdyn_appconfigurations?$select=msdyn_name&$top=1")
        .await
        .rows();
    let profile = profiles[0]["msdyn_appconfigurationid"]
        .as_str()
        .expect("an id");
    let body = json!({"msdyn_name": "E-mail to case", "msdyn_copilotfeature": 829_050_012, "msdyn_enabled": true,
        "msdyn_appconfigurationid@odata.bind": format!("/msdyn_appconfigurations({profile})")});
    desk.post("msdyn_appcopilotconfigurations", body).await
}

#[tokio::test]
async fn the_service_document_the_definitions_and_the_csdl_name_the_same_things_in_every_age() {
    for age in Age::ALL {
        let desk = of(age).await;
        let document = desk.get("$metadata").await.expect(200).text;
        let sets = desk.get("").await.rows();
        let definitions = desk.get("EntityDefinitions?$select=LogicalName,EntitySetName&$expand=Attributes($select=LogicalName,AttributeType)").await.rows();
        assert_eq!(
            document.matches("<EntitySet Name=").count(),
            definitions.len(),
            "{age:?}"
        );
        assert_eq!(sets.len(), definitions.len(), "{age:?}");
        for definition in definitions {
            let (table, set) = (
                definition["LogicalName"].as_str().expect("a name"),
                definition["EntitySetName"].as_str().expect("a set"),
            );
            assert!(sets.iter().any(|item| item["url"] == set), "{age:?}: {set}");
            let own = described(&document, table);
            let attributes = definition["Attributes"].as_array().expect("attributes");
            assert_eq!(
                own.matches("<Property Name=").count(),
                attributes.len(),
                "{age:?}: {table}"
            );
            for attribute in attributes {
                let name = attribute["LogicalName"].as_str().expect("a name");
                let lookup = ["Lookup", "Owner", "Customer"]
                    .contains(&attribute["AttributeType"].as_str().expect("a type"));
                let property = if lookup {
                    format!("_{name}_value")
                } else {
                    name.to_owned()
                };
                assert!(
                    own.contains(&format!("<Property Name=\"{property}\"")),
                    "{age:?}: {table}.{property}"
                );
            }
            for target in own
                .split("Type=\"mscrm.")
                .skip(1)
                .chain(own.split("Type=\"Collection(mscrm.").skip(1))
            {
                let target = target.split(['"', ')']).next().expect("a name");
                assert!(
                    target.starts_with("Boolean")
                        || document.contains(&format!("<EntityType Name=\"{target}\"")),
                    "{age:?}: {table} leads to {target}"
                );
            }
        }
    }
}

#[tokio::test]
async fn an_age_is_a_switch_too_and_nothing_is_lost_by_it() {
    let desk = of(Age::Y2024).await;
    let url = format!("{}/__emulator/switches", desk.emulator.url());
    let put = |answers: Json| {
        send(
            desk.client
                .put(&url)
                .body(json!({"formatVersion": 1, "answers": answers}).to_string()),
        )
    };
    let before = desk.get("msdyn_appprofilerolemappings").await.rows();
    assert!(!before.is_empty());
    put(json!({"age": "2022"})).await.expect(204);
    desk.get("msdyn_appprofilerolemappings").await.expect(404);
    // The columns that a sheet removes are missing in addition to what the age lacks.
    put(json!({"age": 2022, "missingColumns": ["msdyn_sessiontemplate.msdyn_title"]}))
        .await
        .expect(204);
    desk.get("msdyn_sessiontemplates?$select=msdyn_title")
        .await
        .expect(400);
    desk.get("msdyn_sessiontemplates?$select=msdyn_sessionicon")
        .await
        .expect(400);
    // Without an age in the sheet, the initial age applies.
    put(json!({})).await.expect(204);
    assert_eq!(
        desk.get("msdyn_appprofilerolemappings").await.rows(),
        before
    );
    assert_eq!(
        send(desk.client.get(&url)).await.json()["answers"]["age"],
        "2024"
    );
    put(json!({"age": "1999"})).await.expect(400);
}

#[tokio::test]
async fn a_link_goes_with_its_intersect_table_and_with_each_of_its_ends() {
    let link = "msdyn_sessiontemplate_applicationtab";
    for missing in [link, "msdyn_applicationtabtemplate"] {
        let switches = Switches {
            missing_tables: [missing.to_owned()].into(),
            ..Switches::default()
        };
        let desk = desk_with(switches).await;
        desk.get(&format!("{link}set")).await.expect(404);
        desk.get(&format!("msdyn_sessiontemplates?$expand={link}"))
            .await
            .expect(400);
        let definitions = desk.get("EntityDefinitions(LogicalName='msdyn_sessiontemplate')/ManyToManyRelationships?$select=SchemaName").await.rows();
        assert!(definitions.iter().all(|item| item["SchemaName"] != link));
        assert!(
            definitions
                .iter()
                .any(|item| item["SchemaName"] == "msdyn_appconfiguration_sessiontemplate")
        );
    }
    let switches = Switches {
        missing_options: ["msdyn_sessiontemplate.msdyn_panelstate=162450002".to_owned()].into(),
        ..Switches::default()
    };
    let desk = desk_with(switches).await;
    let mut body = session("contoso_docked");
    body["msdyn_panelstate"] = json!(162_450_002);
    assert_eq!(
        desk.post("msdyn_sessiontemplates", body)
            .await
            .expect(400)
            .code(),
        "0x8004431a"
    );
}
