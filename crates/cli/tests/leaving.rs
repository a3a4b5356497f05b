//! Agents who lose their desktop or a softphone by a plan, in ways that are neither a deletion nor a removal from a set.

use serde_json::json;

use super::support::by_hand::{self, add_agent, link, remove_agent};
use super::support::{Project, Run, Server, says};

const PLAN: [&str; 3] = ["plan", "--env", "server"];
const REFUSED: i32 = 4;
const BLOCKED: i32 = 1;

fn desk(server: &Server, spec: &str, manifests: &str) -> Project {
    let project = Project::desk(server, spec, "", manifests);
    project.apply();
    project
}

fn plans(project: &Project, manifests: &str) -> Run {
    project.write("manifests/all.yaml", manifests);
    project.run(&PLAN)
}

fn in_sync(project: &Project) {
    let whole = ["plan", "--env", "server", "--detailed-exitcode"];
    project.run(&whole).ended(0);
}

fn profile(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: deskstate/v1\nkind: AppProfile\nmetadata: {{name: contoso_{name}}}\nspec:\n  displayName: {name}\n{spec}"
    )
}

const SERVICE: &str = "  app: CustomerServiceApps\n";
const OTHER_APP: &str = "  app: contoso_sales\n";

#[test]
fn roles_and_apps_that_a_provider_loses_count_as_removals() {
    let server = Server::plain();
    let provider = |roles: &str| {
        format!(
            "apiVersion: deskstate/v1\nkind: CifProvider\nmetadata: {{name: Contoso softphone}}\nspec:\n  label: Softphone\n  channelUrl: https://softphone.example\n  channelOrder: 1\n  apps: [CustomerServiceHub]\n  roles: [{roles}]\n"
        )
    };
    let project = desk(
        &server,
        "removals: {maxAgents: 1}",
        &provider("Basic User, Omnichannel agent, Omnichannel supervisor"),
    );
    let refused = plans(&project, &provider("Basic User")).ended(REFUSED);
    says(
        &refused.err,
        &[
            "error[removals]",
            "takes out 2 of `CifProvider.roles`",
            "the number of affected agents is unknown",
            "--allow unlink=CifProvider.roles:2",
        ],
    );
    plans(
        &project,
        &provider("Basic User, Omnichannel agent, Omnichannel supervisor, CSR Manager"),
    )
    .ended(0);
}

#[test]
fn a_role_mapping_that_gets_another_role_is_a_removal_and_the_first_role_can_come_back() {
    let server = Server::plain();
    let roles = |roles: &str| profile("p", &format!("{SERVICE}  roles: [{roles}]\n"));
    let project = desk(
        &server,
        "",
        &roles("Omnichannel agent, Omnichannel supervisor"),
    );
    let another = "{role: Basic User, name: contoso_p_omnichannelSupervisor}, Omnichannel agent";
    let refused = plans(&project, &roles(another)).ended(REFUSED);
    says(
        &refused.err,
        &["error[removals]", "--allow delete=AppProfile.roles:1"],
    );
    let allow = [
        "apply",
        "--env",
        "server",
        "--yes",
        "--allow",
        "delete=AppProfile.roles:1",
    ];
    project.run(&allow).ended(0);
    in_sync(&project);
    // Its row is the one of the other role now.
    let back = format!("{another}, {{role: Omnichannel supervisor, name: contoso_p_second}}");
    project.write("manifests/all.yaml", &roles(&back));
    project.apply();
    in_sync(&project);
}

#[test]
fn who_moves_to_a_profile_that_is_switched_off_loses_the_desktop() {
    let server = Server::plain();
    let users = |users: &str| format!("{SERVICE}  users: [{users}]\n");
    let all = "ada@contoso.com, lin@contoso.com, nora@contoso.com";
    let project = desk(
        &server,
        "removals: {maxAgents: 1}",
        &profile("a", &users(all)),
    );
    let moved = |status: &str| {
        let to = format!("{status}{}", users("lin@contoso.com, nora@contoso.com"));
        format!(
            "{}---\n{}",
            profile("a", &users("ada@contoso.com")),
            profile("z", &to)
        )
    };
    plans(&project, &moved("")).ended(0);
    let refused = plans(&project, &moved("  status: Inactive\n")).ended(REFUSED);
    says(&refused.err, &["error[removals]", "2 agents are reached"]);
}

