//! An environment of 2022 lacks tables and columns. A plan only fails if a manifest needs them.

#![expect(
    clippy::duplicate_mod,
    reason = "the same scenarios run on each age, which they tell by their module"
)]

mod y2022;
mod y2024;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::support::{Project, Server, says};
use deskstate_emulator::Age;
use deskstate_model::EMULATOR_AGES;

#[test]
fn a_project_that_sets_nothing_the_age_lacks_plans_applies_and_is_in_sync() {
    let server = Server::start(&["--age", "2022"]);
    let project = Project::example("tenfold");
    project.add_server(&server.url);
    project.run(&["plan", "--env", "server"]).ended(0);
    project.run(&["apply", "--env", "server", "--yes"]).ended(0);
    let plan = ["plan", "--env", "server", "--detailed-exitcode"];
    project.run(&plan).ended(0);
}

#[test]
fn what_the_age_lacks_is_named_once_and_an_overlay_leaves_it_out() {
    let server = Server::start(&["--age", "2022"]);
    let project = Project::example("contoso");
    project.edit(
        "deskstate.yaml",
        "https://contoso-dev.crm4.dynamics.com",
        &server.url,
    );
    let refused = project.run(&["plan", "--env", "dev"]).ended(1);
    for (what, field) in [
        ("table `msdyn_appprofilerolemapping`", "roles"),
        ("table `msdyn_appcopilotconfiguration`", "copilotFeatures"),
        ("table `msdyn_inboxconfiguration`", "inboxViews"),
        (
            "column `msdyn_profileorder` of `msdyn_appconfiguration`",
            "rank",
        ),
        (
            "column `msdyn_enabletitlesync` of `msdyn_sessiontemplate`",
            "applySessionTitleToAnchorTab",
        ),
        (
            "column `msdyn_sessionicon` of `msdyn_sessiontemplate`",
            "sessionIcon",
        ),
        (
            "column `msdyn_type` of `msdyn_panetoolconfiguration`",
            "type",
        ),
        (
            "column `msdyn_isglobal` of `msdyn_panetoolconfiguration`",
            "global",
        ),
        (
            "column `msdyn_icon` of `msdyn_panetoolconfiguration`",
            "icon",
        ),
    ] {
        let said = format!("the environment lacks the {what}, which `{field}` needs");
        assert_eq!(
            refused.err.matches(&said).count(),
            1,
            "{said}\n{}",
            refused.err
        );
    }
    assert_eq!(
        refused.err.matches("the environment lacks").count(),
        9,
        "{}",
        refused.err
    );

    let document = |(kind, name, fields): &(&str, &str, &str)| {
        format!(
            "---\napiVersion: deskstate/v1\nkind: {kind}\nmetadata: {{name: {name}, unmanaged: [{fields}]}}\n"
        )
    };
    let left_out = [
        (
            "AppProfile",
            "contoso_supervisors",
            "rank, roles, copilotFeatures, inboxViews",
        ),
        (
            "AppProfile",
            "contoso_agents",
            "rank, roles, copilotFeatures, inboxViews",
        ),
        (
            "AppProfile",
            "contoso_backOffice",
            "rank, roles, copilotFeatures",
        ),
        (
            "SessionTemplate",
            "voxline_callSession",
            "applySessionTitleToAnchorTab, sessionIcon",
        ),
        ("PaneTool", "contoso_orderTool", "type, global"),
        ("PaneTool", "contoso_transferTool", "type, icon"),
    ];
    let overlay: String = left_out.iter().map(document).collect();
    project.write("overlays/y2022/all.yaml", &overlay);
    project.edit(
        "deskstate.yaml",
        "overlays/dev]",
        "overlays/dev, overlays/y2022]",
    );
    project.run(&["apply", "--env", "dev", "--yes"]).ended(0);
    let plan = ["plan", "--env", "dev", "--detailed-exitcode"];
    let same = project.run(&plan).ended(0);
    says(&same.out, &["dev matches the manifests"]);
}

#[test]
fn an_environment_inside_deskstate_can_be_of_an_older_year() {
    let years: Vec<i64> = Age::ALL.iter().map(|age| age.year().into()).collect();
    assert_eq!(years, EMULATOR_AGES, "the schema knows every age");

    let project = Project::example("contoso");
    project.run(&["plan", "--env", "local"]).ended(0);
    project.edit("deskstate.yaml", "local.json}", "local.json, age: 2022}");
    let refused = project.run(&["plan", "--env", "local"]).ended(1);
    let lacks =
        "the environment lacks the table `msdyn_inboxconfiguration`, which `inboxViews` needs";
    says(&refused.err, &[lacks]);
    says(&refused.out, &["local (embedded emulator of 2022)"]);

    project.edit("deskstate.yaml", "age: 2022", "age: 2023");
    let unknown = project.run(&["validate"]).ended(3);
    says(&unknown.err, &["write `2022`, `2024` or `2026`"]);
}

