//! Agents whom somebody moves from one profile to another, and values that one environment gives to the manifests of others.

use super::support::by_hand::{add_agent, link, make, remove_agent};
use super::support::{Project, Server, says};
use serde_json::json;

const FAILED: i32 = 1;
const CHANGES: i32 = 2;
const INVALID: i32 = 3;
const REFUSED: i32 = 4;

fn profile(name: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: deskstate/v1\nkind: AppProfile\nmetadata: {{name: {name}}}\nspec:\n  displayName: {name}\n  app: CustomerServiceApps\n{spec}"
    )
}

fn users(name: &str, users: &str) -> String {
    profile(name, &format!("  users: {users}\n"))
}

fn moved(from: &str, to: &str) -> (Project, Server) {
    let server = Server::plain();
    let manifests = users("contoso_a", "[ada@contoso.com, lin@contoso.com]")
        + &users("contoso_b", "[dev.agent1@contoso.com, nora@contoso.com]");
    let project = Project::desk(&server, "", "", &manifests);
    project.apply();
    let agent = match from {
        "contoso_a" => "ada@contoso.com",
        _ => "nora@contoso.com",
    };
    remove_agent(&server, from, agent);
    add_agent(&server, to, agent);
    (project, server)
}

#[test]
fn an_agent_who_was_moved_by_hand_differs_in_both_profiles_and_is_adopted_into_both() {
    for (from, to) in [("contoso_a", "contoso_b"), ("contoso_b", "contoso_a")] {
        let (project, _server) = moved(from, to);
        let drift = project.run(&["drift", "--env", "server"]).ended(CHANGES);
        says(
            &drift.out,
            &["AppProfile contoso_a", "AppProfile contoso_b"],
        );
        let adopted = project.run(&["adopt", "--env", "server"]).ended(0);
        says(
            &adopted.err,
            &["AppProfile contoso_a users", "AppProfile contoso_b users"],
        );
        let plan = ["plan", "--env", "server", "--detailed-exitcode"];
        project.run(&plan).ended(0);
    }
}

/// An administrator gives an agent a profile that the project does not declare.
#[test]
fn an_agent_who_was_moved_to_an_undeclared_profile_differs_and_can_be_adopted() {
    let server = Server::plain();
    let manifests = users(
        "contoso_a",
        "{mode: exact, members: [ada@contoso.com, lin@contoso.com]}",
    );
    let project = Project::desk(&server, "", "", &manifests);
    project.apply();
    let other = json!({
        "msdyn_uniquename": "fabrikam_b", "msdyn_name": "B", "msdyn_appmoduleuniquename": "CustomerServiceApps",
    });
    make(&server, "msdyn_appconfigurations", &other);
    remove_agent(&server, "contoso_a", "ada@contoso.com");
    add_agent(&server, "fabrikam_b", "ada@contoso.com");
    let drift = project.run(&["drift", "--env", "server"]).ended(CHANGES);
    says(
        &drift.out,
        &[
            "− ada@contoso.com",
            "cause unknown: has the profile `fabrikam_b`, which is not declared here",
            "`moves: allow`",
            "admin@contoso.com removed it",
        ],
    );
    project.run(&["plan", "--env", "server"]).ended(FAILED);
    let adopted = project.run(&["adopt", "--env", "server"]).ended(0);
    says(&adopted.err, &["AppProfile contoso_a users"]);
    assert!(!project.read("manifests/all.yaml").contains("ada@"));
    let plan = ["plan", "--env", "server", "--detailed-exitcode"];
    project.run(&plan).ended(0);
}

