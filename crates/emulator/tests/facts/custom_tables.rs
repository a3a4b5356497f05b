//! `--tables DIR`: tables that are not built in, and alternate keys of several columns (section 2).

use crate::desk::{Desk, desk_of};
use deskstate_emulator::Config;
use serde_json::json;

const QUEUE: &str = "
table: cfg_queue
set: cfg_queues
label: Queue
plural: Queues
ownership: organization
key: cfg_queueid
name: cfg_name
with: [state, stamps]
keys: {cfg_code_region: [cfg_code, cfg_region]}
columns:
- {name: cfg_queueid, type: id, required: system}
- {name: cfg_name, type: string, length: 100, required: application}
- {name: cfg_code, type: string, length: 20}
- {name: cfg_region, type: integer}
- {name: cfg_parent, type: lookup, to: [cfg_queue], nav: cfg_Parent, relation: {schema: cfg_queue_parent, collection: cfg_queue_children, delete: restrict}}
";
const SKILL: &str = "
table: cfg_skill
set: cfg_skills
label: Skill
plural: Skills
key: cfg_skillid
name: cfg_name
columns:
- {name: cfg_skillid, type: id, required: system}
- {name: cfg_name, type: string, length: 100}
";
const LINKS: &str = "
- schema: cfg_queue_skill
  tables: [cfg_queue, cfg_skill]
  navs: [cfg_queue_skill, cfg_queue_skill]
  intersect: cfg_queue_skill
  columns: [cfg_queueid, cfg_skillid]
";

async fn queues() -> Desk {
    let folder = tempfile::tempdir().expect("folder");
    for (name, text) in [
        ("queue.yaml", QUEUE),
        ("skill.yaml", SKILL),
        ("_relationships.yaml", LINKS),
    ] {
        std::fs::write(folder.path().join(name), text).expect("written");
    }
    desk_of(Config {
        tables: Some(folder.path().to_owned()),
        ..Config::default()
    })
    .await
}

#[tokio::test]
async fn section_2_alternate_keys_of_several_columns_address_create_and_stay_unique() {
    let desk = queues().await;
    desk.patch(
        "cfg_queues(cfg_code='A/1',cfg_region=2)",
        json!({"cfg_name": "Gold"}),
    )
    .await
    .expect(204);
    let row = desk
        .get("cfg_queues(cfg_region=2,cfg_code='a/1')")
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&row["cfg_name"], &row["cfg_code"]),
        (&json!("Gold"), &json!("A/1"))
    );
    desk.patch(
        "cfg_queues(cfg_code='A/1',cfg_region=2)",
        json!({"cfg_name": "Silver", "cfg_code": "ignored"}),
    )
    .await
    .expect(204);
    assert_eq!(desk.get("cfg_queues/$count").await.text, "1");
    let twice = desk
        .post(
            "cfg_queues",
            json!({"cfg_name": "x", "cfg_code": "a/1", "cfg_region": 2}),
        )
        .await;
    assert_eq!(twice.code(), "0x80060892");
    let id = row["cfg_queueid"].as_str().expect("id");
    desk.get(&format!("cfg_queues(cfg_queueid={id})"))
        .await
        .expect(200);
    assert_eq!(
        desk.get("cfg_queues(cfg_code='A/1')")
            .await
            .expect(400)
            .code(),
        "0x80060888"
    );
}

#[tokio::test]
async fn section_2_restricted_rows_are_not_deleted_and_children_are_a_collection() {
    let desk = queues().await;
    let parent = desk
        .create("cfg_queues", json!({"cfg_name": "parent"}))
        .await;
    let bind =
        json!({"cfg_name": "child", "cfg_Parent@odata.bind": format!("cfg_queues({parent})")});
    let child = desk.create("cfg_queues", bind).await;
    desk.post(
        "cfg_queues",
        json!({"cfg_name": "x", "cfg_parent@odata.bind": format!("cfg_queues({parent})")}),
    )
    .await
    .expect(400);
    let refused = desk
        .delete(&format!("cfg_queues({parent})"))
        .await
        .expect(405);
    assert_eq!(refused.code(), "0x80040227");
    let children = format!("cfg_queues({parent})/cfg_queue_children");
    assert_eq!(desk.get(&children).await.rows().len(), 1);
    desk.delete(&format!("{children}({child})/$ref"))
        .await
        .expect(204);
    desk.post(
        &format!("{children}/$ref"),
        json!({"@odata.id": format!("cfg_queues({child})")}),
    )
    .await
    .expect(204);
    let nested = format!(
        "cfg_queues({parent})?$select=cfg_name&$expand=cfg_queue_children($select=cfg_name;$expand=cfg_Parent($select=cfg_name))"
    );
    let row = desk.get(&nested).await.expect(200).json();
    assert_eq!(
        row["cfg_queue_children"][0]["cfg_Parent"]["cfg_name"],
        "parent"
    );
}

#[tokio::test]
async fn section_2_a_create_may_bind_a_whole_collection() {
    let desk = queues().await;
    let one = desk.create("cfg_skills", json!({"cfg_name": "1"})).await;
    let two = desk.create("cfg_skills", json!({"cfg_name": "2"})).await;
    let body = json!({"cfg_name": "q", "cfg_queue_skill@odata.bind": [format!("cfg_skills({one})"), desk.url(&format!("cfg_skills({two})"))]});
    let queue = desk.create("cfg_queues", body).await;
    assert_eq!(
        desk.get(&format!("cfg_queues({queue})/cfg_queue_skill/$ref"))
            .await
            .rows()
            .len(),
        2
    );
    desk.delete(&format!("cfg_skills({one})")).await.expect(204);
    assert_eq!(desk.get("cfg_queue_skillset").await.rows().len(), 1);
    desk.patch(
        &format!("cfg_queues({queue})"),
        json!({"cfg_queue_skill@odata.bind": []}),
    )
    .await
    .expect(400);
}

#[tokio::test]
async fn section_3_nested_collections_are_paged_with_links_that_continue() {
    let desk = queues().await;
    let root = desk.create("cfg_queues", json!({"cfg_name": "root"})).await;
    for number in 0..3 {
        let body = json!({"cfg_name": format!("child {number}"), "cfg_Parent@odata.bind": format!("cfg_queues({root})")});
        desk.create("cfg_queues", body).await;
    }
    let path = format!(
        "cfg_queues({root})?$expand=cfg_queue_children($select=cfg_name;$expand=cfg_Parent)"
    );
    let row = desk
        .get_with(&path, "odata.maxpagesize=2")
        .await
        .expect(200)
        .json();
    assert_eq!(
        row["cfg_queue_children"]
            .as_array()
            .expect("children")
            .len(),
        2
    );
    let link = row["cfg_queue_children@odata.nextLink"]
        .as_str()
        .expect("link");
    let rest = desk
        .get_with(
            link.split_once("/v9.2/").expect("root").1,
            "odata.maxpagesize=2",
        )
        .await;
    assert_eq!(rest.rows().len(), 1);
}
