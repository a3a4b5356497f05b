//! Kinds that a project defines for tables unknown to the program: they behave like every other kind, and their safety rules apply.

use super::support::{self, Project, Run, Server};
use serde_json::{Value as Json, json};

const DESK: &str = "kinds/desk.yaml";
const MANIFESTS: &str = "manifests/all.yaml";

/// The example, and an emulator with its tables.
fn started() -> (Project, Server) {
    let project = Project::example("own-kind");
    let server = serve(&project);
    (project, server)
}

/// An emulator with the tables of a project, as its environment `server`.
fn serve(project: &Project) -> Server {
    let tables = project.path().join("tables");
    let answers = project.path().join("answers.json");
    std::fs::write(&answers, support::answers(false)).unwrap();
    let server = Server::start(&[
        "--tables",
        tables.to_str().unwrap(),
        "--answers",
        answers.to_str().unwrap(),
    ]);
    project.set_environments(&format!("    server:\n      url: \"{}\"\n", server.url));
    project.answer(false);
    server
}

/// Runs `validate`, which must report these codes.
#[track_caller]
fn finds(project: &Project, codes: &[&str]) -> Run {
    let run = project.run(&["validate"]).ended(3);
    for code in codes {
        assert!(
            run.err.contains(&format!("[{code}]")),
            "no {code}:\n{}",
            run.err
        );
    }
    run
}

/// The columns of every row of a table, as stored by the emulator.
fn rows(server: &Server, table: &str) -> Vec<Json> {
    let dump = server.dump();
    let rows = dump["rows"][table].as_object();
    rows.map_or_else(Vec::new, |rows| {
        rows.values().map(|row| row["c"].clone()).collect()
    })
}

#[test]
fn a_definition_with_errors_is_no_project_without_kinds() {
    let server = Server::plain();
    let project = Project::desk(&server, "kinds: [kinds/desk.yaml]", "", "");
    project.write(
        "kinds/desk.yaml",
        "apiVersion: deskstate/v1\nkind: KindDefinition\nmetadata: {name: Desk}\nspec: {}\n",
    );
    for command in [&["kind", "check", "--env", "server"][..], &["kind", "list"]] {
        let refused = project.run(command).ended(3);
        assert!(refused.err.contains("kinds/desk.yaml"), "{}", refused.err);
        assert!(!refused.err.contains("defines no kinds"), "{}", refused.err);
    }
}

#[test]
fn a_table_nobody_heard_of_is_planned_applied_watched_exported_and_undone_beside_other_kinds() {
    let (project, server) = started();
    project.run(&["validate"]).ended(0);
    let plan = project
        .run(&["plan", "--env", "server", "--detailed-exitcode"])
        .ended(2);
    for said in [
        "+ Desk Front desk",
        "+ Area Ground floor",
        "session                 contoso_calls",
        "1 request to read",
    ] {
        assert!(plan.out.contains(said), "no `{said}`:\n{}", plan.out);
    }
    assert!(plan.out.contains("1 transaction to write"), "{}", plan.out);

    let applied = project.apply();
    assert!(
        applied
            .out
            .contains("4 changes applied to server in 1 transaction"),
        "{}",
        applied.out
    );
    let desks = rows(&server, "contoso_desk");
    assert_eq!(desks.len(), 1);
    assert_eq!(
        desks[0]["contoso_isdesk"],
        json!(true),
        "a new row is one of the kind: {}",
        desks[0]
    );
    project.run(&["drift", "--env", "server"]).ended(0);

    // A manual change is drift, in the words of the definition, and apply reverts it.
    let id = desks[0]["contoso_deskid"].as_str().unwrap().to_owned();
    server.request(
        "PATCH",
        &format!("/api/data/v9.2/contoso_desks({id})"),
        r#"{"contoso_size": 1, "contoso_seats": 9}"#,
        "",
    );
    let drift = project.run(&["drift", "--env", "server"]).ended(2);
    for said in ["Desk Front desk", "size", "Small", "Large", "seats"] {
        assert!(drift.out.contains(said), "no `{said}`:\n{}", drift.out);
    }
    project.apply();
    project.run(&["drift", "--env", "server"]).ended(0);

    // The exported manifests plan to no changes.
    let exported = project
        .run(&["export", "--env", "server", "--kind", "Desk"])
        .ended(0);
    assert!(exported.out.contains("kind: Desk\n"), "{}", exported.out);
    project.write(MANIFESTS, &exported.out);
    project
        .run(&["plan", "--env", "server", "--detailed-exitcode"])
        .ended(0);

    // Undoing the first apply removes everything.
    let (again, fresh) = started();
    let undo = Project::undo_file(&again.apply());
    again
        .run(&["undo", "--env", "server", &undo, "--yes"])
        .ended(0);
    assert!(rows(&fresh, "contoso_desk").is_empty());
    assert!(rows(&fresh, "contoso_area").is_empty());
}

#[test]
fn such_a_kind_looks_like_any_other_from_outside() {
    let (project, _server) = started();
    let explained = project.run(&["explain", "Desk.code"]).ended(0);
    assert!(
        explained.out.contains(
            "Text of at most 20 characters, required. The server accepts it only when it creates the row"
        ),
        "{}",
        explained.out
    );
    let schema = project.run(&["schema", "Desk"]).ended(0);
    let schema: Json = serde_json::from_str(&schema.out).unwrap();
    assert_eq!(schema["properties"]["spec"]["required"], json!(null));
    assert_eq!(
        schema["else"]["properties"]["spec"]["required"],
        json!(["code"])
    );
    project.run(&["schema", "--out", "schemas"]).ended(0);
    let editors: Json = serde_json::from_str(&project.read("schemas/manifest.json")).unwrap();
    let words = editors["properties"]["kind"]["enum"].as_array().unwrap();
    assert!(words.contains(&json!("Desk")), "{words:?}");
    let list = project.run(&["kind", "list"]).ended(0);
    assert!(
        list.out.contains("Desk") && list.out.contains("contoso_desk"),
        "{}",
        list.out
    );
    let graph = project.run(&["graph"]).ended(0);
    assert!(graph.out.contains("Front desk"), "{}", graph.out);
    project.edit(MANIFESTS, "seats: 4", "seats: 400");
    let run = finds(&project, &["out-of-range"]);
    assert!(run.err.contains("manifests/all.yaml:6:10"), "{}", run.err);
    project.edit(MANIFESTS, "seats: 400", "sets: 4");
    let run = finds(&project, &["unknown-field"]);
    assert!(run.err.contains("did you mean `seats`"), "{}", run.err);
    project.edit(MANIFESTS, "sets: 4", "seats: 4");
    project.edit(MANIFESTS, "area: Ground floor", "area: Cellar");
    finds(&project, &["unknown-reference"]);
}

