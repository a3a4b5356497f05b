//! What published clients and reports of live environments show. Each test names its source.

use reqwest::Method;
use serde_json::json;

use crate::desk::{Desk, desk, field, send, session};

const ONE: &str = "0c0f0000-0000-4000-8000-00000000c0c1";

/// The status, code and message of an answer.
async fn refused(
    desk: &Desk,
    method: Method,
    path: &str,
    body: Option<serde_json::Value>,
) -> (u16, String, String) {
    let mut request = desk.request(method, path);
    if let Some(body) = body {
        request = request
            .header("Content-Type", "application/json")
            .body(body.to_string());
    }
    let answer = send(request).await;
    (answer.status, answer.code(), answer.message())
}

/// A required lookup cannot be emptied, however it is written: `ownerid` is required by the system (metadata of every table).
#[tokio::test]
async fn an_owner_is_not_taken_away_by_its_reference_either() {
    let desk = desk().await;
    let id = desk
        .create("msdyn_sessiontemplates", session("contoso_s"))
        .await;
    let row = format!("msdyn_sessiontemplates({id})");
    let (status, ..) = refused(&desk, Method::DELETE, &format!("{row}/ownerid/$ref"), None).await;
    assert_eq!(status, 400);
    assert!(desk.get(&row).await.json()["_ownerid_value"].is_string());
}

/// An upsert either stores its key or is refused.
#[tokio::test]
async fn a_key_that_cannot_be_written_makes_no_row() {
    let desk = desk().await;
    let before = desk
        .get("systemusers?$select=systemuserid")
        .await
        .rows()
        .len();
    let path = format!("systemusers(azureactivedirectoryobjectid={ONE})");
    let (status, code, message) =
        refused(&desk, Method::PATCH, &path, Some(json!({"lastname": "A"}))).await;
    assert_eq!((status, code.as_str()), (404, "0x80060891"));
    assert_eq!(
        message,
        "A record with the specified key values does not exist in systemuser entity"
    );
    assert_eq!(
        desk.get("systemusers?$select=systemuserid")
            .await
            .rows()
            .len(),
        before
    );
}

/// `docs/emulator.md`: what Dataverse has and the emulator does not is refused as such.
#[tokio::test]
async fn operations_of_dataverse_are_told_from_names_that_do_not_exist() {
    let desk = desk().await;
    for (method, path, known) in [
        (Method::GET, "RetrieveMetadataChanges(Query=@q)?@q={}", true),
        (
            Method::GET,
            "RetrieveDependenciesForDelete(ObjectId=@a,ComponentType=1)?@a=1",
            true,
        ),
        (Method::POST, "ExportSolution", true),
        (Method::GET, "RetrieveNothing", false),
        (Method::POST, "DoNothing", false),
    ] {
        let body = (method == Method::POST).then(|| json!({"Targets": []}));
        let (status, code, message) = refused(&desk, method, path, body).await;
        let wanted = if known {
            (501, "0x80040315")
        } else {
            (404, "0x80060888")
        };
        assert_eq!((status, code.as_str()), wanted, "{path}: {message}");
    }
}

/// DynamicsWebApi, issue 130.
#[tokio::test]
async fn a_part_of_a_batch_names_a_version_of_the_web_api() {
    let desk = desk().await;
    for (version, status) in [("v9.2", 200), ("data", 400), ("9.2", 400)] {
        let body = format!(
            "--b\nContent-Type: application/http\n\nGET /api/data/{version}/roles?$top=1 HTTP/1.1\n\n--b--\n"
        );
        let answer = desk.batch(&body, None).await.expect(status);
        let said = format!("Requested API Version '{version}' was not understood.");
        assert_eq!(
            answer.text.contains(&said),
            status == 400,
            "{}",
            answer.text
        );
    }
}

/// Simple.OData.Client, issue 542; davidyack/Xrm.Tools.CRMWebAPI, issue 92.
#[tokio::test]
async fn an_id_in_quotes_is_no_key() {
    let desk = desk().await;
    for method in [Method::GET, Method::PATCH, Method::DELETE] {
        let path = format!("msdyn_sessiontemplates('{ONE}')");
        let body = (method == Method::PATCH).then(|| json!({"msdyn_name": "a"}));
        let (status, code, message) = refused(&desk, method, &path, body).await;
        assert_eq!((status, code.as_str()), (400, "0x8006088a"));
        assert_eq!(message, "Bad Request - Error in query syntax.");
    }
}

