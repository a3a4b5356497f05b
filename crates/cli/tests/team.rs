//! A team that plans, applies, edits by hand and undoes over a year: no agent is left without a profile, and no message says more than is
//! true.

use serde_json::json;

use super::support::by_hand::{add_agent, make, remove_agent, users_of};
use super::support::{Project, Server, says};

const CHANGES: i32 = 2;
const REFUSED: i32 = 4;
const FAILED: i32 = 1;
const ADA: &str = "ada@contoso.com";
const LIN: &str = "lin@contoso.com";
const NORA: &str = "nora@contoso.com";

fn document(kind: &str, name: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: deskstate/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}\n"
    )
}

fn profile(name: &str, spec: &str) -> String {
    let spec = format!("{{displayName: {name}, app: CustomerServiceApps, {spec}}}");
    document("AppProfile", name, &spec)
}

fn absent(kind: &str, name: &str) -> String {
    format!(
        "---\napiVersion: deskstate/v1\nkind: {kind}\nmetadata: {{name: {name}, state: absent}}\n"
    )
}

fn applied(spec: &str, manifests: &str) -> (Project, Server) {
    let server = Server::plain();
    let project = Project::desk(&server, spec, "", manifests);
    project.apply();
    (project, server)
}

fn make_profile(server: &Server, name: &str) {
    let row = json!({
        "msdyn_uniquename": name, "msdyn_name": name, "msdyn_appmoduleuniquename": "CustomerServiceApps",
    });
    make(server, "msdyn_appconfigurations", &row);
}

fn delete_profile(server: &Server, name: &str) {
    let set = "msdyn_appconfigurations";
    let id = server.id(set, "msdyn_appconfigurationid", name);
    server.delete(&format!("{set}({id})"));
}

#[test]
fn an_undo_keeps_the_profile_of_agents_who_cannot_return() {
    let server = Server::plain();
    make_profile(&server, "contoso_theirs");
    add_agent(&server, "contoso_theirs", LIN);
    let users = "users: {mode: exact, members: [lin@contoso.com], moves: allow}";
    let project = Project::desk(&server, "", "", &profile("contoso_pilot", users));
    let undo = Project::undo_file(&project.apply());
    delete_profile(&server, "contoso_theirs");
    let undone = project
        .run(&["undo", "--env", "server", &undo, "--yes"])
        .ended(REFUSED);
    says(
        &undone.err,
        &["error[undo-changed]", "is not deleted: the profile that `"],
    );
    assert!(users_of(&server, "contoso_pilot").contains(LIN));
}

#[test]
fn an_undo_out_of_order_leaves_no_profile_without_its_provider() {
    let provider = |name: &str| {
        let spec = format!(
            "{{displayName: {name}, label: {name}, channelUrl: 'https://{name}.example', channelOrder: 1}}"
        )
        .replace("https://contoso_", "https://");
        document("ChannelProvider", name, &spec)
    };
    let before = provider("contoso_old") + &profile("contoso_a", "channelProviders: [contoso_old]");
    let (project, _server) = applied("", &before);
    let after = provider("contoso_old")
        + &provider("contoso_new")
        + &profile("contoso_a", "channelProviders: [contoso_new]");
    project.write("manifests/all.yaml", &after);
    let allow = [
        "apply",
        "--env",
        "server",
        "--yes",
        "--allow",
        "unlink=AppProfile.channelProviders:1",
    ];
    let first = Project::undo_file(&project.run(&allow).ended(0));
    let last = absent("ChannelProvider", "contoso_old")
        + &provider("contoso_new")
        + &profile("contoso_a", "channelProviders: [contoso_new]");
    project.write("manifests/all.yaml", &last);
    project.apply();
    let undone = project
        .run(&["undo", "--env", "server", &first, "--yes"])
        .ended(REFUSED);
    says(
        &undone.err,
        &[
            "error[undo-changed]",
            "`contoso_a` would be left without `channelProviders`",
        ],
    );
}

