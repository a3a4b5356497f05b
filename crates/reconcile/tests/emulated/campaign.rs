//! A campaign of faults. Whatever goes wrong, a transaction is executed completely or not at all, nothing is duplicated, nobody's edit is
//! lost, running again ends in sync, and undo restores the rows. `DESKSTATE_CAMPAIGN_SEEDS` sets the number of seeds.
#![expect(clippy::disallowed_macros, reason = "figures of a campaign")]

use std::cell::Cell;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::pin::pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use deskstate_emulator::Age;
use deskstate_model::Kind;
use deskstate_reconcile::apply::{Applied, ApplyError, Event, Settings, Work, carry_out};
use deskstate_reconcile::live::Live;
use deskstate_reconcile::plan::{Guard, Operation, Options, Plan};
use deskstate_reconcile::undo::{self, Made, UndoFile};
use deskstate_reconcile::{Scope, observe_owners};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::project::{Chance, project};
use crate::world::{Content, Declared, Mark, WORDINGS, World, declare, nth, on_all_cores, seeds};

const BY_HAND: &str = "by hand";

/// Maximum number of scenarios.
const MOST_SCENARIOS: u64 = 48;

fn age_of(scenario: u64) -> Age {
    *nth(&Age::ALL, scenario + scenario / 3)
}

/// The fault to inject.
#[derive(Debug)]
enum Trouble {
    /// A rule in a fault script of the emulator.
    Fault(Json),
    /// The process is killed after this many polls.
    Kill { polls: usize },
    /// Somebody edits a row just before the request with this number.
    Edit { row: Edited, request: usize },
}

/// What an apply wrote, as its events tell.
#[derive(Default)]
struct Writes {
    /// By committed transactions.
    made: Made,
    /// By the last transaction, if it was not reported as committed.
    sent: Made,
}

/// A row that both a plan and somebody else update.
#[derive(Debug, Clone)]
struct Edited {
    set: &'static str,
    table: &'static str,
    id: Uuid,
    /// Whether the plan writes the same column after rereading the row, since no version can guard it.
    in_the_window: bool,
}

/// Two projects, of which the first is applied, and the contents after each transaction on the way to the second.
struct Scenario {
    age: Age,
    world: World,
    mark: Mark,
    second: Declared,
    settings: Settings,
    states: Vec<Content>,
    /// Number of polls of an undisturbed apply.
    polls: usize,
}

fn options() -> Options {
    Options {
        prune: BTreeSet::from(["contoso".to_owned()]),
        ..Options::default()
    }
}

impl Scenario {
    async fn new(number: u64) -> Self {
        let adds_parts = number % 4 == 3;
        let age = age_of(number);
        let mut world = World::worded(number, age, adds_parts).await;
        world.expects_interruptions();
        let settings = Settings {
            server_touches_parts: None,
            links_move_versions: None,
            emptied_lookups_move_versions: None,
            max_changeset: [1000, 7, 40][(number % 3) as usize],
            server_adds_parts: (!adds_parts).then_some(false),
            server_rewrites_parts: false,
            heeds_versions: None,
            solution: None,
            patience: Duration::from_millis(150),
        };
        let settings = world.told(&settings);
        let (first, second) = (
            declare(json!({}), &project(age, number)),
            declare(json!({}), &project(age, number + 500)),
        );
        world.sync(&first, &options(), &settings).await;
        let mark = world.mark().await;
        let mut scenario = Self {
            age,
            world,
            mark,
            second,
            settings,
            states: vec![Content::new()],
            polls: 0,
        };
        loop {
            scenario.world.back().await;
            let (plan, live, _) = scenario.plan().await;
            let most = scenario.states.len();
            let polls = Cell::new(0);
            let ended = scenario
                .carry_out(
                    &plan,
                    &live,
                    most,
                    usize::MAX,
                    &polls,
                    &mut Writes::default(),
                )
                .await
                .expect("nobody kills it");
            let state = scenario.world.since(&scenario.mark).await;
            scenario.states.push(state);
            match ended {
                Ok(_) => {
                    scenario.polls = polls.get();
                    return scenario;
                }
                Err(ApplyError::Stopped {
                    transactions_before,
                }) => assert_eq!(transactions_before, most),
                Err(error) => panic!("{error}"),
            }
        }
    }

    async fn plan(&self) -> (Plan, Live, UndoFile) {
        let (plan, mut live) = self.world.plan(&self.second, &options()).await;
        let reader = self.world.session.reader();
        observe_owners(reader, &plan, &mut live).await.unwrap();
        let file = undo::record(&plan, &live, "local");
        (plan, live, file)
    }

