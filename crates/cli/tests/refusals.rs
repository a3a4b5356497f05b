//! What review refuses or warns about, with the narrowest override; and what an environment does not accept.

use std::fmt::Write;

use super::support::{Project, Run, Server, says};
use serde_json::json;

const WARNED: i32 = 0;
const FAILED: i32 = 1;
const REFUSED: i32 = 4;

fn document(kind: &str, name: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: deskstate/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}\n"
    )
}

fn absent(kind: &str, name: &str) -> String {
    format!(
        "---\napiVersion: deskstate/v1\nkind: {kind}\nmetadata: {{name: {name}, state: absent}}\n"
    )
}

fn existing(kind: &str, name: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: deskstate/v1\nkind: {kind}\nmetadata: {{name: {name}, state: existing}}\nspec: {spec}\n"
    )
}

fn field(number: usize) -> String {
    document(
        "NotificationField",
        &format!("contoso_field{number}"),
        &format!("{{displayName: Field {number}, header: Line {number}, order: 10}}"),
    )
}

fn profile(spec: &str) -> String {
    document(
        "AppProfile",
        "contoso_agents",
        &format!("{{displayName: Agents, app: CustomerServiceApps, {spec}}}"),
    )
}

/// Plans and applies. Both must end in the same way.
#[track_caller]
fn apply(project: &Project, more: &[&str], code: i32) -> Run {
    let plan = [&["plan", "--env", "server"], more].concat();
    project.run(&plan).ended(code);
    let apply = [&["apply", "--env", "server", "--yes"], more].concat();
    project.run(&apply).ended(code)
}

/// The override that a refusal prints.
#[track_caller]
fn allow(run: &Run) -> String {
    let after = run.err.split("allow it for this run: `--allow ").nth(1);
    after
        .unwrap_or_else(|| panic!("{}", run.err))
        .split('`')
        .next()
        .unwrap()
        .to_owned()
}

#[test]
fn deleting_a_large_share_needs_the_printed_override_which_is_as_narrow_as_can_be() {
    let server = Server::plain();
    let all: String = (0..20).map(field).collect();
    let project = Project::desk(
        &server,
        "owns: {prefixes: [contoso]}\nprune: owned",
        "",
        &all,
    );
    project.apply();
    let fewer: String = (0..14).map(field).collect();
    project.write("manifests/all.yaml", &fewer);
    let before = server.dump();
    let refused = apply(&project, &[], REFUSED);
    says(
        &refused.err,
        &[
            "error[removals]: the plan deletes 6 of `NotificationField`: 6 of 20 (30 %; `removals.maxShare` is 20 %)",
            "--allow delete=NotificationField:6",
        ],
    );
    assert_eq!(server.dump()["rows"], before["rows"]);
    let allowed = allow(&refused);
    apply(
        &project,
        &["--allow", "delete=NotificationField:5"],
        REFUSED,
    );
    apply(&project, &["--allow", "delete=SessionTemplate:6"], REFUSED);
    let wrong = project
        .run(&["plan", "--env", "server", "--allow", "everything"])
        .ended(FAILED);
    says(&wrong.err, &["copy the one that the plan prints"]);
    let done = apply(&project, &["--allow", &allowed], WARNED);
    says(
        &done.err,
        &[
            "warning[removals]",
            "allowed for this run by `--allow delete=NotificationField:6`",
        ],
    );
}

#[test]
fn pruning_the_last_row_of_a_kind_needs_the_printed_override() {
    let server = Server::plain();
    let tool = document(
        "PaneTool",
        "contoso_tool",
        "{displayName: T, controlName: t}",
    );
    let project = Project::desk(
        &server,
        "owns: {prefixes: [contoso]}\nprune: owned",
        "",
        &format!("{}{tool}", field(0)),
    );
    project.apply();
    project.write("manifests/all.yaml", &tool);
    let refused = apply(&project, &[], REFUSED);
    says(&refused.err, &["error[prune-to-empty]"]);
    let override_of = allow(&refused);
    assert!(override_of.starts_with("prune="), "{override_of}");
    apply(&project, &["--allow", "prune=PaneTool:1"], REFUSED);
    apply(&project, &["--allow", &override_of], WARNED);
    project
        .run(&["plan", "--env", "server", "--detailed-exitcode"])
        .ended(0);
}