/// A team gets one profile, and one of its members another one.
#[test]
fn a_member_of_a_team_can_be_kept_out_of_its_profile() {
    let server = Server::plain();
    let team = "{mode: atLeast, fromTeams: [Voice agents]}";
    let but = "{mode: atLeast, fromTeams: [Voice agents], without: [ada@contoso.com]}";
    let manifests = users("contoso_a", but) + &users("contoso_b", "[ada@contoso.com]");
    let project = Project::desk(&server, "", "", &manifests);
    project.apply();
    let plan = ["plan", "--env", "server", "--detailed-exitcode"];
    project.run(&plan).ended(0);

    // Without that, the person is wanted twice.
    project.edit("manifests/all.yaml", but, team);
    let refused = project.run(&["plan", "--env", "server"]).ended(FAILED);
    says(&refused.err, &["[user-in-two-profiles]"]);

    // Somebody who is taken out by hand is kept out by what `adopt` writes.
    remove_agent(&server, "contoso_a", "lin@contoso.com");
    project.write("manifests/all.yaml", &users("contoso_a", but));
    project.run(&["adopt", "--env", "server"]).ended(0);
    let adopted = project.read("manifests/all.yaml");
    says(&adopted, &["ada@contoso.com", "lin@contoso.com"]);
    project.run(&plan).ended(0);
}

/// A profile's roles are rows. Giving a role another desktop reaches the most agents.
#[test]
fn roles_that_somebody_added_or_took_away_have_their_author() {
    let server = Server::plain();
    let roles = |roles: &str| {
        profile(
            "contoso_a",
            &format!("  rank: 1\n  roles: {{mode: exact, members: [{roles}]}}\n"),
        )
    };
    let project = Project::desk(&server, "", "", &roles("Omnichannel agent"));
    project.apply();
    let ada = server.administrator("ada@contoso.com");
    let as_ada = format!("Emulator-User: {ada}\r\n");
    let profile = server.id(
        "msdyn_appconfigurations",
        "msdyn_appconfigurationid",
        "contoso_a",
    );
    let mapping = server.get(&format!("/api/data/v9.2/msdyn_appprofilerolemappings?$filter=_msdyn_appprofileid_value%20eq%20{profile}"));
    let mapping = &mapping["value"][0];
    let role = server.found(
        "roles",
        "roleid",
        "name eq 'CSR Manager' and _parentroleid_value eq null",
    );
    let path = format!(
        "/api/data/v9.2/msdyn_appprofilerolemappings({})",
        mapping["msdyn_appprofilerolemappingid"].as_str().unwrap()
    );
    let profile = server.id(
        "msdyn_appconfigurations",
        "msdyn_appconfigurationid",
        "contoso_a",
    );
    let gone = server.request("DELETE", &path, "", &as_ada);
    assert!(gone.starts_with("HTTP/1.1 204"), "{gone}");
    let added = json!({
        "msdyn_name": "by hand", "msdyn_uniquename": "contoso_byHand", "msdyn_securityroleid@odata.bind": format!("/roles({role})"),
        "msdyn_appprofileid@odata.bind": format!("/msdyn_appconfigurations({profile})"),
    });
    let made = server.request(
        "POST",
        "/api/data/v9.2/msdyn_appprofilerolemappings",
        &added.to_string(),
        &as_ada,
    );
    assert!(made.starts_with("HTTP/1.1 204"), "{made}\n{mapping}");
    let drift = project.run(&["drift", "--env", "server"]).ended(CHANGES);
    says(
        &drift.out,
        &[
            "− Omnichannel agent",
            "edited by hand: auditing recorded the deletion by ada@contoso.com",
            "+ CSR Manager",
            "edited by hand: the audit log shows ada@contoso.com",
        ],
    );
}

/// The person whose sign-in runs deskstate also applies with it.
#[test]
fn what_an_apply_of_the_same_person_may_have_done_is_not_called_edited_by_hand() {
    let server = Server::plain();
    let exact = |members: &str| {
        users(
            "contoso_a",
            &format!("{{mode: exact, members: [{members}]}}"),
        )
    };
    let project = Project::desk(&server, "", "", &exact("ada@contoso.com, nora@contoso.com"));
    project.apply();
    project.commit_applied();
    project.write("manifests/all.yaml", &exact("nora@contoso.com"));
    let drift = project.run(&["drift", "--env", "server"]).ended(CHANGES);
    says(
        &drift.out,
        &[
            "cause unknown",
            "admin@contoso.com added it, the account that deskstate uses: a manual edit or an apply",
        ],
    );
    assert!(!drift.out.contains("edited by hand"), "{}", drift.out);
    // With the revision that was applied last, it is known.
    project.write(
        "manifests/all.yaml",
        &exact("ada@contoso.com, nora@contoso.com"),
    );
    remove_agent(&server, "contoso_a", "ada@contoso.com");
    let drift = project
        .run(&["drift", "--env", "server", "--at", "deskstate/{env}"])
        .ended(CHANGES);
    says(
        &drift.out,
        &["edited by hand: auditing recorded that admin@contoso.com removed it"],
    );
}