    /// Executes the given number of transactions of a plan. Returns `None` if it is killed.
    async fn carry_out(
        &self,
        plan: &Plan,
        live: &Live,
        most_transactions: usize,
        most_polls: usize,
        polls: &Cell<usize>,
        writes: &mut Writes,
    ) -> Option<Result<Applied, ApplyError>> {
        let replan =
            |live: &Live| deskstate_reconcile::plan(&self.second.desired, live, &options());
        let scope = Scope::default();
        let work = Work {
            plan,
            desired: &self.second.desired,
            settings: &self.settings,
            scope: &scope,
            live,
            replan: &replan,
        };
        let begun = AtomicUsize::new(0);
        let stop = || begun.load(Ordering::Relaxed) > most_transactions;
        let mut on_event = |event: Event<'_>| match event {
            Event::Sending {
                number,
                transaction,
                ..
            } => {
                begun.store(number, Ordering::Relaxed);
                writes.sent = Made::by(transaction);
            }
            Event::Committed { .. } => writes.made.add(std::mem::take(&mut writes.sent)),
            Event::Looking | Event::Verifying => {}
        };
        let mut running = pin!(carry_out(&work, &self.world.session, &stop, &mut on_event));
        std::future::poll_fn(|context| {
            if polls.get() == most_polls {
                return Poll::Ready(None);
            }
            polls.set(polls.get() + 1);
            running.as_mut().poll(context).map(Some)
        })
        .await
    }

    fn trouble(&self, plan: &Plan, chance: &mut Chance) -> Trouble {
        let rows = edited_rows(plan);
        match chance.below(4) {
            0 => Trouble::Kill {
                polls: chance.below(self.polls + 1),
            },
            1 if !rows.is_empty() => Trouble::Edit {
                row: rows[chance.below(rows.len())].clone(),
                request: 1 + chance.below(2 * self.states.len()),
            },
            _ => {
                let all = faults();
                let fault = &all[chance.below(all.len())];
                // A write, or a request of any type, once or until the client gives up.
                let when = if chance.yes(50) {
                    json!({"writes": true, "nth": 1 + chance.below(self.states.len())})
                } else {
                    json!({"nth": 1 + chance.below(2 * self.states.len()), "times": 1 + chance.below(4)})
                };
                Trouble::Fault(json!({"when": when, "fault": fault}))
            }
        }
    }

    async fn run(&self, seed: u64, figures: &Mutex<Figures>) {
        self.world.back().await;
        let (plan, live, first) = self.plan().await;
        let trouble = self.trouble(&plan, &mut Chance::new(seed));
        self.meet(seed, trouble, (plan, live), first, figures).await;
    }

    async fn meet(
        &self,
        seed: u64,
        trouble: Trouble,
        (plan, live): (Plan, Live),
        first: UndoFile,
        figures: &Mutex<Figures>,
    ) {
        let world = &self.world;
        let told = format!("seed {seed}, {trouble:?}");
        let _named = Named(&told);
        world.admin("DELETE", "stats", "").await;
        let rule = match &trouble {
            Trouble::Fault(rule) => Some(rule.clone()),
            Trouble::Kill { .. } => None,
            Trouble::Edit { row, request } => Some(json!({
                "when": {"nth": request},
                "fault": {"kind": "foreignEdit", "set": row.set, "id": row.id, "body": {"msdyn_name": BY_HAND}}
            })),
        };
        if let Some(rule) = rule {
            world
                .faults(&json!({"formatVersion": 1, "rules": [rule]}))
                .await;
        }
        let most = match trouble {
            Trouble::Kill { polls } => polls,
            Trouble::Fault(_) | Trouble::Edit { .. } => usize::MAX,
        };
        let mut writes = Writes::default();
        let outcome = self
            .carry_out(&plan, &live, usize::MAX, most, &Cell::new(0), &mut writes)
            .await;
        world.no_faults().await;
        come_to_rest().await;
        let stats: Json = serde_json::from_str(&world.admin("GET", "stats", "").await).unwrap();
        let struck = stats["faults"].as_u64() != Some(0);
        let now = world.since(&self.mark).await;
        let edited = match &trouble {
            Trouble::Edit { row, .. } if struck => Some(row),
            _ => None,
        };
        let alike = self.alike(&now, edited);
        let Some(&reached) = alike.first() else {
            for (number, state) in self.states.iter().enumerate() {
                eprintln!("against the state after {number} transactions:");
                eprintln!("{}", difference(state, &now));
            }
            panic!("{told}: a transaction is there in part; {outcome:?}");
        };
        let last = self.states.len() - 1;
        match &outcome {
            Some(Ok(applied)) => {
                assert!(reached == last, "{told}: said to be done, and is not");
                assert!(
                    applied.mismatches.is_empty() || edited.is_some(),
                    "{told}: {:?}",
                    applied.mismatches
                );
            }
            Some(Err(
                ApplyError::Refused {
                    transactions_before,
                    ..
                }
                | ApplyError::NotSent {
                    transactions_before,
                    ..
                }
                | ApplyError::Changed {
                    transactions_before,
                    ..
                }
                | ApplyError::Moved {
                    transactions_before,
                    ..
                },
            )) => assert!(
                // With `lateCommit`, a transaction may have been committed after the apply ended.
                alike.contains(transactions_before) || told.contains("lateCommit"),
                "{told}: {transactions_before} transactions are said to be done, and {alike:?} are; {outcome:?}"
            ),
            Some(Err(_)) | None => {}
        }
        if let Some(row) = edited {
            let kept = now.get(row.table).is_some_and(|rows| {
                rows.iter()
                    .any(|text| text.starts_with(&row.id.to_string()) && text.contains(BY_HAND))
            });
            assert!(
                kept || row.in_the_window,
                "{told}: the edit is lost; {outcome:?}"
            );
        }
        figures
            .lock()
            .unwrap()
            .count(self.age, &trouble, struck, outcome.as_ref(), reached, last);
        let file = world.sync(&self.second, &options(), &self.settings).await;
        let end = world.since(&self.mark).await;
        // A name that no document declares stays as somebody edited it.
        assert!(
            self.alike(&end, edited).contains(&last),
            "{told}: running again went elsewhere\n{}",
            difference(&self.states[last], &end)
        );
        world.undo(&self.second, &file, &self.settings).await;
        let undone = world.since(&self.mark).await;
        assert!(
            undone == now,
            "{told}: undo restored something else\n{}",
            difference(&now, &undone)
        );
        // An edit is not undone, and what is committed after the end is in no undo file.
        if edited.is_some() || told.contains("lateCommit") {
            return;
        }
        if matches!(outcome, None | Some(Err(ApplyError::Unknown { .. }))) {
            writes.made.add(writes.sent);
        }
        let first = first.only(&writes.made);
        world.undo(&self.second, &first, &self.settings).await;
        let undone = world.since(&self.mark).await;
        assert!(
            undone == self.states[0],
            "{told}: undo of the disturbed apply restored something else\n{}",
            difference(&self.states[0], &undone)
        );
    }

    /// The numbers of transactions after which the rows match the current ones, ignoring the column of an edited row. A transaction that
    /// writes only this column is indistinguishable from the previous one. The highest number comes first: an apply that changes nothing
    /// more is done.
    fn alike(&self, now: &Content, edited: Option<&Edited>) -> Vec<usize> {
        let plain = |content: &Content| {
            let Some(row) = edited else {
                return content.clone();
            };
            let mut content = content.clone();
            let rows = content
                .remove(row.table)
                .unwrap_or_else(|| self.mark.table(row.table));
            let rows = rows.into_iter().map(|text| without_name(&text, row.id));
            content.insert(row.table.to_owned(), rows.collect());
            content
        };
        let now = plain(now);
        (0..self.states.len())
            .rev()
            .filter(|number| plain(&self.states[*number]) == now)
            .collect()
    }
}

