//! Deletes: only on request, counted, last, and only if everything is visible.

use std::collections::BTreeSet;

use deskstate_dataverse::Value;
use deskstate_model::tables;
use deskstate_model::{KindNameGlob, Policy, Removals};
use deskstate_reconcile::plan::{Action, Limits, Operation, Options, Plan, transactions};
use deskstate_reconcile::review::{ReviewRules, denies};
use serde_json::{Value as Json, json};

use super::{absent, by_hand, codes, document, judged, new_row, session, tab};
use crate::world::{World, declare, settings};

fn owning(prefix: &str) -> Options {
    Options {
        prune: BTreeSet::from([prefix.to_owned()]),
        ..Options::default()
    }
}

fn deleted(plan: &Plan) -> Vec<String> {
    let changes = plan.changes.iter();
    changes
        .filter(|change| change.action == Action::Delete)
        .map(|change| change.key.to_string())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_that_takes_away_much_is_refused_with_the_numbers_and_the_narrowest_override() {
    let world = World::plain().await;
    let settings = settings(1000, Some(false));
    let names: Vec<String> = (0..12).map(|number| format!("contoso_t{number}")).collect();
    let mut documents: Vec<Json> = names.iter().map(|name| tab(name)).collect();
    documents.push(session(
        &names.iter().map(String::as_str).collect::<Vec<_>>(),
        json!("x"),
    ));
    world
        .sync(
            &declare(json!({}), &documents),
            &Options::default(),
            &settings,
        )
        .await;
    let kept: Vec<&str> = names.iter().take(8).map(String::as_str).collect();
    *documents.last_mut().unwrap() = session(&kept, json!("x"));
    let less = declare(json!({}), &documents);
    let mut rules = ReviewRules {
        removals: Removals::default(),
        ..ReviewRules::default()
    };
    let found = judged(&world, &less, &Options::default(), &rules).await;
    assert_eq!(codes(&found), ["removals"]);
    assert!(
        found[0].message.contains("4 of 12 (33 %"),
        "{}",
        found[0].message
    );
    let allow = found[0].allow.clone().unwrap();
    assert_eq!(allow.to_string(), "unlink=SessionTemplate.additionalTabs:4");
    rules.allow = vec![allow];
    assert!(!denies(
        &judged(&world, &less, &Options::default(), &rules).await
    ));
    *documents.last_mut().unwrap() = session(&[], json!("x"));
    let none = declare(json!({}), &documents);
    let found = judged(&world, &none, &Options::default(), &rules).await;
    assert!(
        denies(&found) && codes(&found).contains(&"set-emptied"),
        "{found:?}"
    );
    rules.policy.insert("set-emptied".to_owned(), Policy::Allow);
    assert!(
        !codes(&judged(&world, &none, &Options::default(), &rules).await).contains(&"set-emptied")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_goes_goes_last_and_says_who_still_uses_it() {
    let world = World::plain().await;
    let settings = settings(200, Some(false));
    let before = declare(
        json!({}),
        &[tab("contoso_old"), session(&["contoso_old"], json!("x"))],
    );
    world.sync(&before, &Options::default(), &settings).await;
    // From now on, the session belongs to somebody else, but still opens the tab.
    let after = declare(
        json!({}),
        &[absent("ApplicationTab", "contoso_old"), tab("contoso_new")],
    );
    let found = judged(&world, &after, &Options::default(), &ReviewRules::default()).await;
    let said = found
        .iter()
        .find(|one| one.code == "still-referenced")
        .unwrap();
    assert!(
        said.message
            .contains("contoso_old is deleted and still used by")
            && said.message.contains("contoso_s"),
        "{}",
        said.message
    );
    let (plan, _) = world.plan(&after, &Options::default()).await;
    assert_eq!(plan.changes.last().unwrap().action, Action::Delete);
    let limits = Limits {
        operations: 200,
        server_adds_parts: false,
        server_rewrites_parts: false,
    };
    for transaction in transactions(&plan, limits) {
        let kinds = transaction.operations.iter();
        let deletes: Vec<bool> = kinds
            .map(|one| matches!(one, Operation::Delete { .. }))
            .collect();
        assert!(deletes.is_sorted(), "{deletes:?}");
    }
    world.sync(&after, &Options::default(), &settings).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_declares_stays_unless_its_prefix_is_owned_and_nothing_needs_it() {
    let world = World::plain().await;
    let settings = settings(200, Some(false));
    let all = [
        tab("contoso_kept"),
        tab("contoso_used"),
        tab("contoso_idle"),
        tab("alex_idle"),
        session(&["contoso_used"], json!("x")),
    ];
    world
        .sync(&declare(json!({}), &all), &Options::default(), &settings)
        .await;
    let mut kept = session(&[], json!("x"));
    kept["spec"]["additionalTabs"] = json!({"mode": "atLeast", "members": []});
    let less = declare(json!({}), &[tab("contoso_kept"), kept]);
    // Removing documents from a folder does not delete anything automatically.
    let (plan, _) = world.plan(&less, &Options::default()).await;
    assert!(plan.is_empty(), "{:?}", plan.changes);
    let (plan, _) = world.plan(&less, &owning("contoso")).await;
    assert_eq!(deleted(&plan), ["ApplicationTab contoso_idle"]);
    let protect = vec![KindNameGlob {
        kind: "ApplicationTab".to_owned(),
        name: "*_idle".to_owned(),
    }];
    let protected = Options {
        protect,
        ..owning("contoso")
    };
    let (plan, _) = world.plan(&less, &protected).await;
    assert!(plan.is_empty(), "{:?}", plan.changes);
    let part = Options {
        only: Some(less.desired.resources.keys().cloned().collect()),
        ..owning("contoso")
    };
    let (plan, _) = world.plan(&less, &part).await;
    assert!(
        plan.is_empty(),
        "a part of the project was seen: {:?}",
        plan.changes
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_was_not_read_empties_nothing() {
    let world = World::plain().await;
    let settings = settings(200, Some(false));
    let all = [tab("contoso_a"), tab("contoso_b"), session(&[], json!("x"))];
    world
        .sync(&declare(json!({}), &all), &Options::default(), &settings)
        .await;
    // No documents: nothing is pruned.
    let (plan, _) = world
        .plan(&declare(json!({}), &[]), &owning("contoso"))
        .await;
    assert!(plan.is_empty(), "{:?}", plan.changes);
    // No documents of one kind: refused, with the numbers.
    let less = declare(json!({}), &all[2..]);
    let found = judged(&world, &less, &owning("contoso"), &ReviewRules::default()).await;
    let refused = found
        .iter()
        .find(|one| one.code == "prune-to-empty")
        .unwrap();
    assert!(
        denies(&found) && refused.message.contains("2 of `ApplicationTab`"),
        "{}",
        refused.message
    );
    assert_eq!(
        refused.allow.as_ref().unwrap().to_string(),
        "prune=ApplicationTab:2"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_template_is_not_deleted_where_workstreams_cannot_be_read() {
    let world = World::plain().await;
    let settings = settings(200, Some(false));
    let before = declare(json!({}), &[session(&[], json!("x"))]);
    world.sync(&before, &Options::default(), &settings).await;
    world.hide(&["msdyn_liveworkstream"], None).await;
    let gone = declare(json!({}), &[absent("SessionTemplate", "contoso_s")]);
    let found = judged(&world, &gone, &Options::default(), &ReviewRules::default()).await;
    assert!(
        denies(&found) && codes(&found).contains(&"workstreams-unread"),
        "{found:?}"
    );
    let allow = found.iter().find_map(|one| one.allow.clone()).unwrap();
    assert_eq!(allow.to_string(), "reference=SessionTemplate/contoso_s:1");
    // Pruning cannot ask for an override, so it leaves the template alone.
    let (plan, _) = world
        .plan(&declare(json!({}), &[tab("contoso_a")]), &owning("contoso"))
        .await;
    assert_eq!(deleted(&plan), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_that_reaches_very_many_agents_says_so() {
    let world = World::plain().await;
    let users: Vec<&str> = [
        "ada",
        "lin",
        "nora",
        "dana",
        "amira.hassan",
        "jonas.weber",
        "sofia.lind",
        "dev.agent1",
        "dev.agent2",
        "dev.lead",
        "pilot.nora",
    ]
    .to_vec();
    let users: Vec<String> = users
        .iter()
        .map(|user| format!("{user}@contoso.com"))
        .collect();
    let of = |about: &str| {
        let spec = json!({"description": about, "users": users});
        declare(json!({}), &[super::profile("contoso_agents", spec)])
    };
    world
        .sync(&of("one"), &Options::default(), &settings(200, Some(false)))
        .await;
    let mut rules = ReviewRules {
        removals: Removals {
            max_agents: 1,
            ..Removals::default()
        },
        ..ReviewRules::default()
    };
    let found = judged(&world, &of("two"), &Options::default(), &rules).await;
    assert_eq!(codes(&found), ["many-agents"]);
    assert!(
        found[0].message.contains("11 agents (more than 10)"),
        "{}",
        found[0].message
    );
    assert!(!denies(&found));
    rules.policy.insert("many-agents".to_owned(), Policy::Deny);
    assert!(denies(
        &judged(&world, &of("two"), &Options::default(), &rules).await
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_that_somebody_added_by_hand_goes_only_from_a_list_that_is_declared() {
    let world = World::plain().await;
    let settings = settings(200, Some(false));
    let script = |more: Json| {
        let mut spec = json!({"displayName": "Script", "language": 1033});
        for (word, value) in more.as_object().unwrap() {
            spec[word] = value.clone();
        }
        declare(
            json!({}),
            &[document("AgentScript", "contoso_script", spec)],
        )
    };
    let one = json!({"steps": [{"displayName": "Greet", "text": "hello"}]});
    world
        .sync(&script(one.clone()), &Options::default(), &settings)
        .await;
    let live = world.look(&script(json!({})).desired).await;
    let id = live.table(&tables::SCRIPT).named("contoso_script")[0];
    let cells = [
        ("msdyn_uniquename", Value::from("contoso_byhand")),
        ("msdyn_name", "By hand".into()),
        ("msdyn_order", 2_i64.into()),
        ("msdyn_actiontype", 192_350_000_i64.into()),
        ("msdyn_textinstruction", "bye".into()),
        (
            "msdyn_agentscriptid",
            Value::Bind {
                set: tables::SCRIPT.set.to_owned(),
                id,
            },
        ),
    ];
    by_hand(&world, vec![new_row(&tables::STEP, 9, &cells)]).await;
    world.in_sync(&script(json!({})), &Options::default()).await;
    let (plan, _) = world.plan(&script(one), &Options::default()).await;
    let fields: Vec<&str> = plan.changes[0]
        .fields
        .iter()
        .map(|field| field.path.as_str())
        .collect();
    assert_eq!(fields, ["steps"], "{:?}", plan.changes);
}
