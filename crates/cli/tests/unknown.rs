//! If something could not be compared, no command or format reports success, and each exits with 1.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use super::support::{self, Project, Server};

/// Sentences that must not appear while something is unknown.
const ALL_IS_WELL: [&str; 8] = [
    "matches the manifests",
    "no changes",
    "as in the manifests",
    "as declared",
    "nothing differs",
    "are equal",
    "\"status\": \"inSync\"",
    "state=\"as_declared\"",
];

fn profile(users: &str) -> String {
    format!(
        "apiVersion: deskstate/v1\nkind: AppProfile\nmetadata: {{name: contoso_agents}}\nspec: {{displayName: Agents, app: CustomerServiceApps, users: [{users}]}}\n"
    )
}

/// An environment that is in sync, except for a user who cannot be found.
fn with_an_unknown_user() -> (Project, Server) {
    let server = Server::plain();
    let project = Project::desk(&server, "", "", &profile("ada@contoso.com"));
    project.apply().ended(0);
    project.write(
        "manifests/all.yaml",
        &profile("ada@contoso.com, nobody@contoso.com"),
    );
    (project, server)
}

#[test]
fn a_user_who_is_not_found_is_unknown_in_every_command_and_format() {
    let (project, _server) = with_an_unknown_user();
    let commands: [&[&str]; 14] = [
        &["plan"],
        &["plan", "--detailed-exitcode"],
        &["plan", "--format", "markdown"],
        &["plan", "--format", "html"],
        &["plan", "--format", "json"],
        &["apply", "--yes"],
        &["adopt"],
        &["adopt", "--check"],
        &["drift"],
        &["drift", "--format", "markdown"],
        &["drift", "--format", "json"],
        &["drift", "--format", "junit"],
        &["drift", "--format", "html"],
        &["drift", "--metrics", "drift.prom"],
    ];
    for command in commands {
        let arguments: Vec<&str> = command.iter().copied().chain(["--env", "server"]).collect();
        let run = project.run(&arguments).ended(1);
        let said = format!("{}{}", run.out, run.err);
        // The words of a page without its styles.
        let said = said
            .split_once("<body")
            .map_or(said.as_str(), |(_, body)| body);
        for sentence in ALL_IS_WELL {
            assert!(!said.contains(sentence), "{command:?}: {sentence}\n{said}");
        }
        assert!(said.contains("nobody@contoso.com"), "{command:?}\n{said}");
    }
    let numbers = project.read("drift.prom");
    for line in [
        "deskstate_drift_up{environment=\"server\"} 0",
        "state=\"unknown\"} 1",
    ] {
        assert!(numbers.contains(line), "{numbers}");
    }
    assert!(!numbers.contains("as_declared"), "{numbers}");
    let diff = project.run(&["diff", "--from", "server", "--to", "manifests"]);
    let diff = diff.ended(1);
    assert!(!diff.out.contains("are equal"), "{}", diff.out);
}

/// The tables of these sets, each refused in turn inside the batch that reads everything.
const REFUSED_SETS: [&str; 4] = [
    "msdyn_appconfigurations",
    "msdyn_sessiontemplates",
    "msdyn_applicationtabtemplates",
    "msdyn_notificationtemplates",
];