#[test]
fn a_definition_is_drafted_from_metadata_and_refused_until_somebody_says_what_identifies_a_row() {
    let (project, _server) = started();
    project.run(&["kind", "check", "--env", "server"]).ended(0);
    project
        .run(&[
            "kind",
            "draft",
            "--env",
            "server",
            "contoso_desk",
            "--out",
            "kinds/draft.yaml",
        ])
        .ended(0);
    project
        .run(&[
            "kind",
            "draft",
            "--env",
            "server",
            "contoso_desk",
            "--out",
            "kinds/draft.yaml",
        ])
        .ended(4);
    let area = project.read(DESK);
    let (area, _) = area.split_once("---").unwrap();
    let area = area.to_owned();
    project.write("kinds/area.yaml", &area);
    project.edit(
        "deskstate.yaml",
        "[kinds/desk.yaml]",
        "[kinds/area.yaml, kinds/draft.yaml]",
    );
    let refused = finds(&project, &["missing-field"]);
    assert!(
        refused.err.contains("`identity` is missing"),
        "{}",
        refused.err
    );
    // As the draft instructs: state the identity, and remove the column from the fields.
    project.edit("kinds/draft.yaml", "  # identity:", "  identity:");
    finds(&project, &["kind-definition"]);
    project.edit("kinds/draft.yaml", "    name:\n      column: contoso_name\n      type: text\n      maxLength: 100\n      description: Name\n      required: true\n", "");
    project.edit("kinds/draft.yaml", "deskTab:", "tabs:");
    // Drafted as text, because JSON is stored as text too.
    project.edit(MANIFESTS, "setup: {screens: [1, 2]}", "setup: two screens");
    project.edit(MANIFESTS, "  shifts:\n    - {start: 8, title: Early, people: 3}\n    - {start: 16, title: Late, people: 2}\n", "");
    project.run(&["validate"]).ended(0);
    project.apply();
    project.run(&["drift", "--env", "server"]).ended(0);
}

#[test]
fn a_bad_definition_is_a_finding_with_its_place_and_nothing_is_sent() {
    let cases: &[(&str, &str, &str, &str)] = &[
        (
            "table: contoso_desk\n",
            "table: systemuser\n",
            "denied-table",
            "cannot be written",
        ),
        (
            "table: contoso_desk\n",
            "table: msdyn_sessiontemplate\n",
            "denied-table",
            "SessionTemplate",
        ),
        (
            "table: contoso_desk\n",
            "table: msdyn_templateparameter\n",
            "denied-table",
            "cannot be written",
        ),
        (
            "column: contoso_seats",
            "column: contoso_code",
            "kind-definition",
            "named twice",
        ),
        (
            "column: contoso_seats",
            "column: contoso_name",
            "kind-definition",
            "named twice",
        ),
        (
            "column: contoso_seats",
            "column: contoso_isdesk",
            "kind-definition",
            "named twice",
        ),
        (
            "{Small: 1, Large: 2}",
            "{Small: 1, Large: 1}",
            "kind-definition",
            "the same number",
        ),
        (
            "{Small: 1, Large: 2}",
            "{}",
            "kind-definition",
            "without options",
        ),
        (
            "minimum: 0, maximum: 100",
            "minimum: 9, maximum: 1",
            "kind-definition",
            "above its `maximum`",
        ),
        (
            "to: Area",
            "to: Aera",
            "kind-definition",
            "did you mean `Area`",
        ),
        (
            "column: contoso_open, type: flag",
            "column: contoso_open, type: flag, maxLength: 3",
            "kind-definition",
            "does not apply to a flag",
        ),
        (
            "identity: start",
            "identity: begin",
            "kind-definition",
            "does not distinguish the parts",
        ),
        (
            "table: contoso_shift",
            "table: systemuserroles",
            "denied-table",
            "cannot be written",
        ),
        (
            "table: contoso_shift",
            "table: contoso_area",
            "kind-definition",
            "of a kind or of other parts",
        ),
        (
            "column: contoso_people",
            "column: contoso_desk",
            "kind-definition",
            "named twice",
        ),
        (
            "    shifts:",
            "    tabs:",
            "kind-definition",
            "is used twice",
        ),
        (
            "name: Desk}",
            "name: Project}",
            "kind-definition",
            "word of another kind",
        ),
        (
            "name: Desk}",
            "name: AppProfile}",
            "kind-definition",
            "word of another kind",
        ),
        (
            "name: Desk}",
            "name: Area}",
            "kind-definition",
            "two definitions are called",
        ),
        (
            "table: contoso_desk\n",
            "table: contoso_area\n",
            "kind-definition",
            "is that of `Area` already",
        ),
        (
            "identity: {column: contoso_name, maxLength: 100}\n  rows",
            "rows",
            "missing-field",
            "`identity` is missing",
        ),
        (
            "status: {column: statecode, type: status}\n    owner",
            "status: {column: statuscode, type: status}\n    owner",
            "kind-definition",
            "is the column `statecode`",
        ),
        (
            "{status: {column: statecode, type: status}}",
            "{desk: {column: contoso_desk, type: lookup, to: Desk}}",
            "kind-definition",
            "need each other",
        ),
        (
            "version: \"1\"\n  description: A desk",
            "version: ${{ vars.v }}\n  description: A desk",
            "variable-placement",
            "variable",
        ),
    ];
    let (project, server) = started();
    project.edit(
        DESK,
        "  fields:\n    status: {column: statecode, type: status}\n---",
        "  fields: {status: {column: statecode, type: status}}\n---",
    );
    let good = project.read(DESK);
    for (old, new, code, said) in cases {
        project.edit(DESK, old, new);
        let run = finds(&project, &[code]);
        assert!(run.err.contains(said), "{new}: no `{said}`:\n{}", run.err);
        assert!(
            run.err.contains("kinds/desk.yaml:"),
            "{new}: no place:\n{}",
            run.err
        );
        project.run(&["plan", "--env", "server"]).ended(3);
        project.write(DESK, &good);
    }
    assert_eq!(
        server.stats()["httpRequests"],
        json!(0),
        "{}",
        server.stats()
    );
    project.write(DESK, "# nothing yet\n");
    let run = finds(&project, &["kind-definition"]);
    assert!(run.err.contains("contains no definition"), "{}", run.err);
    project.write(DESK, &good);
    // A definition in a folder of manifests, and a manifest among the definitions.
    project.write("manifests/kind.yaml", &good);
    let run = finds(&project, &["unknown-kind"]);
    assert!(run.err.contains("spec.kinds"), "{}", run.err);
    std::fs::remove_file(project.path().join("manifests/kind.yaml")).unwrap();
    project.write(DESK, &project.read(MANIFESTS));
    finds(&project, &["unknown-kind"]);
}

