//! What `apply --only-drift` leaves alone: what rules of `ignore` accept, and what the current manifests declare.

use serde_json::json;

use super::support::by_hand::{add_agent, make, remove_agent, users_of};
use super::support::{Project, Server, says};

/// Undeclared rows are drift, so reverting it deletes them.
const PRUNED: &str = "owns: {prefixes: [contoso]}\nprune: owned\ndrift: {undeclared: fail}";
const UNTIL: &str = "reason: a trial, until: 2999-01-01";

fn ignoring(rule: &str) -> String {
    format!("ignore: [{{{rule}, {UNTIL}}}]")
}

fn users(name: &str, users: &str) -> String {
    format!(
        "---\napiVersion: deskstate/v1\nkind: AppProfile\nmetadata: {{name: {name}}}\nspec: {{displayName: {name}, app: CustomerServiceApps, users: {users}}}\n"
    )
}

fn document(kind: &str, name: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: deskstate/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}\n"
    )
}

/// Moves an agent by hand to a new profile that no manifest declares.
fn move_to_new_profile(server: &Server, agent: &str, from: &str, to: &str) {
    let row = json!({
        "msdyn_uniquename": to, "msdyn_name": to, "msdyn_appmoduleuniquename": "CustomerServiceApps",
    });
    make(server, "msdyn_appconfigurations", &row);
    remove_agent(server, from, agent);
    add_agent(server, to, agent);
}

fn applied(spec: &str, manifests: &str) -> (Project, Server) {
    let server = Server::plain();
    let project = Project::desk(&server, spec, "", manifests);
    project.apply();
    project.commit_applied();
    (project, server)
}

fn delete(server: &Server, set: &str, key: &str, name: &str) {
    let id = server.id(set, key, name);
    server.delete(&format!("{set}({id})"));
}

#[test]
fn an_agent_whom_a_rule_leaves_in_a_profile_loses_none_with_it() {
    let manifests = users("contoso_c", "[ada@contoso.com, lin@contoso.com]")
        + &users("contoso_d", "[nora@contoso.com]")
        + "---\napiVersion: deskstate/v1\nkind: AppProfile\nmetadata: {name: contoso_old, state: absent}\n";
    let rule = ignoring("kind: AppProfile, name: contoso_c, fields: [users]");
    let spec = format!("{PRUNED}\n{rule}");
    let (project, server) = applied(&spec, &manifests);
    for name in ["contoso_tmp", "contoso_old"] {
        let row = json!({
            "msdyn_uniquename": name, "msdyn_name": name, "msdyn_appmoduleuniquename": "CustomerServiceApps",
        });
        make(&server, "msdyn_appconfigurations", &row);
        remove_agent(&server, "contoso_c", "ada@contoso.com");
        add_agent(&server, name, "ada@contoso.com");
        let run = project.revert_drift();
        says(
            &run.err,
            &[
                "[user-stays]",
                &format!("AppProfile {name} is not deleted, because `ada@contoso.com` stays in it"),
            ],
        );
        assert!(users_of(&server, name).contains("ada@contoso.com"));
        remove_agent(&server, name, "ada@contoso.com");
        add_agent(&server, "contoso_c", "ada@contoso.com");
    }
}

#[test]
fn an_agent_in_two_profiles_does_not_leave_both() {
    let manifests = users("contoso_c", "[ada@contoso.com, lin@contoso.com]")
        + &users("contoso_d", "[nora@contoso.com]")
        + &users("contoso_e", "[dev.agent1@contoso.com]");
    let rule = ignoring("kind: AppProfile, name: contoso_c, fields: [users]");
    let (project, server) = applied(&rule, &manifests);
    remove_agent(&server, "contoso_c", "ada@contoso.com");
    for profile in ["contoso_d", "contoso_e"] {
        add_agent(&server, profile, "ada@contoso.com");
    }
    says(&project.revert_drift().err, &["[user-stays]"]);
    let with_ada = ["contoso_d", "contoso_e"]
        .map(|profile| users_of(&server, profile).contains("ada@contoso.com"));
    assert_eq!(with_ada.iter().filter(|has| **has).count(), 1);
}

