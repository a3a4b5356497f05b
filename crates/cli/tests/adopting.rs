//! What `adopt` writes into which file, and what it leaves to people.

use super::support::by_hand::make;
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
    let adopted = run(&["adopt"]).ended(PARTLY);
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
