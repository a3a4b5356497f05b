//! Sections 1 and 3 of the facts: representation, queries, paging.

use crate::desk::{desk, encode, field, send, session};
use serde_json::{Value as Json, json};

const ADMIN: &str = "0c0f0000-0000-4000-8000-000000000a01";

#[tokio::test]
async fn section_1_the_etag_and_the_key_come_whatever_select_says() {
    let desk = desk().await;
    let id = desk.field("contoso_a").await;
    let row = desk
        .get(&format!(
            "msdyn_notificationfields({id})?$select=msdyn_title"
        ))
        .await
        .expect(200);
    assert_eq!(row.header("odata-version"), "4.0");
    assert_eq!(
        row.header("content-type"),
        "application/json; odata.metadata=minimal"
    );
    let etag = row.json()["@odata.etag"].as_str().expect("etag").to_owned();
    assert_eq!(row.header("etag"), etag);
    assert!(etag.starts_with("W/\"") && etag.ends_with('"'));
    let keys: Vec<String> = row
        .json()
        .as_object()
        .expect("object")
        .keys()
        .cloned()
        .collect();
    assert_eq!(
        keys,
        [
            "@odata.context",
            "@odata.etag",
            "msdyn_title",
            "msdyn_notificationfieldid"
        ]
    );
}

#[tokio::test]
async fn section_1_annotations_precede_their_property_when_asked_for() {
    let desk = desk().await;
    let id = desk.session("contoso_s").await;
    let path =
        format!("msdyn_sessiontemplates({id})?$select=_ownerid_value,msdyn_panelstate,msdyn_type");
    let answer = desk
        .get_with(&path, "odata.include-annotations=\"*\"")
        .await;
    assert_eq!(
        answer.header("preference-applied"),
        "odata.include-annotations=\"*\""
    );
    let row = answer.json();
    assert_eq!(
        row["_ownerid_value@Microsoft.Dynamics.CRM.lookuplogicalname"],
        "systemuser"
    );
    assert_eq!(
        row["_ownerid_value@OData.Community.Display.V1.FormattedValue"],
        "Emulator Administrator"
    );
    assert_eq!(
        row["msdyn_panelstate@OData.Community.Display.V1.FormattedValue"],
        "Docked"
    );
    assert_eq!(
        row["msdyn_type@OData.Community.Display.V1.FormattedValue"],
        "Generic"
    );
    let keys: Vec<&String> = row.as_object().expect("object").keys().collect();
    let at = |name: &str| keys.iter().position(|key| *key == name).expect("key");
    assert_eq!(
        at("msdyn_panelstate@OData.Community.Display.V1.FormattedValue") + 1,
        at("msdyn_panelstate")
    );
}

#[tokio::test]
async fn section_3_filters_know_the_documented_operators_and_functions() {
    let desk = desk().await;
    for (name, order) in [
        ("contoso_one", 1),
        ("contoso_two", 2),
        ("contoso_o'three", 3),
    ] {
        let mut body = field(name);
        body["msdyn_order"] = json!(order);
        desk.create("msdyn_notificationfields", body).await;
    }
    let mut body = field("contoso_empty");
    body["msdyn_value"] = json!("V");
    desk.create("msdyn_notificationfields", body).await;
    for (filter, expected) in [
        ("msdyn_uniquename eq 'CONTOSO_ONE'", 1),
        ("msdyn_uniquename eq 'contoso_o''three'", 1),
        ("msdyn_order gt 1 and msdyn_order le 3", 2),
        ("not (msdyn_order eq 1)", 3),
        ("msdyn_order ne 1", 3),
        ("msdyn_order eq null", 1),
        (
            "contains(msdyn_name,'soso_t') or contains(msdyn_name,'oso_t')",
            1,
        ),
        ("startswith(msdyn_name,'CONTOSO_O')", 2),
        ("endswith(msdyn_name,'two')", 1),
        ("contains(msdyn_name,'c%two')", 1),
        ("msdyn_name eq msdyn_uniquename", 4),
        (
            "Microsoft.Dynamics.CRM.In(PropertyName='msdyn_order',PropertyValues=[\"1\",\"3\"])",
            0,
        ),
        (
            "Microsoft.Dynamics.CRM.In(PropertyName='msdyn_uniquename',PropertyValues=[\"contoso_one\",\"Contoso_TWO\"])",
            2,
        ),
        (
            "Microsoft.Dynamics.CRM.EqualUserId(PropertyName='ownerid')",
            4,
        ),
        ("owninguser/fullname eq 'Emulator Administrator'", 4),
        ("msdyn_order eq @p1", 1),
        ("msdyn_value eq @nothing", 3),
        ("@column eq @p1", 1),
        ("contains(@name,'two')", 1),
    ] {
        // In the function, `ownerid` is the lookup's property name without its prefix and suffix.
        let filter = filter.replace("PropertyName='ownerid'", "PropertyName='_ownerid_value'");
        let answer = desk
            .get(&format!(
                "msdyn_notificationfields?$filter={}&@p1=2&@column=msdyn_order&@name=msdyn_name",
                encode(&filter)
            ))
            .await;
        let expected = if filter.contains("msdyn_order',PropertyValues") {
            2
        } else {
            expected
        };
        assert_eq!(answer.rows().len(), expected, "{filter}");
    }
}

