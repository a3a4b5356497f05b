//! The claims of `ARCHITECTURE.md`, each checked against the sources.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use deskstate_model::{FIXED_CHECKS, MANIFEST_CODES, POLICY_CHECKS};
use deskstate_reconcile::PLAN_CODES;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A source file of a crate, without the tests at its end.
struct Source {
    code: String,
}

fn sources(crates: &[&str]) -> Vec<Source> {
    let mut found = Vec::new();
    for name in crates {
        let before = found.len();
        collect(&root().join("crates").join(name).join("src"), &mut found);
        assert!(found.len() > before, "no sources of {name}");
    }
    found
}

fn collect(folder: &Path, found: &mut Vec<Source>) {
    let mut entries: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            collect(&path, found);
            continue;
        }
        let name = path.file_name().unwrap().to_str().unwrap();
        if ["tests.rs", "hostile.rs", "fuzzing.rs", "reference.rs"].contains(&name) {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let code = text
            .split("#[cfg(test)]\nmod tests {")
            .next()
            .unwrap()
            .to_owned();
        found.push(Source { code });
    }
}

/// The first argument of every call of a function, without leading blanks.
fn first_arguments<'a>(code: &'a str, call: &'a str) -> impl Iterator<Item = &'a str> {
    code.match_indices(call)
        .map(move |(at, _)| code[at + call.len()..].trim_start())
}

fn literal(argument: &str) -> Option<&str> {
    argument.strip_prefix('"')?.split('"').next()
}

#[test]
fn every_code_is_explained_where_it_is_raised_and_every_explained_code_is_raised() {
    let page = fs::read_to_string(root().join("docs/reference/codes.md")).unwrap();
    let listed: BTreeSet<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .collect();
    let sources = sources(&["model", "reconcile", "cli"]);

    let mut explained = BTreeMap::new();
    for source in &sources {
        for (at, _) in source
            .code
            .match_indices(": Explanation = Explanation::new(")
        {
            let constant = source.code[..at].rsplit(' ').next().unwrap();
            let code = first_arguments(&source.code[at..], "Explanation::new(")
                .find_map(literal)
                .unwrap();
            let twice = explained.insert(code, constant);
            assert_eq!(twice, None, "{code} is explained twice");
            assert_eq!(constant, code.to_uppercase().replace('-', "_"));
        }
    }
    let constants: BTreeSet<&str> = explained.keys().copied().collect();
    assert_eq!(constants, listed, "an explanation that is not in its list");

    let mut raised = BTreeSet::new();
    for source in &sources {
        for call in [
            "Diagnostic::error(",
            "Diagnostic::warning(",
            "Finding::new(",
        ] {
            raised.extend(first_arguments(&source.code, call).filter_map(literal));
        }
        for (code, constant) in &explained {
            if source.code.contains(&format!("{constant}.code")) {
                raised.insert(code);
            }
        }
    }
    assert_eq!(
        raised, listed,
        "codes that are raised, and codes that are explained"
    );

    for codes in [MANIFEST_CODES, PLAN_CODES] {
        assert!(codes.is_sorted_by(|left, right| left.code < right.code));
        for known in codes {
            for part in [known.rule, known.why, known.fix] {
                assert!(part.ends_with('.'), "{}: {part:?}", known.code);
            }
        }
    }
}

#[test]
fn every_code_has_an_example_among_the_tests() {
    fn read(folder: &Path, all: &mut String) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                read(&path, all);
            } else if let Ok(text) = fs::read_to_string(path) {
                all.push_str(&text);
            }
        }
    }
    let mut tests = String::new();
    for name in ["model", "reconcile", "cli"] {
        read(&root().join("crates").join(name).join("tests"), &mut tests);
    }
    for known in MANIFEST_CODES.iter().chain(PLAN_CODES) {
        let code = known.code;
        let shown = [format!("[{code}]"), format!("\"{code}\"")];
        assert!(
            shown.iter().any(|shown| tests.contains(shown)),
            "no test shows what `{code}` is about"
        );
    }
}

#[test]
fn the_project_file_knows_every_check_of_review() {
    let known: BTreeSet<&str> = POLICY_CHECKS.into_iter().chain(FIXED_CHECKS).collect();
    for source in sources(&["reconcile"]) {
        for argument in first_arguments(&source.code, "Finding::new(") {
            let constant = argument.split_once(".code").map(|(name, _)| name);
            let code = literal(argument).or(constant).unwrap_or_default();
            let code = code.to_lowercase().replace('_', "-");
            let from_elsewhere = argument.starts_with("code,");
            assert!(from_elsewhere || known.contains(code.as_str()), "{code}");
        }
    }
    let explained = MANIFEST_CODES.iter().chain(PLAN_CODES);
    let explained: BTreeSet<&str> = explained.map(|known| known.code).collect();
    assert!(known.is_subset(&explained), "{known:?}");
}