#[test]
fn taking_agents_out_counts_them_and_an_emptied_set_is_an_override_of_its_own() {
    let server = Server::start(&["--seed-agents", "15"]);
    let mut members = String::new();
    for number in 1..=15 {
        write!(members, "agent{number:05}@contoso.com, ").unwrap();
    }
    let of = |users: &str| profile(&format!("users: {{mode: exact, members: [{users}]}}"));
    let project = Project::desk(&server, "", "", &of(&members));
    project.apply();
    let (kept, _) = members.split_at("agent00001@contoso.com, ".len() * 3);
    project.write("manifests/all.yaml", &of(kept));
    let refused = apply(&project, &[], REFUSED);
    says(
        &refused.err,
        &[
            "the plan takes out 12 of `AppProfile.users`: 12 of 15 (80 %; `removals.maxShare` is 20 %), 12 agents are reached (`removals.maxAgents` is 10)",
            "--allow unlink=AppProfile.users:12",
        ],
    );
    project.write("manifests/all.yaml", &profile("users: []"));
    let refused = apply(
        &project,
        &["--allow", "unlink=AppProfile.users:15"],
        REFUSED,
    );
    says(
        &refused.err,
        &["error[set-emptied]: `users` of AppProfile contoso_agents would have no member left"],
    );
    assert_eq!(allow(&refused), "empty=AppProfile.users:1");
    apply(
        &project,
        &[
            "--allow",
            "unlink=AppProfile.users:15",
            "--allow",
            "empty=AppProfile.users:1",
        ],
        WARNED,
    );
}

#[test]
fn what_protect_names_is_never_deleted_by_anything() {
    let server = Server::plain();
    let project = Project::desk(
        &server,
        "owns: {prefixes: [contoso]}\nprune: owned",
        "",
        &(field(1) + &field(2)),
    );
    let made = project.apply();
    project.edit(
        "deskstate.yaml",
        "  prune: owned\n",
        "  prune: owned\n  protect: [NotificationField/contoso_*]\n",
    );
    // By a document: reported before an environment is contacted.
    project.write(
        "manifests/all.yaml",
        &(absent("NotificationField", "contoso_field1") + &field(2)),
    );
    apply(&project, &[], 3);
    // By pruning: skipped.
    project.write("manifests/all.yaml", &field(2));
    project
        .run(&["plan", "--env", "server", "--detailed-exitcode"])
        .ended(0);
    // By undoing the apply that created it: no override helps.
    let refused = project
        .run(&[
            "undo",
            "--env",
            "server",
            "--yes",
            "--allow",
            "delete=NotificationField:99",
            &Project::undo_file(&made),
        ])
        .ended(REFUSED);
    says(
        &refused.err,
        &[
            "error[protected]: NotificationField contoso_field1 is protected by `NotificationField/contoso_*` and is never deleted",
        ],
    );
}

#[test]
fn an_undo_file_cannot_call_a_row_by_the_name_of_another() {
    let server = Server::plain();
    let project = Project::desk(&server, "", "", &(field(1) + &field(2)));
    let made = Project::undo_file(&project.apply());
    let before = server.stats()["writes"].clone();
    let undo = |text: &str, code: i32, why: &str| {
        project.write("forged.json", text);
        let refused = project
            .run(&["undo", "--env", "server", "--yes", "forged.json"])
            .ended(code);
        says(&refused.err, &[why]);
        assert_eq!(server.stats()["writes"], before);
    };
    let text = project.read(&made);
    // A row that `protect` would keep, under a name that it does not match.
    let renamed = text.replace(
        "\"name\": \"contoso_field1\"",
        "\"name\": \"contoso_other\"",
    );
    let not_its_own = "but is not part of it";
    undo(&renamed, REFUSED, not_its_own);
    // A row of another resource, which is listed for both, and then only for the wrong one.
    let mut file: serde_json::Value = serde_json::from_str(&text).unwrap();
    let other = file["changes"][1]["created"][0].clone();
    file["changes"][0]["created"]
        .as_array_mut()
        .unwrap()
        .push(other);
    undo(&file.to_string(), FAILED, "more than once");
    file["changes"][1]["created"] = serde_json::json!([]);
    undo(&file.to_string(), REFUSED, not_its_own);
    // A line of a template that would be deleted with the template, but is protected.
    project.edit(
        "deskstate.yaml",
        "spec:\n",
        "spec:\n  protect: [NotificationField/contoso_*]\n",
    );
    file["changes"][0]["kind"] = "NotificationTemplate".into();
    file["changes"][0]["id"] = "00000000-0000-4000-8000-000000000001".into();
    project.write("forged.json", &file.to_string());
    let refused = project
        .run(&["undo", "--env", "server", "--yes", "forged.json"])
        .ended(REFUSED);
    says(&refused.err, &["error[protected]"]);
    assert_eq!(server.stats()["writes"], before);
}