#[test]
fn a_profile_that_goes_to_another_app_takes_the_desktop_from_its_agents() {
    let server = Server::plain();
    let users = "  users: [ada@contoso.com, lin@contoso.com]\n";
    let project = desk(
        &server,
        "removals: {maxAgents: 1}",
        &profile("a", &format!("{SERVICE}{users}")),
    );
    let refused = plans(&project, &profile("a", &format!("{OTHER_APP}{users}"))).ended(REFUSED);
    says(
        &refused.err,
        &[
            "error[removals]",
            "2 agents are reached",
            "--allow deactivate=AppProfile:1",
        ],
    );
}

#[test]
fn users_wait_for_what_their_profile_is_to_become() {
    let server = Server::plain();
    let users = |users: &str| format!("  users: [{users}]\n");
    let set = |a: &str, b: &str, c: &str| {
        let documents = [
            profile("a", &format!("{SERVICE}{}", users(a))),
            profile("b", b),
            profile("c", c),
        ];
        documents.join("---\n")
    };
    let ada = "ada@contoso.com";
    let both = "ada@contoso.com, nora@contoso.com";
    let b = format!("{OTHER_APP}  users: [lin@contoso.com]\n");
    let c = format!("{SERVICE}  status: Inactive\n{}", users(""));
    let project = Project::desk(&server, "", "", &set(both, &b, &c));
    project.apply();
    project.edit(
        "deskstate.yaml",
        "      url:",
        "      writes: assignments\n      url:",
    );
    for (b, c) in [
        (
            format!("{SERVICE}{}", users("lin@contoso.com, nora@contoso.com")),
            c.clone(),
        ),
        (
            b.clone(),
            format!("{SERVICE}  status: Active\n{}", users("nora@contoso.com")),
        ),
    ] {
        project.write("manifests/all.yaml", &set(ada, &b, &c));
        project.run(&["apply", "--env", "server", "--yes"]);
        let who = project.run(&["who", "nora@contoso.com", "--env", "server"]);
        says(&who.out, &["contoso_a"]);
        let users = by_hand::users_of(&server, "contoso_a");
        assert!(users.contains("nora@contoso.com"), "{users}");
    }
}

/// The document of the profile says another app than the environment, and the selection does not write it.
#[test]
fn the_app_of_a_profile_that_a_selection_leaves_out_is_the_one_in_the_environment() {
    let server = Server::plain();
    let users = |users: &str| format!("  users: [{users}]\n");
    let project = desk(
        &server,
        "",
        &format!(
            "{}---\n{}",
            profile("a", &format!("{SERVICE}{}", users("ada@contoso.com"))),
            profile("b", &format!("{SERVICE}{}", users("lin@contoso.com")))
        ),
    );
    project.write(
        "manifests/all.yaml",
        &format!(
            "{}---\n{}",
            profile(
                "a",
                &format!("{SERVICE}{}", users("ada@contoso.com, lin@contoso.com"))
            ),
            profile("b", &format!("{OTHER_APP}{}", users("lin@contoso.com")))
        ),
    );
    let run = project.run(&["apply", "--env", "server", "--yes", "AppProfile/contoso_a"]);
    let has = |name: &str| by_hand::users_of(&server, name).contains("lin@contoso.com");
    assert!(
        !(has("contoso_a") && has("contoso_b")),
        "{}{}",
        run.out,
        run.err
    );
}

#[test]
fn a_line_that_an_unselected_template_still_shows_is_not_taken_from_it() {
    let server = Server::plain();
    let template = |name: &str, fields: &str| {
        format!(
            "apiVersion: deskstate/v1\nkind: NotificationTemplate\nmetadata: {{name: contoso_{name}}}\nspec:\n  displayName: {name}\n  title: T\n  fields: [{fields}]\n"
        )
    };
    let line = |value: &str| format!("{{header: Num, name: contoso_nff, value: '{value}'}}");
    let project = desk(
        &server,
        "policy: {slug: allow}",
        &format!(
            "{}---\n{}",
            template("na", &line("{a}")),
            template("nb", "{header: X, value: '{x}'}")
        ),
    );
    project.write(
        "manifests/all.yaml",
        &format!(
            "{}---\n{}",
            template("na", "{header: Other, value: '{o}'}"),
            template("nb", &line("{b}"))
        ),
    );
    let part = project
        .run(&["plan", "--env", "server", "NotificationTemplate/contoso_nb"])
        .ended(BLOCKED);
    says(&part.err, &["error[part-elsewhere]", "contoso_na"]);
    project.run(&PLAN).ended(0);
}

