//! Pull requests are planned, merged and applied in any order, runs are cancelled and killed, and meanwhile people edit the environment.
//! Nothing unreviewed is ever applied, and everything reviewed is eventually applied or refused with a reason.
//!
//! A bounded model: three pull requests, at most twelve steps. A model of five variables determines what may happen; the planner, saved
//! plan files and the comparison with them determine what does happen. `DESKSTATE_CAMPAIGN_SEEDS` sets the number of seeds.

#![expect(clippy::disallowed_macros, reason = "figures of a campaign")]

use std::collections::BTreeSet;

use super::support::{Rows, desired, document, errors, live, stated};
use deskstate_model::SourceMap;
use deskstate_model::tables::{PARAMETER, SESSION, SESSION_TABS, TAB};
use deskstate_reconcile::live::Live;
use deskstate_reconcile::plan::{Change, Limits, Operation, Options, Plan, transactions};
use deskstate_reconcile::plan_file::{self, About, Comparison, Divergence, PlanFile, Report};
use deskstate_reconcile::{foresee, plan};
use serde_json::{Value as Json, json};

/// Pseudorandom numbers (SplitMix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}

/// Title and description of a session; the URLs of two tabs, if they exist; whether the session links them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Desk {
    texts: [u64; 2],
    tabs: [Option<u64>; 2],
    links: [bool; 2],
}

