//! Environments of other years: projects without newer fields work in each.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use deskstate_emulator::{Age, Config, Switches};
use deskstate_reconcile::plan::Options;
use serde_json::{Value as Json, json};

use crate::world::{World, declare, same, settings};

fn document(kind: &str, name: &str, spec: Json) -> Json {
    json!({"apiVersion": "deskstate/v1", "kind": kind, "metadata": {"name": name}, "spec": spec})
}

/// Documents with only those fields that environments have had since 2022.
fn since_2022(title: &str) -> Vec<Json> {
    vec![
        document(
            "NotificationField",
            "contoso_field",
            json!({"displayName": "Caller", "header": "Caller", "order": 1}),
        ),
        document(
            "NotificationTemplate",
            "contoso_note",
            json!({"displayName": "Note", "title": title, "fields": [{"shared": "contoso_field"}]}),
        ),
        document(
            "ApplicationTab",
            "contoso_tab",
            json!({"displayName": "Search", "pageType": "ThirdPartyWebsite", "parameters": {"url": "https://a.example/?q={customerName}"}}),
        ),
        document(
            "SessionTemplate",
            "contoso_session",
            json!({"displayName": "Session", "type": "Generic", "title": title, "anchorTab": "contoso_tab"}),
        ),
        document(
            "AppProfile",
            "contoso_profile",
            json!({"displayName": "Profile", "app": "CustomerServiceApps", "sessionTemplates": ["contoso_session"], "users": ["ada@contoso.com"]}),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_project_that_sets_nothing_newer_is_applied_changed_and_undone_in_every_age() {
    for age in Age::ALL {
        let world = World::with(Config {
            switches: Switches {
                tab_makes_parameters: false,
                ..age.switches()
            },
            ..Config::default()
        })
        .await;
        let (options, settings) = (Options::default(), settings(200, Some(false)));
        let mark = world.mark().await;
        let (first, second) = (
            declare(json!({}), &since_2022("{customerName}")),
            declare(json!({}), &since_2022("Call")),
        );
        let made = world.sync(&first, &options, &settings).await;
        let before = world.since(&mark).await;
        assert!(!before.is_empty());
        let changed = world.sync(&second, &options, &settings).await;
        world.undo(&second, &changed, &settings).await;
        same(&before, &world.since(&mark).await, &format!("{age:?}"));
        world.undo(&first, &made, &settings).await;
        same(
            &BTreeMap::new(),
            &world.since(&mark).await,
            &format!("{age:?}"),
        );
    }
}

/// Test modules that use only the newest age, and why.
const NEWEST: &[(&str, &str)] = &[
    (
        "cannot",
        "what a plan says of names and rows; what an age lacks is in `lacking`",
    ),
    (
        "counted",
        "counts requests of an environment that lacks nothing",
    ),
    ("hardest", "one switch at a time"),
    (
        "lacking",
        "takes away whatever an age may lack, alone and in pairs",
    ),
    (
        "pains",
        "complaints about other tools, each on its own rows",
    ),
];

#[test]
fn every_law_meets_every_age_or_there_is_a_reason() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/emulated");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let main = read("main.rs");
    let modules = main
        .lines()
        .filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';'));
    let tests = modules.filter(|name| !["world", "project"].contains(name));
    let meets_all = |name: &str| {
        let text = match folder.join(format!("{name}.rs")).exists() {
            true => read(&format!("{name}.rs")),
            false => read(&format!("{name}/mod.rs")),
        };
        text.contains("Age::ALL") || text.contains("of_every_age()")
    };
    let newest: BTreeSet<&str> = tests.filter(|name| !meets_all(name)).collect();
    let said: BTreeSet<&str> = NEWEST.iter().map(|(name, _)| *name).collect();
    assert_eq!(newest, said);
    assert!(NEWEST.iter().all(|(_, why)| !why.is_empty()));
}