#[test]
fn two_rows_of_one_identity_are_an_error_with_both_ids_before_anything_is_written() {
    let (project, server) = started();
    for name in ["front DESK", "Front desk"] {
        let body =
            json!({"contoso_name": name, "contoso_code": "X", "contoso_isdesk": true}).to_string();
        server.request("POST", "/api/data/v9.2/contoso_desks", &body, "");
    }
    let ids: Vec<String> = rows(&server, "contoso_desk")
        .iter()
        .map(|row| row["contoso_deskid"].as_str().unwrap().to_owned())
        .collect();
    let refused = project.run(&["apply", "--env", "server", "--yes"]);
    assert_ne!(refused.code, Some(0));
    for id in &ids {
        assert!(
            refused.err.contains(id.as_str()),
            "no {id}:\n{}",
            refused.err
        );
    }
    let desks = rows(&server, "contoso_desk");
    assert!(
        desks.iter().all(|row| row["contoso_code"] == json!("X")),
        "{desks:?}"
    );
}

#[test]
fn rows_outside_of_the_kind_are_invisible() {
    let (project, server) = started();
    let body = json!({"contoso_name": "Front desk", "contoso_code": "X", "contoso_isdesk": false})
        .to_string();
    server.request("POST", "/api/data/v9.2/contoso_desks", &body, "");
    project.apply();
    let desks = rows(&server, "contoso_desk");
    assert_eq!(desks.len(), 2);
    let other = desks
        .iter()
        .find(|row| row["contoso_isdesk"] == json!(false))
        .unwrap();
    assert_eq!(other["contoso_code"], json!("X"), "nobody touched it");
    let exported = project
        .run(&["export", "--env", "server", "--kind", "Desk"])
        .ended(0);
    assert_eq!(
        exported.out.matches("kind: Desk\n").count(),
        1,
        "{}",
        exported.out
    );
}

#[test]
fn what_is_written_once_is_never_written_again() {
    let (project, server) = started();
    project.apply();
    project.edit(MANIFESTS, "code: F1", "code: F2");
    let plan = project.run(&["plan", "--env", "server"]).ended(1);
    assert!(
        plan.err.contains("[create-only]") && plan.err.contains("manifests/all.yaml:5:9"),
        "{}",
        plan.err
    );
    drop(project.run(&["apply", "--env", "server", "--yes"]));
    assert_eq!(
        rows(&server, "contoso_desk")[0]["contoso_code"],
        json!("F1")
    );
}

#[test]
fn nothing_is_deleted_or_changed_that_the_definition_keeps() {
    let (project, server) = started();
    let undo = Project::undo_file(&project.apply());
    // Desks are no longer deletable.
    let deletable = project.read(DESK);
    project.write(DESK, &deletable.replace("\n  deletable: true\n", "\n"));
    project.edit(MANIFESTS, "metadata: {name: Front desk}\nspec:\n  code: F1\n  seats: 4\n  size: Large\n  setup: {screens: [1, 2]}\n  area: Ground floor\n  session: contoso_calls\n  tabs: [contoso_map]\n  shifts:\n    - {start: 8, title: Early, people: 3}\n    - {start: 16, title: Late, people: 2}\n", "metadata: {name: Front desk, state: absent}\n");
    finds(&project, &["kept-row"]);
    // Undo reads no manifests, but keeps the rows too.
    let undone = project.run(&["undo", "--env", "server", &undo, "--yes"]);
    assert_ne!(undone.code, Some(0), "{}", undone.out);
    assert!(undone.err.contains("[not-deletable]"), "{}", undone.err);
    assert_eq!(rows(&server, "contoso_desk").len(), 1);
    // A protected row can only be referred to.
    project.write(
        DESK,
        &deletable.replace(
            "  deletable: true\n  fields:\n    code",
            "  deletable: true\n  protected: [front desk]\n  fields:\n    code",
        ),
    );
    finds(&project, &["kept-row"]);
    project.edit(MANIFESTS, "state: absent", "state: existing");
    project.run(&["validate"]).ended(0);
}

#[test]
fn ids_have_no_place_in_manifests_of_such_kinds() {
    let (project, _server) = started();
    project.edit(
        MANIFESTS,
        "setup: {screens: [1, 2]}",
        "setup: {queue: \"7d19d5f4-0000-4000-8000-000000000001\"}",
    );
    let run = finds(&project, &["id-in-manifest"]);
    assert!(run.err.contains("manifests/all.yaml:8:10"), "{}", run.err);
    project.edit(
        MANIFESTS,
        "setup: {queue: \"7d19d5f4-0000-4000-8000-000000000001\"}",
        "setup: {}",
    );
    project.edit(
        MANIFESTS,
        "area: Ground floor",
        "area: 7d19d5f4-0000-4000-8000-000000000001",
    );
    finds(&project, &["id-in-manifest"]);
}

#[test]
fn a_list_adds_links_and_never_takes_away_those_of_others() {
    let (project, server) = started();
    project.apply();
    let desk = rows(&server, "contoso_desk")[0]["contoso_deskid"]
        .as_str()
        .unwrap()
        .to_owned();
    let tab = server.get("/api/data/v9.2/msdyn_applicationtabtemplates?$select=msdyn_applicationtabtemplateid&$filter=msdyn_uniquename%20ne%20'contoso_map'");
    let tab = tab["value"][0]["msdyn_applicationtabtemplateid"]
        .as_str()
        .unwrap()
        .to_owned();
    let link = json!({"@odata.id": format!("{}/api/data/v9.2/msdyn_applicationtabtemplates({tab})", server.url)}).to_string();
    server.request(
        "POST",
        &format!("/api/data/v9.2/contoso_desks({desk})/contoso_desk_tab/$ref"),
        &link,
        "",
    );
    assert_eq!(rows(&server, "contoso_desk_tab").len(), 2);
    project
        .run(&["plan", "--env", "server", "--detailed-exitcode"])
        .ended(0);
    project.edit(
        MANIFESTS,
        "tabs: [contoso_map]",
        "tabs: {mode: exact, members: [contoso_map]}",
    );
    project.apply();
    assert_eq!(rows(&server, "contoso_desk_tab").len(), 1);
}

