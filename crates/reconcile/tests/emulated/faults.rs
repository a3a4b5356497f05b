//! Somebody else at the same time: edits are not lost, and of two applies one wins.

use deskstate_reconcile::plan::Options;
use serde_json::json;

use crate::project::project;
use crate::world::{World, declare, same, settings};

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
    let mark = world.mark().await;
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
    let between = world.since(&mark).await;
    let replan = |live: &deskstate_reconcile::live::Live| {
        deskstate_reconcile::plan(&right.desired, live, &options)
    };
    let second = world
        .carry_out(&right_plan, &right.desired, &settings, &replan)
        .await;
    assert!(second.is_err(), "it was planned from what is no more");
    let now = world.since(&mark).await;
    same(&between, &now, "the second changed something");
}