/// `adopt` copies every difference, and a commit that is not applied yet is one.
#[test]
fn what_is_not_applied_yet_is_not_suggested_for_adoption() {
    let server = Server::plain();
    let documents = |title: &str| {
        format!(
            "{}---\napiVersion: deskstate/v1\nkind: SessionTemplate\nmetadata: {{name: contoso_s}}\nspec: {{displayName: S, type: Entity, entity: incident, title: {title}}}\n",
            users("contoso_a", "{mode: exact, members: [lin@contoso.com]}")
        )
    };
    let project = Project::desk(&server, "", "", &documents("Old"));
    project.apply();
    project.commit_applied();
    project.write("manifests/all.yaml", &documents("New"));
    add_agent(&server, "contoso_a", "ada@contoso.com");
    let at = ["drift", "--env", "server", "--at", "deskstate/{env}"];
    let drift = project.run(&at).ended(CHANGES);
    says(
        &drift.err,
        &["`deskstate adopt --env server AppProfile/contoso_a` copies it"],
    );
    project
        .run(&["adopt", "--env", "server", "AppProfile/contoso_a"])
        .ended(0);
    says(
        &project.read("manifests/all.yaml"),
        &["title: New", "ada@contoso.com"],
    );
    // Of a row that is missing, nothing can be copied.
    let profile = server.id(
        "msdyn_appconfigurations",
        "msdyn_appconfigurationid",
        "contoso_a",
    );
    server.delete(&format!("msdyn_appconfigurations({profile})"));
    let drift = project.run(&at).ended(CHANGES);
    assert!(!drift.err.contains("adopt"), "{}", drift.err);
}

#[test]
fn a_loader_that_the_project_does_not_link_is_warned_of() {
    let server = Server::plain();
    let manifests = profile("contoso_a", "  channelProviders: [contoso_c]\n")
        + "---\napiVersion: deskstate/v1\nkind: ChannelProvider\nmetadata: {name: contoso_c}\nspec: {displayName: C, label: C, channelUrl: https://c.contoso.com/, channelOrder: 1}\n";
    for (word, warns) in [("link", false), ("warn", true), ("ignore", false)] {
        let project = Project::desk(&server, &format!("cifV2Loader: {word}"), "", &manifests);
        let valid = project.run(&["validate"]).ended(0);
        assert_eq!(
            valid.err.contains("warning[loader-extension]"),
            warns,
            "{}",
            valid.err
        );
    }
}

/// A deactivated role or step must not take effect again because somebody undoes an apply.
#[test]
fn an_undo_brings_an_inactive_part_back_inactive() {
    let server = Server::plain();
    let script = "apiVersion: deskstate/v1\nkind: AgentScript\nmetadata: {name: contoso_script}\nspec: {displayName: Script, language: 1033, steps: [{displayName: Greet, text: Hello}, {displayName: Ask, text: Why}]}\n";
    let project = Project::desk(&server, "", "", script);
    project.apply();
    let steps = "msdyn_productivityagentscriptsteps";
    let state = |name: &str| {
        let rows = server.get(&format!(
            "/api/data/v9.2/{steps}?$select=statecode,statuscode&$filter=msdyn_name%20eq%20'{name}'"
        ));
        let row = &rows["value"][0];
        (row["statecode"].as_i64(), row["statuscode"].as_i64())
    };
    let step = server.found(
        steps,
        "msdyn_productivityagentscriptstepid",
        "msdyn_name eq 'Greet'",
    );
    server.patch(
        &format!("{steps}({step})"),
        &json!({"statecode": 1, "statuscode": 2}).to_string(),
    );
    let absent = "apiVersion: deskstate/v1\nkind: AgentScript\nmetadata: {name: contoso_script, state: absent}\n";
    project.write("manifests/all.yaml", absent);
    let undo = Project::undo_file(&project.apply());
    project
        .run(&["undo", "--env", "server", &undo, "--yes"])
        .ended(0);
    assert_eq!(state("Greet"), (Some(1), Some(2)));
    assert_eq!(state("Ask"), (Some(0), Some(1)));
}