#[test]
fn several_columns_may_identify_a_row_together() {
    let (project, server) = started();
    project.edit(DESK, "identity: {column: contoso_name, maxLength: 100}\n  rows", "identity: {column: contoso_name, maxLength: 100, and: {contoso_code: text, contoso_seats: number}}\n  rows");
    project.edit(DESK, "    code: {column: contoso_code, type: text, maxLength: 20, required: true, createOnly: true}\n    seats: {column: contoso_seats, type: number, minimum: 0, maximum: 100}\n", "");
    project.edit(MANIFESTS, "  code: F1\n  seats: 4\n", "");
    for name in [
        "Front desk",
        "Front desk / F1",
        "Front desk / F1 / four",
        // Another way to write a number would be another name of the same row.
        "Front desk / F1 / 04",
        "Front desk /  / 4",
    ] {
        let whole = project.read(MANIFESTS);
        project.edit(MANIFESTS, "name: Front desk}", &format!("name: {name}}}"));
        let run = finds(&project, &["name-values"]);
        assert!(
            run.err.contains("NAME / contoso_code / contoso_seats"),
            "{}",
            run.err
        );
        project.write(MANIFESTS, &whole);
    }
    project.edit(
        MANIFESTS,
        "name: Front desk}",
        "name: Front / desk / F1 / 4}",
    );
    // A row with the same name but another value is a different row.
    let body = json!({"contoso_name": "Front / desk", "contoso_code": "F1", "contoso_seats": 5, "contoso_isdesk": true}).to_string();
    server.request("POST", "/api/data/v9.2/contoso_desks", &body, "");
    project.run(&["kind", "check", "--env", "server"]).ended(0);
    let undo = Project::undo_file(&project.apply());
    let desks = rows(&server, "contoso_desk");
    assert_eq!(desks.len(), 2);
    let ours = desks
        .iter()
        .find(|row| row["contoso_seats"] == json!(4))
        .unwrap();
    assert_eq!(
        (&ours["contoso_name"], &ours["contoso_code"]),
        (&json!("Front / desk"), &json!("F1"))
    );
    project.run(&["drift", "--env", "server"]).ended(0);
    let exported = project
        .run(&["export", "--env", "server", "--kind", "Desk"])
        .ended(0);
    for name in [
        "name: Front / desk / F1 / 4\n",
        "name: Front / desk / F1 / 5\n",
    ] {
        assert!(exported.out.contains(name), "{}", exported.out);
    }
    project.write(MANIFESTS, &exported.out);
    project
        .run(&["plan", "--env", "server", "--detailed-exitcode"])
        .ended(0);
    project
        .run(&["undo", "--env", "server", &undo, "--yes"])
        .ended(0);
    assert_eq!(rows(&server, "contoso_desk").len(), 1);
    // Two rows with the same values in all of these columns are ambiguous.
    server.request("POST", "/api/data/v9.2/contoso_desks", &body, "");
    project.run(&["plan", "--env", "server"]).ended(1);
    // A row that lacks one of the values has no name that a document could use.
    let body = json!({"contoso_name": "Nobody", "contoso_isdesk": true}).to_string();
    server.request("POST", "/api/data/v9.2/contoso_desks", &body, "");
    let exported = project
        .run(&["export", "--env", "server", "--kind", "Desk"])
        .ended(1);
    assert!(
        exported
            .err
            .contains("a column that identifies it is empty"),
        "{}",
        exported.err
    );
}

#[test]
fn a_text_may_be_the_name_of_another_resource_and_the_server_may_fill_in_columns() {
    let (project, server) = started();
    project.edit(
        DESK,
        "maxLength: 20, required: true, createOnly: true}",
        "maxLength: 20, required: true, names: SessionTemplate}",
    );
    project.edit(
        DESK,
        "open: {column: contoso_open, type: flag}",
        "open: {column: contoso_open, type: flag, default: true}",
    );
    project.edit(
        DESK,
        "  rows: {contoso_isdesk: true}\n",
        "  rows: {contoso_isdesk: true}\n  serverSets: [contoso_ticket]\n",
    );
    let unknown = finds(&project, &["unknown-reference"]);
    assert!(
        unknown.err.contains("SessionTemplate F1"),
        "{}",
        unknown.err
    );
    project.edit(MANIFESTS, "code: F1", "code: Contoso_Calls");
    project.edit(MANIFESTS, "  session: contoso_calls\n", "");
    let plan = project.run(&["plan", "--env", "server", "Desk"]).ended(0);
    for said in ["+ SessionTemplate contoso_calls", "contoso_ticket"] {
        assert!(plan.out.contains(said), "no `{said}`:\n{}", plan.out);
    }
    let graph = project.run(&["graph"]).ended(0);
    assert!(graph.out.contains("code"), "{}", graph.out);
    let explained = project.run(&["explain", "Desk.code"]).ended(0);
    assert!(
        explained.out.contains("Name of a SessionTemplate."),
        "{}",
        explained.out
    );
    project.apply();
    assert_eq!(
        rows(&server, "contoso_desk")[0]["contoso_code"],
        json!("Contoso_Calls")
    );
    project
        .run(&["plan", "--env", "server", "--detailed-exitcode"])
        .ended(0);
    let exported = project
        .run(&[
            "export",
            "--env",
            "server",
            "--kind",
            "Desk",
            "--skip-defaults",
        ])
        .ended(0);
    assert!(
        exported.out.contains("code: Contoso_Calls") && !exported.out.contains("open:"),
        "{}",
        exported.out
    );
    for (old, new) in [
        ("default: true", "default: 1"),
        ("names: SessionTemplate", "names: User"),
        ("maximum: 100}", "maximum: 100, default: 4}"),
    ] {
        let whole = project.read(DESK);
        project.edit(DESK, old, new);
        finds(&project, &["kind-definition"]);
        project.write(DESK, &whole);
    }
}

#[test]
fn a_lookup_may_point_to_rows_that_no_kind_is_defined_for() {
    let project = Project::example("own-kind");
    project.write(
        "tables/contoso_hours.yaml",
        "table: contoso_hours\nset: contoso_hoursset\nlabel: Hours\nplural: Hours\nownership: organization\nkey: contoso_hoursid\nname: contoso_name\nwith: [organization, state, stamps]\ncolumns:\n- {name: contoso_hoursid, type: id, required: system}\n- {name: contoso_name, type: string, length: 100}\n",
    );
    project.edit("tables/contoso_desk.yaml", "- {name: contoso_area,", "- {name: contoso_hours, type: lookup, to: [contoso_hours], nav: Contoso_Hours}\n- {name: contoso_area,");
    project.edit(DESK, "    area: {", "    hours: {column: contoso_hours, type: lookup, navigation: Contoso_Hours, to: {table: contoso_hours, entitySet: contoso_hoursset, name: contoso_name}}\n    area: {");
    project.edit(
        MANIFESTS,
        "  area: Ground floor\n",
        "  area: Ground floor\n  hours: Office hours\n",
    );
    let server = serve(&project);
    project.run(&["kind", "check", "--env", "server"]).ended(0);
    let missing = project.run(&["plan", "--env", "server"]).ended(1);
    assert!(
        missing.err.contains("contoso_hours `Office hours`"),
        "{}",
        missing.err
    );
    let hours = |name: &str| {
        server.request(
            "POST",
            "/api/data/v9.2/contoso_hoursset",
            &json!({"contoso_name": name}).to_string(),
            "",
        );
    };
    hours("Office hours");
    hours("Nights");
    let plan = project.run(&["plan", "--env", "server"]).ended(0);
    assert!(plan.out.contains("1 request to read"), "{}", plan.out);
    project.apply();
    project.run(&["drift", "--env", "server"]).ended(0);
    project.edit(MANIFESTS, "hours: Office hours", "hours: Nights");
    let plan = project.run(&["plan", "--env", "server"]).ended(0);
    assert!(
        plan.out.contains("Office hours") && plan.out.contains("Nights"),
        "{}",
        plan.out
    );
    project.apply();
    let exported = project
        .run(&["export", "--env", "server", "--kind", "Desk"])
        .ended(0);
    assert!(exported.out.contains("hours: Nights"), "{}", exported.out);
    hours("Nights");
    project.run(&["plan", "--env", "server"]).ended(1);
    let whole = project.read(DESK);
    project.edit(
        DESK,
        "to: {table: contoso_hours, entitySet: contoso_hoursset",
        "to: {table: contoso_area, entitySet: contoso_areas",
    );
    let run = finds(&project, &["kind-definition"]);
    assert!(run.err.contains("its rows are resources"), "{}", run.err);
    project.write(DESK, &whole);
    project.edit(
        DESK,
        "entitySet: contoso_hoursset, name",
        "entity: contoso_hoursset, name",
    );
    drop(project.run(&["validate"]).ended(3));
}