/// Files that normally run only on the newest age, with the reason. `DESKSTATE_TEST_AGE` runs them on another age.
const NEWEST: &[(&str, &str)] = &[
    ("accepting", "warnings about manifests"),
    ("adopting", "edits of files"),
    ("ages", "chooses the ages itself"),
    ("allowing", "rules of the project file"),
    ("apps", "what a plan and its review count"),
    ("architecture", "reads the sources"),
    (
        "assistants",
        "what assistants are answered: the words and limits of a protocol",
    ),
    (
        "checking",
        "rules of contracts about columns that every age has",
    ),
    (
        "ci_templates",
        "files for CI hosts, with a plan of the example",
    ),
    (
        "commenting",
        "talks to a CI host; the plan is only its text",
    ),
    ("contact_centre", "kinds of tables that every age has alike"),
    (
        "credentials",
        "forms of values, in columns that every age has",
    ),
    ("borders", "values that every age has"),
    ("docs", "blocks of pages, written on the newest age"),
    (
        "everywhere",
        "every command in every format: words and exit codes, not rows",
    ),
    ("evidence", "chooses the ages itself"),
    ("examples", "the examples set fields that came later"),
    ("exported_files", "no environment"),
    ("files", "files of a project"),
    ("fleet", "many environments at once: counting and sorting"),
    ("guide", "pages of others, for environments of today"),
    ("guides", "chooses the ages itself"),
    (
        "hostile",
        "outside texts in every output; what they are values of does not matter",
    ),
    ("installing", "starting the program"),
    ("kubernetes", "files of a cluster"),
    ("limits", "sizes of files and replies"),
    ("earlier", "revisions of manifests"),
    ("equal", "what a comparison says"),
    ("leaving", "what a review counts"),
    ("lines", "what a plan deletes"),
    ("moving", "agents and manifests, which no age changes"),
    ("needs", "what each command reads of a project"),
    (
        "notifying",
        "messages about drift, of columns that every age has",
    ),
    ("own_kinds", "kinds of tables that every age has alike"),
    ("packages", "files of packages"),
    (
        "pains",
        "complaints about other tools, about columns that every age has",
    ),
    ("progress", "lines that are shown while waiting"),
    (
        "reading",
        "how members and values are shown, of columns that every age has",
    ),
    (
        "real_rows",
        "rows as exported from environments of several years, each with its own",
    ),
    ("renderers", "formats of one plan"),
    (
        "reviewed",
        "saved plans compared with what is there, in columns that every age has",
    ),
    ("security", "secrets and sign-in"),
    ("shells", "completions"),
    ("show", "saved plans, compared with what `plan` printed"),
    (
        "starting",
        "files of a new project, and the embedded environment",
    ),
    (
        "tenfold",
        "counts requests on the newest age; `a_project_that_sets_nothing_the_age_lacks_plans_applies_and_is_in_sync` applies it to 2022",
    ),
    ("reverting", "what a plan leaves alone"),
    ("revisions", "what belongs to a commit"),
    ("rules", "contracts and packages"),
    ("taken", "what a plan finds before it writes"),
    (
        "team",
        "what a plan, an undo and an adoption do with agents",
    ),
    ("terminal", "colours and questions"),
    ("transcripts", "transcripts, written on the newest age"),
    ("wording", "sentences"),
    (
        "vendor_packages",
        "packages in files; the rows are of kinds that every age has",
    ),
];

/// These never touch anything that an environment of 2024 lacks. They take long, so of the older ages they only run on 2022.
const ALIKE_IN_2024: [&str; 2] = ["endings", "hints"];

#[test]
fn every_scenario_runs_on_each_older_age_or_there_is_a_reason() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let files = |folder: &Path| -> BTreeSet<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names
            .filter_map(|name| Some(name.strip_suffix(".rs")?.to_owned()))
            .collect()
    };
    let mut all = files(&tests);
    all.remove("main");
    let listed = std::fs::read_to_string(tests.join("main.rs")).unwrap();
    let is_listed = |name: &&String| listed.contains(&format!("\nmod {name};"));
    assert_eq!(all.iter().find(|name| !is_listed(name)), None, "main.rs");
    let newest: BTreeMap<&str, &str> = NEWEST.iter().copied().collect();
    let older = Age::ALL.iter().filter(|age| **age != Age::default());
    for age in older {
        let path = tests.join(format!("ages/y{}.rs", age.year()));
        let text = std::fs::read_to_string(path).unwrap();
        let also = |name: &&String| text.contains(&format!("\nmod {name};"));
        let (run, rest): (BTreeSet<&String>, BTreeSet<&String>) = all.iter().partition(also);
        let is_alike = |name: &str| *age == Age::Y2024 && ALIKE_IN_2024.contains(&name);
        let has_reason = |name: &&String| newest.contains_key(name.as_str()) || is_alike(name);
        let said: BTreeSet<&String> = all.iter().filter(has_reason).collect();
        assert_eq!(
            rest, said,
            "{age:?}: a file runs on this age, or NEWEST says why not"
        );
        assert!(!run.is_empty());
    }
    assert_eq!(newest.len(), NEWEST.len());
    assert!(newest.keys().all(|name| all.contains(*name)), "{newest:?}");
    assert!(newest.values().all(|why| !why.is_empty()));
}
