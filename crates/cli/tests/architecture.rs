//! Checks each claim of `ARCHITECTURE.md` against the sources.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use deskstate_model::{FIXED_CHECKS, MANIFEST_CODES, MANIFEST_WARNINGS, POLICY_CHECKS};
use deskstate_reconcile::PLAN_CODES;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A source file of a crate: its path below `src/`, with `/`, and its text without the tests at the end.
struct Source {
    path: String,
    code: String,
}

fn sources(crates: &[&str]) -> Vec<Source> {
    let mut found = Vec::new();
    for name in crates {
        let before = found.len();
        let folder = root().join("crates").join(name).join("src");
        collect(&folder, &folder, &mut found);
        assert!(found.len() > before, "no sources of {name}");
    }
    found
}

fn collect(root: &Path, folder: &Path, found: &mut Vec<Source>) {
    let mut entries: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            collect(root, &path, found);
            continue;
        }
        let name = path.file_name().unwrap().to_str().unwrap();
        if !name.ends_with(".rs") {
            continue;
        }
        if ["tests.rs", "hostile.rs", "fuzzing.rs", "reference.rs"].contains(&name) {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let tests = ["mod tests {", "pub(crate) mod tests {"]
            .iter()
            .filter_map(|module| text.find(&format!("#[cfg(test)]\n{module}")))
            .min();
        let code = text[..tests.unwrap_or(text.len())].to_owned();
        let path = path.strip_prefix(root).unwrap().to_str().unwrap();
        let path = path.replace('\\', "/");
        found.push(Source { path, code });
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

/// A warning about the content of a manifest has a level. What else is warned of is about the project itself or its files.
#[test]
fn policy_knows_every_warning_about_manifests_and_every_code_whose_explanation_names_it() {
    let levelled = |code: &str| MANIFEST_WARNINGS.contains(&code) || POLICY_CHECKS.contains(&code);
    let mut number = 0;
    for source in sources(&["model"]) {
        if !source.path.starts_with("checks/") && source.path != "decoder.rs" {
            continue;
        }
        for argument in first_arguments(&source.code, "Diagnostic::warning(") {
            let Some((constant, _)) = argument.split_once(".code") else {
                continue;
            };
            let code = constant.to_lowercase().replace('_', "-");
            assert!(levelled(&code), "{code} of {}", source.path);
            number += 1;
        }
    }
    assert!(number > 30, "{number}");
    for known in MANIFEST_CODES.iter().chain(PLAN_CODES) {
        let named = format!("`policy: {{{}: ", known.code);
        assert!(
            !known.text().contains(&named) || levelled(known.code),
            "{}",
            known.code
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

/// The files of crates whose code contains one of these texts, as `crate/path`.
fn files_with(crates: &[&str], texts: &[&str]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for name in crates {
        for source in sources(&[name]) {
            let lines = source
                .code
                .lines()
                .map(|line| line.split("//").next().unwrap());
            let code: String = lines.collect::<Vec<_>>().join("\n");
            if texts.iter().any(|text| code.contains(text)) {
                found.insert(format!("{name}/{}", source.path));
            }
        }
    }
    found
}

#[track_caller]
fn only_in(found: &BTreeSet<String>, places: &[&str]) {
    assert!(
        !found.is_empty(),
        "the text is nowhere: the test looks for the wrong one"
    );
    for file in found {
        let known = places.iter().any(|place| file.starts_with(place));
        assert!(known, "{file} is not among {places:?}");
    }
}

#[test]
fn dependencies_run_one_way() {
    let allowed: [(&str, &[&str]); 6] = [
        ("files", &[]),
        ("model", &["files"]),
        ("dataverse", &["files"]),
        ("reconcile", &["files", "model", "dataverse"]),
        ("emulator", &[]),
        (
            "cli",
            &["files", "model", "dataverse", "reconcile", "emulator"],
        ),
    ];
    for (name, expected) in allowed {
        let path = root().join("crates").join(name).join("Cargo.toml");
        let text = fs::read_to_string(path).unwrap();
        let (_, section) = text.split_once("[dependencies]").unwrap();
        let section = section.split("\n[").next().unwrap();
        let ours = section
            .lines()
            .filter_map(|line| line.strip_prefix("deskstate-"));
        let ours: Vec<&str> = ours.map(|line| line.split('.').next().unwrap()).collect();
        assert_eq!(ours, expected, "{name}");
    }
}

#[test]
fn yaml_crates_are_named_in_one_folder() {
    let crates = ["files", "model", "dataverse", "reconcile", "cli"];
    only_in(
        &files_with(&crates, &["serde_yaml", "saphyr"]),
        &["model/yaml/"],
    );
}

#[test]
fn in_reconcile_only_what_talks_to_somebody_awaits() {
    only_in(
        &files_with(&["reconcile"], &[".await", "async fn"]),
        &[
            "reconcile/observe/",
            "reconcile/apply/",
            "reconcile/probe/",
            "reconcile/blame.rs",
        ],
    );
}

#[test]
fn only_apply_and_the_probe_hold_what_can_write() {
    let mut holding = BTreeSet::new();
    for name in ["reconcile", "cli"] {
        for source in sources(&[name]) {
            let imports = first_arguments(&source.code, "use deskstate_dataverse::");
            let mut imports = imports.map(|import| import.split(';').next().unwrap());
            if imports.any(|import| import.contains("Session")) {
                holding.insert(format!("{name}/{}", source.path));
            }
        }
    }
    only_in(
        &holding,
        &[
            "reconcile/apply/",
            "reconcile/probe/",
            "cli/commands/apply.rs",
            "cli/commands/undo.rs",
            "cli/commands/carrying.rs",
            "cli/commands/doctor.rs",
        ],
    );
    let paths = files_with(&["reconcile", "cli"], &["deskstate_dataverse::Session"]);
    assert!(paths.is_subset(&holding), "{paths:?}");
}

/// The parts of this crate that the assistants' tools may use. None of them writes a file or gets more of an environment than a reader.
const FOR_ASSISTANTS: [&str; 25] = [
    "crate::commands::adopt",
    "crate::commands::check",
    "crate::commands::choosing",
    "crate::commands::diff",
    "crate::commands::drift",
    "crate::commands::explain",
    "crate::commands::exporting",
    "crate::commands::judging",
    "crate::commands::live",
    "crate::commands::plan",
    "crate::commands::schema",
    "crate::commands::who",
    "crate::door",
    "crate::environment::self",
    "crate::environment::Access",
    "crate::environment::Readable",
    "crate::error::Error",
    "crate::global::Global",
    "crate::output",
    "crate::preview",
    "crate::project",
    "crate::revision",
    "crate::specs::Specs",
    "crate::suggest",
    "crate::today",
];

#[test]
fn the_tools_of_assistants_have_nothing_to_write_with() {
    let mut seen = 0;
    for source in sources(&["cli"]) {
        let Some(name) = source.path.strip_prefix("commands/mcp/") else {
            continue;
        };
        seen += 1;
        for text in [
            "Opened",
            "environment::with",
            "open_url",
            "std::fs",
            "tokio::fs",
            "File::",
            "kept::",
            "journal",
            "write_file",
            "tempfile",
            "load_revision",
            "checkout",
            "Command::new",
            "std::process",
            "::run(",
            "unsafe",
        ] {
            // The parent module opens the log before a server exists.
            let is_log =
                name == "mod.rs" && text == "kept::" && source.code.matches(text).count() == 1;
            assert!(
                is_log || !source.code.contains(text),
                "{name} names `{text}`"
            );
        }
        for import in first_arguments(&source.code, "use deskstate_dataverse::") {
            assert!(import.starts_with("Stop;"), "{name} uses {import:.40}");
        }
        for path in paths_of(&source.code) {
            let is_ours = !path.starts_with("crate::") || name == "mod.rs";
            let allowed = FOR_ASSISTANTS.iter().any(|allowed| {
                let rest = path.strip_prefix(allowed);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
                    || (path == "crate::ui::Ui")
            });
            assert!(is_ours || allowed, "{name} uses {path}");
        }
    }
    assert!(seen > 7, "{seen} files");
}

#[test]
fn only_the_door_prints() {
    let printing = [
        "println!",
        "eprintln!",
        "print!(",
        "io::stdout()",
        "io::stderr()",
        "Stdio::inherit",
    ];
    let crates = ["files", "model", "dataverse", "reconcile", "cli"];
    only_in(&files_with(&crates, &printing), &["cli/door/"]);
    // The emulator is also a separate program.
    only_in(&files_with(&["emulator"], &printing), &["emulator/run.rs"]);
}

#[test]
fn exit_codes_are_one_enum() {
    let crates = ["files", "model", "dataverse", "reconcile", "cli"];
    for source in sources(&crates) {
        for argument in first_arguments(&source.code, "process::exit(") {
            assert!(
                argument.starts_with("ExitCode::"),
                "{}: exits with a bare number",
                source.path
            );
        }
    }
    only_in(
        &files_with(&crates, &["Self::from(code.number())"]),
        &["cli/exit_code.rs"],
    );
    assert!(
        files_with(
            &crates,
            &["ExitCode::from(", "ExitCode::SUCCESS", "ExitCode::FAILURE"]
        )
        .is_subset(&BTreeSet::from(["cli/lib.rs".to_owned()]))
    );
}

#[test]
fn the_client_knows_nothing_of_one_app() {
    fn look(path: &Path) {
        if path.is_dir() {
            for entry in fs::read_dir(path).unwrap() {
                look(&entry.unwrap().path());
            }
        } else if let Ok(text) = fs::read_to_string(path) {
            assert!(!text.contains("msdyn_"), "{}", path.display());
        }
    }
    look(&root().join("crates/dataverse/src"));
}

#[test]
fn tables_and_columns_of_the_desk_are_named_in_the_kinds_alone() {
    only_in(
        &files_with(&["model", "reconcile", "cli"], &["msdyn_"]),
        &[
            "model/kinds/",
            // Platform tables that kinds depend on, and the columns that every table of the desk has.
            "model/tables.rs",
            "model/table/mod.rs",
            "model/definition/denied.rs",
            // Names of rows, and Microsoft's prefix.
            "model/checks/",
            "reconcile/kinds.rs",
            "reconcile/value.rs",
            // Columns that solution files have in addition to those of kinds.
            "reconcile/solution/assemble/cells.rs",
            // The person in the story, who uses the Web API directly.
            "cli/commands/demo.rs",
        ],
    );
}

/// Groups of modules that use each other, by crate. Cycles between a parent and its children are allowed; no others may be added.
const CYCLES: [(&str, &[&str]); 4] = [
    // An age is a set of switches, and the age is one of the switches.
    ("emulator", &["age", "switches"]),
    // A batch is a request that contains requests.
    ("emulator", &["batch", "engine"]),
    // The arguments of a function in an expression are expressions, and an expanded row contains rows.
    (
        "emulator",
        &["odata::eval", "odata::expr", "odata::functions"],
    ),
    ("emulator", &["odata::expand", "odata::read"]),
];

#[test]
fn modules_form_no_cycles_except_a_parent_and_its_children() {
    let mut found = Vec::new();
    for name in [
        "files",
        "model",
        "dataverse",
        "reconcile",
        "emulator",
        "cli",
    ] {
        let uses = uses_of(name);
        assert!(name == "files" || uses.values().any(|to| !to.is_empty()));
        let reached: BTreeMap<&String, BTreeSet<&String>> = uses
            .keys()
            .map(|from| (from, reached(&uses, from)))
            .collect();
        for (from, to) in &reached {
            let mut circle: Vec<String> = to
                .iter()
                .filter(|other| reached[*other].contains(from))
                .map(|other| (*other).clone())
                .collect();
            circle.sort_unstable();
            if circle.first() == Some(*from) {
                found.push((name, circle));
            }
        }
    }
    let known: Vec<(&str, Vec<String>)> = CYCLES
        .iter()
        .map(|(name, of)| {
            (
                *name,
                of.iter().map(|module| (*module).to_owned()).collect(),
            )
        })
        .collect();
    for circle in &found {
        assert!(
            known.contains(circle),
            "modules that use each other: {circle:?}"
        );
    }
    for circle in &known {
        assert!(
            found.contains(circle),
            "no cycle any more, remove it: {circle:?}"
        );
    }
}

/// The modules that can be reached from a module in one or more steps.
fn reached<'a>(
    uses: &'a BTreeMap<String, BTreeSet<String>>,
    from: &String,
) -> BTreeSet<&'a String> {
    let mut seen = BTreeSet::new();
    let mut open: Vec<&String> = uses[from].iter().collect();
    while let Some(next) = open.pop() {
        if seen.insert(next) {
            open.extend(&uses[next]);
        }
    }
    seen
}

/// The modules of a crate, each with the modules that its paths name, except its parents and children.
fn uses_of(name: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut modules = BTreeMap::new();
    for source in sources(&[name]) {
        let path = source.path.trim_end_matches(".rs").trim_end_matches("/mod");
        if !["lib", "main"].contains(&path) {
            let code = source
                .code
                .lines()
                .map(|line| line.split("//").next().unwrap());
            modules.insert(path.replace('/', "::"), code.collect::<Vec<_>>().join("\n"));
        }
    }
    let related = |one: &str, other: &str| {
        let below = |one: &str, other: &str| {
            one.strip_prefix(other)
                .is_some_and(|rest| rest.starts_with("::"))
        };
        one == other || below(one, other) || below(other, one)
    };
    let uses = |module: &String, code: &String| {
        let paths = paths_of(code).into_iter();
        let named = paths.filter_map(|path| module_of(&modules, module, &path));
        named.filter(|other| !related(module, other)).collect()
    };
    modules
        .iter()
        .map(|(module, code)| (module.clone(), uses(module, code)))
        .collect()
}

/// The module that a path names, or that contains the item it names.
fn module_of(modules: &BTreeMap<String, String>, from: &str, path: &str) -> Option<String> {
    let mut base: Vec<&str> = from.split("::").collect();
    let mut steps: Vec<&str> = path.split("::").collect();
    match steps[0] {
        "crate" => base.clear(),
        "self" => {}
        _ => {
            while steps[0] == "super" {
                base.pop();
                steps[0] = "self";
                if steps.get(1) == Some(&"super") {
                    steps.remove(0);
                }
            }
        }
    }
    base.extend(&steps[1..]);
    (1..=base.len())
        .rev()
        .map(|length| base[..length].join("::"))
        .find(|name| modules.contains_key(name))
}

/// All paths that begin with `crate`, `super` or `self`. Braces in `use` are expanded.
fn paths_of(code: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for start in ["crate::", "super::", "self::"] {
        for (at, _) in code.match_indices(start) {
            let before = code[..at].chars().next_back();
            if before
                .is_some_and(|before| before.is_alphanumeric() || [':', '_', '$'].contains(&before))
            {
                continue;
            }
            write_out("", &code[at..], &mut paths);
        }
    }
    paths
}

/// Reads one path, or a tree of them, and returns the rest of the text.
fn write_out<'a>(before: &str, text: &'a str, paths: &mut Vec<String>) -> &'a str {
    let is_part = |character: char| character.is_alphanumeric() || [':', '_'].contains(&character);
    let end = text
        .find(|character| !is_part(character))
        .unwrap_or(text.len());
    let path = format!("{before}{}", &text[..end]);
    let mut rest = &text[end..];
    if !path.ends_with("::") || !rest.starts_with('{') {
        paths.push(path.trim_end_matches(':').to_owned());
        return rest;
    }
    rest = &rest[1..];
    loop {
        rest = rest
            .trim_start_matches(|character: char| character.is_whitespace() || character == ',');
        match rest.strip_prefix('}') {
            Some(behind) => return behind,
            None if rest.is_empty() => return rest,
            None => {
                rest = write_out(&path, rest, paths);
                // A renamed import: ` as other`.
                if rest.starts_with(" as ") {
                    rest = rest[4..].trim_start_matches(is_part);
                }
                if !rest.trim_start().starts_with([',', '}']) {
                    return rest;
                }
            }
        }
    }
}