#[test]
fn adopting_contracts_formats_protection_and_limits_hold_for_such_kinds_too() {
    let (project, server) = started();
    project.apply();
    let id = rows(&server, "contoso_desk")[0]["contoso_deskid"]
        .as_str()
        .unwrap()
        .to_owned();
    server.request(
        "PATCH",
        &format!("/api/data/v9.2/contoso_desks({id})"),
        r#"{"contoso_seats": 9, "contoso_setup": "{\"screens\": [3]}"}"#,
        "",
    );
    // Every format of drift shows the differences in the words of the definition.
    for format in ["json", "markdown", "html", "junit"] {
        let drift = project
            .run(&["drift", "--env", "server", "--format", format])
            .ended(2);
        assert!(
            drift.out.contains("seats") && drift.out.contains("Front desk"),
            "{format}:\n{}",
            drift.out
        );
    }
    project.run(&["adopt", "--env", "server"]).ended(0);
    let adopted = project.read(MANIFESTS);
    assert!(
        adopted.contains("seats: 9") && adopted.contains("screens: [3]"),
        "{adopted}"
    );
    project.run(&["drift", "--env", "server"]).ended(0);

    // A contract.
    project.write(
        "contracts/floor.yaml",
        "apiVersion: deskstate/v1\nkind: Contract\nmetadata: {name: floor}\nspec:\n  rules:\n    - id: size\n      resource: {kind: Desk, name: Front desk}\n      required: true\n      locked: {size: Large}\n      breaks: The big screen does not fit.\n",
    );
    project.edit(
        "deskstate.yaml",
        "  kinds:",
        "  contracts: [contracts/floor.yaml]\n  kinds:",
    );
    project
        .run(&[
            "check",
            "--env",
            "server",
            "--contract",
            "contracts/floor.yaml",
        ])
        .ended(0);
    project.edit(MANIFESTS, "size: Large", "size: Small");
    let run = finds(&project, &["locked-value"]);
    assert!(run.err.contains("manifests/all.yaml:7"), "{}", run.err);
    server.request(
        "PATCH",
        &format!("/api/data/v9.2/contoso_desks({id})"),
        r#"{"contoso_size": 1}"#,
        "",
    );
    let broken = project
        .run(&[
            "check",
            "--env",
            "server",
            "--contract",
            "contracts/floor.yaml",
        ])
        .ended(2);
    assert!(
        broken.out.contains("The big screen does not fit."),
        "{}",
        broken.out
    );
    project.edit(MANIFESTS, "size: Small", "size: Large");
    project.apply();

    // Rows protected by the project, many removals, and environments in which only assignments are written.
    let whole = project.read(MANIFESTS);
    let (desk, others) = whole.split_once("---").unwrap();
    assert!(desk.contains("kind: Desk"));
    let absent = format!(
        "apiVersion: deskstate/v1\nkind: Desk\nmetadata: {{name: Front desk, state: absent}}\n---{others}"
    );
    project.write(MANIFESTS, &absent);
    project.edit(
        "deskstate.yaml",
        "  contracts: [contracts/floor.yaml]\n",
        "  protect: [Desk/*]\n",
    );
    finds(&project, &["protected-absent"]);
    project.edit("deskstate.yaml", "  protect: [Desk/*]\n", "");
    let many = |state: &str| -> String {
        (0..20).map(|number| format!("---\napiVersion: deskstate/v1\nkind: Desk\nmetadata: {{name: Desk {number}{}}}\n", if number < 10 && !state.is_empty() { state } else { "\nX" }).replace("\nX}", "}\nspec: {code: A}")).collect()
    };
    project.write(MANIFESTS, &(whole.clone() + &many("")));
    project.apply();
    project.write(MANIFESTS, &(whole.clone() + &many(", state: absent")));
    let refused = project.run(&["apply", "--env", "server", "--yes"]).ended(4);
    assert!(refused.err.contains("delete=Desk:10"), "{}", refused.err);
    project
        .run(&[
            "apply",
            "--env",
            "server",
            "--yes",
            "--allow",
            "delete=Desk:10",
        ])
        .ended(0);
    project.write(
        MANIFESTS,
        &whole.replace(
            "  tabs: [contoso_map]\n",
            "  tabs: [contoso_map]\n  people: [ada@contoso.com]\n",
        ),
    );
    project.edit(
        "deskstate.yaml",
        &format!("url: \"{}\"", server.url),
        &format!("url: \"{}\"\n      writes: assignments", server.url),
    );
    let refused = project.run(&["plan", "--env", "server"]);
    assert!(
        refused.err.contains("[ships-by-solution]"),
        "{}\n{}",
        refused.out,
        refused.err
    );
    project.apply();
    assert!(rows(&server, "contoso_desk_systemuser").is_empty());
    project.edit("deskstate.yaml", "writes: assignments", "writes: all");
    project.apply();
    assert_eq!(rows(&server, "contoso_desk_systemuser").len(), 1);
    let page = project
        .run(&["plan", "--env", "server", "--format", "html"])
        .ended(0);
    assert!(page.out.contains("<html"), "{}", page.out);
    project.run(&["diff", "--from", "server", "--to", "server"]);
}