#[tokio::test]
async fn a_filter_is_a_condition_and_the_name_of_a_lookup_selects_its_value() {
    let desk = desk().await;
    for filter in ["name", "not%20name", "name%20and%20roleid%20ne%20null", "1"] {
        desk.get(&format!("roles?$filter={filter}"))
            .await
            .expect(400);
    }
    let users = desk.get("systemusers?$select=fullname,businessunitid&$top=1");
    assert!(users.await.rows()[0]["_businessunitid_value"].is_string());
}

#[tokio::test]
async fn what_follows_an_attribute_or_an_option_set_is_read_or_refused() {
    let desk = desk().await;
    let tab = "EntityDefinitions(LogicalName='msdyn_applicationtabtemplate')";
    let attribute = format!("{tab}/Attributes(LogicalName='msdyn_pagetype')");
    let cast = "Microsoft.Dynamics.CRM.PicklistAttributeMetadata";
    let expanded = format!("{attribute}/{cast}?$expand=OptionSet,GlobalOptionSet");
    let whole = desk.get(&expanded).await.expect(200);
    let set = ["OptionSet", "GlobalOptionSet"]
        .into_iter()
        .find(|word| whole.json()[*word]["Options"].is_array())
        .expect("an option set");
    let options = desk
        .get(&format!("{attribute}/{cast}/{set}?$select=Options"))
        .await
        .expect(200);
    assert_eq!(options.json()["Options"], whole.json()[set]["Options"]);
    let name = desk
        .get(&format!("{attribute}/LogicalName"))
        .await
        .expect(200);
    assert_eq!(name.json()["value"], "msdyn_pagetype");
    for wrong in [
        format!("{attribute}/Nonsense"),
        format!("{attribute}/{cast}/{set}/x"),
        format!("{attribute}/Microsoft.Dynamics.CRM.LookupAttributeMetadata"),
        format!("{tab}/Attributes/{cast}/x"),
        format!("{tab}/ManyToManyRelationships(SchemaName='nobody')"),
        "GlobalOptionSetDefinitions/Microsoft.Dynamics.CRM.EntityMetadata".to_owned(),
    ] {
        desk.get(&wrong).await.expect(404);
    }
    let all = desk.get("GlobalOptionSetDefinitions").await.rows();
    let name = all[0]["Name"].as_str().expect("a name");
    let one = format!(
        "GlobalOptionSetDefinitions(Name='{name}')/Microsoft.Dynamics.CRM.OptionSetMetadata?$select=Options"
    );
    assert!(desk.get(&one).await.expect(200).json()["Options"].is_array());
}