#[test]
fn an_undo_deletes_nothing_that_something_else_uses_since() {
    let server = Server::plain();
    let template = |name: &str, fields: &str| {
        format!(
            "apiVersion: deskstate/v1\nkind: NotificationTemplate\nmetadata: {{name: contoso_{name}}}\nspec:\n  displayName: {name}\n  title: T\n  fields: [{fields}]\n"
        )
    };
    let tab = "apiVersion: deskstate/v1\nkind: ApplicationTab\nmetadata: {name: contoso_uat}\nspec:\n  displayName: T\n  title: T\n  pageType: Search\n";
    let project = desk(&server, "policy: {slug: allow}", &template("other", ""));
    project.write(
        "manifests/all.yaml",
        &format!(
            "{}---\n{}---\n{tab}",
            template("other", ""),
            template(
                "un",
                "{header: Number, name: contoso_un_number, value: '{phone}'}"
            )
        ),
    );
    let undo = Project::undo_file(&project.apply());
    let key = |set: &str, key: &str, name: &str| server.id(set, key, name);
    let line = key(
        "msdyn_notificationfields",
        "msdyn_notificationfieldid",
        "contoso_un_number",
    );
    let other = key(
        "msdyn_notificationtemplates",
        "msdyn_notificationtemplateid",
        "contoso_other",
    );
    link(
        &server,
        &format!("msdyn_notificationtemplates({other})"),
        "msdyn_notificationtemplate_notificationfield",
        &format!("msdyn_notificationfields({line})"),
    );
    let refused = project.run(&["undo", "--env", "server", "--yes", &undo]);
    assert_ne!(refused.code, Some(0), "{}", refused.out);
    says(
        &refused.err,
        &["error[undo-changed]", "contoso_un_number", "contoso_other"],
    );
    let links = "msdyn_notificationtemplate_notificationfield";
    server.delete(&format!(
        "msdyn_notificationtemplates({other})/{links}({line})/$ref"
    ));
    // A lookup of another row.
    let session = by_hand::session(&server, "alex_s");
    let tab = key(
        "msdyn_applicationtabtemplates",
        "msdyn_applicationtabtemplateid",
        "contoso_uat",
    );
    server.patch(
        &format!("msdyn_sessiontemplates({session})"),
        &json!({"msdyn_anchortab@odata.bind": format!("/msdyn_applicationtabtemplates({tab})")})
            .to_string(),
    );
    let refused = project.run(&["undo", "--env", "server", "--yes", &undo]);
    assert_eq!(
        refused.code,
        Some(REFUSED),
        "{}{}",
        refused.out,
        refused.err
    );
    says(&refused.err, &["error[still-referenced]", "alex_s"]);
}

#[test]
fn a_user_in_a_profile_with_accepted_users_stays_there_and_the_rest_is_reverted() {
    let server = Server::plain();
    let users = |mode: &str, users: &str| {
        format!("{SERVICE}  users: {{mode: exact{mode}, members: [{users}]}}\n")
    };
    let documents = |mode: &str| {
        format!(
            "{}---\n{}",
            profile("a", &users(mode, "ada@contoso.com, lin@contoso.com")),
            profile("b", &users("", "nora@contoso.com"))
        )
    };
    for mode in ["", ", moves: allow"] {
        let project = desk(&server, "", &documents(mode));
        project.commit_applied();
        remove_agent(&server, "contoso_a", "ada@contoso.com");
        remove_agent(&server, "contoso_a", "lin@contoso.com");
        add_agent(&server, "contoso_b", "ada@contoso.com");
        project.edit(
            "deskstate.yaml",
            "  environments:\n",
            "  ignore:\n  - {kind: AppProfile, name: contoso_b, fields: [users], reason: r, until: 2999-01-01}\n  environments:\n",
        );
        let apply = project.revert_drift().ended(1);
        says(
            &(apply.err + &apply.out),
            &[
                "ada@contoso.com",
                "stays in the profile `contoso_b`",
                "+ lin@contoso.com",
            ],
        );
        remove_agent(&server, "contoso_b", "ada@contoso.com");
    }
}

