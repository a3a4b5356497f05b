//! `doctor`: its findings about an environment, and the results of its probe.

use super::support::{Project, Server, says};
use serde_json::{Value, json};

/// An environment with this behavior, and a project that probes it.
fn environment(answers: &Value) -> (Project, Server) {
    let project = Project::example("tenfold");
    project.write(
        "behaviour.json",
        &json!({"formatVersion": 1, "answers": answers}).to_string(),
    );
    let sheet = project.path().join("behaviour.json");
    let server = Server::start(&["--answers", sheet.to_str().unwrap()]);
    project.add_server(&server.url);
    (project, server)
}

fn found_out(answers: &Value) {
    let (project, server) = environment(answers);
    project.write(
        ".deskstate/answers/server.json",
        r#"{"formatVersion":1,"answers":{"tabMakesParameters":true}}"#,
    );
    let run = project
        .run(&["doctor", "--env", "server", "--probe"])
        .ended(0);
    assert!(
        run.out.contains("the probe left nothing behind"),
        "{}",
        run.out
    );
    let sheet: Value =
        serde_json::from_str(&project.read(".deskstate/answers/server.json")).unwrap();
    let mut expected = answers.clone();
    expected["tabMakesParameters"] = true.into();
    for (word, answer) in expected.as_object().unwrap() {
        assert_eq!(&sheet["answers"][word], answer, "{word} in {sheet:#}");
    }
    for set in ["msdyn_notificationfields", "msdyn_notificationtemplates"] {
        let rows = server.get(&format!("/api/data/v9.2/{set}?$select=msdyn_uniquename&$filter=contains(msdyn_uniquename,'deskstateProbe')"));
        assert_eq!(rows["value"], json!([]), "nothing may be stored");
    }
    assert_eq!(server.stats()["writes"], json!({}), "nothing may be stored");
}

#[test]
fn asking_finds_out_how_a_strict_environment_behaves_and_stores_nothing() {
    found_out(&json!({
        "ownKeys": true,
        "prefixNeedsPublisher": true,
        "uniqueNamesAreUnique": true,
        "uniqueNamesAreImmutable": true,
        "associateAgain": "refused",
        "disassociateMissing": "refused",
        "codesOnConditionalErrors": false,
        "changesetFailure": "nested",
        "batchStatus": "badRequest",
    }));
}

#[test]
fn asking_finds_out_how_a_lenient_environment_behaves_and_stores_nothing() {
    found_out(&json!({
        "ownKeys": true,
        "prefixNeedsPublisher": false,
        "uniqueNamesAreUnique": false,
        "uniqueNamesAreImmutable": false,
        "associateAgain": "accepted",
        "disassociateMissing": "accepted",
        "codesOnConditionalErrors": true,
        "changesetFailure": "bare",
        "batchStatus": "inner",
    }));
}

#[test]
fn the_sheet_that_asking_writes_makes_an_emulator_that_behaves_alike() {
    let (project, _server) = environment(&json!({"associateAgain": "accepted"}));
    project
        .run(&["doctor", "--env", "server", "--probe"])
        .ended(0);
    let sheet = project.path().join(".deskstate/answers/server.json");
    let again = Server::start(&["--answers", sheet.to_str().unwrap()]);
    assert!(again.url.starts_with("http://127.0.0.1:"));
}

#[test]
fn without_being_told_to_ask_the_doctor_only_reads() {
    let (project, server) = environment(&json!({"associateAgain": "accepted"}));
    let run = project.run(&["doctor", "--env", "server"]).ended(0);
    assert!(
        run.out
            .contains("can create, write, delete and link all kinds"),
        "{}",
        run.out
    );
    assert!(
        !project
            .path()
            .join(".deskstate/answers/server.json")
            .exists()
    );
    assert_eq!(server.stats()["writes"], json!({}), "nothing may be stored");
}

#[test]
fn asking_by_writing_wants_a_yes_and_leaves_nothing() {
    let (project, server) = environment(&json!({"unknownSlugsNulled": true, "ownKeys": true}));
    let unasked = project
        .run(&["doctor", "--env", "server", "--probe=write"])
        .ended(4);
    says(
        &unasked.err,
        &[
            "error: doctor --probe=write needs a confirmation, and standard input is not a terminal\n  help: add `--yes`\n",
        ],
    );
    assert_eq!(server.stats()["writes"], json!({}), "nothing may be stored");
    let run = project
        .run(&["doctor", "--env", "server", "--probe=write", "--yes"])
        .ended(0);
    assert!(
        run.out.contains("the probe left nothing behind"),
        "{}",
        run.out
    );
    let text = project.read(".deskstate/answers/server.json");
    let sheet: Value = serde_json::from_str(&text).unwrap();
    for word in ["unknownSlugsNulled", "tabMakesParameters", "tabJsonDerived"] {
        assert_eq!(sheet["answers"][word], json!(true), "{word} in {sheet:#}");
    }
    assert_eq!(sheet["replies"]["existingKey"]["status"], json!(412));
    assert!(
        !text.contains("127.0.0.1"),
        "a sheet names no environment: {text}"
    );
    for set in [
        "msdyn_applicationtabtemplates",
        "msdyn_sessiontemplates",
        "msdyn_templateparameters",
    ] {
        let rows = server.get(&format!("/api/data/v9.2/{set}?$select=msdyn_uniquename&$filter=contains(msdyn_uniquename,'deskstateProbe')"));
        assert_eq!(rows["value"], json!([]), "{set}");
    }
}

