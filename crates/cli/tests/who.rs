//! `who`: one agent, their profile and why they get it.

use super::support::{self, Project, Server, says};

#[test]
fn an_agent_gets_the_profile_of_the_role_with_the_lowest_rank_and_a_direct_assignment_before_it() {
    let project = Project::example("contoso");
    project.run(&["apply", "--env", "local", "--yes"]).ended(0);
    let by_role = project
        .run(&["who", "nora@contoso.com", "--env", "local"])
        .ended(0);
    assert!(
        by_role.out.contains("gets  AppProfile contoso_agents  by security role Customer Service Representative (rank 20)"),
        "{}",
        by_role.out
    );
    assert!(
        by_role
            .out
            .contains("not   AppProfile msdyn_workspace_defaultprofile"),
        "{}",
        by_role.out
    );
    assert!(
        by_role.out.contains("contoso_caseSession"),
        "{}",
        by_role.out
    );
    assert!(by_role.out.contains("contoso_orderTab"), "{}", by_role.out);
    let direct = project
        .run(&["who", "kim@contoso.com", "--env", "local"])
        .ended(0);
    assert!(
        direct
            .out
            .contains("gets  AppProfile alex_inbox  assigned directly"),
        "{}",
        direct.out
    );
    assert!(
        direct.out.contains("a direct assignment wins"),
        "{}",
        direct.out
    );
}

#[test]
fn programs_get_the_same_answer_as_a_document() {
    let project = Project::example("contoso");
    project.run(&["apply", "--env", "local", "--yes"]).ended(0);
    let of = |user: &str| -> serde_json::Value {
        let run = project
            .run(&["who", user, "--env", "local", "--format", "json"])
            .ended(0);
        serde_json::from_str(&run.out).unwrap()
    };
    let by_role = of("nora@contoso.com");
    assert_eq!(by_role["formatVersion"], 1);
    assert_eq!(by_role["environment"], "local");
    assert_eq!(by_role["user"]["name"], "nora@contoso.com");
    assert_eq!(by_role["profile"], "contoso_agents");
    let first = &by_role["candidates"][0];
    assert_eq!(
        (&first["basis"], &first["role"], &first["rank"]),
        (
            &"role".into(),
            &"Customer Service Representative".into(),
            &20.into()
        )
    );
    assert!(
        by_role["desktop"]
            .to_string()
            .contains("contoso_caseSession")
    );
    let direct = of("kim@contoso.com");
    assert_eq!(direct["profile"], "alex_inbox");
    assert_eq!(direct["candidates"][0]["basis"], "direct");
}

#[test]
fn somebody_who_is_not_there_is_an_error_that_says_how_to_name_a_user() {
    let project = Project::example("tenfold");
    let run = project
        .run(&["who", "nobody@contoso.com", "--env", "local"])
        .ended(1);
    assert!(
        run.err.contains("no user has this name there"),
        "{}",
        run.err
    );
    assert!(run.err.contains("Entra object id"), "{}", run.err);
}

#[test]
fn a_change_says_how_many_agents_it_reaches_and_how_they_were_counted() {
    let project = Project::example("contoso");
    project.run(&["apply", "--env", "local", "--yes"]).ended(0);
    project.edit(
        "manifests/profiles.yaml",
        "First line, voice and chat",
        "First line",
    );
    let plan = project.run(&["plan", "--env", "local"]).ended(0);
    for said in [
        "reaches 6 agents",
        "reached: assigned directly or by security role to contoso_",
    ] {
        assert!(plan.out.contains(said), "{}", plan.out);
    }
    // A role held through a team gives no profile, so there is nobody left to count.
    assert!(!plan.out.contains("through a team"), "{}", plan.out);
    assert!(!plan.out.contains("not counted"), "{}", plan.out);
}

#[test]
fn a_profile_that_a_role_gives_is_certain() {
    let project = Project::example("tenfold");
    let run = project
        .run(&["who", "nora@contoso.com", "--env", "local"])
        .ended(0);
    assert!(
        run.out
            .contains("gets  AppProfile msdyn_workspace_defaultprofile"),
        "{}",
        run.out
    );
}