#[test]
fn a_definition_never_reaches_a_denied_table_under_another_name() {
    let (project, server) = started();
    let undo = Project::undo_file(&project.apply());
    let whole = project.read(DESK);
    let before = server.dump()["rows"]["role"].clone();
    // The name of a permitted table, with the entity set and key of a denied one.
    for table in ["contoso_nothing", "contoso_desk"] {
        project.edit(
            DESK,
            "  table: contoso_desk\n  entitySet: contoso_desks\n  identity: {column: contoso_name, maxLength: 100}\n  rows: {contoso_isdesk: true}\n",
            &format!("  table: {table}\n  entitySet: roles\n  primaryKey: roleid\n  identity: {{column: name, maxLength: 100}}\n"),
        );
        let manifests = project.read(MANIFESTS);
        project.write(MANIFESTS, "apiVersion: deskstate/v1\nkind: Desk\nmetadata: {name: System Administrator}\nspec: {code: x}\n---\napiVersion: deskstate/v1\nkind: Desk\nmetadata: {name: System Customizer, state: absent}\n");
        for command in ["plan", "apply"] {
            let arguments: &[&str] = if command == "plan" {
                &["plan", "--env", "server"]
            } else {
                &["apply", "--env", "server", "--yes"]
            };
            let run = project.run(arguments);
            assert_eq!(
                run.code,
                Some(1),
                "{table} {command}\n{}\n{}",
                run.out,
                run.err
            );
            assert!(
                run.err.contains("[definition-differs]"),
                "{table} {command}\n{}",
                run.err
            );
        }
        // A forged undo file does not change it either.
        let file = project.read(&undo);
        project.write(
            "undo.json",
            &file.replace("contoso_desk\"", &format!("{table}\"")),
        );
        let undone = project.run(&["undo", "--env", "server", "undo.json", "--yes"]);
        assert_ne!(
            undone.code,
            Some(0),
            "{table}\n{}\n{}",
            undone.out,
            undone.err
        );
        assert!(server.dump()["rows"]["role"] == before, "{table}");
        project.write(MANIFESTS, &manifests);
        project.write(DESK, &whole);
    }
}

#[test]
fn pruning_takes_what_nobody_declares_and_only_where_rows_are_deletable() {
    let (project, server) = started();
    project.edit("deskstate.yaml", "  owns:", "  prune: owned\n  owns:");
    project.apply();
    for name in ["contoso_left over", "other_one"] {
        let body = json!({"contoso_name": name, "contoso_code": "X", "contoso_isdesk": true});
        server.request(
            "POST",
            "/api/data/v9.2/contoso_desks",
            &body.to_string(),
            "",
        );
    }
    let plan = project.run(&["plan", "--env", "server"]).ended(0);
    assert!(
        plan.out.contains("- Desk contoso_left over"),
        "{}",
        plan.out
    );
    assert!(!plan.out.contains("other_one"), "{}", plan.out);
    let whole = project.read(DESK);
    project.write(DESK, &whole.replace("\n  deletable: true\n", "\n"));
    let kept = project.run(&["plan", "--env", "server"]).ended(0);
    assert!(
        !kept.out.contains("- Desk") && kept.err.contains("[not-deletable]"),
        "{}\n{}",
        kept.out,
        kept.err
    );
    project.write(DESK, &whole);
    project.apply();
    let left: Vec<_> = rows(&server, "contoso_desk")
        .iter()
        .map(|row| row["contoso_name"].clone())
        .collect();
    assert!(
        left.contains(&json!("other_one")) && !left.contains(&json!("contoso_left over")),
        "{left:?}"
    );
}

/// Otherwise no environment could be watched between the change of a definition and its next apply.
#[test]
fn an_earlier_revision_is_read_with_the_current_definitions() {
    let (project, _server) = started();
    project.apply();
    project.commit_applied();
    let whole = project.read(DESK);
    project.write(DESK, &whole.replace("\n  deletable: true\n", "\n"));
    project
        .run(&["drift", "--env", "server", "--at", "deskstate/{env}"])
        .ended(0);
}

/// The earlier revision has a link in place of the definition.
#[cfg(unix)]
#[test]
fn reading_an_earlier_revision_writes_through_no_link() {
    let (project, _server) = started();
    let whole = project.read(DESK);
    let outside = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(outside.path(), "mine").unwrap();
    let desk = project.path().join(DESK);
    std::fs::remove_file(&desk).unwrap();
    std::os::unix::fs::symlink(outside.path(), &desk).unwrap();
    project.commit_applied();
    std::fs::remove_file(&desk).unwrap();
    project.write(DESK, &whole);
    let run = project.run(&["drift", "--env", "server", "--at", "deskstate/{env}"]);
    assert_eq!(run.code, Some(1), "{}", run.err);
    assert_eq!(std::fs::read_to_string(outside.path()).unwrap(), "mine");
}

#[test]
fn parts_are_written_in_the_document_of_their_row() {
    let (project, server) = started();
    project.apply();
    let shifts = |server: &Server| -> Vec<(i64, i64, String)> {
        let mut found: Vec<_> = rows(server, "contoso_shift")
            .iter()
            .map(|row| {
                let number = |column: &str| row[column].as_i64().unwrap();
                let name = row["contoso_name"].as_str().unwrap().to_owned();
                (number("contoso_start"), number("contoso_people"), name)
            })
            .collect();
        found.sort();
        found
    };
    let early = (8, 3, "Early".to_owned());
    assert_eq!(shifts(&server), [early.clone(), (16, 2, "Late".to_owned())]);
    project.run(&["drift", "--env", "server"]).ended(0);

    // One is changed, one added, one removed.
    project.edit(
        MANIFESTS,
        "    - {start: 16, title: Late, people: 2}\n",
        "    - {start: 22, title: Night, people: 1}\n",
    );
    project.edit(
        MANIFESTS,
        "title: Early, people: 3",
        "title: Early, people: 4",
    );
    let plan = project.run(&["plan", "--env", "server"]).ended(0);
    for said in ["shifts.8.people", "shifts.22", "shifts"] {
        assert!(plan.out.contains(said), "no `{said}`:\n{}", plan.out);
    }
    let undo = Project::undo_file(&project.apply());
    assert_eq!(
        shifts(&server),
        [(8, 4, "Early".to_owned()), (22, 1, "Night".to_owned())]
    );
    project
        .run(&["plan", "--env", "server", "--detailed-exitcode"])
        .ended(0);

    // The export contains the same, and undo restores everything.
    let exported = project
        .run(&["export", "--env", "server", "--kind", "Desk"])
        .ended(0);
    assert!(exported.out.contains("title: Night"), "{}", exported.out);
    project
        .run(&["undo", "--env", "server", &undo, "--yes"])
        .ended(0);
    assert_eq!(shifts(&server), [early, (16, 2, "Late".to_owned())]);

    // Two items for the same part, and an item without an identity.
    project.edit(MANIFESTS, "start: 22", "start: 8");
    finds(&project, &["set-members"]);
    project.edit(MANIFESTS, "start: 8, title: Night, ", "");
    finds(&project, &["missing-field"]);

    // If parts are not deletable, a list states which ones must exist, and cannot be exact.
    let (kept, server) = started();
    kept.edit(
        DESK,
        "identity: start\n      deletable: true\n",
        "identity: start\n",
    );
    kept.apply();
    kept.edit(MANIFESTS, "    - {start: 16, title: Late, people: 2}\n", "");
    kept.run(&["plan", "--env", "server", "--detailed-exitcode"])
        .ended(0);
    kept.edit(
        MANIFESTS,
        "  shifts:\n    - {start: 8, title: Early, people: 3}\n",
        "  shifts: {mode: exact, members: [{start: 8, title: Early, people: 3}]}\n",
    );
    finds(&kept, &["kept-row"]);
    assert_eq!(rows(&server, "contoso_shift").len(), 2);
}