#[test]
fn managed_rows_change_only_when_told_and_the_layer_is_named_with_the_way_to_drop_it() {
    let server = Server::plain();
    let of = |spec: &str| existing("ApplicationTab", "fabrikam_warrantyTab", spec);
    let project = Project::desk(&server, "", "", &of("{title: Guarantee}"));
    let refused = apply(&project, &[], REFUSED);
    says(
        &refused.err,
        &[
            "error[managed-row]",
            "came with a managed solution and would be changed",
            "Active layer",
            "Remove active customizations",
        ],
    );
    apply(&project, &["--allow-managed"], WARNED);
    project
        .run(&["plan", "--env", "server", "--detailed-exitcode"])
        .ended(0);
    // Microsoft's own profiles cannot be changed, even with a flag.
    project.write(
        "manifests/all.yaml",
        &existing(
            "AppProfile",
            "msdyn_workspace_defaultprofile",
            "{description: ours}",
        ),
    );
    let refused = apply(&project, &["--allow-managed"], REFUSED);
    says(&refused.err, &["error[not-customizable]"]);
}

#[test]
fn an_environment_that_blocks_customisations_is_refused_before_anything_is_sent() {
    let server = Server::plain();
    server.patch_organization(
        r#"{"orgdborgsettings":"<OrgSettings><IsLockdownOfUnmanagedCustomizationEnabled>true</IsLockdownOfUnmanagedCustomizationEnabled></OrgSettings>"}"#,
    );
    let profile_of =
        |users: &str| profile(&format!("users: {{mode: atLeast, members: [{users}]}}"));
    let project = Project::desk(&server, "", "", &profile_of("ada@contoso.com"));
    let before = server.dump();
    let refused = apply(&project, &[], REFUSED);
    says(
        &refused.err,
        &[
            "error[customizations-blocked]",
            "IsLockdownOfUnmanagedCustomizationEnabled",
            "writes: assignments",
        ],
    );
    assert_eq!(server.dump()["rows"], before["rows"]);
}

#[test]
fn with_assignments_alone_users_are_written_and_the_rest_ships_by_solution() {
    let server = Server::plain();
    let of = |description: &str, users: &str| {
        profile(&format!(
            "description: {description}, users: {{mode: atLeast, members: [{users}]}}"
        ))
    };
    Project::desk(&server, "", "", &of("one", "ada@contoso.com")).apply();
    let project = Project::desk(
        &server,
        "",
        "writes: assignments",
        &of("two", "ada@contoso.com, lin@contoso.com"),
    );
    let done = apply(&project, &[], WARNED);
    says(
        &done.err,
        &[
            "warning[ships-by-solution]",
            "accepts only users of profiles (`writes: assignments`); not written: AppProfile contoso_agents",
        ],
    );
    let left = project
        .run(&["plan", "--env", "server", "--detailed-exitcode"])
        .ended(2);
    says(&left.out, &["one → two"]);
    assert!(!left.out.contains("lin@contoso.com"), "{}", left.out);
    project.run(&["drift", "--env", "server"]).ended(2);
    let nothing = Project::desk(&server, "", "writes: none", &of("two", "nora@contoso.com"));
    let before = server.dump();
    let done = apply(&nothing, &[], WARNED);
    says(&done.err, &["accepts no changes (`writes: none`)"]);
    assert_eq!(server.dump()["rows"], before["rows"]);
}

