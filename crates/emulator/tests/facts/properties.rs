//! Invariants: a changeset is all or nothing under every fault, and no update is lost with concurrent writers.

use std::sync::Arc;

use crate::desk::{Desk, changeset, desk, field, part, send};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value as Json, json};

/// One operation of a generated changeset. There are only a few rows, so that operations collide.
#[derive(Debug, Clone)]
enum Step {
    Create(u8),
    Update(u8),
    Stale(u8),
    Delete(u8),
    Link(u8),
    Unlink(u8),
    Invalid,
}

const TEMPLATE: &str = "0c0f0000-0000-4000-8000-000000000100";

fn id(number: u8) -> String {
    format!("0c0f0000-0000-4000-8000-0000000001{number:02x}")
}

fn parts(steps: &[Step]) -> Vec<String> {
    let links = format!(
        "msdyn_notificationtemplates({TEMPLATE})/msdyn_notificationtemplate_notificationfield"
    );
    let one = |at: usize, step: &Step| {
        let content_id = u32::try_from(at).expect("few") + 1;
        match step {
            Step::Create(number) => {
                let mut body = field(&format!("contoso_{number}"));
                body["msdyn_notificationfieldid"] = json!(id(*number + 1));
                part(
                    content_id,
                    "POST msdyn_notificationfields",
                    "",
                    &body.to_string(),
                )
            }
            Step::Update(number) => part(
                content_id,
                &format!("PATCH msdyn_notificationfields({})", id(*number + 1)),
                "If-Match: *\n",
                &json!({"msdyn_value": at})
                    .to_string()
                    .replace(&at.to_string(), "\"v\""),
            ),
            Step::Stale(number) => part(
                content_id,
                &format!("PATCH msdyn_notificationfields({})", id(*number + 1)),
                "If-Match: W/\"1\"\n",
                "{}",
            ),
            Step::Delete(number) => part(
                content_id,
                &format!("DELETE msdyn_notificationfields({})", id(*number + 1)),
                "",
                "",
            ),
            Step::Link(number) => part(
                content_id,
                &format!("POST {links}/$ref"),
                "",
                &json!({"@odata.id": format!("msdyn_notificationfields({})", id(*number + 1))})
                    .to_string(),
            ),
            Step::Unlink(number) => part(
                content_id,
                &format!("DELETE {links}({})/$ref", id(*number + 1)),
                "",
                "",
            ),
            Step::Invalid => part(
                content_id,
                "POST msdyn_notificationfields",
                "",
                "{\"msdyn_nothing\":1}",
            ),
        }
    };
    steps
        .iter()
        .enumerate()
        .map(|(at, step)| one(at, step))
        .collect()
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..4_u8).prop_map(Step::Create),
        4 => (0..4_u8).prop_map(Step::Update),
        1 => (0..4_u8).prop_map(Step::Stale),
        2 => (0..4_u8).prop_map(Step::Delete),
        3 => (0..4_u8).prop_map(Step::Link),
        1 => (0..4_u8).prop_map(Step::Unlink),
        1 => Just(Step::Invalid),
    ]
}

async fn dump(desk: &Desk) -> Json {
    send(
        desk.client
            .get(format!("{}/__emulator/dump", desk.emulator.url())),
    )
    .await
    .json()
}

async fn reset(desk: &Desk) {
    send(
        desk.client
            .post(format!("{}/__emulator/reset", desk.emulator.url())),
    )
    .await
    .expect(204);
    let body = json!({"msdyn_notificationtemplateid": TEMPLATE, "msdyn_name": "n", "msdyn_uniquename": "contoso_n", "msdyn_title": "t"});
    desk.post("msdyn_notificationtemplates", body)
        .await
        .expect(204);
}

async fn fault(desk: &Desk, fault: &Json) {
    let script = json!({"formatVersion": 1, "rules": [{"when": {"path": "$batch", "nth": 1}, "fault": fault}]});
    send(
        desk.client
            .post(format!("{}/__emulator/faults", desk.emulator.url()))
            .body(script.to_string()),
    )
    .await
    .expect(204);
}

