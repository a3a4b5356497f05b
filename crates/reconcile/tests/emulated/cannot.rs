//! Anything that cannot be planned is an error with a code, and nothing is planned instead.

use std::collections::BTreeSet;

use deskstate_emulator::{Config, Switches};
use deskstate_model::tables;
use deskstate_reconcile::plan::Options;
use serde_json::{Value as Json, json};

use crate::world::{World, declare, settings};

fn document(kind: &str, name: &str, spec: Json) -> Json {
    json!({"apiVersion": "deskstate/v1", "kind": kind, "metadata": {"name": name}, "spec": spec})
}

fn template(more: Json) -> Json {
    let mut spec = json!({"displayName": "S", "type": "Entity", "entity": "incident"});
    for (word, value) in more.as_object().unwrap() {
        spec[word] = value.clone();
    }
    document("SessionTemplate", "contoso_s", spec)
}

async fn with(switches: Switches) -> World {
    World::with(Config {
        switches: Switches {
            tab_makes_parameters: false,
            ..switches
        },
        ..Config::default()
    })
    .await
}

/// The errors of a plan for these documents, and the number of remaining changes.
async fn errors(world: &World, documents: &[Json]) -> (Vec<(&'static str, String)>, usize) {
    let declared = declare(json!({}), documents);
    let live = world.look(&declared.desired).await;
    let (plan, found) = deskstate_reconcile::plan(&declared.desired, &live, &Options::default());
    let errors = found.into_iter().filter(|one| one.is_error());
    (
        errors.map(|one| (one.code, one.message)).collect(),
        plan.changes.len(),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_somebody_else_is_to_bring_is_not_created_when_it_is_missing() {
    let world = World::plain().await;
    let mut existing = template(json!({"title": "x"}));
    existing["metadata"]["state"] = json!("existing");
    for word in ["displayName", "type", "entity"] {
        existing["spec"].as_object_mut().unwrap().remove(word);
    }
    let (found, left) = errors(&world, &[existing]).await;
    assert_eq!(left, 0);
    assert_eq!(found[0].0, "existing-missing", "{found:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_column_and_a_table_that_the_environment_lacks_are_named_by_their_fields() {
    let world = with(Switches {
        missing_columns: BTreeSet::from(["msdyn_sessiontemplate.msdyn_enabletitlesync".to_owned()]),
        missing_tables: BTreeSet::from(["msdyn_panetabconfiguration".to_owned()]),
        ..Switches::default()
    })
    .await;
    let (found, left) = errors(
        &world,
        &[template(json!({"applySessionTitleToAnchorTab": true}))],
    )
    .await;
    assert_eq!(left, 0);
    let said = "the environment lacks the column `msdyn_enabletitlesync` of `msdyn_sessiontemplate`, which `applySessionTitleToAnchorTab` needs".to_owned();
    assert_eq!(found, [("column-missing", said)]);
    let tool = json!({"displayName": "T", "type": "CustomPage", "controlName": "contoso_page"});
    let pane = json!({"displayName": "P", "tools": [{"tool": "contoso_tool"}]});
    let documents = [
        document("PaneTool", "contoso_tool", tool),
        document("ProductivityPane", "contoso_pane", pane),
    ];
    let (found, _) = errors(&world, &documents).await;
    let said = "the environment lacks the table `msdyn_panetabconfiguration`, which `tools` needs"
        .to_owned();
    assert_eq!(found, [("table-missing", said)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_id_of_a_row_that_somebody_renamed_is_not_taken_again() {
    let world = with(Switches {
        unique_names_are_immutable: false,
        ..Switches::default()
    })
    .await;
    let documents = [template(json!({}))];
    let declared = declare(json!({}), &documents);
    world
        .sync(&declared, &Options::default(), &settings(200, Some(false)))
        .await;
    let live = world.look(&declared.desired).await;
    let id = live.table(&tables::SESSION).named("contoso_s")[0];
    let path = format!("/api/data/v9.2/{}({id})", tables::SESSION.set);
    let renamed = json!({"msdyn_uniquename": "contoso_renamed"});
    world.send("PATCH", &path, &renamed.to_string()).await;
    let (found, left) = errors(&world, &documents).await;
    assert_eq!(left, 0);
    assert!(
        found[0].0 == "id-taken" && found[0].1.contains("contoso_renamed"),
        "{found:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_leads_to_nobody_or_to_somebody_unfit_is_said() {
    let world = World::plain().await;
    let owned_by = |owner: Json| [template(json!({"owner": owner}))];
    for (owner, code, said) in [
        (
            json!({"user": "gone@contoso.com"}),
            "lookup-unfit",
            "user `gone@contoso.com` is disabled",
        ),
        (
            json!({"team": "Nobody"}),
            "lookup-missing",
            "the environment has no team `Nobody`",
        ),
    ] {
        let (found, left) = errors(&world, &owned_by(owner)).await;
        assert_eq!(left, 0);
        assert_eq!(found, [(code, said.to_owned())]);
    }
    world.hide(&["Team"], None).await;
    let (found, left) = errors(&world, &owned_by(json!({"team": "Desktop owners"}))).await;
    assert_eq!(left, 0);
    assert_eq!(found[0].0, "lookup-unreadable", "{found:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_whose_name_another_resource_has_is_not_taken_from_it() {
    let world = World::plain().await;
    let script = |name: &str, step: Json| {
        let spec = json!({"displayName": "Script", "language": 1033, "steps": [step]});
        document("AgentScript", name, spec)
    };
    let named = json!({"name": "contoso_greet", "displayName": "Greet", "text": "hello"});
    let first = declare(json!({}), &[script("contoso_a", named.clone())]);
    world
        .sync(&first, &Options::default(), &settings(200, Some(false)))
        .await;
    let (found, _) = errors(&world, &[script("contoso_b", named)]).await;
    assert_eq!(found[0].0, "part-elsewhere", "{found:?}");
}
