//! Comparisons with an earlier revision of the manifests.

use serde_json::json;

use super::support::by_hand::link;
use super::support::{Project, Server, says};

const DRIFT: [&str; 5] = ["drift", "--env", "server", "--at", "deskstate/{env}"];

fn profile(users: &str) -> String {
    format!(
        "apiVersion: deskstate/v1\nkind: AppProfile\nmetadata: {{name: contoso_p}}\nspec:\n  displayName: P\n  app: CustomerServiceApps\n  users: [{users}]\n"
    )
}

/// Nobody but the old document names the user who was removed.
#[test]
fn names_that_the_earlier_revision_alone_uses_are_looked_up() {
    let server = Server::plain();
    let project = Project::desk(
        &server,
        "",
        "",
        &profile("ada@contoso.com, lin@contoso.com"),
    );
    project.apply();
    project.commit_applied();
    let id = server.id(
        "msdyn_appconfigurations",
        "msdyn_appconfigurationid",
        "contoso_p",
    );
    let nora = server.found(
        "systemusers",
        "systemuserid",
        "domainname eq 'nora@contoso.com'",
    );
    link(
        &server,
        &format!("msdyn_appconfigurations({id})"),
        "msdyn_appconfiguration_systemuser",
        &format!("systemusers({nora})"),
    );
    project.write("manifests/all.yaml", &profile("ada@contoso.com"));
    let drift = project.run(&DRIFT).ended(2);
    let line = drift
        .out
        .lines()
        .skip_while(|line| !line.contains("+ nora@contoso.com"));
    let about: String = line.take(2).collect();
    assert!(!about.contains("not applied yet"), "{}", drift.out);
    says(&drift.out, &["+ lin@contoso.com", "not applied yet"]);
}

#[test]
fn files_that_a_manifest_names_belong_to_its_revision_whatever_their_ending() {
    let server = Server::plain();
    let manifest = profile("ada@contoso.com")
        + "  inboxViews:\n    - {name: contoso_v, displayName: V, configurationFile: views/my view.txt}\n    - {name: contoso_w, displayName: W, configurationFile: plain}\n";
    let project = Project::desk(&server, "", "", &manifest);
    for file in ["manifests/views/my view.txt", "manifests/plain"] {
        project.write(file, "{\"a\": 1}");
    }
    project.apply();
    project.commit_applied();
    let drift = project.run(&DRIFT).ended(0);
    says(&drift.out, &["matches the manifests"]);
}

#[test]
fn a_copy_that_differs_in_more_than_an_accepted_parameter_is_drift() {
    let server = Server::plain();
    let tab = "apiVersion: deskstate/v1\nkind: ApplicationTab\nmetadata: {name: contoso_t}\nspec:\n  displayName: T\n  title: T\n  pageType: ThirdPartyWebsite\n  parameters: {url: 'https://a.example', data: x}\n";
    let spec = "ignore:\n- {kind: ApplicationTab, name: contoso_t, fields: [parameters.data], reason: r, until: 2999-01-01}";
    let project = Project::desk(&server, spec, "", tab);
    project.apply();
    let set = "msdyn_templateparameters";
    let data = server.found(
        set,
        "msdyn_templateparameterid",
        "msdyn_uniquename eq 'contoso_t_data'",
    );
    server.patch(
        &format!("{set}({data})"),
        &json!({"msdyn_value": "hand"}).to_string(),
    );
    let tab = server.id(
        "msdyn_applicationtabtemplates",
        "msdyn_applicationtabtemplateid",
        "contoso_t",
    );
    let copy = |url: &str| {
        let copy = json!({"url": {"value": url}, "data": {"value": "hand"}}).to_string();
        let body = json!({"msdyn_templateparameters": copy}).to_string();
        server.patch(&format!("msdyn_applicationtabtemplates({tab})"), &body);
    };
    copy("https://a.example");
    project.run(&["drift", "--env", "server"]).ended(0);
    copy("https://evil.example");
    let drift = project.run(&["drift", "--env", "server"]).ended(2);
    says(&drift.out, &["msdyn_templateparameters"]);
}

/// The tab was deleted by hand, and a rule accepts that. What refers to it is left alone, too.
#[test]
fn a_missing_row_that_a_rule_accepts_does_not_keep_other_drift_from_being_reverted() {
    let server = Server::plain();
    let manifests = "apiVersion: deskstate/v1\nkind: ApplicationTab\nmetadata: {name: contoso_t}\nspec: {displayName: T, title: T, pageType: ThirdPartyWebsite, parameters: {url: 'https://a.example'}}\n---\napiVersion: deskstate/v1\nkind: SessionTemplate\nmetadata: {name: contoso_s}\nspec: {displayName: S, type: Entity, entity: incident, title: S, additionalTabs: [contoso_t]}\n";
    let spec = "ignore:\n- {kind: ApplicationTab, name: contoso_t, reason: r, until: 2999-01-01}";
    let project = Project::desk(&server, spec, "", manifests);
    project.apply();
    project.commit_applied();
    let tab = server.id(
        "msdyn_applicationtabtemplates",
        "msdyn_applicationtabtemplateid",
        "contoso_t",
    );
    server.request(
        "DELETE",
        &format!("/api/data/v9.2/msdyn_applicationtabtemplates({tab})"),
        "",
        "",
    );
    let session = server.id(
        "msdyn_sessiontemplates",
        "msdyn_sessiontemplateid",
        "contoso_s",
    );
    let title = json!({"msdyn_title": "hand"}).to_string();
    server.patch(&format!("msdyn_sessiontemplates({session})"), &title);
    let run = project.revert_drift().ended(0);
    says(&run.out, &["title", "hand → S"]);
}