#[test]
fn a_user_who_moved_to_an_undeclared_profile_may_stay_there() {
    let manifests = users("contoso_c", "[ada@contoso.com, lin@contoso.com]")
        + &document(
            "ApplicationTab",
            "contoso_t",
            "{displayName: T, title: T, pageType: Search}",
        );
    let rule = ignoring("kind: AppProfile, name: contoso_c, fields: [users]");
    let (project, server) = applied(&rule, &manifests);
    let row = json!({
        "msdyn_uniquename": "fabrikam_tmp", "msdyn_name": "T", "msdyn_appmoduleuniquename": "CustomerServiceApps",
    });
    make(&server, "msdyn_appconfigurations", &row);
    remove_agent(&server, "contoso_c", "ada@contoso.com");
    add_agent(&server, "fabrikam_tmp", "ada@contoso.com");
    project.run(&["drift", "--env", "server"]).ended(0);
    let id = server.id(
        "msdyn_applicationtabtemplates",
        "msdyn_applicationtabtemplateid",
        "contoso_t",
    );
    server.patch(
        &format!("msdyn_applicationtabtemplates({id})"),
        "{\"msdyn_title\": \"By hand\"}",
    );
    project.revert_drift().ended(0);
    assert!(users_of(&server, "fabrikam_tmp").contains("ada@contoso.com"));
    project.run(&["drift", "--env", "server"]).ended(0);
}

#[test]
fn what_refers_to_a_row_that_may_be_missing_is_reverted_without_it() {
    let tool = document(
        "PaneTool",
        "contoso_tool",
        "{displayName: T, controlName: contoso_control}",
    );
    let pane = document(
        "ProductivityPane",
        "contoso_pane",
        "{displayName: P, tools: [{tool: contoso_tool}]}",
    );
    let rule = ignoring("kind: PaneTool, name: contoso_tool");
    let (project, server) = applied(&rule, &(tool + &pane));
    delete(
        &server,
        "msdyn_panetoolconfigurations",
        "msdyn_panetoolconfigurationid",
        "contoso_tool",
    );
    let id = server.id(
        "msdyn_paneconfigurations",
        "msdyn_paneconfigurationid",
        "contoso_pane",
    );
    server.patch(
        &format!("msdyn_paneconfigurations({id})"),
        "{\"msdyn_name\": \"By hand\"}",
    );
    says(
        &project.revert_drift().ended(0).out,
        &["displayName", "By hand"],
    );

    // A row that would be another one without the reference stays missing, too.
    let tab = document(
        "ApplicationTab",
        "contoso_t",
        "{displayName: T, title: T, pageType: Search}",
    );
    let session = document(
        "SessionTemplate",
        "contoso_s",
        "{displayName: S, title: S, type: Generic, anchorTab: contoso_t}",
    );
    let rule = ignoring("kind: ApplicationTab, name: contoso_t");
    let (project, server) = applied(&rule, &(tab + &session));
    delete(
        &server,
        "msdyn_sessiontemplates",
        "msdyn_sessiontemplateid",
        "contoso_s",
    );
    delete(
        &server,
        "msdyn_applicationtabtemplates",
        "msdyn_applicationtabtemplateid",
        "contoso_t",
    );
    project.revert_drift().ended(0);
    let rows = server
        .get("/api/data/v9.2/msdyn_sessiontemplates?$filter=msdyn_uniquename%20eq%20'contoso_s'");
    assert_eq!(rows["value"], json!([]));
}

