//! Section 3: the query functions of the platform, each by its name in OData and its operator in fetchXml.

use std::collections::BTreeSet;

use deskstate_emulator::Switches;
use serde_json::json;

use crate::desk::{Desk, desk, desk_with, desk_with_table, encode, send};

const TICKET: &str = "
table: cfg_ticket
set: cfg_tickets
label: Ticket
plural: Tickets
key: cfg_ticketid
name: cfg_name
columns:
- {name: cfg_ticketid, type: id, required: system}
- {name: cfg_name, type: string, length: 100}
- {name: cfg_due, type: datetime}
- {name: cfg_size, type: integer}
- {name: cfg_agent, type: lookup, to: [systemuser], nav: cfg_Agent}
- {name: cfg_unit, type: lookup, to: [businessunit], nav: cfg_Unit}
";

/// Points in time around the emulator's clock, which is fixed at 2026-11-25T17:25:22Z.
const MOMENTS: &[&str] = &[
    "2024-12-31T12:00:00Z",
    "2025-11-25T17:25:21Z",
    "2025-12-31T12:00:00Z",
    "2026-01-01T00:00:00Z",
    "2026-10-25T17:25:21Z",
    "2026-10-31T23:59:59Z",
    "2026-11-15T00:00:00Z",
    "2026-11-18T12:00:00Z",
    "2026-11-22T00:00:00Z",
    "2026-11-24T23:59:59Z",
    "2026-11-25T00:00:00Z",
    "2026-11-25T16:25:21Z",
    "2026-11-25T17:25:00Z",
    "2026-11-25T18:00:00Z",
    "2026-11-26T00:00:00Z",
    "2026-11-28T23:59:59Z",
    "2026-11-29T00:00:00Z",
    "2026-12-01T00:00:00Z",
    "2027-01-01T00:00:00Z",
    "2028-01-01T00:00:00Z",
];

async fn found(desk: &Desk, filter: &str) -> BTreeSet<String> {
    let answer = desk
        .get(&format!(
            "cfg_tickets?$select=cfg_name&$filter={}",
            encode(filter)
        ))
        .await;
    names(&answer.rows())
}

async fn fetched(desk: &Desk, condition: &str) -> BTreeSet<String> {
    let fetch = format!(
        "<fetch><entity name='cfg_ticket'><attribute name='cfg_name'/><filter>{condition}</filter></entity></fetch>"
    );
    let answer = desk
        .get(&format!("cfg_tickets?fetchXml={}", encode(&fetch)))
        .await;
    names(&answer.rows())
}

fn names(rows: &[serde_json::Value]) -> BTreeSet<String> {
    let name = |row: &serde_json::Value| row["cfg_name"].as_str().expect("a name").to_owned();
    rows.iter().map(name).collect()
}

