//! Sections 7 and 8: throttling, gateways and lost connections, from fault scripts.

use crate::desk::{Desk, changeset, desk, desk_of, field, part, send};
use deskstate_emulator::Config;
use reqwest::Method;
use serde_json::{Value as Json, json};

async fn script(desk: &Desk, rules: Json) {
    let url = format!("{}/__emulator/faults", desk.emulator.url());
    send(
        desk.client
            .post(url)
            .body(json!({"formatVersion": 1, "rules": rules}).to_string()),
    )
    .await
    .expect(204);
}

/// Sends a create over a new connection. Returns `None` if no complete answer arrived.
async fn create(desk: &Desk, name: &str) -> Option<u16> {
    let client = reqwest::Client::builder()
        .pool_max_idle_per_host(0)
        .build()
        .expect("client");
    let request = client
        .post(desk.url("msdyn_notificationfields"))
        .header("Content-Type", "application/json");
    let response = request
        .header("Prefer", "return=representation")
        .body(field(name).to_string())
        .send()
        .await
        .ok()?;
    let status = response.status().as_u16();
    response.bytes().await.ok().map(|_| status)
}

async fn count(desk: &Desk) -> usize {
    desk.get("msdyn_notificationfields").await.rows().len()
}

pub(crate) async fn stats(desk: &Desk) -> Json {
    send(
        desk.client
            .get(format!("{}/__emulator/stats", desk.emulator.url())),
    )
    .await
    .json()
}

#[tokio::test]
async fn section_8_a_throttled_request_is_told_its_code_and_when_to_come_back() {
    let desk = desk().await;
    script(&desk, json!([{"when": {"nth": 1}, "fault": {"kind": "throttle", "limit": "time", "retryAfter": 7}}])).await;
    let answer = desk.get("WhoAmI").await.expect(429);
    assert_eq!(
        (answer.code().as_str(), answer.header("retry-after")),
        ("0x80072321", "7")
    );
    desk.get("WhoAmI").await.expect(200);
}

#[tokio::test]
async fn gateways_answer_with_html() {
    let desk = desk().await;
    script(&desk, json!([{"when": {"path": "%solutions%", "times": 2}, "fault": {"kind": "gateway", "status": 503, "retryAfter": 1}}])).await;
    let answer = desk.get("solutions").await.expect(503);
    assert!(
        answer.header("content-type").starts_with("text/html")
            && answer.text.contains("<h1>Service Unavailable</h1>")
    );
    desk.get("publishers").await.expect(200);
}

#[tokio::test]
async fn a_connection_dropped_before_the_commit_changes_nothing_and_after_it_keeps_everything() {
    let desk = desk().await;
    script(
        &desk,
        json!([{"when": {"nth": 1, "method": "POST"}, "fault": {"kind": "dropBefore"}}]),
    )
    .await;
    assert_eq!(create(&desk, "contoso_a").await, None);
    assert_eq!(count(&desk).await, 0);
    script(
        &desk,
        json!([{"when": {"nth": 1, "method": "POST"}, "fault": {"kind": "dropAfter"}}]),
    )
    .await;
    assert_eq!(create(&desk, "contoso_a").await, None);
    assert_eq!(count(&desk).await, 1);
    assert_eq!(stats(&desk).await["faults"], 2);
}

