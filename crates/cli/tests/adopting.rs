//! What `adopt` writes into which file, and what it leaves to people.

use super::support::by_hand::{link, make};
use super::support::{Project, Server, says};
use serde_json::json;

const CHANGES: i32 = 2;
const PARTLY: i32 = 1;

/// Their names are derived from the text when they are made, and stay when somebody changes the text.
#[test]
fn renamed_headings_and_steps_are_adopted_with_their_names() {
    let server = Server::plain();
    let manifests = "apiVersion: deskstate/v1\nkind: NotificationTemplate\nmetadata: {name: contoso_call}\nspec:\n  displayName: Call\n  title: Call\n  fields:\n    - {header: Number, value: '{queueName}'}\n---\napiVersion: deskstate/v1\nkind: AgentScript\nmetadata: {name: contoso_script}\nspec:\n  displayName: Script\n  language: 1033\n  steps:\n    - {displayName: Greet, text: Hello}\n";
    let project = Project::desk(&server, "", "", manifests);
    project.apply();
    for (set, key, column, body) in [
        (
            "msdyn_notificationfields",
            "msdyn_notificationfieldid",
            "msdyn_title",
            json!({"msdyn_title": "Caller"}),
        ),
        (
            "msdyn_productivityagentscriptsteps",
            "msdyn_productivityagentscriptstepid",
            "msdyn_name",
            json!({"msdyn_name": "Welcome"}),
        ),
    ] {
        let old = if column == "msdyn_title" {
            "Number"
        } else {
            "Greet"
        };
        let id = server.found(set, key, &format!("{column} eq '{old}'"));
        server.patch(&format!("{set}({id})"), &body.to_string());
    }
    project.run(&["drift", "--env", "server"]).ended(CHANGES);
    project.run(&["adopt", "--env", "server"]).ended(0);
    says(
        &project.read("manifests/all.yaml"),
        &[
            "name: contoso_call_number",
            "Caller",
            "name: contoso_script_greet",
            "Welcome",
        ],
    );
    let plan = ["plan", "--env", "server", "--detailed-exitcode"];
    project.run(&plan).ended(0);
}

/// The example with an overlay for production, on an emulator.
fn production() -> (Project, Server) {
    let project = Project::example("contoso");
    let server = Server::start(&[]);
    project.edit(
        "deskstate.yaml",
        "https://contoso.crm4.dynamics.com",
        &server.url,
    );
    project.run(&["apply", "--env", "prod", "--yes"]).ended(0);
    (project, server)
}

#[test]
fn a_list_that_names_files_is_not_copied_into_an_overlay_and_the_rest_is_adopted() {
    let (project, server) = production();
    let view = server.found(
        "msdyn_inboxconfigurations",
        "msdyn_inboxconfigurationid",
        "msdyn_uniquename eq 'contoso_inboxTeam'",
    );
    let hidden = json!({"msdyn_isvisible": false});
    server.patch(
        &format!("msdyn_inboxconfigurations({view})"),
        &hidden.to_string(),
    );
    let case = server.id(
        "msdyn_sessiontemplates",
        "msdyn_sessiontemplateid",
        "contoso_caseSession",
    );
    server.patch(
        &format!("msdyn_sessiontemplates({case})"),
        &json!({"msdyn_title": "By hand"}).to_string(),
    );
    let adopted = project.run(&["adopt", "--env", "prod"]).ended(PARTLY);
    says(
        &adopted.err,
        &[
            "inboxViews: it names a file",
            "`--into base`",
            "Adopted SessionTemplate contoso_caseSession",
        ],
    );
    let left = project.run(&["drift", "--env", "prod"]).ended(CHANGES);
    says(&left.out, &["inboxViews"]);
    assert!(!left.out.contains("title"), "{}", left.out);
    project
        .run(&["adopt", "--env", "prod", "--into", "base"])
        .ended(0);
    project.run(&["drift", "--env", "prod"]).ended(0);
}

