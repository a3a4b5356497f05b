//! The Tenfold guide, end to end: the built binary against an emulator in its own process, which counts requests.

use super::support::{self, Project, Server};
use serde_json::Value;

fn requests(server: &Server) -> u64 {
    server.stats()["httpRequests"].as_u64().unwrap()
}

/// A project, and a server that makes parameter rows or not. The project may know which.
fn tenfold(made: bool, known: bool) -> (Project, Server) {
    let project = Project::example("tenfold");
    let server = Server::with_parameters(project.path(), made);
    project.add_server(&server.url);
    if known {
        project.answer(made);
    }
    (project, server)
}

fn edit_three_things(server: &Server) {
    let session = server.id(
        "msdyn_sessiontemplates",
        "msdyn_sessiontemplateid",
        "CTI_createSession",
    );
    server.patch(
        &format!("msdyn_sessiontemplates({session})"),
        r#"{"msdyn_panelstate":162450001}"#,
    );
    let toast = server.id(
        "msdyn_notificationtemplates",
        "msdyn_notificationtemplateid",
        "CTI_inboundCallNotification",
    );
    server.patch(
        &format!("msdyn_notificationtemplates({toast})"),
        r#"{"msdyn_timeout":30}"#,
    );
    let profile = server.id(
        "msdyn_appconfigurations",
        "msdyn_appconfigurationid",
        "tenfold_appProfile",
    );
    server.patch(
        &format!("msdyn_appconfigurations({profile})"),
        r#"{"msdyn_description":null}"#,
    );
}

#[test]
fn an_empty_environment_takes_one_request_to_read_and_one_transaction_to_write() {
    let (project, server) = tenfold(false, true);
    let before = requests(&server);
    let plan = project.run(&["plan", "--env", "server"]).ended(0);
    let asked = requests(&server) - before;
    assert!(
        plan.out
            .contains("1 request to read, 1 transaction to write"),
        "{}",
        plan.out
    );
    assert_eq!(asked, 1);
    assert_eq!(writes(&server), 0, "a plan writes nothing");
    let applied = project.run(&["apply", "--env", "server", "--yes"]).ended(0);
    assert!(
        applied
            .out
            .contains("5 changes applied to server in 1 transaction"),
        "{}",
        applied.out
    );
    project
        .run(&["plan", "--env", "server", "--detailed-exitcode"])
        .ended(0);
}

#[test]
fn where_the_server_makes_parameter_rows_it_takes_two_transactions_and_leaves_no_row_twice() {
    let (project, server) = tenfold(true, true);
    let applied = project.run(&["apply", "--env", "server", "--yes"]).ended(0);
    assert!(
        applied
            .out
            .contains("5 changes applied to server in 2 transactions"),
        "{}",
        applied.out
    );
    project
        .run(&["plan", "--env", "server", "--detailed-exitcode"])
        .ended(0);
    let rows = server
        .get("/api/data/v9.2/msdyn_templateparameters?$select=msdyn_name,_msdyn_applicationtabtemplateid_value");
    let mut parameters: Vec<(&str, &str)> = rows["value"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|row| {
            Some((
                row["_msdyn_applicationtabtemplateid_value"].as_str()?,
                row["msdyn_name"].as_str()?,
            ))
        })
        .collect();
    parameters.sort_unstable();
    let all = parameters.len();
    parameters.dedup();
    assert_eq!(parameters.len(), all, "a parameter is there twice: {rows}");
}

#[test]
fn an_environment_of_unknown_ways_ends_in_sync_whichever_they_are() {
    for made in [false, true] {
        let (project, _server) = tenfold(made, false);
        let applied = project.run(&["apply", "--env", "server", "--yes"]).ended(0);
        assert!(applied.out.contains("in 2 transactions"), "{}", applied.out);
        project.run(&["drift", "--env", "server"]).ended(0);
    }
}