#[test]
fn a_definition_that_is_not_what_the_environment_has_is_found_before_the_first_write() {
    let (project, server) = started();
    let cases: &[(&str, &str, &str, &str)] = &[
        (
            "column: contoso_open, type: flag",
            "column: contoso_open, type: text",
            "[definition-differs]",
            "Boolean",
        ),
        (
            "column: contoso_open, type: flag",
            "column: versionnumber, type: number",
            "[definition-differs]",
            "nobody can write `versionnumber`",
        ),
        (
            "navigation: contoso_Area",
            "navigation: contoso_area",
            "[definition-differs]",
            "`navigation` is `contoso_Area` here",
        ),
        (
            "intersectSet: contoso_desk_systemuserset, to: User",
            "intersectSet: contoso_desk_systemuserset, to: PaneTool",
            "[definition-differs]",
            "the members' table is `systemuser` here",
        ),
        (
            "entitySet: contoso_desks",
            "entitySet: contoso_areas",
            "[definition-differs]",
            "`entitySet` is `contoso_desks` here",
        ),
        (
            "column: contoso_desk, navigation: contoso_Desk",
            "column: contoso_desk, navigation: contoso_desk",
            "[definition-differs]",
            "`shifts`: `parent`: `navigation`",
        ),
        (
            "column: contoso_setup, type: json",
            "column: createdon, type: json",
            "[definition-differs]",
            "is of type DateTime here",
        ),
        (
            "column: contoso_open, type: flag",
            "column: contoso_open, type: number",
            "[definition-differs]",
            "Boolean",
        ),
        (
            "column: contoso_seats",
            "column: contoso_chairs",
            "[column-missing]",
            "no column `contoso_chairs`",
        ),
        ("Large: 2", "Large: 7", "[option-missing]", "no option 7"),
        (
            "table: contoso_desk\n  entitySet: contoso_desks",
            "table: contoso_bureau\n  entitySet: contoso_bureaus",
            "[table-missing]",
            "no table `contoso_bureau`",
        ),
    ];
    let good = project.read(DESK);
    for (old, new, code, said) in cases {
        project.edit(DESK, old, new);
        let plan = project.run(&["plan", "--env", "server"]).ended(1);
        assert!(
            plan.err.contains(code),
            "{new}: no {code}:\n{}\n{}",
            plan.out,
            plan.err
        );
        let doctor = project.run(&["doctor", "--env", "server"]);
        // The doctor does not request options.
        let is_told = *code != "[option-missing]";
        assert!(
            !is_told || doctor.out.contains("the definition of Desk differs in "),
            "{new}:\n{}",
            doctor.out
        );
        let check = project.run(&["kind", "check", "--env", "server"]).ended(1);
        assert!(
            check.out.contains(said),
            "{new}: no `{said}`:\n{}",
            check.out
        );
        let apply = project.run(&["apply", "--env", "server", "--yes"]);
        assert_ne!(apply.code, Some(0), "{new}");
        assert!(rows(&server, "contoso_desk").is_empty(), "{new}");
        project.write(DESK, &good);
    }
}

#[test]
fn a_reviewed_plan_is_refused_under_another_definition() {
    let (project, server) = started();
    project
        .run(&["plan", "--env", "server", "--out", "plan.json"])
        .ended(0);
    let saved: Json = serde_json::from_str(&project.read("plan.json")).unwrap();
    assert!(
        saved["definitions"]["Desk"]
            .as_str()
            .unwrap()
            .starts_with("1 "),
        "{}",
        saved["definitions"]
    );
    // The same version with a different text.
    project.edit(DESK, "maxLength: 20", "maxLength: 19");
    let refused = project
        .run(&[
            "apply",
            "--env",
            "server",
            "--reviewed",
            "plan.json",
            "--yes",
        ])
        .ended(4);
    assert!(refused.err.contains("Desk"), "{}", refused.err);
    assert!(rows(&server, "contoso_desk").is_empty());
    project.edit(DESK, "maxLength: 19", "maxLength: 20");
    project
        .run(&[
            "apply",
            "--env",
            "server",
            "--reviewed",
            "plan.json",
            "--yes",
        ])
        .ended(0);
}

#[test]
fn the_example_runs_on_the_embedded_emulator() {
    let project = Project::example("own-kind");
    project.run(&["kind", "check", "--env", "local"]).ended(0);
    project.run(&["apply", "--env", "local", "--yes"]).ended(0);
    project
        .run(&["plan", "--env", "local", "--detailed-exitcode"])
        .ended(0);
}

/// Marks the rows of a table in an emulator as belonging to a managed solution.
fn make_managed(server: &Server, table: &str) {
    let mut dump = server.dump();
    let rows = dump["rows"][table].as_object_mut().unwrap();
    for row in rows.values_mut() {
        row["c"]["ismanaged"] = json!(true);
    }
    server.request("POST", "/__emulator/load", &dump.to_string(), "");
}

/// The example, with areas and shifts that are transported in solutions.
fn with_components(project: &Project, tables: &[&str]) {
    for table in tables {
        let file = format!("tables/{table}.yaml");
        project.edit(&file, "state, stamps]", "state, stamps, component]");
        let text = project.read(&file);
        let set = text.lines().find(|line| line.starts_with("set:")).unwrap();
        project.edit(&file, set, &format!("{set}\ncomponent: true"));
    }
}

#[test]
fn rows_of_a_managed_solution_change_only_when_told_and_are_never_deleted() {
    let project = Project::example("own-kind");
    with_components(&project, &["contoso_area", "contoso_shift"]);
    let unsaid = project.read(DESK);
    let said = |table: &str, indent: &str| {
        let line = format!("{indent}entitySet: {table}s\n");
        (
            line.clone(),
            format!("{line}{indent}solutionComponent: true\n"),
        )
    };
    let (old, new) = said("contoso_area", "  ");
    project.edit(DESK, &old, &new);
    let (old, new) = said("contoso_shift", "      ");
    project.edit(DESK, &old, &new);
    let server = serve(&project);
    project.apply();
    make_managed(&server, "contoso_area");
    make_managed(&server, "contoso_shift");
    project.run(&["drift", "--env", "server"]).ended(0);

    let whole = project.read(MANIFESTS);
    project.edit(
        MANIFESTS,
        "spec: {status: Active}",
        "spec: {status: Inactive}",
    );
    let refused = project.run(&["apply", "--env", "server", "--yes"]).ended(4);
    for said in [
        "error[managed-row]",
        "contoso_area `Ground floor` came with a managed solution",
    ] {
        assert!(refused.err.contains(said), "no `{said}`:\n{}", refused.err);
    }
    project
        .run(&["apply", "--env", "server", "--yes", "--allow-managed"])
        .ended(0);
    assert_eq!(rows(&server, "contoso_area")[0]["statecode"], json!(1));

    // No flag allows deleting them, whether a document declares one absent or a list omits one.
    let before = server.dump()["rows"].clone();
    let absent = whole.replace("  area: Ground floor\n", "").replace(
        "metadata: {name: Ground floor}\nspec: {status: Active}",
        "metadata: {name: Ground floor, state: absent}",
    );
    let fewer = whole.replace("    - {start: 16, title: Late, people: 2}\n", "");
    for text in [absent, fewer] {
        project.write(MANIFESTS, &text);
        for more in [&[][..], &["--allow-managed"]] {
            let told = ["apply", "--env", "server", "--yes"];
            let refused = project.run(&[&told[..], more].concat()).ended(4);
            assert!(refused.err.contains("error[managed-"), "{}", refused.err);
            assert_eq!(server.dump()["rows"], before);
        }
    }

    // A definition without this setting cannot distinguish such rows from others, so nothing of the kind is planned.
    project.write(DESK, &unsaid);
    project.write(MANIFESTS, &whole);
    let stopped = project.run(&["plan", "--env", "server"]).ended(1);
    for said in [
        "`solutionComponent` is `true` here, not `false`",
        "the definition of Area",
    ] {
        assert!(stopped.err.contains(said), "no `{said}`:\n{}", stopped.err);
    }
    project.write(DESK, &unsaid.replace("deletable: true", "deletable: false"));
    let warned = project.run(&["plan", "--env", "server"]);
    assert!(
        warned.err.contains("warning[definition-differs]"),
        "{}",
        warned.err
    );
}