#[test]
fn a_list_whose_member_has_no_row_is_not_copied_into_an_overlay() {
    let (project, server) = production();
    let case = server.id(
        "msdyn_sessiontemplates",
        "msdyn_sessiontemplateid",
        "contoso_caseSession",
    );
    server.delete(&format!("msdyn_sessiontemplates({case})"));
    let adopted = project.run(&["adopt", "--env", "prod"]).ended(PARTLY);
    says(
        &adopted.err,
        &["sessionTemplates: a row that it names does not exist"],
    );
    assert!(
        !project
            .read("overlays/prod/profiles.yaml")
            .contains("sessionTemplates")
    );
}

#[test]
fn values_of_a_package_are_left_to_an_overlay_and_the_rest_is_adopted() {
    let project = Project::example("vendors");
    let server = Server::start(&[]);
    project.edit(
        "desk/deskstate.yaml",
        "emulator: {state: .deskstate/test.json}",
        &format!("url: \"{}\"", server.url),
    );
    for (prefix, number) in [("telvio", 21_000), ("calloop", 22_000)] {
        let publisher = json!({
            "uniquename": prefix, "friendlyname": prefix, "customizationprefix": prefix, "customizationoptionvalueprefix": number,
        });
        make(&server, "publishers", &publisher);
    }
    let run = |arguments: &[&str]| {
        project.run(&[arguments, &["--env", "test", "--project", "desk"]].concat())
    };
    run(&["apply", "--yes"]).ended(0);
    let ring = server.id(
        "msdyn_notificationtemplates",
        "msdyn_notificationtemplateid",
        "telvio_incomingCall",
    );
    let by_hand = json!({"msdyn_acceptbuttontext": "Take"});
    server.patch(
        &format!("msdyn_notificationtemplates({ring})"),
        &by_hand.to_string(),
    );
    let profile = server.id(
        "msdyn_appconfigurations",
        "msdyn_appconfigurationid",
        "contoso_agents",
    );
    server.patch(
        &format!("msdyn_appconfigurations({profile})"),
        &json!({"msdyn_name": "By hand"}).to_string(),
    );
    let extra = json!({"msdyn_name": "Extra", "msdyn_uniquename": "contoso_extra", "msdyn_sessiontype": 0, "msdyn_type": true, "msdyn_panelstate": 162_450_001});
    let extra = make(&server, "msdyn_sessiontemplates", &extra);
    link(
        &server,
        &format!("msdyn_appconfigurations({profile})"),
        "msdyn_appconfiguration_sessiontemplate",
        &format!("msdyn_sessiontemplates({extra})"),
    );
    let adopted = run(&["adopt", "SessionTemplate/contoso_extra", "*"]).ended(PARTLY);
    let profile = project.read("desk/manifests/profile.yaml");
    says(&profile, &["contoso_extra"]);
    assert!(
        !profile.contains("telvio") && !profile.contains("calloop"),
        "{profile}"
    );
    says(
        &adopted.err,
        &["the package telvio declares it: an overlay"],
    );
    says(&project.read("desk/manifests/profile.yaml"), &["By hand"]);
    project.edit(
        "desk/deskstate.yaml",
        "    test:\n",
        "    test:\n      overlay: overlays/test\n",
    );
    std::fs::create_dir_all(project.path().join("desk/overlays/test")).unwrap();
    run(&["adopt"]).ended(0);
    run(&["drift"]).ended(0);
}

#[test]
fn members_that_an_overlay_replaces_are_adopted_there_with_the_mode_of_the_base() {
    let server = Server::plain();
    let manifests = "apiVersion: deskstate/v1\nkind: AppProfile\nmetadata: {name: contoso_a}\nspec:\n  displayName: A\n  app: CustomerServiceApps\n  rank: 50\n  users: {mode: exact, members: [ada@contoso.com]}\n  roles: {mode: exact, members: [Omnichannel agent]}\n";
    let overlay = "apiVersion: deskstate/v1\nkind: AppProfile\nmetadata: {name: contoso_a}\nspec:\n  users: {members: [lin@contoso.com]}\n  roles: {members: [Omnichannel supervisor]}\n";
    let project = Project::desk(&server, "", "overlay: overlays/server", manifests);
    project.write("overlays/server/all.yaml", overlay);
    project.apply();
    let by_hand = Project::desk(
        &server,
        "",
        "",
        "apiVersion: deskstate/v1\nkind: AppProfile\nmetadata: {name: contoso_a}\nspec:\n  displayName: A\n  app: CustomerServiceApps\n  rank: 50\n  users: [lin@contoso.com, nora@contoso.com]\n  roles: [Omnichannel supervisor, Contoso Back Office]\n",
    );
    by_hand.apply();
    project.run(&["adopt", "--env", "server"]).ended(0);
    assert_eq!(project.read("manifests/all.yaml"), manifests);
    says(
        &project.read("overlays/server/all.yaml"),
        &[
            "users: {members: [lin@contoso.com, nora@contoso.com]}",
            "roles: {members: [Omnichannel supervisor, Contoso Back Office]}",
        ],
    );
    let plan = ["plan", "--env", "server", "--detailed-exitcode"];
    project.run(&plan).ended(0);
}