#[test]
fn drift_names_each_field_in_manifest_words_with_both_values_and_apply_puts_it_back() {
    let (project, server) = tenfold(false, true);
    project.run(&["apply", "--env", "server", "--yes"]).ended(0);
    edit_three_things(&server);
    let drift = project.run(&["drift", "--env", "server"]).ended(2);
    for said in [
        "~ SessionTemplate CTI_createSession",
        "communicationPanelMode  Docked → Hidden",
        "~ NotificationTemplate CTI_inboundCallNotification",
        "timeoutSeconds          10 → 30",
        "~ AppProfile tenfold_appProfile",
        "description             Agents who take calls with Tenfold → (none)",
    ] {
        assert!(
            drift.out.contains(said),
            "`{said}` is not in\n{}",
            drift.out
        );
    }
    project.run(&["apply", "--env", "server", "--yes"]).ended(0);
    project.run(&["drift", "--env", "server"]).ended(0);
}

#[test]
fn a_locked_value_that_the_manifest_changes_is_refused_with_file_line_and_column() {
    let project = Project::example("tenfold");
    project.edit(
        "manifests/templates.yaml",
        "communicationPanelMode: Docked",
        "communicationPanelMode: Hidden",
    );
    let run = project.run(&["validate"]).ended(3);
    let text = project.read("manifests/templates.yaml");
    let line = text
        .lines()
        .position(|line| line.contains("communicationPanelMode: Hidden"))
        .unwrap()
        + 1;
    assert!(run.err.contains("locked-value"), "{}", run.err);
    assert!(
        run.err
            .contains(&format!("manifests/templates.yaml:{line}:27")),
        "{}",
        run.err
    );
}

#[test]
fn every_mistake_is_shown_in_one_run_with_its_place_and_nothing_is_sent() {
    let project = Project::example("tenfold");
    let server = Server::start(&[]);
    project.add_server(&server.url);
    let document = |kind: &str, name: &str, spec: &str| {
        format!("apiVersion: deskstate/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n{spec}")
    };
    let tab = "  displayName: A\n  pageType: Search\n  parameters: {searchText: x}\n";
    let files = [
        (
            "misspelt.yaml",
            document(
                "ApplicationTab",
                "tenfold_a",
                "  displayNme: A\n  displayName: A\n  pageType: Search\n  parameters: {searchText: x}\n",
            ),
        ),
        ("kind.yaml", document("ApplicationTabb", "tenfold_b", tab)),
        (
            "reference.yaml",
            document(
                "SessionTemplate",
                "tenfold_c",
                "  displayName: C\n  type: Generic\n  anchorTab: tenfold_nothing\n",
            ),
        ),
        ("name.yaml", document("ApplicationTab", "x", tab)),
        (
            "duplicate.yaml",
            document("ApplicationTab", "tenfold_customerSummary", tab),
        ),
        (
            "braces.yaml",
            document(
                "ApplicationTab",
                "tenfold_e",
                "  displayName: E\n  title: {customer}\n  pageType: Search\n  parameters: {searchText: x}\n",
            ),
        ),
        ("broken.yaml", "kind: [\n".to_owned()),
    ];
    for (file, text) in &files {
        project.write(&format!("manifests/{file}"), text);
    }
    std::fs::write(
        project.path().join("manifests/unreadable.yaml"),
        [0xff, 0xfe, 0x00, 0xd8, 0x00],
    )
    .unwrap();
    let before = requests(&server);
    let run = project.run(&["plan", "--env", "server"]).ended(3);
    for file in files
        .iter()
        .map(|(file, _)| *file)
        .chain(["unreadable.yaml"])
    {
        assert!(
            run.err.contains(&format!("manifests/{file}")),
            "nothing is said of {file}:\n{}",
            run.err
        );
    }
    assert!(run.err.contains("help"), "{}", run.err);
    assert_eq!(requests(&server), before, "something was sent");
}

fn writes(server: &Server) -> u64 {
    match &server.stats()["writes"] {
        Value::Object(kinds) => kinds.values().filter_map(Value::as_u64).sum(),
        _ => 0,
    }
}

