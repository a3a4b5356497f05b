//! The readable output of a plan: names instead of IDs, values instead of JSON, and no more than requested.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use super::support::{Project, Run, Server, applied};

const USERS: [&str; 4] = [
    "agent00003@contoso.com",
    "lin@contoso.com",
    "agent00001@contoso.com",
    "ada@contoso.com",
];

fn profile(users: &[&str]) -> String {
    format!(
        "apiVersion: deskstate/v1\nkind: AppProfile\nmetadata: {{name: contoso_agents}}\nspec: {{displayName: Agents, app: CustomerServiceApps, users: [{}]}}\n",
        users.join(", ")
    )
}

/// Members that a page lists with a sign.
fn members(run: &Run, sign: &str) -> Vec<String> {
    let lines = run.out.lines();
    let members = lines.filter_map(|line| line.split_once(&format!("{sign} ")));
    let members = members.filter(|(_, member)| member.contains("@contoso.com"));
    members
        .map(|(_, member)| member.trim().to_owned())
        .collect()
}

#[test]
fn removed_members_are_in_the_order_of_their_names_and_an_undo_shows_them_by_name() {
    let server = Server::start(&["--seed-agents", "4"]);
    let project = Project::desk(
        &server,
        "policy: {set-emptied: allow, removals: allow}\n",
        "",
        &profile(&USERS),
    );
    project.apply();
    let mut sorted = USERS.to_vec();
    sorted.sort_unstable();
    project.write("manifests/all.yaml", &profile(&[]));
    let plan = project.run(&["plan", "--env", "server"]).ended(0);
    assert_eq!(members(&plan, "−"), sorted, "{}", plan.out);
    let emptied = project.apply();
    // Users who are no longer linked are still shown by name.
    let undo = ["undo", "--env", "server", &Project::undo_file(&emptied)];
    let undone = project.run(&[&undo[..], &["--yes"]].concat()).ended(0);
    let mut shown = members(&undone, "+");
    shown.sort_unstable();
    assert_eq!(shown, sorted, "{}", undone.out);
    assert!(
        undone.out.contains("undo file: 1 resource"),
        "{}",
        undone.out
    );
    // The second run has nothing to do, and compares no manifests.
    let again = project.run(&[&undo[..], &["--yes"]].concat()).ended(0);
    assert!(
        again.out.contains("server is as it was before that apply"),
        "{}",
        again.out
    );
    assert!(!again.out.contains("manifests"), "{}", again.out);
}

#[test]
fn what_one_side_alone_has_is_shown_by_its_values_and_not_as_json() {
    let (project, _server) = applied();
    std::fs::create_dir(project.path().join("empty")).unwrap();
    let prefixes = ["--prefix", "tenfold", "--prefix", "CTI"];
    let diff = ["diff", "--from", "empty", "--to", "server"];
    let run = project.run(&[&diff[..], &prefixes].concat()).ended(2);
    for shown in ["+ CTI_createSession", "parameters.entityName", "contact"] {
        assert!(run.out.contains(shown), "{shown}\n{}", run.out);
    }
    for json in ["[]", "[\"", "{\"", "(none)"] {
        assert!(!run.out.contains(json), "{json}\n{}", run.out);
    }
}

#[test]
fn quiet_leaves_the_numbers_of_a_plan_and_what_is_wrong() {
    let (project, _server) = applied();
    project.edit(
        "manifests/templates.yaml",
        "displayName: Tenfold",
        "displayName: Calls",
    );
    let one = "server: 0 to create, 1 to update, 0 to delete\n";
    let quiet = |command: &[&str]| project.run(&[command, &["--env", "server", "-q"]].concat());
    let plan = quiet(&["plan"]).ended(0);
    assert_eq!((plan.out.as_str(), plan.err.as_str()), (one, ""));
    let apply = quiet(&["apply", "--yes"]).ended(0);
    assert!(apply.out.starts_with(one), "{}", apply.out);
    assert!(!apply.out.contains("displayName"), "{}", apply.out);
    let undo = quiet(&["undo", "--yes", &Project::undo_file(&apply)]).ended(0);
    assert!(undo.out.starts_with(one), "{}", undo.out);
    // A plan that was not shown cannot be confirmed.
    let asked = quiet(&["apply"]);
    assert!(asked.out.contains("displayName"), "{}", asked.out);
    // A page of Markdown or JSON is the requested output.
    let page = quiet(&["plan", "--format", "markdown"]).ended(0);
    assert!(page.out.contains("displayName"), "{}", page.out);
}

#[test]
fn a_folded_card_says_in_one_line_what_is_in_it_and_drift_has_declared_and_live_on_the_same_sides()
{
    let (project, server) = applied();
    server.patch_session(r#"{"msdyn_name":"Changed by hand"}"#);
    let page = project
        .run(&["drift", "--env", "server", "--format", "html"])
        .ended(2);
    let gist = "<span class=\"gist\">displayName: Tenfold → Changed by hand; ";
    assert!(page.out.contains(gist), "{}", page.out);
    let declared = page.out.find("<span>Declared</span>").unwrap();
    let live = page.out.find("<span>Live</span>").unwrap();
    assert!(declared < live);
    let drawn = |side: &str| {
        let start = page
            .out
            .find(&format!("aria-label=\"{side}: Tenfold\""))
            .unwrap();
        page.out[start..].find("Changed by hand")
    };
    assert!(drawn("Declared") > drawn("Live"), "live is drawn as live");
    let plan = project
        .run(&["plan", "--env", "server", "--format", "html"])
        .ended(0);
    let gist = "<span class=\"gist\">displayName: Changed by hand → Tenfold</span>";
    assert!(plan.out.contains(gist), "{}", plan.out);
}

#[test]
fn a_difference_that_adopt_refuses_is_named_and_ends_with_1() {
    let (project, server) = applied();
    let id = server.id(
        "msdyn_channelproviders",
        "msdyn_channelproviderid",
        "tenfold_channelProvider",
    );
    // The manifest writes this value with a variable.
    server.patch(
        &format!("msdyn_channelproviders({id})"),
        r#"{"msdyn_channelurl":"https://other.example/"}"#,
    );
    for more in [&[][..], &["--check"]] {
        let adopted = project.run(&[&["adopt", "--env", "server"], more].concat());
        let adopted = adopted.ended(1);
        let named = "not adopted: ChannelProvider tenfold_channelProvider channelUrl";
        assert!(adopted.err.contains(named), "{}", adopted.err);
    }
}