#[test]
fn a_part_that_is_made_again_has_every_value() {
    let script = document(
        "AgentScript",
        "contoso_sc",
        "{displayName: S, language: 1033, steps: [{name: contoso_greet, displayName: Greet, text: Hello}, {name: contoso_end, displayName: End, text: Bye}]}",
    );
    let rule = ignoring(
        "kind: AgentScript, name: contoso_sc, fields: [steps.contoso_greet.text, steps.contoso_end.text]",
    );
    let (project, server) = applied(&rule, &script);
    let (set, key) = (
        "msdyn_productivityagentscriptsteps",
        "msdyn_productivityagentscriptstepid",
    );
    let end = server.id(set, key, "contoso_end");
    server.patch(
        &format!("{set}({end})"),
        "{\"msdyn_textinstruction\": \"Tuned\"}",
    );
    delete(&server, set, key, "contoso_greet");
    project.revert_drift().ended(0);
    let text = |name: &str| {
        let rows = server.get(&format!(
            "/api/data/v9.2/{set}?$filter=msdyn_uniquename%20eq%20'{name}'"
        ));
        rows["value"][0]["msdyn_textinstruction"].clone()
    };
    assert_eq!(
        [text("contoso_greet"), text("contoso_end")],
        ["Hello", "Tuned"]
    );
}

#[test]
fn lines_of_a_template_that_may_be_missing_are_not_pruned() {
    let template = |name: &str| {
        document(
            "NotificationTemplate",
            name,
            "{displayName: N, title: N, fields: [{header: Call, value: x}]}",
        )
    };
    let rule = ignoring("kind: NotificationTemplate, name: contoso_one");
    let spec = format!("{PRUNED}\n{rule}");
    let (project, server) = applied(&spec, &(template("contoso_one") + &template("contoso_two")));
    delete(
        &server,
        "msdyn_notificationtemplates",
        "msdyn_notificationtemplateid",
        "contoso_one",
    );
    let run = project.revert_drift().ended(0);
    assert!(!run.err.contains("pruned"), "{}", run.err);
    server.id(
        "msdyn_notificationfields",
        "msdyn_notificationfieldid",
        "contoso_one_call",
    );
}

#[test]
fn a_line_that_the_current_manifests_declare_is_not_deleted() {
    let template = |fields: &str| {
        document(
            "NotificationTemplate",
            "contoso_n",
            &format!("{{displayName: N, title: N, fields: [{{header: Call, value: x}}{fields}]}}"),
        )
    };
    let line = document(
        "NotificationField",
        "contoso_line",
        "{displayName: L, header: L, value: l}",
    );
    let (project, _server) = applied("", &template(""));
    project.write(
        "manifests/all.yaml",
        &(template(", {shared: contoso_line}") + &line),
    );
    project.apply();
    project.git(&["add", "-A"]);
    project.git(&["commit", "-q", "-m", "line"]);
    project.revert_drift();
    project.run(&["plan", "--env", "server"]).ended(0);
    let plan = project.run(&["plan", "--env", "server"]).ended(0);
    assert!(!plan.out.contains("+ NotificationField"), "{}", plan.out);
}

#[test]
fn pruning_a_template_leaves_its_protected_lines() {
    let template = document(
        "NotificationTemplate",
        "contoso_n",
        "{displayName: N, title: N, fields: [{header: Call, value: x}]}",
    );
    let other = document(
        "ApplicationTab",
        "contoso_t",
        "{displayName: T, title: T, pageType: Search}",
    );
    let keep = document(
        "NotificationTemplate",
        "contoso_k",
        "{displayName: K, title: K}",
    );
    let spec = "owns: {prefixes: [contoso]}\nprune: owned\nprotect: [NotificationField/contoso_*]";
    let (project, server) = applied(spec, &(template + &other + &keep));
    project.write("manifests/all.yaml", &(other + &keep));
    project.apply();
    server.id(
        "msdyn_notificationfields",
        "msdyn_notificationfieldid",
        "contoso_n_call",
    );
    let rows = server.get(
        "/api/data/v9.2/msdyn_notificationtemplates?$filter=msdyn_uniquename%20eq%20'contoso_n'",
    );
    assert_eq!(rows["value"], json!([]));
}