#[test]
fn an_apply_that_is_killed_is_finished_by_running_it_again() {
    // Killed at various moments: before, during and after the transaction.
    for delay in [5, 15, 30, 45, 60, 90, 120, 200] {
        let (project, server) = tenfold(true, true);
        let mut child = support::deskstate(project.path())
            .args(["apply", "--env", "server", "--yes"])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(delay));
        drop(child.kill());
        child.wait().unwrap();
        project.run(&["apply", "--env", "server", "--yes"]).ended(0);
        project.run(&["drift", "--env", "server"]).ended(0);
        for (set, filter) in [
            (
                "msdyn_sessiontemplates",
                "msdyn_uniquename%20eq%20'CTI_createSession'",
            ),
            (
                "msdyn_applicationtabtemplates",
                "msdyn_uniquename%20eq%20'tenfold_customerSummary'",
            ),
            (
                "msdyn_appconfigurations",
                "msdyn_uniquename%20eq%20'tenfold_appProfile'",
            ),
        ] {
            let rows = server.get(&format!("/api/data/v9.2/{set}?$filter={filter}"));
            assert_eq!(
                rows["value"].as_array().map(Vec::len),
                Some(1),
                "{set} after {delay} ms: {rows}"
            );
        }
    }
}

#[test]
fn the_local_environment_starts_by_itself_and_keeps_its_state() {
    let project = Project::example("tenfold");
    project.run(&["apply", "--env", "local", "--yes"]).ended(0);
    assert!(project.path().join(".deskstate/local.json").is_file());
    let plan = project.run(&["plan", "--env", "local"]).ended(0);
    assert!(
        plan.out
            .starts_with("local matches the manifests (5 resources)"),
        "{}",
        plan.out
    );
}

#[test]
fn the_demo_tells_its_story_to_the_end() {
    let folder = tempfile::TempDir::new().unwrap();
    let output: support::Run = support::deskstate(folder.path())
        .arg("demo")
        .output()
        .unwrap()
        .into();
    let run = output.ended(0);
    for said in [
        "$ deskstate validate",
        "$ deskstate plan --env local",
        "$ deskstate apply --env local --yes",
        "Hidden → Docked",
        "30 → 10",
        "Done.",
    ] {
        assert!(run.out.contains(said), "`{said}` is not in\n{}", run.out);
    }
}

#[test]
fn apply_asks_first_and_a_closed_input_is_a_no() {
    let (project, server) = tenfold(false, true);
    let run = project.run(&["apply", "--env", "server"]).ended(4);
    let said = "error: apply needs a confirmation, and standard input is not a terminal\n  help: add `--yes`\n";
    assert!(run.err.contains(said), "{}", run.err);
    assert_eq!(writes(&server), 0);
}

#[test]
fn two_applies_on_one_local_environment_happen_one_after_the_other() {
    let project = Project::example("tenfold");
    let start = || {
        support::deskstate(project.path())
            .args(["apply", "--env", "local", "--yes"])
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap()
    };
    let both = [start(), start()];
    let outs = both.map(|child| {
        support::Run::from(child.wait_with_output().unwrap())
            .ended(0)
            .out
    });
    let applied = outs
        .iter()
        .filter(|out| out.contains("5 changes applied"))
        .count();
    let in_sync = outs
        .iter()
        .filter(|out| out.starts_with("local matches the manifests"))
        .count();
    assert_eq!((applied, in_sync), (1, 1), "{outs:?}");
}

#[cfg(unix)]
#[test]
fn an_emulator_with_a_state_file_forgets_nothing_however_it_ends() {
    for signal in ["-TERM", "-INT", "-KILL"] {
        let project = Project::example("tenfold");
        let state = project.path().join("state.json");
        let arguments = ["--state", state.to_str().unwrap()];
        let mut server = Server::start(&arguments);
        project.add_server(&server.url);
        project.run(&["apply", "--env", "server", "--yes"]).ended(0);
        let status = server.signal(signal);
        if signal != "-KILL" {
            assert!(status.success(), "{signal}: {status}");
        }
        let again = Server::start(&arguments);
        project.edit("deskstate.yaml", &server.url, &again.url);
        project
            .run(&["plan", "--env", "server", "--detailed-exitcode"])
            .ended(0);
    }
}

/// The bytes and requests that a command takes, and its output.
fn cost(project: &Project, server: &Server, arguments: &[&str]) -> (u64, u64, support::Run) {
    server.request("DELETE", "/__emulator/stats", "", "");
    let run = project.run(arguments);
    let stats = server.stats();
    let number = |key: &str| stats[key].as_u64().unwrap();
    let bytes = number("requestBytes") + number("replyBytes");
    (bytes, number("httpRequests"), run)
}

