//! `docs/evidence.md`, the emulator and the probe name the same switches and questions, and the tests use reports of real environments.

#[path = "support/live_report.rs"]
mod live_report;
use std::collections::BTreeSet;
use std::path::Path;

use super::support::{Project, Server, says};
use deskstate_reconcile::probe::QUESTIONS;
use serde_json::{Value, json};

const GRADES: [&str; 4] = ["seen live", "documented", "typings only", "unknown"];

/// Words in backticks.
fn words(cell: &str) -> impl Iterator<Item = &str> {
    cell.split(", ")
        .filter_map(|word| word.trim().strip_prefix('`')?.strip_suffix('`'))
}

/// The cells of a table, by a part of its header.
fn table<'a>(page: &'a str, header: &str) -> Vec<Vec<&'a str>> {
    page.lines()
        .skip_while(|line| !line.starts_with(header))
        .skip(2)
        .take_while(|line| line.starts_with("| "))
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect()
}

#[test]
fn every_switch_and_question_has_a_row_and_every_row_a_grade_and_a_source_that_can_be_looked_up() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/evidence.md");
    let page = std::fs::read_to_string(path).unwrap();
    let sheet = serde_json::to_value(deskstate_emulator::Switches::default()).unwrap();
    let switches: BTreeSet<&str> = sheet
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let recordings: BTreeSet<&str> = table(&page, "| id |")
        .iter()
        .flat_map(|cells| words(cells[0]))
        .collect();
    let (mut named, mut asked, mut cited) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let rows = table(&page, "| assumption |");
    for cells in &rows {
        let [claim, grade, source, of, questions] = cells[..] else {
            panic!("not five cells: {cells:?}");
        };
        assert!(GRADES.contains(&grade), "{claim}: {grade}");
        let ids: BTreeSet<&str> = recordings
            .iter()
            .copied()
            .filter(|id| source.contains(&format!("`{id}`")))
            .collect();
        // Only unknown claims lack a source.
        let has_source = source.contains("<https://") || !ids.is_empty();
        assert!(has_source || grade == "unknown", "{claim}: {source}");
        cited.extend(ids);
        named.extend(words(of));
        asked.extend(words(questions));
        assert!(
            words(questions).all(|question| words(of).any(|switch| switch == question)),
            "{claim}: a question without its switch"
        );
    }
    assert!(rows.len() > 30, "only {} rows were read", rows.len());
    assert_eq!(named, switches, "left: the page, right: the emulator");
    assert_eq!(
        asked,
        BTreeSet::from(QUESTIONS),
        "left: the page, right: the probe"
    );
    assert_eq!(cited, recordings, "left: the rows, right: the recordings");
}

/// A project behind a server that behaves according to a sheet.
fn environment(sheet: &str) -> (Project, Server) {
    let project = Project::example("tenfold");
    project.write("behaviour.json", sheet);
    let sheet = project.path().join("behaviour.json");
    let server = Server::start(&["--answers", sheet.to_str().unwrap()]);
    project.add_server(&server.url);
    (project, server)
}

#[test]
fn a_report_names_nobody_and_makes_an_emulator_of_its_own() {
    let behaviour = json!({"formatVersion": 1, "answers": {
        "age": "2022", "associateAgain": "accepted", "changesetFailure": "json", "prefixNeedsPublisher": false,
    }});
    let (project, server) = environment(&behaviour.to_string());
    let doctor = ["doctor", "--env", "server", "--report", "report.json"];
    project.run(&doctor).ended(0);
    let read: Value = serde_json::from_str(&project.read("report.json")).unwrap();
    assert_eq!(read["about"]["asked"], "read");
    assert_eq!(
        read["answers"]["missingTables"].as_array().unwrap().len(),
        4
    );
    assert_eq!(server.stats()["writes"], json!({}), "nothing may be stored");

    project.run(&[&doctor[..], &["--probe"]].concat()).ended(0);
    let text = project.read("report.json");
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report["about"]["asked"], "rollback");
    assert_eq!(report["answers"]["changesetFailure"], "json");
    assert_eq!(report["answers"]["associateAgain"], "accepted");
    let organization = server.get("/api/data/v9.2/WhoAmI");
    let ids = ["OrganizationId", "UserId", "BusinessUnitId"];
    for id in ids.map(|id| organization[id].as_str().unwrap()) {
        assert!(!text.contains(id), "{id} in {text}");
    }
    for name in ["127.0.0.1", "localhost", "tenfold", "contoso", "@", "http"] {
        assert!(!text.to_lowercase().contains(name), "{name} in {text}");
    }

    let fixture = live_report::fixture(&text).unwrap();
    let (again, _server) = environment(&fixture);
    again
        .run(&[
            "doctor",
            "--env",
            "server",
            "--probe",
            "--report",
            "report.json",
        ])
        .ended(0);
    let second: Value = serde_json::from_str(&again.read("report.json")).unwrap();
    assert_eq!(second["answers"], report["answers"]);
}

#[test]
fn a_file_that_holds_more_than_a_report_is_no_fixture() {
    let report = |change: &dyn Fn(&mut Value)| {
        let mut report = json!({"formatVersion": 1, "about": {"deskstate": "0.1.0", "asked": "read", "open": []},
            "answers": {"missingTables": ["msdyn_inboxconfiguration"], "ownKeys": true}, "replies": {"absentRow": {"status": 404, "code": "0x80040217"}}});
        change(&mut report);
        live_report::fixture(&report.to_string())
    };
    report(&|_| {}).unwrap();
    for (why, change) in [
        (
            "a host",
            json!({"missingTables": ["contoso.crm4.dynamics.com"]}),
        ),
        (
            "an id",
            json!({"missingTables": ["0c0f1e2d-0000-4000-8000-000000000001"]}),
        ),
        ("a person", json!({"missingTables": ["ada@contoso.com"]})),
        ("no switch", json!({"hostName": true})),
        ("nothing", json!({})),
    ] {
        let refused = report(&|report| report["answers"] = change.clone());
        assert!(refused.is_err(), "{why}: {refused:?}");
    }
    let refused =
        report(&|report| report["replies"]["absentRow"]["message"] = "Contoso Ltd".into());
    assert!(refused.is_err(), "{refused:?}");
    let refused = report(&|report| report["url"] = "x".into());
    assert!(refused.is_err(), "{refused:?}");
}

#[test]
fn an_example_is_applied_to_every_environment_that_was_reported() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/reports");
    let mut tested = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let fixture =
            live_report::fixture(&text).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        assert_eq!(fixture, text, "{} was not imported", path.display());
        let (project, _server) = environment(&fixture);
        // The client uses the same answers.
        project.write(".deskstate/answers/server.json", &fixture);
        let plan = project.run(&["plan", "--env", "server"]);
        tested += 1;
        if plan.code == Some(1) {
            // A plan for this example may only fail because the environment lacks something.
            says(&plan.err, &["the environment lacks the"]);
            continue;
        }
        plan.ended(0);
        project.run(&["apply", "--env", "server", "--yes"]).ended(0);
        project
            .run(&["plan", "--env", "server", "--detailed-exitcode"])
            .ended(0);
    }
    assert!(tested > 0, "no report was found");
}
