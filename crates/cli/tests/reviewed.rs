//! Exactly what was reviewed is applied: saved plans, undo, and two people who apply at the same time.

use super::support::{self, Project, Run, Server, says, session, tab};

fn applied() -> (Project, Server) {
    let server = Server::plain();
    let project = Project::desk(&server, "", "", &session("first"));
    project.apply();
    (project, server)
}

fn plan(project: &Project) {
    plan_to(project, "plan.json");
}

fn plan_to(project: &Project, file: &str) {
    let planned = project
        .run(&["plan", "--env", "server", "--out", file])
        .ended(0);
    says(&planned.err, &[&format!("the plan is in {file}")]);
}

fn reviewed(project: &Project) -> Run {
    project.run(&[
        "apply",
        "--env",
        "server",
        "--yes",
        "--reviewed",
        "plan.json",
    ])
}

fn title(server: &Server) -> String {
    let row = calls(server);
    let row = server.get(&format!("/api/data/v9.2/{row}?$select=msdyn_title"));
    row["msdyn_title"].as_str().unwrap().to_owned()
}

fn calls(server: &Server) -> String {
    let id = server.id(
        "msdyn_sessiontemplates",
        "msdyn_sessiontemplateid",
        "contoso_calls",
    );
    format!("msdyn_sessiontemplates({id})")
}

#[test]
fn the_plan_that_was_reviewed_is_carried_out() {
    let (project, server) = applied();
    project.write("manifests/all.yaml", &session("second"));
    plan(&project);
    let done = reviewed(&project).ended(0);
    says(&done.out, &["1 change applied to server in 1 transaction"]);
    assert_eq!(title(&server), "second");
}

#[test]
fn a_row_that_somebody_changed_after_the_review_is_refused_with_both_plans_who_and_when() {
    let (project, server) = applied();
    project.write("manifests/all.yaml", &session("second"));
    plan(&project);
    let ada = server.administrator("ada@contoso.com");
    server.patch_as(&ada, &calls(&server), r#"{"msdyn_title":"by hand"}"#);
    let before = server.dump();
    let refused = reviewed(&project).ended(4);
    says(
        &refused.err,
        &[
            "~ SessionTemplate contoso_calls: differs from the reviewed change (last written 20",
            " by ada@contoso.com)",
            "reviewed  title: first → second",
            "now       title: by hand → second",
            "the reviewed plan does not contain all of these changes, so nothing was changed",
            "deskstate plan --env server --out FILE",
        ],
    );
    assert_eq!(server.dump()["rows"], before["rows"]);
}

#[test]
fn a_change_that_nobody_reviewed_is_refused_and_one_that_is_not_needed_any_more_is_shown() {
    let (project, server) = applied();
    project.write("manifests/all.yaml", &session("second"));
    plan(&project);
    project.write(
        "manifests/all.yaml",
        &format!("{}{}", session("first"), tab("contoso_tab")),
    );
    let refused = reviewed(&project).ended(4);
    says(
        &refused.err,
        &[
            "reviewed, but not needed: the environment already has it, or the manifests no longer declare it",
            "= SessionTemplate contoso_calls: update",
            "reviewed  title: first → second",
            "+ ApplicationTab contoso_tab: not reviewed: create",
        ],
    );
    assert_eq!(title(&server), "first");
}

/// `UPDATE_SCHEMAS=1 cargo test -p deskstate --test scenarios reviewed::` rewrites it.
#[test]
fn a_saved_plan_fits_its_schema_and_the_schema_in_the_repository_is_current() {
    let (project, _server) = applied();
    let schema = project.run(&["schema", "plan"]).ended(0).out;
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/plan.json");
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        std::fs::write(&path, &schema).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        stored == schema,
        "schemas/plan.json is not current: run with UPDATE_SCHEMAS=1"
    );
    let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
    let schema = jsonschema::draft7::new(&schema).unwrap();
    let fits = |text: &str| schema.is_valid(&serde_json::from_str(text).unwrap());
    let all = format!("{}{}", session("second"), tab("contoso_tab"));
    project.write("manifests/all.yaml", &all);
    plan(&project);
    let saved = project.read("plan.json");
    assert!(fits(&saved), "{saved}");
    let state = |name: &str| {
        let saved: serde_json::Value = serde_json::from_str(&saved).unwrap();
        let resources = saved["report"]["resources"].as_array().unwrap().clone();
        let found = resources.into_iter().find(|one| one["name"] == name);
        found.unwrap()["state"].clone()
    };
    assert_eq!(state("contoso_calls"), "different");
    assert!(!fits(
        &saved.replace("\"formatVersion\": 2", "\"formatVersion\": 3")
    ));
    assert!(!fits(&saved.replacen("\"action\":", "\"unknown\":", 1)));
}