/// One template alone uses the field, as a private one would be used.
#[test]
fn a_field_with_a_document_of_its_own_stays_shared() {
    let server = Server::plain();
    let manifests = "apiVersion: deskstate/v1\nkind: NotificationField\nmetadata: {name: contoso_shared}\nspec: {displayName: Priority, header: Priority, value: p, order: 10}\n---\napiVersion: deskstate/v1\nkind: NotificationTemplate\nmetadata: {name: contoso_n}\nspec:\n  displayName: N\n  title: T\n  fields:\n    - {header: Call, value: v}\n    - shared: contoso_shared\n";
    let project = Project::desk(&server, "", "", manifests);
    project.apply();
    let field = server.found(
        "msdyn_notificationfields",
        "msdyn_notificationfieldid",
        "msdyn_title eq 'Call'",
    );
    let changed = json!({"msdyn_value": "w"}).to_string();
    server.patch(&format!("msdyn_notificationfields({field})"), &changed);
    project.run(&["adopt", "--env", "server"]).ended(0);
    assert_eq!(
        project.read("manifests/all.yaml"),
        manifests.replace("value: v}", "value: w}")
    );
    let plan = ["plan", "--env", "server", "--detailed-exitcode"];
    project.run(&plan).ended(0);
}

#[test]
fn diff_does_not_call_a_row_missing_that_is_a_field_on_one_side() {
    let (one, other) = (Server::plain(), Server::plain());
    let manifests = "apiVersion: deskstate/v1\nkind: NotificationTemplate\nmetadata: {name: contoso_n}\nspec:\n  displayName: N\n  title: T\n  fields:\n    - {header: Call, value: v}\n";
    let project = Project::desk(&one, "", "", manifests);
    project.edit(
        "deskstate.yaml",
        "  environments:\n",
        &format!("  environments:\n    other: {{url: \"{}\"}}\n", other.url),
    );
    project.apply();
    project.run(&["apply", "--env", "other", "--yes"]).ended(0);
    let field = one.found(
        "msdyn_notificationfields",
        "msdyn_notificationfieldid",
        "msdyn_title eq 'Call'",
    );
    let inactive = json!({"statecode": 1}).to_string();
    one.patch(&format!("msdyn_notificationfields({field})"), &inactive);
    let run = project
        .run(&["diff", "--from", "server", "--to", "other"])
        .ended(CHANGES);
    says(
        &run.out,
        &[
            "NotificationField contoso_n_call is a field of one template in other, but not in server",
        ],
    );
    assert!(!run.out.contains("only in"), "{}", run.out);
}

const ADOPT: [&str; 3] = ["adopt", "--env", "server"];
const AGAIN: [&str; 4] = ["plan", "--env", "server", "--detailed-exitcode"];

/// A project with an overlay for the server, applied.
fn overlaid(server: &Server, manifests: &str, overlay: &str) -> Project {
    let project = Project::desk(server, "", "overlay: overlays/server", manifests);
    project.write("overlays/server/all.yaml", overlay);
    project.apply();
    project
}

fn change(server: &Server, set: &str, key: &str, filter: &str, body: &serde_json::Value) {
    let id = server.found(set, key, filter);
    server.patch(&format!("{set}({id})"), &body.to_string());
}

fn parameter(server: &Server, name: &str, value: &serde_json::Value) {
    change(
        server,
        "msdyn_templateparameters",
        "msdyn_templateparameterid",
        &format!("msdyn_uniquename eq '{name}'"),
        &json!({"msdyn_value": value}),
    );
}

