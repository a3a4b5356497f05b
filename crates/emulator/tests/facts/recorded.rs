//! Observed answers of live environments, with additions from current documentation. The expected answers are copied from those reports.

use deskstate_emulator::{
    Age, ChangesetFailure, MissingPrivilege, Switches, TouchedParameters, UnknownColumn,
};
use reqwest::Method;
use serde_json::{Value as Json, json};

use crate::desk::{Answer, Desk, changeset, desk, desk_of, desk_with, encode, part, send, session};

const NOBODY: &str = "00000000-0000-4000-8000-00000000dead";

async fn set_of_links(desk: &Desk) -> String {
    let tab = "msdyn_applicationtabtemplates";
    let tabs = desk
        .get(&format!("{tab}?$select=msdyn_name&$top=1"))
        .await
        .rows();
    let tab_id = tabs[0]["msdyn_applicationtabtemplateid"]
        .as_str()
        .expect("an id")
        .to_owned();
    let session = desk.session("contoso_linked").await;
    let link =
        format!("msdyn_sessiontemplates({session})/msdyn_sessiontemplate_applicationtab/$ref");
    desk.post(
        &link,
        json!({"@odata.id": desk.url(&format!("{tab}({tab_id})"))}),
    )
    .await
    .expect(204);
    link
}

#[tokio::test]
async fn an_unknown_column_is_answered_in_two_ways() {
    for (switch, code, of_sets) in [
        (UnknownColumn::BadQuery, "0x80060888", "0x80060888"),
        (UnknownColumn::Zero, "0x0", "0x8006088a"),
    ] {
        let desk = desk_with(Switches {
            unknown_column: switch,
            ..Switches::default()
        })
        .await;
        for absent in ["Account", "ListTables()"] {
            let answer = desk.get(absent).await.expect(404);
            assert_eq!(answer.code(), of_sets, "{absent}");
            let name = absent.trim_end_matches("()");
            assert_eq!(
                answer.message(),
                format!("Resource not found for the segment '{name}'.")
            );
        }
        for query in [
            "$select=msdyn_nope",
            "$filter=msdyn_nope%20eq%201",
            "$orderby=msdyn_nope",
        ] {
            let answer = desk
                .get(&format!("msdyn_sessiontemplates?{query}"))
                .await
                .expect(400);
            assert_eq!(answer.code(), code, "{query}");
            assert_eq!(
                answer.message(),
                "Could not find a property named 'msdyn_nope' on type 'Microsoft.Dynamics.CRM.msdyn_sessiontemplate'."
            );
        }
        // fetchXml has its own error.
        let fetch = "<fetch><entity name='msdyn_sessiontemplate'><attribute name='msdyn_nope'/></entity></fetch>";
        let answer = desk
            .get(&format!(
                "msdyn_sessiontemplates?fetchXml={}",
                encode(fetch)
            ))
            .await;
        assert_eq!(answer.expect(400).code(), "0x80041103");
    }
    assert_eq!(Age::Y2022.switches().unknown_column, UnknownColumn::Zero);
}

#[tokio::test]
async fn the_next_link_is_encoded_as_the_documents_print_it() {
    let desk = desk().await;
    let first = desk
        .get_with("roles?$select=name", "odata.maxpagesize=2")
        .await
        .expect(200)
        .json();
    let id = |at: usize| {
        first["value"][at]["roleid"]
            .as_str()
            .expect("an id")
            .to_uppercase()
    };
    let expected = format!(
        "{}?$select=name&$skiptoken=%3Ccookie%20pagenumber=%222%22%20pagingcookie=%22%253ccookie%2520page%253d%25221%2522%253e%253croleid%2520last%253d%2522%257b{}%257d%2522%2520first%253d%2522%257b{}%257d%2522%2520%252f%253e%253c%252fcookie%253e%22%20istracking=%22False%22%20/%3E",
        desk.url("roles"),
        id(1),
        id(0)
    );
    assert_eq!(first["@odata.nextLink"], expected.as_str());
    let request = desk
        .client
        .get(&expected)
        .header("Prefer", "odata.maxpagesize=2");
    let second = send(request).await.expect(200).json();
    assert!(second["value"][0]["roleid"].as_str() > first["value"][1]["roleid"].as_str());
}