#[test]
fn a_profile_that_is_off_takes_nobody_from_a_profile_of_others() {
    let server = Server::plain();
    let users = "ada@contoso.com, lin@contoso.com, nora@contoso.com";
    let set = |spec: &str| format!("{SERVICE}  users: {{mode: exact, {spec}members: [{users}]}}\n");
    let project = desk(
        &server,
        "removals: {maxAgents: 1}",
        &profile("old", &set("")),
    );
    let new = |status: &str| profile("new", &format!("{status}{}", set("moves: allow, ")));
    plans(&project, &new("")).ended(0);
    let refused = plans(&project, &new("  status: Inactive\n")).ended(REFUSED);
    says(&refused.err, &["error[removals]", "3 agents are reached"]);
}

#[test]
fn switching_off_what_nobody_can_count_the_agents_of_needs_an_override() {
    let server = Server::plain();
    let provider = |status: &str| {
        format!(
            "apiVersion: deskstate/v1\nkind: CifProvider\nmetadata: {{name: Contoso softphone}}\nspec:\n  label: Softphone\n  channelUrl: https://softphone.example\n  channelOrder: 1\n  apps: [CustomerServiceHub]\n  roles: [Basic User]\n  status: {status}\n"
        )
    };
    let project = desk(&server, "", &provider("Active"));
    let refused = plans(&project, &provider("Inactive")).ended(REFUSED);
    says(
        &refused.err,
        &[
            "error[removals]",
            "the number of affected agents is unknown",
            "--allow deactivate=CifProvider:1",
        ],
    );
}

/// `writes: assignments`: the app or the status of the profile comes with a solution.
#[test]
fn a_held_profile_keeps_its_users_from_a_second_one_but_not_from_leaving() {
    let server = Server::plain();
    let users = |users: &str| format!("  users: [{users}]\n");
    let set = |a: &str, b: &str| {
        format!(
            "{}---\n{}",
            profile("a", &format!("{SERVICE}{}", users(a))),
            profile("b", b)
        )
    };
    let (lin, nora) = ("lin@contoso.com", "nora@contoso.com");
    let both = format!("{SERVICE}{}", users("lin@contoso.com, nora@contoso.com"));
    let project = desk(&server, "", &set("ada@contoso.com", &both));
    project.edit(
        "deskstate.yaml",
        "      url:",
        "      writes: assignments\n      url:",
    );
    let members = |name: &str| by_hand::users_of(&server, name);
    // Lin stays in the profile that is to go to another app, and gets one of the app that it still has.
    let moved = format!("{OTHER_APP}{}", users("lin@contoso.com, nora@contoso.com"));
    project.write(
        "manifests/all.yaml",
        &set("ada@contoso.com, lin@contoso.com", &moved),
    );
    project.run(&["apply", "--env", "server", "--yes"]);
    assert!(!members("contoso_a").contains(lin));
    // Nora leaves a profile that somebody switched off for one that works.
    let b = server.id(
        "msdyn_appconfigurations",
        "msdyn_appconfigurationid",
        "contoso_b",
    );
    server.patch(
        &format!("msdyn_appconfigurations({b})"),
        "{\"statecode\":1,\"statuscode\":2}",
    );
    let off = format!("{SERVICE}  status: Active\n{}", users(lin));
    project.write(
        "manifests/all.yaml",
        &set("ada@contoso.com, nora@contoso.com", &off),
    );
    project.run(&["apply", "--env", "server", "--yes"]);
    assert!(
        members("contoso_a").contains(nora),
        "{}",
        members("contoso_a")
    );
    assert!(!members("contoso_b").contains(nora));
}

#[test]
fn what_comes_switched_off_leaves_a_set_empty() {
    let server = Server::plain();
    let session = |name: &str, status: &str| {
        format!(
            "apiVersion: deskstate/v1\nkind: SessionTemplate\nmetadata: {{name: contoso_{name}}}\nspec: {{displayName: S, title: S, type: Generic, anchorTab: contoso_tab{status}}}\n---\n"
        )
    };
    let tab = "apiVersion: deskstate/v1\nkind: ApplicationTab\nmetadata: {name: contoso_tab}\nspec: {displayName: T, title: T, pageType: Search}\n---\n";
    let manifests = |status: &str, member: &str| {
        format!(
            "{tab}{}{}{}",
            session("s", ""),
            session("r", status),
            profile(
                "p",
                &format!("{SERVICE}  sessionTemplates: [contoso_{member}]\n")
            )
        )
    };
    let project = desk(&server, "", &manifests("", "s"));
    plans(&project, &manifests("", "r")).ended(0);
    let refused = plans(&project, &manifests(", status: Inactive", "r")).ended(REFUSED);
    says(
        &refused.err,
        &[
            "error[set-emptied]",
            "--allow empty=AppProfile.sessionTemplates:1",
        ],
    );
}