#[test]
fn nobody_loses_a_profile_whose_successor_still_has_to_ship() {
    let server = Server::plain();
    let profile = |name: &str, users: &str| {
        format!(
            "---\napiVersion: deskstate/v1\nkind: AppProfile\nmetadata: {{name: contoso_{name}}}\nspec: {{displayName: {name}, app: CustomerServiceApps, users: [{users}]}}\n"
        )
    };
    let before = profile("a", "ada@contoso.com, lin@contoso.com");
    Project::desk(&server, "", "", &before).apply();
    let after =
        profile("a", "ada@contoso.com, nora@contoso.com") + &profile("b", "lin@contoso.com");
    let project = Project::desk(&server, "", "writes: assignments", &after);
    let done = project.run(&["apply", "--env", "server", "--yes"]).ended(0);
    says(
        &done.err,
        &[
            "not written: ",
            "AppProfile contoso_a",
            "AppProfile contoso_b",
        ],
    );
    let who = project
        .run(&["who", "--env", "server", "lin@contoso.com"])
        .ended(0);
    says(&who.out, &["contoso_a"]);
    let undo = Project::undo_file(&done);
    project.edit("deskstate.yaml", "writes: assignments", "writes: none");
    let refused = project
        .run(&["undo", "--env", "server", "--yes", &undo])
        .ended(4);
    says(
        &refused.err,
        &["does not allow all of this, so nothing was changed"],
    );
    project.edit("deskstate.yaml", "writes: none", "writes: assignments");
    project
        .run(&["undo", "--env", "server", "--yes", &undo])
        .ended(0);
}

#[test]
fn another_organization_behind_the_address_is_refused() {
    let server = Server::plain();
    let project = Project::desk(
        &server,
        "",
        "organizationId: 0c0f0000-0000-4000-8000-00000000ffff",
        &field(1),
    );
    let refused = apply(&project, &[], REFUSED);
    says(
        &refused.err,
        &[
            "0c0f0000-0000-4000-8000-000000000001",
            "correct `url` or `organizationId`",
        ],
    );
    project.edit("deskstate.yaml", "00000000ffff", "000000000001");
    project.apply();
}

#[test]
fn a_caller_of_another_language_neither_compares_nor_writes_texts() {
    let server = Server::plain();
    let project = Project::desk(&server, "", "", &field(1));
    project.apply();
    let caller = server.get("/api/data/v9.2/WhoAmI")["UserId"]
        .as_str()
        .unwrap()
        .to_owned();
    server.patch(
        &format!("usersettingscollection({caller})"),
        r#"{"uilanguageid":1031}"#,
    );
    project.edit("manifests/all.yaml", "Line 1", "Zeile 1");
    let partly = apply(&project, &[], FAILED);
    says(
        &partly.err,
        &[
            "warning[foreign-language]",
            "the caller's language is 1031 and the organization's is 1033",
        ],
    );
    let id = server.id(
        "msdyn_notificationfields",
        "msdyn_notificationfieldid",
        "contoso_field1",
    );
    let row = server.get(&format!(
        "/api/data/v9.2/msdyn_notificationfields({id})?$select=msdyn_title"
    ));
    assert_eq!(row["msdyn_title"], "Line 1");
}

#[test]
fn a_unique_name_whose_prefix_no_publisher_has_is_warned_about() {
    let server = Server::plain();
    let project = Project::desk(&server, "", "", &field(1).replace("contoso_", "nobody_"));
    let planned = project.run(&["plan", "--env", "server"]).ended(0);
    says(
        &planned.err,
        &[
            "warning[unknown-prefix]: no publisher of the environment has the prefix `nobody` of 1 new unique name",
        ],
    );
}

#[test]
fn a_template_that_a_workstream_names_as_text_is_not_deleted_unasked() {
    let server = Server::plain();
    let voxline = document(
        "SessionTemplate",
        "voxline_callSession",
        "{displayName: Calls, type: Entity, entity: incident}",
    );
    let project = Project::desk(&server, "", "", &voxline);
    project.apply();
    project.write(
        "manifests/all.yaml",
        &absent("SessionTemplate", "voxline_callSession"),
    );
    let refused = apply(&project, &[], REFUSED);
    says(
        &refused.err,
        &[
            "error[workstream-names]",
            "`Contoso calls` (msdyn_sessiontemplate_default)",
        ],
    );
    assert_eq!(
        allow(&refused),
        "reference=SessionTemplate/voxline_callSession:1"
    );
    apply(&project, &["--allow", &allow(&refused)], WARNED);
}