fn without_name(text: &str, id: Uuid) -> String {
    let Some(json) = text.strip_prefix(&id.to_string()) else {
        return text.to_owned();
    };
    let mut row: Json = serde_json::from_str(json.trim()).unwrap();
    row["c"].as_object_mut().unwrap().remove("msdyn_name");
    format!("{id} {row}")
}

/// Rows of resources that a plan updates.
fn edited_rows(plan: &Plan) -> Vec<Edited> {
    let operations = plan.changes.iter().flat_map(|change| &change.operations);
    operations
        .filter_map(|operation| match operation {
            Operation::Update { row, guard, body } if Kind::of_table(row.table).is_some() => {
                let writes_name = body.iter().any(|(name, _)| name == "msdyn_name");
                Some(Edited {
                    set: row.table.set,
                    table: row.table.logical,
                    id: row.id,
                    in_the_window: matches!(guard, Guard::Look(_)) && writes_name,
                })
            }
            _ => None,
        })
        .collect()
}

fn faults() -> Vec<Json> {
    vec![
        json!({"kind": "throttle", "retryAfter": 0}),
        json!({"kind": "gateway", "status": 502}),
        json!({"kind": "gateway", "status": 503}),
        json!({"kind": "gateway", "status": 403}),
        json!({"kind": "gateway", "status": 401, "after": true}),
        json!({"kind": "gateway", "status": 403, "after": true}),
        json!({"kind": "gateway", "status": 404, "after": true}),
        json!({"kind": "gateway", "status": 429, "after": true}),
        json!({"kind": "gateway", "status": 302, "after": true}),
        json!({"kind": "dropBefore"}),
        json!({"kind": "dropAfter"}),
        json!({"kind": "twice"}),
        json!({"kind": "lateCommit", "delayMs": 20}),
        json!({"kind": "cutBody", "bytes": 200}),
        json!({"kind": "expiredToken"}),
    ]
}

