//! Commands need only what they use: checks the table in `docs/reference/needs.md`, breaking each part in turn.

use std::path::Path;

use super::support::{self, Project, Server, says};

/// Commands that run until they are stopped, or that contact other services than an environment.
const NOT_RUN: [&str; 3] = ["comment", "demo", "emulator"];

/// A row of the table: a command, and whether it needs the project file, the manifests, and the environment.
fn table() -> Vec<(String, [bool; 3])> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/needs.md");
    let page = std::fs::read_to_string(page).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    rows.map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        assert_eq!(cells.len(), 5, "{line}");
        let need = |cell: &str| match cell {
            "yes" => true,
            "no" => false,
            other => panic!("{other} in {line}"),
        };
        (
            cells[0].trim_matches('`').to_owned(),
            [need(cells[1]), need(cells[2]), need(cells[3])],
        )
    })
    .collect()
}

const TOOL: &str = "apiVersion: deskstate/v1\nkind: PaneTool\nmetadata: {name: contoso_tool}\nspec: {displayName: Tool, controlName: tool}\n";

/// A project with one applied tool.
fn desk(folder: &Path) -> (Project, Server) {
    let server = Server::with_parameters(folder, false);
    let project = Project::desk(&server, "owns: {prefixes: [contoso]}", "", TOOL);
    project.write(
        "vendor.yaml",
        "apiVersion: deskstate/v1\nkind: Contract\nmetadata: {name: vendor}\nspec:\n  rules:\n    - id: tool\n      resource: {kind: PaneTool, name: contoso_tool}\n      required: true\n",
    );
    project.apply();
    (project, server)
}

/// Changes the tool and returns the undo file.
fn changed(project: &Project) -> String {
    project.edit(
        "manifests/all.yaml",
        "displayName: Tool",
        "displayName: Another",
    );
    Project::undo_file(&project.apply())
}

fn arguments<'a>(command: &'a str, undo: &'a str) -> Vec<&'a str> {
    match command {
        "undo" => vec!["undo", "--env", "server", undo],
        "who" => vec!["who", "ada@contoso.com", "--env", "server"],
        "check" => vec!["check", "--env", "server", "--contract", "vendor.yaml"],
        "diff" => vec!["diff", "--from", "server", "--to", "other"],
        "explain" => vec!["explain", "AppProfile"],
        "kind" => vec!["kind", "draft", "--env", "server", "msdyn_templatetags"],
        "package" => vec!["package", "verify"],
        "completions" => vec!["completions", "bash"],
        "init" => vec!["init", "elsewhere"],
        "show" => vec!["show", "saved.json"],
        "render" => vec!["render", "--env", "server"],
        "preview" => vec!["preview", "--no-open"],
        "plan" | "apply" | "drift" | "export" | "adopt" | "doctor" => {
            vec![command, "--env", "server"]
        }
        _ => vec![command],
    }
}

#[test]
fn each_command_works_without_what_the_table_says_it_does_not_need() {
    let folder = tempfile::tempdir().unwrap();
    let (project, server) = desk(folder.path());
    let url = &server.url;
    let environments = |url: &str| {
        let one = |name: &str| format!("    {name}:\n      url: \"{url}\"\n");
        one("server") + &one("other")
    };
    project.set_environments(&environments(url));
    let undo = changed(&project);
    project
        .run(&["plan", "--env", "server", "--out", "saved.json"])
        .ended(0);
    let whole = project.read("deskstate.yaml");
    // Another organization answers. Every command that reads an environment refuses it immediately.
    let own = format!("url: \"{url}\"\n");
    let other = format!("{own}      organizationId: 00000000-0000-0000-0000-000000000001\n");
    let elsewhere = whole.replace(&own, &other);
    let manifest = project.read("manifests/all.yaml");
    let rows = table();
    let mut told: Vec<String> = rows.iter().map(|(command, _)| command.clone()).collect();
    told.sort();
    let help = project.run(&["--help"]).ended(0).out;
    let commands = help
        .split("Commands:")
        .nth(1)
        .unwrap()
        .split("Options")
        .next()
        .unwrap();
    let mut known: Vec<String> = commands
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
        .filter(|command| command != "help")
        .collect();
    known.sort();
    assert_eq!(told, known, "the table has every command");
    for (command, needs) in &rows {
        if NOT_RUN.contains(&command.as_str()) {
            assert_eq!(needs, &[false; 3]);
            continue;
        }
        let arguments = arguments(command, &undo);
        let whole_run = project.run(&arguments);
        let broken: [(&str, &dyn Fn()); 4] = [
            ("project file", &|| {
                project.write("deskstate.yaml", "kind: [")
            }),
            ("manifests", &|| {
                project.write("manifests/all.yaml", "kind: [")
            }),
            ("manifests", &|| {
                project.write(
                    "manifests/all.yaml",
                    &manifest.replace("displayName:", "displayNam:"),
                )
            }),
            ("environment", &|| {
                project.write("deskstate.yaml", &elsewhere)
            }),
        ];
        for (what, break_it) in broken {
            let at = ["project file", "manifests", "environment"]
                .iter()
                .position(|known| *known == what)
                .unwrap();
            break_it();
            let run = project.run(&arguments);
            project.write("deskstate.yaml", &whole);
            project.write("manifests/all.yaml", &manifest);
            let works = run.code == whole_run.code
                && !(what == "environment" && run.err.contains("the project expects"));
            assert_eq!(
                works, !needs[at],
                "{command} with a broken {what}: {:?} {:?}\n{}\n{}",
                whole_run.code, run.code, run.out, run.err
            );
        }
    }
}

