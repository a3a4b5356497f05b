//! Unique names of parts that belong to other rows already: found before anything is written.

use serde_json::json;

use super::support::by_hand::{link, make};
use super::support::{Project, Server, says};

const PLAN: [&str; 3] = ["plan", "--env", "server"];
const BLOCKED: i32 = 1;

const TAB: &str = "apiVersion: deskstate/v1\nkind: ApplicationTab\nmetadata: {name: contoso_tab}\nspec:\n  displayName: T\n  title: T\n  pageType: ThirdPartyWebsite\n";

fn parameter(server: &Server, filter: &str) -> String {
    let set = "msdyn_templateparameters";
    let id = server.found(set, "msdyn_templateparameterid", filter);
    format!("{set}({id})")
}

#[test]
fn a_parameter_that_somebody_renamed_gets_its_name_back() {
    let server = Server::plain();
    let tab = format!("{TAB}  parameters: {{url: 'https://a.example', data: d}}\n");
    let project = Project::desk(&server, "", "", &tab);
    project.apply();
    let data = parameter(&server, "msdyn_uniquename eq 'contoso_tab_data'");
    for renamed in [
        json!({"msdyn_name": "Data"}),
        json!({"msdyn_name": "Data", "msdyn_value": null}),
    ] {
        server.patch(&data, &renamed.to_string());
        let plan = project.run(&PLAN).ended(0);
        says(
            &plan.out,
            &["~ ApplicationTab contoso_tab", "parameters.data"],
        );
        project.apply();
        project
            .run(&["plan", "--env", "server", "--detailed-exitcode"])
            .ended(0);
    }
}

#[test]
fn a_parameter_of_another_tab_with_the_name_that_a_new_one_would_get_is_named() {
    let server = Server::plain();
    let tab = format!("{TAB}  parameters: {{url: 'https://a.example'}}\n");
    let other = tab.replace("contoso_tab", "contoso_other");
    let project = Project::desk(&server, "", "", &format!("{tab}---\n{other}"));
    project.apply();
    let other_tab = server.id(
        "msdyn_applicationtabtemplates",
        "msdyn_applicationtabtemplateid",
        "contoso_other",
    );
    let row = json!({
        "msdyn_uniquename": "contoso_tab_foo", "msdyn_name": "extra",
        "msdyn_applicationtabtemplateid@odata.bind": format!("/msdyn_applicationtabtemplates({other_tab})"),
    });
    let id = make(&server, "msdyn_templateparameters", &row);
    let wanted = tab.replace("example'}", "example', foo: f}");
    project.write("manifests/all.yaml", &wanted);
    let plan = project.run(&PLAN).ended(BLOCKED);
    says(
        &plan.err,
        &[
            "error[part-elsewhere]",
            "`foo` belongs to `contoso_other`, not to ApplicationTab contoso_tab",
            &format!("delete row {id} of `msdyn_templateparameter`"),
        ],
    );
}

#[test]
fn a_line_that_another_template_shows_is_not_taken_over() {
    let server = Server::plain();
    let field = make(
        &server,
        "msdyn_notificationfields",
        &json!({"msdyn_name": "Caller", "msdyn_title": "Caller", "msdyn_value": "{callerName}", "msdyn_uniquename": "contoso_n_call", "msdyn_order": 1}),
    );
    let toast = make(
        &server,
        "msdyn_notificationtemplates",
        &json!({"msdyn_name": "Toast", "msdyn_title": "Toast", "msdyn_uniquename": "alex_toast", "msdyn_timeout": 120}),
    );
    link(
        &server,
        &format!("msdyn_notificationtemplates({toast})"),
        "msdyn_notificationtemplate_notificationfield",
        &format!("msdyn_notificationfields({field})"),
    );
    let template = "apiVersion: deskstate/v1\nkind: NotificationTemplate\nmetadata: {name: contoso_n}\nspec:\n  displayName: N\n  title: T\n  fields: [{header: Call, value: v}]\n";
    let project = Project::desk(&server, "", "", template);
    let plan = project.run(&PLAN).ended(BLOCKED);
    says(
        &plan.err,
        &[
            "error[part-elsewhere]",
            "`contoso_n_call` belongs to `alex_toast`, not to NotificationTemplate contoso_n",
            "give it another `name`",
        ],
    );
}