#[tokio::test]
async fn section_3_lambdas_reach_collections() {
    let desk = desk().await;
    let session = desk.session("contoso_s").await;
    desk.session("contoso_bare").await;
    let tab = desk.create("msdyn_applicationtabtemplates", json!({"msdyn_name": "t", "msdyn_uniquename": "contoso_t", "msdyn_pagetype": 509_180_001})).await;
    desk.post(
        &format!("msdyn_sessiontemplates({session})/msdyn_sessiontemplate_applicationtab/$ref"),
        json!({"@odata.id": format!("msdyn_applicationtabtemplates({tab})")}),
    )
    .await
    .expect(204);
    let filter = encode(
        "startswith(msdyn_uniquename,'contoso') and msdyn_sessiontemplate_applicationtab/any(t:t/msdyn_uniquename eq 'contoso_t')",
    );
    let rows = desk
        .get(&format!(
            "msdyn_sessiontemplates?$filter={filter}&$select=msdyn_uniquename"
        ))
        .await
        .rows();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["msdyn_uniquename"], "contoso_s");
    let filter = encode(
        "startswith(msdyn_uniquename,'contoso') and not msdyn_sessiontemplate_applicationtab/any()",
    );
    assert_eq!(
        desk.get(&format!("msdyn_sessiontemplates?$filter={filter}"))
            .await
            .rows()[0]["msdyn_uniquename"],
        "contoso_bare"
    );
}

#[tokio::test]
async fn the_metadata_level_of_accept_decides_about_control_information() {
    let desk = desk().await;
    let id = desk.field("contoso_a").await;
    desk.field("contoso_b").await;
    let of = async |level: &str, path: &str| {
        let request = desk.request(reqwest::Method::GET, path);
        let request = request.header("Accept", format!("application/json;odata.metadata={level}"));
        let answer = send(request.header("Prefer", "odata.maxpagesize=1"))
            .await
            .expect(200);
        assert_eq!(
            answer.header("content-type"),
            format!("application/json; odata.metadata={level}")
        );
        answer.json()
    };
    let all = "msdyn_notificationfields?$select=msdyn_title&$count=true&$filter=startswith(msdyn_uniquename,'contoso_')";
    let bare = of("none", all).await;
    let keys: Vec<&String> = bare.as_object().expect("object").keys().collect();
    assert_eq!(keys, ["@odata.count", "value", "@odata.nextLink"]);
    let keys: Vec<&String> = bare["value"][0].as_object().expect("row").keys().collect();
    assert_eq!(keys, ["msdyn_title", "msdyn_notificationfieldid"]);

    let one = format!("msdyn_notificationfields({id})");
    let row = of("full", &one).await;
    assert_eq!(
        row["@odata.type"],
        "#Microsoft.Dynamics.CRM.msdyn_notificationfield"
    );
    assert_eq!(row["@odata.id"], desk.url(&one));
    assert_eq!(row["@odata.editLink"], one);
    let rows = of("full", all).await;
    let of_one = rows["value"][0].as_object().expect("row");
    assert!(
        of_one.contains_key("@odata.id") && of_one.contains_key("@odata.etag"),
        "{of_one:?}"
    );
}

#[tokio::test]
async fn an_owner_is_a_principal_whose_only_property_is_its_id() {
    let desk = desk().await;
    desk.field("contoso_a").await;
    let filtered = async |filter: &str| {
        let path = format!("msdyn_notificationfields?$filter={}", encode(filter));
        desk.get(&path).await
    };
    let answer = filtered(&format!("ownerid/ownerid eq {ADMIN}"))
        .await
        .expect(200);
    assert_eq!(answer.rows().len(), 1);
    let answer = filtered("ownerid/fullname eq 'Emulator Administrator'")
        .await
        .expect(400);
    assert_eq!(answer.code(), "0x80060888");
    assert!(
        answer
            .message()
            .contains("type 'Microsoft.Dynamics.CRM.principal'"),
        "{}",
        answer.message()
    );
}

#[tokio::test]
async fn section_3_an_unknown_column_is_refused_with_its_code() {
    let desk = desk().await;
    let answer = desk
        .get("msdyn_sessiontemplates?$select=msdyn_nothing")
        .await
        .expect(400);
    assert_eq!(answer.code(), "0x80060888");
    assert!(answer.message().contains("'msdyn_nothing'"));
}