#[tokio::test]
async fn section_3_moments_are_found_by_every_function_of_the_calendar() {
    let desk = desk_with_table(TICKET).await;
    for moment in MOMENTS {
        desk.create(
            "cfg_tickets",
            json!({"cfg_name": moment, "cfg_due": moment}),
        )
        .await;
    }
    desk.create("cfg_tickets", json!({"cfg_name": "never"}))
        .await;
    // function, operator, value, from (inclusive), to (exclusive)
    let (old, late) = ("0000", "9999");
    #[rustfmt::skip]
    let functions = [
        ("On", "on", "2026-11-25", "2026-11-25", "2026-11-26"),
        ("OnOrAfter", "on-or-after", "2026-11-25", "2026-11-25", late),
        ("OnOrBefore", "on-or-before", "2026-11-25", old, "2026-11-26"),
        ("Yesterday", "yesterday", "", "2026-11-24", "2026-11-25"),
        ("Today", "today", "", "2026-11-25", "2026-11-26"),
        ("Tomorrow", "tomorrow", "", "2026-11-26", "2026-11-27"),
        ("LastWeek", "last-week", "", "2026-11-15", "2026-11-22"),
        ("ThisWeek", "this-week", "", "2026-11-22", "2026-11-29"),
        ("NextWeek", "next-week", "", "2026-11-29", "2026-12-06"),
        ("LastMonth", "last-month", "", "2026-10-01", "2026-11-01"),
        ("ThisMonth", "this-month", "", "2026-11-01", "2026-12-01"),
        ("NextMonth", "next-month", "", "2026-12-01", "2027-01-01"),
        ("LastYear", "last-year", "", "2025", "2026"),
        ("ThisYear", "this-year", "", "2026", "2027"),
        ("NextYear", "next-year", "", "2027", "2028"),
        ("Last7Days", "last-seven-days", "", "2026-11-18", "2026-11-25T17:25:23"),
        ("Next7Days", "next-seven-days", "", "2026-11-25T17:25:22", "2026-12-03"),
        ("LastXHours", "last-x-hours", "1", "2026-11-25T16:25:00", "2026-11-25T17:25:23"),
        ("LastXDays", "last-x-days", "1", "2026-11-24", "2026-11-25T17:25:23"),
        ("LastXWeeks", "last-x-weeks", "1", "2026-11-18", "2026-11-25T17:25:23"),
        ("LastXMonths", "last-x-months", "1", "2026-10-25", "2026-11-25T17:25:23"),
        ("LastXYears", "last-x-years", "1", "2025-11-25", "2026-11-25T17:25:23"),
        ("NextXHours", "next-x-hours", "1", "2026-11-25T17:25:22", "2026-11-25T18:25:22"),
        ("NextXDays", "next-x-days", "1", "2026-11-25T17:25:22", "2026-11-27"),
        ("NextXWeeks", "next-x-weeks", "1", "2026-11-25T17:25:22", "2026-12-03"),
        ("NextXMonths", "next-x-months", "1", "2026-11-25T17:25:22", "2026-12-26"),
        ("NextXYears", "next-x-years", "1", "2026-11-25T17:25:22", "2027-11-26"),
        ("OlderThanXMinutes", "olderthan-x-minutes", "60", old, "2026-11-25T16:25:22"),
        ("OlderThanXHours", "olderthan-x-hours", "1", old, "2026-11-25T16:25:22"),
        ("OlderThanXDays", "olderthan-x-days", "1", old, "2026-11-24T17:25:22"),
        ("OlderThanXWeeks", "olderthan-x-weeks", "1", old, "2026-11-18T17:25:22"),
        ("OlderThanXMonths", "olderthan-x-months", "1", old, "2026-10-25T17:25:22"),
        ("OlderThanXYears", "olderthan-x-years", "1", old, "2025-11-25T17:25:22"),
    ];
    for (function, operator, value, from, to) in functions {
        let expected: BTreeSet<String> = MOMENTS
            .iter()
            .filter(|moment| **moment >= from && **moment < to)
            .map(|moment| (*moment).to_owned())
            .collect();
        assert!(
            !expected.is_empty(),
            "{function} is not tried by any moment"
        );
        let given = if value.is_empty() {
            String::new()
        } else {
            format!(",PropertyValue='{value}'")
        };
        let filter = format!("Microsoft.Dynamics.CRM.{function}(PropertyName='cfg_due'{given})");
        assert_eq!(found(&desk, &filter).await, expected, "{filter}");
        let given = if value.is_empty() {
            String::new()
        } else {
            format!(" value='{value}'")
        };
        let condition = format!("<condition attribute='cfg_due' operator='{operator}'{given}/>");
        assert_eq!(fetched(&desk, &condition).await, expected, "{condition}");
    }
    let not_on = found(
        &desk,
        "Microsoft.Dynamics.CRM.NotOn(PropertyName='cfg_due',PropertyValue='2026-11-25')",
    )
    .await;
    assert_eq!(not_on.len(), MOMENTS.len() - 4);
}

#[tokio::test]
async fn section_3_values_are_found_in_lists_and_between_bounds() {
    let desk = desk_with_table(TICKET).await;
    for (name, size) in [("a", 1), ("b", 5), ("c", 9)] {
        desk.create("cfg_tickets", json!({"cfg_name": name, "cfg_size": size}))
            .await;
    }
    for (function, operator, values, expected) in [
        ("In", "in", ["1", "9"], ["a", "c"].as_slice()),
        ("NotIn", "not-in", ["1", "9"], &["b"]),
        ("Between", "between", ["1", "5"], &["a", "b"]),
        ("NotBetween", "not-between", ["1", "5"], &["c"]),
    ] {
        let expected: BTreeSet<String> = expected.iter().map(|name| (*name).to_owned()).collect();
        let filter = format!(
            "Microsoft.Dynamics.CRM.{function}(PropertyName='cfg_size',PropertyValues=[\"{}\",\"{}\"])",
            values[0], values[1]
        );
        assert_eq!(found(&desk, &filter).await, expected, "{filter}");
        let condition = format!(
            "<condition attribute='cfg_size' operator='{operator}'><value>{}</value><value>{}</value></condition>",
            values[0], values[1]
        );
        assert_eq!(fetched(&desk, &condition).await, expected, "{condition}");
    }
}

