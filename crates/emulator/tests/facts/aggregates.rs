//! Section 3: aggregates of fetchXml.

use serde_json::{Value as Json, json};

use crate::desk::{Desk, desk_with_table, encode};

const CALL: &str = "
table: cfg_call
set: cfg_calls
label: Call
plural: Calls
key: cfg_callid
name: cfg_name
columns:
- {name: cfg_callid, type: id, required: system}
- {name: cfg_name, type: string, length: 100}
- {name: cfg_begun, type: datetime}
- {name: cfg_minutes, type: integer}
- {name: cfg_cost, type: decimal}
- {name: cfg_kind, type: choice, options: {1: Voice, 2: Chat}}
- {name: cfg_agent, type: lookup, to: [systemuser], nav: cfg_Agent}
";

async fn calls() -> Desk {
    let desk = desk_with_table(CALL).await;
    let user = desk
        .get("systemusers?$select=fullname&$orderby=fullname&$top=1")
        .await
        .rows()[0]["systemuserid"]
        .clone();
    let agent = format!("/systemusers({})", user.as_str().expect("an id"));
    for (name, begun, minutes, cost, kind) in [
        ("a", "2025-12-31T10:00:00Z", json!(1), json!(0.5), 1),
        ("b", "2026-01-01T10:00:00Z", json!(2), json!(1.5), 1),
        ("b", "2026-04-07T10:00:00Z", json!(6), json!(2.5), 2),
        ("c", "2026-04-08T10:00:00Z", Json::Null, Json::Null, 2),
    ] {
        desk.create("cfg_calls", json!({"cfg_name": name, "cfg_begun": begun, "cfg_minutes": minutes, "cfg_cost": cost, "cfg_kind": kind, "cfg_Agent@odata.bind": agent})).await;
    }
    desk
}

async fn fetch(desk: &Desk, inner: &str) -> Vec<Json> {
    let xml = format!("<fetch aggregate='true'><entity name='cfg_call'>{inner}</entity></fetch>");
    desk.get_with(
        &format!("cfg_calls?fetchXml={}", encode(&xml)),
        "odata.include-annotations=\"*\"",
    )
    .await
    .rows()
}

#[tokio::test]
async fn section_3_rows_are_counted_summed_and_compared() {
    let desk = calls().await;
    let rows = fetch(
        &desk,
        "<attribute name='cfg_callid' aggregate='count' alias='rows'/>\
         <attribute name='cfg_minutes' aggregate='countcolumn' alias='timed'/>\
         <attribute name='cfg_name' aggregate='countcolumn' distinct='true' alias='names'/>\
         <attribute name='cfg_minutes' aggregate='sum' alias='minutes'/>\
         <attribute name='cfg_cost' aggregate='sum' alias='cost'/>\
         <attribute name='cfg_minutes' aggregate='avg' alias='mean'/>\
         <attribute name='cfg_minutes' aggregate='min' alias='shortest'/>\
         <attribute name='cfg_begun' aggregate='max' alias='latest'/>",
    )
    .await;
    let formatted = |rows: &[Json]| -> Vec<Json> {
        let values = rows[0].as_object().unwrap().iter();
        let is_formatted =
            |name: &str| name.ends_with("@OData.Community.Display.V1.FormattedValue");
        values
            .filter(|(name, _)| is_formatted(name))
            .map(|(_, value)| value.clone())
            .collect()
    };
    assert_eq!(
        formatted(&rows),
        ["4", "3", "3", "9", "1", "4/8/2026 10:00 AM"]
    );
    let mut rows = rows;
    rows[0]
        .as_object_mut()
        .unwrap()
        .retain(|name, _| !name.contains('@'));
    assert_eq!(
        rows,
        [
            json!({"rows": 4, "timed": 3, "names": 3, "minutes": 9, "cost": 4.5, "mean": 3.0, "shortest": 1, "latest": "2026-04-08T10:00:00Z"})
        ]
    );
    let none = fetch(
        &desk,
        "<attribute name='cfg_callid' aggregate='count' alias='rows'/><attribute name='cfg_minutes' aggregate='sum' alias='minutes'/>\
         <filter><condition attribute='cfg_name' operator='eq' value='z'/></filter>",
    )
    .await;
    assert_eq!(none[0]["rows"], 0);
    assert_eq!(none[0]["minutes"], Json::Null);
}