/// Capgemini/powerapps-specflow-bindings, issue 185; PowerPlatform-DataverseServiceClient, issue 80; Microsoft, "Update and delete table rows"
/// (no deep update) and the error `InvalidDateTime`.
#[tokio::test]
async fn bodies_that_the_service_cannot_read_are_refused() {
    let desk = desk().await;
    let with = |name: &str, value: serde_json::Value| {
        let mut body = field("contoso_f");
        body[name] = value;
        body
    };
    for (set, body, code, said) in [
        (
            "msdyn_notificationfields",
            with("@logicalName", json!("contact")),
            "0x80048d19",
            "must contain a period",
        ),
        (
            "msdyn_notificationfields",
            with("msdyn_order", json!(3_000_000_000_i64)),
            "0x80048d19",
            "msdyn_order",
        ),
        (
            "msdyn_notificationfields",
            with("overriddencreatedon", json!("1752-12-31T23:59:59Z")),
            "0x80040239",
            "01/01/1753",
        ),
        (
            "contacts",
            json!({"lastname": "A", "birthdate": "1965-05-07T00:00:00Z"}),
            "0x80048d19",
            "birthdate",
        ),
    ] {
        let (status, found, message) = refused(&desk, Method::POST, set, Some(body)).await;
        assert_eq!((status, found.as_str()), (400, code), "{message}");
        assert!(message.contains(said), "{message}");
    }
    let id = desk
        .create("msdyn_sessiontemplates", session("contoso_s"))
        .await;
    let deep = json!({"msdyn_FlexibleTabTemplate": {"msdyn_name": "a"}, "msdyn_anchortabtemplateid": {"msdyn_name": "a"}});
    let (status, _, message) = refused(
        &desk,
        Method::PATCH,
        &format!("msdyn_sessiontemplates({id})"),
        Some(deep),
    )
    .await;
    assert_eq!(status, 400, "{message}");
}

/// A time with an offset is stored in UTC.
#[tokio::test]
async fn offsets_of_times_are_not_lost() {
    let desk = desk().await;
    for (time, stored) in [
        ("2026-01-01T01:30:00+02:00", "2025-12-31T23:30:00Z"),
        ("2026-01-01T01:30:00.5-05:00", "2026-01-01T06:30:00Z"),
        ("2026-01-01T01:30Z", "2026-01-01T01:30:00Z"),
    ] {
        let mut body = session(&format!("contoso_s{}", time.len()));
        body["overriddencreatedon"] = json!(time);
        let id = desk.create("msdyn_sessiontemplates", body).await;
        let row = desk
            .get(&format!("msdyn_sessiontemplates({id})"))
            .await
            .json();
        assert_eq!(row["createdon"], stored);
    }
}

/// Microsoft, "Count rows" (the limit is exceeded by more than 5,000 rows) and "Page results" of fetchXml; reports of `in` in `$filter`.
#[tokio::test]
async fn queries_are_refused_in_the_words_of_the_service() {
    let desk = desk().await;
    let (status, code, message) =
        refused(&desk, Method::GET, "roles?$filter=name in ('a')", None).await;
    assert_eq!((status, code.as_str()), (501, "0x8006088a"));
    assert_eq!(message, "The query node In is not supported");
    for paging in ["page", "count", "returntotalrecordcount"] {
        let xml = format!(
            "<fetch top='1' {paging}='1'><entity name='role'><attribute name='name'/></entity></fetch>"
        );
        let path = format!("roles?fetchXml={}", crate::desk::encode(&xml));
        let (status, code, message) = refused(&desk, Method::GET, &path, None).await;
        assert_eq!((status, code.as_str()), (400, "0x80040203"));
        assert_eq!(
            message,
            format!("The top attribute can't be specified with paging attribute {paging}")
        );
    }
    // MicrosoftDocs/powerapps-docs, issue 3792; Microsoft, "Web API client errors".
    let (status, code, message) = refused(&desk, Method::PATCH, "roles", Some(json!({}))).await;
    assert_eq!((status, code.as_str()), (405, ""));
    assert_eq!(
        message,
        "The requested resource does not support http method 'PATCH'."
    );
    let (status, code, message) = refused(&desk, Method::POST, "WhoAmI", Some(json!({}))).await;
    assert_eq!((status, code.as_str()), (404, ""));
    assert!(
        message.starts_with("No HTTP resource was found that matches the request URI 'http"),
        "{message}"
    );
}

/// Live texts in rappen/FetchXMLBuilder#437 and microsoft/PowerPlatform-DataverseClient-Python#74: a `$` that is forgotten is not ignored.
#[tokio::test]
async fn a_parameter_that_nobody_knows_is_refused() {
    let desk = desk().await;
    for (path, name) in [
        ("contacts?filter=lastname%20eq%20'none'", "filter"),
        ("contacts?utm_source=x&$top=1", "utm_source"),
    ] {
        let (status, _, message) = refused(&desk, Method::GET, path, None).await;
        assert_eq!(status, 400, "{path}");
        assert!(
            message.ends_with(&format!("The query parameter {name} is not supported")),
            "{message}"
        );
    }
    let (status, ..) = refused(&desk, Method::GET, "contacts?sql=SELECT%201", None).await;
    assert_eq!(status, 501);
    let (status, ..) = refused(&desk, Method::GET, "contacts?api-version=9.2&$top=1", None).await;
    assert_eq!(status, 200);
}