#[test]
fn a_table_whose_part_of_a_batch_is_refused_is_unknown_in_every_command_and_format() {
    let server = Server::plain();
    let project = Project::desk(&server, "", "", &support::every_kind());
    project.apply().ended(0);
    let own = ["--env", "server"];
    let diff = ["--from", "server", "--to", "manifests"];
    let commands: [(&[&str], &[&str]); 10] = [
        (&["plan"], &own),
        (&["plan", "--format", "markdown"], &own),
        (&["plan", "--format", "json"], &own),
        (&["adopt", "--check"], &own),
        (&["drift"], &own),
        (&["drift", "--format", "markdown"], &own),
        (&["drift", "--format", "json"], &own),
        (&["drift", "--format", "html"], &own),
        (
            &["drift", "--format", "junit", "--metrics", "drift.prom"],
            &own,
        ),
        (&["diff"], &diff),
    ];
    for (set, status) in REFUSED_SETS
        .map(|set| (set, 403))
        .into_iter()
        .chain([(REFUSED_SETS[1], 400)])
    {
        let script = format!(
            r#"{{"formatVersion":1,"rules":[{{"when":{{"part":"{set}?%"}},"fault":{{"kind":"refuse","status":{status}}}}}]}}"#
        );
        server.request("POST", "/__emulator/faults", &script, "");
        project.write("drift.prom", "");
        for (command, rest) in commands {
            let run = project.run(&[command, rest].concat()).ended(1);
            let said = format!("{}{}", run.out, run.err);
            let said = said
                .split_once("<body")
                .map_or(said.as_str(), |(_, body)| body);
            for sentence in ALL_IS_WELL {
                assert!(
                    !said.contains(sentence),
                    "{set} {status} {command:?}: {sentence}\n{said}"
                );
            }
            if status == 403 && command.contains(&"json") {
                assert!(run.out.contains("\"unknown\""), "{set} {command:?}\n{said}");
            }
        }
        let numbers = project.read("drift.prom");
        assert!(
            numbers.contains("deskstate_drift_up{environment=\"server\"} 0"),
            "{set} {status} {numbers}"
        );
        assert!(!numbers.contains("as_declared"), "{set} {status} {numbers}");
        if set == REFUSED_SETS[0] {
            project
                .run(&["who", "ada@contoso.com", "--env", "server"])
                .ended(1);
        }
    }
    let stats = server.get("/__emulator/stats");
    assert!(stats["faults"].as_u64() > Some(50), "{stats}");
    server.request("DELETE", "/__emulator/faults", "", "");
    project.run(&["drift", "--env", "server"]).ended(0);
}

/// A project that is in sync and declares no tabs, with a contract about tabs and users.
fn with_a_contract() -> (Project, Server) {
    let server = Server::plain();
    let project = Project::desk(
        &server,
        "contracts: [contract.yaml]",
        "",
        &profile("ada@contoso.com"),
    );
    project.write(
        "contract.yaml",
        "apiVersion: deskstate/v1\nkind: Contract\nmetadata: {name: guide}\nspec:\n  displayName: Guide\n  rules:\n    - id: tabs\n      resource: {kind: ApplicationTab}\n      locked: {pageType: EntityList}\n    - id: users\n      resource: {kind: AppProfile, name: contoso_agents}\n      contains: {users: [ada@contoso.com]}\n",
    );
    project.apply();
    (project, server)
}