#[test]
fn an_ignored_profile_hides_no_difference_of_the_other_one() {
    let (project, _server) = moved("contoso_a", "contoso_b");
    project.edit(
        "deskstate.yaml",
        "spec:\n",
        "spec:\n  ignore: [{kind: AppProfile, name: contoso_a, fields: [users], reason: a trial, until: 2999-01-01}]\n",
    );
    let drift = project.run(&["drift", "--env", "server"]).ended(CHANGES);
    says(&drift.out, &["AppProfile contoso_b", "ada@contoso.com"]);
}

#[test]
fn a_profile_that_loses_all_agents_to_another_one_is_shown_and_needs_permission() {
    for (gains, loses) in [("contoso_a", "contoso_b"), ("contoso_b", "contoso_a")] {
        let server = Server::plain();
        let before = users(gains, "[ada@contoso.com]") + &users(loses, "[nora@contoso.com]");
        let project = Project::desk(&server, "", "", &before);
        project.apply();
        let after = users(gains, "[ada@contoso.com, nora@contoso.com]") + &users(loses, "[]");
        project.write("manifests/all.yaml", &after);
        let plan = project.run(&["plan", "--env", "server"]).ended(REFUSED);
        says(&plan.out, &[&format!("AppProfile {loses}"), "moves from"]);
        says(&plan.err, &["[set-emptied]", "empty=AppProfile.users:1"]);
    }
}

#[test]
fn a_profile_that_keeps_others_is_not_left_by_all_without_permission() {
    let server = Server::plain();
    let open = |users: &str| format!("{{mode: atLeast, members: [{users}]}}");
    let before = users("contoso_a", &open("ada@contoso.com"))
        + &users("contoso_b", &open("nora@contoso.com"));
    let project = Project::desk(&server, "", "", &before);
    project.apply();
    let after = users("contoso_a", &open("ada@contoso.com, nora@contoso.com"))
        + &users("contoso_b", &open(""));
    project.write("manifests/all.yaml", &after);
    let plan = ["plan", "--env", "server"];
    let refused = project.run(&plan).ended(REFUSED);
    let allow = "empty=AppProfile.users:1";
    says(
        &refused.err,
        &[
            "`users` of AppProfile contoso_b would have no member left",
            allow,
        ],
    );
    project
        .run(&[&plan[..], &["--allow", allow]].concat())
        .ended(0);
    // Another agent stays, so nothing is emptied.
    add_agent(&server, "contoso_b", "lin@contoso.com");
    project.run(&plan).ended(0);
}

#[test]
fn a_document_without_users_lets_no_agent_leave_its_profile() {
    let server = Server::plain();
    // The profile `alex_inbox`, which an administrator made, has Kim.
    let existing = "---\napiVersion: deskstate/v1\nkind: AppProfile\nmetadata: {name: alex_inbox, state: existing}\n";
    let manifests = users("contoso_agents", "[kim@contoso.com]") + existing;
    let project = Project::desk(&server, "", "", &manifests);
    let refused = project.run(&["plan", "--env", "server"]).ended(1);
    says(
        &refused.err,
        &[
            "[user-has-profile]",
            "`alex_inbox`, which is declared without `users`",
            "moves: allow",
        ],
    );
    let allowed = users(
        "contoso_agents",
        "{members: [kim@contoso.com], mode: exact, moves: allow}",
    );
    project.write("manifests/all.yaml", &(allowed + existing));
    project.apply();
    // Somebody gives the agent the former profile back.
    add_agent(&server, "alex_inbox", "kim@contoso.com");
    let drift = project.run(&["drift", "--env", "server"]).ended(CHANGES);
    says(&drift.out, &["+ kim@contoso.com in alex_inbox"]);
    let lists = users("contoso_agents", "[kim@contoso.com]");
    project.write("manifests/all.yaml", &(lists + existing));
    let drift = project.run(&["drift", "--env", "server"]).ended(0);
    says(
        &drift.err,
        &["[user-has-two-profiles]", "`alex_inbox`, too"],
    );
}

