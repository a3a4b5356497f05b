//! A campaign of faults: whatever goes wrong on the way, a transaction happened as a whole or not at all, nothing is there twice, and
//! running again ends in sync. A few seeds in the normal run; `DESKSTATE_CAMPAIGN_SEEDS` asks for more.

use std::collections::BTreeSet;

use deskstate_reconcile::plan::Options;
use serde_json::{Value as Json, json};

use crate::project::{Chance, project};
use crate::world::{World, declare, no_errors, settings};

/// What goes wrong; `kind` and more, as the emulator's scripts write it.
fn faults() -> Vec<Json> {
    vec![
        json!({"kind": "throttle", "retryAfter": 0}),
        json!({"kind": "gateway", "status": 502}),
        json!({"kind": "gateway", "status": 503}),
        json!({"kind": "dropBefore"}),
        json!({"kind": "dropAfter"}),
        json!({"kind": "lateCommit", "delayMs": 60}),
        json!({"kind": "cutBody", "bytes": 200}),
        json!({"kind": "expiredToken"}),
    ]
}

fn seeds() -> u64 {
    std::env::var("DESKSTATE_CAMPAIGN_SEEDS")
        .ok()
        .and_then(|seeds| seeds.parse().ok())
        .unwrap_or(24)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_goes_wrong_a_transaction_is_whole_and_running_again_ends_in_sync() {
    let settings = settings(1000, Some(false));
    let options = Options {
        prune: BTreeSet::from(["contoso".to_owned()]),
        ..Options::default()
    };
    let (first, second) = (
        declare(json!({}), &project(3)),
        declare(json!({}), &project(4)),
    );
    let world = World::plain().await;
    let untouched = world.content().await;
    world.sync(&first, &options, &settings).await;
    let before = world.content().await;
    let start = world.admin("GET", "dump", "").await;
    world.sync(&second, &options, &settings).await;
    let after = world.content().await;
    assert_ne!(before, after);
    assert_ne!(untouched, before);
    let (mut whole, mut nothing, mut unknown) = (0, 0, 0);
    for seed in 0..seeds() {
        world.admin("POST", "load", &start).await;
        let mut chance = Chance::new(seed);
        let all = faults();
        let fault = &all[chance.below(all.len())];
        let live = world.look(&second.desired).await;
        let (plan, found) = deskstate_reconcile::plan(&second.desired, &live, &options);
        no_errors(&found);
        // The write, or one of the reads after it, once or until the client gives up.
        let when = json!({"nth": 1 + chance.below(3), "times": 1 + chance.below(4)});
        let when = if chance.yes(50) {
            json!({"writes": true})
        } else {
            when
        };
        world
            .faults(&json!({"formatVersion": 1, "rules": [{"when": when, "fault": fault}]}))
            .await;
        let replan = |live: &deskstate_reconcile::live::Live| {
            deskstate_reconcile::plan(&second.desired, live, &options)
        };
        let outcome = world
            .carry_out(&plan, &second.desired, &settings, &replan)
            .await;
        world.no_faults().await;
        // What comes late comes before this.
        tokio::time::sleep(std::time::Duration::from_millis(80)).await;
        let now = world.content().await;
        if now == after {
            whole += 1;
        } else {
            assert!(
                now == before,
                "seed {seed}, {fault}: neither before nor after"
            );
            nothing += 1;
        }
        match &outcome {
            Ok(applied) => {
                assert!(applied.mismatches.is_empty(), "seed {seed}, {fault}");
                assert!(
                    now == after,
                    "seed {seed}, {fault}: said to be done, and is not"
                );
            }
            Err(deskstate_reconcile::apply::ApplyError::Unknown { .. }) => unknown += 1,
            Err(_) => {}
        }
        world.sync(&second, &options, &settings).await;
        assert!(
            world.content().await == after,
            "seed {seed}, {fault}: running again went elsewhere"
        );
    }
    eprintln!(
        "{} seeds: {whole} carried out, {nothing} not, {unknown} of unknown outcome; all ended in sync",
        seeds()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_by_somebody_else_at_any_step_is_never_lost() {
    let settings = settings(1000, Some(false));
    let documents = |title: &str| {
        vec![
            json!({"apiVersion": "deskstate/v1", "kind": "SessionTemplate", "metadata": {"name": "contoso_s"},
            "spec": {"displayName": "S", "type": "Entity", "entity": "incident", "title": title}}),
        ]
    };
    for step in 1..=4 {
        let world = World::plain().await;
        let options = Options::default();
        let first = declare(json!({}), &documents("first"));
        world.sync(&first, &options, &settings).await;
        let second = declare(json!({}), &documents("second"));
        let (plan, live) = world.plan(&second, &options).await;
        let id = plan.changes[0].id;
        drop(live);
        let edit = json!({"kind": "foreignEdit", "set": "msdyn_sessiontemplates", "id": id, "body": {"msdyn_title": "by hand"}});
        world
            .faults(&json!({"formatVersion": 1, "rules": [{"when": {"nth": step}, "fault": edit}]}))
            .await;
        let replan = |live: &deskstate_reconcile::live::Live| {
            deskstate_reconcile::plan(&second.desired, live, &options)
        };
        let outcome = world
            .carry_out(&plan, &second.desired, &settings, &replan)
            .await;
        let told = world.admin("GET", "faults", "").await;
        world.no_faults().await;
        let live = world.look(&second.desired).await;
        let row = live
            .row(&deskstate_reconcile::kinds::tables::SESSION, id)
            .unwrap();
        match step {
            // Before the write: refused, and the edit stands.
            1 => {
                assert!(outcome.is_err(), "{told}");
                assert_eq!(row.row.text("msdyn_title"), Some("by hand"));
            }
            // After it: the edit stands and is told apart from what was written.
            2 => {
                let applied = outcome.unwrap();
                assert_eq!(row.row.text("msdyn_title"), Some("by hand"));
                assert!(!applied.mismatches.is_empty());
            }
            _ => assert_eq!(row.row.text("msdyn_title"), Some("second"), "{outcome:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_applies_at_once_one_wins_and_the_other_changes_nothing() {
    let settings = settings(1000, Some(false));
    let options = Options::default();
    let world = World::plain().await;
    world
        .sync(&declare(json!({}), &project(3)), &options, &settings)
        .await;
    let (left, right) = (
        declare(json!({}), &project(4)),
        declare(json!({}), &project(5)),
    );
    let (left_plan, _) = world.plan(&left, &options).await;
    let (right_plan, _) = world.plan(&right, &options).await;
    let replan = |live: &deskstate_reconcile::live::Live| {
        deskstate_reconcile::plan(&left.desired, live, &options)
    };
    world
        .carry_out(&left_plan, &left.desired, &settings, &replan)
        .await
        .unwrap();
    let between = world.content().await;
    let replan = |live: &deskstate_reconcile::live::Live| {
        deskstate_reconcile::plan(&right.desired, live, &options)
    };
    let second = world
        .carry_out(&right_plan, &right.desired, &settings, &replan)
        .await;
    assert!(second.is_err(), "it was planned from what is no more");
    assert!(
        world.content().await == between,
        "the second changed something"
    );
}
