//! Setup guides as projects: each is accepted as its guide is written, applied to an environment of every age, and in sync afterwards. The
//! tests of the documents run what their README files show.

use std::path::{Path, PathBuf};

use super::support::{Project, Run, Server};
use serde_json::{Value, json};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/guides")
}

/// The projects of `examples/guides`, and Tenfold's, which is in a separate folder.
fn guides() -> Vec<String> {
    let mut names: Vec<String> = folder()
        .read_dir()
        .unwrap()
        .map(Result::unwrap)
        .filter(|entry| entry.path().is_dir())
        .map(|entry| format!("guides/{}", entry.file_name().into_string().unwrap()))
        .collect();
    names.push("tenfold".to_owned());
    names.sort();
    names
}

/// Fails if a run prints a warning.
#[track_caller]
fn unwarned(run: Run) -> Run {
    for said in [&run.out, &run.err] {
        assert!(!said.contains("warning"), "{said}");
    }
    run
}

#[track_caller]
fn applied_and_kept_in(age: &str) {
    for name in guides() {
        let project = Project::example(&name);
        project.edit(
            "deskstate.yaml",
            "local.json}",
            &format!("local.json, age: {age}}}"),
        );
        let plan = ["plan", "--env", "local", "--detailed-exitcode"];
        unwarned(project.run(&plan).ended(2));
        let applied = project.run(&["apply", "--env", "local", "--yes"]);
        unwarned(applied.ended(0));
        unwarned(project.run(&plan).ended(0));
        unwarned(project.run(&["check", "--env", "local"]).ended(0));
    }
}

#[test]
fn every_guide_is_accepted_without_a_warning() {
    let guides = guides();
    assert!(guides.len() >= 6, "{guides:?}");
    for name in guides {
        unwarned(Project::example(&name).run(&["validate"]).ended(0));
    }
}

#[test]
fn every_guide_is_applied_and_kept_in_an_environment_of_2022() {
    applied_and_kept_in("2022");
}

#[test]
fn every_guide_is_applied_and_kept_in_an_environment_of_2024() {
    applied_and_kept_in("2024");
}

#[test]
fn every_guide_is_applied_and_kept_in_an_environment_of_2026() {
    applied_and_kept_in("2026");
}

/// All projects below `examples`.
fn examples() -> Vec<String> {
    let mut names = guides();
    names.extend(["contact-centre", "contoso", "own-kind"].map(str::to_owned));
    names
}

/// Starting from an example never causes a warning.
#[test]
fn no_example_prints_a_warning() {
    for name in examples() {
        let project = Project::example(&name);
        unwarned(project.run(&["validate"]).ended(0));
        unwarned(project.run(&["plan", "--env", "local"]).ended(0));
        unwarned(project.run(&["apply", "--env", "local", "--yes"]).ended(0));
        unwarned(
            project
                .run(&["plan", "--env", "local", "--detailed-exitcode"])
                .ended(0),
        );
    }
}

/// The complete manifests that a page shows.
fn documents_of(page: &str) -> Vec<&str> {
    let blocks = page.split("```yaml\n").skip(1);
    let blocks = blocks.filter_map(|block| block.split("```").next());
    let documents = blocks.flat_map(|block| block.split("---\n"));
    documents
        .filter(|document| document.contains("apiVersion: deskstate/v1\n"))
        .filter(|document| {
            let other = ["Project", "Contract", "KindDefinition"];
            !other
                .iter()
                .any(|kind| document.contains(&format!("kind: {kind}\n")))
        })
        .collect()
}

#[test]
fn no_manifest_in_the_documents_prints_a_warning() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut pages = vec![root.join("README.md")];
    let mut folders = vec![root.join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.ends_with("manifests/kinds") {
                // Each of these pages shows a part of `examples/every-kind`, which is checked as a unit.
            } else if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path);
            }
        }
    }
    let mut seen = 0;
    for page in pages {
        let text = std::fs::read_to_string(&page).unwrap();
        let documents = documents_of(&text);
        if documents.is_empty() {
            continue;
        }
        seen += documents.len();
        let project = Project::example("tenfold");
        std::fs::remove_dir_all(project.path().join("manifests")).unwrap();
        project.write(
            "deskstate.yaml",
            "apiVersion: deskstate/v1\nkind: Project\nmetadata: {name: page}\nspec: {environments: {local: {emulator: {state: local.json}}, test: {emulator: {state: test.json}}, prod: {emulator: {state: prod.json}}}}\n",
        );
        for (number, document) in documents.iter().enumerate() {
            project.write(&format!("manifests/{number}.yaml"), document);
        }
        let said = project.run(&["validate"]).err;
        assert!(!said.contains("warning["), "{}: {said}", page.display());
    }
    assert!(seen > 5, "{seen}");
}