#[test]
fn values_that_break_another_environment_are_not_adopted() {
    let server = Server::plain();
    let manifests = profile("contoso_a", "  rank: 70\n  users: [ada@contoso.com]\n")
        + &profile("contoso_b", "  rank: 71\n  users: [nora@contoso.com]\n");
    let project = Project::desk(&server, "", "", &manifests);
    project.edit(
        "deskstate.yaml",
        "environments:\n",
        "environments:\n    prod: {emulator: {state: prod.json}, overlay: overlays/prod}\n",
    );
    project.write(
        "overlays/prod/b.yaml",
        "apiVersion: deskstate/v1\nkind: AppProfile\nmetadata: {name: contoso_b}\nspec: {rank: 72, users: [lin@contoso.com]}\n",
    );
    project.apply();
    add_agent(&server, "contoso_a", "lin@contoso.com");
    let before = project.read("manifests/all.yaml");
    let refused = project.run(&["adopt", "--env", "server"]).ended(REFUSED);
    says(
        &refused.err,
        &[
            "[user-in-two-profiles]",
            "the project would be invalid in prod with these values, so nothing was written",
        ],
    );
    assert_eq!(project.read("manifests/all.yaml"), before);
    project.run(&["validate"]).ended(0);
}

#[test]
fn a_document_of_other_environments_is_not_written_twice_and_a_pruned_row_is_told_of_it() {
    let server = Server::plain();
    let stays = profile("contoso_b", "");
    let here = users("contoso_a", "[ada@contoso.com]") + &stays;
    let project = Project::desk(
        &server,
        "owns: {prefixes: [contoso]}\nprune: owned\n",
        "",
        &here,
    );
    project.apply();
    project.edit(
        "deskstate.yaml",
        "environments:\n",
        "environments:\n    prod: {emulator: {state: prod.json}}\n",
    );
    let elsewhere = here.replace(
        "{name: contoso_a}",
        "{name: contoso_a, environments: [prod]}",
    );
    project.write("manifests/all.yaml", &elsewhere);
    let plan = project.run(&["plan", "--env", "server"]);
    says(
        &plan.err,
        &[
            "`manifests/all.yaml` declares it, but only for other environments",
            "`metadata.environments`",
        ],
    );
    let adopt = ["adopt", "--env", "server", "AppProfile/contoso_a"];
    let refused = project.run(&adopt).ended(REFUSED);
    says(&refused.err, &["[duplicate-resource]", "invalid in prod"]);
    assert_ne!(project.run(&["validate"]).code, Some(INVALID));
}

#[test]
fn a_list_of_which_a_rule_accepts_a_part_is_not_adopted() {
    let server = Server::plain();
    let manifests = "apiVersion: deskstate/v1\nkind: NotificationTemplate\nmetadata: {name: contoso_call}\nspec:\n  displayName: Call\n  title: Call\n  icon: /icon\n  fields:\n    - {name: contoso_number, header: Number, value: \"{phone}\"}\n    - {name: contoso_queue, header: Queue, value: \"{queue}\"}\n";
    let rule = "ignore: [{kind: NotificationTemplate, name: contoso_call, fields: [fields.contoso_number.value], reason: a trial, until: 2999-01-01}]\n";
    let project = Project::desk(&server, rule, "", manifests);
    project.apply();
    for (name, value) in [("contoso_number", "{hand}"), ("contoso_queue", "{other}")] {
        let id = server.id(
            "msdyn_notificationfields",
            "msdyn_notificationfieldid",
            name,
        );
        server.patch(
            &format!("msdyn_notificationfields({id})"),
            &json!({"msdyn_value": value}).to_string(),
        );
    }
    let adopted = project.run(&["adopt", "--env", "server"]).ended(1);
    says(
        &adopted.err,
        &[
            "a rule under `ignore` accepts `fields.contoso_number.value`",
            "edit it by hand",
        ],
    );
    assert_eq!(project.read("manifests/all.yaml"), manifests);
}