#[test]
fn several_plans_are_applied_together_and_what_one_of_them_lacks_is_refused() {
    let (project, server) = applied();
    // Two pull requests are planned in parallel, then both are merged.
    project.write("manifests/all.yaml", &session("second"));
    plan_to(&project, "first.json");
    project.write(
        "manifests/all.yaml",
        &format!("{}{}", session("first"), tab("contoso_tab")),
    );
    plan_to(&project, "second.json");
    project.write(
        "manifests/all.yaml",
        &format!("{}{}", session("second"), tab("contoso_tab")),
    );
    let apply = |plans: &[&str]| {
        let mut arguments = vec!["apply", "--env", "server", "--yes"];
        arguments.extend(plans.iter().flat_map(|plan| ["--reviewed", plan]));
        project.run(&arguments)
    };
    let one = apply(&["second.json"]).ended(4);
    says(&one.err, &["+ SessionTemplate contoso_calls: not reviewed"]);
    assert_eq!(title(&server), "first");
    says(
        &apply(&["first.json", "second.json"]).ended(0).out,
        &["2 changes applied to server in 1 transaction"],
    );
    assert_eq!(title(&server), "second");
    // Applied again: everything is in place, so the plans are not needed.
    says(
        &apply(&["first.json", "second.json"]).ended(0).out,
        &["server matches the manifests"],
    );
}

#[test]
fn a_reviewed_plan_that_was_applied_in_part_is_completed_by_the_same_command() {
    let (project, server) = applied();
    let all = format!(
        "{}{}{}",
        session("second"),
        tab("contoso_a"),
        tab("contoso_b")
    );
    project.write("manifests/all.yaml", &all);
    plan(&project);
    // Somebody edits the session while the first transaction runs, so the server refuses the last one.
    let id = calls(&server);
    let id = id
        .trim_start_matches("msdyn_sessiontemplates(")
        .trim_end_matches(')');
    let rule = format!(
        r#"{{"formatVersion":1,"rules":[{{"when":{{"writes":true,"nth":2}},"fault":{{"kind":"foreignEdit","set":"msdyn_sessiontemplates","id":"{id}","body":{{"msdyn_name":"Calls"}}}}}}]}}"#
    );
    server.request("POST", "/__emulator/faults", &rule, "");
    let mut command = vec![
        "apply",
        "--env",
        "server",
        "--yes",
        "--reviewed",
        "plan.json",
    ];
    command.extend(["--max-changeset", "2"]);
    project.run(&command).ended(4);
    let rest = reviewed(&project).ended(0);
    says(&rest.err, &["reviewed, but not needed"]);
    assert_eq!(title(&server), "second");
    project
        .run(&["plan", "--env", "server", "--detailed-exitcode"])
        .ended(0);
}

