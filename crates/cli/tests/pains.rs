//! Problems that users of other tools have, as far as they show in a command's exit code and output.

use super::support::{Project, Server, says, session};

const DONE: i32 = 0;
const FAILED: i32 = 1;
const CHANGES: i32 = 2;
const INVALID: i32 = 3;
const REFUSED: i32 = 4;

fn document(kind: &str, name: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: deskstate/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}\n"
    )
}

fn field(name: &str, header: &str) -> String {
    document(
        "NotificationField",
        name,
        &format!("{{displayName: Field, header: {header}, order: 10}}"),
    )
}

/// An emulator with one changed switch.
fn server(switch: &str) -> Server {
    let folder = tempfile::TempDir::new().unwrap();
    let sheet = folder.path().join("answers.json");
    let text =
        format!(r#"{{"formatVersion":1,"answers":{{"tabMakesParameters":false,{switch}}}}}"#);
    std::fs::write(&sheet, text).unwrap();
    Server::start(&["--answers", sheet.to_str().unwrap()])
}

#[test]
fn an_apply_whose_values_were_not_stored_fails_and_shows_what_was_written_and_what_is_there() {
    let server = server(r#""unknownSlugsNulled":true"#);
    let tab = "{displayName: Search, pageType: ThirdPartyWebsite, parameters: {url: \"https://a.example/?q={searchQ}\"}}";
    let project = Project::desk(
        &server,
        "",
        "",
        &document("ApplicationTab", "contoso_search", tab),
    );
    let failed = project
        .run(&["apply", "--env", "server", "--yes"])
        .ended(FAILED);
    says(
        &failed.err,
        &[
            "error: ApplicationTab contoso_search parameters.url: wrote https://a.example/?q={searchQ}, the server stored (none)",
            "the server did not store everything as it was written",
        ],
    );
    // It also remains a difference in later plans.
    project
        .run(&["plan", "--env", "server", "--detailed-exitcode"])
        .ended(CHANGES);
}

#[test]
fn a_write_that_the_server_refuses_names_its_document_line_status_code_and_request() {
    let server = server(r#""foreignPrefixesRefused":true"#);
    let both = session("Ours") + &field("fabrikam_theirs", "Line");
    let project = Project::desk(&server, "", "", &both);
    let before = server.dump();
    let failed = project
        .run(&["apply", "--env", "server", "--yes"])
        .ended(FAILED);
    says(
        &failed.err,
        &[
            "error[server-refused]: the server refused NotificationField fabrikam_theirs",
            "--> manifests/all.yaml:6:1",
            "the server refused transaction 1 and nothing of it was applied",
            "status 400, code 0x800608ad, request ",
        ],
    );
    assert_eq!(server.dump()["rows"], before["rows"]);
    // Nothing was written, so there is nothing to undo.
    let undo = std::fs::read_dir(project.path().join(".deskstate/undo")).unwrap();
    assert_eq!(undo.count(), 0);
}

#[test]
fn validate_asks_nobody_and_a_plan_fails_where_nobody_may_sign_in() {
    let server = Server::start(&["--sign-in", "required"]);
    let project = Project::desk(&server, "", "", &field("contoso_f", "Line"));
    project.run(&["validate"]).ended(DONE);
    assert_eq!(server.stats()["httpRequests"], 0);
    let failed = project.run(&["plan", "--env", "server"]).ended(FAILED);
    says(&failed.err, &["sign-in failed"]);
    let host = server.url.trim_start_matches("http://").to_owned();
    drop(server);
    project.run(&["validate"]).ended(DONE);
    let failed = project.run(&["plan", "--env", "server"]).ended(FAILED);
    let unreachable = format!("error: could not reach `{host}`, so ");
    says(&failed.err, &[&unreachable, "  caused by: "]);
    let causes = failed.err.matches("caused by").count();
    assert_eq!(causes, 1, "{}", failed.err);
    assert!(!failed.err.contains("client error"), "{}", failed.err);
    // Whoever looks for the fault in deskstate sees the layers of the HTTP client.
    let verbose = project
        .run(&["-v", "plan", "--env", "server"])
        .ended(FAILED);
    says(&verbose.err, &["client error (Connect)"]);
    let all = project.run(&["drift", "--all"]).ended(FAILED);
    let named = format!("server could not be read: could not reach `{host}`, so ");
    says(&format!("{}{}", all.out, all.err), &[&named]);
}

#[test]
fn a_change_inside_a_mapping_is_shown_by_its_path_and_the_rest_is_not_a_change() {
    let server = Server::plain();
    let of = |region: &str, queue: &str| {
        document(
            "ChannelProvider",
            "contoso_phone",
            &format!(
                "{{displayName: Phone, label: Phone, channelUrl: \"https://a.example/\", channelOrder: 1, customParameters: {{region: {region}, queues: [sales, {queue}]}}}}"
            ),
        )
    };
    let project = Project::desk(&server, "", "", &of("eu", "service"));
    project.apply();
    project.write("manifests/all.yaml", &of("eu", "claims"));
    let planned = project.run(&["plan", "--env", "server"]).ended(DONE);
    says(
        &planned.out,
        &[
            "− queues[1]: service",
            "+ queues[1]: claims",
            "  queues[0]: sales",
            "  region: eu",
        ],
    );
    assert!(!planned.out.contains("− region"), "{}", planned.out);
    let saved = project
        .run(&["plan", "--env", "server", "--format", "json"])
        .ended(DONE);
    let saved: serde_json::Value = serde_json::from_str(&saved.out).unwrap();
    let fields = saved["changes"][0]["fields"].as_array().unwrap();
    assert_eq!(fields.len(), 1, "{fields:?}");
}

#[test]
fn manifests_that_cannot_be_read_end_the_run_before_anything_is_pruned() {
    let server = Server::plain();
    let project = Project::desk(
        &server,
        "owns: {prefixes: [contoso]}\nprune: owned",
        "",
        &field("contoso_a", "Line"),
    );
    project.write("manifests/more/b.yaml", &field("contoso_b", "Line"));
    project.apply();
    let before = server.dump();
    project.write("manifests/more/b.yaml", "apiVersion: deskstate/v1\nkind: [");
    project
        .run(&["apply", "--env", "server", "--yes"])
        .ended(INVALID);
    // The folder is missing entirely: nothing is declared, so nothing is pruned, and no message reports success.
    std::fs::remove_dir_all(project.path().join("manifests")).unwrap();
    let run = |command: &[&str]| project.run(&[command, &["--env", "server"]].concat());
    let lost = "no manifest declares a resource, so `prune: owned` would delete all 2 rows under the owned prefixes; nothing is pruned";
    let commands: [&[&str]; 7] = [
        &["apply", "--yes"],
        &["plan"],
        &["plan", "--format", "json"],
        &["drift"],
        &["drift", "--format", "json"],
        &["drift", "--format", "markdown"],
        &["drift", "--format", "junit"],
    ];
    for command in commands {
        let empty = run(command).ended(1);
        says(&empty.err, &["warning[no-manifests]"]);
        // Markdown leaves the rendering of code marks to the page.
        let said = empty.out.replace('`', "");
        says(&said, &[&lost.replace('`', "")]);
        assert!(!said.contains("as in the manifests"), "{said}");
    }
    says(
        &run(&["plan", "--format", "json"]).out,
        &["nothing-declared"],
    );
    assert_eq!(server.dump()["rows"], before["rows"]);
    // The solutions that the finding suggests.
    project.edit("deskstate.yaml", "prune: owned", "prune: never");
    says(
        &run(&["plan"]).ended(0).out,
        &["server was not compared: the manifests declare nothing for it"],
    );
    for format in ["text", "json", "markdown", "junit"] {
        let compared = project
            .run(&[
                "drift",
                "--env",
                "server",
                "--format",
                format,
                "--metrics",
                "up.prom",
            ])
            .ended(1);
        says(
            &compared.out,
            &["the manifests declare nothing for this environment"],
        );
        for well in ["matches the manifests", "| in sync |", "inSync"] {
            assert!(!compared.out.contains(well), "{}", compared.out);
        }
        let metrics = std::fs::read_to_string(project.path().join("up.prom")).unwrap();
        says(&metrics, &["deskstate_drift_up{environment=\"server\"} 0"]);
    }
    project.edit("deskstate.yaml", "prune: never", "prune: owned");
    let absent = |name: &str| {
        format!(
            "apiVersion: deskstate/v1\nkind: NotificationField\nmetadata: {{name: {name}, state: absent}}\n---\n"
        )
    };
    project.write(
        "manifests/all.yaml",
        &(absent("contoso_a") + &absent("contoso_b")),
    );
    run(&["plan"]).ended(0);
    let allow = ["apply", "--yes", "--allow", "delete=NotificationField:2"];
    run(&allow).ended(0);
    std::fs::remove_dir_all(project.path().join("manifests")).unwrap();
    // No row is left that anybody could lose, so a plan is empty. Drift still has nothing to compare.
    run(&["plan"]).ended(0);
    run(&["drift"]).ended(1);
}

#[test]
fn a_row_that_pruning_keeps_because_another_row_refers_to_it_is_reported() {
    let server = Server::plain();
    let tab = "---\napiVersion: deskstate/v1\nkind: ApplicationTab\nmetadata: {name: contoso_tab}\nspec: {displayName: T, title: T, pageType: Search, parameters: {searchText: x}}\n";
    let session = |tabs: &str| {
        format!(
            "---\napiVersion: deskstate/v1\nkind: SessionTemplate\nmetadata: {{name: contoso_case}}\nspec: {{displayName: S, type: Entity, entity: incident, title: S{tabs}}}\n"
        )
    };
    let project = Project::desk(
        &server,
        "owns: {prefixes: [contoso]}\nprune: owned\nremovals: {maxShare: 100%, maxAgents: 1000}",
        "",
        &(tab.to_owned() + &session(", additionalTabs: [contoso_tab]")),
    );
    project.apply();
    project.write("manifests/all.yaml", &session(""));
    let plan = project.run(&["plan", "--env", "server"]).ended(0);
    says(
        &plan.err,
        &[
            "warning[kept-in-use]: ApplicationTab contoso_tab is not declared, but is not deleted: SessionTemplate contoso_case (additionalTabs) still refers to it",
            "help: remove the reference in `additionalTabs`, or declare the row",
        ],
    );
    project.write("manifests/all.yaml", &session(", additionalTabs: []"));
    let plan = project.run(&["plan", "--env", "server"]);
    assert!(!plan.err.contains("kept-in-use"), "{}", plan.err);
    says(&plan.out, &["- ApplicationTab contoso_tab"]);
}

#[test]
fn drift_reports_what_nobody_declares_and_puts_nothing_right_by_itself() {
    let server = Server::plain();
    let project = Project::desk(
        &server,
        "owns: {prefixes: [contoso]}",
        "",
        &(field("contoso_a", "Line") + &field("contoso_b", "Line")),
    );
    project.apply();
    project.write("manifests/all.yaml", &field("contoso_a", "Other"));
    let before = server.dump();
    let drifted = project.run(&["drift", "--env", "server"]).ended(CHANGES);
    says(&drifted.out, &["NotificationField contoso_a", "contoso_b"]);
    assert_eq!(server.dump()["rows"], before["rows"]);
    // An apply does not either: rows that no document declares are not part of the plan.
    project.apply();
    let left = server.id(
        "msdyn_notificationfields",
        "msdyn_notificationfieldid",
        "contoso_b",
    );
    assert!(!left.is_empty());
}

#[test]
fn five_hundred_changes_are_one_write_where_a_transaction_may_hold_a_thousand() {
    let server = Server::plain();
    let all: String = (0..500)
        .map(|number| field(&format!("contoso_f{number}"), "Line"))
        .collect();
    let project = Project::desk(&server, "", "", &all);
    let planned = project.run(&["plan", "--env", "server"]).ended(DONE);
    says(&planned.out, &["3 transactions to write"]);
    let one = ["--env", "server", "--max-changeset", "1000"];
    let planned = project.run(&[&["plan"], &one[..]].concat()).ended(DONE);
    says(&planned.out, &["1 transaction to write"]);
    server.request("DELETE", "/__emulator/stats", "", "");
    let done = project
        .run(&[&["apply", "--yes"], &one[..]].concat())
        .ended(DONE);
    says(
        &done.out,
        &["500 changes applied to server in 1 transaction"],
    );
    let stats = server.stats();
    assert_eq!(stats["writes"]["create"], 500, "{stats}");
    // One request to read, one to write, one to read back.
    assert_eq!(stats["httpRequests"], 3, "{stats}");
}

#[test]
fn what_a_managed_solution_linked_is_never_taken_apart() {
    let server = Server::plain();
    let project = Project::desk(
        &server,
        "",
        "",
        "apiVersion: deskstate/v1\nkind: AppProfile\nmetadata: {name: msdyn_workspace_defaultprofile, state: existing}\nspec: {sessionTemplates: {mode: atLeast, members: [], without: [case_entity_session_default_template]}}\n---\napiVersion: deskstate/v1\nkind: SessionTemplate\nmetadata: {name: case_entity_session_default_template, state: existing}\n",
    );
    for more in [&[][..], &["--allow-managed"]] {
        let refused = project
            .run(&[&["apply", "--env", "server", "--yes"], more].concat())
            .ended(REFUSED);
        says(
            &refused.err,
            &[
                "error[managed-link]: the link of `msdyn_workspace_defaultprofile` to `case_entity_session_default_template` came with a managed solution and is never removed",
            ],
        );
    }
}