#[test]
fn two_environments_whose_users_were_not_compared_are_not_simply_equal() {
    let server = Server::plain();
    let project = Project::desk(&server, "", "", &users("contoso_a", "[ada@contoso.com]"));
    project.edit(
        "deskstate.yaml",
        "environments:\n",
        "environments:\n    two: {emulator: {state: two.json}}\n",
    );
    project.apply();
    project.run(&["apply", "--env", "two", "--yes"]).ended(0);
    add_agent(&server, "contoso_a", "lin@contoso.com");
    let diff = ["diff", "--from", "server", "--to", "two", "AppProfile"];
    let equal = project.run(&diff).ended(0);
    says(
        &equal.err,
        &["users were compared neither", "`--users upn` compares them"],
    );
    let compared = project.run(&[&diff[..], &["--users", "upn"]].concat());
    says(&compared.ended(CHANGES).out, &["lin@contoso.com"]);
}

#[test]
fn sets_of_packs_are_exported_as_exact_so_that_others_are_drift_and_a_difference() {
    let server = Server::plain();
    let project = Project::desk(&server, "packs: [contact-centre]\n", "", "");
    let queue = json!({
        "name": "Contoso orders", "msdyn_queuetype": 192_350_000, "msdyn_isomnichannelqueue": true,
        "msdyn_priority": 5, "queueviewtype": 1, "msdyn_assignmentstrategy": 192_350_000,
    });
    let queue = make(&server, "queues", &queue);
    project.write("manifests/all.yaml", "");
    let what = "Queue/Contoso orders / Messaging";
    let export = [
        "export",
        "--env",
        "server",
        what,
        "--users",
        "exact",
        "--out",
        "manifests",
    ];
    project.run(&export).ended(0);
    let drift = ["drift", "--env", "server"];
    project.run(&drift).ended(0);
    project.edit(
        "deskstate.yaml",
        "environments:\n",
        "environments:\n    two: {emulator: {state: two.json}}\n",
    );
    project.run(&["apply", "--env", "two", "--yes"]).ended(0);
    let nora = server.found(
        "systemusers",
        "systemuserid",
        "domainname eq 'nora@contoso.com'",
    );
    link(
        &server,
        &format!("queues({queue})"),
        "queuemembership_association",
        &format!("systemusers({nora})"),
    );
    let drift = project.run(&drift).ended(CHANGES);
    says(&drift.out, &["members"]);
    for (from, to) in [("server", "two"), ("two", "server")] {
        let diff = ["diff", "--from", from, "--to", to, what, "--users", "upn"];
        project.run(&diff).ended(CHANGES);
    }
}

#[test]
fn a_change_of_the_app_gives_nobody_a_second_profile() {
    let server = Server::plain();
    let app = |name: &str, app: &str, users: &str| {
        format!(
            "---\napiVersion: deskstate/v1\nkind: AppProfile\nmetadata: {{name: {name}}}\nspec: {{displayName: {name}, app: {app}{users}}}\n"
        )
    };
    let (service, hub) = ("CustomerServiceApps", "OmnichannelEngagementHub");
    let both = |one: &str| {
        app(
            "contoso_a",
            one,
            ", users: {mode: atLeast, members: [ada@contoso.com]}",
        ) + &app(
            "contoso_b",
            service,
            ", users: {mode: atLeast, members: [nora@contoso.com]}",
        )
    };
    let project = Project::desk(&server, "", "", &both(service));
    project.apply();
    project.write("manifests/all.yaml", &both(hub));
    let moved = project.run(&[
        "apply",
        "--env",
        "server",
        "--yes",
        "--allow",
        "unlink=AppProfile.users:1",
    ]);
    let undo = Project::undo_file(&moved.ended(0));
    add_agent(&server, "contoso_b", "ada@contoso.com");
    // Back by an undo, or by a plan.
    let refused = project
        .run(&["undo", "--env", "server", &undo, "--yes"])
        .ended(REFUSED);
    says(
        &refused.err,
        &["`ada@contoso.com` would have two profiles there, this one and `contoso_b`"],
    );
    let back = |users: &str| {
        app("contoso_a", service, users)
            + &app(
                "contoso_b",
                service,
                ", users: {mode: atLeast, members: [nora@contoso.com]}",
            )
    };
    project.write("manifests/all.yaml", &back(""));
    let plan = project.run(&["plan", "--env", "server"]).ended(FAILED);
    says(
        &plan.err,
        &[
            "error[user-has-profile]",
            "gives a second profile to users of `contoso_b`: ",
        ],
    );
    // Who is listed moves, like a user who is added.
    let listed = ", users: {mode: atLeast, members: [ada@contoso.com]}";
    project.write("manifests/all.yaml", &back(listed));
    let plan = project.run(&["plan", "--env", "server"]).ended(0);
    says(
        &plan.out,
        &["+ ada@contoso.com  goes with the profile, moves from contoso_b"],
    );
    remove_agent(&server, "contoso_b", "ada@contoso.com");
    project
        .run(&["undo", "--env", "server", &undo, "--yes"])
        .ended(0);
}