#[test]
fn a_contract_rule_that_nobody_can_judge_is_unknown_in_every_command_and_format() {
    let (project, server) = with_a_contract();
    // The second rule depends on the names of users, so they are read.
    project.run(&["plan", "--env", "server"]).ended(0);
    project.run(&["drift", "--env", "server"]).ended(0);
    let script = r#"{"formatVersion":1,"rules":[{"when":{"part":"msdyn_applicationtabtemplates?%"},"fault":{"kind":"refuse","status":403}}]}"#;
    server.request("POST", "/__emulator/faults", script, "");
    let commands: [&[&str]; 10] = [
        &["plan"],
        &["plan", "--detailed-exitcode"],
        &["plan", "--format", "markdown"],
        &["plan", "--format", "html"],
        &["plan", "--format", "json"],
        &["apply", "--yes"],
        &["drift"],
        &["drift", "--format", "markdown"],
        &["drift", "--format", "json"],
        &["drift", "--format", "html"],
    ];
    let junit: &[&str] = &["drift", "--format", "junit", "--metrics", "drift.prom"];
    for command in commands.into_iter().chain([junit]) {
        let arguments: Vec<&str> = command.iter().copied().chain(["--env", "server"]).collect();
        let run = project.run(&arguments).ended(1);
        let said = run.out.split_once("<body");
        let said = said.map_or(run.out.as_str(), |(_, body)| body);
        for sentence in ALL_IS_WELL {
            assert!(!said.contains(sentence), "{command:?}: {sentence}\n{said}");
        }
        assert!(said.contains("guide/tabs"), "{command:?}\n{said}");
        assert!(!said.contains("guide/users"), "{command:?}\n{said}");
    }
    let saved = project.run(&["plan", "--env", "server", "--format", "json"]);
    let saved: serde_json::Value = serde_json::from_str(&saved.out).unwrap();
    assert_eq!(saved["report"]["state"], "unknown");
    let numbers = project.read("drift.prom");
    let up = "deskstate_drift_up{environment=\"server\"} 0";
    assert!(numbers.contains(up), "{numbers}");
    assert!(!numbers.contains("as_declared"), "{numbers}");
    // The suggested command lists everything that is unknown.
    let planned = project.run(&["plan", "--env", "server"]).ended(1);
    let suggestion = "`deskstate check --env NAME` lists everything";
    assert!(planned.err.contains(suggestion), "{}", planned.err);
    let checked = project.run(&["check", "--env", "server"]).ended(1);
    assert!(checked.out.contains("guide/tabs"), "{}", checked.out);
    // No policy turns it into a known state.
    project.edit(
        "deskstate.yaml",
        "contracts:",
        "policy: {contract-unknown: allow}\n  contracts:",
    );
    let allowed = project.run(&["plan", "--env", "server"]).ended(1);
    assert!(!allowed.err.contains("contract-unknown"), "{}", allowed.err);
    project.edit("deskstate.yaml", "unknown: allow", "unknown: deny");
    let denied = project.run(&["apply", "--env", "server", "--yes"]).ended(4);
    assert!(
        denied.err.contains("error[contract-unknown]"),
        "{}",
        denied.err
    );
    // A selection that is unrelated to the rule is judged separately.
    let selected = ["drift", "--env", "server", "AppProfile"];
    project.run(&selected).ended(0);
    server.request("DELETE", "/__emulator/faults", "", "");
    project.run(&["drift", "--env", "server"]).ended(0);
}

#[test]
fn with_a_rule_that_nobody_can_judge_the_rest_is_applied_and_the_end_names_the_rule() {
    let (project, server) = with_a_contract();
    let script = r#"{"formatVersion":1,"rules":[{"when":{"part":"msdyn_applicationtabtemplates?%"},"fault":{"kind":"refuse","status":403}}]}"#;
    server.request("POST", "/__emulator/faults", script, "");
    project.edit(
        "manifests/all.yaml",
        "displayName: Agents",
        "displayName: People",
    );
    let quiet = project
        .run(&["plan", "--env", "server", "--quiet"])
        .ended(1);
    let total = "server: 0 to create, 1 to update, 0 to delete";
    assert!(quiet.out.lines().any(|line| line == total), "{}", quiet.out);
    assert!(quiet.out.contains("guide/tabs"), "{}", quiet.out);
    // The unknown parts, the reasons, and the numbers.
    assert_eq!(quiet.out.lines().count(), 3, "{}", quiet.out);
    let applied = project
        .run(&["apply", "--env", "server", "--yes", "--quiet"])
        .ended(1);
    assert!(
        applied.out.contains("1 change applied to server"),
        "{}",
        applied.out
    );
    for said in [
        "? contract `guide/tabs`\n    unknown: rows may exist that were not read",
        "not everything could be compared",
    ] {
        let told = format!("{}{}", applied.out, applied.err);
        assert!(told.contains(said), "{told}");
    }
    let rows = server.get("/api/data/v9.2/msdyn_appconfigurations?$select=msdyn_name&$filter=msdyn_uniquename%20eq%20'contoso_agents'");
    assert_eq!(rows["value"][0]["msdyn_name"], "People");
    // Nothing is left to apply, but success still cannot be reported.
    for command in [
        &["plan", "--env", "server", "-q"][..],
        &["apply", "--env", "server", "--yes", "-q"],
    ] {
        let again = project.run(command).ended(1);
        for sentence in ALL_IS_WELL {
            assert!(!again.out.contains(sentence), "{command:?}: {}", again.out);
        }
        assert!(
            again.out.contains("guide/tabs"),
            "{command:?}: {}",
            again.out
        );
    }
    server.request("DELETE", "/__emulator/faults", "", "");
    let known = project.run(&["plan", "--env", "server", "-q"]).ended(0);
    assert_eq!(known.out, "server matches the manifests (1 resource)\n");
}