/// Prints the seed if anything fails.
struct Named<'t>(&'t str);

impl Drop for Named<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.0);
        }
    }
}

/// Waits until late commits have been executed.
async fn come_to_rest() {
    tokio::time::sleep(Duration::from_millis(30)).await;
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

fn difference(wanted: &Content, found: &Content) -> String {
    let nothing = BTreeSet::new();
    let tables: BTreeSet<&String> = wanted.keys().chain(found.keys()).collect();
    let mut text = String::new();
    for table in tables {
        let (wanted, found) = (
            wanted.get(table).unwrap_or(&nothing),
            found.get(table).unwrap_or(&nothing),
        );
        for row in wanted.difference(found) {
            text.push_str(&format!("- {table} {row}\n"));
        }
        for row in found.difference(wanted) {
            text.push_str(&format!("+ {table} {row}\n"));
        }
    }
    text
}

/// Statistics of a campaign.
#[derive(Default)]
struct Figures {
    /// Number of seeds by the year of the environment's age.
    seeds: BTreeMap<u16, u64>,
    whole: u64,
    nothing: u64,
    part: u64,
    unknown: u64,
    killed: u64,
    edited: u64,
}

impl Figures {
    fn count(
        &mut self,
        age: Age,
        trouble: &Trouble,
        struck: bool,
        outcome: Option<&Result<Applied, ApplyError>>,
        reached: usize,
        last: usize,
    ) {
        *self.seeds.entry(age.year()).or_default() += 1;
        match reached {
            _ if reached == last => self.whole += 1,
            0 => self.nothing += 1,
            _ => self.part += 1,
        }
        self.unknown += u64::from(matches!(outcome, Some(Err(ApplyError::Unknown { .. }))));
        self.killed += u64::from(outcome.is_none());
        self.edited += u64::from(struck && matches!(trouble, Trouble::Edit { .. }));
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{} seeds (by age of the environment {:?}): {} carried out, {} not at all, {} up to a transaction; {} killed, {} of unknown \
             outcome, {} edits by others kept; every second run ended in sync, every undo restored the rows",
            self.seeds.values().sum::<u64>(),
            self.seeds,
            self.whole,
            self.nothing,
            self.part,
            self.killed,
            self.unknown,
            self.edited
        )
    }
}

#[test]
fn whatever_goes_wrong_a_transaction_is_whole_and_running_again_ends_in_sync() {
    let seeds = seeds("DESKSTATE_CAMPAIGN_SEEDS", 120);
    let scenarios = (seeds / 20).clamp(4, MOST_SCENARIOS);
    let figures = Mutex::new(Figures::default());
    let from = self::seeds("DESKSTATE_CAMPAIGN_FROM", 0);
    on_all_cores(seeds, async |numbers| {
        let mut built: BTreeMap<u64, Scenario> = BTreeMap::new();
        for seed in numbers.into_iter().map(|number| from + number) {
            let number = seed % scenarios;
            let scenario = match built.entry(number) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(place) => place.insert(Scenario::new(number).await),
            };
            scenario.run(seed, &figures).await;
        }
    });
    let figures = figures.into_inner().unwrap();
    eprintln!("{figures}");
    let met = figures.seeds.keys().copied();
    assert!(met.eq(Age::ALL.map(Age::year)), "{figures}");
}

/// Every wording is used with every age, whatever seeds are requested in thousands.
#[test]
fn a_campaign_has_every_wording_on_every_age() {
    let pairs = (0..MOST_SCENARIOS).map(|number| (number % WORDINGS, age_of(number).year()));
    let met: BTreeSet<(u64, u16)> = pairs.collect();
    let all = (0..WORDINGS).flat_map(|wording| Age::ALL.map(|age| (wording, age.year())));
    assert_eq!(met, all.collect());
}

/// Its parameters are written in a later transaction. Until then, the server's copy contains the old ones.
#[test]
fn a_tab_is_known_to_be_written_though_the_server_writes_its_copy_of_the_parameters_itself() {
    let figures = Mutex::new(Figures::default());
    on_all_cores(1, async |_| {
        let scenario = Scenario::new(27).await;
        scenario.world.back().await;
        let (plan, live, first) = scenario.plan().await;
        let late = json!({"when": {"writes": true, "nth": 1}, "fault": {"kind": "lateCommit", "delayMs": 20}});
        scenario
            .meet(219, Trouble::Fault(late), (plan, live), first, &figures)
            .await;
    });
    let figures = figures.into_inner().unwrap();
    assert_eq!((figures.whole, figures.unknown), (1, 0));
}