#[tokio::test]
async fn paging_annotations_of_fetch_xml_come_only_when_they_are_asked_for() {
    let desk = desk().await;
    let fetch =
        encode("<fetch count='2'><entity name='role'><attribute name='name'/></entity></fetch>");
    let plain = desk
        .get(&format!("roles?fetchXml={fetch}"))
        .await
        .expect(200)
        .json();
    let names: Vec<&String> = plain.as_object().expect("an object").keys().collect();
    assert_eq!(names, ["@odata.context", "value"]);
    let prefer = "odata.include-annotations=\"Microsoft.Dynamics.CRM.fetchxmlpagingcookie,Microsoft.Dynamics.CRM.morerecords\"";
    let asked = desk
        .get_with(&format!("roles?fetchXml={fetch}"), prefer)
        .await
        .expect(200)
        .json();
    assert_eq!(asked["@Microsoft.Dynamics.CRM.morerecords"], true);
    let cookie = asked["@Microsoft.Dynamics.CRM.fetchxmlpagingcookie"]
        .as_str()
        .expect("a cookie");
    assert!(cookie.starts_with("<cookie pagenumber=\"2\" pagingcookie=\"%253ccookie%2520page%253d%25221%2522%253e%253croleid%2520last%253d%2522%257b"), "{cookie}");
    assert!(
        cookie.ends_with("%252fcookie%253e\" istracking=\"False\" />"),
        "{cookie}"
    );
}

#[tokio::test]
async fn metadata_is_selected_filtered_and_expanded_and_nothing_else() {
    let desk = desk().await;
    for set in [
        "EntityDefinitions",
        "RelationshipDefinitions",
        "EntityDefinitions(LogicalName='account')/Attributes",
    ] {
        for (option, name) in [("$top=1", "$top"), ("$orderby=LogicalName", "$orderby")] {
            let answer = desk
                .get(&format!("{set}?$select=MetadataId&{option}"))
                .await
                .expect(400);
            assert_eq!(
                (answer.code().as_str(), answer.message()),
                (
                    "0x80060888",
                    format!("The query parameter {name} is not supported")
                )
            );
        }
    }
    for function in ["startswith", "endswith", "contains"] {
        let refused = desk
            .get(&format!(
                "EntityDefinitions?$filter={function}(LogicalName,'msdyn')"
            ))
            .await
            .expect(501);
        assert_eq!(
            (refused.code(), refused.message()),
            (
                "0x8006088a".to_owned(),
                format!("The \"{function}\" function isn't supported for Metadata Entities")
            )
        );
    }
    for (path, message) in [
        (
            "GlobalOptionSetDefinitions?$filter=Name%20eq%20'x'",
            "The query parameter $filter is not supported on GlobalOptionSetDefinitions",
        ),
        (
            "GlobalOptionSetDefinitions?$select=Options",
            "Could not find a property named 'Options' on type 'Microsoft.Dynamics.CRM.OptionSetMetadataBase'.",
        ),
        (
            "EntityDefinitions(LogicalName='role')/Attributes?$select=Targets",
            "Could not find a property named 'Targets' on type 'Microsoft.Dynamics.CRM.AttributeMetadata'.",
        ),
    ] {
        assert_eq!(desk.get(path).await.expect(400).message(), message);
    }
    desk.get("EntityDefinitions?$filter=DisplayName/UserLocalizedLabel/Label%20eq%20'User'")
        .await
        .expect(400);
    let absent = desk.get("EntityDefinitions(LogicalName='nope')").await;
    assert_eq!(
        absent.expect(404).message(),
        "EntityMetadata With Id = LogicalName='nope' does not exist."
    );
    let uncast = "RelationshipDefinitions?$filter=ReferencingEntity%20eq%20'systemuser'";
    assert!(desk.get(uncast).await.rows().is_empty());
    desk.get("EntityDefinitions?$select=LogicalName&$filter=LogicalName%20eq%20'account'%20or%20LogicalName%20eq%20'role'").await.expect(200);
}

#[tokio::test]
async fn a_body_at_the_end_of_a_batch_needs_a_line_break_and_the_last_boundary_may_be_missing() {
    let desk = desk().await;
    let whole = "--b\nContent-Type: application/http\nContent-Transfer-Encoding: binary\n\nGET roles?$top=1 HTTP/1.1\n\n--b--\n";
    desk.batch(whole, None).await.expect(200);
    // Published clients join lines, so the last one is open; a reader only fails where it is a body that goes on to the end.
    desk.batch(whole.trim_end(), None).await.expect(200);
    let post = "--b\nContent-Type: application/http\n\nPOST msdyn_sessiontemplates HTTP/1.1\nContent-Type: application/json\n\n{}\n--b--";
    let cut = desk.batch(post, None).await.expect(400);
    // Microsoft, "Web API client errors", shows a single part.
    for said in [
        "--batchresponse_",
        "HTTP/1.1 400 Bad Request",
        "0x80048d19",
        "Stream was not readable.",
    ] {
        assert!(cut.text.contains(said), "{}", cut.text);
    }
    let open = desk
        .batch(whole.trim_end().trim_end_matches("--b--"), None)
        .await
        .expect(200);
    assert!(open.text.contains("\"roleid\""), "{}", open.text);
}

