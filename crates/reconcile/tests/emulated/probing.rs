//! The probe: under every combination of the emulator's switches, it returns those switches and leaves nothing behind.
#![expect(clippy::disallowed_macros, reason = "figures of a campaign")]

use std::collections::BTreeSet;

use deskstate_dataverse::{Changeset, Operation, Outcome};
use deskstate_emulator::{Age, Config};
use deskstate_reconcile::Desired;
use deskstate_reconcile::live::Live;
use deskstate_reconcile::probe::{Probed, QUESTIONS, Questions, RESERVED, probe};
use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use crate::world::{World, nth};

type Sheet = Map<String, Json>;

/// All switches that rolled-back questions settle, each with both answers.
fn rolled_back() -> Vec<(&'static str, [Json; 2])> {
    let flag = |word| (word, [json!(true), json!(false)]);
    let choice = |word, answers: [&str; 2]| (word, answers.map(Json::from));
    vec![
        choice("changesetFailure", ["nested", "bare"]),
        choice("batchStatus", ["badRequest", "inner"]),
        flag("codesOnConditionalErrors"),
        flag("ownKeys"),
        flag("intersectSetsReadable"),
        flag("applicationRequiredEnforced"),
        flag("prefixNeedsPublisher"),
        flag("foreignPrefixesRefused"),
        flag("uniqueNamesAreUnique"),
        flag("uniqueNamesIgnoreCase"),
        flag("uniqueNamesAreImmutable"),
        flag("ifMatchInChangesets"),
        choice("associateAgain", ["refused", "accepted"]),
        choice("disassociateMissing", ["refused", "accepted"]),
        flag("oneProfilePerUser"),
        flag("oneEntityTemplatePerTable"),
        flag("fourNotificationFields"),
    ]
}

/// The switches that can only be settled with a read in between.
fn stored() -> Vec<(&'static str, [Json; 2])> {
    let flags = [
        "tabMakesParameters",
        "tabJsonDerived",
        "unknownSlugsNulled",
        "linksRaiseVersion",
        "emptiedLookupRaisesVersion",
    ];
    let mut switches: Vec<_> = flags.map(|word| (word, [json!(true), json!(false)])).into();
    switches.push((
        "tabWriteTouchesParameters",
        ["nothing", "values"].map(Json::from),
    ));
    switches
}

const NEED_OWN_KEYS: [&str; 13] = [
    "uniqueNamesAreImmutable",
    "ifMatchInChangesets",
    "associateAgain",
    "disassociateMissing",
    "oneProfilePerUser",
    "oneEntityTemplatePerTable",
    "fourNotificationFields",
    "tabMakesParameters",
    "tabJsonDerived",
    "tabWriteTouchesParameters",
    "unknownSlugsNulled",
    "linksRaiseVersion",
    "emptiedLookupRaisesVersion",
];