#[tokio::test]
async fn section_3_pages_follow_cookies_that_change_and_end() {
    let desk = desk().await;
    for number in 0..7 {
        desk.field(&format!("contoso_{number}")).await;
    }
    let mut path = format!(
        "msdyn_notificationfields?$select=msdyn_uniquename&$orderby={}",
        encode("msdyn_uniquename desc")
    );
    let (mut names, mut links): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    loop {
        let answer = desk.get_with(&path, "odata.maxpagesize=3").await;
        names.extend(
            answer
                .rows()
                .iter()
                .map(|row| row["msdyn_uniquename"].as_str().expect("text").to_owned()),
        );
        let Some(link) = answer.json()["@odata.nextLink"].as_str().map(str::to_owned) else {
            break;
        };
        assert!(
            link.contains("$skiptoken=%3Ccookie") && !links.contains(&link),
            "{link}"
        );
        path = link
            .split_once("/api/data/v9.2/")
            .expect("root")
            .1
            .to_owned();
        links.push(link);
    }
    let expected: Vec<String> = (0..7)
        .rev()
        .map(|number| format!("contoso_{number}"))
        .collect();
    assert_eq!(names, expected);
}

#[tokio::test]
async fn section_3_count_top_and_dollar_count() {
    let desk = desk().await;
    for number in 0..4 {
        desk.field(&format!("contoso_{number}")).await;
    }
    let answer = desk
        .get("msdyn_notificationfields?%24count=true&$top=1")
        .await;
    assert_eq!(
        (answer.rows().len(), answer.json()["@odata.count"].clone()),
        (1, json!(4))
    );
    assert_eq!(desk.get("msdyn_notificationfields/$count").await.text, "4");
    assert!(answer.json().get("@odata.nextLink").is_none());
}

#[tokio::test]
async fn section_3_expands_are_limited_as_documented() {
    let desk = desk().await;
    let id = desk.session("contoso_s").await;
    let both = "msdyn_sessiontemplate_applicationtab($select=msdyn_uniquename),msdyn_appconfiguration_sessiontemplate($select=msdyn_uniquename)";
    let row = desk
        .get(&format!("msdyn_sessiontemplates({id})?$expand={both}"))
        .await
        .expect(200)
        .json();
    assert_eq!(row["msdyn_sessiontemplate_applicationtab"], json!([]));
    assert!(
        row["msdyn_sessiontemplate_applicationtab@odata.nextLink"].is_string(),
        "single level: a link that repeats the rows"
    );
    for refused in [
        "msdyn_sessiontemplate_applicationtab,msdyn_anchortab",
        "msdyn_sessiontemplate_applicationtab/$ref",
        "msdyn_anchortab($expand=msdyn_sessiontemplate_applicationtab)",
        "msdyn_anchortab($expand=msdyn_applicationtabtemplate_templateparameter($top=1))",
        "msdyn_nowhere",
    ] {
        let answer = desk
            .get(&format!(
                "msdyn_sessiontemplates?$expand={}",
                encode(refused)
            ))
            .await
            .expect(400);
        assert_eq!(answer.code(), "0x80060888", "{refused}");
    }
    let row = desk
        .get(&format!(
            "msdyn_sessiontemplates({id})?$select=msdyn_name&$expand=ownerid($select=ownerid),msdyn_anchortab/$ref"
        ))
        .await
        .expect(200)
        .json();
    assert_eq!(
        row["@odata.context"],
        format!(
            "{}$metadata#msdyn_sessiontemplates(msdyn_name,ownerid(ownerid),msdyn_anchortab,msdyn_anchortab/$ref())/$entity",
            desk.url("")
        )
    );
    // An owner does not say whether it is a user or a team.
    assert_eq!(
        row["ownerid"],
        json!({"ownerid": "0c0f0000-0000-4000-8000-000000000a01"})
    );
    desk.get(&format!(
        "msdyn_sessiontemplates({id})?$expand=ownerid($select=fullname)"
    ))
    .await
    .expect(400);
    assert_eq!(row["msdyn_anchortab"], Json::Null);
}

#[tokio::test]
async fn section_3_fetch_xml_joins_what_odata_cannot() {
    let desk = desk().await;
    let fetch = "<fetch><entity name='privilege'><attribute name='name'/>\
        <filter><condition attribute='name' operator='in'><value>prvReadUser</value><value>prvWritemsdyn_sessiontemplate</value></condition></filter>\
        <link-entity name='roleprivileges' from='privilegeid' to='privilegeid' alias='held'><attribute name='privilegedepthmask'/>\
        <link-entity name='role' from='parentrootroleid' to='roleid'>\
        <link-entity name='systemuserroles' from='roleid' to='roleid'><filter><condition attribute='systemuserid' operator='eq-userid'/></filter></link-entity>\
        </link-entity></link-entity></entity></fetch>";
    let rows = desk
        .get(&format!("privileges?fetchXml={}", encode(fetch)))
        .await
        .rows();
    let mut names: Vec<&str> = rows
        .iter()
        .map(|row| row["name"].as_str().expect("name"))
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["prvReadUser", "prvWritemsdyn_sessiontemplate"]);
    assert!(rows.iter().all(|row| row["held.privilegedepthmask"] == 8));
}