#[test]
fn environments_and_folders_are_compared_in_the_words_of_such_kinds() {
    let (project, server) = started();
    project.apply();
    project
        .run(&[
            "export", "--env", "server", "--kind", "Desk", "--out", "there",
        ])
        .ended(0);
    project
        .run(&["diff", "--from", "there", "--to", "server"])
        .ended(0);
    let id = rows(&server, "contoso_desk")[0]["contoso_deskid"]
        .as_str()
        .unwrap()
        .to_owned();
    server.patch(
        &format!("contoso_desks({id})"),
        r#"{"contoso_seats": 9, "contoso_size": 1}"#,
    );
    for (from, to, seats) in [("there", "server", "4 → 9"), ("server", "there", "9 → 4")] {
        let diff = project.run(&["diff", "--from", from, "--to", to]).ended(2);
        for said in ["Desk Front desk", seats, "size"] {
            assert!(diff.out.contains(said), "no `{said}`:\n{}", diff.out);
        }
    }
}

#[test]
fn with_auditing_a_change_of_such_a_row_has_its_author() {
    let (project, server) = started();
    project.apply();
    let ada = server.administrator("ada@contoso.com");
    server.auditing(true);
    let id = rows(&server, "contoso_desk")[0]["contoso_deskid"]
        .as_str()
        .unwrap()
        .to_owned();
    server.patch_as(
        &ada,
        &format!("contoso_desks({id})"),
        r#"{"contoso_seats": 9}"#,
    );
    let drift = project.run(&["drift", "--env", "server"]).ended(2);
    for said in [
        "~ Desk Front desk",
        "4 → 9",
        "edited by hand: the declared value was there until ada@contoso.com changed it",
    ] {
        assert!(drift.out.contains(said), "no `{said}`:\n{}", drift.out);
    }
}

#[test]
fn users_and_owners_of_rows_and_parts_are_exported_and_adopted_by_name() {
    let project = Project::example("own-kind");
    let user = "- {name: contoso_user, type: lookup, schema: contoso_User, label: User, to: [systemuser], nav: contoso_User}\n";
    let table = |name: &str, label: &str, more: &str| {
        let text = format!(
            "table: {name}\nset: {name}s\nlabel: {label}\nplural: {label}s\nownership: user\nkey: {name}id\nname: contoso_name\nwith: [owner, state, stamps]\ncolumns:\n- {{name: {name}id, type: id, schema: {name}Id, label: {label}, required: system}}\n- {{name: contoso_name, type: string, label: Name, required: application, length: 100}}\n{user}{more}"
        );
        project.write(&format!("tables/{name}.yaml"), &text);
    };
    table("contoso_thing", "Thing", "");
    table(
        "contoso_piece",
        "Piece",
        "- name: contoso_thing\n  type: lookup\n  schema: contoso_Thing\n  label: Thing\n  to: [contoso_thing]\n  nav: contoso_Thing\n  relation: {schema: contoso_thing_piece, collection: contoso_thing_piece, delete: cascade}\n",
    );
    let fields = "user: {column: contoso_user, type: lookup, to: User, navigation: contoso_User}\n";
    project.write(
        "kinds/thing.yaml",
        &format!(
            "apiVersion: deskstate/v1\nkind: KindDefinition\nmetadata: {{name: Thing}}\nspec:\n  version: \"1\"\n  description: A thing.\n  table: contoso_thing\n  entitySet: contoso_things\n  identity: {{column: contoso_name, maxLength: 100}}\n  deletable: true\n  fields:\n    {fields}  parts:\n    pieces:\n      description: Pieces.\n      table: contoso_piece\n      entitySet: contoso_pieces\n      primaryName: contoso_name\n      parent: {{column: contoso_thing, navigation: contoso_Thing}}\n      identity: key\n      deletable: true\n      fields:\n        key: {{column: contoso_name, type: text, maxLength: 100}}\n        {fields}        owner: {{column: ownerid, type: owner}}\n        status: {{column: statecode, type: status}}\n"
        ),
    );
    project.edit("deskstate.yaml", "kinds: [", "kinds: [kinds/thing.yaml, ");
    project.write(
        "manifests/thing.yaml",
        "apiVersion: deskstate/v1\nkind: Thing\nmetadata: {name: T}\nspec:\n  user: ada@contoso.com\n  pieces:\n    - {key: one, user: lin@contoso.com, owner: {team: Voice agents}}\n    - {key: two}\n",
    );
    let server = serve(&project);
    project
        .run(&["apply", "--env", "server", "--yes", "Thing"])
        .ended(0);
    let exported = project
        .run(&["export", "--env", "server", "Thing"])
        .ended(0);
    for said in [
        "user: ada@contoso.com",
        "user: lin@contoso.com",
        "owner: {team: Voice agents}",
    ] {
        assert!(exported.out.contains(said), "{said}: {}", exported.out);
    }
    let thing = server.found("contoso_things", "contoso_thingid", "contoso_name eq 'T'");
    let nora = server.found(
        "systemusers",
        "systemuserid",
        "domainname eq 'nora@contoso.com'",
    );
    server.patch(
        &format!("contoso_things({thing})"),
        &format!(r#"{{"contoso_User@odata.bind": "/systemusers({nora})"}}"#),
    );
    let plan = project.run(&["plan", "--env", "server", "Thing"]).ended(0);
    assert!(
        plan.out.contains("nora@contoso.com → ada@contoso.com"),
        "{}",
        plan.out
    );
    project.run(&["adopt", "--env", "server", "Thing"]).ended(0);
    assert!(
        project
            .read("manifests/thing.yaml")
            .contains("user: nora@contoso.com")
    );
}