/// The answers sheet of a combination: bit n selects the answer of the n-th switch.
fn sheet(switches: &[(&'static str, [Json; 2])], combination: usize) -> Sheet {
    let answer = |(position, (word, answers)): (usize, &(&str, [Json; 2]))| {
        let answer = &answers[combination >> position & 1];
        ((*word).to_owned(), answer.clone())
    };
    switches.iter().enumerate().map(answer).collect()
}

/// The answers that can be found with this combination. A question without an answer stays open.
fn askable(mut sheet: Sheet) -> Sheet {
    if sheet["ownKeys"] == json!(false) {
        sheet.retain(|word, _| !NEED_OWN_KEYS.contains(&word.as_str()));
    }
    if sheet["uniqueNamesAreUnique"] == json!(false) {
        sheet.remove("uniqueNamesIgnoreCase");
    }
    sheet
}

struct Asked {
    world: World,
    live: Live,
}

impl Asked {
    async fn new() -> Self {
        Self::under(&Sheet::new()).await
    }

    /// An environment of an age, which stays in effect under every sheet that names none.
    async fn aged(age: Age) -> Self {
        let world = World::with(Config {
            switches: age.switches(),
            ..Config::default()
        })
        .await;
        let live = world.look(&Desired::default()).await;
        Self { world, live }
    }

    async fn under(sheet: &Sheet) -> Self {
        let world = World::new().await;
        switch(&world, sheet).await;
        let live = world.look(&Desired::default()).await;
        Self { world, live }
    }

    async fn probe(&self, questions: Questions) -> Probed {
        probe(&self.world.session, &self.live, questions)
            .await
            .unwrap()
    }

    async fn finds(&self, sheet: &Sheet, questions: Questions) {
        switch(&self.world, sheet).await;
        let probed = self.probe(questions).await;
        let found: Sheet = probed
            .answers
            .settled
            .iter()
            .filter(|(word, _)| sheet.contains_key(*word))
            .map(|(word, answer)| (word.clone(), answer.clone()))
            .collect();
        assert_eq!(
            found,
            askable(sheet.clone()),
            "under {} open were {:#?}",
            json!(sheet),
            probed.answers.open
        );
        assert!(!probed.stored);
        assert_eq!((probed.left, probed.unseen), (vec![], vec![]));
    }
}

async fn switch(world: &World, sheet: &Sheet) {
    let body = json!({"formatVersion": 1, "answers": sheet});
    world.admin("PUT", "switches", &body.to_string()).await;
}

/// All rows except those of the audit log.
async fn rows(world: &World) -> Json {
    let dump = world.admin("GET", "dump", "").await;
    let mut dump: Json = serde_json::from_str(&dump).unwrap();
    dump["rows"].as_object_mut().unwrap().remove("audit");
    dump
}

/// Combinations in which any three switches take all eight triples of answers (an orthogonal array: each switch is the parity of some bits
/// of the row's number, and all rows are also included inverted), and seeded random ones.
fn triples_and_random(switches: usize, random: usize) -> Vec<usize> {
    let all = (1 << switches) - 1;
    let rows = (switches + 1).next_power_of_two();
    let mut combinations = Vec::new();
    for row in 0..rows {
        let combination = (0..switches)
            .filter(|switch| (row & (switch + 1)).count_ones() % 2 == 1)
            .fold(0, |combination, switch| combination | 1 << switch);
        combinations.extend([combination, all ^ combination]);
    }
    let mut number = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..random {
        number ^= number << 13;
        number ^= number >> 7;
        number ^= number << 17;
        combinations.push(usize::try_from(number >> 20).unwrap() & all);
    }
    combinations
}

#[test]
fn any_three_switches_are_seen_in_every_combination() {
    let seen = triples_and_random(17, 0);
    for one in 0..17 {
        for two in 0..one {
            for three in 0..two {
                let triples: BTreeSet<[usize; 3]> = seen
                    .iter()
                    .map(|combination| [one, two, three].map(|bit| combination >> bit & 1))
                    .collect();
                assert_eq!(triples.len(), 8, "{one} {two} {three}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_probe_returns_every_combination_of_switches_that_rolled_back_questions_settle() {
    let switches = rolled_back();
    let combinations: Vec<usize> = if std::env::var("DESKSTATE_CAMPAIGN_SEEDS").is_ok() {
        (0..1 << switches.len()).collect()
    } else {
        triples_and_random(switches.len(), 24)
    };
    let workers = std::thread::available_parallelism().unwrap().get();
    let tasks: Vec<_> = combinations
        .chunks(combinations.len().div_ceil(workers))
        .map(|chunk| tokio::spawn(find_all(chunk.to_vec())))
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    println!("{} combinations of switches", combinations.len());
}

async fn find_all(combinations: Vec<usize>) {
    let switches = rolled_back();
    let mut asked = Vec::new();
    for age in Age::ALL {
        asked.push(Asked::aged(age).await);
    }
    for (number, combination) in (0..).zip(combinations) {
        nth(&asked, number)
            .finds(&sheet(&switches, combination), Questions::RolledBack)
            .await;
    }
    for asked in asked {
        let stats = asked.world.admin("GET", "stats", "").await;
        assert!(
            stats.contains(r#""writes":{}"#),
            "nothing may be stored: {stats}"
        );
    }
}

#[tokio::test]
async fn the_probe_returns_every_combination_of_switches_that_stored_questions_settle() {
    let (before, switches) = (rolled_back(), stored());
    let asked = Asked::new().await;
    let before_asking = rows(&asked.world).await;
    for combination in 0..1 << switches.len() {
        let mut whole = sheet(&switches, combination);
        // the other switches differ from one combination to the next
        whole.extend(sheet(
            &before,
            combination.wrapping_mul(0x9e37) % (1 << before.len()),
        ));
        if combination % 8 != 7 {
            whole.insert("ownKeys".to_owned(), json!(true));
        }
        asked.finds(&whole, Questions::Stored).await;
    }
    assert_eq!(rows(&asked.world).await, before_asking);
}

#[tokio::test]
async fn every_question_is_asked_and_its_word_is_one_of_the_emulators_switches() {
    let mut asked = Asked::new().await;
    asked.live.facts.locked_down = Some(true);
    let answers = asked.probe(Questions::Stored).await.answers;
    let mut words: BTreeSet<&str> = answers.settled.keys().map(String::as_str).collect();
    words.extend(answers.open.keys().map(String::as_str));
    assert_eq!(words, BTreeSet::from(QUESTIONS), "{:#?}", answers.open);
    let switches = serde_json::to_value(deskstate_emulator::Switches::default()).unwrap();
    for word in QUESTIONS {
        assert!(switches.get(word).is_some(), "{word}");
    }
}

#[tokio::test]
async fn a_refusal_in_place_of_the_multipart_and_codes_inside_changesets_are_found_out() {
    let asked = Asked::new().await;
    for codes in [true, false] {
        let sheet = json!({
            "changesetFailure": "json",
            "codeOnStaleInChangesets": codes,
            "codeOnAbsentInChangesets": !codes,
        });
        let sheet: Sheet = serde_json::from_value(sheet).unwrap();
        switch(&asked.world, &sheet).await;
        let found = asked.probe(Questions::RolledBack).await.answers;
        for (word, answer) in &sheet {
            assert_eq!(&found.settled[word], answer, "{word}: {found:#?}");
        }
        assert!(found.open.contains_key("batchStatus"), "{found:#?}");
        assert!(!found.settled.contains_key("batchStatus"), "{found:#?}");
    }
}

#[tokio::test]
async fn a_tab_that_writes_its_parameters_again_is_found_out() {
    let asked = Asked::new().await;
    for touched in ["nothing", "versions", "values"] {
        for derived in [true, false] {
            let sheet = json!({"tabWriteTouchesParameters": touched, "tabJsonDerived": derived});
            switch(&asked.world, &serde_json::from_value(sheet).unwrap()).await;
            let probed = asked.probe(Questions::Stored).await;
            let answer = &probed.answers.settled["tabWriteTouchesParameters"];
            assert_eq!(answer, touched, "{derived}: {:#?}", probed.answers);
            assert_eq!(probed.left, Vec::<String>::new());
        }
    }
}

#[tokio::test]
async fn what_an_earlier_probe_left_is_said_by_one_and_removed_by_the_other() {
    let asked = Asked::new().await;
    let name = format!("contoso_{RESERVED}a1");
    let left = Operation::Create {
        set: "msdyn_notificationfields".to_owned(),
        key_column: "msdyn_notificationfieldid".to_owned(),
        id: Uuid::from_u128(1),
        body: ["msdyn_name", "msdyn_title", "msdyn_uniquename"]
            .map(|column| (column.to_owned(), name.as_str().into()))
            .into(),
    };
    let changeset = Changeset {
        operations: vec![left],
        solution: None,
    };
    let outcome = asked.world.session.commit(&changeset).await;
    assert!(matches!(outcome, Outcome::Committed), "{outcome:?}");
    let probed = asked.probe(Questions::RolledBack).await;
    assert_eq!(probed.left, [format!("msdyn_notificationfield {name}")]);
    let probed = asked.probe(Questions::Stored).await;
    assert_eq!(probed.left, Vec::<String>::new());
}

#[tokio::test]
async fn what_the_environment_lacks_and_who_may_not_ask_is_told_apart_from_its_ways() {
    let sheet: Sheet = serde_json::from_value(json!({
        "missingTables": ["msdyn_chtprofileconfiguration"],
        "missingColumns": ["msdyn_sessiontemplate.msdyn_enabletitlesync"],
        "noOptimisticConcurrency": ["msdyn_notificationfield"],
    }))
    .unwrap();
    let asked = Asked::under(&sheet).await;
    let probed = asked.probe(Questions::RolledBack).await;
    for (word, answer) in &sheet {
        assert_eq!(&probed.answers.settled[word], answer, "{word}");
    }
    assert_eq!(probed.answers.settled["ifMatchInChangesets"], json!(true));
    assert_eq!(
        probed.answers.replies["existingKey"],
        json!({"status": 412, "code": "0x80040237"})
    );
    assert!(probed.answers.replies.contains_key("absentRow"));
}

#[tokio::test]
async fn whatever_is_lost_on_the_way_nothing_stays_and_the_next_probe_finds_everything() {
    let asked = Asked::new().await;
    let before = rows(&asked.world).await;
    let mut failed = 0;
    // seventeen questions are rolled back, the rest store rows and delete them
    for nth in [1, 9].into_iter().chain(16..=30) {
        for kind in ["dropBefore", "dropAfter"] {
            asked
                .world
                .faults(&json!({"formatVersion": 1, "rules": [
                    {"when": {"path": "$batch", "writes": true, "nth": nth}, "fault": {"kind": kind}}]}))
                .await;
            let probed = probe(&asked.world.session, &asked.live, Questions::Stored).await;
            failed += usize::from(probed.is_err());
            asked.world.no_faults().await;
            if rows(&asked.world).await != before {
                // the connection was lost while the rows were being deleted
                assert!(
                    probed.is_err(),
                    "{kind} {nth}: rows are left and nothing is said"
                );
                let probed = asked.probe(Questions::Stored).await;
                assert_eq!(probed.left, Vec::<String>::new(), "{kind} {nth}");
                assert_eq!(rows(&asked.world).await, before, "{kind} {nth}");
            }
        }
    }
    assert!(failed > 15, "{failed} probes failed");
}
