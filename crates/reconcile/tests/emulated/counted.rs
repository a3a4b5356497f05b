//! Counts requests: their number grows with tables and pages, never with rows.

use std::collections::BTreeSet;

use deskstate_dataverse::{Changeset, Filter, Operation, Outcome, Query};
use deskstate_emulator::{Config, Scale, Switches};
use deskstate_reconcile::Desired;
use deskstate_reconcile::plan::Options;
use serde_json::{Value as Json, json};
use uuid::Uuid;

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
    world.admin("DELETE", "stats", "").await;
    let (plan, before) = world.plan(&declared, &Options::default()).await;
    let (reads, nothing) = world.stats().await;
    assert_eq!((plan.changes.len(), nothing), (500, 0));
    assert!(reads <= 2, "{reads} requests to read");
    let replan = |live: &deskstate_reconcile::live::Live| {
        deskstate_reconcile::plan(&declared.desired, live, &Options::default())
    };
    let settings = settings(1000, Some(false));
    let applied = world
        .carry_out(&plan, &declared.desired, &settings, &before, &replan)
        .await
        .unwrap();
    assert_eq!((applied.transactions, applied.operations), (1, 500));
    let (all, writes) = world.stats().await;
    assert_eq!(writes, 500);
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
    world.admin("DELETE", "stats", "").await;
    let (_, applied) = world.apply(&declared, &Options::default(), &settings).await;
    assert_eq!(applied.unwrap().operations, 1);
    let (requests, writes) = world.stats().await;
    assert!(requests <= 4, "{requests} requests");
    assert_eq!(writes, 1);
}

/// Creates links, which generated rows lack, in one changeset per thousand.
async fn link(
    world: &World,
    set: &str,
    navigation: &str,
    target_set: &str,
    pairs: &[(Uuid, Uuid)],
) {
    for pairs in pairs.chunks(1000) {
        let operations = pairs.iter().map(|(id, target)| Operation::Link {
            set: set.to_owned(),
            id: *id,
            navigation: navigation.to_owned(),
            target_set: target_set.to_owned(),
            target: *target,
        });
        let changeset = Changeset {
            operations: operations.collect(),
            solution: None,
        };
        let outcome = world.session.commit(&changeset).await;
        assert!(matches!(outcome, Outcome::Committed), "{outcome:?}");
    }
}

async fn ids(world: &World, set: &str, key: &str, filter: Filter) -> Vec<Uuid> {
    let query = Query::rows(set).select([key]).filter(filter);
    let answers = world.session.reader().read(&[query]).await.unwrap();
    let rows = &answers[0].as_ref().unwrap().rows;
    rows.iter().filter_map(|row| row.uuid(key)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_sessions_with_two_tabs_each_and_five_thousand_agents_take_three_requests() {
    let world = World::with(Config {
        scale: Scale {
            agents: 5000,
            sessions: 1000,
        },
        ..Config::default()
    })
    .await;
    let every = |key: &str| Filter::ne(key, Uuid::nil());
    let users = ids(
        &world,
        "systemusers",
        "systemuserid",
        Filter::eq("isdisabled", false),
    )
    .await;
    let key = "msdyn_appconfigurationid";
    let named = Filter::eq("msdyn_uniquename", "alex_inbox");
    let profile = ids(&world, "msdyn_appconfigurations", key, named).await[0];
    let key = "msdyn_sessiontemplateid";
    let sessions = ids(&world, "msdyn_sessiontemplates", key, every(key)).await;
    let key = "msdyn_applicationtabtemplateid";
    let tabs = ids(&world, "msdyn_applicationtabtemplates", key, every(key)).await;
    assert!(users.len() >= 5000 && sessions.len() >= 1000 && tabs.len() >= 1000);
    let linked: BTreeSet<(Uuid, Uuid)> = {
        let live = world.look(&Desired::default()).await;
        let all = live.links.values().flat_map(|links| links.pairs.iter());
        all.copied().collect()
    };
    let fresh = |pairs: Vec<(Uuid, Uuid)>| -> Vec<(Uuid, Uuid)> {
        let pairs = pairs.into_iter().filter(|pair| !linked.contains(pair));
        pairs.collect()
    };
    let assigned = fresh(users.iter().map(|user| (profile, *user)).collect());
    link(
        &world,
        "msdyn_appconfigurations",
        "msdyn_appconfiguration_systemuser",
        "systemusers",
        &assigned,
    )
    .await;
    let two_tabs = sessions.iter().enumerate().flat_map(|(number, session)| {
        [0, 1].map(|step| (*session, tabs[(number + step) % tabs.len()]))
    });
    link(
        &world,
        "msdyn_sessiontemplates",
        "msdyn_sessiontemplate_applicationtab",
        "msdyn_applicationtabtemplates",
        &fresh(two_tabs.collect()),
    )
    .await;

    let before = world.session.reader().requests();
    let live = world.look(&Desired::default()).await;
    let requests = world.session.reader().requests() - before;
    let most = live.links.values().map(|links| links.pairs.len()).max();
    assert!(most >= Some(5000), "{most:?} links at most");
    assert!(requests <= 3, "{requests} requests");
}

/// Bytes that an apply of new tabs sends if a transaction holds ten writes. The server adds parameter rows, so the declared ones are written
/// afterwards, and each is read again after its tab was.
async fn bytes_of_an_apply(tabs: usize) -> u64 {
    let world = World::with(Config::default()).await;
    let tab = |number: usize| {
        json!({"apiVersion": "deskstate/v1", "kind": "ApplicationTab", "metadata": {"name": format!("contoso_t{number:03}")},
            "spec": {"displayName": "Tab", "title": "Tab", "pageType": "EntityRecord",
                "parameters": {"entityName": "contact", "entityId": "{id}"}}})
    };
    let declared = declare(json!({}), &(0..tabs).map(tab).collect::<Vec<_>>());
    world.admin("DELETE", "stats", "").await;
    let (_, applied) = world
        .apply(&declared, &Options::default(), &settings(10, None))
        .await;
    assert!(applied.unwrap().is_verified());
    let stats: Json = serde_json::from_str(&world.admin("GET", "stats", "").await).unwrap();
    stats["requestBytes"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_apply_in_many_transactions_sends_as_much_as_it_writes() {
    let (few, many) = (bytes_of_an_apply(40).await, bytes_of_an_apply(160).await);
    assert!(many < few * 5, "{few} bytes for 40 tabs, {many} for 160");
}
