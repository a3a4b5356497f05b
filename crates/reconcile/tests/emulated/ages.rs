//! Environments of other years: what sets nothing that came later works in each.

use std::collections::BTreeMap;

use deskstate_emulator::{Age, Config, Switches};
use deskstate_reconcile::plan::Options;
use serde_json::{Value as Json, json};

use crate::world::{World, declare, same, settings};

fn document(kind: &str, name: &str, spec: Json) -> Json {
    json!({"apiVersion": "deskstate/v1", "kind": kind, "metadata": {"name": name}, "spec": spec})
}

/// Fields that environments have had since 2022, and no others.
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