/// davidyack/Xrm.Tools.CRMWebAPI and others: a filter that compares a date with an empty text is an error, not an empty list.
#[tokio::test]
async fn a_date_is_compared_with_dates() {
    let desk = desk().await;
    for value in ["''", "'x'"] {
        let path = format!("contacts?$filter=createdon%20eq%20{value}");
        let (status, _, message) = refused(&desk, Method::GET, &path, None).await;
        assert_eq!(status, 400, "{value}");
        assert!(
            message.contains("Found operand types 'Edm.DateTimeOffset' and 'Edm.String'"),
            "{message}"
        );
    }
    let quoted = "contacts?$filter=createdon%20ge%20'2026-01-01T00:00:00Z'";
    assert_eq!(desk.get(quoted).await.status, 200);
}

/// A live text: "The ConditonOperator.… requires 1 value/s, not 0."
#[tokio::test]
async fn a_condition_of_fetch_xml_has_as_many_values_as_its_operator_needs() {
    let desk = desk().await;
    for (condition, status) in [
        (r#"operator="eq""#, 400),
        (r#"operator="null" value="x""#, 400),
        (r#"operator="like""#, 400),
        (r#"operator="eq" value="x""#, 200),
        (r#"operator="null""#, 200),
    ] {
        let xml = format!(
            r#"<fetch><entity name="contact"><filter><condition attribute="lastname" {condition}/></filter></entity></fetch>"#
        );
        let answer = desk
            .get(&format!(
                "contacts?fetchXml={}",
                xml.replace(' ', "%20").replace('"', "%22")
            ))
            .await;
        assert_eq!(answer.status, status, "{condition}");
    }
}

/// Learn, Query table definitions: options are reached through a cast.
#[tokio::test]
async fn options_of_a_column_are_expanded_through_a_cast_only() {
    let desk = desk().await;
    let path = "EntityDefinitions(LogicalName='contact')/Attributes?$expand=OptionSet";
    let (status, _, message) = refused(&desk, Method::GET, path, None).await;
    assert_eq!(status, 400);
    assert!(
        message.contains("Could not find a property named 'OptionSet'"),
        "{message}"
    );
    let cast = "EntityDefinitions(LogicalName='contact')/Attributes/Microsoft.Dynamics.CRM.PicklistAttributeMetadata?$select=LogicalName&$expand=OptionSet";
    assert_eq!(desk.get(cast).await.status, 200);
}

/// Learn, Bulk operation messages.
#[tokio::test]
async fn bulk_operations_say_what_standard_tables_lack() {
    let desk = desk().await;
    let path = "msdyn_sessiontemplates/Microsoft.Dynamics.CRM.DeleteMultiple";
    let (status, _, message) =
        refused(&desk, Method::POST, path, Some(json!({"Targets": []}))).await;
    assert_eq!(status, 400);
    assert_eq!(message, "DeleteMultiple has not yet been implemented.");
    let path = "contacts/Microsoft.Dynamics.CRM.UpdateMultiple";
    let target =
        json!({"@odata.type": "Microsoft.Dynamics.CRM.contact", "contactid": ONE, "lastname": "x"});
    let (status, _, message) = refused(
        &desk,
        Method::POST,
        path,
        Some(json!({"Targets": [target]})),
    )
    .await;
    assert_eq!(
        (status, message),
        (404, format!("Contact With Ids = {ONE} Do Not Exist"))
    );
}

/// Learn, Filter rows, "Manage single quotes": arrays of values are JSON.
#[tokio::test]
async fn values_of_a_query_function_do_not_double_their_quotes() {
    let desk = desk().await;
    let query = |value: &str| {
        format!(
            "contacts?$filter=Microsoft.Dynamics.CRM.In(PropertyName='lastname',PropertyValues=[{value}])"
        )
    };
    assert_eq!(desk.get(&query("'its'")).await.status, 200);
    assert_eq!(desk.get(&query("%22it's%22")).await.status, 200);
    let (status, _, message) = refused(&desk, Method::GET, &query("'it''s'"), None).await;
    assert_eq!(status, 400);
    assert!(
        message.starts_with("Invalid JSON. A comma character"),
        "{message}"
    );
}

/// Learn, Perform conditional operations, "Prevent update in upsert": the error has no code. Compose HTTP requests: a sub-code is a text.
#[tokio::test]
async fn a_row_that_must_not_be_there_is_refused_without_a_code() {
    let desk = desk().await;
    let path = format!("contacts({ONE})");
    let body = json!({"lastname": "x"}).to_string();
    let put = || {
        desk.client
            .request(Method::PATCH, desk.url(&path))
            .header("Content-Type", "application/json")
            .header("If-None-Match", "*")
            .header("Prefer", "odata.include-annotations=\"*\"")
            .body(body.clone())
    };
    assert_eq!(send(put()).await.status, 204);
    let again = send(put()).await;
    assert_eq!((again.status, again.code()), (412, String::new()));
    let error: serde_json::Value = serde_json::from_str(&again.text).expect("JSON");
    let sub = &error["error"]["@Microsoft.PowerApps.CDS.ErrorDetails.SubErrorCode"];
    assert!(sub.is_string(), "{error}");
}
