//! The laws of planning and applying, for random projects with every kind.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use deskstate_dataverse::Value as Wire;
use deskstate_emulator::Age;
use deskstate_reconcile::plan::{
    Action, Guard, Limits, Operation, Options, Plan, RowTarget, Transaction, transactions,
};
use serde_json::json;
use uuid::Uuid;

use crate::project::project;
use crate::world::{
    WORDINGS, World, declare, nth, of_every_age, on_all_cores, same, seeds, settings,
};

/// Every project owns its prefix, so rows that a later project does not declare are deleted.
fn pruning() -> Options {
    Options {
        prune: BTreeSet::from(["contoso".to_owned()]),
        ..Options::default()
    }
}

/// Number of seeds; `LAW_SEEDS` sets another one.
fn law_seeds(otherwise: u64) -> u64 {
    seeds("LAW_SEEDS", otherwise)
}

#[test]
fn after_apply_the_plan_is_empty_and_undo_restores_everything() {
    on_all_cores(law_seeds(60), async |seeds| {
        let mut worlds = BTreeMap::new();
        for seed in seeds {
            let adds_parts = chance_flag(seed);
            let age = *nth(&Age::ALL, seed / WORDINGS);
            let which = (seed % WORDINGS, age, adds_parts);
            if let Entry::Vacant(vacant) = worlds.entry(which) {
                let world = World::worded(seed, age, adds_parts).await;
                let mark = world.mark().await;
                vacant.insert((world, mark));
            }
            let (world, mark) = &worlds[&which];
            world.back().await;
            let settings = settings(
                *nth(&[200, 7, 1000], seed / 5),
                (!adds_parts).then_some(false),
            );
            let (first, second) = (
                declare(json!({}), &project(age, seed)),
                declare(json!({}), &project(age, seed + 1000)),
            );
            let undo_first = world.sync(&first, &pruning(), &settings).await;
            let before = world.since(mark).await;
            let undo_second = world.sync(&second, &pruning(), &settings).await;
            world.undo(&second, &undo_second, &settings).await;
            let told = format!("seed {seed}, {age:?}");
            same(&before, &world.since(mark).await, &told);
            world.in_sync(&first, &pruning()).await;
            world.undo(&first, &undo_first, &settings).await;
            same(&BTreeMap::new(), &world.since(mark).await, &told);
        }
    });
}

/// True for half of the seeds on each core, however they are distributed.
fn chance_flag(seed: u64) -> bool {
    (seed / 4).is_multiple_of(2)
}

#[test]
fn no_write_precedes_what_it_needs_or_a_guard_that_it_can_move_however_a_plan_is_cut() {
    on_all_cores(law_seeds(40), async |seeds| {
        let worlds = of_every_age().await;
        for seed in seeds {
            let (age, world) = nth(&worlds, seed);
            world.back().await;
            let (first, second) = (
                declare(json!({}), &project(*age, seed)),
                declare(json!({}), &project(*age, seed + 2000)),
            );
            for declared in [&first, &second] {
                let (plan, _) = world.plan(declared, &pruning()).await;
                for most in [1, 3, 10, 40, 1000] {
                    for server_adds_parts in [false, true] {
                        let cut = transactions(
                            &plan,
                            Limits {
                                operations: most,
                                server_adds_parts,
                                server_rewrites_parts: false,
                            },
                        );
                        check(&plan, &cut, most, server_adds_parts);
                    }
                }
                world
                    .sync(declared, &pruning(), &settings(200, Some(false)))
                    .await;
            }
        }
    });
}