#[test]
fn a_reviewed_deletion_does_not_cover_agents_who_came_later() {
    let both = profile("contoso_a", "users: [ada@contoso.com]")
        + &profile("contoso_old", "users: [lin@contoso.com]");
    let (project, server) = applied("", &both);
    let moved = profile("contoso_a", "users: [ada@contoso.com, lin@contoso.com]")
        + &absent("AppProfile", "contoso_old");
    project.write("manifests/all.yaml", &moved);
    project
        .run(&["plan", "--env", "server", "--out", "plan.json"])
        .ended(0);
    add_agent(&server, "contoso_old", NORA);
    let reviewed = [
        "apply",
        "--env",
        "server",
        "--yes",
        "--reviewed",
        "plan.json",
    ];
    project.run(&reviewed).ended(REFUSED);
    assert!(users_of(&server, "contoso_old").contains(NORA));
    // Links that are gone since need no review.
    remove_agent(&server, "contoso_old", NORA);
    remove_agent(&server, "contoso_old", LIN);
    project.run(&reviewed).ended(0);
}

#[test]
fn rows_that_are_not_written_refuse_no_assignment() {
    let server = Server::plain();
    let documents = |title: &str, users: &str| {
        let session =
            format!("{{displayName: Case, type: Entity, entity: incident, title: {title}}}");
        document("SessionTemplate", "contoso_case", &session)
            + &profile(
                "contoso_a",
                &format!("sessionTemplates: [contoso_case], users: {users}"),
            )
    };
    let project = Project::desk(&server, "", "", &documents("Case", "[ada@contoso.com]"));
    project.apply();
    let mut dump = server.dump();
    for table in ["msdyn_sessiontemplate", "msdyn_appconfiguration"] {
        for row in dump["rows"][table].as_object_mut().unwrap().values_mut() {
            row["c"]["ismanaged"] = true.into();
        }
    }
    server.request("PUT", "/__emulator/load", &dump.to_string(), "");
    let manifests = documents("Other", "[ada@contoso.com, lin@contoso.com]");
    let project = Project::desk(&server, "", "writes: assignments", &manifests);
    let run = project.apply();
    assert!(!run.err.contains("managed-row"), "{}", run.err);
    says(&run.err, &["ships-by-solution"]);
    assert!(users_of(&server, "contoso_a").contains(LIN));
}

#[test]
fn half_of_a_move_is_not_adopted() {
    let manifests = profile("contoso_a", "users: [ada@contoso.com, lin@contoso.com]")
        + &profile("contoso_b", "users: [nora@contoso.com]");
    let rule = "ignore: [{kind: AppProfile, name: contoso_b, fields: [users], reason: a trial, until: 2999-01-01}]";
    for (spec, arguments) in [
        (rule, &["adopt", "--env", "server"][..]),
        ("", &["adopt", "--env", "server", "contoso_a"][..]),
    ] {
        let (project, server) = applied(spec, &manifests);
        remove_agent(&server, "contoso_a", LIN);
        add_agent(&server, "contoso_b", LIN);
        let adopted = project.run(arguments);
        assert_ne!(adopted.code, Some(0), "{}", adopted.err);
        says(
            &adopted.err,
            &["the next apply would leave the user without a profile"],
        );
        assert_eq!(project.read("manifests/all.yaml"), manifests);
    }
}