#[test]
fn an_environment_that_is_not_to_be_written_to_is_not_asked_by_writing() {
    let (project, server) = environment(&json!({}));
    let file = project.read("deskstate.yaml");
    for (writes, how) in [
        ("none", "--probe"),
        ("none", "--probe=write"),
        ("assignments", "--probe=write"),
    ] {
        let url = format!("      url: \"{}\"\n", server.url);
        assert!(file.contains(&url), "{file}");
        let held = format!("{url}      writes: {writes}\n");
        project.write("deskstate.yaml", &file.replace(&url, &held));
        let run = project
            .run(&["doctor", "--env", "server", how, "--yes"])
            .ended(4);
        assert!(
            run.err.contains(&format!("writes: {writes}")),
            "{}",
            run.err
        );
    }
    assert_eq!(server.stats()["writes"], json!({}));
}

#[test]
fn a_prefix_that_the_environment_was_found_to_refuse_stops_a_plan_before_anything_is_sent() {
    let (project, server) = environment(&json!({"prefixNeedsPublisher": true}));
    project
        .run(&["doctor", "--env", "server", "--probe"])
        .ended(0);
    let field = "---\napiVersion: deskstate/v1\nkind: NotificationField\nmetadata: {name: nobody_line}\nspec: {displayName: Line, header: Line, order: 10}\n";
    project.write("manifests/nobody.yaml", field);
    let run = project.run(&["apply", "--env", "server", "--yes"]).ended(4);
    let said = "error[unknown-prefix]: no publisher of the environment has the prefix `nobody` of 1 new unique name";
    assert!(run.err.contains(said), "{}", run.err);
    assert!(
        run.err.contains("add a publisher with the prefix"),
        "{}",
        run.err
    );
    assert_eq!(server.stats()["writes"], json!({}), "nothing may be sent");
    // Parts have unique names of their own.
    let step = "apiVersion: deskstate/v1\nkind: AgentScript\nmetadata: {name: contoso_script}\nspec:\n  displayName: Script\n  language: 1033\n  steps:\n    - {name: nobody_step, displayName: Greet, text: Hello}\n";
    project.write("manifests/nobody.yaml", step);
    let run = project.run(&["apply", "--env", "server", "--yes"]).ended(4);
    assert!(run.err.contains(said), "{}", run.err);
    assert!(run.err.contains("nobody.yaml:8"), "{}", run.err);
    assert_eq!(server.stats()["writes"], json!({}), "nothing may be sent");

    let (project, _server) = environment(&json!({"prefixNeedsPublisher": false}));
    project.write("manifests/nobody.yaml", field);
    let plan = ["plan", "--env", "server"];
    let unasked = project.run(&plan).ended(0);
    let said = said.replace("error[", "warning[");
    assert!(unasked.err.contains(&said), "{}", unasked.err);
    project
        .run(&["doctor", "--env", "server", "--probe"])
        .ended(0);
    let accepted = project.run(&plan).ended(0);
    assert!(!accepted.err.contains("unknown-prefix"), "{}", accepted.err);
}

/// A tab for a third-party website, whose JSON column uses other words than its parameters.
fn third_party(title: &str, parameters: &str) -> String {
    format!(
        "---\napiVersion: deskstate/v1\nkind: ApplicationTab\nmetadata: {{name: contoso_tab}}\nspec: {{displayName: Tab, title: {title}, pageType: ThirdPartyWebsite, parameters: {{{parameters}}}}}\n"
    )
}

/// The values of the tabs' parameters.
fn parameters(server: &Server) -> Vec<(String, Value)> {
    let rows = server.get("/api/data/v9.2/msdyn_templateparameters?$select=msdyn_uniquename,msdyn_value&$orderby=msdyn_uniquename");
    let rows = rows["value"].as_array().unwrap();
    let named = |row: &Value| {
        (
            row["msdyn_uniquename"].as_str().unwrap().to_owned(),
            row["msdyn_value"].clone(),
        )
    };
    rows.iter().map(named).collect()
}

const VERSIONS_OF_A_TAB: [(&str, &str); 4] = [
    ("One", "url: \"https://a.example/\""),
    ("Two", "url: \"https://b.example/\", data: x"),
    ("Three", "url: \"https://b.example/\", data: x"),
    ("Four", "url: \"https://b.example/\""),
];

