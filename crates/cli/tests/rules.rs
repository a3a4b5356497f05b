//! Rules of contracts about members that are mappings, empty values, switched-off rows, and rows that lose what they refer to.

use serde_json::json;

use super::support::by_hand;
use super::support::{Project, Server, says};

const CHECK: [&str; 3] = ["check", "--env", "server"];
const PLAN: [&str; 3] = ["plan", "--env", "server"];
const BROKEN: i32 = 2;
const INVALID: i32 = 3;
const REFUSED: i32 = 4;

const DESK: &str = "apiVersion: deskstate/v1\nkind: AppProfile\nmetadata: {name: contoso_p}\nspec:\n  displayName: P\n  app: CustomerServiceApps\n  status: Active\n  rank: 10\n  description: null\n  roles: [{role: Omnichannel agent, name: contoso_p_agents}]\n  inboxViews: [{name: contoso_v, displayName: V, configuration: {a: 1}}]\n---\napiVersion: deskstate/v1\nkind: NotificationTemplate\nmetadata: {name: contoso_n}\nspec: {displayName: N, title: T, fields: [{header: Number, value: v}]}\n---\napiVersion: deskstate/v1\nkind: AgentScript\nmetadata: {name: contoso_s}\nspec: {displayName: S, language: 1033, steps: [{displayName: Greet, text: Hi}]}\n";

fn contract(kind: &str, name: &str, rule: &str) -> String {
    format!(
        "apiVersion: deskstate/v1\nkind: Contract\nmetadata: {{name: k}}\nspec:\n  rules:\n    - {{id: one, breaks: something, resource: {{kind: {kind}, name: {name}}}, {rule}}}\n"
    )
}

fn desk(server: &Server, contract: &str, manifests: &str) -> Project {
    let project = Project::desk(server, "contracts: [contracts/k.yaml]", "", manifests);
    project.write("contracts/k.yaml", contract);
    project
}

#[test]
fn members_are_found_by_the_names_that_people_give_them() {
    let server = Server::plain();
    for (kind, name, rule, holds) in [
        (
            "AppProfile",
            "contoso_p",
            "contains: {roles: [Omnichannel agent]}",
            true,
        ),
        (
            "AppProfile",
            "contoso_p",
            "contains: {inboxViews: [contoso_v]}",
            true,
        ),
        (
            "AppProfile",
            "contoso_p",
            "contains: {inboxViews: [contoso_w]}",
            false,
        ),
        (
            "NotificationTemplate",
            "contoso_n",
            "contains: {fields: [contoso_n_number]}",
            true,
        ),
        (
            "AgentScript",
            "contoso_s",
            "contains: {steps: [contoso_s_greet]}",
            true,
        ),
        (
            "AppProfile",
            "contoso_p",
            "locked: {roles: [{role: Omnichannel agent}]}",
            true,
        ),
        (
            "AppProfile",
            "contoso_p",
            "locked: {roles: [Omnichannel agent]}",
            true,
        ),
        (
            "AppProfile",
            "contoso_p",
            "locked: {roles: [{role: Omnichannel supervisor}]}",
            false,
        ),
        (
            "AppProfile",
            "contoso_p",
            "locked: {description: null}",
            true,
        ),
    ] {
        let project = desk(&server, &contract(kind, name, rule), DESK);
        let code = if holds { 0 } else { INVALID };
        let run = project.run(&["validate"]).ended(code);
        if holds {
            project.apply();
            says(&project.run(&CHECK).ended(0).out, &["1 kept"]);
        } else {
            assert!(
                run.err.contains("error[contract-contains]")
                    || run.err.contains("error[locked-value]"),
                "{}",
                run.err
            );
        }
    }
}

#[test]
fn what_is_switched_off_fulfils_no_rule() {
    let server = Server::plain();
    let rule = contract("AppProfile", "contoso_p", "locked: {displayName: P}");
    let project = desk(&server, &rule, DESK);
    project.apply();
    says(&project.run(&CHECK).ended(0).out, &["1 kept"]);
    let off = DESK.replace("status: Active", "status: Inactive");
    project.write("manifests/all.yaml", &off);
    says(
        &project.run(&["validate"]).ended(INVALID).err,
        &["`status`", "Active"],
    );
    let id = server.id(
        "msdyn_appconfigurations",
        "msdyn_appconfigurationid",
        "contoso_p",
    );
    let inactive = json!({"statecode": 1, "statuscode": 2}).to_string();
    server.patch(&format!("msdyn_appconfigurations({id})"), &inactive);
    says(&project.run(&CHECK).ended(BROKEN).out, &["status"]);
}