#[test]
fn a_move_of_which_half_was_made_by_hand_is_completed() {
    let manifests = |description: &str| {
        profile(
            "contoso_a",
            &format!(
                "description: {description}, users: {{mode: exact, members: [ada@contoso.com], moves: allow}}"
            ),
        ) + &profile(
            "contoso_b",
            "users: {mode: atLeast, members: [nora@contoso.com]}",
        )
    };
    let (project, server) = applied("removals: {maxAgents: 0}", &manifests("one"));
    make_profile(&server, "contoso_theirs");
    for other in ["contoso_b", "contoso_theirs"] {
        add_agent(&server, other, ADA);
        let drift = project.run(&["drift", "--env", "server"]).ended(CHANGES);
        says(&drift.out, &[&format!("+ {ADA} in {other}")]);
        let before = project.read("manifests/all.yaml");
        project.run(&["adopt", "--env", "server"]);
        assert_eq!(project.read("manifests/all.yaml"), before);
        project.write("manifests/all.yaml", &manifests(other));
        // Who keeps a profile does not count as removed.
        let applied = project.apply();
        says(&applied.out, &[&format!("− {ADA} in {other}")]);
        assert!(!users_of(&server, other).contains(ADA));
        assert!(users_of(&server, "contoso_a").contains(ADA));
        project.run(&["drift", "--env", "server"]).ended(0);
        let undo = Project::undo_file(&applied);
        let undone = project
            .run(&["undo", "--env", "server", &undo, "--yes"])
            .ended(0);
        says(&undone.err, &["warning[undo-link]", "keeps `contoso_a`"]);
        says(&undone.out, &["description"]);
        project.write("manifests/all.yaml", &manifests("one"));
        project.apply();
    }
}

#[test]
fn nobody_is_left_with_a_profile_that_is_off_or_waits_for_a_solution() {
    let off = "status: Inactive, users: {mode: exact, members: [ada@contoso.com], moves: allow}";
    let (project, server) = applied("", &profile("contoso_a", off));
    make_profile(&server, "contoso_theirs");
    add_agent(&server, "contoso_theirs", ADA);
    let plan = ["plan", "--env", "server", "--detailed-exitcode"];
    let plan = project.run(&plan).ended(0);
    says(&plan.err, &["[user-has-two-profiles]"]);
    let on = profile("contoso_a", &off.replace("Inactive", "Active"));
    let project = Project::desk(&server, "", "writes: assignments", &on);
    project.apply();
    assert!(users_of(&server, "contoso_theirs").contains(ADA));
}

#[test]
fn a_template_that_a_workstream_names_is_told_to_stay() {
    let template = |name: &str| {
        document(
            "SessionTemplate",
            name,
            "{displayName: Chat, type: Generic, title: Chat, anchorTab: contoso_tab}",
        )
    };
    let stays = template("contoso_stays")
        + &document(
            "ApplicationTab",
            "contoso_tab",
            "{displayName: Tab, pageType: Search, parameters: {searchText: a}}",
        );
    let (project, server) = applied(
        "owns: {prefixes: [contoso]}\nprune: owned",
        &(template("contoso_chat") + &stays),
    );
    let row = json!({"msdyn_name": "Chats", "msdyn_streamsource": 192360000, "msdyn_sessiontemplate_default": "contoso_chat"});
    make(&server, "msdyn_liveworkstreams", &row);
    project.write("manifests/all.yaml", &stays);
    let plan = project.run(&["plan", "--env", "server"]).ended(0);
    says(
        &plan.err,
        &[
            "[kept-in-use]",
            "SessionTemplate contoso_chat",
            "workstream `Chats`",
        ],
    );
}

#[test]
fn taking_an_agent_out_needs_no_permission_because_of_roles() {
    let manifests = profile(
        "contoso_a",
        "description: one, roles: [Omnichannel agent], users: [ada@contoso.com, lin@contoso.com]",
    );
    let (project, _server) = applied("removals: {maxAgents: 1}", &manifests);
    let changed = profile("contoso_a", "description: two, users: [ada@contoso.com]");
    project.write("manifests/all.yaml", &changed);
    project.apply();
}

