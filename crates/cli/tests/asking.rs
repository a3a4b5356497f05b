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
    project
        .run(&["doctor", "--env", "server", "--probe"])
        .ended(0);
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