#[test]
fn a_user_of_a_profile_that_is_not_declared_does_not_move_unasked() {
    let server = Server::plain();
    // Kim has the profile `alex_inbox`, which no manifest declares.
    let of = |moves: &str| {
        profile(&format!(
            "users: {{mode: atLeast, members: [kim@contoso.com]{moves}}}"
        ))
    };
    let project = Project::desk(&server, "", "", &of(""));
    let refused = project
        .run(&["apply", "--env", "server", "--yes"])
        .ended(FAILED);
    says(
        &refused.err,
        &["user-has-profile", "alex_inbox", "moves: allow"],
    );
    project.write("manifests/all.yaml", &of(", moves: allow"));
    let done = apply(&project, &[], WARNED);
    says(
        &done.err,
        &["warning[user-moves]: `kim@contoso.com` leaves `alex_inbox` (one profile per user)"],
    );
}

#[test]
fn the_first_party_channel_and_the_loader_are_not_taken_away_unasked() {
    let server = Server::plain();
    let provider = document(
        "ChannelProvider",
        "contoso_phone",
        "{displayName: Phone, label: Phone, channelUrl: \"https://a.example/\", channelOrder: 1}",
    );
    let of = |spec: &str| format!("{provider}{}", profile(spec));
    let project = Project::desk(
        &server,
        "",
        "",
        &of("allActiveChannels: true, channelProviders: {mode: atLeast, members: [contoso_phone]}"),
    );
    project.apply();
    project.write(
        "manifests/all.yaml",
        &of(
            "allActiveChannels: false, channelProviders: {mode: atLeast, members: [contoso_phone]}",
        ),
    );
    let refused = apply(&project, &[], REFUSED);
    says(
        &refused.err,
        &["error[first-party-channel]: `contoso_agents` loses the first-party channel"],
    );
    apply(&project, &["--allow", &allow(&refused)], WARNED);
    let loader = existing("AppProfile", "contoso_agents", "{extensions: []}");
    project.write("manifests/all.yaml", &loader);
    let refused = apply(
        &project,
        &["--allow", "empty=AppProfile.extensions:1"],
        REFUSED,
    );
    says(&refused.err, &["error[loader-removed]"]);
    let loader = allow(&refused);
    assert!(loader.starts_with("loader="), "{loader}");
    let both = [
        "--allow",
        "empty=AppProfile.extensions:1",
        "--allow",
        &loader,
    ];
    apply(&project, &both, WARNED);
    project
        .run(&["plan", "--env", "server", "--detailed-exitcode"])
        .ended(0);
}

#[test]
fn another_address_of_a_widget_is_a_warning_and_a_policy_makes_it_a_refusal() {
    let server = Server::plain();
    let of = |url: &str| {
        document(
            "ChannelProvider",
            "contoso_phone",
            &format!(
                "{{displayName: Phone, label: Phone, channelUrl: \"{url}\", channelOrder: 1}}"
            ),
        )
    };
    let project = Project::desk(
        &server,
        "policy: {address-changed: deny}",
        "",
        &of("https://a.example/"),
    );
    project.apply();
    project.write("manifests/all.yaml", &of("https://b.example/"));
    let refused = apply(&project, &[], REFUSED);
    says(
        &refused.err,
        &[
            "error[address-changed]: `channelUrl` of ChannelProvider contoso_phone becomes `https://b.example/` (was `https://a.example/`)",
        ],
    );
    let this = allow(&refused);
    assert_eq!(this, "address=ChannelProvider/contoso_phone:1");
    apply(&project, &["--allow", &this], WARNED);
    // The same brings a declared address back that somebody changed by hand.
    let provider = server.id(
        "msdyn_channelproviders",
        "msdyn_channelproviderid",
        "contoso_phone",
    );
    let change = json!({"msdyn_channelurl": "https://evil.example/"});
    server.patch(
        &format!("msdyn_channelproviders({provider})"),
        &change.to_string(),
    );
    let back = apply(&project, &[], REFUSED);
    apply(&project, &["--allow", &allow(&back)], WARNED);

    project.write("manifests/all.yaml", &of("https://c.example/"));
    project.edit("deskstate.yaml", "deny", "allow");
    let planned = project.run(&["plan", "--env", "server"]).ended(0);
    assert!(!planned.err.contains("address-changed"), "{}", planned.err);
    project.edit(
        "deskstate.yaml",
        "policy: {address-changed: allow}",
        "policy: {}",
    );
    says(
        &apply(&project, &[], WARNED).err,
        &["warning[address-changed]"],
    );
}