const TAB: &str = "apiVersion: deskstate/v1\nkind: ApplicationTab\nmetadata: {name: contoso_t}\nspec:\n  displayName: T\n  title: T\n  pageType: ThirdPartyWebsite\n";

#[test]
fn keys_of_the_base_and_of_the_overlay_are_adopted_into_one_mapping() {
    let server = Server::plain();
    let project = overlaid(
        &server,
        &format!("{TAB}  parameters: {{url: 'https://a.example', data: base}}\n"),
        "apiVersion: deskstate/v1\nkind: ApplicationTab\nmetadata: {name: contoso_t}\nspec:\n  parameters: {data: own}\n",
    );
    parameter(&server, "contoso_t_url", &json!("https://b.example"));
    parameter(&server, "contoso_t_data", &json!("hand"));
    project.run(&ADOPT).ended(0);
    says(
        &project.read("overlays/server/all.yaml"),
        &["data: hand", "url: https://b.example"],
    );
    project.run(&AGAIN).ended(0);
}

/// The base would show through, and the next apply would write its value.
#[test]
fn a_value_that_is_gone_is_not_adopted_by_removing_it_from_an_overlay() {
    let server = Server::plain();
    let overlay = "apiVersion: deskstate/v1\nkind: ApplicationTab\nmetadata: {name: contoso_t}\nspec:\n  parameters: {data: own}\n";
    let project = overlaid(
        &server,
        &format!("{TAB}  parameters: {{url: 'https://a.example', data: base}}\n"),
        overlay,
    );
    parameter(&server, "contoso_t_data", &json!(null));
    let run = project.run(&ADOPT).ended(PARTLY);
    says(&run.err, &["not adopted", "edit it by hand"]);
    assert_eq!(project.read("overlays/server/all.yaml"), overlay);
}

#[test]
fn a_new_file_of_an_overlay_is_where_its_pattern_reads_it() {
    for (pattern, file) in [
        (
            "overlays/server/*.yaml",
            "overlays/server/application-tabs-contoso_t.yaml",
        ),
        (
            "overlays/server/**",
            "overlays/server/application-tabs/contoso_t.yaml",
        ),
    ] {
        let server = Server::plain();
        let overlay = format!("overlay: '{pattern}'");
        let project = Project::desk(
            &server,
            "",
            &overlay,
            &format!("{TAB}  parameters: {{url: 'https://a.example'}}\n"),
        );
        project.write("overlays/server/empty.yaml", "# none\n");
        project.apply();
        parameter(&server, "contoso_t_url", &json!("https://b.example"));
        project.run(&ADOPT).ended(0);
        says(&project.read(file), &["https://b.example"]);
        project.run(&AGAIN).ended(0);
    }
}

#[test]
fn a_key_that_is_gone_deep_inside_of_a_value_is_not_adopted_into_an_overlay() {
    let server = Server::plain();
    let project = overlaid(
        &server,
        "apiVersion: deskstate/v1\nkind: ChannelProvider\nmetadata: {name: contoso_c}\nspec:\n  displayName: C\n  label: C\n  channelOrder: 1\n  channelUrl: https://c.example/panel\n  trustedDomain: https://c.example\n  customParameters: {a: 1, n: {x: 1}}\n",
        "apiVersion: deskstate/v1\nkind: ChannelProvider\nmetadata: {name: contoso_c}\nspec: {label: Own}\n",
    );
    change(
        &server,
        "msdyn_channelproviders",
        "msdyn_channelproviderid",
        "msdyn_uniquename eq 'contoso_c'",
        &json!({"msdyn_customparams": "{\"a\":1,\"n\":{\"y\":1}}"}),
    );
    let run = project.run(&ADOPT).ended(PARTLY);
    says(&run.err, &["an overlay cannot remove a key of the base"]);
}