#[tokio::test]
async fn rows_of_intersect_tables_are_read_and_never_created() {
    let desk = desk().await;
    let refused = desk
        .post("msdyn_sessiontemplate_applicationtabset", json!({}))
        .await
        .expect(400);
    assert_eq!(refused.code(), "0x80040800");
    assert_eq!(
        refused.message(),
        "The 'Create' method does not support entities of type 'msdyn_sessiontemplate_applicationtab'. MessageProcessorCache returned MessageProcessor.Empty."
    );
    let rows = desk
        .get("msdyn_appconfiguration_sessiontemplateset")
        .await
        .rows();
    assert!(rows[0]["msdyn_appconfigurationid"].is_string());
}

#[tokio::test]
async fn a_bind_to_a_set_that_is_not_there_is_a_bad_payload() {
    let desk = desk().await;
    let mut body = session("contoso_s");
    body["msdyn_anchortab@odata.bind"] = json!(format!("/nothings({NOBODY})"));
    let refused = desk.post("msdyn_sessiontemplates", body).await.expect(400);
    assert_eq!(refused.code(), "0x80048d19");
    assert!(refused.message().contains("Microsoft.OData.UriParser.ODataUnrecognizedPathException: Resource not found for the segment 'nothings'."), "{}", refused.text);
}

#[tokio::test]
async fn functions_are_not_found_by_post() {
    let desk = desk().await;
    let refused = desk.post("WhoAmI", json!({})).await.expect(404);
    assert_eq!(refused.code(), "");
}

#[tokio::test]
async fn a_query_function_takes_no_not() {
    let desk = desk().await;
    let function = "Microsoft.Dynamics.CRM.EqualUserId(PropertyName='ownerid')";
    desk.get(&format!("accounts?$filter={function}"))
        .await
        .expect(200);
    desk.get(&format!("accounts?$filter=not%20{function}"))
        .await
        .expect(400);
    desk.get("accounts?$filter=not%20(name%20eq%20'x')")
        .await
        .expect(200);
}