/// The emulator's caller, and the organization's business units from the top.
async fn people(desk: &Desk) -> (String, Vec<String>) {
    let me = desk.get("WhoAmI").await.json();
    let units = desk
        .get("businessunits?$select=name,_parentbusinessunitid_value&$orderby=name")
        .await
        .rows();
    let id = |unit: &serde_json::Value| unit["businessunitid"].as_str().expect("an id").to_owned();
    let mut chain = Vec::new();
    let top = units
        .iter()
        .find(|unit| unit["_parentbusinessunitid_value"].is_null());
    let mut at = top.map(id);
    while let Some(unit) = at {
        at = units
            .iter()
            .find(|below| below["_parentbusinessunitid_value"] == unit.as_str())
            .map(id);
        chain.push(unit);
    }
    (me["UserId"].as_str().expect("an id").to_owned(), chain)
}

#[tokio::test]
async fn section_3_the_caller_and_its_unit_are_found() {
    let desk = desk_with_table(TICKET).await;
    let (me, units) = people(&desk).await;
    let mine = json!({"cfg_name": "mine", "cfg_Agent@odata.bind": format!("/systemusers({me})"), "cfg_Unit@odata.bind": format!("/businessunits({})", units[0])});
    desk.create("cfg_tickets", mine).await;
    desk.create("cfg_tickets", json!({"cfg_name": "nobody's"}))
        .await;
    let one = |name: &str| BTreeSet::from([name.to_owned()]);
    for (function, operator, column, expected) in [
        ("EqualUserId", "eq-userid", "cfg_agent", one("mine")),
        ("NotEqualUserId", "ne-userid", "cfg_agent", one("nobody's")),
        (
            "EqualUserOrUserTeams",
            "eq-useroruserteams",
            "cfg_agent",
            one("mine"),
        ),
        (
            "EqualUserTeams",
            "eq-userteams",
            "cfg_agent",
            BTreeSet::new(),
        ),
        (
            "EqualUserOrUserHierarchy",
            "eq-useroruserhierarchy",
            "cfg_agent",
            one("mine"),
        ),
        (
            "EqualUserOrUserHierarchyAndTeams",
            "eq-useroruserhierarchyandteams",
            "cfg_agent",
            one("mine"),
        ),
        ("EqualBusinessId", "eq-businessid", "cfg_unit", one("mine")),
        (
            "NotEqualBusinessId",
            "ne-businessid",
            "cfg_unit",
            one("nobody's"),
        ),
    ] {
        let filter = format!("Microsoft.Dynamics.CRM.{function}(PropertyName='{column}')");
        assert_eq!(found(&desk, &filter).await, expected, "{filter}");
        let condition = format!("<condition attribute='{column}' operator='{operator}'/>");
        assert_eq!(fetched(&desk, &condition).await, expected, "{condition}");
    }
    let language = desk
        .get("usersettingscollection?$filter=Microsoft.Dynamics.CRM.EqualUserLanguage(PropertyName='uilanguageid')&$top=1")
        .await;
    assert_eq!(language.rows().len(), 1);
}

#[tokio::test]
async fn section_3_rows_are_found_by_their_place_in_a_hierarchy() {
    let desk = desk_with_table(TICKET).await;
    let (me, units) = people(&desk).await;
    assert!(units.len() >= 2, "a unit below another: {units:?}");
    for (name, unit) in [("top", &units[0]), ("below", &units[1])] {
        let body =
            json!({"cfg_name": name, "cfg_Unit@odata.bind": format!("/businessunits({unit})")});
        desk.create("cfg_tickets", body).await;
    }
    let set = |names: &[&str]| -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    };
    for (function, operator, unit, expected) in [
        ("Under", "under", &units[0], set(&["below"])),
        (
            "UnderOrEqual",
            "eq-or-under",
            &units[0],
            set(&["below", "top"]),
        ),
        ("NotUnder", "not-under", &units[1], set(&["top"])),
        ("Above", "above", &units[1], set(&["top"])),
        (
            "AboveOrEqual",
            "eq-or-above",
            &units[1],
            set(&["below", "top"]),
        ),
    ] {
        let filter = format!(
            "Microsoft.Dynamics.CRM.{function}(PropertyName='cfg_unit',PropertyValue='{unit}')"
        );
        assert_eq!(found(&desk, &filter).await, expected, "{filter}");
        let condition =
            format!("<condition attribute='cfg_unit' operator='{operator}' value='{unit}'/>");
        assert_eq!(fetched(&desk, &condition).await, expected, "{condition}");
    }
    // The members of a manager's team are found through `parentsystemuserid`.
    let users = desk
        .get("systemusers?$select=systemuserid&$top=50")
        .await
        .rows();
    let below = users
        .iter()
        .filter_map(|user| user["systemuserid"].as_str())
        .find(|id| *id != me)
        .expect("somebody else");
    let path = format!("systemusers({below})");
    desk.patch(
        &path,
        json!({"parentsystemuserid@odata.bind": format!("/systemusers({me})")}),
    )
    .await
    .expect(204);
    let body =
        json!({"cfg_name": "team's", "cfg_Agent@odata.bind": format!("/systemusers({below})")});
    desk.create("cfg_tickets", body).await;
    let filter = "Microsoft.Dynamics.CRM.EqualUserOrUserHierarchy(PropertyName='cfg_agent')";
    assert_eq!(found(&desk, filter).await, set(&["team's"]));
    let filter = format!(
        "cfg_tickets?$filter=Microsoft.Dynamics.CRM.Under(PropertyName='cfg_name',PropertyValue='{me}')"
    );
    desk.get(&filter).await.expect(400);
}

