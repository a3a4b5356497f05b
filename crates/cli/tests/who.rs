//! `who`: one agent, the profile they get and why.

mod support;

use support::{Project, Server, says};

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
        run.err.contains("nobody has this name there"),
        "{}",
        run.err
    );
    assert!(run.err.contains("Entra object id"), "{}", run.err);
}

#[test]
fn a_change_says_how_many_agents_it_reaches_how_they_were_counted_and_who_was_not() {
    let project = Project::example("contoso");
    project.run(&["apply", "--env", "local", "--yes"]).ended(0);
    project.edit(
        "manifests/profiles.yaml",
        "First line, voice and chat",
        "First line",
    );
    let plan = project.run(&["plan", "--env", "local"]).ended(0);
    for said in [
        "reaches at least 6 agents",
        "reached: assigned directly or by security role to contoso_",
        "; not counted: holders of security role ",
        " through a team",
    ] {
        assert!(plan.out.contains(said), "{}", plan.out);
    }
}

#[test]
fn a_tie_of_ranks_is_no_certainty() {
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
    let run = project
        .run(&["who", "ada@contoso.com", "--env", "local"])
        .ended(0);
    assert!(
        run.out
            .contains("perhaps AppProfile msdyn_omnichannel_defaultprofile"),
        "{}",
        run.out
    );
    assert!(
        run.out
            .contains("the rank is the same, so nobody can say which"),
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
            "is disabled, so works with no profile now",
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