#[tokio::test]
async fn a_second_equal_link_is_a_duplicate_record() {
    let desk = desk().await;
    let link = set_of_links(&desk).await;
    let tabs = desk.get(link.trim_end_matches("/$ref")).await.rows();
    let tab = tabs[0]["msdyn_applicationtabtemplateid"]
        .as_str()
        .expect("an id");
    let again = desk
        .post(
            &link,
            json!({"@odata.id": desk.url(&format!("msdyn_applicationtabtemplates({tab})"))}),
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
    let missing = desk
        .delete(&link.replace("/$ref", &format!("({NOBODY})/$ref")))
        .await;
    missing.expect(404);
}

/// Sends a changeset that creates a row and then writes another with `If-Match`, within the limits of the environment.
fn failing(target: &str) -> String {
    changeset(&[
        part(
            1,
            "POST msdyn_sessiontemplates",
            "",
            &session("contoso_first").to_string(),
        ),
        part(
            2,
            &format!("PATCH {target}"),
            "If-Match: W/\"1\"\n",
            "{\"msdyn_title\":\"x\"}",
        ),
    ])
}

async fn refused(desk: &Desk, target: &str, prefer: Option<&str>) -> Answer {
    let answer = desk.batch(&failing(target), prefer).await;
    let rows = desk
        .get("msdyn_sessiontemplates?$filter=msdyn_uniquename%20eq%20'contoso_first'")
        .await
        .rows();
    assert!(rows.is_empty(), "all is taken back");
    answer
}

#[tokio::test]
async fn a_refused_changeset_arrives_in_three_shapes() {
    // An outer 400 with the failed part inside.
    let bare = desk_with(Switches {
        changeset_failure: ChangesetFailure::Bare,
        ..Switches::default()
    })
    .await;
    let stale = format!(
        "msdyn_sessiontemplates({})",
        bare.session("contoso_there").await
    );
    let text = refused(&bare, &stale, None).await.expect(400).text;
    assert!(
        !text.contains("changesetresponse_")
            && text.contains("HTTP/1.1 412 Precondition Failed\r\n")
            && text.contains("\r\nREQ_ID: "),
        "{text}"
    );
    // A nested part with its Content-ID, but without a request id.
    let nested = desk_with(Switches {
        changeset_failure: ChangesetFailure::Nested,
        ..Switches::default()
    })
    .await;
    let absent = format!("msdyn_sessiontemplates({NOBODY})");
    let text = refused(&nested, &absent, None).await.expect(400).text;
    assert!(
        text.contains("multipart/mixed; boundary=changesetresponse_")
            && text.contains("\r\nContent-ID: 2\r\n\r\nHTTP/1.1 404 Not Found\r\n")
            && !text.contains("REQ_ID"),
        "{text}"
    );
    // JSON instead of a multipart body.
    let whole = desk_with(Switches {
        changeset_failure: ChangesetFailure::Json,
        ..Switches::default()
    })
    .await;
    for prefer in [None, Some("odata.continue-on-error")] {
        let answer = refused(&whole, &absent, prefer).await.expect(404);
        assert!(
            answer
                .header("content-type")
                .starts_with("application/json")
        );
        assert_eq!(
            answer.message(),
            format!("msdyn_sessiontemplate With Id = {NOBODY} Does Not Exist")
        );
    }
}

#[tokio::test]
async fn what_refuses_a_changeset_may_say_its_code() {
    for (stale, absent) in [(false, false), (true, false), (false, true)] {
        let desk = desk_with(Switches {
            changeset_failure: ChangesetFailure::Json,
            code_on_stale_in_changesets: Some(stale),
            code_on_absent_in_changesets: Some(absent),
            ..Switches::default()
        })
        .await;
        let there = format!(
            "msdyn_sessiontemplates({})",
            desk.session("contoso_there").await
        );
        let code = refused(&desk, &there, None).await.code();
        assert_eq!(code, if stale { "0x80060882" } else { "" });
        let code = refused(&desk, &format!("msdyn_sessiontemplates({NOBODY})"), None)
            .await
            .code();
        assert_eq!(code, if absent { "0x80040217" } else { "" });
    }
}

#[tokio::test]
async fn a_missing_privilege_has_one_of_two_codes() {
    for (switch, code) in [
        (MissingPrivilege::PrivilegeDenied, "0x80040220"),
        (MissingPrivilege::PrincipalMissing, "0x80048306"),
    ] {
        let desk = desk_with(Switches {
            missing_privilege: switch,
            ..Switches::default()
        })
        .await;
        let ada = desk
            .get("systemusers?$filter=domainname%20eq%20'ada@contoso.com'")
            .await
            .rows();
        let ada = ada[0]["systemuserid"].as_str().expect("an id").to_owned();
        let request = desk.request(
            Method::DELETE,
            &format!(
                "msdyn_sessiontemplates({})",
                desk.session("contoso_s").await
            ),
        );
        let refused = send(request.header("MSCRMCallerID", ada)).await.expect(403);
        assert_eq!(refused.code(), code);
    }
}

#[tokio::test]
async fn a_lookup_is_compared_with_null_by_its_navigation_property() {
    let desk = desk().await;
    let by_value = desk
        .get("businessunits?$select=name&$filter=_parentbusinessunitid_value%20eq%20null")
        .await
        .rows();
    let by_navigation = desk
        .get("businessunits?$select=name&$filter=parentbusinessunitid%20eq%20null")
        .await
        .rows();
    assert_eq!((by_value.len(), &by_value), (1, &by_navigation));
    let others = desk
        .get("businessunits?$filter=parentbusinessunitid%20ne%20null")
        .await
        .rows();
    assert_eq!(
        others.len(),
        desk.get("businessunits").await.rows().len() - 1
    );
    desk.get(&format!(
        "businessunits?$filter=parentbusinessunitid%20eq%20{NOBODY}"
    ))
    .await
    .expect(400);
}

/// According to reports in XrmDefinitelyTyped (issue 35) and DynamicsWebApi (issue 32).
#[tokio::test]
async fn operands_of_types_that_do_not_fit_are_refused() {
    let desk = desk().await;
    for (filter, types) in [
        ("msdyn_panelstate eq '162450000'", ["Int32", "String"]),
        ("'0' eq statecode", ["String", "Int32"]),
        ("msdyn_name eq 1", ["String", "Int32"]),
        ("msdyn_name eq true", ["String", "Boolean"]),
    ] {
        let query = format!(
            "msdyn_sessiontemplates?$filter={}",
            filter.replace(' ', "%20")
        );
        let refused = desk.get(&query).await.expect(400);
        let [left, right] = types;
        assert_eq!(
            refused.message(),
            format!(
                "A binary operator with incompatible types was detected. Found operand types 'Edm.{left}' and 'Edm.{right}' for operator kind 'Equal'."
            )
        );
    }
    for filter in [
        "statecode eq 0",
        "msdyn_name ne null",
        "msdyn_panelstate eq null",
        "createdon gt '2020-01-01'",
        "_ownerid_value eq 0c0f0000-0000-4000-8000-000000000a01",
    ] {
        let query = format!(
            "msdyn_sessiontemplates?$select=msdyn_name&$filter={}",
            filter.replace(' ', "%20")
        );
        desk.get(&query).await.expect(200);
    }
}

#[tokio::test]
async fn functions_take_parameter_aliases() {
    let desk = desk().await;
    let me = desk.get("WhoAmI").await.json()["UserId"]
        .as_str()
        .expect("an id")
        .to_owned();
    let bound =
        format!("systemusers({me})/Microsoft.Dynamics.CRM.RetrieveUserPrivilegeByPrivilegeName");
    let inline = desk
        .get(&format!("{bound}(PrivilegeName='prvReadRole')"))
        .await
        .expect(200)
        .json();
    assert_eq!(inline["RolePrivileges"][0]["PrivilegeName"], "prvReadRole");
    assert_eq!(
        desk.get(&format!("{bound}(PrivilegeName=@p)?@p='prvReadRole'"))
            .await
            .expect(200)
            .json(),
        inline
    );
}

#[tokio::test]
async fn fetch_xml_counts_up_to_five_thousand() {
    let desk = desk_of(deskstate_emulator::Config {
        scale: deskstate_emulator::Scale {
            agents: 5_100,
            sessions: 0,
        },
        ..deskstate_emulator::Config::default()
    })
    .await;
    let path = |filter: &str| {
        let fetch = format!(
            "<fetch returntotalrecordcount='true' count='1'><entity name='systemuser'><attribute name='fullname'/>{filter}</entity></fetch>"
        );
        format!("systemusers?fetchXml={}", encode(&fetch))
    };
    let one = "<filter><condition attribute='domainname' operator='eq' value='ada@contoso.com'/></filter>";
    let every = "odata.include-annotations=\"*\"";
    let all = desk.get_with(&path(""), every).await;
    let one = desk.get_with(&path(one), every).await;
    let said = |answer: &Answer| {
        let json = answer.json();
        let of = |name: &str| json[format!("@Microsoft.Dynamics.CRM.{name}")].clone();
        (of("totalrecordcount"), of("totalrecordcountlimitexceeded"))
    };
    assert_eq!(said(&all), (json!(5_000), json!(true)));
    assert_eq!(said(&one), (json!(1), json!(false)));
}

#[tokio::test]
async fn only_a_conditional_patch_leaves_out_that_a_row_is_absent() {
    let desk = desk().await;
    let path = format!("msdyn_sessiontemplates({NOBODY})");
    assert_eq!(desk.get(&path).await.expect(404).code(), "0x80040217");
    assert_eq!(desk.delete(&path).await.expect(404).code(), "0x80040217");
    assert_eq!(
        desk.patch_if(&path, "*", json!({"msdyn_title": "x"}))
            .await
            .expect(404)
            .code(),
        ""
    );
}

#[tokio::test]
async fn a_query_takes_five_hundred_conditions_and_a_list_is_one() {
    let desk = desk().await;
    let conditions = |count: usize| vec!["name%20eq%20'x'"; count].join("%20or%20");
    desk.get(&format!("roles?$filter={}", conditions(500)))
        .await
        .expect(200);
    assert_eq!(
        desk.get(&format!("roles?$filter={}", conditions(501)))
            .await
            .expect(400)
            .code(),
        "0x8004430c"
    );
    let list = vec!["\"x\""; 700].join(",");
    desk.get(&format!(
        "roles?$filter=Microsoft.Dynamics.CRM.In(PropertyName='name',PropertyValues=[{list}])"
    ))
    .await
    .expect(200);
    let condition = "<condition attribute='name' operator='eq' value='x'/>";
    let body = |count: usize| {
        format!(
            "--b\nContent-Type: application/http\n\nGET roles?fetchXml={} HTTP/1.1\n\n--b--\n",
            encode(&format!(
                "<fetch><entity name='role'><filter type='or'>{}</filter></entity></fetch>",
                condition.repeat(count)
            ))
        )
    };
    // Long queries are sent in a batch, where URLs may have 65,536 characters. That is too short for this many conditions in XML.
    assert_eq!(desk.batch(&body(501), None).await.status, 400);
}

#[tokio::test]
async fn urls_and_their_segments_have_a_longest_length() {
    let desk = desk().await;
    let url = |length: usize| {
        let path = "roles?$filter=name%20eq%20%27";
        let used = desk.url(path).len() + 3;
        format!("{path}{}%27", "x".repeat(length - used))
    };
    desk.get(&url(32_768)).await.expect(200);
    desk.get(&url(32_769)).await.expect(413);
    let in_batch = |length: usize| {
        format!(
            "--b\nContent-Type: application/http\n\nGET {} HTTP/1.1\n\n--b--\n",
            url(length)
        )
    };
    desk.batch(&in_batch(65_536), None).await.expect(200);
    assert!(
        desk.batch(&in_batch(65_537), None)
            .await
            .expect(400)
            .text
            .contains("HTTP/1.1 413")
    );
    let segment = |length: usize| {
        let text = format!("publishers(uniquename='{}')", "x".repeat(length - 25));
        assert_eq!(text.len(), length);
        text
    };
    let message = "Bad Request - Invalid URL";
    assert_ne!(desk.get(&segment(260)).await.message(), message);
    assert_eq!(desk.get(&segment(261)).await.expect(400).message(), message);
    let within = format!(
        "--b\nContent-Type: application/http\n\nGET {} HTTP/1.1\n\n--b--\n",
        segment(261)
    );
    assert!(!desk.batch(&within, None).await.text.contains(message));
}

/// Property names of a live EntityDefinitions entry (from the documentation on creating tables, recorded 2022-09-01).
const ENTITY: &str = "ActivityTypeMask AutoRouteToOwnerQueue CanTriggerWorkflow EntityHelpUrlEnabled EntityHelpUrl IsDocumentManagementEnabled IsOneNoteIntegrationEnabled IsInteractionCentricEnabled IsKnowledgeManagementEnabled IsSLAEnabled IsBPFEntity IsDocumentRecommendationsEnabled IsMSTeamsIntegrationEnabled SettingOf DataProviderId DataSourceId AutoCreateAccessTeams IsActivity IsActivityParty IsRetrieveAuditEnabled IsRetrieveMultipleAuditEnabled IsArchivalEnabled IsAvailableOffline IsChildEntity IsAIRUpdated IconLargeName IconMediumName IconSmallName IconVectorName IsCustomEntity IsBusinessProcessEnabled SyncToExternalSearchIndex IsOptimisticConcurrencyEnabled ChangeTrackingEnabled IsImportable IsIntersect IsManaged IsEnabledForCharts IsEnabledForTrace IsValidForAdvancedFind DaysSinceRecordLastModified MobileOfflineFilters IsReadingPaneEnabled IsQuickCreateEnabled LogicalName ObjectTypeCode OwnershipType PrimaryNameAttribute PrimaryImageAttribute PrimaryIdAttribute RecurrenceBaseEntityLogicalName ReportViewName SchemaName IntroducedVersion IsStateModelAware EnforceStateTransitions ExternalName EntityColor LogicalCollectionName ExternalCollectionName CollectionSchemaName EntitySetName IsEnabledForExternalChannels IsPrivate UsesBusinessDataLabelTable IsLogicalEntity HasNotes HasActivities HasFeedback IsSolutionAware CreatedOn ModifiedOn HasEmailAddresses OwnerId OwnerIdType OwningBusinessUnit MetadataId HasChanged Description DisplayCollectionName DisplayName IsAuditEnabled IsValidForQueue IsConnectionsEnabled IsCustomizable IsRenameable IsMappable IsDuplicateDetectionEnabled CanCreateAttributes CanCreateForms CanCreateViews CanCreateCharts CanBeRelatedEntityInRelationship CanBePrimaryEntityInRelationship CanBeInManyToMany CanBeInCustomEntityAssociation CanEnableSyncToExternalSearchIndex CanModifyAdditionalSettings CanChangeHierarchicalRelationship CanChangeTrackingBeEnabled IsMailMergeEnabled IsVisibleInMobile IsVisibleInMobileClient IsReadOnlyInMobileClient IsOfflineInMobileClient Privileges Settings";

/// Names that both kinds of relationships share, and those of each kind, from the Web API reference.
const RELATIONSHIP: &str = "MetadataId HasChanged IsCustomRelationship IsCustomizable IsValidForAdvancedFind SchemaName SecurityTypes IsManaged RelationshipType IntroducedVersion";
const ONE_TO_MANY: &str = "ReferencedAttribute ReferencedEntity ReferencingAttribute ReferencingEntity AssociatedMenuConfiguration CascadeConfiguration IsHierarchical EntityKey RelationshipAttributes IsRelationshipAttributeDenormalized ReferencedEntityNavigationPropertyName ReferencingEntityNavigationPropertyName RelationshipBehavior IsDenormalizedLookup DenormalizedAttributeName";
const MANY_TO_MANY: &str = "Entity1AssociatedMenuConfiguration Entity2AssociatedMenuConfiguration Entity1LogicalName Entity2LogicalName IntersectEntityName Entity1IntersectAttribute Entity2IntersectAttribute Entity1NavigationPropertyName Entity2NavigationPropertyName";

#[tokio::test]
async fn a_definition_has_every_property_that_a_live_one_has() {
    let desk = desk().await;
    let definition = desk
        .get("EntityDefinitions(LogicalName='msdyn_sessiontemplate')")
        .await
        .expect(200)
        .json();
    for name in ENTITY.split(' ') {
        assert!(definition.get(name).is_some(), "{name}");
    }
    assert_eq!(
        definition["ReportViewName"],
        "Filteredmsdyn_sessiontemplate"
    );
    assert_eq!(
        definition["CanCreateAttributes"],
        json!({"Value": true, "CanBeChanged": false, "ManagedPropertyLogicalName": "cancreateattributes"})
    );
    let privilege = definition["Privileges"]
        .as_array()
        .expect("privileges")
        .iter()
        .find(|item| item["PrivilegeType"] == "Read")
        .expect("read")
        .clone();
    let listed = desk
        .get("privileges?$select=privilegeid&$filter=name%20eq%20'prvReadmsdyn_sessiontemplate'")
        .await
        .rows();
    assert_eq!(privilege["PrivilegeId"], listed[0]["privilegeid"]);
    assert_eq!(privilege["CanBeEntityReference"], false);
    for (part, own) in [
        ("OneToManyRelationships", ONE_TO_MANY),
        ("ManyToOneRelationships", ONE_TO_MANY),
        ("ManyToManyRelationships", MANY_TO_MANY),
    ] {
        let items = desk
            .get(&format!(
                "EntityDefinitions(LogicalName='msdyn_applicationtabtemplate')/{part}"
            ))
            .await
            .rows();
        for name in RELATIONSHIP.split(' ').chain(own.split(' ')) {
            assert!(
                items.iter().all(|item| item.get(name).is_some()),
                "{part}: {name}"
            );
        }
    }
    let columns = desk.get("EntityDefinitions(LogicalName='msdyn_sessiontemplate')/Attributes?$select=LogicalName,AttributeOf,IsValidODataAttribute,IsLogical,SourceType").await.rows();
    assert!(columns.iter().all(|column| column["AttributeOf"].is_null()));
}

#[tokio::test]
async fn replies_carry_the_headers_of_a_live_environment() {
    let desk = desk().await;
    let answer = desk.get("WhoAmI").await.expect(200);
    let of = |name: &str| answer.header(name).to_owned();
    assert_eq!(of("x-ms-ratelimit-burst-remaining-xrm-requests"), "7999");
    assert_eq!(of("x-ms-ratelimit-time-remaining-xrm-requests"), "1,200.00");
    assert!(
        of("x-ms-dop-hint")
            .parse::<u32>()
            .is_ok_and(|hint| hint > 0)
    );
    assert!(
        of("set-cookie").starts_with("ARRAffinity="),
        "{}",
        of("set-cookie")
    );
    let limited = desk_of(deskstate_emulator::Config {
        limits: Some(deskstate_emulator::Limits::default()),
        ..deskstate_emulator::Config::default()
    })
    .await;
    limited.get("WhoAmI").await.expect(200);
    let second = limited.get("WhoAmI").await.expect(200);
    assert_eq!(
        second.header("x-ms-ratelimit-burst-remaining-xrm-requests"),
        "5998"
    );
}

#[tokio::test]
async fn what_published_clients_ask_for_first_is_there() {
    let desk = desk().await;
    let filters = desk.get("sdkmessagefilters?$select=sdkmessagefilterid&$expand=sdkmessageid($select=name)&$filter=(sdkmessageid/name%20eq%20'CreateMultiple'%20or%20sdkmessageid/name%20eq%20'UpdateMultiple')%20and%20primaryobjecttypecode%20eq%20'account'").await.rows();
    let mut names: Vec<&str> = filters
        .iter()
        .map(|row| row["sdkmessageid"]["name"].as_str().expect("a name"))
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["CreateMultiple", "UpdateMultiple"]);
    desk.get(
        "sdkmessages?$filter=name%20eq%20'Create'&$select=sdkmessageid,name,categoryname,isactive",
    )
    .await
    .rows();
    let labels = desk.get("stringmaps?$select=value&$filter=objecttypecode%20eq%20'msdyn_sessiontemplate'%20and%20attributename%20eq%20'statecode'%20and%20attributevalue%20eq%201").await.rows();
    assert_eq!(labels[0]["value"], "Inactive");
    assert_eq!(
        desk.get("RetrieveAvailableLanguages")
            .await
            .expect(200)
            .json()["LocaleIds"],
        json!([1033])
    );
    assert_eq!(
        desk.get("RetrieveProvisionedLanguages")
            .await
            .expect(200)
            .json()["RetrieveProvisionedLanguages"],
        json!([1033])
    );
    let entity = desk.get("RetrieveEntity(EntityFilters=Microsoft.Dynamics.CRM.EntityFilters'Entity',LogicalName='account',MetadataId=00000000-0000-0000-0000-000000000000,RetrieveAsIfPublished=true)").await.expect(200).json();
    assert_eq!(entity["EntityMetadata"]["PrimaryIdAttribute"], "accountid");
    let all = desk.get("RetrieveAllEntities(EntityFilters=Microsoft.Dynamics.CRM.EntityFilters'Entity',RetrieveAsIfPublished=true)").await.expect(200).json();
    assert!(
        all["EntityMetadata"]
            .as_array()
            .expect("tables")
            .iter()
            .any(|item| item["LogicalName"] == "role")
    );
    for function in [
        "GetValidManyToMany()",
        "GetValidReferencedEntities(ReferencingEntityName='account')",
    ] {
        let names = desk.get(function).await.expect(200).json();
        assert!(
            names["EntityNames"]
                .as_array()
                .expect("names")
                .contains(&json!("contact")),
            "{function}"
        );
    }
    for (set, columns) in [
        ("roles", "createdon"),
        ("teams", "createdon,description"),
        ("businessunits", "costcenter,createdon"),
        ("systemusers", "firstname,lastname"),
        ("usersettingscollection", "localeid"),
        ("solutions", "createdon"),
        ("publishers", "isreadonly"),
        ("webresourceset", "description"),
    ] {
        desk.get(&format!("{set}?$select={columns}"))
            .await
            .expect(200);
    }
    assert_eq!(
        desk.get("publishers?$select=uniquename&$filter=isreadonly%20eq%20true")
            .await
            .rows()
            .len(),
        1
    );
    let ada = desk.get("systemusers?$select=fullname,firstname,lastname&$filter=domainname%20eq%20'ada@contoso.com'").await.rows();
    assert_eq!(
        ada[0]["fullname"],
        format!(
            "{} {}",
            ada[0]["firstname"].as_str().expect("first"),
            ada[0]["lastname"].as_str().expect("last")
        )
        .as_str()
    );
}

