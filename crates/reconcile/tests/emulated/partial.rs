//! Anything that the caller may not see is not treated as absent.

use std::collections::BTreeSet;

use deskstate_model::Kind;
use deskstate_reconcile::plan::{Operation, Options};
use serde_json::json;

use crate::project::{Chance, project};
use crate::world::{declare, nth, of_every_age, on_all_cores, seeds, settings};

#[test]
fn where_a_caller_sees_a_part_nothing_is_created_deleted_linked_or_unlinked() {
    let parts = Kind::part_tables().map(|part| part.table.logical);
    let all: BTreeSet<&str> = Kind::all()
        .map(|kind| kind.table().logical)
        .chain(parts)
        .collect();
    let all: Vec<&str> = all.into_iter().collect();
    on_all_cores(seeds("LAW_SEEDS", 16), async |seeds| {
        let worlds = of_every_age().await;
        for (_, world) in &worlds {
            world.mark().await;
        }
        let options = Options {
            prune: BTreeSet::from(["contoso".to_owned()]),
            ..Options::default()
        };
        for seed in seeds {
            let (age, world) = nth(&worlds, seed);
            world.back().await;
            let (first, second) = (
                declare(json!({}), &project(*age, seed)),
                declare(json!({}), &project(*age, seed + 3000)),
            );
            world
                .sync(&first, &options, &settings(1000, Some(false)))
                .await;
            let mut chance = Chance::new(seed);
            let hidden: Vec<&str> = all.iter().copied().filter(|_| chance.yes(25)).collect();
            // Either the caller may read only their own rows and the rows belong to somebody else, or the caller may not read the table.
            let depth = chance.yes(50).then_some("Basic");
            world.hide(&hidden, depth).await;
            let live = world.look(&second.desired).await;
            let (plan, _) = deskstate_reconcile::plan(&second.desired, &live, &options);
            for operation in plan.changes.iter().flat_map(|change| &change.operations) {
                let touched = match operation {
                    Operation::Create { row, .. } | Operation::Delete { row, .. } => {
                        vec![row.table]
                    }
                    Operation::Link { relationship, .. }
                    | Operation::Unlink { relationship, .. } => {
                        vec![relationship.owner, relationship.member]
                    }
                    Operation::Update { .. } => vec![],
                };
                for table in touched {
                    assert!(
                        !hidden.contains(&table.logical),
                        "seed {seed}: {operation:?} although {hidden:?} are not seen"
                    );
                }
            }
        }
    });
}
