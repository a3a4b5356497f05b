//! Users have one profile in each app, so moves and removals are judged app by app. Sets that lose their last members in several ways.

use super::support::{Project, Run, Server, says};

const PLAN: [&str; 3] = ["plan", "--env", "server"];
const REFUSED: i32 = 4;

/// Profiles of two apps, with these sets of users.
fn profiles(sets: &[(&str, &str, &str)]) -> String {
    let documents = sets.iter().map(|(name, app, users)| {
        format!(
            "apiVersion: deskstate/v1\nkind: AppProfile\nmetadata: {{name: contoso_{name}}}\nspec:\n  displayName: {name}\n  app: {app}\n{users}"
        )
    });
    documents.collect::<Vec<_>>().join("---\n")
}

const SERVICE: &str = "CustomerServiceApps";
const SALES: &str = "contoso_sales";
const BOTH: &str = "  users: [ada@contoso.com, lin@contoso.com]\n";
const ADA: &str = "  users: [ada@contoso.com]\n";

fn desk(server: &Server, spec: &str, manifests: &str) -> Project {
    let project = Project::desk(server, spec, "", manifests);
    project.apply();
    project
}

fn plans(project: &Project, manifests: &str) -> Run {
    project.write("manifests/all.yaml", manifests);
    project.run(&PLAN)
}

#[test]
fn an_undo_gives_a_profile_back_to_a_user_who_has_one_of_another_app() {
    let server = Server::plain();
    let sales = "  users: [lin@contoso.com, nora@contoso.com]\n";
    let both = profiles(&[("a", SERVICE, BOTH), ("x", SALES, sales)]);
    let project = desk(&server, "", &both);
    let one = profiles(&[("a", SERVICE, ADA), ("x", SALES, sales)]);
    project.write("manifests/all.yaml", &one);
    let apply = project.run(&["apply", "--env", "server", "--yes"]).ended(0);
    let undo = Project::undo_file(&apply);
    let undone = project
        .run(&["undo", "--env", "server", "--yes", &undo])
        .ended(0);
    assert!(!undone.out.contains("moves from"), "{}", undone.out);
    project.write("manifests/all.yaml", &both);
    project
        .run(&["plan", "--env", "server", "--detailed-exitcode"])
        .ended(0);
}

#[test]
fn getting_a_profile_of_another_app_is_no_move() {
    let server = Server::plain();
    let nora = "  users: [nora@contoso.com]\n";
    let project = desk(
        &server,
        "removals: {maxAgents: 0}",
        &profiles(&[("a", SERVICE, BOTH), ("x", SALES, nora)]),
    );
    let both = "  users: [nora@contoso.com, lin@contoso.com]\n";
    let run = plans(
        &project,
        &profiles(&[("a", SERVICE, ADA), ("x", SALES, both)]),
    );
    says(
        &run.ended(REFUSED).err,
        &["[removals]", "takes out 1 of `AppProfile.users`"],
    );
    let run = plans(
        &project,
        &profiles(&[
            ("a", SERVICE, ADA),
            ("x", SALES, nora),
            ("b", SERVICE, "  users: [lin@contoso.com]\n"),
        ]),
    );
    run.ended(0);
}

#[test]
fn where_assignments_alone_are_written_a_user_waits_for_the_profile_of_the_same_app() {
    let server = Server::plain();
    let nora = "  users: [nora@contoso.com]\n";
    let project = desk(
        &server,
        "",
        &profiles(&[("a", SERVICE, BOTH), ("x", SALES, nora)]),
    );
    project.edit(
        "deskstate.yaml",
        "    server:\n",
        "    server:\n      writes: assignments\n",
    );
    let both = "  users: [nora@contoso.com, lin@contoso.com]\n";
    project.write(
        "manifests/all.yaml",
        &profiles(&[
            ("a", SERVICE, ADA),
            ("x", SALES, both),
            ("new", SERVICE, "  users: [lin@contoso.com]\n"),
        ]),
    );
    project.run(&["apply", "--env", "server", "--yes"]).ended(0);
    let who = project
        .run(&["who", "--env", "server", "lin@contoso.com"])
        .ended(0);
    says(&who.out, &["contoso_a", "contoso_x"]);
}

#[test]
fn a_set_is_emptied_in_whichever_way_its_members_go() {
    let server = Server::plain();
    let some = |members: &str, without: &str| {
        format!("  users: {{mode: atLeast, members: [{members}]{without}}}\n")
    };
    let nora = "  users: [nora@contoso.com]\n";
    let project = desk(
        &server,
        "",
        &profiles(&[
            ("a", SERVICE, &some("ada@contoso.com, lin@contoso.com", "")),
            ("b", SERVICE, nora),
        ]),
    );
    let run = plans(
        &project,
        &profiles(&[
            ("a", SERVICE, &some("", ", without: [ada@contoso.com]")),
            (
                "b",
                SERVICE,
                "  users: [nora@contoso.com, lin@contoso.com]\n",
            ),
        ]),
    );
    says(
        &run.ended(REFUSED).err,
        &[
            "[set-emptied]",
            "`users` of AppProfile contoso_a would have no member left",
            "--allow empty=AppProfile.users:1",
        ],
    );
}