/// The state that the same changeset leaves without a fault, or `None` if it is rejected.
async fn undisturbed(desk: &Desk, body: &str) -> Option<Json> {
    reset(desk).await;
    let answer = desk.batch(body, None).await;
    (answer.status == 200).then_some(dump(desk).await)
}

#[test]
fn section_5_a_changeset_is_all_or_nothing_under_every_fault() {
    let runtime = tokio::runtime::Runtime::new().expect("runtime");
    let desk = runtime.block_on(desk());
    let faults = prop::sample::select(vec![
        Json::Null,
        json!({"kind": "dropBefore"}),
        json!({"kind": "dropAfter"}),
        json!({"kind": "cutBody", "bytes": 40}),
        json!({"kind": "lateCommit", "delayMs": 1}),
        json!({"kind": "gateway", "status": 502}),
    ]);
    let mut runner = TestRunner::new(Config {
        cases: 24,
        failure_persistence: None,
        ..Config::default()
    });
    let result = runner.run(
        &(prop::collection::vec(step(), 1..8), faults),
        |(steps, disturbance)| {
            runtime.block_on(async {
                let body = changeset(&parts(&steps));
                let mut disturbance = disturbance;
                let whole = undisturbed(&desk, &body).await;
                reset(&desk).await;
                let before = dump(&desk).await;
                if whole.is_none() && disturbance["kind"] == "lateCommit" {
                    // A rejected changeset never commits, so there is nothing to wait for.
                    disturbance = json!({"kind": "dropBefore"});
                }
                if !disturbance.is_null() {
                    fault(&desk, &disturbance).await;
                }
                let client = reqwest::Client::builder()
                    .pool_max_idle_per_host(0)
                    .build()
                    .expect("client");
                let request = client
                    .post(desk.url("$batch"))
                    .header("Content-Type", "multipart/mixed; boundary=b");
                // The answer may be lost; only the stored state counts.
                let _ = request.body(body.replace('\n', "\r\n")).send().await;
                let mut after = dump(&desk).await;
                // Waits for late commits, which would otherwise affect the next case.
                for _ in 0..500 {
                    if disturbance["kind"] != "lateCommit" || whole.as_ref() == Some(&after) {
                        break;
                    }
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                    after = dump(&desk).await;
                }
                match whole {
                    None => {
                        prop_assert_eq!(&after, &before, "a refused changeset changed something")
                    }
                    Some(whole) => prop_assert!(
                        after == before || after == whole,
                        "neither nothing nor everything"
                    ),
                }
                Ok(())
            })
        },
    );
    result.expect("the law holds");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn section_4_no_update_is_lost_under_concurrent_writers() {
    let desk = Arc::new(desk().await);
    let row = desk.field("contoso_counter").await;
    let path = format!("msdyn_notificationfields({row})");
    desk.patch(&path, json!({"msdyn_order": 0}))
        .await
        .expect(204);
    let mut writers = Vec::new();
    for _ in 0..4 {
        let (desk, path) = (Arc::clone(&desk), path.clone());
        writers.push(tokio::spawn(async move {
            let mut stored = 0;
            while stored < 10 {
                let row = desk.get(&path).await.json();
                let next = row["msdyn_order"].as_i64().expect("number") + 1;
                let answer = desk
                    .patch_if(
                        &path,
                        row["@odata.etag"].as_str().expect("etag"),
                        json!({"msdyn_order": next}),
                    )
                    .await;
                match answer.status {
                    204 => stored += 1,
                    412 => {}
                    other => panic!("unexpected status {other}: {}", answer.text),
                }
            }
        }));
    }
    for writer in writers {
        writer.await.expect("written");
    }
    assert_eq!(desk.get(&path).await.json()["msdyn_order"], 40);
}