/// A variable, with its value before and after a change.
type Fact = (&'static str, usize, String, String);

const START: Desk = Desk {
    texts: [0, 0],
    tabs: [Some(0), None],
    links: [false, false],
};

impl Desk {
    /// Changes one variable. A tab that is removed takes its link along, and a link adds its tab.
    fn edit(&mut self, chance: &mut Chance) {
        let at = usize::try_from(chance.below(2)).unwrap();
        match chance.below(3) {
            0 => self.texts[at] = chance.below(4),
            1 => {
                self.tabs[at] = chance.below(4).checked_sub(1);
                self.links[at] &= self.tabs[at].is_some();
            }
            _ => {
                self.links[at] = !self.links[at];
                if self.links[at] {
                    self.tabs[at].get_or_insert(0);
                }
            }
        }
    }

    fn facts(&self) -> Vec<(&'static str, usize, String)> {
        (0..2)
            .flat_map(|at| {
                [
                    ("text", at, format!("{:?}", self.texts[at])),
                    ("tab", at, format!("{:?}", self.tabs[at])),
                    ("link", at, format!("{:?}", self.links[at])),
                ]
            })
            .collect()
    }

    /// The differences.
    fn changes_to(&self, after: &Self) -> BTreeSet<Fact> {
        self.facts()
            .into_iter()
            .zip(after.facts())
            .filter(|(before, after)| before != after)
            .map(|((what, at, before), (.., after))| (what, at, before, after))
            .collect()
    }

    /// Applies only the changes that another desk made compared to the base.
    fn merge(&mut self, base: &Self, changed: &Self) {
        for at in 0..2 {
            if base.texts[at] != changed.texts[at] {
                self.texts[at] = changed.texts[at];
            }
            if base.tabs[at] != changed.tabs[at] {
                self.tabs[at] = changed.tabs[at];
            }
            if base.links[at] != changed.links[at] {
                self.links[at] = changed.links[at];
            }
            // Another request may have deleted what this one links: whoever merges later keeps the manifests valid.
            self.links[at] &= self.tabs[at].is_some();
        }
    }

    fn documents(&self) -> Vec<Json> {
        let linked: Vec<&str> = (0..2)
            .filter(|at| self.links[*at])
            .map(|at| NAMES[at])
            .collect();
        let [title, description] = self.texts.map(|text| format!("text {text}"));
        let session = json!({"displayName": "Case", "type": "Entity", "entity": "incident", "title": title, "description": description, "additionalTabs": linked});
        let tabs = (0..2).map(|at| {
            let url = format!("https://a.example/{}", self.tabs[at].unwrap_or_default());
            let spec = json!({"displayName": "Tab", "pageType": "ThirdPartyWebsite", "parameters": {"url": url}});
            let tab = document("ApplicationTab", NAMES[at], spec);
            match self.tabs[at] {
                Some(_) => tab,
                None => stated(tab, "absent"),
            }
        });
        std::iter::once(document("SessionTemplate", "contoso_case", session))
            .chain(tabs)
            .collect()
    }
}

const NAMES: [&str; 2] = ["contoso_a", "contoso_b"];

/// The state of an environment in terms of the model.
fn read(live: &Live) -> Desk {
    let number = |text: Option<&str>| {
        let digits = text
            .unwrap_or_default()
            .trim_start_matches(|letter: char| !letter.is_ascii_digit());
        digits.parse().unwrap()
    };
    let [session] = live.table(&SESSION).named("contoso_case") else {
        panic!("one session");
    };
    let row = &live.row(&SESSION, *session).unwrap().row;
    let tabs = NAMES.map(|name| live.table(&TAB).named(name).first().copied());
    let url = |tab| {
        live.table(&PARAMETER)
            .rows
            .values()
            .find(|row| row.row.uuid("_msdyn_applicationtabtemplateid_value") == Some(tab))
            .map(|row| number(row.row.text("msdyn_value")))
    };
    let linked: BTreeSet<_> = live.links(&SESSION_TABS).members(*session).collect();
    Desk {
        texts: ["msdyn_title", "msdyn_description"].map(|column| number(row.text(column))),
        tabs: tabs.map(|tab| tab.and_then(url)),
        links: tabs.map(|tab| tab.is_some_and(|tab| linked.contains(&tab))),
    }
}

fn planned(desk: &Desk, live: &Live) -> Plan {
    let (plan, found) = plan(&desired(&desk.documents()), live, &Options::default());
    assert_eq!(errors(&found), Vec::<String>::new(), "{desk:?}");
    plan
}

/// Executes a plan up to a number of transactions.
fn carry_out(plan: &Plan, live: &Live, most: usize, operations: usize) -> Live {
    let limits = Limits {
        operations,
        server_adds_parts: false,
        server_rewrites_parts: false,
    };
    let mut live = live.clone();
    for transaction in transactions(plan, limits).into_iter().take(most) {
        let operations: Vec<Operation> = transaction.operations;
        let change = Change {
            operations,
            ..plan.changes[0].clone()
        };
        let part = Plan {
            changes: vec![change],
            ..Plan::default()
        };
        live = foresee(&live, &part);
    }
    live
}

/// A pull request: its base, its head, and the last reviewed plan.
struct Request {
    base: Desk,
    head: Desk,
    plan: Option<Reviewed>,
    merged: bool,
}

/// A reviewed plan: the file, and its content in terms of the model.
#[derive(Clone)]
struct Reviewed {
    file: PlanFile,
    facts: BTreeSet<Fact>,
}

struct World {
    main: Desk,
    live: Live,
    requests: Vec<Request>,
    /// Plans of requests that were merged since everything was last applied.
    reviewed: Vec<Reviewed>,
    told: Vec<String>,
}

impl World {
    fn review(&self, wanted: &Desk) -> Reviewed {
        let plan = planned(wanted, &self.live);
        let about = About {
            environment: "prod",
            revision: None,
            sources: &SourceMap::default(),
            reach: None,
            report: &Report::default(),
        };
        let mut plan = plan;
        plan.changes
            .iter_mut()
            .for_each(|change| change.declared_at = None);
        plan.resources.clear();
        let text = plan_file::write(&plan, &self.live, &about);
        Reviewed {
            file: plan_file::read(&text).unwrap(),
            facts: read(&self.live).changes_to(wanted),
        }
    }

    /// One run of `apply --reviewed`, killed after this many transactions.
    fn apply(&mut self, most: usize, operations: usize) -> Comparison {
        let plan = planned(&self.main, &self.live);
        let files: Vec<PlanFile> = self.reviewed.iter().map(|one| one.file.clone()).collect();
        let compared = plan_file::compare(&files, &plan, &self.live);
        let before = read(&self.live);
        let needed = before.changes_to(&self.main);
        let known: BTreeSet<Fact> = self
            .reviewed
            .iter()
            .flat_map(|one| one.facts.clone())
            .collect();
        let unreviewed: Vec<&Fact> = needed.difference(&known).collect();
        let told = format!("{:#?}\nlive {before:?}\nmain {:?}", self.told, self.main);
        assert_eq!(
            compared.divergences.is_empty(),
            unreviewed.is_empty(),
            "{told}\nnot reviewed: {unreviewed:?}\nsaid: {:#?}",
            compared.divergences
        );
        self.says_what_is_not_needed(&compared, &needed, &known, &told);
        if compared.divergences.is_empty() {
            self.live = carry_out(&plan, &self.live, most, operations);
        }
        let after = read(&self.live);
        let done = before.changes_to(&after);
        assert!(
            done.is_subset(&known),
            "{told}\nnobody reviewed {:?}",
            done.difference(&known)
        );
        assert!(done.is_subset(&needed), "{told}\nnot wanted: {done:?}");
        if after == self.main {
            self.reviewed.clear();
        }
        compared
    }

    /// Asserts that a reviewed text that is no longer planned is shown.
    fn says_what_is_not_needed(
        &self,
        compared: &Comparison,
        needed: &BTreeSet<Fact>,
        known: &BTreeSet<Fact>,
        told: &str,
    ) {
        for (at, path) in ["title", "description"].iter().enumerate() {
            let of =
                |facts: &BTreeSet<Fact>| facts.iter().any(|fact| (fact.0, fact.1) == ("text", at));
            let said = compared
                .not_needed
                .iter()
                .any(|change| change.fields.iter().any(|field| field.path == *path));
            assert_eq!(
                said,
                of(known) && !of(needed),
                "{told}\n{path}: {:?}",
                compared.not_needed
            );
        }
    }

    fn step(&mut self, chance: &mut Chance) {
        let which = usize::try_from(chance.below(3)).unwrap();
        let word = match chance.below(9) {
            0..=2 => {
                // A request that is planned again includes what was merged meanwhile.
                let mut wanted = self.main;
                let request = &self.requests[which];
                wanted.merge(&request.base, &request.head);
                let reviewed = self.review(&wanted);
                let request = &mut self.requests[which];
                if request.merged {
                    return;
                }
                request.plan = Some(reviewed);
                format!("plan {which}: {wanted:?}")
            }
            3..=4 => {
                let request = &mut self.requests[which];
                let Some(plan) = request.plan.clone().filter(|_| !request.merged) else {
                    return;
                };
                request.merged = true;
                let (base, head) = (request.base, request.head);
                self.main.merge(&base, &head);
                self.reviewed.push(plan);
                format!("merge {which}: {:?}", self.main)
            }
            5 => {
                let refused = self.apply(usize::MAX, 2).divergences.len();
                format!("apply: {refused} refused, {:?}", read(&self.live))
            }
            6 => "cancel: the run of the last merge never starts".to_owned(),
            7 => {
                let most = usize::try_from(chance.below(3)).unwrap();
                let refused = self.apply(most, 1).divergences.len();
                format!(
                    "kill after {most}: {refused} refused, {:?}",
                    read(&self.live)
                )
            }
            _ => {
                let mut edited = read(&self.live);
                edited.edit(chance);
                let plan = planned(&edited, &self.live);
                self.live = foresee(&self.live, &plan);
                format!("by hand: {edited:?}")
            }
        };
        self.told.push(word);
    }

    /// After the last edit, everything reviewed is applied, or refused until somebody reviews the current plan.
    fn end(&mut self) -> bool {
        let refused = self.apply(usize::MAX, 2).divergences;
        if refused.is_empty() {
            assert_eq!(read(&self.live), self.main, "{:#?}", self.told);
            return false;
        }
        for divergence in &refused {
            let shown = match divergence {
                Divergence::Organization { .. } => false,
                Divergence::New { change, .. } => !change.kind.is_empty(),
                Divergence::Different { now, .. } => {
                    !now.fields.is_empty() || !now.writes.is_empty()
                }
            };
            assert!(shown, "{:#?}\n{divergence:?}", self.told);
        }
        self.reviewed.push(self.review(&self.main));
        assert_eq!(
            self.apply(usize::MAX, 2).divergences,
            [],
            "{:#?}",
            self.told
        );
        assert_eq!(read(&self.live), self.main, "{:#?}", self.told);
        true
    }
}

#[test]
fn everything_reviewed_is_applied_in_the_end_or_refused_with_a_reason_and_nothing_unreviewed_ever_is()
 {
    let seeds = std::env::var("DESKSTATE_CAMPAIGN_SEEDS");
    let seeds: u64 = seeds
        .ok()
        .and_then(|seeds| seeds.parse().ok())
        .unwrap_or(100);
    let empty = live(&Rows::default());
    let start = foresee(&empty, &planned(&START, &empty));
    assert_eq!(read(&start), START);
    assert!(planned(&START, &start).is_empty());
    let (mut refused, mut steps) = (0, 0);
    for seed in 0..seeds {
        let mut chance = Chance(seed);
        let requests = (0..3)
            .map(|_| {
                let mut head = START;
                (0..=chance.below(2)).for_each(|_| head.edit(&mut chance));
                Request {
                    base: START,
                    head,
                    plan: None,
                    merged: false,
                }
            })
            .collect();
        let mut world = World {
            main: START,
            live: start.clone(),
            requests,
            reviewed: Vec::new(),
            told: vec![format!("seed {seed}")],
        };
        for _ in 0..12 {
            world.step(&mut chance);
        }
        steps += world.told.len() - 1;
        refused += u64::from(world.end());
    }
    eprintln!(
        "{seeds} seeds, {steps} steps: {} ended with everything applied, {refused} with a refusal that a new review settled",
        seeds - refused
    );
    assert!(
        refused > seeds / 20 && refused < seeds,
        "one of the two ends never came"
    );
}