#[test]
fn reverting_drift_deletes_no_row_that_is_no_drift() {
    let spec = "owns: {prefixes: [contoso]}\nprune: owned";
    for (more, code) in [("", 0), ("\ndrift: {undeclared: fail}", CHANGES)] {
        let (project, server) = applied(
            &format!("{spec}{more}"),
            &profile("contoso_a", "users: [ada@contoso.com]"),
        );
        project.commit_applied();
        make_profile(&server, "contoso_hand");
        project.run(&["drift", "--env", "server"]).ended(code);
        project.revert_drift().ended(0);
        let rows = server.get("/api/data/v9.2/msdyn_appconfigurations?$select=msdyn_uniquename");
        assert_eq!(
            rows.to_string().contains("contoso_hand"),
            code == 0,
            "{more}"
        );
    }
}

#[test]
fn a_solution_that_takes_no_components_is_known_before_anything_is_written() {
    let tab = |title: &str| {
        let spec = format!(
            "{{displayName: Tab, title: {title}, pageType: Search, parameters: {{searchText: a}}}}"
        );
        document("ApplicationTab", "contoso_tab", &spec)
    };
    let server = Server::plain();
    let plan = ["plan", "--env", "server"];
    let with = |solution: &str, title: &str| {
        Project::desk(&server, "", &format!("solution: {solution}"), &tab(title))
    };
    let missing = with("Nope", "one");
    let refused = missing.run(&plan).ended(REFUSED);
    says(
        &refused.err,
        &[
            "error[no-solution]",
            "does not have the solution of the project",
        ],
    );
    let doctor = missing.run(&["doctor", "--env", "server"]);
    says(&doctor.out, &["does not have the solution of the project"]);
    with("contosodesk", "one").apply();
    let mut dump = server.dump();
    for row in dump["rows"]["solution"]
        .as_object_mut()
        .unwrap()
        .values_mut()
    {
        if row["c"]["uniquename"] == "ContosoDesk" {
            row["c"]["ismanaged"] = true.into();
        }
    }
    server.request("PUT", "/__emulator/load", &dump.to_string(), "");
    let managed = with("ContosoDesk", "two");
    says(
        &managed.run(&plan).ended(REFUSED).err,
        &["error[no-solution]", "is managed here"],
    );
    // Nothing is written, so nothing is refused.
    with("ContosoDesk", "one").run(&plan).ended(0);
    with("'x y'", "one").run(&["validate"]).ended(3);
}

#[test]
fn an_undo_refuses_no_more_than_what_it_would_take() {
    let session = document(
        "SessionTemplate",
        "contoso_case",
        "{displayName: Case, type: Entity, entity: incident, title: Case}",
    );
    let desk = |description: &str, sessions: &str| {
        profile(
            "contoso_a",
            &format!("description: {description}, sessionTemplates: {sessions}"),
        )
    };
    let (project, server) = applied("", &(session.clone() + &desk("one", "[contoso_case]")));
    project.write("manifests/all.yaml", &(session + &desk("two", "[]")));
    let allow = [
        "apply",
        "--env",
        "server",
        "--yes",
        "--allow",
        "empty=AppProfile.sessionTemplates:1",
    ];
    let undo = Project::undo_file(&project.run(&allow).ended(0));
    let id = server.id(
        "msdyn_sessiontemplates",
        "msdyn_sessiontemplateid",
        "contoso_case",
    );
    server.delete(&format!("msdyn_sessiontemplates({id})"));
    let undone = project
        .run(&["undo", "--env", "server", &undo, "--yes"])
        .ended(0);
    says(&undone.out, &["two → one"]);

    // An agent who has another profile since is not stranded.
    let server = Server::plain();
    make_profile(&server, "contoso_theirs");
    add_agent(&server, "contoso_theirs", LIN);
    let users = "users: {mode: exact, members: [lin@contoso.com], moves: allow}";
    let project = Project::desk(&server, "", "", &profile("contoso_pilot", users));
    let undo = Project::undo_file(&project.apply());
    delete_profile(&server, "contoso_theirs");
    make_profile(&server, "contoso_new");
    add_agent(&server, "contoso_new", LIN);
    project
        .run(&["undo", "--env", "server", &undo, "--yes"])
        .ended(0);
    assert!(users_of(&server, "contoso_new").contains(LIN));
}