/// An apply that takes a user out and changes the app is undone by the app that comes back.
#[test]
fn an_undo_judges_profiles_by_the_apps_that_come_back() {
    let server = Server::plain();
    let profile = |name: &str, app: &str, users: &str| {
        format!(
            "---\napiVersion: deskstate/v1\nkind: AppProfile\nmetadata: {{name: {name}}}\nspec: {{displayName: {name}, app: {app}, users: {users}}}\n"
        )
    };
    let (service, hub) = ("CustomerServiceApps", "OmnichannelEngagementHub");
    let other = profile("contoso_b", hub, "[ada@contoso.com, nora@contoso.com]");
    let before = profile("contoso_a", service, "[ada@contoso.com]") + &other;
    let project = Project::desk(&server, "", "", &before);
    project.apply();
    project.write(
        "manifests/all.yaml",
        &(profile("contoso_a", hub, "[]") + &other),
    );
    let apply = project.run(&[
        "apply",
        "--env",
        "server",
        "--yes",
        "--allow",
        "empty=AppProfile.users:1",
    ]);
    let undo = Project::undo_file(&apply.ended(0));
    project
        .run(&["undo", "--env", "server", &undo, "--yes"])
        .ended(0);
    project.write("manifests/all.yaml", &before);
    project
        .run(&["plan", "--env", "server", "--detailed-exitcode"])
        .ended(0);
}

/// What a row referred to before can be gone for good.
#[test]
fn an_undo_leaves_a_reference_to_a_row_that_was_deleted_since() {
    let server = Server::plain();
    let tab = |name: &str| {
        format!(
            "---\napiVersion: deskstate/v1\nkind: ApplicationTab\nmetadata: {{name: {name}}}\nspec: {{displayName: T, title: T, pageType: Search}}\n"
        )
    };
    let session = |anchor: &str, title: &str| {
        format!(
            "---\napiVersion: deskstate/v1\nkind: SessionTemplate\nmetadata: {{name: contoso_s}}\nspec: {{displayName: S, title: {title}, type: Generic, anchorTab: {anchor}}}\n"
        )
    };
    let tabs = tab("contoso_t") + &tab("contoso_u");
    let project = Project::desk(&server, "", "", &(session("contoso_t", "S") + &tabs));
    project.apply();
    project.write(
        "manifests/all.yaml",
        &(session("contoso_u", "Other") + &tabs),
    );
    let undo = Project::undo_file(&project.apply());
    let id = server.id(
        "msdyn_applicationtabtemplates",
        "msdyn_applicationtabtemplateid",
        "contoso_t",
    );
    server.delete(&format!("msdyn_applicationtabtemplates({id})"));
    let undone = project
        .run(&["undo", "--env", "server", &undo, "--yes"])
        .ended(0);
    says(
        &undone.err,
        &[
            "warning[undo-link]: `anchorTab` of msdyn_sessiontemplate `contoso_s` cannot be restored",
        ],
    );
    says(&undone.out, &["Other → S"]);
}