#[test]
fn a_row_that_was_edited_after_its_deletion_was_reviewed_is_not_deleted() {
    let (project, server) = applied();
    project.write(
        "manifests/all.yaml",
        "apiVersion: deskstate/v1\nkind: SessionTemplate\nmetadata: {name: contoso_calls, state: absent}\n",
    );
    plan(&project);
    server.patch(&calls(&server), r#"{"msdyn_title":"by hand"}"#);
    let refused = reviewed(&project).ended(4);
    says(
        &refused.err,
        &[
            "~ SessionTemplate contoso_calls: differs from the reviewed change",
            "the rows that are linked, referred to or deleted are not",
        ],
    );
    assert_eq!(title(&server), "by hand");
    server.patch(&calls(&server), r#"{"msdyn_title":"first"}"#);
    reviewed(&project).ended(0);
}

#[test]
fn a_file_that_somebody_edited_and_a_hostile_one_are_not_read() {
    let (project, server) = applied();
    project.write("manifests/all.yaml", &session("second"));
    plan(&project);
    let saved = project.read("plan.json");
    let organization = "0c0f0000-0000-4000-8000-000000000001";
    project.edit(
        "plan.json",
        organization,
        "0c0f0000-0000-4000-8000-000000000002",
    );
    // The file was edited: its digest does not match, so it is refused.
    let other = reviewed(&project).ended(1);
    says(&other.err, &["digest"]);
    for hostile in [
        String::new(),
        "{}".to_owned(),
        "[".repeat(100_000),
        // The displayed part was edited, so it is not what would be applied.
        saved.replace("second", "something else"),
    ] {
        project.write("plan.json", &hostile);
        let refused = reviewed(&project).ended(1);
        says(
            &refused.err,
            &["save one with `deskstate plan --env ENVIRONMENT --out FILE`"],
        );
    }
    for (version, what_to_do) in [
        (
            "1",
            "save and review it again: `deskstate plan --env ENVIRONMENT --out FILE`",
        ),
        (
            "99",
            "use the version of deskstate that saved it, or save it again",
        ),
    ] {
        project.write(
            "plan.json",
            &saved.replace(
                "\"formatVersion\": 2",
                &format!("\"formatVersion\": {version}"),
            ),
        );
        let refused = reviewed(&project).ended(1);
        says(
            &refused.err,
            &[&format!("format version {version}"), what_to_do],
        );
    }
    assert_eq!(title(&server), "first");
}

#[test]
fn the_same_plan_is_saved_as_the_same_bytes_and_names_no_secret() {
    let (project, server) = applied();
    let pasted = r#"{"msdyn_title":"https://a.example/?sig=Zm9vYmFyYmF6&page=1"}"#;
    server.patch(&calls(&server), pasted);
    project.write("manifests/all.yaml", &session("second"));
    plan(&project);
    let first = project.read("plan.json");
    plan(&project);
    assert_eq!(first, project.read("plan.json"));
    assert!(
        !first.contains("Zm9vYmFyYmF6") && first.contains("page=1"),
        "{first}"
    );
    assert!(!first.to_lowercase().contains("authorization"));
    // The digest also covers values that are not displayed.
    server.patch(&calls(&server), &pasted.replace("Zm9v", "Zm9w"));
    reviewed(&project).ended(4);
    server.patch(&calls(&server), pasted);
    reviewed(&project).ended(0);
}

#[test]
fn undo_brings_back_what_was_deleted_whole_with_its_parts_and_links() {
    let server = Server::plain();
    let linked = format!(
        "{}{}",
        session("first").replace(
            "title: first",
            "title: first, additionalTabs: [contoso_tab]"
        ),
        tab("contoso_tab")
    );
    let project = Project::desk(&server, "", "", &linked);
    project.apply();
    let before = server.dump();
    project.write(
        "manifests/all.yaml",
        "apiVersion: deskstate/v1\nkind: SessionTemplate\nmetadata: {name: contoso_calls, state: absent}\n---\napiVersion: deskstate/v1\nkind: ApplicationTab\nmetadata: {name: contoso_tab, state: absent}\n",
    );
    let gone = project.apply();
    project.write("manifests/all.yaml", &linked);
    project
        .run(&["plan", "--env", "server", "--detailed-exitcode"])
        .ended(2);
    let undone = project
        .run(&[
            "undo",
            "--env",
            "server",
            "--yes",
            &Project::undo_file(&gone),
        ])
        .ended(0);
    says(&undone.out, &["reverted in server"]);
    project
        .run(&["plan", "--env", "server", "--detailed-exitcode"])
        .ended(0);
    for table in [
        "msdyn_sessiontemplate",
        "msdyn_applicationtabtemplate",
        "msdyn_templateparameter",
    ] {
        let keys = |dump: &serde_json::Value| {
            dump["rows"][table]
                .as_object()
                .unwrap()
                .keys()
                .cloned()
                .collect::<Vec<_>>()
        };
        assert_eq!(keys(&before), keys(&server.dump()), "{table}");
    }
}

#[test]
fn undo_refuses_a_row_that_somebody_changed_since_and_changes_nothing() {
    let (project, server) = applied();
    project.write("manifests/all.yaml", &session("second"));
    let done = project.apply();
    server.patch(&calls(&server), r#"{"msdyn_title":"by hand"}"#);
    let refused = project
        .run(&[
            "undo",
            "--env",
            "server",
            "--yes",
            &Project::undo_file(&done),
        ])
        .ended(4);
    says(
        &refused.err,
        &[
            "undo-changed",
            "`contoso_calls` was changed since the apply",
            "not everything can be reverted, so nothing was changed",
        ],
    );
    assert_eq!(title(&server), "by hand");
}

#[test]
fn an_undo_can_itself_be_taken_back() {
    let (project, server) = applied();
    project.write("manifests/all.yaml", &session("second"));
    let file = Project::undo_file(&project.apply());
    let undone = project
        .run(&["undo", "--env", "server", "--yes", &file])
        .ended(0);
    assert_eq!(title(&server), "first");
    says(&undone.out, &["redo with `deskstate undo --env server "]);
    let redo = Project::undo_file(&undone);
    project
        .run(&["undo", "--env", "server", "--yes", &redo])
        .ended(0);
    assert_eq!(title(&server), "second");
}

/// Starts an apply that is delayed before its write until the other one is done.
fn begin(project: &Project) -> std::process::Child {
    support::deskstate(project.path())
        .args(["apply", "--env", "server", "--yes"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn of_two_applies_at_once_one_wins_and_the_other_refuses_and_changes_nothing() {
    for first in ["left", "right"] {
        let (left, server) = applied();
        let right = Project::desk(&server, "", "", &(session("right") + &tab("contoso_right")));
        left.write(
            "manifests/all.yaml",
            &(session("left") + &tab("contoso_left")),
        );
        let (winner, loser) = if first == "left" {
            (&left, &right)
        } else {
            (&right, &left)
        };
        // The first write, by the run that loses later, is delayed for longer than the complete run of the winner takes.
        server.request("DELETE", "/__emulator/stats", "", "");
        let hold = r#"{"formatVersion":1,"rules":[{"when":{"writes":true,"nth":1},"fault":{"kind":"delay","delayMs":4000}}]}"#;
        server.request("POST", "/__emulator/faults", hold, "");
        let child = begin(loser);
        while server.get("/__emulator/stats")["faults"] == 0 {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        says(
            &winner.apply().out,
            &["2 changes applied to server in 1 transaction"],
        );
        let after = server.dump();
        let lost: Run = child.wait_with_output().unwrap().into();
        let lost = lost.ended(4);
        says(
            &lost.err,
            &[
                "somebody changed the environment since it was read, so the server refused transaction 1 and nothing of it was applied",
                "look at `deskstate plan --env server` first",
            ],
        );
        assert_eq!(server.dump()["rows"], after["rows"], "{first} first");
        assert_eq!(title(&server), first);
    }
}

#[test]
fn what_is_made_lands_in_the_solution_and_belongs_to_the_owner_that_are_set_also_when_undo_brings_it_back()
 {
    let server = Server::plain();
    let owned = session("first").replace(
        "title: first",
        "title: first, owner: {team: Desktop owners}",
    );
    let project = Project::desk(&server, "", "solution: ContosoDesk", &owned);
    project.apply();
    let solution = server.found("solutions", "solutionid", "uniquename eq 'ContosoDesk'");
    let team = server.found("teams", "teamid", "name eq 'Desktop owners'");
    let is_there = || {
        let row = server.get(&format!(
            "/api/data/v9.2/{}?$select=_ownerid_value",
            calls(&server)
        ));
        assert_eq!(row["_ownerid_value"], team.as_str());
        let id = row["msdyn_sessiontemplateid"].as_str().unwrap();
        server.found(
            "solutioncomponents",
            "objectid",
            &format!("_solutionid_value eq {solution} and objectid eq {id}"),
        )
    };
    is_there();

    // A link is a separate component, and deskstate does not add links to the solution: this is reported before and during the apply.
    let linked = owned.replace(
        "title: first",
        "title: first, additionalTabs: [contoso_tab]",
    ) + &tab("contoso_tab");
    project.write("manifests/all.yaml", &linked);
    let said = "note: deskstate adds no links to the solution `ContosoDesk`: 1 link of this plan will not travel with it";
    let plan = project.run(&["plan", "--env", "server"]).ended(0);
    says(&plan.err, &[said]);
    says(&project.apply().err, &[said]);
    let links = server.get("/api/data/v9.2/msdyn_sessiontemplate_applicationtabset");
    let id = links["value"][0]["msdyn_sessiontemplate_applicationtabid"].as_str();
    let components = server.get(&format!(
        "/api/data/v9.2/solutioncomponents?$select=objectid&$filter=_solutionid_value%20eq%20{solution}"
    ));
    let components = components["value"].as_array().unwrap();
    assert_eq!(
        components.len(),
        3,
        "the session template, the tab and its parameter"
    );
    let is_link = |component: &serde_json::Value| component["objectid"].as_str() == id;
    assert!(id.is_some() && !components.iter().any(is_link));

    project.write(
        "manifests/all.yaml",
        "apiVersion: deskstate/v1\nkind: SessionTemplate\nmetadata: {name: contoso_calls, state: absent}\n",
    );
    let file = Project::undo_file(&project.apply());
    project
        .run(&["undo", "--env", "server", "--yes", &file])
        .ended(0);
    is_there();
}