fn probed(project: &Project) -> Value {
    project
        .run(&["doctor", "--env", "server", "--probe=write", "--yes"])
        .ended(0);
    let sheet: Value =
        serde_json::from_str(&project.read(".deskstate/answers/server.json")).unwrap();
    sheet["answers"]["tabWriteTouchesParameters"].clone()
}

#[test]
fn once_asked_tabs_are_applied_and_undone_whatever_writing_one_does_to_its_parameters() {
    for (touched, derived) in [
        ("nothing", true),
        ("versions", true),
        ("values", true),
        ("values", false),
    ] {
        let told = format!("{touched}, derived {derived}");
        let (project, server) =
            environment(&json!({"tabWriteTouchesParameters": touched, "tabJsonDerived": derived}));
        assert_eq!(probed(&project), touched);
        let mut undos = Vec::new();
        for (title, written) in VERSIONS_OF_A_TAB {
            project.write("manifests/tab.yaml", &third_party(title, written));
            let before = parameters(&server);
            let apply = project.run(&["apply", "--env", "server", "--yes"]).ended(0);
            project
                .run(&["plan", "--env", "server", "--detailed-exitcode"])
                .ended(0);
            let undo = apply
                .out
                .split("undo with `deskstate ")
                .nth(1)
                .expect(&told);
            let undo = undo.split('`').next().unwrap().to_owned();
            undos.push((title, undo, before));
        }
        // The first change created the tab.
        for (title, undo, before) in undos.into_iter().skip(1).rev() {
            let mut words: Vec<&str> = undo.split(' ').collect();
            words.push("--yes");
            project.run(&words).ended(0);
            assert_eq!(parameters(&server), before, "{told}: undo of {title}");
            project.run(&words).ended(0);
        }
    }
}

#[test]
fn where_nobody_asked_the_end_says_what_writing_a_tab_did_and_how_to_configure_deskstate_for_it() {
    for (touched, derived) in [("versions", true), ("values", true), ("values", false)] {
        for ahead in 0..VERSIONS_OF_A_TAB.len() {
            let told = format!("{touched}, derived {derived}, from {ahead}");
            let (project, _server) = environment(
                &json!({"tabWriteTouchesParameters": touched, "tabJsonDerived": derived}),
            );
            let mut lost = false;
            for (title, written) in &VERSIONS_OF_A_TAB[ahead..] {
                project.write("manifests/tab.yaml", &third_party(title, written));
                let apply = project.run(&["apply", "--env", "server", "--yes"]);
                if apply.code == Some(0) {
                    project
                        .run(&["plan", "--env", "server", "--detailed-exitcode"])
                        .ended(0);
                    continue;
                }
                lost = true;
                assert_eq!(
                    (touched, apply.code),
                    ("values", Some(1)),
                    "{told}: {}",
                    apply.err
                );
                for said in [
                    "the server did not store everything as it was written",
                    "since its row was written",
                    "it seems that this environment writes the parameters of a tab again when the tab is written; \
                     `deskstate doctor --env server --probe=write` finds out and configures deskstate for it; then run the same command again",
                ] {
                    assert!(apply.err.contains(said), "{told}: {}", apply.err);
                }
                break;
            }
            if lost {
                assert_eq!(probed(&project), touched);
                project.run(&["apply", "--env", "server", "--yes"]).ended(0);
                project
                    .run(&["plan", "--env", "server", "--detailed-exitcode"])
                    .ended(0);
            }
            // A new tab is only written once.
            assert_eq!(lost, touched == "values" && ahead < 3, "{told}");
        }
    }
}

#[test]
fn an_undo_says_what_else_the_environment_changed_and_does_not_call_it_done() {
    let (project, server) = environment(&json!({"tabWriteTouchesParameters": "values"}));
    let [(one, first), ..] = VERSIONS_OF_A_TAB;
    project.write("manifests/tab.yaml", &third_party(one, first));
    assert_eq!(probed(&project), "values");
    project.run(&["apply", "--env", "server", "--yes"]).ended(0);
    std::fs::remove_dir_all(project.path().join(".deskstate/answers")).unwrap();
    let before = parameters(&server);
    project.write("manifests/tab.yaml", &third_party("Other", first));
    let apply = project.run(&["apply", "--env", "server", "--yes"]).ended(1);
    let undo = apply.err.split("to undo: deskstate ").nth(1).unwrap();
    let mut words: Vec<&str> = undo.lines().next().unwrap().split(' ').collect();
    words.push("--yes");
    let undone = project.run(&words);
    assert_ne!(parameters(&server), before);
    assert!(
        undone.err.contains(
            "msdyn_templateparameter `url` is not as before the apply and stays unchanged"
        ),
        "{}",
        undone.err
    );
}