/// The first plan has an error, so it prunes nothing that a rule could keep.
#[test]
fn what_a_rule_keeps_from_pruning_stays_beside_an_obstacle_that_another_rule_accepts() {
    let manifests = users("contoso_c", "[ada@contoso.com, lin@contoso.com]");
    let spec = format!(
        "{PRUNED}\nignore: [{{kind: AppProfile, name: contoso_c, fields: [users], {UNTIL}}}, {{kind: ApplicationTab, name: contoso_hand, {UNTIL}}}]"
    );
    let (project, server) = applied(&spec, &manifests);
    let tab = json!({"msdyn_uniquename": "contoso_hand", "msdyn_name": "H", "msdyn_title": "H", "msdyn_pagetype": 509180003});
    make(&server, "msdyn_applicationtabtemplates", &tab);
    move_to_new_profile(&server, "ada@contoso.com", "contoso_c", "fabrikam_tmp");
    project.run(&["drift", "--env", "server"]).ended(0);
    let run = project.revert_drift().ended(0);
    says(&run.out, &["ApplicationTab contoso_hand stays: accepted"]);
    server.id(
        "msdyn_applicationtabtemplates",
        "msdyn_applicationtabtemplateid",
        "contoso_hand",
    );
}

#[test]
fn a_profile_that_stays_for_its_agent_keeps_what_it_shows() {
    let manifests = users(
        "contoso_c",
        "{mode: exact, moves: allow, members: [ada@contoso.com, lin@contoso.com]}",
    ) + &document(
        "SessionTemplate",
        "contoso_other",
        "{displayName: O, title: O, type: Generic, anchorTab: contoso_t}",
    ) + &document(
        "ApplicationTab",
        "contoso_t",
        "{displayName: T, title: T, pageType: Search}",
    );
    let rule = ignoring("kind: AppProfile, name: contoso_c, fields: [users]");
    let spec = format!("{PRUNED}\n{rule}");
    let (project, server) = applied(&spec, &manifests);
    move_to_new_profile(&server, "ada@contoso.com", "contoso_c", "contoso_tmp");
    super::support::by_hand::session(&server, "contoso_hs");
    let profile = server.id(
        "msdyn_appconfigurations",
        "msdyn_appconfigurationid",
        "contoso_tmp",
    );
    let session = server.id(
        "msdyn_sessiontemplates",
        "msdyn_sessiontemplateid",
        "contoso_hs",
    );
    super::support::by_hand::link(
        &server,
        &format!("msdyn_appconfigurations({profile})"),
        "msdyn_appconfiguration_sessiontemplate",
        &format!("msdyn_sessiontemplates({session})"),
    );
    let run = project.revert_drift();
    says(&run.err, &["[user-stays]", "[kept-in-use]"]);
    server.id(
        "msdyn_sessiontemplates",
        "msdyn_sessiontemplateid",
        "contoso_hs",
    );
}

#[test]
fn drift_and_its_reversal_agree_on_what_follows_from_a_row_that_may_be_missing() {
    let tab = document(
        "ApplicationTab",
        "contoso_t",
        "{displayName: T, title: T, pageType: Search}",
    );
    let session = document(
        "SessionTemplate",
        "contoso_s",
        "{displayName: S, title: S, type: Generic, anchorTab: contoso_t}",
    );
    let profile = document(
        "AppProfile",
        "contoso_p",
        "{displayName: P, app: CustomerServiceApps, sessionTemplates: [contoso_s]}",
    );
    let rule = ignoring("kind: ApplicationTab, name: contoso_t");
    let (project, server) = applied(&rule, &(tab + &session + &profile));
    for (set, key, name) in [
        (
            "msdyn_sessiontemplates",
            "msdyn_sessiontemplateid",
            "contoso_s",
        ),
        (
            "msdyn_applicationtabtemplates",
            "msdyn_applicationtabtemplateid",
            "contoso_t",
        ),
    ] {
        delete(&server, set, key, name);
    }
    let drift = project.run(&["drift", "--env", "server"]).ended(0);
    says(&drift.out, &["refers to ApplicationTab contoso_t"]);
    let run = project.revert_drift().ended(0);
    assert!(!run.out.contains("Created"), "{}", run.out);
}