#[test]
fn an_emergency_undo_is_not_stopped_by_manifests() {
    let folder = tempfile::tempdir().unwrap();
    let (project, _server) = desk(folder.path());
    let undo = changed(&project);
    project.write("manifests/broken.yaml", "kind: [");
    project.run(&["validate"]).ended(3);
    project
        .run(&["undo", "--env", "server", &undo, "--yes"])
        .ended(0);
    std::fs::remove_dir_all(project.path().join("manifests")).unwrap();
    project.run(&["who", "ada@contoso.com", "--env", "server"]);
    let exported = project
        .run(&[
            "export",
            "--env",
            "server",
            "--prefix",
            "contoso",
            "--out",
            "manifests",
        ])
        .ended(0);
    says(&exported.err, &["Exported 1 document"]);
    let doctor = project.run(&["doctor", "--env", "server"]);
    says(&doctor.out, &["signed in"]);
}

#[test]
fn an_emergency_undo_is_not_stopped_by_errors_elsewhere_in_the_project_file() {
    let folder = tempfile::tempdir().unwrap();
    let (project, server) = desk(folder.path());
    let undo = changed(&project);
    let whole = project.read("deskstate.yaml");
    let arguments = ["undo", "--env", "server", &undo, "--yes"];
    // The environment's own entry must be completely valid.
    let own = format!("url: \"{}\"", server.url);
    let broken = whole.replace(&own, &format!("{own}\n      writes: everything"));
    project.write("deskstate.yaml", &broken);
    let refused = project.run(&arguments).ended(3);
    says(&refused.err, &["error[unknown-value]", "everything"]);
    let broken = whole.replace(
        "owns: {prefixes: [contoso]}",
        "owns: {prefix: [contoso]}\n  prune: Owned",
    ) + "    other: {url: \"not an address\", writes: everything}\n";
    assert_ne!(broken, whole);
    project.write("deskstate.yaml", &broken);
    project.run(&["validate"]).ended(3);
    project.run(&["plan", "--env", "server"]).ended(3);
    let undone = project.run(&arguments).ended(0);
    says(
        &undone.err,
        &["warning[unknown-field]", "warning[unknown-value]"],
    );
    assert!(!undone.err.contains("error["), "{}", undone.err);
}

#[test]
fn a_project_that_was_just_begun_takes_an_export() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| -> support::Run {
        support::deskstate(folder.path())
            .args(arguments)
            .output()
            .unwrap()
            .into()
    };
    run(&["init"]).ended(0);
    std::fs::remove_file(folder.path().join("manifests/desktop.yaml")).unwrap();
    let drift = run(&["drift", "--env", "local"]).ended(1);
    says(
        &drift.out,
        &["the manifests declare nothing for this environment"],
    );
    for command in ["validate", "plan", "adopt"] {
        let environment: &[&str] = if command == "validate" {
            &[]
        } else {
            &["--env", "local"]
        };
        let empty = run(&[&[command][..], environment].concat());
        assert!(
            matches!(empty.code, Some(0 | 2)),
            "{command}: {}{}",
            empty.out,
            empty.err
        );
        assert!(!empty.err.contains("error"), "{command}: {}", empty.err);
    }
    run(&["export", "--env", "local", "--out", "manifests"]).ended(0);
    run(&["validate"]).ended(0);
}

#[test]
fn a_broken_environment_is_a_finding_and_a_missing_name_lists_the_names() {
    let folder = tempfile::tempdir().unwrap();
    let (project, _server) = desk(folder.path());
    project.set_environments("    local:\n      emulator: {state: ../out.json}\n    prod:\n      url: contoso.crm4.dynamics.com/main.aspx?appid=1\n");
    for command in ["plan", "who a@b.example", "export"] {
        let mut arguments: Vec<&str> = command.split(' ').collect();
        arguments.extend(["--env", "local"]);
        let run = project.run(&arguments).ended(3);
        says(&run.err, &["error[path-outside]", "deskstate.yaml"]);
        assert!(!run.err.contains("no environment `local`"), "{}", run.err);
    }
    project.edit("deskstate.yaml", "../out.json", "out.json");
    project.run(&["validate"]).ended(0);
    let run = project.run(&["plan"]).ended(1);
    says(&run.err, &["--env <NAME>", "this project has: local, prod"]);
    let run = project.run(&["plan", "--env", "production"]).ended(1);
    says(&run.err, &["no environment `production`", "local, prod"]);
}

#[test]
fn of_many_environments_the_nearest_is_named_first_and_ten_are_listed() {
    let folder = tempfile::tempdir().unwrap();
    let (project, _server) = desk(folder.path());
    let many: String = (0..39)
        .map(|number| format!("    a{number:02}: {{url: \"https://a{number}.example\"}}\n"))
        .collect();
    project.set_environments(&format!("{many}    prod: {{url: \"https://b.example\"}}\n"));
    for arguments in [
        &["plan", "--env", "prdo"][..],
        &["validate", "--env", "prdo"],
    ] {
        let run = project.run(arguments).ended(1);
        says(
            &run.err,
            &[
                "help: did you mean `prod`? this project has: a00, a01, a02, a03, a04, a05, a06, a07, a08, a09, and 30 more\n",
            ],
        );
    }
    let run = project.run(&["plan"]).ended(1);
    says(&run.err, &["a09, and 30 more"]);
}

#[test]
fn a_folder_that_is_not_there_is_told_from_one_without_a_project() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    for (given, said) in [
        ("nope", "error: the folder nope does not exist\n"),
        ("file", "error: file is not a folder\n"),
        ("empty", "error: no `deskstate.yaml` in empty\n"),
    ] {
        let run: support::Run = support::deskstate(folder.path())
            .args(["-C", given, "plan", "--env", "prod"])
            .output()
            .unwrap()
            .into();
        says(&run.ended(1).err, &[said]);
    }
}