#[tokio::test]
async fn section_3_fetch_xml_outer_links_orders_and_pages() {
    let desk = desk().await;
    for number in 0..5 {
        desk.session(&format!("contoso_{number}")).await;
    }
    let page = |number: u32| {
        format!(
            "<fetch page='{number}' count='2'><entity name='msdyn_sessiontemplate'><attribute name='msdyn_uniquename'/><filter><condition attribute='msdyn_uniquename' operator='begins-with' value='contoso_'/></filter><order attribute='msdyn_uniquename' descending='true'/><link-entity name='msdyn_applicationtabtemplate' from='msdyn_applicationtabtemplateid' to='msdyn_anchortab' link-type='outer' alias='t'><attribute name='msdyn_name'/></link-entity></entity></fetch>"
        )
    };
    let first = desk
        .get_with(
            &format!("msdyn_sessiontemplates?fetchXml={}", encode(&page(1))),
            "odata.include-annotations=\"*\"",
        )
        .await;
    assert_eq!(first.rows()[0]["msdyn_uniquename"], "contoso_4");
    assert_eq!(first.json()["@Microsoft.Dynamics.CRM.morerecords"], true);
    assert!(
        first.json()["@Microsoft.Dynamics.CRM.fetchxmlpagingcookie"]
            .as_str()
            .is_some_and(|cookie| cookie.contains("pagingcookie=\"%253c")
                || cookie.contains("pagingcookie=\"%253C"))
    );
    let last = desk
        .get(&format!(
            "msdyn_sessiontemplates?fetchXml={}",
            encode(&page(3))
        ))
        .await;
    assert_eq!(last.rows().len(), 1);
    assert!(
        last.json()
            .get("@Microsoft.Dynamics.CRM.morerecords")
            .is_none()
    );
}

#[tokio::test]
async fn section_10_who_am_i_names_the_administrator() {
    let desk = desk().await;
    for path in ["WhoAmI", "WhoAmI()"] {
        let answer = desk.get(path).await.expect(200);
        assert_eq!(answer.json()["UserId"], ADMIN);
        assert_eq!(
            answer.json()["OrganizationId"],
            "0c0f0000-0000-4000-8000-000000000001"
        );
        assert!(!answer.header("x-ms-dop-hint").is_empty());
    }
}

#[tokio::test]
async fn section_10_entity_definitions_say_tables_and_columns() {
    let desk = desk().await;
    let path = format!(
        "EntityDefinitions?$select=LogicalName,EntitySetName,PrimaryIdAttribute,IsOptimisticConcurrencyEnabled&$filter={}&$expand=Attributes($select=LogicalName,AttributeType)",
        encode("LogicalName eq 'msdyn_sessiontemplate' or LogicalName eq 'role'")
    );
    let rows = desk.get(&path).await.rows();
    assert_eq!(rows.len(), 2);
    let session = rows
        .iter()
        .find(|row| row["LogicalName"] == "msdyn_sessiontemplate")
        .expect("row");
    assert_eq!(session["EntitySetName"], "msdyn_sessiontemplates");
    assert_eq!(session["IsOptimisticConcurrencyEnabled"], true);
    assert!(session["MetadataId"].is_string());
    let attributes = session["Attributes"].as_array().expect("attributes");
    assert!(attributes.iter().any(
        |item| item["LogicalName"] == "msdyn_panelstate" && item["AttributeType"] == "Picklist"
    ));
    let picklists = desk
        .get("EntityDefinitions(LogicalName='msdyn_sessiontemplate')/Attributes/Microsoft.Dynamics.CRM.PicklistAttributeMetadata?$select=LogicalName&$expand=OptionSet($select=Options),GlobalOptionSet")
        .await
        .rows();
    let panel = picklists
        .iter()
        .find(|item| item["LogicalName"] == "msdyn_panelstate")
        .expect("panel state");
    assert_eq!(panel["OptionSet"]["Options"][2]["Value"], 162_450_002);
    let many = desk.get("EntityDefinitions(LogicalName='msdyn_sessiontemplate')/ManyToManyRelationships?$select=SchemaName").await.rows();
    assert_eq!(many.len(), 3);
    desk.get("EntityDefinitions(LogicalName='nothing')")
        .await
        .expect(404);
}