/// A rule about a value says nothing about a part that is gone.
#[test]
fn a_missing_part_is_drift_although_a_rule_accepts_its_values() {
    let manifests = document(
        "PaneTool",
        "contoso_a",
        "{displayName: T, controlName: contoso_c}",
    ) + &document(
        "ProductivityPane",
        "contoso_pane",
        "{displayName: P, tools: [{tool: contoso_a}]}",
    );
    let rule = ignoring(
        "kind: ProductivityPane, name: contoso_pane, fields: [tools.contoso_a.enabled, tools.contoso_a.order]",
    );
    let (project, server) = applied(&rule, &manifests);
    delete(
        &server,
        "msdyn_panetabconfigurations",
        "msdyn_panetabconfigurationid",
        "contoso_a_contoso_pane_pane_tab",
    );
    project.run(&["drift", "--env", "server"]).ended(2);
    project.revert_drift().ended(0);
    project.run(&["drift", "--env", "server"]).ended(0);
}

#[test]
fn a_step_without_the_script_that_it_runs_is_not_made() {
    let script = |name: &str, steps: &str| {
        document(
            "AgentScript",
            name,
            &format!("{{displayName: S, language: 1033, steps: [{steps}]}}"),
        )
    };
    let manifests = script(
        "contoso_other",
        "{displayName: A, name: contoso_a, text: x}",
    ) + &script(
        "contoso_sc",
        "{displayName: B, name: contoso_b, text: x}, {displayName: Go, name: contoso_go, script: contoso_other}",
    );
    let rule = ignoring("kind: AgentScript, name: contoso_other");
    let (project, server) = applied(&rule, &manifests);
    let (set, key) = (
        "msdyn_productivityagentscriptsteps",
        "msdyn_productivityagentscriptstepid",
    );
    delete(&server, set, key, "contoso_go");
    delete(
        &server,
        "msdyn_productivityagentscripts",
        "msdyn_productivityagentscriptid",
        "contoso_other",
    );
    project.revert_drift().ended(0);
    let rows = server.get(&format!(
        "/api/data/v9.2/{set}?$filter=msdyn_uniquename%20eq%20'contoso_go'"
    ));
    assert_eq!(rows["value"], json!([]));
}

/// `existing` rows are missing as an obstacle, not as a change.
#[test]
fn what_refers_to_an_existing_row_that_may_be_missing_stays_missing_too() {
    let session = |name: &str, anchor: &str| {
        document(
            "SessionTemplate",
            name,
            &format!("{{displayName: S, title: S, type: Generic, anchorTab: {anchor}}}"),
        )
    };
    let tab = |name: &str| {
        document(
            "ApplicationTab",
            name,
            "{displayName: T, title: T, pageType: Search}",
        )
    };
    let existing = "---\napiVersion: deskstate/v1\nkind: ApplicationTab\nmetadata: {name: contoso_ext, state: existing}\n";
    let rule = ignoring("kind: ApplicationTab, name: contoso_ext");
    let server = Server::plain();
    let row = json!({"msdyn_uniquename": "contoso_ext", "msdyn_name": "E", "msdyn_title": "E", "msdyn_pagetype": 509180003});
    make(&server, "msdyn_applicationtabtemplates", &row);
    let manifests = session("contoso_s", "contoso_ext")
        + &session("contoso_k", "contoso_t")
        + &tab("contoso_t")
        + existing;
    let project = Project::desk(&server, &rule, "", &manifests);
    project.apply();
    project.commit_applied();
    for (set, key, name) in [
        (
            "msdyn_sessiontemplates",
            "msdyn_sessiontemplateid",
            "contoso_s",
        ),
        (
            "msdyn_applicationtabtemplates",
            "msdyn_applicationtabtemplateid",
            "contoso_ext",
        ),
    ] {
        delete(&server, set, key, name);
    }
    project.run(&["drift", "--env", "server"]).ended(0);
    let run = project.revert_drift().ended(0);
    assert!(!run.out.contains("Created"), "{}", run.out);
}