/// The mirror of the case before: the rule accepts that the user is gone there.
#[test]
fn a_user_who_came_from_a_profile_with_accepted_users_is_not_left_without_one() {
    let server = Server::plain();
    let users = |users: &str| format!("{SERVICE}  users: {{mode: exact, members: [{users}]}}\n");
    let project = desk(
        &server,
        "",
        &format!(
            "{}---\n{}",
            profile("a", &users("ada@contoso.com")),
            profile("b", &users("nora@contoso.com"))
        ),
    );
    project.commit_applied();
    remove_agent(&server, "contoso_b", "nora@contoso.com");
    add_agent(&server, "contoso_a", "nora@contoso.com");
    add_agent(&server, "contoso_a", "lin@contoso.com");
    project.edit(
        "deskstate.yaml",
        "  environments:\n",
        "  ignore:\n  - {kind: AppProfile, name: contoso_b, fields: [users], reason: r, until: 2999-01-01}\n  environments:\n",
    );
    let apply = project.revert_drift().ended(1);
    says(&apply.out, &["− lin@contoso.com"]);
    says(
        &apply.err,
        &["`nora@contoso.com` stays in AppProfile contoso_a"],
    );
    let who = project.run(&["who", "nora@contoso.com", "--env", "server"]);
    says(&who.out, &["contoso_a"]);
}

#[test]
fn a_user_leaves_only_if_the_profile_that_declares_the_user_has_or_gets_the_user() {
    let server = Server::plain();
    let users = |users: &str| format!("{SERVICE}  users: {{mode: exact, members: [{users}]}}\n");
    let manifests = format!(
        "{}---\n{}",
        profile("a", &users("ada@contoso.com")),
        profile("b", &users("nora@contoso.com, lin@contoso.com"))
    );
    let project = desk(&server, "", &manifests);
    project.commit_applied();
    let accepts = |rule: &str| {
        let rule =
            format!("  ignore:\n  - {{{rule}, reason: r, until: 2999-01-01}}\n  environments:\n");
        project.edit("deskstate.yaml", "  environments:\n", &rule);
    };
    // The user is still in the profile with the accepted users.
    accepts("kind: AppProfile, name: contoso_b, fields: [users]");
    remove_agent(&server, "contoso_b", "lin@contoso.com");
    add_agent(&server, "contoso_a", "nora@contoso.com");
    let apply = project.revert_drift().ended(0);
    says(&apply.out, &["− nora@contoso.com"]);
    // The profile that declares the user is not part of the plan.
    remove_agent(&server, "contoso_b", "nora@contoso.com");
    add_agent(&server, "contoso_a", "nora@contoso.com");
    let part = ["plan", "--env", "server", "AppProfile/contoso_a"];
    let plan = project.run(&part).ended(0);
    says(
        &plan.err,
        &[
            "[user-stays]",
            "AppProfile contoso_b declares the user, and is not part of this plan",
        ],
    );
    assert!(!plan.out.contains("− nora"), "{}", plan.out);
    // The profile that declares the user is gone, and a rule accepts that.
    project.edit("deskstate.yaml", "contoso_b, fields: [users]", "contoso_b");
    let row = server.id(
        "msdyn_appconfigurations",
        "msdyn_appconfigurationid",
        "contoso_b",
    );
    server.delete(&format!("msdyn_appconfigurations({row})"));
    let apply = project.revert_drift().ended(1);
    says(
        &apply.err,
        &[
            "`nora@contoso.com` stays in AppProfile contoso_a: a rule of `ignore` accepts that AppProfile contoso_b lacks the user",
        ],
    );
    let who = project.run(&["who", "nora@contoso.com", "--env", "server"]);
    says(&who.out, &["contoso_a"]);
}