#[tokio::test]
async fn section_15_upper_case_ids_and_encoded_dollars_are_understood() {
    let desk = desk().await;
    let mut body = session("contoso_s");
    body["msdyn_sessiontemplateid"] = json!("0c0f0000-0000-4000-8000-0000000000fa");
    desk.create("msdyn_sessiontemplates", body).await;
    let row = desk.get("msdyn_sessiontemplates(0C0F0000-0000-4000-8000-0000000000FA)?%24select=msdyn_uniquename").await.expect(200).json();
    assert_eq!(
        row["msdyn_sessiontemplateid"],
        "0c0f0000-0000-4000-8000-0000000000fa"
    );
}

#[tokio::test]
async fn section_7_errors_carry_annotations_when_all_are_asked_for() {
    let desk = desk().await;
    let path = "msdyn_sessiontemplates(0c0f0000-0000-4000-8000-0000000000aa)";
    let plain = desk.get(path).await.expect(404).json();
    assert_eq!(plain["error"].as_object().expect("error").len(), 2);
    let error = desk
        .get_with(path, "odata.include-annotations=\"*\"")
        .await
        .expect(404)
        .json()["error"]
        .clone();
    assert_eq!(
        error["@Microsoft.PowerApps.CDS.ErrorDetails.OperationStatus"],
        "0"
    );
    let link = error["@Microsoft.PowerApps.CDS.HelpLink"]
        .as_str()
        .expect("link");
    assert!(
        link.contains("error=Microsoft.Crm.CrmException%3a80040217"),
        "{link}"
    );
}

#[tokio::test]
async fn section_3_an_unchanged_row_answers_304_but_never_with_annotations() {
    let desk = desk().await;
    let id = desk.field("contoso_a").await;
    let url = desk.url(&format!("msdyn_notificationfields({id})"));
    let etag = send(desk.client.get(&url)).await.header("etag").to_owned();
    send(desk.client.get(&url).header("If-None-Match", &etag))
        .await
        .expect(304);
    send(
        desk.client
            .get(&url)
            .header("If-None-Match", &etag)
            .header("Prefer", "odata.include-annotations=\"*\""),
    )
    .await
    .expect(200);
    desk.patch(
        &format!("msdyn_notificationfields({id})"),
        json!({"msdyn_value": "v"}),
    )
    .await
    .expect(204);
    send(desk.client.get(&url).header("If-None-Match", &etag))
        .await
        .expect(200);
}

#[tokio::test]
async fn section_3_urls_have_a_longest_length() {
    let desk = desk().await;
    let names: Vec<String> = (0..3_000)
        .map(|number| format!("'contoso_{number}'"))
        .collect();
    let filter = format!(
        "Microsoft.Dynamics.CRM.In(PropertyName='msdyn_uniquename',PropertyValues=[{}])",
        names.join(",")
    );
    desk.get(&format!("msdyn_notificationfields?$filter={filter}"))
        .await
        .expect(413);
    let few = format!(
        "Microsoft.Dynamics.CRM.In(PropertyName='msdyn_uniquename',PropertyValues=[{}])",
        names[..500].join(",")
    );
    desk.get(&format!("msdyn_notificationfields?$filter={few}"))
        .await
        .expect(200);
}

#[tokio::test]
async fn section_11_change_tracking_is_refused_where_it_is_off() {
    let desk = desk().await;
    desk.get_with("msdyn_notificationfields", "odata.track-changes")
        .await
        .expect(400);
    let definition = desk.get("EntityDefinitions(LogicalName='msdyn_notificationfield')?$select=ChangeTrackingEnabled").await.json();
    assert_eq!(definition["ChangeTrackingEnabled"], false);
}