/// A rule about an item accepts that it is missing, not that somebody added it.
#[test]
fn an_item_that_somebody_added_is_drift_and_goes() {
    let script = document(
        "AgentScript",
        "contoso_sc",
        "{displayName: S, language: 1033, steps: [{displayName: A, name: contoso_a, text: x}]}",
    );
    let rule = ignoring("kind: AgentScript, name: contoso_sc, fields: [steps.contoso_hand]");
    let (project, server) = applied(&rule, &script);
    let id = server.id(
        "msdyn_productivityagentscripts",
        "msdyn_productivityagentscriptid",
        "contoso_sc",
    );
    let step = json!({
        "msdyn_uniquename": "contoso_hand", "msdyn_name": "H", "msdyn_order": 2, "msdyn_actiontype": 192_350_000,
        "msdyn_textinstruction": "x", "msdyn_agentscriptid@odata.bind": format!("/msdyn_productivityagentscripts({id})"),
    });
    make(&server, "msdyn_productivityagentscriptsteps", &step);
    project.run(&["drift", "--env", "server"]).ended(2);
    project.revert_drift().ended(0);
    project.run(&["drift", "--env", "server"]).ended(0);
}

/// Where only assignments are written, a profile does not go to another app.
#[test]
fn a_change_of_the_app_that_is_not_written_moves_nobody() {
    let server = Server::plain();
    let app = |name: &str, app: &str, users: &str| {
        document(
            "AppProfile",
            name,
            &format!(
                "{{displayName: {name}, app: {app}, users: {{mode: atLeast, members: [{users}]}}}}"
            ),
        )
    };
    let (service, hub) = ("CustomerServiceApps", "OmnichannelEngagementHub");
    let all = |one: &str, more: &str| {
        app("contoso_a", one, "ada@contoso.com")
            + &app("contoso_b", hub, "nora@contoso.com")
            + &app(
                "contoso_c",
                service,
                &format!("dev.agent1@contoso.com{more}"),
            )
    };
    let project = Project::desk(&server, "", "", &all(service, ""));
    project.apply();
    add_agent(&server, "contoso_b", "ada@contoso.com");
    project.edit(
        "deskstate.yaml",
        "      url:",
        "      writes: assignments\n      url:",
    );
    project.write("manifests/all.yaml", &all(hub, ", lin@contoso.com"));
    project.apply();
    let all_there = || {
        for (profile, user) in [
            ("contoso_a", "ada@contoso.com"),
            ("contoso_b", "ada@contoso.com"),
            ("contoso_c", "lin@contoso.com"),
        ] {
            assert!(users_of(&server, profile).contains(user), "{profile}");
        }
    };
    all_there();
    // The other half of the move, in the same commit.
    let text = project.read("manifests/all.yaml");
    let text = text.replace(
        "{mode: atLeast, members: [nora@contoso.com]}",
        "[nora@contoso.com]",
    );
    project.write("manifests/all.yaml", &text);
    says(
        &project.apply().err,
        &["[user-stays]", "is still in another app"],
    );
    all_there();
}

#[test]
fn a_line_whose_link_may_be_missing_is_not_linked_again() {
    let line = document(
        "NotificationField",
        "contoso_f",
        "{displayName: F, header: F, value: f}",
    );
    let template = document(
        "NotificationTemplate",
        "contoso_n",
        "{displayName: N, title: N, fields: [{header: Call, value: x}, {shared: contoso_f}]}",
    );
    let rule = ignoring("kind: NotificationTemplate, name: contoso_n, fields: [fields.contoso_f]");
    let (project, server) = applied(&rule, &(line + &template));
    let template = server.id(
        "msdyn_notificationtemplates",
        "msdyn_notificationtemplateid",
        "contoso_n",
    );
    let field = server.id(
        "msdyn_notificationfields",
        "msdyn_notificationfieldid",
        "contoso_f",
    );
    let relation = "msdyn_notificationtemplate_notificationfield";
    server.delete(&format!(
        "msdyn_notificationtemplates({template})/{relation}({field})/$ref"
    ));
    project.run(&["drift", "--env", "server"]).ended(0);
    let run = project.revert_drift().ended(0);
    assert!(!run.out.contains("+ contoso_f"), "{}", run.out);
    project.run(&["drift", "--env", "server"]).ended(0);
}