#[test]
fn who_arrives_and_what_is_off_already_count_for_no_removal() {
    let server = Server::plain();
    let users = |users: &str| {
        let provider = "apiVersion: deskstate/v1\nkind: CifProvider\nmetadata: {name: Contoso softphone}\nspec:\n  label: Softphone\n  channelUrl: https://softphone.example\n  channelOrder: 1\n  apps: [CustomerServiceHub]\n  status: Inactive\n  roles: [Basic User, Omnichannel agent]\n---\n";
        let set = format!("{SERVICE}  users: {{mode: exact, members: [{users}]}}\n");
        format!("{provider}{}", profile("a", &set))
    };
    let project = desk(
        &server,
        "removals: {maxAgents: 1}",
        &users("ada@contoso.com, lin@contoso.com"),
    );
    let later = users("lin@contoso.com, nora@contoso.com, dana@contoso.com");
    plans(&project, &later.replace(", Omnichannel agent", "")).ended(0);
    // An agent who leaves for a profile that is off already has no desktop.
    let off = |members: &str| {
        let set = format!(
            "{SERVICE}  status: Inactive\n  users: {{mode: atLeast, moves: allow, members: [{members}]}}\n"
        );
        profile("off", &set)
    };
    let active = users("lin@contoso.com, nora@contoso.com, dana@contoso.com");
    plans(&project, &format!("{active}---\n{}", off(""))).ended(0);
    project.apply();
    let refused = plans(&project, &off("lin@contoso.com, nora@contoso.com")).ended(REFUSED);
    says(&refused.err, &["error[removals]", "2 agents are reached"]);
    project.write("manifests/all.yaml", &active);
    let none = users("");
    says(
        &plans(&project, &none).ended(REFUSED).err,
        &["3 agents are reached"],
    );
}

/// Who has the profile by a role does not arrive.
#[test]
fn holders_of_a_role_count_although_they_are_added_as_users() {
    let server = Server::plain();
    let by_role = |users: &str, sessions: &str| {
        let spec = format!(
            "{SERVICE}  roles: [Omnichannel agent]\n  sessionTemplates: [{sessions}]\n  users: {{mode: atLeast, members: [{users}]}}\n"
        );
        format!(
            "{}---\n{}",
            profile("r", &spec),
            "apiVersion: deskstate/v1\nkind: SessionTemplate\nmetadata: {name: contoso_s}\nspec: {displayName: S, title: S, type: Entity, entity: account}\n---\napiVersion: deskstate/v1\nkind: SessionTemplate\nmetadata: {name: contoso_t}\nspec: {displayName: T, title: T, type: Entity, entity: contact}\n"
        )
    };
    let before = by_role("", "contoso_s, contoso_t");
    let project = desk(&server, "removals: {maxAgents: 1}", &before);
    for users in [
        "",
        "ada@contoso.com, lin@contoso.com, nora@contoso.com, dana@contoso.com",
    ] {
        let refused = plans(&project, &by_role(users, "contoso_s")).ended(REFUSED);
        says(
            &refused.err,
            &["AppProfile.sessionTemplates", "agents are reached"],
        );
    }
}

/// What comes switched off fills no list, and what is switched on does.
#[test]
fn a_pane_is_emptied_by_tools_that_are_off_and_filled_by_one_that_is_switched_on() {
    let server = Server::plain();
    let tool = |name: &str, status: &str| {
        format!(
            "---\napiVersion: deskstate/v1\nkind: PaneTool\nmetadata: {{name: {name}}}\nspec: {{displayName: T, status: {status}, controlName: contoso_c}}\n"
        )
    };
    let pane = |tools: &str| {
        format!(
            "apiVersion: deskstate/v1\nkind: ProductivityPane\nmetadata: {{name: contoso_p}}\nspec: {{displayName: P, tools: [{tools}]}}\n{}{}{}",
            tool("contoso_a", "Active"),
            tool("contoso_b", "Active"),
            tool("contoso_off", "Inactive")
        )
    };
    let project = desk(&server, "", &pane("{tool: contoso_a}"));
    for tools in [
        "{tool: contoso_a, enabled: false}, {tool: contoso_b, enabled: false}",
        "{tool: contoso_off}",
    ] {
        let plan = plans(&project, &pane(tools)).ended(REFUSED);
        says(&plan.err, &["error[set-emptied]"]);
    }
    plans(&project, &pane("{tool: contoso_b}")).ended(0);
    project.apply();
    // The row of the other tool is still there, switched off.
    plans(&project, &pane("{tool: contoso_a}")).ended(0);
    project.apply();
    in_sync(&project);
}