#[test]
fn drift_that_stays_is_no_success_whatever_else_was_reverted() {
    let manifests = profile("contoso_a", "users: [ada@contoso.com, lin@contoso.com]")
        + &profile("contoso_b", "users: [nora@contoso.com]");
    let rule = "ignore: [{kind: AppProfile, name: contoso_b, fields: [users], reason: a trial, until: 2999-01-01}]";
    let (project, server) = applied(rule, &manifests);
    project.commit_applied();
    remove_agent(&server, "contoso_a", LIN);
    add_agent(&server, "contoso_b", LIN);
    let id = server.id(
        "msdyn_appconfigurations",
        "msdyn_appconfigurationid",
        "contoso_a",
    );
    server.patch(
        &format!("msdyn_appconfigurations({id})"),
        r#"{"msdyn_name":"by hand"}"#,
    );
    for _ in 0..2 {
        let run = project.revert_drift().ended(FAILED);
        says(&run.err, &["[user-stays]", "some drift was not reverted"]);
    }
}

#[test]
fn what_waits_for_a_solution_is_not_called_done() {
    let server = Server::plain();
    let desk = |description: &str, users: &str| {
        profile(
            "contoso_a",
            &format!("description: {description}, users: {users}"),
        )
    };
    let project = Project::desk(&server, "", "", &desk("one", "[ada@contoso.com]"));
    project.apply();
    let after = desk("two", "[ada@contoso.com, lin@contoso.com]");
    let project = Project::desk(&server, "", "writes: assignments", &after);
    project
        .run(&["plan", "--env", "server", "--out", "plan.json"])
        .ended(0);
    let reviewed = [
        "apply",
        "--env",
        "server",
        "--yes",
        "--reviewed",
        "plan.json",
    ];
    let run = project.run(&reviewed).ended(0);
    assert!(!run.err.contains("not needed"), "{}", run.err);
    assert!(users_of(&server, "contoso_a").contains(LIN));
}

#[test]
fn users_whom_a_rule_accepts_stay_whatever_the_mode_of_their_set() {
    let manifests = profile(
        "contoso_a",
        "users: {mode: exact, members: [ada@contoso.com], moves: allow}",
    ) + &profile(
        "contoso_b",
        "users: {mode: atLeast, members: [nora@contoso.com]}",
    );
    let rule = "ignore: [{kind: AppProfile, name: contoso_b, fields: [users], reason: a trial, until: 2999-01-01}]";
    let (project, server) = applied(rule, &manifests);
    project.commit_applied();
    add_agent(&server, "contoso_b", ADA);
    project.run(&["drift", "--env", "server"]).ended(0);
    project.revert_drift().ended(0);
    assert!(users_of(&server, "contoso_b").contains(ADA));
}

#[test]
fn undeclared_rows_and_what_waits_for_a_solution_are_drift_that_is_left() {
    let spec = "owns: {prefixes: [contoso]}\ndrift: {undeclared: fail}";
    let (project, server) = applied(spec, &profile("contoso_a", "users: [ada@contoso.com]"));
    project.commit_applied();
    make_profile(&server, "contoso_hand");
    project.revert_drift().ended(FAILED);
    delete_profile(&server, "contoso_hand");
    project.revert_drift().ended(0);
    let manifests = profile("contoso_a", "description: one, users: [ada@contoso.com]");
    let server = Server::plain();
    Project::desk(&server, "", "", &manifests).apply();
    let project = Project::desk(&server, "", "writes: assignments", &manifests);
    project.commit_applied();
    project.revert_drift().ended(0);
    let id = server.id(
        "msdyn_appconfigurations",
        "msdyn_appconfigurationid",
        "contoso_a",
    );
    server.patch(
        &format!("msdyn_appconfigurations({id})"),
        r#"{"msdyn_description":"by hand"}"#,
    );
    project.revert_drift().ended(FAILED);
}
