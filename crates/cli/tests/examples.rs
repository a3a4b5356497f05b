//! The large example is valid, can be applied to a new environment, and is in sync afterwards; so is a guide on a server. `guides.rs` tests
//! the guides.

use super::support::{Project, Server};

#[track_caller]
fn ends_in_sync(project: &Project, environment: &str) {
    project.run(&["validate"]).ended(0);
    project
        .run(&["apply", "--env", environment, "--yes"])
        .ended(0);
    project
        .run(&["plan", "--env", environment, "--detailed-exitcode"])
        .ended(0);
    project.run(&["drift", "--env", environment]).ended(0);
}

#[test]
fn two_vendors_three_environments_three_profiles() {
    ends_in_sync(&Project::example("contoso"), "local");
}

#[test]
fn a_provider_in_somebody_elses_environment() {
    let project = Project::example("guides/acs-audio-video");
    let server = Server::with_parameters(project.path(), true);
    project.edit(
        "deskstate.yaml",
        "https://demo-contact-center-en.crm4.dynamics.com",
        &server.url,
    );
    ends_in_sync(&project, "demo");
    let profile = server.id(
        "msdyn_appconfigurations",
        "msdyn_appconfigurationid",
        "alex_inbox",
    );
    assert!(!profile.is_empty());
    assert_eq!(
        server.stats()["writes"]["delete"],
        serde_json::Value::Null,
        "somebody else's rows stay"
    );
}

#[test]
fn the_environments_of_an_example_can_be_built_one_after_the_other_on_one_server() {
    let project = Project::example("contoso");
    let server = Server::with_parameters(project.path(), true);
    project.edit(
        "deskstate.yaml",
        "https://contoso-dev.crm4.dynamics.com",
        &server.url,
    );
    ends_in_sync(&project, "dev");
}