/// What guides tell people to enter: project, table, unique name (or name, if the table has no unique names), and the columns.
fn stated() -> Vec<(&'static str, &'static str, &'static str, Value)> {
    vec![
        (
            "bolka-softphone",
            "msdyn_ciproviders",
            "msdyn_name eq 'Bolka Demo'",
            json!({
                "msdyn_label": "Bolka Demo",
                "msdyn_landingurl": "https://bolka-cif-app-demo.vercel.app/dialpad?ucilib=https://localhost/webresources/Widget/msdyn_ciLibrary.js",
                "msdyn_clicktoact": true,
                "msdyn_sortorder": 1,
                "msdyn_ciproviderapiversion": 0,
                "msdyn_trusteddomain": "https://bolka-cif-app-demo.vercel.app",
            }),
        ),
        (
            "twilio-softphone",
            "msdyn_channelproviders",
            "msdyn_uniquename eq 'sample_softphone'",
            json!({
                "msdyn_name": "Contoso",
                "msdyn_label": "Contoso",
                "msdyn_channelurl": "https://twiliosampleinteg.azurewebsites.net?base=https://localhost&twa=https://twilio-sample.twil.io/capability-token",
                "msdyn_enableoutbound": true,
                "msdyn_sortorder": 0,
                "msdyn_apiversion": 162_450_000,
            }),
        ),
        (
            "twilio-softphone",
            "msdyn_sessiontemplates",
            "msdyn_uniquename eq 'sample_TwilioCallSessionTemplate'",
            json!({"msdyn_title": "Call from {customer}"}),
        ),
        (
            "cif2-simulator",
            "msdyn_channelproviders",
            "msdyn_uniquename eq 'extn_cif2simulator'",
            json!({
                "msdyn_name": "CIF2_Simulator",
                "msdyn_label": "CIF2 Simulator",
                "msdyn_channelurl": "https://localhost/WebResources/extn_/sample/vnb_cif_support_html",
                "msdyn_enableoutbound": true,
                "msdyn_sortorder": 1,
                "msdyn_enableanalytics": true,
            }),
        ),
        (
            "cif2-simulator",
            "msdyn_notificationtemplates",
            "msdyn_uniquename eq 'extn_voice_notification'",
            json!({
                "msdyn_name": "DCCP Voice Notification",
                "msdyn_title": "{customerName}",
                "msdyn_icon": "/webresources/msdyn_chat_icon",
            }),
        ),
        (
            "cif2-simulator",
            "msdyn_notificationfields",
            "msdyn_name eq 'DCCP sample message'",
            json!({"msdyn_title": "Comment", "msdyn_value": "{extn_comment}"}),
        ),
        (
            "cif2-simulator",
            "msdyn_templateparameters",
            "msdyn_name eq 'data' and contains(msdyn_value,'extn_media_type')",
            json!({"msdyn_value": r#"{"customerid":"{customerRecordId}", "customeridtype":"{customerEntityName}", "customeridname":"{customerName}", "caseorigincode":"{extn_media_type}", "description":"Phone: {extn_phonenumber} / Email: {extn_email_address} / InteractionId: {extn_interactionid}", "title":"{extn_subject}"}"#}),
        ),
        (
            "cif2-simulator",
            "msdyn_sessiontemplates",
            "msdyn_uniquename eq 'extn_default_session'",
            json!({
                "msdyn_name": "DCCP Default Session",
                "msdyn_title": "Channel Integration Framework 2.0 Simulator Home",
            }),
        ),
        (
            "cif2-simulator",
            "msdyn_sessiontemplates",
            "msdyn_uniquename eq 'extn_voice_identified_session'",
            json!({"msdyn_name": "DDCCP Voice Identified Session", "msdyn_title": "Voice-{customerName}"}),
        ),
        (
            "case-script",
            "msdyn_sessiontemplates",
            "msdyn_uniquename eq 'mollyc_ET'",
            json!({
                "msdyn_name": "mollyc Entity Temp",
                "msdyn_entity": "incident",
                "msdyn_title": "{caseTitle}",
                "msdyn_panelstate": 162_450_002,
            }),
        ),
        (
            "case-script",
            "msdyn_productivityagentscriptsteps",
            "msdyn_uniquename eq 'mollyc_step1'",
            json!({
                "msdyn_name": "mollyc Step 1",
                "msdyn_order": 1,
                "msdyn_textinstruction": "Hi, how can I help you today?",
            }),
        ),
        (
            "acs-audio-video",
            "msdyn_channelproviders",
            "msdyn_uniquename eq 'alex_acvprovider_poc'",
            json!({
                "msdyn_name": "alex_acvprovider_poc",
                "msdyn_label": "Audio/Video (POC)",
                "msdyn_channelurl": "https://alexander-you.github.io/dynamics-365-ccaas-audio-video-channel/?mode=live",
                "msdyn_trusteddomain": "https://alexander-you.github.io",
                "msdyn_apiversion": 162_450_000,
                "msdyn_customparams": r#"{ "mode": "live" }"#,
                "msdyn_enableoutbound": false,
                "msdyn_enableanalytics": false,
                "msdyn_sortorder": 0,
            }),
        ),
    ]
}

#[test]
fn what_guides_tell_people_to_type_is_what_the_rows_hold() {
    let stated = stated();
    for guide in folder().read_dir().unwrap().map(Result::unwrap) {
        let name = guide.file_name().into_string().unwrap();
        if !guide.path().is_dir() {
            continue;
        }
        let project = Project::example(&format!("guides/{name}"));
        project.run(&["apply", "--env", "local", "--yes"]).ended(0);
        let state = project.path().join(".deskstate/local.json");
        let server = Server::start(&["--state", state.to_str().unwrap()]);
        let of_guide = stated.iter().filter(|(project, ..)| *project == name);
        let mut rows = 0;
        for (_, set, filter, columns) in of_guide {
            let filter = filter.replace(' ', "%20");
            let found = server.get(&format!("/api/data/v9.2/{set}?$filter={filter}"));
            for (column, value) in columns.as_object().unwrap() {
                assert_eq!(
                    &found["value"][0][column], value,
                    "{name}: {column} of {filter}"
                );
            }
            rows += 1;
        }
        assert!(rows > 0, "{name} has no values here");
    }
}