#[test]
fn a_private_field_whose_value_cannot_be_written_stays_private_and_the_rest_is_adopted() {
    let server = Server::plain();
    let manifests = "apiVersion: deskstate/v1\nkind: NotificationTemplate\nmetadata: {name: contoso_n}\nspec:\n  displayName: N\n  title: T\n  fields:\n    - {header: Call, value: v}\n    - {header: Queue, value: q}\n";
    let project = Project::desk(&server, "", "", manifests);
    project.apply();
    change(
        &server,
        "msdyn_notificationfields",
        "msdyn_notificationfieldid",
        "msdyn_title eq 'Call'",
        &json!({"msdyn_value": "v "}),
    );
    change(
        &server,
        "msdyn_notificationtemplates",
        "msdyn_notificationtemplateid",
        "msdyn_uniquename eq 'contoso_n'",
        &json!({"msdyn_title": "New"}),
    );
    let run = project.run(&ADOPT).ended(PARTLY);
    says(
        &run.err,
        &[
            "not adopted",
            "NotificationTemplate contoso_n fields",
            "space",
        ],
    );
    assert_eq!(
        project.read("manifests/all.yaml"),
        manifests.replace("title: T", "title: New")
    );
}

#[test]
fn an_item_whose_differing_value_is_in_a_file_is_refused_with_its_name() {
    let server = Server::plain();
    let manifests = "apiVersion: deskstate/v1\nkind: AppProfile\nmetadata: {name: contoso_a}\nspec:\n  displayName: A\n  app: CustomerServiceApps\n  inboxViews:\n    - {name: contoso_v, displayName: V, configurationFile: v.json}\n";
    let project = Project::desk(&server, "", "", manifests);
    project.write("manifests/v.json", "{\"a\": 1}");
    project.apply();
    change(
        &server,
        "msdyn_inboxconfigurations",
        "msdyn_inboxconfigurationid",
        "msdyn_uniquename eq 'contoso_v'",
        &json!({"msdyn_name": "W", "msdyn_configuration": "{\"a\":2}"}),
    );
    let run = project.run(&ADOPT).ended(PARTLY);
    says(
        &run.err,
        &["`configuration` of `contoso_v` is in a separate file, which is not edited"],
    );
    assert_eq!(project.read("manifests/all.yaml"), manifests);
}

#[test]
fn an_adopted_set_keeps_what_it_keeps_out_and_takes_nothing_that_its_mode_leaves_alone() {
    let server = Server::plain();
    let view = |name: &str, label: &str| {
        format!("{{name: contoso_{name}, displayName: {label}, configuration: {{a: 1}}}}")
    };
    let profile = |roles: &str, views: &str| {
        format!(
            "apiVersion: deskstate/v1\nkind: AppProfile\nmetadata: {{name: contoso_a}}\nspec:\n  displayName: A\n  app: CustomerServiceApps\n  rank: 70\n  channelProviders: [contoso_p]\n  extensions: {{mode: atLeast, members: [], without: [contoso_old]}}\n  roles: {{mode: atLeast, {roles}}}\n  inboxViews: {{mode: atLeast, members: [{views}]}}\n---\napiVersion: deskstate/v1\nkind: ApplicationExtension\nmetadata: {{name: contoso_old}}\nspec: {{displayName: O, webResourceUrl: contoso_old.js}}\n---\napiVersion: deskstate/v1\nkind: ChannelProvider\nmetadata: {{name: contoso_p}}\nspec: {{displayName: P, label: P, channelUrl: 'https://a.example/x', trustedDomain: 'https://a.example', channelOrder: 1}}\n"
        )
    };
    let without = "members: [], without: [Omnichannel agent, Contoso Back Office]";
    let mine = view("mine", "Mine");
    let overlay = format!(
        "apiVersion: deskstate/v1\nkind: AppProfile\nmetadata: {{name: contoso_a}}\nspec:\n  inboxViews: {{members: [{mine}]}}\n"
    );
    let project = overlaid(&server, &profile(without, &mine), &overlay);
    let others = format!("{}, {}", view("mine", "By hand"), view("other", "Other"));
    let roles = "members: [Omnichannel agent]";
    Project::desk(&server, "", "", &profile(roles, &others)).apply();
    let run = project.run(&["adopt", "--env", "server"]).ended(0);
    let overlay = project.read("overlays/server/all.yaml");
    assert!(
        overlay.contains("By hand") && !overlay.contains("contoso_other"),
        "{overlay}{}",
        run.out
    );
    assert!(
        overlay.contains("without: [Contoso Back Office]"),
        "{overlay}{}",
        run.out
    );
}