#[tokio::test]
async fn section_3_other_functions_and_wrong_calls_are_query_errors() {
    let desk = desk().await;
    for call in [
        "ContainValues(PropertyName='msdyn_name',PropertyValues=[\"1\"])",
        "NoSuchFunction(PropertyName='msdyn_name')",
        "Today(PropertyName='createdon',PropertyValue='1')",
        "LastXDays(PropertyName='createdon')",
        "Between(PropertyName='createdon',PropertyValues=[\"2026-01-01\"])",
    ] {
        let filter = encode(&format!("Microsoft.Dynamics.CRM.{call}"));
        let answer = desk
            .get(&format!("msdyn_sessiontemplates?$filter={filter}"))
            .await
            .expect(400);
        assert_eq!(answer.code(), "0x80060888", "{call}");
    }
}

#[tokio::test]
async fn what_only_dataverse_carries_out_is_told_apart_from_wrong_requests() {
    let desk = desk().await;
    let fiscal = encode("Microsoft.Dynamics.CRM.ThisFiscalYear(PropertyName='createdon')");
    let fetch = |inner: &str| {
        let name = "msdyn_sessiontemplate";
        let inner = inner.replace(
            "LINK",
            "<link-entity name='systemuser' from='systemuserid' to='ownerid' link-type='",
        );
        encode(&format!(
            "<fetch aggregate='{}'><entity name='{name}'>{inner}</entity></fetch>",
            inner.contains("group")
        ))
    };
    let grouped = "<attribute name='createdon' groupby='true' alias='m' dategrouping='";
    for (query, names) in [
        ("$apply=aggregate($count%20as%20n)".to_owned(), "$apply"),
        ("$deltatoken=1".to_owned(), "$deltatoken"),
        (
            "savedQuery=0c0f0000-0000-4000-8000-000000000001".to_owned(),
            "savedQuery",
        ),
        (
            "userQuery=0c0f0000-0000-4000-8000-000000000001".to_owned(),
            "userQuery",
        ),
        (format!("$filter={fiscal}"), "ThisFiscalYear"),
        (format!("fetchXml={}", fetch("LINKexists'/>")), "exists"),
        (
            format!("fetchXml={}", fetch("<filter>LINKnot any'/></filter>")),
            "not any",
        ),
        (
            format!("fetchXml={}", fetch(&format!("{grouped}fiscal-year'/>"))),
            "fiscal-year",
        ),
        (
            format!(
                "fetchXml={}",
                fetch(
                    "<filter><condition attribute='createdon' operator='this-fiscal-year'/></filter>"
                )
            ),
            "this-fiscal-year",
        ),
    ] {
        let answer = desk.get(&format!("msdyn_sessiontemplates?{query}")).await;
        let answer = answer.expect(501);
        assert_eq!(answer.code(), "0x80040315", "{query}");
        let said = answer.message();
        assert!(
            said.starts_with("The emulator does not support ") && said.contains(names),
            "{said}"
        );
    }
    // Queries that Dataverse rejects as well.
    for inner in ["LINKsideways'/>".to_owned(), format!("{grouped}decade'/>")] {
        desk.get(&format!(
            "msdyn_sessiontemplates?fetchXml={}",
            fetch(&inner)
        ))
        .await
        .expect(400);
    }
    let soap = desk.emulator.url().trim_end_matches('/').to_owned()
        + "/XRMServices/2011/Organization.svc/web";
    let answer = send(desk.client.get(soap)).await.expect(404);
    assert!(answer.text.contains("cannot use it"), "{}", answer.text);
}