#[test]
fn a_deletion_that_empties_what_a_rule_requires_is_refused() {
    let server = Server::plain();
    let tab = "apiVersion: deskstate/v1\nkind: ApplicationTab\nmetadata: {name: contoso_t}\nspec: {displayName: T, title: T, pageType: ThirdPartyWebsite, parameters: {url: 'https://a.example'}}\n";
    let session = "---\napiVersion: deskstate/v1\nkind: SessionTemplate\nmetadata: {name: contoso_fs}\nspec: {displayName: S, type: Generic, anchorTab: contoso_t}\n";
    let by_hand = Project::desk(&server, "", "", &format!("{tab}{session}"));
    by_hand.apply();
    let rule = contract(
        "SessionTemplate",
        "contoso_fs",
        "required: false, set: [anchorTab]",
    );
    let absent = "apiVersion: deskstate/v1\nkind: ApplicationTab\nmetadata: {name: contoso_t, state: absent}\n";
    let project = desk(&server, &rule, absent);
    let run = project.run(&PLAN).ended(REFUSED);
    says(
        &run.err,
        &["error[contract-broken]", "--allow contract=k/one:1"],
    );
}

#[test]
fn a_package_adds_members_and_nothing_else() {
    let server = Server::plain();
    let project = Project::desk(&server, "", "", DESK);
    let package = "apiVersion: deskstate/v1\nkind: Package\nmetadata: {name: vend}\nspec: {version: 1.0.0, vendor: Vend, owns: {prefixes: [vend]}, manifests: [m.yaml]}\n";
    for (spec, said) in [
        (
            "{users: {mode: atLeast, members: [], fromTeams: [Voice agents], moves: allow}}",
            "can only add members to `users`",
        ),
        (
            "{roles: {mode: atLeast, members: [{role: Omnichannel agent, businessUnit: Contoso Service}]}}",
            "cannot add a member of a business unit",
        ),
        ("{productivityPane: null}", "cannot set `productivityPane`"),
        (
            "{productivityPane: vend_pane}",
            "cannot set `productivityPane`",
        ),
        (
            "{allActiveChannels: true}",
            "cannot set `allActiveChannels`",
        ),
    ] {
        project.write("vend/deskstate-package.yaml", package);
        project.write(
            "vend/m.yaml",
            &format!("apiVersion: deskstate/v1\nkind: AppProfile\nmetadata: {{name: contoso_p, state: existing}}\nspec: {spec}\n"),
        );
        let run = project
            .run(&["package", "add", "vend", "--no-plan"])
            .ended(INVALID);
        says(&run.err, &["error[package-document]", said]);
    }
    project.write(
        "vend/m.yaml",
        "apiVersion: deskstate/v1\nkind: AppProfile\nmetadata: {name: alex_inbox}\nspec: {displayName: X, app: CustomerServiceApps}\n",
    );
    let run = project
        .run(&["package", "add", "vend", "--no-plan"])
        .ended(INVALID);
    says(
        &run.err,
        &[
            "error[package-document]",
            "does not have a prefix of the package",
        ],
    );
}

/// The vendor moved, and the earlier revision has the old address.
#[test]
fn contracts_of_today_hold_for_what_is_reverted() {
    let server = Server::plain();
    let desk = |host: &str| {
        format!(
            "apiVersion: deskstate/v1\nkind: ApplicationTab\nmetadata: {{name: contoso_t}}\nspec:\n  displayName: T\n  title: T\n  pageType: ThirdPartyWebsite\n  parameters: {{url: 'https://{host}/widget'}}\n"
        )
    };
    let project = Project::desk(&server, "", "", &desk("old.example"));
    project.apply();
    project.commit_applied();
    project.edit(
        "deskstate.yaml",
        "  environments:\n",
        "  contracts: [contracts/k.yaml]\n  environments:\n",
    );
    project.write(
        "contracts/k.yaml",
        &contract(
            "ApplicationTab",
            "contoso_t",
            "matches: {parameters.url: 'https://new.example/*'}",
        ),
    );
    project.write("manifests/all.yaml", &desk("new.example"));
    project.apply();
    let refused = project.revert_drift();
    assert_ne!(refused.code, Some(0), "{}", refused.out);
    says(&refused.err, &["contract-broken"]);
    // The place of the rule is in a file that the earlier revision does not have.
    assert!(
        !refused.err.contains("required by this rule"),
        "{}",
        refused.err
    );
}

/// Values of the project file are the same in every environment, so a variable there would stay as it is written.
#[test]
fn variables_in_the_project_file_are_refused() {
    let server = Server::plain();
    for spec in [
        "defaults: {app: '${{ vars.app }}'}",
        "protect: ['ApplicationTab/${{ vars.app }}']",
        "solution: '${{ vars.app }}'",
        "ignore:\n  - {kind: ApplicationTab, name: '${{ vars.app }}', fields: [title], reason: r, until: 2999-01-01}",
    ] {
        let project = Project::desk(&server, spec, "", DESK);
        project.edit(
            "deskstate.yaml",
            "  environments:\n",
            "  variables: {app: CustomerServiceApps}\n  environments:\n",
        );
        let run = project.run(&["validate"]).ended(INVALID);
        says(&run.err, &["error[variable-placement]", "deskstate.yaml:"]);
    }
}

