//! What hurts users of rival tools, each as a scenario that does not hurt here.

use deskstate_model::{Policy, Removals};
use deskstate_reconcile::plan::{Action, Operation, Options};
use deskstate_reconcile::review::{Finding, ReviewRules, denies, review};
use deskstate_reconcile::{plan_file, reach};
use serde_json::{Value as Json, json};

use crate::world::{Declared, World, declare, settings};

fn document(kind: &str, name: &str, spec: Json) -> Json {
    json!({"apiVersion": "deskstate/v1", "kind": kind, "metadata": {"name": name}, "spec": spec})
}

fn tab(name: &str) -> Json {
    document(
        "ApplicationTab",
        name,
        json!({"displayName": "Tab", "pageType": "ThirdPartyWebsite", "parameters": {"url": "https://a.example/"}}),
    )
}

fn session(tabs: &[&str], title: Json) -> Json {
    document(
        "SessionTemplate",
        "contoso_s",
        json!({"displayName": "S", "type": "Entity", "entity": "incident", "title": title, "additionalTabs": tabs}),
    )
}

async fn judged(
    world: &World,
    declared: &Declared,
    options: &Options,
    rules: &ReviewRules,
) -> Vec<Finding> {
    let (plan, live) = world.plan(declared, options).await;
    let reach = reach(&plan, &declared.desired, &live);
    review(&plan, &declared.desired, &live, &reach, rules)
}

fn codes(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|finding| finding.code).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn taking_a_tab_out_of_a_set_takes_the_link_away_and_never_the_tab() {
    let world = World::plain().await;
    let settings = settings(200, Some(false));
    world
        .sync(
            &declare(
                json!({}),
                &[
                    tab("contoso_a"),
                    tab("contoso_b"),
                    session(&["contoso_a", "contoso_b"], json!("x")),
                ],
            ),
            &Options::default(),
            &settings,
        )
        .await;
    let less = declare(
        json!({}),
        &[
            tab("contoso_a"),
            tab("contoso_b"),
            session(&["contoso_a"], json!("x")),
        ],
    );
    let (plan, _) = world.plan(&less, &Options::default()).await;
    let operations: Vec<&Operation> = plan
        .changes
        .iter()
        .flat_map(|change| &change.operations)
        .collect();
    assert!(
        matches!(operations[..], [Operation::Unlink { .. }]),
        "{operations:?}"
    );
    world.sync(&less, &Options::default(), &settings).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_somebody_deleted_is_planned_anew_and_no_error() {
    let world = World::plain().await;
    let settings = settings(200, Some(false));
    let both = declare(
        json!({}),
        &[tab("contoso_a"), session(&["contoso_a"], json!("x"))],
    );
    world.sync(&both, &Options::default(), &settings).await;
    let gone = declare(
        json!({}),
        &[
            tab("contoso_a"),
            json!({"apiVersion": "deskstate/v1", "kind": "SessionTemplate", "metadata": {"name": "contoso_s", "state": "absent"}}),
        ],
    );
    world.sync(&gone, &Options::default(), &settings).await;
    let (plan, _) = world.plan(&both, &Options::default()).await;
    assert_eq!(
        plan.changes
            .iter()
            .map(|change| change.action)
            .collect::<Vec<_>>(),
        [Action::Create]
    );
    world.sync(&both, &Options::default(), &settings).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cleared_text_converges_in_one_run() {
    let world = World::plain().await;
    let settings = settings(200, Some(false));
    for title in [json!("x"), Json::Null, json!("y")] {
        world
            .sync(
                &declare(json!({}), &[session(&[], title)]),
                &Options::default(),
                &settings,
            )
            .await;
    }
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
async fn a_reviewed_plan_is_refused_once_anything_in_it_changed() {
    let world = World::plain().await;
    let settings = settings(200, Some(false));
    let sources = deskstate_model::SourceMap::default();
    world
        .sync(
            &declare(json!({}), &[session(&[], json!("x"))]),
            &Options::default(),
            &settings,
        )
        .await;
    let wanted = declare(json!({}), &[session(&[], json!("y"))]);
    let (plan, live) = world.plan(&wanted, &Options::default()).await;
    let about = plan_file::About {
        environment: "local",
        revision: None,
        sources: &sources,
    };
    let mut saved = plan.clone();
    saved
        .changes
        .iter_mut()
        .for_each(|change| change.declared_at = None);
    let file = plan_file::read(&plan_file::write(&saved, &about)).unwrap();
    assert_eq!(plan_file::compare(&file, &plan, &live), []);
    world
        .sync(
            &declare(json!({}), &[session(&[], json!("by hand"))]),
            &Options::default(),
            &settings,
        )
        .await;
    let (now, live) = world.plan(&wanted, &Options::default()).await;
    let differences = plan_file::compare(&file, &now, &live);
    assert!(
        matches!(&differences[..], [plan_file::Divergence::Different { paths, last_write: Some(_), .. }] if paths[..] == ["title".to_owned()]),
        "{differences:?}"
    );
}
