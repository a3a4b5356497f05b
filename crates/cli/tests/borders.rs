//! Values at the borders of their types and patterns.

use serde_json::json;

use super::support::{Project, Server, says};

const PLAN: [&str; 4] = ["plan", "--env", "server", "--detailed-exitcode"];

fn provider(fields: &str) -> String {
    format!(
        "apiVersion: deskstate/v1\nkind: CifProvider\nmetadata: {{name: Contoso}}\nspec:\n  label: C\n  channelOrder: 1\n  roles: [Basic User]\n  trustedDomain: https://c.voxline.example\n{fields}"
    )
}

const URL: &str = "  channelUrl: https://c.voxline.example/panel\n";

#[test]
fn whole_numbers_are_compared_exactly() {
    let server = Server::plain();
    let numbered = |last: u8| {
        provider(&format!(
            "{URL}  customParameters: {{account: 900719925474099{last}}}\n"
        ))
    };
    let project = Project::desk(&server, "", "", &numbered(2));
    project.apply();
    project.run(&PLAN).ended(0);
    project.write("manifests/all.yaml", &numbered(3));
    says(&project.run(&PLAN).ended(2).out, &["9007199254740993"]);
}

#[test]
fn a_number_can_be_a_credential() {
    let server = Server::plain();
    let with = |parameters: &str| provider(&format!("{URL}  customParameters: {parameters}\n"));
    for parameters in [
        "{password: 12345678}",
        "{apiKey: 1234567890123456}",
        "{password: 12345678.5}",
        "[{name: password, value: 12345678}]",
    ] {
        let project = Project::desk(&server, "", "", &with(parameters));
        let run = project.run(&["validate"]).ended(3);
        says(&run.err, &["error[secret]", "its key names one"]);
    }
    let project = Project::desk(&server, "", "", &with("{timeout: 12345678}"));
    project.run(&["validate"]).ended(0);
}

#[test]
fn a_pattern_of_a_host_accepts_no_other_host() {
    let server = Server::plain();
    let contract = "apiVersion: deskstate/v1\nkind: Contract\nmetadata: {name: k}\nspec:\n  rules:\n    - id: host\n      breaks: nothing loads\n      resource: {kind: CifProvider, name: Contoso}\n      matches: {channelUrl: 'https://*.voxline.example/*'}\n";
    for (host, code) in [
        ("c.voxline.example", 0),
        ("evil.example?.voxline.example", 3),
        ("evil.example#.voxline.example", 3),
        ("evil.example\\.voxline.example", 3),
        ("evil.example@x.voxline.example", 3),
    ] {
        let url = format!("  channelUrl: 'https://{host}/panel'\n");
        let project = Project::desk(
            &server,
            "contracts: [contracts/k.yaml]",
            "",
            &provider(&url),
        );
        project.write("contracts/k.yaml", contract);
        let run = project.run(&["validate"]).ended(code);
        if code == 3 {
            says(&run.err, &["error[contract-"]);
        }
    }
}

#[test]
fn two_profiles_of_one_app_are_an_error_whatever_is_between_them() {
    let server = Server::plain();
    let profile = |name: &str, app: &str| {
        format!(
            "apiVersion: deskstate/v1\nkind: AppProfile\nmetadata: {{name: contoso_{name}}}\nspec: {{displayName: {name}, app: {app}, users: [ada@contoso.com]}}\n---\n"
        )
    };
    let manifests =
        [("a", "One"), ("b", "Two"), ("c", "One")].map(|(name, app)| profile(name, app));
    let project = Project::desk(&server, "", "", &manifests.concat());
    let run = project.run(&["validate"]).ended(3);
    says(
        &run.err,
        &[
            "error[user-in-two-profiles]",
            "both contoso_a and contoso_c",
        ],
    );
}

#[test]
fn roles_that_are_always_there_do_not_hide_the_others() {
    let server = Server::plain();
    let project = Project::desk(&server, "", "", &provider(URL));
    project.apply();
    let role = server.found("roles", "roleid", "name eq 'Basic User'");
    let id = server.found(
        "msdyn_ciproviders",
        "msdyn_ciproviderid",
        "msdyn_name eq 'Contoso'",
    );
    let only = json!({"msdyn_roleselector": role}).to_string();
    server.patch(&format!("msdyn_ciproviders({id})"), &only);
    let plan = project.run(&PLAN).ended(2);
    says(
        &plan.out,
        &["+ System Administrator", "+ System Customizer"],
    );
}

/// The pattern covers files in a folder that the manifests cover, too.
#[test]
fn files_of_an_overlay_that_is_a_pattern_are_no_manifests() {
    let server = Server::plain();
    let project = Project::desk(
        &server,
        "manifests: ['**/*.yaml']\nignoreFiles: [deskstate.yaml]",
        "overlay: 'overlays/s*/**'",
        &provider(URL),
    );
    project.write(
        "overlays/server/all.yaml",
        "apiVersion: deskstate/v1\nkind: CifProvider\nmetadata: {name: Contoso}\nspec: {label: Own}\n",
    );
    project.run(&["validate"]).ended(0);
    says(
        &project.run(&["render", "--env", "server"]).ended(0).out,
        &["label: Own"],
    );
}

#[test]
fn an_entry_of_accept_that_has_ended_hides_no_later_one() {
    let server = Server::plain();
    let entry = |until: &str| {
        format!(
            "- {{code: missing-apps, kind: CifProvider, name: Contoso, reason: r, until: {until}}}"
        )
    };
    let spec = format!("accept:\n{}\n{}", entry("2020-01-01"), entry("2999-01-01"));
    let project = Project::desk(&server, &spec, "", &provider(URL));
    let run = project.run(&["validate"]).ended(0);
    assert!(
        !run.err.contains("warning[missing-apps]") && !run.err.contains("accepts-nothing"),
        "{}",
        run.err
    );
}
