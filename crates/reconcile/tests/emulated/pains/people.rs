//! People: referred to by their names in each environment, and reported if they are missing there.

use deskstate_reconcile::plan;
use deskstate_reconcile::plan::{Operation, Options};
use serde_json::{Value as Json, json};

use super::{operations, profile};
use crate::world::{World, declare, settings};

/// The number of linked users in a plan for a profile with these users, and the findings.
async fn planned(world: &World, users: Json) -> (usize, Vec<(&'static str, bool, String)>) {
    let declared = declare(
        json!({}),
        &[profile("contoso_agents", json!({"users": users}))],
    );
    let live = world.look(&declared.desired).await;
    let (plan, found) = plan(&declared.desired, &live, &Options::default());
    let links = operations(&plan)
        .iter()
        .filter(|operation| matches!(operation, Operation::Link { .. }))
        .count();
    let found = found.into_iter();
    let found = found.map(|one| (one.code, one.is_error(), one.message));
    (links, found.collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_are_found_by_what_people_call_them_and_unknown_and_disabled_ones_are_named() {
    let world = World::plain().await;
    // Sofia by her object id, Ada by her principal name with different case.
    let (links, found) = planned(
        &world,
        json!(["7d0a3c52-9d4e-4c0f-8f54-2f1b7f7a9c11", "ADA@contoso.com"]),
    )
    .await;
    assert_eq!((links, found), (2, vec![]));
    let (links, found) = planned(&world, json!(["ada@contoso.com", "gone@contoso.com"])).await;
    assert_eq!(links, 1);
    assert_eq!(
        found,
        [(
            "user-skipped",
            false,
            "`gone@contoso.com` is disabled and is skipped".to_owned()
        )]
    );
    let (links, found) = planned(&world, json!(["ada@contoso.com", "pipeline@contoso.com"])).await;
    assert_eq!(links, 1);
    assert_eq!(
        found[0].2,
        "`pipeline@contoso.com` is an application user and is skipped"
    );
    let (links, found) = planned(&world, json!(["ada@contoso.com", "nobody@contoso.com"])).await;
    assert_eq!(links, 1);
    assert_eq!(
        found,
        [(
            "lookup-missing",
            true,
            "the environment has no user `nobody@contoso.com`".to_owned()
        )]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_who_is_not_found_takes_nobody_out_of_an_exact_set() {
    let world = World::plain().await;
    let of = |users: &[&str]| {
        declare(
            json!({}),
            &[profile("contoso_agents", json!({"users": users}))],
        )
    };
    let both = of(&["ada@contoso.com", "lin@contoso.com"]);
    world
        .sync(&both, &Options::default(), &settings(200, Some(false)))
        .await;
    let slip = of(&["ada@contoso.com", "linn@contoso.com"]);
    let live = world.look(&slip.desired).await;
    let (plan, found) = plan(&slip.desired, &live, &Options::default());
    assert!(
        plan.is_empty() && found.iter().any(|one| one.code == "lookup-missing"),
        "{found:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_team_brings_its_members_and_one_that_is_not_there_takes_nobody_out() {
    let world = World::plain().await;
    let of = |team: &str| {
        let users = json!({"mode": "exact", "members": [], "fromTeams": [team]});
        declare(
            json!({}),
            &[profile("contoso_agents", json!({"users": users}))],
        )
    };
    world
        .sync(
            &of("Voice agents"),
            &Options::default(),
            &settings(200, Some(false)),
        )
        .await;
    for missing in ["Nobody's team", "Desktop owners"] {
        let declared = of(missing);
        let live = world.look(&declared.desired).await;
        let (plan, found) = plan(&declared.desired, &live, &Options::default());
        assert!(plan.is_empty(), "{:?}", plan.changes);
        assert!(
            found
                .iter()
                .any(|one| one.code == "team-unreadable" && one.is_error()),
            "{found:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_who_is_wanted_in_two_profiles_under_two_names_is_an_error() {
    let world = World::plain().await;
    let declared = declare(
        json!({}),
        &[
            profile(
                "contoso_a",
                json!({"rank": 4, "users": ["sofia.lind@contoso.com"]}),
            ),
            profile(
                "contoso_b",
                json!({"rank": 5, "users": ["7d0a3c52-9d4e-4c0f-8f54-2f1b7f7a9c11"]}),
            ),
        ],
    );
    let live = world.look(&declared.desired).await;
    let (_, found) = plan(&declared.desired, &live, &Options::default());
    let codes: Vec<&str> = found.iter().map(|one| one.code).collect();
    assert_eq!(codes, ["user-in-two-profiles"]);
}