#[tokio::test]
async fn section_3_what_is_not_supported_says_so() {
    let desk = desk().await;
    for option in [
        "$skip=1",
        "$search=x",
        "$format=json",
        "$compute=x",
        "$top=x",
        "$count=maybe",
        "$skiptoken=nothing",
    ] {
        let answer = desk
            .get(&format!("msdyn_notificationfields?{option}"))
            .await
            .expect(400);
        assert_eq!(answer.code(), "0x80060888", "{option}");
    }
    desk.get("nowhere").await.expect(404);
    desk.get("msdyn_notificationfields/nowhere")
        .await
        .expect(404);
    send(
        desk.request(reqwest::Method::PUT, "msdyn_notificationfields")
            .body("{}"),
    )
    .await
    .expect(405);
}

#[tokio::test]
async fn section_3_pages_without_an_order_go_by_the_key_and_survive_a_deletion() {
    let desk = desk().await;
    let mut ids = Vec::new();
    for number in 0..6 {
        ids.push(desk.field(&format!("contoso_{number}")).await);
    }
    ids.sort();
    let first = desk
        .get_with(
            "msdyn_notificationfields?$select=msdyn_name",
            "odata.maxpagesize=2",
        )
        .await;
    let link = first.json()["@odata.nextLink"]
        .as_str()
        .expect("link")
        .to_owned();
    desk.delete(&format!("msdyn_notificationfields({})", ids[1]))
        .await
        .expect(204);
    let second = desk
        .get_with(
            link.split_once("/v9.2/").expect("root").1,
            "odata.maxpagesize=2",
        )
        .await
        .rows();
    let found: Vec<&str> = second
        .iter()
        .map(|row| row["msdyn_notificationfieldid"].as_str().expect("id"))
        .collect();
    assert_eq!(found, [ids[2].as_str(), ids[3].as_str()]);
}

/// A lookup of several tables has a navigation property for each of them, and only one has a value.
#[tokio::test]
async fn a_customer_is_an_account_or_a_contact_and_not_both() {
    let desk = desk().await;
    let (account, contact) = (
        "00000000-0000-0000-0000-00000000e501",
        "00000000-0000-0000-0000-00000000e502",
    );
    let bodies = [
        ("accounts", json!({"accountid": account, "name": "A"})),
        (
            "contacts",
            json!({"contactid": contact, "lastname": "C", "parentcustomerid_account@odata.bind": format!("/accounts({account})")}),
        ),
    ];
    for (set, body) in bodies {
        desk.post(set, body).await.expect(204);
    }
    let both =
        "$expand=parentcustomerid_contact($select=lastname),parentcustomerid_account($select=name)";
    let row = desk
        .get(&format!("contacts({contact})?$select=lastname&{both}"))
        .await
        .json();
    assert_eq!(row["parentcustomerid_contact"], Json::Null);
    assert_eq!(row["parentcustomerid_account"]["name"], "A");
    desk.get(&format!("contacts({contact})/parentcustomerid_contact"))
        .await
        .expect(204);
    for (filter, number) in [
        ("parentcustomerid_contact ne null", 0),
        ("parentcustomerid_account ne null", 1),
        ("parentcustomerid_contact eq null", 1),
    ] {
        let rows = desk
            .get(&format!(
                "contacts?$select=lastname&$filter={}",
                encode(&format!("{filter} and contactid eq {contact}"))
            ))
            .await
            .json();
        assert_eq!(
            rows["value"].as_array().expect("rows").len(),
            number,
            "{filter}"
        );
    }
    // One member of a collection.
    let member =
        |id: &str| format!("accounts({account})/contact_customer_accounts({id})?$select=lastname");
    let found = desk.get(&member(contact)).await.json();
    assert_eq!(found["lastname"], "C");
    desk.get(&member(ADMIN)).await.expect(404);
    desk.get(&member("garbage")).await.expect(400);
}

#[tokio::test]
async fn a_date_that_does_not_exist_is_refused() {
    let desk = desk().await;
    for (date, status) in [
        ("2020-02-29", 204),
        ("2020-02-30", 400),
        ("2021-02-29", 400),
    ] {
        let body = json!({"lastname": "C", "birthdate": date});
        desk.post("contacts", body).await.expect(status);
    }
}