#[test]
fn numbers_are_written_also_where_an_environment_cannot_be_read() {
    let (project, server) = with_an_unknown_user();
    project.write(
        "drift.prom",
        "deskstate_drift_up{environment=\"server\"} 1\n",
    );
    drop(server);
    project
        .run(&["drift", "--env", "server", "--metrics", "drift.prom"])
        .ended(1);
    let numbers = project.read("drift.prom");
    assert!(
        numbers.contains("deskstate_drift_up{environment=\"server\"} 0"),
        "{numbers}"
    );
    assert!(!numbers.contains("as_declared"), "{numbers}");
}

#[test]
fn undeclared_rows_are_listed_and_fail_only_where_the_project_asks() {
    let server = Server::plain();
    let project = Project::desk(
        &server,
        "owns: {prefixes: [contoso]}\n",
        "",
        &profile("ada@contoso.com"),
    );
    project.apply().ended(0);
    let other = Project::desk(
        &server,
        "",
        "",
        &profile("").replace("contoso_agents", "contoso_others"),
    );
    other.apply().ended(0);
    let listed = project.run(&["drift", "--env", "server"]).ended(0);
    assert!(listed.out.contains("contoso_others"), "{}", listed.out);
    // The suggested command works.
    assert!(
        listed
            .out
            .contains("deskstate export --env server KIND NAME"),
        "{}",
        listed.out
    );
    let exported = project
        .run(&["export", "--env", "server", "AppProfile", "contoso_others"])
        .ended(0);
    assert!(exported.out.contains("contoso_others"), "{}", exported.out);
    project.edit(
        "deskstate.yaml",
        "  owns:",
        "  drift: {undeclared: fail}\n  owns:",
    );
    project.run(&["drift", "--env", "server"]).ended(2);
}

#[test]
fn environments_that_are_not_watched_are_skipped_and_named() {
    let (project, _server) = with_an_unknown_user();
    project.write("manifests/all.yaml", &profile("ada@contoso.com"));
    project.edit(
        "deskstate.yaml",
        "  environments:\n",
        "  environments:\n    local: {emulator: {state: local.json}}\n",
    );
    let run = project.run(&["drift", "--all"]).ended(0);
    assert!(run.err.contains("not watched: local"), "{}", run.err);
    assert!(!run.out.contains("local"), "{}", run.out);
}

#[test]
fn a_row_that_was_switched_off_by_hand_is_reported() {
    let (project, server) = with_an_unknown_user();
    project.write("manifests/all.yaml", &profile("ada@contoso.com"));
    let id = server.found(
        "msdyn_appconfigurations",
        "msdyn_appconfigurationid",
        "msdyn_uniquename eq 'contoso_agents'",
    );
    server.patch(
        &format!("msdyn_appconfigurations({id})"),
        r#"{"statecode":1,"statuscode":2}"#,
    );
    let run = project.run(&["drift", "--env", "server"]).ended(0);
    assert!(run.err.contains("inactive-row"), "{}", run.err);
    project.edit(
        "manifests/all.yaml",
        "displayName:",
        "status: Active, displayName:",
    );
    project.run(&["drift", "--env", "server"]).ended(2);
}

#[test]
fn a_team_that_has_members_and_shows_none_takes_nobody_out() {
    let folder = tempfile::tempdir().unwrap();
    let answers = folder.path().join("answers.json");
    std::fs::write(
        &answers,
        r#"{"formatVersion":1,"answers":{"expandedLinksShown":false}}"#,
    )
    .unwrap();
    let server = Server::start(&["--answers", answers.to_str().unwrap()]);
    let project = Project::desk(&server, "", "", &profile("ada@contoso.com"));
    project.apply();
    let users = "{mode: exact, fromTeams: [Voice agents]}";
    project.write("manifests/all.yaml", &profile("X").replace("[X]", users));
    let before = server.stats()["writes"].clone();
    let apply = project.run(&["apply", "--env", "server", "--yes"]).ended(1);
    assert!(apply.err.contains("Voice agents"), "{}", apply.err);
    assert_eq!(server.stats()["writes"], before);
    assert!(!apply.out.contains("− ada@contoso.com"), "{}", apply.out);
}