#[test]
fn the_channels_of_the_product_do_not_count_as_what_is_left_of_a_set() {
    let server = Server::plain();
    let provider = "apiVersion: deskstate/v1\nkind: ChannelProvider\nmetadata: {name: contoso_voice}\nspec: {displayName: Voice, label: Voice, channelOrder: 1, channelUrl: 'https://voice.example/panel', trustedDomain: 'https://voice.example'}\n---\n";
    let channels = "  allActiveChannels: true\n  channelProviders: [contoso_voice]\n";
    let project = desk(
        &server,
        "",
        &format!("{provider}{}", profiles(&[("a", SERVICE, channels)])),
    );
    let none = channels.replace("[contoso_voice]", "[]");
    let run = plans(
        &project,
        &format!("{provider}{}", profiles(&[("a", SERVICE, &none)])),
    );
    says(
        &run.ended(REFUSED).err,
        &[
            "[set-emptied]",
            "--allow empty=AppProfile.channelProviders:1",
        ],
    );
}

#[test]
fn a_profile_that_is_switched_off_is_a_removal() {
    let server = Server::plain();
    let on = profiles(&[("a", SERVICE, &format!("  status: Active\n{BOTH}"))]);
    let project = desk(&server, "removals: {maxAgents: 1}", &on);
    let run = plans(&project, &on.replace("Active", "Inactive"));
    says(
        &run.ended(REFUSED).err,
        &[
            "[removals]",
            "switches off, or moves to another app, 1 of `AppProfile`: 2 agents are reached",
            "--allow deactivate=AppProfile:1",
        ],
    );
    let allowed = [&PLAN[..], &["--allow", "deactivate=AppProfile:1"]].concat();
    project.run(&allowed).ended(0);
}

#[test]
fn roles_and_apps_of_a_provider_are_sets_that_can_be_emptied() {
    let server = Server::plain();
    let provider = |lists: &str| {
        format!(
            "apiVersion: deskstate/v1\nkind: CifProvider\nmetadata: {{name: Contoso}}\nspec:\n  label: C\n  channelUrl: https://c.example/panel\n  channelOrder: 1\n  trustedDomain: https://c.example\n{lists}"
        )
    };
    let full = "  apps: [CustomerServiceHub]\n  roles: [Basic User, Omnichannel agent]\n";
    let project = desk(&server, "", &provider(full));
    for empty in [
        "  apps: []\n  roles: []\n",
        "  apps: {mode: atLeast, members: [], without: [CustomerServiceHub]}\n  roles: {mode: atLeast, members: [], without: [Basic User, Omnichannel agent]}\n",
    ] {
        let run = plans(&project, &provider(empty));
        says(
            &run.ended(REFUSED).err,
            &[
                "`apps` of CifProvider Contoso would have no member left",
                "--allow empty=CifProvider.roles:1",
            ],
        );
    }
    let none = "  roles: {mode: atLeast, members: [Basic User], without: [System Administrator]}\n";
    let run = plans(&project, &provider(none)).ended(1);
    says(&run.err, &["error[member-twice]", "System Administrator"]);
}

#[test]
fn a_user_who_is_listed_in_two_forms_is_listed_twice() {
    let server = Server::plain();
    let ada = server.found(
        "systemusers",
        "azureactivedirectoryobjectid",
        "domainname eq 'ada@contoso.com'",
    );
    let users = format!("  users: [ada@contoso.com, {ada}]\n");
    let project = Project::desk(&server, "", "", &profiles(&[("a", SERVICE, &users)]));
    let run = project.run(&PLAN).ended(1);
    says(
        &run.err,
        &["error[member-twice]", "names `ada@contoso.com` twice"],
    );
}

#[test]
fn a_user_who_cannot_sign_in_is_no_rest_of_a_set() {
    let server = Server::plain();
    let project = desk(&server, "", &profiles(&[("a", SERVICE, BOTH)]));
    let lin = server.found(
        "systemusers",
        "systemuserid",
        "domainname eq 'lin@contoso.com'",
    );
    server.patch(&format!("systemusers({lin})"), r#"{"isdisabled":true}"#);
    let run = plans(
        &project,
        &profiles(&[("a", SERVICE, "  users: [lin@contoso.com]\n")]),
    );
    says(&run.ended(REFUSED).err, &["[set-emptied]"]);
}

#[test]
fn a_parameter_is_not_added_to_a_tab_that_its_publisher_locked() {
    let server = Server::plain();
    let tab = "apiVersion: deskstate/v1\nkind: ApplicationTab\nmetadata: {name: msdyn_search, state: existing}\nspec: {parameters: {searchType: \"1\"}}\n";
    let project = Project::desk(&server, "", "", tab);
    let run = project.run(&PLAN).ended(REFUSED);
    says(&run.err, &["[not-customizable]"]);
}