#[test]
fn a_plan_that_breaks_a_contract_is_refused_and_what_stays_broken_is_said() {
    let server = Server::plain();
    let own = |description: &str| {
        document(
            "SessionTemplate",
            "contoso_calls",
            &format!(
                "{{displayName: Calls, type: Entity, entity: incident, description: {description}}}"
            ),
        )
    };
    let project = Project::desk(&server, "contracts: [contract.yaml]", "", &own("one"));
    project.write(
        "contract.yaml",
        "apiVersion: deskstate/v1\nkind: Contract\nmetadata: {name: guide}\nspec:\n  displayName: Guide\n  rules:\n    - id: any-field\n      resource: {kind: NotificationField, where: {header: Guide*}}\n      match: some\n      locked: {order: 7}\n      breaks: no toast comes up\n",
    );
    // No manifest declares this field, so the rule is checked in the live environment.
    let invalid = project.run(&["validate"]);
    says(&invalid.err, &["contract-missing"]);
    project.edit("contract.yaml", "match: some", "match: each");
    let other = Project::desk(
        &server,
        "",
        "",
        &document(
            "NotificationField",
            "contoso_guide",
            "{displayName: G, header: Guide line, order: 7}",
        ),
    );
    other.apply();
    let kept = apply(&project, &[], WARNED);
    assert!(!kept.err.contains("contract-"), "{}", kept.err);
    let id = server.id(
        "msdyn_notificationfields",
        "msdyn_notificationfieldid",
        "contoso_guide",
    );
    server.patch(
        &format!("msdyn_notificationfields({id})"),
        r#"{"msdyn_order":9}"#,
    );
    project.write("manifests/all.yaml", &own("two"));
    let stays = project.run(&["plan", "--env", "server"]).ended(0);
    says(
        &stays.err,
        &[
            "warning[contract-stays-broken]: contract `guide/any-field` is already broken and stays broken: NotificationField contoso_guide: `order` is not `7`; breaks: no toast comes up",
        ],
    );
    // Correcting the value is not a finding; breaking a rule that is kept is one.
    let right = existing("NotificationField", "contoso_guide", "{order: 7}");
    project.write("manifests/all.yaml", &right);
    let mended = apply(&project, &[], WARNED);
    assert!(!mended.err.contains("contract-"), "{}", mended.err);
    // Undoing the correction would break it again.
    let undo = [
        "undo",
        "--env",
        "server",
        "--yes",
        &Project::undo_file(&mended),
    ];
    let refused = project.run(&undo).ended(REFUSED);
    says(
        &refused.err,
        &[
            "error[contract-broken]: the plan breaks contract `guide/any-field`: NotificationField contoso_guide: `order` is not `7`",
        ],
    );
    assert_eq!(allow(&refused), "contract=guide/any-field:1");
    project
        .run(&[&undo[..], &["--allow", &allow(&refused)]].concat())
        .ended(WARNED);
}

#[test]
fn links_are_said_not_to_travel_with_the_solution_that_takes_the_rows() {
    let server = Server::plain();
    let tab = document(
        "ApplicationTab",
        "contoso_tab",
        "{displayName: Tab, pageType: EntityList, parameters: {entityName: incident}}",
    );
    let session = document(
        "SessionTemplate",
        "contoso_calls",
        "{displayName: Calls, type: Entity, entity: incident, additionalTabs: [contoso_tab]}",
    );
    let project = Project::desk(
        &server,
        "solution: ContosoDesk",
        "",
        &format!("{tab}{session}"),
    );
    let said = "note: deskstate adds no links to the solution `ContosoDesk`: 1 link of this plan will not travel with it";
    let plan = ["plan", "--env", "server"];
    let planned = project.run(&plan).ended(0);
    assert_eq!(planned.err.matches(said).count(), 1, "{}", planned.err);
    project.write("manifests/all.yaml", &tab);
    let planned = project.run(&plan).ended(0);
    assert!(!planned.err.contains("travel"), "{}", planned.err);
}
