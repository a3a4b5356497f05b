//! Reading only what a project needs results in the same plan as reading everything.

use std::collections::BTreeSet;

use deskstate_reconcile::extras::extras;
use deskstate_reconcile::live::Live;
use deskstate_reconcile::plan::Options;
use deskstate_reconcile::plan_file::digest;
use deskstate_reconcile::review::{ReviewRules, review};
use deskstate_reconcile::{Narrow, Scope, observe, plan, reach};
use serde_json::json;

use crate::project::project;
use crate::world::{Declared, World, declare, nth, of_every_age, on_all_cores, seeds, settings};

/// Everything that is reported to people and programs.
fn told(declared: &Declared, live: &Live, prefixes: &BTreeSet<String>) -> Vec<String> {
    let (mut plan, found) = plan(&declared.desired, live, &Options::default());
    plan.read_requests = 0;
    let reached = reach(&plan, &declared.desired, live);
    let rules = ReviewRules::default();
    let reviewed = review(&plan, &declared.desired, live, &reached, &rules);
    vec![
        format!("{plan:#?}"),
        digest(&plan, live).to_string(),
        format!("{found:#?}"),
        format!("{reached:#?}"),
        format!("{reviewed:#?}"),
        format!("{:#?}", extras(&declared.desired, live, prefixes)),
    ]
}

async fn look(world: &World, declared: &Declared, narrow: Option<Narrow>) -> Live {
    let scope = Scope {
        narrow,
        ..Scope::default()
    };
    observe(world.session.reader(), &declared.desired, &scope)
        .await
        .unwrap()
}

#[test]
fn what_is_read_in_part_plans_as_what_is_read_whole() {
    on_all_cores(seeds("LAW_SEEDS", 60), async |seeds| {
        let worlds = of_every_age().await;
        for seed in seeds {
            let (age, world) = nth(&worlds, seed);
            world.back().await;
            let others = declare(json!({}), &project(*age, seed + 3000));
            let documents: Vec<_> = project(*age, seed)
                .into_iter()
                .filter(|document| document["metadata"]["state"] != "absent")
                .collect();
            let own = declare(json!({}), &documents);
            let settings = settings(1000, Some(false));
            world.sync(&others, &Options::default(), &settings).await;
            for turn in ["others are there", "applied", "others came again"] {
                let prefixes = BTreeSet::from(["contoso".to_owned()]);
                for prefixes in [BTreeSet::new(), prefixes] {
                    let narrow = Narrow::of(&own.desired, &[], &prefixes);
                    assert!(narrow.is_some());
                    let part = look(world, &own, narrow).await;
                    let whole = look(world, &own, None).await;
                    let [part, whole] = [part, whole].map(|live| told(&own, &live, &prefixes));
                    let told = format!("seed {seed}, {age:?}, {turn}, {prefixes:?}");
                    for (part, whole) in part.iter().zip(&whole) {
                        let lines = part.lines().zip(whole.lines());
                        let differs = lines.clone().find(|(part, whole)| part != whole);
                        assert_eq!(differs, None, "{told}");
                        assert_eq!(part.len(), whole.len(), "{told}\n{part}\n{whole}");
                    }
                }
                let next = if turn == "applied" { &others } else { &own };
                world.sync(next, &Options::default(), &settings).await;
            }
        }
    });
}