#[tokio::test]
async fn privileges_of_a_role_are_read_by_fetch_xml_from_its_root() {
    let desk = desk().await;
    let fetch = "<fetch><entity name='roleprivileges'><attribute name='privilegedepthmask'/><link-entity name='role' from='parentrootroleid' to='roleid'><filter><condition attribute='name' operator='eq' value='App Profile Manager Administrator'/></filter></link-entity><link-entity name='privilege' from='privilegeid' to='privilegeid' alias='p'><attribute name='name'/></link-entity></entity></fetch>";
    let rows = desk
        .get(&format!(
            "roleprivilegescollection?fetchXml={}",
            encode(fetch)
        ))
        .await
        .rows();
    assert!(!rows.is_empty());
    assert!(
        rows.iter().all(|row| [1, 2, 4, 8]
            .contains(&row["privilegedepthmask"].as_i64().expect("a mask"))
            && row["p.name"].is_string()),
        "{}",
        rows[0]
    );
}

#[tokio::test]
async fn a_merge_moves_content_and_deactivates_the_subordinate() {
    let desk = desk().await;
    let (one, two) = (
        desk.create("accounts", json!({"name": "One"})).await,
        desk.create("accounts", json!({"name": "Two"})).await,
    );
    let row = |id: &str| json!({"@odata.type": "Microsoft.Dynamics.CRM.account", "accountid": id});
    let body = json!({"Target": row(&one), "Subordinate": row(&two), "UpdateContent": {"@odata.type": "Microsoft.Dynamics.CRM.account", "name": "Both"}, "PerformParentingChecks": false});
    desk.post("Merge", body).await.expect(204);
    assert_eq!(
        desk.get(&format!("accounts({one})")).await.json()["name"],
        "Both"
    );
    assert_eq!(
        desk.get(&format!("accounts({two})")).await.json()["statecode"],
        1
    );
}