/// A plan reads the members of such a profile only if a rule asks for them.
#[test]
fn rules_about_the_templates_of_a_profile_that_nobody_declares_are_judged_with_all_of_them() {
    let server = Server::plain();
    let case = by_hand::make(
        &server,
        "msdyn_sessiontemplates",
        &json!({
            "msdyn_uniquename": "fabrikam_case", "msdyn_name": "Case", "msdyn_title": "Case", "msdyn_entity": "lead",
            "msdyn_sessiontype": 1, "msdyn_type": true, "msdyn_panelstate": 162_450_001,
        }),
    );
    let profile = server.id(
        "msdyn_appconfigurations",
        "msdyn_appconfigurationid",
        "msdyn_workspace_defaultprofile",
    );
    by_hand::link(
        &server,
        &format!("msdyn_appconfigurations({profile})"),
        "msdyn_appconfiguration_sessiontemplate",
        &format!("msdyn_sessiontemplates({case})"),
    );
    let project = desk(
        &server,
        &contract(
            "AppProfile",
            "msdyn_workspace_defaultprofile",
            "locked: {sessionTemplates: []}",
        ),
        "apiVersion: deskstate/v1\nkind: PaneTool\nmetadata: {name: contoso_t}\nspec: {displayName: T, controlName: c}\n",
    );
    let broken = project.run(&CHECK).ended(BROKEN);
    says(&broken.out, &["fabrikam_case"]);
    let plan = project.run(&PLAN);
    says(&plan.err, &["contract-stays-broken", "sessionTemplates"]);
    project.write(
        "contracts/k.yaml",
        &contract(
            "AppProfile",
            "msdyn_workspace_defaultprofile",
            "set: [sessionTemplates]",
        ),
    );
    assert!(!project.run(&PLAN).err.contains("contract"));
}

/// Auditing records who took a member out; it says nothing about others.
#[test]
fn nobody_is_named_for_a_member_that_somebody_else_took_out_or_that_was_never_there() {
    let server = Server::plain();
    let manifests = "apiVersion: deskstate/v1\nkind: AppProfile\nmetadata: {name: contoso_p}\nspec:\n  displayName: P\n  app: CustomerServiceApps\n  users: [ada@contoso.com, lin@contoso.com]\n";
    let rule = "contains: {users: [ada@contoso.com, nora@contoso.com]}";
    let project = Project::desk(&server, "", "", manifests);
    project.apply();
    server.auditing(true);
    by_hand::remove_agent(&server, "contoso_p", "lin@contoso.com");
    project.write("k.yaml", &contract("AppProfile", "contoso_p", rule));
    let check = [&CHECK[..], &["--contract", "k.yaml"]].concat();
    let broken = project.run(&check).ended(BROKEN);
    says(&broken.out, &["nora@contoso.com"]);
    assert!(!broken.out.contains("changed by"), "{}", broken.out);
    by_hand::remove_agent(&server, "contoso_p", "ada@contoso.com");
    let broken = project.run(&check).ended(BROKEN);
    assert_eq!(
        broken.out.matches("changed by").count(),
        1,
        "{}",
        broken.out
    );
}

/// Names of users are those of manifests: sign-in names, e-mail addresses and ids of Entra.
#[test]
fn a_rule_calls_a_user_by_any_of_the_users_names() {
    let server = Server::plain();
    let ada = server.found(
        "systemusers",
        "systemuserid",
        "domainname eq 'ada@contoso.com'",
    );
    server.patch(
        &format!("systemusers({ada})"),
        "{\"internalemailaddress\":\"ada.l@mail.example\"}",
    );
    let manifests = "apiVersion: deskstate/v1\nkind: AppProfile\nmetadata: {name: contoso_p}\nspec:\n  displayName: P\n  app: CustomerServiceApps\n  owner: {user: ada.l@mail.example}\n  users: [ada.l@mail.example]\n";
    for rule in [
        "contains: {users: [ada.l@mail.example]}",
        "locked: {owner: {user: ada.l@mail.example}}",
        "locked: {users: [ada.l@mail.example]}",
    ] {
        let project = desk(
            &server,
            &contract("AppProfile", "contoso_p", rule),
            manifests,
        );
        project.apply();
        project.run(&CHECK).ended(0);
        let plan = project.run(&PLAN).ended(0);
        assert!(!plan.err.contains("contract"), "{}", plan.err);
    }
}