/// The reply follows Microsoft's sample for functions and actions. Clients read the name, the tenant and the endpoints from it.
#[tokio::test]
async fn an_organization_tells_its_name_its_tenant_and_its_endpoints() {
    let desk = desk().await;
    let access = "AccessType=Microsoft.Dynamics.CRM.EndpointAccessType'Default'";
    let current = desk
        .get(&format!("RetrieveCurrentOrganization({access})"))
        .await
        .expect(200)
        .json();
    let detail = current["Detail"].as_object().expect("an object");
    let words: BTreeSet<&str> = detail.keys().map(String::as_str).collect();
    assert_eq!(
        words,
        BTreeSet::from([
            "OrganizationId",
            "FriendlyName",
            "OrganizationVersion",
            "EnvironmentId",
            "DatacenterId",
            "Geo",
            "TenantId",
            "UrlName",
            "UniqueName",
            "State",
            "Endpoints",
        ])
    );
    assert!(
        detail
            .values()
            .all(|value| *value != json!("") && !value.is_null()),
        "{detail:?}"
    );
    let home = format!("{}/", desk.emulator.url().trim_end_matches('/'));
    assert_eq!(detail["Endpoints"]["Values"][0], json!(home));
}

#[tokio::test]
async fn section_3_lookups_are_ordered_by_the_name_of_their_row() {
    let desk = desk_with_table(TICKET).await;
    let users = desk
        .get("systemusers?$select=fullname&$orderby=fullname&$top=3")
        .await
        .rows();
    for (name, user) in ["third", "second", "first"].iter().zip(users.iter().rev()) {
        let id = user["systemuserid"].as_str().expect("an id");
        let body = json!({"cfg_name": name, "cfg_Agent@odata.bind": format!("/systemusers({id})")});
        desk.create("cfg_tickets", body).await;
    }
    for order in [
        "_cfg_agent_value",
        "cfg_Agent/fullname",
        "@p1&@p1=_cfg_agent_value",
    ] {
        let rows = desk
            .get(&format!("cfg_tickets?$select=cfg_name&$orderby={order}"))
            .await
            .rows();
        let names: Vec<&str> = rows
            .iter()
            .filter_map(|row| row["cfg_name"].as_str())
            .collect();
        assert_eq!(names, ["first", "second", "third"], "{order}");
    }
}

#[tokio::test]
async fn a_column_that_the_environment_lacks_may_stand_in_a_text() {
    let desk = desk_with(Switches {
        missing_columns: ["msdyn_sessiontemplate.msdyn_title".to_owned()].into(),
        ..Switches::default()
    })
    .await;
    for (query, status) in [
        ("$filter=msdyn_name eq 'msdyn_title'", 200),
        ("$filter=msdyn_title eq 'x'", 400),
        (
            "$filter=Microsoft.Dynamics.CRM.In(PropertyName='msdyn_title',PropertyValues=[\"x\"])",
            400,
        ),
        ("$filter=contains(msdyn_name,'it''s msdyn_title')", 200),
        ("$orderby=msdyn_title", 400),
        ("$select=msdyn_title", 400),
        (
            "fetchXml=<fetch><entity name='msdyn_sessiontemplate'><attribute name='msdyn_title'/></entity></fetch>",
            400,
        ),
    ] {
        let (option, value) = query.split_once('=').expect("an option");
        let path = format!("msdyn_sessiontemplates?{option}={}", encode(value));
        let answer = desk.get(&path).await;
        assert_eq!(answer.status, status, "{query}: {}", answer.text);
    }
}

#[test]
fn every_query_function_stands_in_the_documentation() {
    let page = include_str!("../../../../docs/emulator.md");
    let table = include_str!("../../src/odata/functions.rs");
    let named = table
        .lines()
        .filter_map(|line| {
            line.trim()
                .trim_start_matches('(')
                .strip_prefix('"')?
                .split_once('"')
        })
        .map(|(name, _)| name);
    let mut count = 0;
    for name in named.filter(|name| {
        name.starts_with(char::is_uppercase) && name.chars().all(char::is_alphanumeric)
    }) {
        assert!(
            page.split(|c: char| !c.is_alphanumeric())
                .any(|word| word == name),
            "{name} is not in docs/emulator.md"
        );
        count += 1;
    }
    assert!(count > 60, "{count} functions were found in the table");
}
