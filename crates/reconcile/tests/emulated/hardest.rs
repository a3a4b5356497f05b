//! Behavior that is harder to handle than the emulator's defaults, and how deskstate deals with it.

use deskstate_emulator::{Config, Switches};
use deskstate_reconcile::plan::Options;
use serde_json::{Value as Json, json};

use crate::world::{World, declare, settings};

async fn world(switches: Switches) -> World {
    World::with(Config {
        switches,
        ..Config::default()
    })
    .await
}

fn profile(name: &str, users: &[&str]) -> Json {
    json!({"apiVersion": "deskstate/v1", "kind": "AppProfile", "metadata": {"name": name},
        "spec": {"displayName": name, "app": "CustomerServiceApps", "users": {"mode": "exact", "members": users, "moves": "allow"}}})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_moves_between_profiles_where_nobody_may_have_two() {
    let world = world(Switches {
        one_profile_per_user: true,
        ..Switches::default()
    })
    .await;
    let settings = settings(200, Some(true));
    let options = Options::default();
    let agent = "ada@contoso.com";
    for [a, b] in [
        [vec![agent], vec![]],
        [vec![], vec![agent]],
        [vec![agent], vec![]],
    ] {
        let profiles = [profile("contoso_a", &a), profile("contoso_b", &b)];
        world
            .sync(&declare(json!({}), &profiles), &options, &settings)
            .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_the_environment_empties_is_reported_and_not_taken_for_written() {
    let world = world(Switches {
        unknown_slugs_nulled: true,
        ..Switches::default()
    })
    .await;
    let tab = |url: &str| {
        json!({"apiVersion": "deskstate/v1", "kind": "ApplicationTab", "metadata": {"name": "contoso_search"},
            "spec": {"displayName": "Search", "pageType": "ThirdPartyWebsite", "parameters": {"url": url}}})
    };
    let settings = settings(200, Some(true));
    let declared = declare(json!({}), &[tab("https://a.example/?q={searchQ}")]);
    let (_, applied) = world.apply(&declared, &Options::default(), &settings).await;
    let applied = applied.unwrap();
    assert!(!applied.mismatches.is_empty(), "the server stored nothing");
    let known = declare(json!({}), &[tab("https://a.example/?q={customerName}")]);
    world.sync(&known, &Options::default(), &settings).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_vendors_prefix_is_refused_as_a_whole() {
    let world = world(Switches {
        foreign_prefixes_refused: true,
        ..Switches::default()
    })
    .await;
    let field = |name: &str| {
        json!({"apiVersion": "deskstate/v1", "kind": "NotificationField", "metadata": {"name": name},
            "spec": {"displayName": "Field", "header": "Line", "order": 1}})
    };
    let declared = declare(json!({}), &[field("contoso_a"), field("fabrikam_a")]);
    let mark = world.mark().await;
    let settings = settings(200, Some(true));
    let (_, applied) = world.apply(&declared, &Options::default(), &settings).await;
    assert!(applied.is_err(), "the environment refuses the prefix");
    assert!(world.since(&mark).await.is_empty(), "nothing was stored");
}
