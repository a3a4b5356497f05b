//! `doctor`: what it says of an environment, and what it finds out by asking.

mod support;

use serde_json::{Value, json};
use support::{Project, Server};

/// An environment that behaves so, and the project that asks it.
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
        run.out.contains("nothing is left of the questions"),
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
            .contains("may create, write, delete and link every kind"),
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
    project
        .run(&["doctor", "--env", "server", "--probe=write"])
        .ended(4);
    assert_eq!(server.stats()["writes"], json!({}), "nothing may be stored");
    let run = project
        .run(&["doctor", "--env", "server", "--probe=write", "--yes"])
        .ended(0);
    assert!(
        run.out.contains("nothing is left of the questions"),
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

#[test]
fn tabs_are_applied_whatever_writing_one_does_to_its_parameters_or_the_end_says_what_differs() {
    let tab = |title: &str, parameters: &str| {
        format!(
            "---\napiVersion: deskstate/v1\nkind: ApplicationTab\nmetadata: {{name: contoso_tab}}\nspec: {{displayName: Tab, title: {title}, pageType: ThirdPartyWebsite, parameters: {{{parameters}}}}}\n"
        )
    };
    for (touched, known, derived) in [
        ("nothing", false, true),
        ("nothing", true, true),
        ("versions", false, true),
        ("versions", true, true),
        ("values", false, true),
        ("values", true, true),
        ("values", true, false),
    ] {
        let (project, _server) =
            environment(&json!({"tabWriteTouchesParameters": touched, "tabJsonDerived": derived}));
        if known {
            project
                .run(&["doctor", "--env", "server", "--probe=write", "--yes"])
                .ended(0);
            let sheet: Value =
                serde_json::from_str(&project.read(".deskstate/answers/server.json")).unwrap();
            assert_eq!(sheet["answers"]["tabWriteTouchesParameters"], touched);
        }
        for (title, parameters) in [
            ("One", "url: \"https://a.example/\""),
            ("Two", "url: \"https://b.example/\", data: x"),
            ("Three", "url: \"https://b.example/\", data: x"),
        ] {
            project.write("manifests/tab.yaml", &tab(title, parameters));
            let apply = project.run(&["apply", "--env", "server", "--yes"]);
            let plan = project.run(&["plan", "--env", "server", "--detailed-exitcode"]);
            if touched == "values" && !known && apply.code == Some(1) {
                // Parameters that were not to change did: nobody may think that all is well.
                assert!(
                    apply.err.contains("the server did not store everything"),
                    "{}",
                    apply.err
                );
                plan.ended(2);
            } else {
                apply.ended(0);
                plan.ended(0);
            }
        }
    }
}