#[test]
fn of_a_disabled_user_one_thing_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::with_parameters(folder.path(), false);
    let project = Project::desk(
        &server,
        "defaults: {app: CustomerServiceApps}",
        "",
        "apiVersion: deskstate/v1\nkind: AppProfile\nmetadata: {name: contoso_agents}\nspec: {displayName: Agents, users: [ada@contoso.com]}\n",
    );
    project.apply();
    let ada = server.found(
        "systemusers",
        "systemuserid",
        "domainname eq 'ada@contoso.com'",
    );
    server.patch(&format!("systemusers({ada})"), r#"{"isdisabled":true}"#);
    let run = project
        .run(&["who", "ada@contoso.com", "--env", "server"])
        .ended(0);
    says(
        &run.out,
        &[
            "is disabled, so has no profile now",
            "would get AppProfile contoso_agents",
        ],
    );
    assert!(!run.out.contains("\ngets"), "{}", run.out);
    let json = project
        .run(&[
            "who",
            "ada@contoso.com",
            "--env",
            "server",
            "--format",
            "json",
        ])
        .ended(0);
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(json["profile"], serde_json::Value::Null);
    assert_eq!(json["candidates"][0]["profile"], "contoso_agents");
}

/// A profile with a Copilot feature.
fn featured(name: &str, more: &str) -> String {
    format!(
        "---\napiVersion: deskstate/v1\nkind: AppProfile\nmetadata: {{name: {name}}}\nspec: {{displayName: {name}, app: CustomerServiceApps, copilotFeatures: {{caseSummary: true}}{more}}}\n"
    )
}

/// The same, with rank 7 and one role.
fn ranked(name: &str) -> String {
    featured(name, ", rank: 7, roles: [Omnichannel agent]")
}

#[test]
fn plan_and_drift_tell_of_a_profile_outside_of_the_project_with_the_same_rank_and_role() {
    let server = Server::plain();
    let project = Project::desk(&server, "", "", &ranked("contoso_theirs"));
    if support::age().as_deref() == Some("2022") {
        // Ranks and roles are newer, and a plan reports that.
        let refused = project.run(&["plan", "--env", "server"]).ended(1);
        says(&refused.err, &["which `rank` needs", "which `roles` needs"]);
        return;
    }
    project.apply();
    project.write("manifests/all.yaml", &ranked("contoso_ours"));
    project.apply();
    let said = "warning[rank-tie]: AppProfile contoso_ours and the profile `contoso_theirs`, which is not declared here, both have rank 7 and the security role `Omnichannel agent`";
    for command in ["plan", "drift"] {
        let run = project.run(&[command, "--env", "server"]).ended(0);
        let all = format!("{}{}", run.out, run.err);
        assert!(all.contains(said), "{command}: {all}");
    }
    let run = project
        .run(&["who", "ada@contoso.com", "--env", "server"])
        .ended(0);
    says(&run.out, &["the rank is the same, so it is unknown which"]);
}

#[test]
fn a_copilot_feature_with_an_empty_flag_is_exported_and_compared_as_on() {
    let folder = tempfile::TempDir::new().unwrap();
    let sheet = folder.path().join("answers.json");
    let lenient = r#"{"formatVersion":1,"answers":{"tabMakesParameters":false,"applicationRequiredEnforced":false}}"#;
    std::fs::write(&sheet, lenient).unwrap();
    let server = Server::start(&["--answers", sheet.to_str().unwrap()]);
    let project = Project::desk(&server, "", "", &featured("contoso_ours", ""));
    if support::age().as_deref() == Some("2022") {
        let refused = project.run(&["plan", "--env", "server"]).ended(1);
        says(&refused.err, &["which `copilotFeatures` needs"]);
        return;
    }
    project.apply();
    let row = server.found(
        "msdyn_appcopilotconfigurations",
        "msdyn_appcopilotconfigurationid",
        "msdyn_copilotfeature eq 829050003",
    );
    server.patch(
        &format!("msdyn_appcopilotconfigurations({row})"),
        r#"{"msdyn_enabled":null}"#,
    );
    let plan = ["plan", "--env", "server", "--detailed-exitcode"];
    project.run(&plan).ended(0);
    let exported = project
        .run(&["export", "--env", "server", "AppProfile/contoso_ours"])
        .ended(0);
    assert!(
        exported.out.contains("caseSummary: true"),
        "{}",
        exported.out
    );
}

#[test]
fn an_undo_shows_people_by_name_whether_they_come_back_or_go() {
    let (project, _server) = support::applied();
    project.edit(
        "manifests/app-profile.yaml",
        "    mode: atLeast\n    members:\n      - ada@contoso.com\n",
        "    mode: exact\n    members:\n      - nora@contoso.com\n",
    );
    let undo = Project::undo_file(&project.apply());
    let undone = project
        .run(&["undo", "--env", "server", "--yes", &undo])
        .ended(0);
    let people: Vec<&str> = undone
        .out
        .lines()
        .filter(|line| line.contains("@contoso.com"))
        .map(str::trim)
        .collect();
    assert_eq!(
        people,
        [
            "users                   + ada@contoso.com",
            "− nora@contoso.com"
        ]
    );
}