#[tokio::test]
async fn a_late_commit_shows_after_the_connection_was_lost() {
    let desk = desk().await;
    script(
        &desk,
        json!([{"when": {"method": "POST"}, "fault": {"kind": "lateCommit", "delayMs": 1500}}]),
    )
    .await;
    assert_eq!(create(&desk, "contoso_a").await, None);
    assert_eq!(count(&desk).await, 0);
    for _ in 0..200 {
        if count(&desk).await == 1 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("the late commit never came");
}

#[tokio::test]
async fn a_cut_body_ends_in_the_middle_although_the_commit_stands() {
    let desk = desk().await;
    script(
        &desk,
        json!([{"when": {"method": "POST"}, "fault": {"kind": "cutBody", "bytes": 10}}]),
    )
    .await;
    assert_eq!(create(&desk, "contoso_a").await, None);
    assert_eq!(count(&desk).await, 1);
}

#[tokio::test]
async fn section_12_an_expired_token_is_challenged() {
    let desk = desk().await;
    script(
        &desk,
        json!([{"when": {"nth": 1}, "fault": {"kind": "expiredToken"}}]),
    )
    .await;
    let answer = desk.get("WhoAmI").await.expect(401);
    let challenge = answer.header("www-authenticate");
    assert!(
        challenge.starts_with("Bearer error=\"invalid_token\"")
            && challenge.contains("authorization_uri=\"http")
            && challenge.contains("/oauth2/authorize\", resource_id="),
        "{challenge}"
    );
}

#[tokio::test]
async fn section_4_an_edit_slipped_in_between_makes_the_etag_stale() {
    let desk = desk().await;
    let id = desk.field("contoso_a").await;
    let path = format!("msdyn_notificationfields({id})");
    let etag = desk.get(&path).await.json()["@odata.etag"]
        .as_str()
        .expect("etag")
        .to_owned();
    let edit = json!({"kind": "foreignEdit", "set": "msdyn_notificationfields", "id": id, "body": {"msdyn_value": "theirs"}});
    script(
        &desk,
        json!([{"when": {"path": "$batch", "writes": true, "times": 1}, "fault": edit}]),
    )
    .await;
    let body = changeset(&[part(
        1,
        &format!("PATCH {path}"),
        &format!("If-Match: {etag}\n"),
        "{\"msdyn_value\":\"ours\"}",
    )]);
    let answer = desk.batch(&body, None).await.expect(400);
    assert!(answer.text.contains("HTTP/1.1 412"), "{}", answer.text);
    let row = desk.get(&path).await.json();
    assert_eq!(row["msdyn_value"], "theirs");
    assert_ne!(
        row["_modifiedby_value"],
        "0c0f0000-0000-4000-8000-000000000a01"
    );
}

#[tokio::test]
async fn stats_count_requests_bytes_parts_and_committed_writes_by_kind() {
    let desk = desk().await;
    let body = changeset(&[
        part(
            1,
            "POST msdyn_notificationfields",
            "",
            &field("contoso_a").to_string(),
        ),
        part(2, "PATCH $1", "", "{\"msdyn_value\":\"v\"}"),
    ]);
    let succeeded = desk.batch(&body, None).await.expect(200).text.len();
    let failing = changeset(&[part(
        1,
        "POST msdyn_notificationfields",
        "",
        &field("contoso_a").to_string(),
    )]);
    let failed = desk.batch(&failing, None).await.expect(400).text.len();
    let shown = stats(&desk).await;
    assert_eq!(
        (&shown["httpRequests"], &shown["batchParts"]),
        (&json!(2), &json!(3))
    );
    assert_eq!(shown["writes"], json!({"create": 1, "update": 1}));
    assert_eq!(
        shown["requestBytes"],
        [body, failing]
            .map(|sent| sent.replace('\n', "\r\n").len())
            .iter()
            .sum::<usize>()
    );
    assert_eq!(shown["replyBytes"], succeeded + failed);
    let reset = format!("{}/__emulator/stats", desk.emulator.url());
    send(desk.client.request(Method::DELETE, reset))
        .await
        .expect(204);
    assert_eq!(stats(&desk).await["httpRequests"], 0);
}

#[tokio::test]
async fn a_script_may_be_in_force_from_the_start() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("faults.json");
    let config = |text: &str| {
        std::fs::write(&path, text).expect("written");
        Config {
            faults: Some(path.clone()),
            ..Config::default()
        }
    };
    let desk = desk_of(config(
        r#"{"formatVersion":1,"rules":[{"when":{"nth":1},"fault":{"kind":"gateway"}}]}"#,
    ))
    .await;
    desk.get("WhoAmI").await.expect(502);
    desk.get("WhoAmI").await.expect(200);
    for wrong in [
        "{",
        r#"{"formatVersion":2}"#,
        r#"{"formatVersion":1,"rules":[{"fault":{"kind":"fire"}}]}"#,
    ] {
        assert!(
            deskstate_emulator::Emulator::start(config(wrong))
                .await
                .is_err(),
            "{wrong}"
        );
    }
}