fn check(plan: &Plan, cut: &[Transaction], most: usize, server_adds_parts: bool) {
    let planned = plan
        .changes
        .iter()
        .map(|change| change.operations.len())
        .sum::<usize>();
    let written: Vec<&Operation> = cut
        .iter()
        .flat_map(|transaction| &transaction.operations)
        .collect();
    assert_eq!(planned, written.len(), "every write once");
    assert!(
        cut.iter()
            .all(|transaction| transaction.operations.len() <= most
                && !transaction.operations.is_empty())
    );
    let made: BTreeSet<Uuid> = written
        .iter()
        .filter_map(|operation| match operation {
            Operation::Create { row, .. } => Some(row.id),
            _ => None,
        })
        .collect();
    let mut there = BTreeSet::new();
    let mut moved: BTreeSet<Uuid> = BTreeSet::new();
    let mut once = BTreeSet::new();
    for operation in &written {
        if let Some(row) = row_of(operation) {
            assert!(
                once.insert((row.table.logical, row.id)),
                "{row:?} is written twice"
            );
        }
        match operation {
            Operation::Create {
                row,
                body,
                attaches_to,
            } => {
                needs(body, &made, &there);
                there.insert(row.id);
                moved.extend(attaches_to);
            }
            Operation::Update { row, guard, body } => {
                needs(body, &made, &there);
                assert!(
                    !matches!(guard, Guard::Version(_)) || !moved.contains(&row.id),
                    "{row:?} was moved before its guarded update"
                );
            }
            Operation::Delete { row, guard, .. } => {
                assert!(
                    !matches!(guard, Guard::Version(_)) || !moved.contains(&row.id),
                    "{row:?} was moved before its guarded delete"
                );
            }
            Operation::Link { owner, member, .. } => {
                for end in [owner, member] {
                    assert!(
                        !made.contains(end) || there.contains(end),
                        "a link to a row that is not there yet"
                    );
                    moved.insert(*end);
                }
            }
            Operation::Unlink { owner, member, .. } => moved.extend([*owner, *member]),
        }
    }
    if !server_adds_parts {
        together(plan, cut, most);
    }
}

fn needs(body: &[(String, Wire)], made: &BTreeSet<Uuid>, there: &BTreeSet<Uuid>) {
    for (name, value) in body {
        if let Wire::Bind { id, .. } = value {
            assert!(
                !made.contains(id) || there.contains(id),
                "`{name}` refers to a row that is not there yet"
            );
        }
    }
}

/// The row whose columns an operation writes or deletes.
fn row_of(operation: &Operation) -> Option<&RowTarget> {
    match operation {
        Operation::Create { row, .. }
        | Operation::Update { row, .. }
        | Operation::Delete { row, .. } => Some(row),
        Operation::Link { .. } | Operation::Unlink { .. } => None,
    }
}

/// A resource and its parts are in one transaction, if they fit.
fn together(plan: &Plan, cut: &[Transaction], most: usize) {
    for change in &plan.changes {
        let rows: BTreeSet<Uuid> = change
            .operations
            .iter()
            .filter(|operation| {
                matches!(
                    operation,
                    Operation::Create { .. } | Operation::Update { .. }
                )
            })
            .filter_map(|operation| row_of(operation).map(|row| row.id))
            .collect();
        let holding = cut
            .iter()
            .filter(|transaction| {
                transaction.operations.iter().any(|operation| {
                    !matches!(operation, Operation::Delete { .. })
                        && row_of(operation).is_some_and(|row| rows.contains(&row.id))
                })
            })
            .count();
        // Scripts that refer to each other form one unit, which may be larger than a transaction.
        let is_script = change.key.kind == deskstate_model::Kind::AGENT_SCRIPT;
        assert!(
            holding <= 1 || change.operations.len() > most || is_script && most < 40,
            "{} is cut into {holding}",
            change.key
        );
    }
}

#[test]
fn a_plan_writes_nothing_input_order_changes_nothing_and_every_change_can_be_seen() {
    on_all_cores(law_seeds(40), async |seeds| {
        let worlds = of_every_age().await;
        for seed in seeds {
            let (age, world) = nth(&worlds, seed);
            world.back().await;
            let mut documents = project(*age, seed);
            world.admin("DELETE", "stats", "").await;
            let (first, live) = world
                .plan(&declare(json!({}), &documents), &pruning())
                .await;
            documents.reverse();
            let (second, _) = world
                .plan(&declare(json!({}), &documents), &pruning())
                .await;
            assert_eq!(
                deskstate_reconcile::plan_file::digest(&first, &live),
                deskstate_reconcile::plan_file::digest(&second, &live)
            );
            assert_eq!(world.stats().await.1, 0, "a plan wrote");
            for change in &first.changes {
                let only_row = change.action != Action::Update;
                assert!(
                    only_row || !change.fields.is_empty(),
                    "{} changes and shows nothing",
                    change.key
                );
                assert!(
                    !change.operations.is_empty(),
                    "{} changes nothing",
                    change.key
                );
            }
            world
                .sync(
                    &declare(json!({}), &project(*age, seed)),
                    &pruning(),
                    &settings(1000, Some(false)),
                )
                .await;
        }
    });
}
