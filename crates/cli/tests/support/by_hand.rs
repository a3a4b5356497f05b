//! An environment as left by an administrator who does not know deskstate: rows created one by one over the Web API.

use serde_json::{Value, json};

use super::Server;

/// Creates a row and returns its ID.
#[track_caller]
pub(crate) fn make(server: &Server, set: &str, row: &Value) -> String {
    let path = format!("/api/data/v9.2/{set}");
    let reply = server.request("POST", &path, &row.to_string(), "");
    assert!(reply.starts_with("HTTP/1.1 204"), "{reply}");
    let named = reply.to_ascii_lowercase();
    let named = named.split("odata-entityid:").nth(1).unwrap();
    let id = named.split(['(', ')']).nth(1).unwrap();
    id.to_owned()
}

/// Links two rows.
#[track_caller]
pub(crate) fn link(server: &Server, from: &str, navigation: &str, to: &str) {
    let url = &server.url;
    let reply = server.request(
        "POST",
        &format!("/api/data/v9.2/{from}/{navigation}/$ref"),
        &json!({"@odata.id": format!("{url}/api/data/v9.2/{to}")}).to_string(),
        "",
    );
    assert!(reply.starts_with("HTTP/1.1 204"), "{reply}");
}

/// The paths of a profile and of an agent.
#[track_caller]
fn profile_and_agent(server: &Server, profile: &str, agent: &str) -> (String, String) {
    let profile = server.id(
        "msdyn_appconfigurations",
        "msdyn_appconfigurationid",
        profile,
    );
    let agent = server.found(
        "systemusers",
        "systemuserid",
        &format!("domainname eq '{agent}'"),
    );
    (
        format!("msdyn_appconfigurations({profile})"),
        format!("systemusers({agent})"),
    )
}

/// Adds an agent to a profile, as on the admin pages.
#[track_caller]
pub(crate) fn add_agent(server: &Server, profile: &str, agent: &str) {
    let (profile, agent) = profile_and_agent(server, profile, agent);
    link(
        server,
        &profile,
        "msdyn_appconfiguration_systemuser",
        &agent,
    );
}

/// Takes an agent out of a profile, as on the admin pages.
#[track_caller]
pub(crate) fn remove_agent(server: &Server, profile: &str, agent: &str) {
    let (profile, agent) = profile_and_agent(server, profile, agent);
    let agent = agent.trim_start_matches("systemusers");
    server.delete(&format!(
        "{profile}/msdyn_appconfiguration_systemuser{agent}/$ref"
    ));
}

/// A session template for cases.
#[track_caller]
pub(crate) fn session(server: &Server, name: &str) -> String {
    make(
        server,
        "msdyn_sessiontemplates",
        &json!({
            "msdyn_uniquename": name, "msdyn_name": "Case", "msdyn_title": "Case", "msdyn_entity": "incident",
            "msdyn_sessiontype": 1, "msdyn_type": true, "msdyn_panelstate": 162_450_001,
        }),
    )
}

/// A profile with one session template and one agent.
#[track_caller]
pub(crate) fn profile(server: &Server, name: &str, session: &str, agent: &str) {
    let profile = make(
        server,
        "msdyn_appconfigurations",
        &json!({"msdyn_uniquename": name, "msdyn_name": "Agents", "msdyn_appmoduleuniquename": "CustomerServiceApps"}),
    );
    link(
        server,
        &format!("msdyn_appconfigurations({profile})"),
        "msdyn_appconfiguration_sessiontemplate",
        &format!("msdyn_sessiontemplates({session})"),
    );
    add_agent(server, name, agent);
}

/// The desk of the recipe "Your first environment".
#[track_caller]
pub(crate) fn desk(server: &Server) {
    let case = session(server, "contoso_case");
    profile(server, "contoso_agents", &case, "ada@contoso.com");
}

/// The sign-in names of a profile's users, as text.
#[track_caller]
pub(crate) fn users_of(server: &Server, profile: &str) -> String {
    let set = "msdyn_appconfigurations";
    let id = server.id(set, "msdyn_appconfigurationid", profile);
    let users = server.get(&format!(
        "/api/data/v9.2/{set}({id})/msdyn_appconfiguration_systemuser?$select=domainname"
    ));
    users.to_string()
}