#[tokio::test]
async fn section_3_rows_are_grouped_by_values_and_parts_of_dates() {
    let desk = calls().await;
    let rows = fetch(
        &desk,
        "<attribute name='cfg_kind' groupby='true' alias='kind'/><attribute name='cfg_callid' aggregate='count' alias='rows'/><order alias='kind' descending='true'/>",
    )
    .await;
    assert_eq!((&rows[0]["kind"], &rows[0]["rows"]), (&json!(2), &json!(2)));
    assert_eq!(
        rows[0]["kind@OData.Community.Display.V1.FormattedValue"],
        "Chat"
    );
    assert_eq!(rows[1]["kind"], 1);
    for (part, expected) in [
        ("year", vec![(2025, 1), (2026, 3)]),
        ("quarter", vec![(1, 1), (2, 2), (4, 1)]),
        ("month", vec![(1, 1), (4, 2), (12, 1)]),
        ("week", vec![(1, 1), (15, 2), (53, 1)]),
        ("day", vec![(1, 1), (7, 1), (8, 1), (31, 1)]),
    ] {
        let rows = fetch(
            &desk,
            &format!("<attribute name='cfg_begun' groupby='true' dategrouping='{part}' alias='part'/><attribute name='cfg_callid' aggregate='count' alias='rows'/>"),
        )
        .await;
        let found: Vec<(i64, i64)> = rows
            .iter()
            .map(|row| {
                (
                    row["part"].as_i64().expect("a part"),
                    row["rows"].as_i64().expect("a count"),
                )
            })
            .collect();
        assert_eq!(found, expected, "{part}");
    }
}

#[tokio::test]
async fn section_3_linked_rows_are_grouped_too_and_groups_are_paged() {
    let desk = calls().await;
    let rows = fetch(
        &desk,
        "<attribute name='cfg_minutes' aggregate='sum' alias='minutes'/>\
         <link-entity name='systemuser' from='systemuserid' to='cfg_agent' alias='u'><attribute name='fullname' groupby='true' alias='who'/></link-entity>",
    )
    .await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["minutes"], 9);
    assert!(rows[0]["who"].is_string(), "{}", rows[0]);
    let page = |number: u32| {
        encode(&format!(
            "<fetch aggregate='true' count='2' page='{number}'><entity name='cfg_call'><attribute name='cfg_name' groupby='true' alias='name'/></entity></fetch>"
        ))
    };
    let one = desk
        .get_with(
            &format!("cfg_calls?fetchXml={}", page(1)),
            "odata.include-annotations=\"*\"",
        )
        .await;
    assert_eq!(one.json()["@Microsoft.Dynamics.CRM.morerecords"], true);
    assert_eq!(one.rows().len(), 2);
    let two = desk
        .get(&format!("cfg_calls?fetchXml={}", page(2)))
        .await
        .rows();
    assert_eq!(two[0]["name"], "c");
}

#[tokio::test]
async fn section_3_an_aggregate_without_alias_or_meaning_is_refused() {
    let desk = calls().await;
    for inner in [
        "<attribute name='cfg_minutes' aggregate='sum'/>",
        "<attribute name='cfg_minutes' alias='m'/>",
        "<attribute name='cfg_minutes' aggregate='median' alias='m'/>",
        "<attribute name='cfg_name' aggregate='sum' alias='m'/>",
        "<attribute name='cfg_begun' groupby='true' dategrouping='decade' alias='m'/>",
        "<attribute name='cfg_minutes' aggregate='sum' alias='m'/><order alias='x'/>",
    ] {
        let xml =
            format!("<fetch aggregate='true'><entity name='cfg_call'>{inner}</entity></fetch>");
        desk.get(&format!("cfg_calls?fetchXml={}", encode(&xml)))
            .await
            .expect(400);
    }
}
