//! Requests, counted: they grow with tables and pages, never with rows.

use deskstate_emulator::{Config, Scale, Switches};
use deskstate_reconcile::plan::Options;
use serde_json::{Value as Json, json};

use crate::world::{World, declare, settings};

fn field(number: usize, header: &str) -> Json {
    json!({"apiVersion": "deskstate/v1", "kind": "NotificationField", "metadata": {"name": format!("contoso_f{number}")},
        "spec": {"displayName": "Field", "header": header, "order": 10}})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_changes_are_one_write() {
    let world = World::plain().await;
    let declared = declare(
        json!({}),
        &(0..500)
            .map(|number| field(number, "Line"))
            .collect::<Vec<_>>(),
    );
    let before = world.session.reader().requests();
    let (plan, _) = world.plan(&declared, &Options::default()).await;
    let reads = world.session.reader().requests() - before;
    assert_eq!(plan.changes.len(), 500);
    let replan = |live: &deskstate_reconcile::live::Live| {
        deskstate_reconcile::plan(&declared.desired, live, &Options::default())
    };
    let applied = world
        .carry_out(
            &plan,
            &declared.desired,
            &settings(1000, Some(false)),
            &replan,
        )
        .await
        .unwrap();
    let all = world.session.reader().requests() - before;
    assert_eq!((applied.transactions, applied.operations), (1, 500));
    assert!(reads <= 2, "{reads} requests to read");
    assert_eq!(all, reads + 1 + applied.read_requests, "one request wrote");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_description_of_a_profile_with_two_hundred_agents_takes_at_most_four_requests() {
    let config = Config {
        scale: Scale {
            agents: 200,
            sessions: 0,
        },
        switches: Switches {
            tab_makes_parameters: false,
            ..Switches::default()
        },
        ..Config::default()
    };
    let world = World::with(config).await;
    let rows: Json = serde_json::from_str(&world.admin("GET", "dump", "").await).unwrap();
    let users: Vec<String> = rows["rows"]["systemuser"]
        .as_object()
        .unwrap()
        .values()
        .filter_map(|row| row["c"]["domainname"].as_str())
        .filter(|name| {
            ![
                "admin@contoso.com",
                "pipeline@contoso.com",
                "gone@contoso.com",
            ]
            .contains(name)
                && name.contains('@')
        })
        .map(str::to_owned)
        .take(200)
        .collect();
    assert_eq!(users.len(), 200);
    let profile = |about: &str| {
        json!({"apiVersion": "deskstate/v1", "kind": "AppProfile", "metadata": {"name": "contoso_agents"},
            "spec": {"displayName": "Agents", "app": "CustomerServiceApps", "rank": 3, "description": about, "users": {"mode": "exact", "members": users, "moves": "allow"}}})
    };
    let settings = settings(1000, Some(false));
    world
        .sync(
            &declare(json!({}), &[profile("before")]),
            &Options::default(),
            &settings,
        )
        .await;
    let declared = declare(json!({}), &[profile("after")]);
    let before = world.session.reader().requests();
    let (_, applied) = world.apply(&declared, &Options::default(), &settings).await;
    assert_eq!(applied.unwrap().operations, 1);
    let requests = world.session.reader().requests() - before;
    assert!(requests <= 4, "{requests} requests");
}
