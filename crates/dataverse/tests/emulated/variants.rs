//! Environments that differ wherever sources disagree or are silent. The tests of reading, writing, recording and signing in run in each of
//! them.

use std::collections::BTreeSet;

use deskstate_emulator::{Config, Switches};
use serde_json::{Map, Value, json};

use crate::dice::Dice;

/// The variations that the client must support: each switch of the emulator with its values, default first.
fn varied() -> Vec<(&'static str, Vec<Value>)> {
    let flag = |usual: bool| vec![json!(usual), json!(!usual)];
    vec![
        ("age", vec![json!("2026"), json!("2024"), json!("2022")]),
        (
            "changesetFailure",
            vec![json!("nested"), json!("bare"), json!("json")],
        ),
        ("batchStatus", vec![json!("badRequest"), json!("inner")]),
        ("contentIdRequired", flag(true)),
        ("codesOnConditionalErrors", flag(false)),
        (
            "codeOnStaleInChangesets",
            vec![json!(null), json!(true), json!(false)],
        ),
        (
            "codeOnAbsentInChangesets",
            vec![json!(null), json!(true), json!(false)],
        ),
        ("unknownColumn", vec![json!("badQuery"), json!("zero")]),
        (
            "missingPrivilege",
            vec![json!("privilegeDenied"), json!("principalMissing")],
        ),
        ("quotedIds", vec![json!("refused"), json!("accepted")]),
        ("associateAgain", vec![json!("refused"), json!("accepted")]),
        (
            "disassociateMissing",
            vec![json!("refused"), json!("accepted")],
        ),
        ("linksRaiseVersion", flag(true)),
        ("emptiedLookupRaisesVersion", flag(true)),
        ("bindNull", flag(false)),
        ("intersectSetsReadable", flag(true)),
        ("applicationRequiredEnforced", flag(true)),
        ("prefixNeedsPublisher", flag(true)),
        ("foreignPrefixesRefused", flag(false)),
        ("uniqueNamesAreUnique", flag(true)),
        ("uniqueNamesIgnoreCase", flag(true)),
        ("uniqueNamesAreImmutable", flag(true)),
        ("uniqueNameKeys", flag(false)),
        ("tabMakesParameters", flag(true)),
        ("tabJsonDerived", flag(true)),
        (
            "tabWriteTouchesParameters",
            vec![json!("nothing"), json!("versions"), json!("values")],
        ),
        ("unknownSlugsNulled", flag(false)),
        ("oneProfilePerUser", flag(false)),
        ("oneEntityTemplatePerTable", flag(true)),
        ("fourNotificationFields", flag(true)),
        ("lockdownCoversRows", flag(true)),
        ("layersIgnoreSelect", flag(true)),
        ("lateWrites", vec![json!("ignored"), json!("refused")]),
        ("productRowsProtected", flag(true)),
        ("newRowsCompleted", flag(true)),
        ("lookupsOnlyExpanded", flag(true)),
    ]
}

/// Switches that do not vary, and the reason.
const FIXED: [(&str, &str); 8] = [
    (
        "expandedLinksShown",
        "documented; whoever reads links by `$expand` looks whether they come",
    ),
    (
        "ownKeys",
        "documented, and the writes of these tests choose keys",
    ),
    (
        "ifMatchInChangesets",
        "seen live, and the stale writes of these tests must fail",
    ),
    (
        "noOptimisticConcurrency",
        "names tables: a client that gets no version sends none",
    ),
    (
        "solutionImportRunning",
        "a state that passes: writes wait for it",
    ),
    (
        "missingTables",
        "has a test of its own, and older ages lack tables",
    ),
    (
        "missingColumns",
        "has a test of its own, and older ages lack columns",
    ),
    ("missingOptions", "concerns values, which are the caller's"),
];

/// The defaults; all second values; the third values where they exist; and a mix.
const ENVIRONMENTS: usize = 4;

/// The switches of the environments. Each value of each switch occurs in at least one of them.
pub(crate) fn environments() -> Vec<Switches> {
    let chance = Dice::new(17);
    let mut environments = Vec::new();
    for number in 0..ENVIRONMENTS {
        let mut answers = Map::new();
        for (word, values) in varied() {
            let roll = usize::try_from(chance.roll(values.len() as u64)).expect("small");
            let which = if number < values.len() { number } else { roll };
            answers.insert(word.to_owned(), values[which].clone());
        }
        environments.push(serde_json::from_value(answers.into()).expect("known switches"));
    }
    environments
}

/// The default configuration with these switches.
pub(crate) fn with(switches: &Switches) -> Config {
    Config {
        switches: switches.clone(),
        ..Config::default()
    }
}

#[test]
fn each_value_of_each_switch_is_in_one_of_the_environments() {
    let all: BTreeSet<String> = match serde_json::to_value(Switches::default()) {
        Ok(Value::Object(switches)) => switches.into_iter().map(|(word, _)| word).collect(),
        other => panic!("{other:?}"),
    };
    let varied = varied();
    let known: BTreeSet<String> = varied
        .iter()
        .map(|(word, _)| *word)
        .chain(FIXED.map(|(word, _)| word))
        .map(str::to_owned)
        .collect();
    assert_eq!(all, known, "each switch is varied, or says why not");
    let environments: Vec<Value> = environments()
        .iter()
        .map(|switches| serde_json::to_value(switches).expect("JSON"))
        .collect();
    for (word, values) in varied {
        for value in values {
            let found = environments.iter().any(|switches| switches[word] == value);
            assert!(found, "{word} is never {value}");
        }
    }
}