#[tokio::test]
async fn what_writing_a_tab_does_to_its_parameters_is_a_switch() {
    let all = [
        TouchedParameters::Nothing,
        TouchedParameters::Versions,
        TouchedParameters::Values,
    ];
    for (touched, derived) in all
        .iter()
        .flat_map(|touched| [(*touched, true), (*touched, false)])
    {
        let desk = desk_with(Switches {
            tab_write_touches_parameters: touched,
            tab_json_derived: derived,
            ..Switches::default()
        })
        .await;
        let tab = desk.create("msdyn_applicationtabtemplates", json!({"msdyn_name": "T", "msdyn_uniquename": "contoso_t", "msdyn_pagetype": 509_180_005})).await;
        let parameters = format!(
            "msdyn_templateparameters?$select=msdyn_name,msdyn_value&$filter=_msdyn_applicationtabtemplateid_value%20eq%20{tab}&$orderby=msdyn_name"
        );
        let row = desk.get(&parameters).await.rows()[0].clone();
        let id = row["msdyn_templateparameterid"].as_str().expect("an id");
        desk.patch(
            &format!("msdyn_templateparameters({id})"),
            json!({"msdyn_value": "x"}),
        )
        .await
        .expect(204);
        let before = desk.get(&parameters).await.rows();
        desk.patch(
            &format!("msdyn_applicationtabtemplates({tab})"),
            json!({"msdyn_name": "U"}),
        )
        .await
        .expect(204);
        let after = desk.get(&parameters).await.rows();
        let tags = |rows: &[Json]| {
            rows.iter()
                .map(|row| row["@odata.etag"].clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            tags(&before) == tags(&after),
            touched == TouchedParameters::Nothing,
            "{touched:?}"
        );
        // Values that the JSON column contained are written again; a value that it never contained is lost.
        let kept = after[0]["msdyn_value"] == "x";
        assert_eq!(
            kept,
            touched != TouchedParameters::Values || derived,
            "{touched:?}, derived {derived}"
        );
        let column = desk
            .get(&format!(
                "msdyn_applicationtabtemplates({tab})?$select=msdyn_templateparameters"
            ))
            .await
            .json();
        let says = column["msdyn_templateparameters"]
            .as_str()
            .unwrap_or_default();
        assert_eq!(says.contains("\"x\""), derived, "{says}");
    }
}
