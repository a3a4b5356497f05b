//! Sets: who is added, who is removed, and that only the link is removed.

use deskstate_model::tables;
use deskstate_reconcile::plan::{Difference, Limits, Operation, Options, transactions};
use serde_json::{Value as Json, json};

use super::{document, operations, profile, session, tab};
use crate::world::{World, declare, settings};

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
    let operations = operations(&plan);
    assert!(
        matches!(operations[..], [Operation::Unlink { .. }]),
        "{operations:?}"
    );
    world.sync(&less, &Options::default(), &settings).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn taking_an_agent_out_of_a_profile_takes_the_link_away_and_never_the_user() {
    let world = World::plain().await;
    let settings = settings(200, Some(false));
    let of = |users: &[&str]| {
        declare(
            json!({}),
            &[profile("contoso_agents", json!({"users": users}))],
        )
    };
    let both = ["ada@contoso.com", "lin@contoso.com"];
    world.sync(&of(&both), &Options::default(), &settings).await;
    let mark = world.mark().await;
    let users = mark.table("systemuser");
    world
        .sync(&of(&both[..1]), &Options::default(), &settings)
        .await;
    assert_eq!(world.mark().await.table("systemuser"), users);
}

/// Added and removed members, as people see them.
async fn coming_and_going(world: &World, users: Json) -> Vec<String> {
    let declared = declare(
        json!({}),
        &[profile("contoso_agents", json!({"users": users}))],
    );
    let (plan, _) = world.plan(&declared, &Options::default()).await;
    let fields = plan.changes.iter().flat_map(|change| &change.fields);
    fields
        .filter_map(|field| match &field.difference {
            Difference::Added { member, .. } => Some(format!("+{member}")),
            Difference::Removed { member, .. } => Some(format!("-{member}")),
            Difference::Value { .. } | Difference::Copy { .. } => None,
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_set_says_whether_it_is_exact_or_at_least_and_who_must_not_be_there() {
    let world = World::plain().await;
    let there = json!(["ada@contoso.com", "lin@contoso.com"]);
    let declared = declare(
        json!({}),
        &[profile("contoso_agents", json!({"users": there}))],
    );
    world
        .sync(&declared, &Options::default(), &settings(200, Some(false)))
        .await;
    for (users, expected) in [
        (
            json!(["ada@contoso.com", "nora@contoso.com"]),
            vec!["+nora@contoso.com", "-lin@contoso.com"],
        ),
        (
            json!({"mode": "atLeast", "members": ["nora@contoso.com"]}),
            vec!["+nora@contoso.com"],
        ),
        (
            json!({"mode": "atLeast", "members": [], "without": ["lin@contoso.com", "dana@contoso.com"]}),
            vec!["-lin@contoso.com"],
        ),
        (json!(["LIN@contoso.com", "Ada@Contoso.com"]), vec![]),
        (json!([]), vec!["-ada@contoso.com", "-lin@contoso.com"]),
    ] {
        let mut found = coming_and_going(&world, users.clone()).await;
        found.sort();
        assert_eq!(found, expected, "{users}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_name_takes_the_place_of_the_old_one_in_one_transaction() {
    // A profile may have only one template per table, so the old one has to be removed first.
    let world = World::plain().await;
    let settings = settings(200, Some(false));
    let named = |name: &str| {
        let spec = json!({"displayName": "S", "type": "Entity", "entity": "incident"});
        document("SessionTemplate", name, spec)
    };
    let of = |name: &str| profile("contoso_agents", json!({"sessionTemplates": [name]}));
    let before = declare(json!({}), &[named("contoso_old"), of("contoso_old")]);
    world.sync(&before, &Options::default(), &settings).await;
    let after = declare(
        json!({}),
        &[
            named("contoso_new"),
            of("contoso_new"),
            super::absent("SessionTemplate", "contoso_old"),
        ],
    );
    let (plan, _) = world.plan(&after, &Options::default()).await;
    let cut = transactions(
        &plan,
        Limits {
            operations: 200,
            server_adds_parts: false,
            server_rewrites_parts: false,
        },
    );
    assert!(
        matches!(
            cut[0].operations[..],
            [
                Operation::Create { .. },
                Operation::Unlink { .. },
                Operation::Link { .. },
                Operation::Delete { .. }
            ]
        ),
        "{cut:?}"
    );
    assert_eq!(cut.len(), 1);
    world.sync(&after, &Options::default(), &settings).await;
    let live = world.look(&after.desired).await;
    assert!(live.table(&tables::SESSION).named("contoso_old").is_empty());
}
