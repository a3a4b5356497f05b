//! A saved plan is shown exactly as when it was made.

use super::support::{self, Project, Server, says};

/// Plans in a format, and shows the saved plan in the same format from another folder.
fn both(project: &Project, env: &str, format: &str) -> [String; 2] {
    let planned = project.run(&["plan", "--env", env, "--format", format]).out;
    let saved = project.path().join("saved.json");
    project.run(&["plan", "--env", env, "--out", saved.to_str().unwrap()]);
    let elsewhere = tempfile::tempdir().unwrap();
    let shown = support::deskstate(elsewhere.path())
        .args(["show", saved.to_str().unwrap(), "--format", format])
        .output()
        .unwrap();
    [planned, support::Run::from(shown).out]
}

#[test]
fn text_comment_and_json_are_those_of_the_plan() {
    for example in ["contoso", "tenfold"] {
        let project = Project::example(example);
        for format in ["text", "markdown", "json"] {
            let [planned, shown] = both(&project, "local", format);
            assert!(planned.len() > 200, "{planned}");
            assert_eq!(planned, shown, "{example}, {format}");
        }
        let [_, page] = both(&project, "local", "html");
        assert!(
            page.contains("<html") && page.contains("--reviewed"),
            "{page}"
        );
    }
}

#[test]
fn values_that_differ_deletes_and_warnings_are_shown_as_they_were() {
    let server = Server::plain();
    let tool = |title: &str| {
        format!(
            "apiVersion: deskstate/v1\nkind: PaneTool\nmetadata: {{name: contoso_tool}}\nspec: {{displayName: {title}, controlName: tool}}\n---\napiVersion: deskstate/v1\nkind: PaneTool\nmetadata: {{name: contoso_other}}\nspec: {{displayName: Other, controlName: other}}\n"
        )
    };
    let project = Project::desk(&server, "", "", &tool("Tool"));
    project.apply();
    project.write(
        "manifests/all.yaml",
        &tool("\"T\u{43e}ol\"").replace(
            "contoso_other}\nspec: {displayName: Other, controlName: other}",
            "contoso_other, state: absent}",
        ),
    );
    for format in ["text", "markdown", "json"] {
        let [planned, shown] = both(&project, "server", format);
        assert!(planned.contains("contoso_other"), "{planned}");
        assert_eq!(planned, shown, "{format}");
    }
}

#[test]
fn what_is_unknown_in_a_saved_plan_stays_unknown() {
    let server = Server::plain();
    let profile = "apiVersion: deskstate/v1\nkind: AppProfile\nmetadata: {name: contoso_agents}\nspec: {displayName: Agents, app: CustomerServiceApps, users: [nobody@contoso.com]}\n";
    let project = Project::desk(&server, "", "", profile);
    let json = project
        .run(&["plan", "--env", "server", "--format", "json"])
        .ended(1);
    project.write("saved.json", &json.out);
    for format in ["text", "markdown", "json", "html"] {
        let run = project
            .run(&["show", "saved.json", "--format", format])
            .ended(1);
        says(&run.err, &["not everything could be compared"]);
        assert!(run.out.contains("unknown"), "{format}:\n{}", run.out);
        for calm in ["no changes", "matches the manifests"] {
            assert!(!run.out.contains(calm), "{format}:\n{}", run.out);
        }
    }
}

#[test]
fn kinds_that_a_project_defines_are_shown_in_the_project() {
    let project = Project::example("own-kind");
    let plan = project.run(&["plan", "--env", "local"]).ended(0).out;
    project
        .run(&["plan", "--env", "local", "--out", "saved.json"])
        .ended(0);
    assert_eq!(project.run(&["show", "saved.json"]).ended(0).out, plan);
    let elsewhere = tempfile::tempdir().unwrap();
    let saved = project.path().join("saved.json");
    let run = support::deskstate(elsewhere.path())
        .args(["show", saved.to_str().unwrap()])
        .output()
        .unwrap();
    says(
        &support::Run::from(run).ended(1).err,
        &["is not defined here", "--project DIR"],
    );
}

#[test]
fn what_is_no_saved_plan_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    for (text, said) in [
        ("", "saved.json: the plan file is incomplete\n"),
        ("{\"formatVersion\": 2,", "the plan file is incomplete\n"),
        ("plan", "saved.json: not a plan file (not JSON)\n"),
        ("{}", "not a plan file (missing field `formatVersion`"),
        ("{\"formatVersion\": 1}", "older version"),
    ] {
        std::fs::write(folder.path().join("saved.json"), text).unwrap();
        let run = support::deskstate(folder.path())
            .args(["show", "saved.json"])
            .output()
            .unwrap();
        says(
            &support::Run::from(run).ended(1).err,
            &[said, "deskstate plan --env ENVIRONMENT --out FILE"],
        );
    }
}