#[test]
fn a_small_project_costs_as_much_in_a_big_environment_as_in_an_empty_one() {
    let small = Server::start(&[]);
    let big = Server::start(&["--seed-sessions", "1500"]);
    let projects = [&small, &big].map(|server| {
        let project = Project::example("tenfold");
        project.add_server(&server.url);
        project
    });
    for command in [
        &["plan", "--env", "server"][..],
        &["apply", "--env", "server", "--yes"],
        &["plan", "--env", "server", "--detailed-exitcode"],
        &["drift", "--env", "server"],
    ] {
        let [(usual, asked, _), (bytes, asked_of_big, run)] =
            [(&projects[0], &small), (&projects[1], &big)]
                .map(|(project, server)| cost(project, server, command));
        assert_eq!(run.code, Some(0), "{}", run.err);
        assert_eq!(asked_of_big, asked, "{command:?}");
        assert!(
            bytes * 10 <= usual * 13,
            "{command:?}: {bytes} bytes, {usual} without other rows"
        );
    }
}

#[test]
fn an_environment_that_refuses_a_filter_through_a_lookup_is_read_whole() {
    let (project, server) = tenfold(false, true);
    let script = r#"{"formatVersion":1,"rules":[{"when":{"part":"%msdyn_templateparameters?%filter=%"},"fault":{"kind":"refuse"}}]}"#;
    server.request("POST", "/__emulator/faults", script, "");
    let plan = project.run(&["plan", "--env", "server"]).ended(0);
    for said in [
        "2 requests to read",
        "5 to create, 0 to update, 0 to delete",
    ] {
        assert!(plan.out.contains(said), "no `{said}`:\n{}", plan.out);
    }
    project.run(&["apply", "--env", "server", "--yes"]).ended(0);
    project
        .run(&["plan", "--env", "server", "--detailed-exitcode"])
        .ended(0);
}

#[test]
fn an_environment_that_does_not_show_expanded_links_is_read_whole() {
    let project = Project::example("tenfold");
    let sheet = project.path().join("answers.json");
    let answers =
        r#"{"formatVersion":1,"answers":{"tabMakesParameters":false,"expandedLinksShown":false}}"#;
    std::fs::write(&sheet, answers).unwrap();
    let server = Server::start(&["--answers", sheet.to_str().unwrap()]);
    project.add_server(&server.url);
    project.answer(false);
    project.apply();
    let plan = project
        .run(&["plan", "--env", "server", "--detailed-exitcode"])
        .ended(0);
    assert!(plan.out.contains("matches the manifests"), "{}", plan.out);
    // If links cannot be read in any other way either, they are unknown.
    let answers = answers.replace("}}", ",\"intersectSetsReadable\":false}}");
    std::fs::write(&sheet, answers).unwrap();
    let closed = Server::start(&["--answers", sheet.to_str().unwrap()]);
    closed.request("POST", "/__emulator/load", &server.dump().to_string(), "");
    project.set_environments(&format!("    server:\n      url: \"{}\"\n      variables: {{widgetOrigin: \"https://widget.tenfold.example\"}}\n", closed.url));
    let plan = project.run(&["plan", "--env", "server"]).ended(1);
    assert!(
        plan.err.contains("rows that have links do not show them"),
        "{}\n{}",
        plan.out,
        plan.err
    );
}

#[test]
fn a_long_text_in_a_contract_is_no_name_to_look_for() {
    let project = Project::example("tenfold");
    let text = "é".repeat(30_000);
    project.write(
        "contracts/long.yaml",
        &format!("apiVersion: deskstate/v1\nkind: Contract\nmetadata: {{name: long}}\nspec:\n  rules:\n    - id: text\n      resource: {{kind: ChannelProvider, name: tenfold_channelProvider}}\n      preferred: {{customParameters: {{text: \"{text}\"}}}}\n"),
    );
    project.edit(
        "deskstate.yaml",
        "contracts/tenfold-cif-v2.yaml]",
        "contracts/tenfold-cif-v2.yaml, contracts/long.yaml]",
    );
    let plan = project.run(&["plan", "--env", "local"]).ended(0);
    assert!(plan.out.contains("5 to create"), "{}", plan.out);
}
